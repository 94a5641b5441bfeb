"""Diffusion and flow matching: noise in closed form, the ways back, guidance, and a small U-Net that predicts the noise.

Papers, in order of use
- diffusion as a chain that destroys structure and its learned reverse: Sohl-Dickstein et al. 2015, arXiv 1503.03585
- noise prediction, its relation to the score, the linear schedule: Ho, Jain and Abbeel 2020 (DDPM), arXiv 2006.11239; the score at many levels of
  noise and the flow of probability: Song et al. 2020, arXiv 2011.13456; denoising is score matching: Vincent 2011
- cosine schedule: Nichol and Dhariwal 2021, arXiv 2102.09672
- fewer steps, and steps without chance: Song, Meng and Ermon 2020 (DDIM), arXiv 2010.02502; v-prediction: Salimans and Ho 2022, arXiv 2202.00512
- guidance by a classifier: Dhariwal and Nichol 2021, arXiv 2105.05233; without one: Ho and Salimans 2022, arXiv 2207.12598
- straight paths: Lipman et al. 2022 (flow matching), arXiv 2210.02747; Liu et al. 2022 (rectified flow), arXiv 2209.03003
- diffusion in a space of codes: Rombach et al. 2021, arXiv 2112.10752; the U-Net: Ronneberger et al. 2015, arXiv 1505.04597

Shapes, units and names: x, noise and predictions have any shape (batch, *axes). t counts steps, from 0 (data) to schedule.steps (noise), int64 of
shape (batch,); the t of `diffusers` is one less. A level `alpha_bar` is the share of the variance that is signal, from 1 (data) to 0 (noise): a
number, or a tensor () or (batch,). The `time` of flow matching runs from 0 (data) to 1 (noise). What a model predicts is one of KINDS:
    x = signal * clean + sigma * noise,  v = signal * noise - sigma * clean,  flow = noise - clean,  score = -noise / sigma,
with signal = sqrt(alpha_bar), sigma = sqrt(1 - alpha_bar) where a level is given.

Tables and coefficients are computed in float64 (float32 on MPS) and then take the dtype of x. All run on CPU, CUDA and MPS, in float32, float64
and bfloat16, and under `torch.compile`, but for the loops (`ddpm_sample`, `ddim_sample`, `euler_sample`), which call the model many times: compile that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, isfinite, log, pi

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

KINDS = ("noise", "clean", "v", "flow", "score")

Level = float | Tensor
Model = Callable[[Tensor, Tensor], Tensor]


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_size(value: object, name: str, least: int = 1) -> None:
    _check(isinstance(value, int) and not isinstance(value, bool) and value >= least, name, f"an integer from {least}", repr(value))


def _check_number(value: object, name: str, expected: str = "a finite number", low: float = float("-inf"), high: float = float("inf")) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and low <= value <= high
    _check(good, name, expected, repr(value))


def _shape(value: object) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _check_batch(value: object, name: str) -> None:
    good = isinstance(value, Tensor) and value.is_floating_point() and value.ndim >= 1
    _check(good, name, "a floating-point tensor (batch, ...)", _shape(value))


def _check_like(value: object, name: str, x: Tensor) -> None:
    good = isinstance(value, Tensor) and value.shape == x.shape and value.dtype == x.dtype
    _check(good, name, f"a tensor like x, {_shape(x)}", _shape(value))


def _level(value: object, name: str, x: Tensor) -> Tensor:
    """A level as a tensor of float64 that broadcasts against x."""
    precise = torch.float32 if x.device.type == "mps" else torch.float64
    if isinstance(value, Tensor):
        good = value.is_floating_point() and (value.ndim == 0 or value.shape == x.shape[:1])
        _check(good, name, f"a floating-point tensor () or ({len(x)},)", _shape(value))
        return value.to(x.device, precise).reshape(-1, *[1] * (x.ndim - 1))
    _check_number(value, name, "a number from 0 to 1", 0.0, 1.0)
    return torch.tensor(float(value), dtype=precise, device=x.device).reshape([1] * x.ndim)


# ------------------------------------------------------------------------------------------------ the way to noise


class NoiseSchedule:
    """How much signal is left after t of `steps` steps: betas (steps,), the variance of the noise that each step adds, and alpha_bar (steps + 1,).

    x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) noise; alpha_bar[t] is the product of (1 - beta) of the first t steps, alpha_bar[0] = 1
    (Ho et al. 2020). Both tables are float64 on the CPU; `at(t, x)` looks up levels where x is.

    Raises ValueError unless betas are a vector of numbers above 0 and below 1.
    """

    def __init__(self, betas: Float[Tensor, "steps"]) -> None:
        good = isinstance(betas, Tensor) and betas.is_floating_point() and betas.ndim == 1 and len(betas) > 0
        _check(good, "betas", "a floating-point tensor (steps,)", _shape(betas))
        betas = betas.detach().cpu().double()
        _check(bool(((betas > 0) & (betas < 1)).all()), "betas", "numbers above 0 and below 1", f"{betas.min().item()} to {betas.max().item()}")
        self.betas = betas
        self.alpha_bar = torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)])
        self._held: dict[torch.device, Tensor] = {}

    @classmethod
    def linear(cls, steps: int = 1000, start: float = 1e-4, end: float = 0.02) -> NoiseSchedule:
        """betas from `start` to `end` in equal steps, the schedule of Ho et al. 2020; with fewer steps than 1000 take them larger by as much."""
        _check_size(steps, "steps")
        return cls(torch.linspace(start, end, steps, dtype=torch.float64))

    @classmethod
    def cosine(cls, steps: int = 1000, offset: float = 0.008, largest: float = 0.999) -> NoiseSchedule:
        """alpha_bar along cos², each beta at most `largest` (Nichol and Dhariwal 2021)."""
        _check_size(steps, "steps")
        level = [cos((t / steps + offset) / (1 + offset) * pi / 2) ** 2 for t in range(steps + 1)]
        return cls(torch.tensor([min(1 - after / before, largest) for before, after in zip(level, level[1:])], dtype=torch.float64))

    @property
    def steps(self) -> int:
        return len(self.betas)

    def at(self, t: Int[Tensor, "batch"], x: Tensor) -> Float[Tensor, "batch"]:
        """alpha_bar[t] on the device of x, in float64 (float32 on MPS). On a CPU a t outside 0 ... steps raises ValueError."""
        good = isinstance(t, Tensor) and t.dtype == torch.int64 and t.shape == x.shape[:1]
        _check(good, "t", f"an int64 tensor ({len(x)},)", _shape(t))
        if t.device.type == "cpu" and t.numel():
            _check(0 <= int(t.min()) and int(t.max()) <= self.steps, "t", f"from 0 to {self.steps}", f"{int(t.min())} to {int(t.max())}")
        if x.device not in self._held:
            self._held[x.device] = self.alpha_bar.to(torch.float32 if x.device.type == "mps" else torch.float64).to(x.device)
        return self._held[x.device][t.to(x.device)]

    def times(self, number: int, spacing: str = "trailing") -> list[int]:
        """number + 1 values of t, falling, the last 0: what a sampler with `number` steps visits.

        "trailing" starts at `steps`, in equal strides but for rounding; "leading" takes strides of steps // number that end at t = 1
        (both as in `diffusers`, whose t is one less; there "leading" is the default).
        """
        _check_size(number, "number")
        _check(number <= self.steps, "number", f"at most {self.steps}", number)
        _check(spacing in ("trailing", "leading"), "spacing", "'trailing' or 'leading'", repr(spacing))
        if spacing == "leading":
            return [place * (self.steps // number) + 1 for place in reversed(range(number))] + [0]
        return [round(self.steps - place * self.steps / number) for place in range(number)] + [0]


def q_sample(x: Float[Tensor, "batch *axes"], noise: Float[Tensor, "batch *axes"], alpha_bar: Level) -> Float[Tensor, "batch *axes"]:
    """sqrt(alpha_bar) x + sqrt(1 - alpha_bar) noise: what all steps up to a level make of x, in one (Ho et al. 2020)."""
    _check_batch(x, "x")
    _check_like(noise, "noise", x)
    level = _level(alpha_bar, "alpha_bar", x)
    return level.sqrt().to(x.dtype) * x + (1 - level).sqrt().to(x.dtype) * noise


def straight_path(x: Float[Tensor, "batch *axes"], noise: Float[Tensor, "batch *axes"], time: Level) -> Float[Tensor, "batch *axes"]:
    """(1 - time) x + time noise, the path of flow matching with straight lines (Lipman et al. 2022, Liu et al. 2022)."""
    _check_batch(x, "x")
    _check_like(noise, "noise", x)
    time = _level(time, "time", x)
    return (1 - time).to(x.dtype) * x + time.to(x.dtype) * noise


# ------------------------------------------------------------------------------------------------ what a model may predict


def clean_and_noise(
    prediction: Float[Tensor, "batch *axes"], x: Float[Tensor, "batch *axes"], signal: Tensor, sigma: Tensor, kind: str = "noise"
) -> tuple[Float[Tensor, "batch *axes"], Float[Tensor, "batch *axes"]]:
    """(clean, noise) that a prediction of the given kind says are in x = signal * clean + sigma * noise; signal and sigma broadcast against x.

    Each kind needs what it divides by: "noise" a signal above 0, "clean" a sigma above 0, "score" both.
    """
    _check(kind in KINDS, "kind", f"one of {KINDS}", repr(kind))
    if kind == "v":
        total = signal.square() + sigma.square()
        return (signal * x - sigma * prediction) / total, (sigma * x + signal * prediction) / total
    if kind == "flow":
        return (x - sigma * prediction) / (signal + sigma), (x + signal * prediction) / (signal + sigma)
    if kind == "clean":
        return prediction, (x - signal * prediction) / sigma
    noise = -sigma * prediction if kind == "score" else prediction
    return (x - sigma * noise) / signal, noise


def convert(
    prediction: Float[Tensor, "batch *axes"], x: Float[Tensor, "batch *axes"], signal: Level, sigma: Level, source: str, target: str
) -> Float[Tensor, "batch *axes"]:
    """The same prediction as another kind; signal and sigma are numbers or tensors () or (batch,), see `clean_and_noise`."""
    _check_batch(x, "x")
    _check_like(prediction, "prediction", x)
    _check(target in KINDS, "target", f"one of {KINDS}", repr(target))
    signal, sigma = (_level(value, name, x).to(x.dtype) for value, name in ((signal, "signal"), (sigma, "sigma")))
    clean, noise = clean_and_noise(prediction, x, signal, sigma, source)
    return {"noise": lambda: noise, "clean": lambda: clean, "v": lambda: signal * noise - sigma * clean, "flow": lambda: noise - clean,
            "score": lambda: -noise / sigma}[target]()  # fmt: skip


def empirical_noise(x: Float[Tensor, "batch *axes"], data: Float[Tensor, "rows *axes"], alpha_bar: Level) -> Float[Tensor, "batch *axes"]:
    """The mean of the noise in x, given x, where the clean one is a row of `data`, each as likely: the exact minimum of `ddpm_loss` on these rows.

    A sampler that uses it ends at rows of `data` (Gu et al. 2023, arXiv 2310.02664). Needs alpha_bar below 1.
    """
    _check_batch(x, "x")
    _check_batch(data, "data")
    _check(data.shape[1:] == x.shape[1:] and data.dtype == x.dtype, "data", f"rows like those of x, {_shape(x)}", _shape(data))
    level = _level(alpha_bar, "alpha_bar", x)
    signal, sigma = level.sqrt().to(x.dtype), (1 - level).sqrt().to(x.dtype)
    apart = signal.flatten(1) * (x.flatten(1) @ data.flatten(1).T) - level.flatten(1).to(x.dtype) * data.flatten(1).square().sum(1) / 2
    shares = (apart / sigma.flatten(1).square()).softmax(1)  # the square of x is the same for all rows
    return (x - signal * (shares @ data.flatten(1)).view_as(x)) / sigma


# ------------------------------------------------------------------------------------------------ losses


def ddpm_loss(
    model: Model, x: Float[Tensor, "batch *axes"], t: Int[Tensor, "batch"], noise: Float[Tensor, "batch *axes"], schedule: NoiseSchedule
) -> Float[Tensor, ""]:
    """Mean squared error of the noise that model(x_t, t) finds: the simple loss of Ho et al. 2020. t is drawn evenly from 1 to schedule.steps."""
    return F.mse_loss(model(q_sample(x, noise, schedule.at(t, x)), t), noise)


def flow_matching_loss(
    model: Model, x: Float[Tensor, "batch *axes"], time: Float[Tensor, "batch"], noise: Float[Tensor, "batch *axes"]
) -> Float[Tensor, ""]:
    """Mean squared error of the velocity noise - x that model(point, time) finds on the straight path (Lipman et al. 2022, Liu et al. 2022)."""
    return F.mse_loss(model(straight_path(x, noise, time), time), noise - x)


def drop_labels(labels: Int[Tensor, "batch"], share: float, nothing: int, generator: torch.Generator | None = None) -> Int[Tensor, "batch"]:
    """The labels, each replaced by `nothing` with probability `share`: training on them teaches one net to predict with and without a class."""
    _check_number(share, "share", "a number from 0 to 1", 0.0, 1.0)
    lost = torch.rand(labels.shape, generator=generator, device=labels.device if generator is None else generator.device) < share
    return labels.masked_fill(lost.to(labels.device), nothing)


# ------------------------------------------------------------------------------------------------ steps back


def _both(x: Tensor, prediction: Tensor, now: Tensor, clip: float | None, kind: str) -> tuple[Tensor, Tensor]:
    clean, noise = clean_and_noise(prediction, x, now.sqrt().to(x.dtype), (1 - now).sqrt().to(x.dtype), kind)
    return (clean if clip is None else clean.clamp(-clip, clip)), noise


def ddpm_step(
    x: Float[Tensor, "batch *axes"],
    prediction: Float[Tensor, "batch *axes"],
    now: Level,
    before: Level,
    noise: Float[Tensor, "batch *axes"] | None = None,
    variance: str = "posterior",
    clip: float | None = None,
    kind: str = "noise",
) -> Float[Tensor, "batch *axes"]:
    """One step of the reverse chain, from the level `now` to the higher level `before`; `noise` is a draw from N(0, 1), None gives the mean.

    With beta = 1 - now / before the mean is that of q(x_before | x, clean), clean as predicted and cut to -clip ... clip; the variance is
    "posterior": beta (1 - before) / (1 - now), or "beta": beta (Ho et al. 2020, section 3.2). Where before is 1, nothing is added.
    """
    _check_batch(x, "x")
    _check_like(prediction, "prediction", x)
    _check(variance in ("posterior", "beta"), "variance", "'posterior' or 'beta'", repr(variance))
    now, before = _level(now, "now", x), _level(before, "before", x)
    clean, _ = _both(x, prediction, now, clip, kind)
    beta = 1 - now / before
    mean = (before.sqrt() * beta / (1 - now)).to(x.dtype) * clean + ((now / before).sqrt() * (1 - before) / (1 - now)).to(x.dtype) * x
    if noise is None:
        return mean
    _check_like(noise, "noise", x)
    spread = beta if variance == "beta" else beta * (1 - before) / (1 - now)
    return mean + torch.where(before == 1, 0.0, spread).sqrt().to(x.dtype) * noise


def ddim_step(
    x: Float[Tensor, "batch *axes"],
    prediction: Float[Tensor, "batch *axes"],
    now: Level,
    before: Level,
    eta: float = 0.0,
    noise: Float[Tensor, "batch *axes"] | None = None,
    clip: float | None = None,
    kind: str = "noise",
) -> Float[Tensor, "batch *axes"]:
    """One step from the level `now` to `before` along the predicted noise (Song, Meng and Ermon 2020, equation 12).

    eta = 0 uses no chance and goes in both directions (`before` below `now` adds noise back); eta = 1 has the variance of `ddpm_step`, "posterior".
    `noise` is a draw from N(0, 1), needed where eta is above 0.
    """
    _check_batch(x, "x")
    _check_like(prediction, "prediction", x)
    _check_number(eta, "eta", "a number from 0", 0.0)
    now, before = _level(now, "now", x), _level(before, "before", x)
    clean, found = _both(x, prediction, now, clip, kind)
    if eta == 0:
        return before.sqrt().to(x.dtype) * clean + (1 - before).sqrt().to(x.dtype) * found
    _check(noise is not None, "noise", "a draw from N(0, 1), since eta is above 0", noise)
    _check_like(noise, "noise", x)
    spread = eta**2 * (1 - before) / (1 - now) * (1 - now / before)
    return before.sqrt().to(x.dtype) * clean + (1 - before - spread).sqrt().to(x.dtype) * found + spread.sqrt().to(x.dtype) * noise


def euler_step(x: Float[Tensor, "batch *axes"], velocity: Float[Tensor, "batch *axes"], time: Level, following: Level) -> Float[Tensor, "batch *axes"]:
    """x + (following - time) velocity."""
    _check_batch(x, "x")
    _check_like(velocity, "velocity", x)
    return x + (_level(following, "following", x) - _level(time, "time", x)).to(x.dtype) * velocity


# ------------------------------------------------------------------------------------------------ guidance


def classifier_free_guidance(
    model: Callable[[Tensor, Tensor, Tensor], Tensor],
    x: Float[Tensor, "batch *axes"],
    t: Tensor,
    labels: Int[Tensor, "batch"],
    weight: float,
    nothing: int,
) -> Float[Tensor, "batch *axes"]:
    """(1 + weight) model(x, t, labels) - weight model(x, t, nothing), both from one call on twice the batch (Ho and Salimans 2022).

    weight 0 is the conditional model, -1 the unconditional one; the `guidance_scale` of `diffusers` is 1 + weight.
    """
    _check_batch(x, "x")
    _check(isinstance(labels, Tensor) and labels.shape == x.shape[:1], "labels", f"a tensor ({len(x)},)", _shape(labels))
    _check_number(weight, "weight")
    both = model(torch.cat([x, x]), torch.cat([t, t]), torch.cat([labels, torch.full_like(labels, nothing)]))
    conditional, unconditional = both.chunk(2)
    return unconditional + (1 + weight) * (conditional - unconditional)


def classifier_guidance(
    prediction: Float[Tensor, "batch *axes"],
    x: Float[Tensor, "batch *axes"],
    log_probability: Callable[[Tensor], Tensor],
    alpha_bar: Level,
    weight: float,
) -> Float[Tensor, "batch *axes"]:
    """The predicted noise, less weight * sqrt(1 - alpha_bar) * gradient of log p(class | x) (Dhariwal and Nichol 2021).

    log_probability gives one number a row, from a classifier that knows noised x.
    """
    _check_batch(x, "x")
    _check_like(prediction, "prediction", x)
    _check_number(weight, "weight")
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(log_probability(leaf).sum(), leaf)
    return prediction - weight * (1 - _level(alpha_bar, "alpha_bar", x)).sqrt().to(x.dtype) * slope


# ------------------------------------------------------------------------------------------------ samplers


def _draw(x: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device if generator is None else generator.device).to(x.device)


@torch.no_grad()
def ddpm_sample(
    model: Model,
    x: Float[Tensor, "batch *axes"],
    schedule: NoiseSchedule,
    steps: int | None = None,
    variance: str = "posterior",
    clip: float | None = None,
    kind: str = "noise",
    generator: torch.Generator | None = None,
) -> Float[Tensor, "batch *axes"]:
    """From noise x to data along the reverse chain, by `ddpm_step` in `steps` strides (all of them without)."""
    times = schedule.times(steps or schedule.steps)
    for now, before in zip(times, times[1:]):
        prediction = model(x, torch.full((len(x),), now, device=x.device))
        levels = schedule.alpha_bar[now].item(), schedule.alpha_bar[before].item()
        x = ddpm_step(x, prediction, *levels, _draw(x, generator) if before else None, variance, clip, kind)
    return x


@torch.no_grad()
def ddim_sample(
    model: Model,
    x: Float[Tensor, "batch *axes"],
    schedule: NoiseSchedule,
    steps: int,
    eta: float = 0.0,
    clip: float | None = None,
    kind: str = "noise",
    generator: torch.Generator | None = None,
) -> Float[Tensor, "batch *axes"]:
    """From noise x to data by `ddim_step` in `steps` strides."""
    times = schedule.times(steps)
    for now, before in zip(times, times[1:]):
        prediction = model(x, torch.full((len(x),), now, device=x.device))
        levels = schedule.alpha_bar[now].item(), schedule.alpha_bar[before].item()
        x = ddim_step(x, prediction, *levels, eta, _draw(x, generator) if eta else None, clip, kind)
    return x


@torch.no_grad()
def euler_sample(model: Model, x: Float[Tensor, "batch *axes"], steps: int) -> Float[Tensor, "steps_and_one batch *axes"]:
    """Every point on the way from noise x at time 1 to data at time 0, along the velocity model(x, time) in `steps` equal Euler steps."""
    _check_batch(x, "x")
    _check_size(steps, "steps")
    path = [x]
    for place in range(steps):
        time, following = 1 - place / steps, 1 - (place + 1) / steps
        velocity = model(path[-1], torch.full((len(x),), time, dtype=x.dtype, device=x.device))
        path.append(euler_step(path[-1], velocity, time, following))
    return torch.stack(path)


# ------------------------------------------------------------------------------------------------ nets


def time_features(t: Tensor, dim: int) -> Float[Tensor, "batch dim"]:
    """cos and sin of t times dim / 2 frequencies from 1 down to near 1 / 10 000, float32 (float64 where t is): t whole or not."""
    _check(isinstance(t, Tensor) and t.ndim == 1, "t", "a tensor (batch,)", _shape(t))
    _check(isinstance(dim, int) and dim >= 2 and dim % 2 == 0, "dim", "an even integer from 2", repr(dim))
    dtype = torch.float64 if t.dtype == torch.float64 else torch.float32
    rates = torch.exp(torch.arange(dim // 2, dtype=dtype, device=t.device) * (-log(10_000) / (dim // 2)))
    angles = t.to(dtype)[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], 1)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions behind group norms; `shift` (batch, outputs) is added between: what time and class have to say."""

    def __init__(self, inputs: int, outputs: int, groups: int = 8) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Float[Tensor, "batch inputs height width"], shift: Float[Tensor, "batch outputs"]) -> Float[Tensor, "batch outputs height width"]:
        hidden = self.conv1(F.silu(self.norm1(x))) + shift[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(hidden)))


