"""Against transformers' Mamba and Mamba-2, mambapy, scipy, statsmodels and hmmlearn, plain loops and brute force; every form against every other."""

import itertools
import math
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import transformers
from scipy import signal
from torch.distributions import MultivariateNormal

from course_lib.reference import state_space as S
from tests.reference.oracles import InDouble, oracle

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
each_device = pytest.mark.parametrize("device", DEVICES)
each_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=3e-2, atol=3e-2)}


def randn(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def agree(one, other, dtype, scale=1.0):
    """Within the tolerances, relative to the largest entry: gradients are sums of many terms."""
    scale = max(scale, other.abs().max().item())
    torch.testing.assert_close(one / scale, other / scale, **TOLERANCES[dtype])


def gradients(out, leaves):
    """Of a scalar in general position, so that every output has a gradient of its own."""
    return torch.autograd.grad((out * randn(*out.shape, seed=7).to(out)).sum(), leaves, retain_graph=True, materialize_grads=True)


# ---------------------------------------------------------------------------------------------- hidden Markov models


def hmm(states, length, seed, dtype=torch.float64):
    initial, transition, emission = randn(states, seed=seed), randn(states, states, seed=seed + 1), randn(length, states, seed=seed + 2)
    return [part.to(dtype) for part in (initial.log_softmax(-1), transition.log_softmax(-1), emission - 3)]


def brute_force(initial, transition, emission):
    totals = []
    for path in itertools.product(range(len(initial)), repeat=len(emission)):
        steps = sum((transition[a, b] for a, b in itertools.pairwise(path)), torch.zeros((), dtype=initial.dtype))
        totals.append(initial[path[0]] + steps + sum(emission[t, state] for t, state in enumerate(path)))
    return torch.stack(totals).logsumexp(0)


@pytest.mark.parametrize("states, length", [(2, 6), (3, 4), (4, 3), (1, 5), (3, 1)])
def test_the_forward_algorithm_sums_over_all_paths(states, length):
    leaves = [part.requires_grad_() for part in hmm(states, length, seed=3)]
    got, expected = S.hmm_forward(*leaves), brute_force(*leaves)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    for one, other in zip(torch.autograd.grad(got, leaves, materialize_grads=True), torch.autograd.grad(expected, leaves, allow_unused=True, materialize_grads=True)):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_what_never_happens_has_no_part_and_no_nan():
    initial, transition, emission = hmm(3, 5, seed=1)
    initial[1], transition[0, 2], transition[:, 1], emission[2, 0] = -math.inf, -math.inf, -math.inf, -math.inf
    leaves = [part.clone().requires_grad_() for part in (initial, transition, emission)]
    got = S.hmm_forward(*leaves)
    torch.testing.assert_close(got.detach(), brute_force(initial, transition, emission), rtol=1e-12, atol=1e-12)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(got, leaves))
    assert S.hmm_forward(initial, transition, emission.fill_(-math.inf)) == -math.inf


def test_the_forward_algorithm_is_that_of_hmmlearn():
    model = oracle("hmmlearn.hmm").CategoricalHMM(n_components=4)
    initial, transition, table = hmm(4, 1, seed=5)[0], hmm(4, 1, seed=5)[1], randn(4, 6, seed=8).log_softmax(-1)
    model.startprob_, model.transmat_, model.emissionprob_, model.n_features = initial.exp().numpy(), transition.exp().numpy(), table.exp().numpy(), 6
    seen = torch.randint(6, (200,), generator=torch.Generator().manual_seed(0))
    got = S.hmm_forward(initial, transition, table.T[seen])
    assert got.item() == pytest.approx(model.score(seen[:, None].numpy()), rel=1e-10)


# ---------------------------------------------------------------------------------------------- Kalman


def linear_gaussian(state, observed, length, seed, dtype=torch.float64):
    """(observations, F, H, Q, R, mean, covariance), all in general position."""
    square = lambda n, seed: (lambda root: root @ root.T / n + 0.1 * torch.eye(n, dtype=torch.float64))(randn(n, n, seed=seed))  # noqa: E731
    parts = (
        randn(length, observed, seed=seed), 0.6 * randn(state, state, seed=seed + 1) / state**0.5, randn(observed, state, seed=seed + 2), square(state, seed + 3),
        square(observed, seed + 4), randn(state, seed=seed + 5), square(state, seed + 6),
    )  # fmt: skip
    return [part.to(dtype) for part in parts]


def joint(state_count, observations, F_, H, Q, R, mean, covariance):
    """The normal distribution of all states and all observations together, as one large (mean, covariance)."""
    length, observed = observations.shape
    powers = [torch.linalg.matrix_power(F_, k) for k in range(length)]
    means, spreads = [mean], [covariance]
    for _ in range(length - 1):
        means.append(F_ @ means[-1]), spreads.append(F_ @ spreads[-1] @ F_.T + Q)
    rows = [[powers[i - j] @ spreads[j] if i >= j else (powers[j - i] @ spreads[i]).T for j in range(length)] for i in range(length)]
    between = torch.cat([torch.cat(row, 1) for row in rows])
    big_H, noise = torch.block_diag(*[H] * length), torch.block_diag(*[R] * length)
    return torch.cat(means), between, big_H, noise


