"""Plain data across the boundary: what goes in comes out, and nothing else is believed."""

import collections
import json
import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.grading.plain import DEEPEST, LONGEST_INTEGER, Decoder, Encoder, NotPlain, put_back


def refuse(*form):
    raise NotPlain("not plain")


def send(value):
    """A value after its way across: through JSON, as on the wire."""
    encoder = Encoder(refuse)
    form = json.loads(json.dumps(encoder.encode(value)))
    return Decoder(encoder.buffers, refuse).decode(form)


def decode(form, *buffers):
    return Decoder(list(buffers), refuse).decode(form)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.complex_numbers(allow_nan=False)
KEYS = st.integers() | st.text() | st.tuples(st.integers(), st.text()) | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner) | st.sets(KEYS) | st.frozensets(KEYS),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_values_come_out_as_they_went_in(value):
    assert repr(send(value)) == repr(value) or send(value) == value  # the order within a set may differ
    assert type(send(value)) is type(value)


@given(st.lists(st.integers(0, 4), max_size=3), st.sampled_from(["float64", "float32", "bfloat16", "float16", "int64", "uint8", "bool", "complex64"]))
@settings(deadline=None)
def test_tensors_come_out_bit_by_bit(shape, name):
    tensor = (10 * torch.randn(shape)).to(getattr(torch, name))
    for new in (send(tensor), send(tensor.transpose(0, -1) if shape else tensor)):
        assert new.dtype == tensor.dtype
    assert torch.equal(send(tensor), tensor)


