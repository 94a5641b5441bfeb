"""Small automatic edits of a program's syntax tree, one at a time: each is a mistake that somebody might make."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator

_OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}
_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield (description, program) for every single edit of `source` that gives a different program.

    Left alone: docstrings, annotations, imports, and the words of an error message.
    """
    original = ast.parse(source)
    seen = {ast.unparse(original)}
    told: Counter[str] = Counter()
    for path, node in list(_places(original)):
        for words, new in _edits(node):
            program = ast.unparse(ast.fix_missing_locations(_replaced(original, path, new)))
            if program not in seen:
                seen.add(program)
                words = f"line {node.lineno}: {words}"
                told[words] += 1
                yield words if told[words] == 1 else f"{words} ({told[words]})", program


Path = tuple[tuple[str, int | None], ...]


def _places(node: ast.AST, path: Path = ()) -> Iterator[tuple[Path, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params") or isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.Raise) and name == "exc":
            continue
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_docstring(node, name, place, child):
                continue
            here = (*path, (name, place))
            if hasattr(child, "lineno"):
                yield here, child
            yield from _places(child, here)


def _is_docstring(parent: ast.AST, name: str, place: int | None, child: ast.AST) -> bool:
    return (
        name == "body" and place == 0 and isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        and isinstance(parent, (ast.FunctionDef, ast.ClassDef, ast.Module))
    )


def _replaced(tree: ast.AST, path: Path, new: ast.AST) -> ast.AST:
    tree = copy.deepcopy(tree)
    parent = tree
    for name, place in path[:-1]:
        parent = getattr(parent, name) if place is None else getattr(parent, name)[place]
    name, place = path[-1]
    if place is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[place] = new
    return tree


def _edits(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    kinds = {
        ast.BinOp: _operator, ast.AugAssign: _operator, ast.Compare: _comparison, ast.BoolOp: _boolean, ast.UnaryOp: _unary,
        ast.Constant: _constant, ast.Call: _call, ast.If: _condition, ast.IfExp: _condition, ast.While: _condition,
    }
    make = kinds.get(type(node))
    if make is not None:
        yield from make(node)
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.For, ast.If, ast.While, ast.Break, ast.Continue, ast.Raise)):
        yield f"{_short(node)} removed", ast.Pass()
    if isinstance(node, ast.Return) and node.value is not None:
        yield "nothing returned", ast.Return(ast.Constant(None))


def _changed(node: ast.AST, **fields) -> ast.AST:
    new = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _operator(node: ast.BinOp | ast.AugAssign) -> Iterator[tuple[str, ast.AST]]:
    other = _OPERATORS.get(type(node.op))
    if other is not None:
        yield f"{_short(node)}: {type(node.op).__name__} -> {other.__name__}", _changed(node, op=other())


def _comparison(node: ast.Compare) -> Iterator[tuple[str, ast.AST]]:
    for place, comparison in enumerate(node.ops):
        other = _COMPARISONS[type(comparison)]
        ops = [other() if number == place else old for number, old in enumerate(node.ops)]
        yield f"{_short(node)}: {type(comparison).__name__} -> {other.__name__}", _changed(node, ops=ops)


def _boolean(node: ast.BoolOp) -> Iterator[tuple[str, ast.AST]]:
    other = ast.Or if isinstance(node.op, ast.And) else ast.And
    yield f"{_short(node)}: {other.__name__}", _changed(node, op=other())


def _unary(node: ast.UnaryOp) -> Iterator[tuple[str, ast.AST]]:
    yield f"{_short(node)}: {type(node.op).__name__} removed", node.operand


def _constant(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    value = node.value
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, (int, float)):
        others = [value + 1, value - 1] if isinstance(value, int) else [value * 2, -value]
    elif isinstance(value, (str, bytes)) and value:
        others = [value[:0]]
    else:
        others = []
    for other in others:
        yield f"{value!r} -> {other!r}", ast.Constant(other)


def _call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    if len(node.args) >= 2:
        yield f"{_short(node)}: arguments swapped", _changed(node, args=[node.args[1], node.args[0], *node.args[2:]])
        yield f"{_short(node)}: last argument left out", _changed(node, args=node.args[:-1])
    for place, keyword in enumerate(node.keywords):
        rest = node.keywords[:place] + node.keywords[place + 1:]
        yield f"{_short(node)}: {keyword.arg} left out", _changed(node, keywords=rest)
    if node.args and not isinstance(node.args[0], ast.Starred):
        yield f"{_short(node)}: only its argument", node.args[0]
    elif isinstance(node.func, ast.Attribute):
        yield f"{_short(node)}: not called", node.func.value


def _condition(node: ast.If | ast.IfExp | ast.While) -> Iterator[tuple[str, ast.AST]]:
    for value in (True, False):
        if not (isinstance(node, ast.While) and value):
            yield f"if {_short(node.test)}: always {value}", _changed(node, test=ast.Constant(value))


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 50 else text[:47] + "..."
