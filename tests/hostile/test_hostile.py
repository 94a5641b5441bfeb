"""Each submission of the banks gets exactly what it deserves."""

import pytest

from tests.hostile.attacks import ATTACKS
from tests.hostile.court import Case, deserved, judge, points, why
from tests.hostile.right_programs import RIGHT


@pytest.mark.slow
@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: case.name)
def test_an_attack_earns_what_its_programs_earn(case: Case):
    verdict, notebook = judge(case)
    assert points(case, notebook) == deserved(case), f"{why(notebook)}\n{verdict.report}"
    if case.limit:
        assert any(case.limit in sentence for sentence in verdict.limits), verdict.limits
    if case.suspect:
        assert any(case.suspect in entry["evidence"] for entry in verdict.interference), verdict.interference


@pytest.mark.slow
@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_a_right_program_gets_full_marks(case: Case):
    verdict, notebook = judge(case)
    assert points(case, notebook) == deserved(case), f"{why(notebook)}\n{verdict.report}"
    assert not verdict.interference


def test_the_banks_are_large_enough():
    assert len({case.name for case in ATTACKS}) == len(ATTACKS) >= 60
    assert len({case.name for case in RIGHT}) == len(RIGHT) >= 20
