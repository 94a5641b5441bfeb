"""Each word of the vocabulary: silent on what is right, one sentence on what is wrong, and no crash on strange objects."""

import math
import warnings
from collections import Counter, OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
import torch

from course_lib.teaching.checks import (
    CheckFailed, expect_close, expect_equal, expect_raises, expect_shape, expect_true,
)


class AlwaysEqual:
    """Claims to be whatever it is compared with."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return hash("a")


class NoRepr:
    """Cannot be printed."""

    def __repr__(self):
        raise RuntimeError("no picture of me")


class NoNumbers:
    """Fails in its own way when numpy asks for its numbers."""

    def __array__(self, *args, **kwargs):
        raise NotImplementedError


STRANGE = [None, "text", b"bytes", {}, set(), object(), AlwaysEqual(), NoRepr(), NoNumbers(), [1, [2, 3]], [None], (x for x in "ab"), len]


def sentence(check, *args, **kwargs) -> str:
    """What a failing check says; one line."""
    with pytest.raises(CheckFailed) as failure:
        check(*args, **kwargs)
    text = str(failure.value)
    assert text and "\n" not in text
    return text


# expect_shape


@pytest.mark.parametrize("actual", [torch.zeros(2, 3), np.zeros((2, 3))])
def test_shape_accepts_tensors_and_arrays(actual):
    expect_shape(actual, (2, 3), what="it")
    expect_shape(actual, [2, 3], what="it")
    expect_shape(actual, torch.Size([2, 3]), what="it")


def test_shape_names_both_shapes():
    assert sentence(expect_shape, torch.zeros(3, 2), (2, 3), what="it") == "it should have shape (2, 3), but it has shape (3, 2)."
    assert "shape (2, 3, 1)" in sentence(expect_shape, torch.zeros(2, 3, 1), (2, 3), what="it")
    assert "shape ()" in sentence(expect_shape, torch.tensor(1.0), (1,), what="it")


@pytest.mark.parametrize("actual", [*STRANGE, 3.0, [[1, 2, 3], [4, 5, 6]]])
def test_shape_refuses_what_is_no_tensor(actual):
    assert sentence(expect_shape, actual, (2, 3), what="it").startswith("it should be a tensor of shape (2, 3), but it is ")


def test_shape_guesses_a_missing_return():
    assert "is a `return` missing?" in sentence(expect_shape, None, (2,), what="it")


# expect_close


@pytest.mark.parametrize("actual", [
    [0.5, 2.0], (0.5, 2.0), np.array([0.5, 2.0]), np.float32([0.5, 2]), torch.tensor([0.5, 2.0]), torch.tensor([0.5, 2.0], requires_grad=True),
    torch.tensor([0.5, 2.0], dtype=torch.bfloat16), [torch.tensor(0.5), torch.tensor(2.0)], [np.float64(0.5), 2], torch.tensor([0.5, 2.0]) + 0j,
])
def test_close_accepts_every_form_of_the_same_numbers(actual):
    expect_close(actual, [0.5, 2.0], what="it")
    expect_close(actual, torch.tensor([0.5, 2.0]), what="it")


def test_close_accepts_plain_numbers_of_every_type():
    for actual in (2, 2.0, np.int64(2), np.float32(2), torch.tensor(2), torch.tensor(2.0)):
        expect_close(actual, 2.0, what="it")


def test_close_keeps_to_its_tolerances():
    expect_close(1.00009, 1.0, what="it")
    sentence(expect_close, 1.00011, 1.0, what="it")
    expect_close(1.1, 1.0, what="it", rtol=0, atol=0.11)
    sentence(expect_close, 1.1, 1.0, what="it", rtol=0, atol=0.09)
    expect_close(torch.zeros(3), torch.full((3,), 9e-7), what="it")


@pytest.mark.parametrize(("actual", "expected"), [
    (math.nan, 1.0), (1.0, math.nan), (math.inf, 1e300), (1e300, math.inf), (-math.inf, math.inf), (math.nan, math.inf), ([1.0, math.nan], [1.0, 2.0]),
])
def test_close_takes_nan_and_infinity_for_nothing_else(actual, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # text on standard error costs a graded cell its points
        assert "should be" in sentence(expect_close, actual, expected, what="it")


def test_close_takes_nan_and_infinity_for_themselves():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expect_close([math.nan, math.inf, -math.inf], torch.tensor([math.nan, math.inf, -math.inf]), what="it")


def test_close_says_where_and_how_many():
    text = sentence(expect_close, [[1.0, 2.0], [3.5, 4.5]], [[1.0, 2.0], [3.0, 4.0]], what="the table")
    assert text == "the table should be 3 at [1, 0], but it is 3.5 (2 of 4 numbers differ)."
    assert sentence(expect_close, 3.5, 3, what="it") == "it should be 3, but it is 3.5."


def test_close_prints_enough_digits_to_see_the_difference():
    assert sentence(expect_close, 0.1234564, 0.1234561, what="it", rtol=1e-9, atol=0) == "it should be 0.1234561, but it is 0.1234564."
    text = sentence(expect_close, 1 + 1e-15, 1.0, what="it", rtol=0, atol=0)
    assert text.split("should be ")[1].split(",")[0] != text.split("it is ")[1].rstrip(".")


def test_close_compares_shapes_before_numbers():
    assert sentence(expect_close, [1.0, 1.0], 1.0, what="it") == "it should have shape (), but it has shape (2,)."
    assert "shape (2, 1)" in sentence(expect_close, [[1.0], [2.0]], [1.0, 2.0], what="it")
    sentence(expect_close, [], [1.0], what="it")
    expect_close([], [], what="it")


def test_close_names_a_mistake():
    mistakes = {"you forgot the root": 16.0, "you forgot to square": 2.0}
    assert sentence(expect_close, 16.0, 4.0, what="the length", mistakes=mistakes) == "the length: you forgot the root"
    assert sentence(expect_close, 2.0, 4.0, what="the length", mistakes=mistakes) == "the length: you forgot to square"
    assert "should be 4" in sentence(expect_close, 5.0, 4.0, what="the length", mistakes=mistakes)
    expect_close(4.0, 4.0, what="the length", mistakes=mistakes)


def test_close_names_mistakes_of_another_shape_or_without_a_number():
    mistakes = {"one sum over all": torch.tensor(3.0), "it overflows": [math.nan, math.nan]}
    assert sentence(expect_close, 3.0, [1.0, 2.0], what="it", mistakes=mistakes) == "it: one sum over all"
    assert sentence(expect_close, torch.full((2,), math.nan), [1.0, 2.0], what="it", mistakes=mistakes) == "it: it overflows"


def test_close_never_names_a_mistake_on_a_right_answer():
    expect_close(4.0, 4.0, what="it", mistakes={"a mistake that gives the same here": 4.0})


@pytest.mark.parametrize("actual", STRANGE)
def test_close_refuses_what_is_no_number(actual):
    assert sentence(expect_close, actual, [1.0, 2.0], what="it").startswith("it should be numbers, but it is ")


def test_close_refuses_a_tensor_without_numbers():
    sentence(expect_close, torch.zeros(2, device="meta"), [0.0, 0.0], what="it")


def test_close_accepts_no_inputs_of_its_author_that_are_no_numbers():
    with pytest.raises(TypeError, match="not numbers"):
        expect_close(1.0, "one", what="it")


def test_close_leaves_its_arguments_as_they_were():
    actual, expected = torch.tensor([1.0, 2.0], requires_grad=True), [1.0, 2.0]
    expect_close(actual, expected, what="it")
    assert actual.requires_grad and actual.grad is None and expected == [1.0, 2.0]


# expect_equal

Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(("actual", "expected"), [
    (3, 3), (np.int64(3), 3), (np.uint8(3), 3), (torch.tensor(3), 3), (3, np.int32(3)), (True, True), (np.bool_(True), True), ("a", "a"),
    (b"a", b"a"), ([1, 2], [1, 2]), ([np.int64(1), torch.tensor(2)], [1, 2]), ((1, "a"), (1, "a")), ({1, 2}, {1, 2}), ({np.int64(1)}, {1}),
    (frozenset("ab"), frozenset("ba")), (Counter("aab"), {"a": 2, "b": 1}), ({"a": 2, "b": 1}, Counter("aab")), (OrderedDict(a=1), {"a": 1}),
    (defaultdict(int, {(1, 2): 3}), {(1, 2): 3}), ({(np.int64(1), 2): 3}, {(1, 2): 3}), (None, None), ([], []), ({}, {}), ("", ""), (0.5, 0.5),
])
def test_equal_accepts(actual, expected):
    expect_equal(actual, expected, what="it")


@pytest.mark.parametrize(("actual", "expected"), [
    (4, 3), (3.0, 3), (True, 1), (1, True), (np.bool_(True), 1), (1.0, True), (torch.tensor(True), 1), (torch.tensor(3.0), 3), (torch.tensor([3]), 3),
    ("3", 3), (None, 3), ("a", b"a"), (b"a", "a"), ("a", "b"), ([1, 2], (1, 2)), ((1, 2), [1, 2]), (Pair(1, 2), (1, 2)), ([1, True], [1, 1]),
    ([1, 2, 3], [1, 2]), ([1, 2], [1, 2, 3]), ([2, 1], [1, 2]), ([[1], [2]], [[1], (2,)]), (np.array([1, 2]), [1, 2]), (torch.tensor([1, 2]), [1, 2]),
    ({1, 2}, {1, 3}), ({1, 2}, {1}), ({True, 2}, {1, 2}), ({1.0, 2}, {1, 2}), ([1, 2], {1, 2}), ({1}, frozenset({1})), ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"b": 1}), ({"a": 1, "b": 1}, {"a": 1}), ({"a": 1}, {"a": 1, "b": 1}), ({1.0: "x"}, {1: "x"}), ({True: "x"}, {1: "x"}),
    ({(1, True): 3}, {(1, 1): 3}), ([("a", 1)], {"a": 1}), ({"a": True}, {"a": 1}), (0.5, 0.25), (np.float64(0.5), 0.5), ([1] * 9, [1] * 10),
    ([1] * 10, [1] * 9 + [2]), ("a" * 10, "a" * 9 + "b"), (b"a" * 10, b"a" * 9 + b"b"),
])
def test_equal_refuses(actual, expected):
    assert "it should" in sentence(expect_equal, actual, expected, what="it")


@pytest.mark.parametrize("expected", [3, True, "a", b"a", [1], (1,), {1}, {"a": 1}, [], {}, None, 0.5])
@pytest.mark.parametrize("actual", [AlwaysEqual(), NoRepr(), NoNumbers(), [AlwaysEqual()], {AlwaysEqual(): 1}, (NoRepr(),), {AlwaysEqual()}, len, object()])
def test_equal_is_not_decided_by_a_strange_object(actual, expected):
    sentence(expect_equal, actual, expected, what="it")


@pytest.mark.parametrize("wrong", [AlwaysEqual(), NoRepr()])
def test_equal_looks_into_every_level(wrong):
    sentence(expect_equal, {"a": [1, (2, wrong)]}, {"a": [1, (2, 3)]}, what="it")
    sentence(expect_equal, [0, 1, 2, 3, 4, 5, 6, wrong], list(range(8)), what="it")


@pytest.mark.parametrize(("actual", "expected", "words"), [
    (4, 3, "it should be 3, but it is 4."),
    (None, 3, "is a `return` missing?"),
    (None, [1], "is a `return` missing?"),
    ((1, 2), [1, 2], "it should be list [1, 2], but it is tuple (1, 2)."),
    ([1, 2], [1, 3], "it should be [1, 3], but it is [1, 2]."),
    ([0, 1, 2, 3, 4, 9, 6], [0, 1, 2, 3, 4, 5, 6], "it should have 5 at place 5, but it has 9 there."),
    ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6], "it should have 7 items, but it has 6."),
    ({"a": 1}, {"b": 1}, "it should have the key 'b', but it has not."),
    ({"a": 1, "c": 2}, {"a": 1}, "it should not have the key 'c'."),
    ({"a": 2}, {"a": 1}, "it should be 1 for 'a', but it is 2."),
    ({True: 2}, {1: 2}, "it should have the key 1, but it has bool True in its place."),
])
def test_equal_says_what_differs(actual, expected, words):
    assert words in sentence(expect_equal, actual, expected, what="it")


def test_equal_names_a_mistake_with_its_types():
    mistakes = {"give a list, not a tuple": (1, 2), "the order is reversed": [2, 1]}
    assert sentence(expect_equal, (1, 2), [1, 2], what="it", mistakes=mistakes) == "it: give a list, not a tuple"
    assert sentence(expect_equal, [2, 1], [1, 2], what="it", mistakes=mistakes) == "it: the order is reversed"
    expect_equal([1, 2], [1, 2], what="it", mistakes={"the same": [1, 2]})


def test_equal_sends_the_author_of_a_tensor_elsewhere():
    with pytest.raises(TypeError, match="expect_close"):
        expect_equal(torch.zeros(2), torch.zeros(2), what="it")


def test_long_values_are_cut():
    assert len(sentence(expect_equal, "x" * 10_000, 3, what="it")) < 200
    assert len(sentence(expect_close, {i: i for i in range(10_000)}, 3, what="it")) < 200


# expect_true


@pytest.mark.parametrize("condition", [True, np.bool_(True)])
def test_true_accepts(condition):
    expect_true(condition, what="The rows sum to one.")


def test_true_shows_its_sentence():
    assert sentence(expect_true, False, what="The rows sum to one.") == "The rows sum to one."
    assert sentence(expect_true, np.bool_(False), what="The rows sum to one.") == "The rows sum to one."


@pytest.mark.parametrize("condition", [1, 0, *STRANGE, torch.tensor(True), [True]])
def test_true_refuses_what_only_counts_as_true(condition):
    assert "should be True or False" in sentence(expect_true, condition, what="The rows sum to one.")


# expect_raises


def throw(error):
    raise error


def test_raises_accepts_the_error_and_its_subclasses():
    expect_raises(ValueError, lambda: throw(ValueError("no")), what="it")
    expect_raises(ValueError, lambda: throw(UnicodeDecodeError("utf-8", b"a", 0, 1, "no")), what="it")


def test_raises_says_what_came_instead():
    assert sentence(expect_raises, ValueError, lambda: 7, what="it") == "it should raise ValueError, but it returned int 7."
    assert "it raised KeyError: 'a'" in sentence(expect_raises, ValueError, lambda: {}["a"], what="it")
    sentence(expect_raises, ValueError, lambda: NoRepr(), what="it")


@pytest.mark.parametrize("error", [ValueError, RuntimeError, NotImplementedError, Exception])
def test_raises_never_counts_a_stub(error):
    with pytest.raises(NotImplementedError):
        expect_raises(error, lambda: throw(NotImplementedError()), what="it")


@pytest.mark.parametrize("error", [ValueError, AssertionError, Exception])
def test_raises_never_counts_another_failed_check(error):
    assert sentence(expect_raises, error, lambda: throw(CheckFailed("write it yourself")), what="it") == "write it yourself"


def test_raises_survives_an_error_that_cannot_be_printed():
    class Unspeakable(Exception):
        def __str__(self):
            raise RuntimeError

    assert sentence(expect_raises, ValueError, lambda: throw(Unspeakable()), what="it") == "it should raise ValueError, but it raised Unspeakable"


def test_a_failed_check_is_an_assertion_error_that_shows_one_line():
    failure = CheckFailed("it should be 3.")
    assert isinstance(failure, AssertionError)
    assert len(failure._render_traceback_()) == 1 and "it should be 3." in failure._render_traceback_()[0]
