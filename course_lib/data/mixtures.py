"""Mixtures of round Gaussians: everything about them is known exactly, with noise added too.

`ring()` is the classic test of generative models: modes on a circle, far apart for their width. Nothing here uses floating-point
shortcuts: densities are logarithms, and every method has the dtype and device of the points that it gets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class GaussianMixture:
    """sum_k weights[k] N(means[k], deviations[k] ** 2 I), in any number of dimensions.

    Raises ValueError where means, deviations and weights do not fit, a deviation is not above 0, or the weights do not sum to 1.
    """

    means: tuple[tuple[float, ...], ...]
    deviations: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        count = len(self.means)
        if not count or not self.means[0] or any(len(mean) != len(self.means[0]) for mean in self.means):
            raise ValueError(f"means: expected at least one, all with equally many coordinates, got {self.means!r}"[:300])
        if len(self.deviations) != count or not all(0 < deviation < math.inf for deviation in self.deviations):
            raise ValueError(f"deviations: expected {count} numbers above 0, got {self.deviations!r}"[:300])
        if len(self.weights) != count or not all(weight > 0 for weight in self.weights) or abs(sum(self.weights) - 1) > 1e-9:
            raise ValueError(f"weights: expected {count} numbers above 0 that sum to 1, got {self.weights!r}"[:300])

    @property
    def dim(self) -> int:
        return len(self.means[0])

    @cached_property
    def _tables(self) -> tuple[Tensor, Tensor, Tensor]:
        return tuple(torch.tensor(table, dtype=torch.float64) for table in (self.means, self.deviations, self.weights))

    def _log_parts(self, x: Float[Tensor, "*batch dim"]) -> tuple[Float[Tensor, "*batch modes"], Float[Tensor, "*batch modes dim"], Float[Tensor, "modes"]]:
        """log(weight_k N(x; mean_k, …)), mean_k - x, and the deviations."""
        if not isinstance(x, Tensor) or not x.is_floating_point() or x.ndim < 1 or x.shape[-1] != self.dim:
            got = f"{tuple(x.shape)} of {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"x: expected a floating-point tensor (..., {self.dim}), got {got}")
        means, deviations, weights = (table.to(x) for table in self._tables)
        toward = means - x[..., None, :]
        exponents = -toward.square().sum(-1) / (2 * deviations.square())
        return exponents + weights.log() - self.dim * (deviations.log() + 0.5 * math.log(2 * math.pi)), toward, deviations

    def log_density(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
        """The exact log-density, in nats."""
        return self._log_parts(x)[0].logsumexp(-1)

    def score(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The exact gradient of `log_density` with respect to x."""
        parts, toward, deviations = self._log_parts(x)
        return (parts.softmax(-1)[..., None] * toward / deviations.square()[:, None]).sum(-2)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count dim"]:
        """`count` independent points, float32, on the CPU. Raises ValueError for a count that is no whole number from 0."""
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"count: expected an integer of at least 0, got {count!r}")
        means, deviations, weights = self._tables
        # One uniform number a point chooses its mode: `multinomial` would refuse a count of 0.
        chosen = torch.searchsorted(weights.cumsum(0)[:-1], torch.rand(count, generator=generator, dtype=torch.float64), right=True)
        noise = torch.randn(count, self.dim, generator=generator, dtype=torch.float64)
        return (means[chosen] + deviations[chosen, None] * noise).float()

    def noised(self, keep: float, noise: float) -> GaussianMixture:
        """The distribution of keep * x + noise * e, where x has this distribution and e is standard normal: a mixture again.

        Diffusion's forward process at a level ᾱ is noised(sqrt(ᾱ), sqrt(1 - ᾱ)). Raises ValueError unless both are numbers from 0, not both 0.
        """
        if not (0 <= keep < math.inf and 0 <= noise < math.inf and keep + noise > 0):
            raise ValueError(f"keep, noise: expected two numbers from 0, not both 0, got {keep!r} and {noise!r}")
        means = tuple(tuple(keep * place for place in mean) for mean in self.means)
        return GaussianMixture(means, tuple(math.hypot(keep * deviation, noise) for deviation in self.deviations), self.weights)

    def nearest(self, x: Float[Tensor, "*batch dim"]) -> tuple[Int[Tensor, "*batch"], Float[Tensor, "*batch"]]:
        """The mode whose mean is nearest, and the distance to it in deviations of that mode."""
        _, toward, deviations = self._log_parts(x)
        distance, mode = toward.norm(dim=-1).min(-1)
        return mode, distance / deviations[mode]


def ring(modes: int = 8, radius: float = 2.0, deviation: float = 0.1) -> GaussianMixture:
    """Equal modes, evenly on a circle around 0, the first at (radius, 0). Raises ValueError for fewer than one mode or a radius not above 0."""
    if isinstance(modes, bool) or not isinstance(modes, int) or modes < 1:
        raise ValueError(f"modes: expected an integer of at least 1, got {modes!r}")
    if not 0 < radius < math.inf:
        raise ValueError(f"radius: expected a number above 0, got {radius!r}")
    turns = [2 * math.pi * place / modes for place in range(modes)]
    means = tuple((radius * math.cos(turn), radius * math.sin(turn)) for turn in turns)
    return GaussianMixture(means, (deviation,) * modes, (1 / modes,) * modes)
