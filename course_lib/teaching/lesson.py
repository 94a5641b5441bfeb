"""The first call of every lesson."""

import random
import traceback
from types import TracebackType

import numpy as np
import torch
from IPython import get_ipython

from course_lib.teaching.figures import use_course_style


def begin_lesson(seed: int = 0) -> None:
    """Seed the random generators, give figures the course's look, and make an empty exercise say its name.

    Where a function that the reader has not written yet is called, one line says which exercise comes first, in place
    of a traceback. Raises `ValueError` for a seed that is no whole number from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed should be a whole number from 0 to 2**32 - 1, but it is {seed!r}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    use_course_style()
    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((NotImplementedError,), _show_missing_exercise)


def _show_missing_exercise(shell, kind: type, error: BaseException, trace: TracebackType, tb_offset: int | None = None) -> list[str]:
    if str(error):  # raised by a library, which says what it lacks; a stub says nothing
        lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
    else:
        *_, (frame, _) = traceback.walk_tb(trace)
        name = "This cell" if frame.f_code.co_name == "<module>" else f"`{frame.f_code.co_qualname}`"
        lines = [f"\x1b[33mNot written yet\x1b[0m  {name} still holds `raise NotImplementedError`: do its exercise first."]
    # An error must stay an error for whoever runs the notebook: a failed check without one would earn its points.
    shell._showtraceback(kind, error, lines)
    return lines
