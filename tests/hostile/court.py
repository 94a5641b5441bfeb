"""Judge a submission that is made of a few pieces of code, and count its points as nbgrader does.

A case writes the cells of some exercises (all others hold the model solution), and may add cells of its own in front
of them and behind. What it deserves is stated by exercise, where that is not full marks.
"""

import textwrap
from dataclasses import dataclass, field
from functools import cache

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import determine_grade, is_grade

from course_lib.grading.engine import Engine, Task, make_task
from course_lib.grading.judge import Verdict
from course_lib.grading.limits import Limits
from course_lib.grading.submission import apply
from tests.graders.demo_class import exercise_points
from tests.graders.runner import load_lesson

START = "00-start-here"
#: Short, so that what hangs does not hold up the tests; what is right takes a hundredth of it.
SHORT = Limits(cell_seconds=2.5, notebook_seconds=60, processor_seconds=40)


@dataclass(frozen=True)
class Case:
    """One submission.

    Parameters
    ----------
    cells: exercise -> code of its cell; {solution} stands for the model solution.
    first, last: code of a cell of the student's own in front of all exercises, and behind them.
    loses: exercise -> the points that it earns, where those are not all.
    only: the exercises whose graded cells are run, where not all are: some lessons take long.
    limit: words of the sentence about a limit; suspect: words of the evidence of interference.
    """

    name: str
    cells: dict[str, str] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    loses: dict[str, float] = field(default_factory=dict)
    lesson: str = START
    limits: Limits = SHORT
    limit: str | None = None
    suspect: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    only: tuple[str, ...] = ()


@cache
def engine(lesson: str) -> Engine:
    """One for all cases of a lesson: its servers take some seconds to start."""
    return Engine(load_lesson(lesson)[0])


def notebook_of(case: Case) -> NotebookNode:
    """The case as a notebook that has been repaired: the lesson's own cells, and the student's code."""
    notebook = nbformat.from_dict(load_lesson(case.lesson)[0])
    for cell in notebook.cells:
        code = case.cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if code is not None:
            cell.source = textwrap.dedent(code).replace("{solution}", cell.source)
    setup = next(place for place, cell in enumerate(notebook.cells) if "setup" in cell.metadata.get("tags", []))
    notebook.cells.insert(setup + 1, nbformat.v4.new_code_cell(textwrap.dedent(case.first)))
    notebook.cells.append(nbformat.v4.new_code_cell(textwrap.dedent(case.last)))
    return notebook


def judge(case: Case) -> tuple[Verdict, NotebookNode]:
    """The verdict on a case, and its notebook with the outputs that were reached."""
    notebook = notebook_of(case)
    task: Task = make_task(notebook, load_lesson(case.lesson)[0], case.files, case.limits)
    if case.only:
        task.cells[:] = [cell for cell in task.cells if cell["role"] != "graded" or cell["grade_id"].endswith(tuple(f"-{name}" for name in case.only))]
    verdict = engine(case.lesson).judge(task)
    apply(verdict, task, notebook)
    return verdict, notebook


def points(case: Case, notebook: NotebookNode) -> dict[str, float]:
    """Exercise -> points, as nbgrader counts them in a notebook with outputs."""
    earned: dict[str, float] = {}
    for cell in notebook.cells:
        if is_grade(cell) and cell.cell_type == "code":
            name = cell.metadata.nbgrader.grade_id.removeprefix("check-").removeprefix("hidden-")
            earned[name] = earned.get(name, 0) + determine_grade(cell)[0]
    return {name: earned[name] for name in case.only or earned}


def deserved(case: Case) -> dict[str, float]:
    """Exercise -> the points that a case should get."""
    possible = exercise_points(case.lesson)
    return {name: possible[name] for name in case.only or possible} | case.loses


def why(notebook: NotebookNode) -> str:
    """The errors of all cells, for the message of a test that fails."""
    found = [(cell.metadata.get("nbgrader", {}).get("grade_id"), output) for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(f"{name}: {output.ename}: {output.evalue[:300]}" for name, output in found if output.output_type == "error")
