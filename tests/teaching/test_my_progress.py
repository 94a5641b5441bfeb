"""What is done is read from the notebooks, whatever state they are in."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib.teaching.my_progress import DONE, OPEN, WRONG, read_progress, show_progress


def write(folder, name: str, checks: dict[str, tuple]) -> None:
    """A lesson whose exercises' check cells have each (execution count, names of errors)."""
    cells = []
    for exercise, (count, errors) in checks.items():
        cells.append(new_markdown_cell(exercise, metadata={"exercise": {"name": exercise, "difficulty": 1, "minutes": 5, "points": 2}}))
        outputs = [new_output("stream", text="hello")] + [new_output("error", ename=error, evalue="", traceback=[]) for error in errors]
        graded = {"nbgrader": {"grade_id": f"check-{exercise}"}}
        cells.append(new_code_cell("", metadata=graded, execution_count=count, outputs=outputs if count else []))
    (folder / name).mkdir()
    nbformat.write(new_notebook(cells=cells), folder / name / f"{name}.ipynb")


def test_reads_what_is_done_wrong_and_open(tmp_path):
    write(tmp_path, "01-tokens", {"a": (3, []), "b": (4, ["CheckFailed"]), "c": (None, []), "d": (5, ["NotImplementedError"])})
    write(tmp_path, "00-start-here", {"a": (1, [])})
    first, second = read_progress(tmp_path)
    assert (first.name, second.name) == ("00-start-here", "01-tokens")
    assert [exercise.state for exercise in second.exercises] == [DONE, WRONG, OPEN, OPEN]
    assert [exercise.name for exercise in second.exercises] == ["a", "b", "c", "d"] and second.exercises[0].points == 2


def test_a_deleted_check_leaves_the_exercise_open(tmp_path):
    write(tmp_path, "01-tokens", {"a": (3, [])})
    path = tmp_path / "01-tokens" / "01-tokens.ipynb"
    notebook = nbformat.read(path, as_version=4)
    del notebook.cells[1]
    nbformat.write(notebook, path)
    assert read_progress(tmp_path)[0].exercises[0].state == OPEN


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"3", b"\xff\xfe", b'{"cells": 3}', b'{"nbformat": 4, "nbformat_minor": 5, "cells": [3], "metadata": {}}',
    b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "markdown", "source": "", "metadata": {"exercise": {}}}]}',
    b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "markdown", "source": "", "metadata": {"exercise": 3}}]}',
])
def test_an_unreadable_notebook_is_listed_with_the_reason(content, tmp_path, capsys):
    write(tmp_path, "00-start-here", {"a": (1, [])})
    (tmp_path / "01-tokens").mkdir()
    (tmp_path / "01-tokens" / "01-tokens.ipynb").write_bytes(content)
    good, bad = read_progress(tmp_path)
    assert good.exercises[0].state == DONE
    assert bad.problem.startswith("cannot be read: ") and len(bad.problem) > 20


def test_a_folder_called_like_a_notebook(tmp_path):
    (tmp_path / "01-tokens" / "01-tokens.ipynb").mkdir(parents=True)
    assert "cannot be read" in read_progress(tmp_path)[0].problem


def test_a_notebook_of_an_older_format_is_read_without_a_warning(tmp_path, recwarn):
    write(tmp_path, "01-tokens", {"a": (3, [])})
    path = tmp_path / "01-tokens" / "01-tokens.ipynb"
    data = json.loads(path.read_text())
    for cell in data["cells"]:
        del cell["id"]
    path.write_text(json.dumps(data))
    assert read_progress(tmp_path)[0].exercises[0].state == DONE
    assert not recwarn.list


def test_other_notebooks_are_left_out(tmp_path):
    write(tmp_path, "01-tokens", {"a": (3, [])})
    (tmp_path / "01-tokens" / "scratch.ipynb").write_text("{")
    assert len(read_progress(tmp_path)) == 1


def test_no_lesson_at_all(tmp_path):
    with pytest.raises(FileNotFoundError, match="no lesson was found in .*looked for NN-topic"):
        read_progress(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_progress(tmp_path / "nowhere")


def test_the_table_names_everything(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("course_lib.teaching.my_progress.display", lambda html: shown.append(html.data))
    write(tmp_path, "01-tokens", {"a": (3, []), "b<": (4, ["CheckFailed"])})
    (tmp_path / "02-embeddings").mkdir()
    (tmp_path / "02-embeddings" / "02-embeddings.ipynb").write_text("{")
    monkeypatch.chdir(tmp_path / "01-tokens")
    show_progress()  # of the lessons beside this one
    assert "1 of 2 exercises done" in shown[0] and 'title="a: done"' in shown[0] and "b&lt;: not right yet" in shown[0]
    assert "02-embeddings" in shown[0] and "cannot be read" in shown[0]
