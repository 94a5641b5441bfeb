"""State-space models: hidden Markov models and the Kalman filter, S4D, Mamba's selective scan and Mamba-2's state-space duality.

Papers, in order of use
- hidden Markov models: Baum and Petrie 1966; the filter: Kalman 1960
- HiPPO: Gu et al. 2020, arXiv 2008.07669; S4: Gu, Goel and Re 2021, arXiv 2111.00396; S4D: Gu et al. 2022, arXiv 2206.11893
- prefix sums of any associative operation: Blelloch 1990
- Mamba, the selective scan: Gu and Dao 2023, arXiv 2312.00752; Mamba-2, state-space duality (SSD): Dao and Gu 2024, arXiv 2405.21060

A state-space layer keeps a state h and reads a sequence x: h_t = A_t h_(t-1) + B_t x_t, y_t = C_t h_t. Where A, B and C are the same at each
place the layer is a recurrence, a convolution and a scan at once; where they depend on x (selection) it is still a recurrence and a scan.

`selective_scan` and `ssd` have a backward pass that is linear in the length: they keep the state at the start of each chunk and compute the
states between again. A plain loop under autograd that writes `x[:, t]` is quadratic: each index makes a gradient of the full size.
Both gather in float32 where the input is bfloat16 or float16. On CUDA they use the Triton kernels of `selective_scan_kernels` where Triton is
installed. Under `torch.compile` both break the graph: their loops over chunks would be unrolled. Gradients of gradients are not given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from course_lib.reference.gpt import RMSNorm

LANE = 32  # steps between two states that the selective scan keeps
LANE_NUMBERS = 16384  # numbers that one step of the selective scan on a CPU takes at once: enough to hide the price of a call, few enough for the cache


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_size(value: object, name: str, least: int = 1) -> None:
    _check(isinstance(value, int) and not isinstance(value, bool) and value >= least, name, f"an integer from {least}", repr(value))


def _shape(value: object) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _check_tensor(value: object, name: str, sizes: tuple[int | str, ...], dtype: torch.dtype | None = None) -> None:
    """`sizes` holds a number where the size is known, a word where it may be any from 1."""
    good = isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex()) and value.ndim == len(sizes)
    good = good and all(got >= 1 if isinstance(size, str) else got == size for got, size in zip(value.shape, sizes))
    words = f"a floating-point tensor ({', '.join(map(str, sizes))})" + (f" of {dtype}" if dtype is not None else "")
    _check(good and (dtype is None or value.dtype == dtype), name, words, _shape(value))


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


# ------------------------------------------------------------------------------------------------ a state with few values, and one with a normal distribution


def hmm_forward(
    log_initial: Float[Tensor, "states"], log_transition: Float[Tensor, "states states"], log_emission: Float[Tensor, "length states"]
) -> Float[Tensor, ""]:
    """The log-probability of what was observed, summed over all paths of hidden states, in length * states^2 steps.

    log_initial[i]: the first state is i. log_transition[i, j]: from i the next is j. log_emission[t, i]: what was observed at place t, were the state i.
    Minus infinity says never. Raises ValueError where shapes do not fit.
    """
    _check_tensor(log_initial, "log_initial", ("states",))
    states = len(log_initial)
    _check_tensor(log_transition, "log_transition", (states, states))
    _check_tensor(log_emission, "log_emission", ("length", states))
    reached = log_initial + log_emission[0]
    for seen in log_emission[1:]:
        reached = _log_sum(reached[:, None] + log_transition, 0) + seen
    return _log_sum(reached, 0)


def _log_sum(x: Tensor, dim: int) -> Tensor:
    """logsumexp whose gradient is 0, not nan, where all terms are minus infinity."""
    never = (x == -math.inf).all(dim, keepdim=True)
    total = x.masked_fill(never, 0).logsumexp(dim, keepdim=True)
    return total.masked_fill(never, -math.inf).squeeze(dim)


def kalman_filter(
    observations: Float[Tensor, "length observed"], F: Float[Tensor, "state state"], H: Float[Tensor, "observed state"],
    Q: Float[Tensor, "state state"], R: Float[Tensor, "observed observed"], mean: Float[Tensor, "state"], covariance: Float[Tensor, "state state"],
) -> tuple[Float[Tensor, "length state"], Float[Tensor, "length state state"], Float[Tensor, ""]]:  # fmt: skip
    """(filtered means, filtered covariances, log-likelihood) of x_(t+1) = F x_t + N(0, Q), y_t = H x_t + N(0, R); Kalman 1960.

    Mean and covariance are those of x_0 before y_0 is seen. Row t of the result is the distribution of x_t given y_0 ... y_t.
    The update is Joseph's, which keeps the covariance symmetric and positive. Raises ValueError where shapes do not fit.
    """
    _check_tensor(observations, "observations", ("length", "observed"))
    _check_tensor(mean, "mean", ("state",))
    state, observed = len(mean), observations.shape[1]
    named = (("F", F, state, state), ("H", H, observed, state), ("Q", Q, state, state), ("R", R, observed, observed), ("covariance", covariance, state, state))
    for name, matrix, rows, columns in named:
        _check_tensor(matrix, name, (rows, columns), observations.dtype)
    identity = torch.eye(state, dtype=mean.dtype, device=mean.device)
    means, covariances, total = [], [], observations.new_zeros(())
    for seen in observations:
        surprise, spread = seen - H @ mean, H @ covariance @ H.T + R
        factor = torch.linalg.cholesky(spread)
        gain = torch.cholesky_solve(H @ covariance, factor).T  # covariance is symmetric
        keep = identity - gain @ H
        mean, covariance = mean + gain @ surprise, keep @ covariance @ keep.T + gain @ R @ gain.T
        scaled = torch.linalg.solve_triangular(factor, surprise[:, None], upper=False)
        total = total - 0.5 * (scaled.square().sum() + observed * math.log(2 * math.pi)) - factor.diagonal().log().sum()
        means.append(mean), covariances.append(covariance)
        mean, covariance = F @ mean, F @ covariance @ F.T + Q
    return torch.stack(means), torch.stack(covariances), total


# ------------------------------------------------------------------------------------------------ one linear layer, three ways


def discretize(
    A: Float[Tensor, "state state"], B: Float[Tensor, "state inputs"], step: float, method: str = "zoh"
) -> tuple[Float[Tensor, "state state"], Float[Tensor, "state inputs"]]:
    """(A', B') with h_t = A' h_(t-1) + B' x_t for the differential equation h' = A h + B x seen every `step`.

    "zoh", zero-order hold, is exact for an x that stays as it is between two looks: A' = exp(step A), B' = the integral of exp(s A) B from 0 to step.
    "bilinear" (Tustin): A' = (I - step/2 A)^-1 (I + step/2 A), B' = (I - step/2 A)^-1 step B. A need not be invertible.
    Raises ValueError for shapes that do not fit, a step that is not above 0, another method.
    """
    _check_tensor(A, "A", ("state", "state"))
    _check(A.shape[0] == A.shape[1], "A", "a square matrix", _shape(A))
    _check_tensor(B, "B", (len(A), "inputs"), A.dtype)
    _check(isinstance(step, (int, float)) and not isinstance(step, bool) and 0 < step < math.inf, "step", "a number above 0", repr(step))
    _check(method in ("zoh", "bilinear"), "method", "'zoh' or 'bilinear'", repr(method))
    state, dtype = len(A), A.dtype
    if A.device.type != "mps":  # torch's matrix_exp of float32 is good to four digits only; MPS has no float64
        A, B = A.double(), B.double()
    if method == "bilinear":
        half = step / 2 * A
        identity = torch.eye(state, dtype=A.dtype, device=A.device)
        both = torch.linalg.solve(identity - half, torch.cat([identity + half, step * B], 1))
    else:  # exp of [[A, B], [0, 0]] holds both
        both = torch.linalg.matrix_exp(step * F.pad(torch.cat([A, B], 1), (0, 0, 0, B.shape[1])))[:state]
    return both[:, :state].to(dtype), both[:, state:].to(dtype)


def parallel_scan(combine: Callable[[tuple[Tensor, ...], tuple[Tensor, ...]], tuple[Tensor, ...]], elements: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The combination of elements 0 ... t for every t at once; combine(earlier, later) is associative, and works on many pairs together.

    Each tensor of `elements` has the time as its first axis. 2 log2(length) calls of `combine`, on 2 length elements in all (Blelloch 1990): neighbours
    are combined, the scan of those pairs (half as long) is the answer at odd places, and one more step gives the even ones.
    Raises ValueError for tensors of unequal or no length.
    """
    good = isinstance(elements, tuple) and elements and all(isinstance(part, Tensor) and part.ndim >= 1 and len(part) == len(elements[0]) for part in elements)
    _check(good and len(elements[0]) >= 1, "elements", "a tuple of tensors (length, ...) of one length from 1", elements)
    return _scanned(combine, elements)


