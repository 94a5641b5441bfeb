"""The command `course`: what is wrong is said in one line, and nothing is written."""

import pytest

from course_lib.grading import cli


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "solutions" / "00-a").mkdir(parents=True)
    (tmp_path / "solutions" / "00-a" / "00-a.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("arguments", "words"), [
    (["lessons", "99-x"], "there is no lesson 99-x in solutions/; there are 00-a"),
    (["edit", "99-x"], "there is no lesson 99-x"),
    (["grade", "99-x"], "there is no lesson 99-x"),
    (["grade", "00-a", "--export", "missing"], "there is no file or folder missing"),
    (["notebook", "00-a"], "there is no scratch/00-a.py: `make edit LESSON=00-a` writes it"),
    (["bundle"], "the files of the bundle cannot be listed"),
])
def test_bad_input_is_one_line(folder, capsys, arguments, words):
    before = sorted(folder.rglob("*"))
    assert cli.main(arguments) == 1
    said = capsys.readouterr().err
    assert words in said.replace("\\", "/") and said.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_elsewhere_the_folder_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab"]) == 1
    assert "is not the course's folder" in capsys.readouterr().err


def test_an_unknown_option_is_refused_but_for_jupyter(folder, monkeypatch):
    with pytest.raises(SystemExit):
        cli.main(["lessons", "--nope"])
    called = []
    monkeypatch.setattr(cli.subprocess, "call", lambda command: called.append(command) or 0)
    assert cli.main(["lab", "--no-browser", "--port", "1234"]) == 0
    assert called[0][-3:] == ["--no-browser", "--port", "1234"]
    assert "--LabApp.default_url=/lab/tree/lessons/00-start-here/00-start-here.ipynb" in called[0]


def test_edit_keeps_unfinished_text(folder, monkeypatch):
    monkeypatch.setattr("course_lib.grading.authoring.text_from_notebook", lambda notebook: "new")
    monkeypatch.setattr("nbformat.read", lambda path, as_version: {})
    (folder / "scratch").mkdir()
    (folder / "scratch" / "00-a.py").write_text("mine")
    assert cli.main(["edit", "00-a"]) == 0
    assert (folder / "scratch" / "00-a.py").read_text() == "new"
    assert (folder / "scratch" / "00-a.py.old").read_text() == "mine"
