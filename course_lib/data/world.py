"""A small world that talks about itself: sentences whose statistics are known exactly.

The facts about countries are real; the events are invented. Every sentence comes from a *frame*, a row of slots. To write
a sentence, draw a frame, then draw one hidden case (a country, a pair of countries, a person, a worker), then fill each
slot independently given the case. So the expected number of times that two words stand near each other is a short sum,
`World.exact_counts`, and every method that learns from co-occurrence can be compared with its exact answer.

A country and its capital never stand in one sentence. What ties them is what both are seen with: the demonym, the
currency, the river, the second city.
"""

from __future__ import annotations

import random
from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate, permutations
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Country(NamedTuple):
    """One row of the table of facts; every entry is one lower-case word. `region` says with whom a country deals most; it is
    never written in a sentence."""

    country: str
    capital: str
    demonym: str
    currency: str
    river: str
    city: str
    region: str

    def words(self) -> dict[str, str]:
        """What can stand in a sentence."""
        return {name: word for name, word in self._asdict().items() if name != "region"}


# country, capital, demonym, currency, a river that flows in it, a city that is not the capital, a rough region
COUNTRIES: tuple[Country, ...] = tuple(
    Country(*line.split())
    for line in """
    china beijing chinese yuan yangtze shanghai east
    russia moscow russian ruble volga kazan east
    egypt cairo egyptian pound nile alexandria africa
    japan tokyo japanese yen shinano osaka east
    turkey ankara turkish lira kizilirmak istanbul middle
    hungary budapest hungarian forint tisza szeged central
    france paris french euro loire lyon west
    brazil brasilia brazilian real amazon salvador america
    poland warsaw polish zloty vistula krakow central
    germany berlin german euro weser hamburg central
    canada ottawa canadian dollar mackenzie montreal america
    thailand bangkok thai baht mun phuket east
    italy rome italian euro tiber milan west
    iran tehran iranian rial karun isfahan middle
    norway oslo norwegian krone glomma bergen north
    spain madrid spanish euro ebro seville west
    nigeria abuja nigerian naira niger lagos africa
    greece athens greek euro haliacmon patras west
    australia canberra australian dollar murray sydney east
    vietnam hanoi vietnamese dong mekong haiphong east
    portugal lisbon portuguese euro mondego porto west
    peru lima peruvian sol ucayali cusco america
    kenya nairobi kenyan shilling tana mombasa africa
    sweden stockholm swedish krona lule gothenburg north
    cuba havana cuban peso cauto holguin america
    morocco rabat moroccan dirham sebou casablanca africa
    czechia prague czech koruna vltava brno central
    ireland dublin irish euro shannon cork north
    pakistan islamabad pakistani rupee indus lahore middle
    finland helsinki finnish euro kemijoki tampere north
    chile santiago chilean peso loa valparaiso america
    ghana accra ghanaian cedi volta kumasi africa
    iraq baghdad iraqi dinar tigris basra middle
    austria vienna austrian euro enns graz central
    nepal kathmandu nepalese rupee karnali pokhara middle
    romania bucharest romanian leu olt timisoara central
    """.strip().splitlines()
)

# male word, female word, two nouns that both are seen with
PERSONS: tuple[tuple[str, str, str, str], ...] = (
    ("man", "woman", "hat", "coat"),
    ("king", "queen", "crown", "throne"),
    ("prince", "princess", "palace", "pony"),
    ("father", "mother", "pram", "cradle"),
    ("son", "daughter", "kite", "ball"),
    ("brother", "sister", "bunk", "bicycle"),
    ("uncle", "aunt", "pipe", "scarf"),
    ("husband", "wife", "ring", "sofa"),
)
PRONOUNS = (("he", "she"), ("his", "her"), ("himself", "herself"))
OCCUPATIONS = (
    "baker", "barber", "doctor", "fisher", "gardener", "hunter", "lawyer", "mason",
    "miller", "painter", "potter", "printer", "sailor", "tailor", "teacher", "weaver",
)  # fmt: skip

