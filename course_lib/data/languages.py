"""Languages whose entropy rate is known exactly: the line that no language model can get below.

| language | what a model must do | entropy rate |
|---|---|---|
| `MarkovLanguage` | look at the last `order` symbols | closed form |
| `HiddenMarkovLanguage` | weigh the whole past | between two exact bounds, as close as asked |
| `DyckLanguage` | keep a stack | closed form |
| `LaggedLanguage` | look exactly `lag` symbols back | closed form |

All share one interface: `vocabulary` (names of the symbols), `vocab_size`, `entropy_rate` (nats per symbol),
`sample(length, seed)` (int64 ids) and `log_probability(ids)` (nats, exact). A sample and its probability belong to the same
process: `-log_probability(x) / len(x)` tends to `entropy_rate`. To turn nats into bits, divide by log 2.

A seed gives the same symbols on every platform: only `random.Random.random` is drawn from.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from math import isfinite, log

import torch
from jaxtyping import Float, Int
from torch import Tensor


def _check_integer(value: object, name: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")


def _probabilities(table: object, name: str, shape: str, dimensions: int | None = None) -> Float[Tensor, "..."]:
    """`table` as float64, with every last-axis row divided by its sum, which must be 1 up to rounding."""
    try:
        if isinstance(table, Tensor) and table.is_complex():
            raise TypeError("complex numbers are no probabilities")
        rows = torch.as_tensor(table, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: expected probabilities of shape {shape}, got {table!r}"[:300]) from error
    if rows.ndim == 0 or rows.numel() == 0 or (dimensions is not None and rows.ndim != dimensions):
        raise ValueError(f"{name}: expected probabilities of shape {shape}, got shape {tuple(rows.shape)}")
    sums = rows.sum(-1)
    if not bool(torch.isfinite(rows).all()) or bool((rows < 0).any()) or bool(((sums - 1).abs() > 1e-4).any()):
        raise ValueError(f"{name}: expected rows that are not negative and sum to 1, got sums from "
                         f"{sums.min().item():g} to {sums.max().item():g} and a smallest entry of {rows.min().item():g}")  # fmt: skip
    return rows / sums[..., None]


def _random_rows(rows: int, columns: int, sharpness: float, source: random.Random) -> Float[Tensor, "rows columns"]:
    """Random probabilities: exponential weights to the power `sharpness`, made to sum to one. 1 is uniform on the simplex."""
    weights = [[(-log(1 - source.random())) ** sharpness for _ in range(columns)] for _ in range(rows)]
    table = torch.tensor(weights, dtype=torch.float64)
    return table / table.sum(-1, keepdim=True)


def _check_random(seed: object, sharpness: object) -> random.Random:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"seed: expected an integer, got {seed!r}")
    if isinstance(sharpness, bool) or not isinstance(sharpness, (int, float)) or not (0 < sharpness <= 100):
        raise ValueError(f"sharpness: expected a number above 0 and at most 100, got {sharpness!r}")
    return random.Random(seed)


def _stationary(transition: Float[Tensor, "states states"]) -> Float[Tensor, "states"]:
    """The distribution that one step leaves as it is. A chain with several is a ValueError."""
    states = len(transition)
    equations = torch.cat((transition.T - torch.eye(states, dtype=torch.float64), torch.ones(1, states, dtype=torch.float64)))
    if torch.linalg.matrix_rank(equations, rtol=1e-12) < states:
        raise ValueError("transition: expected a chain with one stationary distribution, got one that falls apart")
    target = torch.zeros(states + 1, 1, dtype=torch.float64)
    target[-1] = 1
    solution = torch.linalg.lstsq(equations, target, driver="gelsd").solution[:, 0].clamp(min=0)
    return solution / solution.sum()


def _entropy(probabilities: Tensor) -> Tensor:
    """Entropy over the last axis, in nats."""
    return -torch.special.xlogy(probabilities, probabilities).sum(-1)


def _edges(rows: Tensor) -> list[list[float]]:
    """Running sums of each row, for `_draw`; places of probability 0 are never drawn."""
    return [list(accumulate(row)) for row in rows.tolist()]


def _draw(edges: list[float], source: random.Random) -> int:
    place = bisect(edges, source.random() * edges[-1])
    while place >= len(edges) or (place > 0 and edges[place] == edges[place - 1]):
        place -= 1  # rounding only: the product can equal the last edge
    return place


class Language(ABC):
    """What all known languages share."""

    vocabulary: tuple[str, ...]

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    @property
    @abstractmethod
    def entropy_rate(self) -> float:
        """Nats per symbol of an endless text."""

    @abstractmethod
    def _symbols(self, source: random.Random) -> Iterator[int]:
        """An endless text."""

    @abstractmethod
    def _log_probability(self, ids: list[int]) -> float: ...

    def sample(self, length: int, seed: int = 0) -> Int[Tensor, "length"]:
        """The first `length` symbols of the text with this seed."""
        _check_integer(length, "length", 0)
        symbols = self._symbols(_check_random(seed, 1))
        return torch.tensor([next(symbols) for _ in range(length)], dtype=torch.int64)

    def log_probability(self, sequence: Int[Tensor, "length"] | Sequence[int]) -> float:
        """Natural logarithm of the probability that a text begins with `sequence`; -infinity if it cannot."""
        return self._log_probability(self._ids(sequence))

    def decode(self, sequence: Int[Tensor, "length"] | Sequence[int]) -> str:
        """The symbols' names, one after the other."""
        return "".join(self.vocabulary[i] for i in self._ids(sequence))

    def _ids(self, sequence: object) -> list[int]:
        expected = "a one-dimensional row of integer ids"
        try:
            values = torch.as_tensor(sequence)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"sequence: expected {expected}, got {sequence!r}"[:200]) from error
        whole = not (values.is_floating_point() or values.is_complex() or values.dtype == torch.bool)
        if values.ndim != 1 or (values.numel() and not whole):
            raise ValueError(f"sequence: expected {expected}, got {values.dtype} of shape {tuple(values.shape)}")
        ids = values.tolist()
        if ids and not (0 <= min(ids) and max(ids) < self.vocab_size):
            raise ValueError(f"sequence: expected ids from 0 to {self.vocab_size - 1}, got {min(ids)} to {max(ids)}")
        return ids


