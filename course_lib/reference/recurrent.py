"""Recurrent networks: the plain (Elman) cell, LSTM and GRU, layers of them, and a language model; weights as in `torch.nn`.

Papers, in order of use
- the plain recurrent network: Elman 1990, Cognitive Science 14
- LSTM: Hochreiter and Schmidhuber 1997, Neural Computation 9; its forget gate: Gers, Schmidhuber and Cummins 2000, Neural Computation 12
- GRU: Cho et al. 2014, arXiv 1406.1078; here, as in `torch.nn`, the reset gate multiplies `W h + b`, not `h`
- gradients that vanish or explode, and clipping: Pascanu, Mikolov and Bengio 2013, arXiv 1211.5063

Shapes are batch first: input (batch, length, input_dim), output (batch, length, hidden_dim), a state (num_layers, batch, hidden_dim);
the state of an LSTM is a pair of these, hidden and cell. Parameters are called as in `torch.nn` (`weight_ih_l0`, ...) and stacked in
the same order (LSTM: input, forget, candidate, output; GRU: reset, update, candidate), so `load_state_dict` works both ways.

All run on CPU, CUDA and MPS, in float32, float64 and bfloat16, and under `torch.compile`, which unrolls the steps. The input's
share of all steps is one matrix product; only the state's share waits for the step before. On a GPU the layers of `torch.nn`,
which cuDNN runs as one call, are many times faster: `to_torch` hands them the weights.
"""

from __future__ import annotations

from math import sqrt
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

State = Tensor | tuple[Tensor, Tensor]


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _check_size(value: object, name: str) -> None:
    _check(isinstance(value, int) and not isinstance(value, bool) and value >= 1, name, "an integer from 1", repr(value))


def _shape(value: object) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _check_cell(gates: int, x: object, state: dict[str, object], weights: tuple[object, ...]) -> None:
    """Whether an input, the parts of a state and the four weights of a cell fit together."""
    good = isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 1
    _check(good, "x", "a floating-point tensor (..., input_dim)", _shape(x))
    h = next(iter(state.values()))
    _check(isinstance(h, Tensor) and h.ndim == x.ndim, "h", f"a tensor (..., hidden_dim) with {x.ndim} axes", _shape(h))
    wanted = {name: (*x.shape[:-1], h.shape[-1]) for name in state}
    rows = gates * h.shape[-1]
    wanted |= {"weight_ih": (rows, x.shape[-1]), "weight_hh": (rows, h.shape[-1]), "bias_ih": (rows,), "bias_hh": (rows,)}
    for (name, shape), value in zip(wanted.items(), (*state.values(), *weights), strict=True):
        good = isinstance(value, Tensor) and tuple(value.shape) == shape and value.dtype == x.dtype
        _check(good, name, f"a tensor of shape {shape} and {x.dtype}", _shape(value))


# ------------------------------------------------------------------------------------------------ cells: one step


def rnn_cell(
    x: Float[Tensor, "*batch input_dim"],
    h: Float[Tensor, "*batch hidden_dim"],
    weight_ih: Float[Tensor, "hidden_dim input_dim"],
    weight_hh: Float[Tensor, "hidden_dim hidden_dim"],
    bias_ih: Float[Tensor, "hidden_dim"],
    bias_hh: Float[Tensor, "hidden_dim"],
) -> Float[Tensor, "*batch hidden_dim"]:
    """One step of Elman's network: tanh(W_ih x + b_ih + W_hh h + b_hh). Raises ValueError where shapes or dtypes do not fit."""
    _check_cell(1, x, {"h": h}, (weight_ih, weight_hh, bias_ih, bias_hh))
    return _rnn_step(F.linear(x, weight_ih, bias_ih), h, weight_hh, bias_hh)


