"""Attention: additive (Bahdanau), scaled dot products, heads, masks of every kind, and the same in blocks with linear memory.

Papers, in order of use
- additive attention for translation: Bahdanau, Cho and Bengio 2014, arXiv 1409.0473
- scaled dot products and multi-head attention: Vaswani et al. 2017, arXiv 1706.03762
- softmax in one pass: Milakov and Gimelshein 2018, arXiv 1805.02867; attention with linear memory: Rabe and Staats 2021, arXiv 2112.05682;
  in tiles, with a backward pass that computes the weights again: Dao et al. 2022, arXiv 2205.14135

Shapes: query (..., queries, dim), key (..., keys, dim), value (..., keys, value_dim); the axes in front are batch, or batch and heads.
A mask is boolean, True where a query may attend, and broadcasts against (..., queries, keys): a mask of padding (batch, keys)
is given as `mask[:, None, None, :]`. `nn.MultiheadAttention` has the opposite convention (True = may not attend).

Two decisions that libraries take differently
- the past with fewer queries than keys: `is_causal=True` of the functions lets query i see the keys up to i, as in
  `F.scaled_dot_product_attention`. Where earlier keys wait in a cache the last query must see the last key: `causal_mask` gives that mask,
  and `causal=True` of `MultiHeadAttention` means it. With equal lengths both are one.
- a query that may attend nowhere gets weights and output zero, and its gradients are zero (`nn.MultiheadAttention` gives nan).

All run on CPU, CUDA and MPS, in float32, float64 and bfloat16, and under `torch.compile`.
"""

from __future__ import annotations

from math import inf, sqrt

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_size(value: object, name: str, least: int = 1) -> None:
    _check(isinstance(value, int) and not isinstance(value, bool) and value >= least, name, f"an integer from {least}", repr(value))


def _shape(value: object) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _check_sequence(value: object, name: str, axes: str = "(..., length, dim)", least: int = 2) -> None:
    good = isinstance(value, Tensor) and value.is_floating_point() and value.ndim >= least
    _check(good, name, f"a floating-point tensor {axes}", _shape(value))


def _check_pair(query: object, key: object) -> None:
    _check_sequence(query, "query", "(..., queries, dim)")
    _check_sequence(key, "key", "(..., keys, dim)")
    good = key.shape[-1] == query.shape[-1] and key.dtype == query.dtype
    _check(good, "key", f"{query.shape[-1]} numbers a key, of {query.dtype}, as the queries have", _shape(key))
    _broadcast(query.shape[:-2], key.shape[:-2], "key")


def _check_value(key: Tensor, value: object, batch: torch.Size) -> None:
    _check_sequence(value, "value", "(..., keys, value_dim)")
    good = value.shape[-2] == key.shape[-2] and value.dtype == key.dtype
    _check(good, "value", f"{key.shape[-2]} rows of {key.dtype}, one for each key", _shape(value))
    _broadcast(batch, value.shape[:-2], "value")


def _broadcast(one: torch.Size, other: torch.Size, name: str) -> torch.Size:
    try:
        return torch.broadcast_shapes(one, other)
    except RuntimeError:
        raise ValueError(f"{name}: expected axes in front that fit {tuple(one)}, got {tuple(other)}") from None


def _check_mask(mask: object, scores: torch.Size) -> None:
    good = isinstance(mask, Tensor) and mask.dtype == torch.bool
    _check(good, "mask", "a boolean tensor, True where a query may attend", _shape(mask))
    try:
        good = torch.broadcast_shapes(mask.shape, scores) == scores
    except RuntimeError:
        good = False
    _check(good, "mask", f"a shape that broadcasts to {tuple(scores)}", _shape(mask))


def _scale(scale: float | None, dim: int) -> float:
    _check(scale is None or (isinstance(scale, (int, float)) and not isinstance(scale, bool)), "scale", "a number or None", repr(scale))
    return 1 / sqrt(dim) if scale is None else scale


# ------------------------------------------------------------------------------------------------ masks: True = may attend


