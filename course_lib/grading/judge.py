"""The judge: runs the graded cells of a submission in a process in which none of the student's code ever runs.

The student's cells run in another process, in the sandbox; here their names are stand-ins (`stand_in`). Cells of the
course that are not graded (imports, helpers) run on both sides.
"""

import importlib
import json
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from course_lib.grading.cells import MOST_DATA, MOST_TEXT, CellShell, Outputs, run_cell
from course_lib.grading.channel import Channel, Closed, Garbled
from course_lib.grading.limits import Limits, exceeded
from course_lib.grading.plain import NotPlain
from course_lib.grading.stand_in import JudgeSide, StandIn, StudentError, forbidding

MOST_RESTARTS = 30
MOST_SHOWN = 5_000_000  # characters of output of one cell
GRACE = 3.0  # seconds that an interrupted cell has to come to an end


class OutOfTime(BaseException):
    """A cell took too long."""


@dataclass
class Verdict:
    """What became of one submission: the outputs of each cell that was run, by its number, and what to report."""

    outputs: dict[int, list[dict]] = field(default_factory=dict)
    report: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    interference: list[dict] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False  # the judge itself came to an end: not kept, so that the next run judges again

    def as_plain(self) -> dict:
        """For JSON; `Verdict.from_plain` reads it."""
        # Half of a surrogate pair, which a program can print, cannot be written into a notebook.
        return json.loads(json.dumps(asdict(self), ensure_ascii=False).encode("utf-8", "replace"))

    @classmethod
    def from_plain(cls, data: dict) -> "Verdict":
        return cls(**data | {"outputs": {int(number): outputs for number, outputs in data["outputs"].items()}})


class StudentProcess:
    """What the judge needs of a process in the sandbox; `fork_server` makes them."""

    channel: Channel

    def interrupt(self) -> None:
        """Ask the code that runs to come to an end."""

    def end(self) -> dict:
        """End the process and all that it started; return how it ended: {"signal": number, "memory": …}."""


