"""The vocabulary of check cells: each function states one thing that must come out, and names the mistake if it does not.

A failed check raises `CheckFailed`, an `AssertionError` whose message is one sentence for the student. In a notebook the
sentence is shown alone, without the traceback of this file.
"""

import math
import numbers
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from course_lib.teaching.guard import forbid_calls


class CheckFailed(AssertionError):
    """A check of a lesson found something else than it asked for; the message says what, and why if it is known."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of a traceback: the way into the checks helps no student."""
        return [f"\x1b[31mCheck failed\x1b[0m  {self}"]


def expect_shape(actual: Any, expected: Sequence[int], *, what: str) -> None:
    """Require that `actual` is a tensor or array of shape `expected`."""
    if not isinstance(actual, (torch.Tensor, np.ndarray)):
        raise CheckFailed(f"{what} should be a tensor of shape {tuple(expected)}, but it is {_describe(actual)}.")
    if tuple(actual.shape) != tuple(expected):
        raise CheckFailed(f"{what} should have shape {tuple(expected)}, but it has shape {tuple(actual.shape)}.")


def expect_close(
    actual: Any,
    expected: Any,
    *,
    what: str,
    mistakes: Mapping[str, Any] | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Require that numbers agree: `|actual - expected| <= atol + rtol * |expected|`, in every place.

    Parameters
    ----------
    actual, expected: a number, or tensors, arrays or lists of numbers of the same shape.
    what: names the value in the message, for example "the first row of the weights".
    mistakes: sentence -> the value that this mistake would give. If `actual` is one of them, the sentence is the message.
    rtol, atol: the tolerances; NaN and infinities agree with nothing but themselves.
    """
    wanted = _numbers(expected)
    got = _numbers_of_student(actual, what)
    if got.shape == wanted.shape and _agree(got, wanted, rtol, atol):
        return
    for sentence, value in (mistakes or {}).items():
        wrong = _numbers(value)
        # A mistake that happens to give the right answer on this input explains nothing.
        if wrong.shape == got.shape and _agree(got, wrong, rtol, atol):
            raise CheckFailed(f"{what}: {sentence}")
    if got.shape != wanted.shape:
        raise CheckFailed(f"{what} should have shape {wanted.shape}, but it has shape {got.shape}.")
    raise CheckFailed(_difference(got, wanted, rtol, atol, what))


def expect_equal(actual: Any, expected: Any, *, what: str, mistakes: Mapping[str, Any] | None = None) -> None:
    """Require that plain data (text, bytes, integers, lists, tuples, dicts, sets) are exactly equal, types included.

    A list is not a tuple, 1 is not True, and 1.0 is not 1, in keys and sets too; a Counter is a dict, and any
    whole-number type, a tensor of a single integer included, is an integer.
    `mistakes` works as in `expect_close`; for tensors and for numbers with a fractional part use that.
    """
    if _same(actual, expected):
        return
    for sentence, value in (mistakes or {}).items():
        if _same(actual, value):
            raise CheckFailed(f"{what}: {sentence}")
    raise CheckFailed(_first_difference(actual, expected, what))


def expect_true(condition: Any, *, what: str) -> None:
    """Require that `condition` is True. `what` is the whole sentence that is shown if it is not."""
    if not isinstance(condition, (bool, np.bool_)):
        raise CheckFailed(f"{what} (This should be True or False, but it is {_describe(condition)}.)")
    if not condition:
        raise CheckFailed(what)


def expect_raises(error: type[BaseException], call: Callable[[], Any], *, what: str) -> None:
    """Require that `call()` raises `error` (or a subclass); a stub's `NotImplementedError` never counts."""
    try:
        value = call()
    except (NotImplementedError, CheckFailed):
        raise
    except error:
        return
    except Exception as other:
        raise CheckFailed(f"{what} should raise {error.__name__}, but it raised {_in_words(other)}") from None
    raise CheckFailed(f"{what} should raise {error.__name__}, but it returned {_describe(value)}.")


def expect_distribution(
    samples: Any, probabilities: Sequence[float], *, what: str, false_alarm: float = 1e-6
) -> None:
    """Require that integer `samples` are distributed as `probabilities`.

    A right program fails it with a probability of at most `false_alarm`, whatever the number of samples (a chi-squared
    test would exceed a small one many times over where a cell expects few). Two bounds share it: on each count its exact
    binomial tails, and on all together that of Agrawal (2020, theorem I.2) on their relative entropy. Samples outside
    the support, or where the probability is zero, fail at once.

    Parameters
    ----------
    samples: integers in [0, len(probabilities)), any shape; at least 5 must be expected in each cell that can occur.
    """
    drawn = _numbers_of_student(samples, what).ravel()
    wanted = np.asarray(probabilities, dtype=float)
    if wanted.ndim != 1 or not (wanted >= 0).all() or abs(wanted.sum() - 1) > 1e-4:
        raise ValueError(f"probabilities should be a list of numbers that sum to 1, but they are {_describe(probabilities)}")
    if drawn.size == 0:
        raise CheckFailed(f"{what}: there are no samples.")
    if drawn.dtype.kind == "c" or not np.array_equal(drawn, np.round(drawn)) or drawn.min() < 0 or drawn.max() >= len(wanted):
        raise CheckFailed(f"{what}: samples should be integers from 0 to {len(wanted) - 1}.")
    counts = np.bincount(drawn.astype(int), minlength=len(wanted))
    possible = wanted > 0
    if counts[~possible].any():
        raise CheckFailed(f"{what}: {int(np.flatnonzero(counts * ~possible)[0])} was drawn, but its probability is 0.")
    expected = drawn.size * wanted[possible]
    if expected.min() < 5:
        raise ValueError(f"expect_distribution needs at least 5 expected samples a cell; the fewest here is {expected.min():.1f}")
    if _improbable(counts[possible], wanted[possible] / wanted.sum(), false_alarm):
        worst = int(np.flatnonzero(possible)[np.argmax((counts[possible] - expected) ** 2 / expected)])
        raise CheckFailed(
            f"{what}: {worst} was drawn with frequency {counts[worst] / drawn.size:.3f}, but its probability is {wanted[worst]:.3f}."
        )


@contextmanager
def write_it_yourself(*ready_made: str):
    """While this context is open, calling one of the `ready_made` functions fails with a sentence that says so.

    Parameters
    ----------
    ready_made: dotted names of functions ("torch.nn.functional.softmax") or of modules ("course_lib.reference.tokens",
        "tokenizers"), all of whose functions are then forbidden.
    """
    refused = []

    def refuse(name: str) -> None:
        refused.append(CheckFailed(f"This exercise asks you to write it yourself: your code calls {name}."))
        raise refused[-1]

    with forbid_calls(ready_made, refuse):
        yield
    if refused:  # and the program caught the refusal and went on
        raise refused[0]


def _improbable(counts: np.ndarray, probabilities: np.ndarray, false_alarm: float) -> bool:
    """Whether counts are further out than those of a right program are, except with probability `false_alarm`."""
    from scipy.stats import binom

    if len(counts) < 2:
        return False
    total, freedom = int(counts.sum()), len(counts) - 1
    tails = np.minimum(binom.cdf(counts, total, probabilities), binom.sf(counts - 1, total, probabilities))
    if tails.min() < false_alarm / (4 * len(counts)):
        return True
    drawn = counts > 0
    divergence = float((counts[drawn] * np.log(counts[drawn] / (total * probabilities[drawn]))).sum())
    return divergence > freedom and freedom * (1 + math.log(divergence / freedom)) - divergence < math.log(false_alarm / 2)


def _describe(value: Any) -> str:
    """Name a value in a few words: never long, never failing, whatever its repr does."""
    if value is None:
        return "None (is a `return` missing?)"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and type {value.dtype}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    return f"{type(value).__name__} {_short(value)}"


def _in_words(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _numbers(value: Any) -> np.ndarray:
    """Any number or nest of numbers as a float64 (or complex128) array."""
    if isinstance(value, torch.Tensor):
        value = value.detach().to("cpu")
        value = value.to(torch.complex128 if value.is_complex() else torch.float64).numpy()
    elif isinstance(value, (list, tuple)) and any(isinstance(item, (torch.Tensor, np.ndarray)) for item in value):
        value = [_numbers(item) for item in value]
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"not numbers: {_describe(value)}")
    return array.astype(complex if array.dtype.kind == "c" else float)


def _numbers_of_student(value: Any, what: str) -> np.ndarray:
    if value is None or isinstance(value, (str, bytes, dict, set)):
        raise CheckFailed(f"{what} should be numbers, but it is {_describe(value)}.")
    try:
        return _numbers(value)
    except Exception:  # whatever a strange object does when it is asked for its numbers
        raise CheckFailed(f"{what} should be numbers, but it is {_describe(value)}.") from None


def _agree(got: np.ndarray, wanted: np.ndarray, rtol: float, atol: float) -> bool:
    return bool(np.allclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True))


