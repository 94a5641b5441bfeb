"""Generated sound and its pitch: tones whose frequency is known exactly, and a measurement of it that is exact to a few parts in ten thousand."""

from __future__ import annotations

from math import pi

import torch
from jaxtyping import Float
from torch import Tensor

#: Samples a second: what a telephone carries.
RATE = 8000


def tones(
    frequencies: Float[Tensor, "batch"], partials: Float[Tensor, "batch partials"], length: int, generator: torch.Generator | None = None
) -> Float[Tensor, "batch length"]:
    """Steady tones at RATE samples a second, each beginning at a random point of its period; float32.

    Partial k (from 1) is a sine of k times the frequency (in hertz) with the amplitude `partials[:, k - 1]`; the amplitudes of a tone
    should sum to at most 1, so that it stays within -1 and 1. `generator` belongs to the CPU. Raises ValueError for partials at
    or above half the rate, which no samples can hold.
    """
    if not (isinstance(length, int) and not isinstance(length, bool) and length >= 1):
        raise ValueError(f"length: expected an integer from 1, got {length!r}")
    if frequencies.ndim != 1 or partials.ndim != 2 or len(frequencies) != len(partials):
        raise ValueError(f"partials: expected shape (batch, partials) for frequencies (batch,), got {tuple(partials.shape)} and {tuple(frequencies.shape)}")
    highest = float(frequencies.max()) * partials.shape[1]
    if not (float(frequencies.min()) > 0 and highest < RATE / 2):
        raise ValueError(f"frequencies: expected all partials between 0 and {RATE // 2} Hz, got up to {highest:g} Hz")
    turns = torch.arange(length, dtype=torch.float64) / RATE * frequencies.double()[:, None]
    turns = turns + torch.rand(len(frequencies), 1, generator=generator, dtype=torch.float64)
    number = torch.arange(1, partials.shape[1] + 1, dtype=torch.float64)
    waves = torch.sin(2 * pi * number[:, None] * turns[:, None])  # (batch, partials, length)
    return (partials.double()[:, :, None] * waves).sum(1).float()


def pitch(sound: Float[Tensor, "batch length"]) -> Float[Tensor, "batch"]:
    """The frequency of the strongest partial, in hertz, float64: the peak of the spectrum, placed between its bins.

    A Hann window; then the parabola through the logarithms of the highest bin and its two neighbours, which is near to the window's
    true shape. For a steady tone of 1000 samples the error is below 0.1%. Raises ValueError for fewer than 16 samples.
    """
    if sound.ndim != 2 or sound.shape[1] < 16:
        raise ValueError(f"sound: expected a tensor (batch, length) of at least 16 samples, got shape {tuple(sound.shape)}")
    length = sound.shape[1]
    spectrum = torch.fft.rfft(sound.double() * torch.hann_window(length, dtype=torch.float64)).abs() + 1e-12
    peak = spectrum[:, 1:-1].argmax(1) + 1
    left, middle, right = (spectrum.gather(1, (peak + shift)[:, None])[:, 0].log() for shift in (-1, 0, 1))
    bend = (left - 2 * middle + right).clamp(max=-1e-9)  # 0 only where the spectrum is flat, as in silence
    return (peak + (left - right) / (2 * bend)) * RATE / length
