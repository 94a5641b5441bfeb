"""Against diffusers' schedulers and U-Net step by step, data whose denoiser is known exactly, and every form against every other."""

import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data.mixtures import GaussianMixture
from course_lib.reference import diffusion as D
from tests.reference.oracles import InDouble, oracle

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
each_device = pytest.mark.parametrize("device", DEVICES)
each_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=3e-2, atol=3e-2)}


def randn(*shape, seed, dtype=torch.float64, device="cpu"):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device, dtype)


def agree(one, other, dtype):
    """Within the tolerances; sums are measured against their largest entry."""
    assert one.dtype == dtype
    scale = max(1.0, other.abs().max().item())
    torch.testing.assert_close(one / scale, (other / scale).to(one), **TOLERANCES[dtype])


def gradients(out, leaves):
    """Of a scalar in general position, so that every output has a gradient of its own."""
    return torch.autograd.grad((out * randn(*out.shape, seed=7).to(out)).sum(), leaves, retain_graph=True)


def randomise(module, seed=0, scale=0.3):
    for number, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(scale * randn(*parameter.shape, seed=100 * seed + number))
    return module


SCHEDULES = [D.NoiseSchedule.linear(), D.NoiseSchedule.cosine(), D.NoiseSchedule.linear(50, 2e-3, 0.4), D.NoiseSchedule.cosine(37)]
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: f"{schedule.steps}")

# ---------------------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize("steps", [10, 200, 1000])
def test_tables_are_those_of_diffusers(steps):
    diffusers = oracle("diffusers")
    for ours, name in ((D.NoiseSchedule.linear(steps), "linear"), (D.NoiseSchedule.cosine(steps), "squaredcos_cap_v2")):
        theirs = diffusers.DDPMScheduler(steps, beta_schedule=name)
        torch.testing.assert_close(ours.betas.float(), theirs.betas, rtol=2e-6, atol=1e-9)  # their line is drawn in float32
        torch.testing.assert_close(ours.alpha_bar[1:], theirs.betas.double().neg().add(1).cumprod(0), rtol=1e-3 if steps == 1000 else 1e-5, atol=1e-6)


@each_schedule
def test_alpha_bar_is_the_product_and_falls_from_one(schedule):
    assert schedule.alpha_bar.dtype == schedule.betas.dtype == torch.float64 and schedule.alpha_bar[0] == 1
    by_hand = 1.0
    for t, beta in enumerate(schedule.betas.tolist(), 1):
        by_hand *= 1 - beta
        assert schedule.alpha_bar[t].item() == pytest.approx(by_hand, rel=1e-12)
    assert (schedule.alpha_bar.diff() < 0).all()


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("total, number", [(1000, 25), (1000, 50), (200, 8), (200, 200), (37, 1), (1000, 7), (37, 5)])
def test_times_are_those_of_diffusers(total, number, spacing):
    scheduler = oracle("diffusers").DDIMScheduler(total, timestep_spacing=spacing)
    scheduler.set_timesteps(number)
    ours = D.NoiseSchedule.linear(total).times(number, spacing)
    assert ours[-1] == 0 and [t - 1 for t in ours[:-1]] == scheduler.timesteps.tolist()[:number]


# ---------------------------------------------------------------------------------------------- steps, against diffusers


def in_double(scheduler, schedule):
    """A scheduler of diffusers with our tables, which are float64 where its own are float32."""
    scheduler.betas, scheduler.alphas_cumprod = schedule.betas, schedule.alpha_bar[1:].clone()
    scheduler.alphas, scheduler.one = 1 - schedule.betas, torch.tensor(1.0, dtype=torch.float64)
    scheduler.final_alpha_cumprod = scheduler.one
    return scheduler


PREDICTS = {"noise": "epsilon", "clean": "sample", "v": "v_prediction"}


