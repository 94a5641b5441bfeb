"""`course grade`: the instructor's cycle with stock nbgrader commands, and the table of scores."""

import multiprocessing
import os
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry

from course_lib.grading import sandbox
from course_lib.grading.classroom import Classroom
from course_lib.grading.collect import unpack_export
from course_lib.grading.repair import OTHER_LESSON
from course_lib.grading.store import only_one


@dataclass(frozen=True)
class Score:
    """One student's result: points earned and possible by exercise, and what the instructor should know."""

    student: str
    points: dict[str, float]
    possible: dict[str, float]
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        """Points earned so far; answers that a person must read count when they have been read."""
        return sum(self.points.values())


@dataclass(frozen=True)
class Means:
    """What grading may use: judges at once on this machine, or a Dask cluster; and whether unprotected if it must be."""

    workers: int = os.cpu_count() or 1
    scheduler: str | None = None
    unprotected: bool = False


def grade(root: Path, lesson: str, export: Path, due: str | None = None, means: Means = Means()) -> list[Score]:
    """Generate, collect, autograde and give feedback in the course folder `root`; also writes `grades.csv` there.

    Stopped at any point and called again, it goes on where it was.

    Parameters
    ----------
    export: a folder, a zip or a notebook as a learning platform exports it.
    due: when the lesson was due, for example "2026-11-08 18:00 UTC"; kept in the gradebook.

    Raises FileNotFoundError for a missing lesson or export, ValueError for an export without a submission, RuntimeError if an nbgrader command fails as a whole. One
    submission that cannot be read or run stops nobody. `sandbox.Unprotected` where students' code could do harm here, `store.Busy` where another
    run is at work in `root`.
    """
    if not (root / "solutions" / lesson / f"{lesson}.ipynb").exists():
        raise FileNotFoundError(f"there is no lesson {lesson!r} in {root / 'solutions'}")
    if not export.exists():
        raise FileNotFoundError(f"there is no file or folder {export}")
    sandbox.require(means.unprotected)
    with only_one(root):
        _grade(root, lesson, export, due, means)
    return read_scores(root, lesson)


def read_scores(root: Path, lesson: str) -> list[Score]:
    """The scores of all students who handed in, from the gradebook in `root`."""
    with Gradebook(f"sqlite:///{(root / 'gradebook.db').resolve()}") as gradebook:
        try:
            submissions = gradebook.assignment_submissions(lesson)
        except MissingEntry:
            return []
        scores = [_score(root, lesson, submission) for submission in submissions]
    return sorted(scores, key=lambda score: score.student)


def table(scores: list[Score]) -> str:
    """The scores as text: a row for each student, a column for each exercise."""
    if not scores:
        return "No submission has been graded."
    exercises = list(scores[0].possible)
    head = ["student", *exercises, "total", "notes"]
    rows = [
        [score.student, *(_fraction(score.points[name], score.possible[name]) for name in exercises),
         _fraction(score.total, sum(score.possible.values())), "; ".join(score.notes)]
        for score in scores
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *rows])


def of_other_lessons(scores: list[Score]) -> dict[str, int]:
    """The other lessons that at least a quarter of the class handed in instead, and how many did."""
    found = Counter(match[1] for score in scores for note in score.notes if (match := re.match(rf"{OTHER_LESSON} ([\w-]+)\.", note)))
    return {name: count for name, count in found.items() if 4 * count >= len(scores)}


def _grade(root: Path, lesson: str, export: Path, due: str | None, means: Means) -> None:
    # Before nbgrader clears any folder: the export may lie inside one of them.
    archive = root / "downloaded" / lesson / "archive"
    shutil.rmtree(root / "downloaded" / lesson, ignore_errors=True)
    archive.mkdir(parents=True)
    for sentence in unpack_export(export, archive):
        print(f"  {sentence}")
    _nbgrader(root, "generate_assignment", lesson, "--force")
    if due:
        _nbgrader(root, "db", "assignment", "add", lesson, f"--duedate={due}")
    _nbgrader(root, "zip_collect", lesson, "--force")
    if not list((root / "submitted").glob(f"*/{lesson}/{lesson}.ipynb")):
        raise ValueError(f"no notebook of {lesson} was found in {export}: a file's name or folder must tell the student, see README.md")
    judge_and_mark(root, lesson, means)
    _nbgrader(root, "generate_feedback", lesson, "--force")
    _nbgrader(root, "export", "--to", "grades.csv")


