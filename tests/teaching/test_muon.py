"""Against torch.optim.Muon, which computes in bfloat16, and against what the method promises."""

import re

import pytest
import torch
from torch import nn

from course_lib.teaching.muon import Muon, orthogonalize


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6), (2, 3, 5, 8)], ids=str)
def test_it_is_nearly_the_nearest_orthogonal_matrix(shape):
    x = randn(*shape)
    got = orthogonalize(x)
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    inner = u.mT @ got @ v.mT  # the same singular vectors: diagonal
    diagonal = inner.diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(inner, torch.diag_embed(diagonal), rtol=0, atol=1e-9)
    assert 0.6 < diagonal.min() and diagonal.max() < 1.3
    assert (s.amax(-1) / s.amin(-1)).min() > 1.4  # it was far from orthogonal


def test_ten_steps_go_where_torchs_go():
    start = [randn(8, 5, seed=1).float(), randn(5, 8, seed=2).float(), randn(8, 5, seed=3).float()]
    ours, theirs = ([nn.Parameter(matrix.clone()) for matrix in start] for _ in range(2))
    rivals = [
        (ours, Muon(ours, lr=0.05, weight_decay=0.3, momentum=0.9)),
        (theirs, torch.optim.Muon(theirs, lr=0.05, weight_decay=0.3, momentum=0.9, adjust_lr_fn="match_rms_adamw")),
    ]
    for number in range(10):
        for parameters, optimizer in rivals:
            for place, parameter in enumerate(parameters):
                parameter.grad = randn(*parameter.shape, seed=10 * number + place).float()
            optimizer.step()
    for mine, other, first in zip(ours, theirs, start):
        assert (mine - other).norm() < 0.02 * (mine - first).norm()


def test_matrices_of_equal_shape_do_not_meet():
    alone, together, other = nn.Parameter(randn(4, 6)), nn.Parameter(randn(4, 6)), nn.Parameter(randn(4, 6, seed=1))
    alone.grad, together.grad, other.grad = randn(4, 6, seed=2), randn(4, 6, seed=2), 50 * randn(4, 6, seed=3)
    Muon([alone], 0.1).step()
    Muon([other, together], 0.1).step()
    torch.testing.assert_close(alone, together)


def test_a_parameter_without_gradient_stays():
    parameter = nn.Parameter(randn(2, 3))
    Muon([parameter]).step()
    assert torch.equal(parameter, randn(2, 3))


@pytest.mark.parametrize("call, said", [
    (lambda: Muon([nn.Parameter(torch.ones(3))]), "params: expected matrices, got a parameter of shape (3,)"),
    (lambda: Muon([nn.Parameter(torch.ones(3, 2))], lr=-1), "lr: expected a number from 0, got -1"),
    (lambda: Muon([nn.Parameter(torch.ones(3, 2))], momentum=1), "momentum: expected a number from 0, below 1, got 1"),
    (lambda: orthogonalize(torch.ones(3)), "matrices: expected a floating-point tensor (..., rows, columns), got torch.Size([3])"),
])  # fmt: skip
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()
