"""English number words and their French translation: a language pair whose grammar gives the one right answer.

"ninety-nine" is "quatre-vingt-dix-neuf", four-twenties-ten-nine. French counts in twenties from 70 to 99, adds "et" before some ones,
gives "cent" and "vingt" a plural s only where nothing follows, and says neither "un cent" nor "un mille". The spelling is the
traditional one, with hyphens below a hundred only, as in the dictionary of the Académie française before the changes of 1990.

`words` and `sentence` go from text to tokens and back without loss: a token that begins with a hyphen is joined to the one before.
"""

from __future__ import annotations

import random
import re

LARGEST = 999_999

_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_FRENCH = "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf".split()
_FRENCH_TENS = "vingt trente quarante cinquante soixante".split()


def _check_number(number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= LARGEST:
        raise ValueError(f"number: expected an integer from 0 to {LARGEST}, got {number!r}")


def english(number: int) -> str:
    """The number in English words, without "and": 81202 is "eighty-one thousand two hundred two". Raises ValueError beyond 0 to 999,999."""
    _check_number(number)
    if number < 20:
        return _ENGLISH[number]
    if number < 100:
        return _ENGLISH_TENS[number // 10 - 2] + (f"-{_ENGLISH[number % 10]}" if number % 10 else "")
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    return f"{english(number // size)} {name}" + (f" {english(number % size)}" if number % size else "")


def french(number: int) -> str:
    """The number in French words: 81202 is "quatre-vingt-un mille deux cent deux". Raises ValueError beyond 0 to 999,999."""
    _check_number(number)
    if number < 1000:
        return _below_thousand(number, last=True)
    thousands, rest = divmod(number, 1000)
    # Before "mille" neither "cent" nor "vingt" takes an s: deux cent mille, quatre-vingt mille.
    words = ["mille"] if thousands == 1 else [_below_thousand(thousands, last=False), "mille"]
    return " ".join(words + ([_below_thousand(rest, last=True)] if rest else []))


def _below_thousand(number: int, last: bool) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest, last)
    cent = "cents" if hundreds > 1 and rest == 0 and last else "cent"
    return " ".join(([_FRENCH[hundreds]] if hundreds > 1 else []) + [cent] + ([_below_hundred(rest, last)] if rest else []))


def _below_hundred(number: int, last: bool) -> str:
    if number < 20:
        return _FRENCH[number]
    if number >= 80:  # four twenties, and what is above them up to nineteen
        rest = number - 80
        return f"quatre-vingt-{_FRENCH[rest]}" if rest else ("quatre-vingts" if last else "quatre-vingt")
    tens, rest = (6, number - 60) if number >= 60 else divmod(number, 10)
    ten = _FRENCH_TENS[tens - 2]
    if rest in (1, 11):
        return f"{ten} et {_FRENCH[rest]}"
    return f"{ten}-{_FRENCH[rest]}" if rest else ten


def words(text: str) -> list[str]:
    """The tokens of a text: "vingt-deux mille" gives ["vingt", "-deux", "mille"]."""
    return re.findall(r"-?[^\s-]+", text)


def sentence(tokens: list[str]) -> str:
    """The text of tokens: the inverse of `words`."""
    return " ".join(tokens).replace(" -", "-")


def number_pairs(train: int, test: int, seed: int = 0) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Training and held-out pairs (English, French) of different numbers, drawn evenly from 0 to 999,999; no number is in both.

    A seed gives the same pairs on every platform. Raises ValueError for fewer than one of each or more than there are.
    """
    for name, count in (("train", train), ("test", test)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name}: expected an integer of at least 1, got {count!r}")
    if train + test > LARGEST + 1:
        raise ValueError(f"train + test: expected at most {LARGEST + 1} numbers, got {train + test}")
    source, chosen = random.Random(seed), {}
    while len(chosen) < train + test:
        chosen[int(source.random() * (LARGEST + 1))] = None
    pairs = [(english(number), french(number)) for number in chosen]
    return pairs[:train], pairs[train:]
