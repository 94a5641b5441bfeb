"""Each rule can fail: a good lesson keeps all of them, and spoilt in one way breaks the rule that forbids it."""

import dataclasses
import json
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output

from tests.structure import imports, leaks, rooms, rules
from tests.structure.good_room import KEY, NAME, code, executed, figure, good_room, graded, release_of, text
from tests.structure.rules import RULES, grade_ids


@pytest.fixture(autouse=True)
def published_ids(monkeypatch, tmp_path):
    """The good lesson's grade_ids are known."""
    path = tmp_path / "grade_ids.json"
    path.write_text(json.dumps({NAME: grade_ids(good_room().source)}))
    monkeypatch.setattr(rules, "GRADE_IDS", path)


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def with_source(name: str, *pairs: str):
    """A spoiler: in the source's cell `name`, replace each old text by the new one."""
    def spoil(room):
        spoilt = cell(room.source, name)
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in spoilt.source
            spoilt.source = spoilt.source.replace(old, new)
    return spoil


def appended(name: str, line: str, in_release: bool = False):
    """A spoiler: add a line to a cell of the source, or of the release."""
    def spoil(room):
        cell(room.release if in_release else room.source, name).source += "\n" + line
    return spoil


def inserted(new: NotebookNode, at: int = 3):
    """A spoiler: a further cell in the source."""
    def spoil(room):
        room.source.cells.insert(at, new)
        executed(room.source)
    return spoil


def with_metadata(name: str, key: str, value):
    def spoil(room):
        cell(room.source, name).metadata[key] = value
    return spoil


def with_exercise(**changes):
    def spoil(room):
        data = next(cell for cell in room.source.cells if "exercise" in cell.metadata).metadata["exercise"]
        for key, value in changes.items():
            data[key] = value
    return spoil


def with_output(*outputs, tags=("experiment",)):
    return inserted(code("1", *tags, outputs=outputs))


def with_figure(change):
    """A spoiler: change the outputs of the first figure."""
    def spoil(room):
        change(next(cell for cell in room.source.cells if cell.get("outputs")).outputs)
    return spoil


def deleted(*names: str):
    def spoil(room):
        assert all(any(cell.id == name for cell in room.source.cells) for name in names)
        room.source.cells = [cell for cell in room.source.cells if cell.id not in names]
    return spoil


def swapped(one: str, other: str):
    def spoil(room):
        ids = [cell.id for cell in room.source.cells]
        first, second = ids.index(one), ids.index(other)
        room.source.cells[first], room.source.cells[second] = room.source.cells[second], room.source.cells[first]
    return spoil


def without_experiments(room):
    room.source.cells = [cell for cell in room.source.cells if "experiment" not in cell.metadata.get("tags", [])]


def everywhere(old: str, new: str):
    """A spoiler: replace a text in every cell of the source."""
    def spoil(room):
        assert any(old in cell.source for cell in room.source.cells)
        for spoilt in room.source.cells:
            spoilt.source = spoilt.source.replace(old, new)
    return spoil


def in_release(change):
    return lambda room: change(room.release)


def set_in(name: str, **values):
    return in_release(lambda release: cell(release, name).update(values))


STREAM = {"output_type": "stream"}
A_SOLUTION = "total_a = 0\n    for value in values:\n        total_a = total_a + value * value * 1\n    return total_a"
RENAMED = "def mine(numbers):\n    s = 0\n    for n in numbers:\n        s = s + n * n * 1\n    return s"
INLINE = "numbers = [1, 2]\ns = 0\nfor n in numbers:\n    s = s + n * n * 1\nresult = s"

