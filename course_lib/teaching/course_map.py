"""The map of the course: what each lesson builds on."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from course_lib.teaching.figures import COLOURS, show


@dataclass(frozen=True)
class Lesson:
    """One box of the map: its number, title, lane, and the lessons that it builds on."""

    number: int
    title: str
    lane: str
    builds_on: tuple[int, ...] = ()


LANES = ("First steps", "Sequences", "Transformers", "Images", "Together")

LESSONS = (
    Lesson(0, "Start here", "First steps"),
    Lesson(1, "Tokens", "First steps", (0,)),
    Lesson(2, "Embeddings", "First steps", (1,)),
    Lesson(3, "Language models", "First steps", (2,)),
    Lesson(4, "Recurrent networks", "Sequences", (3,)),
    Lesson(5, "Convolutions for sequences", "Sequences", (3,)),
    Lesson(6, "Attention", "Transformers", (4,)),
    Lesson(7, "Transformers", "Transformers", (6,)),
    Lesson(8, "GPT", "Transformers", (7,)),
    Lesson(9, "BERT", "Transformers", (7,)),
    Lesson(10, "Adapting models", "Transformers", (8,)),
    Lesson(11, "GANs", "Images", (3,)),
    Lesson(12, "VAEs", "Images", (3,)),
    Lesson(13, "Diffusion", "Images", (12,)),
    Lesson(14, "State-space models", "Sequences", (4, 5)),
    Lesson(15, "Hybrid models", "Sequences", (6, 14)),
    Lesson(16, "Multimodal", "Together", (9, 13)),
    Lesson(17, "Responsible models", "Together", (8,)),
    Lesson(18, "Capstone", "Together", (10, 17)),
)


def draw_course_map(here: int | None = None) -> Figure:
    """Draw the nineteen lessons, a lane for each part of the course; the lesson numbered `here` stands out.

    Raises ValueError if there is no lesson of that number.
    """
    if here is not None and here not in range(len(LESSONS)):
        raise ValueError(f"here should be the number of a lesson, 0 to {len(LESSONS) - 1}, but it is {here!r}")
    figure, axes = plt.subplots(figsize=(8.6, 4.4))
    for row, lane in enumerate(LANES):
        axes.text(-0.55, -row, lane, ha="right", va="center", fontsize=11, weight="bold", color=COLOURS[row])
        for column, lesson in enumerate(lesson for lesson in LESSONS if lesson.lane == lane):
            _draw_box(axes, lesson, column, -row, COLOURS[row], lesson.number == here)
    axes.set(xlim=(-1.45, 4.5), ylim=(-len(LANES) + 0.45, 0.5))
    axes.axis("off")
    return figure


def show_course_map(here: int | None = None) -> None:
    """Show the map under its caption, in a notebook."""
    alt = "Map of the nineteen lessons: " + "; ".join(_in_words(lesson) for lesson in LESSONS) + "."
    show(draw_course_map(here), alt=alt, caption="The course: five lanes, and under each lesson the ones that it builds on.")


def _in_words(lesson: Lesson) -> str:
    return f"{lesson.number} {lesson.title}" + (f" builds on {_numbers(lesson)}" if lesson.builds_on else "")


def _numbers(lesson: Lesson) -> str:
    return " and ".join(f"{number:02d}" for number in lesson.builds_on)


def _draw_box(axes: plt.Axes, lesson: Lesson, column: int, row: int, colour: str, here: bool) -> None:
    box = FancyBboxPatch(
        (column - 0.43, row - 0.36), 0.86, 0.72, boxstyle="round,pad=0,rounding_size=0.07",
        facecolor=colour if here else "white", edgecolor=colour, linewidth=1.8,
    )
    axes.add_patch(box)
    ink, quiet = ("white", "white") if here else ("black", "#666666")
    axes.text(column - 0.38, row + 0.2, f"{lesson.number:02d}", va="center", fontsize=9, weight="bold", color=ink if here else colour)
    axes.text(column - 0.38, row - 0.01, lesson.title.replace(" for ", "\nfor "), va="center", fontsize=7.9, color=ink, linespacing=0.95)
    if lesson.builds_on:
        axes.text(column - 0.38, row - 0.26, f"after {_numbers(lesson)}", va="center", fontsize=7, color=quiet)
