"""Figures: small, closed after use, and never without a caption and a text for those who cannot see them."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from course_lib.teaching import figures
from course_lib.teaching.figures import COLOURS, figure_png, show, use_course_style


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as (data, metadata)."""
    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield publisher.outputs
    InteractiveShell.clear_instance()


def a_figure():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    return figure


def test_shows_a_picture_with_alt_text_then_its_caption(shown):
    show(a_figure(), alt="A line that rises from 1 to 3.", caption=" It rises. ")
    picture, caption = shown
    assert picture["metadata"]["image/png"]["alt"] == "A line that rises from 1 to 3."
    assert picture["data"]["text/plain"] == "A line that rises from 1 to 3."
    assert Image.open(io.BytesIO(picture["data"]["image/png"])).format == "PNG"
    assert caption["data"]["text/markdown"] == "*It rises.*"


@pytest.mark.parametrize(("alt", "caption"), [("", "It rises."), ("  ", "It rises."), ("A line.", ""), ("A line.", "\n"), (None, "It rises."), ("A line.", None)])
def test_refuses_a_figure_without_words(alt, caption, shown):
    with pytest.raises(ValueError, match="alt text and a caption"):
        show(a_figure(), alt=alt, caption=caption)
    assert shown == []


@pytest.mark.parametrize("thing", [None, "figure.png", np.zeros((3, 3))])
def test_refuses_what_is_no_figure(thing):
    with pytest.raises(ValueError, match="needs a matplotlib Figure"):
        show(thing, alt="A line.", caption="It rises.")


def test_a_busy_figure_stays_under_60_kb():
    use_course_style()
    figure, axes = plt.subplots()
    axes.scatter(*np.random.default_rng(0).normal(size=(2, 3000)), c=np.arange(3000))
    assert len(figure_png(figure)) < 60_000


def test_figures_are_closed_even_where_drawing_fails(monkeypatch):
    before = plt.get_fignums()
    figure_png(a_figure())
    assert plt.get_fignums() == before
    figure = a_figure()
    monkeypatch.setattr(figure, "savefig", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        figure_png(figure)
    assert plt.get_fignums() == before


def test_equal_figures_give_equal_bytes():
    assert figure_png(a_figure()) == figure_png(a_figure())


def test_the_style_is_colour_blind_safe():
    use_course_style()
    cycle = [colour["color"] for colour in plt.rcParams["axes.prop_cycle"]]
    assert tuple("#" + colour.lstrip("#") for colour in cycle) == COLOURS == tuple(figures.COLOURS)
