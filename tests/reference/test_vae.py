"""Against torch.distributions, scikit-learn's PCA and quadrature; all parameters drawn at random, values and all gradients."""

import math
import re

import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.distributions import Binomial, Independent, MultivariateNormal, Normal, kl_divergence

from course_lib.reference import vae as V

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
each_device = pytest.mark.parametrize("device", DEVICES)
each_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
# bfloat16 has 8 bits, and sums over a row gather the errors of its numbers.
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=3e-2, atol=3e-2)}


def randn(*shape, seed, dtype=torch.float64, device="cpu"):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device, dtype)


def shares(*shape, trials, seed, dtype=torch.float64, device="cpu"):
    """Whole multiples of 1 / trials from 0 to 1, both ends among them."""
    counts = torch.randint(0, trials + 1, shape, generator=torch.Generator().manual_seed(seed))
    ends = torch.tensor([trials, 0])[: counts.numel()]
    counts.view(-1)[: len(ends)] = ends
    return (counts.double() / trials).to(device, dtype)


def randomise(module, seed=0, scale=0.5):
    for number, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(scale * randn(*parameter.shape, seed=100 * seed + number))
    return module


def gradients(out, leaves):
    """Of a scalar in general position, so that every output has a gradient of its own."""
    return torch.autograd.grad((out * randn(*out.shape, seed=7).to(out)).sum(), leaves, retain_graph=True)


def agree(one, other, dtype):
    """Within the tolerances; sums are measured against their largest entry."""
    scale = max(1.0, other.abs().max().item())
    torch.testing.assert_close(one / scale, other / scale, **TOLERANCES[dtype])


def same(got, expected, leaves, dtype):
    agree(got, expected, dtype)
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        agree(one, other, dtype)


def gaussian(*shape, seed, dtype, device):
    """mean and log-variance, the latter from very narrow to very wide."""
    return (2 * randn(*shape, seed=seed + place, dtype=dtype, device=device) for place in range(2))


# ---------------------------------------------------------------------------------------------- Gaussians and likelihoods

SHAPES = [(1,), (5,), (3, 4), (2, 3, 1), (1, 7), (4, 2, 3, 5)]


@each_device
@each_dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_kl_is_that_of_torch_distributions(shape, dtype, device):
    leaves = [part.requires_grad_() for seed in (0, 2) for part in gaussian(*shape, seed=seed, dtype=dtype, device=device)]
    normal = lambda mean, log_variance: Independent(Normal(mean, (log_variance / 2).exp()), 1)
    prior = Normal(torch.zeros_like(leaves[0]), torch.ones_like(leaves[0]))
    same(V.gaussian_kl(*leaves[:2]), kl_divergence(normal(*leaves[:2]), Independent(prior, 1)), leaves[:2], dtype)
    same(V.gaussian_kl(*leaves), kl_divergence(normal(*leaves[:2]), normal(*leaves[2:])), leaves, dtype)


def test_kl_keeps_its_digits_near_the_prior():
    """exp(s) - 1 - s, with exp(s) rounded to single precision, would be off by 6e-8 here."""
    for narrow in (1e-4, -1e-4, 3e-3):
        got = V.gaussian_kl(torch.zeros(1), torch.tensor([narrow])).item()
        assert got == pytest.approx(0.5 * (math.expm1(narrow) - narrow), abs=2e-10)
    assert V.gaussian_kl(torch.zeros(3), torch.zeros(3)).item() == 0


@each_device
@each_dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_log_density_and_draws_are_those_of_torch_distributions(shape, dtype, device):
    mean, log_variance = leaves = [part.requires_grad_() for part in gaussian(*shape, seed=0, dtype=dtype, device=device)]
    x, noise = randn(*shape, seed=5, dtype=dtype, device=device), randn(6, *shape, seed=6, dtype=dtype, device=device)
    normal = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    same(V.gaussian_log_density(x, mean, log_variance), normal.log_prob(x), leaves, dtype)
    same(V.reparameterize(mean, log_variance, noise), mean + normal.base_dist.scale * noise, leaves, dtype)