def causal_mask(queries: int, keys: int, device: torch.device | str | None = None) -> Bool[Tensor, "queries keys"]:
    """Query i may see the keys up to i + keys - queries: the last query sees every key, and with equal lengths each sees itself and the past."""
    _check_size(queries, "queries")
    _check_size(keys, "keys")
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def padding_mask(lengths: Int[Tensor, "batch"], keys: int) -> Bool[Tensor, "batch 1 1 keys"]:
    """Only the first `lengths[b]` keys of row b are real. Broadcasts over heads and queries."""
    good = isinstance(lengths, Tensor) and lengths.ndim == 1 and lengths.dtype in (torch.int64, torch.int32)
    _check(good, "lengths", "an integer tensor (batch,)", _shape(lengths))
    _check_size(keys, "keys")
    return (torch.arange(keys, device=lengths.device) < lengths[:, None])[:, None, None, :]


def window_mask(length: int, width: int, device: torch.device | str | None = None) -> Bool[Tensor, "length length"]:
    """Each query may see itself and the width - 1 keys before it."""
    _check_size(length, "length")
    _check_size(width, "width")
    return torch.ones(length, length, dtype=torch.bool, device=device).tril().triu(1 - width)


def prefix_mask(length: int, prefix: int, device: torch.device | str | None = None) -> Bool[Tensor, "length length"]:
    """All may see the first `prefix` keys (the question), the rest is causal (the answer)."""
    _check_size(length, "length")
    _check_size(prefix, "prefix", least=0)
    mask = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    mask[:, :prefix] = True
    return mask


def packed_mask(segments: Int[Tensor, "*batch length"]) -> Bool[Tensor, "*batch length length"]:
    """Several texts packed into one row: a query may see the keys of its own segment. Combine with a causal mask by `&`."""
    good = isinstance(segments, Tensor) and segments.ndim >= 1 and not segments.is_floating_point()
    _check(good, "segments", "an integer tensor (..., length)", _shape(segments))
    return segments[..., :, None] == segments[..., None, :]


# ------------------------------------------------------------------------------------------------ weights and their averages


def masked_softmax(scores: Float[Tensor, "*batch queries keys"], mask: Bool[Tensor, "..."] | None = None) -> Float[Tensor, "*batch queries keys"]:
    """Softmax over the keys that the mask allows; the others get 0, and a query that may attend nowhere gets zeros."""
    if mask is None:
        return torch.softmax(scores, -1)
    weights = torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), -1)
    return weights.masked_fill(~mask, 0)  # a row without a key was even, not nan: zeros, and zero gradients


