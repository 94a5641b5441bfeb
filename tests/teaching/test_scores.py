"""The shared axis: what is stored is well formed, what is measured replaces it, and the compressors are those of Python."""

import zlib

import matplotlib.pyplot as plt
import pytest

from course_lib.data.manual import Manual, load_manual
from course_lib.data.scores import SCORES, compressor_scores
from course_lib.teaching.scores import draw_scores


def test_stored_scores_are_well_formed():
    assert len({score.method for score in SCORES}) == len(SCORES)
    for score in SCORES:
        assert 1 < score.bits_per_byte < 8 and score.recipe and score.lesson[:2].isdigit()


def test_stored_baselines_are_close_to_this_pythons():
    """The manual differs by version, but not by much: a stored value that is far off was measured on another text."""
    stored = {score.method: score.bits_per_byte for score in SCORES}
    for name, value in compressor_scores(load_manual()).items():
        assert value == pytest.approx(stored[name], rel=0.15)


def test_a_compressor_pays_little_for_what_it_has_read():
    text = "".join(chr(97 + zlib.crc32(bytes([i % 251, i // 251])) % 26) for i in range(3000))
    known, unknown = compressor_scores(Manual(text, text)), compressor_scores(Manual("x", text))
    # bz2 sorts the whole text and pays for each repeat, so its gain is the smallest.
    assert all(unknown[name] > 4 for name in unknown)
    assert known["gzip"] < 0.5 and known["xz"] < 0.5 and known["bz2"] < 0.75 * unknown["bz2"]


def test_measured_takes_the_place_of_stored():
    figure = draw_scores({"xz": 1.23, "new model": 1.5})
    words = [text.get_text() for text in figure.axes[0].texts]
    assert "xz  1.23" in words and "new model  1.50" in words and len(words) == len(SCORES) + 1
    filled = [line for line in figure.axes[0].lines if line.get_markerfacecolor() != "white"]
    assert len(filled) == 2
    plt.close(figure)
    with pytest.raises(ValueError, match="above 0 for 'LSTM'"):
        draw_scores({"LSTM": float("nan")})
