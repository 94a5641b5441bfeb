"""What every lesson must look like. A rule is a function that returns one sentence for each violation."""

import ast
import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from tests.structure.imports import lesson_imports_what_was_taught
from tests.structure.leaks import (
    no_given_cell_shows_a_solution, no_marker_or_output_is_released, no_secret_is_released, no_statements_repeat_a_solution, quiz_is_sealed,
)
from tests.structure.rooms import (
    Room, code_cells, exercises, grade_id, kind, names_in, parse, quiz_key, runs_in_grading, student_names, tags,
)

GRADE_IDS = Path(__file__).with_name("grade_ids.json")
TAGS = {"setup", "experiment", "raises-exception", "nbval-ignore-output"}
WITHOUT_MODEL = {"00-start-here"}  # has two exercises; every other lesson has five to eight

_NAME = re.compile(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*")
_PRICE = re.compile(r"^\*Difficulty (\d) of 5 · (\d+) minutes · (\d+) points?\*$", re.M)
_HEADING = re.compile(r"^(#{1,6}) +(.*)$", re.M)
_OPTION = re.compile(r"(?:(?<=\s)\(|^ *- \*\*)([a-z])(?:\)|\*\*)(?=\s)", re.M)  # "- **a** …", or "(a) …" in a line
_FENCE = re.compile(r"^```.*?^```", re.M | re.S)
_PATH = re.compile(r"(?<![\w:/.])/(?:home|root|work|tmp|usr|opt|var|private|Users)/\w+|\b[A-Za-z]:\\\w+")
_TIME = re.compile(r"\b\d\d:\d\d\b|\d(?:it/s|s/it)\b|\b\d+\.\d+ ?(?:s|ms|µs|sec|seconds)\b|\bWall time\b")
_REACHING_IN = {
    "setattr", "delattr", "globals", "exec", "eval", "vars", "inspect", "getsource", "mock", "monkeypatch", "__code__", "__globals__", "__dict__",
    "__closure__", "__defaults__", "__class__",
}


# Rooms


def rooms_are_named(root: Path) -> list[str]:
    """A lesson has the same name in `solutions/`, `lessons/` and `tests/graders/`, and nothing else lies in its folders."""
    found = []
    for folder in ("solutions", "lessons"):
        for path in sorted((root / folder).glob("*")):
            if not path.is_dir() or not _NAME.fullmatch(path.name):
                found.append(f"{folder}/{path.name} is not a folder called NN-topic")
    names = sorted({path.name for folder in ("solutions", "lessons") for path in (root / folder).glob("*") if path.is_dir()})
    for name in names:
        wanted = [f"{folder}/{name}/{name}.ipynb" for folder in ("solutions", "lessons")] + [f"tests/graders/{name[3:].replace('-', '_')}.py"]
        found += [f"{path} is missing" for path in wanted if not (root / path).is_file()]
        for folder in ("solutions", "lessons"):
            beside = [path for path in (root / folder / name).glob("*") if path.name not in (f"{name}.ipynb", ".ipynb_checkpoints")]
            found += [f"{path.relative_to(root)} lies in the folder of a lesson" for path in beside]
    twice = [number for number, count in Counter(name[:2] for name in names).items() if count > 1]
    return found + [f"two lessons have the number {number}" for number in twice]


# Sizes and form


def cells_are_short(room: Room) -> list[str]:
    """No code cell has more than 30 lines; the release has fewer than 100 cells and 300 kB."""
    found = []
    for place, notebook in (("source", room.source), ("release", room.release)):
        for cell in code_cells(notebook):
            lines = cell.source.count("\n") + 1
            found += [f"cell {cell.id} of the {place} has {lines} lines; 30 are the most"] * (lines > 30)
    if len(room.release.cells) >= 100:
        found.append(f"the release has {len(room.release.cells)} cells; 99 are the most")
    if room.release_size >= 300_000:
        found.append(f"the release has {room.release_size} bytes; it must stay below 300 kB")
    return found


def cells_are_plain_python(room: Room) -> list[str]:
    """Every code cell is Python without magics, and none ends in a semicolon (nbval fails on it)."""
    found = []
    for cell in code_cells(room.source) + code_cells(room.release):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            found.append(f"cell {cell.id} is not plain Python: {error.msg} in line {error.lineno}")
        found += [f"cell {cell.id} ends in a semicolon"] * cell.source.rstrip().endswith(";")
    return found


def cells_have_ids(room: Room) -> list[str]:
    """Every cell has an id, no two share one, and the release has those of the source in the same order."""
    found = []
    for place, notebook in (("source", room.source), ("release", room.release)):
        ids = [cell.get("id", "") for cell in notebook.cells]
        found += [f"a cell of the {place} has no id"] * ("" in ids)
        found += [f"{count} cells of the {place} have the id {name!r}" for name, count in Counter(ids).items() if name and count > 1]
    if [cell.get("id") for cell in room.source.cells] != [cell.get("id") for cell in room.release.cells]:
        found.append("the cells of source and release differ: run `make lessons`")
    return found


def headings_are_in_order(room: Room) -> list[str]:
    """One title `# NN · Title`, in the first cell, and below it no heading that skips a level."""
    headings = [(cell, *match) for cell in room.source.cells if cell.cell_type == "markdown" for match in _HEADING.findall(_FENCE.sub("", cell.source))]
    titles = [(cell, words) for cell, marks, words in headings if len(marks) == 1]
    found = []
    if len(titles) != 1 or titles[0][0] is not room.source.cells[0]:
        found.append(f"there are {len(titles)} headings of the first level; one is wanted, in the first cell")
    elif not titles[0][1].startswith(f"{room.name[:2]} · "):
        found.append(f"the title should begin with {room.name[:2]!r} and a dot ·, but it is {titles[0][1]!r}")
    level = 0
    for _, marks, words in headings:
        found += [f"the heading {words!r} skips a level"] * (len(marks) > level + 1)
        level = len(marks)
    return found


# Exercises and points


def exercises_are_declared(room: Room) -> list[str]:
    """The metadata, the heading and the line below it agree, and the points are those of the graded cells."""
    points = _points(room.source)
    found = []
    for number, cell in enumerate(exercises(room.source), 1):
        data = dict(cell.metadata["exercise"])
        name = data.get("name")
        if set(data) != {"name", "difficulty", "minutes", "points"}:
            found.append(f"exercise {name}: its metadata should be name, difficulty, minutes and points, but they are {sorted(data)}")
            continue
        if not (data["difficulty"] in range(1, 6) and data["minutes"] > 0 and data["points"] > 0):
            found.append(f"exercise {name}: difficulty is 1 to 5, minutes and points are above 0")
        if f"### Exercise {number} · `{name}`" not in cell.source.split("\n"):
            found.append(f"exercise {name}: the heading `### Exercise {number} · `{name}`` is missing")
        price = [tuple(map(int, match)) for match in _PRICE.findall(cell.source)]
        if price != [(data["difficulty"], data["minutes"], data["points"])]:
            found.append(f"exercise {name}: the line *Difficulty … of 5 · … minutes · … points* does not agree with the metadata {data}")
        if data["points"] != points[name]:
            found.append(f"exercise {name}: its metadata promise {data['points']} points, its graded cells give {points[name]}")
    return found


def exercises_are_complete(room: Room) -> list[str]:
    """After its text each exercise has, before the next one, its solution, its check and (if any) its hidden tests, in this order."""
    cells = room.source.cells
    starts = [place for place, cell in enumerate(cells) if "exercise" in cell.metadata]
    found = []
    for start, end in zip(starts, [*starts[1:], len(cells)]):
        name = cells[start].metadata["exercise"].get("name")
        own = [grade_id(cell) for cell in cells[start:end] if re.sub("^(check|hidden)-", "", grade_id(cell)) == name]
        if own not in ([name, f"check-{name}"], [name, f"check-{name}", f"hidden-{name}"]):
            found.append(f"exercise {name}: its graded cells should be its solution, check and hidden tests in this order, but they are {own}")
    declared = {cell.metadata["exercise"].get("name") for cell in exercises(room.source)} | {"quiz"}
    stray = [grade_id(cell) for cell in cells if kind(cell) in ("solution", "check", "hidden") and re.sub("^(check|hidden)-", "", grade_id(cell)) not in declared]
    return found + [f"the graded cell {name} belongs to no exercise" for name in stray]


def total_points_are_stated(room: Room) -> list[str]:
    """The table in the first cell states the points of the whole notebook."""
    total = sum(_points(room.source).values())
    rows = [[column.strip() for column in line.strip().strip("|").split("|")] for line in room.source.cells[0].source.split("\n") if line.startswith("|")]
    if len(rows) != 3 or rows[0] != ["reading and writing", "computing", "points", "builds on"] or len(rows[2]) != 4:
        return ["the first cell should hold a table of reading and writing, computing, points, and what the lesson builds on"]
    stated = rows[2][2]
    return [] if stated == f"{total:g}" else [f"the first cell states {stated} points, but the graded cells give {total:g}"]


def _points(notebook: NotebookNode) -> Counter:
    """Exercise, quiz or question -> the points of its graded cells."""
    points: Counter = Counter()
    for cell in notebook.cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("grade"):
            points[re.sub("^(check|hidden)-", "", data["grade_id"])] += data["points"]
    return points


def grade_ids_are_stable(room: Room, known: dict[str, list[str]] | None = None) -> list[str]:
    """No two cells share a grade_id, and those that were published once stay: marks in gradebooks hang on them."""
    known = json.loads(GRADE_IDS.read_text(encoding="utf-8")) if known is None else known
    ids = grade_ids(room.source)
    found = [f"{count} cells have the grade_id {name!r}" for name, count in Counter(ids).items() if count > 1]
    found += ["source and release have different grade_ids: run `make lessons`"] * (ids != grade_ids(room.release))
    if room.name not in known:
        return [*found, f"{room.name} is not in {GRADE_IDS.name}: run `python -m tests.structure.update_grade_ids` and commit the file"]
    if ids != known[room.name]:
        gone, new = [name for name in known[room.name] if name not in ids], [name for name in ids if name not in known[room.name]]
        found.append(
            f"grade_ids differ from {GRADE_IDS.name} (gone: {gone}, new: {new}, else their order). A gradebook loses the marks of a cell that is "
            "renamed; where that is meant, run `python -m tests.structure.update_grade_ids` and commit the file"
        )
    return found


def grade_ids(notebook: NotebookNode) -> list[str]:
    return [grade_id(cell) for cell in notebook.cells if grade_id(cell)]


# Tags and names


def tags_are_known(room: Room) -> list[str]:
    """Only known tags; the first code cell, and no other, is the set-up; no graded cell is an experiment."""
    found = []
    for cell in room.source.cells:
        found += [f"cell {cell.id} has the unknown tag {tag!r}" for tag in tags(cell) if tag not in TAGS]
        found += [f"the graded cell {cell.id} is tagged {tag}" for tag in ("experiment", "raises-exception") if kind(cell) and tag in tags(cell)]
    marked = [cell.id for cell in room.source.cells if "setup" in tags(cell)]
    first = [cell.id for cell in code_cells(room.source)[:1]]
    return found + [f"the first code cell {first}, and no other, should be tagged setup, but {marked} are"] * (marked != first)


def graded_cells_count_on_what_will_be_there(room: Room) -> list[str]:
    """The names that a cell takes from others must be there when it is graded.

    No cell that runs in grading takes a name from an experiment, which does not; none takes it from a check, which may
    have stopped before; and no cell of the grader takes it from a cell that the student may change (given cells are locked).
    """
    found = []
    homes: dict[str, NotebookNode] = {}
    for cell in code_cells(room.source):
        assigned, imported, used = names_in(cell.source)
        if runs_in_grading(cell):
            for name in sorted((used - assigned - imported) & set(homes)):
                found += [f"cell {cell.id} uses {name!r} of cell {homes[name].id}, {why}" for why in _why_missing(cell, homes[name])]
        # Importing again what is already there changes nothing.
        homes |= dict.fromkeys(assigned | (imported - set(homes)), cell)
    return found


def _why_missing(cell: NotebookNode, home: NotebookNode) -> Iterator[str]:
    if not runs_in_grading(home):
        yield "which is left out in grading"
    elif kind(home) in ("check", "hidden"):
        yield "which may stop before it is defined"
    elif kind(cell) and not kind(home):
        yield 'which the student may change; make it a cell given="…"'


def student_names_keep_their_meaning(room: Room) -> list[str]:
    """No other cell gives a new value to the name of a function or class that the student writes."""
    owners = student_names(room.source)
    return [
        f"cell {cell.id} gives a new value to {name!r}, which the student writes in {owners[name]}"
        for cell in code_cells(room.source)
        for name in sorted(set.union(*names_in(cell.source)[:2]) & set(owners))
        if grade_id(cell) != owners[name]
    ]


def checks_only_call(room: Room) -> list[str]:
    """Graded cells call what the student wrote and compare what comes back: no patching, no reading of source code.

    An attribute may be set only of an object that the cell itself has made, without the student's functions.
    """
    found = []
    students = set(student_names(room.source))
    for cell in code_cells(room.source):
        if kind(cell) in ("check", "hidden"):
            own = _made_without(students, parse(cell.source))
            for node in ast.walk(parse(cell.source)):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del)) and getattr(node.value, "id", "") not in own:
                    found.append(f"cell {cell.id} assigns to {ast.unparse(node)}; a check changes no attribute")
                found += [f"cell {cell.id} uses {name}; a check only calls" for name in _words(node) if name in _REACHING_IN]
    return found