def _letters(number: int) -> tuple[str, ...]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return tuple(letters[:number]) if number <= 26 else tuple(f"s{i} " for i in range(number))


class MarkovLanguage(Language):
    """Each symbol depends on the last `order` symbols, and the text starts in the stationary distribution.

    `transition` has `order` axes for the past, oldest first, and a last one for the next symbol, all of one size:
    `transition[a, b, c]` is the probability of c after a, b. For order 0 it is one row.
    """

    def __init__(self, transition: Float[Tensor, "..."] | Sequence) -> None:
        self.transition = _probabilities(transition, "transition", "(symbols,) * (order + 1)")
        if len(set(self.transition.shape)) != 1:
            raise ValueError(f"transition: expected axes of one size, got shape {tuple(self.transition.shape)}")
        self.order = self.transition.ndim - 1
        self.vocabulary = _letters(self.transition.shape[-1])
        self._rows = self.transition.reshape(-1, self.vocab_size)  # (symbols ** order, symbols)
        if len(self._rows) > 4096:
            raise ValueError(f"transition: expected at most 4096 pasts (symbols ** order), got {len(self._rows)}")
        self.stationary = _stationary(self._past_transition())

    @classmethod
    def random(cls, symbols: int = 8, order: int = 1, seed: int = 0, sharpness: float = 2.0) -> MarkovLanguage:
        """A language in general position; a higher `sharpness` makes it more predictable."""
        _check_integer(symbols, "symbols", 1)
        _check_integer(order, "order", 0)
        source = _check_random(seed, sharpness)
        if symbols**order > 4096:
            raise ValueError(f"order: expected symbols ** order of at most 4096, got {symbols} ** {order}")
        return cls(_random_rows(symbols**order, symbols, sharpness, source).reshape((symbols,) * (order + 1)))

    def _past_transition(self) -> Float[Tensor, "pasts pasts"]:
        """From past (a, b, ...) to past (b, ..., next); the number of a past is its symbols read in base `vocab_size`."""
        pasts, symbols = self._rows.shape
        past = torch.arange(pasts)[:, None]
        following = (past * symbols + torch.arange(symbols)) % pasts
        return torch.zeros(pasts, pasts, dtype=torch.float64).scatter_add_(1, following, self._rows)

    @cached_property
    def entropy_rate(self) -> float:
        """Entropy of the next symbol, averaged over the stationary distribution of the past (Cover and Thomas, 4.2)."""
        return (self.stationary * _entropy(self._rows)).sum().item()

    def _symbols(self, source: random.Random) -> Iterator[int]:
        past = _draw(_edges(self.stationary[None])[0], source)
        for place in reversed(range(self.order)):
            yield past // self.vocab_size**place % self.vocab_size
        edges, pasts = _edges(self._rows), len(self._rows)
        while True:
            symbol = _draw(edges[past], source)
            yield symbol
            past = (past * self.vocab_size + symbol) % pasts

    def _log_probability(self, ids: list[int]) -> float:
        first = self.stationary.reshape((self.vocab_size,) * self.order)
        for symbol in ids[: self.order]:
            first = first[symbol]
        total = first.sum().log().item()
        if len(ids) <= self.order:
            return total
        row = torch.tensor(ids)
        past = torch.zeros(len(ids) - self.order, dtype=torch.int64)
        for place in range(self.order):
            past = past * self.vocab_size + row[place : place - self.order]
        return total + self._rows[past, row[self.order :]].log().sum().item()


