"""Choosing the next token, and generating with a cache: greedy, temperature, top-k, top-p, several sequences, stopping.

Papers, in order of use
- top-k: Fan, Lewis and Dauphin 2018, arXiv 1805.04833
- top-p, the nucleus: Holtzman et al. 2019, arXiv 1904.09751

The order is that of `transformers`: temperature, then top-k, then top-p, and from equal logits and an equal generator come equal tokens.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.reference.decoding import TokenReader
from course_lib.reference.gpt import GPT


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_logits(logits: object) -> None:
    good = isinstance(logits, Tensor) and logits.is_floating_point() and logits.ndim >= 1 and logits.shape[-1] >= 1
    _check(good, "logits", "a floating-point tensor (..., vocabulary)", f"{tuple(logits.shape)} of {logits.dtype}" if isinstance(logits, Tensor) else type(logits).__name__)


def _is_size(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def top_k_filter(logits: Float[Tensor, "*batch vocabulary"], k: int) -> Float[Tensor, "*batch vocabulary"]:
    """The k largest logits of each row stay, the others become -inf; those that tie with the k-th stay too.

    A k above the vocabulary keeps all. Raises ValueError for a k that is no integer from 1.
    """
    _check_logits(logits)
    _check(_is_size(k, 1), "k", "an integer from 1", repr(k))
    least = logits.topk(min(k, logits.shape[-1]), -1).values[..., -1:]
    return logits.masked_fill(logits < least, -inf)


def top_p_filter(logits: Float[Tensor, "*batch vocabulary"], p: float) -> Float[Tensor, "*batch vocabulary"]:
    """The smallest set of most probable tokens whose probability reaches p stays, the others become -inf; at least one token stays.

    A token stays if the probability of all tokens before it, most probable first, is below p. Raises ValueError for a p that is
    not above 0 and at most 1.
    """
    _check_logits(logits)
    _check(_is_number(p) and 0 < p <= 1, "p", "a number above 0, at most 1", repr(p))
    ordered, places = logits.sort(dim=-1, stable=True)
    # From the least probable up, as `transformers` adds: what reaches at most 1 - p goes.
    out = ordered.softmax(-1).cumsum(-1) <= 1 - p
    out[..., -1] = False
    return logits.masked_fill(out.scatter(-1, places, out), -inf)


def sample(
    logits: Float[Tensor, "batch vocabulary"],
    do_sample: bool = True,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "batch"]:
    """One token for each row: the most probable, or with `do_sample` one drawn from softmax(logits / temperature) after both filters.

    Raises ValueError for a temperature that is not above 0 (for the most probable token say `do_sample=False`), and as the filters do.
    """
    _check_logits(logits)
    _check(logits.ndim == 2, "logits", "two axes (batch, vocabulary)", tuple(logits.shape))
    _check(_is_number(temperature) and 0 < temperature < inf, "temperature", "a number above 0 (do_sample=False for the most probable token)", repr(temperature))
    if not do_sample:
        return logits.argmax(-1)
    logits = logits / temperature
    if top_k is not None:
        logits = top_k_filter(logits, top_k)
    if top_p is not None:
        logits = top_p_filter(logits, top_p)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]


@torch.inference_mode()
def generate(
    model: GPT,
    input_ids: Int[Tensor, "batch length"],
    max_new_tokens: int,
    do_sample: bool = True,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    num_return_sequences: int = 1,
    stop_ids: Collection[int] = (),
    generator: torch.Generator | None = None,
) -> Int[Tensor, "sequences total_length"]:
    """The prompts with new tokens behind them, each token read once: keys and values stay in a cache (`GPT.new_cache`), and the new ones are read by a `TokenReader`.

    Row b * num_return_sequences + i is the i-th continuation of prompt b. A row that has drawn one of `stop_ids` is filled with that id; when all
    rows have, generation ends early. Raises ValueError where prompt and new tokens do not fit into the model's context, and as `sample` does.
    """
    for name, value in (("max_new_tokens", max_new_tokens), ("num_return_sequences", num_return_sequences)):
        _check(_is_size(value, 1), name, "an integer from 1", repr(value))
    good = isinstance(input_ids, Tensor) and input_ids.ndim == 2 and input_ids.dtype == torch.int64 and input_ids.numel() > 0
    _check(good, "input_ids", "an int64 tensor (batch, length), neither of them 0", getattr(input_ids, "shape", type(input_ids).__name__))
    batch, length = input_ids.shape
    room = model.settings.context - length
    _check(max_new_tokens <= room, "max_new_tokens", f"at most {max(room, 0)}, the context of {model.settings.context} less a prompt of {length}", max_new_tokens)
    cache = model.new_cache(batch, length + max_new_tokens)
    logits = model.last_logits(input_ids, cache).repeat_interleave(num_return_sequences, 0)
    cache.repeat(num_return_sequences)
    reader = TokenReader(model, cache)
    ids = torch.cat((input_ids.repeat_interleave(num_return_sequences, 0), input_ids.new_empty(len(logits), max_new_tokens)), 1)
    stops = torch.tensor(sorted(stop_ids), dtype=torch.int64, device=ids.device)
    stopped = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for place in range(length, length + max_new_tokens):
        chosen = sample(logits, do_sample, temperature, top_k, top_p, generator)
        ids[:, place] = torch.where(stopped, ids[:, place - 1], chosen) if len(stops) else chosen
        if len(stops):
            stopped = torch.isin(ids[:, place], stops)
            if bool(stopped.all()):
                return ids[:, : place + 1]
        if place + 1 < ids.shape[1]:
            logits = reader(ids[:, place])
    return ids
