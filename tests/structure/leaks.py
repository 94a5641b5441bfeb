"""Nothing secret in a release: solution regions, hidden tests, marking schemes, model answers and quiz keys.

Two questions, asked in two ways.

1. Did the release step let something through? Texts are cut into units (words, numbers, single signs; comments left
   out). A run of `RELEASED` units of a secret region must not stand in a released cell unless it also stands in the
   visible part of that same cell's source. A region shorter than that must not stand there whole.
2. Did the author show a solution in a given cell, a check, an experiment or the text? Runs are longer here
   (`COPIED`), since given code and solution share ordinary phrases. Besides, no sequence of statements in the release
   has the syntax tree of a solution's body, however its variables are called.

RELEASED is 8. Measured on lessons 00 and 01: if one secret line of at least 8 units slipped into its released cell alone,
8 finds 171 of 173 such lines (the other two stand in a draft, so they are no secret), 10 finds 146 and 12 finds 129. False
alarms cannot come, since what the cell's own source shows is not counted. COPIED is 16: the longest run that solution and
given text of these lessons share honestly has 10 units.
"""

import ast
import builtins
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from functools import cache

from nbformat import NotebookNode

from course_lib.teaching.quiz import seal
from tests.structure.rooms import Room, code_cells, grade_id, kind, parse, quiz_key, secrets, visible

RELEASED, COPIED = 8, 16
SHORTEST = 4  # units of a region that is a secret at all
SMALLEST_BODY = 12  # nodes of a syntax tree that is a solution of its own
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


@cache
def units(text: str, code: bool = True) -> tuple[str, ...]:
    """Words, numbers and single signs of a text; of code without its comments."""
    if code:
        try:
            tokens = tokenize.generate_tokens(io.StringIO(textwrap.dedent(text)).readline)
            text = " ".join(token.string for token in tokens if token.type not in _LAYOUT)
        except (tokenize.TokenError, SyntaxError):
            pass
    return tuple(re.findall(r"\w+|[^\w\s]", text))


@cache
def runs(sequence: tuple[str, ...], length: int) -> frozenset[tuple[str, ...]]:
    """All runs of `length` units."""
    return frozenset(sequence[start : start + length] for start in range(len(sequence) - length + 1))


def shared_run(secret: tuple[str, ...], shown: tuple[str, ...], rightly: tuple[str, ...], length: int) -> str:
    """A run of the secret that is shown but not rightly, as text; empty if there is none."""
    length = min(length, len(secret))
    if length < SHORTEST:
        return ""
    found = (runs(secret, length) & runs(shown, length)) - runs(rightly, length)
    return " ".join(min(found)) if found else ""


def no_secret_is_released(room: Room) -> list[str]:
    """No run of a secret region stands in a released cell whose own source does not show it."""
    sources = {cell.id: cell for cell in room.source.cells}
    hidden = list(_secrets(room.source))
    found = []
    for cell in room.release.cells:
        shown = units(cell.source, cell.cell_type == "code")
        rightly = units(visible(sources[cell.id]), cell.cell_type == "code") if cell.id in sources else ()
        for name, secret in hidden:
            run = shared_run(secret, shown, rightly, RELEASED)
            found += [f"cell {cell.id} of the release holds a part of {name}: {run}"] * bool(run)
    return found


def _secrets(source: NotebookNode) -> Iterator[tuple[str, tuple[str, ...]]]:
    for cell in source.cells:
        for region in secrets(cell):
            yield f"the secret part of {cell.id}", units(region, cell.cell_type == "code")
    for number, (_, options) in quiz_key(source).items():
        yield from ((f"the quiz key, question {number}", units(why, code=False)) for why in options.values())


def no_marker_or_output_is_released(room: Room) -> list[str]:
    """The release holds no marker of a region, no output, no execution count, no attachment, no leftover metadata."""
    found = []
    for cell in room.release.cells:
        found += [f"cell {cell.id} of the release holds the marker {mark!r}" for mark in re.findall(r"###\s*(?:BEGIN|END)\b.*|#>", cell.source)]
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            found.append(f"cell {cell.id} of the release holds an output or an execution count")
    for place, notebook in (("release", room.release), ("source", room.source)):
        found += [f"the metadata of the {place} holds {name!r}" for name in notebook.metadata if name not in ("kernelspec", "language_info")]
        for cell in notebook.cells:
            if "attachments" in cell or "execution" in cell.metadata:
                found.append(f"cell {cell.id} of the {place} holds attachments or execution times")
    return found


