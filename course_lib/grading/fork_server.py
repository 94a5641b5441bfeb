"""The two servers behind the judge: each imports the lesson's libraries once, and forks a process for each submission.

    engine (nbgrader, `course grade`)
      └─ judge server ── forks a judge for each submission
           └─ student server, in bubblewrap ── forks the student's process, in namespaces of its own

Started by `engine.Engine` as `python -m course_lib.grading.fork_server judge FD`.
"""

import ast
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from course_lib.grading import sandbox
from course_lib.grading.cells import make_shell
from course_lib.grading.channel import Channel, Closed, pair
from course_lib.grading.judge import Judge, StudentProcess
from course_lib.grading.limits import Limits
from course_lib.grading.student import StudentSide


class JudgeServer:
    """Serves the engine: a submission's cells come, its verdict goes back."""

    def __init__(self, engine: Channel, setup: dict):
        self.engine, self.setup = engine, setup
        self.student: Channel | None = None
        self.process: subprocess.Popen | None = None

    def serve(self) -> None:
        """Judge until the engine is gone."""
        # First, so that both import at the same time.
        self._start_student_server()
        self.shell = make_shell()
        _import_what(self.setup["imports"])
        self.student.receive()
        self.engine.send({"ready": True})
        while True:
            try:
                task, buffers = self.engine.receive()
            except Closed:
                break
            child = os.fork()
            if child == 0:
                self._judge(task, buffers)
            _, status = os.waitpid(child, 0)
            if status != 0:
                self.engine.send({"crashed": f"the judge's process ended with status {status}"})
                self._start_student_server()
                self.student.receive()
        self.process.kill()

    def _judge(self, task: dict, buffers: list[bytes]) -> None:
        code = 1
        try:
            # A judge that its own check brings to its knees ends alone.
            limits = Limits(**task["limits"])
            sandbox.take_judge_limits(limits)
            start = lambda: Forked(self.student, task["files"], buffers, limits)  # noqa: E731
            verdict = Judge(task["cells"], task["names"], start, self.shell, limits).judge()
            self.engine.send({"verdict": verdict.as_plain()})
            code = 0
        except BaseException as error:
            print(f"judge: {type(error).__name__}: {error}", file=sys.__stderr__, flush=True)
        finally:
            os._exit(code)

    def _start_student_server(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.student.close()
        self.student, theirs = pair()
        number = theirs.fileno()
        command = [sys.executable, "-I", "-m", "course_lib.grading.fork_server", "student", str(number)]
        folders = [Path(name) for name in self.setup["read_only"]]
        environment = _environment()
        command = sandbox.wrapped(command, folders, environment)
        self.process = subprocess.Popen(command, pass_fds=[number], env=environment, stdin=subprocess.DEVNULL, cwd="/")
        theirs.close()
        self.student.send(self.setup)


class Forked(StudentProcess):
    """A student's process, as the judge drives it."""

    def __init__(self, server: Channel, files: list[str], contents: list[bytes], limits: Limits):
        self.server = server
        self.channel, theirs = pair()
        self.ended: dict | None = None
        server.send({"start": files, "limits": limits.as_plain()}, contents)
        socket.send_fds(server.end, [b"!"], [theirs.fileno()])
        theirs.close()
        answer = server.receive()[0]
        if "pid" not in answer:
            raise RuntimeError(f"the student's process could not be started: {answer.get('problem')}")

    def interrupt(self) -> None:
        self.server.send({"interrupt": True})

    def end(self) -> dict:
        if self.ended is None:
            self.channel.close()
            self.server.send({"end": True})
            self.ended = self.server.receive()[0]
        return self.ended


class StudentServer:
    """Runs in bubblewrap; serves one judge at a time."""

    def __init__(self, judge: Channel, setup: dict):
        self.judge, self.setup = judge, setup
        self.shell = make_shell()
        _import_what(setup["imports"])
        self.pid = self.middle = 0
        self.news = None

    def serve(self) -> None:
        """Start, interrupt and end processes until the judge's server is gone."""
        while True:
            try:
                message, buffers = self.judge.receive()
            except Closed:
                return
            if "start" in message:
                end = socket.recv_fds(self.judge.end, 1, 1)[1][0]
                if self.middle:
                    self._end()  # left by a judge that died
                self.judge.send(self._start(message, buffers, end))
            elif "interrupt" in message:
                self._signal(signal.SIGINT)
            elif "end" in message:
                self.judge.send(self._end())

    def _start(self, message: dict, buffers: list[bytes], end: int) -> dict:
        reader, writer = os.pipe()
        self.middle = os.fork()
        if self.middle == 0:
            os.close(reader)
            self._guard(message, buffers, end, writer)
        os.close(writer)
        os.close(end)
        self.news = os.fdopen(reader, "r")
        first = json.loads(self.news.readline() or '{"problem": "it ended at once"}')
        self.pid = first.get("pid", 0)
        return first

    def _guard(self, message: dict, buffers: list[bytes], end: int, writer: int) -> None:
        """Between server and student: enters the namespaces, starts the student's process inside, tells how it ended."""
        try:
            self.judge.close()
            limits = Limits(**message["limits"])
            if self.setup["namespaces"]:
                sandbox.enter_namespaces()
            child = os.fork()
            if child == 0:
                os.close(writer)
                self._become_student(message["start"], buffers, end, limits)
            os.close(end)
            os.write(writer, (json.dumps({"pid": child}) + "\n").encode())
            _, status, usage = os.wait4(child, 0)
            ended = {
                "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
                "processor": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024,
            }
            os.write(writer, (json.dumps(ended) + "\n").encode())
        except BaseException as error:
            os.write(writer, (json.dumps({"problem": f"{type(error).__name__}: {error}"}) + "\n").encode())
        finally:
            os._exit(0)

    def _become_student(self, names: list[str], contents: list[bytes], end: int, limits: Limits) -> None:
        try:
            os.setsid()
            sandbox.confine(limits, [Path(name) for name in self.setup["read_only"]], self.setup["namespaces"])
            nothing = os.open("/dev/null", os.O_RDWR)
            for stream in range(3):
                os.dup2(nothing, stream)
            os.close(nothing)
            for name, content in zip(names, contents):
                Path(name).write_bytes(content)
            sys.path.append(os.getcwd())  # last: a file of the student's hides no library
            StudentSide(Channel(socket.socket(fileno=end)), self.shell).serve()
        finally:
            os._exit(0)

    def _signal(self, number: int) -> None:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def _end(self) -> dict:
        if self.pid:
            self._signal(signal.SIGKILL)
        line = self.news.readline()
        os.waitpid(self.middle, 0)
        self.news.close()
        self.pid = self.middle = 0
        return json.loads(line) if line else {"signal": signal.SIGKILL}


def imports_of(sources: list[str]) -> str:
    """The import statements of some cells."""
    found = []
    for source in sources:
        tree = ast.parse(source)
        found += [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(dict.fromkeys(found))


def _import_what(statements: str) -> None:
    """Load the libraries, in a namespace that is thrown away."""
    exec(compile(statements, "<imports>", "exec"), {})
    for module in ("course_lib.teaching.checks", "matplotlib.pyplot"):
        __import__(module)
    # What is there now stays: a collection in a child would write to all pages of it, and so copy them.
    gc.collect()
    gc.freeze()


def _environment() -> dict[str, str]:
    return {
        "PATH": os.path.dirname(sys.executable) + ":/usr/bin:/bin", "HOME": sandbox.SCRATCH, "USER": "student", "LANG": "C.UTF-8",
        "MPLBACKEND": "agg", "MPLCONFIGDIR": sandbox.SCRATCH, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "IPYTHONDIR": sandbox.SCRATCH + "/.ipython",
    }


def main(arguments: list[str]) -> None:
    """`judge FD` or `student FD`: the socket to whoever started this."""
    kind, number = arguments
    channel = Channel(socket.socket(fileno=int(number)))
    setup = channel.receive()[0]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the engine's business
    if kind == "judge":
        JudgeServer(channel, setup).serve()
    else:
        server = StudentServer(channel, setup)
        channel.send({"ready": True})
        server.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
