"""Generative adversarial networks: losses, penalties, the training step, nets for points and for digits, and measures of samples.

Papers, in order of use
- the game, its optimal discriminator and the saturating and non-saturating losses: Goodfellow et al. 2014, arXiv 1406.2661
- Wasserstein losses: Arjovsky, Chintala and Bottou 2017, arXiv 1701.07875; its gradient penalty: Gulrajani et al. 2017, arXiv 1704.00028
- R1, the penalty on real points: Mescheder, Geiger and Nowozin 2018, arXiv 1801.04406
- classes by projection: Miyato and Koyama 2018, arXiv 1802.05637
- Fréchet distance of features: Heusel et al. 2017, arXiv 1706.08500
- precision and recall from nearest neighbours: Kynkäänniemi et al. 2019, arXiv 1904.06991

A discriminator (a critic, where the loss is Wasserstein's) gives one number a row, a *logit*: how much more likely real than fake, without the
sigmoid. Losses are kept to logits throughout, so that nothing overflows. The penalties work on any critic that treats the rows of a batch
alone (no batch norm), since they take all rows' gradients at once.

All run on CPU, CUDA and MPS, in float32, float64 and bfloat16 (the two measures compute in float64, for MPS on the CPU), and the losses and
nets under `torch.compile`; the penalties take gradients of gradients, which `torch.compile` does not do.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

LOSSES = ("minimax", "non-saturating", "wasserstein")


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_number(value: object, name: str, expected: str, low: float = 0.0) -> None:
    _check(isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value < inf, name, expected, repr(value))


def _check_size(value: object, name: str) -> None:
    _check(isinstance(value, int) and not isinstance(value, bool) and value >= 1, name, "an integer from 1", repr(value))


def _shape(value: object) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _check_floats(value: object, name: str, axes: str = "(batch, ...)", least: int = 1) -> None:
    good = isinstance(value, Tensor) and value.is_floating_point() and value.ndim >= least and value.numel() > 0
    _check(good, name, f"a floating-point tensor {axes} that is not empty", _shape(value))


def _check_loss(loss: object) -> None:
    _check(loss in LOSSES, "loss", f"one of {LOSSES}", repr(loss))


# ------------------------------------------------------------------------------------------------ the game


def discriminator_loss(real: Float[Tensor, "*real"], fake: Float[Tensor, "*fake"], loss: str = "non-saturating") -> Float[Tensor, ""]:
    """What the discriminator minimises, from its logits on real and on fake samples; the two may be of different numbers.

    "minimax" and "non-saturating" share it: -mean log D(real) - mean log(1 - D(fake)), D the sigmoid of the logit (Goodfellow et al. 2014).
    "wasserstein": mean fake - mean real (Arjovsky et al. 2017); only with a penalty or another bound on the critic's slope.
    """
    _check_floats(real, "real", "of logits")
    _check_floats(fake, "fake", "of logits")
    _check_loss(loss)
    if loss == "wasserstein":
        return fake.mean() - real.mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Float[Tensor, "*fake"], loss: str = "non-saturating") -> Float[Tensor, ""]:
    """What the generator minimises, from the discriminator's logits on its samples.

    "minimax": mean log(1 - D(fake)), flat where the discriminator is sure; "non-saturating": -mean log D(fake), steep there (both Goodfellow
    et al. 2014); "wasserstein": -mean fake.
    """
    _check_floats(fake, "fake", "of logits")
    _check_loss(loss)
    if loss == "minimax":
        return -F.softplus(fake).mean()
    return -fake.mean() if loss == "wasserstein" else F.softplus(-fake).mean()


def optimal_discriminator(log_p: Float[Tensor, "*batch"], log_q: Float[Tensor, "*batch"], share: float = 0.5) -> Float[Tensor, "*batch"]:
    """The discriminator that no other beats: share p / (share p + (1 - share) q), from log-densities of real (p) and fake (q).

    `share` is the share of real samples that the discriminator is shown; with one half this is p / (p + q), Goodfellow et al. 2014. Where both
    densities underflow the logarithms still decide. Raises ValueError for a share that is not between 0 and 1.
    """
    _check_floats(log_p, "log_p", "of log-densities", least=0)
    _check_floats(log_q, "log_q", "of log-densities", least=0)
    _check(isinstance(share, float) and 0 < share < 1, "share", "a number between 0 and 1", repr(share))
    odds = torch.tensor(share / (1 - share), dtype=torch.float64).log().item()
    return torch.sigmoid(log_p - log_q + odds)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Float[Tensor, "batch *axes"],
    fake: Float[Tensor, "batch *axes"],
    mix: Float[Tensor, "batch"],
    target: float = 1.0,
) -> Float[Tensor, ""]:
    """Mean over the rows of (norm of the critic's gradient - target) ** 2 at the points mix * real + (1 - mix) * fake.

    mix from a uniform distribution with target 1: WGAN-GP (Gulrajani et al. 2017), to be weighted by λ. mix = 1 with target 0: R1 (Mescheder et
    al. 2018), to be weighted by γ / 2. The gradient reaches the critic's parameters, not `real` and `fake`; it is finite where the critic is flat.

    Raises ValueError where shapes do not fit or the critic does not give one number a row.
    """
    _check_floats(real, "real")
    _check(isinstance(fake, Tensor) and fake.shape == real.shape and fake.dtype == real.dtype, "fake", f"what real is, {_shape(real)}", _shape(fake))
    good = isinstance(mix, Tensor) and mix.is_floating_point() and mix.shape == real.shape[:1]
    _check(good, "mix", f"a floating-point tensor ({len(real)},)", _shape(mix))
    _check_number(target, "target", "a number from 0")
    with torch.enable_grad():
        share = mix.detach().reshape(-1, *[1] * (real.ndim - 1))
        points = (share * real.detach() + (1 - share) * fake.detach()).requires_grad_()
        logits = critic(points)
        _check(isinstance(logits, Tensor) and logits.numel() == len(real), "critic", f"one number a row, {len(real)}", _shape(logits))
        (slopes,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
        slopes = slopes.flatten(1)
        # Squares where the target is 0: the norm has no derivative at 0 (torch takes 0, but only for a vector of exact zeros).
        return slopes.square().sum(1).mean() if target == 0 else (slopes.norm(dim=1) - target).square().mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Float[Tensor, "batch *axes"]) -> Float[Tensor, ""]:
    """Mean squared norm of the discriminator's gradient at real points (Mescheder et al. 2018), to be weighted by γ / 2."""
    _check_floats(real, "real")
    return gradient_penalty(discriminator, real, real, torch.ones(len(real), dtype=real.dtype, device=real.device), 0.0)


def train_gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    generator_optimizer: torch.optim.Optimizer,
    discriminator_optimizer: torch.optim.Optimizer,
    real: Float[Tensor, "batch *axes"],
    noise: Float[Tensor, "batch noise"],
    labels: Int[Tensor, "batch"] | None = None,
    loss: str = "non-saturating",
    penalty: float = 0.0,
    mix: Float[Tensor, "batch"] | None = None,
    target: float = 1.0,
) -> tuple[float, float]:
    """One step of the discriminator, then one of the generator against the new discriminator; returns their losses as numbers.

    The nets are called as net(x), or net(x, labels) where labels are given; the same labels go with real and fake. `penalty` times
    `gradient_penalty(discriminator, real, fake, mix, target)` is added to the discriminator's loss; mix is needed only there. Each optimizer
    changes the parameters of its own net, and the generator's step leaves no gradients behind in the discriminator's.
    """
    _check(isinstance(noise, Tensor) and isinstance(real, Tensor) and len(noise) == len(real), "noise", f"as many rows as real, {_shape(real)}", _shape(noise))
    _check_number(penalty, "penalty", "a number from 0")
    _check(penalty == 0 or mix is not None, "mix", "a number a row, since there is a penalty", mix)
    more = () if labels is None else (labels,)
    fake = generator(noise, *more)
    held = fake.detach()
    cost = discriminator_loss(discriminator(real, *more), discriminator(held, *more), loss)
    if penalty:
        cost = cost + penalty * gradient_penalty(lambda x: discriminator(x, *more), real, held, mix, target)
    discriminator_optimizer.zero_grad()
    cost.backward()
    discriminator_optimizer.step()

    own = generator_loss(discriminator(fake, *more), loss)
    generator_optimizer.zero_grad()
    own.backward()
    generator_optimizer.step()
    discriminator_optimizer.zero_grad()
    return cost.item(), own.item()


