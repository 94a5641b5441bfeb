"""What was handed in, made gradable: any file is read, damage is put right where that is unambiguous, and reported.

Each thing that was put right is a sentence in the notebook's metadata (`course.report`), which the table of
`course grade` shows to the instructor, and the top of the feedback to the student.
"""

import ast
import importlib.util
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor

LARGEST_FILE = 50_000_000
MOST_CELLS = 2000
# Written by the collector beside the unpacked export: student -> sentences about how their file was found.
COLLECTED = "collected.json"

# Endings of what Python imports.
CODE = (".py", ".pyc", ".so")

_READING = "course_reading"
OTHER_LESSON = "This is the notebook of the lesson"
_MAKE = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell, "raw": nbformat.v4.new_raw_cell}
IN_EVERY_LESSON = {"given-setup", "quiz", "check-quiz", "own-words"}
Result = tuple[NotebookNode, ResourcesDict]


def report(notebook: NotebookNode, sentence: str) -> None:
    """Note for instructor and student what was found or put right."""
    notebook.metadata.setdefault("course", {}).setdefault("report", []).append(sentence)


# Reading


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of any format from 3 on, without its outputs; what was put right is noted in its metadata.

    Raises ValueError that says in a few words why it cannot be read.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"it is larger than {LARGEST_FILE // 1_000_000} MB")
        text, said = _decode(path.read_bytes())
        data, merged = _parse(text)
        # Half of a surrogate pair is legal in JSON, but cannot be written as UTF-8 later.
        data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
        notebook, tidied = _notebook(data)
        nbformat.validate(notebook)
    except OSError as error:
        raise ValueError(_first_line(error)) from None
    except (RecursionError, nbformat.ValidationError):
        raise ValueError("it is JSON, but no notebook") from None
    if said + merged + tidied:
        notebook.metadata[_READING] = said + merged + tidied
    return notebook


def _decode(content: bytes) -> tuple[str, list[str]]:
    if content[:4] == b"PK\x03\x04":
        raise ValueError("it is a zip archive that cannot be unpacked, or that holds no notebook")
    said = "The file was not saved as plain UTF-8 text. It was read as {}."
    for mark, codec, name in (
        (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8 with a mark at its start"), (b"\xff\xfe", "utf-16", "UTF-16"), (b"\xfe\xff", "utf-16", "UTF-16"),
        (b"{\0", "utf-16-le", "UTF-16"), (b"\0{", "utf-16-be", "UTF-16"),
    ):
        if content.startswith(mark):
            return _decoded(content, codec), [said.format(name)]
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError:
        if not content.lstrip().startswith((b"{", b"<<<<<<<")) or b"\0" in content:
            raise ValueError("it is not text") from None
        return content.decode("latin-1"), [said.format("Latin-1")]


def _decoded(content: bytes, codec: str) -> str:
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        raise ValueError("it is not text") from None


def _parse(text: str) -> tuple[object, list[str]]:
    if re.search(r"^<{7}( |$)", text, re.M):
        return _merged(text)
    if not text.strip():
        raise ValueError("it is empty")
    try:
        return json.loads(text, strict=False), []
    except json.JSONDecodeError as error:
        begin = f"; it begins with {text.strip().splitlines()[0][:60]!r}" if not text.strip().startswith("{") else ""
        raise ValueError(f"it is not JSON from line {error.lineno} on{begin}") from None


def _merged(text: str) -> tuple[object, list[str]]:
    """Take one side of all conflicts that git left: the student's own, or the other where the own gives no notebook."""
    for side, mark, words in (
        ("own", r"^<{7} +(.*)$", "Your own side{} was taken."),
        ("other", r"^>{7} +(.*)$", "The other side{} was taken, since your own gives no notebook."),
    ):
        try:
            data = json.loads("\n".join(_one_side(text, side)), strict=False)
            _notebook(data)
        except ValueError:
            continue
        label = re.search(mark, text, re.M)
        return data, ["The file held the marks of a merge that was not finished. " + words.format(f" ({label[1].strip()})" if label else "")]
    raise ValueError("it holds the marks of a merge that was not finished, and neither side is a notebook")


def _one_side(text: str, side: str) -> Iterator[str]:
    place = "both"
    for line in text.split("\n"):
        turn = {"<<<<<<<": "own", "|||||||": "base", "=======": "other", ">>>>>>>": "both"}.get(re.split(r"\s", line)[0])
        if turn:
            place = turn
        elif place in ("both", side):
            yield line


def _notebook(data: object) -> tuple[NotebookNode, list[str]]:
    """Build a clean notebook of format 4.5 from JSON of any format from 3 on; outputs are cleared for grading anyway."""
    raw = _raw_cells(data)
    good = [cell for cell in raw if isinstance(cell, dict)]
    if raw and not good:
        raise ValueError("it is JSON, but no notebook")
    if len(raw) > MOST_CELLS:
        raise ValueError(f"it has more than {MOST_CELLS} cells")
    said = ["The notebook has no cells."] * (not raw)
    if len(good) < len(raw):
        said.append(f"{len(raw) - len(good)} of the notebook's cells could not be read and were left out.")
    if "cells" not in data:
        said.append("The notebook was in an old format (3) and was converted.")
    if any(_is_odd(cell) for cell in good):
        said.append("Parts of some cells were missing or of a wrong form. They were put right.")
    cells = [_cell(cell) for cell in good]
    if _name_cells(cells, [cell.get("id") for cell in good]) and data.get("nbformat_minor") == 5:
        said.append("Some cells had no id, or the same id as another cell. They were given new ones.")
    metadata = nbformat.from_dict({"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
                                   "language_info": {"name": "python"}})
    # A notebook that says of itself what was put right would speak with the course's voice: no metadata of its own stays.
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata), said


