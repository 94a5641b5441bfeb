"""`make lessons`: the releases in `lessons/`, generated from `solutions/` by nbgrader's own `generate_assignment`."""

import ast
import filecmp
import io
import logging
import re
import shutil
import tempfile
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course_lib.teaching.quiz import seal

STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
_STUB = STUB.split("\n")
_MARKERS = {f"### {edge} {what}" for edge in ("BEGIN", "END") for what in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")}


class CheckMarkers(NbGraderPreprocessor):
    """Refuse a misspelt marker: nbgrader would release the tests, or replace the whole cell, and say nothing."""

    def preprocess_cell(self, cell: NotebookNode, resources: ResourcesDict, cell_index: int) -> tuple[NotebookNode, ResourcesDict]:
        for line in cell.source.split("\n"):
            if re.match(r"\s*#+\s*(BEGIN|END)\b", line) and line.strip() not in _MARKERS:
                raise ValueError(f"cell {cell.id}: {line.strip()!r} is none of nbgrader's markers {sorted(_MARKERS)}")
        return cell, resources


class ReleaseDraft(NbGraderPreprocessor):
    """In an exercise that starts from a draft, release the draft (lines after `#> `) in place of the empty stub."""

    def preprocess_cell(self, cell: NotebookNode, resources: ResourcesDict, cell_index: int) -> tuple[NotebookNode, ResourcesDict]:
        if cell.cell_type == "code" and re.search(r"^\s*#> ", cell.source, re.M):
            lines = [line for line in cell.source.split("\n") if line.strip() not in _STUB]
            cell.source = "\n".join(re.sub(r"^(\s*)#> ", r"\1", line) for line in lines)
        return cell, resources


class SealQuiz(NbGraderPreprocessor):
    """Replace the readable key in a `check_quiz(answers, {…})` cell, before nbgrader saves or releases the cell."""

    def preprocess_cell(self, cell: NotebookNode, resources: ResourcesDict, cell_index: int) -> tuple[NotebookNode, ResourcesDict]:
        if cell.cell_type == "code" and "check_quiz(" in cell.source and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = _sealed_source(cell.source)
        return cell, resources


class CleanMetadata(NbGraderPreprocessor):
    """Leave in a release only what a reader's Jupyter needs, so that the same source gives the same bytes everywhere."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        nb.metadata = NotebookNode({key: nb.metadata[key] for key in ("kernelspec", "language_info") if key in nb.metadata})
        for cell in nb.cells:
            cell.pop("attachments", None)
            cell.metadata.pop("execution", None)
        return nb, resources


def load_config(root: Path) -> Config:
    """The configuration that nbgrader's commands read in the folder `root`."""
    return PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()


def lesson_names(root: Path) -> list[str]:
    """The lessons that have a source, in order."""
    return sorted(path.parent.name for path in (root / "solutions").glob("*/*.ipynb") if path.stem == path.parent.name)


def generate(root: Path, target: Path, names: list[str]) -> None:
    """Write the releases of the lessons `names` into the folder `target`, without a gradebook.

    Raises ValueError with what nbgrader says about a lesson that it cannot release.
    """
    config = load_config(root)
    config.CourseDirectory.root = str(root.resolve())
    config.CourseDirectory.release_directory = str(target.resolve())
    config.SaveCells.enabled = False
    for name in names:
        course = CourseDirectory(config=config, assignment_id=name)
        said = io.StringIO()
        converter = GenerateAssignment(coursedir=course, config=config, no_database=True, force=True, log=_logger(said))
        try:
            converter.start()
        except NbGraderException:
            raise ValueError(f"{name} cannot be released:\n{said.getvalue()}") from None


def update_lessons(root: Path, names: list[str], check: bool) -> list[str]:
    """Generate releases and put them in place of those in `lessons/` that differ; return the names of these.

    With `check` nothing is written. A release that fails to generate leaves the one in place as it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(root, fresh, names)
        stale = [name for name in names if not _same_tree(fresh / name, root / "lessons" / name)]
        extra = [path.name for path in (root / "lessons").glob("*") if path.name not in lesson_names(root)]
        if not check:
            for name in stale + extra:
                shutil.rmtree(root / "lessons" / name, ignore_errors=True)
            for name in stale:
                shutil.copytree(fresh / name, root / "lessons" / name)
        return stale + extra


def _logger(stream: io.StringIO) -> logging.Logger:
    logger = logging.Logger("release", level=logging.ERROR)
    logger.addHandler(logging.StreamHandler(stream))
    return logger


def _same_tree(one: Path, other: Path) -> bool:
    files = [sorted(path.relative_to(root) for path in _files(root)) for root in (one, other)]
    return files[0] == files[1] and all(filecmp.cmp(one / name, other / name, shallow=False) for name in files[0])


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts]


def _sealed_source(source: str) -> str:
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check_quiz"]
    if len(calls) != 1 or len(calls[0].args) != 2:
        raise ValueError("a quiz cell should hold one call check_quiz(answers, {...})")
    answers, key = calls[0].args
    hint = "# Run this cell: it explains each of your answers. (The key is in the long line, sealed.)"
    return f'{hint}\ncheck_quiz({ast.unparse(answers)}, sealed={seal(ast.literal_eval(key))!r})'
