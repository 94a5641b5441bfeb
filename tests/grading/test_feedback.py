"""Feedback names every mistake and its price, and gives away neither hidden tests nor their inputs."""

import json
import re
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
import torch
from nbgrader.api import Comment, Grade, Gradebook, Student, SubmittedAssignment, SubmittedNotebook
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from course_lib.grading.feedback import NOT_SHOWN, HideTests, configure_feedback, quiz_answers, without_values
from course_lib.teaching import checks

LESSON = "00-made-up"
INPUT = "31415.926"  # what a hidden test hands to the student's function; it must come out nowhere
HIDDEN = f"# Hidden tests: edges.\n### BEGIN HIDDEN TESTS\nassert f({INPUT}) == 3\n### END HIDDEN TESTS"
ANSWER = "def f(x):\n    return [1, 2][x]"


def code(source: str, *outputs, grade_id: str | None = None, locked: bool = True, **metadata):
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)
    if grade_id:
        data = {"grade": locked, "grade_id": grade_id, "locked": locked, "points": 2, "schema_version": 3, "solution": not locked, "task": False}
        cell.metadata["nbgrader"] = nbformat.from_dict(data)
    return cell


def error(name: str, value: str, *traceback: str):
    return nbformat.v4.new_output("error", ename=name, evalue=value, traceback=list(traceback) or [f"{name}: {value}"])


def printed(text: str):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def hide(*cells, **metadata):
    nb = nbformat.v4.new_notebook(cells=[code(ANSWER, grade_id="f", locked=False), *cells], metadata=metadata)
    nb, _ = HideTests().preprocess(nb, {})
    return nb


def hidden(*outputs):
    """The hidden cell as the student sees it, and all that the feedback's notebook holds."""
    nb = hide(code(HIDDEN, *outputs, grade_id="hidden-f"))
    return nb.cells[1], json.dumps(nb)


def test_a_hidden_test_goes_and_its_sentence_stays():
    cell, everything = hidden(error("CheckFailed", "f should be 3", "Traceback", f"----> assert f({INPUT}) == 3", "CheckFailed"))
    assert cell.source == "# Hidden tests: edges."
    assert cell.outputs[0].traceback == ["f should be 3"] and cell.metadata.feedback.reason == "f should be 3"
    assert INPUT not in everything


@pytest.mark.parametrize("source", ["### BEGIN HIDDEN TESTS\nassert 1", "x = 1\n### BEGIN MARK SCHEME\n1 point for x\n### END MARK SCHEME"])
def test_a_region_without_an_end_and_a_marking_scheme_go_too(source):
    assert hide(code(source, grade_id="hidden-f")).cells[1].source in ("", "x = 1")


def test_markers_in_a_students_own_cell_end_nothing():
    nb = hide(code("### BEGIN HIDDEN TESTS\n### BEGIN MARK SCHEME"))
    assert nb.cells[1].source == "### BEGIN HIDDEN TESTS\n### BEGIN MARK SCHEME"


@pytest.mark.parametrize("trace", [
    ["\x1b[31mIndexError\x1b[0m  Traceback", "Cell In[1], line 2, in f(x)", "      1 def f(x):", "----> 2     return [1, 2][x]", f"IndexError: {INPUT}"],
    ["Traceback (most recent call last):", '  File "<cell f>", line 2, in f', "    return [1, 2][x]", f"IndexError: {INPUT}"],
    [f"IndexError: {INPUT}", "In your code, line 2 of the cell, in f:  return [1, 2][x]"],
])
def test_of_an_error_under_a_hidden_test_type_and_own_line_are_shown(trace):
    cell, everything = hidden(error("IndexError", INPUT, *trace))
    assert cell.outputs[0].traceback == ["Your program stopped with IndexError at the line: return [1, 2][x]"]
    assert INPUT not in everything


@pytest.mark.parametrize("output", [
    error(f"Input_{INPUT}", "", f"----> 2     return [1, 2][{INPUT}]"),
    error("ValueError", INPUT, f"----> 2 {INPUT}"),
    error("print", INPUT),
    error("NotImplementedError", INPUT),
    error("NoAnswer", INPUT),
    error("CheckFailed", f"f of a number should be 3, but it is {INPUT}."),
    error("CheckFailed", f"f of a number (as it was) should be {INPUT} at [0], but it is nan (1 of 2 numbers differ)."),
    error("CheckFailed", f"f of a number should raise ValueError, but it raised ValueError: {INPUT}"),
    error("CheckFailed", f"f of a number should not have the key '{INPUT}'."),
    printed(f"called with {INPUT}"),
    nbformat.v4.new_output("display_data", data={"text/html": f"<b>{INPUT}</b>", "text/plain": INPUT}, metadata={INPUT: 1}),
    nbformat.v4.new_output("execute_result", data={"text/plain": INPUT}),
])
def test_no_way_out_for_an_input_of_a_hidden_test(output):
    cell, everything = hidden(output)
    assert INPUT not in everything
    assert len(cell.outputs) == 1


