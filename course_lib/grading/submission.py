"""A submission on its way to a mark: read whatever came, repaired where that is unambiguous, judged by what ran.

Each thing that was put right is a sentence in the notebook's metadata (`course.report`), which the table of
`course grade` shows to the instructor, and the top of the feedback to the student.
"""

import json
from pathlib import Path

import nbformat
from nbclient.exceptions import DeadKernelError
from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade

Result = tuple[NotebookNode, ResourcesDict]


def report(notebook: NotebookNode, sentence: str) -> None:
    """Note for instructor and student what was found or put right."""
    notebook.metadata.setdefault("course", {}).setdefault("report", []).append(sentence)


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of any format from 3 on; raises ValueError that says in a few words why it cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if not text.strip():
            raise ValueError("it is empty")
        if not isinstance(json.loads(text), dict):
            raise ValueError("it is JSON, but no notebook")
        _, notebook = nbformat.validator.normalize(nbformat.reads(text, as_version=4))
        nbformat.validate(notebook)
        return notebook
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON from line {error.lineno} on") from None
    except UnicodeDecodeError:
        raise ValueError("it is not text") from None
    except (OSError, nbformat.ValidationError, nbformat.reader.NotJSONError) as error:
        raise ValueError(_first_line(error)) from None
    except (KeyError, TypeError, AttributeError):
        # What nbformat raises for JSON that has a notebook's keys and something else in them.
        raise ValueError("it is JSON, but no notebook") from None


class SubmissionExporter(NotebookExporter):
    """Reads any file; one that is no notebook becomes a notebook that says so, in which nothing is solved."""

    def from_filename(self, filename: str, resources: dict | None = None, **kw) -> Result:
        try:
            notebook = read_notebook(Path(filename))
        except ValueError as error:
            self.log.warning("%s cannot be read as a notebook: %s", filename, error)
            notebook = nbformat.v4.new_notebook()
            report(notebook, f"The file handed in cannot be read as a notebook: {error}. Please hand in the .ipynb file again.")
        return self.from_notebook_node(notebook, resources=resources, **kw)


class RepairSubmission(NbGraderPreprocessor):
    """Put back what belongs to the course: missing, duplicated and retyped graded cells, their points, locks and tags.

    The student's own cells stay as they are. What each graded cell must be is read from the source notebook.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> Result:
        source = _source_notebook(self._course(), resources)
        wanted = {cell.metadata.nbgrader.grade_id: cell for cell in source.cells if "nbgrader" in cell.metadata}
        _drop_duplicates(nb, wanted)
        for cell in nb.cells:
            _restore(nb, cell, wanted)
        self._add_missing(nb, wanted, resources)
        for sentence in nb.metadata.get("course", {}).get("report", []):
            self.log.warning("%s: %s", resources["nbgrader"]["student"], sentence)
        return nb, resources

    def _course(self) -> CourseDirectory:
        return CourseDirectory(config=self.config)

    def _add_missing(self, nb: NotebookNode, wanted: dict, resources: ResourcesDict) -> None:
        """Insert each missing cell as late as its order allows, so that it runs after the student's code."""
        place = len(nb.cells)
        readable = bool(nb.cells)
        for grade_id in reversed(wanted):
            found = [number for number, cell in enumerate(nb.cells) if _grade_id(cell) == grade_id]
            if found:
                place = found[0]
                continue
            nb.cells.insert(place, _released_cell(wanted[grade_id], resources))
            if readable:
                report(nb, f"The cell {grade_id} was missing and was put back.")