def lstm_cell(
    x: Float[Tensor, "*batch input_dim"],
    state: tuple[Float[Tensor, "*batch hidden_dim"], Float[Tensor, "*batch hidden_dim"]],
    weight_ih: Float[Tensor, "4*hidden_dim input_dim"],
    weight_hh: Float[Tensor, "4*hidden_dim hidden_dim"],
    bias_ih: Float[Tensor, "4*hidden_dim"],
    bias_hh: Float[Tensor, "4*hidden_dim"],
) -> tuple[Float[Tensor, "*batch hidden_dim"], Float[Tensor, "*batch hidden_dim"]]:
    """One step of an LSTM with forget gate (Gers et al. 2000), without peepholes: (h, c) -> (h, c).

    i, f, o = sigmoid and g = tanh of their rows of W_ih x + b_ih + W_hh h + b_hh; c' = f c + i g; h' = o tanh(c').
    Raises ValueError where shapes or dtypes do not fit.
    """
    _check(isinstance(state, tuple) and len(state) == 2, "state", "a pair (h, c)", type(state).__name__)
    _check_cell(4, x, {"h": state[0], "c": state[1]}, (weight_ih, weight_hh, bias_ih, bias_hh))
    return _lstm_step(F.linear(x, weight_ih, bias_ih), state, weight_hh, bias_hh)


def gru_cell(
    x: Float[Tensor, "*batch input_dim"],
    h: Float[Tensor, "*batch hidden_dim"],
    weight_ih: Float[Tensor, "3*hidden_dim input_dim"],
    weight_hh: Float[Tensor, "3*hidden_dim hidden_dim"],
    bias_ih: Float[Tensor, "3*hidden_dim"],
    bias_hh: Float[Tensor, "3*hidden_dim"],
) -> Float[Tensor, "*batch hidden_dim"]:
    """One step of a GRU: h' = (1 - z) n + z h, with n = tanh(W_in x + b_in + r (W_hn h + b_hn)).

    r and z are sigmoids of their rows of W_ih x + b_ih + W_hh h + b_hh. The last version of Cho et al. multiplies r with h,
    before the matrix; torch and cuDNN compute what stands here. Raises ValueError where shapes or dtypes do not fit.
    """
    _check_cell(3, x, {"h": h}, (weight_ih, weight_hh, bias_ih, bias_hh))
    return _gru_step(F.linear(x, weight_ih, bias_ih), h, weight_hh, bias_hh)


