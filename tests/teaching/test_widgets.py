"""Control panels: a change of a control redraws; whatever goes wrong is a sentence on the panel."""

import ipywidgets
import matplotlib.pyplot as plt
import pytest
from PIL import Image

from course_lib.teaching.widgets import explore


def draw_bars(height: int, colour: str = "k"):
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.bar([0], [height], color=colour)
    axes.set(ylim=(0, 10))
    return figure


def parts(panel):
    """The controls, and the widget inside the frame."""
    *controls, frame = panel.children
    (inside,) = frame.children
    return controls, inside


def test_a_change_redraws_the_frame():
    (height,), picture = parts(explore(draw_bars, height=(1, 9)))
    assert isinstance(picture, ipywidgets.Image)
    before = picture.value
    height.value = 2
    assert picture.value != before
    middle = picture.value
    height.value = 9
    height.value = 2
    assert picture.value == middle  # a frame is a pure function of the values


def test_every_kind_of_control():
    seen = {}
    panel = explore(
        lambda **values: seen.update(values) or "",
        step_size=(0.0, 1.0, 0.1), count=(1, 5), kind=["a", "b"], named={"one": 1}, on=True, text="hello", ready=ipywidgets.IntText(7),
    )
    assert seen == {"step_size": 0.5, "count": 3, "kind": "a", "named": 1, "on": True, "text": "hello", "ready": 7}
    assert panel.children[0].description == "step size"


def test_text_of_html_is_shown():
    (count,), words = parts(explore(lambda count: f"<b>{count}</b>", count=(1, 5)))
    assert words.value == "<b>3</b>"
    count.value = 5
    assert words.value == "<b>5</b>"


def test_an_error_is_shown_as_text_and_goes_when_it_is_mended():
    def draw(count):
        if count == 5:
            raise KeyError("<five>")
        return draw_bars(count)

    panel = explore(draw, count=(1, 5))
    panel.children[0].value = 5
    _, words = parts(panel)
    assert words.value == "<p>KeyError: &#x27;&lt;five&gt;&#x27;</p>"
    panel.children[0].value = 4
    assert isinstance(parts(panel)[1], ipywidgets.Image)


def test_a_missing_exercise_is_told_in_a_sentence():
    def draw(count):
        raise NotImplementedError

    assert "exercises above it are done" in parts(explore(draw, count=(1, 5)))[1].value


@pytest.mark.parametrize("result", [None, 3, [1, 2]])
def test_what_is_no_frame_is_told(result):
    assert "draw should return a matplotlib Figure or a text" in parts(explore(lambda count: result, count=(1, 5)))[1].value


def test_a_wrong_argument_name_is_told():
    assert "TypeError" in parts(explore(lambda number: "", count=(1, 5)))[1].value


def test_no_figure_stays_open():
    def draw(count):
        plt.subplots()
        raise ValueError("half way")

    mine = plt.figure()
    before = plt.get_fignums()
    explore(draw, count=(1, 5)).children[0].value = 4
    explore(draw_bars, height=(1, 5)).children[0].value = 4
    assert plt.get_fignums() == before
    plt.close(mine)


@pytest.mark.parametrize("control", [object(), None, (5, 1), ipywidgets.VBox()])
def test_a_control_that_cannot_be_made(control):
    with pytest.raises(ValueError, match="no control can be made from count"):
        explore(lambda count: "", count=control)


def test_needs_a_control():
    with pytest.raises(ValueError, match="at least one control"):
        explore(lambda: "")


def test_frames_are_pictures():
    import io

    _, picture = parts(explore(draw_bars, height=(1, 9)))
    assert Image.open(io.BytesIO(picture.value)).format == "PNG"
