"""Judging as nbgrader and `course grade` use it: a notebook goes in, a verdict comes out."""

import ast
import atexit
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from course_lib.grading import sandbox, suspicion
from course_lib.grading.channel import Channel, Closed, Garbled, pair
from course_lib.grading.judge import Verdict, crashed
from course_lib.grading.limits import Limits

VERSION = 2  # of verdicts: those of another version are not used again
COURSE = Path(__file__).resolve().parents[1]
SKIPPED_TAGS = {"experiment", "skip-execution"}
MOST_FILE_BYTES = 20 * 2**20


@dataclass(frozen=True)
class Task:
    """All that decides a verdict: the cells in order, the names that the exercises define, the files beside the notebook."""

    cells: list[dict]
    names: list[str]
    files: dict[str, bytes]
    limits: Limits = Limits()

    def key(self) -> str:
        """Equal for tasks whose verdict is the same."""
        plain = [VERSION, self.cells, self.names, {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}, self.limits.as_plain()]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def make_task(notebook: NotebookNode, source: NotebookNode, files: dict[str, bytes], limits: Limits) -> Task:
    """The task of judging a repaired submission of the lesson `source`.

    `cells[i]["place"]` is the place in the notebook of the i-th cell that runs. Only code that stands in `source` is given
    a role in which the judge runs it, whatever a submission calls its cells.
    """
    cells, locked = [], _locked_cells(source)
    for place, cell in enumerate(notebook.cells):
        data = cell.metadata.get("nbgrader", {})
        if cell.cell_type != "code" or SKIPPED_TAGS & set(cell.metadata.get("tags", [])):
            continue
        role, text = locked.get(data.get("grade_id"), ("student", cell.source))
        cells.append({"role": role, "source": text, "grade_id": data.get("grade_id"), "place": place})
    return Task(cells, exercise_names(source), files, limits)


def _locked_cells(source: NotebookNode) -> dict[str, tuple[str, str]]:
    """grade_id -> role and code of the lesson's own cells that run in the judge."""
    found = {}
    for cell in source.cells:
        data = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and not data.get("solution") and (data.get("grade") or data.get("locked")):
            found[data["grade_id"]] = "graded" if data.get("grade") else "given", cell.source
    return found


def exercise_names(source: NotebookNode) -> list[str]:
    """The names that the lesson's solution cells bind: what graded cells may call."""
    names: dict[str, None] = {}
    for cell in source.cells:
        data = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and data.get("solution") and not data.get("grade"):
            for node in ast.parse(cell.source).body:
                names |= dict.fromkeys(_bound(node))
    return list(names)


def lesson_setup(source: NotebookNode) -> dict:
    """What the servers need to know of a lesson: what to import, which files to show, which means to use."""
    from course_lib.grading.fork_server import imports_of

    kept = [cell.source for cell in source.cells if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("locked")
            and not cell.metadata.nbgrader.get("grade")]
    imports = imports_of(kept)
    if any("optim" in cell.source for cell in source.cells):
        imports += "\nimport torch._dynamo"  # a first optimizer loads it, in seconds: once here, not in each submission
    return {
        "imports": imports, "namespaces": sandbox.protection().namespaces is None,
        "read_only": [str(path) for path in visible_files(source)],
    }


def visible_files(source: NotebookNode) -> list[Path]:
    """What a submission may read: Python, its libraries, and of the course what this lesson builds on.

    The reference implementations that the lesson does not import are not there: they hold what its exercises ask for.
    """
    folders = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent]
    floors = [COURSE / name for name in ("__init__.py", "data", "teaching", "grading")]
    taught = [COURSE / "reference" / "__init__.py", *(COURSE / "reference" / f"{name}.py" for name in _references(source, COURSE))]
    return list(dict.fromkeys([*folders, *floors, *taught]))


class Stopped(Exception):
    """The engine was closed while it judged."""


