"""Against `transformers`, all parameters drawn at random: logits and all gradients; cached against whole; exact round trips."""

import random
import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import transformers
from torch import nn

from course_lib.reference import gpt as G
from tests.reference.oracles import InDouble

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=5e-2, atol=5e-2)}
FAMILIES = {
    "gpt2": lambda seed: G.gpt2(**sizes(seed)),
    "gpt2 untied, unscaled": lambda seed: replace(G.gpt2(**sizes(seed)), tied=False, scaled=False, hidden=23),
    "gpt_neo": lambda seed: G.gpt_neo(**sizes(seed), window=4),
    "llama": lambda seed: G.llama(**sizes(seed)),
    "llama grouped, tied": lambda seed: G.llama(**sizes(seed), key_value_heads=2, tied=True),
    "llama one head of keys, biases": lambda seed: replace(
        G.llama(**sizes(seed), key_value_heads=1, hidden=21), head_dim=6, rotary_base=500.0, epsilon=1e-3, input_bias=True, output_bias=True, feed_forward_bias=True),
}  # fmt: skip
each_family = pytest.mark.parametrize("family", FAMILIES)


def sizes(seed):
    draw = random.Random(seed)
    heads = draw.choice([2, 4])
    return dict(vocabulary=draw.randint(11, 40), context=draw.randint(14, 20), width=heads * 2 * draw.randint(2, 5), layers=draw.randint(2, 4), heads=heads)


def randomise(module, seed, scale=0.4):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def make(family, seed=0, dtype=torch.float64):
    return randomise(G.GPT(FAMILIES[family](seed)).to(dtype), seed)


def some_ids(model, batch=3, length=13, seed=5):
    return torch.randint(model.settings.vocabulary, (batch, length), generator=torch.Generator().manual_seed(seed))


