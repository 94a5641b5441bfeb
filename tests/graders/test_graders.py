"""Every exercise of every lesson against its bank: see runner.py."""

import time

import pytest

from tests.graders.mutants import mutants
from tests.graders.runner import ROOT, bank, empty_answers, enter, load_lesson

LESSONS = sorted(path.parent.name for path in (ROOT / "solutions").glob("*/*.ipynb"))
MUTANT_SECONDS = 1.0  # and ten times what the solution takes: a mutant may well never end


def exercises() -> list[tuple[str, str]]:
    """(lesson, exercise) for each exercise that a notebook declares."""
    return [
        (lesson, cell.metadata["exercise"]["name"])
        for lesson in LESSONS
        for cell in load_lesson(lesson)[0].cells
        if "exercise" in cell.metadata
    ]


each_exercise = pytest.mark.parametrize(("lesson", "name"), exercises())


@each_exercise
def test_solution_full_stub_and_empty_answers_zero(lesson, name):
    room = enter(lesson, name)
    assert room.judge(room.solution).full, room.judge(room.solution).message
    assert room.judge(room.stub).zero
    for words, program in empty_answers(room.solution).items():
        assert not room.judge(program).full, f"a program that {words} gets full marks"


@each_exercise
def test_mistakes_are_rejected_with_their_sentence(lesson, name):
    room, entry = enter(lesson, name), bank(lesson)[name]
    assert len(entry.mistakes) >= 4
    for mistake in entry.mistakes:
        verdict = room.judge(mistake.code)
        assert not verdict.full, f"{mistake.name}: accepted"
        assert mistake.says in verdict.message, f"{mistake.name}: {verdict.message!r}"


@each_exercise
def test_alternatives_are_accepted(lesson, name):
    room, entry = enter(lesson, name), bank(lesson)[name]
    assert len(entry.alternatives) >= 2
    for alternative in entry.alternatives:
        verdict = room.judge(alternative.code)
        assert verdict.full, f"{alternative.name}: {verdict.message}"


@each_exercise
def test_mutants_are_rejected(lesson, name, record_property):
    room, entry = enter(lesson, name), bank(lesson)[name]
    programs = dict(mutants(room.solution))
    start = time.process_time()
    room.judge(room.solution)
    limit = MUTANT_SECONDS + 10 * (time.process_time() - start)
    survivors = [words for words, program in programs.items() if room.judge(program, limit).full]
    unexplained = [words for words in survivors if words not in entry.same_program]
    idle = [words for words in entry.same_program if words not in survivors]
    killed = len(programs) - len(survivors)
    record_property("grader", (lesson, name, len(entry.mistakes), len(entry.alternatives), len(programs), killed))
    assert not unexplained, f"mutants that get full marks: {unexplained}"
    assert not idle, f"explained as the same program, but rejected or not made any more: {idle}"
    assert killed >= 0.95 * len(programs), f"{killed} of {len(programs)} mutants rejected"


def test_every_bank_entry_is_an_exercise():
    for lesson in LESSONS:
        declared = {name for where, name in exercises() if where == lesson}
        assert set(bank(lesson)) == declared
