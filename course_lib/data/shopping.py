"""Lists of things and their summary: how often each kind occurs, in alphabetical order. The right summary is a count.

    pear apple pear plum pear apple    ->    2 apple 3 pear 1 plum
"""

from __future__ import annotations

import random
from collections import Counter

KINDS = ("apple", "fig", "leek", "nut", "pear", "plum")
LONGEST = 12


def summary(things: list[str]) -> list[str]:
    """Number and name of each kind that occurs, by name. Raises ValueError for an unknown kind or an empty list."""
    if not things or not set(things) <= set(KINDS):
        raise ValueError(f"things: expected at least one of {KINDS}, got {things!r}"[:300])
    return [word for kind, count in sorted(Counter(things).items()) for word in (str(count), kind)]


def list_pairs(count: int, seed: int = 0, shortest: int = 3, longest: int = 8) -> list[tuple[str, str]]:
    """Pairs (list, summary), texts with spaces, all different: a length drawn evenly, two to four kinds, each place drawn from these.

    A seed gives the same pairs on every platform. Raises ValueError for a count below 1, lengths that are not
    2 <= shortest <= longest <= 12, or more lists than there are of these lengths.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"count: expected an integer of at least 1, got {count!r}")
    if not 2 <= shortest <= longest <= LONGEST:
        raise ValueError(f"shortest, longest: expected 2 <= shortest <= longest <= {LONGEST}, got {shortest!r} and {longest!r}")
    source, chosen = random.Random(seed), {}
    for _ in range(100 * count + 1000):
        length = shortest + int(source.random() * (longest - shortest + 1))
        bag = [KINDS[int(source.random() * len(KINDS))] for _ in range(2 + int(source.random() * 3))]
        things = [bag[int(source.random() * len(bag))] for _ in range(length)]
        chosen[" ".join(things)] = " ".join(summary(things))
        if len(chosen) == count:
            return list(chosen.items())
    raise ValueError(f"count: expected no more lists than there are of these lengths, got {count}")
