"""The loop around a training step: a progress bar on standard output, and a stop where a loss is no number."""

import math
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from tqdm import tqdm

_RUNNING = "{desc}: {percentage:3.0f}%|{bar:30}| {n_fmt}/{total_fmt}, {remaining} left{postfix}"
# Without times: what stays in a committed notebook must be the same in every run.
_FINISHED = "{desc}: {percentage:3.0f}%|{bar:30}| {n_fmt}/{total_fmt}"


def progress(items: Collection | Iterable, description: str, total: int | None = None) -> Iterator:
    """Yield `items` under a progress bar on standard output (standard error would cost a graded cell its points).

    `total` is needed where `items` has no length.
    """
    if total is None:
        if not hasattr(items, "__len__"):
            raise ValueError(f"progress needs a total for {type(items).__name__}, which has no length")
        total = len(items)
    with tqdm(total=total, desc=description, file=sys.stdout, bar_format=_RUNNING, mininterval=0.5, ascii=False) as bar:
        try:
            for item in items:
                yield item
                bar.update()
        finally:  # also where the loop is left early
            bar.bar_format = _FINISHED
            bar.refresh()


def train(step: Callable[[int], float], steps: int, description: str = "training") -> list[float]:
    """Call `step(0)` … `step(steps - 1)`, each of which returns its loss, and return the losses.

    Raises
    ------
    ValueError: `steps` is not a positive integer, or a step returns something else than its loss.
    FloatingPointError: a loss is NaN or infinite; the message says at which step, so that no time is lost on the rest.
    """
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps should be an integer of at least 1, but it is {steps!r}")
    losses = []
    for number in progress(range(steps), description):
        loss = _loss(step(number))
        if not math.isfinite(loss):
            raise FloatingPointError(f"{description}: the loss is {loss} at step {number} of {steps}; is the learning rate too high?")
        losses.append(loss)
    return losses


def _loss(value: Any) -> float:
    # `.item()` leaves the graph of a tensor behind; `float` would warn of it on standard error.
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"a step should return its loss, a number, but it returned a {type(value).__name__}") from None