def _raw_cells(data: object) -> list:
    if isinstance(data, dict):
        if isinstance(data.get("cells"), list):
            return data["cells"]
        sheets = data.get("worksheets")
        if isinstance(sheets, list) and sheets and all(isinstance(sheet, dict) and isinstance(sheet.get("cells"), list) for sheet in sheets):
            return [cell for sheet in sheets for cell in sheet["cells"]]
    raise ValueError("it is JSON, but no notebook")


def _is_odd(cell: dict) -> bool:
    source = cell.get("source", cell.get("input"))
    parts = source if isinstance(source, list) else [source]
    outputs = cell.get("outputs", None if cell.get("cell_type") == "code" else [])
    return (
        not all(isinstance(part, str) for part in parts) or not isinstance(cell.get("metadata"), dict)
        or not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs)
        or cell.get("cell_type") not in (*_MAKE, "heading")
    )


def _cell(raw: dict) -> NotebookNode:
    source = raw.get("source", raw.get("input"))
    parts = source if isinstance(source, list) else [source]
    text = "".join(str(part) for part in parts if isinstance(part, str | int | float)).replace("\r\n", "\n")
    kind = raw.get("cell_type")
    if kind == "heading":
        level = raw.get("level")
        kind, text = "markdown", f"{'#' * (level if level in range(1, 7) else 1)} {text}"
    # A cell that does not tell what it is may be an answer; words that are run as code do no harm.
    cell = _MAKE.get(kind, nbformat.v4.new_code_cell)(text)
    metadata = raw.get("metadata")
    if isinstance(metadata, dict):
        tags, label = metadata.get("tags"), metadata.get("nbgrader")
        if isinstance(label, dict):
            cell.metadata["nbgrader"] = NotebookNode({key: value for key, value in label.items() if isinstance(value, str | int | float)})
        if isinstance(tags, list) and all(isinstance(tag, str) and tag and "," not in tag for tag in tags):
            cell.metadata["tags"] = list(dict.fromkeys(tags))
    if kind == "markdown" and _are_attachments(raw.get("attachments")):
        cell["attachments"] = nbformat.from_dict(raw["attachments"])
    return cell


def _are_attachments(found: object) -> bool:
    """Whether these are pictures in an answer, as nbformat wants them."""
    return isinstance(found, dict) and all(
        isinstance(bundle, dict) and all(isinstance(data, str) for data in bundle.values()) for bundle in found.values())


