"""Losses against torch's own, penalties against closed forms, the step against torch.func, the measures against scipy and scikit-learn."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.func import functional_call, grad, vmap

from course_lib.reference import gan as G

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
each_device = pytest.mark.parametrize("device", DEVICES)
each_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
each_loss = pytest.mark.parametrize("loss", G.LOSSES)
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=3e-2, atol=3e-2)}


def randn(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def randomise(module, seed=0, scale=0.5):
    for number, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(scale * randn(*parameter.shape, seed=100 * seed + number))
    return module


def agree(ones, others, dtype):
    for one, other in zip(ones, others, strict=True):
        scale = max(1.0, other.abs().max().item())
        torch.testing.assert_close(one / scale, other / scale, **TOLERANCES[dtype])


# ---------------------------------------------------------------------------------------------- losses


@each_device
@each_dtype
@pytest.mark.parametrize("reals, fakes, scale", [((7,), (4,), 1.0), ((2, 3), (5, 1), 30.0), ((1,), (1,), 500.0)])
def test_logistic_losses_and_gradients_are_torchs(device, dtype, reals, fakes, scale):
    real, fake = ((scale * randn(*shape, seed=seed, dtype=dtype)).to(device).requires_grad_() for seed, shape in enumerate((reals, fakes)))
    entropy = F.binary_cross_entropy_with_logits
    wanted = entropy(real, torch.ones_like(real)) + entropy(fake, torch.zeros_like(fake))
    for loss in ("minimax", "non-saturating"):
        got = G.discriminator_loss(real, fake, loss)
        torch.testing.assert_close(got, wanted, **TOLERANCES[dtype])
        agree(torch.autograd.grad(got, (real, fake)), torch.autograd.grad(wanted, (real, fake), retain_graph=True), dtype)
    for loss, wanted in (("non-saturating", entropy(fake, torch.ones_like(fake))), ("minimax", -entropy(fake, torch.zeros_like(fake)))):
        got = G.generator_loss(fake, loss)
        torch.testing.assert_close(got, wanted, **TOLERANCES[dtype])
        agree(torch.autograd.grad(got, fake), torch.autograd.grad(wanted, fake), dtype)


@each_device
def test_wasserstein_losses(device):
    real, fake = randn(5, seed=1).to(device), randn(3, seed=2).to(device)
    assert G.discriminator_loss(real, fake, "wasserstein").item() == pytest.approx(fake.mean().item() - real.mean().item())
    assert G.generator_loss(fake, "wasserstein").item() == pytest.approx(-fake.mean().item())


@each_loss
@each_device
def test_losses_in_bfloat16_are_near(loss, device):
    real, fake = randn(64, seed=1), randn(64, seed=2)
    small = [x.to(device, torch.bfloat16) for x in (real, fake)]
    got, own = G.discriminator_loss(*small, loss), G.generator_loss(small[1], loss)
    assert got.dtype == own.dtype == torch.bfloat16
    torch.testing.assert_close(got.cpu().double(), G.discriminator_loss(real, fake, loss), **TOLERANCES[torch.bfloat16])
    torch.testing.assert_close(own.cpu().double(), G.generator_loss(fake, loss), **TOLERANCES[torch.bfloat16])


def test_at_zero_logits_the_losses_are_those_of_a_discriminator_that_cannot_tell():
    zero = torch.zeros(4, dtype=torch.float64)
    assert G.discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert G.generator_loss(zero, "minimax").item() == pytest.approx(-math.log(2))
    assert G.generator_loss(zero).item() == pytest.approx(math.log(2))


def test_the_saturating_loss_is_flat_where_the_other_is_steep():
    for logit in (-20.0, -100.0):
        fake = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
        slopes = {loss: torch.autograd.grad(G.generator_loss(fake, loss), fake)[0].item() for loss in ("minimax", "non-saturating")}
        assert slopes["minimax"] == pytest.approx(-1 / (1 + math.exp(-logit)), rel=1e-9) and slopes["non-saturating"] == pytest.approx(-1, abs=1e-8)


# ---------------------------------------------------------------------------------------------- the optimum


def test_optimal_discriminator_is_the_share_of_p():
    log_p, log_q = 3 * randn(4, 5, seed=1), 3 * randn(4, 5, seed=2)
    p, q = log_p.exp(), log_q.exp()
    torch.testing.assert_close(G.optimal_discriminator(log_p, log_q), p / (p + q), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(G.optimal_discriminator(log_p, log_q, 0.2), 0.2 * p / (0.2 * p + 0.8 * q), rtol=1e-12, atol=1e-14)


def test_optimal_discriminator_where_densities_underflow():
    got = G.optimal_discriminator(torch.tensor([-2000.0, -3000.0, 800.0]), torch.tensor([-2001.0, -2500.0, 799.0]))
    torch.testing.assert_close(got, torch.tensor([1 / (1 + math.exp(-1)), 0.0, 1 / (1 + math.exp(-1))]))


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_no_other_discriminator_has_a_smaller_loss(share):
    """On a finite space, by gradient descent on the logits from a random start."""
    p, q = randn(6, seed=1).softmax(0), randn(6, seed=2).softmax(0)
    logits = randn(6, seed=3).requires_grad_()
    optimizer = torch.optim.LBFGS([logits], lr=1, max_iter=400, tolerance_grad=1e-14, tolerance_change=0, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (share * p * F.softplus(-logits) + (1 - share) * q * F.softplus(logits)).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(logits.detach().sigmoid(), G.optimal_discriminator(p.log(), q.log(), share), rtol=1e-6, atol=1e-7)


# ---------------------------------------------------------------------------------------------- penalties


class Linear(nn.Module):
    """x -> w . x for w = (3, 4)."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([3.0, 4.0], dtype=dtype))

    def forward(self, x):
        return x @ self.weight


