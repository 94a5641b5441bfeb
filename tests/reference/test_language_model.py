"""Against exact fractions by brute force, torch's own losses, schedules and layers, and a language whose entropy rate is known."""

import math
import random
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.languages import MarkovLanguage
from course_lib.reference import language_model as L

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
texts = st.lists(st.integers(0, 3), min_size=1, max_size=40)


def random_text(length, symbols, seed):
    """Uneven enough that the discounts can be estimated."""
    source = random.Random(seed)
    return [min(int(source.expovariate(6 / symbols)), symbols - 1) for _ in range(length)]


def randomise(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


# ---------------------------------------------------------------------------------------------- n-grams


def brute_discounts(counts):
    """Chen and Goodman's equation 17 in fractions; `counts` maps whole n-grams to numbers."""
    n = [Fraction(sum(c == i for c in counts.values())) for i in range(5)]
    if 0 in n[1:]:
        return [Fraction(i, 2) for i in range(4)]
    y = n[1] / (n[1] + 2 * n[2])
    d = [Fraction(0), 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
    return d if all(0 <= d[i] <= i for i in range(4)) else [Fraction(i, 2) for i in range(4)]


def brute_kneser_ney(ids, order, context, token, size):
    """From the definition, by searching the text; every level counts anew."""
    def counts_of(length):
        grams = [tuple(ids[k : k + length]) for k in range(len(ids) - length + 1)]
        if length == order:
            return {gram: grams.count(gram) for gram in grams}
        longer = {tuple(ids[k : k + length + 1]) for k in range(len(ids) - length)}
        return {gram: sum(other[1:] == gram for other in longer) for gram in {other[1:] for other in longer}}

    def p(past):
        below = Fraction(1, size) if not past else p(past[1:])
        counts = counts_of(len(past) + 1)
        discounts = brute_discounts(counts)
        own = {gram[-1]: c for gram, c in counts.items() if gram[:-1] == past}
        if not own:
            return below
        taken = sum(discounts[min(c, 3)] for c in own.values())
        c = own.get(token, 0)
        return (c - discounts[min(c, 3)] + taken * below) / sum(own.values())

    return p(tuple(context)[max(0, len(context) - order + 1) :])


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 4), st.lists(st.integers(0, 3), max_size=4), st.integers(0, 3))
def test_kneser_ney_is_the_definition_in_fractions(ids, order, context, token):
    if len(ids) < order:
        return
    model = L.KneserNey.train(ids, order, vocab_size=4)
    expected = brute_kneser_ney(ids, order, context, token, 4)
    assert model.probability(context, token) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_kneser_ney_where_the_discounts_are_estimated(order):
    ids = random_text(400, 40, seed=order)
    model = L.KneserNey.train(ids, order, vocab_size=41)
    assert L.estimate_discounts(L.ngram_counts(ids, 2)) != L.FALLBACK_DISCOUNTS
    for context in (ids[:order], ids[40:44], [40, 0, 1], []):
        expected = [float(brute_kneser_ney(ids, order, context, token, 41)) for token in range(0, 41, 4)]
        torch.testing.assert_close(model.probabilities(context)[::4], torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=0)


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 8), st.lists(st.integers(0, 4), max_size=9))
def test_probabilities_sum_to_one_in_every_context(ids, order, context):
    if len(ids) >= order:
        probabilities = L.KneserNey.train(ids, order, vocab_size=5).probabilities(context)
        assert probabilities.sum().item() == pytest.approx(1, abs=1e-12) and bool((probabilities > 0).all())


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 5))
def test_counts_by_brute_force(ids, order):
    grams = [tuple(ids[k : k + order]) for k in range(len(ids) - order + 1)]
    counts = L.ngram_counts(ids, order)
    assert {(*context, token): c for context, row in counts.items() for token, c in row.items()} == {g: grams.count(g) for g in grams}
    if order > 1:
        shorter = {(*context, token): c for context, row in L.continuation_counts(counts).items() for token, c in row.items()}
        assert shorter == {g[1:]: len({h[0] for h in set(grams) if h[1:] == g[1:]}) for g in grams}


def test_log_probability_is_the_product():
    ids = random_text(200, 6, seed=1)
    model = L.KneserNey.train(ids, 4, vocab_size=6)
    values = [model.probability(ids[:place], ids[place]) for place in range(50)]
    assert model.log_probability(ids[:50]) == pytest.approx(sum(map(math.log, values)), rel=1e-12)
    assert model.log_probability(torch.tensor(ids[:50])) == model.log_probability(ids[:50])
    assert L.KneserNey.train(b"abracadabra", 3).log_probability(b"abra") == pytest.approx(
        L.KneserNey.train(list(b"abracadabra"), 3).log_probability(list(b"abra")))