def _difference(got: np.ndarray, wanted: np.ndarray, rtol: float, atol: float, what: str) -> str:
    wrong = ~np.isclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = f" at {list(place)}" if place else ""
    share = "" if wrong.size == 1 else f" ({int(wrong.sum())} of {wrong.size} numbers differ)"
    # As many digits as it takes to see a difference.
    texts = next(((a, b) for digits in (6, 9, 17) if (a := f"{wanted[place]:.{digits}g}") != (b := f"{got[place]:.{digits}g}")))
    return f"{what} should be {texts[0]}{where}, but it is {texts[1]}{share}."


def _same(actual: Any, expected: Any) -> bool:
    """Equality of plain data, level by level: no `__eq__` of the student's own decides it."""
    if isinstance(expected, (torch.Tensor, np.ndarray)):
        raise TypeError("expect_equal compares plain data; use expect_close for tensors and arrays")
    if isinstance(expected, Mapping):
        return isinstance(actual, dict) and _same_keys(actual, expected) and all(_same(actual[key], expected[key]) for key in expected)
    if isinstance(expected, (bool, np.bool_)):
        return isinstance(actual, (bool, np.bool_)) and bool(actual) == bool(expected)
    if isinstance(expected, numbers.Integral):
        return _is_integer(actual) and int(actual) == int(expected)
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, Set):
        return _same_keys(actual, expected)
    if isinstance(expected, (list, tuple)):
        return len(actual) == len(expected) and all(map(_same, actual, expected))
    return bool(actual == expected)


