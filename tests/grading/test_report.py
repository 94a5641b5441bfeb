"""The class report says what the gradebook and the autograded notebooks hold, about any class and whatever they hold."""

import json
import re
import shutil
import time
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from nbgrader.api import Grade, Gradebook, Student, SubmittedAssignment, SubmittedNotebook

from course_lib.grading import report
from course_lib.grading.cli import main
from course_lib.grading.report import (
    Check, Submission, discrimination, duration, exercises, histogram, mistakes, same_for_all, without_numbers, write_report,
)

# How nbgrader itself adds a submission.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

LESSON = "00-made-up"
EVIL = "<script>alert('x')</script>"
CELLS = {"check-mean": 1.0, "hidden-mean": 2.0, "check-sort": 2.0, "check-quiz": 2.0, "own-words": 1.0}
CHECKS = [Check("check-f", "f", "visible check", 1), Check("hidden-f", "f", "hidden tests", 1), Check("check-g", "g", "visible check", 2)]


def graded(name: str, outputs: list | None = None) -> dict:
    manual = name == "own-words"
    data = {"grade": True, "grade_id": name, "points": CELLS[name], "solution": manual, "locked": not manual, "schema_version": 3, "task": False}
    if manual:
        return {"cell_type": "markdown", "metadata": {"nbgrader": data}, "source": "words"}
    source = "check_quiz(answers, key)" if name == "check-quiz" else ""
    return {"cell_type": "code", "metadata": {"nbgrader": data}, "source": source, "outputs": outputs or [], "execution_count": 1}


def failed(sentence: str, name: str = "CheckFailed") -> list:
    return [{"output_type": "error", "ename": name, "evalue": sentence, "traceback": []}]


def quiz(*lines: str) -> list:
    return [{"output_type": "stream", "name": "stdout", "text": [line + "\n" for line in lines]}]