def test_kneser_ney_reaches_a_known_entropy_rate():
    language = MarkovLanguage.random(symbols=5, order=2, seed=3)
    model = L.KneserNey.train(language.sample(60_000, seed=1), 3, vocab_size=5)
    fresh = language.sample(20_000, seed=2)
    loss, best = -model.log_probability(fresh) / len(fresh), -language.log_probability(fresh) / len(fresh)
    assert best < loss < 1.01 * best


def test_samples_have_the_probabilities():
    """Chi-squared with 5 degrees of freedom below 40: a right function fails once in five million; the seed is fixed."""
    model = L.KneserNey.train(random_text(200, 5, seed=4), 2, vocab_size=6)
    generator = torch.Generator().manual_seed(0)
    for temperature in (1.0, 0.5):
        drawn = torch.tensor([model.sample(1, [2], temperature, generator)[0] for _ in range(3000)]).bincount(minlength=6)
        weights = model.probabilities([2]) ** (1 / temperature)
        expected = 3000 * weights / weights.sum()
        assert ((drawn - expected) ** 2 / expected).sum() < 40
    assert model.sample(0) == [] and len(model.sample(7, [1], generator=generator)) == 7


@pytest.mark.parametrize("call, words", [
    (lambda: L.ngram_counts([1, 2], 0), "order: expected an integer from 1, got 0"),
    (lambda: L.ngram_counts("abc", 1), "ids: expected a row of integers"),
    (lambda: L.ngram_counts([1.5], 1), "ids: expected integers only"),
    (lambda: L.KneserNey.train([1, 2], 3), "ids: expected a text of at least 3 tokens, got 2"),
    (lambda: L.KneserNey.train([1, 9], 1, vocab_size=4), "ids: expected ids from 0 to 3, got 1 to 9"),
    (lambda: L.KneserNey.train([1, 2], 1, vocab_size=4).sample(3, temperature=0), "temperature: expected a number above 0"),
    (lambda: L.continuation_counts({(): {1: 1}}), "longer: expected contexts of at least one token"),
    (lambda: L.estimate_discounts({}), "counts: expected at least one n-gram"),
    (lambda: L.cross_entropy(torch.zeros(2, 3), torch.zeros(3, dtype=torch.long)), "targets: expected an int64 tensor of shape"),
    (lambda: L.cross_entropy(torch.zeros(2, 3).long(), torch.zeros(2).long()), "logits: expected a floating-point tensor"),
    (lambda: L.bits_per_byte(1.0, 0, 3), "tokens: expected an integer from 1"),
    (lambda: L.perplexity(float("nan")), "nats_per_token: expected a number"),
    (lambda: L.get_batch(torch.arange(5), 2, 5), "ids: expected more than length = 5 tokens, got 5"),
    (lambda: L.lr_schedule(0, 5, 5, 1.0), "total_steps: expected an integer from 6"),
    (lambda: L.NeuralBigram(4)(torch.zeros(3, dtype=torch.long)), "ids: expected an int64 tensor"),
    (lambda: L.MLPLanguageModel(4, 0, 2, 2), "context: expected an integer from 1"),
    (lambda: L.evaluate(L.NeuralBigram(4), torch.zeros(9, dtype=torch.long), 4, overlap=4), "overlap: expected an integer from 0 to 3"),
])
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + words.replace("(", r"\(")):
        call()


# ---------------------------------------------------------------------------------------------- loss and measures


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype, rtol", [(torch.float64, 1e-10), (torch.float32, 2e-5), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("scale", [1, 30])
def test_cross_entropy_and_its_gradient(device, dtype, rtol, scale):
    generator = torch.Generator().manual_seed(1)
    logits = (scale * torch.randn(3, 4, 7, generator=generator, dtype=torch.float64)).to(device, dtype).requires_grad_()
    targets = torch.randint(7, (3, 4), generator=generator).to(device)
    loss = L.cross_entropy(logits, targets)
    exact = logits.detach().double().requires_grad_()
    expected = F.cross_entropy(exact.flatten(0, 1), targets.flatten())
    loss.backward()
    expected.backward()
    assert loss.dtype == dtype and loss.shape == ()
    torch.testing.assert_close(loss.double(), expected, rtol=rtol, atol=1e-12)
    torch.testing.assert_close(logits.grad.double(), exact.grad, rtol=rtol, atol={torch.float64: 1e-15, torch.float32: 1e-6}.get(dtype, 3e-3))


