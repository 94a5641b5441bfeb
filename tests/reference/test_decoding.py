"""The token reader is the model: the same logits for every setting."""

from dataclasses import replace

import pytest
import torch

from course_lib.reference.decoding import TokenReader
from course_lib.reference.gpt import GPT, gpt2, gpt_neo, llama

SETTINGS = {
    "GPT-2": gpt2(31, 40, 24, 3, 4),
    "GPT-2, unscaled, one layer": replace(gpt2(31, 40, 12, 1, 2), scaled=False),
    "GPT-Neo, window 3": gpt_neo(31, 40, 24, 4, 3, window=3),
    "Llama": llama(31, 40, 24, 3, 4),
    "Llama, grouped, tied, biases": replace(llama(31, 40, 24, 2, 6, key_value_heads=2, hidden=20, tied=True), input_bias=True, output_bias=True, feed_forward_bias=True),
    "Llama, wide heads": replace(llama(31, 40, 24, 2, 2), head_dim=20),
}


def random_model(settings, dtype=torch.float64, device="cpu"):
    generator = torch.Generator().manual_seed(7)
    model = GPT(settings).to(dtype)
    for parameter in model.parameters():
        parameter.data = (0.4 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)).to(dtype)
    return model.to(device).eval()


def read_on(model, ids, prompt):
    """Logits of each place behind the prompt, by the model and by the reader."""
    by_model, by_reader = model.new_cache(len(ids)), model.new_cache(len(ids))
    model.last_logits(ids[:, :prompt], by_model)
    model.last_logits(ids[:, :prompt], by_reader)
    reader = TokenReader(model, by_reader)
    wanted = [model.last_logits(ids[:, place : place + 1], by_model) for place in range(prompt, ids.shape[1])]
    return torch.stack([reader(ids[:, place]) for place in range(prompt, ids.shape[1])]), torch.stack(wanted), by_reader


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("prompt", [1, 7])
def test_it_gives_what_the_model_gives(settings, prompt):
    ids = torch.randint(31, (3, 20), generator=torch.Generator().manual_seed(prompt))
    got, wanted, cache = read_on(random_model(settings), ids, prompt)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
    assert cache.length == 20


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2e-5), (torch.bfloat16, 0.1)])
def test_in_lower_precision_too(dtype, tolerance):
    ids = torch.randint(31, (2, 12), generator=torch.Generator().manual_seed(0))
    for settings in SETTINGS.values():
        got, wanted, _ = read_on(random_model(settings, dtype), ids, 4)
        assert got.dtype == dtype
        assert (got - wanted).abs().max() < tolerance * wanted.abs().max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu():
    ids = torch.randint(31, (3, 20), generator=torch.Generator().manual_seed(1))
    for settings in SETTINGS.values():
        wanted, _, _ = read_on(random_model(settings, torch.float32), ids, 5)
        got, _, _ = read_on(random_model(settings, torch.float32, "cuda"), ids.cuda(), 5)
        torch.testing.assert_close(got.cpu(), wanted, rtol=1e-3, atol=1e-3)


def test_a_full_cache_is_refused():
    model = random_model(SETTINGS["Llama"])
    cache = model.new_cache(1, 3)
    model.last_logits(torch.tensor([[1, 2]]), cache)
    reader = TokenReader(model, cache)
    reader(torch.tensor([3]))
    with pytest.raises(ValueError, match="cache: expected room for one more token, got 3 of 3"):
        reader(torch.tensor([4]))