def _made_without(students: set[str], tree: ast.Module) -> set[str]:
    """The variables of a cell that are assigned the result of a call, none of which has to do with the student's names."""
    made, touched = set(), set(students)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
            if touched & {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}:
                touched |= names
            elif isinstance(node.value, ast.Call):
                made |= names
    return made - touched


def _words(node: ast.AST) -> list[str]:
    """The names that one node of a syntax tree holds."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [part for alias in node.names for part in f"{getattr(node, 'module', '') or ''}.{alias.name}".split(".")]
    return [getattr(node, {ast.Name: "id", ast.Attribute: "attr"}.get(type(node), ""), "")]


def hidden_tests_say_what_they_use(room: Room) -> list[str]:
    """The first line of a hidden cell says what kinds of inputs it uses; nothing else of the cell is visible."""
    found = []
    for cell in code_cells(room.source):
        if kind(cell) == "hidden":
            lines = cell.source.strip().split("\n")
            if not re.match(r"# Hidden tests: \w.{15,}", lines[0]):
                found.append(f"cell {cell.id} should begin with a comment `# Hidden tests: …` that says what kinds of inputs it uses")
            if [line.strip() for line in (lines[1:2] + lines[-1:])] != ["### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"]:
                found.append(f"cell {cell.id}: all after its first line should stand between ### BEGIN HIDDEN TESTS and ### END HIDDEN TESTS")
    return found


# Outputs


def outputs_are_fresh(room: Room) -> list[str]:
    """Executed once from top to bottom, without errors (but where they are shown), standard error, times or paths."""
    counts = [cell.execution_count for cell in code_cells(room.source)]
    found = [f"the code cells were not executed in order from a fresh kernel: {counts}"] * (counts != list(range(1, len(counts) + 1)))
    for cell in code_cells(room.source):
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                found.append(f"cell {cell.id} ends in an error: {output.ename}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"cell {cell.id} writes on standard error: {output.text[:60]!r}")
            for name, pattern in (("a path of one machine", _PATH), ("a time", _TIME)):
                match = pattern.search(_text(output))
                found += [f"an output of cell {cell.id} holds {name}: {match[0]!r}"] if match else []
    return found


def _text(output: NotebookNode) -> str:
    """What an output says, without what its author wrote to describe a figure."""
    if output.output_type == "error":
        return "\n".join(output.traceback)
    if output.output_type == "stream":
        return output.text
    data = output.get("data", {})
    return "" if "image/png" in data else "\n".join(str(data.get(name, "")) for name in ("text/plain", "text/html"))


def figures_are_shown_well(room: Room) -> list[str]:
    """A figure is a PNG below 60 KB with a text of at least 20 signs for those who cannot see it, and a caption after it."""
    found = []
    for cell in code_cells(room.source):
        for output, following in zip(cell.outputs, [*cell.outputs[1:], None]):
            found += [f"cell {cell.id}: {words}" for words in _faults_of_figure(output, following)]
        if re.search(r"\b(plt\.show|savefig|imsave)\(|<img\b", cell.source):
            found.append(f"cell {cell.id} shows a figure by other means than show(…)")
    return found


def _faults_of_figure(output: NotebookNode, following: NotebookNode | None) -> Iterator[str]:
    data = output.get("data", {})
    if {"image/svg+xml", "image/jpeg", "application/pdf"} & set(data) or "<img" in str(data.get("text/html", "")):
        yield "a figure is shown by other means than show(…)"
    if "image/png" in data:
        size = len(base64.b64decode(data["image/png"]))
        if size >= 60_000:
            yield f"a figure has {size} bytes; it must stay below 60 KB"
        alt = output.metadata.get("image/png", {}).get("alt", "")
        if len(alt.strip()) < 20:
            yield f"a figure's alt text should have at least 20 signs, but it is {alt!r}"
        caption = (following or {}).get("data", {}).get("text/markdown", "")
        if not re.fullmatch(r"\*.+\*", caption.strip(), re.S):
            yield "a figure has no caption after it"


# What each lesson must have


def lesson_is_complete(room: Room) -> list[str]:
    """Exercises, quiz, a question in one's own words, widget, fact check, truth plot, figures and what to take away."""
    texts = [cell.source for cell in room.source.cells if cell.cell_type == "markdown"]
    headings = [words.lower() for text in texts for _, words in _HEADING.findall(_FENCE.sub("", text))]
    number = len(exercises(room.source))
    figures = sum("image/png" in output.get("data", {}) for cell in code_cells(room.source) for output in cell.outputs)
    wanted = {
        f"five to eight exercises, not {number}": number == 2 if room.name in WITHOUT_MODEL else 5 <= number <= 8,
        "one question in one's own words": [kind(cell) for cell in room.source.cells].count("manual") == 1,
        "a widget: explore(…) in an experiment": any("explore(" in cell.source and "experiment" in tags(cell) for cell in code_cells(room.source)),
        "a heading with the words 'truth plot'": any("truth plot" in words for words in headings),
        "a section 'What to take away' with three numbered lines": any(re.search(r"^## What to take away\n+1\. .+\n2\. .+\n3\. .+", text, re.M) for text in texts),
        f"at least four figures, not {figures}": figures >= 4,
    }
    return [f"the lesson should have {words}" for words, holds in wanted.items() if not holds]