class HiddenMarkovLanguage(Language):
    """A hidden state walks as a Markov chain; each state shows one symbol. The walk starts in the stationary distribution.

    `transition` (states, states) and `emission` (states, symbols), rows sum to 1. The symbols alone have no finite order:
    the best prediction weighs the whole past.
    """

    def __init__(self, transition: Float[Tensor, "states states"] | Sequence, emission: Float[Tensor, "states symbols"] | Sequence) -> None:
        self.transition = _probabilities(transition, "transition", "(states, states)", 2)
        self.emission = _probabilities(emission, "emission", "(states, symbols)", 2)
        states = len(self.transition)
        if self.transition.shape != (states, states):
            raise ValueError(f"transition: expected a square table, got shape {tuple(self.transition.shape)}")
        if len(self.emission) != states:
            raise ValueError(f"emission: expected {states} rows, one a state, got shape {tuple(self.emission.shape)}")
        self.vocabulary = _letters(self.emission.shape[1])
        self.stationary = _stationary(self.transition)

    @classmethod
    def random(cls, states: int = 4, symbols: int = 8, seed: int = 0, sharpness: float = 3.0) -> HiddenMarkovLanguage:
        """A language in general position; a higher `sharpness` makes it more predictable."""
        _check_integer(states, "states", 1)
        _check_integer(symbols, "symbols", 1)
        source = _check_random(seed, sharpness)
        return cls(_random_rows(states, states, sharpness, source), _random_rows(states, symbols, sharpness, source))

    @cached_property
    def entropy_rate(self) -> float:
        """The middle of `entropy_bounds()`: exact to 0.0005 nats."""
        lower, upper = self.entropy_bounds()
        return (lower + upper) / 2

    def entropy_bounds(self, gap: float = 1e-3, most_pasts: int = 2_000_000) -> tuple[float, float]:
        """Exact bounds H(next | past, state before it) <= H <= H(next | past), at most `gap` apart (nats per symbol).

        Cover and Thomas, section 4.5, with pasts of unequal length: a past is made longer, by every symbol that can stand
        before it, only while its own share of the gap is large. Both bounds hold for any such tree of pasts. Where
        `most_pasts` do not suffice, a ValueError says how close they came.
        """
        if isinstance(gap, bool) or not isinstance(gap, (int, float)) or not (isfinite(gap) and gap > 0):
            raise ValueError(f"gap: expected a number above 0, got {gap!r}")
        _check_integer(most_pasts, "most_pasts", 1)
        walk = self.emission.T[:, :, None] * self.transition  # (symbol, state before, state after)
        pasts = torch.eye(len(self.transition), dtype=torch.float64)[None]  # (pasts, state before, state after)
        bounds = torch.zeros(2, dtype=torch.float64)
        while len(pasts):
            lower, upper, probability = self._bounds_by_past(pasts)
            grow = upper - lower > gap * probability  # the others together leave at most `gap`
            bounds += torch.stack((lower[~grow].sum(), upper[~grow].sum()))
            if int(grow.sum()) * len(walk) > most_pasts:
                reached = (bounds[1] - bounds[0] + (upper - lower)[grow].sum()).item()
                raise ValueError(f"gap: expected one that {most_pasts} pasts can reach, got {gap:g}; they reach {reached:.2g}")
            pasts = (walk[None] @ pasts[grow][:, None]).flatten(0, 1)
            pasts = pasts[pasts.sum((1, 2)) > 0]
        return bounds[0].item(), bounds[1].item()

    def _bounds_by_past(self, pasts: Float[Tensor, "pasts states states"]) -> tuple[Tensor, Tensor, Tensor]:
        """Each past's share of the lower and of the upper bound (its probability times the entropy of the next symbol, with
        and without knowing the state before it), and its probability."""
        joint = self.stationary[:, None] * (pasts @ self.emission)  # (pasts, state before, next symbol)
        lower = self._weighted_entropy(joint).sum(1)
        return lower, self._weighted_entropy(joint.sum(1)), joint.sum((1, 2))

    @staticmethod
    def _weighted_entropy(joint: Tensor) -> Tensor:
        """sum(joint) * entropy(joint / sum(joint)), over the last axis, 0 for a row of zeros."""
        return torch.special.xlogy(joint.sum(-1), joint.sum(-1)) - torch.special.xlogy(joint, joint).sum(-1)

    def _symbols(self, source: random.Random) -> Iterator[int]:
        moves, shows = _edges(self.transition), _edges(self.emission)
        state = _draw(_edges(self.stationary[None])[0], source)
        while True:
            yield _draw(shows[state], source)
            state = _draw(moves[state], source)

    def _log_probability(self, ids: list[int]) -> float:
        """The forward algorithm, scaled at every step."""
        belief, total = self.stationary.numpy(), 0.0
        moves, shows = self.transition.numpy(), self.emission.T.contiguous().numpy()  # numpy: small steps cost less
        for symbol in ids:
            seen = belief * shows[symbol]
            mass = float(seen.sum())
            if mass == 0:
                return -float("inf")
            total += log(mass)
            belief = (seen / mass) @ moves
        return total


