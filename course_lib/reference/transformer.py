"""The transformer: positions, blocks in three arrangements, encoder, decoder, both together, and beam search.

Papers, in order of use
- the model, sinusoidal positions, label smoothing and beams in translation: Vaswani et al. 2017, arXiv 1706.03762
- rotary positions: Su et al. 2021, arXiv 2104.09864
- layer normalisation: Ba, Kiros and Hinton 2016, arXiv 1607.06450
- where it stands, post-LN and pre-LN: Xiong et al. 2020, arXiv 2002.04745; both at once, ResiDual: Xie et al. 2023, arXiv 2304.14802
- label smoothing: Szegedy et al. 2015, arXiv 1512.00567

Shapes are batch first: vectors (batch, length, width), ids (batch, length) int64. A mask is boolean and says True where a query may
attend; it broadcasts over (batch, heads, queries, keys).

`norm` says where a block normalises what: "pre" computes x + f(LN(x)), "post" LN(x + f(x)), and "dual" (ResiDual) keeps two streams,
x = LN(x + f(x)) and dual = dual + f(x), whose sum x + LN(dual) is the output of a stack. So a block of the third kind takes and returns
both streams, stacked along a new first axis. Blocks of the first two kinds are `nn.TransformerEncoderLayer` and `nn.TransformerDecoderLayer`
with `norm_first` True and False; `from_torch` copies their weights.

A decoder reads one token or many at a time: `decode` returns, beside its output, the vectors that later tokens will attend to. All
run on CPU, CUDA and MPS, in float32, float64 and bfloat16, and under `torch.compile` (but for the searches, which decide on values).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.reference.attention import MultiHeadAttention, causal_mask, merge_heads, scaled_dot_product_attention, split_heads

NORMS = ("pre", "post", "dual")
POSITIONS = ("sinusoidal", "learned", "rotary", "none")
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_size(value: object, name: str, least: int = 1) -> None:
    _check(isinstance(value, int) and not isinstance(value, bool) and value >= least, name, f"an integer from {least}", repr(value))


def _check_choice(value: object, name: str, options: tuple[str, ...]) -> None:
    _check(value in options, name, f"one of {options}", repr(value))


def _shape(value: object) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _check_ids(ids: object, name: str) -> None:
    good = isinstance(ids, Tensor) and ids.ndim == 2 and ids.dtype == torch.int64 and min(ids.shape) > 0
    _check(good, name, "an int64 tensor (batch, length), neither of them 0", _shape(ids))


# ------------------------------------------------------------------------------------------------ positions


def _frequencies(pairs: int, width: int, base: float, device: torch.device | str | None, dtype: torch.dtype) -> Tensor:
    return base ** (-torch.arange(0, 2 * pairs, 2, device=device, dtype=dtype) / width)


def _working_dtype(dtype: torch.dtype) -> torch.dtype:
    """Angles are computed in float32 at least: in bfloat16 the positions 256 and 257 are one number."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def sinusoidal_positions(
    length: int, width: int, base: float = 10_000.0, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "length width"]:
    """Row p holds sin(p f_0), cos(p f_0), sin(p f_1), cos(p f_1), … with f_i = base^(-2i/width), Vaswani et al. 2017.

    Raises ValueError for a length or width below 1 or an odd width.
    """
    _check_size(length, "length")
    _check_size(width, "width")
    _check(width % 2 == 0, "width", "an even number", width)
    working = _working_dtype(dtype)
    places = torch.arange(length, device=device, dtype=working)[:, None]
    angles = places * _frequencies(width // 2, width, base, device, working)  # (length, width / 2)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1).to(dtype)


def rotary_embedding(
    x: Float[Tensor, "*batch length dim"], positions: Int[Tensor, "length"] | None = None, base: float = 10_000.0
) -> Float[Tensor, "*batch length dim"]:
    """Turn each pair of numbers (x_i, x_(i + dim/2)) of the row at position p by the angle p * base^(-2i/dim), Su et al. 2021.

    The product of a turned query and a turned key depends on the difference of their positions only. The paper pairs neighbours,
    x_(2i) with x_(2i+1); halves, as Llama pairs them, are the same up to a fixed order of the numbers. Positions count from 0 unless given.
    Raises ValueError for an odd dim, or positions that are not integers, one for each row.
    """
    _check(isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 2, "x", "a floating-point tensor (..., length, dim)", _shape(x))
    length, dim = x.shape[-2:]
    _check(dim % 2 == 0, "x", "an even number of numbers in a row", dim)
    if positions is None:
        positions = torch.arange(length, device=x.device)
    good = isinstance(positions, Tensor) and tuple(positions.shape) == (length,) and not positions.is_floating_point()
    _check(good, "positions", f"an integer tensor ({length},)", _shape(positions))
    working = _working_dtype(x.dtype)
    angles = positions.to(x.device)[:, None] * _frequencies(dim // 2, dim, base, x.device, working)  # (length, dim / 2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)


class RotaryAttention(MultiHeadAttention):
    """Multi-head self-attention whose queries and keys are turned by `rotary_embedding`, each head by itself."""

    def forward(
        self, x: Float[Tensor, "batch queries width"], context: Float[Tensor, "batch keys width"] | None = None,
        mask: Bool[Tensor, "..."] | None = None, causal: bool = False,
    ) -> Float[Tensor, "batch queries width"]:  # fmt: skip
        """A context, if given, holds earlier rows and then those of x: the last queries are at the last positions."""
        context = self._context(x, context)
        query, key, value = (split_heads(part, self.heads) for part in (self.query(x), self.key(context), self.value(context)))
        places = torch.arange(context.shape[1], device=x.device)
        query, key = rotary_embedding(query, places[context.shape[1] - x.shape[1] :]), rotary_embedding(key, places)
        if causal:
            past = causal_mask(x.shape[1], context.shape[1], x.device)
            mask = past if mask is None else mask & past
        return self.output(merge_heads(scaled_dot_product_attention(query, key, value, mask)))


# ------------------------------------------------------------------------------------------------ normalisation and loss


def layer_norm(
    x: Float[Tensor, "*batch width"], weight: Float[Tensor, "width"], bias: Float[Tensor, "width"], eps: float = 1e-5
) -> Float[Tensor, "*batch width"]:
    """Each row less its mean, divided by sqrt(variance + eps), times weight, plus bias (Ba et al. 2016); the variance divides by width.

    Raises ValueError where shapes do not fit.
    """
    _check(isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 1, "x", "a floating-point tensor (..., width)", _shape(x))
    for name, value in (("weight", weight), ("bias", bias)):
        _check(isinstance(value, Tensor) and value.shape == x.shape[-1:], name, f"a tensor of shape {tuple(x.shape[-1:])}", _shape(value))
    centred = x - x.mean(-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps) * weight + bias


def label_smoothed_loss(
    logits: Float[Tensor, "*batch vocab"], targets: Int[Tensor, "*batch"], smoothing: float = 0.1, ignore: int | None = None
) -> Float[Tensor, ""]:
    """Mean cross-entropy against (1 - smoothing) on the target and smoothing / vocab on every token, the target included (Szegedy et al. 2015).

    Places whose target is `ignore` do not count. Raises ValueError where shapes do not fit, smoothing is not in [0, 1), or no place counts.
    """
    _check(isinstance(logits, Tensor) and logits.is_floating_point() and logits.ndim >= 1, "logits", "a floating-point tensor (..., vocab)", _shape(logits))
    good = isinstance(targets, Tensor) and targets.shape == logits.shape[:-1] and targets.dtype == torch.int64
    _check(good, "targets", f"an int64 tensor {tuple(logits.shape[:-1])}", _shape(targets))
    _check(isinstance(smoothing, (int, float)) and not isinstance(smoothing, bool) and 0 <= smoothing < 1, "smoothing", "a number from 0, below 1", repr(smoothing))
    counted = torch.ones_like(targets, dtype=torch.bool) if ignore is None else targets != ignore
    _check(bool(counted.any()), "targets", "at least one place that counts", "only ignored ones")
    log_probabilities = torch.log_softmax(logits[counted], -1)  # (places, vocab)
    of_target = log_probabilities.gather(-1, targets[counted][:, None])[:, 0]
    return -((1 - smoothing) * of_target + smoothing * log_probabilities.mean(-1)).mean()


# ------------------------------------------------------------------------------------------------ blocks


class TransformerBlock(nn.Module):
    """Self-attention and a feed-forward net, with cross attention between them if asked: the layer of encoder and decoder.

    norm: "pre", "post" or "dual" (see the module's head). rotary: turn the queries and keys of self-attention.
    Initialised as the layers of `torch.nn` are by their parts: each weight by its own module's default.
    """

    def __init__(
        self, width: int, heads: int, ff_width: int, norm: str = "pre", cross: bool = False, rotary: bool = False, activation: str = "relu",
        dropout: float = 0.0, eps: float = 1e-5,
    ) -> None:  # fmt: skip
        super().__init__()
        _check_size(ff_width, "ff_width")
        _check_choice(norm, "norm", NORMS)
        _check_choice(activation, "activation", tuple(ACTIVATIONS))
        self.norm, self.activation = norm, activation
        self.attention = (RotaryAttention if rotary else MultiHeadAttention)(width, heads, dropout=dropout)
        self.norm_attention = nn.LayerNorm(width, eps)
        self.cross = MultiHeadAttention(width, heads, dropout=dropout) if cross else None
        self.norm_cross = nn.LayerNorm(width, eps) if cross else None
        self.wide, self.narrow = nn.Linear(width, ff_width), nn.Linear(ff_width, width)
        self.norm_feed_forward = nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def feed_forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        return self.narrow(self.dropout(ACTIVATIONS[self.activation](self.wide(x))))

    def forward(
        self,
        x: Float[Tensor, "batch length width"],
        mask: Bool[Tensor, "..."] | None = None,
        causal: bool = False,
        memory: Float[Tensor, "batch memory width"] | None = None,
        memory_mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "batch length width"]:
        """The new vectors; of a "dual" block both streams in and out, (2, batch, length, width). A block with `cross` needs a memory, another takes none."""
        return self._run(x, None, mask, causal, memory, memory_mask)[0]

    def step(
        self,
        x: Float[Tensor, "batch new width"],
        past: Float[Tensor, "batch old width"] | None = None,
        memory: Float[Tensor, "batch memory width"] | None = None,
        memory_mask: Bool[Tensor, "..."] | None = None,
    ) -> tuple[Float[Tensor, "batch new width"], Float[Tensor, "batch old+new width"]]:
        """`decoder_step` of this block: causal, with what earlier steps have left in `past`; returns the new vectors and the new past."""
        return self._run(x, past, None, True, memory, memory_mask)

    def _run(self, x, past, mask, causal, memory, memory_mask):
        _check((memory is None) == (self.cross is None), "memory", "vectors for a block with cross attention, none for another", _shape(memory))
        axes = 4 if self.norm == "dual" else 3
        good = isinstance(x, Tensor) and x.ndim == axes and x.shape[-1] == self.attention.width and (axes == 3 or len(x) == 2)
        _check(good, "x", f"a tensor ({'2, ' * (axes == 4)}batch, length, {self.attention.width})", _shape(x))
        x, dual = x if self.norm == "dual" else (x, None)
        seen = []

        def attend(inputs: Tensor) -> Tensor:
            seen.append(inputs if past is None else torch.cat((past, inputs), 1))
            return self.attention(inputs, seen[0], mask, causal)

        x, dual = self._add(x, dual, self.norm_attention, attend)
        if self.cross is not None:
            x, dual = self._add(x, dual, self.norm_cross, lambda inputs: self.cross(inputs, memory, memory_mask))
        x, dual = self._add(x, dual, self.norm_feed_forward, self.feed_forward)
        return (x if dual is None else torch.stack((x, dual))), seen[0]

    def _add(self, x: Tensor, dual: Tensor | None, norm: nn.LayerNorm, part: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor | None]:
        if self.norm == "pre":
            return x + self.dropout(part(norm(x))), None
        change = self.dropout(part(x))
        return norm(x + change), (None if dual is None else dual + change)

    @classmethod
    def from_torch(cls, layer: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer) -> TransformerBlock:
        """A copy of a layer of `torch.nn`, on its device and in its dtype; `batch_first` does not matter.

        Raises ValueError for another class, an activation other than ReLU and GELU, or layers without biases.
        """
        _check(isinstance(layer, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)), "layer", "an nn.TransformerEncoderLayer or Decoder", type(layer).__name__)
        names = [name for name, function in ACTIVATIONS.items() if layer.activation is function]
        _check(bool(names), "layer", "activation F.relu or F.gelu", layer.activation)
        _check(layer.linear1.bias is not None, "layer", "biases", "none")
        cross = isinstance(layer, nn.TransformerDecoderLayer)
        norms = [layer.norm1, *([layer.norm2, layer.norm3] if cross else [layer.norm2])]
        copy = cls(
            layer.linear1.in_features, layer.self_attn.num_heads, layer.linear1.out_features, "pre" if layer.norm_first else "post", cross,
            activation=names[0], dropout=layer.dropout.p, eps=layer.norm1.eps,
        ).to(layer.linear1.weight)  # fmt: skip
        copy.attention.load_state_dict(MultiHeadAttention.from_torch(layer.self_attn).state_dict())
        if cross:
            copy.cross.load_state_dict(MultiHeadAttention.from_torch(layer.multihead_attn).state_dict())
            copy.norm_cross.load_state_dict(norms[1].state_dict())
        pairs = ((copy.wide, layer.linear1), (copy.narrow, layer.linear2), (copy.norm_attention, norms[0]), (copy.norm_feed_forward, norms[-1]))
        for mine, theirs in pairs:
            mine.load_state_dict(theirs.state_dict())
        return copy.train(layer.training)


def decoder_step(
    block: TransformerBlock, x: Float[Tensor, "batch new width"], past: Float[Tensor, "batch old width"] | None,
    memory: Float[Tensor, "batch memory width"], memory_mask: Bool[Tensor, "..."] | None = None,
) -> tuple[Float[Tensor, "batch new width"], Float[Tensor, "batch old+new width"]]:  # fmt: skip
    """Run new tokens through a decoder block after earlier ones: (new vectors, what later tokens will need of the past).

    `past` is what the call before returned, None at the beginning: the vectors that self-attention has looked at. All tokens in one
    call, or one at a time, give the same.
    """
    return block.step(x, past, memory, memory_mask)


# ------------------------------------------------------------------------------------------------ stacks and models


class Stack(nn.Module):
    """Blocks one upon another, and what ends the stack: a layer norm ("pre"), nothing ("post"), or x + LN(dual) ("dual")."""

    def __init__(self, layers: int, width: int, heads: int, ff_width: int, norm: str = "pre", **options) -> None:
        super().__init__()
        _check_size(layers, "layers")
        self.norm = norm
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, ff_width, norm, **options) for _ in range(layers))
        self.last = None if norm == "post" else nn.LayerNorm(width, self.blocks[0].norm_attention.eps)

    def forward(
        self, x: Float[Tensor, "batch length width"], mask: Bool[Tensor, "..."] | None = None, causal: bool = False,
        memory: Float[Tensor, "batch memory width"] | None = None, memory_mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "batch length width"]:  # fmt: skip
        x = self._begin(x)
        for block in self.blocks:
            x = block(x, mask, causal, memory, memory_mask)
        return self._end(x)

    def step(
        self, x: Float[Tensor, "batch new width"], past: list[Tensor] | None = None, memory: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> tuple[Float[Tensor, "batch new width"], list[Float[Tensor, "batch old+new width"]]]:
        """New tokens after earlier ones, causal; `past` is what the call before returned, one entry a block."""
        _check(past is None or len(past) == len(self.blocks), "past", f"a list of {len(self.blocks)}", past)
        x, now = self._begin(x), []
        for number, block in enumerate(self.blocks):
            x, seen = block.step(x, None if past is None else past[number], memory, memory_mask)
            now.append(seen)
        return self._end(x), now

    def _begin(self, x: Tensor) -> Tensor:
        return torch.stack((x, x)) if self.norm == "dual" else x

    def _end(self, x: Tensor) -> Tensor:
        if self.norm == "dual":
            return x[0] + self.last(x[1])
        return x if self.last is None else self.last(x)


class TokenVectors(nn.Module):
    """Vectors of tokens, times sqrt(width), plus their positions: "sinusoidal", "learned" (up to max_length), or none to add ("rotary", "none")."""

    def __init__(self, vocab: int, width: int, positions: str = "sinusoidal", max_length: int = 512) -> None:
        super().__init__()
        for name, value in (("vocab", vocab), ("width", width), ("max_length", max_length)):
            _check_size(value, name)
        _check_choice(positions, "positions", POSITIONS)
        self.positions, self.scale = positions, sqrt(width)
        self.tokens = nn.Embedding(vocab, width)
        nn.init.normal_(self.tokens.weight, std=width**-0.5)
        self.places = nn.Embedding(max_length, width) if positions == "learned" else None

    def forward(self, ids: Int[Tensor, "batch length"], start: int = 0) -> Float[Tensor, "batch length width"]:
        """The first of the ids stands at position `start`. Learned positions raise ValueError beyond max_length."""
        _check_ids(ids, "ids")
        x, end = self.scale * self.tokens(ids), start + ids.shape[1]
        if self.positions == "sinusoidal":
            return x + sinusoidal_positions(end, x.shape[-1], device=x.device, dtype=x.dtype)[start:]
        if self.positions == "learned":
            _check(end <= self.places.num_embeddings, "ids", f"at most {self.places.num_embeddings} positions, since they are learned", end)
            return x + self.places.weight[start:end]
        return x


class Seq2SeqTransformer(nn.Module):
    """Encoder and decoder: model(source, target) gives the logits of the token after each token of target.

    The source's places that hold `pad_id` are seen by nobody. Arguments as in `TransformerBlock` and `TokenVectors`.
    """

    def __init__(
        self, source_vocab: int, target_vocab: int, width: int = 64, heads: int = 4, layers: int = 2, ff_width: int = 128, norm: str = "pre",
        positions: str = "sinusoidal", max_length: int = 512, pad_id: int = 0, **options,
    ) -> None:  # fmt: skip
        super().__init__()
        self.pad_id = pad_id
        self.source = TokenVectors(source_vocab, width, positions, max_length)
        self.target = TokenVectors(target_vocab, width, positions, max_length)
        rotary = positions == "rotary"
        self.encoder = Stack(layers, width, heads, ff_width, norm, rotary=rotary, **options)
        self.decoder = Stack(layers, width, heads, ff_width, norm, rotary=rotary, cross=True, **options)
        self.output = nn.Linear(width, target_vocab)

    def encode(self, source: Int[Tensor, "batch length"]) -> tuple[Float[Tensor, "batch length width"], Bool[Tensor, "batch 1 1 length"]]:
        """The memory, and the mask of its places that are real."""
        _check_ids(source, "source")
        mask = (source != self.pad_id)[:, None, None, :]
        return self.encoder(self.source(source), mask), mask

    def decode(
        self, target: Int[Tensor, "batch new"], memory: Tensor, memory_mask: Tensor, past: list[Tensor] | None = None
    ) -> tuple[Float[Tensor, "batch new target_vocab"], list[Tensor]]:
        """Logits behind each new token, and the past for the next call."""
        start = 0 if past is None else past[0].shape[1]
        x, past = self.decoder.step(self.target(target, start), past, memory, memory_mask)
        return self.output(x), past

    def forward(self, source: Int[Tensor, "batch source"], target: Int[Tensor, "batch target"]) -> Float[Tensor, "batch target target_vocab"]:
        """Teacher forcing: logits at every place of the right answer, in one pass."""
        return self.decode(target, *self.encode(source))[0]

    @torch.no_grad()
    def greedy(self, source: Int[Tensor, "batch length"], start_id: int, stop_id: int, max_new_tokens: int) -> list[list[int]]:
        """The likeliest token at each step, for all rows at once, one new token a pass; without start and stop."""
        _check_size(max_new_tokens, "max_new_tokens")
        memory, mask = self.encode(source)
        ids, past, open_rows = source.new_full((len(source), 1), start_id), None, torch.ones(len(source), dtype=torch.bool, device=source.device)
        written = []
        while len(written) < max_new_tokens and bool(open_rows.any()):
            logits, past = self.decode(ids, memory, mask, past)
            ids = logits[:, -1].argmax(-1, keepdim=True)
            written.append(ids)
            open_rows &= ids[:, 0] != stop_id
        rows = torch.cat(written, 1).tolist()
        return [row[: row.index(stop_id)] if stop_id in row else row for row in rows]

    @torch.no_grad()
    def beam_search(
        self, source: Int[Tensor, "1 length"], start_id: int, stop_id: int, beams: int, max_new_tokens: int
    ) -> list[tuple[list[int], float]]:
        """`beam_search` with this model's probabilities for one source; the encoder runs once."""
        _check_ids(source, "source")
        _check(len(source) == 1, "source", "one row", len(source))
        memory, mask = self.encode(source)

        def next_log_probabilities(prefixes: Tensor) -> Tensor:
            rows = len(prefixes)
            return self.decode(prefixes, memory.expand(rows, -1, -1), mask.expand(rows, -1, -1, -1))[0][:, -1].log_softmax(-1)

        return beam_search(next_log_probabilities, start_id, stop_id, beams, max_new_tokens, source.device)


# ------------------------------------------------------------------------------------------------ search


def beam_search(
    next_log_probabilities: Callable[[Int[Tensor, "rows length"]], Float[Tensor, "rows vocab"]], start_id: int, stop_id: int, beams: int,
    max_new_tokens: int, device: torch.device | str | None = None,
) -> list[tuple[list[int], float]]:  # fmt: skip
    """The best texts that a beam finds: at most `beams` pairs (ids with start and stop, sum of log-probabilities), best first.

    Each step extends every open text of the beam by every token, and keeps the best `beams` of these and of the finished ones in the
    beam; a text is finished with its stop token and then changes no more. The search ends when all are finished, or when max_new_tokens
    have been added. With beams = 1 this is greedy search. A wider beam may end below a narrower one: it can drop the beginning of the
    text that would have won. There is no bonus for length.
    """
    _check_size(beams, "beams")
    _check_size(max_new_tokens, "max_new_tokens")
    kept = [([start_id], 0.0)]
    for _ in range(max_new_tokens):
        open_texts = [text for text in kept if text[0][-1] != stop_id]
        if not open_texts:
            break
        candidates = [text for text in kept if text[0][-1] == stop_id]
        rows = next_log_probabilities(torch.tensor([ids for ids, _ in open_texts], device=device))
        best, tokens = rows.topk(min(beams, rows.shape[-1]), -1)
        for (ids, score), row, ids_of_row in zip(open_texts, best.tolist(), tokens.tolist(), strict=True):
            candidates += [([*ids, token], score + value) for token, value in zip(ids_of_row, row, strict=True) if value > -inf]
        kept = sorted(candidates, key=lambda text: -text[1])[:beams]
    return kept
