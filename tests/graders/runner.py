"""Run wrong and right programs against the graded cells of an exercise, in this process.

A bank (`tests/graders/<topic>.py`) holds one entry for each exercise of its lesson:

    EXERCISES = {
        "softmax": Exercise(
            mistakes=[Mistake("sum over all", edit("dim=-1, keepdim=True)\\n    ### END", ...), says="each row is a list")],
            alternatives=[Alternative("with loops", '''def softmax(logits): ...''')],
            same_program={"line 3: 1 -> 2": "why no input can tell the two apart"},
        ),
    }
"""

import ast
import contextlib
import importlib
import io
import re
import signal
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0  # of processor time, for a program and for each of its graded cells


@dataclass(frozen=True)
class Mistake:
    """A wrong program: its name, how it differs from the solution, and words that the check must say about it."""

    name: str
    code: "str | Callable[[str], str]"
    says: str


@dataclass(frozen=True)
class Alternative:
    """A right program that is written in another way."""

    name: str
    code: "str | Callable[[str], str]"


@dataclass(frozen=True)
class Exercise:
    """The bank's entry for one exercise; `same_program` explains each mutant that no test can tell from the solution."""

    mistakes: list[Mistake]
    alternatives: list[Alternative]
    same_program: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """Which graded cells passed, and what the first failing one said."""

    passed: dict[str, bool]
    message: str

    @property
    def full(self) -> bool:
        return all(self.passed.values())

    @property
    def zero(self) -> bool:
        return not any(self.passed.values())


class OutOfTime(BaseException):
    """Not an Exception, so that a program under test cannot catch it by accident."""


def edit(*pairs: str) -> Callable[[str], str]:
    """`edit(old, new, old, new, …)`: the solution with each `old`, which must occur exactly once, replaced."""

    def apply(source: str) -> str:
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            if source.count(old) != 1:
                raise ValueError(f"{old!r} occurs {source.count(old)} times in the solution, not once")
            source = source.replace(old, new)
        return source

    return apply


@dataclass
class Room:
    """A lesson's notebook, ready to judge programs for one of its exercises."""

    lesson: str
    exercise: str
    namespace: dict
    solution: str
    stub: str
    tests: dict[str, str]

    def judge(self, code: "str | Callable[[str], str]", seconds: float = SECONDS) -> Verdict:
        """Run a program, then each graded cell of its exercise, in a copy of the lesson's namespace."""
        source = code(self.solution) if callable(code) else textwrap.dedent(code)
        space = dict(self.namespace)
        torch.manual_seed(0)
        message = _run(source, space, seconds)
        passed, messages = {}, [message] if message else []
        for grade_id, test in self.tests.items():
            failed = _run(test, space, seconds)
            # Tests run even when the program's own cell fails, as they do when a notebook is graded.
            passed[grade_id] = failed is None
            messages += [failed] if failed else []
        return Verdict(passed, messages[0] if messages else "")


@cache
def load_lesson(lesson: str) -> tuple[nbformat.NotebookNode, nbformat.NotebookNode]:
    """The source and the release of a lesson."""
    return tuple(nbformat.read(str(ROOT / folder / lesson / f"{lesson}.ipynb"), as_version=4) for folder in ("solutions", "lessons"))


@cache
def _cells_before(lesson: str, grade_id: str) -> dict:
    """The namespace that the lesson's cells have made before the reader's cell `grade_id`."""
    source, _ = load_lesson(lesson)
    space: dict = {"__name__": "__main__"}
    for cell in source.cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("grade_id") == grade_id:
            return space
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code" or data.get("grade") or "experiment" in tags or "raises-exception" in tags:
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(cell.source, f"{lesson}:{cell.id}", "exec"), space)
    raise KeyError(f"{lesson} has no cell {grade_id!r}")


def enter(lesson: str, exercise: str) -> Room:
    """Prepare the judging of programs for one exercise of a lesson."""
    source, release = load_lesson(lesson)
    graded = {cell.metadata.nbgrader.grade_id: cell.source for cell in source.cells if "nbgrader" in cell.metadata}
    stub = next(cell.source for cell in release.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == exercise)
    tests = {name: graded[name] for name in (f"check-{exercise}", f"hidden-{exercise}") if name in graded}
    solution = re.sub(r"^\s*#> .*\n?", "", graded[exercise], flags=re.M)  # a draft that is released in its place
    return Room(lesson, exercise, _cells_before(lesson, exercise), solution, stub, tests)


def bank(lesson: str) -> dict:
    """The entries of a lesson's bank; its module is called like the lesson's topic."""
    return importlib.import_module(f"tests.graders.{lesson[3:].replace('-', '_')}").EXERCISES


def empty_answers(source: str) -> dict[str, str]:
    """Programs that solve nothing: every function of `source` returns None, its first argument, or zeros."""
    bodies = {"returns None": "return None", "returns its first argument": "return {first}", "returns zero": "return 0"}
    programs = {}
    for name, body in bodies.items():
        tree = ast.parse(source)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            arguments = [argument.arg for argument in function.args.args if argument.arg != "self"]
            if arguments:
                function.body = ast.parse(body.format(first=arguments[0])).body
        programs[name] = ast.unparse(tree)
    return programs


def _run(source: str, space: dict, seconds: float) -> str | None:
    """Execute code; return None if it ends well, else its error as one line."""
    try:
        with _time_limit(seconds), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(source, "<program>", "exec"), space)
    except OutOfTime:
        return f"OutOfTime: more than {seconds} s"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    except SystemExit:
        return "SystemExit"
    return None


@contextlib.contextmanager
def _time_limit(seconds: float):
    if not hasattr(signal, "setitimer"):
        pytest.skip("programs that never end can be stopped only where there is SIGPROF")

    def ring(number, frame):
        raise OutOfTime

    # Processor time, not the clock's: a busy machine must not turn a slow right program into a wrong one.
    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
