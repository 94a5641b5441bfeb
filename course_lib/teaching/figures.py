"""Figures with a caption and a text for those who cannot see them."""

import io
from importlib.resources import files

import matplotlib.pyplot as plt
from IPython.display import Markdown, display
from matplotlib.figure import Figure
from PIL import Image

#: Okabe and Ito's colour-blind safe palette, in the order of the style's colour cycle.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def use_course_style() -> None:
    """Give all figures from here on the look of the course."""
    plt.style.use(str(files("course_lib.teaching") / "course.mplstyle"))


def figure_png(figure: Figure) -> bytes:
    """Draw a figure into PNG bytes and close it."""
    drawn, small = io.BytesIO(), io.BytesIO()
    try:
        figure.savefig(drawn, format="png", bbox_inches="tight")
    finally:
        plt.close(figure)
    # 256 colours are enough for a plot, and take a third of the space in a notebook.
    Image.open(drawn).convert("RGB").quantize(256).save(small, format="PNG", optimize=True)
    return small.getvalue()


def show(figure: Figure, *, alt: str, caption: str) -> None:
    """Show a figure under its caption.

    Parameters
    ----------
    alt: what a reader who cannot see the figure needs to know; goes with the picture into the notebook and its web page.
    caption: what to see in it, one or two sentences; Markdown.
    """
    if not isinstance(figure, Figure):
        raise ValueError(f"show needs a matplotlib Figure, but it was given a {type(figure).__name__}")
    if not (isinstance(alt, str) and alt.strip() and isinstance(caption, str) and caption.strip()):
        raise ValueError("a figure needs an alt text and a caption")
    display({"image/png": figure_png(figure), "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)
    display(Markdown(f"*{caption.strip()}*"))