def test_draws_have_the_moments_that_were_asked_for():
    mean, log_variance = torch.tensor([1.0, -2.0]), torch.tensor([0.5, -3.0])
    drawn = V.reparameterize(mean, log_variance, randn(200_000, 2, seed=0, dtype=torch.float32))
    torch.testing.assert_close(drawn.mean(0), mean, rtol=0, atol=0.01)
    torch.testing.assert_close(drawn.var(0), log_variance.exp(), rtol=0.02, atol=0)


@each_device
@each_dtype
@pytest.mark.parametrize("trials", [1, 2, 16, 255])
@pytest.mark.parametrize("shape", [(1,), (3, 4), (2, 3, 5)])
def test_binomial_likelihood_is_that_of_torch_distributions(shape, trials, dtype, device):
    x, logits = shares(*shape, trials=trials, seed=1, dtype=dtype, device=device), 5 * randn(2, *shape, seed=2, dtype=dtype, device=device)
    leaves = [logits.requires_grad_()]
    expected = Binomial(trials, logits=logits).log_prob((trials * x).round().expand(logits.shape)).sum(-1)
    # lgamma(256) is near 1160, so that in single precision the number of ways is known to 1e-4 only.
    scale = 1.0 if dtype == torch.float64 else max(1.0, math.lgamma(trials + 1)) * shape[-1]
    torch.testing.assert_close(V.binomial_log_likelihood(x, logits, trials) / scale, expected / scale, **TOLERANCES[dtype])
    for one, other in zip(gradients(V.binomial_log_likelihood(x, logits, trials), leaves), gradients(expected, leaves), strict=True):
        agree(one, other, dtype)


def test_binomial_likelihood_is_a_distribution_and_stays_finite():
    counts = torch.arange(17, dtype=torch.float64)[:, None] / 16
    for logit in (-3.0, 0.0, 1.7):
        total = torch.logsumexp(V.binomial_log_likelihood(counts, torch.full((17, 1), logit, dtype=torch.float64), 16), 0)
        assert total.item() == pytest.approx(0, abs=1e-12)
    assert V.binomial_log_likelihood(torch.tensor([0.0, 1.0]), torch.tensor([-1e4, 1e4]), 16).item() == pytest.approx(0, abs=1e-4)


# ---------------------------------------------------------------------------------------------- bounds


def made(data, latent, hidden, likelihood, seed, dtype=torch.float64, device="cpu", trials=3):
    return randomise(V.VAE(data, latent, hidden, likelihood, trials), seed).to(device, dtype)


CASES = [(5, 2, (4,), "gaussian", 3, 7), (6, 1, (), "gaussian", 1, 2), (4, 3, (5, 6), "binomial", 2, 5), (3, 4, (7,), "binomial", 6, 1)]


def rows(case, dtype, device="cpu"):
    data, _, _, likelihood, batch, _ = case
    return randn(batch, data, seed=3, dtype=dtype, device=device) if likelihood == "gaussian" else shares(batch, data, trials=3, seed=3, dtype=dtype, device=device)


def by_distributions(model, x, z):
    """log p(x|z), log p(z), log q(z|x) of torch.distributions."""
    mean, log_variance = model.encode(x)
    out = model.decoder(z)
    given = Normal(out, (model.log_noise / 2).exp()) if model.likelihood == "gaussian" else Binomial(3, logits=out)
    seen = x if model.likelihood == "gaussian" else (3 * x).round()
    prior = Normal(torch.zeros_like(z), torch.ones_like(z))
    return given.log_prob(seen.expand(out.shape)).sum(-1), prior.log_prob(z).sum(-1), Normal(mean, (log_variance / 2).exp()).log_prob(z).sum(-1)


@each_device
@each_dtype
@pytest.mark.parametrize("case", CASES)
def test_bounds_and_all_gradients_are_those_of_torch_distributions(case, dtype, device):
    data, latent, hidden, likelihood, batch, samples = case
    model, x = made(*case[:4], seed=1, dtype=dtype, device=device), rows(case, dtype, device)
    noise, leaves = randn(samples, batch, latent, seed=4, dtype=dtype, device=device), list(model.parameters())
    mean, log_variance = model.encode(x)
    posterior = Normal(mean, (log_variance / 2).exp())
    z = mean + posterior.scale * noise
    given, prior, own = by_distributions(model, x, z)
    rate = kl_divergence(posterior, Normal(torch.zeros_like(mean), torch.ones_like(mean))).sum(-1)
    for beta in (1.0, 0.0, 2.5):
        got = V.elbo(x, model.encode, model.log_likelihood, noise, beta)
        for part, expected in zip(got, (given.mean(0) - beta * rate, given.mean(0), rate)):
            assert part.shape == (batch,) and part.dtype == dtype
            agree(part, expected, dtype)
        for one, other in zip(gradients(got.bound, leaves), gradients(given.mean(0) - beta * rate, leaves), strict=True):
            agree(one, other, dtype)
    weights = given + prior - own
    agree(V.log_importance_weights(x, model.encode, model.log_likelihood, noise), weights, dtype)
    same(V.iwae_bound(x, model.encode, model.log_likelihood, noise), torch.logsumexp(weights, 0) - math.log(samples), leaves, dtype)