#: (rule, how a good lesson is spoilt, words of the violation)
PROOFS = [
    (rules.cells_are_plain_python, appended("sum_a", "%matplotlib inline"), "not plain Python"),
    (rules.cells_are_plain_python, appended("check-sum_a", "print(3);"), "semicolon"),
    (rules.cells_have_ids, lambda room: cell(room.source, "sum_b").update(id="sum_a"), "2 cells of the source have the id 'sum_a'"),
    (rules.cells_have_ids, lambda room: cell(room.source, "sum_b").pop("id"), "has no id"),
    (rules.cells_have_ids, deleted("check-sum_a"), "differ"),
    (rules.tags_are_known, with_metadata("sum_a", "tags", ["experimnet"]), "unknown tag 'experimnet'"),
    (rules.tags_are_known, with_metadata("check-sum_a", "tags", ["experiment"]), "graded cell check-sum_a is tagged experiment"),
    (rules.tags_are_known, with_metadata("hidden-sum_a", "tags", ["raises-exception"]), "tagged raises-exception"),
    (rules.tags_are_known, with_metadata("given-setup", "tags", []), "tagged setup"),
    (rules.tags_are_known, inserted(code("x = 1"), at=1), "tagged setup"),
    (rules.tags_are_known, inserted(code("x = 1", "setup")), "tagged setup"),
    (rules.grade_ids_are_stable, lambda room: cell(room.source, "sum_b").metadata.nbgrader.update(grade_id="sum_a"), "2 cells have the grade_id 'sum_a'"),
    (rules.grade_ids_are_stable, lambda room: cell(room.source, "sum_b").metadata.nbgrader.update(grade_id="sum_z"), "gone: ['sum_b'], new: ['sum_z']"),
    (rules.grade_ids_are_stable, swapped("sum_a", "sum_b"), "else their order"),
    (rules.grade_ids_are_stable, deleted("hidden-sum_a"), "different grade_ids"),
    (rules.grade_ids_are_stable, lambda room: rules.GRADE_IDS.write_text("{}"), "update_grade_ids"),
    (rules.exercises_are_declared, with_exercise(difficulty=3), "does not agree with the metadata"),
    (rules.exercises_are_declared, with_exercise(difficulty=6), "difficulty is 1 to 5"),
    (rules.exercises_are_declared, with_exercise(minutes=15), "does not agree with the metadata"),
    (rules.exercises_are_declared, with_exercise(points=5), "promise 5 points, its graded cells give 4"),
    (rules.exercises_are_declared, with_exercise(hard=True), "metadata should be"),
    (rules.exercises_are_declared, with_exercise(name="sum_x"), "heading"),
    (rules.exercises_are_declared, everywhere("Exercise 2 ·", "Exercise 3 ·"), "`### Exercise 2 · `sum_b`` is missing"),
    (rules.exercises_are_declared, everywhere("2 of 5 ·", "2 of 5,"), "line *Difficulty"),
    (rules.exercises_are_declared, lambda room: cell(room.source, "hidden-sum_a").metadata.nbgrader.update(points=3), "give 5"),
    (rules.exercises_are_complete, deleted("check-sum_a"), "solution, check and hidden tests in this order"),
    (rules.exercises_are_complete, deleted("sum_c"), "exercise sum_c"),
    (rules.exercises_are_complete, swapped("check-sum_a", "hidden-sum_a"), "in this order"),
    (rules.exercises_are_complete, swapped("sum_a", "sum_b"), "in this order"),
    (rules.exercises_are_complete, inserted(graded("check", "extra", "1", 1)), "check-extra belongs to no exercise"),
    (rules.total_points_are_stated, with_source("cell-0", "| 26 |", "| 25 |"), "states 25 points, but the graded cells give 26"),
    (rules.total_points_are_stated, with_source("cell-0", "| computing |", "| seconds |"), "should hold a table"),
    (rules.headings_are_in_order, with_source("cell-0", "# 06 · Attention", "## 06 · Attention"), "0 headings of the first level"),
    (rules.headings_are_in_order, with_source("cell-2", "## 1", "# 1"), "2 headings of the first level"),
    (rules.headings_are_in_order, with_source("cell-0", "# 06 ·", "# 05 ·"), "begin with '06'"),
    (rules.headings_are_in_order, with_source("cell-2", "## 1 Sums", "Sums"), "skips a level"),
    (rules.headings_are_in_order, inserted(text("##### Deep")), "'Deep' skips a level"),
    (rules.lesson_is_complete, lambda room: [room.source.cells.remove(c) for c in room.source.cells[3:4]], "five to eight exercises, not 4"),
    (rules.lesson_is_complete, deleted("own-words"), "own words"),
    (rules.lesson_is_complete, everywhere("explore(sum_a", "interact(sum_a"), "a widget"),
    (rules.lesson_is_complete, everywhere("The truth plot", "A plot"), "truth plot"),
    (rules.lesson_is_complete, everywhere("3. Three.", ""), "What to take away"),
    (rules.lesson_is_complete, with_figure(lambda outputs: outputs.clear()), "at least four figures, not 3"),
    (rules.quiz_is_complete, deleted("check-quiz"), "there is no quiz"),
    (rules.quiz_is_complete, everywhere("## Quiz", "## Questions"), "there is no quiz"),
    (rules.quiz_is_complete, lambda room: cell(room.source, "check-quiz").update(source=f"check_quiz(answers, {dict(list(KEY.items())[:3])!r})"), "has 3 questions"),
    (rules.quiz_is_complete, lambda room: cell(room.source, "check-quiz").metadata.nbgrader.update(points=5), "4 questions, but 5 points"),
    (rules.quiz_is_complete, everywhere("- **b** That.", "- **b** That.\n   - **c** Both."), "quiz question 1 offers ['a', 'b', 'c']"),
    (rules.quiz_is_complete, everywhere("   - **b** That.", "   (b) That. (c) Both."), "quiz question 1 offers ['a', 'b', 'c']"),
    (rules.quiz_is_complete, everywhere("   - **a** This, with P(c).\n   - **b** That.", "   (a) This, with P(c). (b) That."), None),
    (rules.quiz_is_complete, everywhere("\n4. Which", "\nWhich"), "quiz question 4 offers []"),
    (rules.fact_check_is_a_table, everywhere("## Fact check", "## Facts"), "no section 'Fact check'"),
    (rules.fact_check_is_a_table, everywhere("\n| D | E | F |", ""), "at least two rows"),
    (rules.fact_check_is_a_table, everywhere("| D | E | F |", "| D | E | |"), "a row of the fact check"),
    (rules.fact_check_is_a_table, everywhere("| D | E | F |", "| D | E |"), "a row of the fact check"),
    (rules.cells_are_short, appended("sum_a", "\n" * 30), "30 are the most"),
    (rules.cells_are_short, appended("check-sum_a", "\n" * 30, in_release=True), "of the release has"),
    (rules.cells_are_short, in_release(lambda release: release.cells.extend([text("more")] * 80)), "99 are the most"),
    (rules.hidden_tests_say_what_they_use, with_source("hidden-sum_a", "# Hidden tests: other numbers and the empty list.\n", ""), "begin with a comment"),
    (rules.hidden_tests_say_what_they_use, with_source("hidden-sum_a", "# Hidden tests: other numbers and the empty list.", "# Hidden tests"), "begin with a comment"),
    (rules.hidden_tests_say_what_they_use, with_source("hidden-sum_a", "### BEGIN", "x = 1\n### BEGIN"), "should stand between"),
    (rules.hidden_tests_say_what_they_use, appended("hidden-sum_a", "x = 1"), "should stand between"),
    (rules.checks_only_call, appended("check-sum_a", "sum_a.limit = 3"), "assigns to sum_a.limit"),
    (rules.checks_only_call, appended("check-sum_a", "model = sum_a([1])\nmodel.weight = 3"), "assigns to model.weight"),
    (rules.checks_only_call, appended("check-sum_a", "model = sum_a([1])\nlayer = list(model)\nlayer.weight += 3"), "assigns to layer.weight"),
    (rules.checks_only_call, appended("check-sum_a", "torch.softmax = None"), "assigns to torch.softmax"),
    (rules.checks_only_call, appended("hidden-sum_a", "setattr(sum_a, 'x', 3)"), "uses setattr"),
    (rules.checks_only_call, appended("hidden-sum_a", "import inspect"), "uses inspect"),
    (rules.checks_only_call, appended("hidden-sum_a", "from inspect import getsource as read"), "uses inspect"),
    (rules.checks_only_call, appended("hidden-sum_a", "sum_a.__code__.co_names"), "uses __code__"),
    (rules.checks_only_call, appended("hidden-sum_a", "from unittest import mock"), "uses mock"),
    (rules.student_names_keep_their_meaning, appended("check-sum_b", "sum_a = sum_a([1])"), "check-sum_b gives a new value to 'sum_a'"),
    (rules.student_names_keep_their_meaning, inserted(code("for sum_a in [1]:\n    pass", "experiment")), "'sum_a'"),
    (rules.student_names_keep_their_meaning, inserted(code("from x import y as sum_a", "experiment")), "'sum_a'"),
    (rules.graded_cells_count_on_what_will_be_there, appended("check-quiz", "print(figure_1)"), "uses 'figure_1' of cell"),
    (rules.graded_cells_count_on_what_will_be_there, appended("check-quiz", "print([figure_1 for _ in range(3)])"), "left out in grading"),
    (rules.graded_cells_count_on_what_will_be_there, appended("quiz", "def f():\n    return lambda: figure_1"), "left out in grading"),
    (rules.graded_cells_count_on_what_will_be_there, inserted(code("x = figure_1"), at=-1), "left out in grading"),
    (rules.graded_cells_count_on_what_will_be_there, inserted(code("torch = 3\nraise KeyError", "raises-exception")), None),
    (rules.graded_cells_count_on_what_will_be_there, appended("check-sum_b", "print(got2)"), None),
    (rules.graded_cells_count_on_what_will_be_there, appended("hidden-sum_a", "print(got)"), "may stop before it is defined"),
    (imports.lesson_imports_what_was_taught, appended("check-sum_a", "from course_lib.reference.attention import MultiHeadAttention"), "which lesson 06 teaches"),
    (imports.lesson_imports_what_was_taught, appended("check-sum_a", "from course_lib.reference import gpt"), "which lesson 08 teaches"),
    (imports.lesson_imports_what_was_taught, appended("check-sum_a", "import course_lib.reference.unheard_of"), "no lesson teaches"),
    (imports.lesson_imports_what_was_taught, appended("check-sum_a", "import course_lib.reference"), "no lesson teaches"),
    (imports.lesson_imports_what_was_taught, appended("check-sum_a", "from course_lib.grading import release"), "imports course_lib.grading.release"),
    (imports.lesson_imports_what_was_taught, appended("check-sum_a", "def f():\n    __import__('course_lib.grading.cli')"), "imports course_lib.grading.cli"),
    (imports.lesson_imports_what_was_taught, appended("check-sum_a", "import tests.graders"), "imports tests.graders"),
    (rules.outputs_are_fresh, lambda room: cell(room.source, "sum_b").update(execution_count=99), "not executed in order"),
    (rules.outputs_are_fresh, lambda room: cell(room.source, "sum_b").update(execution_count=None), "not executed in order"),
    (rules.outputs_are_fresh, with_output(new_output("error", ename="KeyError", evalue="", traceback=[])), "ends in an error: KeyError"),
    (rules.outputs_are_fresh, with_output(new_output("stream", name="stderr", text="Warning")), "writes on standard error"),
    (rules.outputs_are_fresh, with_output(new_output("stream", text="saved in /tmp/x/y.pt")), "a path of one machine: '/tmp/x'"),
    (rules.outputs_are_fresh, with_output(new_output("execute_result", {"text/plain": "PosixPath('/home/ada')"})), "a path of one machine"),
    (rules.outputs_are_fresh, with_output(new_output("stream", text=r"C:\Users")), "a path of one machine"),
    (rules.outputs_are_fresh, with_output(new_output("error", ename="E", evalue="", traceback=["File /usr/lib/x.py"]), tags=["raises-exception"]), "a path of one machine"),
    (rules.outputs_are_fresh, with_output(new_output("stream", text="100/100, 00:03 left")), "a time: '00:03'"),
    (rules.outputs_are_fresh, with_output(new_output("stream", text="done in 3.21 s")), "a time: '3.21 s'"),
    (rules.outputs_are_fresh, with_output(new_output("stream", text="12.5it/s")), "a time"),
    (rules.outputs_are_fresh, with_output(new_output("display_data", {"text/html": "<b>0.5 seconds</b>"})), "a time"),
    (rules.figures_are_shown_well, with_figure(lambda outputs: outputs.__setitem__(slice(None), figure(size=400))), "must stay below 60 KB"),
    (rules.figures_are_shown_well, with_figure(lambda outputs: outputs.__setitem__(slice(None), figure(alt="A line."))), "alt text should have"),
    (rules.figures_are_shown_well, with_figure(lambda outputs: outputs[0].metadata.clear()), "alt text should have"),
    (rules.figures_are_shown_well, with_figure(lambda outputs: outputs.pop(1)), "no caption"),
    (rules.figures_are_shown_well, with_figure(lambda outputs: outputs.reverse()), "no caption"),
    (rules.figures_are_shown_well, with_output(new_output("display_data", {"image/svg+xml": "<svg/>"})), "other means"),
    (rules.figures_are_shown_well, with_output(new_output("display_data", {"text/html": '<img src="data:…">'})), "other means"),
    (rules.figures_are_shown_well, inserted(code("plt.plot([1])\nplt.show()", "experiment")), "other means"),
    (leaks.no_secret_is_released, appended("sum_a", "    " + A_SOLUTION, in_release=True), "a part of the secret part of sum_a"),
    (leaks.no_secret_is_released, appended("check-sum_a", "total_a = total_a + value * value * 1", in_release=True), "secret part of sum_a"),
    (leaks.no_secret_is_released, appended("cell-2", "```\nassert sum_a([7,8,9]) == 194\n```", in_release=True), "secret part of hidden-sum_a"),
    (leaks.no_secret_is_released, appended("own-words", "each weight is positive and all of them sum to", in_release=True), "secret part of own-words"),
    (leaks.no_secret_is_released, appended("cell-2", 'answers[1] = "b"\nanswers[2] = "b"', in_release=True), "secret part of quiz"),
    (leaks.no_secret_is_released, appended("check-quiz", "# x\nReason = 'Reason 3 is an old story of the first kind.'", in_release=True), "the quiz key, question 3"),
    (leaks.no_secret_is_released, in_release(lambda release: release.cells.append(text("all of them: each weight is positive and all of them sum"))), "own-words"),
    (leaks.no_marker_or_output_is_released, appended("sum_a", "### BEGIN SOLUTION", in_release=True), "holds the marker '### BEGIN SOLUTION'"),
    (leaks.no_marker_or_output_is_released, appended("sum_a", "#> x = 3", in_release=True), "holds the marker '#>'"),
    (leaks.no_marker_or_output_is_released, set_in("sum_a", outputs=[new_output("stream", text="5")]), "output or an execution count"),
    (leaks.no_marker_or_output_is_released, set_in("sum_a", execution_count=3), "output or an execution count"),
    (leaks.no_marker_or_output_is_released, set_in("cell-2", attachments={"a.png": {}}), "attachments"),
    (leaks.no_marker_or_output_is_released, in_release(lambda release: release.metadata.update(widgets={})), "holds 'widgets'"),
    (leaks.no_marker_or_output_is_released, lambda room: room.source.metadata.update(widgets={}), "of the source holds 'widgets'"),
    (leaks.no_marker_or_output_is_released, with_metadata("sum_a", "execution", {"iopub.execute_input": "2026"}), "execution times"),
    (leaks.quiz_is_sealed, set_in("check-quiz", source=f"check_quiz(answers, {KEY!r})"), "not one call"),
    (leaks.quiz_is_sealed, lambda room: with_source("check-quiz", "cause 1", "reason 1")(room), "sealed form of the source's key"),
    (leaks.quiz_is_sealed, appended("check-quiz", f"key = {KEY!r}", in_release=True), "not one call"),
    (leaks.no_given_cell_shows_a_solution, inserted(code(f"def other(values):\n    {A_SOLUTION}", "experiment")), "shows a part of the solution of sum_a"),
    (leaks.no_given_cell_shows_a_solution, inserted(text(f"Steps:\n\n    {A_SOLUTION}")), "shows a part of the solution of sum_a"),
    (leaks.no_statements_repeat_a_solution, lambda room: (inserted(code(RENAMED, "experiment"))(room), room.release.cells.append(room.source.cells[3])), "body of the solution of sum_a"),
    (leaks.no_statements_repeat_a_solution, appended("check-sum_b", RENAMED, in_release=True), "body of the solution of sum_a"),
    (leaks.no_statements_repeat_a_solution, appended("check-sum_b", INLINE, in_release=True), "body of the solution of sum_a"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_lesson_keeps_the_rule(rule):
    assert rule(good_room()) == []


@pytest.mark.parametrize(("rule", "spoil", "words"), PROOFS, ids=[f"{place}-{rule.__name__}" for place, (rule, *_) in enumerate(PROOFS)])
def test_a_spoilt_lesson_breaks_the_rule(rule, spoil, words):
    room = good_room()
    spoil(room)
    violations = rule(room)
    if words is None:
        assert violations == []  # close to the border, and allowed
    else:
        assert any(words in sentence for sentence in violations), violations


def test_every_rule_has_a_proof():
    assert {rule for rule, _, words in PROOFS if words} == set(RULES)


def test_a_release_is_measured():
    assert "300 kB" in rules.cells_are_short(dataclasses.replace(good_room(), release_size=300_000))[0]


def test_a_draft_may_share_lines_with_its_solution():
    room = good_room()
    cell(room.source, "sum_a").source += "\n    #> total_a = 0\n    #> for value in values:\n    #>     total_a = total_a + value * value * 2\n    #> return total_a"
    room = dataclasses.replace(room, release=release_of(room.source))
    assert leaks.no_secret_is_released(room) == leaks.no_given_cell_shows_a_solution(room) == []


def test_a_name_of_a_changeable_cell_is_not_for_graded_cells():
    room = good_room()
    inserted(code("helper = 3"))(room)
    appended("check-sum_a", "print(helper)")(room)
    assert rules.graded_cells_count_on_what_will_be_there(room) == [
        "cell check-sum_a uses 'helper' of cell cell-3, which the student may change; make it a cell given=\"…\""
    ]


def test_an_object_that_a_check_makes_may_be_set_up():
    room = good_room()
    appended("check-sum_a", "oracle = torch.nn.Linear(2, 3)\noracle.bias = None")(room)
    assert rules.checks_only_call(room) == []


# Rules for the whole repository, on a small tree of files


@pytest.fixture
def tree(tmp_path) -> Path:
    for path in ("solutions/01-tokens/01-tokens.ipynb", "lessons/01-tokens/01-tokens.ipynb", "tests/graders/tokens.py"):
        write(tmp_path, path, "")
    for floor, content in {
        "data/digits": "import torch", "reference/gpt": "from course_lib.reference.attention import A", "grading/cli": "from course_lib.teaching.quiz import seal",
        "teaching/world": "from course_lib.data import world\nimport torch", "__init__": "", "grading/__init__": "", "teaching/__init__": "", "teaching/quiz": "seal = 1",
    }.items():
        write(tmp_path, f"course_lib/{floor}.py", content)
    return tmp_path


def write(root: Path, path: str, content: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content)


def test_a_good_tree_keeps_the_rules(tree):
    (tree / "lessons/01-tokens/.ipynb_checkpoints").mkdir()
    assert rules.rooms_are_named(tree) == imports.floors_are_kept(tree) == imports.grading_loads_no_model_code(tree) == []


@pytest.mark.parametrize(("path", "words"), [
    ("solutions/01-tokens/data.csv", "solutions/01-tokens/data.csv lies in the folder of a lesson"),
    ("lessons/01-tokens/01-tokens-Copy1.ipynb", "lies in the folder"),
    ("lessons/02-embeddings/02-embeddings.ipynb", "solutions/02-embeddings/02-embeddings.ipynb is missing"),
    ("solutions/02-embeddings/embeddings.ipynb", "02-embeddings.ipynb is missing"),
    ("solutions/03-x/03-x.ipynb", "tests/graders/x.py is missing"),
    ("solutions/01-words/01-words.ipynb", "two lessons have the number 01"),
    ("solutions/notes.md", "solutions/notes.md is not a folder called NN-topic"),
    ("lessons/Tokens/Tokens.ipynb", "lessons/Tokens is not a folder called NN-topic"),
])
def test_a_room_with_another_name(tree, path, words):
    write(tree, path, "")
    assert any(words in sentence for sentence in rules.rooms_are_named(tree))


@pytest.mark.parametrize(("path", "content", "words"), [
    ("data/x.py", "from course_lib.reference.gpt import GPT", "imports course_lib.reference.gpt.GPT"),
    ("data/x.py", "import course_lib.teaching.checks", "imports course_lib.teaching.checks"),
    ("data/x.py", "from course_lib import teaching", "imports course_lib.teaching"),
    ("data/x.py", "import course_lib", "imports course_lib"),
    ("data/x.py", "from ..teaching import checks", "imports course_lib.teaching.checks"),
    ("reference/x.py", "def f():\n    from course_lib.data.world import World", "imports course_lib.data.world.World"),
    ("reference/x.py", "from course_lib.teaching import train", "imports course_lib.teaching.train"),
    ("teaching/x.py", "import course_lib.reference.gpt as g", "imports course_lib.reference.gpt"),
    ("teaching/x.py", "from importlib import import_module\nimport_module('course_lib.grading.cli')", "imports course_lib.grading.cli"),
    ("teaching/x.py", "import importlib\nn = 1\nimportlib.import_module(f'course_lib.reference.{n}')", "imports course_lib.reference."),
    ("grading/x.py", "from course_lib.reference.gpt import GPT", "imports course_lib.reference.gpt.GPT"),
    ("grading/x.py", "def f():\n    import torch.nn", "imports torch.nn"),
    ("teaching/x.py", "import tests.graders", "imports tests.graders"),
    ("extra/x.py", "", "stands on no floor"),
    ("extra.py", "", "stands on no floor"),
])
def test_an_import_that_climbs(tree, path, content, words):
    write(tree, f"course_lib/{path}", content)
    assert any(words in sentence for sentence in imports.floors_are_kept(tree))


def test_torch_reached_through_others(tree):
    write(tree, "torch.py", "")
    write(tree, "course_lib/teaching/quiz.py", "import course_lib.teaching.helper\nseal = 1")
    write(tree, "course_lib/teaching/helper.py", "import torch")
    assert imports.grading_loads_no_model_code(tree) == ["importing course_lib.grading loads torch"]


def test_names_are_read_in_every_scope():
    source = "import a.b\nfrom c import d as e\nx = [y for y in z]\ndef f(p):\n    q = p + r\n    return lambda: q + s\nclass K:\n    t = u"
    assigned, imported, used = rooms.names_in(source)
    assert (assigned, imported) == ({"x", "f", "K"}, {"a", "e"}) and used & set("yzprqstu") == set("zrsu")
