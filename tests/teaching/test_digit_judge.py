"""The judge of digits: good on digits it never saw, the same each time, with features in a unit, and no trace left behind."""

import pytest
import torch
from torch import nn

from course_lib.data.digits import load_digits
from course_lib.teaching.digit_judge import digit_classifier

DIGITS = load_digits()


@pytest.fixture(scope="module")
def judge():
    return digit_classifier()


def test_it_recognises_digits_that_it_never_saw(judge):
    right = (judge(DIGITS.test_images).argmax(1) == DIGITS.test_labels).float()
    assert right.mean() > 0.98
    assert all(right[DIGITS.test_labels == digit].mean() > 0.9 for digit in range(10))


def test_sixty_four_features_in_units_of_real_digits_are_what_the_last_layer_reads(judge):
    features = judge.features(DIGITS.train_images)
    assert features.shape == (1442, 64) and (features >= 0).all() and judge(DIGITS.test_images).shape == (355, 10)
    torch.testing.assert_close(judge(DIGITS.train_images), judge.head(features))
    sums = nn.Sequential(*judge.body[:-1])(DIGITS.train_images)
    torch.testing.assert_close(sums.mean(0), torch.zeros(64), atol=1e-4, rtol=0)
    torch.testing.assert_close(sums.var(0), torch.ones(64), atol=1e-2, rtol=0)
    assert (features.var(0) > 0.01).all()  # none is dead


def test_frozen_and_does_not_change_when_it_is_used(judge):
    assert not judge.training and not any(parameter.requires_grad for parameter in judge.parameters())
    before = {name: value.clone() for name, value in judge.state_dict().items()}
    images = torch.rand(5, 1, 8, 8, requires_grad=True)
    judge(images).sum().backward()
    assert images.grad.abs().sum() > 0  # guidance needs the gradient with respect to the images
    assert all(torch.equal(value, before[name]) for name, value in judge.state_dict().items())


def test_the_same_on_each_call_and_the_global_generator_and_threads_are_left_alone(judge):
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    again = digit_classifier()
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    for name, value in again.state_dict().items():
        assert torch.equal(value, judge.state_dict()[name]), name


@pytest.mark.parametrize("images", [torch.zeros(3, 8, 8), torch.zeros(3, 64), torch.zeros(2, 1, 9, 8), None])
def test_errors_name_the_argument(judge, images):
    with pytest.raises(ValueError, match="^images: expected a tensor of shape"):
        judge.features(images)
