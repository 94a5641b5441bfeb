"""Verdicts are kept whole or not at all, and one run at a time holds a course folder."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from course_lib.grading.judge import Verdict
from course_lib.grading.store import Busy, VerdictStore, only_one

VERDICT = Verdict({0: [], 3: [{"output_type": "stream", "name": "stdout", "text": "x"}]}, ["said"], ["late"], [{"cell": "f", "evidence": "e"}], 1.5)


def test_a_verdict_comes_back_as_it_was(tmp_path):
    store = VerdictStore.of_lesson(tmp_path, "00-a")
    assert store.get("k") is None
    store.put("k", VERDICT)
    assert store.get("k") == VERDICT
    assert store.get("other") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"outputs": {}, "more": 1}', '{"outputs": 3}'])
def test_what_is_no_verdict_is_judged_again(tmp_path, text):
    store = VerdictStore(tmp_path)
    (tmp_path / "k.json").write_text(text)
    assert store.get("k") is None


def test_a_full_disk_leaves_the_old_verdict_and_no_rest(tmp_path, monkeypatch):
    store = VerdictStore(tmp_path)
    store.put("k", VERDICT)

    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.put("k", Verdict())
    assert store.get("k") == VERDICT
    assert [path.name for path in tmp_path.iterdir()] == ["k.json"]


def hold(context: str) -> subprocess.Popen:
    """Another process, in a `with` statement of the store."""
    code = (
        "import sys; from pathlib import Path; from course_lib.grading.store import VerdictStore, only_one\n"
        f"with {context}: print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    return other


def test_one_run_at_a_time(tmp_path):
    other = hold(f"only_one(Path({str(tmp_path)!r}))")
    with pytest.raises(Busy, match="another grading run"), only_one(tmp_path):
        pass
    other.kill()
    other.wait()
    with only_one(tmp_path), only_one(tmp_path):  # a run shares the lock with what it starts
        assert os.environ["COURSE_GRADING_LOCK"]
    assert "COURSE_GRADING_LOCK" not in os.environ


def test_a_verdict_that_is_coming_is_waited_for(tmp_path):
    store = VerdictStore(tmp_path / "judged")
    assert store.wait("k") is None
    with store.being_filled():
        threading.Timer(0.3, lambda: store.put("k", VERDICT)).start()
        assert store.wait("k") == VERDICT
    began = time.monotonic()
    assert store.wait("none") is None and time.monotonic() - began < 1


def test_nobody_waits_for_a_process_that_was_killed(tmp_path):
    other = hold(f"VerdictStore(Path({str(tmp_path)!r})).being_filled()")
    threading.Timer(0.3, other.kill).start()
    began = time.monotonic()
    assert VerdictStore(tmp_path).wait("k") is None
    assert 0.2 < time.monotonic() - began < 20
    other.wait()
