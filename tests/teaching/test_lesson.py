"""begin_lesson, in a shell as a notebook has it."""

import random

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

import course_lib.teaching
from course_lib.teaching import begin_lesson


@pytest.fixture
def shell():
    shell = InteractiveShell.instance(colors="nocolor")
    shell.run_cell("from course_lib.teaching import begin_lesson, expect_close\nbegin_lesson(seed=3)")
    yield shell
    InteractiveShell.clear_instance()


def run(shell, capsys, source):
    """The error that a cell ends in, and the lines that it shows."""
    capsys.readouterr()
    result = shell.run_cell(source)
    return result.error_in_exec, [line for line in "".join(capsys.readouterr()).splitlines() if line.strip()]


def test_a_missing_exercise_is_one_line_and_stays_an_error(shell, capsys):
    shell.run_cell("def softmax(x):\n    raise NotImplementedError()")
    error, lines = run(shell, capsys, "def outer():\n    return softmax(3)\nouter()")
    assert isinstance(error, NotImplementedError)
    assert len(lines) == 1 and "Not written yet" in lines[0] and "`softmax`" in lines[0]


def test_a_method_is_named_with_its_class(shell, capsys):
    shell.run_cell("class Attention:\n    def forward(self):\n        raise NotImplementedError()")
    error, lines = run(shell, capsys, "Attention().forward()")
    assert isinstance(error, NotImplementedError) and len(lines) == 1 and "`Attention.forward`" in lines[0]


def test_an_empty_answer_cell(shell, capsys):
    error, lines = run(shell, capsys, "answers = {}\nraise NotImplementedError()")
    assert isinstance(error, NotImplementedError) and len(lines) == 1 and "This cell" in lines[0]


def test_a_librarys_own_message_is_not_hidden(shell, capsys):
    error, lines = run(shell, capsys, "import torch\ntorch.zeros(2, device='meta').tolist()")
    assert isinstance(error, NotImplementedError) and len(lines) > 1
    assert any("meta" in line for line in lines) and not any("Not written yet" in line for line in lines)


def test_a_failed_check_is_one_line(shell, capsys):
    error, lines = run(shell, capsys, "expect_close(1.0, 2.0, what='the sum')")
    assert isinstance(error, AssertionError)
    assert len(lines) == 1 and lines[0].endswith("the sum should be 2, but it is 1.")


def test_other_errors_keep_their_traceback(shell, capsys):
    error, lines = run(shell, capsys, "def f():\n    return 1 / 0\nf()")
    assert isinstance(error, ZeroDivisionError) and any("1 / 0" in line for line in lines)


def test_the_kernel_of_a_notebook_reports_both_as_errors():
    """What nbgrader reads: an error output, with one line in place of a traceback."""
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    cells = [
        "from course_lib.teaching import begin_lesson, expect_close\nbegin_lesson()\ndef f():\n    raise NotImplementedError()",
        "f()", "expect_close(1.0, 2.0, what='the sum')",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    NotebookClient(notebook, allow_errors=True, kernel_name="python3").execute()
    for cell, name in zip(notebook.cells[1:], ["NotImplementedError", "CheckFailed"], strict=True):
        (output,) = cell.outputs
        assert output.output_type == "error" and output.ename == name and len(output.traceback) == 1


def test_seeds_every_generator():
    drawn = []
    for _ in range(2):
        begin_lesson(seed=5)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
    begin_lesson(seed=6)
    assert drawn[0] == drawn[1] != (random.random(), np.random.rand(), torch.rand(1).item())


def test_works_without_a_notebook_and_sets_the_look():
    plt.rcdefaults()
    begin_lesson()
    assert plt.rcParams["axes.spines.top"] is False


def test_every_public_name_is_there():
    for name in course_lib.teaching.__all__:
        assert callable(getattr(course_lib.teaching, name)) or name == "COLOURS"
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        course_lib.teaching.nothing


@pytest.mark.parametrize("seed", [None, "1", 1.5, -1, True, 2**32])
def test_a_bad_seed_is_named(seed):
    with pytest.raises(ValueError, match="seed should be a whole number from 0"):
        begin_lesson(seed)