@each_device
@each_dtype
def test_a_linear_critic_of_slope_five_pays_exactly_sixteen(device, dtype):
    critic = Linear(dtype).to(device)
    real, fake, mix = (randn(*shape, seed=seed, dtype=dtype).to(device) for seed, shape in enumerate([(7, 2), (7, 2), (7,)]))
    penalty = G.gradient_penalty(critic, real, fake, mix)
    assert penalty.item() == pytest.approx(16, rel=1e-6)
    assert G.r1_penalty(critic, real).item() == pytest.approx(25, rel=1e-6)
    assert G.gradient_penalty(critic, real, fake, mix, 2.0).item() == pytest.approx(9, rel=1e-6)
    # d (|w| - 1)^2 / dw = 2 (|w| - 1) w / |w|
    torch.testing.assert_close(torch.autograd.grad(penalty, critic.weight)[0].cpu(), torch.tensor([4.8, 6.4], dtype=dtype))


@each_device
@each_dtype
@pytest.mark.parametrize("rows, dim, hidden, target", [(5, 3, 4, 1.0), (1, 2, 7, 0.0), (6, 8, 3, 0.3), (4, 1, 2, 2.0)])
def test_penalty_and_its_gradients_are_the_closed_form(rows, dim, hidden, target, device, dtype):
    """For v . tanh(W x + b) the slope is W^T (v (1 - tanh²)): the penalty by formula, its gradients by one backward pass through it."""
    first, second = randomise(nn.Linear(dim, hidden).double(), 1, 1.0).to(device, dtype), randomise(nn.Linear(hidden, 1, bias=False).double(), 2, 1.0).to(device, dtype)
    real, fake = (randn(rows, dim, seed=seed, dtype=dtype).to(device) for seed in (1, 2))
    mix = torch.rand(rows, generator=torch.Generator().manual_seed(3)).to(device, dtype)
    got = G.gradient_penalty(lambda x: second(first(x).tanh()), real, fake, mix, target)
    points = torch.lerp(fake, real, mix[:, None])
    slopes = ((1 - first(points).tanh().square()) * second.weight[0]) @ first.weight
    wanted = (slopes.square().sum(1).sqrt() - target).square().mean()
    torch.testing.assert_close(got, wanted, **TOLERANCES[dtype])
    leaves = [first.weight, first.bias, second.weight]
    agree(torch.autograd.grad(got, leaves), torch.autograd.grad(wanted, leaves), dtype)
    assert got.requires_grad and not real.requires_grad and real.grad is None


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (4, 5), (2, 2, 3)])
def test_norms_are_over_all_axes_of_a_row_and_rows_are_mixed_alone(shape):
    weight = randn(*shape[1:], seed=1)
    real, fake, mix = randn(*shape, seed=2), randn(*shape, seed=3), torch.rand(shape[0], generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    seen = []

    def critic(x):
        seen.append(x.detach().clone())
        return (x.square() * weight).flatten(1).sum(1)

    got = G.gradient_penalty(critic, real, fake, mix)
    for row in range(shape[0]):
        torch.testing.assert_close(seen[0][row], mix[row] * real[row] + (1 - mix[row]) * fake[row])
    norms = [(2 * seen[0][row] * weight).norm().item() for row in range(shape[0])]
    assert got.item() == pytest.approx(np.mean([(norm - 1) ** 2 for norm in norms]))


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_flat_critic_has_a_finite_gradient(target):
    weight = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    penalty = G.gradient_penalty(lambda x: x @ weight, randn(3, 2, seed=1), randn(3, 2, seed=2), torch.full((3,), 0.5, dtype=torch.float64), target)
    assert penalty.item() == target and torch.autograd.grad(penalty, weight)[0].isfinite().all()


def test_penalties_work_without_gradients_around_them():
    with torch.no_grad():
        assert G.r1_penalty(Linear(), randn(3, 2, seed=1)).item() == pytest.approx(25)


# ---------------------------------------------------------------------------------------------- the step


def torchs_step(generator, discriminator, real, noise, labels, loss, penalty, mix, target, rates):
    """The same by torch.func: parameters are arguments, gradients of single rows by vmap."""
    more = () if labels is None else (labels,)
    g_weights, d_weights = ({name: value.detach().clone() for name, value in net.named_parameters()} for net in (generator, discriminator))
    fake = functional_call(generator, g_weights, (noise, *more)).detach()

    def d_cost(weights):
        on = lambda x: functional_call(discriminator, weights, (x, *more))  # noqa: E731
        if loss == "wasserstein":
            cost = on(fake).mean() - on(real).mean()
        else:
            cost = -on(real).sigmoid().log().mean() - (1 - on(fake).sigmoid()).log().mean()
        one = lambda x, *label: functional_call(discriminator, weights, (x[None], *(y[None] for y in label)))[0]  # noqa: E731
        if penalty:
            share = mix.reshape(-1, *[1] * (real.ndim - 1))
            slopes = vmap(grad(one))(fake + share * (real - fake), *more).flatten(1)
            cost = cost + penalty * (slopes.norm(dim=1) - target).square().mean()
        return cost

    before = d_cost(d_weights).item()
    d_weights = {name: value - rates[1] * grad(d_cost)(d_weights)[name] for name, value in d_weights.items()}

    def g_cost(weights):
        logits = functional_call(discriminator, d_weights, (functional_call(generator, weights, (noise, *more)), *more))
        return {"minimax": (1 - logits.sigmoid()).log().mean(), "non-saturating": -logits.sigmoid().log().mean(), "wasserstein": -logits.mean()}[loss]

    own = g_cost(g_weights).item()
    slopes = grad(g_cost)(g_weights)
    return {name: value - rates[0] * slopes[name] for name, value in g_weights.items()}, d_weights, before, own


@each_loss
@each_device
@each_dtype
@pytest.mark.parametrize("penalty, target", [(0.0, 1.0), (2.0, 1.0), (0.5, 0.0)])
@pytest.mark.parametrize("digits", [False, True])
def test_the_step_is_torch_funcs(loss, device, dtype, penalty, target, digits):
    if digits:
        generator, discriminator = G.DigitGenerator(5, 6, 10, 3), G.DigitDiscriminator(7)
        real, labels = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64), torch.tensor([3, 0, 9, 3], device=device)
    else:
        generator, discriminator, real, labels = G.PointGenerator(5, 6), G.PointDiscriminator(7), randn(4, 2, seed=1), None
    nets = [randomise(net.double(), seed).to(device, dtype) for seed, net in enumerate((generator, discriminator))]
    real, noise = real.to(device, dtype), randn(4, 5, seed=2, dtype=dtype).to(device)
    mix = torch.rand(4, generator=torch.Generator().manual_seed(3)).to(device, dtype)
    wanted = torchs_step(*nets, real, noise, labels, loss, penalty, mix, target, (0.1, 0.2))
    optimizers = [torch.optim.SGD(net.parameters(), lr=rate) for net, rate in zip(nets, (0.1, 0.2))]
    for net in nets:
        for parameter in net.parameters():
            parameter.grad = torch.ones_like(parameter)  # left over from elsewhere: must not count
    losses = G.train_gan_step(*nets, *optimizers, real, noise, labels, loss, penalty, mix, target)
    assert all(isinstance(value, float) for value in losses)
    assert losses == pytest.approx(wanted[2:], rel=1e-10 if dtype == torch.float64 else 1e-4)
    for net, weights in zip(nets, wanted[:2]):
        agree(list(dict(net.named_parameters()).values()), list(weights.values()), dtype)
    assert all(parameter.grad is None for parameter in nets[1].parameters())


