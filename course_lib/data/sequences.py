"""Generated sequences that test a memory: the right answer, and what guessing costs, are known exactly."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

#: Mean squared error of the best constant answer to the adding problem, 1: the variance of a sum of two even draws from 0 to 1.
ADDING_GUESS = 1 / 6


def adding_problem(
    batch: int, length: int, generator: torch.Generator | None = None
) -> tuple[Float[Tensor, "batch length 2"], Float[Tensor, "batch"]]:
    """The adding problem (Hochreiter and Schmidhuber 1997, in the form of Le, Jaitly and Hinton 2015, arXiv 1504.00941).

    Of the two numbers at each place the first is drawn evenly from 0 to 1; the second is a mark, 1 at two places and 0
    elsewhere. One mark stands in the first half, one in the second, each place equally likely. The answer is the sum of the two
    marked numbers. Always answering 1 has the mean squared error `ADDING_GUESS`.

    `generator` belongs to the CPU. Raises ValueError for a batch below 1 and a length below 2.
    """
    for name, value, least in (("batch", batch, 1), ("length", length, 2)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    numbers = torch.rand(batch, length, generator=generator)
    marks = torch.zeros(batch, length)
    for first, last in ((0, length // 2), (length // 2, length)):
        marks.scatter_(1, torch.randint(first, last, (batch, 1), generator=generator), 1.0)
    return torch.stack((numbers, marks), -1), (numbers * marks).sum(1)
