"""The selective scan beside mambapy's parallel scan and the plain loop: seconds, ratios, slopes and the physical limit.

    python benchmarks/selective_scan.py [--threads N] [--rounds N] [--device cuda] [--lengths 128 512 2048 8192] [--loop-to 1024]

Forward, and forward and backward, in one run: the rivals take turns and the best round counts. The plain loop takes places by index, as published
codes do, so its backward pass is quadratic; it is left out above --loop-to. mambapy (pip install --no-deps mambapy) is left out where it is missing.

Two limits stand beside each row, measured on the same machine in the same run. Arithmetic: one exponential for each place, channel and number of state,
at the rate of torch.exp on numbers that stay in the cache; two where the backward pass computes the decays again, which is what keeps its memory small.
Memory: the bytes that must at least be moved (inputs, output, their gradients, once each) at the rate of a large copy. The larger of the two is the limit.
"slope" is that of the logarithms from the length before.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from _rounds import best_of
from course_lib.reference.state_space import selective_scan


def mambapy_scan() -> Callable | None:
    """Decays and inputs for all places, mambapy's scan of them, and the answers: the way of its Mamba block."""
    try:
        from mambapy.pscan import pscan
    except ImportError:
        return None

    def scan(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
        states = pscan(torch.exp(delta[..., None] * A), (delta * x)[..., None] * B[:, :, None])
        return (states @ C[..., None])[..., 0] + D * x

    return scan


def plain_loop(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    decays, inputs = torch.exp(delta[..., None] * A), (delta * x)[..., None] * B[:, :, None]
    state, found = torch.zeros_like(inputs[:, 0]), []
    for t in range(x.shape[1]):
        state = decays[:, t] * state + inputs[:, t]
        found.append((state @ C[:, t, :, None])[..., 0])
    return torch.stack(found, 1) + D * x


def rates(device: str) -> tuple[float, float]:
    """Exponentials a second on numbers in the cache (on CUDA: on many), bytes a second of a large copy (read and written)."""
    small = torch.rand(2**28 if device == "cuda" else 2**15, device=device)
    large = torch.randn(2**28 if device == "cuda" else 2**24, device=device)
    other, many = torch.empty_like(large), 1 if device == "cuda" else 200
    out = torch.empty_like(small)

    def exponentials() -> None:
        for _ in range(many):
            torch.exp(small, out=out)

    best = best_of({"exp": exponentials, "copy": lambda: other.copy_(large)}, device, 5)
    return many * small.numel() / best["exp"], 2 * large.numel() * large.element_size() / best["copy"]


def inputs(batch: int, length: int, channels: int, state: int, device: str) -> list[Tensor]:
    x, delta = torch.randn(batch, length, channels), F.softplus(torch.randn(batch, length, channels) - 3)
    parts = x, delta, -torch.rand(channels, state) * 8, torch.randn(batch, length, state), torch.randn(batch, length, state), torch.randn(channels)
    return [part.to(device).requires_grad_() for part in parts]


def compare(length: int, settings: argparse.Namespace, speed: tuple[float, float], before: dict) -> None:
    leaves = inputs(settings.batch, length, settings.channels, settings.state, settings.device)
    forms = {"ours": selective_scan, "mambapy": mambapy_scan(), "loop": plain_loop if length <= settings.loop_to else None}
    forms = {name: form for name, form in forms.items() if form is not None}

    def forward(form: Callable) -> None:
        with torch.no_grad():
            form(*leaves)

    for name, work, exponentials, moved in (("forward", forward, 1, 1), ("forward + backward", lambda form: torch.autograd.grad(form(*leaves).sum(), leaves), 2, 3)):
        best = best_of({label: (lambda form=form: work(form)) for label, form in forms.items()}, settings.device, settings.rounds)
        arithmetic = exponentials * settings.batch * length * settings.channels * settings.state / speed[0]
        memory = moved * 4 * (3 * leaves[0].numel() + 2 * leaves[3].numel()) / speed[1]
        limit, which = max((arithmetic, "exponentials"), (memory, "memory"))
        for label, seconds in best.items():
            earlier = before.get((name, label))
            slope = f"{math.log(seconds / earlier[1]) / math.log(length / earlier[0]):6.2f}" if earlier else "     -"
            before[name, label] = length, seconds
            print(f"{length:6d} {name:18s} {label:8s} {1e3 * seconds:10.2f} ms {seconds / best['ours']:9.2f} x {slope} {limit / seconds:9.2f} x ({which})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--state", type=int, default=16)
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 512, 1024, 2048, 4096, 8192])
    parser.add_argument("--loop-to", type=int, default=1024)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    speed, before = rates(settings.device), {}
    print(f"batch {settings.batch}, {settings.channels} channels, {settings.state} numbers of state, float32 on {settings.device}; "
          f"{speed[0] / 1e9:.2f} G exponentials/s, copy {speed[1] / 1e9:.1f} GB/s")  # fmt: skip
    print(f"{'length':>6s} {'':18s} {'':8s} {'time':>13s} {'it / ours':>11s} {'slope':>6s} {'limit / it':>11s}")
    for length in settings.lengths:
        compare(length, settings, speed, before)


if __name__ == "__main__":
    main()