@pytest.mark.parametrize("dtype", ["<f8", ">i4", "|b1", "<c16", "<U3", "|S2", "<u2"])
def test_arrays_and_their_scalars_come_out(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    assert send(array).dtype == array.dtype and (send(array) == array).all() and (send(array.T) == array.T).all()
    if array.dtype.kind in "biufc":
        assert send(array[1, 2]) == array[1, 2] and type(send(array[1, 2])) is type(array[1, 2])


def test_other_kinds_come_out():
    assert math.isnan(send(math.nan)) and send(-math.inf) == -math.inf
    assert send(range(2, 9, 3)) == range(2, 9, 3) and send(slice(1, None)) == slice(1, None)
    assert send(torch.Size([2, 3])) == torch.Size([2, 3]) and type(send(torch.Size([2]))) is torch.Size
    assert send(torch.float64) is torch.float64 and send(torch.device("cpu")) == torch.device("cpu")
    assert send(collections.Counter("abca")) == collections.Counter("abca")
    assert send(bytearray(b"xy")) == bytearray(b"xy")
    generator, numbers = torch.Generator().manual_seed(3), random.Random(3)
    assert torch.equal(torch.rand(4, generator=send(generator)), torch.rand(4, generator=generator))
    assert send(numbers).random() == numbers.random()


def test_what_is_one_object_stays_one():
    row, tensor = [1], torch.zeros(2)
    first, second, third, fourth = send([row, row, tensor, tensor])
    assert first is second and third is fourth and first is not third


@pytest.mark.parametrize("form", [
    [], [7], [[1]], {"a": 1}, ["no kind"], ["same", 0], ["same", -1], ["same", "x"], ["integer"], ["integer", "zz"], ["integer", "f" * 100_000],
    ["complex", "x", 1], ["complex"], ["range"], ["range", 0, 10**18, 1], ["range", 0, 5, 0], ["bytes", 9], ["bytes", -1], ["bytes", True],
    ["dict", 5], ["dict", [1]], ["dict", [["list"], 1]], ["set", ["list", 1]], ["counter", [1, 2, 3]], ["random", 5], ["random", ["list", 1, 2]],
    ["array", "O", [1], 0], ["array", "f4,f4", [1], 0], ["array", {"names": []}, [1], 0], ["array", "f4", [-1], 0], ["array", "f4", [3], 0],
    ["array", "S0", [1], 0], ["scalar", "O", 0], ["scalar", "f8", 5], ["tensor", "float32", [7], 0], ["tensor", "float32", [10**12, 10**12], 0],
    ["tensor", "load", [2], 0], ["tensor", "_dynamo", [2], 0], ["tensor", None, [2], 0], ["tensor", "float32", None, 0], ["tensor", "qint8", [8], 0],
    ["tensor"], ["size", -1], ["size", "x"], ["dtype", "nn"], ["dtype", []], ["device", "nowhere"], ["device", 7], ["generator", 0], ["generator"],
    ["list", ["same", 0]], ["tuple", ["list"], ["same", 0]], ["dict", [1, ["same", 0]]], ["container", 1], ["kind", 1], ["slice", ["x"]],
], ids=lambda form: str(form)[:40])
def test_a_malformed_form_is_refused(form):
    with pytest.raises(NotPlain):
        decode(form, bytes(8))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.floats() | st.text(max_size=3)
    | st.sampled_from(["list", "tuple", "dict", "set", "same", "array", "tensor", "scalar", "range", "random", "generator", "integer", "float32", "f4", "size"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=25,
)


@given(JSON)
@settings(max_examples=500, deadline=None)
def test_no_form_raises_anything_else(form):
    try:
        decode(form, b"", bytes(4), bytes(range(8)))
    except NotPlain:
        pass


def nested(levels: int, width: int = 1):
    value = [0.0]
    for _ in range(levels):
        value = [value] * width
    return value


@pytest.mark.parametrize("value", [nested(DEEPEST + 1), nested(40, width=2), range(10**9), 1 << LONGEST_INTEGER], ids=["deep", "bomb", "range", "integer"])
def test_what_would_take_the_reader_too_long_is_refused_on_both_sides(value):
    with pytest.raises(NotPlain):
        Encoder(refuse).encode(value)


def test_a_bomb_that_was_forged_is_refused_by_the_reader():
    form = ["list", ["list", 0.0], *([["list", *[["same", 1 + level]] * 2] for level in range(60)])]
    with pytest.raises(NotPlain, match="values"):
        decode(form)


def test_a_list_that_holds_itself_is_refused():
    row = []
    row.append((row,))
    with pytest.raises(NotPlain, match="holds itself"):
        Encoder(refuse).encode(row)


def test_the_longest_integer_comes_out():
    for number in ((1 << LONGEST_INTEGER) - 1, 1 - (1 << LONGEST_INTEGER)):
        assert send(number) == number


def test_a_truth_value_is_true_or_false():
    forged = decode(["tensor", "bool", [3], 0], bytes([2, 0, 255]))
    assert forged.view(torch.uint8).tolist() == [1, 0, 1]
    assert decode(["array", "|b1", [3], 0], bytes([2, 0, 255])).view("u1").tolist() == [1, 0, 1]
    assert decode(["scalar", "|b1", 0], bytes([7])).tobytes() == b"\x01"


def test_no_dtype_of_torch_harms_the_reader():
    for name in [name for name, kind in vars(torch).items() if type(kind) is torch.dtype]:
        try:
            decode(["tensor", name, [2], 0], bytes(2 * getattr(torch, name).itemsize)).real.double()
        except (NotPlain, RuntimeError, TypeError):  # a check that computes with it fails
            pass


def test_an_expanded_number_comes_out():
    for tensor in (torch.ones(1, dtype=torch.float64).expand(1), torch.ones(()).expand(2, 3), torch.zeros(0, 3), torch.ones(())):
        assert torch.equal(send(tensor), tensor)


def test_a_subclass_cannot_answer_for_its_numbers():
    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            raise RuntimeError("asked")

    new = send(torch.ones(2, 3).as_subclass(Liar))
    assert type(new) is torch.Tensor and new.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize(("old", "new"), [
    ([1, [2, 3]], [5, [6], 7]), ({"a": [1], "b": 2}, {"b": 3, "a": [4, 5]}), ({1, 2}, {2, 3}), (bytearray(b"ab"), bytearray(b"c")),
    (np.zeros((2, 2)), np.ones((2, 2))), (torch.zeros(2, 3), torch.ones(2, 3)), (torch.zeros(2), torch.ones(3, dtype=torch.float64)),
])
def test_a_change_is_made_in_the_same_object(old, new):
    assert put_back(old, new) is old
    assert str(old) == str(new)


def test_a_change_reaches_what_lies_inside():
    inner, table = [1], torch.zeros(2)
    put_back([inner, (table,)], [[7], (torch.ones(2),)])
    assert inner == [7] and table.tolist() == [1, 1]


def test_a_tuple_with_names_comes_out_as_a_tuple():
    Pair = collections.namedtuple("Pair", "hidden cell")
    assert send(Pair([1], 2)) == ([1], 2) and type(send(Pair(1, 2))) is tuple
    values, places = send(torch.tensor([[1.0, 3.0]]).max(dim=1))
    assert values.tolist() == [3.0] and places.tolist() == [1]