class DyckLanguage(Language):
    """Well-nested brackets of `kinds` kinds, never deeper than `max_depth`; the text starts with nothing open.

    With nothing open a bracket opens; at full depth one closes; otherwise one opens with probability `open_probability`.
    Each kind opens equally often; what closes is always the last one that is open. The past gives the stack, so the entropy
    rate is exact; a model without a memory of the stack cannot reach it. Ids: the opening brackets, then the closing ones.
    """

    def __init__(self, kinds: int = 2, max_depth: int = 4, open_probability: float = 0.5) -> None:
        _check_integer(kinds, "kinds", 1)
        _check_integer(max_depth, "max_depth", 1)
        number = isinstance(open_probability, (int, float)) and not isinstance(open_probability, bool)
        if not number or not 0 < open_probability < 1:
            raise ValueError(f"open_probability: expected a number between 0 and 1, got {open_probability!r}")
        self.kinds, self.max_depth, self.open_probability = kinds, max_depth, float(open_probability)
        known = "([{<", ")]}>"
        opening = tuple(known[0][:kinds]) if kinds <= 4 else tuple(f"({i} " for i in range(kinds))
        closing = tuple(known[1][:kinds]) if kinds <= 4 else tuple(f"){i} " for i in range(kinds))
        self.vocabulary = opening + closing

    def _opens(self, depth: int) -> float:
        """The probability that a bracket opens at this depth."""
        return 1.0 if depth == 0 else 0.0 if depth == self.max_depth else self.open_probability

    @cached_property
    def depth_distribution(self) -> Float[Tensor, "depths"]:
        """The share of the places of an endless text that have 0, 1, ..., `max_depth` brackets open before them."""
        depths = self.max_depth + 1
        moves = torch.zeros(depths, depths, dtype=torch.float64)
        for depth in range(depths):
            if depth < self.max_depth:
                moves[depth, depth + 1] = self._opens(depth)
            if depth > 0:
                moves[depth, depth - 1] = 1 - self._opens(depth)
        return _stationary(moves)

    @cached_property
    def entropy_rate(self) -> float:
        """Average over the depths of: entropy of open or close, plus log(kinds) where one opens. Nats per symbol."""
        opens = torch.tensor([self._opens(depth) for depth in range(self.max_depth + 1)], dtype=torch.float64)
        each = _entropy(torch.stack((opens, 1 - opens), -1)) + opens * log(self.kinds)
        return (self.depth_distribution * each).sum().item()

    def _symbols(self, source: random.Random) -> Iterator[int]:
        stack: list[int] = []
        while True:
            if source.random() < self._opens(len(stack)):
                stack.append(int(source.random() * self.kinds))
                yield stack[-1]
            else:
                yield stack.pop() + self.kinds

    def _log_probability(self, ids: list[int]) -> float:
        stack: list[int] = []
        total = 0.0
        for symbol in ids:
            opens = self._opens(len(stack))
            if symbol < self.kinds and opens > 0:
                total += log(opens / self.kinds)
                stack.append(symbol)
            elif symbol >= self.kinds and opens < 1 and stack[-1] == symbol - self.kinds:
                total += log(1 - opens)
                stack.pop()
            else:
                return -float("inf")
        return total