@pytest.mark.parametrize(("said", "shown"), [
    ("f should be 3 at [0], but it is 4 (1 of 2 numbers differ).", "f is not what it should be."),
    ("f should have shape (2, 3), but it has shape (3,).", "f should have shape (2, 3)."),
    ("f should raise ValueError, but it returned None.", "f should raise ValueError."),
    ("f: you forgot the mean; it should be taken, but it is not", "f: you forgot the mean; it should be taken, but it is not"),
    ("f should never be negative", "f should never be negative"),
    ("the logits (they should stay) should be 2, but it is 3.", "the logits (they should stay) is not what it should be."),
])
def test_a_sentence_keeps_its_meaning_without_values(said, shown):
    assert without_values(said, 'mistakes={"you forgot the mean; it should be taken, but it is not": wrong}') == shown


def test_an_error_that_quotes_an_input_is_no_named_mistake():
    said = "f of a text should raise ValueError, but it raised ValueError: the secret text"
    assert without_values(said, 'expect_raises(ValueError, lambda: f("the secret text"), what="f of a text")') == "f of a text should raise ValueError."


def test_the_sentences_of_the_checks_are_known():
    cases = [([1.0, 2.0], [1.0, 7.25]), (torch.ones(2), [[7.25]]), ("x", [7.25]), (None, [7.25])]
    for actual, expected in cases:
        with pytest.raises(checks.CheckFailed) as failed:
            checks.expect_close(actual, expected, what="f of g")
        assert "7.25" not in without_values(str(failed.value), "") and "f of g" in str(failed.value)
    for actual, expected in [("ab", "7.25"), (list(range(9)), [7.25] * 9), ({"7.25": 1}, {}), ({}, {"7.25": 1}), ({1: 7.25}, {1: 1}), ((7.25,), [1])]:
        with pytest.raises(checks.CheckFailed) as failed:
            checks.expect_equal(actual, expected, what="f of g")
        assert "7.25" not in without_values(str(failed.value), "")


def test_what_is_dropped_is_said():
    cell, _ = hidden(printed(INPUT), error("CheckFailed", "f should be 3"))
    assert [output.output_type for output in cell.outputs] == ["error", "stream"]
    assert cell.outputs[1].text == NOT_SHOWN + "\n"


def test_what_was_kept_for_a_later_cell_is_not_shown():
    later = [
        code("print(seen)", printed(INPUT)),
        code("1 / 0", error("ZeroDivisionError", INPUT)),
        code("raise CheckFailed(seen)", error("CheckFailed", INPUT)),
        code("f(2)", printed(INPUT), grade_id="check-g"),
    ]
    display = nbformat.v4.new_output("display_data", data={"text/plain": INPUT})  # changed from below, through its display_id
    nb = hide(code("print('before')", printed("before")), code("handle = show()", display), code(HIDDEN, grade_id="hidden-f"), *later)
    assert INPUT not in json.dumps(nb)
    assert nb.cells[1].outputs[0].text == "before"


def test_below_hidden_tests_that_ran_apart_output_is_shown():
    cells = [code(HIDDEN, printed(INPUT), grade_id="hidden-f"), code("print('after')", printed("after"))]
    nb = hide(*cells, course={"judged": {"hidden_apart": True}})
    assert INPUT not in json.dumps(nb) and nb.cells[2].outputs[0].text == "after"


def test_a_visible_check_keeps_its_source_and_traceback():
    lines = ["Traceback", "----> assert f(2) == 3", "AssertionError"]
    cell = hide(code("assert f(2) == 3", error("AssertionError", "", *lines), grade_id="check-f")).cells[1]
    assert cell.source == "assert f(2) == 3" and cell.outputs[0].traceback == lines
    assert cell.metadata.feedback.reason == "AssertionError"


def test_metadata_widgets_and_scripts_go_and_pictures_stay():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": INPUT}, "text/plain": "Box()"}
    widget = nbformat.v4.new_output("display_data", data=view)
    script = nbformat.v4.new_output("display_data", data={"application/javascript": "alert()"})
    picture = nbformat.v4.new_output("display_data", data={"image/png": "AAAA", "text/plain": "Figure"}, metadata={"x": INPUT})
    nb = hide(code("draw()", widget, script, picture, note=INPUT), widgets={"state": INPUT}, title=INPUT, course={"judged": {"interference": [INPUT]}})
    assert INPUT not in json.dumps(nb)
    assert [dict(output.data) for output in nb.cells[1].outputs] == [{"image/png": "AAAA", "text/plain": "Figure"}]


