"""Set-up: quick when nothing is to be done, and one sentence on what to do when it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib import bootstrap

ROOT = Path(__file__).resolve().parents[1]


def test_an_old_python_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 10, 2))
    with pytest.raises(bootstrap.SetupFailed, match="This is Python 3.10, and the course needs 3.11 or newer: install"):
        bootstrap.check_computer()


def test_a_full_disk_is_named_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_VENV", str(tmp_path / "none"))
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda path: type("usage", (), {"free": 1.2e9}))
    with pytest.raises(bootstrap.SetupFailed, match="The disk has 1.2 GB left"):
        bootstrap.check_computer()


@pytest.mark.parametrize(("log", "words"), [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
    ("WARNING: Retrying ... NewConnectionError('...: Failed to establish a new connection')", "connect to the network"),
    ("socket.gaierror: Temporary failure in name resolution", "connect to the network"),
    ("ERROR: No matching distribution found for torch==2.13.0", "no PyTorch for this computer"),
    ("Processing\nERROR: something rare\n", "The last error was: ERROR: something rare"),
    ("", "unknown"),
])
def test_a_log_becomes_one_sentence(log, words):
    assert words in bootstrap.remedy(log)


def test_without_a_network_the_set_up_says_so_and_can_be_repeated(monkeypatch, tmp_path):
    """A package index on a closed port of this computer stands for no network."""
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "venv"
    settings = {
        "COURSE_VENV": str(folder), "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1",
    }
    command = [sys.executable, str(ROOT / "course_lib" / "bootstrap.py"), "setup"]
    for _ in range(2):
        result = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
        assert result.returncode == 1
        assert "connect to the network" in result.stderr
        assert "Traceback" not in result.stderr
    assert not list(folder.glob("course-*.txt")), "a set-up that failed must not look finished"


def test_a_finished_set_up_is_not_repeated(monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    monkeypatch.setattr(bootstrap, "read", lambda name: bootstrap.fingerprint())
    monkeypatch.setattr(bootstrap, "install", lambda *arguments: pytest.fail("installed again"))
    bootstrap.set_up("test")
    assert capsys.readouterr().out == ""


def test_changed_dependencies_are_installed(monkeypatch, tmp_path):
    called = []
    monkeypatch.setenv("COURSE_VENV", str(tmp_path))
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    monkeypatch.setattr(bootstrap, "install", lambda python, extra: called.append(extra))
    monkeypatch.setattr(bootstrap, "run", called.append)
    (tmp_path / "course-test.txt").write_text("of another pyproject.toml")
    bootstrap.set_up("test")
    assert called[0] == "test" and "ipykernel" in called[1]
    assert (tmp_path / "course-test.txt").read_text() == bootstrap.fingerprint()


@pytest.mark.skipif(not (ROOT / "Makefile").exists() or os.name == "nt", reason="Windows has no make")
def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    targets = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:")).split()[1:]
    for target in targets:
        assert f"make {target} " in listed
