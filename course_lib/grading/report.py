"""`course report`: one HTML page about how a class did in a lesson, from the gradebook and the autograded notebooks.

The page needs nothing beside itself: no script, no font and no style from elsewhere. Whatever a submission says is
text from outside and is escaped by the template (`templates/report.html.j2`).
"""

import json
import math
import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import jinja2
from nbgrader.api import Assignment, BaseCell, Gradebook, Grade, MissingEntry, Student, SubmittedAssignment, SubmittedNotebook

from course_lib.grading.feedback import exercise_of, kind_of, quiz_answers

#: Below this number of submissions a correlation says next to nothing: its standard error is about 1 / sqrt(n - 1).
FEWEST_FOR_DISCRIMINATION = 20
_LONGEST_TEXT = 300
_MOST_ROWS = 60
_ROUNDING = 1e-9
_ERRORS = {  # the judge's own
    "OutOfTime": "did not come to an end in time",
    "ProcessDied": "ended the Python process",
    "NoAnswer": "gave back no value that a check can read",
    "NotRun": "was not run, since time or the Python process had come to an end",
}
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|nan|inf)(?!\w)")


@dataclass(frozen=True)
class Check:
    """One graded cell of the lesson; `kind` is "visible check", "hidden tests" or "read by a person"."""

    name: str
    exercise: str
    kind: str
    possible: float


@dataclass
class Submission:
    """What gradebook and autograded notebook say about one student's work."""

    student: str
    seconds_late: float = 0.0
    points: dict[str, float] = field(default_factory=dict)  # check -> points
    waiting: set[str] = field(default_factory=set)  # checks that a person has yet to mark
    readable: bool = False
    untouched: set[str] = field(default_factory=set)  # exercises whose cell is as it was released
    failures: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # check -> (name of the error, its sentence)
    seconds: float | None = None
    limits: list[str] = field(default_factory=list)
    interference: list[tuple[str, str]] = field(default_factory=list)  # cell, evidence
    repairs: list[str] = field(default_factory=list)

    @property
    def earned_nothing(self) -> bool:
        """Not a single point so far."""
        return not any(self.points.values())

    def earned(self, checks: Iterable[Check]) -> float:
        """Points in these checks; one that waits to be marked counts 0."""
        return sum(self.points.get(check.name, 0.0) for check in checks)


def write_report(root: Path, lesson: str, target: Path) -> int:
    """Write the page about `lesson` in the course folder `root` to the file `target`; return the number of submissions.

    Raises FileNotFoundError if there is no gradebook, ValueError if nobody's submission of the lesson was graded.
    """
    submissions, students = read_submissions(root, lesson)
    checks = read_checks(root, lesson)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render(lesson, checks, submissions, students), encoding="utf-8")
    return len(submissions)


# Reading