class ExecuteSubmission(Execute):
    """Runs the cells; a graded cell that did not come to an end is an error, never nbgrader's silent full marks."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict | None = None, km=None) -> Result:
        self.finished: set[int] = set()
        try:
            nb, resources = super().preprocess(nb, resources, km)
        except DeadKernelError:
            report(nb, "The Python process died while this notebook ran: a cell ended it, or it ran out of memory.")
        for cell in nb.cells:
            if is_grade(cell) and cell.cell_type == "code" and id(cell) not in self.finished:
                cell.outputs = [_error("NotRun", "This cell was not run to its end: the Python process was no longer there.")]
        return nb, resources

    def on_cell_executed(self, **kwargs) -> None:
        super().on_cell_executed(**kwargs)
        self.finished.add(id(kwargs["cell"]))


class ShowReport(NbGraderPreprocessor):
    """Put what was found and put right at the top of the notebook, where the student's feedback begins."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> Result:
        sentences = nb.metadata.get("course", {}).get("report", [])
        if sentences:
            text = "**About the file that you handed in**\n\n" + "\n".join(f"- {sentence}" for sentence in sentences)
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(text))
        return nb, resources


class TrustOutputs(NbGraderPreprocessor):
    """Text on standard error (a warning, a progress bar) costs no points: it is kept as ordinary output."""

    def preprocess_cell(self, cell: NotebookNode, resources: ResourcesDict, cell_index: int) -> Result:
        if is_grade(cell) and cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.name = "stdout"
        return cell, resources


def _source_notebook(course: CourseDirectory, resources: ResourcesDict) -> NotebookNode:
    names = resources["nbgrader"]
    folder = course.format_path(course.source_directory, ".", names["assignment"])
    return nbformat.read(Path(folder) / f"{names['notebook']}.ipynb", as_version=4)


def _released_cell(source: NotebookNode, resources: ResourcesDict) -> NotebookNode:
    """The cell as it was released, from the gradebook: without solution, with its hidden tests."""
    names = resources["nbgrader"]
    with Gradebook(names["db_url"]) as gradebook:
        saved = gradebook.find_source_cell(source.metadata.nbgrader.grade_id, names["notebook"], names["assignment"])
        new = nbformat.v4.new_code_cell if saved.cell_type == "code" else nbformat.v4.new_markdown_cell
        cell = new(saved.source)
    _give_metadata(cell, source)
    return cell


def _grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _drop_duplicates(nb: NotebookNode, wanted: dict) -> None:
    """Of cells with the same grade_id the last one counts; a copied answer stays as an ordinary cell, a copied test goes."""
    seen: set[str] = set()
    kept = []
    for cell in reversed(nb.cells):
        grade_id = _grade_id(cell)
        if grade_id in wanted and grade_id in seen:
            report(nb, f"The cell {grade_id} stood there more than once; the last one counts.")
            if wanted[grade_id].metadata.nbgrader.locked:
                continue
            del cell.metadata["nbgrader"]
        seen.add(grade_id)
        kept.append(cell)
    nb.cells = kept[::-1]


def _restore(nb: NotebookNode, cell: NotebookNode, wanted: dict) -> None:
    grade_id = _grade_id(cell)
    if grade_id not in wanted:
        # Metadata that is not the course's would stop nbgrader; the cell itself may stay.
        cell.metadata.pop("nbgrader", None)
        return
    source = wanted[grade_id]
    if cell.metadata.get("tags", []) != source.metadata.get("tags", []):
        report(nb, f"The tags of the cell {grade_id} had been changed.")
    if cell.cell_type != source.cell_type:
        report(nb, f"The cell {grade_id} had been turned into a {cell.cell_type} cell.")
        _retype(cell, source.cell_type)
    _give_metadata(cell, source)


def _give_metadata(cell: NotebookNode, source: NotebookNode) -> None:
    cell.metadata["nbgrader"] = nbformat.from_dict(source.metadata.nbgrader)
    cell.metadata.pop("tags", None)
    if "tags" in source.metadata:
        cell.metadata["tags"] = list(source.metadata.tags)


def _retype(cell: NotebookNode, cell_type: str) -> None:
    cell.cell_type = cell_type
    if cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def _error(name: str, sentence: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue=sentence, traceback=[f"{name}: {sentence}"])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
