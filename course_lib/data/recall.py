"""Three generated tasks that ask what a model remembers of a sequence; each has one right answer, and guessing has a known chance.

Sources: induction heads, Olsson et al. 2022, arXiv 2209.11895; selective copying and the single special token, Gu and Dao 2023,
arXiv 2312.00752; associative recall, Ba et al. 2016, arXiv 1610.06258, and Fu et al. 2022, arXiv 2212.14052.
"""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

#: The token that marks the place to remember in `induction_heads`.
MARK = 0
#: In `selective_copying`: a place without a token, and the request for the next one.
BLANK, ASK = 0, 1


def _check(name: str, value: object, least: int, most: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        raise ValueError(f"{name}: expected an integer from {least}{'' if most is None else f' to {most}'}, got {value!r}")


def induction_heads(
    batch: int, length: int, vocabulary: int = 16, generator: torch.Generator | None = None
) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch 1"]]:
    """What came after the mark when it stood here before?

    Tokens are drawn evenly from 1 to vocabulary - 1. The `MARK` stands at one place, each of those before the last two equally likely, and again
    at the end. The answer is the token after the first mark; the chance of guessing it is 1 / (vocabulary - 1).
    Raises ValueError for a length below 3 or a vocabulary below 3.
    """
    _check("batch", batch, 1), _check("length", length, 3), _check("vocabulary", vocabulary, 3)
    ids = torch.randint(1, vocabulary, (batch, length), generator=generator)
    place, rows = torch.randint(length - 2, (batch,), generator=generator), torch.arange(batch)
    answers = ids[rows, place + 1]
    ids[rows, place] = MARK
    ids[:, -1] = MARK
    return ids, answers[:, None]


def selective_copying(
    batch: int, length: int, tokens: int = 2, vocabulary: int = 8, generator: torch.Generator | None = None
) -> tuple[Int[Tensor, "batch length_and_tokens"], Int[Tensor, "batch tokens"]]:
    """Repeat the tokens, in order, that were scattered among blanks.

    At `tokens` of the first `length` places, all choices equally likely, stand tokens drawn evenly from 2 to vocabulary - 1; the others are `BLANK`.
    Then follows `ASK`, as often as there are tokens, and the answers belong to these last places. Guessing: 1 / (vocabulary - 2) each.
    Raises ValueError for more tokens than places, or a vocabulary below 4.
    """
    _check("batch", batch, 1), _check("length", length, 1), _check("tokens", tokens, 1, length), _check("vocabulary", vocabulary, 4)
    places = torch.rand(batch, length, generator=generator).topk(tokens, 1).indices.sort(1).values
    answers = torch.randint(2, vocabulary, (batch, tokens), generator=generator)
    ids = torch.full((batch, length + tokens), BLANK)
    ids[:, length:] = ASK
    return ids.scatter(1, places, answers), answers


def associative_recall(
    batch: int, pairs: int, vocabulary: int = 32, generator: torch.Generator | None = None
) -> tuple[Int[Tensor, "batch two_pairs_and_one"], Int[Tensor, "batch 1"]]:
    """Keys and values in turn, then one of the keys again: which value stood behind it?

    Keys are different from one another, drawn evenly from the lower half of the vocabulary; values evenly from the upper half. Guessing: 2 / vocabulary.
    Raises ValueError for an odd vocabulary, or more pairs than there are keys.
    """
    _check("batch", batch, 1), _check("vocabulary", vocabulary, 2)
    if vocabulary % 2:
        raise ValueError(f"vocabulary: expected an even number, got {vocabulary}")
    _check("pairs", pairs, 1, vocabulary // 2)
    keys = torch.rand(batch, vocabulary // 2, generator=generator).topk(pairs, 1).indices
    values = torch.randint(vocabulary // 2, vocabulary, (batch, pairs), generator=generator)
    asked = torch.randint(pairs, (batch, 1), generator=generator)
    return torch.cat([torch.stack([keys, values], 2).flatten(1), keys.gather(1, asked)], 1), values.gather(1, asked)