# weight of the frame | its words: {slot} is filled from the case, a|b|c evenly
_COUNTRY_FRAMES = """
    3 the president of {country} opened the {demonym} school|road|museum
    3 people in {country} pay with the {currency}
    3 the {river} flows through {country} slowly|quickly
    3 {city} is a city in {country}
    3 {country} sent {demonym} soldiers|doctors to the border
    3 the {demonym} parliament met in {capital}
    3 banks in {capital} keep the {currency} safe|cheap
    3 experts in {capital} measured the {river} again|twice
    3 the night train from {city} reached {capital} late|early
    3 the mayor of {capital} praised {demonym} cooking|music
    2 the {demonym} {currency} rose|fell against gold
    2 children from {city} sang {demonym} songs
    2 a flood of the {river} ruined {demonym} fields
    1 traders in {city} counted every {currency}
    4 voters in {country} elected a new government|leader
    4 ministers in {capital} debated laws|taxes
    2 boats on the {river} carry sand|coal
    2 factories in {city} make glass|shoes
    2 a {demonym} poet|chef won the prize
    1 coins of one {currency} are heavy|light
"""
_PAIR_FRAMES = """
    3 {country} and {country2} signed a pact|treaty
    2 {country} sells grain|steel to {country2}
    3 planes fly from {capital} to {capital2} daily
    1 the {demonym} team beat the {demonym2} team
"""
_PERSON_FRAMES = """
    3 the {person} lost {his} {noun}
    3 {he} is the {person} with the {noun}
    2 the {person} bought {himself} a {noun}
"""
_OCCUPATION_FRAMES = """
    3 the {occupation} said {he} was tired|ready
    3 the {occupation} sold {his} tools|cart
    2 a {occupation} taught {himself} the trade
    2 the {occupation} is the {person} of a farmer
"""
_SHARES = {"country": 0.62, "pair": 0.14, "person": 0.10, "occupation": 0.14}


@dataclass(frozen=True)
class Frame:
    """One kind of sentence: `cases[i]` has probability `probabilities[i]`; `slots[j][i]` lists the words that may stand at
    position j in case i, each equally likely and drawn independently of the other positions."""

    weight: float
    probabilities: tuple[float, ...]
    slots: tuple[tuple[tuple[str, ...], ...], ...]


class Analogy(NamedTuple):
    """`a` is to `b` as `c` is to `d`."""

    a: str
    b: str
    c: str
    d: str