@pytest.mark.parametrize("seed", range(10))
def test_random_configurations(seed):
    draw = torch.Generator().manual_seed(seed)
    data, latent, batch, samples, width = (int(torch.randint(1, 9, (), generator=draw)) for _ in range(5))
    case = (data, latent, (width,) * (seed % 3), ("gaussian", "binomial")[seed % 2], batch, samples)
    model, x = made(*case[:4], seed=seed), rows(case, torch.float64)
    noise, leaves = randn(samples, batch, latent, seed=seed), list(model.parameters())
    given, prior, own = by_distributions(model, x, V.reparameterize(*model.encode(x), noise))
    same(V.iwae_bound(x, model.encode, model.log_likelihood, noise), torch.logsumexp(given + prior - own, 0) - math.log(samples), leaves, torch.float64)
    got = V.elbo(x, model.encode, model.log_likelihood, noise)
    torch.testing.assert_close(got.bound, given.mean(0) - V.gaussian_kl(*model.encode(x)))


def quadrature(model, x, points=4001, reach=12.0):
    """log p(x) of a model with a one-dimensional code, by the trapezoid rule."""
    z = torch.linspace(-reach, reach, points, dtype=torch.float64)
    joint = model.log_likelihood(x, z[:, None, None].expand(points, len(x), 1)) - z[:, None].square() / 2 - math.log(2 * math.pi) / 2
    return torch.logsumexp(joint, 0) + math.log(2 * reach / (points - 1))


@pytest.mark.parametrize("likelihood", ["gaussian", "binomial"])
def test_bounds_stay_below_the_likelihood_and_the_iwae_bound_rises_to_it(likelihood):
    case = (4, 1, (6,), likelihood, 5, 0)
    model, x = made(*case[:4], seed=2), rows(case, torch.float64)
    with torch.no_grad():
        model.encoder[-1].bias[1] = 0.5  # wide enough for weights without rare giants
        exact = quadrature(model, x)
        noise = randn(40_000, 5, 1, seed=9)
        levels = [V.elbo(x, model.encode, model.log_likelihood, noise).bound]
        for samples in (5, 50, 5000):
            groups = noise.view(-1, samples, 5, 1)
            levels.append(torch.stack([V.iwae_bound(x, model.encode, model.log_likelihood, group) for group in groups]).mean(0))
        for below, above in zip(levels, levels[1:]):
            assert (below <= above + 1e-3).all()
        assert (levels[-1] <= exact + 1e-2).all() and (exact - levels[-1]).max() < 0.05 < (exact - levels[0]).max()


def test_iwae_bound_with_far_away_weights():
    """Log-likelihoods of minus ten thousand, which exponentials alone cannot hold."""
    x, far = torch.zeros(2, 3), lambda x, z: -10_000 + z.sum(-1)
    noise = randn(50, 2, 3, seed=1, dtype=torch.float32)
    got = V.iwae_bound(x, lambda x: (torch.zeros(2, 3), torch.zeros(2, 3)), far, noise)
    torch.testing.assert_close(got, -10_000 + noise.sum(-1).exp().mean(0).log(), rtol=0, atol=2e-3)


def test_free_bits():
    rate = torch.tensor([[0.1, 3.0], [0.2, 1.0]], requires_grad=True)
    value = V.free_bits(rate, 0.5)
    value.backward()
    assert value.item() == pytest.approx(0.5 + 2.0)
    torch.testing.assert_close(rate.grad, torch.tensor([[0.0, 0.5], [0.0, 0.5]]))


# ---------------------------------------------------------------------------------------------- discrete codes


