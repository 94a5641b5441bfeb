"""What is judged: the cells and their roles, the names that checks may call, the files that a submission sees."""

import os

import nbformat
import pytest

from course_lib.grading.engine import Task, exercise_names, make_task, read_files, visible_files
from course_lib.grading.limits import Limits
from tests.grading.small_course import ROOT, answered, cell, source


def test_each_cell_has_its_role():
    notebook = answered("def double(x): ...")
    notebook.cells.insert(2, cell("mine = 1", kind="own"))
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("text"))
    notebook.cells.append(cell("train()", kind="own"))
    notebook.cells[-1].metadata["tags"] = ["experiment"]
    task = make_task(notebook, source(), {}, Limits())
    assert [(each["role"], each["grade_id"], each["place"]) for each in task.cells] == [
        ("given", "given-setup", 1), ("student", "double", 2), ("student", None, 3), ("graded", "check-double", 4), ("graded", "hidden-double", 5),
    ]
    assert task.names == ["double"]


def test_names_are_those_that_solution_cells_bind():
    notebook = nbformat.v4.new_notebook(cells=[
        cell("class A:\n    x = 1\ndef f(y):\n    z = y", "a"), cell("answers = {}\nanswers[1] = 'b'\n(p, q), r = (1, 2), 3\ns: int = 4", "b"),
        cell("helper = 1", "given-c", kind="given"), cell("result = f(1)", "check-a", kind="check"),
    ])
    assert sorted(exercise_names(notebook)) == ["A", "answers", "f", "p", "q", "r", "s"]


def test_equal_tasks_have_equal_keys_and_others_have_not():
    task = make_task(source(), source(), {}, Limits())
    assert task.key() == make_task(source(), source(), {}, Limits()).key()
    changed = source()
    changed.cells[1].source += "\n"
    others = [
        make_task(changed, source(), {}, Limits()), make_task(source(), source(), {"a.txt": b"1"}, Limits()),
        make_task(source(), source(), {"a.txt": b"2"}, Limits()), make_task(source(), source(), {}, Limits(cell_seconds=1)),
        Task(task.cells, [], {}, Limits()),
    ]
    assert len({task.key(), *(other.key() for other in others)}) == 6


def test_a_task_with_half_a_surrogate_has_a_key():
    assert make_task(answered("x = '\ud800'"), source(), {}, Limits()).key()


def test_only_plain_files_beside_the_notebook_are_read(tmp_path):
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / "x.ipynb").write_text("{}")
    (tmp_path / "timestamp.txt").write_text("now")
    (tmp_path / "folder").mkdir()
    os.symlink("/etc/hostname", tmp_path / "link")
    with open(tmp_path / "huge.bin", "wb") as file:
        file.truncate(21 * 2**20)
    assert read_files(tmp_path) == {"data.csv": b"1"}
    assert read_files(tmp_path / "none") == {}


@pytest.mark.parametrize(("lesson", "seen", "hidden"), [("03-language-models", "tokens", "language_model"), ("01-tokens", "__init__", "tokens")])
def test_a_submission_does_not_see_the_solutions_of_its_lesson(lesson, seen, hidden):
    lesson_source = nbformat.read(ROOT / "solutions" / lesson / f"{lesson}.ipynb", as_version=4)
    visible = visible_files(lesson_source)
    reference = ROOT / "course_lib" / "reference"
    assert reference / "__init__.py" in visible
    assert reference / f"{hidden}.py" not in visible
    assert not any(path in (ROOT, ROOT / "solutions", ROOT / "course_lib", reference) for path in visible)
    imported = [each.source for each in lesson_source.cells if f"course_lib.reference.{seen}" in each.source]
    assert (reference / f"{seen}.py" in visible) == bool(imported or seen == "__init__")
