"""Against `transformers`' processors and `generate`, and against exact probabilities."""

import re

import pytest
import torch
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from course_lib.reference import gpt as G
from course_lib.reference import sampling as S

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]


def logits(*shape, seed=0, scale=3.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def model(settings=None, seed=0):
    torch.manual_seed(seed)
    made = G.GPT(settings or G.llama(23, 40, 16, 2, 4, key_value_heads=2)).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0, 0.5)
    return made


def prompts(batch=3, length=5, seed=1):
    return torch.randint(23, (batch, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("k", [1, 2, 7, 23, 99])
def test_top_k_is_that_of_transformers(k):
    assert torch.equal(S.top_k_filter(logits(6, 23), k), TopKLogitsWarper(k)(None, logits(6, 23)))


def test_ties_with_the_kth_stay():
    assert S.top_k_filter(torch.tensor([1.0, 3.0, 2.0, 2.0]), 2).tolist() == [-torch.inf, 3, 2, 2]


@pytest.mark.parametrize("p", [0.01, 0.3, 0.8, 0.99, 1.0])
def test_top_p_is_that_of_transformers(p):
    assert torch.equal(S.top_p_filter(logits(50, 23), p), TopPLogitsWarper(p)(None, logits(50, 23)) if p < 1 else logits(50, 23))


def test_top_p_keeps_the_smallest_set_that_reaches_p():
    for row in logits(40, 12, seed=3):
        probabilities = row.softmax(-1)
        kept = S.top_p_filter(row, 0.7) > -torch.inf
        order = probabilities.argsort(descending=True)
        needed = next(size for size in range(1, 13) if probabilities[order[:size]].sum() >= 0.7)
        assert set(kept.nonzero()[:, 0].tolist()) == set(order[:needed].tolist())


def test_filters_take_any_axes_and_leave_the_input():
    x = logits(2, 3, 9)
    before = x.clone()
    for found in (S.top_k_filter(x, 3), S.top_p_filter(x, 0.5)):
        assert found.shape == x.shape and torch.equal(x, before)


def test_sampling_draws_what_transformers_would():
    x = logits(400, 23)
    warped = TopPLogitsWarper(0.8)(None, TopKLogitsWarper(9)(None, TemperatureLogitsWarper(1.7)(None, x)))
    expected = torch.multinomial(warped.softmax(-1), 1, generator=torch.Generator().manual_seed(5))[:, 0]
    assert torch.equal(S.sample(x, True, 1.7, 9, 0.8, torch.Generator().manual_seed(5)), expected)


def test_temperature_gives_the_stated_frequencies():
    row, draws = logits(7, scale=1.0), 200_000
    drawn = S.sample(row.expand(draws, 7), temperature=0.6, generator=torch.Generator().manual_seed(0))
    frequencies = torch.bincount(drawn, minlength=7) / draws
    torch.testing.assert_close(frequencies.double(), (row / 0.6).softmax(-1), rtol=0, atol=5 * 0.5 / draws**0.5)


@pytest.mark.parametrize("settings", [G.gpt2(23, 40, 16, 2, 4), G.gpt_neo(23, 40, 16, 2, 4, window=6), G.llama(23, 40, 16, 2, 4, key_value_heads=1)], ids=["gpt2", "gpt_neo", "llama"])
def test_greedy_is_generate_of_transformers(settings):
    ours = model(settings)
    got = S.generate(ours, prompts(), 30, do_sample=False)
    assert torch.equal(got, ours.to_huggingface().generate(prompts(), max_new_tokens=30, do_sample=False, pad_token_id=0))


def test_with_and_without_a_cache_the_same_sequences():
    ours, ids = model(), prompts().repeat_interleave(2, 0)
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        ids = torch.cat((ids, S.sample(ours(ids)[:, -1].detach(), True, 1.3, 12, 0.9, generator)[:, None]), 1)
    got = S.generate(ours, prompts(), 20, True, 1.3, 12, 0.9, num_return_sequences=2, generator=torch.Generator().manual_seed(3))
    assert torch.equal(got, ids)


def test_a_row_that_has_stopped_repeats_its_stop_and_all_stopped_ends():
    ours = model()
    free = S.generate(ours, prompts(), 30, do_sample=False)[:, 5:]
    stops = [free[0, 4].item(), free[1, 7].item(), free[2, 2].item()]
    got = S.generate(ours, prompts(), 30, do_sample=False, stop_ids=stops)
    firsts = [next(place for place, token in enumerate(row.tolist()) if token in stops) for row in free]
    assert got.shape == (3, 5 + max(firsts) + 1)
    for row, unstopped, first in zip(got[:, 5:], free, firsts):
        assert torch.equal(row[: first + 1], unstopped[: first + 1]) and set(row[first:].tolist()) == {unstopped[first].item()}


def test_prompts_stay_and_sequences_differ():
    got = S.generate(model(), prompts(), 12, num_return_sequences=4, generator=torch.Generator().manual_seed(0))
    assert got.shape == (12, 17) and torch.equal(got[:, :5], prompts().repeat_interleave(4, 0))
    assert len({tuple(row) for row in got[:4].tolist()}) == 4


@pytest.mark.parametrize("call, said", [
    (lambda: S.top_k_filter(logits(3), 0), "k: expected an integer from 1, got 0"),
    (lambda: S.top_p_filter(logits(3), 1.5), "p: expected a number above 0, at most 1, got 1.5"),
    (lambda: S.sample(logits(2, 3), temperature=0), "temperature: expected a number above 0 (do_sample=False for the most probable token), got 0"),
    (lambda: S.sample(logits(3)), "logits: expected two axes (batch, vocabulary), got (3,)"),
    (lambda: S.top_k_filter(torch.ones(2, dtype=torch.int64), 1), "logits: expected a floating-point tensor (..., vocabulary), got (2,) of torch.int64"),
    (lambda: S.generate(model(), prompts(), 36), "max_new_tokens: expected at most 35, the context of 40 less a prompt of 5, got 36"),
    (lambda: S.generate(model(), prompts(), 0), "max_new_tokens: expected an integer from 1, got 0"),
    (lambda: S.generate(model(), prompts(), 3, num_return_sequences=0), "num_return_sequences: expected an integer from 1, got 0"),
    (lambda: S.generate(model(), prompts()[0], 3), "input_ids: expected an int64 tensor (batch, length), neither of them 0, got"),
])  # fmt: skip
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_runs_everywhere(device, dtype):
    got = S.generate(model().to(device, dtype), prompts().to(device), 10, top_k=5, num_return_sequences=2)
    assert got.shape == (6, 15) and got.device.type == device and int(got.max()) < 23