def quiz_is_sealed(room: Room) -> list[str]:
    """The release's quiz holds the sealed form of the source's key, and nothing else."""
    for cell in room.release.cells:
        if grade_id(cell) == "check-quiz":
            try:
                (statement,) = ast.parse(cell.source).body
                (keyword,) = statement.value.keywords
                sealed, plain = ast.literal_eval(keyword.value), [ast.unparse(argument) for argument in statement.value.args]
            except (SyntaxError, ValueError, AttributeError):
                return ["the release's quiz is not one call check_quiz(answers, sealed='…')"]
            if plain != ["answers"] or keyword.arg != "sealed" or sealed != seal(quiz_key(room.source)):
                return ["the release's quiz does not hold the sealed form of the source's key"]
    return []


def no_given_cell_shows_a_solution(room: Room) -> list[str]:
    """No long run of a solution stands in what the source shows elsewhere: text, checks, given cells, experiments."""
    found = []
    for name, secret in _solutions(room.source):
        for cell in room.source.cells:
            if grade_id(cell) in (name, "check-quiz"):
                continue  # a draft may share lines with the solution that mends it
            run = shared_run(secret, units(visible(cell), cell.cell_type == "code"), (), COPIED)
            found += [f"cell {cell.id} shows a part of the solution of {name}: {run}"] * bool(run)
    return found


def _solutions(source: NotebookNode) -> Iterator[tuple[str, tuple[str, ...]]]:
    for cell in source.cells:
        if kind(cell) == "solution":
            yield from ((grade_id(cell), units(region)) for region in secrets(cell))


def no_statements_repeat_a_solution(room: Room) -> list[str]:
    """No statements of the release have the syntax tree of a solution's body, whatever their variables are called."""
    known = set(dir(builtins)) | _imported_names(room.source)
    bodies = [(grade_id(cell), body) for cell in room.source.cells if kind(cell) == "solution" for body in _solution_bodies(cell.source)]
    found = []
    for cell in code_cells(room.release):
        for name, body in bodies:
            if any(_alike(part, body) and shape(part, known) == shape(body, known) for part in _parts(parse(cell.source), len(body))):
                found.append(f"cell {cell.id} of the release holds the body of the solution of {name}")
    return found


def _alike(one: list[ast.stmt], other: list[ast.stmt]) -> bool:
    """A quick look: the statements but for the last are of the same kinds."""
    return all(type(left) is type(right) for left, right in zip(one[:-1], other[:-1]))


def _imported_names(notebook: NotebookNode) -> set[str]:
    nodes = (node for cell in code_cells(notebook) for node in ast.walk(parse(cell.source)))
    return {alias.asname or alias.name.split(".")[0] for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}


def _solution_bodies(source: str) -> Iterator[list[ast.stmt]]:
    """The bodies, without docstrings, of the innermost functions in which a solution region begins."""
    lines = source.split("\n")
    starts = [number for number, line in enumerate(lines, 1) if line.strip() == "### BEGIN SOLUTION"]
    functions = [node for node in ast.walk(parse(source)) if isinstance(node, ast.FunctionDef)]
    for start in starts:
        around = [node for node in functions if node.lineno <= start <= node.end_lineno]
        if around:
            body = _without_docstring(max(around, key=lambda node: node.lineno).body)
            if sum(1 for statement in body for _ in ast.walk(statement)) >= SMALLEST_BODY:
                yield body


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    return body[1:] if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str) else body


def _parts(tree: ast.AST, length: int) -> Iterator[list[ast.stmt]]:
    """Every `length` statements that follow each other: in the cell, in its functions, loops and branches."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield from (block[start : start + length] for start in range(len(block) - length + 1))


def shape(statements: list[ast.stmt], known: set[str]) -> object:
    """What statements compute, variables numbered in the order in which they occur; names in `known` are kept.

    That the last value is returned, assigned or neither makes no difference.
    """
    numbers: dict[str, str] = {}

    def rename(name: str) -> str:
        return name if name in known else numbers.setdefault(name, f"variable {len(numbers)}")

    def visit(node: object) -> object:
        if isinstance(node, list):
            return tuple(map(visit, node))
        if isinstance(node, ast.Name):
            return rename(node.id)
        if isinstance(node, ast.arg):
            return rename(node.arg)
        if isinstance(node, ast.AST):
            fields = [(name, value) for name, value in ast.iter_fields(node) if name not in ("ctx", "annotation", "returns", "type_comment", "kind")]
            return (type(node).__name__, *(visit(value) for _, value in fields))
        return repr(node)

    if not statements:
        return ()
    *others, last = statements
    plain = isinstance(last, (ast.Return, ast.Expr)) or isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name)
    return visit(others), visit(last.value if plain else last)
