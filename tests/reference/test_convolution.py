"""Against a double loop, torch.nn.Conv1d and hand-written forms of the papers' blocks; cached against full; gradients against the formula."""

import re
from math import log, log1p

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data.languages import LaggedLanguage
from course_lib.reference import convolution as C

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
# fp64 and fp32 as FACTS asks; bfloat16 has 8 bits, and an error of a block is carried into the next.
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=5e-2, atol=5e-2)}


def randn(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def randint(high, *shape, seed):
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(seed))


def randomise(module, seed=0, scale=0.4):
    for number, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(scale * randn(*parameter.shape, seed=100 * seed + number))
    return module


def weighted_sum(tensor):
    return (tensor * randn(*tensor.shape, seed=7).to(tensor)).sum()


def assert_gradients_close(one, other, leaves_one, leaves_other, dtype):
    pairs = (torch.autograd.grad(weighted_sum(value), leaves) for value, leaves in ((one, leaves_one), (other, leaves_other)))
    for mine, theirs in zip(*pairs, strict=True):
        scale = max(1.0, theirs.abs().max().item())  # sums over batch and length: measured against the largest entry
        torch.testing.assert_close(mine / scale, theirs / scale, **TOLERANCES[dtype])


def double_loop(x, weight, bias, dilation):
    """The definition: place by place, tap by tap."""
    batch, _, length = x.shape
    y = torch.zeros(batch, len(weight), length, dtype=x.dtype)
    for t in range(length):
        for k in range(weight.shape[2]):
            source = t - (weight.shape[2] - 1 - k) * dilation
            if source >= 0:
                y[:, :, t] += x[:, :, source] @ weight[:, :, k].T
    return y if bias is None else y + bias[:, None]


# ---------------------------------------------------------------------------------------------- the convolution

CONFIGURATIONS = [(1, 1, 1, 1, 1, 1), (2, 3, 4, 2, 7, 1), (3, 2, 5, 3, 11, 4), (1, 4, 2, 4, 5, 3), (2, 1, 3, 2, 3, 8), (4, 6, 6, 1, 9, 2), (2, 3, 2, 5, 40, 7)]
each_configuration = pytest.mark.parametrize("batch, inputs, outputs, kernel_size, length, dilation", CONFIGURATIONS)


@each_configuration
@pytest.mark.parametrize("with_bias", [True, False])
def test_convolution_is_the_double_loop(batch, inputs, outputs, kernel_size, length, dilation, with_bias):
    leaves = [randn(batch, inputs, length, seed=1), randn(outputs, inputs, kernel_size, seed=2), *([randn(outputs, seed=3)] if with_bias else [])]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    x, weight, bias = (*leaves, None)[:3]
    got, expected = C.causal_conv1d(x, weight, bias, dilation), double_loop(x, weight, bias, dilation)
    torch.testing.assert_close(got, expected, **TOLERANCES[torch.float64])
    assert_gradients_close(got, expected, leaves, leaves, torch.float64)


@each_configuration
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_layer_and_gradients_are_torchs(batch, inputs, outputs, kernel_size, length, dilation, device, dtype):
    mine = randomise(C.CausalConv1d(inputs, outputs, kernel_size, dilation).double()).to(device, dtype)
    # torch pads both ends; what is computed from the right padding is cut off
    theirs = nn.Conv1d(inputs, outputs, kernel_size, dilation=dilation, padding=mine.reach).to(device, dtype)
    theirs.load_state_dict(mine.state_dict())
    x = randn(batch, inputs, length, seed=4, dtype=dtype).to(device).requires_grad_()
    got, expected = mine(x), theirs(x)[:, :, :length]
    torch.testing.assert_close(got, expected, **TOLERANCES[dtype])
    assert_gradients_close(got, expected, [x, *mine.parameters()], [x, *theirs.parameters()], dtype)


