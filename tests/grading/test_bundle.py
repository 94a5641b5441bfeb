"""What a class receives: complete enough to work in, and without anything to copy from."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from course_lib.grading.bundle import write_bundle
from tests.graders.runner import load_lesson

ROOT = Path(__file__).resolve().parents[2]
LESSON = "00-start-here"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    target = tmp_path_factory.mktemp("bundle") / "course.zip"
    return target, write_bundle(ROOT, target)


def test_the_bundle_holds_lessons_library_and_set_up(bundle):
    target, names = bundle
    assert {f"lessons/{LESSON}/{LESSON}.ipynb", "Makefile", "pyproject.toml", "course_lib/bootstrap.py", "README.md"} <= set(names)
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == sorted(f"course/{name}" for name in names)


def test_the_bundle_holds_no_solution_and_no_hidden_test(bundle):
    target, names = bundle
    assert not [name for name in names if name.startswith(("solutions", "tests", "benchmarks", ".github", "nbgrader_config"))]
    with zipfile.ZipFile(target) as archive:
        text = {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist() if name.endswith((".ipynb", ".md"))}
    for name, content in text.items():
        assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)", content), name
    for lesson in (ROOT / "solutions").iterdir():
        for region in _hidden_regions(lesson.name):
            assert not [name for name, content in text.items() if region in content]


def test_the_same_repository_gives_the_same_bytes(bundle, tmp_path):
    write_bundle(ROOT, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle[0].read_bytes()


def test_outside_a_repository_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="cannot be listed"):
        write_bundle(tmp_path, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.slow
def test_a_student_sets_it_up_and_solves_lesson_00(bundle, tmp_path):
    with zipfile.ZipFile(bundle[0]) as archive:
        archive.extractall(tmp_path)
    course = tmp_path / "course"
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "COURSE_VENV")}
    set_up = subprocess.run([sys.executable, "course_lib/bootstrap.py", "setup"], cwd=course, env=environment, capture_output=True, text=True)
    assert set_up.returncode == 0, set_up.stderr
    assert "[2/4] installing" in set_up.stdout
    path = course / "lessons" / LESSON / f"{LESSON}.ipynb"
    _solve(path)
    python = course / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = "import sys; from nbgrader.validator import Validator; print(Validator().validate(sys.argv[1]))"
    outside = environment | {"PATH": f"{python.parent}{os.pathsep}{environment['PATH']}"}
    result = subprocess.run([python, "-c", code, path], cwd=path.parent, env=outside, capture_output=True, text=True)
    assert result.stdout.strip().splitlines()[-1] == "{}", result.stdout + result.stderr
    where = subprocess.run([python, "-c", "import course_lib; print(course_lib.__file__)"], cwd=tmp_path, env=outside, capture_output=True, text=True)
    assert str(course) in where.stdout


def _solve(path: Path) -> None:
    """Write the model solutions into the released notebook, as a student who has solved everything."""
    notebook = nbformat.read(path, as_version=4)
    solved = {cell.metadata.nbgrader.grade_id: cell.source for cell in load_lesson(LESSON)[0].cells if cell.metadata.get("nbgrader", {}).get("solution")}
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in solved:
            cell.source = re.sub(r"^\s*#> .*\n?", "", solved[grade_id], flags=re.M)
    nbformat.write(notebook, path)


def _hidden_regions(lesson: str) -> list[str]:
    """Long lines of a lesson's hidden tests that stand nowhere else in its source, as a notebook file writes them."""
    hidden = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.S)
    sources = [cell.source for cell in load_lesson(lesson)[0].cells]
    visible = "\n".join(hidden.sub("", source) for source in sources)
    lines = [line.strip() for source in sources for region in hidden.findall(source) for line in region.splitlines()]
    return [line.replace('"', '\\"') for line in lines if len(line) > 50 and line not in visible]