def test_a_gan_learns_a_gaussian():
    torch.manual_seed(0)
    generator, discriminator = G.PointGenerator(2, 32), G.PointDiscriminator(32)
    optimizers = [torch.optim.Adam(net.parameters(), 2e-3, betas=(0.0, 0.99)) for net in (generator, discriminator)]
    mean = torch.tensor([1.5, -1.0])
    for _ in range(400):
        real = mean + 0.5 * torch.randn(64, 2)
        G.train_gan_step(generator, discriminator, *optimizers, real, torch.randn(64, 2), penalty=0.5, mix=torch.ones(64), target=0.0)
    with torch.no_grad():
        fake = generator(torch.randn(2000, 2))
    assert G.frechet_distance(fake, mean + 0.5 * torch.randn(2000, 2)) < 0.15


@each_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nets_give_their_shapes_in_each_precision(device, dtype):
    generator, discriminator = G.DigitGenerator(9, 12).to(device, dtype), G.DigitDiscriminator(11).to(device, dtype)
    labels = torch.arange(10, device=device)
    images = generator(torch.randn(10, 9, device=device, dtype=dtype), labels)
    assert images.shape == (10, 1, 8, 8) and images.dtype == dtype and images.min() >= 0 and images.max() <= 1
    assert discriminator(images, labels).shape == (10,)
    points = G.PointGenerator(4, 8, 3).to(device, dtype)(torch.randn(5, 4, device=device, dtype=dtype))
    assert points.shape == (5, 3) and G.PointDiscriminator(8, 3).to(device, dtype)(points).shape == (5,)


