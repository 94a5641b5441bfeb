"""Lessons as text for their authors: `make edit` writes one, `make notebook` turns it back, executed.

The text is jupytext's percent format. Graded cells are named in their headers by a shorthand, which spares nbgrader's
metadata and keeps ids stable:

    # %% solution="softmax"                      the reader's cell; grade_id softmax
    # %% check="softmax" points=1                visible check; grade_id check-softmax
    # %% hidden="softmax" points=1               hidden tests; grade_id hidden-softmax
    # %% [markdown] manual="own-words" points=3  graded by hand; grade_id own-words
    # %% given="sentences"                       code that graded cells rely on: locked, put back if it is missing
    # %% [markdown] exercise={"name": "softmax", "difficulty": 2, "minutes": 10}
"""

import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_PREFIX = {"solution": "", "check": "check-", "hidden": "hidden-", "manual": "", "given": "given-"}


def notebook_from_text(text: str) -> NotebookNode:
    """Return the notebook, not executed, that `text` describes; raises ValueError for two graded cells of one name."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)
        _expand(cell)
    _add_points_of_exercises(notebook)
    _name_cells(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def text_from_notebook(notebook: NotebookNode) -> str:
    """The inverse of `notebook_from_text`: equal but for outputs."""
    bare = nbformat.from_dict(notebook)
    for cell in bare.cells:
        _contract(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    bare.metadata = nbformat.from_dict({"jupytext": {"notebook_metadata_filter": "-all", "cell_metadata_filter": "all"}})
    return jupytext.writes(bare, fmt="py:percent")


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Execute `notebook` in `folder` from a fresh kernel, in place, with outputs that are equal in every run.

    Raises nbclient's CellExecutionError at the first cell that fails.
    """
    from nbclient import NotebookClient

    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    ).execute()
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})


def _expand(cell: NotebookNode) -> None:
    if "setup" in cell.metadata.get("tags", []):
        cell.metadata["given"] = "setup"
    for kind, prefix in _PREFIX.items():
        name = cell.metadata.pop(kind, None)
        if name is not None:
            cell.metadata["nbgrader"] = _nbgrader_metadata(kind, prefix + name, cell.metadata.pop("points", None))
            return


def _nbgrader_metadata(kind: str, grade_id: str, points: float | None) -> dict:
    graded = kind not in ("solution", "given")
    if graded and points is None:
        raise ValueError(f"graded cell {grade_id!r} needs points")
    data = {
        "grade": graded,
        "grade_id": grade_id,
        "locked": kind in ("check", "hidden", "given"),
        "schema_version": 3,
        "solution": kind in ("solution", "manual"),
        "task": False,
    }
    return data | ({"points": points} if graded else {})


def _contract(cell: NotebookNode) -> None:
    cell.metadata.get("exercise", {}).pop("points", None)
    data = cell.metadata.pop("nbgrader", None)
    if data is None or "setup" in cell.metadata.get("tags", []):
        return
    if data["solution"]:
        kind = "manual" if data["grade"] else "solution"
    else:
        kind = data["grade_id"].split("-")[0]
    cell.metadata[kind] = data["grade_id"].removeprefix(_PREFIX[kind])
    if "points" in data:
        cell.metadata["points"] = data["points"]


def _add_points_of_exercises(notebook: NotebookNode) -> None:
    points: dict[str, float] = {}
    for cell in notebook.cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("grade"):
            name = re.sub("^(check|hidden)-", "", data["grade_id"])
            points[name] = points.get(name, 0) + data["points"]
    for cell in notebook.cells:
        if "exercise" in cell.metadata:
            cell.metadata["exercise"]["points"] = points[cell.metadata["exercise"]["name"]]


def _name_cells(notebook: NotebookNode) -> None:
    """Give every cell an id that a small edit elsewhere does not change: its grade_id, else its first words."""
    taken: set[str] = set()
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        words = re.findall("[a-z0-9]+", cell.source.lower())[:6]
        stem = (grade_id or "-".join(words) or "cell")[:50]
        if grade_id in taken:
            raise ValueError(f"two graded cells are called {grade_id!r}")
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        cell["id"] = name