@each_device
@each_dtype
@pytest.mark.parametrize("front, dim, entries", [((), 3, 4), ((5,), 1, 2), ((2, 3), 4, 7), ((2, 3, 4), 2, 1)])
def test_nearest_entries_losses_and_straight_through_gradients(front, dim, entries, dtype, device):
    vectors, codebook = (randn(*shape, seed=place, dtype=dtype, device=device).requires_grad_() for place, shape in enumerate(((*front, dim), (entries, dim))))
    got = V.vector_quantize(vectors, codebook)
    nearest = torch.cdist(vectors.reshape(-1, dim), codebook).argmin(1).view(front)
    assert torch.equal(got.codes, nearest)
    agree(got.vectors, codebook[nearest], dtype)
    (upstream,) = (randn(*got.vectors.shape, seed=8, dtype=dtype, device=device),)
    to_vectors, to_codebook = torch.autograd.grad((got.vectors * upstream).sum(), (vectors, codebook), retain_graph=True, allow_unused=True)
    assert torch.equal(to_vectors, upstream) and to_codebook is None
    apart = vectors - codebook[nearest]
    agree(got.codebook_loss, apart.square().mean(), dtype)
    agree(got.commitment_loss, apart.square().mean(), dtype)
    size = vectors.numel()
    for loss, moved, still, sign in ((got.codebook_loss, codebook, vectors, -1), (got.commitment_loss, vectors, codebook, 1)):
        one, other = torch.autograd.grad(loss, (moved, still), retain_graph=True, allow_unused=True)
        expected = torch.zeros_like(codebook).index_add(0, nearest.flatten(), -2 * apart.reshape(-1, dim) / size) if sign < 0 else 2 * apart / size
        agree(one, expected, dtype)
        assert other is None


def test_equal_distances_take_the_lowest_number():
    got = V.vector_quantize(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [-1.0], [1.0]]))
    assert got.codes.tolist() == [0, 0]


@pytest.mark.parametrize("counts, expected", [((4, 0, 0), 1.0), ((2, 2, 2), 3.0), ((3, 1, 0), math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4)))])
def test_perplexity_of_codes(counts, expected):
    codes = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    assert V.code_perplexity(codes.view(2, -1), 3).item() == pytest.approx(expected, rel=1e-6)


