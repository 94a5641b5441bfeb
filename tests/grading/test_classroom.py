"""A class is judged whatever ends the run: it goes on where it was, on this machine and on a Dask cluster."""

import csv
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest

from course_lib.grading.classroom import Classroom, judge_there
from course_lib.grading.cycle import Means, grade, read_scores
from course_lib.grading.engine import Engine, Stopped, Task
from course_lib.grading.judge import Verdict
from tests.grading.small_course import LESSON, export, hand_in, make_course

RIGHT = "import time\ntime.sleep(0.2)\ndef double(x):\n    return 2 * x  # {}"
ANSWERS = {f"student-{number:02d}": RIGHT.format(number) for number in range(8)} | {
    "wrong": "def double(x): return x * x", "half": "def double(x): return 6", "none": "pass", "dead": "import os\ndef double(x): os._exit(0)",
}
DESERVED = {name: {"wrong": 0, "half": 1, "none": 0, "dead": 0}.get(name, 3) for name in ANSWERS}


def scores(root: Path) -> dict[str, float]:
    return {score.student: score.total for score in read_scores(root, LESSON)}


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_loses_nothing_and_grades_nothing_twice(tmp_path):
    root = make_course(tmp_path)
    handed_in = export(root, ANSWERS)
    command = [sys.executable, "-m", "course_lib.grading.cli", "grade", LESSON, "--export", str(handed_in), "--workers", "2"]
    moments = random.Random(int(time.time()))
    seen: dict[str, int] = {}
    for turn in range(4):
        run = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(moments.uniform(4, 25))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        written = {path.name: path.stat().st_mtime_ns for path in (root / "judged" / LESSON).glob("*.json")}
        assert all(written[name] == when for name, when in seen.items()), "a verdict was reached a second time"
        assert all(json.loads(path.read_text()) for path in (root / "judged" / LESSON).glob("*.json"))
        seen = written
    assert subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL).returncode == 0
    assert scores(root) == DESERVED
    with open(root / "grades.csv", newline="") as file:
        assert {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)} == DESERVED
    assert len(list((root / "feedback").glob(f"*/{LESSON}/{LESSON}.html"))) == len(ANSWERS)


@pytest.mark.slow
def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(tmp_path):
    root = make_course(tmp_path)
    # So many that also a slow machine is stopped before it is done.
    handed_in = export(root, {f"s{number}": f"import time\ntime.sleep(2)\nx = {number}" for number in range(20)})
    command = [sys.executable, "-m", "course_lib.grading.cli", "grade", LESSON, "--export", str(handed_in)]
    # What a shell starts in the background ignores Ctrl-C, and so does all that it starts: also these tests, where CI runs them so.
    listening = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    run = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=listening)
    deadline = time.monotonic() + 120
    while not list(root.glob(f"judged/{LESSON}/*.json")) and time.monotonic() < deadline:
        time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "the same command goes on from here" in said and "Traceback" not in said
    time.sleep(0.5)
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert not [line for line in left.splitlines() if "fork_server" in line and str(root) in line]


@pytest.mark.slow
def test_an_engine_that_is_closed_while_it_judges_stops_and_does_not_start_again():
    engine, ends = Engine(nbformat.v4.new_notebook()), []
    cells = [{"role": "student", "source": "import time; time.sleep(300)", "grade_id": None, "place": 0}]

    def judge():
        with pytest.raises(Stopped):
            engine.judge(Task(cells, [], {}))
        ends.append(engine.process)

    thread = threading.Thread(target=judge)
    thread.start()
    while engine.process is None:
        time.sleep(0.1)
    time.sleep(2)  # to close it in the middle of whatever it does
    engine.close()
    thread.join(20)
    assert ends == [None]


