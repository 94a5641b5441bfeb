"""Judge a whole class: on all cores of this machine, or on a Dask cluster.

Verdicts are kept as they come (`store`); `nbgrader autograde` then finds them and writes the marks, alone.
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import chdir
from pathlib import Path
from queue import SimpleQueue

import nbformat
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import CheckCellMetadata
from tqdm import tqdm

from course_lib.grading.engine import Engine, Task
from course_lib.grading.judge import Verdict
from course_lib.grading.limits import Limits
from course_lib.grading.release import load_config
from course_lib.grading.repair import SubmissionExporter
from course_lib.grading.store import VerdictStore
from course_lib.grading.submission import JudgeSubmission, unfinished

#: In each process of a cluster: the engine of the lesson that it judged last.
_here = threading.local()


class Classroom:
    """The submissions of one lesson in the course folder `root`."""

    def __init__(self, root: Path, lesson: str, unprotected: bool = False):
        self.config = load_config(root)
        self.config.CourseDirectory.root = str(root.resolve())
        self.config.JudgeSubmission.unprotected = unprotected
        self.root, self.lesson, self.unprotected = root, lesson, unprotected
        self.course = CourseDirectory(config=self.config, assignment_id=lesson)
        self.store = VerdictStore.of_lesson(root, lesson)
        self.source = nbformat.read(root / "solutions" / lesson / f"{lesson}.ipynb", as_version=4)

    def waiting(self) -> list[str]:
        """The students whose submission is not graded yet, or was changed since."""
        again = set(unfinished(self.course, self.lesson))
        handed_in = sorted(path.parent.parent.name for path in self.root.glob(f"submitted/*/{self.lesson}/{self.lesson}.ipynb"))
        return [student for student in handed_in if student in again or not (self.root / "autograded" / student / self.lesson).exists()]

    def tasks(self, students: list[str]) -> Iterator[tuple[str, Task]]:
        """Each student's task, repaired as `nbgrader autograde` repairs it."""
        exporter = SubmissionExporter(config=self.config)
        for step in self.config.Autograde.sanitize_preprocessors:
            if step is not CheckCellMetadata:  # changes nothing; `nbgrader autograde` asks it
                exporter.register_preprocessor(step, enabled=True)
        converter = Autograde(coursedir=self.course, config=self.config)
        judging = JudgeSubmission(config=self.config)
        for student in students:
            path = self.course.format_path(self.course.submitted_directory, student, self.lesson)
            with chdir(self.root):
                resources = converter.init_single_notebook_resources(os.path.join(path, f"{self.lesson}.ipynb"))
                text, resources = exporter.from_filename(os.path.join(path, f"{self.lesson}.ipynb"), resources=resources)
            yield student, judging.task(nbformat.reads(text, as_version=4), self.course, resources["nbgrader"])[0]

    def judge(self, students: list[str], workers: int, scheduler: str | None = None) -> None:
        """Judge the submissions of some students, showing progress. What is judged stays judged."""
        if not students:
            return
        with tqdm(total=len(students), desc="judging", unit="submission") as bar:
            work = self._on_cluster(scheduler, students) if scheduler else self._here(students, workers)
            for task, verdict in work:
                if verdict is not None and not verdict.stopped:
                    self.store.put(task.key(), verdict)
                bar.update()

    def _here(self, students: list[str], workers: int) -> Iterator[tuple[Task, Verdict | None]]:
        engines = [Engine(self.source, self.unprotected) for _ in range(workers)]
        free = SimpleQueue()
        for engine in engines:
            free.put(engine)

        def judge(task: Task) -> Verdict:
            engine = free.get()
            try:
                return engine.judge(task)
            finally:
                free.put(engine)

        pool = ThreadPoolExecutor(workers)
        try:
            yield from self._finished(students, lambda task: pool.submit(judge, task), as_completed)
        finally:
            # Stopped by Ctrl-C too: what has not begun is not begun, and what runs is ended.
            pool.shutdown(wait=False, cancel_futures=True)
            for engine in engines:
                engine.close()

    def _on_cluster(self, scheduler: str, students: list[str]) -> Iterator[tuple[Task, Verdict | None]]:
        distributed = _import_distributed()
        with distributed.Client(scheduler, timeout=30) as client:
            source = client.scatter(nbformat.writes(self.source), broadcast=True)

            def submit(task: Task) -> object:
                return client.submit(judge_there, source, _as_plain(task), self.unprotected, key=f"judge-{task.key()}", retries=3, pure=True)

            yield from self._finished(students, submit, distributed.as_completed)

    def _finished(self, students: list[str], submit, as_completed_of) -> Iterator[tuple[Task, Verdict | None]]:
        """(task, verdict) as they come; None for a verdict that was there already, or that is coming for an equal task."""
        begun, submitted = {}, set()
        for _, task in self.tasks(students):
            if self.store.get(task.key()) is not None or task.key() in submitted:
                yield task, None
            else:
                submitted.add(task.key())
                begun[submit(task)] = task
                # Those that are finished meanwhile, so that they are kept before the next is prepared.
                for future in [future for future in begun if future.done()]:
                    yield begun.pop(future), _verdict(future.result())
        for future in as_completed_of(list(begun)):
            yield begun[future], _verdict(future.result())


def judge_there(source: str, task: dict, unprotected: bool) -> dict:
    """On a worker of a cluster: judge one task; the lesson's servers stay for the next."""
    if getattr(_here, "source", None) != source:
        if hasattr(_here, "engine"):
            _here.engine.close()
        _here.engine, _here.source = Engine(nbformat.reads(source, as_version=4), unprotected), source
    return _here.engine.judge(_from_plain(task)).as_plain()


def _verdict(result: Verdict | dict) -> Verdict:
    return Verdict.from_plain(result) if isinstance(result, dict) else result


def _as_plain(task: Task) -> dict:
    return {"cells": task.cells, "names": task.names, "files": task.files, "limits": task.limits.as_plain()}


def _from_plain(task: dict) -> Task:
    return Task(task["cells"], task["names"], task["files"], Limits(**task["limits"]))


def _import_distributed():
    try:
        import distributed
    except ImportError:
        raise RuntimeError("a cluster needs Dask: pip install 'course-lib[cluster]' here and on each worker") from None
    return distributed
