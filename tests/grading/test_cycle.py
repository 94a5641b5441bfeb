"""The instructor's cycle on the demo class, with stock nbgrader commands: every score is the one that is deserved."""

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from course_lib.grading.cycle import Score, grade, of_other_lessons, read_scores, table
from tests.graders.demo_class import make_class, write_export

ROOT = Path(__file__).resolve().parents[2]
LESSON = "00-start-here"


def test_the_table_adds_up():
    scores = [Score("ada", {"f": 2, "g": 0.5}, {"f": 2, "g": 1}, ["late by 3.0 hours"]), Score("benjamin", {"f": 0, "g": 0}, {"f": 2, "g": 1})]
    assert table(scores).splitlines() == [
        "student   f    g      total  notes",
        "ada       2/2  0.5/1  2.5/3  late by 3.0 hours",
        "benjamin  0/2  0/1    0/3",
    ]
    assert table([]) == "No submission has been graded."


def test_a_class_that_handed_in_another_lesson_is_noticed():
    notes = {"a": "01-tokens", "b": "01-tokens", "c": "02-embeddings"}
    scores = [Score(name, {}, {}, ["late by 2.0 hours", f"This is the notebook of the lesson {lesson}. Nothing in it could be graded for 00-x."]) for name, lesson in notes.items()]
    others = [Score(name, {}, {}, []) for name in "defgh"]
    assert of_other_lessons(scores + others) == {"01-tokens": 2}
    assert of_other_lessons(others) == {}


def test_a_missing_lesson_or_export_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no lesson '99-none'"):
        grade(ROOT, "99-none", tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        grade(ROOT, LESSON, tmp_path / "nowhere")


@pytest.mark.slow
def test_an_export_without_a_submission_is_said(tmp_path):
    shutil.copytree(ROOT / "solutions" / LESSON, tmp_path / "solutions" / LESSON)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(ValueError, match="no notebook of 00-start-here was found in"):
        grade(tmp_path, LESSON, tmp_path / "readme.txt")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder of its own, in which the demo class has been graded."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "solutions" / LESSON, root / "solutions" / LESSON)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    write_export(LESSON, root / "export")
    grade(root, LESSON, root / "export", due="2026-11-08 18:00 UTC")
    return root


@pytest.mark.slow
def test_every_score_is_the_one_that_is_deserved(course):
    scores = {score.student: score for score in read_scores(course, LESSON)}
    deserved = {person: student.deserves for person, student in make_class(LESSON).items()}
    earned = {person: {name: score.points[name] for name in deserved[person]} for person, score in scores.items()}
    assert earned == deserved
    assert "cannot be read as a notebook" in scores["ines"].notes[0]
    assert any("was missing and was put back" in note for note in scores["hugo"].notes)
    assert any("more than once" in note for note in scores["hugo"].notes)
    assert scores["jan"].notes[0] == "late by 11.7 days"
    assert not scores["gita"].notes


@pytest.mark.slow
def test_grades_csv_holds_the_class(course):
    with open(course / "grades.csv", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    for score in read_scores(course, LESSON):
        assert float(rows[score.student]["score"]) == score.total


@pytest.mark.slow
def test_feedback_names_the_mistake_and_what_was_put_right(course):
    page = {person: (course / "feedback" / person / LESSON / f"{LESSON}.html").read_text() for person in ("dan", "hugo", "ines")}
    assert "subtract the largest logit" in page["dan"]
    assert "was missing and was put back" in page["hugo"]
    assert "cannot be read as a notebook" in page["ines"]


@pytest.mark.slow
def test_feedback_shows_no_hidden_test(course):
    solution = nbformat.read(ROOT / "solutions" / LESSON / f"{LESSON}.ipynb", as_version=4)
    hidden = [cell.source.split("### BEGIN HIDDEN TESTS")[1] for cell in solution.cells if "BEGIN HIDDEN TESTS" in cell.source]
    words = {word for text in hidden for word in re.findall(r"[a-z_]{6,}", text)}
    words -= set(re.findall(r"[a-z_]{6,}", "\n".join(cell.source.split("### BEGIN HIDDEN TESTS")[0] for cell in solution.cells)))
    assert words
    for page in (course / "feedback").glob("*/*/*.html"):
        found = [word for word in words if word in re.sub(r"<style.*?</style>|<script.*?</script>", "", page.read_text(), flags=re.S)]
        assert not found, page


@pytest.mark.slow
def test_experiments_are_not_run(course):
    cells = nbformat.read(course / "autograded" / "ada" / LESSON / f"{LESSON}.ipynb", as_version=4).cells
    experiments = [cell for cell in cells if "experiment" in cell.metadata.get("tags", [])]
    assert experiments and all(cell.execution_count is None for cell in experiments)


@pytest.mark.slow
def test_an_answer_in_words_is_marked_by_hand(course):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        answer = gradebook.find_grade("own-words", LESSON, LESSON, "ada")
        assert answer.needs_manual_grade and answer.score == 0
        answer.manual_score, answer.needs_manual_grade = 1, False
        gradebook.db.commit()
    ada = next(score for score in read_scores(course, LESSON) if score.student == "ada")
    assert ada.points["own-words"] == 1
    assert not any("waits" in note for note in ada.notes)
    assert next(score for score in read_scores(course, LESSON) if score.student == "ben").points["own-words"] == 0


@pytest.mark.slow
def test_the_formgrader_opens(course):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "server", f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token=t"]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(course / "config")}
    server = subprocess.Popen(command, cwd=course, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        page = _fetch(f"http://127.0.0.1:{port}/formgrader/manage_submissions/{LESSON}?token=t")
        submissions = _fetch(f"http://127.0.0.1:{port}/formgrader/api/submissions/{LESSON}?token=t")
    finally:
        server.terminate()
        server.wait()
    assert "formgrader" in page.lower()
    students = {entry["student"]: entry for entry in json.loads(submissions)}
    assert set(students) == set(make_class(LESSON))
    assert all(entry["autograded"] for entry in students.values())


def _fetch(address: str, seconds: float = 60) -> str:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address) as reply:
                return reply.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