def _name_cells(cells: list[NotebookNode], ids: list) -> bool:
    """Give the cells their ids, and new ones where an id is missing or taken; returns whether that happened."""
    given = {name for name in ids if isinstance(name, str)}
    taken: set[str] = set()
    changed = False
    for number, (cell, name) in enumerate(zip(cells, ids)):
        if not isinstance(name, str) or not re.fullmatch(r"[\w-]{1,64}", name, re.A) or name in taken:
            name = next(new for extra in range(len(cells) + 1) if (new := f"cell-{number}-{extra}") not in taken | given)
            changed = True
        taken.add(name)
        cell["id"] = name
    return changed


class SubmissionExporter(NotebookExporter):
    """Reads any file; one that is no notebook becomes a notebook that says so, in which nothing is solved."""

    # Validating after each of a dozen steps, and not once after the last, took a fifth of the time.
    optimistic_validation = True

    def from_filename(self, filename: str, resources: dict | None = None, **kw) -> Result:
        if _is_repaired(Path(filename), CourseDirectory(config=self.config), resources):
            return super().from_filename(filename, resources=resources, **kw)
        try:
            notebook = read_notebook(Path(filename))
        except ValueError as error:
            self.log.warning("%s cannot be read as a notebook: %s", filename, error)
            notebook = nbformat.v4.new_notebook()
            notebook.metadata[_READING] = [f"The file handed in cannot be read as a notebook: {error}. Please hand in the .ipynb file again."]
        return self.from_notebook_node(notebook, resources=resources, **kw)


def _is_repaired(path: Path, course: CourseDirectory, resources: dict | None) -> bool:
    """Autograding reads twice: what was handed in, and then what `RepairSubmission` has made of it."""
    return path.resolve().parent == _folder(course, course.autograded_directory, resources).resolve()


def _folder(course: CourseDirectory, step: str, resources: dict) -> Path:
    names = resources["nbgrader"]
    return Path(course.format_path(step, names["student"], names["assignment"]))


# Repairing


class RepairSubmission(NbGraderPreprocessor):
    """Put back what belongs to the course: missing, duplicated, moved, renamed and retyped graded cells, their points, locks and tags.

    The student's own cells stay as they are. What each graded cell must be is read from the source notebook and the gradebook.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> Result:
        course = CourseDirectory(config=self.config)
        nb.metadata["course"] = {"report": _collected(course, resources) + nb.metadata.pop(_READING, [])}
        readable = bool(nb.cells)
        source = _source_notebook(course, resources["nbgrader"]["assignment"], resources["nbgrader"]["notebook"])
        wanted = _labelled(source)
        released = _released_cells(wanted, resources)
        _empty_if_of_another_lesson(nb, wanted, course, resources)
        if nb.cells:
            repair_cells(nb, wanted, released)
            _restore_tags(nb, source)
        _add_missing(nb, wanted, released, readable and bool(nb.cells))
        _leave_out_shadows(nb, _folder(course, course.autograded_directory, resources))
        for sentence in nb.metadata["course"]["report"]:
            self.log.warning("%s: %s", resources["nbgrader"]["student"], sentence)
        return nb, resources


class ShowReport(NbGraderPreprocessor):
    """Put what was found and put right at the top of the notebook, where the student's feedback begins."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> Result:
        sentences = nb.metadata.get("course", {}).get("report", [])
        if sentences:
            text = "**About the file that you handed in**\n\n" + "\n".join(f"- {sentence}" for sentence in sentences)
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(text))
        return nb, resources


def repair_cells(nb: NotebookNode, wanted: dict[str, NotebookNode], released: dict[str, NotebookNode]) -> None:
    """Put the graded cells of `nb` right, in place.

    Parameters
    ----------
    wanted: grade_id -> cell of the source notebook, in order.
    released: grade_id -> the same cell without its solution.
    """
    _drop_duplicates(nb, wanted, released)
    _recognise(nb, wanted, released)
    _join_halves(nb, wanted)
    for cell in nb.cells:
        _restore(nb, cell, wanted)
    _reorder(nb, wanted)
    _free_locked_cells(nb, wanted, released)


def _source_notebook(course: CourseDirectory, assignment: str, notebook: str) -> NotebookNode:
    return nbformat.read(Path(course.format_path(course.source_directory, ".", assignment)) / f"{notebook}.ipynb", as_version=4)


