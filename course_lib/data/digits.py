"""scikit-learn's 1797 handwritten digits (UCI, 8 x 8 grey values) as tensors; they come with the package, no download."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Digits(NamedTuple):
    """Images have values from 0 (paper) to 1 (ink), float32; labels are the digits 0 to 9, int64."""

    train_images: Float[Tensor, "train 1 8 8"]
    train_labels: Int[Tensor, "train"]
    test_images: Float[Tensor, "test 1 8 8"]
    test_labels: Int[Tensor, "test"]


def load_digits() -> Digits:
    """1442 digits to train on and 355 to test on, the same on every call.

    Of each class every fifth digit, in the order of the file, is for the test, so all classes have the same share.
    """
    from sklearn.datasets import load_digits as from_sklearn

    bunch = from_sklearn()
    images = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    test = torch.zeros(len(labels), dtype=torch.bool)
    for digit in range(10):
        test[(labels == digit).nonzero()[4::5, 0]] = True
    return Digits(images[~test], labels[~test], images[test], labels[test])