def _same_keys(actual: Mapping | Set, expected: Mapping | Set) -> bool:
    """Whether the keys are the same, types included: to a dict, 1 and True are one key."""
    held = {key: key for key in actual}
    return len(held) == len(expected) and all(key in held and _same(held[key], key) for key in expected)


def _is_integer(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.ndim == 0 and not (value.dtype == torch.bool or value.is_floating_point() or value.is_complex())
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def _first_difference(actual: Any, expected: Any, what: str) -> str:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return _difference_of_mappings(actual, expected, what)
    if type(actual) is not type(expected) and (actual is None or not isinstance(expected, numbers.Integral)):
        wanted = f"{type(expected).__name__} {_short(expected)}"
        return f"{what} should be {wanted}, but it is {_describe(actual)}."
    if isinstance(expected, (list, tuple, str, bytes)):
        if len(expected) > 6 or len(actual) > 6:
            return _difference_of_sequences(actual, expected, what)
    return f"{what} should be {_short(expected)}, but it is {_short(actual)}."


def _difference_of_mappings(actual: Mapping, expected: Mapping, what: str) -> str:
    held = {key: key for key in actual}
    for key in expected:
        if key not in held:
            return f"{what} should have the key {_short(key)}, but it has not."
        if not _same(held[key], key):
            return f"{what} should have the key {_short(key)}, but it has {_describe(held[key])} in its place."
        if not _same(actual[key], expected[key]):
            return f"{what} should be {_short(expected[key])} for {_short(key)}, but it is {_short(actual[key])}."
    extra = next((key for key in actual if key not in expected), None)
    if extra is None:
        return f"{what} should be a {type(expected).__name__}, but it is a {type(actual).__name__}."
    return f"{what} should not have the key {_short(extra)}."


def _difference_of_sequences(actual: Sequence, expected: Sequence, what: str) -> str:
    for place, (got, wanted) in enumerate(zip(actual, expected)):
        if not _same(got, wanted):
            return f"{what} should have {_short(wanted)} at place {place}, but it has {_short(got)} there."
    return f"{what} should have {len(expected)} items, but it has {len(actual)}."


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        text = "…"
    return text if len(text) <= 80 else text[:77] + "…"
