import random
from collections import Counter

import pytest
import torch

from course_lib.data.world import COUNTRIES, OCCUPATIONS, PERSONS, Country, generate_world

FIRST = [
    "the uncle bought himself a pipe",
    "experts in madrid measured the ebro again",
    "the prince lost his palace",
]


@pytest.fixture(scope="module")
def world():
    return generate_world(30_000, seed=0)


def test_facts_are_single_words_and_only_currencies_are_shared():
    assert 30 <= len(COUNTRIES) <= 40
    for field in Country._fields:
        words = [getattr(row, field) for row in COUNTRIES]
        assert all(word.isalpha() and word.islower() and word.isascii() for word in words)
        if field not in ("currency", "region"):
            assert len(set(words)) == len(words), field
    everything = [word for row in COUNTRIES for word in set(row.words().values())]
    shared = {word for word, number in Counter(everything).items() if number > 1}
    assert shared == {"euro", "dollar", "peso", "rupee"}


def test_some_facts():
    facts = {row.country: row for row in COUNTRIES}
    assert facts["japan"][1:] == ("tokyo", "japanese", "yen", "shinano", "osaka", "east")
    assert (facts["russia"].capital, facts["turkey"].capital, facts["china"].capital) == ("moscow", "ankara", "beijing")
    assert (facts["brazil"].capital, facts["australia"].capital, facts["nigeria"].capital) == ("brasilia", "canberra", "abuja")


def test_a_country_never_meets_a_capital(world):
    countries, capitals = {row.country for row in COUNTRIES}, {row.capital for row in COUNTRIES}
    assert not any(countries & set(sentence) and capitals & set(sentence) for sentence in world.sentences)
    together = world.exact_counts(20)
    rows = [world.index[word] for word in countries]
    columns = [world.index[word] for word in capitals]
    assert together[rows][:, columns].sum() == 0


def test_every_word_occurs_and_has_one_kind(world):
    occurs = Counter(word for sentence in world.sentences for word in sentence)
    assert set(occurs) == set(world.vocabulary) and min(occurs.values()) >= 20
    kinds = Counter(map(world.kind_of, world.vocabulary))
    assert kinds["country"] == kinds["capital"] == kinds["river"] == kinds["city"] == kinds["demonym"] == 36
    assert kinds["currency"] == 25 and kinds["occupation"] == 16 and kinds["person"] == 16 and kinds["pronoun"] == 6
    assert world.words_of_kind("occupation") == OCCUPATIONS
    assert world.vocabulary == tuple(sorted(world.vocabulary))
    assert all(world.vocabulary[i] == word for word, i in world.index.items())


def test_seeds():
    assert generate_world(200, seed=5).sentences == generate_world(300, seed=5).sentences[:200]
    assert generate_world(200, seed=5).sentences != generate_world(200, seed=6).sentences
    assert generate_world(1).vocabulary == generate_world(500).vocabulary


def test_sentences_never_change():
    """Written down once; only `random.Random.random` is drawn from, whose stream Python guarantees."""
    assert random.Random(0).random() == 0.8444218515250481
    assert [" ".join(sentence) for sentence in generate_world(3, seed=0).sentences] == FIRST


def brute_force_counts(world, window):
    counts = torch.zeros(len(world.vocabulary), len(world.vocabulary), dtype=torch.float64)
    for sentence in world.encode():
        for i, centre in enumerate(sentence):
            for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
                counts[centre, sentence[j]] += i != j
    return counts


@pytest.mark.parametrize("window", [1, 4])
def test_exact_counts_meet_the_sampled_ones(window):
    """Cell by cell within 6 standard errors (Poisson), where at least 20 are expected; a right table of 3000 cells fails
    once in 100,000 seeds. What cannot happen never does."""
    world = generate_world(20_000, seed=3)
    exact, sampled = world.exact_counts(window), brute_force_counts(world, window)
    assert torch.equal(exact, exact.T) or torch.allclose(exact, exact.T, rtol=1e-12)
    assert sampled[exact == 0].sum() == 0
    often = exact >= 20
    error = (sampled - exact)[often] / exact[often].sqrt()
    assert error.abs().max() < 6 * 2**0.5  # a pair of equal words counts twice
    assert sampled.sum() == pytest.approx(exact.sum().item(), rel=0.01)


def test_exact_counts_of_the_longest_window_hold_every_pair(world):
    lengths = torch.tensor([len(sentence) for sentence in world.sentences])
    assert world.exact_counts(50).sum().item() == pytest.approx((lengths * (lengths - 1)).sum().item(), rel=0.01)


def test_analogies(world):
    assert len(world.analogies()) == 36 * 35
    held_out, shown = world.analogies(held_out=True), world.analogies(held_out=False)
    assert len(held_out) == 12 * 11 and len(shown) == 24 * 23
    assert not {x.a for x in held_out} & {x.a for x in shown}
    assert ("russia", "moscow", "japan", "tokyo") in shown
    assert {"china", "russia", "japan", "turkey"} <= {x.a for x in shown}


@pytest.mark.parametrize("bias", [-0.5, 0.0, 0.6, 1.0])
def test_the_planted_bias_is_there(bias):
    """Share of male words beside each group's occupations, within 5 standard errors of the truth."""
    world = generate_world(30_000, seed=1, bias=bias)
    for group, expected in zip(world.occupations, world.probability_male):
        male = female = 0
        for sentence in world.sentences:
            if set(group) & set(sentence):
                male += bool(set(world.male_words) & set(sentence))
                female += bool(set(world.female_words) & set(sentence))
        number = male + female
        assert number > 1500
        assert abs(male / number - expected) <= 5 * (expected * (1 - expected) / number) ** 0.5


def test_no_bias_means_equal_groups():
    counts = generate_world(bias=0.0)
    exact = counts.exact_counts(5)
    for word in OCCUPATIONS:
        for male, female in zip(counts.male_words, counts.female_words):
            assert exact[counts.index[word], counts.index[male]] == pytest.approx(
                exact[counts.index[word], counts.index[female]].item(), rel=1e-9, abs=1e-9
            )


def test_person_words_differ_only_by_gender(world):
    exact = world.exact_counts(5)
    for male, female, *nouns in PERSONS:
        for noun in nouns:
            assert exact[world.index[male], world.index[noun]] == pytest.approx(
                exact[world.index[female], world.index[noun]].item(), rel=1e-9
            )


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: generate_world(0), "sentences: expected"),
        (lambda: generate_world(2.5), "sentences: expected"),
        (lambda: generate_world(True), "sentences: expected"),
        (lambda: generate_world(5, seed="a"), "seed: expected"),
        (lambda: generate_world(5, bias=1.2), "bias: expected"),
        (lambda: generate_world(5, bias=float("nan")), "bias: expected"),
        (lambda: generate_world(5, bias="much"), "bias: expected"),
        (lambda: generate_world(5).exact_counts(0), "window: expected"),
        (lambda: generate_world(5).exact_counts(2.0), "window: expected"),
        (lambda: generate_world(5).kind_of("zebra"), "word: expected"),
        (lambda: generate_world(5).words_of_kind("planet"), "kind: expected"),
        (lambda: generate_world(5).kind_of(["china"]), "word: expected"),
        (lambda: generate_world(5).analogies("yes"), "held_out: expected"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