def double_frequencies(model):
    """The rotary frequencies of `transformers` are computed and kept in float32 when the model is made."""
    for module in model.modules():
        if hasattr(module, "inv_freq"):
            settings = module.config
            dim = settings.head_dim or settings.hidden_size // settings.num_attention_heads
            module.inv_freq = settings.rope_parameters["rope_theta"] ** -(torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    return model


# ---------------------------------------------------------------------------------------------- against transformers


@each_family
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_logits_and_all_gradients_are_those_of_transformers(family, seed):
    ours = make(family, seed)
    theirs = double_frequencies(ours.to_huggingface())
    ids = some_ids(ours)
    with InDouble():
        expected = theirs(ids).logits
        F.cross_entropy(expected[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    got = ours(ids)
    F.cross_entropy(got[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    torch.testing.assert_close(got, expected, **TOLERANCES[torch.float64])
    gradients = dict(theirs.named_parameters())
    compared = 0
    for name, sources, transposed in G._same_weights(ours.settings, theirs.config.model_type):
        parts = [gradients[source].grad.T if transposed else gradients[source].grad for source in sources]
        torch.testing.assert_close(ours.get_parameter(name).grad, torch.cat(parts), **TOLERANCES[torch.float64])
        compared += 1
    assert compared == len(list(ours.parameters()))


@each_family
def test_in_float32_too(family):
    ours = make(family, 3, torch.float32)
    torch.testing.assert_close(ours(some_ids(ours)), ours.to_huggingface()(some_ids(ours)).logits, **TOLERANCES[torch.float32])


@each_family
def test_round_trips_are_exact(family):
    ours = make(family, 4)
    theirs = ours.to_huggingface()
    back = G.GPT.from_huggingface(theirs)
    assert back.settings == ours.settings
    for (name, mine), (_, again) in zip(ours.named_parameters(), back.named_parameters(), strict=True):
        assert torch.equal(mine, again), name
    for (name, first), (_, second) in zip(theirs.named_parameters(), back.to_huggingface().named_parameters(), strict=True):
        assert torch.equal(first, second), name
    assert not {id(parameter) for parameter in ours.parameters()} & {id(parameter) for parameter in back.parameters()}


@pytest.mark.parametrize("config", [
    transformers.GPT2Config(vocab_size=19, n_positions=16, n_embd=12, n_layer=2, n_head=3, n_inner=None),
    transformers.GPTNeoConfig(vocab_size=19, max_position_embeddings=16, hidden_size=12, num_layers=2, num_heads=3, attention_types=[[["local", "global"], 1]], window_size=3),
    transformers.LlamaConfig(vocab_size=19, max_position_embeddings=16, hidden_size=12, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=10, head_dim=8),
], ids=lambda config: config.model_type)  # fmt: skip
def test_a_model_made_by_transformers_comes_in(config):
    theirs = randomise(transformers.AutoModelForCausalLM.from_config(config), 1).eval()
    ours = G.GPT.from_huggingface(theirs)
    torch.testing.assert_close(ours(some_ids(ours)), theirs(some_ids(ours)).logits, **TOLERANCES[torch.float32])


@pytest.mark.parametrize("config, said", [
    (transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=9), "model: expected a GPT-2"),
    (transformers.GPT2Config(vocab_size=9, n_positions=8, n_embd=8, n_layer=1, n_head=2, activation_function="relu"), "the model's activation_function: expected 'gelu_new', got 'relu'"),
    (transformers.LlamaConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, max_position_embeddings=16,
                              rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}), "rope_parameters: expected plain rotary positions, got linear"),
])  # fmt: skip
def test_a_setting_that_the_class_does_not_have_is_refused(config, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        G.GPT.from_huggingface(transformers.AutoModel.from_config(config))


def test_a_mixture_that_transformers_does_not_have_is_refused():
    settings = replace(G.gpt2(9, 8, 8, 1, 2), norm="rms")
    with pytest.raises(ValueError, match="settings: expected those of a GPT-2, GPT-Neo or Llama"):
        G.GPT(settings).to_huggingface()


# ---------------------------------------------------------------------------------------------- the cache


@each_family
@pytest.mark.parametrize("cuts", [[1] * 13, [7, 1, 5], [1, 12], [13]], ids=str)
def test_reading_in_parts_gives_the_logits_of_the_whole(family, cuts):
    model = make(family)
    ids = some_ids(model)
    cache = model.new_cache(3, capacity=14)
    parts = [model(part, cache) for part in ids.split(cuts, 1)]
    torch.testing.assert_close(torch.cat(parts, 1), model(ids).detach(), **TOLERANCES[torch.float64])
    assert cache.length == 13


@each_family
def test_a_repeated_cache_goes_on_for_each_row(family):
    model = make(family)
    ids = some_ids(model)
    cache = model.new_cache(3)
    model(ids[:, :6], cache)
    cache.repeat(2)
    rest = torch.cat((ids[:, 6:], ids[:, 6:].flip(1)), 1).view(6, -1)[:, : ids.shape[1] - 6]
    whole = torch.cat((ids[:, :6].repeat_interleave(2, 0), rest), 1)
    torch.testing.assert_close(model(rest, cache), model(whole)[:, 6:].detach(), **TOLERANCES[torch.float64])


@each_family
def test_the_future_is_not_seen(family):
    model = make(family)
    ids = some_ids(model)
    changed = ids.clone()
    changed[:, 8] = (changed[:, 8] + 1) % model.settings.vocabulary
    one, other = model(ids), model(changed)
    assert torch.equal(one[:, :8], other[:, :8]) and not torch.allclose(one[:, 8], other[:, 8])


def test_last_logits_are_the_last_of_all():
    model = make("llama grouped, tied")
    ids = some_ids(model)
    torch.testing.assert_close(model.last_logits(ids, model.new_cache(3)), model(ids)[:, -1].detach(), **TOLERANCES[torch.float64])


def test_grouped_queries_make_the_cache_smaller():
    settings = G.llama(31, 16, 32, 2, 4)
    whole, grouped = (G.GPT(replace(settings, key_value_heads=heads)).new_cache(5) for heads in (4, 1))
    assert whole.bytes == 2 * 2 * 5 * 4 * 16 * 8 * 4 == 4 * grouped.bytes


# ---------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize("eps", [1e-6, 0.3])
def test_rms_norm_is_torchs(eps):
    x, weight = (torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) for shape in ((2, 3, 7), (7,)))
    torch.testing.assert_close(G.rms_norm(x, weight, eps), F.rms_norm(x, (7,), weight, eps), **TOLERANCES[torch.float64])


def test_swiglu_by_its_formula():
    generator = torch.Generator().manual_seed(3)
    x, gate, up, down = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((4, 5), (3, 5), (3, 5), (5, 3)))
    rows = [sum(down[:, h] * (z := gate[h] @ row) / (1 + torch.exp(-z)) * (up[h] @ row) for h in range(3)) for row in x]
    torch.testing.assert_close(G.swiglu(x, gate, up, down), torch.stack(rows), **TOLERANCES[torch.float64])


def test_the_start_is_even_and_of_the_stated_deviation():
    torch.manual_seed(0)
    model = G.GPT(G.gpt2(300, 64, 64, 8, 4))
    ids = some_ids(model, 4, 40)
    loss = F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    assert abs(loss.item() - torch.tensor(300.0).log().item()) < 0.1
    assert model.blocks[0].attention.input.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.blocks[0].feed_forward.down.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


@pytest.mark.parametrize("call, said", [
    (lambda: G.gpt2(9, 8, 10, 1, 3), "heads: expected a divisor of the width 10, got 3"),
    (lambda: G.llama(9, 8, 12, 1, 4, key_value_heads=3), "key_value_heads: expected a divisor of the 4 heads, got 3"),
    (lambda: G.llama(9, 8, 12, 1, 4), "head_dim: expected an even number for rotary positions, got 3"),
    (lambda: G.gpt2(0, 8, 12, 1, 4), "vocabulary: expected an integer from 1, got 0"),
    (lambda: replace(G.gpt2(9, 8, 12, 2, 4), windows=(None,)), "windows: expected an entry for each of the 2 layers, got 1"),
    (lambda: replace(G.gpt2(9, 8, 12, 2, 4), norm="batch"), "norm: expected one of ('layer', 'rms'), got 'batch'"),
    (lambda: G.GPT("gpt2"), "settings: expected GPTSettings"),
    (lambda: make("gpt2")(torch.zeros(2, 30, dtype=torch.int64)), "tokens in all (the context)"),
    (lambda: make("gpt2")(torch.zeros(2, 3)), "input_ids: expected an int64 tensor (batch, length), neither of them 0, got (2, 3) of torch.float32"),
    (lambda: make("gpt2").new_cache(1, 99), "capacity: expected an integer from 1 to the context"),
    (lambda: (m := make("gpt2"))(some_ids(m), m.new_cache(2)), "input_ids: expected a batch of 2, as the cache has, got 3"),
    (lambda: (m := make("gpt2"))(some_ids(m), m.new_cache(3, 4)), "at most 4 tokens in all (what the cache holds), got 13"),
    (lambda: G.rms_norm(torch.ones(2, 3), torch.ones(2)), "weight: expected a tensor of shape (3,), got (2,) of torch.float32"),
    (lambda: G.swiglu(torch.ones(2, 3), torch.ones(4, 3), torch.ones(5, 3), torch.ones(3, 4)), "up: expected a tensor (hidden, 3), got (5, 3)"),
])  # fmt: skip
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()


# ---------------------------------------------------------------------------------------------- devices, dtypes, compile


@each_family
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_devices_and_dtypes_agree(family, device, dtype):
    exact, model = make(family), make(family, dtype=dtype).to(device)
    ids = some_ids(exact)
    got = model(ids.to(device))
    assert got.dtype == dtype and got.device.type == device
    scale = exact(ids).abs().max()
    torch.testing.assert_close(got.cpu().double() / scale, exact(ids) / scale, rtol=0, atol=1e-5 if dtype == torch.float32 else 6e-2)
    cache = model.new_cache(3)
    torch.testing.assert_close(torch.cat([model(part, cache) for part in ids.to(device).split([8, 1, 4], 1)], 1), got.detach(), **TOLERANCES[dtype])


def test_a_model_learns():
    torch.manual_seed(0)
    model = G.GPT(G.llama(7, 12, 16, 1, 2))
    ids = torch.arange(12).repeat(4, 1) % 7
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        optimizer.step()
    assert loss < 0.05
