"""Feedback keeps the sentence of a failure and hides the test that found it."""

import nbformat

from course_lib.grading.feedback import HideTests

HIDDEN = "# Hidden tests: edges.\n### BEGIN HIDDEN TESTS\nassert f(secret) == 3\n### END HIDDEN TESTS"


def feedback(source: str, traceback: list[str], value: str = "f should be 3"):
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata["nbgrader"] = {"grade": True, "grade_id": "hidden-f", "locked": True, "points": 1, "schema_version": 3, "solution": False, "task": False}
    cell.outputs = [nbformat.v4.new_output("error", ename="CheckFailed", evalue=value, traceback=traceback)]
    nb, _ = HideTests().preprocess(nbformat.v4.new_notebook(cells=[cell]), {})
    return nb.cells[0]


def test_a_hidden_test_goes_and_its_sentence_stays():
    cell = feedback(HIDDEN, ["Traceback", "----> assert f(secret) == 3", "CheckFailed"])
    assert cell.source == "# Hidden tests: edges."
    assert cell.outputs[0].traceback == ["CheckFailed: f should be 3"]


def test_a_visible_check_keeps_its_source_and_traceback():
    lines = ["Traceback", "----> assert f(2) == 3", "AssertionError"]
    cell = feedback("assert f(2) == 3", lines)
    assert cell.source == "assert f(2) == 3" and cell.outputs[0].traceback == lines


def test_a_long_sentence_is_wrapped():
    cell = feedback("assert f(2) == 3", ["Check failed  " + "word " * 40])
    assert all(len(line) <= 110 for line in cell.outputs[0].traceback[0].splitlines())