def attention_weights(
    query: Float[Tensor, "*batch queries dim"],
    key: Float[Tensor, "*batch keys dim"],
    mask: Bool[Tensor, "..."] | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Float[Tensor, "*batch queries keys"]:
    """softmax(scale * query key^T) over the keys that may be attended (Vaswani et al. 2017); scale is 1 / sqrt(dim) unless given.

    `mask` and `is_causal` may be given together: a key must be allowed by both. See the module's head for `is_causal` with unequal
    lengths and for a query that may attend nowhere. Raises ValueError where shapes or dtypes do not fit.
    """
    _check_pair(query, key)
    scores = (_scale(scale, query.shape[-1]) * query) @ key.mT  # (..., queries, keys)
    if mask is not None:
        _check_mask(mask, scores.shape)
    if is_causal:
        past = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
        mask = past if mask is None else mask & past
    return masked_softmax(scores, mask)


def scaled_dot_product_attention(
    query: Float[Tensor, "*batch queries dim"],
    key: Float[Tensor, "*batch keys dim"],
    value: Float[Tensor, "*batch keys value_dim"],
    mask: Bool[Tensor, "..."] | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Float[Tensor, "*batch queries value_dim"]:
    """For each query the average of the values under `attention_weights(query, key, mask, is_causal, scale)`.

    Holds all queries x keys weights in memory at once; `attention_in_blocks` does not. Raises ValueError where shapes or dtypes do not fit.
    """
    weights = attention_weights(query, key, mask, is_causal, scale)
    _check_value(key, value, weights.shape[:-2])
    return weights @ value


def additive_scores(
    query: Float[Tensor, "*batch queries query_dim"],
    key: Float[Tensor, "*batch keys key_dim"],
    weight_query: Float[Tensor, "hidden query_dim"],
    weight_key: Float[Tensor, "hidden key_dim"],
    vector: Float[Tensor, "hidden"],
) -> Float[Tensor, "*batch queries keys"]:
    """vector . tanh(W_query query + W_key key) for each pair, Bahdanau et al. 2014. Raises ValueError where shapes do not fit."""
    _check_sequence(query, "query", "(..., queries, query_dim)")
    _check_sequence(key, "key", "(..., keys, key_dim)")
    _check(isinstance(vector, Tensor) and vector.ndim == 1, "vector", "a tensor (hidden,)", _shape(vector))
    for name, weight, dim in (("weight_query", weight_query, query.shape[-1]), ("weight_key", weight_key, key.shape[-1])):
        good = isinstance(weight, Tensor) and tuple(weight.shape) == (len(vector), dim)
        _check(good, name, f"a tensor of shape {(len(vector), dim)}", _shape(weight))
    from_query = F.linear(query, weight_query)[..., :, None, :]  # (..., queries, 1, hidden)
    from_key = F.linear(key, weight_key)[..., None, :, :]  # (..., 1, keys, hidden)
    return torch.tanh(from_query + from_key) @ vector


def additive_attention(
    query: Float[Tensor, "*batch queries query_dim"],
    key: Float[Tensor, "*batch keys key_dim"],
    value: Float[Tensor, "*batch keys value_dim"],
    weight_query: Float[Tensor, "hidden query_dim"],
    weight_key: Float[Tensor, "hidden key_dim"],
    vector: Float[Tensor, "hidden"],
    mask: Bool[Tensor, "..."] | None = None,
) -> tuple[Float[Tensor, "*batch queries value_dim"], Float[Tensor, "*batch queries keys"]]:
    """The averages of the values, and the weights: the softmax of `additive_scores` over the keys that the mask allows.

    A query that may attend nowhere gets zeros. Raises ValueError where shapes or dtypes do not fit.
    """
    scores = additive_scores(query, key, weight_query, weight_key, vector)
    if mask is not None:
        _check_mask(mask, scores.shape)
    _check_value(key, value, scores.shape[:-2])
    weights = masked_softmax(scores, mask)
    return weights @ value, weights


class AdditiveAttention(nn.Module):
    """`additive_attention` with its parameters: two linear layers without bias and a vector, initialised as nn.Linear initialises its weights."""

    def __init__(self, query_dim: int, key_dim: int, hidden_dim: int) -> None:
        super().__init__()
        for name, value in [("query_dim", query_dim), ("key_dim", key_dim), ("hidden_dim", hidden_dim)]:
            _check_size(value, name)
        self.query = nn.Linear(query_dim, hidden_dim, bias=False)
        self.key = nn.Linear(key_dim, hidden_dim, bias=False)
        self.score = nn.Linear(hidden_dim, 1, bias=False)

    def forward(
        self, query: Float[Tensor, "*batch queries query_dim"], key: Float[Tensor, "*batch keys key_dim"], value: Float[Tensor, "*batch keys value_dim"],
        mask: Bool[Tensor, "..."] | None = None,
    ) -> tuple[Float[Tensor, "*batch queries value_dim"], Float[Tensor, "*batch queries keys"]]:  # fmt: skip
        return additive_attention(query, key, value, self.query.weight, self.key.weight, self.score.weight[0], mask)


# ------------------------------------------------------------------------------------------------ heads


def split_heads(x: Float[Tensor, "batch length width"], heads: int) -> Float[Tensor, "batch heads length head_dim"]:
    """Cut the last axis into `heads` equal pieces, the first head gets the first numbers, and bring the heads forward."""
    _check_sequence(x, "x", "(batch, length, width)")
    _check(x.ndim == 3, "x", "three axes (batch, length, width)", _shape(x))
    _check_size(heads, "heads")
    _check(x.shape[-1] % heads == 0, "heads", f"a divisor of the width {x.shape[-1]}", heads)
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Float[Tensor, "batch heads length head_dim"]) -> Float[Tensor, "batch length width"]:
    """The inverse of `split_heads`: the heads' pieces side by side again."""
    _check_sequence(x, "x", "(batch, heads, length, head_dim)", least=4)
    _check(x.ndim == 4, "x", "four axes (batch, heads, length, head_dim)", _shape(x))
    return x.transpose(1, 2).flatten(2)


def _with_past(mask: Tensor | None, query: Tensor, key: Tensor) -> Tensor:
    past = causal_mask(query.shape[-2], key.shape[-2], query.device)
    if mask is None:
        return past
    _check_mask(mask, torch.Size((*query.shape[:-1], key.shape[-2])))
    return mask & past


class MultiHeadAttention(nn.Module):
    """Multi-head attention, Vaswani et al. 2017: project, attend in each head apart, put side by side, project.

    With `context` the keys and values come from it (cross attention), without from `x` (self-attention). The mask broadcasts
    over (batch, heads, queries, keys), True = may attend. Dropout acts on the weights, in training only.
    `from_torch` and `to_torch` exchange the weights with `nn.MultiheadAttention`.
    """

    def __init__(self, width: int, heads: int, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        _check_size(width, "width")
        _check_size(heads, "heads")
        _check(width % heads == 0, "heads", f"a divisor of the width {width}", heads)
        _check(isinstance(dropout, (int, float)) and not isinstance(dropout, bool) and 0 <= dropout < 1, "dropout", "a number from 0, below 1", repr(dropout))
        self.width, self.heads, self.dropout = width, heads, dropout
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, bias=bias) for _ in range(4))

    def forward(
        self,
        x: Float[Tensor, "batch queries width"],
        context: Float[Tensor, "batch keys width"] | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "batch queries width"]:
        """One row for each row of x; with `causal` the last row sees the whole context. Raises ValueError where shapes, dtypes or the mask do not fit."""
        context = self._context(x, context)
        query, key, value = self.query(x), self.key(context), self.value(context)
        query, key, value = (split_heads(part, self.heads) for part in (query, key, value))  # (batch, heads, length, head_dim)
        mask = _with_past(mask, query, key) if causal else mask
        if self.dropout and self.training:
            out = F.dropout(attention_weights(query, key, mask), self.dropout) @ value
        else:
            out = scaled_dot_product_attention(query, key, value, mask)
        return self.output(merge_heads(out))

    def weights(
        self, x: Float[Tensor, "batch queries width"], context: Float[Tensor, "batch keys width"] | None = None, mask: Bool[Tensor, "..."] | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "batch heads queries keys"]:  # fmt: skip
        """The weights that `forward` averages with (without dropout), to look at."""
        context = self._context(x, context)
        query, key = split_heads(self.query(x), self.heads), split_heads(self.key(context), self.heads)
        return attention_weights(query, key, _with_past(mask, query, key) if causal else mask)

    @classmethod
    def from_torch(cls, layer: nn.MultiheadAttention) -> MultiHeadAttention:
        """A copy of torch's layer, on its device and in its dtype; `batch_first` does not matter.

        Raises ValueError for another class, other widths of key or value, added biases or zeros.
        """
        _check(isinstance(layer, nn.MultiheadAttention), "layer", "an nn.MultiheadAttention", type(layer).__name__)
        good = layer.in_proj_weight is not None and layer.bias_k is None and not layer.add_zero_attn
        _check(good, "layer", "one width, no add_bias_kv, no add_zero_attn", repr(layer))
        bias = layer.in_proj_bias is not None
        copy = cls(layer.embed_dim, layer.num_heads, bias, layer.dropout).to(layer.in_proj_weight)
        with torch.no_grad():
            for place, part in enumerate((copy.query, copy.key, copy.value)):
                part.weight.copy_(layer.in_proj_weight.chunk(3)[place])
                if bias:
                    part.bias.copy_(layer.in_proj_bias.chunk(3)[place])
        copy.output.load_state_dict(layer.out_proj.state_dict())
        return copy.train(layer.training)

    def to_torch(self) -> nn.MultiheadAttention:
        """An `nn.MultiheadAttention` (batch first) with copies of these weights; its masks are the opposite: True = may not attend."""
        bias = self.query.bias is not None
        layer = nn.MultiheadAttention(self.width, self.heads, self.dropout, bias=bias, batch_first=True).to(self.query.weight)
        with torch.no_grad():
            parts = (self.query, self.key, self.value)
            layer.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
            if bias:
                layer.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        layer.out_proj.load_state_dict(self.output.state_dict())
        return layer.train(self.training)

    def _context(self, x: object, context: object) -> Tensor:
        for name, value in (("x", x), ("context", x if context is None else context)):
            good = isinstance(value, Tensor) and value.ndim == 3 and value.shape[-1] == self.width
            _check(good, name, f"a tensor (batch, length, {self.width})", _shape(value))
        _check(context is None or len(context) == len(x), "context", f"a batch of {len(x)}", context is not None and len(context))
        return x if context is None else context


