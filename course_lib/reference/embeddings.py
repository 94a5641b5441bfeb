"""Word vectors from counts and from prediction, and what can be asked of them.

Papers, in order of use
- counts: Church and Hanks 1990 (pointwise mutual information); Levy, Goldberg, Dagan 2015, TACL 3 (PPMI, SVD vectors)
- skip-gram with negative sampling: Mikolov et al. 2013, arXiv 1310.4546
- its exact optimum, shifted PMI: Levy and Goldberg 2014, NeurIPS 27
- analogy and its trap: Mikolov, Yih, Zweig 2013, NAACL; Nissim, van Noord, van der Goot 2020, arXiv 1905.09866
- WEAT: Caliskan, Bryson, Narayanan 2017, Science 356, arXiv 1608.07187

Words are integer ids from 0 to `vocab_size - 1`; `WordVectors` puts names to them. Everything runs on the device of its
inputs, on CPU, CUDA and MPS (counts need float64, which MPS lacks: count on the CPU). Logarithms are natural.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb, isfinite

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

# ------------------------------------------------------------------------------------------------ what comes in


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_matrix(
    matrix: object, name: str, rows: str = "rows", columns: str = "columns", like: Tensor | None = None
) -> None:
    """A finite floating-point tensor of two dimensions, neither empty, of the type and on the device of `like`."""
    expected = f"a floating-point tensor ({rows}, {columns})"
    dense = isinstance(matrix, Tensor) and matrix.is_floating_point() and matrix.layout == torch.strided
    _check(dense, name, expected, _describe(matrix))
    _check(matrix.ndim == 2 and matrix.numel() > 0, name, f"{expected}, not empty", _describe(matrix))
    if like is not None:
        _check(matrix.dtype == like.dtype and matrix.device == like.device, name, f"{like.dtype} on {like.device}",
               f"{matrix.dtype} on {matrix.device}")  # fmt: skip
    _check(bool(torch.isfinite(matrix).all()), name, "finite numbers", "NaN or infinity")


def _check_counts(counts: object, name: str = "counts") -> None:
    _check_matrix(counts, name, "words", "contexts")
    _check(bool((counts >= 0).all()), name, "no negative numbers", f"a smallest entry of {counts.min().item():g}")
    _check(bool(counts.any()), name, "at least one count above 0", "zeros only")
    _check(bool(torch.isfinite(_wide(counts).sum())), name, "a sum that its type can hold", "an infinite sum")


def _wide(matrix: Tensor) -> Tensor:
    """Half precision as float32: its sums and logarithms are too coarse."""
    return matrix if matrix.dtype in (torch.float32, torch.float64) else matrix.float()


def _check_occurrences(counts: object) -> None:
    good = isinstance(counts, Tensor) and counts.ndim == 1 and not counts.is_complex()
    good = good and bool(((counts >= 0) & torch.isfinite(counts)).all()) and bool(counts.any())
    _check(good, "counts", "a one-dimensional tensor of finite numbers, not negative, not all 0", _describe(counts))


def _check_generator(generator: object) -> None:
    good = generator is None or (isinstance(generator, torch.Generator) and generator.device.type == "cpu")
    _check(good, "generator", "a torch.Generator on the CPU or None",
           f"one on {generator.device}" if isinstance(generator, torch.Generator) else repr(generator))  # fmt: skip


def _check_integer(value: object, name: str, least: int, most: float = float("inf")) -> None:
    expected = f"an integer from {least}" + ("" if most == float("inf") else f" to {most}")
    _check(isinstance(value, int) and not isinstance(value, bool) and least <= value <= most, name, expected, repr(value))


def _check_number(value: object, name: str, least: float, *, open_end: bool = False) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
    _check(good and (value > least if open_end else value >= least), name,
           f"a number {'above' if open_end else 'of at least'} {least:g}", repr(value))  # fmt: skip


def _check_ids(ids: object, name: str, size: int) -> None:
    expected = f"a one-dimensional int64 tensor of ids from 0 to {size - 1}, not empty"
    good = isinstance(ids, Tensor) and ids.ndim == 1 and ids.dtype == torch.int64 and ids.numel() > 0
    _check(good, name, expected, _describe(ids))
    _check(0 <= ids.min() and ids.max() < size, name, expected, f"ids from {int(ids.min())} to {int(ids.max())}")


def _describe(value: object) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:80]


Sentences = Sequence[Sequence[int]]


def _flatten(sentences: Sentences, vocab_size: int) -> tuple[Int[Tensor, "tokens"], Int[Tensor, "tokens"]]:
    """All ids in a row, and beside each the number of its sentence."""
    _check_integer(vocab_size, "vocab_size", 1)
    expected = "a sequence of lists of integer ids, not empty"
    sized = hasattr(sentences, "__len__") and not isinstance(sentences, (str, dict))
    _check(sized and len(sentences) > 0, "sentences", expected, repr(sentences)[:80])
    try:
        lengths = torch.tensor([len(sentence) for sentence in sentences])
        ids = torch.tensor([word for sentence in sentences for word in sentence])
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"sentences: expected {expected}, got {sentences!r}"[:200]) from error
    _check_ids(ids, "sentences", vocab_size)
    return ids, torch.repeat_interleave(torch.arange(len(sentences)), lengths)


# ------------------------------------------------------------------------------------------------ counting


def _pair_ids(ids: Tensor, sentence: Tensor, window: int) -> Iterator[tuple[Tensor, Tensor]]:
    """For each distance from 1 to `window`: the left and the right words of all pairs inside one sentence."""
    for distance in range(1, min(window, len(ids) - 1) + 1):
        together = sentence[distance:] == sentence[:-distance]
        yield ids[:-distance][together], ids[distance:][together]


def cooccurrence_counts(sentences: Sentences, vocab_size: int, window: int) -> Float[Tensor, "vocab vocab"]:
    """How often word j stands at most `window` places from word i in the same sentence. Row = centre, column = context.

    float64, symmetric, whole numbers. Time is linear in the number of tokens times the window.
    """
    ids, sentence = _flatten(sentences, vocab_size)
    _check_integer(window, "window", 1)
    _check_integer(vocab_size, "vocab_size", 1, 30_000)  # the table has its square in numbers: 7 GB
    counts = torch.zeros(vocab_size * vocab_size, dtype=torch.float64)
    for left, right in _pair_ids(ids, sentence, window):
        counts += torch.bincount(left * vocab_size + right, minlength=vocab_size * vocab_size)
    counts = counts.view(vocab_size, vocab_size)
    return counts + counts.T


def pmi(counts: Float[Tensor, "words contexts"]) -> Float[Tensor, "words contexts"]:
    """Pointwise mutual information log( P(w, c) / (P(w) P(c)) ), in nats; -infinity where the count is 0.

    P(w) and P(c) are the row and column sums over the total. A row or column of zeros gives -infinity throughout.
    """
    _check_counts(counts)
    wide = _wide(counts)
    total, rows, columns = wide.sum(), wide.sum(1, keepdim=True), wide.sum(0, keepdim=True)
    ratio = wide.log() + total.log() - rows.log() - columns.log()
    return ratio.masked_fill(counts == 0, -torch.inf).to(counts.dtype)


def ppmi(counts: Float[Tensor, "words contexts"], shift: float = 0.0) -> Float[Tensor, "words contexts"]:
    """Positive PMI, max(PMI - shift, 0); 0 where the count is 0. With shift = log k it is the shifted PPMI of
    Levy and Goldberg 2014, section 4.1."""
    _check_number(shift, "shift", 0.0)
    return (pmi(counts) - shift).clamp(min=0)


def svd_vectors(
    matrix: Float[Tensor, "words contexts"], dim: int, power: float = 1.0
) -> Float[Tensor, "words dim"]:
    """The best rank-`dim` picture of the rows: U_d S_d^power of the singular value decomposition.

    power 1 keeps the rows' dot products as well as any rank can; 0.5 splits the singular values evenly between words and
    contexts, and 0 drops them (Levy, Goldberg, Dagan 2015, section 3.3 compare the three). Each column's sign makes its
    largest entry positive.
    """
    _check_matrix(matrix, "matrix", "words", "contexts")
    _check_integer(dim, "dim", 1, min(matrix.shape))
    _check_number(power, "power", 0.0)
    left, singular, _ = torch.linalg.svd(_wide(matrix), full_matrices=False)
    left = left[:, :dim]
    largest = left.gather(0, left.abs().argmax(0, keepdim=True))
    return (left * torch.where(largest < 0, -1.0, 1.0) * singular[:dim] ** power).to(matrix.dtype)


# ------------------------------------------------------------------------------------------------ skip-gram


def word_counts(sentences: Sentences, vocab_size: int) -> Int[Tensor, "vocab"]:
    """How often each word occurs."""
    return torch.bincount(_flatten(sentences, vocab_size)[0], minlength=vocab_size)


def keep_probabilities(counts: Tensor, threshold: float) -> Float[Tensor, "vocab"]:
    """The chance that an occurrence of each word is kept: min(1, sqrt(threshold / frequency)), 1310.4546 section 2.3.

    `counts` are the words' numbers of occurrences; a word that never occurs gets 1. float64.
    """
    _check_occurrences(counts)
    _check_number(threshold, "threshold", 0.0, open_end=True)
    frequency = counts.double() / counts.sum()
    return (threshold / frequency).sqrt().clamp(max=1.0)


def skipgram_pairs(
    sentences: Sentences,
    vocab_size: int,
    window: int,
    threshold: float | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Int[Tensor, "pairs"], Int[Tensor, "pairs"]]:
    """(centres, contexts): every ordered pair of different positions of one sentence at most `window` apart.

    With a `threshold`, each occurrence is first dropped with probability 1 - min(1, sqrt(threshold / frequency)), and the
    window spans the gap, as in word2vec. Both tensors are empty when no sentence has two words left. The order of the pairs
    is not part of the contract.
    """
    ids, sentence = _flatten(sentences, vocab_size)
    _check_integer(window, "window", 1)
    _check_generator(generator)
    if threshold is not None:
        keep = keep_probabilities(torch.bincount(ids, minlength=vocab_size), threshold)
        kept = torch.rand(len(ids), dtype=torch.float64, generator=generator) < keep[ids]
        ids, sentence = ids[kept], sentence[kept]
    pairs = [pair for left, right in _pair_ids(ids, sentence, window) for pair in ((left, right), (right, left))]
    if not pairs:
        return ids[:0], ids[:0].clone()
    return torch.cat([centre for centre, _ in pairs]), torch.cat([context for _, context in pairs])


def noise_distribution(counts: Tensor, power: float = 0.75) -> Float[Tensor, "vocab"]:
    """Probabilities of the negative samples, in proportion to counts^power (1310.4546 section 2.2 takes 3/4)."""
    _check_occurrences(counts)
    _check_number(power, "power", 0.0)
    raised = torch.where(counts > 0, (counts.double() / counts.max()) ** power, 0.0)
    return raised / raised.sum()


def negative_sampling_loss(
    centre: Float[Tensor, "batch dim"],
    context: Float[Tensor, "batch dim"],
    negative: Float[Tensor, "pool dim"],
    negatives_per_pair: int = 5,
) -> Float[Tensor, ""]:
    """-log s(centre . context) - k mean over the pool of log s(-centre . negative), averaged over the batch; s = sigmoid.

    1310.4546 equation 4 with k = `negatives_per_pair`. The paper draws k fresh negatives for each pair; here the batch
    shares one pool, each weighted k / pool. The expectation is the same, and the work is one matrix product.
    """
    for name, vectors in (("centre", centre), ("context", context), ("negative", negative)):
        _check_matrix(vectors, name, "batch", "dim", like=None if vectors is centre else centre)
    _check(centre.shape == context.shape, "context", f"the shape of centre, {tuple(centre.shape)}", tuple(context.shape))
    _check(negative.shape[1] == centre.shape[1], "negative", f"vectors of dim {centre.shape[1]}", tuple(negative.shape))
    _check_number(negatives_per_pair, "negatives_per_pair", 0.0, open_end=True)
    attract = F.logsigmoid((centre * context).sum(-1))  # (batch,)
    repel = F.logsigmoid(-centre @ negative.T).mean(-1)  # (batch,)
    return -(attract + negatives_per_pair * repel).mean()


class SkipGram(nn.Module):
    """Two vectors a word: `centre` when it predicts, `context` when it is predicted (1310.4546, section 2)."""

    def __init__(self, vocab_size: int, dim: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        _check_integer(vocab_size, "vocab_size", 1)
        _check_integer(dim, "dim", 1)
        _check_generator(generator)
        scale = 0.3 / dim**0.5  # vectors of length about 0.3
        self.centre = nn.Parameter(torch.randn(vocab_size, dim, generator=generator) * scale)
        self.context = nn.Parameter(torch.randn(vocab_size, dim, generator=generator) * scale)

    def forward(
        self,
        centres: Int[Tensor, "batch"],
        contexts: Int[Tensor, "batch"],
        negatives: Int[Tensor, "pool"],
        negatives_per_pair: int = 5,
    ) -> Float[Tensor, ""]:
        """The loss of a batch of pairs of ids against a shared pool of negative ids."""
        for name, ids in (("centres", centres), ("contexts", contexts), ("negatives", negatives)):
            _check_ids(ids, name, len(self.centre))
        return negative_sampling_loss(
            self.centre[centres], self.context[contexts], self.context[negatives], negatives_per_pair
        )

    def dot_products(self) -> Float[Tensor, "vocab vocab"]:
        """Centre vector of the row's word times context vector of the column's word."""
        return self.centre.detach() @ self.context.detach().T


def optimal_dot_products(
    counts: Float[Tensor, "words contexts"], negatives_per_pair: int, noise: Float[Tensor, "contexts"] | None = None
) -> Float[Tensor, "words contexts"]:
    """What centre . context tends to when the dimension does not bind: log( #(w, c) / (#(w) k q(c)) ).

    q is the noise distribution, P(c) when none is given: then it is PMI - log k (Levy and Goldberg 2014, equation 7).
    -infinity where the count is 0.
    """
    _check_counts(counts)
    _check_number(negatives_per_pair, "negatives_per_pair", 0.0, open_end=True)
    good = noise is None or (isinstance(noise, Tensor) and not noise.is_complex())
    _check(good, "noise", "a tensor of probabilities or None", repr(noise)[:80])
    columns = counts.sum(0) / counts.sum() if noise is None else noise.to(counts)
    _check(columns.shape == counts.shape[1:], "noise", f"{counts.shape[1]} probabilities", tuple(columns.shape))
    _check(bool((columns >= 0).all()) and abs(columns.sum().item() - 1) < 1e-4, "noise", "probabilities that sum to 1",
           f"a sum of {columns.sum().item():g}")  # fmt: skip
    logits = counts.log() - counts.sum(1, keepdim=True).log() - (negatives_per_pair * columns).log()
    return logits.masked_fill(counts == 0, -torch.inf)


# ------------------------------------------------------------------------------------------------ fast training

_BLOCK = 32  # tokens that are scored against each other's windows in one small matrix product


class _RowAdagrad:
    """Adagrad (Duchi et al. 2011) that touches only the rows with a gradient.

    The squares start at 1: started at 0, the first step has one length for every entry, however small its gradient, and the
    noise that this writes into the vectors stays.
    """

    def __init__(self, weight: Tensor) -> None:
        self.weight, self.squares = weight, torch.ones_like(weight)

    def step(self, ids: Tensor, gradient: Tensor, learning_rate: float) -> None:
        rows, place = torch.unique(ids, return_inverse=True)
        total = gradient.new_zeros(len(rows), gradient.shape[1]).index_add_(0, place, gradient)
        squares = self.squares[rows] + total**2
        self.squares[rows] = squares
        self.weight[rows] -= learning_rate * total / squares.sqrt()


def _blocks(ids: Tensor, sentence: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """(blocks, _BLOCK + 2 window): ids and sentence numbers of every block with a margin of `window` on both sides.

    Padding has sentence number -1 on the outside, -2 in the centre, so it matches nothing.
    """
    tail = -len(ids) % _BLOCK if len(ids) else _BLOCK  # where nothing is left, one block of padding
    ids = F.pad(ids, (window, tail + window))
    sentence = F.pad(F.pad(sentence, (window, 0), value=-1), (0, tail + window), value=-2)
    width = _BLOCK + 2 * window
    return ids.unfold(0, width, _BLOCK), sentence.unfold(0, width, _BLOCK)


def _positive_mask(sentence: Tensor, window: int) -> Tensor:
    """(blocks, _BLOCK, _BLOCK + 2 window): which of the block's neighbourhood are contexts of each centre."""
    centre = torch.arange(_BLOCK, device=sentence.device)[:, None] + window
    other = torch.arange(_BLOCK + 2 * window, device=sentence.device)
    near = ((centre - other).abs() <= window) & (centre != other)
    inside = sentence[:, window:-window]
    return near & (inside[:, :, None] == sentence[:, None, :]) & (inside >= 0)[:, :, None]


def skipgram_gradients(
    centre: Float[Tensor, "blocks block dim"],
    around: Float[Tensor, "blocks width dim"],
    mask: Float[Tensor, "blocks block width"],
    pool: Float[Tensor, "pool dim"],
    negatives_per_pair: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the summed loss with respect to `centre`, `around` and `pool`, without autograd.

    The derivative of -log s(x) is s(x) - 1, that of -log s(-x) is s(x). A centre's negative term does not depend on which
    context it is paired with, so it is computed once and weighted by the number of its pairs.
    """
    expected = (*centre.shape[:2], around.shape[1])
    _check(mask.shape == expected, "mask", f"shape {expected}", tuple(mask.shape))
    attract = (torch.sigmoid(centre @ around.mT) - 1) * mask
    weight = mask.sum(-1, keepdim=True) * (negatives_per_pair / len(pool))
    repel = torch.sigmoid(centre @ pool.T) * weight
    to_centre = attract @ around + repel @ pool
    return to_centre, attract.mT @ centre, repel.flatten(0, 1).T @ centre.flatten(0, 1)


def train_skipgram(
    model: SkipGram,
    sentences: Sentences,
    *,
    window: int = 5,
    negatives_per_pair: int = 5,
    threshold: float | None = None,
    noise_power: float = 0.75,
    epochs: int = 5,
    learning_rate: float = 0.5,
    batch_tokens: int = 256,
    pool_size: int = 64,
    generator: torch.Generator | None = None,
) -> SkipGram:
    """Trains in place and returns the model. Windows, subsampling and noise as in `skipgram_pairs` and
    `noise_distribution`; the learning rate falls linearly to a tenth. Random numbers come from `generator` (on the CPU).

    Fast because no pair is ever written down: blocks of consecutive tokens are scored against their surroundings with
    small matrix products under a mask, negatives with one large one, and gradients are written by hand.
    """
    _check(isinstance(model, SkipGram), "model", "a SkipGram", type(model).__name__)
    vocab_size = len(model.centre)
    ids, sentence = _flatten(sentences, vocab_size)
    _check_training(window, negatives_per_pair, epochs, learning_rate, batch_tokens, pool_size)
    _check_generator(generator)
    window = min(window, max(map(len, sentences)))  # no sentence reaches further
    occurrences = torch.bincount(ids, minlength=vocab_size)
    noise = noise_distribution(occurrences, noise_power)
    keep = None if threshold is None else keep_probabilities(occurrences, threshold)
    steppers = _RowAdagrad(model.centre.data), _RowAdagrad(model.context.data)
    for epoch in range(epochs):
        kept = slice(None) if keep is None else torch.rand(len(ids), generator=generator, dtype=torch.float64) < keep[ids]
        blocks = [part.to(model.centre.device) for part in _blocks(ids[kept], sentence[kept], window)]
        order = torch.randperm(len(blocks[0]), generator=generator).split(max(1, batch_tokens // _BLOCK))
        pools = torch.multinomial(noise, pool_size * len(order), replacement=True, generator=generator)
        for step, (batch, pool) in enumerate(zip(order, pools.to(model.centre.device).split(pool_size))):
            rate = learning_rate * (1 - 0.9 * (epoch + step / len(order)) / epochs)
            batch = batch.to(model.centre.device)
            _train_step(steppers, blocks[0][batch], blocks[1][batch], pool, window, negatives_per_pair, rate)
    return model


def _train_step(steppers, ids, sentence, pool, window, negatives_per_pair, learning_rate) -> None:
    centre_table, context_table = steppers
    middle = ids[:, window:-window]  # (blocks, block)
    centre, around = centre_table.weight[middle], context_table.weight[ids]
    mask = _positive_mask(sentence, window).to(centre.dtype)
    gradients = skipgram_gradients(centre, around, mask, context_table.weight[pool], negatives_per_pair)
    to_centre, to_around, to_pool = (gradient.flatten(0, -2) for gradient in gradients)
    centre_table.step(middle.flatten(), to_centre, learning_rate)
    context_table.step(torch.cat((ids.flatten(), pool)), torch.cat((to_around, to_pool)), learning_rate)


def _check_training(window, negatives_per_pair, epochs, learning_rate, batch_tokens, pool_size) -> None:
    _check_integer(window, "window", 1)
    _check_integer(negatives_per_pair, "negatives_per_pair", 1)
    _check_integer(epochs, "epochs", 1)
    _check_number(learning_rate, "learning_rate", 0.0, open_end=True)
    _check_integer(batch_tokens, "batch_tokens", 1)
    _check_integer(pool_size, "pool_size", 1)


# ------------------------------------------------------------------------------------------------ asking the vectors


def cosine_similarity(
    left: Float[Tensor, "m dim"], right: Float[Tensor, "n dim"]
) -> Float[Tensor, "m n"]:
    """Cosine of the angle between every row of `left` and every row of `right`; 0 where a row is all zeros."""
    _check_matrix(left, "left", "m", "dim")
    _check_matrix(right, "right", "n", "dim", like=left)
    _check(left.shape[1] == right.shape[1], "right", f"rows of dim {left.shape[1]}", tuple(right.shape))
    return _unit_rows(left) @ _unit_rows(right).T


def _unit_rows(rows: Tensor) -> Tensor:
    """Rows of length 1; a row of zeros stays. Dividing by the largest entry first keeps tiny and huge rows exact."""
    largest = rows.abs().amax(-1, keepdim=True)
    scaled = rows / torch.where(largest > 0, largest, 1)
    length = scaled.norm(dim=-1, keepdim=True)
    return scaled / torch.where(length > 0, length, 1)


def nearest(
    vectors: Float[Tensor, "vocab dim"], query: Float[Tensor, "dim"], k: int, exclude: Sequence[int] = ()
) -> tuple[Int[Tensor, "k"], Float[Tensor, "k"]]:
    """Ids and cosines of the k rows with the largest cosine to `query`, best first, leaving out the ids in `exclude`."""
    _check_matrix(vectors, "vectors", "vocab", "dim")
    good = isinstance(query, Tensor) and query.shape == vectors.shape[1:] and not query.is_complex()
    _check(good, "query", f"a tensor ({vectors.shape[1]},)", _describe(query))
    _check(query.device == vectors.device, "query", f"a tensor on {vectors.device}", f"one on {query.device}")
    _check(bool(torch.isfinite(query).all()), "query", "finite numbers", "NaN or infinity")
    try:
        left_out = sorted({operator.index(word) for word in exclude})
    except TypeError as error:
        raise ValueError(f"exclude: expected integer ids, got {exclude!r}"[:200]) from error
    good = all(0 <= word < len(vectors) for word in left_out)
    _check(good, "exclude", f"ids from 0 to {len(vectors) - 1}", left_out)
    _check_integer(k, "k", 1, len(vectors) - len(left_out))
    cosines = cosine_similarity(vectors, query[None].to(vectors.dtype))[:, 0]
    cosines[left_out] = -torch.inf
    best = cosines.topk(k)
    return best.indices, best.values


def analogy(
    vectors: Float[Tensor, "vocab dim"], a: int, b: int, c: int, exclude_query: bool = True
) -> int:
    """The id d such that a is to b as c is to d: the row nearest to b - a + c, rows first scaled to length 1.

    The three query words are left out, as everywhere in the literature. That choice does much of the work: without it the
    answer is often b or c itself (Nissim et al. 2020, section 2). `exclude_query=False` shows it.
    """
    _check_matrix(vectors, "vectors", "vocab", "dim")
    for name, word in (("a", a), ("b", b), ("c", c)):
        _check_integer(word, name, 0, len(vectors) - 1)
    unit = _unit_rows(vectors)
    ids, _ = nearest(unit, unit[b] - unit[a] + unit[c], 1, exclude=(a, b, c) if exclude_query else ())
    return int(ids)


def _associations(vectors: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """s(w, A, B) for all w of X and of Y: mean cosine with A minus mean cosine with B."""
    for name, rows in vectors.items():
        _check_matrix(rows, name, "words", "dim", like=None if name == "x" else vectors["x"])
        _check(rows.shape[1] == vectors["x"].shape[1], name, f"rows of dim {vectors['x'].shape[1]}", tuple(rows.shape))
    x, y, a, b = vectors.values()
    return tuple(cosine_similarity(w, a).mean(1) - cosine_similarity(w, b).mean(1) for w in (x, y))


def weat_effect_size(
    x: Float[Tensor, "nx dim"], y: Float[Tensor, "ny dim"], a: Float[Tensor, "na dim"], b: Float[Tensor, "nb dim"]
) -> float:
    """Word Embedding Association Test: how much more X than Y is associated with A rather than B, in standard deviations.

    (mean over X of s - mean over Y of s) / standard deviation of s over X and Y together (n - 1 in the denominator), where
    s(w) = mean cosine(w, A) - mean cosine(w, B). Between -2 and 2 (nearly) when both groups have one size, however weak the
    bias: it measures separation, not strength, so report `weat_p_value` beside it. Caliskan et al. 2017, Methods.
    """
    for_x, for_y = _associations({"x": x, "y": y, "a": a, "b": b})
    both = torch.cat((for_x, for_y))
    _check(len(both) > 1 and bool(both.std() > 0), "x, y", "words whose associations differ", "no spread")
    return ((for_x.mean() - for_y.mean()) / both.std()).item()


def weat_p_value(
    x: Float[Tensor, "nx dim"], y: Float[Tensor, "ny dim"], a: Float[Tensor, "na dim"], b: Float[Tensor, "nb dim"]
) -> float:
    """Exact one-sided p-value: the share of all ways to choose X's places among X and Y together whose difference of means
    is at least the observed one (ties within 1e-12 count). Caliskan et al. 2017 use groups of one size and a strict >;
    counting the observed split itself keeps the test valid. At most 200,000 splits."""
    for_x, for_y = _associations({"x": x, "y": y, "a": a, "b": b})
    scores, size = torch.cat((for_x, for_y)).double(), len(for_x)
    _check(comb(len(scores), size) <= 200_000, "x, y", "at most 200,000 splits", comb(len(scores), size))
    splits = torch.tensor(list(combinations(range(len(scores)), size)), device=scores.device)
    sums = scores[splits].sum(1)
    observed = scores[:size].sum()
    return (sums >= observed - 1e-12).double().mean().item()


class WordVectors:
    """Vectors with names: the same questions asked in words. An unknown word is a ValueError that names it."""

    def __init__(self, words: Sequence[str], vectors: Float[Tensor, "vocab dim"]) -> None:
        _check_matrix(vectors, "vectors", "vocab", "dim")
        _check(hasattr(words, "__len__") and len(words) == len(vectors), "words", f"{len(vectors)} words", repr(words)[:80])
        _check(all(isinstance(word, str) for word in words), "words", "strings", repr(words)[:80])
        self.words, self.vectors = tuple(words), vectors
        self.index = {word: i for i, word in enumerate(self.words)}
        _check(len(self.index) == len(self.words), "words", "words that differ", "a word twice")

    def id_of(self, word: str) -> int:
        _check(isinstance(word, str) and word in self.index, "word", f"one of the {len(self.words)} known words", repr(word))
        return self.index[word]

    def __getitem__(self, word: str) -> Float[Tensor, "dim"]:
        return self.vectors[self.id_of(word)]

    def nearest(self, word: str, k: int = 5) -> list[tuple[str, float]]:
        """The k other words nearest to `word` and their cosines, best first."""
        ids, cosines = nearest(self.vectors, self[word], k, exclude=(self.id_of(word),))
        return [(self.words[i], cosine) for i, cosine in zip(ids.tolist(), cosines.tolist())]

    def analogy(self, a: str, b: str, c: str, exclude_query: bool = True) -> str:
        """a is to b as c is to the word that comes back."""
        return self.words[analogy(self.vectors, *map(self.id_of, (a, b, c)), exclude_query=exclude_query)]