@pytest.mark.parametrize("state, observed, length", [(2, 1, 6), (1, 1, 4), (3, 2, 5), (2, 3, 3), (4, 2, 1)])
def test_the_filter_conditions_the_joint_normal_distribution(state, observed, length):
    parts = linear_gaussian(state, observed, length, seed=11)
    means, covariances, total = S.kalman_filter(*parts)
    mean, between, big_H, noise = joint(state, *parts)
    spread = big_H @ between @ big_H.T + noise
    torch.testing.assert_close(total, MultivariateNormal(big_H @ mean, spread).log_prob(parts[0].flatten()), rtol=1e-10, atol=1e-10)
    for t in range(length):
        seen, here = slice(0, (t + 1) * observed), slice(t * state, (t + 1) * state)
        cross = (between @ big_H.T)[here, seen]
        gain = torch.linalg.solve(spread[seen, seen], cross.T).T
        torch.testing.assert_close(means[t], mean[here] + gain @ (parts[0].flatten()[seen] - (big_H @ mean)[seen]), rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(covariances[t], between[here, here] - gain @ cross.T, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(covariances, covariances.mT)


def test_the_filter_is_that_of_statsmodels():
    sm = oracle("statsmodels.tsa.statespace.kalman_filter")
    parts = linear_gaussian(3, 2, 40, seed=2)
    observations, F_, H, Q, R, mean, covariance = [part.numpy() for part in parts]
    other = sm.KalmanFilter(k_endog=2, k_states=3, design=H[..., None], obs_cov=R[..., None], transition=F_[..., None], selection=torch.eye(3)[..., None].double().numpy(), state_cov=Q[..., None])
    other.bind(observations.copy(order="C"))
    other.initialize_known(mean, covariance)
    result = other.filter()
    means, covariances, total = S.kalman_filter(*parts)
    torch.testing.assert_close(means, torch.tensor(result.filtered_state.T), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(covariances, torch.tensor(result.filtered_state_cov.transpose(2, 0, 1)), rtol=1e-9, atol=1e-11)
    assert total.item() == pytest.approx(result.llf_obs.sum(), rel=1e-10)


def test_the_filter_has_gradients():
    leaves = [part.requires_grad_() for part in linear_gaussian(2, 1, 3, seed=4)]
    symmetric = [leaves[i] @ leaves[i].T if i in (3, 4, 6) else leaf for i, leaf in enumerate(leaves)]
    assert torch.autograd.gradcheck(lambda *parts: S.kalman_filter(*[p @ p.T if i in (3, 4, 6) else p for i, p in enumerate(parts)])[2], leaves)
    assert S.kalman_filter(*symmetric)[2].requires_grad


# ---------------------------------------------------------------------------------------------- one linear layer


@pytest.mark.parametrize("method, theirs", [("zoh", "zoh"), ("bilinear", "bilinear")])
@pytest.mark.parametrize("state, inputs, singular", [(1, 1, False), (3, 1, False), (4, 2, False), (5, 1, True)])
def test_discretisation_is_scipys(method, theirs, state, inputs, singular):
    A, B = randn(state, state, seed=1), randn(state, inputs, seed=2)
    if singular:
        A[:, 0] = A[:, 1]
    got = S.discretize(A, B, 0.37, method)
    if method == "zoh":
        expected = signal.cont2discrete((A.numpy(), B.numpy(), A.numpy()[:1], B.numpy()[:1] * 0), 0.37, theirs)[:2]
    else:  # scipy's bilinear form gives another state; the steps are those of the formula
        half = torch.linalg.inv(torch.eye(state, dtype=torch.float64) - 0.37 / 2 * A)
        expected = half @ (torch.eye(state, dtype=torch.float64) + 0.37 / 2 * A), half @ (0.37 * B)
        assert torch.allclose(torch.tensor(signal.cont2discrete((A.numpy(), B.numpy(), A.numpy()[:1], B.numpy()[:1] * 0), 0.37, theirs)[0]), expected[0])
    for one, other in zip(got, expected):
        torch.testing.assert_close(one, torch.as_tensor(other), rtol=1e-10, atol=1e-12)


def test_both_methods_follow_the_differential_equation_as_the_step_shrinks():
    A, B = randn(3, 3, seed=3) - 2 * torch.eye(3, dtype=torch.float64), randn(3, 1, seed=4)
    exact = torch.linalg.solve(A, (torch.linalg.matrix_exp(A) - torch.eye(3, dtype=torch.float64)) @ B)  # x = 1 from 0 to 1
    errors = {}
    for method, many in itertools.product(("zoh", "bilinear"), (8, 16, 32)):
        state, (A_step, B_step) = torch.zeros(3, 1, dtype=torch.float64), S.discretize(A, B, 1 / many, method)
        for _ in range(many):
            state = A_step @ state + B_step
        errors[method, many] = (state - exact).abs().max().item()
    assert errors["zoh", 8] < 1e-12
    assert errors["bilinear", 8] / errors["bilinear", 16] == pytest.approx(4, rel=0.1) and errors["bilinear", 16] / errors["bilinear", 32] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 16, 37, 100])
def test_the_parallel_scan_of_affine_steps_is_the_recurrence(length):
    a, b = randn(length, 2, 3, seed=1).requires_grad_(), randn(length, 2, 3, seed=2).requires_grad_()
    h, found = torch.zeros(2, 3, dtype=torch.float64), []
    for one, other in zip(a, b):
        h = one * h + other
        found.append(h)
    _, got = S.parallel_scan(S.affine, (a, b))
    torch.testing.assert_close(got, torch.stack(found), rtol=1e-10, atol=1e-12)
    for one, other in zip(gradients(got, (a, b)), gradients(torch.stack(found), (a, b))):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_the_parallel_scan_takes_few_calls_and_keeps_the_order():
    calls = []

    def after(earlier, later):
        calls.append(len(earlier[0]))
        return (later[0] @ earlier[0],)

    matrices = randn(100, 2, 2, seed=5)
    (got,) = S.parallel_scan(after, (matrices,))
    expected = list(itertools.accumulate(matrices, lambda earlier, later: later @ earlier))
    torch.testing.assert_close(got, torch.stack(expected), rtol=1e-9, atol=1e-12)
    assert len(calls) <= 2 * 7 and sum(calls) <= 2 * 100
    with pytest.raises(ValueError, match="elements"):
        S.parallel_scan(after, (matrices, matrices[:3]))


@pytest.mark.parametrize("length", [1, 2, 9, 64])
def test_kernel_and_convolution_are_the_recurrence(length):
    A, B, C, x = 0.5 * randn(4, 4, seed=1), randn(4, 1, seed=2), randn(1, 4, seed=3), randn(2, length, seed=4)
    h, found = torch.zeros(4, 2, dtype=torch.float64), []
    for t in range(length):
        h = A @ h + B * x[:, t]
        found.append((C @ h)[0])
    got = S.causal_convolution(x, S.ssm_kernel(A, B, C, length))
    torch.testing.assert_close(got, torch.stack(found, 1), rtol=1e-10, atol=1e-11)
    plain = F.conv1d(F.pad(x, (length - 1, 0))[:, None], S.ssm_kernel(A, B, C, length).flip(0)[None, None])[:, 0]
    torch.testing.assert_close(got, plain, rtol=1e-10, atol=1e-11)


def test_hippo_follows_legendre_coefficients():
    """h' = (A h + B x) / t: the state at time t holds the coefficients of x on [0, t] in scaled Legendre polynomials."""
    from numpy.polynomial.legendre import legval

    A, B = S.hippo_legs(6)
    x = lambda s: torch.sin(3 * s) + 0.5 * s  # noqa: E731
    times = torch.logspace(-3, 0, 4001, dtype=torch.float64)
    state = torch.zeros(6, 1, dtype=torch.float64)
    state[0] = x(times[:1])  # the coefficients of a constant
    for now, then in itertools.pairwise(times):
        A_step, B_step = S.discretize(A, B, math.log(then / now), "bilinear")  # the equation is linear in log t
        state = A_step @ state + B_step * x((now + then) / 2)
    grid = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    for n in range(6):
        polynomial = torch.tensor((2 * n + 1) ** 0.5 * legval(2 * grid.numpy() - 1, [0] * n + [1]))
        assert state[n].item() == pytest.approx((polynomial * x(grid)).mean().item(), abs=2e-3)


def test_s4d_eigenvalues_are_those_of_the_normal_part_of_hippo():
    for state in (2, 6, 32):
        A, B = S.hippo_legs(state)
        found = torch.linalg.eigvals(A + B @ B.T / 2)
        expected = found[found.imag > 0]
        got = S.s4d_eigenvalues(state)
        torch.testing.assert_close(got.imag, expected.imag.sort().values, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(got.real, torch.full((state // 2,), -0.5, dtype=torch.float64))
    assert S.s4d_eigenvalues(6, "lin").imag.tolist() == [0, math.pi, 2 * math.pi]


@each_dtype
@each_device
@pytest.mark.parametrize("kind", ["legs", "lin"])
@pytest.mark.parametrize("length", [1, 2, 33])
def test_s4d_is_one_layer_in_three_forms(dtype, device, kind, length):
    torch.manual_seed(0)
    layer = S.S4D(3, 8, kind).to(device, dtype)
    with torch.no_grad():
        layer.log_step.add_(2)
    x = randn(2, length, 3, seed=1, dtype=dtype).to(device).requires_grad_()
    leaves = [x, *layer.parameters()]
    expected = layer(x, "recurrence")
    A, B, C = layer.discrete()
    dense = [S.causal_convolution(x[..., w].detach().T.T, (2 * torch.view_as_complex(layer.C[w].contiguous()) * B[w] * A[w] ** torch.arange(length, device=device)[:, None]).sum(1).real) for w in range(3)]
    torch.testing.assert_close(torch.stack(dense, -1) + layer.D * x, expected, **TOLERANCES[dtype])
    for form in ("convolution", "scan"):
        got = layer(x, form)
        torch.testing.assert_close(got, expected, **TOLERANCES[dtype])
        for one, other in zip(gradients(got, leaves), gradients(expected, leaves)):
            agree(one, other, dtype)


def test_s4d_with_its_conjugates_is_the_real_layer():
    """The kernel is that of zero-order hold of all eigenvalues, conjugates included, by scipy."""
    layer = S.S4D(1, 6).double()
    eigenvalues = torch.complex(-layer.log_decay.exp(), layer.frequency)[0].detach()
    A = torch.cat([eigenvalues, eigenvalues.conj()]).diag().numpy()
    C = torch.view_as_complex(layer.C.detach())[0]
    C = torch.cat([C, C.conj()])[None].numpy()
    A_step, B_step, *_ = signal.cont2discrete((A, torch.ones(6, 1).numpy(), C, torch.zeros(1, 1).numpy()), layer.log_step.exp().item(), "zoh")
    state, found = torch.tensor(B_step), []
    for _ in range(20):
        found.append((torch.tensor(C) @ state)[0, 0])
        state = torch.tensor(A_step) @ state
    found = torch.stack(found)
    assert found.imag.abs().max() < 1e-12
    torch.testing.assert_close(layer.kernel(20)[0], found.real, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------------------------------- the selective scan


def scan_inputs(batch, length, channels, state, seed=0, dtype=torch.float64, device="cpu"):
    x, B, C = randn(batch, length, channels, seed=seed), randn(batch, length, state, seed=seed + 1), randn(batch, length, state, seed=seed + 2)
    delta, A, D = F.softplus(randn(batch, length, channels, seed=seed + 3) - 1), -randn(channels, state, seed=seed + 4).exp(), randn(channels, seed=seed + 5)
    return [value.to(device, dtype).requires_grad_() for value in (x, delta, A, B, C, D)]


def scan_loop(x, delta, A, B, C, D=None):
    h, found = x.new_zeros(len(x), x.shape[2], A.shape[1]), []
    for t in range(x.shape[1]):
        h = torch.exp(delta[:, t, :, None] * A) * h + (delta[:, t] * x[:, t])[..., None] * B[:, t, None, :]
        found.append((h * C[:, t, None, :]).sum(-1))
    y = torch.stack(found, 1)
    return y if D is None else y + D * x


@each_dtype
@each_device
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 7, 3, 4), (3, 31, 2, 5), (1, 33, 4, 3), (2, 100, 6, 2), (1, 64, 700, 16), (3, 130, 1, 1)])
def test_the_selective_scan_and_its_gradients_are_the_loops(dtype, device, sizes):
    leaves = scan_inputs(*sizes, dtype=dtype, device=device)
    for with_D in (True, False):
        used = leaves if with_D else leaves[:5]
        got, expected = S.selective_scan(*used), scan_loop(*used)
        assert got.dtype == dtype
        agree(got, expected, dtype)
        for one, other in zip(gradients(got, used), gradients(expected, used), strict=True):
            agree(one, other, dtype)


@pytest.mark.parametrize("seed", range(16))
def test_the_scan_with_random_sizes_lanes_and_blocks(seed, monkeypatch):
    """Small lanes and blocks of every kind, so that each border is met."""
    draw = torch.Generator().manual_seed(seed)
    pick = lambda low, high: int(torch.randint(low, high, (), generator=draw))  # noqa: E731
    monkeypatch.setattr(S, "LANE", pick(1, 9))
    monkeypatch.setattr(S, "LANE_NUMBERS", pick(1, 200))
    leaves = scan_inputs(pick(1, 4), pick(1, 60), pick(1, 6), pick(1, 6), seed=seed)
    got, expected = S.selective_scan(*leaves), scan_loop(*leaves)
    torch.testing.assert_close(got, expected, **TOLERANCES[torch.float64])
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        agree(one, other, torch.float64)


def test_the_scan_is_that_of_mambapy():
    pscan = oracle("mambapy.pscan").pscan
    x, delta, A, B, C, D = leaves = scan_inputs(2, 64, 5, 4)
    states = pscan(torch.exp(delta[..., None] * A), (delta * x)[..., None] * B[:, :, None, :])
    expected = (states @ C[..., None])[..., 0] + D * x
    got = S.selective_scan(*leaves)
    torch.testing.assert_close(got, expected, **TOLERANCES[torch.float64])
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        agree(one, other, torch.float64)


def test_a_decay_that_forgets_everything_makes_no_nan():
    leaves = scan_inputs(2, 90, 3, 4, dtype=torch.float32)
    with torch.no_grad():
        leaves[1][:, ::7] = 200.0  # exp(-200 |A|) is 0
    got = S.selective_scan(*leaves)
    assert got.isfinite().all() and all(gradient.isfinite().all() for gradient in gradients(got, leaves))
    agree(got, scan_loop(*leaves), torch.float32)


def test_the_last_state_goes_on():
    """Reading in two parts is reading at once."""
    x, delta, A, B, C, _ = [leaf.detach() for leaf in scan_inputs(2, 75, 3, 4)]
    whole, _, end = S._scan(x, delta, A, B, C)
    first, _, middle = S._scan(x[:, :40], delta[:, :40], A, B[:, :40], C[:, :40])
    second, _, last = S._scan(x[:, 40:], delta[:, 40:], A, B[:, 40:], C[:, 40:], middle)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(last, end, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@each_device
def test_the_scan_in_half_precision_is_near_float64(dtype, device):
    exact = scan_inputs(2, 70, 4, 3, device=device)
    small = [leaf.detach().to(dtype).requires_grad_() for leaf in exact]
    exact = [leaf.detach().double().requires_grad_() for leaf in small]
    got, expected = S.selective_scan(*small), S.selective_scan(*exact)
    assert got.dtype == dtype
    agree(got.double(), expected, torch.bfloat16)
    for one, other in zip(gradients(got, small), gradients(expected, exact), strict=True):
        assert one.dtype == dtype
        agree(one.double(), other, torch.bfloat16)


@pytest.mark.parametrize("name", ["selective_scan", "ssd"])
def test_the_backward_pass_is_the_derivative(name):
    """Against finite differences, not against another backward pass."""
    if name == "selective_scan":
        assert torch.autograd.gradcheck(S.selective_scan, scan_inputs(2, 6, 2, 3))
    else:
        assert torch.autograd.gradcheck(lambda *leaves: S.ssd(*leaves, 4), ssd_inputs(1, 6, 4, 2, 2, 3))


@pytest.mark.parametrize("name", ["selective_scan", "ssd"])
def test_what_is_kept_for_the_backward_pass_is_far_less_than_all_states(name):
    kept = []
    if name == "selective_scan":
        leaves, numbers = scan_inputs(1, 1024, 8, 16), 1024 * 8 * 16
        work = S.selective_scan
    else:
        leaves, numbers = ssd_inputs(1, 1024, 2, 32, 1, 32), 1024 * 2 * 32 * 32
        work = S.ssd
    own = {leaf.untyped_storage().data_ptr() for leaf in leaves}
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        work(*leaves)
    held = sum(tensor.numel() for tensor in kept if tensor.untyped_storage().data_ptr() not in own)
    assert held <= numbers / 16


# ---------------------------------------------------------------------------------------------- state-space duality


def ssd_inputs(batch, length, heads, head_dim, groups, state, seed=0, dtype=torch.float64, device="cpu"):
    x, decay = randn(batch, length, heads, head_dim, seed=seed), -F.softplus(randn(batch, length, heads, seed=seed + 1))
    B, C = randn(batch, length, groups, state, seed=seed + 2), randn(batch, length, groups, state, seed=seed + 3)
    return [value.to(device, dtype).requires_grad_() for value in (x, decay, B, C)]


def ssd_loop(x, log_decay, B, C):
    many = x.shape[2] // B.shape[2]
    B, C = B.repeat_interleave(many, 2), C.repeat_interleave(many, 2)
    h, found = x.new_zeros(len(x), *x.shape[2:], B.shape[3]), []
    for t in range(x.shape[1]):
        h = log_decay[:, t, :, None, None].exp() * h + x[:, t, ..., None] * B[:, t, :, None]
        found.append((h @ C[:, t, ..., None])[..., 0])
    return torch.stack(found, 1)


def ssd_minimal(x, log_decay, B, C, chunk):
    """The short listing of the Mamba-2 paper, for one group and a length that is a multiple of the chunk; its einsums."""

    def sums(a):
        a = a[..., None].expand(*a.shape, a.shape[-1]).masked_fill(~torch.ones(a.shape[-1], a.shape[-1], dtype=torch.bool).tril(-1), 0)
        return a.cumsum(-2).masked_fill(~torch.ones(a.shape[-2:], dtype=torch.bool).tril(), -math.inf)

    many = x.shape[2] // B.shape[2]
    x, a, B, C = (value.unflatten(1, (-1, chunk)) for value in (x, log_decay, B.repeat_interleave(many, 2), C.repeat_interleave(many, 2)))
    a = a.permute(0, 3, 1, 2)
    total = a.cumsum(-1)
    within = torch.einsum("bclhn,bcshn,bhcls,bcshp->bclhp", C, B, sums(a).exp(), x)
    states = torch.einsum("bclhn,bhcl,bclhp->bchpn", B, (total[..., -1:] - total).exp(), x)
    states = torch.cat([torch.zeros_like(states[:, :1]), states], 1)
    states = torch.einsum("bhzc,bchpn->bzhpn", sums(F.pad(total[..., -1], (1, 0))).exp(), states)[:, :-1]
    return (within + torch.einsum("bclhn,bchpn,bhcl->bclhp", C, states, total.exp())).flatten(1, 2)


@each_dtype
@each_device
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1, 1), (2, 7, 4, 3, 2, 5), (1, 50, 6, 2, 3, 4), (2, 33, 3, 5, 1, 2), (1, 130, 2, 4, 2, 3)])
@pytest.mark.parametrize("chunk", [1, 4, 32, 64])
def test_ssd_and_its_gradients_are_the_loops(dtype, device, sizes, chunk):
    leaves = ssd_inputs(*sizes, dtype=dtype, device=device)
    got, expected = S.ssd(*leaves, chunk), ssd_loop(*leaves)
    assert got.dtype == dtype
    agree(got, expected, dtype)
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        agree(one, other, dtype)


def test_ssd_is_the_papers_short_form():
    leaves = ssd_inputs(2, 48, 6, 4, 2, 5)
    got, expected = S.ssd(*leaves, 16), ssd_minimal(*leaves, 16)
    torch.testing.assert_close(got, expected, **TOLERANCES[torch.float64])
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        agree(one, other, torch.float64)


def test_ssd_is_a_selective_scan_whose_channels_share_a_decay():
    x, log_decay, B, C = ssd_inputs(2, 20, 3, 4, 1, 5)
    flat = x.flatten(2)
    one = torch.ones_like(flat)
    delta = -log_decay.repeat_interleave(4, 2)  # with A = -1 the decay is exp(-delta); the input is divided by delta again
    expected = S.selective_scan(flat / delta, delta, -one.new_ones(12, 5), B[:, :, 0], C[:, :, 0])
    torch.testing.assert_close(S.ssd(x, log_decay, B, C, 8).flatten(2), expected, **TOLERANCES[torch.float64])


def test_strong_and_weak_decays_side_by_side_stay_exact():
    """Sums of logarithms of very different sizes: their differences need more digits than float32 has."""
    x, log_decay, B, C = ssd_inputs(1, 128, 2, 3, 1, 4)
    with torch.no_grad():
        log_decay.mul_(1e-3)
        log_decay[:, 5::40] = -1000.0
    small = [value.detach().float().requires_grad_() for value in (x, log_decay, B, C)]
    got, expected = S.ssd(*small, 64), ssd_loop(*[value.detach().double() for value in small])
    torch.testing.assert_close(got.double(), expected, rtol=2e-5, atol=1e-4)
    assert all(gradient.isfinite().all() for gradient in gradients(got, small))


@each_device
def test_ssd_in_bfloat16_is_near_float64(device):
    small = [leaf.detach().bfloat16().requires_grad_() for leaf in ssd_inputs(2, 70, 4, 3, 2, 5, device=device)]
    exact = [leaf.detach().double().requires_grad_() for leaf in small]
    got, expected = S.ssd(*small, 16), ssd_loop(*exact)
    assert got.dtype == torch.bfloat16
    agree(got.double(), expected, torch.bfloat16)
    for one, other in zip(gradients(got, small), gradients(expected, exact), strict=True):
        agree(one.double(), other, torch.bfloat16)


# ---------------------------------------------------------------------------------------------- Triton


KERNELS = """
import torch
from course_lib.reference import selective_scan_kernels as K, state_space as S
def near(one, other):
    assert (one - other).abs().max() <= 2e-6 * other.abs().max().clamp(min=1), (one - other).abs().max()
for batch, length, channels, state in ((2, 7, 3, 4), (1, 65, 5, 16), (2, 33, 40, 3)):
    torch.manual_seed(length)
    leaves = [torch.randn(batch, length, channels), torch.rand(batch, length, channels), -torch.rand(channels, state) * 3, torch.randn(batch, length, state), torch.randn(batch, length, state)]
    (y, starts), (expected, theirs, _) = K.scan_forward(*leaves), S._scan(*leaves)
    near(y, expected)
    above = torch.randn_like(y)
    for one, other in zip(K.scan_backward(above, *leaves, starts), S._scan_backward(above, *leaves, theirs)):
        near(one, other)
for batch, length, heads, head_dim, groups, state, chunk in ((2, 7, 4, 3, 2, 5, 4), (1, 70, 2, 20, 1, 17, 32), (2, 33, 3, 4, 3, 2, 64)):
    leaves = [torch.randn(batch, length, heads, head_dim), -torch.rand(batch, length, heads), torch.randn(batch, length, groups, state), torch.randn(batch, length, groups, state)]
    for one, other in zip(K.ssd_forward(*leaves, chunk), S._ssd(*leaves, chunk)):
        near(one, other)
print("the same")
"""


@pytest.mark.slow
def test_the_kernels_are_the_functions_for_the_cpu_in_tritons_interpreter():
    oracle("triton")
    ran = subprocess.run([sys.executable, "-c", KERNELS], capture_output=True, text=True, timeout=300, env=os.environ | {"TRITON_INTERPRET": "1"})
    assert ran.stdout.strip() == "the same", ran.stderr[-2000:]


@pytest.mark.slow
def test_the_kernels_compile_for_a_gpu_without_one():
    triton = oracle("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from course_lib.reference import selective_scan_kernels as K

    scan, tile = dict(CHUNK=32, BLOCK_CHANNELS=32, BLOCK_STATE=16), dict(BLOCK_PLACES=64, BLOCK_DIM=64, BLOCK_STATE=128)
    constants = {K._scan_forward_kernel: scan, K._scan_backward_kernel: scan, K._chunk_states_kernel: tile, K._chunk_output_kernel: tile, K._between_chunks_kernel: dict(BLOCK=1024)}
    whole = {"length", "channels", "state", "chunks", "heads", "head_dim", "groups", "size", "numbers"}
    for kernel, fixed in constants.items():
        kinds = {name: "constexpr" if name in fixed else "i32" if name in whole else "*fp64" if name == "totals" else "*fp32" for name in kernel.arg_names}
        source = ASTSource(kernel, signature=kinds, constexprs={(kernel.arg_names.index(name),): value for name, value in fixed.items()})
        assert "cubin" in triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_cuda_the_kernels_give_what_the_cpu_gives(dtype):
    for name, leaves in (("selective_scan", scan_inputs(2, 300, 70, 16, dtype=dtype)), ("ssd", ssd_inputs(2, 300, 4, 64, 2, 128, dtype=dtype))):
        here = [leaf.detach().cuda().requires_grad_() for leaf in leaves]
        got, expected = getattr(S, name)(*here), getattr(S, name)(*leaves)
        tolerance = torch.bfloat16 if dtype == torch.bfloat16 else torch.float32
        agree(got.cpu(), expected, tolerance)
        for one, other in zip(gradients(got, here), gradients(expected, leaves), strict=True):
            agree(one.cpu(), other, tolerance)


# ---------------------------------------------------------------------------------------------- models


MODELS = {
    "mamba": lambda: S.Mamba(S.MambaSettings(17, 12, 2, 5)),
    "mamba, all settings": lambda: S.Mamba(S.MambaSettings(19, 10, 3, 4, inner=30, rank=3, taps=3, bias=True, taps_bias=False, epsilon=1e-3, tied=False)),
    "mamba, one tap": lambda: S.Mamba(S.MambaSettings(13, 6, 1, 1, taps=1)),
    "mamba2, two groups": lambda: S.Mamba2(S.Mamba2Settings(17, 12, 2, 6, 4, state=5, groups=2, chunk_size=4)),
    "mamba2, all settings": lambda: S.Mamba2(S.Mamba2Settings(19, 8, 3, 6, 4, state=3, groups=3, taps=2, chunk_size=8, bias=True, taps_bias=False, least_delta=0.4, most_delta=0.9, epsilon=1e-3, tied=True)),
    "mamba2, one group": lambda: S.Mamba2(S.Mamba2Settings(13, 6, 1, 2, 6, state=1)),
}  # fmt: skip
each_model = pytest.mark.parametrize("name", MODELS)


def make(name, seed=0, dtype=torch.float64, scale=0.4):
    model, generator = MODELS[name](), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model.to(dtype)


def some_ids(model, batch=3, length=13, seed=5):
    return torch.randint(model.settings.vocabulary, (batch, length), generator=torch.Generator().manual_seed(seed))


@each_model
@pytest.mark.parametrize("seed", [0, 1])
def test_logits_and_all_gradients_are_those_of_transformers(name, seed):
    ours = make(name, seed)
    theirs, ids = ours.to_huggingface(), some_ids(ours)
    with InDouble():
        expected = theirs(ids).logits
        F.cross_entropy(expected[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    got = ours(ids)
    F.cross_entropy(got[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    torch.testing.assert_close(got, expected, **TOLERANCES[torch.float64])
    parameters, compared = dict(theirs.named_parameters()), 0
    for mine, other in ours._names():
        gradient = parameters[other].grad
        torch.testing.assert_close(ours.get_parameter(mine).grad, gradient[:, 0] if mine.endswith("mixer.taps") else gradient, **TOLERANCES[torch.float64])
        compared += 1
    assert compared == len(list(ours.parameters())) == len(list(theirs.parameters()))


@each_model
def test_in_float32_too(name):
    ours = make(name, 3, torch.float32)
    torch.testing.assert_close(ours(some_ids(ours)), ours.to_huggingface()(some_ids(ours)).logits, **TOLERANCES[torch.float32])


@each_model
def test_round_trips_are_exact(name):
    ours = make(name, 4)
    theirs = ours.to_huggingface()
    back = type(ours).from_huggingface(theirs)
    assert back.settings == ours.settings
    for (first, mine), (second, again) in zip(ours.named_parameters(), back.named_parameters(), strict=True):
        assert first == second and torch.equal(mine, again), first
    for (first, one), (_, other) in zip(theirs.named_parameters(), back.to_huggingface().named_parameters(), strict=True):
        assert torch.equal(one, other), first
    assert not {id(parameter) for parameter in ours.parameters()} & {id(parameter) for parameter in back.parameters()}


@pytest.mark.parametrize("config, ours", [
    (transformers.MambaConfig(vocab_size=23, hidden_size=16, num_hidden_layers=2, state_size=4), S.Mamba),
    (transformers.Mamba2Config(vocab_size=23, hidden_size=16, num_hidden_layers=2, state_size=4, num_heads=8, head_dim=4, n_groups=2), S.Mamba2),
], ids=["mamba", "mamba2"])  # fmt: skip
def test_a_model_made_by_transformers_comes_in(config, ours):
    torch.manual_seed(1)
    theirs = transformers.AutoModelForCausalLM.from_config(config).eval()
    mine = ours.from_huggingface(theirs)
    torch.testing.assert_close(mine(some_ids(mine, length=40)), theirs(some_ids(mine, length=40)).logits, **TOLERANCES[torch.float32])


def test_another_model_or_setting_is_refused():
    config = transformers.MambaConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, state_size=2)
    with pytest.raises(ValueError, match="model: expected a language model of the type 'mamba2', got mamba"):
        S.Mamba2.from_huggingface(transformers.MambaForCausalLM(config))
    config.hidden_act = "gelu"
    with pytest.raises(ValueError, match="hidden_act"):
        S.Mamba.from_huggingface(transformers.MambaForCausalLM(config))
    with pytest.raises(ValueError, match="inner: expected a multiple of the width 8"):
        S.Mamba(S.MambaSettings(9, 8, 1, inner=12)).to_huggingface()


@each_model
@pytest.mark.parametrize("cuts", [(13,), (1,) * 13, (4, 1, 8), (2, 11)])
def test_reading_in_parts_gives_the_logits_of_the_whole(name, cuts):
    model = make(name)
    ids, kept = some_ids(model), model.new_cache(3)
    parts = torch.cat([model(piece, kept) for piece in some_ids(model).split(cuts, 1)], 1)
    torch.testing.assert_close(parts, model(ids), rtol=1e-10, atol=1e-12)
    assert kept.length == 13


@each_model
def test_generation_reads_each_token_once_and_agrees_with_transformers(name):
    model = make(name, 6, scale=1.0)
    prompt = some_ids(model, 2, 4)
    kept, got = model.new_cache(2), prompt
    logits = model.last_logits(prompt, kept)
    for place in range(8):
        got = torch.cat([got, logits.argmax(-1, keepdim=True)], 1)
        logits = model.last_logits(got[:, -1:], kept) if place < 7 else logits
    assert kept.length == 11
    ids = prompt
    for _ in range(8):
        ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], 1)
    assert torch.equal(got, ids)
    with InDouble():  # with their cache, transformers 5.23 does not bound delta as it does without
        theirs = model.to_huggingface().eval().generate(prompt, max_new_tokens=8, do_sample=False, attention_mask=torch.ones_like(prompt), use_cache=False)
    assert torch.equal(got, theirs)


@each_model
def test_the_future_is_not_seen(name):
    model = make(name)
    ids = some_ids(model)
    other = ids.clone()
    other[:, 8:] = (other[:, 8:] + 1) % model.settings.vocabulary
    one, two = model(ids), model(other)
    assert torch.equal(one[:, :8], two[:, :8]) or (one[:, :8] - two[:, :8]).abs().max() < 1e-12
    assert (one[:, 8:] - two[:, 8:]).abs().max() > 1e-3


@each_model
@each_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_devices_and_dtypes_agree(name, device, dtype):
    model = make(name, 2)
    expected = model(some_ids(model))
    got = make(name, 2).to(device, dtype)(some_ids(model).to(device))
    assert got.dtype == dtype
    tolerance = TOLERANCES[torch.float32] if dtype == torch.float32 else dict(rtol=0.1, atol=0.1 * expected.abs().max().item())
    torch.testing.assert_close(got.cpu().double(), expected, **tolerance)


@pytest.mark.parametrize("name", ["mamba", "mamba2, two groups"])
def test_a_model_learns(name):
    torch.manual_seed(0)
    model = MODELS[name]()
    ids = some_ids(model, 4, 12)
    optimizer, losses = torch.optim.Adam(model.parameters(), 1e-2), []
    for _ in range(60):
        loss = F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("kind, settings", [(S.Mamba, S.MambaSettings(17, 12, 2)), (S.Mamba2, S.Mamba2Settings(17, 12, 2, 6, 4))], ids=["mamba", "mamba2"])
def test_the_start_is_that_of_the_papers(kind, settings):
    """Decays -1 ... -state, steps between 0.001 and 0.1."""
    mixer = kind(settings).blocks[0].mixer
    bias = mixer.delta.bias if kind is S.Mamba else mixer.delta_bias
    assert (F.softplus(bias) >= 9e-4).all() and (F.softplus(bias) <= 0.11).all()
    torch.testing.assert_close(mixer.log_A.exp().detach().reshape(-1, mixer.log_A.shape[-1])[0], torch.arange(1.0, mixer.log_A.shape[-1] + 1))


# ---------------------------------------------------------------------------------------------- bad input


X = torch.zeros(2, 5, 3)
BAD = [
    (lambda: S.hmm_forward(torch.zeros(3), torch.zeros(3, 2), torch.zeros(4, 3)), "log_transition: expected a floating-point tensor (3, 3), got (3, 2)"),
    (lambda: S.hmm_forward(torch.zeros(3), torch.zeros(3, 3), torch.zeros(0, 3)), "log_emission: expected a floating-point tensor (length, 3)"),
    (lambda: S.kalman_filter(torch.zeros(4, 1), torch.eye(2), torch.zeros(2, 1), torch.eye(2), torch.eye(1), torch.zeros(2), torch.eye(2)), "H: expected a floating-point tensor (1, 2)"),
    (lambda: S.discretize(torch.zeros(2, 3), torch.zeros(2, 1), 0.1), "A: expected a square matrix"),
    (lambda: S.discretize(torch.eye(2), torch.zeros(2, 1), 0.0), "step: expected a number above 0"),
    (lambda: S.discretize(torch.eye(2), torch.zeros(2, 1), 0.1, "euler"), "method: expected 'zoh' or 'bilinear', got 'euler'"),
    (lambda: S.ssm_kernel(torch.eye(2), torch.zeros(2, 2), torch.zeros(1, 2), 4), "B: expected a floating-point tensor (2, 1)"),
    (lambda: S.causal_convolution(torch.zeros(4), torch.zeros(5)), "kernel: expected 4 numbers"),
    (lambda: S.s4d_eigenvalues(5), "state: expected an even number, got 5"),
    (lambda: S.S4D(3, 4)(torch.zeros(2, 5, 2)), "x: expected a floating-point tensor (batch, length, 3)"),
    (lambda: S.S4D(3, 4)(X, "fft"), "form: expected 'convolution'"),
    (lambda: S.selective_scan(X, X[:, :4], torch.zeros(3, 2), torch.zeros(2, 5, 2), torch.zeros(2, 5, 2)), "delta: expected a floating-point tensor (2, 5, 3)"),
    (lambda: S.selective_scan(X, X, torch.zeros(2, 3), torch.zeros(2, 5, 2), torch.zeros(2, 5, 2)), "A: expected a floating-point tensor (3, state)"),
    (lambda: S.selective_scan(X, X, torch.zeros(3, 2), torch.zeros(2, 5, 3), torch.zeros(2, 5, 2)), "B: expected a floating-point tensor (2, 5, 2)"),
    (lambda: S.selective_scan(X, X, torch.zeros(3, 2), torch.zeros(2, 5, 2), torch.zeros(2, 5, 2), torch.zeros(2)), "D: expected a floating-point tensor (3)"),
    (lambda: S.ssd(torch.zeros(2, 5, 3, 4), torch.zeros(2, 5, 3), torch.zeros(2, 5, 2, 6), torch.zeros(2, 5, 2, 6)), "B: expected a number of groups that divides the 3 heads, got 2"),
    (lambda: S.ssd(torch.zeros(2, 5, 3, 4), torch.zeros(2, 5, 3), torch.zeros(2, 5, 1, 6), torch.zeros(2, 5, 1, 6), 0), "chunk_size: expected an integer from 1"),
    (lambda: S.MambaSettings(9, 8, 0), "layers: expected an integer from 1, got 0"),
    (lambda: S.Mamba2Settings(9, 8, 1, 4, 4, groups=3), "groups: expected a divisor of the 4 heads, got 3"),
    (lambda: S.Mamba(replace(S.Mamba2Settings(9, 8, 1, 4, 4))), "settings: expected MambaSettings, got Mamba2Settings"),
    (lambda: make("mamba")(torch.zeros(2, 3)), "input_ids: expected an int64 tensor"),
]  # fmt: skip


@pytest.mark.parametrize("call, said", BAD, ids=[said[:30] for _, said in BAD])
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()
