"""Muon: momentum whose matrix is made nearly orthogonal before the step, for the weight matrices inside a network.

Sources
- the method and its polynomial: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", kellerjordan.github.io/posts/muon
- step sizes that fit those of AdamW, and weight decay: Liu et al. 2025, "Muon is Scalable for LLM Training", arXiv 2502.16982

`torch.optim.Muon` computes the same in bfloat16, which a GPU does fast and a processor without bfloat16 instructions does more
slowly than the whole forward and backward pass; this one stays in the parameters' own precision and takes matrices of equal shape together.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

# Pulls singular values from anywhere between 0 and 1 to about 1 in five steps (Jordan et al. 2024).
POLYNOMIAL = 3.4445, -4.7750, 2.0315
STEPS = 5


def orthogonalize(matrices: Float[Tensor, "*batch rows columns"]) -> Float[Tensor, "*batch rows columns"]:
    """U V^T of each matrix U S V^T, nearly: singular values become about 0.7 to 1.2. Raises ValueError for fewer than two axes."""
    if not (isinstance(matrices, Tensor) and matrices.is_floating_point() and matrices.ndim >= 2):
        raise ValueError(f"matrices: expected a floating-point tensor (..., rows, columns), got {getattr(matrices, 'shape', type(matrices).__name__)}")
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)  # no singular value above 1
    a, b, c = POLYNOMIAL
    for _ in range(STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Step -lr * 0.2 sqrt(max(rows, columns)) * orthogonalize(Nesterov momentum), after decay by lr * weight_decay.

    The factor gives each entry about the size that a step of AdamW has, so that both take the same learning rate (Liu et al. 2025).
    Give it matrices only; token vectors, biases and norms go to AdamW. Raises ValueError for a parameter that is no matrix.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95) -> None:
        for name, value, good in (("lr", lr, lr >= 0), ("weight_decay", weight_decay, weight_decay >= 0), ("momentum", momentum, 0 <= momentum < 1)):
            if not good:
                raise ValueError(f"{name}: expected a number from 0{', below 1' if name == 'momentum' else ''}, got {value}")
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, momentum=momentum))
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim != 2:
                    raise ValueError(f"params: expected matrices, got a parameter of shape {tuple(parameter.shape)}")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step from the gradients; parameters without one stay."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for parameters in by_shape.values():
                self._step_together(parameters, group)

    def _step_together(self, parameters: list[nn.Parameter], group: dict) -> None:
        rate, momentum = group["lr"], group["momentum"]
        for parameter in parameters:
            average = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
            average.lerp_(parameter.grad, 1 - momentum)
        ahead = [parameter.grad.lerp(self.state[parameter]["momentum"], momentum) for parameter in parameters]
        size = 0.2 * max(parameters[0].shape) ** 0.5
        for parameter, direction in zip(parameters, orthogonalize(torch.stack(ahead))):
            parameter.mul_(1 - rate * group["weight_decay"]).sub_(rate * size * direction)