@each_device
@pytest.mark.parametrize("size", [(8, 8), (4, 6)])
def test_vqvae_trains_all_its_parts_and_decodes_its_codes(size, device):
    model = randomise(V.VQVAE(entries=6, dim=3, width=4), 1).to(device, torch.float64)
    images = randn(5, 1, *size, seed=0, device=device)
    decoded, quantized = model(images)
    assert decoded.shape == images.shape and quantized.codes.shape == (5, size[0] // 2, size[1] // 2)
    torch.testing.assert_close(model.decode(quantized.codes), decoded, rtol=1e-10, atol=1e-12)
    (decoded.square().mean() + quantized.codebook_loss + 0.25 * quantized.commitment_loss).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


# ---------------------------------------------------------------------------------------------- probabilistic PCA


@each_dtype
@pytest.mark.parametrize("batch, data, latent", [(50, 6, 2), (30, 4, 1), (200, 9, 8), (20, 3, 2)])
def test_ppca_likelihood_is_that_of_sklearn_and_of_the_full_covariance(batch, data, latent, dtype):
    x = (randn(batch, data, seed=1) @ randn(data, data, seed=2) + 3).to(dtype)
    fit = V.ppca_fit(x.double(), latent)
    theirs = PCA(latent, svd_solver="full").fit(x.double().numpy())
    # scikit-learn divides the covariance by n - 1, the maximum of the likelihood by n.
    factor = batch / (batch - 1)
    model = V.PPCA(fit.mean.to(dtype), (fit.weight * factor**0.5).to(dtype), (fit.noise_variance * factor).to(dtype))
    got = V.ppca_log_likelihood(x, model)
    agree(got, torch.tensor(theirs.score_samples(x.double().numpy())).to(dtype), dtype)
    assert got.mean().item() == pytest.approx(theirs.score(x.double().numpy()), rel=1e-10 if dtype == torch.float64 else 1e-4)


@each_device
@each_dtype
@pytest.mark.parametrize("batch, data, latent", [(7, 5, 2), (1, 4, 1), (3, 2, 4)])
def test_ppca_likelihood_posterior_and_gradients_by_the_joint_gaussian(batch, data, latent, dtype, device):
    x, mean, weight, log_noise = (
        randn(*shape, seed=place, dtype=dtype, device=device).requires_grad_() for place, shape in enumerate(((batch, data), (data,), (data, latent), ()))
    )
    leaves = [x, mean, weight, log_noise]
    model = V.PPCA(mean, weight, log_noise.exp())
    covariance = weight @ weight.T + log_noise.exp() * torch.eye(data).to(x)
    expected = MultivariateNormal(mean, covariance).log_prob(x)
    got = V.ppca_log_likelihood(x, model)
    scale = 1.0 if dtype == torch.float64 else 30.0  # a nearly singular covariance loses digits in single precision, in both ways
    for one, other in zip((got, *gradients(got, leaves)), (expected, *gradients(expected, leaves)), strict=True):
        torch.testing.assert_close(one / scale, other / scale, **TOLERANCES[dtype])
    gain = weight.T @ torch.linalg.inv(covariance)
    middle, spread = V.ppca_posterior(x, model)
    torch.testing.assert_close(middle / scale, (x - mean) @ gain.T / scale, **TOLERANCES[dtype])
    torch.testing.assert_close(spread / scale, (torch.eye(latent).to(x) - gain @ weight) / scale, **TOLERANCES[dtype])


def test_the_fit_is_a_maximum_of_the_likelihood():
    x = randn(300, 6, seed=1) @ randn(6, 6, seed=2)
    leaves = [part.requires_grad_() for part in V.ppca_fit(x, 3)]
    for slope in torch.autograd.grad(V.ppca_log_likelihood(x, V.PPCA(*leaves)).mean(), leaves):
        assert slope.abs().max() < 1e-10
    inner = leaves[1].T @ leaves[1]
    torch.testing.assert_close(inner, torch.diag(inner.diagonal()))


def test_a_linear_vae_with_the_exact_posterior_meets_the_likelihood():
    """The decoder and encoder of the closed form: the bound is the likelihood, on average over the noise and row by row."""
    x = randn(200, 6, seed=1) @ randn(6, 6, seed=2)
    fit = V.ppca_fit(x, 2)
    model = V.VAE(6, 2, (), "gaussian").double()
    middle, spread = V.ppca_posterior(x, fit)
    inner = spread / fit.noise_variance
    with torch.no_grad():
        model.decoder[0].weight.copy_(fit.weight)
        model.decoder[0].bias.copy_(fit.mean)
        model.log_noise.copy_(fit.noise_variance.log())
        model.encoder[0].weight.zero_()[:2] = inner @ fit.weight.T
        model.encoder[0].bias[:2] = -(inner @ fit.weight.T @ fit.mean)
        model.encoder[0].bias[2:] = spread.diagonal().log()
        torch.testing.assert_close(model.encode(x)[0], middle)
        noise = randn(5, 200, 2, seed=3)
        # With the exact posterior every importance weight is p(x) itself.
        torch.testing.assert_close(V.iwae_bound(x, model.encode, model.log_likelihood, noise), V.ppca_log_likelihood(x, fit))
        noise = torch.cat([noise, -noise])
        noise = noise / noise.square().mean(0).sqrt()  # first and second moments are exact, and the rest of the integrand is quadratic
        bound = V.elbo(x, model.encode, model.log_likelihood, noise).bound
        assert bound.mean().item() == pytest.approx(V.ppca_log_likelihood(x, fit).mean().item(), rel=1e-9)


def test_training_a_linear_vae_reaches_the_exact_likelihood():
    torch.manual_seed(0)
    x = randn(400, 6, seed=1, dtype=torch.float32) @ torch.diag(torch.tensor([2.0, 1.4, 0.5, 0.5, 0.5, 0.5]))
    exact = V.ppca_log_likelihood(x, V.ppca_fit(x, 2)).mean().item()
    model = V.VAE(6, 2, (), "gaussian")
    optimizer = torch.optim.Adam(model.parameters(), 5e-2, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    for _ in range(600):
        optimizer.zero_grad()
        (-model(x).bound.mean()).backward()
        optimizer.step()
        schedule.step()
    noise = model.noise(200, 400)
    with torch.no_grad():
        bound = V.elbo(x, model.encode, model.log_likelihood, torch.cat([noise, -noise])).bound.mean().item()
    assert exact - 0.01 * abs(exact) < bound < exact + 0.005


# ---------------------------------------------------------------------------------------------- models, dtypes, errors


def test_start_at_mean_and_samples():
    x = shares(30, 4, trials=3, seed=1, dtype=torch.float32)
    for likelihood, seen in (("binomial", x), ("gaussian", randn(30, 4, seed=1, dtype=torch.float32))):
        model = V.VAE(4, 2, (5,), likelihood, 3)
        model.start_at_mean(seen)
        with torch.no_grad():
            model.decoder[-1].weight.zero_()
        torch.testing.assert_close(model.sample(7), seen.mean(0).expand(7, 4), rtol=1e-4, atol=1e-4)
    again = [model.sample(3, torch.Generator().manual_seed(0)) for _ in range(2)]
    assert torch.equal(*again)


@each_device
def test_bfloat16(device):
    for case in CASES:
        narrow, wide = made(*case[:4], seed=1, dtype=torch.bfloat16, device=device), made(*case[:4], seed=1, dtype=torch.float64, device=device)
        x, noise = rows(case, torch.bfloat16, device), randn(case[5], case[4], case[1], seed=4, dtype=torch.bfloat16, device=device)
        wide.load_state_dict({name: value.double() for name, value in narrow.state_dict().items()})
        for bound in (V.iwae_bound, lambda *parts: V.elbo(*parts).bound):
            got = bound(x, narrow.encode, narrow.log_likelihood, noise)
            expected = bound(x.double(), wide.encode, wide.log_likelihood, noise.double())
            assert got.dtype == torch.bfloat16
            scale = expected.abs().max()
            torch.testing.assert_close(got.double() / scale, expected / scale, rtol=0, atol=5e-2)


@pytest.mark.parametrize("likelihood", ["gaussian", "binomial"])
def test_under_compile_without_breaks_in_the_graph(likelihood):
    case = (4, 2, (5,), likelihood, 3, 2)
    model, x = made(*case[:4], seed=1), rows(case, torch.float64)
    noise = randn(2, 3, 2, seed=4)
    step = lambda x, noise: (V.elbo(x, model.encode, model.log_likelihood, noise).bound, V.iwae_bound(x, model.encode, model.log_likelihood, noise), V.vector_quantize(x, x[:2]).vectors)
    for one, other in zip(torch.compile(step, backend="aot_eager", fullgraph=True)(x, noise), step(x, noise)):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("call, words", [
    (lambda: V.reparameterize(torch.zeros(2, 3), torch.zeros(3, 2), torch.zeros(2, 3)), "log_variance: expected"),
    (lambda: V.reparameterize(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(3)), "noise: expected"),
    (lambda: V.gaussian_kl(torch.zeros(2, dtype=torch.int64), torch.zeros(2)), "mean: expected"),
    (lambda: V.gaussian_kl(torch.zeros(2), torch.zeros(2), torch.zeros(2)), "prior_log_variance: expected"),
    (lambda: V.binomial_log_likelihood(torch.zeros(2), torch.zeros(2), 0), "trials: expected"),
    (lambda: V.free_bits(torch.zeros(2), 1.0), "rate: expected"),
    (lambda: V.vector_quantize(torch.zeros(2, 3), torch.zeros(4, 2)), "codebook: expected"),
    (lambda: V.vector_quantize(torch.zeros(2, 3), torch.zeros(0, 3)), "codebook: expected"),
    (lambda: V.code_perplexity(torch.zeros(3), 2), "codes: expected"),
    (lambda: V.ppca_fit(torch.zeros(5, 3), 3), "latent: expected"),
    (lambda: V.ppca_log_likelihood(torch.zeros(5, 3), V.PPCA(torch.zeros(2), torch.zeros(2, 1), torch.tensor(1.0))), "model: expected"),
    (lambda: V.VAE(4, 0), "latent: expected"),
    (lambda: V.VAE(4, 2, likelihood="poisson"), "likelihood: expected"),
    (lambda: V.VAE(4, 2).sample(0), "number: expected"),
    (lambda: V.VQVAE()(torch.zeros(2, 1, 7, 8)), "images: expected"),
])  # fmt: skip
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
