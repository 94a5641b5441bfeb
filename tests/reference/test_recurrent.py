"""Against torch's own cells and layers, all parameters drawn at random, values and all gradients; weights both ways."""

import re

import pytest
import torch
from torch import nn

from course_lib.data.languages import MarkovLanguage
from course_lib.reference import recurrent as R

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
KINDS = {"rnn": (R.RNN, nn.RNN, nn.RNNCell, R.rnn_cell), "lstm": (R.LSTM, nn.LSTM, nn.LSTMCell, R.lstm_cell), "gru": (R.GRU, nn.GRU, nn.GRUCell, R.gru_cell)}
each_kind = pytest.mark.parametrize("kind", KINDS)
# Where no backend could agree better: fp64 as FACTS asks; bfloat16 has 8 bits, and an error of a step is carried into the next.
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=5e-2, atol=5e-2)}


def randn(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def randomise(module, seed=0, scale=0.5):
    for number, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(scale * randn(*parameter.shape, seed=100 * seed + number))
    return module


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def random_state(kind, *shape, seed):
    state = tuple(randn(*shape, seed=seed + place).requires_grad_() for place in range(2))
    return state if kind == "lstm" else state[0]


def weighted_sum(tensors):
    """A scalar in general position, so that every output has a gradient of its own."""
    return sum((tensor * randn(*tensor.shape, seed=7 + place).to(tensor)).sum() for place, tensor in enumerate(tensors))


# ---------------------------------------------------------------------------------------------- cells


@each_kind
@pytest.mark.parametrize("input_dim, hidden_dim, batch", [(3, 5, (4,)), (6, 2, (1,)), (1, 7, ())])
def test_cells_and_their_gradients_are_torchs(kind, input_dim, hidden_dim, batch):
    *_, torch_cell, function = KINDS[kind]
    cell = randomise(torch_cell(input_dim, hidden_dim).double())
    x, state = randn(*batch, input_dim, seed=1).requires_grad_(), random_state(kind, *batch, hidden_dim, seed=2)
    leaves = [x, *parts(state), *cell.parameters()]
    got, expected = function(x, state, *cell.parameters()), cell(x, state)
    for mine, theirs in zip(parts(got), parts(expected), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    for mine, theirs in zip(*(torch.autograd.grad(weighted_sum(parts(out)), leaves) for out in (got, expected)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def test_the_reset_gate_multiplies_after_the_matrix():
    """With r between 0 and 1 the two readings of the GRU differ; a hand computation of one unit says which one this is."""
    weights = [torch.tensor(values, dtype=torch.float64) for values in ([[0.3], [-0.2], [0.5]], [[0.7], [0.4], [-0.6]], [0.1, 0.2, 0.3], [-0.1, 0.5, 0.9])]
    x, h = torch.tensor([0.8], dtype=torch.float64), torch.tensor([-0.4], dtype=torch.float64)
    r = torch.sigmoid(torch.tensor(0.3 * 0.8 + 0.1 + 0.7 * -0.4 - 0.1, dtype=torch.float64))
    z = torch.sigmoid(torch.tensor(-0.2 * 0.8 + 0.2 + 0.4 * -0.4 + 0.5, dtype=torch.float64))
    n = torch.tanh(0.5 * 0.8 + 0.3 + r * (-0.6 * -0.4 + 0.9))
    torch.testing.assert_close(R.gru_cell(x, h, *weights), (1 - z) * n + z * h, rtol=1e-12, atol=0)


# ---------------------------------------------------------------------------------------------- layers


@each_kind
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("input_dim, hidden_dim, layers, batch, length", [(3, 5, 1, 2, 7), (4, 3, 3, 5, 6), (1, 2, 2, 1, 1), (8, 16, 1, 3, 40)])
@pytest.mark.parametrize("with_state", [False, True])
def test_layers_and_all_gradients_are_torchs(kind, device, dtype, input_dim, hidden_dim, layers, batch, length, with_state):
    theirs = randomise(KINDS[kind][1](input_dim, hidden_dim, layers, batch_first=True).double()).to(device, dtype)
    mine = KINDS[kind][0](input_dim, hidden_dim, layers).to(device, dtype)
    mine.load_state_dict(theirs.state_dict())
    assert list(mine.state_dict()) == list(theirs.state_dict())
    x = randn(batch, length, input_dim, seed=1, dtype=dtype).to(device).requires_grad_()
    state = None
    if with_state:
        state = tuple(part.detach().to(device, dtype).requires_grad_() for part in parts(random_state(kind, layers, batch, hidden_dim, seed=3)))
        state = state if kind == "lstm" else state[0]
    results = [(out, *parts(last)) for out, last in (mine(x, state), theirs(x, state))]
    leaves = [x, *(parts(state) if with_state else ())]
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, **TOLERANCES[dtype])
    gradients = [torch.autograd.grad(weighted_sum(result), [*leaves, *layer.parameters()]) for result, layer in zip(results, (mine, theirs))]
    for one, other in zip(*gradients, strict=True):
        # Gradients are sums over batch and time: their errors are measured against the largest entry.
        scale = max(1.0, other.abs().max().item())
        torch.testing.assert_close(one / scale, other / scale, **TOLERANCES[dtype])


@each_kind
@pytest.mark.parametrize("device", DEVICES)
def test_bfloat16_is_near_float64(kind, device):
    """Within 0.05: each of 20 steps rounds to 8 bits and the states, which are below 1 in size, carry the error on."""
    layer = randomise(KINDS[kind][0](4, 8, 2).double(), scale=0.3)
    x = randn(3, 20, 4, seed=1)
    expected, _ = layer(x)
    got, state = layer.to(device, torch.bfloat16)(x.to(device, torch.bfloat16))
    assert got.dtype == torch.bfloat16 and all(part.dtype == torch.bfloat16 for part in parts(state))
    torch.testing.assert_close(got.cpu().double(), expected, **TOLERANCES[torch.bfloat16])


@each_kind
def test_layers_are_their_cells_step_by_step(kind):
    layer = randomise(KINDS[kind][0](3, 4, 2).double())
    x = randn(2, 6, 3, seed=1)
    rows = x.unbind(1)
    for number in range(2):
        zeros = torch.zeros(2, 4, dtype=torch.float64)
        state, out = (zeros, zeros) if kind == "lstm" else zeros, []
        for row in rows:
            state = KINDS[kind][3](row, state, *layer.weights(number))
            out.append(parts(state)[0])
        rows = out
    torch.testing.assert_close(layer(x)[0], torch.stack(rows, 1), rtol=1e-12, atol=1e-14)


@each_kind
def test_reading_in_stretches_is_reading_at_once(kind):
    layer = randomise(KINDS[kind][0](3, 4, 2).double())
    x = randn(2, 9, 3, seed=1)
    whole, last = layer(x)
    state, outputs = None, []
    for stretch in x.split((1, 5, 3), 1):
        out, state = layer(stretch, state)
        outputs.append(out)
    torch.testing.assert_close(torch.cat(outputs, 1), whole, rtol=1e-12, atol=1e-14)
    for one, other in zip(parts(state), parts(last)):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@each_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch_first", [False, True])
def test_weights_go_both_ways(kind, dtype, batch_first):
    mine_class, torch_class = KINDS[kind][:2]
    theirs = randomise(torch_class(3, 4, 2, batch_first=batch_first).to(dtype)).eval()
    mine = mine_class.from_torch(theirs)
    back = mine.to_torch()
    x = randn(2, 5, 3, seed=1, dtype=dtype)
    expected = theirs(x)[0] if batch_first else theirs(x.transpose(0, 1))[0].transpose(0, 1)
    for layer in (mine, back):
        torch.testing.assert_close(layer(x)[0], expected, **TOLERANCES[dtype])
        assert not layer.training and layer.weight_ih_l0.dtype == dtype
    assert back.batch_first and all(torch.equal(a, b) for a, b in zip(theirs.state_dict().values(), back.state_dict().values(), strict=True))
    with torch.no_grad():
        mine.weight_ih_l0.zero_()  # a copy: the others keep theirs
    assert theirs.weight_ih_l0.abs().sum() > 0 and back.weight_ih_l0.abs().sum() > 0


@each_kind
def test_initialisation_is_torchs(kind):
    torch.manual_seed(3)
    mine = KINDS[kind][0](20, 100, 2)
    for parameter in mine.parameters():
        assert parameter.abs().max() <= 0.1
        if parameter.numel() > 1000:
            assert parameter.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.05)


def test_forget_bias():
    layer = randomise(R.LSTM(3, 4, 2)).set_forget_bias(3)
    for number in range(2):
        _, _, bias_ih, bias_hh = layer.weights(number)
        assert (bias_ih + bias_hh)[4:8].tolist() == [3.0] * 4 and 0 not in bias_ih.tolist()


@each_kind
def test_the_past_only(kind):
    layer = randomise(KINDS[kind][0](3, 4, 2).double())
    x = randn(1, 6, 3, seed=1).requires_grad_()
    out, _ = layer(x)
    for place in range(6):
        (gradient,) = torch.autograd.grad(out[0, place].sum(), x, retain_graph=True)
        assert (gradient[0].abs().sum(-1) > 0).tolist() == [other <= place for other in range(6)]


@pytest.mark.slow
@each_kind
def test_layers_compile_into_one_graph(kind):
    layer = randomise(KINDS[kind][0](3, 4, 2))
    x = randn(2, 5, 3, seed=1, dtype=torch.float32)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x)[0], layer(x)[0])


