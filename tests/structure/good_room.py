"""A small lesson that keeps every rule, for the proofs that each rule can be broken."""

import base64
import copy
import io
from functools import cache

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from course_lib.teaching.quiz import seal
from tests.structure.rooms import Room, kind, quiz_key, secrets, visible

NAME = "06-attention"
KEY = {number: ("b", {"a": f"Reason {number} is an old story of the first kind.", "b": f"Right for cause {number}."}) for number in range(1, 5)}
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


def picture(size: int = 4) -> str:
    """A PNG of noise, `size` points wide, as a notebook holds it."""
    drawn = io.BytesIO()
    Image.effect_noise((size, size), 90).save(drawn, format="PNG")
    return base64.b64encode(drawn.getvalue()).decode()


def figure(alt: str = "A line that rises from one to three.", size: int = 4) -> list[NotebookNode]:
    """The outputs of one call of show(…)."""
    shown = new_output("display_data", {"image/png": picture(size), "text/plain": alt}, metadata={"image/png": {"alt": alt}})
    return [shown, new_output("display_data", {"text/markdown": "*It rises.*", "text/plain": "<Markdown>"})]


def text(source: str, **metadata) -> NotebookNode:
    return new_markdown_cell(source, metadata=metadata)


def code(source: str, *tags: str, outputs=(), **metadata) -> NotebookNode:
    return new_code_cell(source, metadata={**({"tags": list(tags)} if tags else {}), **metadata}, outputs=list(outputs))


def graded(kind: str, name: str, source: str, points: int | None = None) -> NotebookNode:
    """A cell of the grader: kind is solution, check, hidden, manual or given."""
    prefix = {"check": "check-", "hidden": "hidden-", "given": "given-"}.get(kind, "")
    data = {
        "grade": points is not None, "grade_id": prefix + name, "locked": kind in ("check", "hidden", "given"), "schema_version": 3,
        "solution": kind in ("solution", "manual"), "task": False,
    }
    data |= {"points": points} if points is not None else {}
    return (text if kind == "manual" else code)(source, nbgrader=data)


def exercise(number: int) -> list[NotebookNode]:
    letter = "abcdefgh"[number - 1]
    name = f"sum_{letter}"
    data = {"name": name, "difficulty": 2, "minutes": 10, "points": 4}
    solution = f"""def {name}(values):
    \"\"\"The sum of squares, times {number}.\"\"\"
    ### BEGIN SOLUTION
    total_{letter} = 0
    for value in values:
        total_{letter} = total_{letter} + value * value * {number}
    return total_{letter}
    ### END SOLUTION"""
    hidden = f"# Hidden tests: other numbers and the empty list.\n### BEGIN HIDDEN TESTS\nassert {name}([7, 8, 9]) == {194 * number}\n### END HIDDEN TESTS"
    return [
        text(f"### Exercise {number} · `{name}`\n\n*Difficulty 2 of 5 · 10 minutes · 4 points*\n\nAdd up the squares.", exercise=data),
        graded("solution", name, solution),
        graded("check", name, f'got = {name}([1, 2])\nexpect_close(got, 5 * {number}, what="it")\nprint("{name}: the visible checks pass")', 2),
        graded("hidden", name, hidden, 2),
    ]


def quiz() -> list[NotebookNode]:
    questions = "\n".join(f"{number}. Which one is it?\n   - **a** This, with P(c).\n   - **b** That." for number in KEY)
    answers = "\n".join(f'answers[{number}] = "{right}"' for number, (right, _) in KEY.items())
    return [
        text(f"## Quiz\n\n{questions}"),
        graded("solution", "quiz", f"answers = {{}}\n### BEGIN SOLUTION\n{answers}\n### END SOLUTION"),
        graded("check", "quiz", f"check_quiz(answers, {KEY!r})", len(KEY)),
        graded("manual", "own-words", "### In your own words\n\nWhy?\n\n### BEGIN SOLUTION\nBecause each weight is positive and all of them sum to one.\n### END SOLUTION", 2),
    ]


def source() -> NotebookNode:
    table = "| reading and writing | computing | points | builds on |\n|---|---|---|---|\n| 60 minutes | 5 seconds | 26 | lesson 05 |"
    claims = "| often said | what is true | source |\n|---|---|---|\n| A | B | C |\n| D | E | F |"
    cells = [
        text(f"# 06 · Attention\n\n**You build it.**\n\n{table}"),
        graded("given", "setup", "import torch\nfrom course_lib.teaching import check_quiz, expect_close, explore, show\nfrom course_lib.reference.tokens import BPETokenizer"),
        text("## 1 Sums"),
        *(cell for number in range(1, 6) for cell in exercise(number)),
        text("### The truth plot"),
        *(code(f"figure_{number} = draw(sum_a([{number}]))\nshow(figure_{number}, alt='…', caption='…')", "experiment", outputs=figure()) for number in range(4)),
        code("panel = explore(sum_a, values=(1, 2))", "experiment", "nbval-ignore-output"),
        text(f"## Fact check\n\n{claims}"),
        *quiz(),
        text("## What to take away\n\n1. One.\n2. Two.\n3. Three."),
    ]
    cells[1].metadata["tags"] = ["setup"]
    return executed(new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}))


def executed(notebook: NotebookNode) -> NotebookNode:
    """Number the code cells as a fresh kernel does, and name the cells."""
    count = 0
    for place, cell in enumerate(notebook.cells):
        cell["id"] = cell.metadata.get("nbgrader", {}).get("grade_id", f"cell-{place}")
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
    return notebook


def release_of(source: NotebookNode) -> NotebookNode:
    """What students get: without regions, outputs and key."""
    release = copy.deepcopy(source)
    for cell in release.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if cell.id == "check-quiz":
            cell.source = f"check_quiz(answers, sealed={seal(quiz_key(source))!r})"
        elif secrets(cell):
            indent = "    " if kind(cell) == "solution" and "def " in cell.source else ""
            stub = "".join(f"\n{indent}{line}" for line in STUB.split("\n")) if kind(cell) == "solution" else ""
            cell.source = visible(cell).rstrip() + stub
    return release


@cache
def _original() -> Room:
    made = source()
    return Room(NAME, made, release_of(made), 50_000)


def good_room() -> Room:
    """A new copy each time, to be spoilt."""
    return copy.deepcopy(_original())
