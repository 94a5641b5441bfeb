"""pick_device takes the fastest that is there."""

import pytest
import torch

from course_lib.teaching.device import pick_device


@pytest.mark.parametrize(("cuda", "mps", "name"), [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_takes_the_fastest(cuda, mps, name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert pick_device() == torch.device(name)


def test_what_it_takes_works():
    assert torch.ones(2, device=pick_device()).sum().item() == 2
