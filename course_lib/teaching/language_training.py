"""Training a language model on one text in minutes: Muon for the matrices inside, AdamW for the rest, a warm-up and a cosine."""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from course_lib.teaching.muon import Muon
from course_lib.teaching.training import train

WARM_UP = 0.05  # share of the steps


@dataclass(frozen=True)
class Recipe:
    """How a language model is trained; two runs of one recipe on one machine give the same weights.

    Parameters
    ----------
    steps, batch, length: each step reads `batch` stretches of `length` tokens from random places of the text.
    matrix_rate, weight_decay: of Muon, which trains the matrices inside the blocks.
    vector_rate: of AdamW, which trains token vectors, positions, norms and biases, without decay.
    dropout: share of the numbers in the token vectors that each step sets to 0, the others made larger to match (Srivastava et al. 2014).
    seed: of the places.
    """

    steps: int
    batch: int
    length: int
    matrix_rate: float = 0.02
    weight_decay: float = 1.0
    vector_rate: float = 0.03
    dropout: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "length"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: expected an integer from 1, got {value!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected a share from 0, below 1, got {self.dropout!r}")


def fit_language_model(
    model: nn.Module, text: Int[Tensor, "text"], recipe: Recipe, predict: Callable[[Tensor], Tensor] | None = None, description: str = "training"
) -> list[float]:
    """Train `model`, with its parts `tokens` and `blocks`, to predict each next token of `text`; returns the losses, in nats per token.

    `predict(ids)` gives logits (batch, length, vocabulary) for ids (batch, length); it is the model itself, unless given.
    Raises ValueError where the text is no row of int64 ids, or too short for one stretch.
    """
    if not isinstance(text, Tensor) or text.ndim != 1 or text.dtype != torch.int64 or len(text) <= recipe.length:
        shape = f"{tuple(text.shape)} of {text.dtype}" if isinstance(text, Tensor) else type(text).__name__
        raise ValueError(f"text: expected an int64 row of more than {recipe.length} ids, got {shape}")
    predict = predict or model
    inside = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and name.startswith("blocks.")]
    rest = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or not name.startswith("blocks.")]
    optimizers = [
        Muon(inside, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(rest, lr=recipe.vector_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)  # of the dropout
    device = next(model.parameters()).device
    steps_of = torch.arange(recipe.length + 1)

    def step(number: int) -> float:
        places = torch.randint(len(text) - recipe.length, (recipe.batch, 1), generator=generator) + steps_of
        rows = text[places.to(text.device)].to(device)
        loss = F.cross_entropy(predict(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        for optimizer, rate in zip(optimizers, (recipe.matrix_rate, recipe.vector_rate)):
            optimizer.zero_grad()
            optimizer.param_groups[0]["lr"] = rate * _share(number, recipe.steps)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss.item()

    noise = model.tokens.register_forward_hook(lambda module, inputs, vectors: F.dropout(vectors, recipe.dropout))
    try:
        return train(step, recipe.steps, description)
    finally:
        noise.remove()


def _share(step: int, steps: int) -> float:
    """Of the highest rate: a straight line up, then half a cosine down to 0."""
    warm = max(1, round(WARM_UP * steps))
    return (step + 1) / warm if step < warm else (1 + cos(pi * (step - warm) / max(1, steps - warm))) / 2
