"""Densities against torch.distributions, scores against autograd, samples and noise against both."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from course_lib.data.mixtures import GaussianMixture, ring

UNEVEN = GaussianMixture(((0.5, -1.0, 2.0), (1.0, 0.0, 0.3), (-2.0, 1.5, 0.0)), (0.3, 1.2, 0.7), (0.2, 0.5, 0.3))
LINE = GaussianMixture(((1.0,),), (0.5,), (1.0,))
each = pytest.mark.parametrize("mixture", [UNEVEN, LINE, ring(), ring(5, 3.0, 0.4), ring().noised(0.8, 0.6), UNEVEN.noised(0.0, 1.0)])


def oracle(mixture):
    means, deviations, weights = (torch.tensor(table, dtype=torch.float64) for table in (mixture.means, mixture.deviations, mixture.weights))
    return MixtureSameFamily(Categorical(weights), Independent(Normal(means, deviations[:, None].expand_as(means)), 1))


@each
def test_log_density_and_score_are_exact(mixture):
    x = 2 * torch.randn(4, 7, mixture.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x.requires_grad_()
    got, wanted = mixture.log_density(x), oracle(mixture).log_prob(x)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(mixture.score(x), torch.autograd.grad(wanted.sum(), x)[0], rtol=1e-10, atol=1e-10)
    assert mixture.log_density(x.float()).dtype == mixture.score(x.float()).dtype == torch.float32


def test_far_away_nothing_overflows():
    far = torch.tensor([[300.0, -400.0]])
    assert ring().log_density(far).isfinite() and ring().score(far).isfinite().all()
    nearest = torch.tensor(ring().means)[(torch.tensor(ring().means) - far).norm(dim=1).argmin()]
    torch.testing.assert_close(ring().score(far)[0], (nearest - far[0]) / 0.01, rtol=1e-4, atol=1e-2)


@each
def test_samples_have_the_means_and_the_modes(mixture):
    count = 60_000
    x = mixture.sample(count, torch.Generator().manual_seed(1))
    assert x.shape == (count, mixture.dim) and x.dtype == torch.float32
    torch.testing.assert_close(x, mixture.sample(count, torch.Generator().manual_seed(1)), rtol=0, atol=0)
    truth = oracle(mixture)
    error = 6 * truth.variance.sqrt() / math.sqrt(count)  # six standard errors
    assert ((x.mean(0) - truth.mean).abs() < error).all()
    # The mean log-density of samples is minus the entropy, for theirs as for ours.
    theirs = truth.log_prob(truth.sample((count,)))
    assert abs(truth.log_prob(x.double()).mean() - theirs.mean()) < 6 * theirs.std() * math.sqrt(2 / count)


def test_modes_are_drawn_by_their_weights():
    apart = GaussianMixture(((-50.0,), (0.0,), (50.0,)), (0.1, 0.2, 0.3), (0.1, 0.6, 0.3))
    mode, distance = apart.nearest(apart.sample(30_000, torch.Generator().manual_seed(2)))
    shares = mode.bincount(minlength=3) / 30_000
    assert (shares - torch.tensor([0.1, 0.6, 0.3])).abs().max() < 0.02
    assert 0.66 < (distance < 1).float().mean() < 0.71  # one standard deviation, in one dimension
    assert apart.sample(0).shape == (0, 1)


def test_noised_is_what_noise_does():
    generator = torch.Generator().manual_seed(3)
    x = UNEVEN.sample(60_000, generator).double()
    moved = 0.6 * x + 0.8 * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    truth = oracle(UNEVEN.noised(0.6, 0.8))
    theirs = truth.log_prob(truth.sample((60_000,)))
    assert abs(truth.log_prob(moved).mean() - theirs.mean()) < 6 * theirs.std() * math.sqrt(2 / 60_000)
    assert UNEVEN.noised(1.0, 0.0) == UNEVEN
    assert UNEVEN.noised(0.0, 1.0).log_density(torch.zeros(3)) == pytest.approx(-1.5 * math.log(2 * math.pi))


def test_the_ring_is_a_ring():
    eight = ring()
    means = torch.tensor(eight.means)
    torch.testing.assert_close(means.norm(dim=1), torch.full((8,), 2.0))
    torch.testing.assert_close((means - means.roll(1, 0)).norm(dim=1), torch.full((8,), 4 * math.sin(math.pi / 8)))
    share = (eight.nearest(eight.sample(20_000, torch.Generator().manual_seed(4)))[1] < 3).float().mean()
    assert share == pytest.approx(1 - math.exp(-4.5), abs=0.004)  # in two dimensions


@pytest.mark.parametrize("call, words", [
    (lambda: GaussianMixture((), (), ()), "means: expected"), (lambda: GaussianMixture(((0.0,), (1.0, 2.0)), (1.0, 1.0), (0.5, 0.5)), "means: expected"),
    (lambda: GaussianMixture(((0.0,),), (0.0,), (1.0,)), "deviations: expected"), (lambda: GaussianMixture(((0.0,),), (1.0,), (0.9,)), "weights: expected"),
    (lambda: ring(0), "modes: expected"), (lambda: ring(3, 0.0), "radius: expected"), (lambda: ring().sample(-1), "count: expected"),
    (lambda: ring().sample(2.0), "count: expected"), (lambda: ring().log_density(torch.zeros(3, 3)), "x: expected a floating-point tensor"),
    (lambda: ring().score([0.0, 1.0]), "x: expected"), (lambda: ring().noised(0.0, 0.0), "keep, noise: expected"), (lambda: ring().noised(-0.5, 1.0), "keep, noise"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + words):
        call()
