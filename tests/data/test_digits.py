import torch
from sklearn.datasets import load_digits as from_sklearn

from course_lib.data.digits import load_digits


def test_shapes_types_and_range():
    digits = load_digits()
    assert digits.train_images.shape == (1442, 1, 8, 8) and digits.test_images.shape == (355, 1, 8, 8)
    assert digits.train_labels.shape == (1442,) and digits.test_labels.shape == (355,)
    assert digits.train_images.dtype == torch.float32 and digits.train_labels.dtype == torch.int64
    for images in (digits.train_images, digits.test_images):
        assert images.min() == 0 and images.max() == 1


def test_every_digit_is_there_once_with_its_label():
    digits, source = load_digits(), from_sklearn()
    rows = lambda images, labels: sorted((*image.flatten().tolist(), label) for image, label in zip(images, labels))  # noqa: E731
    ours = rows(torch.cat((digits.train_images, digits.test_images)) * 16, torch.cat((digits.train_labels, digits.test_labels)).tolist())
    assert ours == rows(torch.tensor(source.images), source.target.tolist())


def test_stratified_and_the_same_on_every_call():
    first, second = load_digits(), load_digits()
    assert all(torch.equal(x, y) for x, y in zip(first, second))
    test, train = first.test_labels.bincount(minlength=10), first.train_labels.bincount(minlength=10)
    assert ((test / (test + train) - 0.2).abs() < 0.01).all()


def test_a_plain_classifier_learns_them():
    """Labels belong to their images: nearest neighbour is right at least 97% of the time."""
    digits = load_digits()
    nearest = torch.cdist(digits.test_images.flatten(1), digits.train_images.flatten(1)).argmin(1)
    assert (digits.train_labels[nearest] == digits.test_labels).float().mean() > 0.97
