"""What the reader has done so far, read from the outputs in their own notebooks."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.display import HTML, display

if TYPE_CHECKING:
    import nbformat

DONE, WRONG, OPEN = "done", "not right yet", "open"
_COLOUR = {DONE: "#009E73", WRONG: "#E69F00", OPEN: "#bbbbbb"}


@dataclass(frozen=True)
class ExerciseProgress:
    """One exercise: its name, its points and whether its check has passed in the saved notebook."""

    name: str
    points: float
    state: str


@dataclass(frozen=True)
class LessonProgress:
    """One lesson's exercises, or the reason why its notebook could not be read."""

    name: str
    exercises: tuple[ExerciseProgress, ...]
    problem: str = ""


def read_progress(folder: Path | str) -> list[LessonProgress]:
    """Read all `NN-topic/NN-topic.ipynb` below `folder`, in order, as they were last saved.

    An exercise is done when its check cell has run without an error, and open while its function is still to be written.
    A notebook that cannot be read is listed with the
    reason. Raises FileNotFoundError if there is no lesson.
    """
    paths = sorted(path for path in Path(folder).glob("[0-9][0-9]-*/*.ipynb") if path.stem == path.parent.name)
    if not paths:
        raise FileNotFoundError(f"no lesson was found in {Path(folder).resolve()}: looked for NN-topic/NN-topic.ipynb")
    return [_read(path) for path in paths]


def show_progress(folder: Path | str = "..") -> None:
    """Show what is done in the lessons beside this one. Save the notebook first: only what is on disk is seen."""
    rows = "".join(_row(lesson) for lesson in read_progress(folder))
    display(HTML(f'<table aria-label="Exercises done, by lesson">{rows}</table>'))


def _read(path: Path) -> LessonProgress:
    import nbformat  # it takes seconds, which nobody should wait for at the start of a lesson

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without an id: nothing that the reader could mend
            return LessonProgress(path.stem, tuple(_exercises(nbformat.read(path, as_version=4).cells)))
    except (OSError, ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:80]
        return LessonProgress(path.stem, (), f"cannot be read: {reason}")


def _exercises(cells: "list[nbformat.NotebookNode]") -> Iterator[ExerciseProgress]:
    checks = {cell.metadata.get("nbgrader", {}).get("grade_id", ""): cell for cell in cells}
    for cell in cells:
        if "exercise" in cell.metadata:
            data = cell.metadata["exercise"]
            yield ExerciseProgress(data["name"], data["points"], _state(checks.get(f"check-{data['name']}")))


def _state(check: "nbformat.NotebookNode | None") -> str:
    if check is None or check.get("execution_count") is None:
        return OPEN
    errors = [output.ename for output in check.outputs if output.output_type == "error"]
    if not errors:
        return DONE
    return OPEN if errors == ["NotImplementedError"] else WRONG


def _row(lesson: LessonProgress) -> str:
    boxes = "".join(
        f'<span title="{escape(exercise.name)}: {exercise.state}" style="display:inline-block;width:1.1em;height:1.1em;'
        f'margin-right:3px;border-radius:3px;background:{_COLOUR[exercise.state]}"></span>'
        for exercise in lesson.exercises
    )
    done = sum(exercise.state == DONE for exercise in lesson.exercises)
    words = lesson.problem or f"{done} of {len(lesson.exercises)} exercises done"
    style = "text-align:left;padding:2px 12px"
    return f'<tr><th style="{style}">{escape(lesson.name)}</th><td style="{style}">{boxes}</td><td style="{style}">{escape(words)}</td></tr>'
