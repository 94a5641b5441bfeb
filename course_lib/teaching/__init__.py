"""What a lesson shows: checks, quiz, training loop, figures, widgets and the reader's progress.

The names are imported when they are first used, so that the grading floor can take the quiz without loading torch.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "COLOURS": "figures",
    "CheckFailed": "checks",
    "begin_lesson": "lesson",
    "check_quiz": "quiz",
    "expect_close": "checks",
    "expect_distribution": "checks",
    "expect_equal": "checks",
    "expect_raises": "checks",
    "expect_shape": "checks",
    "expect_true": "checks",
    "explore": "widgets",
    "pick_device": "device",
    "progress": "training",
    "show": "figures",
    "show_course_map": "course_map",
    "show_progress": "my_progress",
    "train": "training",
    "write_it_yourself": "checks",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"course_lib.teaching has no {name!r}")
    return getattr(import_module(f"course_lib.teaching.{_HOME[name]}"), name)