def _scanned(combine: Callable, elements: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    length = len(elements[0])
    if length == 1:
        return elements
    odd = _scanned(combine, combine(tuple(part[: length - 1 : 2] for part in elements), tuple(part[1::2] for part in elements)))
    even = tuple(part[:1] for part in elements)
    if length > 2:
        rest = combine(tuple(part[: (length - 1) // 2] for part in odd), tuple(part[2::2] for part in elements))
        even = tuple(map(torch.cat, zip(even, rest)))
    return tuple(map(_woven, even, odd))


def _woven(even: Tensor, odd: Tensor) -> Tensor:
    both = odd.new_empty(len(even) + len(odd), *odd.shape[1:])
    both[0::2], both[1::2] = even, odd
    return both


def affine(earlier: tuple[Tensor, Tensor], later: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The step h -> a h + b of two stretches after one another, number by number: what makes a linear recurrence a scan."""
    return later[0] * earlier[0], later[0] * earlier[1] + later[1]


def ssm_kernel(A: Tensor, B: Tensor, C: Tensor, length: int) -> Tensor:
    """(C B, C A B, C A^2 B, ...), the answer of a discrete layer with one input and output to a single 1: shape (length,).

    A (state, state), B (state, 1), C (1, state). The powers are doubled: log2(length) products.
    """
    _check_tensor(A, "A", ("state", "state"))
    state = len(A)
    _check_tensor(B, "B", (state, 1)), _check_tensor(C, "C", (1, state)), _check_size(length, "length")
    columns, power = B, A  # columns: A^0 B ... A^(n-1) B; power: A^n
    while columns.shape[1] < length:
        columns = torch.cat([columns, power @ columns], 1)
        power = power @ power
    return (C @ columns[:, :length])[0]


def causal_convolution(x: Float[Tensor, "*batch length"], kernel: Float[Tensor, "*channels length"]) -> Float[Tensor, "*batch length"]:
    """y_t = sum over s <= t of kernel_s x_(t-s), by Fourier transforms of twice the length: length * log(length) steps."""
    length = x.shape[-1]
    _check(kernel.shape[-1] == length, "kernel", f"{length} numbers, as x has", _shape(kernel))
    spectrum = torch.fft.rfft(x, 2 * length) * torch.fft.rfft(kernel, 2 * length)
    return torch.fft.irfft(spectrum, 2 * length)[..., :length]


def hippo_legs(state: int) -> tuple[Float[Tensor, "state state"], Float[Tensor, "state 1"]]:
    """HiPPO-LegS (Gu et al. 2020) in float64: the state follows the coefficients of the input's past in Legendre polynomials.

    A[n, k] = -sqrt(2n+1) sqrt(2k+1) below the diagonal, -(n+1) on it; B[n] = sqrt(2n+1). The memory is that of h' = A h / t + B x / t.
    """
    _check_size(state, "state")
    root = (2 * torch.arange(state, dtype=torch.float64) + 1).sqrt()
    return -(root[:, None] * root).tril(-1) - torch.diag(torch.arange(1.0, state + 1, dtype=torch.float64)), root[:, None].clone()


def s4d_eigenvalues(state: int, kind: str = "legs") -> Complex[Tensor, "pairs"]:
    """The state/2 eigenvalues of S4D (Gu et al. 2022) with a positive imaginary part, in complex128; the other half are their conjugates.

    "legs": of HiPPO-LegS's normal part, A + P P^T with P_n = sqrt(n + 1/2), a diagonal of -1/2 and a skew-symmetric rest; "lin": -1/2 + i pi n.
    """
    _check_size(state, "state", 2)
    _check(state % 2 == 0, "state", "an even number", state)
    _check(kind in ("legs", "lin"), "kind", "'legs' or 'lin'", repr(kind))
    if kind == "lin":
        return torch.complex(torch.full((state // 2,), -0.5, dtype=torch.float64), math.pi * torch.arange(state // 2, dtype=torch.float64))
    matrix, root = hippo_legs(state)
    normal = matrix + root @ root.T / 2
    skew = normal - normal.diagonal().diag()  # normal = -1/2 I + skew
    found = torch.linalg.eigvalsh(-1j * skew)  # of a Hermitian matrix: exact to rounding
    return torch.complex(torch.full((state // 2,), -0.5, dtype=torch.float64), found[state // 2 :])


class S4D(nn.Module):
    """A diagonal state-space layer for each channel (Gu et al. 2022), computed as a convolution, a scan or a recurrence.

    State n of a channel obeys h' = a_n h + x, seen every `step` of the channel under zero-order hold; the answer is 2 Re(sum over pairs of C_n h_n) + D x.
    Eigenvalues begin as HiPPO's ("legs") or evenly spaced ("lin"); steps are drawn between 0.001 and 0.1, evenly in the logarithm.
    """

    def __init__(self, width: int, state: int = 64, kind: str = "legs") -> None:
        super().__init__()
        _check_size(width, "width")
        eigenvalues = s4d_eigenvalues(state, kind).to(torch.complex64).expand(width, -1)
        self.log_step = nn.Parameter(torch.empty(width).uniform_(math.log(1e-3), math.log(1e-1)))
        self.log_decay = nn.Parameter((-eigenvalues.real).log())  # real parts stay below 0
        self.frequency = nn.Parameter(eigenvalues.imag.clone())
        self.C = nn.Parameter(torch.randn(width, state // 2, 2) * 0.5**0.5)
        self.D = nn.Parameter(torch.randn(width))

    def discrete(self) -> tuple[Complex[Tensor, "width pairs"], Complex[Tensor, "width pairs"], Complex[Tensor, "width pairs"]]:
        """(A', B', C) of the steps h_n <- A'_n h_n + B'_n x, y = Re(sum C_n h_n); C holds the 2 of the conjugates."""
        eigenvalues = torch.complex(-self.log_decay.exp(), self.frequency)
        grown = eigenvalues * self.log_step.exp()[:, None]
        return grown.exp(), torch.expm1(grown) / eigenvalues, 2 * torch.view_as_complex(self.C.contiguous())

    def kernel(self, length: int) -> Float[Tensor, "width length"]:
        """The answer of each channel to a single 1, without D."""
        _check_size(length, "length")
        A, B, C = self.discrete()
        powers = (A.log()[..., None] * torch.arange(length, device=A.device)).exp()  # (width, pairs, length)
        return torch.einsum("wp,wpl->wl", B * C, powers).real

    def forward(self, x: Float[Tensor, "batch length width"], form: str = "convolution") -> Float[Tensor, "batch length width"]:
        """The same numbers in each form. Raises ValueError for another shape or form."""
        _check_tensor(x, "x", ("batch", "length", len(self.D)))
        _check(form in ("convolution", "scan", "recurrence"), "form", "'convolution', 'scan' or 'recurrence'", repr(form))
        if form == "convolution":
            y = causal_convolution(x.mT, self.kernel(x.shape[1])).mT
        else:
            A, B, C = self.discrete()
            inputs = x.transpose(0, 1)[..., None] * B  # (length, batch, width, pairs)
            if form == "scan":
                _, states = parallel_scan(affine, (A.expand(inputs.shape), inputs))
            else:
                states = torch.stack(_steps(A, inputs))
            y = (states * C).sum(-1).real.transpose(0, 1)
        return y + self.D * x


def _steps(A: Tensor, inputs: Tensor) -> list[Tensor]:
    state, found = torch.zeros_like(inputs[0]), []
    for one in inputs.unbind(0):
        state = A * state + one
        found.append(state)
    return found


# ------------------------------------------------------------------------------------------------ the selective scan of Mamba


def selective_scan(
    x: Float[Tensor, "batch length channels"], delta: Float[Tensor, "batch length channels"], A: Float[Tensor, "channels state"],
    B: Float[Tensor, "batch length state"], C: Float[Tensor, "batch length state"], D: Float[Tensor, "channels"] | None = None,
) -> Float[Tensor, "batch length channels"]:  # fmt: skip
    """h_t = exp(delta_t A) h_(t-1) + delta_t x_t B_t from h = 0, y_t = C_t . h_t + D x_t (Gu and Dao 2023); delta is given as it acts, above 0.

    Time and memory linear in the length, forward and backward; the states in between are never all in memory. A is below 0, else states may overflow.
    Raises ValueError where shapes or dtypes do not fit.
    """
    _check_tensor(x, "x", ("batch", "length", "channels"))
    _check_tensor(delta, "delta", tuple(x.shape), x.dtype)
    _check_tensor(A, "A", (x.shape[2], "state"))
    for name, value in (("B", B), ("C", C)):
        _check_tensor(value, name, (*x.shape[:2], A.shape[1]), x.dtype)
    if D is not None:
        _check_tensor(D, "D", (x.shape[2],))
    y = _SelectiveScan.apply(x, delta, A, B, C)
    return y if D is None else (y + D * x).to(x.dtype)


def _kernels(x: Tensor) -> ModuleType | None:
    """The Triton kernels, where they can take x. They gather in float32, so float64 goes another way."""
    return _import_kernels() if x.is_cuda and x.dtype != torch.float64 else None


@cache
def _import_kernels() -> ModuleType | None:
    try:
        from course_lib.reference import selective_scan_kernels
    except ImportError:  # no Triton
        return None
    return selective_scan_kernels


class _SelectiveScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        kernels = _kernels(x)
        y, states, *_ = (_scan if kernels is None else kernels.scan_forward)(x, delta, A, B, C)
        ctx.save_for_backward(x, delta, A, B, C, states)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, from_above: Tensor) -> tuple[Tensor, ...]:
        x, delta, A, B, C, states = ctx.saved_tensors
        kernels = _kernels(x)
        found = (_scan_backward if kernels is None else kernels.scan_backward)(from_above, x, delta, A, B, C, states)
        return tuple(gradient.to(value.dtype) for gradient, value in zip(found, (x, delta, A, B, C)))


class _Lanes:
    """How a CPU walks through a sequence: blocks of `lanes` x LANE steps, whose lanes are walked side by side.

    With few numbers a step, most of its time is the price of the call; with many, they leave the cache. So several lanes go together: what each
    adds from 0 is found first, then carried from lane to lane, and then each is walked from its true start.
    """

    def __init__(self, x: Tensor, state: int) -> None:
        self.batch, self.length, self.channels = x.shape
        self.dtype, self.state = _wide(x.dtype), state
        self.steps = min(LANE, self.length)
        many = -(-self.length // self.steps)
        self.lanes = max(1, min(many, LANE_NUMBERS // (self.batch * self.channels * state)))
        self.blocks = -(-many // self.lanes)
        self.padding = self.blocks * self.lanes * self.steps - self.length

    def cut(self, value: Tensor) -> Tensor:
        """(batch, length, n) -> (blocks, steps, lanes, batch, n), zeros behind the end: delta = 0 leaves a state as it is."""
        value = F.pad(value.to(self.dtype), (0, 0, 0, self.padding))
        return value.unflatten(1, (self.blocks, self.lanes, self.steps)).permute(1, 3, 2, 0, 4).contiguous()

    def join(self, blocks: Tensor) -> Tensor:
        return blocks.permute(3, 0, 2, 1, 4).flatten(1, 3)[:, : self.length]

    def room(self, like: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Room for one block, (steps, lanes, batch, state, channels), used for block after block, and its steps."""
        room = like.new_empty(self.steps, self.lanes, self.batch, self.state, self.channels, dtype=self.dtype)
        return room, room.unbind(0)

    def product(self, steps: Tensor, A: Tensor) -> Tensor | None:
        """The product of all decays of each lane, where there are several: exp of (the sum of its deltas times A)."""
        return (steps.sum(0)[..., None, :] * A).exp_() if self.lanes > 1 else None


def _carry(sums: Tensor, products: Tensor, state: Tensor, reverse: bool = False) -> tuple[Tensor, Tensor]:
    """From what each lane adds: (the state before each lane, the state behind the last); in reverse the lanes are met in the other order."""
    before = torch.empty_like(sums)
    lanes = list(zip(before.unbind(0), sums.unbind(0), products.unbind(0)))
    for start, added, product in reversed(lanes) if reverse else lanes:
        start.copy_(state)
        state = torch.addcmul(added, product, state)
    return before, state


def _scan(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """(y, the states at the starts of the lanes (blocks, lanes, batch, state, channels), the last state (batch, state, channels)); no gradients."""
    walk = _Lanes(x, A.shape[1])
    delta_cut, B_cut, C_cut = walk.cut(delta), walk.cut(B), walk.cut(C)
    driven = delta_cut * walk.cut(x)
    A = A.to(walk.dtype).T.contiguous()  # (state, channels)
    (decays, decays_by_step), (states, states_by_step) = walk.room(x), walk.room(x)
    y, starts = torch.empty_like(delta_cut), x.new_empty(walk.blocks, *states.shape[1:], dtype=walk.dtype)
    state = A.new_zeros(len(x), *A.shape) if state is None else state
    for block in range(walk.blocks):
        torch.mul(delta_cut[block][..., None, :], A, out=decays).exp_()
        torch.mul(driven[block][..., None, :], B_cut[block][..., None], out=states)
        before = state[None]
        if walk.lanes > 1:
            sums = states_by_step[0].clone()
            for decay, value in zip(decays_by_step[1:], states_by_step[1:]):
                torch.addcmul(value, decay, sums, out=sums)
            before, state = _carry(sums, walk.product(delta_cut[block], A), state)
        starts[block] = before
        for decay, value in zip(decays_by_step, states_by_step):
            before = value.addcmul_(decay, before)
        y[block] = (C_cut[block][..., None, :] @ states)[..., 0, :]
        state = states[-1, -1].clone()
    return walk.join(y).to(x.dtype), starts, state


def _scan_backward(from_above: Tensor, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, starts: Tensor) -> tuple[Tensor, ...]:
    """Gradients of x, delta, A, B, C. Each block's states are computed again from `starts`; the states' gradient g is a scan backwards.

    g_t = C_t dy_t + decay_(t+1) g_(t+1). What a lane hands to the lane before it is decay * g of its first step.
    """
    walk = _Lanes(x, A.shape[1])
    above, x_cut, delta_cut, B_cut, C_cut = (walk.cut(value) for value in (from_above, x, delta, B, C))
    A = A.to(walk.dtype).T.contiguous()
    for_driven, for_rates, for_B, for_C = (torch.empty_like(value) for value in (x_cut, x_cut, B_cut, B_cut))
    for_A, handed = torch.zeros_like(A), torch.zeros_like(starts[0, 0])
    (decays, decays_by_step), (states, states_by_step), (g, g_by_step) = walk.room(x), walk.room(x), walk.room(x)
    for block in reversed(range(walk.blocks)):
        steps, driven = delta_cut[block][..., None, :], delta_cut[block] * x_cut[block]
        torch.mul(steps, A, out=decays).exp_()
        torch.mul(driven[..., None, :], B_cut[block][..., None], out=states)
        before = starts[block]
        for decay, value in zip(decays_by_step, states_by_step):
            before = value.addcmul_(decay, before)
        for_C[block] = (states @ above[block][..., None])[..., 0]
        torch.mul(above[block][..., None, :], C_cut[block][..., None], out=g)
        if walk.lanes > 1:
            sums = g_by_step[-1].clone()
            for decay, value in zip(decays_by_step[:0:-1], g_by_step[-2::-1]):
                torch.addcmul(value, decay, sums, out=sums)
            after, handed = _carry(sums.mul_(decays_by_step[0]), walk.product(delta_cut[block], A), handed, reverse=True)
        else:
            after = handed[None]
        g_by_step[-1].add_(after)
        for decay, value, after in zip(decays_by_step[:0:-1], g_by_step[-2::-1], g_by_step[:0:-1]):
            value.addcmul_(decay, after)
        for_B[block] = (g @ driven[..., None])[..., 0]
        for_driven[block] = (B_cut[block][..., None, :] @ g)[..., 0, :]
        decays.mul_(g)  # g decay: before the first step it is what is handed on, and times the state before it the gradient of delta A
        handed = decays[0, 0].clone()
        decays[1:] *= states[:-1]
        decays[0] *= starts[block]
        torch.mul(decays, A, out=states)
        torch.sum(states, -2, out=for_rates[block])
        for_A += decays.mul_(steps).flatten(0, 2).sum(0)
    for_delta = for_rates + for_driven * x_cut
    return walk.join(for_driven * delta_cut), walk.join(for_delta), for_A.T, walk.join(for_B), walk.join(for_C)


# ------------------------------------------------------------------------------------------------ state-space duality of Mamba-2


def ssd(
    x: Float[Tensor, "batch length heads head_dim"], log_decay: Float[Tensor, "batch length heads"], B: Float[Tensor, "batch length groups state"],
    C: Float[Tensor, "batch length groups state"], chunk_size: int = 64,
) -> Float[Tensor, "batch length heads head_dim"]:  # fmt: skip
    """h_t = exp(log_decay_t) h_(t-1) + x_t B_t^T from h = 0, y_t = h_t C_t: one decay for a whole head (Dao and Gu 2024), in matrix products only.

    Head i reads the B and C of group i // (heads / groups). Within a chunk the answer is attention without a softmax, (C B^T * decays) x; what came before
    reaches it through the state at its start. Time and memory linear in the length, forward and backward. log_decay is at most 0, else states may overflow.
    Raises ValueError where shapes or dtypes do not fit.
    """
    _check_tensor(x, "x", ("batch", "length", "heads", "head_dim"))
    _check_tensor(log_decay, "log_decay", tuple(x.shape[:3]), x.dtype)
    _check_tensor(B, "B", (*x.shape[:2], "groups", "state"), x.dtype)
    _check(x.shape[2] % B.shape[2] == 0, "B", f"a number of groups that divides the {x.shape[2]} heads", B.shape[2])
    _check_tensor(C, "C", tuple(B.shape), x.dtype)
    _check_size(chunk_size, "chunk_size")
    return _SSD.apply(x, log_decay, B, C, chunk_size)


class _SSD(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, chunk_size: int) -> Tensor:
        kernels = _kernels(x)
        if kernels is not None and kernels.ssd_fits(x, B):
            chunk_size = min(chunk_size, kernels.LARGEST_CHUNK)  # the answer does not depend on it
            y, starts = kernels.ssd_forward(x, log_decay, B, C, chunk_size)
        else:
            y, starts, _ = _ssd(x, log_decay, B, C, chunk_size)
        ctx.save_for_backward(x, log_decay, B, C, starts, y)
        ctx.chunk_size = chunk_size
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, from_above: Tensor) -> tuple[Tensor | None, ...]:
        x, log_decay, B, C, starts, y = ctx.saved_tensors
        found = _ssd_backward(from_above, x, log_decay, B, C, starts, y, ctx.chunk_size)
        return *(gradient.to(value.dtype) for gradient, value in zip(found, (x, log_decay, B, C))), None


class _Chunks:
    """The shapes of one call, and how tensors are cut: x as (batch, chunks, groups, heads of a group, places, head_dim)."""

    def __init__(self, x: Tensor, groups: int, chunk_size: int) -> None:
        self.length, self.groups, self.dtype = x.shape[1], groups, _wide(x.dtype)
        self.size = min(chunk_size, self.length)
        self.chunks = -(-self.length // self.size)

    def cut(self, value: Tensor) -> Tensor:
        """(batch, length, heads, n) -> (batch, chunks, groups, heads of a group, size, n), zeros behind the end."""
        value = F.pad(value.to(self.dtype), (0, 0, 0, 0, 0, self.chunks * self.size - self.length))
        return value.unflatten(1, (self.chunks, self.size)).unflatten(3, (self.groups, -1)).permute(0, 1, 3, 4, 2, 5)

    def join(self, value: Tensor) -> Tensor:
        return value.permute(0, 1, 4, 2, 3, 5).flatten(3, 4).flatten(1, 2)[:, : self.length]

    def decays(self, log_decay: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """From the logarithms (..., size): exp of their sums (between two places of a chunk; from its start up to a place; from a place to its end; over all)."""
        # Differences of sums lose digits, and are small beside them: so in float64, where the device has it. A ratio of exponentials would underflow.
        total = log_decay.to(self.dtype if log_decay.device.type == "mps" else torch.float64).cumsum(-1)
        between = (total[..., :, None] - total[..., None, :]).to(self.dtype).tril_().exp_().tril_()
        return between, *(part.to(self.dtype).exp() for part in (total, total[..., -1:] - total, total[..., -1]))


def _ssd(x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, chunk_size: int, state: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """(y in float32 at least, the states at the starts of the chunks (batch, chunks, groups, heads of a group, head_dim, state), the last); no gradients."""
    plan = _Chunks(x, B.shape[2], chunk_size)
    cut, B_cut, C_cut = plan.cut(x), plan.cut(B), plan.cut(C)  # B and C have one head a group, for all of its heads
    between, since, until, whole = plan.decays(plan.cut(log_decay[..., None])[..., 0])
    y = (C_cut @ B_cut.mT * between) @ cut
    added = (cut * until[..., None]).mT @ B_cut  # what each chunk adds to the state
    starts = torch.empty_like(added)
    state = torch.zeros_like(added[:, 0]) if state is None else state
    for chunk in range(plan.chunks):
        starts[:, chunk] = state
        state = torch.addcmul(added[:, chunk], whole[:, chunk, ..., None, None], state)
    y.add_((C_cut @ starts.mT).mul_(since[..., None]))
    return plan.join(y), starts, state


def _ssd_backward(from_above: Tensor, x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, starts: Tensor, y: Tensor, chunk_size: int) -> tuple[Tensor, ...]:
    """Gradients of x, log_decay, B, C; the matrices within the chunks are computed again.

    The sum of the logarithms up to a place, c_i, scales all of y_i up and what x_i contributes to later places down. So its gradient is
    dy_i . y_i - dx_i . x_i, with neither of the matrices; the c of a chunk's last place also scales the state that it hands on.
    """
    plan = _Chunks(x, B.shape[2], chunk_size)
    above, cut, B_cut, C_cut = plan.cut(from_above), plan.cut(x), plan.cut(B), plan.cut(C)
    between, since, until, whole = plan.decays(plan.cut(log_decay[..., None])[..., 0])
    # Within a chunk: y = (products * between) x.
    for_products = (above @ cut.mT).mul_(between).sum(3, keepdim=True)
    for_x = between.mul_(C_cut @ B_cut.mT).mT @ above
    # Between chunks: y += since * (C start^T); a start is whole * the one before + (x * until)^T B.
    weighted = above * since[..., None]
    for_starts = weighted.mT @ C_cut
    for_added, after = torch.empty_like(starts), torch.zeros_like(starts[:, 0])
    for chunk in reversed(range(plan.chunks)):
        for_added[:, chunk] = after
        after = torch.addcmul(for_starts[:, chunk], whole[:, chunk, ..., None, None], after)
    for_x += (B_cut @ for_added.mT).mul_(until[..., None])
    for_C = (weighted @ starts).sum(3, keepdim=True) + for_products @ B_cut
    for_B = ((cut * until[..., None]) @ for_added).sum(3, keepdim=True) + for_products.mT @ C_cut
    for_totals = (above * plan.cut(y)).sum(-1) - (for_x * cut).sum(-1)
    for_totals[:, :-1, ..., -1] += (starts[:, 1:] * for_added[:, :-1]).sum((-2, -1))
    for_decay = for_totals.flip(-1).cumsum(-1).flip(-1)
    return plan.join(for_x), plan.join(for_decay[..., None])[..., 0], plan.join(for_B), plan.join(for_C)


# ------------------------------------------------------------------------------------------------ blocks and language models


def depthwise_convolution(x: Float[Tensor, "batch length channels"], weight: Float[Tensor, "channels taps"], bias: Tensor | None, past: Tensor | None = None) -> Tensor:
    """Each channel's causal convolution with its own few taps, the last of which weighs the present. `past` (batch, taps - 1, channels), else zeros."""
    taps = weight.shape[1]
    x = F.pad(x, (0, 0, taps - 1, 0)) if past is None else torch.cat([past, x], 1)
    return F.conv1d(x.mT, weight[:, None], bias, groups=len(weight)).mT


@dataclass(frozen=True)
class MambaSettings:
    """`rank` is that of the projection to delta; `taps` the width of the convolution; `inner` the channels of the scan."""

    vocabulary: int
    width: int
    layers: int
    state: int = 16
    inner: int | None = None  # 2 width
    rank: int | None = None  # width / 16, rounded up
    taps: int = 4
    bias: bool = False
    taps_bias: bool = True
    epsilon: float = 1e-5
    tied: bool = True

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "layers", "state", "taps"):
            _check_size(getattr(self, name), name)
        for name, value in (("inner", 2 * self.width), ("rank", -(-self.width // 16))):
            object.__setattr__(self, name, value if getattr(self, name) is None else getattr(self, name))
            _check_size(getattr(self, name), name)

    @property
    def context(self) -> float:
        return math.inf


@dataclass(frozen=True)
class Mamba2Settings:
    """The scan has `heads` of `head_dim` channels; `groups` of heads share B and C, and the norm behind the gate. `least_delta` and `most_delta` bound delta."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    head_dim: int
    state: int = 128
    groups: int = 1
    taps: int = 4
    chunk_size: int = 64
    bias: bool = False
    taps_bias: bool = True
    least_delta: float = 0.0
    most_delta: float = math.inf
    epsilon: float = 1e-5
    tied: bool = False

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "layers", "heads", "head_dim", "state", "groups", "taps", "chunk_size"):
            _check_size(getattr(self, name), name)
        _check(self.heads % self.groups == 0, "groups", f"a divisor of the {self.heads} heads", self.groups)

    @property
    def inner(self) -> int:
        return self.heads * self.head_dim

    @property
    def context(self) -> float:
        return math.inf


class Cache:
    """What a model remembers of a text, of the same size for any length: for each layer the last taps - 1 inputs of its convolution, and its state."""

    def __init__(self, layers: int) -> None:
        self.length = 0
        self.past: list[Tensor | None] = [None] * layers
        self.states: list[Tensor | None] = [None] * layers

    def repeat(self, times: int) -> None:
        """Each row `times` times, one after another."""
        for kept in (self.past, self.states):
            kept[:] = [value if value is None else value.repeat_interleave(times, 0) for value in kept]


def _begin_delta(count: int) -> Tensor:
    """Numbers whose softplus is drawn between 0.001 and 0.1, evenly in the logarithm."""
    delta = torch.empty(count).uniform_(math.log(1e-3), math.log(1e-1)).exp()
    return delta + (-torch.expm1(-delta)).log()


class MambaMixer(nn.Module):
    """What a Mamba block does between its norm and its shortcut: convolution, selection, scan, gate (Gu and Dao 2023)."""

    def __init__(self, settings: MambaSettings) -> None:
        super().__init__()
        self.settings, inner = settings, settings.inner
        self.input = nn.Linear(settings.width, 2 * inner, bias=settings.bias)
        self.taps = nn.Parameter(torch.empty(inner, settings.taps).uniform_(-1, 1) * settings.taps**-0.5)
        self.taps_bias = nn.Parameter(torch.zeros(inner)) if settings.taps_bias else None
        self.select = nn.Linear(inner, settings.rank + 2 * settings.state, bias=False)
        self.delta = nn.Linear(settings.rank, inner)
        self.log_A = nn.Parameter(torch.arange(1.0, settings.state + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.output = nn.Linear(inner, settings.width, bias=settings.bias)
        with torch.no_grad():
            self.delta.weight.uniform_(-1, 1).mul_(settings.rank**-0.5)
            self.delta.bias.copy_(_begin_delta(inner))

    def selection(self, x: Float[Tensor, "batch length inner"]) -> tuple[Tensor, Tensor, Tensor]:
        """(delta, B, C) for each place: what makes the scan selective."""
        rank, B, C = self.select(x).split([self.settings.rank, self.settings.state, self.settings.state], -1)
        return F.softplus(self.delta(rank)), B, C

    def forward(self, x: Float[Tensor, "batch length width"], cache: Cache | None = None, layer: int = 0) -> Float[Tensor, "batch length width"]:
        x, gate = self.input(x).chunk(2, -1)
        past, state = (None, None) if cache is None else (cache.past[layer], cache.states[layer])
        convolved = F.silu(depthwise_convolution(x, self.taps, self.taps_bias, past))
        delta, B, C = self.selection(convolved)
        A = -self.log_A.to(_wide(x.dtype)).exp()
        if cache is None:
            y = selective_scan(convolved, delta, A, B, C, self.D)
        else:
            y, _, cache.states[layer] = _scan(convolved, delta, A, B, C, state)
            y = y + self.D * convolved
            _remember(cache, layer, x, self.settings.taps - 1)
        return self.output(y * F.silu(gate))


def _remember(cache: Cache, layer: int, x: Tensor, places: int) -> None:
    past = cache.past[layer]
    past = x.new_zeros(len(x), places, x.shape[2]) if past is None else past
    together = torch.cat([past, x], 1)
    cache.past[layer] = together[:, together.shape[1] - places :]


class GatedRMSNorm(nn.Module):
    """RMS norm of x * silu(gate), each of `groups` stretches of the channels for itself."""

    def __init__(self, width: int, groups: int, epsilon: float) -> None:
        super().__init__()
        self.weight, self.groups, self.epsilon = nn.Parameter(torch.ones(width)), groups, epsilon

    def forward(self, x: Float[Tensor, "*batch width"], gate: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        wide = _wide(x.dtype)
        gated = (x.to(wide) * F.silu(gate.to(wide))).unflatten(-1, (self.groups, -1))
        return self.weight * F.rms_norm(gated, gated.shape[-1:], eps=self.epsilon).flatten(-2).to(x.dtype)


class Mamba2Mixer(nn.Module):
    """What a Mamba-2 block does between its norm and its shortcut: B, C and delta come straight from the input, the scan is `ssd` (Dao and Gu 2024)."""

    def __init__(self, settings: Mamba2Settings) -> None:
        super().__init__()
        self.settings, inner = settings, settings.inner
        mixed = inner + 2 * settings.groups * settings.state  # channels of the convolution: x, B and C
        self.input = nn.Linear(settings.width, inner + mixed + settings.heads, bias=settings.bias)
        self.taps = nn.Parameter(torch.empty(mixed, settings.taps).uniform_(-1, 1) * settings.taps**-0.5)
        self.taps_bias = nn.Parameter(torch.zeros(mixed)) if settings.taps_bias else None
        self.delta_bias = nn.Parameter(_begin_delta(settings.heads))
        self.log_A = nn.Parameter(torch.arange(1.0, settings.heads + 1).log())
        self.D = nn.Parameter(torch.ones(settings.heads))
        self.norm = GatedRMSNorm(inner, settings.groups, settings.epsilon)
        self.output = nn.Linear(inner, settings.width, bias=settings.bias)

    def forward(self, x: Float[Tensor, "batch length width"], cache: Cache | None = None, layer: int = 0) -> Float[Tensor, "batch length width"]:
        s = self.settings
        mixed = s.inner + 2 * s.groups * s.state
        gate, x, delta = self.input(x).split([s.inner, mixed, s.heads], -1)
        past, state = (None, None) if cache is None else (cache.past[layer], cache.states[layer])
        convolved = F.silu(depthwise_convolution(x, self.taps, self.taps_bias, past))
        inner, B, C = convolved.split([s.inner, s.groups * s.state, s.groups * s.state], -1)
        inner, B, C = inner.unflatten(-1, (s.heads, -1)), B.unflatten(-1, (s.groups, -1)), C.unflatten(-1, (s.groups, -1))
        delta = F.softplus(delta + self.delta_bias).clamp(s.least_delta, s.most_delta)
        log_decay = -self.log_A.exp() * delta
        if cache is None:
            y = ssd(inner * delta[..., None], log_decay, B, C, s.chunk_size)
        else:
            y, _, cache.states[layer] = _ssd(inner * delta[..., None], log_decay, B, C, s.chunk_size, state)
            y = y.to(x.dtype)
            _remember(cache, layer, x, s.taps - 1)
        y = y + self.D[:, None] * inner
        return self.output(self.norm(y.flatten(2), gate))


class MambaBlock(nn.Module):
    """x + mixer(norm(x)): one kind of block, without a separate feed-forward net."""

    mixer_class: type[nn.Module] = MambaMixer

    def __init__(self, settings: MambaSettings | Mamba2Settings) -> None:
        super().__init__()
        self.norm = RMSNorm(settings.width, settings.epsilon)
        self.mixer = self.mixer_class(settings)

    def forward(self, x: Float[Tensor, "batch length width"], cache: Cache | None = None, layer: int = 0) -> Float[Tensor, "batch length width"]:
        return x + self.mixer(self.norm(x), cache, layer)


class Mamba2Block(MambaBlock):
    """`MambaBlock` with the mixer of Mamba-2."""

    mixer_class = Mamba2Mixer


class Mamba(nn.Module):
    """A language model of Mamba blocks. `from_huggingface` and `to_huggingface` exchange weights with `MambaForCausalLM`."""

    block_class: type[MambaBlock] = MambaBlock
    settings_class: type = MambaSettings
    kind = "mamba"

    def __init__(self, settings: MambaSettings | Mamba2Settings) -> None:
        super().__init__()
        _check(isinstance(settings, self.settings_class), "settings", self.settings_class.__name__, type(settings).__name__)
        self.settings = settings
        self.tokens = nn.Embedding(settings.vocabulary, settings.width)
        self.blocks = nn.ModuleList(self.block_class(settings) for _ in range(settings.layers))
        self.norm = RMSNorm(settings.width, settings.epsilon)
        self.logits = nn.Linear(settings.width, settings.vocabulary, bias=False)
        nn.init.normal_(self.tokens.weight, std=0.1)
        if settings.tied:
            self.logits.weight = self.tokens.weight

    def forward(self, input_ids: Int[Tensor, "batch length"], cache: Cache | None = None) -> Float[Tensor, "batch length vocabulary"]:
        """Logits for the token after each place. With a cache, `input_ids` follow what it has read, and are added to it; no gradients then.

        Raises ValueError for ids that are no int64 tensor (batch, length), IndexError for an id outside the vocabulary.
        """
        good = isinstance(input_ids, Tensor) and input_ids.ndim == 2 and input_ids.dtype == torch.int64 and input_ids.numel() > 0
        _check(good, "input_ids", "an int64 tensor (batch, length), neither of them 0", _shape(input_ids))
        if cache is None:
            return self.logits(self._states(input_ids, None))
        with torch.no_grad():
            return self.logits(self._states(input_ids, cache))

    def last_logits(self, input_ids: Int[Tensor, "batch length"], cache: Cache) -> Float[Tensor, "batch vocabulary"]:
        """`forward(input_ids, cache)[:, -1]` without the logits of the other places: what generation needs."""
        with torch.no_grad():
            return self.logits(self._states(input_ids, cache)[:, -1])

    def new_cache(self, batch: int, capacity: int | None = None) -> Cache:
        """An empty cache. Its size does not depend on the length, so `capacity` is not needed."""
        return Cache(self.settings.layers)

    def _states(self, ids: Tensor, cache: Cache | None) -> Tensor:
        x = self.tokens(ids)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)
        if cache is not None:
            cache.length += ids.shape[1]
        return self.norm(x)

    @classmethod
    def from_huggingface(cls, model: nn.Module) -> Mamba:
        """The same function as the model of `transformers`, with copies of its weights, in its dtype and on its device.

        Raises ValueError for another model, or a setting that this class does not have. `residual_in_fp32` matters below float32 only and is not kept.
        """
        config = model.config
        kind = getattr(config, "model_type", type(config).__name__)
        _check(kind == cls.kind, "model", f"a language model of the type {cls.kind!r}", kind)
        _check(config.hidden_act in ("silu", "swish"), "the model's hidden_act", "'silu'", repr(config.hidden_act))
        copy = cls(cls._settings_of(config)).to(model.dtype)
        state = model.state_dict()
        with torch.no_grad():
            for ours, theirs in copy._names():
                value = state[theirs]
                copy.get_parameter(ours).copy_(value[:, 0] if ours.endswith("mixer.taps") else value)
        return copy.to(model.device).train(model.training)

    def to_huggingface(self) -> nn.Module:
        """The model of `transformers` that computes the same, with copies of the weights. The inverse of `from_huggingface`."""
        import transformers

        model = getattr(transformers, "MambaForCausalLM" if self.kind == "mamba" else "Mamba2ForCausalLM")(self._config())
        model = model.to(self.tokens.weight.dtype)
        state = model.state_dict()
        with torch.no_grad():
            for ours, theirs in self._names():
                value = self.get_parameter(ours)
                state[theirs].copy_(value[:, None] if ours.endswith("mixer.taps") else value)
        return model.to(self.tokens.weight.device).train(self.training)

    def _names(self) -> list[tuple[str, str]]:
        """(our parameter, the parameter of `transformers`)."""
        inside = {
            "norm.weight": "norm.weight", "mixer.input.weight": "mixer.in_proj.weight", "mixer.input.bias": "mixer.in_proj.bias",
            "mixer.taps": "mixer.conv1d.weight", "mixer.taps_bias": "mixer.conv1d.bias", "mixer.select.weight": "mixer.x_proj.weight",
            "mixer.delta.weight": "mixer.dt_proj.weight", "mixer.delta.bias": "mixer.dt_proj.bias", "mixer.delta_bias": "mixer.dt_bias",
            "mixer.log_A": "mixer.A_log", "mixer.D": "mixer.D", "mixer.norm.weight": "mixer.norm.weight",
            "mixer.output.weight": "mixer.out_proj.weight", "mixer.output.bias": "mixer.out_proj.bias",
        }  # fmt: skip
        outside = {"tokens.weight": "backbone.embeddings.weight", "norm.weight": "backbone.norm_f.weight", "logits.weight": "lm_head.weight"}
        found = []
        for name, _ in self.named_parameters():
            parts = name.split(".", 2)
            found.append((name, f"backbone.layers.{parts[1]}.{inside[parts[2]]}" if parts[0] == "blocks" else outside[name]))
        return found

    @staticmethod
    def _settings_of(config: object) -> MambaSettings:
        return MambaSettings(
            vocabulary=config.vocab_size, width=config.hidden_size, layers=config.num_hidden_layers, state=config.state_size, inner=config.intermediate_size,
            rank=config.time_step_rank, taps=config.conv_kernel, bias=config.use_bias, taps_bias=config.use_conv_bias, epsilon=config.layer_norm_epsilon,
            tied=config.tie_word_embeddings,
        )  # fmt: skip

    def _config(self) -> object:
        import transformers

        s = self.settings
        _check(s.inner % s.width == 0, "inner", f"a multiple of the width {s.width}, as `transformers` asks", s.inner)
        return transformers.MambaConfig(**self._common(), expand=s.inner // s.width, time_step_rank=s.rank)

    def _common(self) -> dict[str, object]:
        s = self.settings
        return dict(
            vocab_size=s.vocabulary, hidden_size=s.width, num_hidden_layers=s.layers, state_size=s.state, conv_kernel=s.taps, use_bias=s.bias,
            use_conv_bias=s.taps_bias, layer_norm_epsilon=s.epsilon, tie_word_embeddings=s.tied, pad_token_id=None, bos_token_id=None, eos_token_id=None,
        )  # fmt: skip


class Mamba2(Mamba):
    """A language model of Mamba-2 blocks, interchangeable with `Mamba2ForCausalLM`."""

    block_class = Mamba2Block
    settings_class = Mamba2Settings
    kind = "mamba2"

    @staticmethod
    def _settings_of(config: object) -> Mamba2Settings:
        return Mamba2Settings(
            vocabulary=config.vocab_size, width=config.hidden_size, layers=config.num_hidden_layers, heads=config.num_heads, head_dim=config.head_dim,
            state=config.state_size, groups=config.n_groups, taps=config.conv_kernel, chunk_size=config.chunk_size, bias=config.use_bias,
            taps_bias=config.use_conv_bias, least_delta=float(config.time_step_limit[0]), most_delta=float(config.time_step_limit[1]),
            epsilon=config.layer_norm_epsilon, tied=config.tie_word_embeddings,
        )  # fmt: skip

    def _config(self) -> object:
        import transformers

        s = self.settings
        _check(s.inner % s.width == 0, "heads", f"heads * head_dim a multiple of the width {s.width}, as `transformers` asks", s.inner)
        return transformers.Mamba2Config(
            **self._common(), expand=s.inner // s.width, num_heads=s.heads, head_dim=s.head_dim, n_groups=s.groups, chunk_size=s.chunk_size,
            time_step_limit=(s.least_delta, s.most_delta),
        )  # fmt: skip
