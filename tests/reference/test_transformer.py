"""Against torch's own layers, all parameters drawn at random, values and all gradients; steps against the whole; search against counting."""

import itertools
import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data.number_words import number_pairs, words
from course_lib.reference import transformer as T

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
# As FACTS asks; bfloat16 has 8 bits, and the errors of a stack add up.
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=5e-2, atol=8e-2)}
each_norm = pytest.mark.parametrize("norm", T.NORMS)
each_position = pytest.mark.parametrize("positions", T.POSITIONS)


def randn(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def randomise(module, seed=0, scale=0.3):
    for number, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(scale * randn(*parameter.shape, seed=100 * seed + number))
    return module


def randint(high, *shape, seed, low=0):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


def close(one, other, dtype):
    """Relative to the largest entry: sums over batch and length carry errors of its size."""
    scale = max(1.0, other.abs().max().item())
    torch.testing.assert_close(one / scale, other / scale, **TOLERANCES[dtype])


# ---------------------------------------------------------------------------------------------- positions


@pytest.mark.parametrize("length, width, base", [(1, 2, 10_000.0), (7, 6, 10_000.0), (300, 20, 50.0)])
def test_sinusoidal_positions(length, width, base):
    table = T.sinusoidal_positions(length, width, base, dtype=torch.float64)
    for place, pair in itertools.product(range(length), range(width // 2)):
        angle = place / base ** (2 * pair / width)
        assert table[place, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-12)
        assert table[place, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-12)
    assert T.sinusoidal_positions(3, 4).dtype == torch.float32


@pytest.mark.parametrize("dim, base", [(2, 10_000.0), (8, 10_000.0), (6, 100.0)])
def test_rotary_is_a_complex_product(dim, base):
    x, places = randn(2, 3, 5, dim, seed=1), torch.tensor([0, 1, 4, 100, 7])
    frequencies = torch.tensor([base ** (-2 * pair / dim) for pair in range(dim // 2)], dtype=torch.float64)
    turned = torch.complex(*x.chunk(2, -1)) * torch.polar(torch.ones(5, dim // 2, dtype=torch.float64), places[:, None] * frequencies)
    torch.testing.assert_close(T.rotary_embedding(x, places, base), torch.cat((turned.real, turned.imag), -1), rtol=1e-12, atol=1e-12)


def test_rotary_is_that_of_llama():
    modeling = pytest.importorskip("transformers.models.llama.modeling_llama")
    query, key = randn(2, 3, 7, 8, seed=1, dtype=torch.float32), randn(2, 3, 7, 8, seed=2, dtype=torch.float32)
    angles = torch.arange(7)[:, None] * 10_000.0 ** (-torch.arange(0, 8, 2) / 8)
    angles = torch.cat((angles, angles), -1)[None]
    expected = modeling.apply_rotary_pos_emb(query, key, angles.cos(), angles.sin())
    for x, wanted in zip((query, key), expected):
        torch.testing.assert_close(T.rotary_embedding(x), wanted, rtol=2e-5, atol=1e-5)


def test_rotary_products_depend_on_the_distance_and_norms_stay():
    query, key = randn(1, 8, seed=1), randn(1, 8, seed=2)
    at = lambda x, place: T.rotary_embedding(x, torch.tensor([place]))
    products = [(at(query, place) @ at(key, place + 3).mT).item() for place in (0, 5, 1000)]
    assert products == pytest.approx([products[0]] * 3, abs=1e-10)
    assert (at(query, 0) @ at(key, 4).mT).item() != pytest.approx(products[0], abs=1e-3)
    torch.testing.assert_close(at(query, 77).norm(), query.norm())


def test_rotary_angles_are_exact_in_bfloat16():
    x = torch.ones(1, 2, dtype=torch.bfloat16)
    one, other = (T.rotary_embedding(x, torch.tensor([place])).double() for place in (1000, 1001))
    assert (one - other).norm() > 0.5


# ---------------------------------------------------------------------------------------------- norm and loss


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape, scale, eps", [((4, 5), 1, 1e-5), ((2, 3, 6), 1e-3, 1e-5), ((7,), 30, 1e-2), ((2, 1), 1, 1e-5)])
def test_layer_norm_and_gradients(shape, scale, eps, dtype):
    leaves = [(scale * randn(*shape, seed=1)).to(dtype), randn(shape[-1], seed=2, dtype=dtype), randn(shape[-1], seed=3, dtype=dtype)]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    got, expected = T.layer_norm(*leaves, eps), F.layer_norm(leaves[0], shape[-1:], *leaves[1:], eps)
    close(got, expected, dtype)
    weights = randn(*shape, seed=4, dtype=dtype)
    for one, other in zip(*(torch.autograd.grad((out * weights).sum(), leaves) for out in (got, expected)), strict=True):
        close(one, other, dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape, vocab, smoothing, ignore", [((3, 4), 7, 0.1, 0), ((5,), 2, 0.4, None), ((2, 3), 5, 0.0, 3), ((1, 1), 9, 0.9, None)])
def test_label_smoothed_loss_and_gradient(shape, vocab, smoothing, ignore, dtype):
    logits = (10 * randn(*shape, vocab, seed=1)).to(dtype).requires_grad_()
    targets = randint(vocab, *shape, seed=2)
    if ignore is not None:
        targets.view(-1)[0] = 1
    got = T.label_smoothed_loss(logits, targets, smoothing, ignore)
    expected = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), label_smoothing=smoothing, ignore_index=-100 if ignore is None else ignore)
    close(got, expected, dtype)
    close(*(torch.autograd.grad(value, logits)[0] for value in (got, expected)), dtype)


# ---------------------------------------------------------------------------------------------- blocks against torch


def torch_layer(cross, norm_first, activation, width, heads, ff_width, dtype, device):
    kind = nn.TransformerDecoderLayer if cross else nn.TransformerEncoderLayer
    layer = kind(width, heads, ff_width, dropout=0.0, activation=activation, batch_first=True, norm_first=norm_first, dtype=torch.float64)
    return randomise(layer).to(device, dtype)


def parameters_in_torch_order(block):
    """The block's parameters in the order of torch's layer: in_proj (stacked), out_proj, feed-forward, norms."""

    def of_attention(attention, name):
        parts = (attention.query, attention.key, attention.value)
        return {
            f"{name}.in_proj_weight": [part.weight for part in parts], f"{name}.in_proj_bias": [part.bias for part in parts],
            f"{name}.out_proj.weight": [attention.output.weight], f"{name}.out_proj.bias": [attention.output.bias],
        }  # fmt: skip

    named = of_attention(block.attention, "self_attn")
    norms = [block.norm_attention, block.norm_feed_forward]
    if block.cross is not None:
        named |= of_attention(block.cross, "multihead_attn")
        norms.insert(1, block.norm_cross)
    modules = {"linear1": block.wide, "linear2": block.narrow} | {f"norm{number}": norm for number, norm in enumerate(norms, 1)}
    for name, module in modules.items():
        named |= {f"{name}.weight": [module.weight], f"{name}.bias": [module.bias]}
    return named


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation, width, heads, ff_width, batch, length, memory_length, causal, padded", [
    ("relu", 8, 2, 12, 3, 5, 4, False, False), ("gelu", 6, 3, 7, 2, 4, 6, True, True), ("relu", 4, 1, 9, 1, 1, 3, True, False),
    ("gelu", 10, 5, 16, 2, 7, 5, False, True),
])  # fmt: skip
def test_blocks_and_all_gradients_are_torchs(device, dtype, cross, norm_first, activation, width, heads, ff_width, batch, length, memory_length, causal, padded):
    layer = torch_layer(cross, norm_first, activation, width, heads, ff_width, dtype, device)
    block = T.TransformerBlock.from_torch(layer)
    assert block.norm == ("pre" if norm_first else "post")
    x = randn(batch, length, width, seed=1, dtype=dtype).to(device).requires_grad_()
    memory = randn(batch, memory_length, width, seed=2, dtype=dtype).to(device).requires_grad_() if cross else None
    real = torch.ones(batch, length, dtype=torch.bool, device=device)
    memory_real = torch.ones(batch, memory_length, dtype=torch.bool, device=device)
    if padded:
        real[-1, length // 2 + 1 :] = False
        memory_real[0, 1:] = False
    future = torch.ones(length, length, dtype=torch.bool, device=device).triu(1) if causal else None
    masks = dict(mask=real[:, None, None, :] if padded else None, causal=causal)
    if cross:
        got = block(x, **masks, memory=memory, memory_mask=memory_real[:, None, None, :])
        expected = layer(x, memory, tgt_mask=future, tgt_key_padding_mask=~real if padded else None, memory_key_padding_mask=~memory_real)
    else:
        got = block(x, **masks)
        expected = layer(x, src_mask=future, src_key_padding_mask=~real if padded else None)
    close(got, expected, dtype)
    weights = randn(batch, length, width, seed=3, dtype=dtype).to(device)
    inputs = [x, *([memory] if cross else [])]
    mine, theirs = parameters_in_torch_order(block), dict(layer.named_parameters())
    assert set(mine) == set(theirs)
    flat = [parameter for parts in mine.values() for parameter in parts]
    gradients = list(torch.autograd.grad((got * weights).sum(), [*inputs, *flat]))
    wanted = torch.autograd.grad((expected * weights).sum(), [*inputs, *(theirs[name] for name in mine)])
    for one, other in zip(gradients[: len(inputs)], wanted):
        close(one, other, dtype)
    rest = iter(gradients[len(inputs) :])
    for parts, other in zip(mine.values(), wanted[len(inputs) :], strict=True):
        close(torch.cat([next(rest) for _ in parts]), other, dtype)


def test_the_fast_path_of_torch_agrees():
    layer = torch_layer(False, True, "relu", 8, 2, 12, torch.float32, "cpu").eval()
    x = randn(3, 5, 8, seed=1, dtype=torch.float32)
    with torch.no_grad():
        close(T.TransformerBlock.from_torch(layer)(x), layer(x), torch.float32)


@each_norm
@pytest.mark.parametrize("rotary", [False, True])
def test_initialisation_is_that_of_its_parts_and_norms_are_where_they_should_be(norm, rotary):
    torch.manual_seed(1)
    stack = T.Stack(3, 16, 4, 32, norm, rotary=rotary)
    assert (stack.last is None) == (norm == "post")
    x = 5 * randn(2, 6, 16, seed=1, dtype=torch.float32)
    out = stack(x)
    if norm != "dual":  # ends in a layer norm whose weights are one and zero
        torch.testing.assert_close(out.mean(-1), torch.zeros(2, 6), atol=1e-5, rtol=0)
        torch.testing.assert_close(out.var(-1, unbiased=False), torch.ones(2, 6), atol=1e-3, rtol=0)


def test_the_dual_stack_is_both_streams_by_hand():
    stack = randomise(T.Stack(2, 8, 2, 12, "dual").double())
    x = dual = first = randn(2, 5, 8, seed=1)
    for block in stack.blocks:
        for part, norm in ((block.attention, block.norm_attention), (block.feed_forward, block.norm_feed_forward)):
            change = part(x)
            dual, x = dual + change, norm(x + change)
    torch.testing.assert_close(stack(first), x + stack.last(dual), rtol=1e-12, atol=1e-12)


@each_norm
def test_gradients_of_a_dual_stack_by_differences(norm):
    stack = randomise(T.Stack(2, 4, 2, 6, norm).double())
    x = randn(1, 3, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(stack, x)


# ---------------------------------------------------------------------------------------------- steps, padding, types


@each_norm
@each_position
@pytest.mark.parametrize("device", DEVICES)
def test_token_by_token_is_all_at_once(norm, positions, device):
    model = randomise(T.Seq2SeqTransformer(9, 8, 8, 2, 2, 12, norm, positions).double()).to(device)
    source, target = randint(9, 2, 5, seed=1, low=1).to(device), randint(8, 2, 6, seed=2).to(device)
    whole = model(source, target)
    memory, mask = model.encode(source)
    past, parts = None, []
    for stretch in target.split((1, 3, 1, 1), 1):
        logits, past = model.decode(stretch, memory, mask, past)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-10, atol=1e-12)


def test_decoder_step_is_the_block():
    layer = torch_layer(True, True, "relu", 8, 2, 12, torch.float64, "cpu")
    block, x, memory = T.TransformerBlock.from_torch(layer), randn(2, 5, 8, seed=1), randn(2, 4, 8, seed=2)
    expected = layer(x, memory, tgt_mask=torch.ones(5, 5, dtype=torch.bool).triu(1))
    first, past = T.decoder_step(block, x[:, :2], None, memory)
    second, past = T.decoder_step(block, x[:, 2:], past, memory)
    torch.testing.assert_close(torch.cat((first, second), 1), expected, rtol=1e-10, atol=1e-12)
    assert past.shape == (2, 5, 8)


@each_norm
@each_position
def test_padded_rows_are_single_rows(norm, positions):
    model = randomise(T.Seq2SeqTransformer(9, 8, 8, 2, 2, 12, norm, positions).double())
    lengths = (5, 2, 3)
    source, target = randint(9, 3, 5, seed=1, low=1), randint(8, 3, 4, seed=2)
    for row, length in enumerate(lengths):
        source[row, length:] = 0
    together = model(source, target)
    for row, length in enumerate(lengths):
        alone = model(source[row : row + 1, :length], target[row : row + 1])
        torch.testing.assert_close(together[row], alone[0], rtol=1e-10, atol=1e-12)


@each_norm
@pytest.mark.parametrize("device", DEVICES)
def test_bfloat16_is_near_float64(norm, device):
    """Within 0.08: four blocks, each of which rounds to 8 bits several times."""
    model = randomise(T.Seq2SeqTransformer(9, 8, 16, 2, 2, 12, norm).double(), scale=0.15)
    source, target = randint(9, 2, 5, seed=1, low=1), randint(8, 2, 6, seed=2)
    expected = model(source, target)
    got = model.to(device, torch.bfloat16)(source.to(device), target.to(device))
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.cpu().double(), expected, **TOLERANCES[torch.bfloat16])


@pytest.mark.parametrize("device", DEVICES[1:])
def test_cuda_is_cpu(device):
    model = randomise(T.Seq2SeqTransformer(9, 8, 16, 2, 2, 12).double(), scale=0.15)
    source, target = randint(9, 2, 5, seed=1, low=1), randint(8, 2, 6, seed=2)
    expected = model(source, target)
    torch.testing.assert_close(model.to(device)(source.to(device), target.to(device)).cpu(), expected, rtol=1e-10, atol=1e-12)


@each_position
def test_what_lies_ahead_is_not_seen(positions):
    stack = randomise(T.Stack(2, 8, 2, 12, rotary=positions == "rotary").double())
    x = randn(1, 6, 8, seed=1).requires_grad_()
    out = stack(x, causal=True)
    for place in range(6):
        (gradient,) = torch.autograd.grad(out[0, place].sum(), x, retain_graph=True)
        assert (gradient[0].abs().sum(-1) > 0).tolist() == [other <= place for other in range(6)]


def test_dropout_acts_in_training_only():
    block = randomise(T.TransformerBlock(8, 2, 12, dropout=0.5))
    x = randn(1, 4, 8, seed=1, dtype=torch.float32)
    torch.manual_seed(0)
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))


@pytest.mark.slow
@each_norm
def test_stacks_compile_into_one_graph(norm):
    stack = randomise(T.Stack(2, 8, 2, 12, norm))
    x = randn(2, 5, 8, seed=1, dtype=torch.float32)
    torch.testing.assert_close(torch.compile(stack, backend="eager", fullgraph=True)(x, None, True), stack(x, None, True))


# ---------------------------------------------------------------------------------------------- search


def table_model(vocab, seed, sharpness=1.5):
    """Log-probabilities that depend on the last two tokens."""
    table = (sharpness * randn(vocab, vocab, vocab, seed=seed)).log_softmax(-1)
    return lambda prefixes: table[prefixes[:, -2] if prefixes.shape[1] > 1 else torch.zeros(len(prefixes), dtype=torch.long), prefixes[:, -1]]


def all_texts(model, vocab, start, stop, longest):
    """Every text that ends with stop or has the full length, with its log-probability."""
    found, open_texts = [], [([start], 0.0)]
    for _ in range(longest):
        new = []
        for ids, score in open_texts:
            row = model(torch.tensor([ids]))[0].tolist()
            new += [([*ids, token], score + row[token]) for token in range(vocab)]
        found += [text for text in new if text[0][-1] == stop]
        open_texts = [text for text in new if text[0][-1] != stop]
    return sorted(found + open_texts, key=lambda text: -text[1])


@pytest.mark.parametrize("seed", range(6))
def test_a_beam_wide_enough_finds_the_best_texts(seed):
    model = table_model(4, seed)
    every = all_texts(model, 4, 1, 2, 4)
    got = T.beam_search(model, 1, 2, 300, 4)
    assert got[0][0] == every[0][0]
    true = {tuple(ids): score for ids, score in every}
    for (ids, score), (_, value) in zip(got, every[:300]):  # equal scores may come in any order
        assert score == pytest.approx(value, abs=1e-9) and true[tuple(ids)] == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_a_beam_of_one_is_greedy_and_scores_are_true(seed):
    model = table_model(5, seed)
    ids = [1]
    while ids[-1] != 2 and len(ids) < 9:
        ids.append(model(torch.tensor([ids]))[0].argmax().item())
    (found,) = T.beam_search(model, 1, 2, 1, 8)
    assert found[0] == ids
    for beams in (1, 2, 4):
        for text, score in T.beam_search(model, 1, 2, beams, 8):
            steps = [model(torch.tensor([text[:end]]))[0, text[end]].item() for end in range(1, len(text))]
            assert score == pytest.approx(sum(steps), abs=1e-9)
            assert 2 not in text[:-1] and (text[-1] == 2 or len(text) == 9)


def test_a_wider_beam_can_lose():
    """Greedy keeps a, whose continuation is sure; a beam of two drops it for two halves of b, which then fall apart."""
    rows = {(0,): {1: 0.4, 2: 0.36, 3: 0.24}, (0, 1): {1: 0.4, 2: 0.3, 3: 0.3}, (0, 2): {1: 0.5, 2: 0.5}}

    def model(prefixes):
        out = torch.zeros(len(prefixes), 5)
        for row, prefix in enumerate(prefixes.tolist()):
            if tuple(prefix) in rows:
                for token, value in rows[tuple(prefix)].items():
                    out[row, token] = value
            elif prefix[1] == 1:
                out[row, 4] = 1.0
            else:
                out[row] = torch.tensor([0.0, 0.3, 0.3, 0.1, 0.3])
        return out.log()

    greedy, beam = (T.beam_search(model, 0, 4, beams, 4)[0] for beams in (1, 2))
    assert greedy[1] == pytest.approx(math.log(0.16)) and beam[1] < greedy[1]


def test_search_with_a_model_and_learning_to_translate():
    pairs = number_pairs(1500, 40)
    tokens = [sorted({word for part in pairs for pair in part for word in words(pair[side])}) for side in range(2)]
    numbers = [{word: place for place, word in enumerate(("", "<start>", "<stop>", *side))} for side in tokens]
    rows = lambda part, side, both: nn.utils.rnn.pad_sequence(
        [torch.tensor(both[:1] + [numbers[side][word] for word in words(pair[side])] + both[1:]) for pair in part], batch_first=True)  # fmt: skip
    source, target = rows(pairs[0], 0, []), rows(pairs[0], 1, [1, 2])
    torch.manual_seed(1)
    model = T.Seq2SeqTransformer(len(numbers[0]), len(numbers[1]), 48, 4, 1, 96)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for step in range(120):
        batch = torch.randint(len(source), (48,))
        loss = T.label_smoothed_loss(model(source[batch], target[batch, :-1]), target[batch, 1:], 0.1, ignore=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held, wanted = rows(pairs[1], 0, []), [[numbers[1][word] for word in words(pair[1])] for pair in pairs[1]]
    greedy = model.greedy(held, 1, 2, 20)
    assert sum(one == other for one, other in zip(greedy, wanted)) >= 20
    for row in range(8):
        (ids, score), *_ = model.beam_search(held[row : row + 1][:, held[row] != 0], 1, 2, 1, 20)
        assert ids == [1, *greedy[row], 2]
        best = model.beam_search(held[row : row + 1][:, held[row] != 0], 1, 2, 4, 20)[0]
        assert best[1] >= score - 1e-5


# ---------------------------------------------------------------------------------------------- errors

BLOCK = T.TransformerBlock(4, 2, 6)
DECODER = T.TransformerBlock(4, 2, 6, cross=True)
IDS = torch.ones(2, 3, dtype=torch.long)


@pytest.mark.parametrize("call, words", [
    (lambda: T.sinusoidal_positions(3, 5), "width: expected an even number, got 5"),
    (lambda: T.sinusoidal_positions(0, 4), "length: expected an integer from 1, got 0"),
    (lambda: T.rotary_embedding(torch.zeros(3, 5)), "x: expected an even number"),
    (lambda: T.rotary_embedding(torch.zeros(3, 4), torch.arange(2)), "positions: expected an integer tensor (3,)"),
    (lambda: T.layer_norm(torch.zeros(2, 3), torch.ones(2), torch.ones(3)), "weight: expected a tensor of shape (3,)"),
    (lambda: T.label_smoothed_loss(torch.zeros(2, 3), torch.zeros(3, dtype=torch.long)), "targets: expected an int64 tensor (2,)"),
    (lambda: T.label_smoothed_loss(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), 1.0), "smoothing: expected a number from 0, below 1"),
    (lambda: T.label_smoothed_loss(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), ignore=0), "targets: expected at least one place"),
    (lambda: T.TransformerBlock(4, 2, 6, "sandwich"), "norm: expected one of ('pre', 'post', 'dual'), got 'sandwich'"),
    (lambda: T.TransformerBlock(4, 2, 6, activation="tanh"), "activation: expected one of"),
    (lambda: T.TransformerBlock(4, 3, 6), "heads: expected a divisor of the width 4"),
    (lambda: BLOCK(torch.zeros(2, 3, 5)), "x: expected a tensor (batch, length, 4)"),
    (lambda: BLOCK(torch.zeros(2, 3, 4), memory=torch.zeros(2, 3, 4)), "memory: expected vectors for a block with cross attention"),
    (lambda: DECODER(torch.zeros(2, 3, 4)), "memory: expected vectors for a block with cross attention"),
    (lambda: T.TransformerBlock(4, 2, 6, "dual")(torch.zeros(2, 3, 4)), "x: expected a tensor (2, batch, length, 4)"),
    (lambda: T.TransformerBlock.from_torch(nn.Linear(2, 3)), "layer: expected an nn.TransformerEncoderLayer or Decoder"),
    (lambda: T.TransformerBlock.from_torch(nn.TransformerEncoderLayer(4, 2, activation=torch.tanh)), "layer: expected activation F.relu or F.gelu"),
    (lambda: T.Stack(0, 4, 2, 6), "layers: expected an integer from 1"),
    (lambda: T.TokenVectors(5, 4, "clockwise"), "positions: expected one of"),
    (lambda: T.TokenVectors(5, 4, "learned", 2)(IDS), "ids: expected at most 2 positions, since they are learned, got 3"),
    (lambda: T.Seq2SeqTransformer(5, 5, 4, 2, 1, 6).encode(IDS[0]), "source: expected an int64 tensor (batch, length)"),
    (lambda: T.Seq2SeqTransformer(5, 5, 4, 2, 1, 6).beam_search(IDS, 1, 2, 4, 5), "source: expected one row, got 2"),
    (lambda: T.beam_search(lambda prefixes: prefixes, 1, 2, 0, 5), "beams: expected an integer from 1"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words)):
        call()
