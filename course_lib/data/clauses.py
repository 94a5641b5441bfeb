"""Small English sentences and their German translation: a generated pair whose word order differs over long distances.

German puts the finite verb second and what remains of it last ("hat … gekauft"), all of it last behind "dass", and turns subject
and verb round behind a fronted adverb. Articles and adjectives agree with the noun in gender, number, case and definiteness. Each
English sentence of this grammar has one German sentence, given by rules:

    today the old man buys a red book          heute kauft der alte Mann ein rotes Buch
    I know that the dogs have found new letters    ich weiß , dass die Hunde neue Briefe gefunden haben

Tokens are separated by spaces.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

# English singular, plural; German singular, plural, gender (0 der, 1 die, 2 das).
PEOPLE = (
    ("man", "men", "Mann", "Männer", 0), ("woman", "women", "Frau", "Frauen", 1), ("child", "children", "Kind", "Kinder", 2),
    ("teacher", "teachers", "Lehrer", "Lehrer", 0), ("dog", "dogs", "Hund", "Hunde", 0), ("cat", "cats", "Katze", "Katzen", 1),
    ("horse", "horses", "Pferd", "Pferde", 2), ("girl", "girls", "Mädchen", "Mädchen", 2),
)  # fmt: skip
THINGS = (
    ("book", "books", "Buch", "Bücher", 2), ("letter", "letters", "Brief", "Briefe", 0), ("newspaper", "newspapers", "Zeitung", "Zeitungen", 1),
    ("apple", "apples", "Apfel", "Äpfel", 0), ("flower", "flowers", "Blume", "Blumen", 1), ("picture", "pictures", "Bild", "Bilder", 2),
    ("hat", "hats", "Hut", "Hüte", 0), ("bag", "bags", "Tasche", "Taschen", 1),
)  # fmt: skip
ADJECTIVES = (("old", "alt"), ("new", "neu"), ("small", "klein"), ("big", "groß"), ("red", "rot"), ("beautiful", "schön"), ("brown", "braun"))
# English he-form, plain form, participle; German er-form, plain form (also that of the plural), participle.
VERBS = (
    ("sees", "see", "seen", "sieht", "sehen", "gesehen"), ("buys", "buy", "bought", "kauft", "kaufen", "gekauft"),
    ("seeks", "seek", "sought", "sucht", "suchen", "gesucht"), ("finds", "find", "found", "findet", "finden", "gefunden"),
    ("loves", "love", "loved", "liebt", "lieben", "geliebt"), ("carries", "carry", "carried", "trägt", "tragen", "getragen"),
    ("brings", "bring", "brought", "bringt", "bringen", "gebracht"),
)  # fmt: skip
ADVERBS = (("today", "heute"), ("now", "jetzt"), ("here", "hier"), ("often", "oft"))
FORMS = ("present", "perfect", "can", "must")
ORDERS = ("plain", "adverb last", "adverb first", "that")

_ARTICLES = {(True, 0): ("der", "die", "das"), (True, 1): ("den", "die", "das"), (False, 0): ("ein", "eine", "ein"), (False, 1): ("einen", "eine", "ein")}
_ENDINGS = {(True, 0): ("e", "e", "e"), (True, 1): ("en", "e", "e"), (False, 0): ("er", "e", "es"), (False, 1): ("en", "e", "es")}


@dataclass(frozen=True)
class Phrase:
    """A noun with its article and perhaps an adjective."""

    noun: tuple[str, str, str, str, int]
    adjective: tuple[str, str] | None
    plural: bool
    definite: bool

    def english(self) -> list[str]:
        adjective = [self.adjective[0]] if self.adjective else []
        rest = [*adjective, self.noun[1] if self.plural else self.noun[0]]
        if self.definite:
            return ["the", *rest]
        return rest if self.plural else ["an" if rest[0][0] in "aeiou" else "a", *rest]

    def german(self, accusative: bool) -> list[str]:
        gender = self.noun[4]
        if self.plural:
            article, ending = ("die", "en") if self.definite else ("", "e")
        else:
            article, ending = _ARTICLES[self.definite, accusative][gender], _ENDINGS[self.definite, accusative][gender]
        adjective = [self.adjective[1] + ending] if self.adjective else []
        return [*([article] if article else []), *adjective, self.noun[3] if self.plural else self.noun[2]]


@dataclass(frozen=True)
class Clause:
    """Who does what to what: subject, verb, object, in one of `FORMS` and `ORDERS`; the plain order has no adverb."""

    subject: Phrase
    verb: tuple[str, str, str, str, str, str]
    object: Phrase
    form: str
    order: str
    adverb: tuple[str, str] | None

    def english(self) -> str:
        many = self.subject.plural
        verb = {
            "present": [self.verb[1] if many else self.verb[0]],
            "perfect": ["have" if many else "has", self.verb[2]],
            "can": ["can", self.verb[1]],
            "must": ["must", self.verb[1]],
        }[self.form]
        first = {"adverb first": [self.adverb[0]] if self.adverb else [], "that": ["I", "know", "that"]}.get(self.order, [])
        last = [self.adverb[0]] if self.adverb and self.order != "adverb first" else []
        return " ".join([*first, *self.subject.english(), *verb, *self.object.english(), *last])

    def german(self) -> str:
        many = self.subject.plural
        finite, rest = {
            "present": (self.verb[4] if many else self.verb[3], []),
            "perfect": ("haben" if many else "hat", [self.verb[5]]),
            "can": ("können" if many else "kann", [self.verb[4]]),
            "must": ("müssen" if many else "muss", [self.verb[4]]),
        }[self.form]
        subject, adverb = self.subject.german(accusative=False), [self.adverb[1]] if self.adverb else []
        accusative = self.object.german(accusative=True)
        if self.order == "that":
            return " ".join(["ich", "weiß", ",", "dass", *subject, *adverb, *accusative, *rest, finite])
        if self.order == "adverb first":
            return " ".join([*adverb, finite, *subject, *accusative, *rest])
        return " ".join([*subject, finite, *adverb, *accusative, *rest])


def random_clause(source: random.Random) -> Clause:
    """A clause with every choice even; only `source.random` is drawn from, so a seed gives the same on every platform."""

    def one_of(options):
        return options[int(source.random() * len(options))]

    def phrase(nouns):
        adjective = one_of(ADJECTIVES) if source.random() < 0.7 else None
        return Phrase(one_of(nouns), adjective, plural=source.random() < 0.4, definite=source.random() < 0.5)

    subject, verb, thing = phrase(PEOPLE), one_of(VERBS), phrase(THINGS)
    form, order = one_of(FORMS), one_of(ORDERS)
    adverb = None if order == "plain" or (order == "that" and source.random() < 0.5) else one_of(ADVERBS)
    return Clause(subject, verb, thing, form, order, adverb)


def clause_pairs(train: int, test: int, seed: int = 0) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Training and held-out pairs (English, German), all different. Raises ValueError for fewer than one of each."""
    for name, count in (("train", train), ("test", test)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name}: expected an integer of at least 1, got {count!r}")
    source, chosen = random.Random(seed), {}
    while len(chosen) < train + test:
        clause = random_clause(source)
        chosen[clause.english()] = clause.german()
    pairs = list(chosen.items())
    return pairs[:train], pairs[train:]
