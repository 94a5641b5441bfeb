"""Who may import whom: an import never climbs from one floor of `course_lib` to a higher one."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.structure.rooms import Room, code_cells, parse

#: Floor -> the floors that it may import, itself included. `bootstrap` runs before anything is installed.
FLOORS = {
    "data": {"data"},
    "reference": {"reference"},
    "teaching": {"teaching", "data"},
    "grading": {"grading", "teaching"},
    "recipes": {"recipes", "teaching", "reference", "data"},
    "bootstrap": set(),
}

#: Module of `course_lib.reference` -> the number of the lesson that teaches it.
TAUGHT_IN = {
    "tokens": 1, "embeddings": 2, "language_model": 3, "recurrent": 4, "convolution": 5, "attention": 6, "transformer": 7, "gpt": 8,
    "sampling": 8, "decoding": 8, "bert": 9, "adaptation": 10, "gan": 11, "vae": 12, "diffusion": 13, "state_space": 14,
    "selective_scan_kernels": 14, "hybrid": 15, "multimodal": 16, "responsible": 17,
}


def floors_are_kept(root: Path) -> list[str]:
    """No module of `course_lib` imports from a floor above its own, and no part of grading imports torch."""
    found = []
    for path in sorted((root / "course_lib").rglob("*.py")):
        place = path.relative_to(root).with_suffix("").parts
        if place == ("course_lib", "__init__"):
            continue
        floor = place[1]
        if floor not in FLOORS:
            found.append(f"{path.relative_to(root)} stands on no floor: name {floor!r} in FLOORS")
            continue
        for name in imported(ast.parse(path.read_text(encoding="utf-8")), place):
            found += [f"{path.relative_to(root)} imports {name}"] * (not _may_import(floor, name))
    return found


def _may_import(floor: str, name: str) -> bool:
    parts = name.split(".")
    if parts[0] == "course_lib":
        return len(parts) > 1 and parts[1] in FLOORS[floor]
    return parts[0] != "tests" and not (parts[0] == "torch" and floor in ("grading", "bootstrap"))


def imported(tree: ast.AST, place: tuple[str, ...] = ()) -> Iterator[str]:
    """The full names of all that `tree` imports, at any depth, by statement or by `import_module("…")`.

    `from a import b` gives "a.b", since b may be a module. `place` is the importing module, for relative imports.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = [*place[: len(place) - node.level]] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("import_module", "__import__"):
            yield _leading_text(node.args[0])


def _leading_text(node: ast.AST) -> str:
    """The text of a string, or that before the first gap of an f-string."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return str(node.value) if isinstance(node, ast.Constant) else ""


def lesson_imports_what_was_taught(room: Room) -> list[str]:
    """A lesson imports nothing of grading, and of the reference only what earlier lessons have taught."""
    found = []
    for cell in code_cells(room.source):
        for name in imported(parse(cell.source)):
            parts = name.split(".")
            if parts[0] == "tests" or name == "course_lib":
                found.append(f"cell {cell.id} imports {name}")
            elif parts[0] == "course_lib" and parts[1] == "reference":
                found += _not_taught(room.name, cell.id, parts[2] if len(parts) > 2 else "")
            elif parts[0] == "course_lib" and parts[1] not in ("data", "teaching"):
                found.append(f"cell {cell.id} imports {name}; a lesson imports data, teaching and earlier references only")
    return found


def _not_taught(lesson: str, cell: str, module: str) -> list[str]:
    if module not in TAUGHT_IN:
        return [f"cell {cell} imports course_lib.reference.{module}, which no lesson teaches (see TAUGHT_IN)"]
    if TAUGHT_IN[module] < int(re.match(r"\d+", lesson)[0]):
        return []
    return [f"cell {cell} imports course_lib.reference.{module}, which lesson {TAUGHT_IN[module]:02d} teaches"]


def loaded_by(modules: list[str], folder: Path) -> set[str]:
    """The names of all modules that a fresh Python has loaded after it imported `modules`."""
    code = f"import sys\nfor name in {modules!r}: __import__(name)\nprint('\\n'.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return set(ran.stdout.split())


def grading_loads_no_model_code(root: Path) -> list[str]:
    """Importing every module of grading loads, through whatever it imports, neither torch nor the reference."""
    paths = sorted((root / "course_lib" / "grading").glob("*.py"))
    modules = ["course_lib.grading" + (f".{path.stem}" if path.stem != "__init__" else "") for path in paths]
    loaded = loaded_by(modules, root)
    return [f"importing course_lib.grading loads {name}" for name in ("torch", "course_lib.reference") if name in loaded]