def judge_and_mark(root: Path, lesson: str, means: Means) -> None:
    """Judge what waits in `submitted/` and write the marks, both at once: `nbgrader autograde` takes each verdict as it comes.

    Raises RuntimeError if `nbgrader autograde` fails.
    """
    room = Classroom(root, lesson, means.unprotected)
    students = room.waiting()
    with room.store.being_filled():
        marking = _start_nbgrader(root, "autograde", lesson, *(["--JudgeSubmission.unprotected=True"] if means.unprotected else []))
        try:
            room.judge(students, means.workers, means.scheduler)
        except BaseException:
            marking.terminate()
            marking.join()
            raise
    _finish_nbgrader(root, "autograde", marking)


def _nbgrader(root: Path, *arguments: str) -> None:
    _finish_nbgrader(root, arguments[0], _start_nbgrader(root, *arguments))


def _start_nbgrader(root: Path, *arguments: str) -> multiprocessing.Process:
    print("$ nbgrader", *arguments, flush=True)
    # Forked from one server that has imported nbgrader: the import takes seconds, and there are five commands.
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["nbgrader.apps.nbgraderapp", "course_lib.grading.plugins"])
    process = server.Process(target=_run_nbgrader, args=(root.resolve(), list(arguments), _log(root, arguments[0]), dict(os.environ)))
    process.start()
    return process


def _finish_nbgrader(root: Path, command: str, process: multiprocessing.Process) -> None:
    process.join()
    log = _log(root, command)
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    for why, file in re.findall(r"(Not collected, since [^:]*): (.*)", said):
        print(f"  {why}: {Path(file).name}")
    if process.exitcode != 0:
        lines = [line for line in said.splitlines() if "ERROR" in line] or said.splitlines()
        raise RuntimeError(f"nbgrader {command} failed; the whole log is {log}\n" + "\n".join(lines[-3:]))
    log.unlink()


def _log(root: Path, command: str) -> Path:
    return root.resolve() / f"nbgrader-{command}.log"


def _run_nbgrader(root: Path, arguments: list[str], log: Path, environment: dict[str, str]) -> None:
    """One command of nbgrader, in a process of its own; what it says goes to `log`."""
    from nbgrader.apps.nbgraderapp import main

    os.chdir(root)
    os.environ.update(environment)  # as it is now: the server keeps that of its start
    with open(log, "w", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        sys.argv = ["nbgrader", *arguments]
        main()


def _score(root: Path, lesson: str, submission) -> Score:
    points: dict[str, float] = {}
    possible: dict[str, float] = {}
    unread = []
    grades = {grade.name: grade for notebook in submission.notebooks for grade in notebook.grades}
    for name in _graded_in_order(root, lesson):
        exercise = re.sub("^(check|hidden)-", "", name)
        points[exercise] = points.get(exercise, 0) + grades[name].score
        possible[exercise] = possible.get(exercise, 0) + grades[name].max_score
        if grades[name].needs_manual_grade:
            unread.append(f"{exercise} waits to be read")
    late = submission.total_seconds_late
    notes = [f"late by {_duration(late)}"] if late > 0 else []
    return Score(submission.student_id, points, possible, notes + _reports(root, lesson, submission.student_id) + unread)


def _graded_in_order(root: Path, lesson: str) -> list[str]:
    cells = nbformat.read(root / "solutions" / lesson / f"{lesson}.ipynb", as_version=4).cells
    return [cell.metadata.nbgrader.grade_id for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]


def _reports(root: Path, lesson: str, student: str) -> list[str]:
    path = root / "autograded" / student / lesson / f"{lesson}.ipynb"
    if not path.exists():
        return ["nothing was graded: see the log of nbgrader autograde"]
    return list(nbformat.read(path, as_version=4).metadata.get("course", {}).get("report", []))


def _fraction(points: float, possible: float) -> str:
    return f"{points:g}/{possible:g}"


def _duration(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
