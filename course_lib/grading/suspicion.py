"""Who tried to interfere: code in a submission that has no business in an exercise, found without running it.

Nothing here decides a mark; the judge is apart from the student's process whatever that does. An instructor is shown the
line, and decides what it means.
"""

import ast
import re

from IPython.core.inputtransformer2 import TransformerManager

_ABOUT_IPYTHON = "changes how IPython runs or shows cells"
_ABOUT_INTERPRETER = "looks into the interpreter"
_ABOUT_PROCESSES = "starts or ends processes"
#: Names (of an attribute, or imported), by what their use amounts to.
_ATTRIBUTES = {
    _ABOUT_IPYTHON: {"ast_transformers", "input_transformers_cleanup", "input_transformers_post", "set_custom_exc", "showtraceback", "_showtraceback"},
    _ABOUT_INTERPRETER: {
        "get_objects", "get_referrers", "get_referents", "setprofile", "settrace", "_getframe", "_current_frames", "f_globals", "f_back",
        "__subclasses__", "__globals__",
    },
    _ABOUT_PROCESSES: {"_exit", "fork", "forkpty", "kill", "killpg", "abort", "execv", "execve", "popen", "Popen", "posix_spawn"},
}
_MODULES = {
    "ctypes": _ABOUT_INTERPRETER, "_ctypes": _ABOUT_INTERPRETER, "cffi": _ABOUT_INTERPRETER, "gc": None, "subprocess": _ABOUT_PROCESSES,
    "socket": "uses the network or the judge's connection", "requests": "uses the network or the judge's connection",
    "urllib.request": "uses the network or the judge's connection", "course_lib.grading": "uses the course's grading code",
}
_METHODS = {"__eq__", "__ne__", "__class__", "__torch_function__", "__torch_dispatch__", "__instancecheck__", "__array_function__"}
_HOMES = ("torch", "numpy", "np", "course_lib", "builtins", "checks", "teaching", "F")
_PLACES = re.compile(r"gradebook|/?\bsolutions\b[/*]|\bsubmitted/|\bautograded/|\bnbgrader\b|BEGIN (?:SOLUTION|HIDDEN)|^/proc/|/dev/shm|gradebook\.db")


def find(cells: list[str], taught: list[str] | None = None) -> list[tuple[int, str, str]]:
    """What is suspicious in some cells: (number of the cell, what it does, the line of code), in order.

    Parameters
    ----------
    taught: the modules of `course_lib.reference` that the lesson itself builds on; None if any may be imported.
    """
    found = []
    for number, source in enumerate(cells):
        lines = _without_magic(source)
        tree = _parse("\n".join(lines))
        seen = {(node.lineno, what) for node in ast.walk(tree) for what in _suspicions(node, taught)} if tree else set()
        found += [(number, what, lines[line - 1].strip()[:200]) for line, what in sorted(seen) if line <= len(lines)]
    return found


def _without_magic(source: str) -> list[str]:
    """The lines from the first of the program on: IPython leaves empty ones out, and `%%time` is not Python."""
    lines = source.strip("\n").split("\n")
    while lines and (not lines[0].strip() or lines[0].startswith("%%")):
        del lines[0]
    return lines


def _parse(source: str) -> ast.Module | None:
    """The syntax tree of a cell, magics included; None for what is no Python."""
    try:
        # One line stays one line, so that the numbers of lines are those of the cell.
        return ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _suspicions(node: ast.AST, taught: list[str] | None) -> list[str]:
    if isinstance(node, ast.Import):
        return [what for alias in node.names for what in _of_module(alias.name, taught)]
    if isinstance(node, ast.ImportFrom) and node.module:
        names = {alias.name for alias in node.names}
        found = [what for what, attributes in _ATTRIBUTES.items() if names & attributes]
        return found + [what for name in ["", *names] for what in _of_module(f"{node.module}.{name}".rstrip("."), taught)]
    if isinstance(node, ast.Attribute):
        return [what for what, attributes in _ATTRIBUTES.items() if node.attr in attributes] + _assigned(node)
    if isinstance(node, ast.ClassDef):
        return _of_class(node)
    if isinstance(node, ast.Call):
        return _of_call(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _PLACES.search(node.value):
        return ["names files of the instructor, of other students or of the system"]
    return []


def _of_module(name: str, taught: list[str] | None) -> list[str]:
    what = next((what for module, what in _MODULES.items() if what and (name == module or name.startswith(module + "."))), None)
    parts = name.split(".")
    if what is None and parts[:2] == ["course_lib", "reference"] and taught is not None and len(parts) > 2 and parts[2] not in taught:
        what = "imports the course's own solution of this lesson"
    return [what] if what else []


def _assigned(node: ast.Attribute) -> list[str]:
    """`torch.softmax = …`: a function of a library or of the course is replaced."""
    home = _root(node)
    if isinstance(node.ctx, ast.Load | ast.Del) or home not in _HOMES or "backends" in ast.unparse(node):
        return []
    return [f"replaces a part of {home}"]


def _of_class(node: ast.ClassDef) -> list[str]:
    defined = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    defined |= {target.id for part in node.body if isinstance(part, ast.Assign) for target in part.targets if isinstance(target, ast.Name)}
    return [f"has an object that says itself what it is equal to, or what it is ({name})" for name in sorted(_METHODS & defined)]


def _of_call(node: ast.Call) -> list[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in ("setattr", "delattr") and len(node.args) > 1 and not (isinstance(node.args[0], ast.Name) and node.args[0].id == "self"):
        return ["replaces a part of another object (setattr)"]
    if isinstance(node.func, ast.Attribute) and node.func.attr == "system" and _root(node.func) == "os":
        return [_ABOUT_PROCESSES]
    return []


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""
