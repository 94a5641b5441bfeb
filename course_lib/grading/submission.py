"""A submission is judged: what nbgrader would do by running it in a kernel, done by the judge, with the same outcome."""

import hashlib
import json
import shutil
import threading
from pathlib import Path

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import is_grade
from traitlets import Bool, Float, Int

from course_lib.grading import sandbox
from course_lib.grading.engine import Engine, Task, make_task, read_files
from course_lib.grading.judge import Verdict
from course_lib.grading.limits import Limits
from course_lib.grading.repair import SubmissionExporter, report
from course_lib.grading.store import Busy, VerdictStore, only_one

Result = tuple[NotebookNode, ResourcesDict]
IDLE_SECONDS = 120.0


class ResumingExporter(SubmissionExporter):
    """Before `nbgrader autograde` begins: what an earlier run left unfinished is taken away, so that it is graded again."""

    def __init__(self, parent=None, **kwargs):
        super().__init__(parent=parent, **kwargs)
        course = parent.coursedir
        self.root = Path(course.root)
        try:
            sandbox.require(self.config.JudgeSubmission.get("unprotected", False))
            with only_one(self.root):
                for student in unfinished(course, course.assignment_id):
                    self.log.info("Grading %s again: it was not finished, or something has changed since", student)
                    shutil.rmtree(course.format_path(course.autograded_directory, student, course.assignment_id))
        except (sandbox.Unprotected, Busy) as problem:
            self.log.error("%s", problem)
            raise NbGraderException(str(problem)) from None

    def from_filename(self, filename: str, resources: dict | None = None, **kw) -> Result:
        # For each submission alone: the formgrader's server, which lives for days, must not hold the folder.
        with only_one(self.root):
            return super().from_filename(filename, resources=resources, **kw)


class JudgeSubmission(NbGraderPreprocessor):
    """Puts into each cell the outputs that the judge reached, or has reached before for the same submission."""

    unprotected = Bool(False, help="Judge even where students' code could reach the instructor's files or the network").tag(config=True)
    cell_seconds = Float(60, help="The time that a cell may take").tag(config=True)
    notebook_seconds = Float(300, help="The time that a submission may take").tag(config=True)
    memory_gigabytes = Float(3, help="The memory that a submission may use beyond the libraries'").tag(config=True)
    processes = Int(64, help="How many processes and threads a submission may have").tag(config=True)

    _kept = None  # the source and engine of the lesson at hand, for all submissions of a run
    _lock = threading.RLock()
    _end = threading.Timer(0, lambda: None)

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> Result:
        course = CourseDirectory(config=self.config)
        names = resources["nbgrader"]
        task, source = self.task(nb, course, names)
        store = VerdictStore.of_lesson(Path(course.root), names["assignment"])
        verdict = store.wait(task.key())
        if verdict is None:
            verdict = self._judge(source, task)
            if not verdict.stopped:
                store.put(task.key(), verdict)
        apply(verdict, task, nb)
        if not verdict.stopped:  # else it counts as unfinished
            nb.metadata["course"]["judged"]["fingerprint"] = fingerprint(course, names["student"], names["assignment"])
        return nb, resources

    def task(self, nb: NotebookNode, course: CourseDirectory, names: dict) -> tuple[Task, NotebookNode]:
        """The task of judging a repaired notebook, and its lesson's source."""
        source = nbformat.read(source_path(course, names["assignment"]), as_version=4)
        folder = Path(course.format_path(course.submitted_directory, names["student"], names["assignment"]))
        limits = Limits(
            cell_seconds=self.cell_seconds, notebook_seconds=self.notebook_seconds, processor_seconds=int(self.notebook_seconds),
            memory_bytes=int(self.memory_gigabytes * 2**30), processes=self.processes,
        )
        return make_task(nb, source, read_files(folder), limits), source

    def _judge(self, source: NotebookNode, task: Task) -> Verdict:
        kind = JudgeSubmission
        with kind._lock:
            kind._end.cancel()
            if kind._kept is None or kind._kept[0] != source:
                kind.close()
                kind._kept = source, Engine(source, self.unprotected)
            verdict = kind._kept[1].judge(task)
            # The formgrader's server lives for days; the engine's processes need not.
            kind._end = threading.Timer(IDLE_SECONDS, kind.close)
            kind._end.daemon = True
            kind._end.start()
        return verdict

    @classmethod
    def close(cls) -> None:
        """End the engine that is kept."""
        with cls._lock:
            if cls._kept is not None:
                cls._kept[1].close()
                cls._kept = None


class SaveGradesAtOnce(SaveAutoGrades):
    """Saves all marks of a submission in one step: whoever reads the gradebook finds all of them, or none."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> Result:
        names = resources["nbgrader"]
        self.notebook_id, self.assignment_id, self.student_id = names["notebook"], names["assignment"], names["student"]
        with Gradebook(names["db_url"]) as self.gradebook:
            session = self.gradebook.db
            commit, session.commit = session.commit, session.flush
            nb, resources = NbGraderPreprocessor.preprocess(self, nb, resources)
            session.commit = commit
            commit()
        return nb, resources


class TrustOutputs(NbGraderPreprocessor):
    """Text on standard error (a warning, a progress bar) costs no points: it is kept as ordinary output."""

    def preprocess_cell(self, cell: NotebookNode, resources: ResourcesDict, cell_index: int) -> Result:
        if is_grade(cell) and cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.name = "stdout"
        return cell, resources


def apply(verdict: Verdict, task: Task, nb: NotebookNode) -> None:
    """Write a verdict into the notebook; a graded cell for which there is none is an error, never full marks."""
    missing = [{"output_type": "error", "ename": "NotRun", "evalue": "This cell was not run.", "traceback": ["NotRun: This cell was not run."]}]
    for number, place in enumerate(cell["place"] for cell in task.cells):
        cell = nb.cells[place]
        cell.execution_count = None
        outputs = verdict.outputs.get(number, missing if is_grade(cell) else [])
        cell.outputs = [nbformat.from_dict(output) for output in outputs]
    for sentence in verdict.report:
        report(nb, sentence)
    judged = {"seconds": verdict.seconds, "limits": verdict.limits, "interference": verdict.interference, "hidden_apart": True}
    nb.metadata.setdefault("course", {})["judged"] = nbformat.from_dict(judged)


def unfinished(course: CourseDirectory, lesson: str) -> list[str]:
    """The students whose `autograded` folder is not the result of grading what is there now, from start to end."""
    found = []
    for folder in sorted(Path(course.format_path(course.autograded_directory, "x", lesson)).parent.parent.glob(f"*/{lesson}")):
        student = folder.parent.name
        try:
            notebook = json.loads((folder / f"{lesson}.ipynb").read_text(encoding="utf-8"))
            done = notebook["metadata"]["course"]["judged"]["fingerprint"] == fingerprint(course, student, lesson)
        except (OSError, ValueError, KeyError, TypeError):
            done = False
        found += [] if done else [student]
    return found


def source_path(course: CourseDirectory, lesson: str) -> Path:
    """The lesson's source notebook."""
    return Path(course.format_path(course.source_directory, ".", lesson)) / f"{lesson}.ipynb"


def fingerprint(course: CourseDirectory, student: str, lesson: str) -> str:
    """Changes when what was handed in, or the lesson, does: then the submission is graded again."""
    digest = hashlib.sha256()
    folder = Path(course.format_path(course.submitted_directory, student, lesson))
    for path in [source_path(course, lesson), *sorted(folder.glob("*.ipynb"))]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
