"""A fixed judge of generated digits: a small classifier that has seen real training digits only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.data.digits import load_digits

_STEPS, _BATCH, _RATE = 500, 64, 4e-3


class DigitClassifier(nn.Module):
    """Two convolutions, 64 features, ten logits.

    The features are what the last layer reads: sums of mean 0 and variance 1 over the real training digits, cut off below 0 by a ReLU. So
    a distance between features (a Fréchet distance, say) has a unit, which does not depend on how large this net's weights happen to be.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.BatchNorm1d(64, affine=False), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(64, 10)

    def features(self, images: Float[Tensor, "batch 1 8 8"]) -> Float[Tensor, "batch 64"]:
        """What the last layer reads. Raises ValueError for anything but images of shape (batch, 1, 8, 8)."""
        if not isinstance(images, Tensor) or images.ndim != 4 or tuple(images.shape[1:]) != (1, 8, 8):
            got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(f"images: expected a tensor of shape (batch, 1, 8, 8), got {got}")
        return self.body(images)

    def forward(self, images: Float[Tensor, "batch 1 8 8"]) -> Float[Tensor, "batch 10"]:
        """Logits of the ten digits."""
        return self.head(self.features(images))


def digit_classifier() -> DigitClassifier:
    """A trained `DigitClassifier` on the CPU, in float32, its parameters frozen: the same one on each call on one machine.

    It learns for about four seconds from the 1442 training digits of `course_lib.data.digits`, each moved by up to one pixel; nothing is
    read from or written to a file, and the global random generator and number of threads are left as they were. It recognises 99.4% of the
    355 test digits and 99.9% of the training digits (at least 98% on any machine). Images have values from 0 (paper) to 1 (ink).

    Fréchet distances of its features to those of the training digits, for scale: test digits 0.3, one random half of the training digits to
    the other 0.6, the training digits without the threes 1.4, a Gaussian fitted to the pixels of each class 1.6, one Gaussian for all 7.6,
    noise 31. To use it on another device, move it: `digit_classifier().to(device)`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # faster for matrices this small, and the same sums on machines with more cores or fewer
    try:
        return _train()
    finally:
        torch.set_num_threads(threads)


def _train() -> DigitClassifier:
    images, labels, _, _ = load_digits()
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = DigitClassifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    with torch.enable_grad():
        for _ in range(_STEPS):
            chosen = torch.randint(len(images), (_BATCH,), generator=generator)
            loss = F.cross_entropy(model(_moved(images[chosen], generator)), labels[chosen], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():  # exact means and variances over the digits as they are
        *layers, norm, _ = model.body
        sums = nn.Sequential(*layers)(images)
        norm.running_mean.copy_(sums.mean(0))
        norm.running_var.copy_(sums.var(0))
    return model.eval().requires_grad_(False)


def _moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image moved by -1, 0 or 1 pixel in both directions; what comes in is paper."""
    padded = F.pad(images, (1, 1, 1, 1))
    down, right = torch.randint(0, 3, (2, len(images)), generator=generator)
    rows, columns = down[:, None] + torch.arange(8), right[:, None] + torch.arange(8)
    return padded[torch.arange(len(images))[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]
