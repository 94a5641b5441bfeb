"""A training step of the U-Net beside that of diffusers, with equal weights: seconds, their ratio, and the physical limit.

    python benchmarks/unet_step.py [--threads N] [--rounds N] [--device cuda] [--batches 16 128] [--width 32] [--size 8] [--dtype float32]

A step is forward, mean squared error, backward; no optimizer, which would be the same for both. Both nets compute the same function with the same number
of parameters (tests/reference/test_diffusion.py holds them equal, gradients too), in channels-last order and in torch's usual one. The rivals take turns,
and the best round of each counts. Two limits stand beside them: the multiply-adds that torch's counter sees in the step at the rate of a large matrix
product on the same machine, and those of each convolution at the rate that this convolution alone reaches (forward and backward, in its better order).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from _rounds import best_of
from course_lib.reference.diffusion import UNet


def rate_of_products(device: str, dtype: torch.dtype) -> float:
    side = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / best_of({"product": lambda: a @ b}, device, 8)["product"]


def theirs_like(width: int, classes: int) -> nn.Module:
    from diffusers import UNet2DModel
    from diffusers.utils import logging

    logging.set_verbosity_error()  # it warns of modules to be kept in float32, and names none
    return UNet2DModel(
        in_channels=1, out_channels=1, block_out_channels=(width, 2 * width), layers_per_block=1, down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2, add_attention=False, norm_num_groups=8, num_class_embeds=classes + 1,
    )  # fmt: skip


def step_of(call: Callable[..., torch.Tensor], net: nn.Module, batch: tuple) -> Callable[[], None]:
    parameters = list(net.parameters())

    def step() -> None:
        torch.autograd.grad(F.mse_loss(call(net, *batch[:3]), batch[3]), parameters)

    return step


def time_of_convolutions(net: nn.Module, x: torch.Tensor, t: torch.Tensor, labels: torch.Tensor, device: str, rounds: int) -> float:
    """Seconds of all convolutions of a step, each alone, forward and backward, in the better of the two orders."""
    seen, total = [], 0.0
    hooks = [
        layer.register_forward_pre_hook(lambda layer, inputs: seen.append((layer, inputs[0].shape))) for layer in net.modules() if isinstance(layer, nn.Conv2d)
    ]
    with torch.no_grad():
        net(x, t, labels)
    for hook in hooks:
        hook.remove()
    for layer, shape in seen:
        rivals = {}
        for name, order in (("usual", torch.contiguous_format), ("last", torch.channels_last)):
            leaf = torch.randn(shape, device=device, dtype=x.dtype).to(memory_format=order).requires_grad_()
            weight = layer.weight.detach().clone().to(memory_format=order).requires_grad_()
            bias = layer.bias.detach().clone().requires_grad_()
            with torch.no_grad():
                upstream = torch.randn_like(F.conv2d(leaf, weight, bias, layer.stride, layer.padding))
            rivals[name] = lambda leaf=leaf, weight=weight, bias=bias, upstream=upstream, layer=layer: torch.autograd.grad(
                F.conv2d(leaf, weight, bias, layer.stride, layer.padding), (leaf, weight, bias), upstream
            )
        total += min(best_of(rivals, device, rounds).values())
    return total


def compare(size: int, width: int, batch: int, device: str, dtype: torch.dtype, rounds: int, rate: float) -> None:
    classes = 10
    x, noise = (torch.randn(batch, 1, size, size, device=device, dtype=dtype) for _ in range(2))
    t, labels = torch.randint(1, 1000, (batch,), device=device), torch.randint(classes + 1, (batch,), device=device)
    rivals, counts = {}, {}
    for order, name in ((torch.channels_last, "channels last"), (torch.contiguous_format, "usual order")):
        ours = UNet(1, width, (1, 2), 1, classes).to(device, dtype).to(memory_format=order)
        theirs = theirs_like(width, classes).to(device, dtype).to(memory_format=order)
        data = (x.to(memory_format=order), t, labels, noise.to(memory_format=order))
        rivals[f"ours, {name}"] = step_of(lambda net, *inputs: net(*inputs), ours, data)
        rivals[f"diffusers, {name}"] = step_of(lambda net, x, t, labels: net(x, t, class_labels=labels).sample, theirs, data)
        counts = {"ours": sum(p.numel() for p in ours.parameters()), "diffusers": sum(p.numel() for p in theirs.parameters())}
    assert counts["ours"] == counts["diffusers"], counts
    best = best_of(rivals, device, rounds)
    with FlopCounterMode(display=False) as counter:
        rivals["ours, channels last"]()
    products = counter.get_total_flops() / rate
    convolutions = time_of_convolutions(ours, x, t, labels, device, 5)
    rival = min(seconds for name, seconds in best.items() if name.startswith("diffusers"))
    print(f"batch {batch}: {counts['ours']:,} parameters, {counter.get_total_flops() / 1e9:.2f} GFLOP a step")
    for name, seconds in best.items():
        same = best[name.replace("ours", "diffusers")]
        print(f"  {name:28s}{1e3 * seconds:9.2f} ms   {same / seconds:5.2f} x diffusers in the same order   {rival / seconds:5.2f} x its better order"
              f"   {products / seconds:5.2f} of the product limit   {convolutions / seconds:5.2f} of the convolutions alone")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    dtype = getattr(torch, arguments.dtype)
    rate = rate_of_products(arguments.device, dtype)
    print(f"{arguments.dtype} on {arguments.device}, {arguments.threads} thread(s), images of {arguments.size} x {arguments.size}; "
          f"a large matrix product runs at {rate / 1e9:.0f} GFLOP/s")  # fmt: skip
    for batch in arguments.batches:
        compare(arguments.size, arguments.width, batch, arguments.device, dtype, arguments.rounds, rate)


if __name__ == "__main__":
    main()
