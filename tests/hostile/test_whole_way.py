"""A dozen submissions in one run of stock nbgrader: damage is put right, attacks earn nothing, nobody stops the others."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from tests.graders.demo_class import Student
from tests.graders.runner import ROOT
from tests.hostile.court import START

FULL = {"softmax": 4.0, "standardize": 4.0, "quiz": 4.0}
SPY = '''
seen = []
def softmax(logits):
    seen.append(logits.flatten().tolist())
    print("SPY", seen)
    raise ValueError(f"SPY {seen}")
'''
TELL = "\nprint('TOLD', seen)\nopen('seen.txt', 'w').write(str(seen))\ndef standardize(table): raise ValueError(f'TOLD {seen}')"


def solved() -> NotebookNode:
    return Student(START).solve().notebook


def cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def changed(change: Callable[[NotebookNode], None]) -> bytes:
    notebook = solved()
    change(notebook)
    return nbformat.writes(notebook).encode()


def writes(grade_id: str, code: str) -> bytes:
    return changed(lambda notebook: cell(notebook, grade_id).update(source=code))


def skip_checks(notebook: NotebookNode) -> None:
    cell(notebook, "softmax").source = "def softmax(logits): return logits"
    for name in ("check-softmax", "hidden-softmax"):
        cell(notebook, name).metadata["tags"] = ["experiment", "skip-execution"]


def own_checks(notebook: NotebookNode) -> None:
    """Cells that call themselves the course's: locked, and with a check's name."""
    cell(notebook, "softmax").source = "def softmax(logits): return logits"
    cheat = "import course_lib.teaching.checks as c\nfor name in ('expect_close', 'expect_shape'): globals()[name] = lambda *a, **k: None"
    for name in ("given-cheat", "given-setup"):
        label = {"grade": False, "solution": False, "locked": True, "task": False, "grade_id": name, "schema_version": 3}
        notebook.cells.insert(2, nbformat.v4.new_code_cell(cheat, metadata={"nbgrader": label}))


def edited_checks(notebook: NotebookNode) -> None:
    cell(notebook, "softmax").source = "def softmax(logits): return logits"
    cell(notebook, "check-softmax").source = "print('passed')"
    cell(notebook, "check-softmax").metadata.nbgrader.points = 1000


#: Student -> what is handed in, and the points that it deserves.
HANDED_IN: dict[str, tuple[bytes, dict[str, float]]] = {
    "right": (nbformat.writes(solved()).encode(), FULL),
    "stub": (nbformat.writes(Student(START).notebook).encode(), dict.fromkeys(FULL, 0.0)),
    "tagged": (changed(skip_checks), FULL | {"softmax": 0.0}),
    "locked": (changed(own_checks), FULL | {"softmax": 0.0}),
    "edited": (changed(edited_checks), FULL | {"softmax": 0.0}),
    "deleted": (changed(lambda notebook: notebook.cells.remove(cell(notebook, "hidden-standardize"))), FULL),
    "doubled": (changed(lambda notebook: notebook.cells.insert(9, nbformat.from_dict({**cell(notebook, "check-softmax"), "id": "again"}))), FULL),
    "crlf": (b"\xef\xbb\xbf" + nbformat.writes(solved()).replace("\n", "\r\n").encode(), FULL),
    "torn": (nbformat.writes(solved()).encode()[:3000], dict.fromkeys(FULL, 0.0)),
    "empty": (b"", dict.fromkeys(FULL, 0.0)),
    "nested": (b"[" * 100_000, dict.fromkeys(FULL, 0.0)),
    "dies": (writes("softmax", "import os\ndef softmax(logits): os._exit(0)"), FULL | {"softmax": 0.0}),
    "surrogate": (changed(lambda notebook: notebook.cells.append(nbformat.v4.new_code_cell("print('\\ud800')"))), FULL),
    "warns": (changed(lambda notebook: cell(notebook, "softmax").update(source=cell(notebook, "softmax").source + "\nimport warnings; warnings.warn('careful')")), FULL),
    "spy": (changed(lambda notebook: (cell(notebook, "softmax").update(source=SPY), cell(notebook, "standardize").update(source=TELL[1:]))),
            {"softmax": 0.0, "standardize": 0.0, "quiz": 4.0}),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copytree(ROOT / "solutions" / START, root / "solutions" / START)
    for student, (content, _) in HANDED_IN.items():
        folder = root / "submitted" / student / START
        folder.mkdir(parents=True)
        (folder / f"{START}.ipynb").write_bytes(content)
    environment = os.environ | {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
    for command in (["generate_assignment"], ["autograde"], ["generate_feedback"]):
        ran = subprocess.run([sys.executable, "-m", "nbgrader", *command, START], cwd=root, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr[-3000:]
    return root


@pytest.mark.slow
@pytest.mark.parametrize("student", HANDED_IN)
def test_each_gets_what_it_deserves(course, student):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grades = [(grade.name, grade.score) for notebook in gradebook.find_submission(START, student).notebooks for grade in notebook.grades]
    earned = dict.fromkeys(FULL, 0.0)
    for name, score in grades:
        exercise = name.removeprefix("check-").removeprefix("hidden-")
        if exercise in earned:
            earned[exercise] += score
    assert earned == HANDED_IN[student][1]


@pytest.mark.slow
def test_no_hidden_input_reaches_the_spys_feedback(course):
    """Its functions keep all inputs, print them, raise them, write them into a file, and a later exercise tells them."""
    text = (course / "feedback" / "spy" / START / f"{START}.html").read_text()
    assert "BEGIN HIDDEN" not in text and not list(course.glob("feedback/**/seen.txt"))
    # Of the visible check all may be told; its one call of softmax ended it.
    numbers = ["-5000", "9999", "10000", "-1.9", "1.098612"]
    told = text[text.find("TOLD"):] if "TOLD" in text else ""
    assert not [number for number in numbers if number in told]
    assert "TOLD []" in text or "TOLD [[0.0" in text


@pytest.mark.slow
def test_what_was_tried_stands_in_the_notebook_for_the_instructor(course):
    notebook = json.loads((course / "autograded" / "dies" / START / f"{START}.ipynb").read_text())
    assert "os._exit(0)" in str(notebook["metadata"]["course"]["judged"]["interference"])
    right = json.loads((course / "autograded" / "right" / START / f"{START}.ipynb").read_text())
    assert right["metadata"]["course"]["judged"]["interference"] == []