def _labelled(source: NotebookNode) -> dict[str, NotebookNode]:
    return {cell.metadata.nbgrader.grade_id: cell for cell in source.cells if "nbgrader" in cell.metadata}


def _released_cells(wanted: dict, resources: ResourcesDict) -> dict[str, NotebookNode]:
    """The cells as the gradebook has them: without solutions, with their hidden tests."""
    names = resources["nbgrader"]
    released = {}
    with Gradebook(names["db_url"]) as gradebook:
        saved = {cell.name: cell for cell in gradebook.find_notebook(names["notebook"], names["assignment"]).source_cells}
        for grade_id, source in wanted.items():
            released[grade_id] = _MAKE[saved[grade_id].cell_type](saved[grade_id].source)
            _give_metadata(released[grade_id], source)
    return released


def _collected(course: CourseDirectory, resources: ResourcesDict) -> list[str]:
    names = resources["nbgrader"]
    path = Path(course.root) / "downloaded" / names["assignment"] / COLLECTED
    return list(json.loads(path.read_text(encoding="utf-8")).get(names["student"], [])) if path.exists() else []


def _empty_if_of_another_lesson(nb: NotebookNode, wanted: dict, course: CourseDirectory, resources: ResourcesDict) -> None:
    """Take out everything if it is another lesson's: quiz and answers in words have the same names in all of them."""
    ids = {_grade_id(cell) for cell in nb.cells} - {None}
    if ids & set(wanted) - IN_EVERY_LESSON:
        return
    for path in sorted(Path(course.format_path(course.source_directory, ".", ".")).glob("*/*.ipynb")):
        name = path.stem
        if path.parent.name == name and ids & (set(_labelled(_source_notebook(course, name, name))) - set(wanted)):
            report(nb, f"{OTHER_LESSON} {name}. Nothing in it could be graded for {resources['nbgrader']['notebook']}.")
            nb.cells = []
            return


def _grade_id(cell: NotebookNode) -> str | None:
    grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
    return grade_id if isinstance(grade_id, str) else None


def _drop_duplicates(nb: NotebookNode, wanted: dict, released: dict) -> None:
    """Of cells with the same grade_id the last one with work in it counts; a copied answer stays as an ordinary cell, a copied test goes."""
    for grade_id in wanted:
        same = [cell for cell in nb.cells if _grade_id(cell) == grade_id]
        if len(same) < 2:
            continue
        report(nb, f"The cell {grade_id} stood there more than once; the last one that had been worked on counts.")
        worked_on = [cell for cell in same if not _is_empty(cell, released[grade_id])]
        chosen = (worked_on or same)[-1]
        # An empty copy would define the function again, without a body.
        go = {id(cell) for cell in same if cell is not chosen and (wanted[grade_id].metadata.nbgrader.locked or cell not in worked_on)}
        nb.cells = [cell for cell in nb.cells if id(cell) not in go]
        for cell in same:
            if cell is not chosen:
                del cell.metadata["nbgrader"]


def _is_empty(cell: NotebookNode, released: NotebookNode) -> bool:
    return not cell.source.strip() or _is_untouched(cell, released)


def _is_untouched(cell: NotebookNode, released: NotebookNode) -> bool:
    return _plain(cell.source) in (_plain(released.source), _plain(_visible(released)))


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def _visible(released: NotebookNode) -> str:
    """The text of a cell as students have it: without hidden tests."""
    cell = nbformat.from_dict(released)
    ClearHiddenTests().preprocess_cell(cell, {}, 0)
    return cell.source


def _recognise(nb: NotebookNode, wanted: dict, released: dict) -> None:
    """Give an exercise's label to the cell that solves it, where no cell has the label or only an untouched one."""
    for grade_id, source in wanted.items():
        labelled = [cell for cell in nb.cells if _grade_id(cell) == grade_id]
        if not source.metadata.nbgrader.solution or any(not _is_empty(cell, released[grade_id]) for cell in labelled):
            continue
        found = [cell for cell in nb.cells if _grade_id(cell) not in wanted and _solves(cell, released[grade_id])]
        if found:
            nb.cells = [cell for cell in nb.cells if not any(cell is empty for empty in labelled)]
            found[-1].metadata["nbgrader"] = nbformat.from_dict(source.metadata.nbgrader)
            report(nb, f"The label of the cell {grade_id} was lost or changed. The cell was recognised by what it defines.")