@each_configuration
def test_stretches_and_steps_are_the_whole(batch, inputs, outputs, kernel_size, length, dilation):
    layer = randomise(C.CausalConv1d(inputs, outputs, kernel_size, dilation).double())
    x = randn(batch, inputs, length, seed=5)
    whole, queue, past, rows, columns = layer(x), layer.queue(x[:, :, :0]), x.new_zeros(batch, inputs, layer.reach), [], []
    for stretch in x.split(3, 2):
        rows.append(C.causal_conv1d(stretch, layer.weight, layer.bias, dilation, past))
        both = torch.cat((past, stretch), 2)
        past = both[:, :, both.shape[2] - layer.reach :]
    for column in x.unbind(2):
        columns.append(layer.step(column, queue))
    assert len(queue) == layer.reach
    torch.testing.assert_close(torch.cat(rows, 2), whole, **TOLERANCES[torch.float64])
    torch.testing.assert_close(torch.stack(columns, 2), whole, **TOLERANCES[torch.float64])
    for one, other in zip(queue, layer.queue(x), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_initialisation_is_torchs():
    torch.manual_seed(0)
    mine, theirs = C.CausalConv1d(20, 200, 5), nn.Conv1d(20, 200, 5)
    for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert one.abs().max() <= 0.1 and one.std().item() == pytest.approx(other.std().item(), rel=0.15)


# ---------------------------------------------------------------------------------------------- receptive fields


@pytest.mark.parametrize("kernel_size, dilations", [(2, [1]), (2, [1, 2, 4, 8]), (3, [1, 2, 4]), (3, [1, 3, 9]), (4, [2, 5]), (2, [1, 2, 4, 1, 2, 4]), (1, [1, 7]), (5, [])])
def test_receptive_field_is_where_gradients_arrive(kernel_size, dilations):
    layers = nn.Sequential(*(randomise(C.CausalConv1d(2, 2, kernel_size, dilation).double(), seed) for seed, dilation in enumerate(dilations)))
    x = randn(1, 2, 60, seed=1).requires_grad_()
    (gradient,) = torch.autograd.grad(layers(x)[0, :, 50].sum(), x)
    seen = gradient[0].abs().sum(0).nonzero()[:, 0]
    assert seen.max() == 50 and 51 - seen.min() == C.receptive_field(kernel_size, dilations)


def test_schedules():
    assert C.dilation_schedule(1024) == [2**k for k in range(10)]
    assert C.dilation_schedule(3070) == [2**k for k in range(10)] * 3  # the paper's
    assert C.dilation_schedule(3071) == [2**k for k in range(10)] * 3 + [1]
    assert C.dilation_schedule(1) == [] and C.dilation_schedule(1, kernel_size=1) == []
    assert C.dilation_schedule(10, 3, longest=1) == [1] * 5
    assert C.dilation_schedule(40, 2, longest=6) == [1, 2, 4] * 5 + [1, 2, 4]
    for reach in range(1, 80):
        for kernel_size in (2, 3, 5):
            dilations = C.dilation_schedule(reach, kernel_size, 8)
            assert C.receptive_field(kernel_size, dilations) >= reach
            assert not dilations or C.receptive_field(kernel_size, dilations[:-1]) < reach


# ---------------------------------------------------------------------------------------------- mu-law


@pytest.mark.parametrize("levels", [2, 7, 16, 256, 65536])
def test_mu_law_both_ways(levels):
    ids = torch.arange(levels)
    sound = C.mu_law_decode(ids, levels)
    assert torch.equal(C.mu_law_encode(sound.double(), levels), ids) or levels > 256  # float32 does not hold 65536 levels near 1
    assert sound[[0, -1]].tolist() == pytest.approx([-1, 1], abs=1e-6) and (sound.diff() > 0).all()
    torch.testing.assert_close(sound, -sound.flip(0))


def test_mu_law_is_the_formula_and_near():
    x = torch.linspace(-1, 1, 4001, dtype=torch.float64)
    y = x.sign() * torch.log(1 + 255 * x.abs()) / log(256)
    expected = ((y + 1) * 127.5 + 0.5).floor().long()
    assert torch.equal(C.mu_law_encode(x), expected)
    # half a step of y, stretched by the slope of the inverse, (1 / mu + |x|) log(1 + mu), and a little for its bend
    error = (C.mu_law_decode(expected).double() - x).abs()
    assert (error <= 1.03 * (1 / 255 + x.abs()) * log1p(255) / 255 + 1e-6).all()
    assert C.mu_law_encode(torch.tensor([-3.0, 0.0, 3.0])).tolist() == [0, 128, 255]


# ---------------------------------------------------------------------------------------------- blocks and models


def plain_conv(x, conv):
    return double_loop(x.cpu(), conv.weight.cpu(), conv.bias.cpu(), conv.dilation).to(x.device)


def wavenet_by_hand(model, ids):
    """The paper's figure, written out with the double loop."""
    x, total = model.embedding.weight[ids].transpose(1, 2), 0
    for block in model.blocks:
        both = plain_conv(x, block.conv)
        half = both.shape[1] // 2
        z = torch.tanh(both[:, :half]) / (1 + torch.exp(-both[:, half:]))
        total = total + torch.einsum("sh,bht->bst", block.skip.weight[:, :, 0], z) + block.skip.bias[:, None]
        x = x + torch.einsum("ch,bht->bct", block.residual.weight[:, :, 0], z) + block.residual.bias[:, None]
    hidden = plain_conv(total.clamp(min=0), model.between).clamp(min=0)
    return plain_conv(hidden, model.output).transpose(1, 2)


def normed(x, norm):
    centred = x - x.mean(1, keepdim=True)
    scaled = centred / (centred.pow(2).mean(1, keepdim=True) + norm.eps).sqrt()
    return (scaled * norm.weight[:, None] + norm.bias[:, None]).clamp(min=0)


def bytenet_block_by_hand(block, x):
    inner = normed(plain_conv(normed(x, block.norms[0]), block.narrow), block.norms[1])
    if block.causal:
        mixed = plain_conv(inner, block.conv)
    else:
        mixed = nn.functional.conv1d(inner, block.conv.weight, block.conv.bias, padding="same", dilation=block.conv.dilation)
    return x + plain_conv(normed(mixed, block.norms[2]), block.widen)


def bytenet_by_hand(model, ids, source=None):
    x = model.embedding.weight[ids].transpose(1, 2)
    if source is not None:
        columns = model.source_embedding.weight[source].transpose(1, 2)
        for block in model.encoder:
            columns = bytenet_block_by_hand(block, columns)
        x = torch.stack([x[:, :, t] + (columns[:, :, t] if t < columns.shape[2] else 0) for t in range(x.shape[2])], 2)
    for block in model.blocks:
        x = bytenet_block_by_hand(block, x)
    return plain_conv(plain_conv(x.clamp(min=0), model.between).clamp(min=0), model.output).transpose(1, 2)


WAVENETS = [(5, 4, [1, 2, 4], 2, 3, 6), (7, 2, [1, 3], 3, None, None), (2, 6, [1], 4, 5, 2), (9, 3, [2, 1, 2, 1], 2, 1, 4)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("vocab, channels, dilations, kernel_size, hidden, skip", WAVENETS)
def test_wavenet_and_all_gradients_are_the_papers(vocab, channels, dilations, kernel_size, hidden, skip, dtype, device):
    model = randomise(C.WaveNet(vocab, channels, dilations, kernel_size, hidden, skip).double()).to(device, dtype)
    ids = randint(vocab, 3, 13, seed=1).to(device)
    logits, expected = model(ids), wavenet_by_hand(model, ids)
    torch.testing.assert_close(logits, expected, **TOLERANCES[dtype])
    # the last block's residual goes nowhere
    leaves = [value for name, value in model.named_parameters() if not name.startswith(f"blocks.{len(dilations) - 1}.residual")]
    assert_gradients_close(logits, expected, leaves, leaves, dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("source_length", [None, 4, 13, 20])
def test_bytenet_and_all_gradients_are_the_papers(source_length, dtype, device):
    model = randomise(C.ByteNet(7, 8, [1, 2, 4], 3, None if source_length is None else 5).double()).to(device, dtype)
    ids = randint(7, 2, 13, seed=1).to(device)
    source = None if source_length is None else randint(5, 2, source_length, seed=2).to(device)
    logits, expected = model(ids, source), bytenet_by_hand(model, ids, source)
    torch.testing.assert_close(logits, expected, **TOLERANCES[dtype])
    leaves = list(model.parameters())
    assert_gradients_close(logits, expected, leaves, leaves, dtype)


MODELS = {
    "wavenet": lambda: C.WaveNet(6, 8, [1, 2, 4, 8], 2), "wavenet, kernel 3": lambda: C.WaveNet(6, 4, [1, 3], 3, 5, 7), "bytenet": lambda: C.ByteNet(6, 16, [1, 2, 4], 3),
}  # fmt: skip
each_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@each_model
@pytest.mark.parametrize("device", DEVICES)
def test_bfloat16_is_near_float64(make, device):
    """Within 0.05 of logits near 1: each block rounds to 8 bits."""
    model, ids = randomise(make().double(), scale=0.3), randint(6, 2, 30, seed=1)
    expected = model(ids)
    got = model.to(device, torch.bfloat16)(ids.to(device))
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.cpu().double(), expected, **TOLERANCES[torch.bfloat16])


@each_model
def test_a_place_sees_its_receptive_field_and_no_more(make):
    model, places = randomise(make().double()), 40
    vectors = model.embedding(randint(6, 1, places, seed=2)).detach().requires_grad_()
    model.embedding.forward = lambda ids: vectors
    logits = model(torch.zeros(1, places, dtype=torch.long))
    (gradient,) = torch.autograd.grad(logits[0, 35].sum(), vectors)
    seen = gradient[0].abs().sum(1).nonzero()[:, 0]
    assert seen.max() == 35 and 36 - seen.min() == model.receptive_field


def test_an_encoder_sees_both_sides():
    model = randomise(C.ByteNet(3, 16, [1, 2], 3, 5).double())
    base, other = randint(5, 1, 20, seed=1), randint(5, 1, 20, seed=1)
    other[0, 10] = (other[0, 10] + 1) % 5
    changed = (model.encode(base) - model.encode(other)).abs().sum(1)[0].nonzero()[:, 0].tolist()
    assert changed == list(range(7, 14))  # three places to each side


@each_model
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("length", [1, 3, 50])
@pytest.mark.parametrize("temperature", [0, 1.0, 0.5])
def test_cached_and_full_generation_give_the_same_ids(make, device, length, temperature):
    model = randomise(make().double(), scale=0.5).to(device)
    prompt = randint(6, 3, length, seed=3).to(device)
    samples = [run(model, prompt, 40, temperature, torch.Generator().manual_seed(5)) for run in (C.generate, C.generate_with_cache)]
    assert torch.equal(*samples) and samples[0].shape == (3, length + 40) and torch.equal(samples[0][:, :length], prompt)
    assert samples[0][:, length:].unique().numel() > 1
    assert torch.equal(C.generate_with_cache(model, prompt, 0), prompt)


@each_model
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_steps_give_the_logits_of_the_whole(make, dtype):
    model, ids = randomise(make().double()).to(dtype), randint(6, 2, 30, seed=4)
    whole, queues = model(ids), []
    model(ids[:, :5], queues=queues)
    for place in range(5, 30):
        torch.testing.assert_close(model.step(ids[:, place], queues), whole[:, place], **TOLERANCES[dtype])


def test_sampling_follows_the_probabilities():
    model = randomise(C.WaveNet(3, 4, [1, 2]).double(), scale=1.0)
    prompt = torch.tensor([[0, 2, 1]]).expand(20_000, 3)
    drawn = C.generate_with_cache(model, prompt, 1, 0.7, torch.Generator().manual_seed(1))[:, -1]
    expected = (model(prompt[:1])[0, -1] / 0.7).softmax(-1)
    torch.testing.assert_close(drawn.bincount(minlength=3) / 20_000, expected.detach().float(), rtol=0, atol=0.02)


@pytest.mark.slow
@each_model
def test_models_compile_into_one_graph(make):
    model, ids = randomise(make()), randint(6, 2, 9, seed=1)
    torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(ids), model(ids))


def test_what_lies_outside_the_receptive_field_cannot_be_learned():
    """The dependency is 6 steps back: 6 places reach it, 5 do not. The entropy rate is exact."""
    language = LaggedLanguage(symbols=6, lag=6, noise=0.2, seed=1)
    ids, fresh = language.sample(48_000, seed=1), language.sample(4000, seed=2)
    losses = {}
    for dilations in ([1, 2, 1], [1, 2, 2]):
        torch.manual_seed(0)
        model = C.WaveNet(6, 24, dilations)
        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
        rows = ids.view(16, 3000)
        for step in range(150):
            part = rows[:, (step * 80) % 2880 :][:, :81]
            optimizer.zero_grad()
            F.cross_entropy(model(part[:, :-1]).flatten(0, 1), part[:, 1:].flatten()).backward()
            optimizer.step()
        with torch.no_grad():
            losses[model.receptive_field] = F.cross_entropy(model(fresh[None, :-1])[0, 10:], fresh[11:]).item()
    assert losses[5] > log(6) - 0.01 and losses[6] < language.entropy_rate + 0.05, losses


# ---------------------------------------------------------------------------------------------- errors

X, W = torch.zeros(2, 3, 5), torch.zeros(4, 3, 2)


@pytest.mark.parametrize("call, words", [
    (lambda: C.causal_conv1d([1.0], W), "x: expected a floating-point tensor (batch, inputs, length), not empty, got list"),
    (lambda: C.causal_conv1d(X[0], W), "x: expected a floating-point tensor (batch, inputs, length)"),
    (lambda: C.causal_conv1d(X[:, :, :0], W), "x: expected a floating-point tensor (batch, inputs, length), not empty"),
    (lambda: C.causal_conv1d(X, W.transpose(0, 1)), "weight: expected a tensor (outputs, 3, kernel_size) of torch.float32"),
    (lambda: C.causal_conv1d(X, W.double()), "weight: expected a tensor (outputs, 3, kernel_size) of torch.float32"),
    (lambda: C.causal_conv1d(X, W, torch.zeros(3)), "bias: expected a tensor of shape (4,) and torch.float32, got (3,)"),
    (lambda: C.causal_conv1d(X, W, dilation=0), "dilation: expected an integer from 1, got 0"),
    (lambda: C.causal_conv1d(X, W, dilation=2, past=X), "past: expected a tensor of shape (2, 3, 2)"),
    (lambda: C.receptive_field(0, [1]), "kernel_size: expected an integer from 1, got 0"),
    (lambda: C.receptive_field(2, [1, 0]), "dilations: expected a list of integers from 1, got [1, 0]"),
    (lambda: C.dilation_schedule(5, 1), "kernel_size: expected at least 2 to reach 5 places, got 1"),
    (lambda: C.dilation_schedule(0), "reach: expected an integer from 1, got 0"),
    (lambda: C.mu_law_encode(torch.arange(3)), "x: expected a floating-point tensor"),
    (lambda: C.mu_law_decode(torch.zeros(3)), "ids: expected an int64 tensor"),
    (lambda: C.mu_law_encode(torch.zeros(3), 1), "levels: expected an integer from 2, got 1"),
    (lambda: C.CausalConv1d(2, True, 2), "outputs: expected an integer from 1, got True"),
    (lambda: C.WaveNet(5, 4, []), "dilations: expected at least one, got none"),
    (lambda: C.WaveNet(5, 4, "12"), "dilations: expected a list of integers from 1"),
    (lambda: C.WaveNet(5, 4, [1])(torch.zeros(2, 3)), "ids: expected an int64 tensor (batch, length), not empty"),
    (lambda: C.WaveNet(5, 4, [1])(torch.full((2, 3), 5)), "ids: expected ids from 0 to 4, got 5 to 5"),
    (lambda: C.ByteNetBlock(3, 3, 1), "channels: expected an even number from 2, got 3"),
    (lambda: C.ByteNetBlock(4, 2, 1, causal=False), "kernel_size: expected an odd number where the convolution is centred, got 2"),
    (lambda: C.ByteNet(5, 4, [1])(torch.zeros(1, 3).long(), torch.zeros(1, 3).long()), "source: expected none, since this model has no encoder"),
    (lambda: C.generate_with_cache(C.WaveNet(5, 4, [1]), torch.zeros(1, 3).long(), -1), "steps: expected an integer from 0, got -1"),
    (lambda: C.generate(C.WaveNet(5, 4, [1]), torch.zeros(1, 3).long(), 2, -1.0), "temperature: expected a number from 0, got -1.0"),
    (lambda: C.generate(C.WaveNet(5, 4, [1]), torch.zeros(3).long(), 2), "prompt: expected an int64 tensor (batch, length), not empty"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words)):
        call()