def read_checks(root: Path, lesson: str) -> list[Check]:
    """The graded cells of the lesson's source, in its order."""
    notebook = json.loads((root / "solutions" / lesson / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    graded = [cell["metadata"]["nbgrader"] for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade")]
    return [Check(data["grade_id"], exercise_of(data["grade_id"]), kind_of(data), float(data["points"])) for data in graded]


def read_submissions(root: Path, lesson: str) -> tuple[list[Submission], int]:
    """All submissions of the lesson by name of the student, and how many students the gradebook knows."""
    path = root / "gradebook.db"
    if not path.exists():
        raise FileNotFoundError(f"there is no gradebook in {root}: nothing was graded there")
    with Gradebook(f"sqlite:///{path.resolve()}") as gradebook:
        try:
            handed_in = gradebook.assignment_submissions(lesson)
        except MissingEntry:
            handed_in = []
        found = {entry.student_id: Submission(entry.student_id, seconds_late=entry.total_seconds_late) for entry in handed_in}
        students = gradebook.db.query(Student).count()
        for student, name, score, waits in _grades(gradebook, lesson):
            found[student].points[name] = score or 0.0
            found[student].waiting |= {name} if waits else set()
    if not found:
        raise ValueError(f"no submission of {lesson} has been graded in {root}")
    released = _answers(root / "lessons" / lesson / f"{lesson}.ipynb")
    for submission in found.values():
        _add_notebook(submission, root / "autograded" / submission.student / lesson / f"{lesson}.ipynb", released)
    return [found[student] for student in sorted(found)], students


def _grades(gradebook: Gradebook, lesson: str) -> list[tuple]:
    """All grades of a lesson in one query: asking for each student's would take minutes in a large class."""
    columns = SubmittedAssignment.student_id, BaseCell.name, Grade.score, Grade.needs_manual_grade
    query = gradebook.db.query(*columns).select_from(Grade).join(BaseCell, BaseCell.id == Grade.cell_id)
    query = query.join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
    query = query.join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
    return query.join(Assignment, Assignment.id == SubmittedAssignment.assignment_id).filter(Assignment.name == lesson).all()


def _answers(path: Path) -> set[tuple[str, str]]:
    """(grade_id, source) of the cells that students fill in, as the notebook at `path` has them; none where it is not there."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"] if path.exists() else []
    return {found for cell in cells if (found := _answer(cell)) is not None}


def _answer(cell: dict) -> tuple[str, str] | None:
    data, source = cell.get("metadata", {}).get("nbgrader", {}), cell.get("source", "")
    if not data.get("solution") or data.get("grade"):
        return None
    return data["grade_id"], (source if isinstance(source, str) else "".join(source)).strip()


def _add_notebook(submission: Submission, path: Path, released: set[tuple[str, str]]) -> None:
    try:
        notebook = json.loads(path.read_bytes())
        course, cells = _dict(notebook["metadata"].get("course")), notebook["cells"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        submission.repairs = [f"Its autograded notebook cannot be read ({type(error).__name__}): see the log of nbgrader autograde."]
        return
    submission.repairs = _texts(course.get("report"))
    # Such a submission was graded as an empty notebook; its zeros say nothing about the exercises.
    submission.readable = not any("cannot be read" in sentence for sentence in submission.repairs)
    _add_judgement(submission, _dict(course.get("judged")))
    submission.repairs = [sentence for sentence in submission.repairs if sentence not in submission.limits]
    for cell in cells:
        data = cell.get("metadata", {}).get("nbgrader", {})
        if data.get("grade") and cell.get("cell_type") == "code":
            submission.failures[data["grade_id"]] = _failures(cell)
        if _answer(cell) in released:
            submission.untouched.add(data["grade_id"])


def _add_judgement(submission: Submission, judged: dict) -> None:
    seconds, attempts = judged.get("seconds"), judged.get("interference")
    submission.seconds = float(seconds) if isinstance(seconds, (int, float)) and math.isfinite(seconds) else None
    submission.limits = _texts(judged.get("limits"))
    attempts = [_dict(entry) for entry in attempts] if isinstance(attempts, list) else []
    submission.interference = [(_cut(str(entry.get("cell", ""))), _cut(str(entry.get("evidence", "")))) for entry in attempts]


def _dict(value: object) -> dict:
    """Metadata may hold anything."""
    return value if isinstance(value, dict) else {}


def _failures(cell: dict) -> list[tuple[str, str]]:
    errors = [output for output in cell.get("outputs", []) if output.get("output_type") == "error"]
    found = [(str(error.get("ename", "")), _cut(str(error.get("evalue", "")))) for error in errors]
    wrong = [answer for answer in quiz_answers(cell) if answer.verdict == "not right"]
    return found + [("Quiz", _cut(f"Question {answer.number}, answered {answer.letter}: {answer.why}")) for answer in wrong]


def _texts(value: object) -> list[str]:
    return [_cut(str(entry)) for entry in value] if isinstance(value, list) else []


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


# Counting


@dataclass(frozen=True)
class Exercise:
    """How one exercise went; shares are between 0 and 1, None where nothing can be said."""

    name: str
    possible: float
    solved: float | None
    mean: float | None
    discrimination: float | None
    not_begun: int
    waiting: int


def exercises(checks: list[Check], submissions: list[Submission]) -> list[Exercise]:
    """Each exercise's numbers, in the lesson's order, from the submissions given."""
    groups: dict[str, list[Check]] = {}
    for check in checks:
        groups.setdefault(check.exercise, []).append(check)
    waiting = {name for submission in submissions for name in submission.waiting}
    marked = [check for check in checks if check.name not in waiting]
    return [_exercise(name, group, marked, submissions) for name, group in groups.items()]


def _exercise(name: str, group: list[Check], marked: list[Check], submissions: list[Submission]) -> Exercise:
    possible = sum(check.possible for check in group)
    waiting = sum(any(check.name in submission.waiting for check in group) for submission in submissions)
    empty = sum(name in s.untouched or _says_empty(s, group) for s in submissions)
    if waiting or not submissions:
        # Empty answers have their 0 already, answers that wait have none: the mean of those marked would mislead.
        return Exercise(name, possible, None, None, None, empty, waiting)
    points = [submission.earned(group) for submission in submissions]
    others = [submission.earned(check for check in marked if check.exercise != name) for submission in submissions]
    solved = statistics.fmean(value >= possible - _ROUNDING for value in points)
    return Exercise(name, possible, solved, statistics.fmean(points) / possible, discrimination(points, others), empty, 0)


def _says_empty(submission: Submission, group: list[Check]) -> bool:
    return any(error == "NotImplementedError" for check in group for error, _ in submission.failures.get(check.name, []))


def discrimination(points: list[float], others: list[float]) -> float | None:
    """Corrected item-total correlation: Pearson's r of the points in one exercise and in all others (Henrysson 1963).

    None below `FEWEST_FOR_DISCRIMINATION` submissions, and where all have the same points.
    """
    if len(points) < FEWEST_FOR_DISCRIMINATION or len(set(points)) < 2 or len(set(others)) < 2:
        return None
    return statistics.correlation(points, others)


@dataclass
class Mistake:
    """A sentence that checks said to these students; `example` is one of several that differ in numbers only."""

    exercise: str
    example: str
    students: set[str] = field(default_factory=set)
    varies: bool = False

    @property
    def who(self) -> str:
        """The names, where they are few."""
        return ", ".join(sorted(self.students)) if len(self.students) <= 5 else ""


def without_numbers(sentence: str) -> str:
    """The sentence with every number, and every row of numbers, replaced by #."""
    return re.sub(r"#(?:, ?#)*,?", "#", _NUMBER.sub("#", sentence))


def mistakes(checks: list[Check], submissions: list[Submission], wanted: Callable[[str], bool]) -> list[Mistake]:
    """The sentences of failed checks whose kind of error is `wanted`, the most frequent first."""
    found: dict[tuple[str, str], Mistake] = {}
    exercise = {check.name: check.exercise for check in checks}
    for submission in submissions:
        for name, failures in submission.failures.items():
            for error, sentence in failures:
                if wanted(error) and name in exercise:
                    # Questions of a quiz are told apart by their numbers.
                    key = exercise[name], sentence if error == "Quiz" else without_numbers(sentence)
                    entry = found.setdefault(key, Mistake(exercise[name], sentence))
                    entry.students.add(submission.student)
                    entry.varies |= sentence != entry.example
    return sorted(found.values(), key=lambda entry: -len(entry.students))


def errors(checks: list[Check], submissions: list[Submission]) -> list[Mistake]:
    """Errors other than a failed check, grouped by exercise and kind; their words are the program's own."""
    bare = [
        Submission(s.student, failures={name: [(error, _ERRORS.get(error, error)) for error, _ in found] for name, found in s.failures.items()})
        for s in submissions
    ]
    return mistakes(checks, bare, lambda error: error not in ("CheckFailed", "Quiz", "NotImplementedError"))


def same_for_all(checks: list[Check], submissions: list[Submission]) -> tuple[list[Check], list[Check]]:
    """The checks that nobody fails and those that everybody fails; to fail is to earn less than all points."""
    nobody, everybody = [], []
    for check in checks:
        if not submissions or any(check.name in submission.waiting for submission in submissions):
            continue
        full = sum(submission.points.get(check.name, 0.0) >= check.possible - _ROUNDING for submission in submissions)
        if full == len(submissions):
            nobody.append(check)
        elif full == 0:
            everybody.append(check)
    return nobody, everybody


def groups_of(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """(student, sentence) pairs as (sentence, students), the most frequent sentence first."""
    found: dict[str, list[str]] = defaultdict(list)
    for student, sentence in pairs:
        if student not in found[sentence]:
            found[sentence].append(student)
    return sorted(found.items(), key=lambda entry: -len(entry[1]))


# The page


def render(lesson: str, checks: list[Check], submissions: list[Submission], students: int) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"number": _number, "percent": _percent, "duration": duration, "some": _some}
    template = environment.from_string((Path(__file__).parent / "templates" / "report.html.j2").read_text(encoding="utf-8"))
    read = [submission for submission in submissions if submission.readable]
    possible = sum(check.possible for check in checks)
    totals = [submission.earned(checks) for submission in read]
    nobody, everybody = same_for_all(checks, read)
    return template.render(
        lesson=lesson, now=datetime.now(timezone.utc), submissions=submissions, read=read, students=students, possible=possible,
        totals=totals, quartiles=_quartiles(totals), bars=histogram(totals, possible), most_rows=_MOST_ROWS, fewest=FEWEST_FOR_DISCRIMINATION,
        exercises=exercises(checks, read), nobody=nobody, everybody=everybody,
        mistakes=mistakes(checks, read, lambda error: error in ("CheckFailed", "Quiz")), errors=errors(checks, read),
        times=sorted(((s.seconds, s.student) for s in submissions if s.seconds is not None), reverse=True), median=statistics.median,
        limits=groups_of((s.student, sentence) for s in submissions for sentence in s.limits),
        unread=groups_of((s.student, sentence) for s in submissions if not s.readable for sentence in s.repairs),
        repairs=groups_of((s.student, sentence) for s in read for sentence in s.repairs),
        repaired=sum(bool(s.repairs) for s in read),
        late=sorted(((s.seconds_late, s.student) for s in submissions if s.seconds_late > 0), reverse=True),
    )


def histogram(totals: list[float], possible: float) -> list[int]:
    """How many totals lie in each tenth of the possible points; full points belong to the last."""
    bars = [0] * 10
    for total in totals:
        bars[max(0, min(9, int(10 * total / possible + _ROUNDING)))] += 1
    return bars


def duration(seconds: float) -> str:
    """In the unit that a person would choose."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} seconds" if seconds < 10 else f"{seconds:.0f} seconds"


def _quartiles(totals: list[float]) -> list[float]:
    return statistics.quantiles(totals, n=4, method="inclusive") if len(totals) > 1 else totals * 3


def _number(value: float) -> str:
    return f"{round(value, 2):g}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}%"


def _some(names: list[str]) -> str:
    """Names in a row, as many as a reader would look at."""
    return ", ".join(names[:_MOST_ROWS]) + (f" and {len(names) - _MOST_ROWS} more" if len(names) > _MOST_ROWS else "")
