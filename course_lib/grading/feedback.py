"""What a student gets back: points, the sentences of the checks and their own output; no hidden test and none of its inputs.

A function that a hidden test calls sees the test's inputs, and may carry them out: return them, print them, raise them as
the words of an error or as its name, draw them, write them into a file, or keep them for a later cell to show. So of what
ran with or after a hidden test only this is shown: the sentence of a failed check without the values in it (a function
that returns what it was given would have its input quoted as "but it is …"), an error's type if Python itself defines it,
and the line of the student's own program at which it stopped, copied from the notebook and not from the error.
"""

import builtins
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import nbgrader
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets.config import Config

#: Errors in graded cells whose words are the judge's or the check's, never the student's.
SENTENCES_OF_THE_COURSE = ("CheckFailed", "NotRun", "OutOfTime", "ProcessDied")
#: What is said of other errors whose own words could hold anything.
_FIXED_SENTENCES = {
    "NotImplementedError": "Not written yet: a function that this check calls still raises NotImplementedError.",
    "NoAnswer": "What came back from your code is no value that a check can read.",
}
NOT_SHOWN = "What this cell printed or drew is not shown: it could quote the inputs of hidden tests."

_KINDS = {"check": "visible check", "hidden": "hidden tests"}
_QUIZ_LINE = re.compile(r"^(\d+)  (?:([a-z])  (right|not right): (.*)|(no answer yet))$", re.M)
# The general sentences of `course_lib.teaching.checks`, and those of them that state no value.
_OUTCOME = re.compile(r"(.*?) \(?(should (?:be|have|raise) .*?), but (?:it|they) .*", re.S)
_KEY = re.compile(r"(.*?) should (?:not )?have the key .*", re.S)
_SAFE = re.compile(r"should (?:have shape \([\d, ]*\)|be a tensor of shape \([\d, ]*\)|be numbers|raise \w+|be True or False|have \d+ items)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_REGION = r"^[^\n]*BEGIN {0}.*?(?:END {0}[^\n]*\n?|\Z)"
# Before a line of code: IPython's arrow, or the judge's words.
_POINTER = re.compile(r"^\s*-+>|^In your code, line \d+ of the cell, in [^:]*:")
_LONGEST_SENTENCE = 400
_SHOWN = ("text/html", "text/markdown", "text/latex", "image/svg+xml", "image/png", "image/jpeg", "text/plain")


def configure_feedback(config: Config) -> None:
    """Set in `config` what `nbgrader generate_feedback` needs; called by `course_lib.grading.plugins.configure`."""
    config.GenerateFeedback.preprocessors = [HideTests, GradesAndReasons, CSSHTMLHeaderPreprocessor]
    config.GenerateFeedback.exporter_class = FeedbackExporter


class QuizAnswer(NamedTuple):
    """What `check_quiz` printed about one question; `verdict` is "right", "not right" or "no answer yet"."""

    number: int
    letter: str
    verdict: str
    why: str


def exercise_of(grade_id: str) -> str:
    """The exercise that a graded cell belongs to."""
    return re.sub("^(check|hidden)-", "", grade_id)


def kind_of(data: dict) -> str:
    """What sort of graded cell this nbgrader metadata describes, in words."""
    return "read by a person" if data.get("solution") or data.get("task") else _KINDS.get(data["grade_id"].split("-")[0], "check")


def quiz_answers(cell: dict) -> list[QuizAnswer]:
    """What a quiz's check cell printed, question by question; empty for any other cell."""
    if "check_quiz(" not in _joined(cell.get("source", "")):
        return []
    text = "\n".join(_joined(output.get("text", "")) for output in cell.get("outputs", []) if output.get("output_type") == "stream")
    return [QuizAnswer(int(number), letter, verdict or none, why) for number, letter, verdict, why, none in _QUIZ_LINE.findall(text)]


class HideTests(NbGraderPreprocessor):
    """Take hidden tests, marking schemes and what could quote them out of the feedback; sentences and points stay.

    Outputs below the first hidden test, and pictures and tables anywhere (a display can be changed later), stay only if
    the judge has noted `metadata.course.judged.hidden_apart`: hidden tests ran in a copy of the student's process that
    ended with them, so that nothing else can know their inputs.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        written = {line.strip() for cell in nb.cells if cell.cell_type == "code" and not _is_locked(cell) for line in cell.source.splitlines()}
        course = nb.metadata.get("course", {})
        apart = course.get("judged", {}).get("hidden_apart") is True or not any(map(_is_hidden, nb.cells))
        tainted = False
        for cell in nb.cells:
            tainted |= _is_hidden(cell) and not apart
            private = tainted or _is_hidden(cell)
            if is_grade(cell):
                cell.metadata["feedback"] = {"reason": _reason(cell, private, written)}
            if cell.cell_type == "code":
                _clean_outputs(cell, private, apart, written)
            if _is_locked(cell):
                cell.source = _without_regions(cell.source)
            cell.metadata = NotebookNode({key: cell.metadata[key] for key in ("nbgrader", "feedback") if key in cell.metadata})
        nb.metadata = NotebookNode({key: nb.metadata[key] for key in ("kernelspec", "language_info") if key in nb.metadata})
        return nb, resources


class GradesAndReasons(GetGrades):
    """nbgrader's points and comments, and for each graded cell the row that stands in the table at the top."""

    def _get_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        super()._get_score(cell, resources)
        data = cell.metadata.nbgrader
        grade = self.gradebook.find_grade(data.grade_id, self.notebook_id, self.assignment_id, self.student_id)
        reason = cell.metadata.get("feedback", {}).get("reason", "")
        if grade.needs_manual_grade:
            reason = "waits to be read by a person"
        elif grade.manual_score is not None:
            reason = f"{reason} (marked by a person)" if reason else "marked by a person"
        elif not reason:
            reason = _verdict(cell, data.score, data.points)
        points = f"{round(data.score, 2):g} of {round(data.points, 2):g}"
        row = {"grade_id": data.grade_id, "exercise": exercise_of(data.grade_id), "check": kind_of(data), "points": points, "reason": reason}
        resources["nbgrader"].setdefault("rows", []).append(row)


class FeedbackExporter(HTMLExporter):
    """A page that needs nothing beside itself and runs nothing: formulas stay as they were typed."""

    def __init__(self, config: Config | None = None, **kwargs) -> None:
        # As configuration, since HTMLExporter looks for its template while it is made.
        nbgraders = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
        own = Config(config or {})
        own.FeedbackExporter.template_name = "course_feedback"
        own.FeedbackExporter.extra_template_basedirs = [str(Path(__file__).parent / "templates"), str(nbgraders)]
        own.FeedbackExporter.extra_template_paths = [str(nbgraders)]
        own.FeedbackExporter.sanitize_html = True
        super().__init__(config=own, **kwargs)

    def from_filename(self, filename: str, resources: dict | None = None, **kw) -> tuple[str, dict]:
        """Called by nbgrader for each notebook; the files that it copied before from the submission's folder go."""
        names = (resources or {}).get("nbgrader")
        if names and self.parent is not None:
            # They may hold what the program wrote while a hidden test ran, or be links to another student's work.
            folder = Path(self.parent._format_dest(names["assignment"], names["student"]))
            _empty(folder, keep={"timestamp.txt", "submission_secret.txt", *(f"{Path(name).stem}.html" for name in self.parent.notebooks)})
        return super().from_filename(filename, resources=resources, **kw)


def _empty(folder: Path, keep: set[str]) -> None:
    for path in list(folder.glob("*")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in keep:
            path.unlink()


def _is_locked(cell: NotebookNode) -> bool:
    """A cell whose source is the course's: nbgrader has put it back before grading."""
    data = cell.metadata.get("nbgrader", {})
    return bool(data.get("locked") or data.get("task") or (data.get("grade") and not data.get("solution")))


def _is_hidden(cell: NotebookNode) -> bool:
    data = cell.metadata.get("nbgrader", {})
    return is_grade(cell) and not is_solution(cell) and (data.grade_id.startswith("hidden-") or "BEGIN HIDDEN TESTS" in cell.source)


def _without_regions(source: str) -> str:
    """The source without hidden tests and marking schemes; a region that does not end goes to the end."""
    for name in ("HIDDEN TESTS", "MARK SCHEME"):
        source = re.sub(_REGION.format(name), "", source, flags=re.M | re.S)
    return source.rstrip("\n")


def _clean_outputs(cell: NotebookNode, private: bool, apart: bool, written: set[str]) -> None:
    kept = []
    for output in cell.outputs:
        if output.output_type == "error":
            kept.append(_error(cell, output, private, written))
        elif output.output_type == "stream":
            kept += [] if private else [output]
        elif apart and not private:
            kept += _shown(output)
    if len(kept) < len(cell.outputs) and not (apart and not private):
        lines = [_in_words(answer) for answer in quiz_answers(cell)] or [NOT_SHOWN]
        kept.append(new_output("stream", name="stdout", text="\n".join(lines) + "\n"))
    cell.outputs = kept


def _shown(output: NotebookNode) -> list[NotebookNode]:
    """Text and pictures; what only a script or a widget would show is no use on paper."""
    data = {kind: output.data[kind] for kind in _SHOWN if kind in output.data}
    if not data or "application/vnd.jupyter.widget-view+json" in output.data:
        return []
    return [NotebookNode(output | {"data": NotebookNode(data), "metadata": NotebookNode()})]


def _error(cell: NotebookNode, output: NotebookNode, private: bool, written: set[str]) -> NotebookNode:
    lines = [_words_of(cell, output, written)] if private else list(output.traceback)
    return new_output("error", ename="", evalue="", traceback=lines)


def _words_of(cell: NotebookNode, output: NotebookNode, written: set[str]) -> str:
    """What may be said of an error that was met by a hidden test, or after one."""
    # In a cell of their own, students can raise an error of any name.
    if output.ename in SENTENCES_OF_THE_COURSE and is_grade(cell):
        return _cut(without_values(output.evalue, cell.source))
    if output.ename in _FIXED_SENTENCES:
        return _FIXED_SENTENCES[output.ename]
    known = getattr(builtins, output.ename, None)
    # A name that the student chose can spell out an input as well as the words behind it.
    name = output.ename if isinstance(known, type) and issubclass(known, BaseException) else "an error of a kind of its own"
    line = _own_line(output.traceback, written)
    return f"Your program stopped with {name}" + (f" at the line: {line}" if line else ".")


def without_values(sentence: str, source: str) -> str:
    """The sentence of a failed check without what came out and what should have.

    Shapes and types that were wanted stay, and so does the sentence of a named mistake, which stands in the `source`.
    """
    what, _, mistake = sentence.partition(": ")
    if ", but " not in what and any(f"{quote}{mistake}{quote}" in source for quote in "\"'"):
        return sentence
    wanted, found = _OUTCOME.match(sentence), _KEY.match(sentence)
    if wanted:
        head, tail = wanted.groups()
        return f"{head} {tail}." if _SAFE.fullmatch(tail) else f"{head} is not what it should be."
    return f"{found[1]} has other keys than it should have." if found else sentence


def _own_line(traceback: list[str], written: set[str]) -> str:
    """The last line of the student's own program in the traceback, "" if there is none.

    Compared with what the student wrote, since a traceback can be forged too.
    """
    lines = _ANSI.sub("", "\n".join(traceback)).splitlines()
    pointed = [line for line in lines if _POINTER.match(line)]
    for line in reversed(pointed or lines):
        code = re.sub(r"^\s*\d*\s*", "", _POINTER.sub("", line)).strip()
        if code in written:
            return _cut(code)
    return ""


def _reason(cell: NotebookNode, private: bool, written: set[str]) -> str:
    """Why a graded cell has the points that it has, in a line; "" if nothing is to be said."""
    answers = [answer for answer in quiz_answers(cell) if answer.verdict != "right"]
    found = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    if not found:
        return "; ".join(map(_in_words, answers))
    error = found[0]
    if private or error.ename in _FIXED_SENTENCES:
        return _words_of(cell, error, written)
    if error.ename in SENTENCES_OF_THE_COURSE:
        return _cut(error.evalue)
    return _cut(f"{error.ename}: {error.evalue}" if error.evalue else error.ename)


def _in_words(answer: QuizAnswer) -> str:
    chosen = f", {answer.letter}" if answer.letter else ""
    return f"question {answer.number}{chosen}: {answer.verdict}" + (f" ({answer.why.rstrip('.')})" if answer.why else "")


def _verdict(cell: NotebookNode, score: float, points: float) -> str:
    if score >= points:
        return "passed"
    if is_solution(cell):
        return "no answer"  # nbgrader gives 0 to it at once; whatever was written waits for a person
    return "a part of this check was right" if score else "nothing was right"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SENTENCE else text[: _LONGEST_SENTENCE - 1] + "…"