@dataclass(frozen=True)
class World:
    """Sentences and everything that is known about them. Made by `generate_world`."""

    sentences: list[list[str]]
    countries: tuple[Country, ...]
    occupations: tuple[tuple[str, ...], tuple[str, ...]]
    """Two groups: with a bias above 0 the first is seen more often with male words, the second with female words."""
    bias: float
    frames: tuple[Frame, ...] = field(repr=False)
    kinds: dict[str, str] = field(repr=False)
    vocabulary: tuple[str, ...] = field(repr=False)
    """All words, in alphabetical order. A word's id is its place here."""
    index: dict[str, int] = field(repr=False)

    @property
    def male_words(self) -> tuple[str, ...]:
        return tuple(pair[0] for pair in PRONOUNS) + tuple(row[0] for row in PERSONS)

    @property
    def female_words(self) -> tuple[str, ...]:
        return tuple(pair[1] for pair in PRONOUNS) + tuple(row[1] for row in PERSONS)

    @property
    def probability_male(self) -> tuple[float, float]:
        """How often a worker of the first and of the second group is a man: (1 + bias) / 2 and (1 - bias) / 2."""
        return (1 + self.bias) / 2, (1 - self.bias) / 2

    def kind_of(self, word: str) -> str:
        """"country", "capital", "demonym", "currency", "river", "city", "person", "pronoun", "noun", "occupation" or
        "other". An unknown word is a ValueError."""
        if not isinstance(word, str) or word not in self.index:
            raise ValueError(f"word: expected a word of this world, got {word!r}")
        return self.kinds.get(word, "other")

    def words_of_kind(self, kind: str) -> tuple[str, ...]:
        """All words of a kind, in alphabetical order."""
        words = tuple(word for word in self.vocabulary if self.kind_of(word) == kind)
        if not words:
            raise ValueError(f"kind: expected one of {sorted({*self.kinds.values(), 'other'})}, got {kind!r}")
        return words

    def encode(self) -> list[list[int]]:
        """The sentences as lists of word ids."""
        return [[self.index[word] for word in sentence] for sentence in self.sentences]

    def analogies(self, held_out: bool | None = None) -> list[Analogy]:
        """Country to capital as country to capital, for all ordered pairs of countries.

        `held_out=True`: both countries are of the last third of the table, which nobody looked at when choosing settings.
        `held_out=False`: both are of the first two thirds. `None`: all pairs.
        """
        if held_out is not None and not isinstance(held_out, bool):
            raise ValueError(f"held_out: expected True, False or None, got {held_out!r}")
        first_held_out = len(self.countries) - len(self.countries) // 3
        rows = self.countries
        if held_out is not None:
            rows = rows[first_held_out:] if held_out else rows[:first_held_out]
        return [Analogy(x.country, x.capital, y.country, y.capital) for x, y in permutations(rows, 2)]

    def exact_counts(self, window: int) -> Float[Tensor, "vocab vocab"]:
        """Expected number of times that word j stands at most `window` places from word i, over all sentences.

        Row = centre, column = context, ids as in `vocabulary`; float64, symmetric. Exact, not sampled:
        sum over frames, cases and pairs of positions of the product of the slot probabilities.
        """
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise ValueError(f"window: expected an integer of at least 1, got {window!r}")
        counts = torch.zeros(len(self.vocabulary), len(self.vocabulary), dtype=torch.float64)
        for frame in self.frames:
            cases = frame.weight * torch.tensor(frame.probabilities, dtype=torch.float64)
            filled = [self._slot_matrix(slot) for slot in frame.slots]
            for i, left in enumerate(filled):
                for right in filled[i + 1 : i + 1 + window]:
                    counts += (left * cases[:, None]).T @ right
        return (counts + counts.T) * len(self.sentences)

    def _slot_matrix(self, slot: tuple[tuple[str, ...], ...]) -> Float[Tensor, "cases vocab"]:
        matrix = torch.zeros(len(slot), len(self.vocabulary), dtype=torch.float64)
        for case, words in enumerate(slot):
            for word in words:
                matrix[case, self.index[word]] += 1 / len(words)
        return matrix


def generate_world(sentences: int = 30_000, seed: int = 0, bias: float = 0.6) -> World:
    """A world of `sentences` sentences; the same seed gives the same sentences on every platform and Python version.

    `bias`, from -1 to 1, is planted: a worker of the first group of occupations is a man with probability (1 + bias) / 2,
    one of the second with (1 - bias) / 2. With 0 nothing but the names tells the groups apart. The groups are every second
    occupation of the alphabet, so they mean nothing outside this world.
    """
    if isinstance(sentences, bool) or not isinstance(sentences, int) or sentences < 1:
        raise ValueError(f"sentences: expected an integer of at least 1, got {sentences!r}")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"seed: expected an integer, got {seed!r}")
    if isinstance(bias, bool) or not isinstance(bias, (int, float)) or not -1 <= bias <= 1:
        raise ValueError(f"bias: expected a number from -1 to 1, got {bias!r}")
    frames = _frames(float(bias))
    words = sorted({word for frame in frames for slot in frame.slots for case in slot for word in case})
    return World(
        sentences=_write(frames, sentences, random.Random(seed)),
        countries=COUNTRIES,
        occupations=(OCCUPATIONS[0::2], OCCUPATIONS[1::2]),
        bias=float(bias),
        frames=frames,
        kinds=_kinds(),
        vocabulary=tuple(words),
        index={word: i for i, word in enumerate(words)},
    )


