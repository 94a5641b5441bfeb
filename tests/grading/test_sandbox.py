"""What a submission sees of the machine, and what grading says where it cannot be kept from it."""

import json
import os
from dataclasses import replace

import nbformat
from pathlib import Path

import pytest

from course_lib.grading import doctor, sandbox
from course_lib.grading.engine import COURSE, Engine, Task, visible_files
from course_lib.grading.limits import Limits
from course_lib.grading.sandbox import Protection, Unprotected, protection, require

ALL = Protection(None, None, None, None)
SETUP = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from course_lib.reference.tokens import BPETokenizer")])
linux = pytest.mark.skipif(protection().namespaces is not None, reason="this system allows no namespaces")


def outputs_of(code: str, engine: Engine, files: dict | None = None) -> str:
    """What a submission's only cell prints."""
    cells = [{"role": "student", "source": code, "grade_id": None, "place": 0}]
    verdict = engine.judge(Task(cells, [], files or {}, Limits(cell_seconds=20, notebook_seconds=60)))
    return "".join(output.get("text") or f"{output.get('ename')}: {output.get('evalue')}" for output in verdict.outputs[0])


@pytest.fixture(scope="module")
def engine():
    engine = Engine(SETUP)
    yield engine
    engine.close()


@linux
@pytest.mark.slow
def test_a_submission_sees_the_libraries_and_nothing_else(engine):
    places = [COURSE.parent / "solutions", COURSE.parent / "tests", COURSE.parent / "gradebook.db", COURSE.parent / "submitted", COURSE / "reference" / "embeddings.py",
              COURSE / "reference" / "language_model.py", Path.home() / ".bashrc", "/home", "/var", "/etc/passwd", "/etc/shadow", "/sys", "/mnt"]
    seen = [COURSE / "reference" / "tokens.py", COURSE / "teaching" / "checks.py", COURSE / "data" / "__init__.py"]
    code = f"import os, json\nprint(json.dumps([[os.path.exists(p) for p in ps] for ps in {[[*map(str, places)], [*map(str, seen)]]!r}]))"
    hidden, shown = json.loads(outputs_of(code, engine))
    assert dict(zip(map(str, places), hidden)) == dict.fromkeys(map(str, places), False)
    assert all(shown)


@linux
@pytest.mark.slow
def test_it_is_alone_and_has_no_rights(engine):
    code = '''
import json, os, socket
def fails(work):
    try: work()
    except OSError: return True
def kill(): [os.kill(pid, 0) for pid in range(2, 2000)]
def write(path): open(path, "w").write("x")
print(json.dumps({
    "first": os.getpid() == 1, "root": os.geteuid() == 0, "kill": fails(kill), "mount": os.path.ismount("/dev/shm"),
    "network": fails(lambda: socket.create_connection(("127.0.0.1", 22), 1)), "setuid": fails(lambda: os.setuid(1000)),
    "course": fails(lambda: write(os.path.join(os.path.dirname(os.__file__), "x"))), "root folder": fails(lambda: write("/x")),
    "chroot": fails(lambda: os.chroot("/tmp")), "files": len([n for n in range(3, 300) if not fails(lambda: os.fstat(n))]),
}))
'''
    found = json.loads(outputs_of(code, engine))
    assert found.pop("files") == 1  # the connection to the judge
    root = found.pop("root")
    assert root is (os.geteuid() == 0 and not sandbox._others_may_read(str(COURSE)))
    assert all(found.values()), found


@linux
@pytest.mark.slow
def test_nothing_stays_for_the_next_submission(engine):
    code = '''
import os
print([place for place in ("/tmp", "/dev/shm") if os.path.exists(place + "/left")])
for place in ("/tmp", "/dev/shm"):
    open(place + "/left", "w").write("x")
'''
    assert outputs_of(code, engine) == outputs_of(code, engine) == "[]\n"


@linux
@pytest.mark.slow
def test_processes_are_counted(engine):
    if os.geteuid() == 0 and not sandbox._others_may_read(str(COURSE)):
        pytest.skip("root is not limited, and nobody else may read the course here")
    code = '''
import os, time
started = 0
try:
    while started < 200:
        if os.fork() == 0: time.sleep(30); os._exit(0)
        started += 1
except OSError: pass
print(started)
'''
    assert int(outputs_of(code, engine)) < 64


@linux
@pytest.mark.slow
def test_the_doctors_attempts_fail_here():
    lines, safe = doctor.examine()
    assert safe and not any("CAN " in line for line in lines), lines


@linux
@pytest.mark.slow
@pytest.mark.parametrize("missing", ["bubblewrap", "landlock"])
def test_one_of_two_means_is_enough(monkeypatch, missing):
    found = replace(protection(), **{missing: "taken away by a test"})
    monkeypatch.setattr(sandbox, "protection", lambda: found)
    require(False)
    engine = Engine(SETUP)
    try:
        code = f"import os\ntry: print(open({str(COURSE.parent / 'pyproject.toml')!r}).read()[:9])\nexcept OSError: print('closed')"
        # bubblewrap is used by the judge's server, a process of its own: what is tried here is that judging works.
        assert outputs_of(code, engine) == "closed\n"
    finally:
        engine.close()


@pytest.mark.parametrize(("protection", "words"), [
    (replace(ALL, bubblewrap="no bubblewrap", landlock="no landlock"), "read and change the instructor's files (no bubblewrap; no landlock)"),
    (replace(ALL, namespaces="no namespaces"), "use the network, and see and end other processes (no namespaces)"),
    (replace(ALL, limits="no limits"), "use all of the machine (no limits)"),
])
def test_grading_unprotected_is_refused_with_what_is_missing(monkeypatch, protection, words):
    monkeypatch.setattr(sandbox, "protection", lambda: protection)
    with pytest.raises(Unprotected) as caught:
        Engine(SETUP)
    assert words in str(caught.value) and "--unprotected" in str(caught.value)
    require(allowed_unprotected=True)


def test_full_protection_lacks_nothing(monkeypatch):
    for enough in (ALL, replace(ALL, landlock="none"), replace(ALL, bubblewrap="none")):
        monkeypatch.setattr(sandbox, "protection", lambda: enough)
        require(False)
        assert enough.missing() == []


def test_only_the_references_that_a_lesson_builds_on_are_visible():
    names = {path.name for path in visible_files(SETUP) if path.parent.name == "reference"}
    assert names == {"__init__.py", "tokens.py"}