def fact_check_is_a_table(room: Room) -> list[str]:
    """Under the heading 'Fact check' stands a table of at least two rows: often said, what is true, and a source for each."""
    for cell in room.source.cells:
        if cell.cell_type == "markdown" and re.search(r"^## .*fact check", cell.source, re.M | re.I):
            rows = [[column.strip() for column in re.split(r"(?<!\\)\|", line.strip())[1:-1]] for line in cell.source.split("\n") if line.startswith("|")]
            if len(rows) < 4:
                return ["the fact check should be a table with at least two rows"]
            return [f"a row of the fact check should be: often said | what is true | source; it is {row}" for row in rows if len(row) != 3 or not all(row)]
    return ["there is no section 'Fact check'"]


def quiz_is_complete(room: Room) -> list[str]:
    """Four to six questions with one point each, every option explained, and every option offered in the text."""
    key = quiz_key(room.source)
    texts = [cell.source for cell in room.source.cells if cell.cell_type == "markdown" and re.search(r"^## .*quiz", cell.source, re.M | re.I)]
    if not key or not texts:
        return ["there is no quiz: a section 'Quiz', a cell solution=\"quiz\" and a cell check=\"quiz\""]
    found = [f"the quiz has {len(key)} questions; it should have 4 to 6, numbered from 1"] * (list(key) not in [list(range(1, n + 1)) for n in (4, 5, 6)])
    points = _points(room.source)["quiz"]
    found += [f"the quiz has {len(key)} questions, but {points} points"] * (points != len(key))
    questions = dict(zip(re.findall(r"^(\d+)\. ", texts[0], re.M), re.split(r"^\d+\. ", texts[0], flags=re.M)[1:]))
    for number, (right, options) in key.items():
        offered = _OPTION.findall(questions.get(str(number), ""))
        if offered != sorted(options) or right not in options or not all(why.strip() for why in options.values()):
            found.append(f"quiz question {number} offers {offered}, and its key explains {sorted(options)}")
    return found


#: The rules for one lesson, in the order in which their violations are worth mending.
RULES = (
    cells_are_plain_python, cells_have_ids, tags_are_known, grade_ids_are_stable, exercises_are_declared, exercises_are_complete,
    total_points_are_stated, headings_are_in_order, lesson_is_complete, quiz_is_complete, fact_check_is_a_table, cells_are_short,
    hidden_tests_say_what_they_use, checks_only_call, student_names_keep_their_meaning, graded_cells_count_on_what_will_be_there,
    lesson_imports_what_was_taught, outputs_are_fresh, figures_are_shown_well, no_secret_is_released, no_marker_or_output_is_released,
    quiz_is_sealed, no_given_cell_shows_a_solution, no_statements_repeat_a_solution,
)