@pytest.mark.parametrize("kind", PREDICTS)
@pytest.mark.parametrize("variance", ["posterior", "beta"])
@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("total, number, seed", [(1000, 1000, 0), (1000, 25, 1), (200, 8, 2), (50, 50, 3)])
def test_ddpm_steps_are_those_of_diffusers(total, number, seed, clip, variance, kind):
    diffusers = oracle("diffusers")
    schedule = D.NoiseSchedule.cosine(total) if seed % 2 else D.NoiseSchedule.linear(total, 0.1 / total, 20 / total)
    settings = dict(variance_type="fixed_large" if variance == "beta" else "fixed_small", prediction_type=PREDICTS[kind], clip_sample=clip is not None)
    scheduler = in_double(diffusers.DDPMScheduler(total, **settings), schedule)
    scheduler.set_timesteps(number)
    x, prediction, noise = (randn(3, 2, 4, 4, seed=seed + place) for place in range(3))
    times = schedule.times(number, "leading")
    for place in sorted({0, 1, number // 2, number - 1}):
        now, before = (schedule.alpha_bar[times[place + step]].item() for step in (0, 1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *arguments, **options: noise)
            wanted = scheduler.step(prediction, int(scheduler.timesteps[place]), x).prev_sample
        agree(D.ddpm_step(x, prediction, now, before, noise, variance, clip, kind), wanted, torch.float64)


@pytest.mark.parametrize("kind", PREDICTS)
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("clip", [None, 0.8])
@pytest.mark.parametrize("total, number, seed", [(1000, 25, 0), (1000, 200, 1), (200, 8, 2), (50, 50, 3)])
def test_ddim_steps_are_those_of_diffusers(total, number, seed, clip, eta, kind):
    diffusers = oracle("diffusers")
    schedule = D.NoiseSchedule.cosine(total) if seed % 2 else D.NoiseSchedule.linear(total, 0.1 / total, 20 / total)
    settings = dict(prediction_type=PREDICTS[kind], clip_sample=clip is not None, clip_sample_range=clip or 1.0)
    scheduler = in_double(diffusers.DDIMScheduler(total, **settings), schedule)
    scheduler.set_timesteps(number)
    x, prediction, noise = (randn(3, 5, seed=seed + place) for place in range(3))
    times = schedule.times(number, "leading")
    for place in sorted({0, 1, number // 2, number - 1}):
        now, before = (schedule.alpha_bar[times[place + step]].item() for step in (0, 1))
        wanted = scheduler.step(prediction, int(scheduler.timesteps[place]), x, eta=eta, variance_noise=noise if eta else None).prev_sample
        agree(D.ddim_step(x, prediction, now, before, eta, noise, clip, kind), wanted, torch.float64)


@pytest.mark.parametrize("steps", [1, 4, 25])
@pytest.mark.parametrize("seed", range(3))
def test_euler_steps_are_those_of_diffusers(steps, seed):
    """Their sampler computes in float32 and takes its places from a table; in double it is given the same places."""
    scheduler = oracle("diffusers").FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=[1 - place / steps for place in range(steps)])
    scheduler.sigmas = torch.tensor([1 - place / steps for place in range(steps + 1)], dtype=torch.float64)
    net = randomise(nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)).double(), seed)
    x = randn(5, 3, seed=seed)
    velocity = lambda point, time: net(point) * (1 + time[:, None])
    path, theirs = D.euler_sample(velocity, x, steps), x
    assert path.shape == (steps + 1, 5, 3) and torch.equal(path[0], x)
    for place, timestep in enumerate(scheduler.timesteps):
        with torch.no_grad(), InDouble():
            theirs = scheduler.step(velocity(theirs, scheduler.sigmas[place].expand(5)), timestep, theirs).prev_sample
        agree(path[place + 1], theirs, torch.float64)


@pytest.mark.parametrize("kind", PREDICTS)
def test_noising_and_velocity_are_those_of_diffusers(kind):
    diffusers = oracle("diffusers")
    schedule = D.NoiseSchedule.cosine(60)
    scheduler = in_double(diffusers.DDPMScheduler(60), schedule)
    x, noise, t = randn(6, 1, 4, 4, seed=1), randn(6, 1, 4, 4, seed=2), torch.tensor([1, 60, 7, 33, 59, 2])
    level = schedule.at(t, x)
    agree(D.q_sample(x, noise, level), scheduler.add_noise(x, noise, t - 1), torch.float64)
    noised = D.q_sample(x, noise, level)
    agree(D.convert(noise, noised, level.sqrt(), (1 - level).sqrt(), "noise", "v"), scheduler.get_velocity(x, noise, t - 1), torch.float64)


# ---------------------------------------------------------------------------------------------- predictions and losses


@each_device
@each_dtype
@pytest.mark.parametrize("signal, sigma", [(0.8, 0.6), (0.3, 0.7), (0.999, 0.04)])
def test_all_kinds_of_prediction_hold_the_same(signal, sigma, dtype, device):
    clean, noise = (randn(4, 3, 2, seed=seed, dtype=dtype, device=device) for seed in (0, 1))
    x = signal * clean + sigma * noise
    parts = {"noise": noise, "clean": clean, "v": signal * noise - sigma * clean, "flow": noise - clean, "score": -noise / sigma}
    for source in D.KINDS:
        for target in D.KINDS:
            got = D.convert(parts[source], x, signal, sigma, source, target)
            assert got.dtype == dtype
            torch.testing.assert_close(got, parts[target], rtol=1e-8 if dtype == torch.float64 else 3e-3, atol=1e-9 if dtype == torch.float64 else 3e-3)


@each_device
@each_dtype
def test_losses_and_gradients(dtype, device):
    schedule = D.NoiseSchedule.linear(20, 1e-3, 0.5)
    net = randomise(nn.Linear(4, 3), 1).to(device, dtype)
    model = lambda x, t: net(torch.cat([x, t.to(x)[:, None] / 7], 1))
    x, noise, t = randn(6, 3, seed=0, dtype=dtype, device=device), randn(6, 3, seed=1, dtype=dtype, device=device), torch.tensor([1, 20, 3, 9, 20, 14])
    t, time = t.to(device), torch.tensor([0.0, 1.0, 0.3, 0.77, 0.5, 0.01], dtype=dtype, device=device)
    leaves = list(net.parameters())
    rows = [schedule.alpha_bar[step].item() for step in t.tolist()]
    noised = torch.stack([math.sqrt(level) * one + math.sqrt(1 - level) * two for level, one, two in zip(rows, x, noise)])
    for got, wanted in (
        (D.ddpm_loss(model, x, t, noise, schedule), (model(noised, t) - noise).square().mean()),
        (D.flow_matching_loss(model, x, time, noise), (model(x + time[:, None] * (noise - x), time) - noise + x).square().mean()),
    ):
        agree(got, wanted, dtype)
        for one, other in zip(torch.autograd.grad(got, leaves), torch.autograd.grad(wanted, leaves)):
            agree(one, other, dtype)


MIXTURE = GaussianMixture(((1.5, 0.0), (-1.0, 1.2), (0.2, -1.4)), (0.2, 0.3, 0.25), (0.5, 0.3, 0.2))


@pytest.mark.parametrize("t", [5, 60, 150])
def test_the_exact_noise_has_the_least_loss(t):
    """Any other prediction is worse, by exactly its mean squared distance."""
    schedule = D.NoiseSchedule.linear(200, 5e-4, 0.1)
    level = schedule.alpha_bar[t].item()
    noised = MIXTURE.noised(math.sqrt(level), math.sqrt(1 - level))
    exact = lambda x, t: -math.sqrt(1 - level) * noised.score(x)
    wrong = lambda x, t: exact(x, t) + 0.1 * x.roll(1, 1).sin()
    x = MIXTURE.sample(400_000, torch.Generator().manual_seed(0)).double()
    noise, ts = randn(len(x), 2, seed=1), torch.full((len(x),), t)
    best, worse = D.ddpm_loss(exact, x, ts, noise, schedule), D.ddpm_loss(wrong, x, ts, noise, schedule)
    point = D.q_sample(x, noise, level)
    assert worse - best == pytest.approx((0.1 * point.sin()).square().mean().item(), rel=0.05)


def test_the_empirical_noise_is_that_of_a_mixture_of_points():
    """Points are Gaussians of no width; a row of the data, hardly noised, finds itself."""
    data = randn(30, 3, seed=0)
    for level in (0.9999, 0.8, 0.2, 1e-3):
        points = GaussianMixture(tuple(map(tuple, data.tolist())), (1e-9,) * 30, (1 / 30,) * 30).noised(math.sqrt(level), math.sqrt(1 - level))
        x = D.q_sample(data[:7], randn(7, 3, seed=1), level)
        torch.testing.assert_close(D.empirical_noise(x, data, level), -math.sqrt(1 - level) * points.score(x), rtol=1e-6, atol=1e-8)
    levels = torch.tensor([0.9, 0.5, 0.1, 0.7, 0.3, 0.2, 0.99], dtype=torch.float64)
    x = D.q_sample(data[:7], randn(7, 3, seed=1), levels)
    each = torch.cat([D.empirical_noise(x[row : row + 1], data, levels[row].item()) for row in range(7)])
    torch.testing.assert_close(D.empirical_noise(x, data, levels), each)
    end = D.ddim_sample(lambda x, t: D.empirical_noise(x, data, D.NoiseSchedule.cosine(100).alpha_bar[t[0]].item()), randn(50, 3, seed=2), D.NoiseSchedule.cosine(100), 100)
    assert torch.cdist(end, data).min(1).values.max() < 1e-3


# ---------------------------------------------------------------------------------------------- data whose denoiser is linear


def linear_gaussian(variance, mean, schedule):
    """The exact noise prediction where the clean data are N(mean, variance), number by number."""

    def model(x, t):
        level = schedule.alpha_bar[t[0]].item()
        return math.sqrt(1 - level) * (x - math.sqrt(level) * mean) / (level * variance + 1 - level)

    return model


@pytest.mark.parametrize("sampler", ["posterior", "beta", "eta"])
@each_schedule
def test_the_exact_chain_gives_the_exact_marginal(schedule, sampler):
    """Each step is affine, so mean and variance follow by recursion, and where the chain is long they are those of the data."""
    variance, mean = torch.tensor([0.3, 1.0, 2.5], dtype=torch.float64), torch.tensor([1.0, -0.5, 0.2], dtype=torch.float64)
    model = linear_gaussian(variance, mean, schedule)
    now_mean, now_variance = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    for t in range(schedule.steps, 0, -1):
        levels = schedule.alpha_bar[t].item(), schedule.alpha_bar[t - 1].item()
        step = lambda x, noise: (
            D.ddim_step(x, model(x, torch.tensor([t])), *levels, 1.0, noise) if sampler == "eta" else D.ddpm_step(x, model(x, torch.tensor([t])), *levels, noise, sampler)
        )
        zero, one = torch.zeros(1, 3, dtype=torch.float64), torch.ones(1, 3, dtype=torch.float64)
        offset, slope, spread = step(zero, zero)[0], (step(one, zero) - step(zero, zero))[0], (step(zero, one) - step(zero, zero))[0]
        now_mean, now_variance = slope * now_mean + offset, slope.square() * now_variance + spread.square()
        # p(x_{t-1}) of the data is N(sqrt(a) mean, a variance + 1 - a)
    tolerance = {1000: 0.02, 50: 0.2, 37: 0.2}[schedule.steps]
    torch.testing.assert_close(now_mean, mean, rtol=0, atol=tolerance)
    torch.testing.assert_close(now_variance, variance, rtol=2.5 * tolerance, atol=0)


def test_one_step_with_the_exact_posterior_keeps_the_marginal_exactly():
    """The true reverse step has variance beta_t (1 - a_{t-1} + a_{t-1} v) / (1 - a_t + a_t v): between the two that are offered, and equal to each in a limit."""
    now, before = 0.3, 0.45
    beta = 1 - now / before
    for variance, name in ((1e-12, "posterior"), (1.0, "beta")):
        x, noise = randn(4, 3, seed=0), torch.ones(4, 3, dtype=torch.float64)
        exact = beta * (before * variance + 1 - before) / (now * variance + 1 - now)
        got = D.ddpm_step(x, x, now, before, noise, name) - D.ddpm_step(x, x, now, before, None, name)
        torch.testing.assert_close(got.square(), torch.full_like(got, exact), rtol=1e-8, atol=0)


def test_samplers_draw_the_mixture():
    schedule = D.NoiseSchedule.linear(200, 5e-4, 0.1)

    def model(x, t):
        level = schedule.alpha_bar[t[0]].item()
        return -math.sqrt(1 - level) * MIXTURE.noised(math.sqrt(level), math.sqrt(1 - level)).score(x)

    def velocity(x, time):
        tau = min(max(time[0].item(), 1e-6), 1 - 1e-6)
        noise = -tau * MIXTURE.noised(1 - tau, tau).score(x)
        return D.convert(noise, x, 1 - tau, tau, "noise", "flow")

    x, generator = randn(20_000, 2, seed=0), torch.Generator().manual_seed(1)
    ways = {
        "ddpm": D.ddpm_sample(model, x, schedule, generator=generator),
        "ddim": D.ddim_sample(model, x, schedule, 100),
        "eta": D.ddim_sample(model, x, schedule, 100, eta=1.0, generator=generator),
        "flow": D.euler_sample(velocity, x, 100)[-1],
    }
    for name, end in ways.items():
        mode, distance = MIXTURE.nearest(end)
        shares = mode.bincount(minlength=3) / len(end)
        torch.testing.assert_close(shares, torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=0.02, msg=lambda words: f"{name}: {words}")
        assert (distance < 3.5).double().mean() > 0.98, name


def test_ddim_there_and_back():
    """Without chance the way is a curve: many small steps to noise and back end where they began."""
    schedule = D.NoiseSchedule.cosine(1000)
    variance, mean = torch.tensor([0.3, 1.0], dtype=torch.float64), torch.tensor([1.0, -0.5], dtype=torch.float64)
    model, start = linear_gaussian(variance, mean, schedule), randn(5, 2, seed=0)
    x, top = start, 990
    for t in range(1, top):
        x = D.ddim_step(x, model(x, torch.tensor([t])), schedule.alpha_bar[t].item(), schedule.alpha_bar[t + 1].item())
    for t in range(top, 1, -1):
        x = D.ddim_step(x, model(x, torch.tensor([t])), schedule.alpha_bar[t].item(), schedule.alpha_bar[t - 1].item())
    torch.testing.assert_close(x, start, rtol=0, atol=0.02)


def test_ddim_is_eulers_method_and_eta_one_is_ddpm():
    """In x / signal against sigma / signal one DDIM step is one Euler step; with eta 1 mean and variance are DDPM's."""
    x, prediction, noise = (randn(4, 3, seed=seed) for seed in range(3))
    for now, before in ((0.1, 0.4), (0.4, 0.9), (0.7, 1.0)):
        ratio = lambda level: math.sqrt((1 - level) / level)
        line = math.sqrt(before) * (x / math.sqrt(now) + (ratio(before) - ratio(now)) * prediction)
        torch.testing.assert_close(D.ddim_step(x, prediction, now, before), line, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(D.ddim_step(x, prediction, now, before, 1.0, noise), D.ddpm_step(x, prediction, now, before, noise), rtol=1e-12, atol=1e-12)


def test_levels_by_row():
    x, prediction, noise = (randn(4, 3, 2, seed=seed) for seed in range(3))
    now, before = torch.tensor([0.1, 0.5, 0.9, 0.3], dtype=torch.float64), torch.tensor([0.2, 1.0, 0.95, 0.8], dtype=torch.float64)
    for step in (lambda *a: D.ddpm_step(*a, noise[: len(a[0])]), lambda *a: D.ddpm_step(*a, noise[: len(a[0])], "beta"), lambda *a: D.ddim_step(*a, 0.7, noise[: len(a[0])])):
        together = step(x, prediction, now, before)
        one = step(x[:1], prediction[:1], 0.1, 0.2)
        torch.testing.assert_close(together[:1], one)
        assert together.isfinite().all()
    assert torch.equal(D.ddpm_step(x, prediction, now, before, noise, "beta")[1], D.ddpm_step(x, prediction, now, before, None, "beta")[1])


# ---------------------------------------------------------------------------------------------- guidance


def test_guidance_without_a_classifier_and_its_ends():
    net = randomise(nn.Embedding(5, 3).double(), 1)
    calls = []

    def model(x, t, labels):
        calls.append(len(x))
        return x * net(labels) + t[:, None]

    x, t, labels = randn(4, 3, seed=0), torch.tensor([3, 9, 1, 4]), torch.tensor([2, 0, 3, 2])
    conditional, unconditional = model(x, t, labels), model(x, t, torch.full_like(labels, 4))
    calls.clear()
    for weight, wanted in ((0.0, conditional), (-1.0, unconditional), (2.5, 3.5 * conditional - 2.5 * unconditional)):
        torch.testing.assert_close(D.classifier_free_guidance(model, x, t, labels, weight, 4), wanted, rtol=1e-12, atol=1e-12)
    assert calls == [8, 8, 8] and labels.tolist() == [2, 0, 3, 2]


def test_guidance_by_the_exact_classifier_is_the_exact_conditional():
    """Bayes: the score of p(x | class) is that of p(x) plus the gradient of log p(class | x); with weight 1 nothing is missing."""
    level = 0.6
    noised = MIXTURE.noised(math.sqrt(level), math.sqrt(1 - level))
    only = GaussianMixture((noised.means[1],), (noised.deviations[1],), (1.0,))
    x = randn(20, 2, seed=0)
    log_probability = lambda x: only.log_density(x) + math.log(0.3) - noised.log_density(x)
    prediction = -math.sqrt(1 - level) * noised.score(x)
    got = D.classifier_guidance(prediction, x, log_probability, level, 1.0)
    torch.testing.assert_close(got, -math.sqrt(1 - level) * only.score(x), rtol=1e-10, atol=1e-10)
    with torch.no_grad():
        torch.testing.assert_close(D.classifier_guidance(prediction, x, log_probability, level, 1.0), got)


def test_dropped_labels():
    labels = torch.arange(10).repeat(3000)
    dropped = D.drop_labels(labels, 0.2, 10, torch.Generator().manual_seed(0))
    lost = dropped == 10
    assert 0.19 < lost.double().mean() < 0.21 and torch.equal(dropped[~lost], labels[~lost])
    assert D.drop_labels(labels, 0.0, 10).equal(labels) and (D.drop_labels(labels, 1.0, 10) == 10).all()


# ---------------------------------------------------------------------------------------------- the U-Net, against diffusers


def twins(width, multipliers, blocks, classes, channels, groups, seed, dtype=torch.float64, device="cpu"):
    """Our net and theirs with the same weights, all drawn at random."""
    diffusers = oracle("diffusers")
    ours = randomise(D.UNet(channels, width, multipliers, blocks, classes, groups), seed).to(device, dtype)
    count = len(multipliers)
    theirs = diffusers.UNet2DModel(
        in_channels=channels, out_channels=channels, block_out_channels=[width * m for m in multipliers], layers_per_block=blocks,
        down_block_types=("DownBlock2D",) * count, up_block_types=("UpBlock2D",) * count, add_attention=False, norm_num_groups=groups,
        num_class_embeds=classes + 1 if classes else None,
    ).to(device, dtype)  # fmt: skip
    copy_weights(ours, theirs)
    return ours, theirs


def pairs(ours, theirs):
    """(our parameter, theirs) of the whole net; the rows of our one layer of shifts go to the blocks in turn."""
    yield from zip(ours.time[0].parameters(), theirs.time_embedding.linear_1.parameters())
    yield from zip(ours.time[2].parameters(), theirs.time_embedding.linear_2.parameters())
    if ours.classes is not None:
        yield ours.classes.weight, theirs.class_embedding.weight
    for one, other in ((ours.start, theirs.conv_in), (ours.norm, theirs.conv_norm_out), (ours.end, theirs.conv_out)):
        yield from zip(one.parameters(), other.parameters())
    blocks = [block for part in theirs.down_blocks for block in part.resnets] + list(theirs.mid_block.resnets) + [block for part in theirs.up_blocks for block in part.resnets]
    for block, other in zip((*ours.down, *ours.middle, *ours.up), blocks, strict=True):
        for name, twin in (("norm1", "norm1"), ("conv1", "conv1"), ("norm2", "norm2"), ("conv2", "conv2"), ("shortcut", "conv_shortcut")):
            if getattr(other, twin) is not None:
                yield from zip(getattr(block, name).parameters(), getattr(other, twin).parameters(), strict=True)
    smaller = [part.downsamplers[0].conv for part in theirs.down_blocks if part.downsamplers]
    larger = [part.upsamplers[0].conv for part in theirs.up_blocks if part.upsamplers]
    for one, other in zip((*ours.smaller, *ours.larger), (*smaller, *larger), strict=True):
        yield from zip(one.parameters(), other.parameters())


def shift_rows(ours, theirs):
    blocks = [block for part in theirs.down_blocks for block in part.resnets] + list(theirs.mid_block.resnets) + [block for part in theirs.up_blocks for block in part.resnets]
    return blocks, ours.widths


@torch.no_grad()
def copy_weights(ours, theirs):
    for one, other in pairs(ours, theirs):
        other.copy_(one)
    blocks, widths = shift_rows(ours, theirs)
    for block, weight, bias in zip(blocks, ours.shifts.weight.split(widths), ours.shifts.bias.split(widths), strict=True):
        block.time_emb_proj.weight.copy_(weight)
        block.time_emb_proj.bias.copy_(bias)


CONFIGURATIONS = [  # width, multipliers, blocks, classes, channels, groups, size
    (8, (1, 2), 1, 10, 1, 4, (8, 8)), (16, (1, 1, 2), 2, 0, 3, 8, (8, 12)), (8, (1,), 1, 3, 2, 2, (5, 7)), (8, (1, 3, 2), 1, 4, 1, 8, (4, 8)), (24, (1, 2), 3, 0, 1, 8, (2, 2)),
]


@each_device
@pytest.mark.parametrize("number", range(len(CONFIGURATIONS)))
def test_unet_and_all_its_gradients_are_those_of_diffusers(number, device):
    *settings, size = CONFIGURATIONS[number]
    width, multipliers, blocks, classes, channels, groups = settings
    ours, theirs = twins(*settings, seed=number, device=device)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    x = randn(3, channels, *size, seed=number, device=device).requires_grad_()
    t = torch.tensor([999, 0, 17], device=device)
    labels = torch.tensor([0, classes, classes - 1], device=device) if classes else None
    got = ours(x, t, labels)
    with InDouble():
        wanted = theirs(x, t, class_labels=labels).sample
    agree(got, wanted, torch.float64)
    some, others = map(list, zip(*pairs(ours, theirs)))
    for one, other in zip(gradients(got, [x, *some]), gradients(wanted, [x, *others]), strict=True):
        agree(one, other, torch.float64)
    blocks, widths = shift_rows(ours, theirs)
    for name in ("weight", "bias"):
        (one,) = gradients(got, [getattr(ours.shifts, name)])
        agree(one, torch.cat(gradients(wanted, [getattr(block.time_emb_proj, name) for block in blocks])), torch.float64)


@each_dtype
@pytest.mark.parametrize("dim", [2, 8, 32])
def test_time_features_are_those_of_diffusers(dim, dtype):
    oracle("diffusers")
    from diffusers.models.embeddings import get_timestep_embedding

    t = torch.tensor([0.0, 1.0, 7.5, 200.0, 999.0], dtype=dtype)
    with InDouble():
        wanted = get_timestep_embedding(t.double(), dim, flip_sin_to_cos=True, downscale_freq_shift=0)
    torch.testing.assert_close(D.time_features(t, dim), wanted.to(dtype), rtol=1e-10 if dtype == torch.float64 else 1e-3, atol=1e-10 if dtype == torch.float64 else 1e-4)
    assert torch.equal(D.time_features(torch.tensor([3, 5]), dim), D.time_features(torch.tensor([3.0, 5.0]), dim))


def test_residual_block_is_that_of_diffusers():
    oracle("diffusers")
    from diffusers.models.resnet import ResnetBlock2D

    for inputs, outputs in ((8, 8), (12, 4)):
        ours = randomise(D.ResidualBlock(inputs, outputs, 4).double(), 1)
        theirs = randomise(ResnetBlock2D(in_channels=inputs, out_channels=outputs, temb_channels=6, groups=4, eps=1e-5).double(), 2)
        for name, twin in (("norm1", "norm1"), ("conv1", "conv1"), ("norm2", "norm2"), ("conv2", "conv2"), ("shortcut", "conv_shortcut")):
            if getattr(theirs, twin) is not None:
                getattr(theirs, twin).load_state_dict(getattr(ours, name).state_dict())
        x, told = randn(2, inputs, 3, 5, seed=3), randn(2, 6, seed=4)
        agree(ours(x, theirs.time_emb_proj(F.silu(told))), theirs(x, told), torch.float64)


def test_labels_and_no_labels():
    net = randomise(D.UNet(classes=3, width=8), 1)
    x, t = randn(4, 1, 8, 8, seed=0, dtype=torch.float32), torch.tensor([1, 2, 3, 4])
    assert torch.equal(net(x, t), net(x, t, torch.full((4,), net.nothing)))
    assert not torch.allclose(net(x, t), net(x, t, torch.tensor([0, 1, 2, 0])))


def test_channels_last_changes_nothing_but_speed():
    net, x, t = randomise(D.UNet(width=8, classes=2), 1).double(), randn(4, 1, 8, 8, seed=0), torch.tensor([1, 2, 3, 4])
    before = net(x, t)
    agree(net.to(memory_format=torch.channels_last)(x, t), before, torch.float64)


# ---------------------------------------------------------------------------------------------- latent space, averages


def test_latent_space_there_and_back():
    codes = randn(500, 4, seed=0) * torch.tensor([0.1, 1.0, 3.0, 0.5], dtype=torch.float64) + 2
    space = D.LatentSpace(lambda x: x, lambda z: z).fit(codes)
    z = space.to_latent(codes)
    torch.testing.assert_close(z.mean(0), torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(z.std(0), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(space.to_data(z), codes)
    again = D.LatentSpace(lambda x: x, lambda z: z)
    again.mean, again.deviation = torch.empty(4, dtype=torch.float64), torch.empty(4, dtype=torch.float64)
    again.load_state_dict(space.state_dict())
    torch.testing.assert_close(again.to_latent(codes), z)


def test_average_of_weights():
    average, model = nn.BatchNorm1d(2), randomise(nn.BatchNorm1d(2), 1)
    model.running_mean.fill_(3.0)
    start = average.weight.detach().clone()
    D.ema_update(average, model, 0.9)
    torch.testing.assert_close(average.weight.detach(), 0.9 * start + 0.1 * model.weight.detach())
    assert average.running_mean.tolist() == [3.0, 3.0]


# ---------------------------------------------------------------------------------------------- dtypes, devices, compile, errors


@each_device
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_steps_in_all_dtypes(dtype, device):
    schedule = D.NoiseSchedule.cosine(100)
    x, prediction, noise = (randn(4, 3, seed=seed) for seed in range(3))
    now, before = schedule.alpha_bar[80].item(), schedule.alpha_bar[60].item()
    data, t = randn(9, 3, seed=5), torch.tensor([1, 100, 40, 7])
    functions = [
        lambda x, p, n, d: D.q_sample(x, n, schedule.at(t.to(x.device), x)), lambda x, p, n, d: D.straight_path(x, n, 0.3),
        lambda x, p, n, d: D.ddpm_step(x, p, now, before, n), lambda x, p, n, d: D.ddpm_step(x, p, now, before, n, "beta", 1.0),
        lambda x, p, n, d: D.ddim_step(x, p, now, before), lambda x, p, n, d: D.ddim_step(x, p, now, before, 0.5, n),
        lambda x, p, n, d: D.euler_step(x, p, 0.9, 0.7), lambda x, p, n, d: D.empirical_noise(x, d, 0.5),
        lambda x, p, n, d: D.classifier_guidance(p, x, lambda x: x.square().sum(1), 0.5, 0.3),
    ]  # fmt: skip
    for function in functions:
        there = [part.to(device, dtype) for part in (x, prediction, noise, data)]
        agree(function(*there).cpu(), function(x, prediction, noise, data), dtype)


@each_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_unet_in_all_dtypes(dtype, device):
    net = randomise(D.UNet(width=8, classes=3), 1, scale=0.15).double()
    x, t, labels = randn(4, 1, 8, 8, seed=0), torch.tensor([1, 50, 120, 200]), torch.tensor([0, 1, 2, 3])
    exact = net(x, t, labels)
    got = net.to(device, dtype)(x.to(device, dtype), t.to(device), labels.to(device)).cpu()
    tolerance = dict(rtol=1e-4, atol=1e-4) if dtype == torch.float32 else dict(rtol=5e-2, atol=5e-2)
    torch.testing.assert_close(got.double() / exact.abs().max(), exact / exact.abs().max(), **tolerance)


def test_under_compile_without_breaks_in_the_graph():
    net, x, noise, t = randomise(D.UNet(width=8), 1), randn(2, 1, 8, 8, seed=0, dtype=torch.float32), randn(2, 1, 8, 8, seed=1, dtype=torch.float32), torch.tensor([3, 5])

    def work(x, noise, t):
        point = D.q_sample(x, noise, 0.7)
        prediction = net(point, t)
        return D.ddpm_step(point, prediction, 0.7, 0.8, noise), D.ddim_step(point, prediction, 0.7, 0.8), D.flow_matching_loss(net, x, torch.tensor([0.2, 0.9]), noise)

    for one, other in zip(torch.compile(work, backend="aot_eager", fullgraph=True)(x, noise, t), work(x, noise, t)):
        torch.testing.assert_close(one, other)


X = torch.zeros(2, 3)
IMAGES = torch.zeros(2, 1, 8, 8)
WRONG = [
    (lambda: D.NoiseSchedule(torch.tensor([0.1, 1.0])), "betas: expected numbers above 0 and below 1"),
    (lambda: D.NoiseSchedule(torch.zeros(2, 2)), "betas: expected a floating-point tensor (steps,)"),
    (lambda: D.NoiseSchedule.linear(0), "steps: expected an integer from 1, got 0"),
    (lambda: D.NoiseSchedule.linear(10).times(11), "number: expected at most 10, got 11"),
    (lambda: D.NoiseSchedule.linear(10).times(5, "even"), "spacing: expected 'trailing' or 'leading', got 'even'"),
    (lambda: D.NoiseSchedule.linear(10).at(torch.tensor([0, 11]), X), "t: expected from 0 to 10, got 0 to 11"),
    (lambda: D.NoiseSchedule.linear(10).at(torch.tensor([1.0, 2.0]), X), "t: expected an int64 tensor (2,), got (2,) of torch.float32"),
    (lambda: D.q_sample(X, torch.zeros(3), 0.5), "noise: expected a tensor like x, (2, 3) of torch.float32, got (3,)"),
    (lambda: D.q_sample(X, X, 1.5), "alpha_bar: expected a number from 0 to 1, got 1.5"),
    (lambda: D.q_sample(X, X, torch.zeros(3)), "alpha_bar: expected a floating-point tensor () or (2,), got (3,)"),
    (lambda: D.q_sample(X.long(), X, 0.5), "x: expected a floating-point tensor (batch, ...), got (2, 3) of torch.int64"),
    (lambda: D.straight_path(X, X, -0.1), "time: expected a number from 0 to 1"),
    (lambda: D.convert(X, X, 0.8, 0.6, "epsilon", "v"), "kind: expected one of ("),
    (lambda: D.convert(X, X, 0.8, 0.6, "noise", "x0"), "target: expected one of ("),
    (lambda: D.ddpm_step(X, X, 0.5, 0.6, X, "small"), "variance: expected 'posterior' or 'beta', got 'small'"),
    (lambda: D.ddpm_step(X, torch.zeros(2), 0.5, 0.6), "prediction: expected a tensor like x"),
    (lambda: D.ddim_step(X, X, 0.5, 0.6, 0.3), "noise: expected a draw from N(0, 1), since eta is above 0, got None"),
    (lambda: D.ddim_step(X, X, 0.5, 0.6, -1.0), "eta: expected a number from 0, got -1.0"),
    (lambda: D.empirical_noise(X, torch.zeros(4, 2), 0.5), "data: expected rows like those of x"),
    (lambda: D.classifier_free_guidance(None, X, torch.zeros(2), torch.zeros(3), 1.0, 4), "labels: expected a tensor (2,), got (3,)"),
    (lambda: D.classifier_free_guidance(None, X, torch.zeros(2), torch.zeros(2), math.nan, 4), "weight: expected a finite number, got nan"),
    (lambda: D.drop_labels(torch.zeros(2), 1.1, 4), "share: expected a number from 0 to 1, got 1.1"),
    (lambda: D.euler_sample(None, X, 0), "steps: expected an integer from 1, got 0"),
    (lambda: D.time_features(torch.zeros(2, 2), 4), "t: expected a tensor (batch,)"),
    (lambda: D.time_features(torch.zeros(2), 5), "dim: expected an even integer from 2, got 5"),
    (lambda: D.UNet(width=12), "width: expected an even multiple of groups, 8, got 12"),
    (lambda: D.UNet(multipliers=()), "multipliers: expected at least one"),
    (lambda: D.UNet(width=8)(torch.zeros(2, 1, 7, 8), torch.zeros(2)), "x: expected (batch, 1, height, width), both sides multiples of 2, got (2, 1, 7, 8)"),
    (lambda: D.UNet(width=8)(IMAGES, torch.zeros(3)), "t: expected a tensor (2,), got (3,)"),
    (lambda: D.UNet(width=8)(IMAGES, torch.zeros(2), torch.zeros(2)), "labels: expected None, since the net knows no classes"),
    (lambda: D.UNet(width=8, classes=3)(IMAGES, torch.zeros(2), torch.zeros(3).long()), "labels: expected a tensor (2,), got (3,)"),
    (lambda: D.LatentSpace(None, None).fit(torch.ones(4, 2)), "codes: expected numbers that vary"),
    (lambda: D.ema_update(nn.Linear(1, 1), nn.Linear(1, 1), 2.0), "decay: expected a number from 0 to 1, got 2.0"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_bad_input_is_named(number):
    call, words = WRONG[number]
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
