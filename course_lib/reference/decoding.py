"""One further token at a time, without modules: the inner loop of `generate`.

A small model's step is some forty products of a few microseconds each. Calling modules, checking arguments and arranging views
costs more than they do, so a `TokenReader` looks all of it up once and then only computes. What it gives is what
`GPT.last_logits` gives, the second form of the same function; a test compares them for every setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.reference.gpt import GPT, Cache, GPTBlock

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Layer:
    """One block, looked up."""

    attention_norm: Change
    input: Change
    output: Callable[[Tensor, Tensor], Tensor]
    feed_forward_norm: Change
    feed_forward: Callable[[Tensor, Tensor], Tensor]
    scale: float
    window: int | None
    memory: Float[Tensor, "batch two_key_value_heads capacity head_dim"]


class TokenReader:
    """Reads one token of each row behind those that `cache` holds: `reader(ids)` for ids (batch,) gives logits (batch, vocabulary).

    Bound to a model and its cache as they are: make a new one after weights were exchanged or the cache was repeated. Keeps no
    gradients. Raises ValueError where the cache is full.
    """

    def __init__(self, model: GPT, cache: Cache) -> None:
        self.model, self.cache, self.settings = model, cache, model.settings
        self.layers = [_looked_up(block, memory) for block, memory in zip(model.blocks, cache.layers)]
        self.norm, self.logits = _norm(model.norm), _product(model.logits)
        self.turns = None
        if cache.turns is not None:
            cos, sin = cache.turns
            self.turns = torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)

    @torch.inference_mode()
    def __call__(self, ids: Int[Tensor, "batch"]) -> Float[Tensor, "batch vocabulary"]:
        place = self.cache.length
        if place >= self.cache.capacity:
            raise ValueError(f"cache: expected room for one more token, got {place} of {self.cache.capacity}")
        x = F.embedding(ids, self.model.tokens.weight)
        if self.model.places is not None:
            x = x + self.model.places.weight[place]
        turn = None if self.turns is None else (self.turns[0][place], self.turns[1][place])
        for layer in self.layers:
            x = layer.output(self._attention(layer, layer.input(layer.attention_norm(x)), place, turn), x)
            x = layer.feed_forward(layer.feed_forward_norm(x), x)
        self.cache.length = place + 1
        return self.logits(self.norm(x))

    def _attention(self, layer: _Layer, mixed: Tensor, place: int, turn: tuple[Tensor, Tensor] | None) -> Tensor:
        s = self.settings
        mixed = mixed.view(len(mixed), -1, s.head_dim)
        if turn is not None:
            turned = mixed.narrow(1, 0, s.heads + s.key_value_heads)
            # Rolled by half a head, the pairs (i, i + head_dim/2) change places.
            rolled = turned.roll(s.head_dim // 2, -1)
            turned.mul_(turn[0]).addcmul_(rolled, turn[1])
        layer.memory.select(2, place).copy_(mixed.narrow(1, s.heads, 2 * s.key_value_heads))
        first = 0 if layer.window is None else max(0, place + 1 - layer.window)
        seen = layer.memory.narrow(2, first, place + 1 - first)
        answer = F.scaled_dot_product_attention(
            mixed.narrow(1, 0, s.heads).unsqueeze(2), seen.narrow(1, 0, s.key_value_heads), seen.narrow(1, s.key_value_heads, s.key_value_heads),
            scale=layer.scale, enable_gqa=s.heads != s.key_value_heads,
        )  # fmt: skip
        return answer.flatten(1)


def _looked_up(block: GPTBlock, memory: Tensor) -> _Layer:
    part = block.feed_forward
    if hasattr(part, "gate"):
        gate, up, down = _product(part.gate), _product(part.up), _added_product(part.down)
        feed_forward = lambda x, stream: down(F.silu(gate(x), inplace=True).mul_(up(x)), stream)  # noqa: E731
    else:
        up, down = _product(part.up), _added_product(part.down)
        feed_forward = lambda x, stream: down(F.gelu(up(x), approximate="tanh"), stream)  # noqa: E731
    attention = block.attention
    return _Layer(
        _norm(block.attention_norm), _product(attention.input), _added_product(attention.output), _norm(block.feed_forward_norm), feed_forward,
        attention.scale, attention.window, memory,
    )  # fmt: skip


def _norm(norm: nn.Module) -> Change:
    weight = norm.weight.detach()
    if isinstance(norm, nn.LayerNorm):
        bias, eps = norm.bias.detach(), norm.eps
        return lambda x: F.layer_norm(x, weight.shape, weight, bias, eps)
    return lambda x: F.rms_norm(x, weight.shape, weight, norm.eps)


def _product(linear: nn.Linear) -> Change:
    turned = linear.weight.detach().t()
    if linear.bias is None:
        return lambda x: torch.mm(x, turned)
    bias = linear.bias.detach()
    return lambda x: torch.addmm(bias, x, turned)


def _added_product(linear: nn.Linear) -> Callable[[Tensor, Tensor], Tensor]:
    """The product, added to the residual stream in the same call."""
    turned = linear.weight.detach().t()
    if linear.bias is None:
        return lambda x, stream: torch.addmm(stream, x, turned)
    bias = linear.bias.detach()
    return lambda x, stream: torch.addmm(stream + bias, x, turned)
