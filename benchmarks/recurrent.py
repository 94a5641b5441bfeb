"""Recurrent layers beside torch.nn: seconds for forward, and for forward and backward, and the physical limit.

    python benchmarks/recurrent.py [--threads N] [--rounds N] [--device cuda]

The limit is the time that the matrix products alone take, measured on the same machine in the same run: the input's share of
all steps as one product, the state's share step by step, since each step needs the one before; for the backward pass twice
as many again (a layer that gathers the weights' share of all steps into one product can come in a little below that). The
rivals take turns and the best round counts.
On a CPU torch.nn runs the same steps in C++; on a GPU cuDNN runs them as one call, which no loop in Python comes near.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from _rounds import best_of
from course_lib.reference.recurrent import GRU, LSTM, RNN

SIZES = [  # (what, batch, length, input_dim, hidden_dim)
    ("adding problem", 50, 100, 2, 32),
    ("small language model", 32, 64, 64, 256),
    ("large language model", 32, 64, 512, 512),
    ("one row, step by step", 1, 256, 256, 256),
]


def products(rows: Tensor, from_input: Tensor, state: Tensor, from_state: Tensor) -> None:
    """The matrix products of a forward pass and nothing else."""
    torch.mm(rows.flatten(0, 1), from_input)
    for _ in range(rows.shape[1]):
        torch.mm(state, from_state)


def compare(what: str, batch: int, length: int, input_dim: int, hidden_dim: int, device: str, rounds: int) -> None:
    print(f"\n{what}: batch {batch}, {length} steps, {input_dim} -> {hidden_dim}")
    print(f"  {'':22s} {'ours':>9s} {'torch.nn':>9s} {'limit':>9s}   torch.nn / ours   limit / ours")
    for kind in (RNN, LSTM, GRU):
        ours = kind(input_dim, hidden_dim).to(device)
        theirs = ours.to_torch()
        x = torch.randn(batch, length, input_dim, device=device)
        from_input = torch.randn(input_dim, kind.gates * hidden_dim, device=device)
        state, from_state = torch.randn(batch, hidden_dim, device=device), torch.randn(hidden_dim, kind.gates * hidden_dim, device=device)

        def forward(layer: torch.nn.Module) -> None:
            with torch.no_grad():
                layer(x)

        def both(layer: torch.nn.Module) -> None:
            layer.zero_grad()
            layer(x)[0].sum().backward()

        for name, work, times in (("forward", forward, 1), ("forward + backward", both, 3)):
            rivals = {
                "ours": lambda: work(ours),
                "torch.nn": lambda: work(theirs),
                "limit": lambda: [products(x, from_input, state, from_state) for _ in range(times)],
            }
            best = best_of(rivals, device, rounds)
            a, b, c = best["ours"], best["torch.nn"], best["limit"]
            print(f"  {kind.__name__:4s} {name:18s} {1e3 * a:6.2f} ms {1e3 * b:6.2f} ms {1e3 * c:6.2f} ms   {b / a:8.2f} x {c / a:13.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    for size in SIZES:
        compare(*size, device=arguments.device, rounds=arguments.rounds)


if __name__ == "__main__":
    main()
