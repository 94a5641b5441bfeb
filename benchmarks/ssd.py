"""State-space duality beside the minimal chunked form of the Mamba-2 paper: seconds, ratios, slopes and the physical limit.

    python benchmarks/ssd.py [--threads N] [--rounds N] [--device cuda] [--lengths 128 1024 8192] [--chunk 64]

Forward, and forward and backward, in one run: the rivals take turns and the best round counts. The minimal form is the short listing of the paper
(arXiv 2405.21060): four einsums over chunks, segment sums by masking, B and C repeated for each head. "hugging face" is `transformers`' function for
Mamba-2 without its kernels, at its own default chunk of 256, where transformers is installed.

Two limits stand beside each row, measured on the same machine in the same run: the multiply-adds of the products within and between chunks (twice more in
the backward pass, and once again for what is computed again) at the rate of a large matrix product; and the bytes that must at least be moved at the
rate of a large copy. The larger of the two is the limit. "slope" is that of the logarithms from the length before.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from _rounds import best_of
from course_lib.reference.state_space import ssd


def segment_sums(a: Tensor) -> Tensor:
    size = a.shape[-1]
    mask = torch.ones(size, size, dtype=torch.bool, device=a.device)
    sums = a[..., None].expand(*a.shape, size).masked_fill(~mask.tril(-1), 0).cumsum(-2)
    return sums.masked_fill(~mask.tril(), -math.inf)


def minimal(x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, chunk: int) -> Tensor:
    """The paper's listing; the length is a multiple of the chunk."""
    many = x.shape[2] // B.shape[2]
    B, C = B.repeat_interleave(many, 2), C.repeat_interleave(many, 2)
    x, a, B, C = (value.unflatten(1, (-1, chunk)) for value in (x, log_decay, B, C))
    a = a.permute(0, 3, 1, 2)
    total = a.cumsum(-1)
    within = torch.einsum("bclhn,bcshn,bhcls,bcshp->bclhp", C, B, segment_sums(a).exp(), x)
    states = torch.einsum("bclhn,bhcl,bclhp->bchpn", B, (total[..., -1:] - total).exp(), x)
    states = torch.cat([torch.zeros_like(states[:, :1]), states], 1)
    states = torch.einsum("bhzc,bchpn->bzhpn", segment_sums(F.pad(total[..., -1], (1, 0))).exp(), states)[:, :-1]
    return (within + torch.einsum("bclhn,bchpn,bhcl->bclhp", C, states, total.exp())).flatten(1, 2)


def hugging_face() -> Callable | None:
    try:
        from transformers.models.mamba2.modeling_mamba2 import mamba2_chunk_scan
    except ImportError:
        return None

    def scan(x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, chunk: int) -> Tensor:
        # It multiplies x by its step and takes A * step for the decay: with a step of -log_decay and A = -1, x must be divided by it first.
        return mamba2_chunk_scan(x / -log_decay[..., None], -log_decay, -torch.ones(x.shape[2], device=x.device), B, C, 256)

    return scan


def rates(device: str) -> tuple[float, float]:
    """Operations a second of a large matrix product, bytes a second of a large copy (read and written)."""
    side = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device) for _ in range(2))
    large = torch.randn(2**28 if device == "cuda" else 2**24, device=device)
    other = torch.empty_like(large)
    best = best_of({"product": lambda: a @ b, "copy": lambda: other.copy_(large)}, device, 5)
    return 2 * side**3 / best["product"], 2 * large.numel() * large.element_size() / best["copy"]


def compare(length: int, settings: argparse.Namespace, speed: tuple[float, float], before: dict) -> None:
    batch, heads, dim, groups, state, chunk = settings.batch, settings.heads, settings.head_dim, settings.groups, settings.state, settings.chunk
    parts = torch.randn(batch, length, heads, dim), -F.softplus(torch.randn(batch, length, heads) - 2), *(torch.randn(batch, length, groups, state) for _ in range(2))
    leaves = [part.to(settings.device).requires_grad_() for part in parts]
    forms = {"ours": ssd, "minimal": minimal, "hugging face": hugging_face()}
    forms = {name: form for name, form in forms.items() if form is not None}

    def forward(form: Callable) -> None:
        with torch.no_grad():
            form(*leaves, chunk)

    # Of one chunk: C B^T for each group; times x for each head; its addition to the state, and what its start adds, for each head.
    products = 2 * batch * (length / chunk) * (groups * chunk**2 * state + heads * (chunk**2 * dim + 2 * chunk * dim * state))
    for name, work, times, moved in (("forward", forward, 1, 1), ("forward + backward", lambda form: torch.autograd.grad(form(*leaves, chunk).sum(), leaves), 3.5, 3)):
        best = best_of({label: (lambda form=form: work(form)) for label, form in forms.items()}, settings.device, settings.rounds)
        memory = moved * 4 * (2 * leaves[0].numel() + leaves[1].numel() + 2 * leaves[2].numel()) / speed[1]
        limit, which = max((times * products / speed[0], "arithmetic"), (memory, "memory"))
        for label, seconds in best.items():
            earlier = before.get((name, label))
            slope = f"{math.log(seconds / earlier[1]) / math.log(length / earlier[0]):6.2f}" if earlier else "     -"
            before[name, label] = length, seconds
            print(f"{length:6d} {name:18s} {label:12s} {1e3 * seconds:10.2f} ms {seconds / best['ours']:9.2f} x {slope} {limit / seconds:9.2f} x ({which})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--head-dim", type=int, default=64)
    parser.add_argument("--groups", type=int, default=1)
    parser.add_argument("--state", type=int, default=64)
    parser.add_argument("--chunk", type=int, default=64)
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 512, 2048, 8192])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    speed, before = rates(settings.device), {}
    print(f"batch {settings.batch}, {settings.heads} heads of {settings.head_dim}, {settings.groups} groups, state {settings.state}, chunks of {settings.chunk}, float32 on "
          f"{settings.device}; matrix product {speed[0] / 1e9:.0f} GFLOP/s, copy {speed[1] / 1e9:.1f} GB/s")  # fmt: skip
    print(f"{'length':>6s} {'':18s} {'':12s} {'time':>13s} {'it / ours':>11s} {'slope':>6s} {'limit / it':>11s}")
    for length in settings.lengths:
        compare(length, settings, speed, before)


if __name__ == "__main__":
    main()