def _solves(cell: NotebookNode, released: NotebookNode) -> bool:
    names = _defined(released)
    # The text of a lesson may show code; an answer that was turned into text is nothing but code.
    is_answer = released.cell_type == "markdown" or cell.cell_type == "code" or _compiles(cell.source)
    return bool(names) and names <= _defined(cell) and is_answer and not _is_untouched(cell, released)


def _defined(cell: NotebookNode) -> set[str]:
    """The names of a cell's functions, classes and plain assignments; of an answer in words, its heading."""
    if cell.source.lstrip().startswith("#") and cell.cell_type == "markdown":
        return {cell.source.lstrip().split("\n")[0].rstrip()}
    # By its lines, since a cell that does not compile must be recognised too.
    found = re.findall(r"^(?:(?:async +)?(?:def|class) +(\w+)|(\w+) *=(?!=))", cell.source, re.M)
    return {name for pair in found for name in pair if name}


def _join_halves(nb: NotebookNode, wanted: dict) -> None:
    """Join a cell that was split inside a function: the rest is no program by itself, and is one with the first half."""
    joined: list[NotebookNode] = []
    for cell in nb.cells:
        first = joined[-1] if joined else None
        if first is not None and _is_rest(first, cell, wanted):
            first.source += "\n" + cell.source
            report(nb, f"The cell {_grade_id(first)} was split inside a function and was joined again.")
        else:
            joined.append(cell)
    nb.cells = joined


def _is_rest(first: NotebookNode, cell: NotebookNode, wanted: dict) -> bool:
    return (
        _grade_id(first) in wanted and wanted[_grade_id(first)].metadata.nbgrader.solution and cell.cell_type == "code"
        and _grade_id(cell) not in wanted and not _compiles(cell.source) and _compiles(first.source + "\n" + cell.source)
    )


def _compiles(source: str) -> bool:
    try:
        ast.parse(source)
        return True
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _restore(nb: NotebookNode, cell: NotebookNode, wanted: dict) -> None:
    grade_id = _grade_id(cell)
    if grade_id not in wanted:
        # Metadata that is not the course's would stop nbgrader; the cell itself may stay.
        cell.metadata.pop("nbgrader", None)
        return
    source = wanted[grade_id]
    for what, keys in (("points", ["points"]), ("lock", ["locked"]), ("kind", ["grade", "solution", "task"])):
        if any((cell.metadata.nbgrader.get(key) or 0) != (source.metadata.nbgrader.get(key) or 0) for key in keys):
            report(nb, f"The {what} of the cell {grade_id} had been changed. What the course has counts.")
    if cell.metadata.get("tags", []) != source.metadata.get("tags", []):
        report(nb, f"The tags of the cell {grade_id} had been changed. What the course has counts.")
    if cell.cell_type != source.cell_type:
        report(nb, f"The cell {grade_id} had been turned into a {cell.cell_type} cell and was turned back.")
        _retype(cell, source.cell_type)
    _give_metadata(cell, source)


def _restore_tags(nb: NotebookNode, source: NotebookNode) -> None:
    """Put the tags of the course's other cells back: without them its experiments would be run, and cost the time of the checks."""
    tags = {key: cell.metadata.get("tags", []) for cell in source.cells for key in (cell.get("id"), _plain(cell.source))}
    changed = False
    for cell in nb.cells:
        right = tags.get(cell.get("id"), tags.get(_plain(cell.source)))
        if "nbgrader" not in cell.metadata and cell.source.strip() and right is not None and cell.metadata.get("tags", []) != right:
            cell.metadata["tags"], changed = list(right), True
    if changed:
        report(nb, "The tags of some cells of the course had been changed. What the course has counts.")


def _give_metadata(cell: NotebookNode, source: NotebookNode) -> None:
    cell.metadata["nbgrader"] = nbformat.from_dict(source.metadata.nbgrader)
    cell.metadata.pop("tags", None)
    if "tags" in source.metadata:
        cell.metadata["tags"] = list(source.metadata.tags)


