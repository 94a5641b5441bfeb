"""Entropy rates and probabilities against enumeration, and against long samples (5 standard errors: a right language
fails such a test once in 1.7 million seeds; the seeds are fixed)."""

from itertools import product
from math import exp, inf, isclose, log

import pytest
import torch

from course_lib.data.languages import DyckLanguage, HiddenMarkovLanguage, LaggedLanguage, MarkovLanguage

LANGUAGES = {
    "markov order 0": MarkovLanguage.random(3, 0, seed=1),
    "markov order 1": MarkovLanguage.random(3, 1, seed=2),
    "markov order 3": MarkovLanguage.random(3, 3, seed=3),
    "hidden markov": HiddenMarkovLanguage.random(3, 4, seed=4),
    "dyck": DyckLanguage(2, 3, 0.4),
    "dyck one kind": DyckLanguage(1, 1),
    "lagged": LaggedLanguage(4, 3, 0.3, seed=5),
}


@pytest.fixture(params=LANGUAGES, ids=str)
def language(request):
    return LANGUAGES[request.param]


def all_texts(language, length):
    return product(range(language.vocab_size), repeat=length)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_probabilities_of_all_texts_sum_to_one(language, length):
    total = sum(exp(language.log_probability(text)) for text in all_texts(language, length))
    assert isclose(total, 1, rel_tol=1e-10)


def test_probability_is_consistent_under_continuation(language):
    for text in list(all_texts(language, 3))[::5]:
        longer = sum(exp(language.log_probability((*text, next_))) for next_ in range(language.vocab_size))
        assert isclose(longer, exp(language.log_probability(text)), rel_tol=1e-9, abs_tol=1e-15)


def test_empty_text_is_certain(language):
    assert language.log_probability(torch.zeros(0, dtype=torch.int64)) == pytest.approx(0, abs=1e-12)


def test_entropy_rate_meets_a_long_sample(language):
    """Batch means: 100 stretches of 1000 give the standard error."""
    text = language.sample(100_000, seed=11)
    ends = torch.tensor([language.log_probability(text[:end]) for end in range(0, 100_001, 10_000)], dtype=torch.float64)
    rates = -(ends[1:] - ends[:-1]) / 10_000
    error = rates.std() / len(rates) ** 0.5
    assert abs(rates.mean() - language.entropy_rate) < 5 * error + 1e-3 * (type(language) is HiddenMarkovLanguage) + 1e-6


def test_samples_follow_the_probabilities(language):
    """Chi-square of the first three symbols over 4000 texts; a right language fails once in a million."""
    from scipy.stats import chi2

    texts, number = list(all_texts(language, 3)), 4000
    expected = torch.tensor([number * exp(language.log_probability(text)) for text in texts])
    seen = torch.zeros(len(texts))
    for seed in range(number):
        seen[texts.index(tuple(language.sample(3, seed).tolist()))] += 1
    assert seen[expected == 0].sum() == 0
    big = expected >= 5
    observed, wanted = torch.cat((seen[big], seen[~big].sum()[None])), torch.cat((expected[big], expected[~big].sum()[None]))
    keep = wanted > 0
    statistic = ((observed - wanted)[keep] ** 2 / wanted[keep]).sum().item()
    assert statistic < chi2.ppf(1 - 1e-6, max(int(keep.sum()) - 1, 1))


def test_sample_is_deterministic_and_longer_samples_continue_it(language):
    assert torch.equal(language.sample(50, 3), language.sample(80, 3)[:50])
    assert language.sample(50, 3).dtype == torch.int64
    assert len(language.sample(0)) == 0
    if language.entropy_rate > 0.1:
        assert not torch.equal(language.sample(50, 3), language.sample(50, 4))


def test_decode_names_every_symbol(language):
    text = language.sample(20, 1)
    assert len(language.vocabulary) == len(set(language.vocabulary)) == language.vocab_size
    assert language.decode(text) == "".join(language.vocabulary[i] for i in text)


def test_samples_never_change():
    """Written down once: a change would break every lesson that prints a text."""
    assert MarkovLanguage.random(8, 1, seed=0).decode(MarkovLanguage.random(8, 1, seed=0).sample(20, 1)) == "bffcbcdfcagbfbcdehgb"
    assert DyckLanguage().decode(DyckLanguage().sample(20, 1)) == "[]([]()[()[]()]((()("
    assert LaggedLanguage().decode(LaggedLanguage().sample(20, 1)) == "bggcddheaaggdbddeagh"
    assert HiddenMarkovLanguage.random().decode(HiddenMarkovLanguage.random().sample(20, 1)) == "fbegbebghbfeeeebebgb"


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_markov_entropy_rate_by_enumeration(order):
    """H(first n + 1) - H(first n) for n = order is the rate: a stationary chain's conditional entropy."""
    language = MarkovLanguage.random(3, order, seed=7)

    def block_entropy(length):
        logs = [language.log_probability(text) for text in all_texts(language, length)]
        return -sum(exp(value) * value for value in logs)

    assert language.entropy_rate == pytest.approx(block_entropy(order + 1) - block_entropy(order), rel=1e-9)
    assert language.entropy_rate == pytest.approx(block_entropy(order + 3) - block_entropy(order + 2), rel=1e-9)


