"""The training loop: its losses, its stop at a loss that is no number, and its output."""

import math
import warnings

import numpy as np
import pytest
import torch

from course_lib.teaching.training import progress, train


def last_line(text: str) -> str:
    """What stays on the screen: a bar draws over itself after each carriage return."""
    return text.rstrip("\n").split("\n")[-1].split("\r")[-1].rstrip()


def test_returns_the_loss_of_each_step():
    assert train(lambda step: 1 / (step + 1), 4) == [1.0, 0.5, 1 / 3, 0.25]


@pytest.mark.parametrize("loss", [2, 2.0, np.float32(2), torch.tensor(2.0), torch.tensor([2.0]), torch.tensor(2.0, requires_grad=True)])
def test_takes_every_form_of_a_number_without_a_warning(loss, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = train(lambda step: loss, 2)
    assert losses == [2.0, 2.0] and all(type(value) is float for value in losses)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, torch.tensor(math.nan)])
def test_stops_where_the_loss_is_no_number(bad):
    calls = []

    def step(number):
        calls.append(number)
        return bad if number == 3 else 1.0

    with pytest.raises(FloatingPointError, match=r"demo: the loss is .* at step 3 of 100"):
        train(step, 100, "demo")
    assert calls == [0, 1, 2, 3]


@pytest.mark.parametrize("loss", [None, "low", torch.zeros(2), [1.0], {}])
def test_a_step_that_returns_no_loss_is_told(loss):
    with pytest.raises(ValueError, match="should return its loss"):
        train(lambda step: loss, 3)


@pytest.mark.parametrize("steps", [0, -1, 2.5, "3", None])
def test_needs_a_number_of_steps(steps):
    with pytest.raises(ValueError, match="steps should be an integer of at least 1"):
        train(lambda step: 1.0, steps)


def test_writes_on_standard_output_only_and_ends_the_same_every_time(capsys):
    ends = set()
    for _ in range(2):
        train(lambda step: 1.0, 5, "demo")
        out, err = capsys.readouterr()
        assert err == ""
        ends.add(last_line(out))
    assert len(ends) == 1
    end = ends.pop()
    assert end.startswith("demo: 100%|") and end.endswith("| 5/5") and "left" not in end


@pytest.mark.parametrize("leave", ["break", "error"])
def test_a_loop_left_early_ends_without_a_time(leave, capsys):
    try:
        for item in progress(range(4), "demo"):
            if item == 2:
                if leave == "break":
                    break
                raise KeyError
    except KeyError:
        pass
    out, err = capsys.readouterr()
    assert err == "" and last_line(out).endswith("| 2/4")


def test_progress_yields_everything_in_order():
    assert list(progress("abc", "demo")) == ["a", "b", "c"]
    assert list(progress((x for x in "abc"), "demo", total=3)) == ["a", "b", "c"]
    assert list(progress([], "demo")) == []


def test_progress_asks_for_a_total_it_cannot_know():
    with pytest.raises(ValueError, match="needs a total"):
        list(progress((x for x in "abc"), "demo"))