class Class:
    """A course folder with one lesson, in which the submissions that are added have been graded."""

    def __init__(self, root: Path, gradebook: Path):
        self.root = root
        shutil.copy(gradebook, root / "gradebook.db")
        self.write(root / "solutions" / LESSON, {})
        self.gradebook = Gradebook(f"sqlite:///{root / 'gradebook.db'}")
        self.assignment, self.cells = self.lesson(LESSON)

    def lesson(self, name: str) -> tuple:
        """A new lesson in the gradebook, and its graded cells."""
        assignment = self.gradebook.add_assignment(name, duedate=datetime(2026, 11, 8))
        self.gradebook.add_notebook(name, name)
        return assignment, [self.gradebook.add_grade_cell(cell, name, name, max_score=CELLS[cell], cell_type="code") for cell in CELLS]

    def write(self, folder: Path, outputs: dict, course: dict | None = None) -> None:
        folder.mkdir(parents=True)
        cells = [graded(name, outputs.get(name)) for name in CELLS]
        notebook = {"cells": cells, "metadata": {"course": course} if course else {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / f"{LESSON}.ipynb").write_text(json.dumps(notebook))

    def add(self, student: str, lost: dict | None = None, outputs: dict | None = None, *, waits=False, day=1, course: dict | None = None) -> None:
        """A submission with all points but those that are `lost`."""
        entry = SubmittedAssignment(assignment=self.assignment, student=Student(id=student), timestamp=datetime(2026, 11, day))
        notebook = SubmittedNotebook(notebook=self.assignment.notebooks[0], assignment=entry)
        for cell in self.cells:
            waiting = waits and cell.name == "own-words"
            Grade(cell=cell, notebook=notebook, auto_score=CELLS[cell.name] - (lost or {}).get(cell.name, 0), needs_manual_grade=waiting)
        self.gradebook.db.add(entry)
        self.write(self.root / "autograded" / student / LESSON, outputs or {}, course)

    def page(self) -> str:
        self.gradebook.db.commit()
        write_report(self.root, LESSON, self.root / "page.html")
        return (self.root / "page.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A new gradebook, without the seconds that nbgrader needs to number it."""
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    with pytest.MonkeyPatch.context() as patch:
        # nbgrader starts the program `alembic` to learn this number.
        patch.setattr("nbgrader.api.get_alembic_version", lambda: "made for a test")
        Gradebook(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory, empty) -> str:
    """The page about a class in which everything happens once."""
    room = Class(tmp_path_factory.mktemp("course"), empty)
    room.add("ada", waits=True, course={"judged": {"seconds": 2}})
    room.add("ben", dict(CELLS), {"check-mean": failed("", "NotImplementedError")}, course={"judged": {"seconds": 4.0}})
    wrong = "the mean of 3 numbers should be 1.5, but it is -2e-05"
    room.add("cora", {"check-mean": 1}, {"check-mean": failed(wrong)})
    slow = failed("Your code did not come to an end within 60 seconds.", "OutOfTime")
    room.add("dan", {"hidden-mean": 2}, {"hidden-mean": failed(wrong.replace("3", "12").replace("1.5", "7")), "check-sort": slow}, day=12)
    limit = "The cell sort did not end within 60 seconds."
    noted = {"report": ["The cell x was missing and was put back.", limit], "judged": {"limits": [limit]}}
    room.add("eva", {"check-sort": 2}, {"check-sort": failed("'a'", "KeyError")}, course=noted)
    room.add(EVIL, {"check-quiz": 1}, {"check-quiz": quiz("1  a  right: yes", "2  b  not right: <b>no</b>")},
             course={"judged": {"interference": [{"cell": "mean", "evidence": f"patched {EVIL}"}]}})
    room.add("finn", dict(CELLS), course={"report": ["The file handed in cannot be read as a notebook: it is empty."]})
    return room.page()


class Text(HTMLParser):
    """The visible text of a page, and every element with an end that it opens and does not close."""

    def __init__(self, page: str):
        super().__init__()
        self.words, self.open = [], []
        self.feed(page)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.open += [tag] * (tag not in ("meta", "rect", "path"))

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += [data] * (self.open[-1:] not in (["style"], ["title"]))


def test_the_page_answers_in_order(small):
    text = Text(small).text
    parts = ["How did it go?", "What was hard?", "What did they misunderstand?", "Who needs a look?"]
    places = [text.rindex(part) for part in parts]
    assert places == sorted(places)
    assert "7 students handed in; the gradebook knows 7. 1 of the files could not be read" in text
    assert "has 6.5 of 8 points" in text
    assert "1 answer to own-words (up to 1 point each) waits" in text
    assert "Judging took 3 seconds a submission (the median) and 6 seconds in all" in text


def test_one_mistake_with_different_numbers_is_counted_once(small):
    text = Text(small).text
    assert text.count("the mean of 3 numbers should be 1.5") == 1 and "the mean of 12 numbers" not in text
    assert "(numbers differ)" in text and "cora, dan" in text
    assert "Question 2, answered b: <b>no</b>" in text
    assert "sort did not come to an end in time dan" in text
    assert "KeyError" in text and "'a'" not in text


def test_who_needs_a_look(small):
    look = Text(small).text.split("Tried to interfere")[1]
    assert "patched <script>" in look
    assert "The cell sort did not end within 60 seconds. 1 student: eva" in look
    assert "cannot be read as a notebook: it is empty. 1 student: finn" in look
    assert look.count("did not end within") == 1
    assert "dan , by 4 days" in look
    assert "Earned no point: 1 ben" in look
    assert "The cell x was missing and was put back. 1 student: eva" in look


def test_text_from_outside_stays_text_and_nothing_is_loaded(small):
    page = Text(small)
    assert page.open == []  # the page is well formed
    assert "<script" not in small and "<b>no" not in small
    assert "default-src 'none'" in small
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import|https?://", small)


def test_a_class_without_a_readable_submission(tmp_path, empty):
    room = Class(tmp_path, empty)
    room.add("ada")
    (tmp_path / "autograded" / "ada" / LESSON / f"{LESSON}.ipynb").write_text("[]")
    text = Text(room.page()).text
    assert "No submission could be read." in text and "autograded notebook cannot be read" in text


def test_metadata_of_a_wrong_type_end_nothing(tmp_path, empty):
    room = Class(tmp_path, empty)
    room.add("ada", course={"report": "no list", "judged": {"seconds": "long", "limits": {"a": 1}, "interference": ["no dict", {"cell": 3}]}})
    room.add("ben", course={"judged": [1]})
    assert "ada" in room.page()


def test_what_is_missing_is_said(tmp_path, empty):
    with pytest.raises(FileNotFoundError, match="no gradebook"):
        report.read_submissions(tmp_path, LESSON)
    Class(tmp_path, empty)
    for lesson in (LESSON, "99-none"):
        with pytest.raises(ValueError, match=f"no submission of {lesson} has been graded"):
            write_report(tmp_path, lesson, tmp_path / "page.html")


def test_the_command_writes_the_page(tmp_path, empty, monkeypatch, capsys):
    room = Class(tmp_path, empty)
    room.add("ada")
    room.gradebook.db.commit()
    monkeypatch.chdir(tmp_path)
    assert main(["report", LESSON]) == 0
    assert (tmp_path / "report" / f"{LESSON}.html").exists() and "1 submissions" in capsys.readouterr().out
    assert main(["report", "99-none"]) == 1
    assert "there is no lesson 99-none" in capsys.readouterr().err


@pytest.mark.parametrize(("one", "other", "same"), [
    ("should be 3, but it is -1.5e-07", "should be 12, but it is nan", True),
    ("shape (2, 3), but it has shape (2,)", "shape (4,), but it has shape (1, 2, 3)", True),
    ("should be float32", "should be float64", False),
    ("summed over dim 0", "summed down dim 0", False),
    ("you wrote x1", "you wrote x2", False),
])
def test_sentences_that_differ_in_numbers_only(one, other, same):
    assert (without_numbers(one) == without_numbers(other)) is same


def test_discrimination_is_the_corrected_correlation():
    points, others = [0, 1] * 15, [0, 0, 1] * 10
    r = discrimination(points, [p + o for p, o in zip(points, others)])
    covariance, p, q = 0.25, 0.25, 2 / 9  # independent: cov(x, x + y) = var(x)
    assert r == pytest.approx(covariance / (p * (p + q)) ** 0.5)
    assert discrimination([1.0] * 30, others) is None
    assert discrimination(points[:19], others[:19]) is None


def test_the_exercise_itself_is_no_part_of_the_others():
    people = [Submission(str(n), points={"check-f": n % 2, "hidden-f": n % 2, "check-g": 2 * (n // 2 % 2)}) for n in range(40)]
    f, g = exercises(CHECKS, people)
    assert f.discrimination == pytest.approx(0) and g.discrimination == pytest.approx(0)
    assert (f.solved, f.mean, f.possible) == (0.5, 0.5, 2)


def test_points_that_wait_are_no_part_of_the_numbers():
    people = [Submission("ada", points={"check-f": 1}, waiting={"check-g"}), Submission("ben", points={"check-f": 0.5, "hidden-f": 1})]
    f, g = exercises(CHECKS, people)
    assert (f.solved, f.mean) == (0, pytest.approx(0.625))
    assert (g.solved, g.mean, g.waiting) == (None, None, 1)
    assert same_for_all(CHECKS, people) == ([], [])


def test_checks_that_tell_nobody_apart():
    people = [Submission(name, points={"check-f": 1, "hidden-f": 0.5}) for name in "ab"]
    nobody, everybody = same_for_all(CHECKS, people)
    assert [check.name for check in nobody] == ["check-f"]
    assert [check.name for check in everybody] == ["hidden-f", "check-g"]


def test_a_student_counts_once_for_a_mistake():
    said = {"check-f": [("CheckFailed", "f of 2")], "hidden-f": [("CheckFailed", "f of 7"), ("ValueError", "x")]}
    found = mistakes(CHECKS, [Submission("ada", failures=said)], lambda error: error == "CheckFailed")
    assert [(entry.exercise, entry.students) for entry in found] == [("f", {"ada"})]


def test_the_most_frequent_mistake_comes_first():
    said = {"ada": "seldom", "ben": "often", "cora": "often"}
    people = [Submission(name, failures={"check-f": [("CheckFailed", sentence)]}) for name, sentence in said.items()]
    assert [entry.example for entry in mistakes(CHECKS, people, lambda error: True)] == ["often", "seldom"]


def test_another_lesson_in_the_gradebook_changes_nothing(tmp_path, empty):
    room = Class(tmp_path, empty)
    room.add("ada", dict(CELLS))
    room.assignment, room.cells = room.lesson("01-other")
    room.add("ben")
    room.gradebook.db.commit()
    (ada,), students = report.read_submissions(tmp_path, LESSON)
    assert (ada.student, ada.earned_nothing, students) == ("ada", True, 2)


def test_an_answer_left_as_it_was_released_is_not_begun(tmp_path, empty):
    room = Class(tmp_path, empty)
    draft, done = "def mean(x): return sum(x)", "def mean(x): return sum(x) / len(x)"
    for student, source, folder in (("", draft, "lessons"), ("ada", draft, ""), ("ben", done, ""), ("cora", draft + "\n", "")):
        if student:
            room.add(student, {"check-mean": 1})
        path = tmp_path / (folder or f"autograded/{student}") / LESSON / f"{LESSON}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        notebook = json.loads(path.read_text()) if student else {"cells": []}
        cell = {"cell_type": "code", "metadata": {"nbgrader": {"grade": False, "solution": True, "grade_id": "mean"}}, "source": source, "outputs": []}
        path.write_text(json.dumps(notebook | {"cells": [cell, *notebook["cells"]]}))
    room.gradebook.db.commit()
    submissions, _ = report.read_submissions(tmp_path, LESSON)
    assert [entry.untouched for entry in submissions] == [{"mean"}, set(), {"mean"}]
    assert exercises(report.read_checks(tmp_path, LESSON), submissions)[0].not_begun == 2


def test_bars_and_durations():
    assert histogram([0, 0.99, 1, 5, 9.999, 10, 12], 10) == [2, 1, 0, 0, 0, 1, 0, 0, 0, 3]
    assert [duration(s) for s in (0.25, 1.9, 75, 7200, 1e6)] == ["0.25 seconds", "1.9 seconds", "75 seconds", "2 hours", "11.6 days"]


@pytest.mark.slow
def test_a_class_of_a_thousand(tmp_path, empty):
    room = Class(tmp_path, empty)
    make_large_class(room, 1000)
    begin = time.process_time()
    page = room.page()
    assert time.process_time() - begin < 20
    assert len(page.encode()) < 1_000_000
    assert "more sentences" in Text(page).text


def make_large_class(room: Class, size: int) -> None:
    """Everybody misbehaves in every way, with sentences of their own: the largest page that a class can cause."""
    for number in range(size):
        name = f"student-with-a-long-name-{number:04d}"
        said = {cell: failed(f"a sentence of {name} " * 20) for cell in ("check-mean", "hidden-mean", "check-sort")}
        evidence = [{"cell": "mean", "evidence": f"{name} & " * 100}] * 20
        judged = {"seconds": number / 100, "limits": [f"limit of {name} " * 20] * 3, "interference": evidence}
        lost = {cell: number % 3 for cell in ("check-sort",)}
        room.add(name, lost, said, waits=number % 2 == 0, day=20, course={"report": [f"repair of {name} " * 20] * 3, "judged": judged})