class LaggedLanguage(Language):
    """Each symbol depends on the one `lag` steps back and on nothing else; the first `lag` symbols are uniform.

    With probability 1 - `noise` the symbol is the (seeded, random) successor of the one `lag` steps back, otherwise any
    symbol evenly. Single symbols and any stretch of fewer than `lag` + 1 are uniform, so a model that sees less than
    `lag` steps back cannot get below `log(symbols)`.
    """

    def __init__(self, symbols: int = 8, lag: int = 6, noise: float = 0.2, seed: int = 0) -> None:
        _check_integer(symbols, "symbols", 2)
        _check_integer(lag, "lag", 1)
        if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise <= 1:
            raise ValueError(f"noise: expected a number from 0 to 1, got {noise!r}")
        source = _check_random(seed, 1)
        self.lag, self.noise = lag, float(noise)
        self.vocabulary = _letters(symbols)
        self.successor = self._one_cycle(symbols, source)
        follows = torch.zeros(symbols, symbols, dtype=torch.float64)
        follows[torch.arange(symbols), torch.tensor(self.successor)] = 1
        self.transition = (1 - self.noise) * follows + self.noise / symbols

    @staticmethod
    def _one_cycle(symbols: int, source: random.Random) -> list[int]:
        """A random permutation that is one cycle (Sattolo): no symbol follows itself."""
        successor = list(range(symbols))
        for last in range(symbols - 1, 0, -1):
            other = int(source.random() * last)
            successor[last], successor[other] = successor[other], successor[last]
        return successor

    @cached_property
    def entropy_rate(self) -> float:
        """Entropy of one row of `transition`, nats per symbol: all rows have the same and all symbols are equally likely."""
        return _entropy(self.transition[0]).item()

    def _symbols(self, source: random.Random) -> Iterator[int]:
        past: list[int] = []
        while True:
            if len(past) == self.lag and source.random() >= self.noise:
                symbol = self.successor[past[0]]
            else:
                symbol = int(source.random() * self.vocab_size)
            past = [*past[-(self.lag - 1) :], symbol] if self.lag > 1 else [symbol]
            yield symbol

    def _log_probability(self, ids: list[int]) -> float:
        free = -min(len(ids), self.lag) * log(self.vocab_size)
        row = torch.tensor(ids, dtype=torch.int64)
        return free + self.transition[row[: -self.lag], row[self.lag :]].log().sum().item()
