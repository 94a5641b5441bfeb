"""Triton kernels for `state_space.selective_scan` and `state_space.ssd` on CUDA; importing this module needs Triton.

Same formulas and the same boundaries between chunks as the functions for the CPU, which are their oracle. They gather in float32. The scan's
backward kernel computes the states of a chunk again, from the one at its start, into a scratch space of one chunk; what several
blocks of channels add to the gradients of B and C is added atomically, so the last digits of those may differ from run to run.
With TRITON_INTERPRET=1 set before Triton is imported, the kernels run on the CPU, slowly: that tests their logic without a GPU.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

CHUNK = 32  # steps of the scan between two states that are kept
LARGEST_CHUNK = 64  # places of a chunk of SSD: what one program holds, beside a state of LARGEST_STATE numbers a channel
LARGEST_STATE = 128


@triton.jit
def _scan_forward_kernel(
    x, delta, A, B, C, y, starts, length, channels, state, chunks,
    CHUNK: tl.constexpr, BLOCK_CHANNELS: tl.constexpr, BLOCK_STATE: tl.constexpr,
):  # fmt: skip
    """One program: one row of the batch, BLOCK_CHANNELS channels, the whole length; the state stays in registers."""
    row = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    number = tl.arange(0, BLOCK_STATE)
    real, kept = channel < channels, number < state
    both = real[:, None] & kept[None, :]
    rate = tl.load(A + channel[:, None] * state + number[None, :], mask=both, other=0.0).to(tl.float32)
    h = tl.zeros((BLOCK_CHANNELS, BLOCK_STATE), dtype=tl.float32)
    for chunk in range(chunks):
        tl.store(starts + ((row * chunks + chunk) * channels + channel[:, None]) * state + number[None, :], h, mask=both)
        for step in range(CHUNK):
            t = chunk * CHUNK + step
            here, wide = (row * length + t) * channels + channel, (row * length + t) * state + number
            inside, within = real & (t + 0 * channel < length), kept & (t + 0 * number < length)
            d = tl.load(delta + here, mask=inside, other=0.0).to(tl.float32)
            u = d * tl.load(x + here, mask=inside, other=0.0).to(tl.float32)
            b = tl.load(B + wide, mask=within, other=0.0).to(tl.float32)
            c = tl.load(C + wide, mask=within, other=0.0).to(tl.float32)
            h = tl.exp(d[:, None] * rate) * h + u[:, None] * b[None, :]
            tl.store(y + here, tl.sum(h * c[None, :], axis=1), mask=inside)


@triton.jit
def _scan_backward_kernel(
    above, x, delta, A, B, C, starts, scratch, for_x, for_delta, for_A, for_B, for_C, length, channels, state, chunks,
    CHUNK: tl.constexpr, BLOCK_CHANNELS: tl.constexpr, BLOCK_STATE: tl.constexpr,
):  # fmt: skip
    """From the last chunk to the first: its states again, into scratch; then backwards through them with the gradient g of the state."""
    row = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    number = tl.arange(0, BLOCK_STATE)
    real, kept = channel < channels, number < state
    both = real[:, None] & kept[None, :]
    place = channel[:, None] * state + number[None, :]
    rate = tl.load(A + place, mask=both, other=0.0).to(tl.float32)
    rate_gradient = tl.zeros((BLOCK_CHANNELS, BLOCK_STATE), dtype=tl.float32)
    g = tl.zeros((BLOCK_CHANNELS, BLOCK_STATE), dtype=tl.float32)
    for back in range(chunks):
        chunk = chunks - 1 - back
        h = tl.load(starts + (row * chunks + chunk) * channels * state + place, mask=both, other=0.0)
        for step in range(CHUNK):  # scratch holds the state before each step
            t = chunk * CHUNK + step
            here, wide = (row * length + t) * channels + channel, (row * length + t) * state + number
            inside, within = real & (t + 0 * channel < length), kept & (t + 0 * number < length)
            tl.store(scratch + (row * CHUNK + step) * channels * state + place, h, mask=both)
            d = tl.load(delta + here, mask=inside, other=0.0).to(tl.float32)
            u = d * tl.load(x + here, mask=inside, other=0.0).to(tl.float32)
            b = tl.load(B + wide, mask=within, other=0.0).to(tl.float32)
            h = tl.exp(d[:, None] * rate) * h + u[:, None] * b[None, :]
        tl.debug_barrier()  # what was stored is read below, by the same program
        for earlier in range(CHUNK):
            step = CHUNK - 1 - earlier
            t = chunk * CHUNK + step
            here, wide = (row * length + t) * channels + channel, (row * length + t) * state + number
            inside, within = real & (t + 0 * channel < length), kept & (t + 0 * number < length)
            before = tl.load(scratch + (row * CHUNK + step) * channels * state + place, mask=both, other=0.0)
            d = tl.load(delta + here, mask=inside, other=0.0).to(tl.float32)
            value = tl.load(x + here, mask=inside, other=0.0).to(tl.float32)
            dy = tl.load(above + here, mask=inside, other=0.0).to(tl.float32)
            b = tl.load(B + wide, mask=within, other=0.0).to(tl.float32)
            c = tl.load(C + wide, mask=within, other=0.0).to(tl.float32)
            decay, u = tl.exp(d[:, None] * rate), d * value
            h = decay * before + u[:, None] * b[None, :]
            g += dy[:, None] * c[None, :]
            driven = tl.sum(g * b[None, :], axis=1)
            tl.atomic_add(for_B + wide, tl.sum(g * u[:, None], axis=0), mask=within)
            tl.atomic_add(for_C + wide, tl.sum(h * dy[:, None], axis=0), mask=within)
            g *= decay  # what is handed to the step before; times the state there, the gradient of delta A
            product = g * before
            tl.store(for_x + here, driven * d, mask=inside)
            tl.store(for_delta + here, tl.sum(product * rate, axis=1) + driven * value, mask=inside)
            rate_gradient += product * d[:, None]
        tl.debug_barrier()
    tl.store(for_A + row * channels * state + place, rate_gradient, mask=both)


def _scan_grid(x: Tensor, state: int) -> tuple[tuple[int, int], dict[str, int]]:
    block = min(32, triton.next_power_of_2(x.shape[2]))
    sizes = dict(CHUNK=CHUNK, BLOCK_CHANNELS=block, BLOCK_STATE=triton.next_power_of_2(state))
    return (len(x), triton.cdiv(x.shape[2], block)), sizes


def scan_forward(
    x: Float[Tensor, "batch length channels"], delta: Float[Tensor, "batch length channels"], A: Float[Tensor, "channels state"],
    B: Float[Tensor, "batch length state"], C: Float[Tensor, "batch length state"],
) -> tuple[Float[Tensor, "batch length channels"], Float[Tensor, "batch chunks channels state"]]:  # fmt: skip
    """(y, the states at the starts of the chunks), as `state_space.selective_scan` without D."""
    (batch, length, channels), state = x.shape, A.shape[1]
    chunks = triton.cdiv(length, CHUNK)
    x, delta, A, B, C = (value.contiguous() for value in (x, delta, A, B, C))
    y, starts = torch.empty_like(x), x.new_empty(batch, chunks, channels, state, dtype=torch.float32)
    grid, sizes = _scan_grid(x, state)
    _scan_forward_kernel[grid](x, delta, A, B, C, y, starts, length, channels, state, chunks, **sizes)
    return y, starts


def scan_backward(from_above: Tensor, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, starts: Tensor) -> tuple[Tensor, ...]:
    """Gradients of x, delta, A, B, C in float32."""
    (batch, length, channels), state = x.shape, A.shape[1]
    from_above, x, delta, A, B, C = (value.contiguous() for value in (from_above, x, delta, A, B, C))
    for_x, for_delta = (torch.empty_like(x, dtype=torch.float32) for _ in range(2))
    for_B, for_C = (torch.zeros_like(B, dtype=torch.float32) for _ in range(2))
    for_A = x.new_empty(batch, channels, state, dtype=torch.float32)
    scratch = x.new_empty(batch, CHUNK, channels, state, dtype=torch.float32)
    grid, sizes = _scan_grid(x, state)
    _scan_backward_kernel[grid](
        from_above, x, delta, A, B, C, starts, scratch, for_x, for_delta, for_A, for_B, for_C, length, channels, state, starts.shape[1], **sizes
    )
    return for_x, for_delta, for_A.sum(0), for_B, for_C


@triton.jit
def _chunk_states_kernel(
    x, totals, B, added, length, heads, head_dim, groups, state, chunks, size,
    BLOCK_PLACES: tl.constexpr, BLOCK_DIM: tl.constexpr, BLOCK_STATE: tl.constexpr,
):  # fmt: skip
    """One program: what one chunk adds to the state of one head, (x * decay until its end)^T B."""
    row, chunk, head = tl.program_id(0).to(tl.int64) // chunks, tl.program_id(0) % chunks, tl.program_id(1)
    group = head // (heads // groups)
    place, dim, number = tl.arange(0, BLOCK_PLACES), tl.arange(0, BLOCK_DIM), tl.arange(0, BLOCK_STATE)
    t = row * length + chunk * size + place
    inside = (place < size) & (chunk * size + place < length)
    base = ((row * chunks + chunk) * heads + head) * size
    total = tl.load(totals + base + place, mask=place < size, other=0.0)
    last = tl.load(totals + base + size - 1)
    until = tl.exp((last - total).to(tl.float32))
    value = tl.load(x + (t[:, None] * heads + head) * head_dim + dim[None, :], mask=inside[:, None] & (dim < head_dim)[None, :], other=0.0).to(tl.float32)
    b = tl.load(B + (t[:, None] * groups + group) * state + number[None, :], mask=inside[:, None] & (number < state)[None, :], other=0.0).to(tl.float32)
    sums = tl.dot(tl.trans(value * until[:, None]), b, input_precision="ieee")
    out = added + (((row * chunks + chunk) * heads + head) * head_dim + dim[:, None]) * state + number[None, :]
    tl.store(out, sums, mask=(dim < head_dim)[:, None] & (number < state)[None, :])


@triton.jit
def _between_chunks_kernel(added, totals, heads, numbers, chunks, size, BLOCK: tl.constexpr):
    """One program: the state of one head (BLOCK of its numbers) from chunk to chunk; `added` is replaced by the states at the starts."""
    row, head = tl.program_id(0).to(tl.int64) // heads, tl.program_id(0) % heads
    number = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    state = tl.zeros((BLOCK,), dtype=tl.float32)
    for chunk in range(chunks):
        base = (row * chunks + chunk) * heads + head
        whole = tl.exp(tl.load(totals + base * size + size - 1).to(tl.float32))
        here = added + base * numbers + number
        new = tl.load(here, mask=number < numbers, other=0.0)
        tl.store(here, state, mask=number < numbers)
        state = whole * state + new


@triton.jit
def _chunk_output_kernel(
    x, totals, B, C, starts, y, length, heads, head_dim, groups, state, chunks, size,
    BLOCK_PLACES: tl.constexpr, BLOCK_DIM: tl.constexpr, BLOCK_STATE: tl.constexpr,
):  # fmt: skip
    """One program: the answers of one chunk of one head: attention within it, and what its starting state adds."""
    row, chunk, head = tl.program_id(0).to(tl.int64) // chunks, tl.program_id(0) % chunks, tl.program_id(1)
    group = head // (heads // groups)
    place, dim, number = tl.arange(0, BLOCK_PLACES), tl.arange(0, BLOCK_DIM), tl.arange(0, BLOCK_STATE)
    t = row * length + chunk * size + place
    inside = (place < size) & (chunk * size + place < length)
    base = (row * chunks + chunk) * heads + head
    total = tl.load(totals + base * size + place, mask=place < size, other=0.0)
    values = (t[:, None] * heads + head) * head_dim + dim[None, :]
    real = inside[:, None] & (dim < head_dim)[None, :]
    value = tl.load(x + values, mask=real, other=0.0).to(tl.float32)
    wide, kept = (t[:, None] * groups + group) * state + number[None, :], inside[:, None] & (number < state)[None, :]
    b = tl.load(B + wide, mask=kept, other=0.0).to(tl.float32)
    c = tl.load(C + wide, mask=kept, other=0.0).to(tl.float32)
    past = place[:, None] >= place[None, :]
    apart = tl.where(past, total[:, None] - total[None, :], 0.0).to(tl.float32)
    pairs = tl.dot(c, tl.trans(b), input_precision="ieee") * tl.where(past, tl.exp(apart), 0.0)
    out = tl.dot(pairs, value, input_precision="ieee")
    here = starts + (base * head_dim + dim[:, None]) * state + number[None, :]
    start = tl.load(here, mask=(dim < head_dim)[:, None] & (number < state)[None, :], other=0.0)
    out += tl.dot(c, tl.trans(start), input_precision="ieee") * tl.exp(total.to(tl.float32))[:, None]
    tl.store(y + values, out, mask=real)


def ssd_fits(x: Tensor, B: Tensor) -> bool:
    """Whether a head's channels and its state fit into the shared memory of one program."""
    return x.shape[3] <= LARGEST_CHUNK and B.shape[3] <= LARGEST_STATE


