"""The loop that trains the language models of lesson 08 and the course's checkpoint."""

import pytest
import torch
from torch import nn

from course_lib.teaching.language_training import Recipe, _share, fit_language_model


class TinyModel(nn.Module):
    """The next token from this one; `blocks` holds the one matrix that Muon trains."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.tokens = nn.Embedding(6, 8)
        self.blocks = nn.ModuleList([nn.Linear(8, 8)])
        self.logits = nn.Linear(8, 6)

    def forward(self, ids):
        return self.logits(torch.tanh(self.blocks[0](self.tokens(ids))))


TEXT = torch.arange(600) % 6
RECIPE = Recipe(steps=150, batch=4, length=8)


def test_it_learns_what_can_be_learned_and_two_runs_are_the_same():
    first, second = TinyModel(), TinyModel()
    losses = fit_language_model(first, TEXT, RECIPE)
    assert losses[-1] < 0.05 < 1.5 < losses[0]
    assert losses == fit_language_model(second, TEXT, RECIPE)
    for a, b in zip(first.parameters(), second.parameters()):
        assert torch.equal(a, b)


def test_every_parameter_is_trained():
    model = TinyModel()
    before = [parameter.clone() for parameter in model.parameters()]
    fit_language_model(model, TEXT, Recipe(steps=2, batch=4, length=8))
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters()))


def test_the_seed_draws_other_places():
    text = torch.randint(6, (600,), generator=torch.Generator().manual_seed(0))
    losses = [fit_language_model(TinyModel(), text, Recipe(steps=2, batch=4, length=8, seed=seed)) for seed in (0, 1)]
    assert losses[0] != losses[1]


def test_dropout_acts_in_training_and_is_gone_afterwards():
    plain, noisy = (fit_language_model(TinyModel(), TEXT, Recipe(steps=3, batch=4, length=8, dropout=share)) for share in (0.0, 0.5))
    assert plain[0] != noisy[0]
    model = TinyModel()
    fit_language_model(model, TEXT, Recipe(steps=2, batch=4, length=8, dropout=0.5))
    assert torch.equal(model(TEXT[None, :9]), model(TEXT[None, :9]))


def test_predict_may_choose_from_what_a_model_returns():
    losses = fit_language_model(TinyModel(), TEXT, Recipe(steps=3, batch=4, length=8))
    model = TinyModel()
    assert losses == fit_language_model(model, TEXT, Recipe(steps=3, batch=4, length=8), lambda ids: (model(ids), None)[0])


def test_the_rate_rises_stays_and_falls_in_straight_lines():
    shares = [_share(step, 100) for step in range(101)]
    assert shares[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert shares[9:41] == pytest.approx([1.0] * 32)
    assert shares[40:] == pytest.approx([(100 - step) / 60 for step in range(40, 101)])


@pytest.mark.parametrize("name", ["steps", "batch", "length"])
@pytest.mark.parametrize("value", [0, -3, 2.5, True])
def test_a_recipe_with_a_size_that_is_none_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Recipe(**{"steps": 3, "batch": 4, "length": 5, name: value})


def test_a_dropout_of_all_is_refused():
    with pytest.raises(ValueError, match="dropout: expected a share from 0, below 1, got 1"):
        Recipe(3, 4, 5, dropout=1)


@pytest.mark.parametrize("text", [torch.zeros(8, dtype=torch.int64), torch.zeros(3, 40, dtype=torch.int64), torch.zeros(40), [1, 2, 3]])
def test_a_text_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="text: expected an int64 row of more than 8 ids"):
        fit_language_model(TinyModel(), text, RECIPE)