# ------------------------------------------------------------------------------------------------ nets


def _mlp(sizes: list[int], activation: Callable[[], nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class PointGenerator(nn.Module):
    """Noise (batch, noise_dim) -> points (batch, dim), by ReLU layers of one width."""

    def __init__(self, noise_dim: int, width: int = 64, dim: int = 2, layers: int = 2) -> None:
        super().__init__()
        for name, value in [("noise_dim", noise_dim), ("width", width), ("dim", dim), ("layers", layers)]:
            _check_size(value, name)
        self.noise_dim = noise_dim
        self.net = _mlp([noise_dim, *[width] * layers, dim], nn.ReLU)

    def forward(self, noise: Float[Tensor, "batch noise"]) -> Float[Tensor, "batch dim"]:
        return self.net(noise)


class PointDiscriminator(nn.Module):
    """Points (batch, dim) -> logits (batch,), by leaky ReLU layers of one width."""

    def __init__(self, width: int = 64, dim: int = 2, layers: int = 2) -> None:
        super().__init__()
        for name, value in [("width", width), ("dim", dim), ("layers", layers)]:
            _check_size(value, name)
        self.net = _mlp([dim, *[width] * layers, 1], lambda: nn.LeakyReLU(0.2))

    def forward(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch"]:
        return self.net(x)[:, 0]


class DigitGenerator(nn.Module):
    """Noise (batch, noise_dim) and asked digits (batch,) -> images (batch, 1, 8, 8) from 0 to 1; a learned vector of the class joins the noise."""

    def __init__(self, noise_dim: int = 32, width: int = 128, classes: int = 10, class_dim: int = 16) -> None:
        super().__init__()
        for name, value in [("noise_dim", noise_dim), ("width", width), ("classes", classes), ("class_dim", class_dim)]:
            _check_size(value, name)
        self.noise_dim = noise_dim
        self.classes = nn.Embedding(classes, class_dim)
        self.net = _mlp([noise_dim + class_dim, width, width, 64], nn.ReLU)

    def forward(self, noise: Float[Tensor, "batch noise"], labels: Int[Tensor, "batch"]) -> Float[Tensor, "batch 1 8 8"]:
        return torch.sigmoid(self.net(torch.cat([noise, self.classes(labels)], 1))).unflatten(1, (1, 8, 8))


class DigitDiscriminator(nn.Module):
    """Images (batch, 1, 8, 8) and their classes (batch,) -> logits (batch,): one for being a digit, plus a product with the class's vector
    for being *this* digit (Miyato and Koyama 2018)."""

    def __init__(self, width: int = 128, classes: int = 10) -> None:
        super().__init__()
        for name, value in [("width", width), ("classes", classes)]:
            _check_size(value, name)
        self.net = nn.Sequential(nn.Flatten(), *_mlp([64, width, width], lambda: nn.LeakyReLU(0.2)), nn.LeakyReLU(0.2))
        self.digit, self.classes = nn.Linear(width, 1), nn.Embedding(classes, width)
        nn.init.normal_(self.classes.weight, std=width**-0.5)

    def forward(self, x: Float[Tensor, "batch 1 8 8"], labels: Int[Tensor, "batch"]) -> Float[Tensor, "batch"]:
        features = self.net(x)
        return self.digit(features)[:, 0] + (features * self.classes(labels)).sum(1)


# ------------------------------------------------------------------------------------------------ measures


def _rows(value: object, name: str, least: int) -> Tensor:
    _check_floats(value, name, "(samples, features)", least=2)
    _check(value.ndim == 2, name, "two axes (samples, features)", _shape(value))
    _check(len(value) >= least, name, f"at least {least} samples", len(value))
    _check(bool(value.isfinite().all()), name, "finite numbers", "infinite ones or nan")
    value = value.detach()
    return (value.cpu() if value.device.type == "mps" else value).double()  # MPS has no float64


def frechet_distance(x: Float[Tensor, "samples features"], y: Float[Tensor, "others features"]) -> float:
    """|mean_x - mean_y|² + trace(C_x + C_y - 2 (C_x C_y)^½), the squared Fréchet (Wasserstein-2) distance of the Gaussians with the samples'
    means and covariances (with n - 1). Of Inception features it is FID (Heusel et al. 2017).

    The trace of the root is the sum of the singular values of C_x^½ C_y^½, so that fewer samples than features do no harm: no root of a
    matrix that need not have one, no complex numbers. Never negative but for rounding, zero for the same samples, and biased upwards: with few samples
    two draws of one distribution are apart. Raises ValueError for fewer than 2 samples or for different numbers of features.
    """
    x, y = _rows(x, "x", 2), _rows(y, "y", 2)
    _check(x.shape[1] == y.shape[1], "y", f"{x.shape[1]} features, as x has", y.shape[1])
    # The roots need not be computed: with centred rows A, C_x = A^T A, trace (C_x C_y)^½ is the sum of the singular values of A B^T.
    a, b = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y))
    if max(len(a), len(b)) > a.shape[1]:
        a, b = (torch.linalg.qr(z, mode="r").R if len(z) > z.shape[1] else z for z in (a, b))
    root = torch.linalg.svdvals(a @ b.T).sum()
    return ((x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum() - 2 * root).item()


def precision_recall(real: Float[Tensor, "reals features"], fake: Float[Tensor, "fakes features"], k: int = 3) -> tuple[float, float]:
    """(precision, recall) of Kynkäänniemi et al. 2019: the share of fakes in the real samples' region, the share of reals in the fakes'.

    A set's region is the union of balls, around each sample with the distance to its k-th nearest other sample as the radius; its surface belongs
    to it. Raises ValueError for k below 1, not more than k samples in a set, or different numbers of features.
    """
    _check_size(k, "k")
    real, fake = _rows(real, "real", k + 1), _rows(fake, "fake", k + 1)
    _check(real.shape[1] == fake.shape[1], "fake", f"{real.shape[1]} features, as real has", fake.shape[1])
    exact = "donot_use_mm_for_euclid_dist"  # a sample's distance to its double must be 0
    radii = [torch.cdist(z, z, compute_mode=exact).kthvalue(k + 1).values for z in (real, fake)]  # the nearest of all is the sample itself
    apart = torch.cdist(real, fake, compute_mode=exact)
    precision = (apart <= radii[0][:, None]).any(0).double().mean()
    recall = (apart <= radii[1]).any(1).double().mean()
    return precision.item(), recall.item()
