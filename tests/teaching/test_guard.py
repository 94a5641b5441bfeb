"""write_it_yourself: a ready-made function is seen under every name, and everything is as before afterwards."""

import codecs
import collections
import math
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import regex
import torch
import torch.nn.functional as F
from torch import softmax as alias
from torch.nn.utils import clip_grad_norm_ as clip_alias

from course_lib.teaching.checks import CheckFailed, write_it_yourself

X = torch.tensor([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]])
PATTERN = regex.compile("a")


def with_gradient() -> torch.nn.Parameter:
    parameter = torch.nn.Parameter(X.clone())
    parameter.grad = X.clone()
    return parameter


@pytest.fixture(autouse=True)
def leaves_no_trace():
    before = sys.getprofile()
    yield
    assert sys.getprofile() is before
    torch.softmax(X, -1)
    math.log(2)


@pytest.mark.parametrize("call", [
    lambda: torch.softmax(X, -1), lambda: alias(X, -1), lambda: X.softmax(-1), lambda: torch.Tensor.softmax(X, -1), lambda: F.softmax(X, -1),
    lambda: torch.nn.Softmax(-1)(X), lambda: torch.special.softmax(X, -1), lambda: torch._softmax(X, -1, False), lambda: torch.ops.aten.softmax(X, -1),
    lambda: torch.ops.aten.softmax.int(X, -1), lambda: torch.ops.aten._softmax.default(X, -1, False),
    lambda: torch.vmap(lambda row: row.softmax(-1))(X), lambda: list(map(alias, [X], [-1])), lambda: getattr(X, "soft" + "max")(-1),
])
def test_torch_function_under_every_name(call):
    for name in ("torch.softmax", "torch.nn.functional.softmax", "torch.Tensor.softmax"):
        with pytest.raises(CheckFailed, match="write it yourself.*softmax"), write_it_yourself(name):
            call()


@pytest.mark.parametrize(("name", "call"), [
    ("torch.matmul", lambda: X @ X.T),
    ("torch.relu", lambda: X.clone().relu_()),
    ("torch.linalg.svd", lambda: torch.linalg.svd(X)),
    ("torch.linalg.svd", lambda: torch.svd(X)),
    ("torch.fft.fft", lambda: torch.fft.fft(X)),
    ("torch.nn.functional.cosine_similarity", lambda: torch.nn.CosineSimilarity()(X, X)),
    ("torch.nn.LSTM", lambda: torch.nn.LSTM(3, 4)),
    ("torch.nn.LayerNorm", lambda: torch.nn.LayerNorm(3)),
    ("torch.nn.MultiheadAttention", lambda: torch.nn.MultiheadAttention(3, 1)),
    ("torch.nn.utils.clip_grad_norm_", lambda: torch.nn.utils.clip_grad_norm_([with_gradient()], 1.0)),
    ("torch.nn.utils.clip_grad_norm_", lambda: torch.nn.utils.clip_grad.clip_grad_norm_([with_gradient()], 1.0)),
    ("torch.nn.utils.clip_grad_norm_", lambda: clip_alias(with_gradient(), max_norm=1.0)),
    ("torch.nn.utils.get_total_norm", lambda: torch.nn.utils.get_total_norm([X])),
    ("torch.nn.utils.clip_grads_with_norm_", lambda: torch.nn.utils.clip_grads_with_norm_([with_gradient()], 1.0, X.norm())),
    ("torch.nn.utils.clip_grad", lambda: torch.nn.utils.clip_grad_norm_([with_gradient()], 1.0)),
    ("torch.nn.utils.clip_grad", lambda: torch.nn.utils.clip_grad._get_total_norm([X])),
    ("torch.nn.utils.parameters_to_vector", lambda: torch.nn.utils.parameters_to_vector([X])),
    ("torch.optim.AdamW", lambda: torch.optim.AdamW([torch.nn.Parameter(X)])),
    ("math.log", lambda: math.log(2)),
    ("collections.Counter", lambda: collections.Counter("aab")),
    ("regex", lambda: regex.findall("a", "aa")),
    ("regex", lambda: PATTERN.findall("aa")),
    ("re", lambda: re.compile("a").findall("aa")),
    ("str.encode", lambda: "a".encode()),
    ("sum", lambda: sum([1, 2])),
    ("numpy.linalg.svd", lambda: np.linalg.svd(np.eye(2))),
    ("numpy.linalg", lambda: np.linalg.svd(np.eye(2))),
    ("course_lib.data", lambda: __import__("course_lib.data.digits").data.digits.load_digits()),
])
def test_functions_classes_and_modules(name, call):
    with pytest.raises(CheckFailed, match="write it yourself"), write_it_yourself(name):
        call()