class Judge:
    """Judges one submission.

    Parameters
    ----------
    cells: {"role": "given", "student" or "graded", "source", "grade_id"} for each code cell, in order.
    names: the names that the exercises' cells define.
    start: starts a process of the student's.
    """

    def __init__(self, cells: list[dict], names: list[str], start: Callable[[], StudentProcess], shell: CellShell, limits: Limits):
        self.cells, self.names, self.start, self.shell, self.limits = cells, names, start, shell, limits
        self.verdict = Verdict()
        self.hidden = False
        self.restarts = 0
        self.skipped: set[int] = set()  # cells in which the student's process came to an end: not run again
        self.waiting = self.interrupted = False
        self.began = time.monotonic()

    def judge(self) -> Verdict:
        """Run all cells; whatever the submission does, a verdict comes out."""
        signal.signal(signal.SIGALRM, self._ring)
        self._forbid_there()
        # Twice. First without the hidden tests: the student gets back all that is shown here, and no input of a hidden
        # test has come near this process. Then all again with the hidden tests, of which only their verdict is taken.
        names = dict(self.shell.user_ns)
        for self.hidden in (False, True):
            self.shell.user_ns.clear()
            self.shell.user_ns.update(names)
            self._connect()
            last = max([number for number, cell in enumerate(self.cells) if is_hidden(cell)], default=-1) if self.hidden else len(self.cells)
            for number, cell in enumerate(self.cells[: last + 1]):
                self._judge_cell(number, cell)
            self.process.end()
        self.verdict.seconds = round(time.monotonic() - self.began, 3)
        return self.verdict

    def _judge_cell(self, number: int, cell: dict) -> None:
        seconds = self._seconds()
        if seconds <= 0:
            self._limit(f"The whole notebook took longer than {self.limits.notebook_seconds:g} seconds.")
            self._not_run(number, "the time for the whole notebook was used up")
            return
        if self.restarts > MOST_RESTARTS:
            self._not_run(number, f"the Python process had died {self.restarts} times before")
            return
        if number in self.skipped or is_hidden(cell) and not self.hidden:
            return
        if cell["role"] != "graded":
            self._student_cell(number, cell, seconds)
        if cell["role"] != "student" and number not in self.skipped:
            self._own_cell(number, cell, seconds)

    def _seconds(self) -> float:
        """How long the next cell may take."""
        return min(self.limits.cell_seconds, self.limits.notebook_seconds - (time.monotonic() - self.began))

    # The student's cells

    def _student_cell(self, number: int, cell: dict, seconds: float) -> None:
        try:
            with self._time_limit(seconds):
                reply = self.side.run(cell["source"])
            outputs = _clean(reply.get("outputs"))
            if reply.get("cut"):
                self._limit(f"The output of {_called(cell)} was longer than {MOST_TEXT:,} characters and was cut.")
            self._notice(reply.get("raised"), cell)
            self._notice_own_failure(reply.get("raised"), cell)
        except (OutOfTime, Closed, Garbled, NotPlain) as problem:
            self.skipped.add(number)
            outputs = [self._lost(problem, number)]
        if self.interrupted:
            self._limit(f"{_called(cell, True)} did not end within {seconds:.0f} seconds.")
        if not self.hidden:
            self.verdict.outputs[number] = outputs

    # The judge's cells

    def _own_cell(self, number: int, cell: dict, seconds: float) -> None:
        problem = self._take_names()
        outputs, error = Outputs(), None
        if problem is None:
            try:
                with self._time_limit(seconds):
                    outputs, error = run_cell(self.shell, cell["source"])
            except OutOfTime as late:
                error = late
            # A check may have caught it, as something that it expects a function to raise.
            problem = self.side.problem or self._find_problem(error)
        if cell["role"] == "graded" and is_hidden(cell) == self.hidden:
            self._verdict_on(number, cell, outputs, error, problem, seconds)
        if cell["role"] == "given" and problem is None:
            self.side.given |= {name: value for name, value in self.shell.user_ns.items() if callable(value) and not isinstance(value, StandIn)}
        if problem is not None:
            self.skipped.add(number)
            self._lost(problem, number)
        elif cell["role"] == "graded":
            self._try(self.side.forget)

    def _take_names(self) -> BaseException | None:
        """Bring the stand-ins up to date; return what went wrong."""
        space = self.shell.user_ns
        for name in [name for name in self.names if type(space.get(name)) is StandIn]:
            del space[name]
        found: dict = {}
        problem = self._try(lambda: found.update(self.side.names(self.names)))
        space.update(found)
        return problem

    def _verdict_on(self, number: int, cell: dict, outputs: Outputs, error: Any, problem: Any, seconds: float) -> None:
        items = outputs.items
        if problem is not None or self.interrupted:
            sentence = self._sentence(problem, cell, seconds)
            items = [item for item in items if item["output_type"] == "stream"] + [_error(*sentence)]
        elif hasattr(error, "student"):
            self._notice(error.student, cell)
        self.verdict.outputs[number] = items

    def _sentence(self, problem: Any, cell: dict, seconds: float) -> tuple[str, str]:
        if self.interrupted or isinstance(problem, OutOfTime):
            self._limit(f"{_called(cell, True)} did not end within {seconds:.0f} seconds.")
            return "OutOfTime", f"Your code did not come to an end within {seconds:.0f} seconds."
        if isinstance(problem, Closed):
            return "ProcessDied", "The Python process died while this check called your code."
        return "NoAnswer", f"What came back from your code is no value that a check can read: {problem}."

    def _find_problem(self, error: BaseException | None) -> BaseException | None:
        """The error, or what caused it, that makes the student's process unusable."""
        while error is not None:
            if isinstance(error, (OutOfTime, Closed, Garbled, NotPlain)):
                return error
            error = error.__cause__ or error.__context__
        return None

    # When the student's process is lost

    def _lost(self, problem: BaseException, number: int) -> dict:
        """Start the student's process anew, without the cell that ended it; return an output that says so."""
        cell = self.cells[number]
        ended = self.process.end()
        self.restarts += 1
        if isinstance(problem, OutOfTime):
            output = _error("OutOfTime", "This cell was stopped: it did not come to an end.")
            self._limit(f"{_called(cell, True)} did not end and had to be killed.")
        elif isinstance(problem, Closed):
            why = exceeded(ended, self.limits)
            if why:
                self._limit(f"{_called(cell, True)} {why}.")
            self._say(f"The Python process died while {_called(cell)} ran{f': it {why}' if why else ''}.")
            output = _error("ProcessDied", f"The Python process died while this cell ran{f': it {why}' if why else ''}.")
        else:
            self._suspect(cell, f"an answer that the course's code does not give ({problem})")
            output = _error("NoAnswer", str(problem))
        if self.restarts <= MOST_RESTARTS:
            self._connect()
            self._replay(number)
        return output

    def _replay(self, until: int) -> None:
        """Run the student's cells again, up to and with the cell that was at work, but for those that ended a process."""
        for number, cell in enumerate(self.cells[: until + 1]):
            if cell["role"] == "graded" or number in self.skipped:
                continue
            problem = self._try(partial(self.side.run, cell["source"]))
            if problem is not None:
                self.skipped.add(number)
                self.process.end()
                self.restarts += 1
                if self.restarts > MOST_RESTARTS:
                    return
                self._connect()
                self._replay(until)
                return

    def _try(self, work: Callable[[], Any]) -> BaseException | None:
        try:
            with self._time_limit(max(0.1, self._seconds())):
                work()
        except (OutOfTime, Closed, Garbled, NotPlain, StudentError) as problem:
            return problem
        return None

    def _connect(self) -> None:
        given = self.side.given if hasattr(self, "side") else {}
        self.process = self.start()
        self.side = JudgeSide(self.process.channel)
        self.side.given = given
        receive = self.process.channel.receive

        def wait() -> Any:
            self.waiting = True
            try:
                return receive()
            finally:
                self.waiting = False

        self.process.channel.receive = wait

    # Time

    def _ring(self, number: int, frame: Any) -> None:
        if self.waiting and not self.interrupted:
            self.interrupted = True
            self.process.interrupt()
            signal.setitimer(signal.ITIMER_REAL, GRACE)
        else:
            raise OutOfTime

    @contextmanager
    def _time_limit(self, seconds: float):
        self.interrupted = False
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    # The report

    def _limit(self, sentence: str) -> None:
        if sentence not in self.verdict.limits:
            self.verdict.limits.append(sentence)
            self._say(sentence)

    def _say(self, sentence: str) -> None:
        if sentence not in self.verdict.report:
            self.verdict.report.append(sentence)

    def _suspect(self, cell: dict, evidence: str) -> None:
        self.verdict.interference.append({"cell": cell["grade_id"] or "a cell of the student's own", "evidence": evidence})

    def _notice(self, raised: Any, cell: dict) -> None:
        """Say which limit an exception tells of."""
        if type(raised) is dict and (why := exceeded(raised, self.limits)):
            self._limit(f"{_called(cell, True)} {why}.")

    def _notice_own_failure(self, raised: Any, cell: dict) -> None:
        """A cell of the course that fails may tell of a machine on which it does not run: somebody should see it."""
        kinds = raised.get("kinds") if type(raised) is dict else None
        if cell["role"] == "given" and kinds and kinds[0] != "NotImplementedError":  # of an exercise that is still empty
            self._say(f"The course's own cell {cell['grade_id']} ended with {str(kinds[0])[:40]}.")

    def _not_run(self, number: int, why: str) -> None:
        if self.cells[number]["role"] == "graded":
            self.verdict.outputs[number] = [_error("NotRun", f"This cell was not run: {why}.")]

    def _forbid_there(self) -> None:
        """`write_it_yourself` watches the student's process, where the calls are made."""
        checks = importlib.import_module("course_lib.teaching.checks")
        checks.forbid_calls = lambda names, refuse: forbidding(self.side, list(names), refuse)


