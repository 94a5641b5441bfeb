"""A verdict in a notebook: what a graded cell is worth that passed, failed, warned or did not run; and what is graded again."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import determine_grade
from traitlets.config import Config

from course_lib.grading.engine import make_task
from course_lib.grading.judge import Verdict, crashed
from course_lib.grading.limits import Limits
from course_lib.grading.submission import SaveGradesAtOnce, TrustOutputs, apply, fingerprint, unfinished
from tests.grading.small_course import LESSON, answered, hand_in, make_course, source

FAILED = {"output_type": "error", "ename": "CheckFailed", "evalue": "double: wrong", "traceback": ["Check failed"]}
WARNED = {"output_type": "stream", "name": "stderr", "text": "UserWarning: careful"}


def grades(verdict: Verdict) -> list[float]:
    """The points of the check and of the hidden tests."""
    notebook = answered("...")
    task = make_task(notebook, source(), {}, Limits())
    apply(verdict, task, notebook)
    notebook, _ = TrustOutputs().preprocess(notebook, {})
    return [determine_grade(cell)[0] for cell in notebook.cells[2:]]


def test_passed_failed_and_warned():
    assert grades(Verdict({2: [], 3: []})) == [1, 2]
    assert grades(Verdict({2: [], 3: [FAILED]})) == [1, 0]
    assert grades(Verdict({2: [WARNED], 3: [WARNED, FAILED]})) == [1, 0]


def test_a_cell_without_a_verdict_earns_nothing():
    assert grades(Verdict({})) == [0, 0]
    broken = crashed(make_task(answered("..."), source(), {}, Limits()).cells, "it broke")
    assert grades(broken) == [0, 0] and broken.stopped and not Verdict().stopped


def test_what_was_found_stands_in_the_notebook():
    notebook = answered("...")
    verdict = Verdict({}, ["Something was cut."], ["A limit."], [{"cell": "double", "evidence": "os._exit(0)"}], 2.5)
    apply(verdict, make_task(notebook, source(), {}, Limits()), notebook)
    course = notebook.metadata["course"]
    assert course["report"] == ["Something was cut."]
    assert course["judged"]["limits"] == ["A limit."]
    assert course["judged"]["interference"] == [{"cell": "double", "evidence": "os._exit(0)"}]
    assert course["judged"]["seconds"] == 2.5


@pytest.fixture
def course(tmp_path):
    return CourseDirectory(config=Config({"CourseDirectory": {"root": str(make_course(tmp_path)), "source_directory": "solutions"}}))


def graded(course, student: str, **judged) -> None:
    """Write what grading `student` to its end leaves behind."""
    folder = Path(course.root) / "autograded" / student / LESSON
    folder.mkdir(parents=True)
    notebook = answered("...")
    notebook.metadata["course"] = {"judged": judged}
    nbformat.write(notebook, folder / f"{LESSON}.ipynb")


def test_what_was_not_graded_to_its_end_is_graded_again(course, tmp_path):
    for student in ("done", "half", "torn", "changed"):
        hand_in(tmp_path, student, "def double(x): return 2 * x")
        graded(course, student, **({} if student == "half" else {"fingerprint": fingerprint(course, student, LESSON)}))
    assert unfinished(course, LESSON) == ["half"]
    path = tmp_path / "autograded" / "torn" / LESSON / f"{LESSON}.ipynb"
    path.write_text(path.read_text()[:100])
    hand_in(tmp_path, "changed", "def double(x): return x + x")
    assert unfinished(course, LESSON) == ["changed", "half", "torn"]
    lesson = source()
    lesson.cells[2].source += "\n# stricter"
    nbformat.write(lesson, tmp_path / "solutions" / LESSON / f"{LESSON}.ipynb")
    assert unfinished(course, LESSON) == ["changed", "done", "half", "torn"]


def test_marks_are_saved_in_one_step(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=":")  # nbgrader starts the program `alembic` by name
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with Gradebook(url) as gradebook:
        gradebook.add_assignment(LESSON)
        gradebook.add_notebook(LESSON, LESSON)
        for name, points in (("check-double", 1), ("hidden-double", 2)):
            gradebook.add_grade_cell(name, LESSON, LESSON, max_score=points, cell_type="code")
        gradebook.add_solution_cell("double", LESSON, LESSON)
        for cell in source().cells:
            gradebook.add_source_cell(cell.metadata.nbgrader.grade_id, LESSON, LESSON, cell_type="code")
        gradebook.add_student("ada")
        gradebook.add_submission(LESSON, "ada")
    names = {"nbgrader": {"notebook": LESSON, "assignment": LESSON, "student": "ada", "db_url": url}}

    def score() -> float:
        with Gradebook(url) as gradebook:
            return gradebook.find_submission(LESSON, "ada").score

    notebook = answered("...")
    seen = []
    step = SaveGradesAtOnce()
    add = step._add_score
    monkeypatch.setattr(step, "_add_score", lambda cell, resources: (add(cell, resources), seen.append(score())))
    step.preprocess(notebook, names)
    assert seen == [0, 0] and score() == 3