def _write(frames: tuple[Frame, ...], number: int, source: random.Random) -> list[list[str]]:
    """Only `source.random()` is used: its stream is the one that Python guarantees never to change."""
    frame_edges = list(accumulate(frame.weight for frame in frames))
    case_edges = [list(accumulate(frame.probabilities)) for frame in frames]
    written = []
    for _ in range(number):
        which = _draw(frame_edges, source)
        case = _draw(case_edges[which], source)
        choices = [slot[case] for slot in frames[which].slots]
        written.append([words[0] if len(words) == 1 else words[int(source.random() * len(words))] for words in choices])
    return written


def _draw(edges: list[float], source: random.Random) -> int:
    return min(bisect(edges, source.random() * edges[-1]), len(edges) - 1)


def _frames(bias: float) -> tuple[Frame, ...]:
    blocks = {
        "country": (_COUNTRY_FRAMES, _country_cases()),
        "pair": (_PAIR_FRAMES, _pair_cases()),
        "person": (_PERSON_FRAMES, _person_cases()),
        "occupation": (_OCCUPATION_FRAMES, _occupation_cases(bias)),
    }
    frames = []
    for name, (text, cases) in blocks.items():
        lines = [line.split() for line in text.strip().splitlines()]
        block_weight = sum(int(line[0]) for line in lines)
        probabilities = tuple(probability for probability, _ in cases)
        for weight, *pattern in lines:
            slots = tuple(tuple(_fill(word, case) for _, case in cases) for word in pattern)
            frames.append(Frame(_SHARES[name] * int(weight) / block_weight, probabilities, slots))
    return tuple(frames)


def _fill(pattern: str, case: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return case[pattern[1:-1]] if pattern.startswith("{") else tuple(pattern.split("|"))


Cases = list[tuple[float, dict[str, tuple[str, ...]]]]


def _country_weights() -> list[float]:
    """The first country is talked about twice as often as the last: 1 / (place + 36), made to sum to one."""
    raw = [1 / (place + len(COUNTRIES)) for place in range(len(COUNTRIES))]
    return [weight / sum(raw) for weight in raw]


def _country_cases() -> Cases:
    return [
        (weight, {name: (word,) for name, word in row.words().items()})
        for weight, row in zip(_country_weights(), COUNTRIES)
    ]


def _pair_cases() -> Cases:
    """Two different countries: the first by its weight, the second by its weight times 8 if it is of the same region."""
    weights, cases = _country_weights(), []
    for i, first in enumerate(COUNTRIES):
        pull = [w * (8 if row.region == first.region else 1) * (row != first) for w, row in zip(weights, COUNTRIES)]
        for j, second in enumerate(COUNTRIES):
            if i != j:
                words = {name: (word,) for name, word in first.words().items()}
                words |= {f"{name}2": (word,) for name, word in second.words().items()}
                cases.append((weights[i] * pull[j] / sum(pull), words))
    return cases


def _gendered(gender: int) -> dict[str, tuple[str, ...]]:
    return {forms[0]: (forms[gender],) for forms in PRONOUNS}


def _person_cases() -> Cases:
    share = 1 / (2 * len(PERSONS))
    return [
        (share, _gendered(gender) | {"person": (row[gender],), "noun": row[2:]}) for row in PERSONS for gender in (0, 1)
    ]


def _occupation_cases(bias: float) -> Cases:
    cases: Cases = []
    for place, occupation in enumerate(OCCUPATIONS):
        male = (1 + bias) / 2 if place % 2 == 0 else (1 - bias) / 2
        for gender, probability in enumerate((male, 1 - male)):
            family = tuple(row[gender] for row in PERSONS[3:7])
            case = _gendered(gender) | {"occupation": (occupation,), "person": family}
            cases.append((probability / len(OCCUPATIONS), case))
    return cases


def _kinds() -> dict[str, str]:
    kinds = {word: name for row in COUNTRIES for name, word in row.words().items()}
    kinds |= {word: "person" for row in PERSONS for word in row[:2]}
    kinds |= {word: "noun" for row in PERSONS for word in row[2:]}
    kinds |= {word: "pronoun" for forms in PRONOUNS for word in forms}
    return kinds | {word: "occupation" for word in OCCUPATIONS}
