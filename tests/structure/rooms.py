"""A lesson as the rules see it: its source, its release, and small questions about their cells."""

import ast
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
_REGION = re.compile(r"^[ \t]*### BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME)[ \t]*\n(.*?)^[ \t]*### END \1[ \t]*$\n?", re.M | re.S)


@dataclass(frozen=True)
class Room:
    """One lesson: its name (`NN-topic`), its two notebooks, and the size of the released file in bytes."""

    name: str
    source: NotebookNode
    release: NotebookNode
    release_size: int


def lesson_names(root: Path = ROOT) -> list[str]:
    """Every folder in `solutions/` or `lessons/`, in order."""
    return sorted({path.name for folder in ("solutions", "lessons") for path in (root / folder).glob("*") if path.is_dir()})


@cache
def load_room(name: str) -> Room:
    """Read a lesson of this repository; raises FileNotFoundError where one of its notebooks is missing."""
    paths = [ROOT / folder / name / f"{name}.ipynb" for folder in ("solutions", "lessons")]
    source, release = (nbformat.read(path, as_version=4) for path in paths)
    return Room(name, source, release, paths[1].stat().st_size)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def grade_id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def kind(cell: NotebookNode) -> str:
    """What a cell is to the grader: solution, check, hidden, manual, given (locked, no points), or nothing."""
    data = cell.metadata.get("nbgrader")
    if not data:
        return ""
    if data["solution"]:
        return "manual" if data["grade"] else "solution"
    if not data["grade"]:
        return "given"
    return "hidden" if data["grade_id"].startswith("hidden-") else "check"


def runs_in_grading(cell: NotebookNode) -> bool:
    """Whether later cells may count on what this one defines."""
    return cell.cell_type == "code" and not {"experiment", "raises-exception"} & set(tags(cell))


def exercises(notebook: NotebookNode) -> list[NotebookNode]:
    """The Markdown cells that each open an exercise."""
    return [cell for cell in notebook.cells if "exercise" in cell.metadata]


def secrets(cell: NotebookNode) -> list[str]:
    """The regions of a source cell that must not be released."""
    return [match[2] for match in _REGION.finditer(cell.source)]


def visible(cell: NotebookNode) -> str:
    """What a source cell rightly shows in the release; a draft (lines after `#> `) is part of it."""
    if grade_id(cell) == "check-quiz":
        return "check_quiz(answers, sealed=)"
    return re.sub(r"^(\s*)#> ?", r"\1", _REGION.sub("", cell.source), flags=re.M)


@cache
def parse(source: str) -> ast.Module:
    """The syntax tree of a cell; an empty one for a cell that is no plain Python (which a rule of its own reports)."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


@cache
def names_in(source: str) -> tuple[set[str], set[str], set[str]]:
    """(assigned, imported, used): what a cell assigns and imports at its top level, and what it takes from there."""
    try:
        tree = _GeneratorsOnly().visit(ast.parse(source))
    except SyntaxError:
        return set(), set(), set()
    top = symtable.symtable(ast.unparse(ast.fix_missing_locations(tree)), "cell", "exec")
    imported = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_imported()}
    assigned = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_namespace()}
    return assigned - imported, imported, set(_globals_used(top))


class _GeneratorsOnly(ast.NodeTransformer):
    """From Python 3.12 on a comprehension's names count to the scope around it; those of a generator never do."""

    def visit_ListComp(self, node: ast.ListComp) -> ast.GeneratorExp:
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.GeneratorExp:
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def _globals_used(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _globals_used(child)


def student_names(notebook: NotebookNode) -> dict[str, str]:
    """Function or class that a student writes -> the id of the cell in which it stands."""
    return {
        node.name: grade_id(cell)
        for cell in notebook.cells
        if kind(cell) == "solution"
        for node in parse(cell.source).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }


def quiz_key(notebook: NotebookNode) -> dict:
    """The readable key of a source's quiz, empty if there is none."""
    for cell in notebook.cells:
        if grade_id(cell) == "check-quiz":
            for node in ast.walk(parse(cell.source)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check_quiz" and len(node.args) == 2:
                    return ast.literal_eval(node.args[1])
    return {}