class Engine:
    """Judges submissions of one lesson, one at a time. Use several, in several threads, to use several cores."""

    def __init__(self, source: NotebookNode, unprotected: bool = False):
        sandbox.require(unprotected)
        self.setup = lesson_setup(source)
        self.taught = _references(source, COURSE)
        self.channel: Channel | None = None
        self.process: subprocess.Popen | None = None
        self.closed = False
        self.changing = threading.Lock()  # the servers: one thread judges, another may close

    def judge(self, task: Task) -> Verdict:
        """The verdict on a task; one that brings the judge down twice earns nothing, and says so.

        Raises Stopped where the engine is closed meanwhile.
        """
        verdict = self._judge(task)
        students = [cell for cell in task.cells if cell["role"] == "student"]
        for number, what, line in suspicion.find([cell["source"] for cell in students], self.taught):
            name = students[number]["grade_id"] or "a cell of the student's own"
            verdict.interference.append({"cell": name, "evidence": f"{what}: {line}"})
        return verdict

    def _judge(self, task: Task) -> Verdict:
        why = "the judge's server ended"
        for _ in range(2):
            try:
                reply = self._ask(task)
            except (Closed, Garbled):
                self._end()
                continue
            if "verdict" in reply:
                return Verdict.from_plain(reply["verdict"])
            why = str(reply.get("crashed"))
        return crashed(task.cells, why)

    def _ask(self, task: Task) -> dict:
        if self.process is None:
            self._start()
        cells = [{key: cell[key] for key in ("role", "source", "grade_id")} for cell in task.cells]
        message = {"cells": cells, "names": task.names, "limits": task.limits.as_plain(), "files": list(task.files)}
        self.channel.send(message, list(task.files.values()))
        self.channel.end.settimeout(task.limits.notebook_seconds * 2 + 60)
        return self.channel.receive()[0]

    def _start(self) -> None:
        with self.changing:
            if self.closed:
                raise Stopped
            self.channel, theirs = pair()
            command = [sys.executable, "-m", "course_lib.grading.fork_server", "judge", str(theirs.fileno())]
            environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "agg"}
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
            theirs.close()
            atexit.register(self.close)
        self.channel.send(self.setup)
        self.channel.receive()

    def close(self) -> None:
        """End the servers, for good: a thread that judges meanwhile does not start them again."""
        self.closed = True
        self._end()

    def _end(self) -> None:
        with self.changing:
            if self.process is not None:
                with suppress(OSError):
                    self.channel.end.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
                self.channel.close()
                os.killpg(self.process.pid, signal.SIGKILL)  # the judge forked for a submission too
                self.process.wait()
                self.process = None


def read_files(folder: Path) -> dict[str, bytes]:
    """The files that a student handed in beside the notebook, as far as there is room for them."""
    files, room = {}, MOST_FILE_BYTES
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_file() and not path.is_symlink() and path.suffix != ".ipynb" and path.name != "timestamp.txt" and path.stat().st_size <= room:
            files[path.name] = path.read_bytes()
            room -= len(files[path.name])
    return files


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign)) else []
    return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]


def _references(source: NotebookNode, course: Path) -> list[str]:
    """The modules of `course_lib.reference` that the lesson imports, and those that they import."""
    waiting = [name for cell in source.cells if cell.cell_type == "code" for name in _imported_references(cell.source)]
    found: list[str] = []
    while waiting:
        name = waiting.pop()
        path = course / "reference" / f"{name}.py"
        if name not in found and path.exists():
            found.append(name)
            waiting += _imported_references(path.read_text(encoding="utf-8"))
    return sorted(found)


def _imported_references(text: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "course_lib.reference":
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_lib.reference."):
            names.append(node.module.split(".")[2])
        elif isinstance(node, ast.Import):
            names += [alias.name.split(".")[2] for alias in node.names if alias.name.startswith("course_lib.reference.")]
    return names