def ssd_forward(
    x: Float[Tensor, "batch length heads head_dim"], log_decay: Float[Tensor, "batch length heads"], B: Float[Tensor, "batch length groups state"],
    C: Float[Tensor, "batch length groups state"], chunk_size: int,
) -> tuple[Float[Tensor, "batch length heads head_dim"], Float[Tensor, "batch chunks groups heads_of_a_group head_dim state"]]:  # fmt: skip
    """(y in float32, the states at the starts of the chunks), as `state_space.ssd`: three kernels, the middle one from chunk to chunk."""
    (batch, length, heads, head_dim), (groups, state) = x.shape, B.shape[2:]
    size = min(chunk_size, length)
    chunks = triton.cdiv(length, size)
    x, B, C = (value.contiguous() for value in (x, B, C))
    totals = torch.nn.functional.pad(log_decay.double(), (0, 0, 0, chunks * size - length)).unflatten(1, (chunks, size)).cumsum(2).mT.contiguous()
    starts, y = x.new_empty(batch, chunks, heads, head_dim, state, dtype=torch.float32), torch.empty_like(x, dtype=torch.float32)
    tile = lambda n: max(16, triton.next_power_of_2(n))  # noqa: E731  a product of matrices needs 16 at least
    sizes = dict(BLOCK_PLACES=tile(size), BLOCK_DIM=tile(head_dim), BLOCK_STATE=tile(state))
    shape = length, heads, head_dim, groups, state, chunks, size
    _chunk_states_kernel[(batch * chunks, heads)](x, totals, B, starts, *shape, **sizes)
    numbers = head_dim * state
    block = min(1024, triton.next_power_of_2(numbers))
    _between_chunks_kernel[(batch * heads, triton.cdiv(numbers, block))](starts, totals, heads, numbers, chunks, size, BLOCK=block)
    _chunk_output_kernel[(batch * chunks, heads)](x, totals, B, C, starts, y, *shape, **sizes)
    return y, starts.unflatten(2, (groups, -1))
