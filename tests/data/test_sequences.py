"""The adding problem: its form, its distribution, and what a guess costs."""

import pytest
import torch

from course_lib.data.sequences import ADDING_GUESS, adding_problem


@pytest.mark.parametrize("batch, length", [(1, 2), (50, 3), (20, 100)])
def test_one_mark_in_each_half_and_the_sum_of_what_is_marked(batch, length):
    inputs, targets = adding_problem(batch, length, torch.Generator().manual_seed(1))
    numbers, marks = inputs.unbind(-1)
    assert inputs.shape == (batch, length, 2) and targets.shape == (batch,)
    assert set(marks.flatten().tolist()) <= {0.0, 1.0}
    assert (marks[:, : length // 2].sum(1) == 1).all() and (marks[:, length // 2 :].sum(1) == 1).all()
    for row in range(batch):
        assert targets[row].item() == pytest.approx(sum(numbers[row][marks[row] == 1].tolist()), rel=1e-6)


def test_places_are_even_and_a_guess_costs_a_sixth():
    inputs, targets = adding_problem(60_000, 5, torch.Generator().manual_seed(2))
    shares = inputs[..., 1].mean(0)
    # Six standard deviations of a share of 60,000 draws: a right function fails once in a hundred million; the seed is fixed.
    for share, wanted in zip(shares.tolist(), (1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3)):
        assert abs(share - wanted) < 6 * (wanted * (1 - wanted) / 60_000) ** 0.5
    assert ((targets - 1) ** 2).mean().item() == pytest.approx(ADDING_GUESS, rel=0.02)


def test_a_seed_gives_the_same_problems():
    one, two = (adding_problem(3, 8, torch.Generator().manual_seed(5)) for _ in range(2))
    assert all(map(torch.equal, one, two))


@pytest.mark.parametrize("arguments, words", [((0, 5), "batch: expected an integer of at least 1, got 0"), ((2, 1), "length: expected an integer of at least 2"),
                                              ((True, 5), "batch"), ((2, 5.0), "length")])  # fmt: skip
def test_errors_name_the_argument(arguments, words):
    with pytest.raises(ValueError, match=words):
        adding_problem(*arguments)