def _retype(cell: NotebookNode, cell_type: str) -> None:
    cell.cell_type = cell_type
    cell.pop("attachments", None)
    if cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def _free_locked_cells(nb: NotebookNode, wanted: dict, released: dict) -> None:
    """Say which locked cells were edited, keep what was added to given code, and drop what was split off: it would run as the student's own.

    The text of a locked cell itself is put back by nbgrader.
    """
    incomplete = []
    for grade_id, source in wanted.items():
        number = next((number for number, cell in enumerate(nb.cells) if _grade_id(cell) == grade_id), None)
        if not source.metadata.nbgrader.locked or number is not None and _is_untouched(nb.cells[number], released[grade_id]):
            continue
        incomplete.append(_plain(released[grade_id].source))
        if number is not None:
            report(nb, f"The cell {grade_id} was not as in the course. The course's version was used.")
            if not source.metadata.nbgrader.grade and not _is_part(nb.cells[number].source, incomplete[-1]):
                # An import that was added to the setup is needed further down.
                nb.cells.insert(number, nbformat.v4.new_code_cell(nb.cells[number].source))
    nb.cells = [cell for cell in nb.cells if not (_is_own(cell) and any(_is_part(cell.source, text) for text in incomplete))]


def _is_own(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and "nbgrader" not in cell.metadata and bool(cell.source.strip())


def _is_part(source: str, text: str) -> bool:
    """Whether these are lines of `text`, one behind the other."""
    return f"\n{_indented(source)}\n" in f"\n{_indented(text)}\n"


def _indented(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip("\n").split("\n"))


def _reorder(nb: NotebookNode, wanted: dict) -> None:
    """Put the course's cells back into their order; each other cell goes along with the course's cell above it."""
    place = {grade_id: number for number, grade_id in enumerate(wanted)}
    groups: list[list[NotebookNode]] = [[]]
    for cell in nb.cells:
        if "nbgrader" in cell.metadata:
            groups.append([])
        groups[-1].append(cell)
    ordered = groups[:1] + sorted(groups[1:], key=lambda group: place[_grade_id(group[0])])
    if ordered != groups:
        report(nb, "Cells of the course had been moved. They were put back into their order.")
        nb.cells = [cell for group in ordered for cell in group]


def _add_missing(nb: NotebookNode, wanted: dict, released: dict, say: bool) -> None:
    """Put missing cells back: given code as early as its order allows, the rest as late, so that it runs after the student's code."""
    place = len(nb.cells)
    for grade_id in reversed(wanted):
        found = [number for number, cell in enumerate(nb.cells) if _grade_id(cell) == grade_id]
        if found:
            place = found[0]
            continue
        data = wanted[grade_id].metadata.nbgrader
        cell = released[grade_id]
        if say:
            report(nb, f"The cell {grade_id} was missing and was put back.")
            if data.solution and not data.grade:
                # The released stub would overwrite what the student defines in another cell.
                cell.source = "# This cell was missing."
        if data.locked and not data.grade:
            place = _behind_the_one_before(nb, grade_id, list(wanted), place)
        nb.cells.insert(place, cell)


def _behind_the_one_before(nb: NotebookNode, grade_id: str, order: list[str], place: int) -> int:
    before = order[: order.index(grade_id)]
    return max((number + 1 for number, cell in enumerate(nb.cells[:place]) if _grade_id(cell) in before), default=0)


# Files beside the notebook


def shadows(name: str) -> bool:
    """Whether Python would import a file or folder of this name in place of a library, of the course, or at its start."""
    module = name.split(".")[0]
    if not module.isidentifier() or module == "__main__":
        return False
    return module in sys.stdlib_module_names or module in ("sitecustomize", "usercustomize") or importlib.util.find_spec(module) is not None


def shadow_sentence(name: str) -> str:
    """What student and instructor read about such a file."""
    return f"{name} has the name of a library or of a part of the course. It was left out."


def _leave_out_shadows(nb: NotebookNode, folder: Path) -> None:
    """Files that were collected in another way than from an export lie beside the notebook, where Python finds them first."""
    for path in sorted(folder.glob("*")):
        is_code = path.suffix in CODE or path.is_dir() and any(file.suffix in CODE for file in path.rglob("*"))
        if is_code and shadows(path.name):
            report(nb, shadow_sentence(path.name))
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