def _called(cell: dict, first: bool = False) -> str:
    words = f"the cell {cell['grade_id']}" if cell["grade_id"] else "a cell of your own"
    return words[0].upper() + words[1:] if first else words


def is_hidden(cell: dict) -> bool:
    """Whether this is a hidden test."""
    return cell["role"] == "graded" and (cell["grade_id"].startswith("hidden-") or "BEGIN HIDDEN TESTS" in cell["source"])


def _clean(outputs: Any) -> list[dict]:
    """The outputs that the student's process says it has, as far as they are outputs of a notebook, and not too long."""
    kept, room = [], MOST_SHOWN
    for item in outputs if type(outputs) is list else []:
        kind = item.get("output_type") if type(item) is dict else None
        if kind == "stream":
            kept.append({"output_type": kind, "name": "stdout", "text": str(item.get("text", ""))[:MOST_TEXT]})
        elif kind == "error":
            lines = item.get("traceback") if type(item.get("traceback")) is list else []
            kept.append(_error(str(item.get("ename"))[:80], str(item.get("evalue"))[:MOST_TEXT], [str(line)[:MOST_TEXT] for line in lines[:200]]))
        elif kind in ("display_data", "execute_result") and type(item.get("data")) is dict:
            data = {str(name)[:80]: value for name, value in list(item["data"].items())[:10] if type(value) is str and len(value) <= MOST_DATA}
            kept.append({"output_type": "display_data", "data": data, "metadata": {}})
        room -= len(json.dumps(kept[-1:]))
        if room < 0 or len(kept) > 200:
            return kept[:-1]
    return kept


def _error(name: str, sentence: str, lines: list[str] | None = None) -> dict:
    return {"output_type": "error", "ename": name, "evalue": sentence, "traceback": lines or [f"{name}: {sentence}"]}


def crashed(cells: list[dict], why: str) -> Verdict:
    """The verdict where the judge itself came to an end: nothing is earned, and the instructor is told."""
    outputs = {number: [_error("NotRun", f"This cell was not run: {why}.")] for number, cell in enumerate(cells) if cell["role"] == "graded"}
    report = [f"Judging stopped: {why}. Please grade this submission again or by hand."]
    return Verdict(outputs, report, [f"Judging stopped: {why}."], stopped=True)