def test_cross_entropy_does_not_overflow():
    logits = torch.tensor([[0.0, 1e4], [-1e4, 0.0], [1e4, 1e4]])
    assert L.cross_entropy(logits, torch.tensor([0, 1, 1])).item() == pytest.approx((1e4 + math.log(2)) / 3, rel=1e-6)
    assert L.cross_entropy(torch.tensor([0.0, 0.0]), torch.tensor(1)).item() == pytest.approx(math.log(2))


def test_bits_and_perplexity():
    assert L.bits_per_byte(math.log(2), 3, 6) == pytest.approx(0.5)
    assert L.perplexity(math.log(7)) == pytest.approx(7)


# ---------------------------------------------------------------------------------------------- models


def mlp_by_loops(model, ids):
    """One place at a time, with the equation of Bengio et al."""
    out = torch.empty(*ids.shape, model.vocab_size, dtype=model.output.weight.dtype)
    for row, tokens in enumerate(ids.tolist()):
        for place in range(len(tokens)):
            past = ([model.vocab_size] * model.context + tokens[: place + 1])[-model.context :]
            x = torch.cat([model.embedding.weight[token] for token in past])
            out[row, place] = model.output.weight @ torch.tanh(model.hidden.weight @ x + model.hidden.bias) + model.output.bias
    return out


@pytest.mark.parametrize("context, length", [(1, 5), (3, 5), (6, 4), (4, 1)])
def test_mlp_and_its_gradients_by_loops(context, length):
    model = randomise(L.MLPLanguageModel(7, context, 3, 5).double(), seed=context)
    ids = torch.randint(7, (2, length), generator=torch.Generator().manual_seed(2))
    got, expected = model(ids), mlp_by_loops(model, ids)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
    weights = torch.randn(got.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for mine, theirs in zip(*(torch.autograd.grad((out * weights).sum(), list(model.parameters())) for out in (got, expected))):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("model", [L.MLPLanguageModel(7, 3, 4, 5), L.NeuralBigram(7)])
def test_no_place_sees_what_follows(model):
    model = randomise(model.double())
    ids = torch.randint(7, (1, 8), generator=torch.Generator().manual_seed(2))
    for place in range(8):
        changed = ids.clone()
        changed[0, place] = (changed[0, place] + 1) % 7
        differs = (model(ids) != model(changed)).any(-1)[0].nonzero()[:, 0].tolist()
        assert differs == list(range(place, min(8, place + getattr(model, "context", 1))))


@pytest.mark.slow
@pytest.mark.parametrize("model", [L.MLPLanguageModel(7, 3, 4, 5), L.NeuralBigram(7)])
def test_models_compile_into_one_graph(model):
    ids = torch.randint(7, (2, 9), generator=torch.Generator().manual_seed(2))
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(ids), model(ids))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_devices_and_dtypes(device, dtype):
    model = randomise(L.MLPLanguageModel(7, 3, 4, 5).double())
    ids = torch.randint(7, (2, 9), generator=torch.Generator().manual_seed(2))
    expected = model(ids)
    got = model.to(device, dtype)(ids.to(device))
    assert got.dtype == dtype
    tolerance = {torch.float32: 2e-5, torch.bfloat16: 1e-1}[dtype]
    torch.testing.assert_close(got.cpu().double(), expected, rtol=tolerance, atol=5 * tolerance)


# ---------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("device", DEVICES)
def test_batches(device):
    ids = torch.arange(50, 62, device=device)
    inputs, targets = L.get_batch(ids, 3000, 4, torch.Generator().manual_seed(0))
    assert inputs.device.type == device and torch.equal(targets, inputs + 1) and torch.equal(inputs[:, 1:], targets[:, :-1])
    drawn = (inputs[:, 0].cpu() - 50).bincount(minlength=8)
    assert len(drawn) == 8 and ((drawn - 375) ** 2 / 375).sum() < 45  # chi-squared, 7 degrees: once in seven million
    again, _ = L.get_batch(ids, 3000, 4, torch.Generator().manual_seed(0))
    assert torch.equal(again, inputs)


def test_schedule_is_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    ramp = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / 5, total_iters=4)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=0.01)
    both = torch.optim.lr_scheduler.SequentialLR(optimizer, [ramp, cosine], milestones=[5])
    for step in range(26):
        assert L.lr_schedule(step, 5, 25, 0.3, 0.01) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        both.step()
    assert L.lr_schedule(40, 5, 25, 0.3, 0.01) == pytest.approx(0.01) and L.lr_schedule(0, 0, 3, 0.3) == 0.3


