"""Convolutions for sequences: causal and dilated, their receptive field, WaveNet for sound, ByteNet for text, generation with queues.

Papers, in order of use
- causal and dilated convolution, the gated residual block, mu-law: van den Oord et al. 2016, "WaveNet", arXiv 1609.03499
- the residual block with layer norms, encoder and decoder on each other: Kalchbrenner et al. 2016, "Neural Machine Translation in
  Linear Time" (ByteNet), arXiv 1610.10099
- generation with a queue for each layer: Le Paine et al. 2016, "Fast Wavenet Generation Algorithm", arXiv 1611.09482

Inside the models a sequence is (batch, channels, length), as in `torch.nn.Conv1d`, whose parameters those of `CausalConv1d` are;
token ids are (batch, length) and logits (batch, length, vocab_size). What stands left of the first place is zeros, in every layer.

All run on CPU, CUDA and MPS, in float32, float64 and bfloat16; `forward` runs under `torch.compile`. Generation is a Python loop of
small steps, one a token, whose cost does not depend on how much was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import log1p, sqrt

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

Queue = deque[Tensor]  # the last (kernel_size - 1) * dilation inputs of a convolution, each (batch, channels), oldest first


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_size(value: object, name: str) -> None:
    _check(isinstance(value, int) and not isinstance(value, bool) and value >= 1, name, "an integer from 1", repr(value))


def _check_sizes(**sizes: object) -> None:
    for name, value in sizes.items():
        _check_size(value, name)


def _check_dilations(dilations: object) -> None:
    good = isinstance(dilations, (list, tuple)) and all(isinstance(d, int) and not isinstance(d, bool) and d >= 1 for d in dilations)
    _check(good, "dilations", "a list of integers from 1", repr(dilations))


def _shape(value: object) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _check_ids(ids: object, name: str, vocab_size: int) -> None:
    good = isinstance(ids, Tensor) and ids.ndim == 2 and ids.dtype == torch.int64 and min(ids.shape) > 0
    _check(good, name, "an int64 tensor (batch, length), not empty", _shape(ids))
    if not torch.compiler.is_compiling() and ids.device.type == "cpu":  # elsewhere looking would wait for the device
        low, high = ids.min().item(), ids.max().item()
        _check(0 <= low and high < vocab_size, name, f"ids from 0 to {vocab_size - 1}", f"{low} to {high}")


# ------------------------------------------------------------------------------------------------ what a layer sees


def causal_conv1d(
    x: Float[Tensor, "batch inputs length"],
    weight: Float[Tensor, "outputs inputs kernel_size"],
    bias: Float[Tensor, "outputs"] | None = None,
    dilation: int = 1,
    past: Float[Tensor, "batch inputs (kernel_size-1)*dilation"] | None = None,
) -> Float[Tensor, "batch outputs length"]:
    """y[t] = bias + sum over k of weight[:, :, k] @ x[t - (kernel_size - 1 - k) * dilation]: place t sees t and what came before.

    `past` is what stands left of x, zeros without it: reading in stretches, each with the end of the one before as its past, gives
    the same as reading at once. Raises ValueError where shapes or dtypes do not fit.
    """
    good = isinstance(x, Tensor) and x.ndim == 3 and x.is_floating_point() and min(x.shape) > 0
    _check(good, "x", "a floating-point tensor (batch, inputs, length), not empty", _shape(x))
    good = isinstance(weight, Tensor) and weight.ndim == 3 and min(weight.shape) > 0 and weight.shape[1] == x.shape[1] and weight.dtype == x.dtype
    _check(good, "weight", f"a tensor (outputs, {x.shape[1]}, kernel_size) of {x.dtype}", _shape(weight))
    good = bias is None or (isinstance(bias, Tensor) and bias.shape == weight.shape[:1] and bias.dtype == x.dtype)
    _check(good, "bias", f"a tensor of shape ({len(weight)},) and {x.dtype}", _shape(bias))
    _check_size(dilation, "dilation")
    reach = (weight.shape[2] - 1) * dilation
    if past is None:
        return F.conv1d(F.pad(x, (reach, 0)), weight, bias, dilation=dilation)
    shape = (*x.shape[:2], reach)
    _check(isinstance(past, Tensor) and tuple(past.shape) == shape and past.dtype == x.dtype, "past", f"a tensor of shape {shape} and {x.dtype}", _shape(past))
    return F.conv1d(torch.cat((past, x), 2), weight, bias, dilation=dilation)


def receptive_field(kernel_size: int, dilations: Sequence[int]) -> int:
    """How many places a stack of causal convolutions sees, from the oldest to the present one: 1 + (kernel_size - 1) * sum(dilations)."""
    _check_size(kernel_size, "kernel_size")
    _check_dilations(dilations)
    return 1 + (kernel_size - 1) * sum(dilations)


def dilation_schedule(reach: int, kernel_size: int = 2, longest: int = 512) -> list[int]:
    """WaveNet's dilations 1, 2, 4, ... up to `longest` and again from 1, as many as it takes to see `reach` places.

    Van den Oord et al. 2016 use 1, 2, 4, ..., 512 three times: `dilation_schedule(3070)`. Raises ValueError where a kernel of one
    place can never reach.
    """
    _check_sizes(reach=reach, kernel_size=kernel_size, longest=longest)
    _check(kernel_size > 1 or reach == 1, "kernel_size", f"at least 2 to reach {reach} places", kernel_size)
    dilations: list[int] = []
    while receptive_field(kernel_size, dilations) < reach:
        dilations.append(2 * dilations[-1] if dilations and 2 * dilations[-1] <= longest else 1)
    return dilations


# ------------------------------------------------------------------------------------------------ sound as numbers


def mu_law_encode(x: Float[Tensor, "*shape"], levels: int = 256) -> Int[Tensor, "*shape"]:
    """Sound from -1 to 1 as ids from 0 to levels - 1, fine near zero and coarse where it is loud; beyond, as -1 or 1.

    With mu = levels - 1: y = sign(x) log(1 + mu |x|) / log(1 + mu), and the id is (y + 1) / 2 * mu, rounded, halves upwards.
    """
    _check(isinstance(x, Tensor) and x.is_floating_point(), "x", "a floating-point tensor", _shape(x))
    _check(isinstance(levels, int) and levels >= 2, "levels", "an integer from 2", repr(levels))
    mu = levels - 1
    x = x.clamp(-1, 1)
    y = x.sign() * torch.log1p(mu * x.abs()) / log1p(mu)
    return torch.floor((y + 1) / 2 * mu + 0.5).long()


def mu_law_decode(ids: Int[Tensor, "*shape"], levels: int = 256) -> Float[Tensor, "*shape"]:
    """The sound, float32 from -1 to 1, whose code is exactly `ids`: the inverse of `mu_law_encode` up to rounding."""
    _check(isinstance(ids, Tensor) and ids.dtype == torch.int64, "ids", "an int64 tensor", _shape(ids))
    _check(isinstance(levels, int) and levels >= 2, "levels", "an integer from 2", repr(levels))
    y = 2 * ids.float() / (levels - 1) - 1
    return y.sign() * torch.expm1(y.abs() * log1p(levels - 1)) / (levels - 1)


# ------------------------------------------------------------------------------------------------ layers


class CausalConv1d(nn.Module):
    """`causal_conv1d` with parameters `weight` and `bias`, named, shaped and initialised as those of `nn.Conv1d`.

    `forward` computes all places; `step` computes the newest from a queue of the inputs before it, in time that does not depend on
    the dilation (Le Paine et al. 2016).
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, dilation: int = 1) -> None:
        super().__init__()
        _check_sizes(inputs=inputs, outputs=outputs, kernel_size=kernel_size, dilation=dilation)
        self.kernel_size, self.dilation = kernel_size, dilation
        bound = 1 / sqrt(inputs * kernel_size)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    @property
    def reach(self) -> int:
        """How far back the oldest input of a place stands: the length of the queue."""
        return (self.kernel_size - 1) * self.dilation

    def forward(self, x: Float[Tensor, "batch inputs length"]) -> Float[Tensor, "batch outputs length"]:
        return causal_conv1d(x, self.weight, self.bias, self.dilation)

    def queue(self, x: Float[Tensor, "batch inputs length"]) -> Queue:
        """The queue after these inputs; zeros stand before the first."""
        padded = F.pad(x, (self.reach, 0))
        return deque(padded[:, :, padded.shape[2] - self.reach :].unbind(2))

    def step(self, x: Float[Tensor, "batch inputs"], queue: Queue) -> Float[Tensor, "batch outputs"]:
        """The output at the place after those in `queue`, whose input is `x`; moves the queue on by one place."""
        queue.append(x)
        taps = torch.stack([queue[place] for place in range(0, self.reach + 1, self.dilation)], 2)  # (batch, inputs, kernel_size)
        queue.popleft()
        return F.linear(taps.flatten(1), self.weight.flatten(1), self.bias)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.weight.shape[0]}, kernel_size={self.kernel_size}, dilation={self.dilation}"