def test_a_layer_made_before_is_seen_when_it_is_called():
    layer = torch.nn.LSTM(3, 4)
    with pytest.raises(CheckFailed), write_it_yourself("torch.nn.LSTM"):
        layer(X)


def test_what_is_not_forbidden_runs():
    with write_it_yourself("torch.softmax", "tokenizers", "math.log", "torch.nn.LSTM"):
        powers = (X - X.max(-1, keepdim=True).values).exp()
        result = powers / powers.sum(-1, keepdim=True)
        assert math.log2(8) == 3 and torch.nn.Linear(3, 2)(X).shape == (2, 2)
        torch.log_softmax(X, -1)
    assert torch.allclose(result, torch.softmax(X, -1))


def test_a_function_of_the_readers_own_may_have_the_same_name():
    def softmax(x):
        return x / x.sum()

    with write_it_yourself("torch.softmax", "scipy.special.softmax"):
        softmax(X)


def test_a_caught_refusal_still_counts():
    for forbidden, call in (("math.log", lambda: math.log(2)), ("torch.softmax", lambda: torch.softmax(X, -1))):
        with pytest.raises(CheckFailed, match="write it yourself"), write_it_yourself(forbidden):
            try:
                call()
            except Exception:
                pass


def test_errors_pass_and_leave_nothing_behind():
    with pytest.raises(KeyError), write_it_yourself("math.log", "torch.softmax"):
        {}["a"]


def test_nested_contexts_forbid_both():
    for call in (lambda: math.log(2), lambda: math.exp(2), lambda: X.softmax(-1), lambda: X.exp()):
        with pytest.raises(CheckFailed), write_it_yourself("math.log", "torch.softmax"):
            with write_it_yourself("math.exp", "torch.exp"):
                call()


def test_the_outer_context_holds_after_the_inner():
    for call in (lambda: math.log(2), lambda: X.softmax(-1)):
        with pytest.raises(CheckFailed), write_it_yourself("math.log", "torch.softmax"):
            with write_it_yourself("math.exp", "torch.exp"):
                pass
            call()


def test_a_profile_function_of_somebody_else_comes_back_and_is_told():
    seen = []

    def theirs(frame, event, argument):
        seen.append(event)

    before = sys.getprofile()
    sys.setprofile(theirs)
    try:
        with write_it_yourself("math.log"):
            math.exp(1)
        assert sys.getprofile() is theirs and seen
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("name", ["torch.sofmax", "torch.nn.functional.softmaxx", "torch.optim"])
def test_a_name_that_would_forbid_nothing_is_refused(name):
    with pytest.raises(ValueError, match="torch has no"), write_it_yourself(name):
        pass


class Word(str):
    pass


@pytest.mark.parametrize("call", [
    lambda: bytes("é", "utf-8"), lambda: bytes(source="é", encoding="utf-8"), lambda: bytearray("é", "utf-8"), lambda: list(map(bytes, ["é"], ["utf-8"])),
    lambda: Word("é").encode(), lambda: codecs.encode("é", "utf-8"), lambda: codecs.getencoder("utf-8")("é"),
    lambda: codecs.getincrementalencoder("utf-8")().encode("é"),
])
def test_encoders_of_a_text(call):
    with pytest.raises(CheckFailed, match="write it yourself"):
        with write_it_yourself("str.encode", "bytes", "bytearray", "codecs.encode", "codecs.utf_8_encode"):
            call()


def test_bytes_that_encode_nothing_run_and_the_names_come_back():
    with write_it_yourself("bytes", "bytearray"):
        held = bytearray(b"a")
        held += bytes([98])
        assert isinstance(held, bytearray) and isinstance(b"", bytes) and not isinstance("", bytes)
        assert bytes.fromhex("6162") == bytes(held) == b"ab" and bytes(3) == bytes() + b"\0\0\0" and type(bytes(held)) is type(b"")
    assert bytes is type(b"") and "bytes" not in globals() and "bytearray" not in globals()


def test_another_thread_is_watched_too():
    before = threading.getprofile()
    with pytest.raises(CheckFailed, match="write it yourself"), write_it_yourself("math.log"):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(math.log, 2).exception()
            pool.submit(lambda: math.log(2)).exception()
    assert threading.getprofile() is before