@pytest.mark.parametrize("max_norm", [0.05, 100.0])
def test_steps_are_gradient_descent_by_hand(max_norm):
    model = randomise(L.MLPLanguageModel(7, 2, 3, 4).double())
    other = randomise(L.MLPLanguageModel(7, 2, 3, 4).double())
    optimizer = torch.optim.SGD(model.parameters(), lr=9.0)
    for seed in range(3):
        ids = torch.randint(7, (2, 6), generator=torch.Generator().manual_seed(seed))
        loss = F.cross_entropy(other(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        gradients = torch.autograd.grad(loss, list(other.parameters()))
        norm = torch.cat([g.flatten() for g in gradients]).norm()
        with torch.no_grad():
            for parameter, gradient in zip(other.parameters(), gradients):
                parameter -= 0.3 * gradient * min(1.0, max_norm / (norm + 1e-6))
        assert L.train_step(model, optimizer, ids[:, :-1], ids[:, 1:], 0.3, max_norm) == pytest.approx(loss.item(), rel=1e-10)
    for mine, theirs in zip(model.parameters(), other.parameters()):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def test_a_bigram_learns_a_known_language():
    language = MarkovLanguage.random(symbols=4, order=1, seed=1)
    torch.manual_seed(0)
    model, ids = L.NeuralBigram(4), language.sample(20_000, seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0)
    generator = torch.Generator().manual_seed(0)
    for step in range(300):
        L.train_step(model, optimizer, *L.get_batch(ids, 16, 16, generator), L.lr_schedule(step, 10, 300, 0.1))
    fresh = language.sample(20_000, seed=2)
    assert L.evaluate(model, fresh, 100) == pytest.approx(-language.log_probability(fresh) / len(fresh), rel=0.01)


@pytest.mark.parametrize("length, overlap, batch_size", [(5, 0, 3), (7, 3, 2), (1, 0, 4), (60, 20, 2), (41, 0, 1), (20, 19, 8)])
@pytest.mark.parametrize("size", [2, 9, 41, 42, 50])
def test_evaluate_predicts_every_token_once(length, overlap, batch_size, size):
    model = randomise(L.NeuralBigram(7).double())
    ids = torch.randint(7, (size,), generator=torch.Generator().manual_seed(size))
    expected = F.cross_entropy(model(ids[None, :-1])[0], ids[1:]).item()
    assert L.evaluate(model, ids, length, batch_size, overlap) == pytest.approx(expected, rel=1e-10)


def test_evaluate_with_enough_overlap_is_one_long_row_and_keeps_the_mode():
    model = randomise(L.MLPLanguageModel(7, 4, 3, 5).double())
    ids = torch.randint(7, (64,), generator=torch.Generator().manual_seed(0))
    expected = F.cross_entropy(model(ids[None, :-1])[0], ids[1:]).item()
    assert L.evaluate(model, ids, 10, overlap=3) == pytest.approx(expected, rel=1e-10) and model.training
    assert L.evaluate(model, ids, 10, overlap=0) != pytest.approx(expected, rel=1e-6)


# ---------------------------------------------------------------------------------------------- checkpoints


def test_weights_come_back(tmp_path):
    model, other = randomise(L.MLPLanguageModel(7, 2, 3, 4)), L.MLPLanguageModel(7, 2, 3, 4)
    L.save_weights(model, tmp_path / "model.pt")
    L.load_weights(other, tmp_path / "model.pt")
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values()))
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_bad_checkpoints_are_told_apart(tmp_path):
    model = randomise(L.NeuralBigram(5))
    before = model.logits.weight.clone()
    L.save_weights(model, tmp_path / "good.pt")
    whole = (tmp_path / "good.pt").read_bytes()
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        L.load_weights(model, tmp_path / "none.pt")
    for number, damaged in enumerate([b"", b"hello", whole[: len(whole) // 2], b"\0" * 500]):
        (tmp_path / f"{number}.pt").write_bytes(damaged)
        with pytest.raises(ValueError, match="cannot be read"):
            L.load_weights(model, tmp_path / f"{number}.pt")
    with pytest.raises(ValueError, match="weights of the shapes"):
        L.load_weights(L.NeuralBigram(6), tmp_path / "good.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="weights of the shapes"):
        L.load_weights(model, tmp_path / "list.pt")
    with pytest.raises(ValueError, match="a folder that exists"):
        L.save_weights(model, tmp_path / "nowhere" / "model.pt")
    assert torch.equal(model.logits.weight, before)


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    model = randomise(L.NeuralBigram(5))
    L.save_weights(model, tmp_path / "model.pt")
    before = (tmp_path / "model.pt").read_bytes()
    monkeypatch.setattr(torch, "save", lambda *arguments: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        L.save_weights(model, tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_bytes() == before and len(list(tmp_path.iterdir())) == 1