def _rnn_step(from_input: Tensor, h: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    return torch.tanh(from_input + F.linear(h, weight_hh, bias_hh))


def _lstm_step(from_input: Tensor, state: tuple[Tensor, Tensor], weight_hh: Tensor, bias_hh: Tensor) -> tuple[Tensor, Tensor]:
    h, c = state
    input_gate, forget_gate, candidate, output_gate = (from_input + F.linear(h, weight_hh, bias_hh)).chunk(4, -1)
    c = torch.sigmoid(forget_gate) * c + torch.sigmoid(input_gate) * torch.tanh(candidate)
    return torch.sigmoid(output_gate) * torch.tanh(c), c


def _gru_step(from_input: Tensor, h: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    hidden_dim = h.shape[-1]
    from_state = F.linear(h, weight_hh, bias_hh)
    gates = torch.sigmoid(from_input[..., : 2 * hidden_dim] + from_state[..., : 2 * hidden_dim])
    reset, update = gates.chunk(2, -1)
    candidate = torch.tanh(from_input[..., 2 * hidden_dim :] + reset * from_state[..., 2 * hidden_dim :])
    return candidate + update * (h - candidate)  # (1 - z) n + z h


# ------------------------------------------------------------------------------------------------ layers: all steps


class _Recurrent(nn.Module):
    """What the three have in common: parameters named and initialised as in `torch.nn`, layers upon layers, weights both ways."""

    gates: ClassVar[int]
    torch_class: ClassVar[type[nn.RNNBase]]

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int = 1) -> None:
        super().__init__()
        for name, value in [("input_dim", input_dim), ("hidden_dim", hidden_dim), ("num_layers", num_layers)]:
            _check_size(value, name)
        self.input_dim, self.hidden_dim, self.num_layers = input_dim, hidden_dim, num_layers
        rows = self.gates * hidden_dim
        for layer in range(num_layers):
            shapes = {"weight_ih": (rows, hidden_dim if layer else input_dim), "weight_hh": (rows, hidden_dim), "bias_ih": (rows,), "bias_hh": (rows,)}
            for name, shape in shapes.items():
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(torch.empty(shape)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters evenly from -1 / sqrt(hidden_dim) to 1 / sqrt(hidden_dim), as `torch.nn` does."""
        bound = 1 / sqrt(self.hidden_dim)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def weights(self, layer: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """weight_ih, weight_hh, bias_ih, bias_hh of a layer: what the cell functions take."""
        return tuple(getattr(self, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))

    def forward(self, x: Float[Tensor, "batch length input_dim"], state: State | None = None) -> tuple[Float[Tensor, "batch length hidden_dim"], State]:
        """All outputs of the last layer, and the last state of every layer. Without a state it starts from zeros.

        Reading a text in stretches, each with the state that the one before has left, gives the same as reading it at once.
        Raises ValueError where the input or the state has another shape, dtype or device than the parameters ask for.
        """
        self._check_input(x)
        parts = self._parts(state, x)  # (part of the state, layer, batch, hidden_dim)
        last = []
        for layer in range(self.num_layers):
            weight_ih, weight_hh, bias_ih, bias_hh = self.weights(layer)
            now = tuple(part[layer] for part in parts)
            outputs = []
            for from_input in F.linear(x, weight_ih, bias_ih).unbind(1):  # (batch, gates * hidden_dim)
                now = self._step(from_input, now, weight_hh, bias_hh)
                outputs.append(now[0])
            x = torch.stack(outputs, 1)  # (batch, length, hidden_dim)
            last.append(now)
        return x, self._state(tuple(torch.stack(part) for part in zip(*last)))

    @classmethod
    def from_torch(cls, layer: nn.RNNBase) -> _Recurrent:
        """A copy of a layer of `torch.nn`, on its device and in its dtype; `batch_first` does not matter.

        Raises ValueError for another class, two directions, a projection, dropout, no biases, or a ReLU.
        """
        _check(isinstance(layer, cls.torch_class), "layer", f"an nn.{cls.torch_class.__name__}", type(layer).__name__)
        plain = {"bidirectional": False, "bias": True, "dropout": 0, "proj_size": 0}
        wrong = [f"{name}={getattr(layer, name)}" for name, value in plain.items() if getattr(layer, name) != value]
        wrong += ["nonlinearity='relu'"] * (getattr(layer, "nonlinearity", "tanh") != "tanh")
        _check(not wrong, "layer", "one direction, biases, no dropout, no projection, tanh", ", ".join(wrong))
        copy = cls(layer.input_size, layer.hidden_size, layer.num_layers).to(layer.weight_ih_l0)
        copy.load_state_dict(layer.state_dict())
        return copy.train(layer.training)

    def to_torch(self) -> nn.RNNBase:
        """A layer of `torch.nn` (batch first) with copies of these weights, on the same device and in the same dtype."""
        layer = self.torch_class(self.input_dim, self.hidden_dim, self.num_layers, batch_first=True).to(self.weight_ih_l0)
        layer.load_state_dict(self.state_dict())
        return layer.train(self.training)

    def extra_repr(self) -> str:
        return f"{self.input_dim}, {self.hidden_dim}, num_layers={self.num_layers}"

    def _check_input(self, x: object) -> None:
        weight = self.weight_ih_l0
        good = isinstance(x, Tensor) and x.ndim == 3 and min(x.shape[:2]) > 0 and x.shape[2] == self.input_dim and x.dtype == weight.dtype
        _check(good, "x", f"a tensor (batch, length, {self.input_dim}) of {weight.dtype}, batch and length at least 1", _shape(x))

    def _check_state(self, name: str, part: object, x: Tensor) -> Tensor:
        shape = (self.num_layers, len(x), self.hidden_dim)
        good = isinstance(part, Tensor) and tuple(part.shape) == shape and part.dtype == x.dtype and part.device == x.device
        _check(good, name, f"a tensor of shape {shape}, {x.dtype} on {x.device}", _shape(part))
        return part

    def _zeros(self, x: Tensor) -> Tensor:
        return x.new_zeros(self.num_layers, len(x), self.hidden_dim)

    # An LSTM carries two parts, the others one: these three say so.

    def _parts(self, state: State | None, x: Tensor) -> tuple[Tensor, ...]:
        return (self._zeros(x) if state is None else self._check_state("state", state, x),)

    def _state(self, parts: tuple[Tensor, ...]) -> State:
        return parts[0]

    def _step(self, from_input: Tensor, now: tuple[Tensor, ...], weight_hh: Tensor, bias_hh: Tensor) -> tuple[Tensor, ...]:
        raise NotImplementedError("a subclass says what one step is")


class RNN(_Recurrent):
    """Layers of `rnn_cell`: `nn.RNN(input_dim, hidden_dim, num_layers, batch_first=True)` with the same parameters."""

    gates, torch_class = 1, nn.RNN

    def _step(self, from_input: Tensor, now: tuple[Tensor, ...], weight_hh: Tensor, bias_hh: Tensor) -> tuple[Tensor, ...]:
        return (_rnn_step(from_input, now[0], weight_hh, bias_hh),)


class GRU(_Recurrent):
    """Layers of `gru_cell`: `nn.GRU(input_dim, hidden_dim, num_layers, batch_first=True)` with the same parameters."""

    gates, torch_class = 3, nn.GRU

    def _step(self, from_input: Tensor, now: tuple[Tensor, ...], weight_hh: Tensor, bias_hh: Tensor) -> tuple[Tensor, ...]:
        return (_gru_step(from_input, now[0], weight_hh, bias_hh),)


class LSTM(_Recurrent):
    """Layers of `lstm_cell`: `nn.LSTM(input_dim, hidden_dim, num_layers, batch_first=True)` with the same parameters.

    The state is a pair (h, c). `set_forget_bias` lets the gradient live longer at the start of training.
    """

    gates, torch_class = 4, nn.LSTM

    @torch.no_grad()
    def set_forget_bias(self, value: float) -> LSTM:
        """Make the two biases of each forget gate sum to `value`: with 3 a cell keeps about 0.95 of its content a step, with 0 half."""
        _check(isinstance(value, (int, float)) and not isinstance(value, bool), "value", "a number", repr(value))
        forget = slice(self.hidden_dim, 2 * self.hidden_dim)
        for layer in range(self.num_layers):
            _, _, bias_ih, bias_hh = self.weights(layer)
            bias_ih[forget], bias_hh[forget] = value, 0
        return self

    def _parts(self, state: State | None, x: Tensor) -> tuple[Tensor, ...]:
        if state is None:
            return self._zeros(x), self._zeros(x)
        _check(isinstance(state, tuple) and len(state) == 2, "state", "a pair (h, c)", type(state).__name__)
        return tuple(self._check_state(name, part, x) for name, part in zip(("h", "c"), state))

    def _state(self, parts: tuple[Tensor, ...]) -> State:
        return parts

    def _step(self, from_input: Tensor, now: tuple[Tensor, ...], weight_hh: Tensor, bias_hh: Tensor) -> tuple[Tensor, ...]:
        return _lstm_step(from_input, now, weight_hh, bias_hh)


# ------------------------------------------------------------------------------------------------ a language model

LAYERS: dict[str, type[_Recurrent]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


class RecurrentLanguageModel(nn.Module):
    """Vectors of the tokens, recurrent layers of one kind ("rnn", "lstm" or "gru"), logits of the next token.

    `model(ids, state) -> (logits, state)`: the state is what the model remembers of all that it has read, of a fixed size.
    """

    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int, kind: str = "gru", num_layers: int = 1) -> None:
        super().__init__()
        for name, value in [("vocab_size", vocab_size), ("embedding_dim", embedding_dim)]:
            _check_size(value, name)
        _check(kind in LAYERS, "kind", f"one of {list(LAYERS)}", repr(kind))
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.recurrent = LAYERS[kind](embedding_dim, hidden_dim, num_layers)
        self.output = nn.Linear(hidden_dim, vocab_size)

    def forward(self, ids: Int[Tensor, "batch length"], state: State | None = None) -> tuple[Float[Tensor, "batch length vocab_size"], State]:
        """Logits at each place for the token after it, and the state after the last; without a state it starts from zeros.

        Reading in stretches with the state handed on gives the logits of reading at once. Raises ValueError for ids that are
        no int64 tensor (batch, length) with at least one token, and for a state of another shape.
        """
        good = isinstance(ids, Tensor) and ids.ndim == 2 and ids.dtype == torch.int64 and min(ids.shape) > 0
        _check(good, "ids", "an int64 tensor (batch, length), not empty", _shape(ids))
        outputs, state = self.recurrent(self.embedding(ids), state)
        return self.output(outputs), state