def test_the_digit_nets_use_their_labels():
    generator, discriminator, noise = G.DigitGenerator(), G.DigitDiscriminator(), torch.randn(1, 32)
    images = generator(noise.expand(10, -1), torch.arange(10))
    assert (torch.cdist(images.flatten(1), images.flatten(1)) + torch.eye(10)).min() > 1e-3
    logits = discriminator(images[:1].expand(10, -1, -1, -1), torch.arange(10))
    assert logits.unique().numel() == 10


# ---------------------------------------------------------------------------------------------- measures


def torchmetrics_formula(x, y):
    """What torchmetrics' FrechetInceptionDistance computes: the eigenvalues of the product of the covariances."""
    x, y = x.double().cpu(), y.double().cpu()
    eigenvalues = torch.linalg.eigvals(x.T.cov() @ y.T.cov()).sqrt().real.sum()
    return ((x.mean(0) - y.mean(0)).square().sum() + x.T.cov().trace() + y.T.cov().trace() - 2 * eigenvalues).item()


@each_device
@pytest.mark.parametrize("rows, others, dim", [(40, 70, 5), (9, 12, 3), (300, 200, 64), (20, 6, 2), (5, 5, 4)])
def test_frechet_distance_is_scipys_and_torchmetrics(rows, others, dim, device):
    x, y = randn(rows, dim, seed=1) @ randn(dim, dim, seed=2), 0.5 + randn(others, dim, seed=3) @ randn(dim, dim, seed=4)
    a, b = x.T.cov().numpy(), y.T.cov().numpy()
    root = scipy.linalg.sqrtm(a @ b).real.trace()
    wanted = ((x.mean(0) - y.mean(0)) ** 2).sum().item() + a.trace() + b.trace() - 2 * root
    got = G.frechet_distance(x.to(device), y.to(device))
    assert got == pytest.approx(wanted, rel=1e-8) and got == pytest.approx(torchmetrics_formula(x, y), rel=1e-8)
    assert got == pytest.approx(G.frechet_distance(y, x), rel=1e-10)


