"""A training step of the course's GPT beside a plain Hugging Face model of equal shape and equal weights.

    python benchmarks/training_step.py [--threads N] [--rounds N] [--device cuda]

A step is forward, cross-entropy, backward and AdamW. The limit is the time that the step's matrix products alone take,
each shape measured on the same machine in the same run (forward once, backward twice as much; attention's own products
and all else left out). The rivals take turns and the best round counts. Before timing, both must compute the same loss.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from _rounds import best_of
from course_lib.reference.gpt import GPT, GPTSettings, gpt2, gpt_neo, llama

SIZES = [  # (what, settings, batch, length)
    ("GPT-2, small", gpt2(512, 256, 128, 4, 4), 16, 128),
    ("GPT-Neo, small", gpt_neo(512, 256, 128, 4, 4), 16, 128),
    ("Llama, small", llama(512, 256, 128, 4, 4), 16, 128),
    ("GPT-2, wider", gpt2(4096, 256, 384, 6, 6), 4, 256),
    ("Llama, wider", llama(4096, 256, 384, 6, 6, key_value_heads=2), 4, 256),
]


def loss_of(logits: Tensor, ids: Tensor) -> Tensor:
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def products(settings: GPTSettings, batch: int, length: int, device: str) -> Callable[[], None]:
    """The matrix products of a step: for each linear layer one forward, and two of the same cost backward."""
    attention = settings.width, (settings.heads + 2 * settings.key_value_heads) * settings.head_dim
    wide = [(settings.width, settings.hidden)] * (2 if settings.feed_forward == "swiglu" else 1)
    shapes = [attention, (settings.width, settings.width), *wide, (settings.hidden, settings.width)] * settings.layers
    rows = {size: torch.randn(batch * length, size, device=device) for size in {settings.width, settings.hidden}}
    weights = {shape: torch.randn(shape, device=device) for shape in {*shapes, (settings.width, settings.vocabulary)}}

    def work() -> None:
        for shape in [*shapes, (settings.width, settings.vocabulary)] * 3:
            torch.mm(rows[shape[0]], weights[shape])

    return work


def compare(what: str, settings: GPTSettings, batch: int, length: int, device: str, rounds: int) -> None:
    torch.manual_seed(0)
    ours = GPT(settings).to(device)
    theirs = ours.to_huggingface().train()
    ids = torch.randint(settings.vocabulary, (batch, length), device=device)

    def step_of(model: torch.nn.Module, run: Callable[[], Tensor]) -> Callable[[], None]:
        optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

        def step() -> None:
            optimizer.zero_grad()
            loss_of(run(), ids).backward()
            optimizer.step()

        return step

    torch.testing.assert_close(loss_of(ours(ids), ids), loss_of(theirs(ids).logits, ids), rtol=1e-4, atol=1e-5)
    rivals = {
        "ours": step_of(ours, lambda: ours(ids)),
        "Hugging Face": step_of(theirs, lambda: theirs(ids, use_cache=False).logits),
        "limit": products(settings, batch, length, device),
    }
    best = best_of(rivals, device, rounds)
    a, b, c = best["ours"], best["Hugging Face"], best["limit"]
    size = sum(parameter.numel() for parameter in ours.parameters()) / 1e6
    print(f"{what:15s} {size:6.2f} M  {batch:3d} x {length:3d} {1e3 * a:8.1f} ms {1e3 * b:8.1f} ms {1e3 * c:8.1f} ms {b / a:12.2f} x {c / a:11.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{'':15s} {'size':>8s}  {'batch':>9s} {'ours':>11s} {'transf.':>11s} {'limit':>11s} {'transf. / ours':>14s} {'limit / ours':>13s}")
    for size in SIZES:
        compare(*size, device=arguments.device, rounds=arguments.rounds)


if __name__ == "__main__":
    main()
