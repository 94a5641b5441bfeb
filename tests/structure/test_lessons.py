"""Every rule on every lesson of this repository, and the rules for the repository as a whole."""

import pytest

from tests.structure.imports import TAUGHT_IN, floors_are_kept, grading_loads_no_model_code
from tests.structure.rooms import ROOT, lesson_names, load_room
from tests.structure.rules import RULES, rooms_are_named


def report(violations: list[str]) -> str:
    return "\n".join(["", *violations])


@pytest.mark.parametrize("name", lesson_names())
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_lesson(name, rule):
    violations = rule(load_room(name))
    assert not violations, report(violations)


@pytest.mark.parametrize("rule", [rooms_are_named, floors_are_kept, grading_loads_no_model_code], ids=lambda rule: rule.__name__)
def test_repository(rule):
    violations = rule(ROOT)
    assert not violations, report(violations)


def test_every_module_of_the_reference_belongs_to_a_lesson():
    modules = {path.stem for path in (ROOT / "course_lib" / "reference").glob("*.py")} - {"__init__"}
    assert modules <= set(TAUGHT_IN)


def test_there_are_lessons():
    assert "00-start-here" in lesson_names()
