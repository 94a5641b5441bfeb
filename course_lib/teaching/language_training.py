"""Training a language model on one text in minutes: Muon for the matrices inside, AdamW for the rest."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from course_lib.teaching.muon import Muon
from course_lib.teaching.training import train

WARM_UP = 10  # steps
FALL = 0.6  # the last share of the steps, in which the rates fall to 0


@dataclass(frozen=True)
class Recipe:
    """How a language model is trained; two runs of one recipe on one machine give the same weights.

    Parameters
    ----------
    steps, batch, length: each step reads `batch` stretches of `length` tokens from random places of the text.
    matrix_rate, weight_decay: of Muon, which trains the matrices inside the blocks.
    vector_rate, norm_rate: of AdamW, which trains token vectors and positions, and norms and biases, without decay.
    dropout: share of the numbers in the token vectors that each step sets to 0, the others made larger to match (Srivastava et al. 2014).
    seed: of the places.
    """

    steps: int
    batch: int
    length: int
    matrix_rate: float = 0.02
    weight_decay: float = 1.0
    vector_rate: float = 0.03
    norm_rate: float = 0.003
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
    optimizers = _optimizers(model, recipe)
    rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)  # of the dropout
    device = next(model.parameters()).device
    steps_of = torch.arange(recipe.length + 1)

    def step(number: int) -> float:
        places = torch.randint(len(text) - recipe.length, (recipe.batch, 1), generator=generator) + steps_of
        rows = text[places.to(text.device)].to(device)
        loss = F.cross_entropy(predict(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        for optimizer, highest in zip(optimizers, rates):
            optimizer.zero_grad()
            for group, rate in zip(optimizer.param_groups, highest):
                group["lr"] = rate * _share(number, recipe.steps)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss.item()

    noise = model.tokens.register_forward_hook(lambda module, inputs, vectors: F.dropout(vectors, recipe.dropout))
    try:
        return train(step, recipe.steps, description)
    finally:
        noise.remove()


def _optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """One for the matrices inside the blocks, one for all other parameters."""
    matrices, vectors, rest = [], [], []
    for name, parameter in model.named_parameters():
        kind = rest if parameter.ndim != 2 else matrices if name.startswith("blocks.") else vectors
        kind.append(parameter)
    others = [{"params": vectors, "lr": recipe.vector_rate}, {"params": rest, "lr": recipe.norm_rate}]
    return [
        Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW([group for group in others if group["params"]], betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _share(step: int, steps: int) -> float:
    """Of the highest rate: a straight line up, level, and a straight line down to 0."""
    return min(1.0, (step + 1) / WARM_UP) * min(1.0, (1 - step / steps) / FALL)