@pytest.mark.slow
def test_a_judge_that_is_killed_is_started_again(tmp_path):
    root = make_course(tmp_path)
    subprocess.run([sys.executable, "-m", "nbgrader", "generate_assignment", LESSON], cwd=root, check=True, capture_output=True)
    hand_in(root, "ada", "def double(x): return 2 * x")
    room = Classroom(root, LESSON)
    (_, task), = room.tasks(["ada"])
    engine = Engine(room.source)
    try:
        first = engine.judge(task)
        engine.process.kill()
        again = engine.judge(task)
    finally:
        engine.close()
    assert first.outputs == again.outputs and not again.report


@pytest.mark.slow
def test_stock_autograde_gives_the_same_marks_and_grades_again_what_was_changed(tmp_path):
    root = make_course(tmp_path)
    run = [sys.executable, "-m", "nbgrader"]
    subprocess.run([*run, "generate_assignment", LESSON], cwd=root, check=True, capture_output=True)
    for student, code in ANSWERS.items():
        hand_in(root, student, code)
    subprocess.run([*run, "autograde", LESSON], cwd=root, check=True, capture_output=True)
    assert scores(root) == DESERVED
    hand_in(root, "wrong", "def double(x): return x + x")
    half = root / "autograded" / "half" / LESSON / f"{LESSON}.ipynb"
    half.chmod(0o644)
    half.write_text(half.read_text()[:200])
    subprocess.run([*run, "autograde", LESSON], cwd=root, check=True, capture_output=True)
    assert scores(root) == DESERVED | {"wrong": 3}


@pytest.mark.slow
def test_a_dask_cluster_judges_although_a_worker_is_killed(tmp_path):
    pytest.importorskip("distributed", reason="grading on a cluster needs the extra: pip install 'course-lib[cluster]'")
    root = make_course(tmp_path / "course")
    handed_in = export(root, ANSWERS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    scheduler = [sys.executable, "-c", "from distributed.cli.dask_scheduler import main; main()"]
    worker = [sys.executable, "-c", "from distributed.cli.dask_worker import main; main()"]
    options = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    processes = [subprocess.Popen([*scheduler, "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"], **options)]
    local = [address, "--nthreads", "1", "--nworkers", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1"]
    processes += [subprocess.Popen([*worker, *local, "--local-directory", str(tmp_path / name)], **options) for name in ("one", "two")]
    try:
        command = [sys.executable, "-m", "course_lib.grading.cli", "grade", LESSON, "--export", str(handed_in), "--scheduler", address]
        run = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        deadline = time.monotonic() + 200
        while not list(root.glob(f"judged/{LESSON}/*.json")) and time.monotonic() < deadline and run.poll() is None:
            time.sleep(0.1)
        os.killpg(processes[1].pid, signal.SIGKILL)
        said, _ = run.communicate(timeout=200)
    finally:
        for process in processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
    assert run.returncode == 0, said
    assert re.search(r"12/12", said)
    assert scores(root) == DESERVED


def test_a_worker_keeps_the_lesson_between_tasks(tmp_path, monkeypatch):
    made, closed = [], []

    class Fake:
        def __init__(self, source, unprotected):
            made.append(source.cells[0].source)

        def judge(self, task):
            return Verdict(report=[task.names[0]])

        def close(self):
            closed.append(1)

    monkeypatch.setattr("course_lib.grading.classroom.Engine", Fake)
    task = {"cells": [], "names": ["f"], "files": {}, "limits": {}}
    sources = ['{"cells": [{"cell_type": "raw", "metadata": {}, "source": "%s"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}' % name for name in "ab"]
    for source in (sources[0], sources[0], sources[1]):
        assert judge_there(source, task, False)["report"] == ["f"]
    assert made == ["a", "b"] and closed == [1]


def test_grading_unprotected_must_be_asked_for(tmp_path, monkeypatch):
    from course_lib.grading import sandbox

    root = make_course(tmp_path)
    bare = sandbox.Protection("bubblewrap is not installed", "no namespaces here", "the kernel has no landlock", None)
    monkeypatch.setattr(sandbox, "protection", lambda: bare)
    with pytest.raises(sandbox.Unprotected, match="read and change the instructor's files.*use the network.*--unprotected"):
        grade(root, LESSON, export(root, ANSWERS), means=Means())
