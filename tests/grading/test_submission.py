"""What is put right in a submission, and what a graded cell that did not run is worth."""

import json
import logging

import nbformat
import pytest
from nbgrader.utils import determine_grade

from course_lib.grading import submission
from course_lib.grading.submission import ExecuteSubmission, RepairSubmission, ShowReport, TrustOutputs, read_notebook


def cell(grade_id: str, source: str = "", *, kind: str = "check", points: float = 1, tags: list[str] | None = None):
    new = nbformat.v4.new_code_cell(source)
    new.metadata["nbgrader"] = nbformat.from_dict({
        "grade": kind == "check", "grade_id": grade_id, "locked": kind == "check", "schema_version": 3,
        "solution": kind == "solution", "task": False, **({"points": points} if kind == "check" else {}),
    })
    if tags:
        new.metadata["tags"] = tags
    return new


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def source():
    return notebook(cell("f", kind="solution"), cell("check-f"), cell("g", kind="solution"), cell("check-g", tags=["slow"]))


@pytest.fixture
def repair(monkeypatch):
    """Repair a notebook as if its lesson's source were `source()`."""
    monkeypatch.setattr(submission, "_source_notebook", lambda course, resources: source())
    monkeypatch.setattr(submission, "_released_cell", lambda cell, resources: nbformat.from_dict(cell))

    def run(nb):
        nb, _ = RepairSubmission().preprocess(nb, {"nbgrader": {"student": "ada", "assignment": "00-a", "notebook": "00-a"}})
        return [c.metadata.get("nbgrader", {}).get("grade_id") for c in nb.cells], nb.metadata.get("course", {}).get("report", [])

    return run


def test_an_untouched_submission_needs_no_report(repair):
    assert repair(source()) == (["f", "check-f", "g", "check-g"], [])


def test_a_deleted_test_cell_comes_back_behind_the_students_code(repair):
    nb = source()
    del nb.cells[1]
    nb.cells.insert(1, nbformat.v4.new_code_cell("helper = 1"))
    ids, said = repair(nb)
    assert ids == ["f", None, "check-f", "g", "check-g"]
    assert said == ["The cell check-f was missing and was put back."]


def test_all_graded_cells_deleted(repair):
    ids, said = repair(notebook(nbformat.v4.new_code_cell("def f(): pass")))
    assert ids == [None, "f", "check-f", "g", "check-g"]
    assert len(said) == 4


def test_of_two_equal_test_cells_the_last_one_stays(repair):
    nb = source()
    nb.cells.insert(0, cell("check-f", "assert True"))
    ids, said = repair(nb)
    assert ids == ["f", "check-f", "g", "check-g"]
    assert "more than once" in said[0]


def test_a_copied_answer_stays_as_an_ordinary_cell(repair):
    nb = source()
    nb.cells.insert(0, cell("f", "def f(): old", kind="solution"))
    ids, _ = repair(nb)
    assert ids == [None, "f", "check-f", "g", "check-g"]
    assert nb.cells[0].source == "def f(): old"


def test_tags_types_points_and_locks_are_put_back(repair):
    nb = source()
    nb.cells[1].metadata["tags"] = ["experiment"]
    nb.cells[3] = nbformat.v4.new_markdown_cell("", metadata=nb.cells[3].metadata)
    nb.cells[3].metadata["tags"] = []
    nb.cells[3].metadata["nbgrader"]["points"] = 100
    _, said = repair(nb)
    assert "tags" not in nb.cells[1].metadata
    assert nb.cells[3].cell_type == "code" and nb.cells[3].outputs == []
    assert nb.cells[3].metadata["tags"] == ["slow"] and nb.cells[3].metadata["nbgrader"]["points"] == 1
    assert [sentence for sentence in said if "tags of the cell check-f" in sentence]


def test_foreign_metadata_is_removed(repair):
    nb = source()
    nb.cells.append(cell("invented", "1", points=50))
    nb.cells.append(nbformat.v4.new_code_cell("2", metadata={"nbgrader": {}}))
    ids, _ = repair(nb)
    assert ids == ["f", "check-f", "g", "check-g", None, None]


GOOD = json.dumps(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", id="a")]))


@pytest.mark.parametrize(("content", "words"), [
    (b"", "it is empty"),
    (b"  \n", "it is empty"),
    (GOOD[:60].encode(), "it is not JSON"),
    (b"\x89PNG\r\n\xff\xfe", "it is not text"),
    (b"[1, 2]", "no notebook"),
    (b'{"a": 1}', "."),
    (b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "."),
    (b'{"cells": [3], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "."),
    (b"<html>login page</html>", "it is not JSON from line 1"),
])
def test_what_is_no_notebook_says_why(tmp_path, content, words):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_notebook(path)


def test_a_missing_file_and_a_folder_say_so(tmp_path):
    for path in (tmp_path / "none.ipynb", tmp_path):
        with pytest.raises(ValueError, match="."):
            read_notebook(path)


@pytest.mark.parametrize("change", [
    lambda text: "\ufeff" + text,
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace('"id": "a", ', ""),
    lambda text: text.replace('"nbformat_minor": 5', '"nbformat_minor": 2').replace('"id": "a", ', ""),
])
@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
def test_harmless_damage_is_read(tmp_path, change):
    path = tmp_path / "x.ipynb"
    path.write_text(change(GOOD), encoding="utf-8", newline="")
    assert read_notebook(path).cells[0].source == "1"


def test_format_3_is_read(tmp_path):
    path = tmp_path / "x.ipynb"
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [
        {"cell_type": "code", "input": "1", "language": "python", "outputs": [], "metadata": {}}]}]}
    path.write_text(json.dumps(old), encoding="utf-8")
    assert read_notebook(path).cells[0].source == "1"


def run(*sources: str, timeout: int = 20):
    """Execute graded cells in a kernel and return their grades, each of 1 point."""
    nb = notebook(*(cell(f"check-{number}", text) for number, text in enumerate(sources)))
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nb, _ = ExecuteSubmission(timeout=timeout, skip_cells_with_tag="experiment").preprocess(nb, {"metadata": {}})
    nb, _ = TrustOutputs().preprocess(nb, {})
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    return [determine_grade(c)[0] for c in nb.cells], nb


def test_a_passing_a_failing_and_a_warning_cell():
    grades, nb = run("x = 1", "assert x == 2", "import sys, warnings; warnings.warn('careful'); print('hello', file=sys.stderr)")
    assert grades == [1, 0, 1]
    assert "careful" in "".join(output.text for output in nb.cells[2].outputs)


def test_cells_behind_a_dead_kernel_earn_nothing():
    grades, nb = run("x = 1", "import os; os._exit(0)", "assert x == 1")
    assert grades == [1, 0, 0]
    assert "not run" in nb.cells[2].outputs[0].evalue
    assert "process died" in nb.metadata["course"]["report"][0]


def test_a_loop_without_end_costs_its_own_cell_only():
    grades, _ = run("while True: pass", "x = 1", timeout=2)
    assert grades == [0, 1]


def test_the_report_stands_at_the_top():
    nb = source()
    submission.report(nb, "Something was put right.")
    nb, _ = ShowReport().preprocess(nb, {})
    assert nb.cells[0].cell_type == "markdown" and "Something was put right." in nb.cells[0].source
    untouched, _ = ShowReport().preprocess(source(), {})
    assert len(untouched.cells) == 4
