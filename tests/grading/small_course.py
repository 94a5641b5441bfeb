"""A course folder with one small lesson and a class that handed it in: for tests that grade for real, but quickly."""

import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
LESSON = "00-small"
SOLUTION = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"


def cell(source: str, grade_id: str = "", *, kind: str = "solution", points: float = 0) -> NotebookNode:
    """A code cell; kind is "solution", "check", "given", or "own" for one without nbgrader's metadata."""
    new = nbformat.v4.new_code_cell(source, id=grade_id or f"own-{abs(hash(source)) % 10**8}")
    if kind != "own":
        new.metadata["nbgrader"] = nbformat.from_dict({
            "grade": kind == "check", "grade_id": grade_id, "locked": kind != "solution", "schema_version": 3,
            "solution": kind == "solution", "task": False, **({"points": points} if kind == "check" else {}),
        })
    return new


def source() -> NotebookNode:
    """The lesson: one exercise, its check (1 point) and its hidden tests (2 points)."""
    return nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        cells=[
            cell("from course_lib.teaching import expect_equal", "given-setup", kind="given"),
            cell(SOLUTION, "double"),
            cell("expect_equal(double(3), 6, what='double(3)', mistakes={'this is the square': 9})", "check-double", kind="check", points=1),
            cell("### BEGIN HIDDEN TESTS\nfor number in (-5, 0, 7):\n    expect_equal(double(number), 2 * number, what='double')\n### END HIDDEN TESTS",
                 "hidden-double", kind="check", points=2),
        ],
    )


def make_course(root: Path) -> Path:
    """Write the course folder; returns it."""
    (root / "solutions" / LESSON).mkdir(parents=True)
    nbformat.write(source(), root / "solutions" / LESSON / f"{LESSON}.ipynb")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    return root


def answered(code: str) -> NotebookNode:
    """A submission with `code` as its answer."""
    notebook = source()
    notebook.cells[1].source = code
    notebook.cells[3].source = "# hidden"
    return notebook


def hand_in(root: Path, student: str, code: str) -> None:
    """Put a submission where `nbgrader autograde` looks for it."""
    folder = root / "submitted" / student / LESSON
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(answered(code), folder / f"{LESSON}.ipynb")


def export(root: Path, answers: dict[str, str]) -> Path:
    """Write the class as a learning platform exports it; returns the folder."""
    for student, code in answers.items():
        folder = root / "export" / student
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(answered(code), folder / f"{LESSON}.ipynb")
    return root / "export"
