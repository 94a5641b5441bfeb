"""Tones have the frequency that they were asked for, and `pitch` finds it."""

import math
import re

import pytest
import torch

from course_lib.data.sound import RATE, pitch, tones


def test_a_tone_is_its_formula_and_begins_anywhere():
    frequencies, partials = torch.tensor([440.0, 123.4]), torch.tensor([[0.5, 0.25], [0.3, 0.0]])
    generator = torch.Generator().manual_seed(1)
    sound = tones(frequencies, partials, 50, generator)
    start = torch.rand(2, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for row in range(2):
        for t in (0, 7, 49):
            turn = frequencies[row].item() * t / RATE + start[row].item()
            expected = sum(partials[row, k].item() * math.sin(2 * math.pi * (k + 1) * turn) for k in range(2))
            assert sound[row, t].item() == pytest.approx(expected, abs=1e-6)
    assert sound.dtype == torch.float32 and len({tones(frequencies, partials, 3, generator)[0, 0].item() for _ in range(5)}) == 5


@pytest.mark.parametrize("length, tolerance", [(1000, 1e-3), (4000, 2e-4)])
def test_pitch_finds_the_frequency_between_the_bins(length, tolerance):
    frequencies = torch.linspace(200, 900, 40, dtype=torch.float64)
    partials = torch.tensor([[0.5, 0.3, 0.1]]).expand(40, 3)
    found = pitch(tones(frequencies, partials, length, torch.Generator().manual_seed(2)))
    assert ((found / frequencies - 1).abs() < tolerance).all()


def test_pitch_bears_noise_and_silence():
    sound = tones(torch.tensor([440.0]), torch.tensor([[0.5]]), 2000, torch.Generator().manual_seed(3))
    noisy = sound + 0.1 * torch.randn(1, 2000, generator=torch.Generator().manual_seed(4))
    assert pitch(noisy).item() == pytest.approx(440, rel=1e-3)
    assert torch.isfinite(pitch(torch.zeros(1, 100))).all()


@pytest.mark.parametrize("call, words", [
    (lambda: tones(torch.tensor([440.0]), torch.ones(1, 2), 0), "length: expected an integer from 1, got 0"),
    (lambda: tones(torch.tensor([440.0]), torch.ones(2, 2), 5), "partials: expected shape (batch, partials)"),
    (lambda: tones(torch.tensor([2500.0]), torch.ones(1, 2), 5), "frequencies: expected all partials between 0 and 4000 Hz, got up to 5000 Hz"),
    (lambda: tones(torch.tensor([0.0]), torch.ones(1, 2), 5), "frequencies: expected all partials between 0"),
    (lambda: pitch(torch.zeros(100)), "sound: expected a tensor (batch, length) of at least 16 samples"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words)):
        call()
