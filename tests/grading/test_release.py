"""The releases in lessons/ are what nbgrader makes of solutions/, and a mistake in a source stops the release."""

import shutil
from pathlib import Path

import nbformat
import pytest

from course_lib.grading.release import generate, lesson_names, update_lessons

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small_course(tmp_path):
    """A course with one tiny lesson."""
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    cell = nbformat.v4.new_code_cell("def one():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION", id="one")
    cell.metadata["nbgrader"] = {"grade": False, "grade_id": "one", "locked": False, "schema_version": 3, "solution": True, "task": False}
    test = nbformat.v4.new_code_cell("assert one()\n### BEGIN HIDDEN TESTS\nassert one() == 1\n### END HIDDEN TESTS", id="check-one")
    test.metadata["nbgrader"] = {"grade": True, "grade_id": "check-one", "locked": True, "points": 1, "schema_version": 3, "solution": False, "task": False}
    notebook = nbformat.v4.new_notebook(cells=[cell, test], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    (tmp_path / "solutions" / "00-a").mkdir(parents=True)
    nbformat.write(notebook, tmp_path / "solutions" / "00-a" / "00-a.ipynb")
    return tmp_path


def change(course: Path, cell: int, old: str, new: str) -> None:
    path = course / "solutions" / "00-a" / "00-a.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert old in notebook.cells[cell].source
    notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)
    nbformat.write(notebook, path)


def sources(course: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(course / "lessons" / "00-a" / "00-a.ipynb", as_version=4).cells]


def test_lessons_are_up_to_date():
    assert update_lessons(ROOT, lesson_names(ROOT), check=True) == [], "run `make lessons` and commit the result"


def test_generating_twice_gives_the_same_bytes(tmp_path):
    names = lesson_names(ROOT)
    for folder in ("one", "two"):
        generate(ROOT, tmp_path / folder, names)
    for name in names:
        first, second = ((tmp_path / folder / name / f"{name}.ipynb").read_bytes() for folder in ("one", "two"))
        assert first == second


def test_solution_and_hidden_tests_are_replaced(small_course):
    assert update_lessons(small_course, ["00-a"], check=False) == ["00-a"]
    assert sources(small_course) == ["def one():\n    # YOUR CODE HERE\n    raise NotImplementedError()", "assert one()"]
    assert update_lessons(small_course, ["00-a"], check=False) == []


def test_check_sees_a_change_and_writes_nothing(small_course):
    update_lessons(small_course, ["00-a"], check=False)
    change(small_course, 1, "assert one()\n", "assert one() > 0\n")
    assert update_lessons(small_course, ["00-a"], check=True) == ["00-a"]
    assert sources(small_course)[1] == "assert one()"


def test_a_release_without_source_is_found(small_course):
    update_lessons(small_course, ["00-a"], check=False)
    shutil.copytree(small_course / "lessons" / "00-a", small_course / "lessons" / "01-b")
    assert update_lessons(small_course, ["00-a"], check=True) == ["01-b"]


@pytest.mark.parametrize(("cell", "marker", "misspelt"), [
    (0, "### BEGIN SOLUTION", "### BEGIN SOLUTIONS"),
    (0, "### END SOLUTION", "## END SOLUTION"),
    (1, "### BEGIN HIDDEN TESTS", "### BEGIN HIDDEN TEST"),
])
def test_a_misspelt_marker_stops_the_release_and_keeps_the_old_one(small_course, cell, marker, misspelt):
    update_lessons(small_course, ["00-a"], check=False)
    before = sources(small_course)
    change(small_course, cell, marker, misspelt)
    with pytest.raises(ValueError, match="none of nbgrader's markers"):
        update_lessons(small_course, ["00-a"], check=False)
    assert sources(small_course) == before


def test_a_draft_is_released_in_place_of_the_stub(small_course):
    change(small_course, 0, "    ### END SOLUTION", "    ### END SOLUTION\n    #> return 2")
    update_lessons(small_course, ["00-a"], check=False)
    assert sources(small_course)[0] == "def one():\n    return 2"


def test_the_quiz_is_sealed(small_course):
    change(small_course, 1, "assert one()\n", "check_quiz(answers, {1: ('b', {'a': 'too small', 'b': 'just so'})})\n")
    update_lessons(small_course, ["00-a"], check=False)
    released = sources(small_course)[1]
    assert "\ncheck_quiz(answers, sealed=" in released
    assert "just so" not in released and "too small" not in released


def test_nothing_but_the_notebook_needs_stays_in_its_metadata(small_course):
    path = small_course / "solutions" / "00-a" / "00-a.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["widgets"] = {"state": {}}
    notebook.cells[0].metadata["execution"] = {"iopub.execute_input": "2026-11-01"}
    nbformat.write(notebook, path)
    update_lessons(small_course, ["00-a"], check=False)
    released = nbformat.read(small_course / "lessons" / "00-a" / "00-a.ipynb", as_version=4)
    assert set(released.metadata) == {"kernelspec"}
    assert "execution" not in released.cells[0].metadata
