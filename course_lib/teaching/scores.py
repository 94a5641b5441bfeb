"""All methods of the course on one axis: bits per byte of the manual's held-out part."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from course_lib.data.scores import MEASURED_ON, SCORES
from course_lib.teaching.figures import COLOURS


def draw_scores(measured: Mapping[str, float] | None = None) -> Figure:
    """Every method's bits per byte, the best at the bottom.

    `measured`, what the running lesson has computed, is drawn filled and takes the place of a stored entry of the same name;
    the other stored entries (of `course_lib.data.scores`, measured on one Python version) are hollow.
    Raises ValueError for a value that is no positive number.
    """
    measured = dict(measured or {})
    for method, value in measured.items():
        if not (isinstance(value, (int, float)) and 0 < value < float("inf")):
            raise ValueError(f"measured: expected bits per byte above 0 for {method!r}, got {value!r}")
    values = {score.method: score.bits_per_byte for score in SCORES} | measured
    methods = sorted(values, key=values.__getitem__)
    figure, axes = plt.subplots(figsize=(7, 0.8 + 0.24 * len(methods)))
    for row, method in enumerate(methods):
        colour = COLOURS[1] if "gram" in method else COLOURS[3] if method in ("gzip", "bz2", "xz") else COLOURS[0]
        axes.plot(values[method], row, "o", color=colour, markerfacecolor=colour if method in measured else "white")
        axes.text(values[method] + 0.06, row, f"{method}  {values[method]:.2f}", va="center", color=colour)
    stored = len(measured) < len(values)
    axes.set(yticks=[], ylim=(-0.7, len(methods) - 0.3), xlim=(min(values.values()) - 0.15, max(values.values()) + 0.75))
    axes.set_xlabel("bits per byte of unseen text, less is better" + (f" (hollow: measured before, {MEASURED_ON})" if stored else ""))
    return figure
