"""expect_distribution rejects a right program as rarely as it says, and a wrong one reliably."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import multinomial

from course_lib.teaching.checks import CheckFailed, _improbable, expect_distribution


def rejected(samples, probabilities, **options) -> bool:
    try:
        expect_distribution(samples, probabilities, what="it", **options)
    except CheckFailed:
        return True
    return False


@pytest.mark.parametrize("false_alarm", [1e-6, 1e-3, 0.05])
@pytest.mark.parametrize(("total", "probabilities"), [
    (10, [0.5, 0.5]), (50, [0.1, 0.9]), (200, [0.5, 0.5]), (5000, [0.001, 0.999]), (50, [0.1, 0.2, 0.7]), (40, [1 / 3] * 3), (25, [0.2, 0.2, 0.3, 0.3]),
])
def test_false_alarms_are_at_most_as_many_as_stated_exactly(total, probabilities, false_alarm):
    """No simulation: the probability of every table of counts that is rejected is added up."""
    alarms = 0.0
    for head in product(range(total + 1), repeat=len(probabilities) - 1):
        counts = np.array([*head, total - sum(head)])
        if counts[-1] >= 0 and _improbable(counts, np.array(probabilities), false_alarm):
            alarms += multinomial.pmf(counts, total, probabilities)
    assert alarms <= false_alarm


def test_false_alarms_measured_on_many_cells():
    """At most the stated 1 in 100, by simulation: 3000 right programs, so 4 sigma are 0.0073."""
    generator, rate, runs = np.random.default_rng(1), 0.01, 3000
    probabilities = generator.dirichlet(np.full(30, 4.0)) * 0.5 + 0.5 / 30
    alarms = sum(rejected(generator.choice(30, 400, p=probabilities), probabilities, false_alarm=rate) for _ in range(runs))
    assert alarms / runs <= rate + 4 * math.sqrt(rate * (1 - rate) / runs)


@pytest.mark.parametrize(("right", "wrong", "samples"), [
    ([0.5, 0.3, 0.2], [0.4, 0.35, 0.25], 5000),  # a wrong temperature
    ([0.5, 0.3, 0.2], [0.3, 0.5, 0.2], 500),  # two options exchanged
    ([0.25] * 4, [0.28, 0.24, 0.24, 0.24], 20_000),  # slightly biased
    ([0.02] * 50, [0.015] * 25 + [0.025] * 25, 4000),  # a little wrong everywhere
    ([0.9, 0.1], [1.0, 0.0], 300),  # always the most likely
])
def test_wrong_programs_are_rejected(right, wrong, samples):
    """In at least 95 of 100 runs, at a false-alarm rate of one in a million."""
    generator = np.random.default_rng(2)
    assert sum(rejected(generator.choice(len(right), samples, p=wrong), right) for _ in range(100)) >= 95


@pytest.mark.parametrize("samples", [torch.tensor([[0, 1], [1, 0]] * 10), np.array([0.0, 1.0] * 20), [0, 1] * 20])
def test_takes_samples_of_any_form(samples):
    expect_distribution(samples, torch.tensor([0.5, 0.5]), what="it")


def test_one_option_and_impossible_options():
    expect_distribution([1] * 10, [0.0, 1.0, 0.0], what="it")
    with pytest.raises(CheckFailed, match="2 was drawn, but its probability is 0"):
        expect_distribution([0, 1] * 50 + [2], [0.5, 0.5, 0.0], what="it")


def test_names_the_worst_option():
    with pytest.raises(CheckFailed, match=r"1 was drawn with frequency 0.500, but its probability is 0.100"):
        expect_distribution([0, 1] * 500, [0.9, 0.1], what="it")
    with pytest.raises(CheckFailed, match=r"2 was drawn with frequency 0.500, but its probability is 0.100"):
        expect_distribution([1, 2] * 500, [0.0, 0.9, 0.1], what="it")


@pytest.mark.parametrize("samples", [
    [], None, "0101", [0.5] * 20, [-1, 0] * 20, [0, 2] * 20, [math.nan] * 20, [math.inf] * 20, [None, 1], torch.zeros(20) + 1j, {"a": 1},
])
def test_refuses_what_are_no_samples(samples):
    with pytest.raises(CheckFailed, match="^it"):
        expect_distribution(samples, [0.5, 0.5], what="it")


@pytest.mark.parametrize("probabilities", [[0.5, 0.4], [1.5, -0.5], [[0.5, 0.5]], [math.nan, 1.0], []])
def test_refuses_what_is_no_distribution(probabilities):
    with pytest.raises(ValueError, match="sum to 1"):
        expect_distribution([0, 1] * 20, probabilities, what="it")


def test_asks_its_author_for_enough_samples():
    with pytest.raises(ValueError, match="at least 5 expected .* 0.4"):
        expect_distribution([0, 1] * 20, [0.01, 0.99], what="it")
    expect_distribution([0, 1, 1, 1] * 5, [0.25, 0.75], what="it")  # 5 are expected of the first
    with pytest.raises(ValueError, match="at least 5 expected"):
        expect_distribution([0, 1, 1, 1] * 4 + [1, 1, 1], [0.25, 0.75], what="it")
