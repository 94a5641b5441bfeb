"""Dates as people write them and as ISO 8601 writes them: a translation whose answer and alignment are known exactly.

    >>> pair = date_pair(datetime.date(2021, 5, 3), "3 May 2021")
    >>> pair.text, pair.iso
    ('3 May 2021', '2021-05-03')
    >>> pair.alignment[:4], pair.alignment[5]  # the digits of the year, one by one; the month's two digits come from its name
    (((6,), (7,), (8,), (9,)), (2, 3, 4))

A style is called after how it writes 3 May 2021. A seed gives the same dates on every platform and in every locale: only
`random.Random.random` is drawn from, and the names are English.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

#: Style -> its parts in order; {y}, {m} and {d} are what the answer is made from, {n} is the month's number, {s} is "st", "nd", "rd" or "th".
STYLES: dict[str, str] = {
    "3 May 2021": "{d} {m} {y}",
    "May 3, 2021": "{m} {d}, {y}",
    "the 3rd of May 2021": "the {d}{s} of {m} {y}",
    "Monday, 3 May 2021": "{w}, {d} {m} {y}",
    "Mon, May 3 2021": "{v}, {m} {d} {y}",
    "2021, 3 May": "{y}, {d} {m}",
    "3 MAY 2021": "{d} {M} {y}",
    "3.5.2021": "{d}.{n}.{y}",
}

#: Symbols of the texts; number 0 stands for padding. The symbols of the answers are `ANSWER_SYMBOLS`.
SYMBOLS = "\0" + "".join(sorted(set("0123456789 ,.the of" + "stndrdth" + "".join(MONTHS) + "".join(MONTHS).upper() + "".join(WEEKDAYS))))
ANSWER_SYMBOLS = "0123456789-"
ANSWER_LENGTH = 10


@dataclass(frozen=True)
class DatePair:
    """A date as text, the answer, and for each of the answer's 10 symbols the places in the text that it is made from.

    A digit that stands in the text is made from itself, the two digits of a month from the month's name; a hyphen, and the zero
    in front of a lone digit, stand nowhere in the text.
    """

    text: str
    iso: str
    alignment: tuple[tuple[int, ...], ...]


def date_pair(day: datetime.date, style: str) -> DatePair:
    """A date written in one of `STYLES`. Raises ValueError for another style, another type, or a year that has not four digits."""
    if style not in STYLES:
        raise ValueError(f"style: expected one of {list(STYLES)}, got {style!r}")
    if not isinstance(day, datetime.date) or day.year < 1000:
        raise ValueError(f"day: expected a date from the year 1000 on, got {day!r}")
    name, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
    suffix = "th" if 11 <= day.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    written = {"y": str(day.year), "m": name, "M": name.upper(), "n": str(day.month), "d": str(day.day), "s": suffix, "w": weekday, "v": weekday[:3]}
    text, places, rest = "", {}, STYLES[style]
    while rest:
        if rest[0] == "{":
            piece, field, rest = written[rest[1]], rest[1], rest[3:]
            places["m" if field in "Mn" else field] = tuple(range(len(text), len(text) + len(piece)))
        else:
            piece, rest = rest[0], rest[1:]
        text += piece
    digits = {field: tuple((place,) for place in at) for field, at in places.items()}
    alone = {field: ((),) * (2 - len(at)) + at for field, at in digits.items() if field in "md"}
    month = alone["m"] if "{n}" in STYLES[style] else (places["m"], places["m"])
    return DatePair(text, day.isoformat(), (*digits["y"], (), *month, (), *alone["d"]))


def split_days(first: int = 1950, last: int = 2049, held_out: float = 0.2, seed: int = 0) -> tuple[list[datetime.date], list[datetime.date]]:
    """All days of the years `first` to `last`, dealt at random into (training, held out); each part in order of time.

    A held-out day occurs in no style among the training days. Raises ValueError for years outside 1000 to 9999 or a share outside 0 to 1.
    """
    if not (isinstance(first, int) and isinstance(last, int) and 1000 <= first <= last <= 9999):
        raise ValueError(f"first, last: expected years from 1000 to 9999 in order, got {first!r}, {last!r}")
    if not 0 < held_out < 1:
        raise ValueError(f"held_out: expected a share between 0 and 1, got {held_out!r}")
    source = random.Random(seed)
    start, end = datetime.date(first, 1, 1).toordinal(), datetime.date(last, 12, 31).toordinal()
    parts: tuple[list, list] = ([], [])
    for number in range(start, end + 1):
        parts[source.random() < held_out].append(datetime.date.fromordinal(number))
    return parts


def sample_pairs(days: Sequence[datetime.date], count: int, seed: int = 0) -> list[DatePair]:
    """`count` pairs: each day and each style drawn evenly. Raises ValueError where there are no days or `count` is below 1."""
    if not days:
        raise ValueError("days: expected at least one day, got none")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"count: expected an integer of at least 1, got {count!r}")
    source, styles = random.Random(seed), list(STYLES)
    return [date_pair(days[int(source.random() * len(days))], styles[int(source.random() * len(styles))]) for _ in range(count)]


def text_ids(texts: Sequence[str]) -> Int[Tensor, "texts longest"]:
    """Numbers of the symbols, 0 behind the end of the shorter ones. Raises ValueError for a symbol that no style uses."""
    for text in texts:
        unknown = sorted(set(text) - set(SYMBOLS[1:]))
        if unknown:
            raise ValueError(f"texts: expected symbols of the styles, got {unknown[0]!r} in {text!r}")
    longest = max((len(text) for text in texts), default=0)
    rows = [[SYMBOLS.index(symbol) for symbol in text] + [0] * (longest - len(text)) for text in texts]
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), longest)


def answer_ids(answers: Sequence[str]) -> Int[Tensor, "answers 10"]:
    """Numbers of the answers' symbols: a digit is its own number, the hyphen is 10. Raises ValueError for anything but YYYY-MM-DD."""
    for answer in answers:
        if len(answer) != ANSWER_LENGTH or set(answer) - set(ANSWER_SYMBOLS):
            raise ValueError(f"answers: expected YYYY-MM-DD, got {answer!r}")
    return torch.tensor([[ANSWER_SYMBOLS.index(symbol) for symbol in answer] for answer in answers], dtype=torch.int64).reshape(-1, ANSWER_LENGTH)
