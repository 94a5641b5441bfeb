"""Attention beside F.scaled_dot_product_attention: seconds and peak memory, forward, and forward and backward, and the physical limit.

    python benchmarks/attention.py [--threads N] [--rounds N] [--device cuda] [--lengths 256 1024 4096] [--causal]

Two limits stand beside each row, both measured on the same machine in the same run: the multiply-adds of the two products (five
in the backward pass) at the rate of a large matrix product, and the bytes that must at least be moved (inputs, output, their
gradients, once each) at the rate of a large copy. The larger of the two is the limit. The rivals take turns and the best round counts.
Memory is what is held at the peak beyond the inputs: on CUDA as the allocator counts it, on a CPU as a dispatch mode sees it,
which knows nothing of scratch space inside an operation of torch.
With --causal the limit counts only the pairs that are allowed.
"""

from __future__ import annotations

import argparse
import weakref
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from _rounds import best_of
from course_lib.reference.attention import attention_flops, attention_in_blocks, scaled_dot_product_attention


class LiveBytes(TorchDispatchMode):
    """The most bytes of tensors made under it that were alive at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.most, self.alive = 0, 0, set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and (address := tensor.untyped_storage()._cdata) not in self.alive:
                size = tensor.untyped_storage().nbytes()
                self.alive.add(address)
                self.now += size
                weakref.finalize(tensor.untyped_storage(), self.released, address, size)
        self.most = max(self.most, self.now)
        return out

    def released(self, address: int, size: int) -> None:
        self.alive.discard(address)
        self.now -= size


def peak_bytes(work: Callable[[], object], device: str) -> int:
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with LiveBytes() as spy:
        work()
    return spy.most


def rates(device: str, dtype: torch.dtype) -> tuple[float, float]:
    """Operations a second of a large matrix product, bytes a second of a large copy (read and written)."""
    side = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    large = torch.randn((2**28 if device == "cuda" else 2**24), device=device)
    other = torch.empty_like(large)
    best = best_of({"product": lambda: a @ b, "copy": lambda: other.copy_(large)}, device, 5)
    return 2 * side**3 / best["product"], 2 * large.numel() * large.element_size() / best["copy"]


def compare(length: int, heads: int, dim: int, block: int, causal: bool, device: str, dtype: torch.dtype, rounds: int, speed: tuple[float, float]) -> None:
    leaves = [torch.randn(1, heads, length, dim, device=device, dtype=dtype, requires_grad=True) for _ in range(3)]
    forms = {
        "full": lambda: scaled_dot_product_attention(*leaves, is_causal=causal),
        "blocks": lambda: attention_in_blocks(*leaves, block, is_causal=causal),
        "torch": lambda: F.scaled_dot_product_attention(*leaves, is_causal=causal),
    }

    def forward(form: Callable[[], Tensor]) -> None:
        with torch.no_grad():
            form()

    def both(form: Callable[[], Tensor]) -> None:
        torch.autograd.grad(form().sum(), leaves)

    share = (length + 1) / (2 * length) if causal else 1.0
    _, pairs = attention_flops(1, length, length, heads * dim)
    for name, work, products, tensors in (("forward", forward, 1.0, 4), ("forward + backward", both, 3.5, 12)):
        best = best_of({label: (lambda form=form: work(form)) for label, form in forms.items()}, device, rounds)
        memory = {label: peak_bytes(lambda form=form: work(form), device) for label, form in forms.items()}
        arithmetic = products * share * pairs / speed[0]
        moved = tensors * leaves[0].numel() * leaves[0].element_size() / speed[1]
        limit, which = max((arithmetic, "arithmetic"), (moved, "memory"))
        for label in forms:
            print(
                f"{length:6d} {name:18s} {label:7s} {1e3 * best[label]:10.2f} ms {best['torch'] / best[label]:9.2f} x {limit / best[label]:9.2f} x ({which:10s})"
                f" {memory[label] / 2**20:10.1f} MB {memory[label] / max(1, memory['torch']):8.2f} x"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--block", type=int, default=256)
    parser.add_argument("--lengths", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--causal", action="store_true")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    dtype = getattr(torch, arguments.dtype)
    speed = rates(arguments.device, dtype)
    print(f"{arguments.heads} heads of {arguments.dim}, {'causal, ' if arguments.causal else ''}{arguments.dtype} on {arguments.device}; "
          f"matrix product {speed[0] / 1e9:.0f} GFLOP/s, copy {speed[1] / 1e9:.1f} GB/s")  # fmt: skip
    print(f"{'length':>6s} {'':18s} {'':7s} {'time':>13s} {'torch / it':>11s} {'limit / it':>11s} {'':12s} {'peak':>13s} {'it / torch':>10s}")
    for length in arguments.lengths:
        compare(length, arguments.heads, arguments.dim, arguments.block, arguments.causal, arguments.device, dtype, arguments.rounds, speed)


if __name__ == "__main__":
    main()
