"""Against numpy, scipy, scikit-learn, autograd, brute force, and the generated world whose exact answer is known."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine

from course_lib.data.world import generate_world
from course_lib.reference import embeddings as E

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]


def random_counts(rows=7, columns=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 6, (rows, columns), generator=generator).to(dtype)


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# ---------------------------------------------------------------------------------------------- counts


def brute_force_pairs(sentences, window):
    return sorted(
        (sentence[i], sentence[j])
        for sentence in sentences
        for i in range(len(sentence))
        for j in range(len(sentence))
        if i != j and abs(i - j) <= window
    )


sentences_of_ids = st.lists(st.lists(st.integers(0, 5), max_size=7), min_size=1, max_size=6).filter(lambda s: sum(map(len, s)) > 0)


@settings(max_examples=100, deadline=None)
@given(sentences_of_ids, st.integers(1, 9))
def test_pairs_and_counts_by_brute_force(sentences, window):
    expected = brute_force_pairs(sentences, window)
    centres, contexts = E.skipgram_pairs(sentences, 6, window)
    assert sorted(zip(centres.tolist(), contexts.tolist())) == expected
    counts = E.cooccurrence_counts(sentences, 6, window)
    assert counts.dtype == torch.float64 and counts.sum() == len(expected)
    for centre, context in expected:
        assert counts[centre, context] == expected.count((centre, context))


def test_subsampling_keeps_each_word_as_often_as_the_paper_says():
    """Binomial, 5 standard errors: a right function fails once in 1.7 million; the seed is fixed."""
    sentences = [[0] * 6 + [1] * 3 + [2]] * 4000
    keep = E.keep_probabilities(torch.tensor([24_000, 12_000, 4000]), 0.1)
    assert keep.tolist() == pytest.approx([math.sqrt(0.1 / 0.6), math.sqrt(0.1 / 0.3), 1.0])
    centres, contexts = E.skipgram_pairs(sentences, 3, 20, threshold=0.1, generator=torch.Generator().manual_seed(1))
    both = torch.bincount(centres * 3 + contexts, minlength=9).view(3, 3)
    for word, other, number in [(0, 2, 24_000), (1, 2, 12_000)]:
        expected = number * keep[word].item()  # word 2 is always kept
        assert abs(both[word, other] - expected) < 5 * math.sqrt(number * keep[word] * (1 - keep[word]))


def test_subsampling_lets_the_window_span_the_gap():
    """Word 0 is dropped 29 times in 30, so 1 and 2 become neighbours at window 1."""
    sentences = [[1, 0, 0, 0, 2]] * 50 + [[0] * 30] * 2000
    keep = E.keep_probabilities(torch.tensor([60_150, 50, 50]), 1e-3)
    assert keep[0] < 0.04 and keep[1] == 1
    centres, contexts = E.skipgram_pairs(sentences, 3, 1, threshold=1e-3, generator=torch.Generator().manual_seed(0))
    assert ((centres == 1) & (contexts == 2)).sum() > 35


def test_pairs_of_lonely_words_are_empty():
    centres, contexts = E.skipgram_pairs([[0], [1]], 2, 3)
    assert centres.shape == contexts.shape == (0,) and centres.dtype == torch.int64


# ---------------------------------------------------------------------------------------------- PMI and SVD


def test_pmi_against_scipy_mutual_information():
    """The expectation of PMI is the mutual information, which scikit-learn computes on its own."""
    from sklearn.metrics import mutual_info_score

    counts = random_counts(6, 9, seed=3)
    pmi = E.pmi(counts)
    mean = (counts / counts.sum() * pmi.masked_fill(counts == 0, 0)).sum().item()
    assert mean == pytest.approx(mutual_info_score(None, None, contingency=counts.numpy()), rel=1e-10)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 2e-5)])
@pytest.mark.parametrize("shift", [0.0, 0.3, math.log(5)])
def test_ppmi_by_loops(dtype, tolerance, shift):
    counts = random_counts(dtype=dtype)
    out = E.ppmi(counts, shift)
    assert out.dtype == dtype
    c = counts.double().numpy()
    for i, j in np.ndindex(*c.shape):
        by_hand = 0.0
        if c[i, j] > 0:
            by_hand = max(math.log(c[i, j] * c.sum() / (c[i].sum() * c[:, j].sum())) - shift, 0.0)
        assert out[i, j].item() == pytest.approx(by_hand, rel=tolerance, abs=tolerance)


def test_ppmi_with_empty_rows_is_finite():
    counts = random_counts()
    counts[2], counts[:, 1] = 0, 0
    assert torch.isfinite(E.ppmi(counts)).all() and (E.ppmi(counts)[2] == 0).all()
    assert not torch.isnan(E.pmi(counts)).any()


def test_independent_words_have_no_pmi():
    counts = torch.outer(torch.tensor([1.0, 2, 5], dtype=torch.float64), torch.tensor([3.0, 4], dtype=torch.float64))
    assert torch.allclose(E.pmi(counts), torch.zeros(3, 2, dtype=torch.float64), atol=1e-14)


def test_svd_vectors_against_scikit_learn():
    from sklearn.decomposition import TruncatedSVD

    matrix = randn(12, 9)
    ours = E.svd_vectors(matrix, 4, power=1.0)
    theirs = TruncatedSVD(4, algorithm="arpack").fit_transform(matrix.numpy())
    assert np.allclose(np.abs(ours.numpy()), np.abs(theirs), rtol=1e-9, atol=1e-10)
    assert torch.equal(ours, E.svd_vectors(matrix, 4, power=1.0))
    assert torch.allclose(E.svd_vectors(matrix, 9, power=1.0) @ E.svd_vectors(matrix, 9, power=1.0).T, matrix @ matrix.T)
    half = E.svd_vectors(matrix, 4, power=0.5)
    singular = torch.linalg.svdvals(matrix)[:4]
    assert torch.allclose(half * singular.sqrt(), ours)
    assert (ours.gather(0, ours.abs().argmax(0, keepdim=True)) > 0).all()
    assert E.svd_vectors(matrix.to(torch.bfloat16), 2).dtype == torch.bfloat16


# ---------------------------------------------------------------------------------------------- skip-gram


def test_noise_distribution():
    counts = torch.tensor([1, 16, 0, 81])
    assert E.noise_distribution(counts).tolist() == pytest.approx([1 / 36, 8 / 36, 0, 27 / 36])
    assert E.noise_distribution(counts, 0.0).tolist() == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3])


def test_loss_is_binary_cross_entropy():
    from torch.nn.functional import binary_cross_entropy_with_logits as bce

    centre, context, negative = randn(6, 3), randn(6, 3, seed=1), randn(4, 3, seed=2)
    positive = (centre * context).sum(1)
    expected = bce(positive, torch.ones_like(positive)) + 7 * bce(centre @ negative.T, torch.zeros(6, 4, dtype=torch.float64))
    assert E.negative_sampling_loss(centre, context, negative, 7).item() == pytest.approx(expected.item(), rel=1e-12)
    far = E.negative_sampling_loss(centre * 1e3, context, negative, 7)
    assert torch.isfinite(far)


def test_handwritten_gradients_equal_autograd():
    k = 3.0
    centre, around, pool = (randn(3, 4, 5).requires_grad_(), randn(3, 8, 5, seed=1).requires_grad_(), randn(6, 5, seed=2).requires_grad_())
    mask = (torch.rand(3, 4, 8, generator=torch.Generator().manual_seed(3)) < 0.4).double()
    total = torch.zeros((), dtype=torch.float64)
    for b, i, j in mask.nonzero().tolist():
        total = total + E.negative_sampling_loss(centre[b, i][None], around[b, j][None], pool, k)
    total.backward()
    with torch.no_grad():
        gradients = E.skipgram_gradients(centre, around, mask, pool, k)
    for mine, tensor in zip(gradients, (centre, around, pool)):
        assert torch.allclose(mine.reshape(tensor.shape), tensor.grad, rtol=1e-10, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(sentences_of_ids, st.integers(1, 4), st.integers(0, 40))
def test_block_mask_holds_exactly_the_pairs(sentences, window, long):
    sentences = [*sentences, [1, 2, 3, 4] * long]
    ids, sentence = E._flatten(sentences, 6)
    blocks, numbers = E._blocks(ids, sentence, window)
    mask = E._positive_mask(numbers, window)
    found = [(blocks[b, i + window].item(), blocks[b, j].item()) for b, i, j in mask.nonzero().tolist()]
    assert sorted(found) == brute_force_pairs(sentences, window)


def test_module_equals_function():
    model = E.SkipGram(9, 4, torch.Generator().manual_seed(0))
    centres, contexts, negatives = torch.tensor([1, 2, 8]), torch.tensor([0, 0, 3]), torch.tensor([5, 5, 7, 1])
    expected = E.negative_sampling_loss(model.centre[centres], model.context[contexts], model.context[negatives], 4)
    assert torch.equal(model(centres, contexts, negatives, 4), expected)
    assert torch.allclose(model.dot_products()[2, 0], model.centre[2] @ model.context[0])


def test_optimum_makes_the_expected_gradient_zero():
    """At these dot products the derivative of the expected loss is 0 in every cell that occurs (Levy and Goldberg 2014)."""
    counts, k = random_counts(5, 5, seed=2), 3
    noise = E.noise_distribution(counts.sum(0), 0.75)
    logits = E.optimal_dot_products(counts, k, noise)
    gradient = counts * (torch.sigmoid(logits) - 1) + k * counts.sum(1, keepdim=True) * noise * torch.sigmoid(logits)
    assert torch.allclose(gradient[counts > 0], torch.zeros((), dtype=torch.float64), atol=1e-10)
    assert torch.allclose(E.optimal_dot_products(counts, k), E.pmi(counts) - math.log(k))


@pytest.mark.parametrize("device", DEVICES)
def test_training_reaches_the_exact_optimum_when_the_dimension_is_full(device):
    """Six words, dimension six: the learned dot products meet the closed form in every cell within 0.3 (seed fixed)."""
    generator = torch.Generator().manual_seed(0)
    sentences = torch.randint(0, 6, (6000, 5), generator=generator)
    sentences = torch.where(torch.rand(6000, 5, generator=generator) < 0.5, sentences[:, :1], sentences).tolist()
    model = E.SkipGram(6, 6, generator).to(device)
    E.train_skipgram(model, sentences, window=4, epochs=20, negatives_per_pair=2, generator=generator)
    noise = E.noise_distribution(E.word_counts(sentences, 6))
    exact = E.optimal_dot_products(E.cooccurrence_counts(sentences, 6, 4), 2, noise)
    assert (model.dot_products().cpu() - exact).abs().max() < 0.3


def held_out_accuracy(world, vectors, exclude_query=True):
    questions = [[world.index[word] for word in question] for question in world.analogies(held_out=True)]
    return sum(E.analogy(vectors, a, b, c, exclude_query) == d for a, b, c, d in questions) / len(questions)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_bars_of_the_lesson(seed):
    world = generate_world(seed=seed)
    generator, size, sentences = torch.Generator().manual_seed(seed), len(world.vocabulary), world.encode()
    model = E.train_skipgram(E.SkipGram(size, 64, generator), sentences, window=4, generator=generator)
    counts = E.cooccurrence_counts(sentences, size, 4)
    exact = E.optimal_dot_products(counts, 5, E.noise_distribution(E.word_counts(sentences, size)))
    often = counts >= 5
    assert torch.corrcoef(torch.stack((model.dot_products()[often].double(), exact[often])))[0, 1] >= 0.95
    assert held_out_accuracy(world, model.centre.detach()) >= 0.95
    assert held_out_accuracy(world, E.svd_vectors(E.ppmi(counts), 64)) >= 0.95
    vectors = E.WordVectors(world.vocabulary, model.centre.detach())
    kinds = [world.kind_of(word) for row in world.countries for word, _ in vectors.nearest(row.country, 5)]
    assert kinds.count("country") / len(kinds) >= 0.95


# ---------------------------------------------------------------------------------------------- asking


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 2e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_cosine_against_scikit_learn(dtype, tolerance, scale):
    left, right = randn(5, 7).to(dtype), randn(3, 7, seed=1).to(dtype)
    theirs = sklearn_cosine(left.double().numpy(), right.double().numpy())
    assert np.allclose(E.cosine_similarity(left * scale, right * scale).double().numpy(), theirs, rtol=tolerance, atol=tolerance)


def test_cosine_of_zeros_is_zero():
    rows = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert E.cosine_similarity(rows, rows).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("device", DEVICES)
def test_nearest_by_brute_force(device):
    vectors, query = randn(20, 6).to(device), randn(6, seed=1).to(device)
    ids, cosines = E.nearest(vectors, query, 5, exclude=[3, 11, 3])
    expected = sklearn_cosine(vectors.cpu().numpy(), query[None].cpu().numpy())[:, 0]
    order = [i for i in np.argsort(-expected) if i not in (3, 11)][:5]
    assert ids.tolist() == order and np.allclose(cosines.cpu(), expected[order])


def test_analogy_with_and_without_the_query_words():
    """Made up so that the sum lands beside c, and only leaving out c finds d."""
    vectors = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.3, 0.0], [1.0, 0.0, 0.5], [0.6, 0.7, 0.6], [-1.0, 0.2, 0.3]])
    assert E.analogy(vectors, 0, 1, 2) == 3
    assert E.analogy(vectors, 0, 1, 2, exclude_query=False) == 2
    assert E.analogy(vectors * torch.tensor([[1.0], [9.0], [0.2], [3.0], [1.0]]), 0, 1, 2) == 3  # lengths do not matter


def weat_groups(seed=0):
    return [randn(n, 6, seed=seed * 10 + i) for i, n in enumerate((4, 5, 3, 2))]


def test_weat_by_numpy_and_permutation_test_by_scipy():
    from scipy.stats import permutation_test

    x, y, a, b = weat_groups()
    score = lambda w: (sklearn_cosine(w, a).mean(1) - sklearn_cosine(w, b).mean(1))  # noqa: E731
    for_x, for_y = score(x.numpy()), score(y.numpy())
    effect = (for_x.mean() - for_y.mean()) / np.concatenate((for_x, for_y)).std(ddof=1)
    assert E.weat_effect_size(x, y, a, b) == pytest.approx(effect, rel=1e-10)
    difference = lambda p, q, axis=0: p.mean(axis) - q.mean(axis)  # noqa: E731
    scipy_p = permutation_test((for_x, for_y), difference, n_resamples=np.inf, alternative="greater").pvalue
    assert E.weat_p_value(x, y, a, b) == pytest.approx(scipy_p, rel=1e-12)
    assert E.weat_effect_size(y, x, a, b) == pytest.approx(-effect) and E.weat_effect_size(x, y, b, a) == pytest.approx(-effect)


def test_weat_p_value_is_exact_at_its_extremes():
    x, y = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2]]), torch.tensor([[0.0, 1.0], [0.1, 0.9], [0.2, 0.8]])
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert E.weat_p_value(x, y, a, b) == pytest.approx(1 / len(list(combinations(range(6), 3))))
    assert E.weat_p_value(y, x, a, b) == 1.0


@pytest.mark.slow
def test_weat_finds_the_planted_bias_and_none_where_none_is():
    """Without bias the p-value is at most 0.001 once in 1000 worlds; with the bias of 0.6 it is far below."""
    for bias, low, high in [(0.6, 0.0, 0.001), (0.0, 0.001, 1.0)]:
        world = generate_world(seed=4, bias=bias)
        counts = E.cooccurrence_counts(world.encode(), len(world.vocabulary), 4)
        vectors = E.WordVectors(world.vocabulary, E.svd_vectors(E.ppmi(counts), 50))
        groups = [torch.stack([vectors[w] for w in words]) for words in (*world.occupations, world.male_words, world.female_words)]
        assert low <= E.weat_p_value(*groups) <= high


def test_word_vectors_speak_in_words():
    vectors = E.WordVectors(["a", "b", "c", "d", "e"], randn(5, 3))
    assert [word for word, _ in vectors.nearest("a", 4)] and "a" not in dict(vectors.nearest("a", 4))
    assert torch.equal(vectors["c"], vectors.vectors[2])
    assert vectors.analogy("a", "b", "c") in "de"
    with pytest.raises(ValueError, match="'zebra'"):
        vectors.nearest("zebra")
    with pytest.raises(ValueError, match="word twice"):
        E.WordVectors(["a", "a"], randn(2, 3))


def test_works_under_compile_and_gradients_flow():
    loss = torch.compile(E.negative_sampling_loss, backend="eager")
    centre = randn(4, 3).requires_grad_()
    loss(centre, randn(4, 3, seed=1), randn(5, 3, seed=2)).backward()
    assert centre.grad.abs().sum() > 0


def test_half_precision_tables_do_not_overflow():
    counts = torch.full((300, 300), 2.0, dtype=torch.float16)
    counts[0, 0] = 40
    wide = E.pmi(counts.float())
    assert torch.isfinite(E.pmi(counts)).all() and torch.allclose(E.pmi(counts).float(), wide, atol=2e-3)
    assert E.noise_distribution(torch.tensor([10.0, 2.0]), 1e6).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("options", [{"threshold": 1e-30, "epochs": 2}, {"window": 10**12}, {}])
@pytest.mark.parametrize("sentences", [[[0, 1, 2], [], [2, 1]], [[1]], [[0], [2]]])
def test_training_on_next_to_nothing(options, sentences):
    """Subsampling may leave no token, sentences may be empty or of one word: vectors stay finite."""
    start = E.SkipGram(3, 4, torch.Generator().manual_seed(0))
    model = E.train_skipgram(E.SkipGram(3, 4, torch.Generator().manual_seed(0)), sentences, **{"window": 2, "epochs": 1, **options})
    pairs = "threshold" not in options and any(len(sentence) > 1 for sentence in sentences)
    assert torch.isfinite(model.dot_products()).all() and torch.equal(model.centre, start.centre) == (not pairs)


NAN = torch.tensor([[1.0, float("nan")]])
THREE = [[0, 1], [2]]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: E.ppmi(torch.ones(3)), "counts: expected a floating-point tensor"),
        (lambda: E.ppmi(torch.ones(2, 2, dtype=torch.int64)), "counts: expected a floating-point tensor"),
        (lambda: E.ppmi([[1.0]]), "counts: expected a floating-point tensor"),
        (lambda: E.pmi(torch.eye(3).to_sparse()), "counts: expected a floating-point tensor"),
        (lambda: E.pmi(torch.tensor([[3e38, 3e38]])), "counts: expected a sum"),
        (lambda: E.cooccurrence_counts(None, 3, 2), "sentences: expected"),
        (lambda: E.cooccurrence_counts([1, 2], 3, 2), "sentences: expected"),
        (lambda: E.cooccurrence_counts([[0, None]], 3, 2), "sentences: expected"),
        (lambda: E.cooccurrence_counts({0: [1]}, 3, 2), "sentences: expected"),
        (lambda: E.cooccurrence_counts([[], []], 3, 2), "sentences: expected"),
        (lambda: E.cooccurrence_counts((s for s in THREE), 3, 2), "sentences: expected"),
        (lambda: E.cooccurrence_counts(THREE, 10**10, 2), "vocab_size: expected"),
        (lambda: E.keep_probabilities(torch.tensor([1.0, math.inf]), 0.1), "counts: expected"),
        (lambda: E.keep_probabilities(torch.tensor([1j]), 0.1), "counts: expected"),
        (lambda: E.noise_distribution(torch.tensor([1.0, math.nan])), "counts: expected"),
        (lambda: E.skipgram_pairs(THREE, 3, 1, 0.1, 5), "generator: expected"),
        (lambda: E.SkipGram(3, 3, 0), "generator: expected"),
        (lambda: E.train_skipgram(E.SkipGram(3, 3), THREE, generator=3), "generator: expected"),
        (lambda: E.train_skipgram(None, THREE), "model: expected a SkipGram"),
        (lambda: E.train_skipgram(E.SkipGram(3, 3), THREE, epochs=0), "epochs: expected"),
        (lambda: E.train_skipgram(E.SkipGram(3, 3), [[], []]), "sentences: expected"),
        (lambda: E.optimal_dot_products(torch.ones(2, 2), 5, [0.5, 0.5]), "noise: expected"),
        (lambda: E.skipgram_gradients(randn(1, 2, 3), randn(1, 4, 3), randn(1, 2, 5), randn(3, 3), 5.0), "mask: expected"),
        (lambda: E.negative_sampling_loss(randn(2, 3), randn(2, 3), randn(4, 3).float()), "negative: expected torch.float64"),
        (lambda: E.negative_sampling_loss(randn(2, 3), randn(2, 3), randn(4, 3).to("meta")), "negative: expected .* on cpu"),
        (lambda: E.cosine_similarity(randn(2, 3), randn(2, 3).float()), "right: expected torch.float64"),
        (lambda: E.weat_effect_size(randn(2, 3), randn(2, 3), randn(1, 3).float(), randn(1, 3)), "a: expected torch.float64"),
        (lambda: E.nearest(randn(4, 3), randn(3), 1, 2), "exclude: expected"),
        (lambda: E.nearest(randn(4, 3), randn(3), 1, None), "exclude: expected"),
        (lambda: E.nearest(randn(4, 3), randn(3), 1, [1.7]), "exclude: expected"),
        (lambda: E.nearest(randn(4, 3), torch.tensor([1j, 2, 3]), 1), "query: expected"),
        (lambda: E.nearest(randn(4, 3), torch.tensor([math.nan, 2, 3]), 1), "query: expected"),
        (lambda: E.nearest(randn(4, 3), randn(3).to("meta"), 1), "query: expected"),
        (lambda: E.WordVectors(None, randn(2, 3)), "words: expected"),
        (lambda: E.WordVectors([["a"], ["b"]], randn(2, 3)), "words: expected strings"),
        (lambda: E.WordVectors(["a", "b"], randn(2, 3))[["a"]], "word: expected"),
        (lambda: E.ppmi(NAN), "counts: expected finite"),
        (lambda: E.ppmi(-torch.ones(2, 2)), "counts: expected no negative"),
        (lambda: E.ppmi(torch.zeros(2, 2)), "counts: expected at least one"),
        (lambda: E.ppmi(torch.zeros(0, 2)), "counts: expected a floating-point tensor .words, contexts., not empty"),
        (lambda: E.ppmi(torch.ones(2, 2), shift=-1), "shift: expected"),
        (lambda: E.ppmi(torch.ones(2, 2), shift=float("nan")), "shift: expected"),
        (lambda: E.svd_vectors(randn(4, 3), 4), "dim: expected an integer from 1 to 3"),
        (lambda: E.svd_vectors(randn(4, 3), 2, -1), "power: expected"),
        (lambda: E.cooccurrence_counts([], 3, 1), "sentences: expected"),
        (lambda: E.cooccurrence_counts([[]], 3, 1), "sentences: expected"),
        (lambda: E.cooccurrence_counts([["a", "b"]], 3, 1), "sentences: expected a sequence of lists of integer ids"),
        (lambda: E.cooccurrence_counts("text", 3, 1), "sentences: expected"),
        (lambda: E.cooccurrence_counts([[0, 3]], 3, 1), "ids from 0 to 2"),
        (lambda: E.cooccurrence_counts([[0, -1]], 3, 1), "ids from 0 to 2"),
        (lambda: E.cooccurrence_counts([[0.5, 1.0]], 3, 1), "sentences: expected"),
        (lambda: E.skipgram_pairs([[0, 1]], 2, 0), "window: expected"),
        (lambda: E.skipgram_pairs([[0, 1]], 2, 1, threshold=0.0), "threshold: expected"),
        (lambda: E.keep_probabilities(torch.zeros(3), 0.1), "counts: expected"),
        (lambda: E.noise_distribution(torch.tensor([-1, 2])), "counts: expected"),
        (lambda: E.negative_sampling_loss(randn(2, 3), randn(3, 3), randn(4, 3)), "context: expected the shape"),
        (lambda: E.negative_sampling_loss(randn(2, 3), randn(2, 3), randn(4, 2)), "negative: expected vectors of dim 3"),
        (lambda: E.negative_sampling_loss(randn(2, 3), randn(2, 3), randn(4, 3), 0), "negatives_per_pair: expected"),
        (lambda: E.SkipGram(0, 3), "vocab_size: expected"),
        (lambda: E.SkipGram(3, 3)(torch.tensor([3]), torch.tensor([0]), torch.tensor([0])), "centres: expected"),
        (lambda: E.SkipGram(3, 3)(torch.tensor([0.5]), torch.tensor([0]), torch.tensor([0])), "centres: expected"),
        (lambda: E.train_skipgram(E.SkipGram(3, 3), [[0, 5]]), "sentences: expected"),
        (lambda: E.train_skipgram(E.SkipGram(3, 3), [[0, 1]], epochs=0), "epochs: expected"),
        (lambda: E.train_skipgram(E.SkipGram(3, 3), [[0, 1]], learning_rate=-1.0), "learning_rate: expected"),
        (lambda: E.optimal_dot_products(torch.ones(2, 2), 5, torch.ones(2)), "noise: expected probabilities"),
        (lambda: E.optimal_dot_products(torch.ones(2, 2), 5, torch.ones(3) / 3), "noise: expected 2"),
        (lambda: E.cosine_similarity(randn(2, 3), randn(2, 4)), "right: expected rows of dim 3"),
        (lambda: E.cosine_similarity(NAN, NAN), "left: expected finite"),
        (lambda: E.nearest(randn(4, 3), randn(2), 1), "query: expected a tensor .3,."),
        (lambda: E.nearest(randn(4, 3), randn(3), 5), "k: expected an integer from 1 to 4"),
        (lambda: E.nearest(randn(4, 3), randn(3), 4, exclude=[0]), "k: expected an integer from 1 to 3"),
        (lambda: E.nearest(randn(4, 3), randn(3), 1, exclude=[4]), "exclude: expected ids"),
        (lambda: E.analogy(randn(4, 3), 0, 1, 4), "c: expected an integer from 0 to 3"),
        (lambda: E.analogy(randn(4, 3), 0, "b", 2), "b: expected an integer"),
        (lambda: E.weat_effect_size(randn(2, 3), randn(2, 4), randn(2, 3), randn(2, 3)), "y: expected rows of dim 3"),
        (lambda: E.weat_effect_size(*[torch.ones(2, 3)] * 4), "x, y: expected words whose"),
        (lambda: E.weat_p_value(randn(15, 3), randn(15, 3), randn(2, 3), randn(2, 3)), "x, y: expected at most"),
        (lambda: E.WordVectors(["a"], randn(2, 3)), "words: expected 2"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
