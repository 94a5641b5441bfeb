"""Control panels: a pure function that draws one frame, and controls that call it again."""

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from course_lib.teaching.figures import figure_png


def explore(draw: Callable[..., Any], **controls: Any) -> ipywidgets.VBox:
    """Show controls above what `draw(**values)` makes of their values, drawn anew at each change.

    Parameters
    ----------
    draw: a function of the controls' names that returns a matplotlib figure or a text of HTML. It should depend on
        nothing else, so that one static frame of it can stand in a page without a kernel.
    controls: by name, as in `ipywidgets.interact`: (low, high) or (low, high, step) gives a slider, a list or dict a
        menu, a bool a checkbox, a text a text field; or a ready widget with a `value`.

    Returns the panel, which is already on the page; its `children` are the controls and the frame.
    Raises ValueError if there is no control, or if one cannot be made.
    """
    if not controls:
        raise ValueError("explore needs at least one control, for example temperature=(0.1, 5.0)")
    panel = {name: _control(name, control) for name, control in controls.items()}
    picture, words = ipywidgets.Image(format="png", layout={"align_self": "flex-start", "max_width": "100%"}), ipywidgets.HTML()
    frame = ipywidgets.VBox([words])

    def redraw(change: Any = None) -> None:
        made = _draw(draw, {name: control.value for name, control in panel.items()})
        if isinstance(made, Figure):
            picture.value = figure_png(made)
            frame.children = [picture]
        else:
            words.value = made
            frame.children = [words]

    for control in panel.values():
        control.observe(redraw, names="value")
    redraw()
    box = ipywidgets.VBox([*panel.values(), frame])
    display(box)
    return box


def _control(name: str, control: Any) -> ipywidgets.Widget:
    try:
        widget = control if isinstance(control, ipywidgets.Widget) else ipywidgets.interactive.widget_from_abbrev(control)
    except ValueError as error:
        raise ValueError(f"no control can be made from {name} = {control!r}: {error}") from None
    if widget is None or not hasattr(widget, "value"):
        raise ValueError(f"no control can be made from {name} = {control!r}")
    if not widget.description:
        widget.description = name.replace("_", " ")
    widget.style.description_width = "initial"
    if hasattr(widget, "continuous_update"):
        # A slider that redraws at every pixel falls behind on a slow machine.
        widget.continuous_update = isinstance(widget, (ipywidgets.Text, ipywidgets.Textarea))
    return widget


def _draw(draw: Callable[..., Any], values: dict[str, Any]) -> Any:
    """A frame, or a sentence in its place: an error in a callback would vanish unseen."""
    open_before = set(plt.get_fignums())
    try:
        made = draw(**values)
        if not isinstance(made, (Figure, str)):
            raise TypeError(f"draw should return a matplotlib Figure or a text, but it returned a {type(made).__name__}")
        return made
    except Exception as error:
        for number in set(plt.get_fignums()) - open_before:  # half drawn, it would turn up below the cell
            plt.close(number)
        if isinstance(error, NotImplementedError):
            return "<p>This panel comes to life when the exercises above it are done.</p>"
        return f"<p>{type(error).__name__}: {escape(str(error))}</p>"
