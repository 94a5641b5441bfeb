"""The map agrees with the syllabus, and no lesson builds on a later one."""

import matplotlib.pyplot as plt
import pytest

from course_lib.teaching.course_map import LANES, LESSONS, draw_course_map
from course_lib.teaching.figures import figure_png

SYLLABUS = {
    "00-start-here": "Start here", "01-tokens": "Tokens", "02-embeddings": "Embeddings", "03-language-models": "Language models",
    "04-recurrent-networks": "Recurrent networks", "05-convolutions-for-sequences": "Convolutions for sequences", "06-attention": "Attention",
    "07-transformers": "Transformers", "08-gpt": "GPT", "09-bert": "BERT", "10-adapting-models": "Adapting models", "11-gans": "GANs",
    "12-vaes": "VAEs", "13-diffusion": "Diffusion", "14-state-space-models": "State-space models", "15-hybrid-models": "Hybrid models",
    "16-multimodal": "Multimodal", "17-responsible-models": "Responsible models", "18-capstone": "Capstone",
}


def test_the_nineteen_lessons_of_the_syllabus():
    assert {f"{lesson.number:02d}": lesson.title for lesson in LESSONS} == {name[:2]: title for name, title in SYLLABUS.items()}
    for name, title in SYLLABUS.items():
        assert title.lower().replace(" ", "-") == name[3:]


def test_numbers_are_places():
    assert [lesson.number for lesson in LESSONS] == list(range(19))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: f"{lesson.number:02d}")
def test_a_lesson_builds_on_earlier_ones(lesson):
    assert all(0 <= number < lesson.number for number in lesson.builds_on)
    assert lesson.lane in LANES and bool(lesson.builds_on) == (lesson.number > 0)


def test_every_box_is_drawn_once_and_inside_the_picture():
    figure = draw_course_map(6)
    (axes,) = figure.axes
    assert len(axes.patches) == 19
    low, high = axes.get_xlim()
    boxes = [patch.get_bbox() for patch in axes.patches]
    assert all(low <= box.x0 and box.x1 <= high for box in boxes)
    assert all(not one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
    filled = [patch for patch in axes.patches if patch.get_facecolor()[:3] != (1, 1, 1)]
    assert len(filled) == 1
    assert len(figure_png(figure)) < 60_000


def test_the_map_needs_no_place():
    figure = draw_course_map()
    assert all(patch.get_facecolor()[:3] == (1, 1, 1) for patch in figure.axes[0].patches)
    plt.close(figure)


@pytest.mark.parametrize("here", [-1, 19, 2.5, "0", "start-here"])
def test_a_lesson_that_is_not_there(here):
    with pytest.raises(ValueError, match="number of a lesson, 0 to 18"):
        draw_course_map(here)
