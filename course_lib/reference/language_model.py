"""Language models that predict the next token: n-grams with Kneser-Ney smoothing, a neural bigram, an MLP; and their training.

Papers, in order of use
- entropy, and n-grams as a model of text: Shannon 1948, Bell System Technical Journal 27
- smoothing: Kneser and Ney 1995, ICASSP; *modified* and interpolated: Chen and Goodman 1999, Computer Speech and Language 13
- where no discount can be estimated: the fallback of KenLM, Heafield et al. 2013, ACL
- the MLP: Bengio, Ducharme, Vincent, Jauvin 2003, JMLR 3
- schedule: Loshchilov and Hutter 2017, arXiv 1608.03983; clipping: Pascanu, Mikolov, Bengio 2013, arXiv 1211.5063

Tokens are integer ids from 0 to `vocab_size - 1`. Logarithms are natural, so losses are in nats per token. A model is called as
`model(ids) -> logits`, ids (batch, length), logits (batch, length, vocab_size): the logits at place t predict token t + 1 and
see no token behind t. The models run on CPU, CUDA and MPS, in float32, float64 and bfloat16, and under `torch.compile`; the
n-grams are plain Python and run on the CPU.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Sequence
from math import cos, exp, isfinite, log, pi
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

Context = tuple[int, ...]
Counts = dict[Context, dict[int, int]]
FALLBACK_DISCOUNTS = (0.0, 0.5, 1.0, 1.5)

# ------------------------------------------------------------------------------------------------ what comes in


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_integer(value: object, name: str, least: int) -> None:
    _check(isinstance(value, int) and not isinstance(value, bool) and value >= least, name, f"an integer from {least}", repr(value))


def _check_number(value: object, name: str, least: float, *, open_end: bool = False) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
    good = good and (value > least if open_end else value >= least)
    _check(good, name, f"a number {'above' if open_end else 'of at least'} {least:g}", repr(value))


def _as_ids(ids: object, name: str, vocab_size: int | None = None) -> list[int]:
    """A row of ids as a list of Python integers; bytes are ids too."""
    if isinstance(ids, Tensor):
        _check(ids.ndim == 1 and ids.dtype in (torch.int32, torch.int64), name, "a row of integers", f"{ids.dtype} {tuple(ids.shape)}")
        ids = ids.tolist()
    _check(isinstance(ids, (list, tuple, bytes)), name, "a row of integers (list, tuple, bytes or tensor)", type(ids).__name__)
    good = all(isinstance(token, int) and not isinstance(token, bool) for token in ids)
    _check(good, name, "integers only", "something else among them")
    if ids and vocab_size is not None:
        _check(0 <= min(ids) and max(ids) < vocab_size, name, f"ids from 0 to {vocab_size - 1}", f"{min(ids)} to {max(ids)}")
    return list(ids)


def _check_batch(ids: object, vocab_size: int) -> None:
    good = isinstance(ids, Tensor) and ids.ndim == 2 and ids.dtype == torch.int64 and ids.shape[1] > 0
    _check(good, "ids", "an int64 tensor (batch, length), length at least 1", f"{getattr(ids, 'dtype', type(ids))} "
           f"{tuple(getattr(ids, 'shape', ()))}")  # fmt: skip


# ------------------------------------------------------------------------------------------------ n-grams


def ngram_counts(ids: Sequence[int] | bytes | Int[Tensor, "length"], order: int) -> Counts:
    """How often each token follows each context of `order - 1` tokens: `counts[context][token]`.

    Contexts are tuples; only what occurs has an entry. A text shorter than `order` gives an empty table.
    """
    _check_integer(order, "order", 1)
    row = _as_ids(ids, "ids")
    counts: Counts = {}
    for end in range(order - 1, len(row)):
        followers = counts.setdefault(tuple(row[end - order + 1 : end]), {})
        followers[row[end]] = followers.get(row[end], 0) + 1
    return counts


def continuation_counts(longer: Counts) -> Counts:
    """In how many different left neighbours' company each shorter n-gram occurs (Kneser and Ney 1995).

    `longer` counts n-grams; the result is for those without their first token: `result[context[1:]][token]` is the number
    of different first tokens that stand before them. Raises ValueError for contexts of length 0.
    """
    _check(() not in longer, "longer", "contexts of at least one token", "the empty context")
    counts: Counts = {}
    for context, followers in longer.items():
        shorter = counts.setdefault(context[1:], {})
        for token in followers:
            shorter[token] = shorter.get(token, 0) + 1
    return counts


def estimate_discounts(counts: Counts) -> tuple[float, float, float, float]:
    """D(0), D(1), D(2), D(3 and more): what modified Kneser-Ney takes off a count (Chen and Goodman 1999).

    From n_i, the number of n-grams that are counted exactly i times. Where one of n_1 to n_4 is 0, or a discount would leave
    the range from 0 to its count, all are KenLM's fallback 0, 0.5, 1, 1.5.
    """
    _check(bool(counts), "counts", "at least one n-gram", "none")
    number = [0] * 5
    for followers in counts.values():
        for count in followers.values():
            if count <= 4:
                number[count] += 1
    if not all(number[1:]):
        return FALLBACK_DISCOUNTS
    ratio = number[1] / (number[1] + 2 * number[2])
    discounts = [i - (i + 1) * ratio * number[i + 1] / number[i] for i in (1, 2, 3)]
    if any(not 0 <= discount <= i for i, discount in enumerate(discounts, 1)):
        return FALLBACK_DISCOUNTS
    return (0.0, *discounts)


class KneserNey:
    """An n-gram model with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999).

    The longest n-grams are counted, shorter ones by their different left neighbours. From each count c a discount D(c) is
    taken, and what that frees is shared out by the next shorter context; the shortest shares it evenly over the vocabulary:

        p_k(token | context) = (c - D(c)) / total + (sum of the discounts / total) * p_(k-1)(token | context without its first)

    So each token has a probability above 0 (where any discount is), and they sum to one in every context. A context that was
    never seen gives way to the next shorter one. Make one with `KneserNey.train`.
    """

    def __init__(self, levels: list[dict[Context, tuple[dict[int, float], float]]], vocab_size: int) -> None:
        self._levels = levels  # level k: context of k tokens -> its tokens' discounted shares, and the share that is left
        self.vocab_size = vocab_size
        self.order = len(levels)

    @classmethod
    def train(cls, ids: Sequence[int] | bytes | Int[Tensor, "length"], order: int, vocab_size: int = 256) -> KneserNey:
        """Count a text. Order 1 sees no context, order 8 the last 7 tokens.

        Raises ValueError for an order below 1, a text shorter than the order, and ids outside the vocabulary.
        """
        _check_integer(order, "order", 1)
        _check_integer(vocab_size, "vocab_size", 1)
        row = _as_ids(ids, "ids", vocab_size)
        _check(len(row) >= order, "ids", f"a text of at least {order} tokens", f"{len(row)}")
        tables = [continuation_counts(ngram_counts(row, k + 1)) for k in range(1, order)] + [ngram_counts(row, order)]
        return cls([_shares(table) for table in tables], vocab_size)

    def probability(self, context: Sequence[int], token: int) -> float:
        """p(token | context); of the context the last `order - 1` tokens count."""
        past = tuple(context)
        value = 1 / self.vocab_size
        for length, level in enumerate(self._levels[: len(past) + 1]):
            found = level.get(past[len(past) - length :])
            if found is None:  # then no longer context was seen either
                break
            shares, left = found
            value = shares.get(token, 0.0) + left * value
        return value

    def probabilities(self, context: Sequence[int]) -> Float[Tensor, "vocab_size"]:
        """p(token | context) of every token, in float64; they sum to one."""
        past = _as_ids(context, "context", self.vocab_size)
        return torch.tensor([self.probability(past, token) for token in range(self.vocab_size)], dtype=torch.float64)

    def log_probability(self, ids: Sequence[int] | bytes | Int[Tensor, "length"]) -> float:
        """Natural logarithm of the probability of a text; its first tokens see the shorter context that there is."""
        row = _as_ids(ids, "ids", self.vocab_size)
        reach = self.order - 1
        values = (self.probability(row[max(0, place - reach) : place], token) for place, token in enumerate(row))
        return sum(map(_log, values))

    def sample(
        self, length: int, prompt: Sequence[int] = (), temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> list[int]:
        """`length` new tokens after `prompt`, each drawn from p ** (1 / temperature), made to sum to one."""
        _check_integer(length, "length", 0)
        _check_number(temperature, "temperature", 0, open_end=True)
        row = _as_ids(prompt, "prompt", self.vocab_size)
        for _ in range(length):
            log_weights = self.probabilities(row[max(0, len(row) - self.order + 1) :]).log() / temperature
            row.append(int(torch.multinomial(log_weights.softmax(0), 1, generator=generator)))
        return row[len(row) - length :]


def _shares(table: Counts) -> dict[Context, tuple[dict[int, float], float]]:
    """For each context: what each token keeps after its discount, as a share of the total, and the share that is freed."""
    discounts = estimate_discounts(table)
    shares = {}
    for context, followers in table.items():
        total = sum(followers.values())
        kept = {token: (count - discounts[min(count, 3)]) / total for token, count in followers.items()}
        shares[context] = kept, sum(discounts[min(count, 3)] for count in followers.values()) / total
    return shares


def _log(value: float) -> float:
    return log(value) if value > 0 else -float("inf")


# ------------------------------------------------------------------------------------------------ what a model is measured by


def cross_entropy(logits: Float[Tensor, "*places vocab_size"], targets: Int[Tensor, "*places"]) -> Float[Tensor, ""]:
    """The mean of -log p(target), in nats per token, from logits of any size without overflow.

    log p = logit - max - log(sum(exp(logits - max))): no exponential is above 1, and the sum is at least 1.
    """
    good = isinstance(logits, Tensor) and logits.is_floating_point() and logits.ndim > 0 and logits.numel() > 0
    _check(good, "logits", "a floating-point tensor (..., vocab_size), not empty", getattr(logits, "shape", type(logits).__name__))
    good = isinstance(targets, Tensor) and targets.dtype == torch.int64 and targets.shape == logits.shape[:-1]
    _check(good, "targets", f"an int64 tensor of shape {tuple(logits.shape[:-1])}", f"{getattr(targets, 'dtype', type(targets))} "
           f"{tuple(getattr(targets, 'shape', ()))}")  # fmt: skip
    shifted = logits - logits.detach().amax(-1, keepdim=True)
    chosen = shifted.gather(-1, targets[..., None])[..., 0]
    return (shifted.exp().sum(-1).log() - chosen).mean()


def bits_per_byte(nats_per_token: float, tokens: int, text_bytes: int) -> float:
    """What a byte of text costs in bits: the loss of all its tokens, in bits, over its bytes in UTF-8.

    Unlike the loss per token or the perplexity it does not depend on how the text was cut into tokens.
    """
    _check_number(nats_per_token, "nats_per_token", 0)
    _check_integer(tokens, "tokens", 1)
    _check_integer(text_bytes, "text_bytes", 1)
    return nats_per_token * tokens / log(2) / text_bytes


def perplexity(nats_per_token: float) -> float:
    """exp(loss): the size of the vocabulary among which an even choice would be as uncertain."""
    _check_number(nats_per_token, "nats_per_token", 0)
    return exp(nats_per_token)


# ------------------------------------------------------------------------------------------------ neural models


class NeuralBigram(nn.Module):
    """One row of logits for each token: all that the last token alone can say about the next."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        _check_integer(vocab_size, "vocab_size", 1)
        self.vocab_size = vocab_size
        self.logits = nn.Embedding(vocab_size, vocab_size)
        nn.init.normal_(self.logits.weight, std=0.02)

    def forward(self, ids: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocab_size"]:
        _check_batch(ids, self.vocab_size)
        return self.logits(ids)


class MLPLanguageModel(nn.Module):
    """Bengio et al. 2003, section 2: the vectors of the last `context` tokens, one tanh layer, logits (without direct connections).

    Before the first token of a row stands a token of its own, the id `vocab_size`, so that every place has a full context.
    """

    def __init__(self, vocab_size: int, context: int, embedding_dim: int, hidden_dim: int) -> None:
        super().__init__()
        for name, value in [("vocab_size", vocab_size), ("context", context), ("embedding_dim", embedding_dim), ("hidden_dim", hidden_dim)]:
            _check_integer(value, name, 1)
        self.vocab_size, self.context = vocab_size, context
        self.embedding = nn.Embedding(vocab_size + 1, embedding_dim)
        self.hidden = nn.Linear(context * embedding_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, vocab_size)

    def forward(self, ids: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocab_size"]:
        _check_batch(ids, self.vocab_size)
        vectors = self.embedding(F.pad(ids, (self.context - 1, 0), value=self.vocab_size))  # (batch, length + context - 1, embedding_dim)
        windows = vectors.unfold(1, self.context, 1).transpose(2, 3).flatten(2)  # (batch, length, context * embedding_dim)
        return self.output(torch.tanh(self.hidden(windows)))


# ------------------------------------------------------------------------------------------------ training


def get_batch(
    ids: Int[Tensor, "text"], batch_size: int, length: int, generator: torch.Generator | None = None
) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch length"]]:
    """Rows of `length` tokens from places drawn evenly, and the same rows one token later: inputs and targets.

    `generator` belongs to the CPU, whatever the device of `ids`, so that a seed gives the same batches everywhere.
    """
    _check(isinstance(ids, Tensor) and ids.ndim == 1 and ids.dtype == torch.int64, "ids", "an int64 row", type(ids).__name__)
    _check_integer(batch_size, "batch_size", 1)
    _check_integer(length, "length", 1)
    _check(len(ids) > length, "ids", f"more than length = {length} tokens", f"{len(ids)}")
    starts = torch.randint(len(ids) - length, (batch_size, 1), generator=generator)
    rows = ids[(starts + torch.arange(length + 1)).to(ids.device)]
    return rows[:, :-1], rows[:, 1:]


def lr_schedule(step: int, warmup_steps: int, total_steps: int, max_lr: float, min_lr: float = 0.0) -> float:
    """Learning rate of a step (from 0): a straight line up to `max_lr` in `warmup_steps`, then half a cosine down to `min_lr`.

    The first step has `max_lr / warmup_steps`, step `warmup_steps` has `max_lr`, all from `total_steps` on have `min_lr`.
    """
    _check_integer(step, "step", 0)
    _check_integer(warmup_steps, "warmup_steps", 0)
    _check_integer(total_steps, "total_steps", warmup_steps + 1)
    _check_number(max_lr, "max_lr", 0, open_end=True)
    _check_number(min_lr, "min_lr", 0)
    if step < warmup_steps:
        return max_lr * (step + 1) / warmup_steps
    done = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
    return min_lr + (max_lr - min_lr) * (1 + cos(pi * done)) / 2


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Int[Tensor, "batch length"],
    targets: Int[Tensor, "batch length"],
    lr: float,
    max_norm: float = 1.0,
) -> float:
    """One step of the optimizer on one batch; returns the loss before it, in nats per token.

    Gradients are scaled down where their norm, over all parameters together, is above `max_norm`.
    """
    _check_number(lr, "lr", 0)
    _check_number(max_norm, "max_norm", 0, open_end=True)
    for group in optimizer.param_groups:
        group["lr"] = lr
    loss = cross_entropy(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(
    model: Callable[[Tensor], Tensor], ids: Int[Tensor, "text"], length: int, batch_size: int = 32, overlap: int = 0
) -> float:
    """The loss on a whole text, in nats per token; every token but the first is predicted once.

    The text is read in rows of `length`. Of each row but the first the first `overlap` tokens only serve as context.
    """
    good = isinstance(ids, Tensor) and ids.ndim == 1 and ids.dtype == torch.int64 and len(ids) > 1
    _check(good, "ids", "an int64 row of at least 2 tokens", getattr(ids, "shape", type(ids).__name__))
    _check_integer(length, "length", 1)
    _check_integer(batch_size, "batch_size", 1)
    _check(isinstance(overlap, int) and 0 <= overlap < length, "overlap", f"an integer from 0 to {length - 1}", repr(overlap))
    was_training = getattr(model, "training", False)
    if was_training:
        model.eval()
    total = sum(_summed_loss(model, rows, new) for rows, new in _rows(ids, length, batch_size, overlap))
    if was_training:
        model.train()
    return total / (len(ids) - 1)


def _rows(ids: Tensor, length: int, batch_size: int, overlap: int) -> Iterable[tuple[Tensor, int]]:
    """Batches of rows of inputs and their last target, each with how many of its first tokens are new."""
    stride = length - overlap
    length = min(length, len(ids) - 1)
    starts = range(0, len(ids) - length, stride)
    yield ids[None, : length + 1], length
    for some in torch.tensor(starts[1:], dtype=torch.int64).split(batch_size):
        if len(some):
            yield ids[(some[:, None] + torch.arange(length + 1)).to(ids.device)], stride
    rest = len(ids) - 1 - (starts[-1] + length)
    if rest > 0:
        yield ids[None, -length - 1 :], rest


def _summed_loss(model: Callable[[Tensor], Tensor], rows: Int[Tensor, "batch length"], new: int) -> float:
    """The loss of the last `new` places of each row, summed up; in float32 for a model in bfloat16."""
    logits = model(rows[:, :-1])[:, -new:]
    logits = logits.float() if logits.dtype == torch.bfloat16 else logits
    return cross_entropy(logits, rows[:, -new:]).item() * len(rows) * new


# ------------------------------------------------------------------------------------------------ checkpoints


def save_weights(model: nn.Module, path: str | os.PathLike) -> None:
    """Write a model's weights, all or nothing: the file appears under its name only when it is complete.

    The file is read by `torch.load(path, weights_only=True)`. Raises ValueError where the folder does not exist.
    """
    path = Path(path)
    _check(path.parent.is_dir(), "path", "a file in a folder that exists", str(path))
    weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        torch.save(weights, part)
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def load_weights(model: nn.Module, path: str | os.PathLike) -> None:
    """Read weights that `save_weights` wrote into a model of the same shape, on its device and in its dtype.

    Raises FileNotFoundError where there is no file, and ValueError where it is damaged or belongs to a model of another shape;
    the model is then as it was.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, pickle.UnpicklingError) as error:
        raise ValueError(f"path: expected a checkpoint of save_weights, got a file that cannot be read: {path}") from error
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    good = isinstance(weights, dict) and all(isinstance(value, Tensor) for value in weights.values())
    found = {name: tuple(value.shape) for name, value in weights.items()} if good else type(weights).__name__
    _check(found == expected, "path", f"weights of the shapes {expected}", found)
    model.load_state_dict(weights)