def test_frechet_distance_of_known_gaussians():
    """In one dimension (m - n)² + (s - t)²; samples moved and stretched have exactly these moments."""
    base = randn(500, 1, seed=1)
    base = (base - base.mean()) / base.std()
    assert G.frechet_distance(2 + 3 * base, -1 + 0.5 * base) == pytest.approx(9 + 6.25)
    line = randn(50, 6, seed=2)
    assert G.frechet_distance(line, line) == pytest.approx(0, abs=1e-10) and G.frechet_distance(line, line + 1) == pytest.approx(6)


@pytest.mark.parametrize("rows, others", [(2, 3), (10, 200), (30, 30), (65, 2)])
def test_frechet_distance_with_few_samples_is_that_of_dense_grids(rows, others):
    """Fewer samples than features: singular covariances, whose roots are taken in the space that the samples span."""
    x, y = randn(rows, 64, seed=1), 1.5 * randn(others, 64, seed=2)
    a, b = x.T.cov(), y.T.cov()
    values, vectors = torch.linalg.eigh(a)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    wanted = (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * torch.linalg.eigvalsh(root @ b @ root).clamp(min=0).sqrt().sum()
    assert G.frechet_distance(x, y) == pytest.approx(wanted.item(), rel=1e-6)


def test_frechet_distance_in_float32_is_computed_in_float64():
    x = 1000 + 0.1 * randn(400, 8, seed=1)
    y = 1000 + 0.1 * randn(300, 8, seed=2)
    assert G.frechet_distance(x.float(), y.float()) == pytest.approx(G.frechet_distance(x.float().double(), y.float().double()), rel=1e-12)


def neighbours(real, fake, k):
    """By scikit-learn, one loop for each question."""
    shares = []
    for region, asked in ((real, fake), (fake, real)):
        distances, _ = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(region.numpy()).kneighbors(region.numpy())
        radius = distances[:, -1]
        inside = [any(np.linalg.norm(point - centre) <= reach for centre, reach in zip(region.numpy(), radius)) for point in asked.numpy()]
        shares.append(float(np.mean(inside)))
    return shares


@each_device
@pytest.mark.parametrize("reals, fakes, dim, k", [(30, 40, 2, 3), (25, 10, 5, 1), (12, 50, 3, 5), (6, 6, 64, 5)])
def test_precision_and_recall_are_scikit_learns(reals, fakes, dim, k, device):
    real, fake = randn(reals, dim, seed=1), 0.8 + 0.7 * randn(fakes, dim, seed=2)
    got = G.precision_recall(real.to(device), fake.to(device), k)
    assert got == pytest.approx(neighbours(real, fake, k))


def test_precision_and_recall_tell_loss_of_modes_from_bad_samples():
    modes = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    draw = lambda centres, seed: (modes[centres].double() + randn(len(centres), 2, seed=seed))  # noqa: E731
    real = draw(torch.arange(400) % 4, 1)
    assert G.precision_recall(real, real) == (1.0, 1.0)
    precision, recall = G.precision_recall(real, draw(torch.zeros(400, dtype=torch.long), 2))
    assert precision > 0.9 and 0.2 < recall < 0.27  # one of four modes
    spread = torch.cat([draw(torch.arange(400) % 4, 3), 5 + 20 * randn(400, 2, seed=4)])
    precision, recall = G.precision_recall(real, spread)
    assert precision < 0.65 and recall > 0.9
    assert G.precision_recall(real, 100 + real) == (0.0, 0.0)


# ---------------------------------------------------------------------------------------------- errors

POINTS, MIX = torch.zeros(3, 2), torch.zeros(3)
NETS = lambda: (G.PointGenerator(2), G.PointDiscriminator(), None, None)  # noqa: E731


@pytest.mark.parametrize("call, words", [
    (lambda: G.discriminator_loss(None, MIX), "real: expected"), (lambda: G.discriminator_loss(MIX, torch.zeros(0)), "fake: expected"),
    (lambda: G.discriminator_loss(MIX, MIX, "hinge"), "loss: expected one of"), (lambda: G.generator_loss(MIX, "other"), "loss: expected"),
    (lambda: G.generator_loss(torch.arange(3)), "fake: expected"), (lambda: G.optimal_discriminator(MIX, MIX, 1.0), "share: expected"),
    (lambda: G.optimal_discriminator(None, MIX), "log_p: expected"), (lambda: G.optimal_discriminator(MIX, 3.0), "log_q: expected"),
    (lambda: G.gradient_penalty(Linear(torch.float32), POINTS, POINTS[:2], MIX), "fake: expected"), (lambda: G.gradient_penalty(Linear(), POINTS, POINTS, MIX[:2]), "mix: expected"),
    (lambda: G.gradient_penalty(lambda x: x, POINTS, POINTS, MIX), "critic: expected"), (lambda: G.gradient_penalty(Linear(), POINTS, POINTS, MIX, -1.0), "target: expected"),
    (lambda: G.r1_penalty(Linear(), None), "real: expected"), (lambda: G.train_gan_step(*NETS(), POINTS, torch.zeros(4, 2)), "noise: expected"),
    (lambda: G.train_gan_step(*NETS(), POINTS, POINTS, penalty=1.0), "mix: expected"), (lambda: G.train_gan_step(*NETS(), POINTS, POINTS, penalty=-1.0), "penalty: expected"),
    (lambda: G.frechet_distance(POINTS, POINTS[:1]), "y: expected at least 2"), (lambda: G.frechet_distance(POINTS, torch.zeros(3, 4)), "y: expected 2 features"),
    (lambda: G.frechet_distance(torch.full((3, 2), math.nan), POINTS), "x: expected finite"), (lambda: G.frechet_distance(torch.zeros(3, 1, 2), POINTS), "x: expected two axes"),
    (lambda: G.precision_recall(POINTS, POINTS, 0), "k: expected"), (lambda: G.precision_recall(POINTS, POINTS, 3), "real: expected at least 4"),
    (lambda: G.precision_recall(torch.zeros(5, 2), torch.zeros(5, 3), 2), "fake: expected 2 features"), (lambda: G.PointGenerator(0), "noise_dim: expected"),
    (lambda: G.PointDiscriminator(width=True), "width: expected"), (lambda: G.DigitGenerator(classes=0), "classes: expected"), (lambda: G.DigitDiscriminator(-1), "width: expected"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + words):
        call()