def test_markov_by_hand():
    """Cover and Thomas, example 4.1.1: rates a and b between two states; stationary (b, a) / (a + b)."""
    a, b = 0.3, 0.05
    language = MarkovLanguage([[1 - a, a], [b, 1 - b]])
    binary = lambda p: -p * log(p) - (1 - p) * log(1 - p)  # noqa: E731
    assert language.entropy_rate == pytest.approx(b / (a + b) * binary(a) + a / (a + b) * binary(b), rel=1e-12)


def brute_force(language, text):
    """Sum over all paths of hidden states."""
    total = 0.0
    for path in product(range(len(language.transition)), repeat=len(text)):
        value = language.stationary[path[0]].item()
        for step, (state, symbol) in enumerate(zip(path, text)):
            value *= language.emission[state, symbol].item()
            if step + 1 < len(path):
                value *= language.transition[state, path[step + 1]].item()
        total += value
    return total


def test_hidden_markov_probability_by_enumeration_of_paths():
    language = HiddenMarkovLanguage.random(3, 4, seed=8)
    for text in [(0,), (3, 1), (2, 2, 0, 1, 3), (1, 0, 3, 3, 2, 1)]:
        assert language.log_probability(text) == pytest.approx(log(brute_force(language, text)), rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_hidden_markov_bounds_against_blocks_of_one_length(seed):
    """Cover and Thomas's bounds at n = 6 by enumeration must hold the rate, and our bounds must lie inside theirs + gap."""
    language = HiddenMarkovLanguage.random(3, 3, seed=seed, sharpness=1.5)
    start = language.stationary[:, None] * language.emission  # (first state, first symbol)

    def entropies(length):
        free = held = 0.0
        for text in all_texts(language, length):
            alphas = torch.diag(language.stationary * language.emission[:, text[0]])
            for symbol in text[1:]:
                alphas = alphas @ language.transition * language.emission[:, symbol]
            by_first = alphas.sum(1)
            free -= torch.special.xlogy(by_first.sum(), by_first.sum()).item()
            held -= torch.special.xlogy(by_first, by_first).sum().item()
        return free, held

    (free5, held5), (free6, held6) = entropies(5), entropies(6)
    assert start.sum() == pytest.approx(1)
    lower, upper = language.entropy_bounds(1e-4)
    assert 0 <= upper - lower <= 1e-4
    assert held6 - held5 - 1e-4 <= lower <= upper <= free6 - free5 + 1e-4
    assert lower - 1e-12 <= language.entropy_bounds(1e-6)[0] <= language.entropy_bounds(1e-6)[1] <= upper + 1e-12
    assert lower - 5e-4 <= language.entropy_rate <= upper + 5e-4


def test_hidden_markov_that_shows_its_state_is_a_markov_chain():
    chain = MarkovLanguage.random(4, 1, seed=9)
    hidden = HiddenMarkovLanguage(chain.transition, torch.eye(4))
    lower, upper = hidden.entropy_bounds(1e-9)
    assert lower == pytest.approx(chain.entropy_rate, rel=1e-10) and upper == pytest.approx(chain.entropy_rate, rel=1e-10)
    text = chain.sample(50, 2)
    assert hidden.log_probability(text) == pytest.approx(chain.log_probability(text), rel=1e-10)


def test_hidden_markov_of_one_state_is_independent():
    language = HiddenMarkovLanguage.random(1, 5, seed=3)
    row = language.emission[0]
    assert language.entropy_rate == pytest.approx(-(row * row.log()).sum().item(), rel=1e-10)


def test_hidden_markov_long_text_does_not_underflow():
    language = HiddenMarkovLanguage.random(seed=2)
    assert -inf < language.log_probability(language.sample(20_000, 1)) < -1000


def test_hidden_markov_out_of_reach_says_how_close():
    with pytest.raises(ValueError, match="they reach"):
        HiddenMarkovLanguage.random(4, 8, seed=0).entropy_bounds(1e-9, most_pasts=100)


def test_dyck_texts_are_nested_and_bounded():
    language = DyckLanguage(3, 4, 0.6)
    stack, deepest = [], 0
    for symbol in language.sample(5000, 2).tolist():
        if symbol < 3:
            stack.append(symbol)
        else:
            assert stack.pop() == symbol - 3
        deepest = max(deepest, len(stack))
    assert deepest == 4
    assert language.log_probability([3]) == language.log_probability([0, 4]) == -inf
    assert language.log_probability([0] * 5) == -inf


def test_dyck_rate_by_hand():
    """Depth 2, p = 0.3: depths 0, 1, 2 hold shares (1-p)/2, 1/2, p/2 of the places."""
    p, language = 0.3, DyckLanguage(2, 2, 0.3)
    by_hand = (1 - p) / 2 * log(2) + 0.5 * (-p * log(p) - (1 - p) * log(1 - p) + p * log(2))
    assert language.entropy_rate == pytest.approx(by_hand, rel=1e-12)
    assert language.depth_distribution.tolist() == pytest.approx([(1 - p) / 2, 0.5, p / 2])


@pytest.mark.parametrize("lag", [1, 2, 5])
def test_lagged_rate_by_enumeration_and_blindness_below_the_lag(lag):
    language = LaggedLanguage(3, lag, 0.4, seed=6)

    def block_entropy(length):
        return -sum(exp(v) * v for v in (language.log_probability(text) for text in all_texts(language, length)))

    for length in range(1, lag + 1):
        assert block_entropy(length) == pytest.approx(length * log(3), rel=1e-9)
    assert block_entropy(lag + 1) - block_entropy(lag) == pytest.approx(language.entropy_rate, rel=1e-9)
    assert all(language.successor[i] != i for i in range(3)) and sorted(language.successor) == [0, 1, 2]


def test_lagged_extremes():
    assert LaggedLanguage(5, 2, 0.0).entropy_rate == pytest.approx(0, abs=1e-12)
    assert LaggedLanguage(5, 2, 1.0).entropy_rate == pytest.approx(log(5), rel=1e-12)


def test_sharper_languages_are_easier():
    rates = [MarkovLanguage.random(6, 1, seed=0, sharpness=s).entropy_rate for s in (0.5, 1, 2, 4)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: MarkovLanguage([[0.5, 0.6], [0.5, 0.5]]), "transition: expected rows"),
        (lambda: MarkovLanguage([[0.5, -0.5, 1.0]] * 3), "transition: expected rows"),
        (lambda: MarkovLanguage([[0.5, float("nan")], [0.5, 0.5]]), "transition: expected rows"),
        (lambda: MarkovLanguage([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]]), "axes of one size"),
        (lambda: MarkovLanguage("text"), "transition: expected probabilities"),
        (lambda: MarkovLanguage([]), "transition: expected probabilities"),
        (lambda: MarkovLanguage(torch.eye(2)), "one stationary distribution"),
        (lambda: MarkovLanguage.random(10, 5), "order: expected"),
        (lambda: MarkovLanguage.random(3, -1), "order: expected"),
        (lambda: MarkovLanguage.random(sharpness=0), "sharpness: expected"),
        (lambda: MarkovLanguage.random(seed=0.5), "seed: expected"),
        (lambda: HiddenMarkovLanguage([[0.5, 0.5]], [[1.0]]), "square"),
        (lambda: HiddenMarkovLanguage([[0.5, 0.5]] * 2, [[1.0]]), "emission: expected 2 rows"),
        (lambda: HiddenMarkovLanguage([0.5, 0.5], [[1.0]]), "transition: expected"),
        (lambda: HiddenMarkovLanguage.random().entropy_bounds(0), "gap: expected"),
        (lambda: HiddenMarkovLanguage.random().entropy_bounds(float("nan")), "gap: expected"),
        (lambda: DyckLanguage(0), "kinds: expected"),
        (lambda: DyckLanguage(2, 0), "max_depth: expected"),
        (lambda: DyckLanguage(2, 3, 1.0), "open_probability: expected"),
        (lambda: LaggedLanguage(1), "symbols: expected"),
        (lambda: LaggedLanguage(4, 0), "lag: expected"),
        (lambda: LaggedLanguage(4, 2, 1.5), "noise: expected"),
        (lambda: LaggedLanguage().sample(-1), "length: expected"),
        (lambda: LaggedLanguage().sample(1.5), "length: expected"),
        (lambda: LaggedLanguage().sample(5, "a"), "seed: expected"),
        (lambda: LaggedLanguage(4).log_probability([0, 4]), "sequence: expected ids from 0 to 3"),
        (lambda: LaggedLanguage(4).log_probability([-1]), "sequence: expected ids"),
        (lambda: LaggedLanguage(4).log_probability([0.5]), "sequence: expected a one-dimensional"),
        (lambda: LaggedLanguage(4).log_probability([[0, 1]]), "sequence: expected a one-dimensional"),
        (lambda: LaggedLanguage(4).log_probability(None), "sequence: expected a one-dimensional"),
        (lambda: LaggedLanguage(4).log_probability("ab"), "sequence: expected a one-dimensional"),
        (lambda: LaggedLanguage(4).log_probability([[0], [1, 2]]), "sequence: expected a one-dimensional"),
        (lambda: LaggedLanguage(4).log_probability([2**70]), "sequence: expected a one-dimensional"),
        (lambda: LaggedLanguage(4).decode([4]), "sequence: expected ids from 0 to 3"),
        (lambda: LaggedLanguage(4).decode([-1]), "sequence: expected ids from 0 to 3"),
        (lambda: LaggedLanguage(4).decode(torch.tensor([0.5])), "sequence: expected a one-dimensional"),
        (lambda: LaggedLanguage(4).decode("ab"), "sequence: expected a one-dimensional"),
        (lambda: MarkovLanguage(torch.tensor([1j])), "transition: expected probabilities"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