class UNet(nn.Module):
    """Images (batch, channels, height, width) and t (batch,) -> a prediction of the same shape; the net of Ho et al. 2020 without attention.

    The levels of `multipliers` have width * multiplier channels, each half as high and wide as the one before, with `blocks` residual blocks on the
    way down and one more on the way up, where all results of the way down are read again. Time and class are vectors of 4 * width numbers, summed;
    one linear layer makes the shifts of all blocks from them.

    labels are 0 to classes - 1, or `net.nothing` (= classes) for no class; without labels all are nothing. t may be whole or not.
    With `.to(memory_format=torch.channels_last)` the convolutions are faster on most machines.
    """

    def __init__(self, channels: int = 1, width: int = 32, multipliers: Sequence[int] = (1, 2), blocks: int = 1, classes: int = 0, groups: int = 8) -> None:
        super().__init__()
        for name, value, least in (("channels", channels, 1), ("width", width, 2), ("blocks", blocks, 1), ("classes", classes, 0), ("groups", groups, 1)):
            _check_size(value, name, least)
        _check(len(multipliers) > 0, "multipliers", "at least one", multipliers)
        for multiplier in multipliers:
            _check_size(multiplier, "multipliers")
        _check(width % groups == 0 and width % 2 == 0, "width", f"an even multiple of groups, {groups}", width)
        self.width, self.nothing, self.halvings = width, classes, len(multipliers) - 1
        sizes = [width * multiplier for multiplier in multipliers]
        self.time = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, 4 * width))
        self.classes = nn.Embedding(classes + 1, 4 * width) if classes else None
        self.start = nn.Conv2d(channels, width, 3, padding=1)
        self.down, self.smaller, held, size = nn.ModuleList(), nn.ModuleList(), [width], width
        for level, wanted in enumerate(sizes):
            for _ in range(blocks):
                self.down.append(ResidualBlock(size, wanted, groups))
                size = wanted
                held.append(size)
            if level < self.halvings:
                self.smaller.append(nn.Conv2d(size, size, 3, stride=2, padding=1))
                held.append(size)
        self.middle = nn.ModuleList([ResidualBlock(size, size, groups) for _ in range(2)])
        self.up, self.larger = nn.ModuleList(), nn.ModuleList()
        for level, wanted in reversed(list(enumerate(sizes))):
            for _ in range(blocks + 1):
                self.up.append(ResidualBlock(size + held.pop(), wanted, groups))
                size = wanted
            if level:
                self.larger.append(nn.Conv2d(size, size, 3, padding=1))
        self.norm, self.end = nn.GroupNorm(groups, size), nn.Conv2d(size, channels, 3, padding=1)
        self.blocks = blocks
        self.widths = [block.conv1.out_channels for block in (*self.down, *self.middle, *self.up)]
        self.shifts = nn.Linear(4 * width, sum(self.widths))

    def forward(
        self, x: Float[Tensor, "batch channels height width"], t: Tensor, labels: Int[Tensor, "batch"] | None = None
    ) -> Float[Tensor, "batch channels height width"]:
        good = isinstance(x, Tensor) and x.ndim == 4 and x.shape[1] == self.start.in_channels and not any(side % 2**self.halvings for side in x.shape[2:])
        _check(good, "x", f"(batch, {self.start.in_channels}, height, width), both sides multiples of {2**self.halvings}", _shape(x))
        _check(isinstance(t, Tensor) and t.shape == x.shape[:1], "t", f"a tensor ({len(x)},)", _shape(t))
        _check(labels is None or self.classes is not None, "labels", "None, since the net knows no classes", _shape(labels))
        told = self.time(time_features(t.double() if x.dtype == torch.float64 else t, self.width).to(x.dtype))
        if self.classes is not None:
            labels = torch.full_like(t, self.nothing, dtype=torch.int64) if labels is None else labels
            _check(labels.shape == t.shape, "labels", f"a tensor {tuple(t.shape)}", _shape(labels))
            told = told + self.classes(labels)
        shifts = iter(self.shifts(F.silu(told)).split(self.widths, 1))
        hidden = self.start(x)
        held = [hidden]
        for place, block in enumerate(self.down, 1):
            hidden = block(hidden, next(shifts))
            held.append(hidden)
            if place % self.blocks == 0 and place // self.blocks <= self.halvings:
                hidden = self.smaller[place // self.blocks - 1](hidden)
                held.append(hidden)
        for block in self.middle:
            hidden = block(hidden, next(shifts))
        for place, block in enumerate(self.up, 1):
            hidden = block(torch.cat([hidden, held.pop()], 1), next(shifts))
            if place % (self.blocks + 1) == 0 and place // (self.blocks + 1) <= self.halvings:
                hidden = self.larger[place // (self.blocks + 1) - 1](F.interpolate(hidden, scale_factor=2.0, mode="nearest"))
        return self.end(F.silu(self.norm(hidden)))


class LatentSpace(nn.Module):
    """Codes of an autoencoder in a unit that suits diffusion: each number of the code with mean 0 and deviation 1 over the data (Rombach et al. 2021).

    encode(x) -> codes (batch, *axes), decode(codes) -> x. `fit(codes)` sets mean and deviation of each number from codes of training data.
    """

    def __init__(self, encode: Callable[[Tensor], Tensor], decode: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.encode, self.decode = encode, decode
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def fit(self, codes: Float[Tensor, "rows *axes"]) -> LatentSpace:
        _check_batch(codes, "codes")
        _check(len(codes) > 1, "codes", "at least 2 rows", len(codes))
        self.mean, deviation = codes.detach().mean(0), codes.detach().std(0)
        _check(bool((deviation > 0).all()), "codes", "numbers that vary", "one that does not")
        self.deviation = deviation
        return self

    def to_latent(self, x: Tensor) -> Tensor:
        return (self.encode(x) - self.mean) / self.deviation

    def to_data(self, z: Tensor) -> Tensor:
        return self.decode(z * self.deviation + self.mean)


@torch.no_grad()
def ema_update(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average = decay * average + (1 - decay) * model, parameter by parameter; buffers are copied."""
    _check_number(decay, "decay", "a number from 0 to 1", 0.0, 1.0)
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for held, buffer in zip(average.buffers(), model.buffers(), strict=True):
        held.copy_(buffer)
