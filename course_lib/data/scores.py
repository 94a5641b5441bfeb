"""Bits per byte on the held-out part of the Python manual, one entry a method: the axis that lessons 03, 04, 05 and 08 share.

What is stored and what is computed. `SCORES` was measured on Python 3.11's manual and is committed; add to it what a lesson
trains, with its recipe. The manual differs by Python version, so no test compares a new result with a stored one: a lesson
computes what it asserts, baselines included, in the same run, and `course_lib.teaching.scores.draw_scores` draws stored
entries as hollow marks and those of the running lesson as filled ones. `compressor_scores` costs half a second: call it in every lesson.
"""

import bz2
import gzip
import lzma
from collections.abc import Callable
from dataclasses import dataclass

from course_lib.data.manual import Manual

MEASURED_ON = "Python 3.11"


@dataclass(frozen=True)
class Score:
    """A method, its result, the lesson whose code gives it, and how."""

    method: str
    bits_per_byte: float
    lesson: str
    recipe: str


_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 9),
    "bz2": lambda data: bz2.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
}
_GIVEN = "compressed size of training and test text, less that of the training text"
_COUNTED = "interpolated modified Kneser-Ney on bytes, trained once on the training text"

SCORES = (
    Score("gzip", 2.174, "03-language-models", f"level 9; {_GIVEN}"),
    Score("bz2", 1.675, "03-language-models", f"level 9; {_GIVEN}"),
    Score("xz", 1.772, "03-language-models", f"preset 9, extreme; {_GIVEN}"),
    *(
        Score(f"{order}-gram", value, "03-language-models", _COUNTED)
        for order, value in enumerate((4.704, 3.411, 2.544, 2.029, 1.837, 1.777, 1.756, 1.737), 1)
    ),
    Score("MLP", 2.187, "03-language-models", "Bengio's MLP on bytes: context 8, vectors 24, hidden 256; 1000 AdamW steps of 32 × 48"),
    Score("GRU", 2.18, "04-recurrent-networks", "GRU on bytes: vectors 64, hidden 192; 640 AdamW steps of 16 × 32, the state handed on"),
    Score("WaveNet", 2.29, "05-convolutions-for-sequences", "WaveNet on bytes: 64 channels, dilations 1 to 16; 12 s of processor time, about 500 AdamW steps of 4 × 160"),
    Score("GPT, a minute", 1.774, "08-gpt", "Llama of 4 layers, width 96, on 1,024 byte pair tokens: 350 steps of 16 × 128 by Muon and AdamW"),
    Score("GPT, the checkpoint", 1.723, "08-gpt", "Llama of 4 layers, width 128, on 1,024 byte pair tokens: 1,200 steps, course_lib.recipes.manual_gpt"),
)


def compressor_scores(manual: Manual) -> dict[str, float]:
    """What a byte of the test text costs each compressor that has read the training text, in bits."""
    train, test = manual.train.encode(), manual.test.encode()
    return {name: 8 * (len(pack(train + test)) - len(pack(train))) / len(test) for name, pack in _COMPRESSORS.items()}
