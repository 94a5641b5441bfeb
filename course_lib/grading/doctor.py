"""`course doctor`: which protections against students' code this machine has, said, and then tried."""

import json
import tempfile
from pathlib import Path

import nbformat

from course_lib.grading import sandbox
from course_lib.grading.engine import Engine, Task
from course_lib.grading.limits import Limits

# What a submission might try. Each line of the result is one attempt: None if it failed, else what it got.
_ATTEMPTS = '''
import os, resource, socket

def attempt(work):
    try:
        return work() or None
    except Exception:
        return None

def attempts(secret, pid):
    return {
        "read": attempt(lambda: open(secret).read()),
        "write": attempt(lambda: open(secret, "a").write("x")),
        "network": attempt(lambda: (socket.create_connection(("192.0.2.1", 9), 0.5), "connected")[1])
                   or attempt(lambda: (socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9)), "sent")[1]),
        "processes": attempt(lambda: (os.kill(pid, 0), "seen")[1]),
        "limits": attempt(lambda: "none" if resource.getrlimit(resource.RLIMIT_AS)[0] < 0 else None),
    }
'''
_SENTENCES = {
    "read": "read a file of the instructor's", "write": "change a file of the instructor's", "network": "use the network",
    "processes": "see other processes", "limits": "use memory without limit",
}


def examine() -> tuple[list[str], bool]:
    """Lines for the instructor, and whether a submission can do no harm here."""
    found = sandbox.protection()
    lines = [
        f"{name:<11} {'yes' if why is None else f'no: {why}'}"
        for name, why in (("bubblewrap", found.bubblewrap), ("namespaces", found.namespaces), ("landlock", found.landlock), ("limits", found.limits))
    ]
    got = _try()
    if got is None:
        return [*lines, "", "A submission could not be run at all: see the messages above."], False
    lines += [""] + [f"A submission {'CAN' if got.get(name) else 'cannot'} {words}." for name, words in _SENTENCES.items()]
    return lines, not any(got.values()) and not found.missing()


def _try() -> dict | None:
    """Run a submission that tries what it should not be able to do."""
    cells = [
        {"role": "student", "source": _ATTEMPTS, "grade_id": None, "place": 0},
        {"role": "graded", "grade_id": "probe", "place": 1},
    ]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        secret = Path(folder) / "gradebook.db"
        secret.write_text("marks")
        secret.chmod(0o666)
        Path(folder).chmod(0o777)
        # The number of a process outside that this user may signal.
        cells[1]["source"] = f"import json, os\nprint(json.dumps(attempts({str(secret)!r}, os.getpid())))"
        engine = Engine(nbformat.v4.new_notebook(), unprotected=True)
        try:
            verdict = engine.judge(Task(cells, ["attempts"], {}, Limits(cell_seconds=20, notebook_seconds=60)))
        finally:
            engine.close()
    text = "".join(output.get("text", "") for output in verdict.outputs.get(1, []))
    try:
        return json.loads(text)
    except ValueError:
        return None
