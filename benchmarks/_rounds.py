"""Rivals that take turns on one machine: how the benchmarks of this folder measure."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def seconds_of(work: Callable[[], object], device: str) -> float:
    """The wall time of one call, on CUDA until the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def best_of(rivals: dict[str, Callable[[], object]], device: str, rounds: int) -> dict[str, float]:
    """The best time of each rival in `rounds` rounds, in which they take turns, after one that warms up."""
    best = {name: seconds_of(work, device) for name, work in rivals.items()}
    for _ in range(rounds):
        best = {name: min(best[name], seconds_of(work, device)) for name, work in rivals.items()}
    return best