# ---------------------------------------------------------------------------------------------- the language model


@each_kind
@pytest.mark.parametrize("device", DEVICES)
def test_language_model_and_gradients(kind, device):
    model = randomise(R.RecurrentLanguageModel(9, 3, 5, kind, num_layers=2).double()).to(device)
    theirs = model.recurrent.to_torch()
    ids = torch.randint(9, (2, 7), generator=torch.Generator().manual_seed(1)).to(device)
    logits, state = model(ids)
    out, last = theirs(nn.functional.embedding(ids, model.embedding.weight))
    expected = out @ model.output.weight.T + model.output.bias
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-12)
    shared = [model.embedding.weight, model.output.weight, model.output.bias]
    pairs = [torch.autograd.grad(weighted_sum([value]), [*shared, *layer.parameters()]) for value, layer in ((logits, model.recurrent), (expected, theirs))]
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    first, middle = model(ids[:, :3])
    second, end = model(ids[:, 3:], middle)
    torch.testing.assert_close(torch.cat((first, second), 1), logits, rtol=1e-12, atol=1e-14)
    for one, other, whole in zip(parts(end), parts(last), parts(state), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(whole, other, rtol=1e-10, atol=1e-12)


def test_a_language_model_learns_a_known_language():
    language = MarkovLanguage.random(symbols=4, order=2, seed=1)
    torch.manual_seed(0)
    model, ids = R.RecurrentLanguageModel(4, 8, 24, "gru"), language.sample(20_000, seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for start in range(0, 350 * 32, 32):
        rows = torch.stack([ids[start + 512 * row :][:33] for row in range(16)])
        loss = nn.functional.cross_entropy(model(rows[:, :-1])[0].flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    fresh = language.sample(5000, seed=2)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(fresh[None, :-1])[0][0], fresh[1:]).item()
    assert loss == pytest.approx(-language.log_probability(fresh) / len(fresh), rel=0.03)


# ---------------------------------------------------------------------------------------------- errors


CELL = [torch.zeros(3, 2), torch.zeros(3, 3), torch.zeros(3), torch.zeros(3)]


@pytest.mark.parametrize("call, words", [
    (lambda: R.RNN(0, 3), "input_dim: expected an integer from 1, got 0"),
    (lambda: R.GRU(2, 3, True), "num_layers: expected an integer from 1, got True"),
    (lambda: R.RNN(2, 3)(torch.zeros(4, 2)), "x: expected a tensor (batch, length, 2) of torch.float32"),
    (lambda: R.RNN(2, 3)(torch.zeros(4, 0, 2)), "x: expected a tensor (batch, length, 2)"),
    (lambda: R.LSTM(2, 3)(torch.zeros(4, 5, 3)), "x: expected a tensor (batch, length, 2)"),
    (lambda: R.GRU(2, 3)(torch.zeros(4, 5, 2).double()), "x: expected a tensor (batch, length, 2) of torch.float32"),
    (lambda: R.GRU(2, 3)(torch.zeros(4, 5, 2), torch.zeros(4, 3)), "state: expected a tensor of shape (1, 4, 3)"),
    (lambda: R.LSTM(2, 3)(torch.zeros(4, 5, 2), torch.zeros(1, 4, 3)), "state: expected a pair (h, c), got Tensor"),
    (lambda: R.LSTM(2, 3)(torch.zeros(4, 5, 2), (torch.zeros(1, 4, 3), torch.zeros(1, 4, 2))), "c: expected a tensor of shape (1, 4, 3)"),
    (lambda: R.LSTM(2, 3).set_forget_bias("1"), "value: expected a number, got '1'"),
    (lambda: R.rnn_cell([1.0], torch.zeros(3), *CELL), "x: expected a floating-point tensor"),
    (lambda: R.rnn_cell(torch.zeros(4, 2), torch.zeros(3), *CELL), "h: expected a tensor (..., hidden_dim) with 2 axes"),
    (lambda: R.rnn_cell(torch.zeros(4, 2), torch.zeros(5, 3), *CELL), "h: expected a tensor of shape (4, 3)"),
    (lambda: R.gru_cell(torch.zeros(4, 2), torch.zeros(4, 3), *CELL), "weight_ih: expected a tensor of shape (9, 2)"),
    (lambda: R.lstm_cell(torch.zeros(4, 2), torch.zeros(4, 3), *CELL), "state: expected a pair (h, c)"),
    (lambda: R.LSTM.from_torch(nn.GRU(2, 3)), "layer: expected an nn.LSTM, got GRU"),
    (lambda: R.GRU.from_torch(nn.GRU(2, 3, bidirectional=True)), "layer: expected one direction, biases, no dropout, no projection, tanh, got bidirectional=True"),
    (lambda: R.RNN.from_torch(nn.RNN(2, 3, bias=False)), "layer: expected one direction"),
    (lambda: R.RNN.from_torch(nn.RNN(2, 3, nonlinearity="relu")), "layer: expected one direction, biases, no dropout, no projection, tanh, got nonlinearity"),
    (lambda: R.RecurrentLanguageModel(4, 2, 3, "elman"), "kind: expected one of ['rnn', 'lstm', 'gru'], got 'elman'"),
    (lambda: R.RecurrentLanguageModel(4, 2, 3)(torch.zeros(3, dtype=torch.long)), "ids: expected an int64 tensor (batch, length)"),
    (lambda: R.RecurrentLanguageModel(4, 2, 3)(torch.zeros(3, 2)), "ids: expected an int64 tensor (batch, length)"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words)):
        call()
