"""Lessons as text: what is written comes back, and what is forgotten is said."""

from pathlib import Path

import nbformat
import pytest

from course_lib.grading.authoring import notebook_from_text, text_from_notebook
from course_lib.grading.release import lesson_names

ROOT = Path(__file__).resolve().parents[2]

TEXT = '''# %% [markdown] exercise={"name": "one", "difficulty": 1, "minutes": 5}
# ### Exercise 1

# %% tags=["setup"]
import math

# %% solution="one"
def one():
    ### BEGIN SOLUTION
    return 1
    ### END SOLUTION

# %% check="one" points=2
assert one() == 1

# %% hidden="one" points=1
assert one() > 0

# %% given="numbers"
numbers = [1, 2]

# %% [markdown] manual="own-words" points=3
# Why?
'''


def cells(text: str) -> dict:
    return {cell.id: cell for cell in notebook_from_text(text).cells}


def test_the_shorthand_becomes_nbgraders_metadata():
    found = cells(TEXT)
    assert found["one"].metadata.nbgrader.solution and not found["one"].metadata.nbgrader.grade
    assert found["check-one"].metadata.nbgrader.grade and found["check-one"].metadata.nbgrader.locked
    assert found["check-one"].metadata.nbgrader.points == 2
    assert found["hidden-one"].metadata.nbgrader.points == 1
    assert found["given-numbers"].metadata.nbgrader.locked and not found["given-numbers"].metadata.nbgrader.grade
    assert found["given-setup"].metadata.nbgrader.locked
    assert found["own-words"].metadata.nbgrader.grade and found["own-words"].metadata.nbgrader.solution
    assert found["exercise-1"].metadata.exercise.points == 3


def test_text_and_notebook_are_the_same_lesson():
    notebook = notebook_from_text(TEXT)
    again = notebook_from_text(text_from_notebook(notebook))
    assert again == notebook


@pytest.mark.parametrize("lesson", lesson_names(ROOT))
def test_every_lesson_comes_back_from_its_text(lesson):
    notebook = nbformat.read(ROOT / "solutions" / lesson / f"{lesson}.ipynb", as_version=4)
    again = notebook_from_text(text_from_notebook(notebook))
    assert [(cell.id, cell.source, cell.metadata) for cell in again.cells] == [(cell.id, cell.source, cell.metadata) for cell in notebook.cells]


def test_ids_do_not_move_when_a_cell_is_added():
    before, after = cells(TEXT), cells("# %%\nfirst = 1\n\n" + TEXT)
    assert set(after) == set(before) | {"first-1"}


def test_forgotten_points_and_equal_names_are_said():
    with pytest.raises(ValueError, match="'check-one' needs points"):
        notebook_from_text(TEXT.replace(' points=2', ''))
    with pytest.raises(ValueError, match="two graded cells are called 'one'"):
        notebook_from_text(TEXT + '\n# %% solution="one"\npass\n')
