"""Oracles: other libraries, which only tests need, and models of `transformers` in double precision.

The latter cast to float32 inside, which alone would stop agreement near 1e-7.
"""

import importlib
import os

import pytest
import torch
from torch.overrides import TorchFunctionMode


def oracle(name):
    """A module that only tests need. Without it they are skipped, but not on the machine that decides what lands."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{name} is not installed: pip install -e '.[test]'")


class InDouble(TorchFunctionMode):
    """Within it, what asks for float32 gets float64."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.Tensor.float:
            return args[0].double()
        args = tuple(torch.float64 if value is torch.float32 else value for value in args)
        kwargs = {name: torch.float64 if value is torch.float32 else value for name, value in kwargs.items()}
        return function(*args, **kwargs)