def test_the_lines_of_a_quiz_are_read():
    lines = ["1  b  right: Yes.\n", "2  a  not right: No.\n", "3  no answer yet\n"]
    cell = {"source": "check_quiz(answers, key)", "outputs": [{"output_type": "stream", "text": lines}]}
    found = [(answer.number, answer.letter, answer.verdict) for answer in quiz_answers(cell)]
    assert found == [(1, "b", "right"), (2, "a", "not right"), (3, "", "no answer yet")]
    assert quiz_answers(cell | {"source": "print()"}) == []


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """A course folder in which ada's submission has been graded; she has put much beside her notebook."""
    manual = nbformat.v4.new_markdown_cell("My $x^2$ <script>alert()</script>")
    data = {"grade": True, "grade_id": "own-words", "locked": False, "points": 2, "schema_version": 3, "solution": True, "task": False}
    manual.metadata["nbgrader"] = data
    cells = [
        code(ANSWER, grade_id="f", locked=False),
        code("f(1)", error("CheckFailed", "f of <1> should be 2"), grade_id="check-f"),
        code("check_quiz(answers, key)", printed("1  a  right: Yes.\n2  c  not right: No.\n"), grade_id="check-quiz"),
        code(HIDDEN, error("IndexError", INPUT, "----> 2     return [1, 2][x]"), printed(INPUT), grade_id="hidden-f"),
        manual,
    ]
    folder = tmp_path / "autograded" / "ada" / LESSON
    (folder / "notes").mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{LESSON}.ipynb")
    (folder / "timestamp.txt").write_text("2026-11-01 10:00:00 UTC")
    (folder / "seen.txt").write_text(INPUT)
    (folder / "ben.html").write_text("ben's page")
    (folder / "notes" / "ben.txt").write_text("ben's notes")
    (tmp_path / "ben.ipynb.txt").write_text("ben's work")
    (folder / "ben.txt").symlink_to(tmp_path / "ben.ipynb.txt")
    monkeypatch.setattr("nbgrader.api.get_alembic_version", lambda: "made for a test")
    _grade(tmp_path, {"check-f": 0, "check-quiz": 1, "hidden-f": 0, "own-words": 0})
    return tmp_path


def _grade(root: Path, scores: dict[str, float]) -> None:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        assignment = gradebook.add_assignment(LESSON)
        gradebook.add_notebook(LESSON, LESSON)
        entry = SubmittedAssignment(assignment=assignment, student=Student(id="ada"), timestamp=datetime(2026, 11, 1))
        notebook = SubmittedNotebook(notebook=assignment.notebooks[0], assignment=entry)
        for name, score in scores.items():
            cell = gradebook.add_grade_cell(name, LESSON, LESSON, max_score=2, cell_type="code")
            Grade(cell=cell, notebook=notebook, auto_score=score, needs_manual_grade=name == "own-words")
        for name in ("f", "own-words"):
            Comment(cell=gradebook.add_solution_cell(name, LESSON, LESSON), notebook=notebook)
        gradebook.db.add(entry)
        gradebook.db.commit()


def make_feedback(root: Path) -> str:
    """What stock nbgrader writes for ada."""
    config = Config()
    configure_feedback(config)
    config.CourseDirectory.root = str(root)
    GenerateFeedback(coursedir=CourseDirectory(config=config, assignment_id=LESSON), config=config).start()
    return (root / "feedback" / "ada" / LESSON / f"{LESSON}.html").read_text(encoding="utf-8")


@pytest.fixture
def page(course) -> str:
    return make_feedback(course)


def rows(page: str) -> list[list[str]]:
    table = page.split('<table class="points">')[1].split("</table>")[0]
    return [[re.sub("<[^>]*>", "", column) for column in re.findall("<td.*?</td>", row)] for row in table.split("<tr>")[2:]]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
class TestPage:
    def test_the_table_says_what_each_check_gave_and_why(self, page):
        assert rows(page) == [
            ["f", "visible check", "0 of 2", "f of &lt;1&gt; should be 2"],
            ["quiz", "visible check", "1 of 2", "question 2, c: not right (No)"],
            ["f", "hidden tests", "0 of 2", "Your program stopped with IndexError at the line: return [1, 2][x]"],
            ["own-words", "read by a person", "0 of 2", "waits to be read by a person"],
        ]
        assert "1 of 8 points" in page

    def test_no_input_of_a_hidden_test_is_in_the_page(self, page):
        assert INPUT not in page and "HIDDEN TESTS" not in page
        assert "# Hidden tests: edges." in re.sub("<[^>]*>", "", page)

    def test_the_page_loads_and_runs_nothing(self, page):
        assert "default-src 'none'" in page
        assert not re.search(r"<script[^>]*src|<link|<iframe|@import|src=\"http", page)
        assert "$x^2$" in page

    def test_long_lines_are_wrapped(self, page):
        assert re.search(r"pre \{ white-space: pre-wrap", page)

    def test_nothing_but_the_page_and_its_time_reaches_the_student(self, page, course):
        folder = course / "feedback" / "ada" / LESSON
        assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [f"{LESSON}.html", "timestamp.txt"]
        assert "ben" not in page
        assert (course / "ben.ipynb.txt").read_text() == "ben's work"
