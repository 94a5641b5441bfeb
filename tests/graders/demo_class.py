"""A class of ten that hands in one lesson, as a learning platform exports it: `python -m tests.graders.demo_class LESSON FOLDER`.

Each submission is made from the lesson's solution and its bank, so that the score which it deserves is known.
"""

import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.graders.runner import bank, enter, load_lesson

MANUAL = "The factor that is subtracted cancels; without it the exponential overflows."


def exercise_points(lesson: str) -> dict[str, float]:
    """Exercise or quiz -> points that are given by machine, in the notebook's order."""
    points: dict[str, float] = {}
    for cell in load_lesson(lesson)[0].cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("grade") and not data["solution"]:
            name = data["grade_id"].removeprefix("check-").removeprefix("hidden-")
            points[name] = points.get(name, 0) + data["points"]
    return points


class Student:
    """One submission under construction, and the points by exercise that it deserves (None: its file cannot be read)."""

    def __init__(self, lesson: str):
        self.lesson = lesson
        self.notebook: NotebookNode = nbformat.from_dict(load_lesson(lesson)[1])
        self.deserves = dict.fromkeys(exercise_points(lesson), 0.0)

    def cell(self, grade_id: str) -> NotebookNode:
        """The cell with this grade_id."""
        return next(cell for cell in self.notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)

    def write(self, name: str, code: "str | Callable[[str], str]", points: float) -> "Student":
        """Put a program into an exercise's cell."""
        room = enter(self.lesson, name) if name != "quiz" else None
        solution = room.solution if room else _solution(self.lesson, name)
        self.cell(name).source = code(solution) if callable(code) else textwrap.dedent(code)
        self.deserves[name] = points
        return self

    def solve(self, *names: str) -> "Student":
        """Give the model solution to these exercises, or to all."""
        for name in names or self.deserves:
            self.write(name, _solution(self.lesson, name), exercise_points(self.lesson)[name])
        return self


def make_class(lesson: str) -> dict[str, Student]:
    """Student name -> submission."""
    names = [name for name in exercise_points(lesson) if name != "quiz"]
    people = {"ada": Student(lesson).solve(), "ben": Student(lesson), "cora": Student(lesson).solve(*names[: len(names) // 2])}
    people["ada"].cell("own-words").source += f"\n\n{MANUAL}"
    for person, place in (("dan", 0), ("eva", len(names) // 2), ("finn", -1)):
        people[person] = _with_mistake(lesson, names[place])
    people["gita"] = Student(lesson).solve()
    for name in names:
        people["gita"].write(name, bank(lesson)[name].alternatives[0].code, exercise_points(lesson)[name])
    people["hugo"] = _damaged(lesson, names)
    people["ines"] = Student(lesson)
    people["jan"] = Student(lesson).solve()
    return people


def write_export(lesson: str, folder: Path) -> dict[str, Student]:
    """Write the class into `folder`, under the names that platforms give to files; jan is late, ines' file is damaged."""
    people = make_class(lesson)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (person, student) in enumerate(people.items()):
        text = nbformat.writes(student.notebook)
        path = folder / _exported_name(lesson, person, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(f"{lesson}.ipynb", text)
        else:
            path.write_text(text[: len(text) // 2] if person == "ines" else text, encoding="utf-8")
    return people


def _exported_name(lesson: str, person: str, number: int) -> str:
    """As Canvas, Moodle, a zip of one's own and Blackboard name files; only the last tells the time."""
    day = 20 if person == "jan" else 1
    names = {
        "ben": f"ben_{1000 + number}_{2000 + number}_{lesson}.ipynb",
        "cora": f"cora_{1000 + number}_assignsubmission_file_/{lesson}.ipynb",
        "gita": "gita.zip",
    }
    return names.get(person, f"{lesson}_{person}_attempt_2026-11-{day:02d}-10-{number:02d}-00_{lesson}.ipynb")


def _with_mistake(lesson: str, name: str) -> Student:
    """Everything right but one named mistake, which earns what its graded cells give in process."""
    mistake = bank(lesson)[name].mistakes[0]
    verdict = enter(lesson, name).judge(mistake.code)
    points = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.get("points", 0)
              for cell in load_lesson(lesson)[0].cells if "nbgrader" in cell.metadata}
    earned = sum(points[grade_id] for grade_id, passed in verdict.passed.items() if passed)
    return Student(lesson).solve().write(name, mistake.code, earned)


def _damaged(lesson: str, names: list[str]) -> Student:
    """Everything right; one test cell deleted, another one there twice."""
    student = Student(lesson).solve()
    student.notebook.cells.remove(student.cell(f"hidden-{names[0]}"))
    twice = student.cell(f"check-{names[-1]}")
    copy = nbformat.from_dict(twice)
    copy["id"] = "a-copy"
    student.notebook.cells.insert(student.notebook.cells.index(twice), copy)
    return student


def _solution(lesson: str, name: str) -> str:
    source = load_lesson(lesson)[0]
    text = next(cell.source for cell in source.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name)
    return "\n".join(line for line in text.split("\n") if not line.strip().startswith("#> "))


if __name__ == "__main__":
    write_export(sys.argv[1], Path(sys.argv[2]))