def attention_flops(batch: int, queries: int, keys: int, width: int) -> tuple[int, int]:
    """Floating-point operations of `MultiHeadAttention.forward`: (the four projections, all pairs of query and key).

    A multiplication with its addition counts as two, as `torch.utils.flop_counter` counts; softmax, scale and biases are left out.
    The number of heads does not matter. Masked pairs count too: the plain form computes them.
    """
    for name, value in [("batch", batch), ("queries", queries), ("keys", keys), ("width", width)]:
        _check_size(value, name)
    projections = 2 * batch * (2 * queries + 2 * keys) * width * width  # query and output; key and value
    pairs = 2 * 2 * batch * queries * keys * width  # scores, and averages of the values
    return projections, pairs


# ------------------------------------------------------------------------------------------------ in blocks: linear memory


def attention_in_blocks(
    query: Float[Tensor, "*batch queries dim"],
    key: Float[Tensor, "*batch keys dim"],
    value: Float[Tensor, "*batch keys value_dim"],
    block_size: int,
    mask: Bool[Tensor, "..."] | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Float[Tensor, "*batch queries value_dim"]:
    """`scaled_dot_product_attention` without ever holding all weights: tiles of block_size x block_size, and one output.

    Each query carries the largest score so far, the sum of exp(score - largest) and the unfinished average; a new block of keys
    shrinks what was gathered by exp(old largest - new largest). The backward pass computes each tile's weights again from the
    sums (Dao et al. 2022). So memory is linear in the length, forward and backward; a mask that is itself queries x keys is not.
    With `is_causal`, tiles in the future are never computed. In bfloat16 and float16 it gathers in float32.
    Gradients of gradients are not given. Raises ValueError where shapes or dtypes do not fit.
    """
    _check_pair(query, key)
    _check_size(block_size, "block_size")
    batch = _broadcast(query.shape[:-2], key.shape[:-2], "key")
    _check_value(key, value, batch)
    batch = torch.broadcast_shapes(batch, value.shape[:-2])
    queries, keys = query.shape[-2], key.shape[-2]
    if mask is not None:
        _check_mask(mask, torch.Size((*batch, queries, keys)))
        mask = mask.expand(*mask.shape[:-2], queries, keys)  # a view: no memory
    query, key, value = (part.expand(*batch, *part.shape[-2:]) for part in (query, key, value))
    return _Blocked.apply(query, key, value, mask, is_causal, _scale(scale, query.shape[-1]), block_size)


def _tiles(start: int, stop: int, keys: int, is_causal: bool, block_size: int) -> list[tuple[int, int]]:
    """The blocks of keys that the queries from start to stop may see."""
    last = min(keys, stop) if is_causal else keys
    return [(first, min(first + block_size, last)) for first in range(0, last, block_size)]


def _tile_scores(query: Tensor, key: Tensor, mask: Tensor | None, rows: tuple[int, int], columns: tuple[int, int], is_causal: bool) -> Tensor:
    """Scores of one tile, -inf where a query may not attend; `query` and `key` hold the tile's rows, the query scaled."""
    scores = query @ key.mT
    if mask is not None:
        scores.masked_fill_(~mask[..., rows[0] : rows[1], columns[0] : columns[1]], -inf)
    if is_causal and columns[1] - 1 > rows[0]:  # part of the tile lies in the future
        here = torch.arange(*rows, device=key.device)[:, None]
        scores.masked_fill_(torch.arange(*columns, device=key.device) > here, -inf)
    return scores


class _Blocked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, scale: float, block_size: int) -> Tensor:
        kept = torch.promote_types(query.dtype, torch.float32)
        queries, keys = query.shape[-2], key.shape[-2]
        out = value.new_empty(*query.shape[:-1], value.shape[-1])
        log_sums = query.new_empty(*query.shape[:-1], 1, dtype=kept)
        for start in range(0, queries, block_size):
            stop = min(start + block_size, queries)
            part = scale * query[..., start:stop, :].to(kept)
            largest = part.new_full((*part.shape[:-1], 1), -inf)
            total = torch.zeros_like(largest)
            average = part.new_zeros(*part.shape[:-1], value.shape[-1])
            for first, last in _tiles(start, stop, keys, is_causal, block_size):
                scores = _tile_scores(part, key[..., first:last, :].to(kept), mask, (start, stop), (first, last), is_causal)
                new = torch.maximum(largest, scores.amax(-1, keepdim=True))
                shift = new.masked_fill(new == -inf, 0)  # nothing allowed so far: exp(-inf - 0) = 0
                shrink = torch.exp(largest - shift)
                weights = scores.sub_(shift).exp_()
                total = total * shrink + weights.sum(-1, keepdim=True)
                average = average.mul_(shrink).add_(weights @ value[..., first:last, :].to(kept))
                largest = new
            nowhere = total == 0
            out[..., start:stop, :] = average / total.masked_fill(nowhere, 1)
            log_sums[..., start:stop, :] = (largest + total.log()).masked_fill(nowhere, inf)  # exp(score - inf) = 0
        ctx.save_for_backward(query, key, value, mask, out, log_sums)
        ctx.settings = is_causal, scale, block_size
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, from_above: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, mask, out, log_sums = ctx.saved_tensors
        is_causal, scale, block_size = ctx.settings
        kept = log_sums.dtype
        queries, keys = query.shape[-2], key.shape[-2]
        for_query, for_key, for_value = (torch.zeros(part.shape, dtype=kept, device=part.device) for part in (query, key, value))
        for start in range(0, queries, block_size):
            stop = min(start + block_size, queries)
            part, above = query[..., start:stop, :].to(kept), from_above[..., start:stop, :].to(kept)
            inner = (above * out[..., start:stop, :]).sum(-1, keepdim=True)
            for first, last in _tiles(start, stop, keys, is_causal, block_size):
                some_keys, some_values = key[..., first:last, :].to(kept), value[..., first:last, :].to(kept)
                scores = _tile_scores(scale * part, some_keys, mask, (start, stop), (first, last), is_causal)
                weights = scores.sub_(log_sums[..., start:stop, :]).exp_()
                for_value[..., first:last, :] += weights.mT @ above
                for_scores = (above @ some_values.mT).sub_(inner).mul_(weights).mul_(scale)
                for_query[..., start:stop, :] += for_scores @ some_keys
                for_key[..., first:last, :] += for_scores.mT @ part
        return for_query.to(query.dtype), for_key.to(key.dtype), for_value.to(value.dtype), None, None, None, None