class GatedResidualBlock(nn.Module):
    """WaveNet's block: z = tanh(filter * x) sigmoid(gate * x); the output is x + W z, and V z goes to the skip connections.

    `conv` computes filter and gate in one convolution, the filter's `hidden` channels first; W and V are convolutions of one place.
    """

    def __init__(self, channels: int, hidden: int, skip: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.conv = CausalConv1d(channels, 2 * hidden, kernel_size, dilation)
        self.residual = CausalConv1d(hidden, channels, 1)
        self.skip = CausalConv1d(hidden, skip, 1)

    def forward(self, x: Float[Tensor, "batch channels length"]) -> tuple[Float[Tensor, "batch channels length"], Float[Tensor, "batch skip length"]]:
        z = self._gate(self.conv(x))
        return x + self.residual(z), self.skip(z)

    def step(self, x: Float[Tensor, "batch channels"], queue: Queue) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch skip"]]:
        """`forward` at the newest place alone."""
        z = self._gate(self.conv.step(x, queue))
        return x + self.residual.step(z, deque()), self.skip.step(z, deque())

    @staticmethod
    def _gate(both: Tensor) -> Tensor:
        filtered, gate = both.chunk(2, 1)
        return torch.tanh(filtered) * torch.sigmoid(gate)


class ByteNetBlock(nn.Module):
    """ByteNet's residual block of ReLUs: x + three times (layer norm over the channels, ReLU, convolution).

    The outer convolutions have one place and lead from `channels` to half as many and back; the middle one is dilated: causal in a
    decoder; in an encoder (`causal=False`) centred, so that it sees as far ahead as back.
    """

    def __init__(self, channels: int, kernel_size: int, dilation: int, causal: bool = True) -> None:
        super().__init__()
        _check(isinstance(channels, int) and channels >= 2 and channels % 2 == 0, "channels", "an even number from 2", repr(channels))
        _check(causal or kernel_size % 2 == 1, "kernel_size", "an odd number where the convolution is centred", kernel_size)
        self.causal, half = causal, channels // 2
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in (channels, half, half))
        self.narrow = CausalConv1d(channels, half, 1)
        self.conv = CausalConv1d(half, half, kernel_size, dilation)
        self.widen = CausalConv1d(half, channels, 1)

    def inner(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch half length"]:
        """What the dilated convolution reads."""
        return self._ready(1, self.narrow(self._ready(0, x)))

    def forward(self, x: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch channels length"]:
        return x + self._after(self.inner(x))

    def _after(self, inner: Tensor) -> Tensor:
        if self.causal:
            mixed = self.conv(inner)
        else:  # the causal convolution of a sequence that is shifted by half the kernel
            half = self.conv.reach // 2
            mixed = self.conv(F.pad(inner, (0, half)))[:, :, half:]
        return self.widen(self._ready(2, mixed))

    def step(self, x: Float[Tensor, "batch channels"], queue: Queue) -> Float[Tensor, "batch channels"]:
        """`forward` of a causal block at the newest place alone."""
        narrow = self.narrow.step(F.relu(self.norms[0](x)), deque())
        mixed = self.conv.step(F.relu(self.norms[1](narrow)), queue)
        return x + self.widen.step(F.relu(self.norms[2](mixed)), deque())

    def _ready(self, number: int, x: Tensor) -> Tensor:
        return F.relu(self.norms[number](x.transpose(1, 2))).transpose(1, 2)


# ------------------------------------------------------------------------------------------------ models


class WaveNet(nn.Module):
    """A model of a sequence of ids: vectors, gated residual blocks, and logits from the sum of all their skip connections.

    Each place gives the logits of the next id from the last `receptive_field` ids. The paper's first layer is a causal convolution
    of one-hot ids; a table of vectors is one with a kernel of one place.
    """

    def __init__(self, vocab_size: int, channels: int, dilations: Sequence[int], kernel_size: int = 2, hidden: int | None = None, skip: int | None = None) -> None:
        super().__init__()
        _check_sizes(vocab_size=vocab_size, channels=channels, kernel_size=kernel_size)
        _check_dilations(dilations)
        _check(len(dilations) > 0, "dilations", "at least one", "none")
        hidden, skip = channels if hidden is None else hidden, channels if skip is None else skip
        self.vocab_size, self.receptive_field = vocab_size, receptive_field(kernel_size, dilations)
        self.embedding = nn.Embedding(vocab_size, channels)
        self.blocks = nn.ModuleList(GatedResidualBlock(channels, hidden, skip, kernel_size, dilation) for dilation in dilations)
        self.between, self.output = CausalConv1d(skip, skip, 1), CausalConv1d(skip, vocab_size, 1)

    def forward(self, ids: Int[Tensor, "batch length"], queues: list[Queue] | None = None) -> Float[Tensor, "batch length vocab_size"]:
        """Logits at each place for the id after it; a list `queues` receives the queues with which `step` goes on."""
        _check_ids(ids, "ids", self.vocab_size)
        x = self.embedding(ids).transpose(1, 2)
        total = 0
        for block in self.blocks:
            if queues is not None:
                queues.append(block.conv.queue(x))
            x, skip = block(x)
            total = total + skip
        return self.output(F.relu(self.between(F.relu(total)))).transpose(1, 2)

    def step(self, ids: Int[Tensor, "batch"], queues: list[Queue]) -> Float[Tensor, "batch vocab_size"]:
        """Logits after one more id; moves the queues on. Cost: one place, whatever was read before."""
        x, total = self.embedding(ids), 0
        for block, queue in zip(self.blocks, queues, strict=True):
            x, skip = block.step(x, queue)
            total = total + skip
        return self.output.step(F.relu(self.between.step(F.relu(total), deque())), deque())


class ByteNet(nn.Module):
    """ByteNet: a decoder of causal blocks, on its own a language model, or stacked on an encoder that reads a source text.

    With `source_vocab_size` an encoder of centred blocks gives a column for each token of the source, and place t of the decoder is
    given column t (added here to the vector of its token; zeros behind the last column): the decoder unfolds over the encoder, and
    no vector of fixed size stands between the two. Time is linear in the two lengths.
    """

    def __init__(self, vocab_size: int, channels: int, dilations: Sequence[int], kernel_size: int = 3, source_vocab_size: int | None = None) -> None:
        super().__init__()
        _check_sizes(vocab_size=vocab_size, channels=channels, kernel_size=kernel_size)
        _check_dilations(dilations)
        self.vocab_size, self.receptive_field = vocab_size, receptive_field(kernel_size, dilations)
        self.embedding = nn.Embedding(vocab_size, channels)
        self.blocks = nn.ModuleList(ByteNetBlock(channels, kernel_size, dilation) for dilation in dilations)
        self.between, self.output = CausalConv1d(channels, channels, 1), CausalConv1d(channels, vocab_size, 1)
        self.source_vocab_size = source_vocab_size
        if source_vocab_size is not None:
            _check_size(source_vocab_size, "source_vocab_size")
            self.source_embedding = nn.Embedding(source_vocab_size, channels)
            self.encoder = nn.Sequential(*(ByteNetBlock(channels, kernel_size, dilation, causal=False) for dilation in dilations))

    def encode(self, source: Int[Tensor, "batch source_length"]) -> Float[Tensor, "batch channels source_length"]:
        """A column for each token of the source, from what stands before and behind it."""
        _check(self.source_vocab_size is not None, "source", "none, since this model has no encoder", _shape(source))
        _check_ids(source, "source", self.source_vocab_size)
        return self.encoder(self.source_embedding(source).transpose(1, 2))

    def forward(
        self, ids: Int[Tensor, "batch length"], source: Int[Tensor, "batch source_length"] | None = None, queues: list[Queue] | None = None
    ) -> Float[Tensor, "batch length vocab_size"]:
        """Logits at each place for the id after it; a list `queues` receives the queues with which `step` goes on."""
        _check_ids(ids, "ids", self.vocab_size)
        x = self.embedding(ids).transpose(1, 2)
        if source is not None:
            columns = self.encode(source)[:, :, : x.shape[2]]
            x = x + F.pad(columns, (0, x.shape[2] - columns.shape[2]))
        for block in self.blocks:
            if queues is not None:
                queues.append(block.conv.queue(block.inner(x)))
            x = block(x)
        return self.output(F.relu(self.between(F.relu(x)))).transpose(1, 2)

    def step(self, ids: Int[Tensor, "batch"], queues: list[Queue]) -> Float[Tensor, "batch vocab_size"]:
        """Logits of the decoder alone after one more id; moves the queues on."""
        x = self.embedding(ids)
        for block, queue in zip(self.blocks, queues, strict=True):
            x = block.step(x, queue)
        return self.output.step(F.relu(self.between.step(F.relu(x), deque())), deque())


# ------------------------------------------------------------------------------------------------ generation


def _pick(logits: Float[Tensor, "batch vocab_size"], temperature: float, generator: torch.Generator | None) -> Int[Tensor, "batch"]:
    if temperature == 0:
        return logits.argmax(-1)
    return torch.multinomial((logits.double() / temperature).softmax(-1).cpu(), 1, generator=generator)[:, 0].to(logits.device)


def _check_generation(model: WaveNet | ByteNet, prompt: object, steps: object, temperature: object) -> None:
    _check_ids(prompt, "prompt", model.vocab_size)
    _check(isinstance(steps, int) and not isinstance(steps, bool) and steps >= 0, "steps", "an integer from 0", repr(steps))
    _check(isinstance(temperature, (int, float)) and temperature >= 0, "temperature", "a number from 0", repr(temperature))


@torch.no_grad()
def generate(
    model: WaveNet | ByteNet, prompt: Int[Tensor, "batch length"], steps: int, temperature: float = 1.0, generator: torch.Generator | None = None
) -> Int[Tensor, "batch length+steps"]:
    """The prompt and `steps` new ids, each from a new pass over all that its receptive field holds: the plain way, slow and plainly right.

    `generator` belongs to the CPU, so that a seed gives the same draws everywhere. Temperature 0 takes the likeliest id.
    """
    _check_generation(model, prompt, steps, temperature)
    ids = prompt
    for _ in range(steps):
        logits = model(ids[:, -model.receptive_field :])[:, -1]
        ids = torch.cat((ids, _pick(logits, temperature, generator)[:, None]), 1)
    return ids


@torch.no_grad()
def generate_with_cache(
    model: WaveNet | ByteNet, prompt: Int[Tensor, "batch length"], steps: int, temperature: float = 1.0, generator: torch.Generator | None = None
) -> Int[Tensor, "batch length+steps"]:
    """What `generate` gives, with a queue a layer (Le Paine et al. 2016): a new id costs one place of each layer, not a receptive field of them."""
    _check_generation(model, prompt, steps, temperature)
    if steps == 0:
        return prompt
    queues: list[Queue] = []
    logits = model(prompt, queues=queues)[:, -1]
    new = [_pick(logits, temperature, generator)]
    for _ in range(steps - 1):
        new.append(_pick(model.step(new[-1], queues), temperature, generator))
    return torch.cat((prompt, torch.stack(new, 1)), 1)
