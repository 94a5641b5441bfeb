"""Which device the lesson computes on."""

import torch


def pick_device() -> torch.device:
    """Return the fastest device that PyTorch finds: CUDA, then MPS (Apple), then the CPU.

    Lessons are written for two CPU cores; the same cells run unchanged on the others.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
