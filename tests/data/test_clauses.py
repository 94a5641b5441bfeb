"""German clauses against sentences written by hand and against the rules of word order and agreement."""

import random

import pytest

from course_lib.data.clauses import ADJECTIVES, ADVERBS, PEOPLE, THINGS, VERBS, Clause, Phrase, clause_pairs, random_clause

man, woman, child = PEOPLE[:3]
book, letter, newspaper, apple = THINGS[:4]
buys, finds = VERBS[1], VERBS[3]
old, new, _, _, red, *_ = ADJECTIVES
today = ADVERBS[0]


@pytest.mark.parametrize("clause, english, german", [
    (Clause(Phrase(man, old, False, True), buys, Phrase(book, red, False, False), "present", "plain", None),
     "the old man buys a red book", "der alte Mann kauft ein rotes Buch"),
    (Clause(Phrase(man, old, False, True), buys, Phrase(book, red, False, False), "perfect", "that", today),
     "I know that the old man has bought a red book today", "ich weiß , dass der alte Mann heute ein rotes Buch gekauft hat"),
    (Clause(Phrase(woman, None, False, False), finds, Phrase(letter, old, False, True), "can", "adverb first", today),
     "today a woman can find the old letter", "heute kann eine Frau den alten Brief finden"),
    (Clause(Phrase(child, red, False, False), buys, Phrase(letter, new, False, False), "must", "adverb last", today),
     "a red child must buy a new letter today", "ein rotes Kind muss heute einen neuen Brief kaufen"),
    (Clause(Phrase(man, new, True, False), finds, Phrase(newspaper, old, True, True), "perfect", "plain", None),
     "new men have found the old newspapers", "neue Männer haben die alten Zeitungen gefunden"),
    (Clause(Phrase(woman, new, True, True), finds, Phrase(apple, old, False, False), "must", "that", None),
     "I know that the new women must find an old apple", "ich weiß , dass die neuen Frauen einen alten Apfel finden müssen"),
    (Clause(Phrase(man, old, False, False), buys, Phrase(newspaper, None, True, False), "present", "adverb first", today),
     "today an old man buys newspapers", "heute kauft ein alter Mann Zeitungen"),
])  # fmt: skip
def test_by_hand(clause, english, german):
    assert (clause.english(), clause.german()) == (english, german)


FINITE = {word for verb in VERBS for word in (verb[3], verb[4])} | {"hat", "haben", "kann", "können", "muss", "müssen"}


def test_the_finite_verb_is_second_or_last():
    source = random.Random(1)
    for _ in range(500):
        clause = random_clause(source)
        tokens = clause.german().split()
        if clause.order == "that":
            assert tokens[:4] == ["ich", "weiß", ",", "dass"] and tokens[-1] in FINITE
        else:
            before = 1 if clause.order == "adverb first" else len(clause.subject.german(False))
            assert tokens[before] in FINITE
        assert (tokens.count(clause.adverb[1]) == 1) if clause.adverb else not set(tokens) & {german for _, german in ADVERBS}


def test_each_english_sentence_has_one_german_one_and_pairs_are_held_out():
    train, test = clause_pairs(800, 200, seed=2)
    assert len(train) == 800 and len(test) == 200 and len({source for source, _ in train + test}) == 1000
    assert (train, test) == clause_pairs(800, 200, seed=2) and train != clause_pairs(800, 200, seed=3)[0]
    source, seen = random.Random(5), {}
    for _ in range(5000):
        clause = random_clause(source)
        assert seen.setdefault(clause.english(), clause.german()) == clause.german()


@pytest.mark.parametrize("arguments, words", [((0, 1), "train: expected"), ((1, 0), "test: expected"), ((True, 1), "train: expected"), ((1, 2.0), "test: expected")])
def test_errors_name_the_argument(arguments, words):
    with pytest.raises(ValueError, match="^" + words):
        clause_pairs(*arguments)
