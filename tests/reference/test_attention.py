"""Against torch's own attention, all parameters drawn at random, values and all gradients; blocked against full; every mask."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_lib.reference import attention as A

DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]
each_device = pytest.mark.parametrize("device", DEVICES)
each_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
# fp64 and fp32 as FACTS asks. bfloat16 has 8 bits: scores of size 3 are off by 0.01, and so is everything behind them.
TOLERANCES = {torch.float64: dict(rtol=1e-10, atol=1e-12), torch.float32: dict(rtol=2e-5, atol=1e-5), torch.bfloat16: dict(rtol=3e-2, atol=3e-2)}
FORMS = {"full": A.scaled_dot_product_attention, **{f"blocks of {size}": lambda q, k, v, mask=None, is_causal=False, scale=None, size=size: A.attention_in_blocks(q, k, v, size, mask, is_causal, scale) for size in (1, 3, 64)}}
each_form = pytest.mark.parametrize("form", FORMS)


def randn(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def randomise(module, seed=0, scale=0.5):
    for number, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(scale * randn(*parameter.shape, seed=100 * seed + number))
    return module


def gradients(out, leaves):
    """Of a scalar in general position, so that every output has a gradient of its own."""
    return torch.autograd.grad((out * randn(*out.shape, seed=7).to(out)).sum(), leaves, retain_graph=True)


def agree(one, other, dtype, scale=1.0):
    """Within the tolerances; gradients are sums, so their errors are measured against the largest entry, or what is given."""
    scale = max(scale, other.abs().max().item())
    torch.testing.assert_close(one / scale, other / scale, **TOLERANCES[dtype])


def rows_that_see(mask):
    """Sets what no oracle defines alike apart: every query may attend somewhere."""
    mask[..., 0] |= ~mask.any(-1)
    return mask


MASKS = {
    "none": lambda b, h, n, m: None,
    "padding": lambda b, h, n, m: A.padding_mask(torch.arange(b) % m + 1, m),
    "causal": lambda b, h, n, m: A.causal_mask(n, max(n, m))[:, -m:] if m >= n else rows_that_see(A.causal_mask(n, m)),
    "window": lambda b, h, n, m: rows_that_see(A.window_mask(max(n, m), 3)[-n:, -m:]),
    "prefix": lambda b, h, n, m: rows_that_see(A.prefix_mask(max(n, m), 2)[-n:, -m:]),
    "packed": lambda b, h, n, m: rows_that_see(A.packed_mask(torch.arange(max(n, m)) // 3)[-n:, -m:].clone()),
    "random, one for each head": lambda b, h, n, m: rows_that_see(randn(b, h, n, m, seed=9) > 0),
    "random, one for each row of the batch": lambda b, h, n, m: rows_that_see(randn(b, 1, n, m, seed=9) > 0),
    "random, one for each head of all rows": lambda b, h, n, m: rows_that_see(randn(h, n, m, seed=9) > 0),
}
each_mask = pytest.mark.parametrize("kind", MASKS)


# ---------------------------------------------------------------------------------------------- dot products


@each_form
@each_mask
@each_device
@each_dtype
@pytest.mark.parametrize("batch, heads, queries, keys, dim, value_dim", [(2, 3, 7, 7, 5, 4), (1, 2, 4, 9, 1, 6), (3, 1, 9, 4, 8, 1), (1, 1, 1, 1, 2, 2)])
def test_dot_products_and_gradients_are_torchs(form, kind, device, dtype, batch, heads, queries, keys, dim, value_dim):
    shapes = ((queries, dim), (keys, dim), (keys, value_dim))
    leaves = [randn(batch, heads, *shape, seed=place, dtype=dtype).to(device).requires_grad_() for place, shape in enumerate(shapes)]
    mask = MASKS[kind](batch, heads, queries, keys)
    mask = mask if mask is None else mask.to(device)
    for scale in (None, 0.3):
        got = FORMS[form](*leaves, mask=mask, scale=scale)
        expected = F.scaled_dot_product_attention(*leaves, attn_mask=mask, scale=scale)
        assert got.dtype == dtype
        torch.testing.assert_close(got, expected, **TOLERANCES[dtype])
        for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
            agree(one, other, dtype)


@pytest.mark.parametrize("seed", range(12))
def test_random_configurations(seed):
    """Sizes, mask, causality and scale drawn at random; heads of the keys shared by broadcasting in every third."""
    draw = torch.Generator().manual_seed(seed)
    batch, heads, queries, dim, value_dim, block = (int(torch.randint(1, 12, (), generator=draw)) for _ in range(6))
    keys = queries + int(torch.randint(0, 9, (), generator=draw))
    mask = torch.rand(batch, heads, queries, keys, generator=draw) > 0.4
    causal, scale = bool(seed % 2), (None, 0.7, 2.0)[seed % 3]
    mask[..., 0] = True
    shared = 1 if seed % 3 == 0 else heads
    leaves = [randn(*shape, seed=20 * seed + place).requires_grad_() for place, shape in enumerate([(batch, heads, queries, dim), (batch, shared, keys, dim), (batch, shared, keys, value_dim)])]
    allowed = mask & torch.ones(queries, keys, dtype=torch.bool).tril() if causal else mask
    wide = [leaves[0], *(leaf.expand(batch, heads, *leaf.shape[2:]) for leaf in leaves[1:])]
    expected = F.scaled_dot_product_attention(*wide, attn_mask=allowed, scale=scale)
    for got in (A.scaled_dot_product_attention(*leaves, mask, causal, scale), A.attention_in_blocks(*leaves, block, mask, causal, scale)):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
        for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
            agree(one, other, torch.float64)


@each_form
def test_causal_with_equal_lengths_is_torchs(form):
    leaves = [randn(2, 3, 8, 5, seed=place).requires_grad_() for place in range(3)]
    got, expected = FORMS[form](*leaves, is_causal=True), F.scaled_dot_product_attention(*leaves, is_causal=True)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        agree(one, other, torch.float64)


@each_form
@pytest.mark.parametrize("queries, keys", [(3, 8), (1, 5), (8, 3), (6, 1)])
def test_causal_with_unequal_lengths_is_torchs_too(form, queries, keys):
    leaves = [randn(2, n, 4, seed=place).requires_grad_() for place, n in enumerate((queries, keys, keys))]
    got, expected = FORMS[form](*leaves, is_causal=True), F.scaled_dot_product_attention(*leaves, is_causal=True)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        agree(one, other, torch.float64)


@each_form
@pytest.mark.parametrize("queries, keys", [(3, 8), (1, 5), (8, 3), (6, 1)])
def test_the_mask_for_a_cache_lets_the_last_query_see_the_last_key(form, queries, keys):
    """The last rows of self-attention over all keys. Queries before the first key see nothing and give zeros."""
    leaves = [randn(2, n, 4, seed=place).requires_grad_() for place, n in enumerate((queries, keys, keys))]
    got = FORMS[form](*leaves, A.causal_mask(queries, keys))
    for place in range(queries):
        seen = place + keys - queries + 1
        if seen <= 0:
            assert not got[:, place].any()
        else:
            alone = A.scaled_dot_product_attention(leaves[0][:, place : place + 1], leaves[1][:, :seen], leaves[2][:, :seen])
            torch.testing.assert_close(got[:, place : place + 1], alone, rtol=1e-10, atol=1e-12)


def test_a_cache_gives_the_same_token_by_token():
    layer = randomise(A.MultiHeadAttention(12, 3).double())
    x = randn(2, 9, 12, seed=1)
    pieces = [layer(x[:, a:b], x[:, :b], causal=True) for a, b in ((0, 4), (4, 5), (5, 9))]
    torch.testing.assert_close(torch.cat(pieces, 1), layer(x, causal=True), rtol=1e-12, atol=1e-14)


@each_form
@each_device
def test_a_query_that_may_attend_nowhere_gives_zeros_and_zero_gradients(form, device):
    leaves = [randn(2, 6, 3, seed=place).to(device).requires_grad_() for place in range(3)]
    mask = (randn(2, 6, 6, seed=5) > 0).to(device)
    mask[0, 2], mask[1, 5] = False, False
    got = FORMS[form](*leaves, mask=mask)
    assert not got[0, 2].any() and not got[1, 5].any() and got[0, 0].any()
    expected = F.scaled_dot_product_attention(*leaves, attn_mask=mask)  # torch 2.5 and later give zeros too
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    assert not gradients(got, leaves)[0][0, 2].any()


def test_weights_sum_to_one_and_obey_the_mask():
    query, key = randn(2, 3, 5, 4, seed=1), randn(2, 3, 7, 4, seed=2)
    mask = rows_that_see(randn(2, 3, 5, 7, seed=3) > 0)
    weights = A.attention_weights(query, key, mask)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5, dtype=torch.float64))
    assert not weights[~mask].any() and (weights[mask] > 0).all()
    torch.testing.assert_close(weights @ key, A.scaled_dot_product_attention(query, key, key, mask))


@each_form
def test_large_scores_do_not_overflow(form):
    query, key, value = (300 * randn(2, 6, 4, seed=place, dtype=torch.float32) for place in range(3))
    for factor in (1, -1):
        got = FORMS[form](query, factor * key, value, is_causal=True)
        torch.testing.assert_close(got, F.scaled_dot_product_attention(query, factor * key, value, is_causal=True), rtol=1e-4, atol=1e-2)
        assert got.isfinite().all()


@each_form
@each_device
def test_bfloat16_is_near_float64(form, device):
    leaves = [randn(2, 3, 33, 16, seed=place) for place in range(3)]
    expected = F.scaled_dot_product_attention(*leaves, is_causal=True)
    small = [leaf.to(device, torch.bfloat16).requires_grad_() for leaf in leaves]
    got = FORMS[form](*small, is_causal=True)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.detach().cpu().double(), expected, **TOLERANCES[torch.bfloat16])
    exact = [leaf.requires_grad_() for leaf in leaves]
    wanted = gradients(F.scaled_dot_product_attention(*exact, is_causal=True), exact)
    for one, other in zip(gradients(got, small), wanted, strict=True):
        assert one.dtype == torch.bfloat16
        agree(one.cpu().double(), other, torch.bfloat16)


@pytest.mark.parametrize("causal", [False, True])
def test_the_backward_pass_in_blocks_is_the_derivative(causal):
    """Against finite differences, not against another backward pass."""
    leaves = [randn(2, n, 3, seed=place).requires_grad_() for place, n in enumerate((4, 5, 5))]
    mask = rows_that_see(randn(2, 4, 5, seed=4) > 0)
    assert torch.autograd.gradcheck(lambda *x: A.attention_in_blocks(*x, 2, mask, causal), leaves)


def test_blocks_ask_for_no_gradients_of_gradients():
    query = randn(1, 4, 2, seed=1).requires_grad_()
    (gradient,) = torch.autograd.grad(A.attention_in_blocks(query, query, query, 2).square().sum(), query, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(gradient.sum(), query)


class LiveBytes(torch.utils._python_dispatch.TorchDispatchMode):
    """The most bytes that were held at once by storages made under it."""

    def __init__(self):
        super().__init__()
        self.now, self.most, self.seen = 0, 0, {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        import weakref

        out = function(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.seen:
                    self.seen[storage._cdata] = storage.nbytes()
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self._gone, storage._cdata)
        self.most = max(self.most, self.now)
        return out

    def _gone(self, address):
        self.now -= self.seen.pop(address, 0)


def peak_bytes(form, length):
    leaves = [torch.randn(1, 2, length, 8).requires_grad_() for _ in range(3)]
    with LiveBytes() as live:
        form(*leaves).sum().backward()
    return live.most


def test_memory_is_linear_in_blocks_and_quadratic_in_full():
    """Measured, forward and backward together: the growth from 512 to 1024 queries and keys."""
    growth = {name: peak_bytes(form, 1024) / peak_bytes(form, 512) for name, form in [("full", A.scaled_dot_product_attention), ("blocks", lambda q, k, v: A.attention_in_blocks(q, k, v, 32, is_causal=True))]}
    # A tile has the same size at every length, so that what is linear grows by a little less than 2.
    assert 1.8 < growth["blocks"] < 2.05 and growth["full"] > 3.8, growth


# ---------------------------------------------------------------------------------------------- additive


@each_device
@each_dtype
@pytest.mark.parametrize("batch, queries, keys, query_dim, key_dim, value_dim, hidden", [((2,), 3, 5, 4, 6, 7, 8), ((), 1, 4, 2, 3, 1, 1), ((2, 3), 4, 1, 1, 2, 3, 5)])
@pytest.mark.parametrize("masked", [False, True])
def test_additive_attention_is_its_formula_pair_by_pair(device, dtype, batch, queries, keys, query_dim, key_dim, value_dim, hidden, masked):
    layer = randomise(A.AdditiveAttention(query_dim, key_dim, hidden).double(), scale=1.0).to(device, dtype)
    shapes = (queries, query_dim), (keys, key_dim), (keys, value_dim)
    query, key, value = leaves = [randn(*batch, *shape, seed=place, dtype=dtype).to(device).requires_grad_() for place, shape in enumerate(shapes)]
    mask = rows_that_see(randn(*batch, queries, keys, seed=4) > 0).to(device) if masked else None
    out, weights = layer(query, key, value, mask)
    columns = []
    for place in range(keys):
        inner = torch.einsum("hd,...d->...h", layer.query.weight, query) + torch.einsum("hd,...d->...h", layer.key.weight, key[..., place : place + 1, :])
        columns.append(torch.einsum("h,...h->...", layer.score.weight[0], inner.tanh()))
    scores = torch.stack(columns, -1)
    exponentials = scores.exp() if mask is None else scores.exp() * mask
    expected = exponentials / exponentials.sum(-1, keepdim=True)
    averages = torch.einsum("...qk,...kd->...qd", expected, value)
    torch.testing.assert_close(weights, expected, **TOLERANCES[dtype])
    torch.testing.assert_close(out, averages, **TOLERANCES[dtype])
    leaves = [*leaves, *layer.parameters()]
    for one, other in zip(gradients(out, leaves), gradients(averages, leaves), strict=True):
        agree(one, other, dtype)


def test_additive_attention_of_a_query_that_sees_nothing():
    layer = randomise(A.AdditiveAttention(3, 2, 4).double())
    key = randn(1, 5, 2, seed=2).requires_grad_()
    out, weights = layer(randn(1, 2, 3, seed=1), key, key, torch.tensor([[[True] * 5, [False] * 5]]))
    assert not out[0, 1].any() and not weights[0, 1].any() and out[0, 0].any()
    assert torch.autograd.grad(out.sum(), key)[0].isfinite().all()


# ---------------------------------------------------------------------------------------------- heads


@pytest.mark.parametrize("batch, length, heads, head_dim", [(2, 5, 3, 4), (1, 1, 1, 7), (4, 3, 6, 1)])
def test_heads_are_cut_in_order_and_merged_again(batch, length, heads, head_dim):
    x = randn(batch, length, heads * head_dim, seed=1)
    split = A.split_heads(x, heads)
    assert split.shape == (batch, heads, length, head_dim)
    for head in range(heads):
        assert torch.equal(split[:, head], x[..., head * head_dim : (head + 1) * head_dim])
    assert torch.equal(A.merge_heads(split), x)


@pytest.mark.parametrize("width, heads, batch, queries, keys", [(12, 3, 2, 5, 5), (8, 8, 1, 4, 7), (6, 1, 3, 7, 2), (5, 1, 2, 1, 1), (32, 4, 2, 20, 20)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["none", "padding", "causal", "window", "prefix", "packed", "random, one for each head"])
@each_dtype
@each_device
def test_multi_head_attention_and_all_gradients_are_torchs(width, heads, batch, queries, keys, bias, kind, dtype, device):
    theirs = randomise(nn.MultiheadAttention(width, heads, bias=bias, batch_first=True).double()).to(device, dtype)
    mine = A.MultiHeadAttention.from_torch(theirs)
    x = randn(batch, queries, width, seed=1, dtype=dtype).to(device).requires_grad_()
    context = None if queries == keys else randn(batch, keys, width, seed=2, dtype=dtype).to(device).requires_grad_()
    mask = MASKS[kind](batch, heads, queries, keys)
    mask = mask if mask is None else mask.to(device)
    opposite = None if mask is None else ~mask.expand(batch, heads, queries, keys).reshape(batch * heads, queries, keys)
    other = x if context is None else context
    expected, seen = theirs(x, other, other, attn_mask=opposite, average_attn_weights=False)
    got = mine(x, context, mask)
    torch.testing.assert_close(got, expected, **TOLERANCES[dtype])
    torch.testing.assert_close(mine.weights(x, context, mask), seen, **TOLERANCES[dtype])
    back = mine.to_torch()(x, other, other, attn_mask=opposite)[0]
    torch.testing.assert_close(back, expected, **TOLERANCES[dtype])
    inputs = [x] if context is None else [x, context]
    layers = (mine.query, mine.key, mine.value)
    ours = gradients(got, [*inputs, *(layer.weight for layer in layers), mine.output.weight, *((layer.bias for layer in (*layers, mine.output)) if bias else ())])
    torchs = gradients(expected, [*inputs, theirs.in_proj_weight, theirs.out_proj.weight, *((theirs.in_proj_bias, theirs.out_proj.bias) if bias else ())])
    count = len(inputs)
    wanted = [*torchs[:count], *torchs[count].chunk(3), torchs[count + 1], *((*torchs[count + 2].chunk(3), torchs[count + 3]) if bias else ())]
    # The gradient of the keys' bias is zero, a difference of large numbers: errors are measured against the largest gradient.
    largest = max(gradient.abs().max().item() for gradient in wanted)
    for one, another in zip(ours, wanted, strict=True):
        agree(one, another, dtype, largest)


@each_device
def test_causal_multi_head_attention_sees_the_past_only(device):
    layer = randomise(A.MultiHeadAttention(8, 2).double()).to(device)
    x = randn(1, 6, 8, seed=1).to(device).requires_grad_()
    out = layer(x, causal=True)
    for place in range(6):
        (gradient,) = torch.autograd.grad(out[0, place].sum(), x, retain_graph=True)
        assert (gradient[0].abs().sum(-1) > 0).tolist() == [other <= place for other in range(6)]


@each_device
def test_multi_head_attention_in_bfloat16_is_near_float64(device):
    layer = randomise(A.MultiHeadAttention(16, 4).double(), scale=0.2)
    x = randn(2, 9, 16, seed=1)
    expected = layer(x, causal=True)
    got = layer.to(device, torch.bfloat16)(x.to(device, torch.bfloat16), causal=True)
    torch.testing.assert_close(got.cpu().double(), expected, **TOLERANCES[torch.bfloat16])


def test_dropout_acts_on_the_weights_in_training_only():
    layer = randomise(A.MultiHeadAttention(8, 2, dropout=0.5).double())
    x = randn(3, 40, 8, seed=1)
    theirs = layer.to_torch()
    assert theirs.dropout == 0.5 and A.MultiHeadAttention.from_torch(theirs).dropout == 0.5
    torch.manual_seed(0)
    one, other = layer(x), layer(x)
    assert not torch.equal(one, other)
    layer.eval()
    exact = layer(x)
    torch.testing.assert_close(exact, theirs.eval()(x, x, x)[0], rtol=1e-10, atol=1e-12)
    layer.train()
    torch.manual_seed(1)
    with torch.no_grad():
        draws = torch.stack([layer(x) for _ in range(1000)])
    # Unbiased: 960 means of 1,000 draws, none further off than six of their standard deviations; the seed is fixed.
    assert ((draws.mean(0) - exact).abs() < 6 * draws.std(0) / 1000**0.5).all()


def test_modes_dtypes_and_copies_go_along():
    theirs = randomise(nn.MultiheadAttention(6, 2).double()).eval()  # batch_first does not matter for the weights
    mine = A.MultiHeadAttention.from_torch(theirs)
    assert not mine.training and mine.query.weight.dtype == torch.float64
    x = randn(2, 5, 6, seed=1)
    torch.testing.assert_close(mine(x).transpose(0, 1), theirs(*[x.transpose(0, 1)] * 3)[0], rtol=1e-10, atol=1e-12)
    with torch.no_grad():
        mine.query.weight.zero_()
    assert theirs.in_proj_weight[:6].abs().sum() > 0


@pytest.mark.parametrize("batch, queries, keys, width, heads", [(2, 5, 5, 12, 3), (1, 4, 9, 8, 8), (3, 7, 2, 6, 1)])
def test_flops_are_those_that_torch_counts(batch, queries, keys, width, heads):
    layer, x = A.MultiHeadAttention(width, heads), torch.randn(batch, queries, width)
    context = None if queries == keys else torch.randn(batch, keys, width)
    with FlopCounterMode(display=False) as counter:
        layer(x, context)
    assert sum(A.attention_flops(batch, queries, keys, width)) == counter.get_total_flops()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["full", "blocks of 3"])
def test_compiles(form):
    leaves = [randn(1, 2, 7, 4, seed=place, dtype=torch.float32).requires_grad_() for place in range(3)]
    compiled = torch.compile(lambda *x: FORMS[form](*x, is_causal=True), backend="aot_eager", fullgraph=True)
    got, expected = compiled(*leaves), FORMS[form](*leaves, is_causal=True)
    torch.testing.assert_close(got, expected)
    for one, other in zip(gradients(got, leaves), gradients(expected, leaves), strict=True):
        torch.testing.assert_close(one, other)


# ---------------------------------------------------------------------------------------------- masks


def test_masks_are_what_they_say():
    pairs = [(i, j) for i in range(6) for j in range(6)]
    said = {
        "causal": (A.causal_mask(6, 6), lambda i, j: j <= i), "window": (A.window_mask(6, 2), lambda i, j: i - 2 < j <= i),
        "prefix": (A.prefix_mask(6, 3), lambda i, j: j <= i or j < 3), "no prefix": (A.prefix_mask(6, 0), lambda i, j: j <= i),
        "packed": (A.packed_mask(torch.tensor([0, 0, 1, 1, 1, 2])), lambda i, j: [0, 0, 1, 1, 1, 2][i] == [0, 0, 1, 1, 1, 2][j]),
        "longer keys": (A.causal_mask(2, 5), lambda i, j: j <= i + 3), "longer queries": (A.causal_mask(5, 2), lambda i, j: j <= i - 3),
    }  # fmt: skip
    for name, (mask, rule) in said.items():
        assert mask.dtype == torch.bool
        rows, columns = mask.shape
        assert all(mask[i, j].item() == rule(i, j) for i, j in pairs if i < rows and j < columns), name
    assert A.padding_mask(torch.tensor([3, 0, 5]), 5).tolist() == [[[[True] * n + [False] * (5 - n)]] for n in (3, 0, 5)]
    assert A.packed_mask(torch.zeros(2, 3, 4, dtype=torch.int64)).shape == (2, 3, 4, 4)


# ---------------------------------------------------------------------------------------------- errors

Q, K, V = torch.zeros(2, 3, 4), torch.zeros(2, 5, 4), torch.zeros(2, 5, 6)


@pytest.mark.parametrize("call, words", [
    (lambda: A.attention_weights([1.0], K), "query: expected a floating-point tensor (..., queries, dim), got list"),
    (lambda: A.attention_weights(Q, torch.zeros(2, 5, 3)), "key: expected 4 numbers a key, of torch.float32"),
    (lambda: A.attention_weights(Q, K.double()), "key: expected 4 numbers a key, of torch.float32"),
    (lambda: A.attention_weights(Q, torch.zeros(3, 5, 4)), "key: expected axes in front that fit (2,), got (3,)"),
    (lambda: A.scaled_dot_product_attention(Q, K, torch.zeros(2, 4, 6)), "value: expected 5 rows of torch.float32"),
    (lambda: A.scaled_dot_product_attention(Q, K, torch.zeros(3, 5, 6)), "value: expected axes in front that fit (2,)"),
    (lambda: A.scaled_dot_product_attention(Q, K, V, torch.zeros(3, 5)), "mask: expected a boolean tensor, True where a query may attend"),
    (lambda: A.scaled_dot_product_attention(Q, K, V, torch.ones(3, 4).bool()), "mask: expected a shape that broadcasts to (2, 3, 5)"),
    (lambda: A.scaled_dot_product_attention(Q, K, V, torch.ones(7, 2, 3, 5).bool()), "mask: expected a shape that broadcasts to (2, 3, 5)"),
    (lambda: A.attention_in_blocks(Q, K, V, 2, torch.ones(7, 2, 3, 5).bool()), "mask: expected a shape that broadcasts to (2, 3, 5)"),
    (lambda: A.scaled_dot_product_attention(Q, K, V, scale="1"), "scale: expected a number or None, got '1'"),
    (lambda: A.attention_in_blocks(Q, K, V, 0), "block_size: expected an integer from 1, got 0"),
    (lambda: A.additive_attention(Q, K, V, torch.zeros(7, 3), torch.zeros(7, 4), torch.zeros(7)), "weight_query: expected a tensor of shape (7, 4)"),
    (lambda: A.additive_attention(Q, K, V, torch.zeros(7, 4), torch.zeros(7, 4), torch.zeros(7, 1)), "vector: expected a tensor (hidden,)"),
    (lambda: A.additive_attention(Q, K, V, torch.zeros(7, 4), torch.zeros(7, 4), torch.zeros(7), torch.zeros(3, 5)), "mask: expected a boolean tensor"),
    (lambda: A.AdditiveAttention(3, 0, 2), "key_dim: expected an integer from 1, got 0"),
    (lambda: A.split_heads(torch.zeros(2, 3, 8), 3), "heads: expected a divisor of the width 8, got 3"),
    (lambda: A.split_heads(torch.zeros(3, 8), 2), "x: expected three axes"),
    (lambda: A.merge_heads(torch.zeros(2, 3, 8)), "x: expected a floating-point tensor (batch, heads, length, head_dim)"),
    (lambda: A.MultiHeadAttention(8, 3), "heads: expected a divisor of the width 8, got 3"),
    (lambda: A.MultiHeadAttention(8, True), "heads: expected an integer from 1, got True"),
    (lambda: A.MultiHeadAttention(8, 2, dropout=1.0), "dropout: expected a number from 0, below 1, got 1.0"),
    (lambda: A.MultiHeadAttention(8, 2)(torch.zeros(2, 8)), "x: expected a tensor (batch, length, 8)"),
    (lambda: A.MultiHeadAttention(8, 2)(torch.zeros(2, 3, 8), torch.zeros(2, 3, 6)), "context: expected a tensor (batch, length, 8)"),
    (lambda: A.MultiHeadAttention(8, 2)(torch.zeros(2, 3, 8), torch.zeros(1, 3, 8)), "context: expected a batch of 2"),
    (lambda: A.MultiHeadAttention.from_torch(nn.Linear(2, 2)), "layer: expected an nn.MultiheadAttention, got Linear"),
    (lambda: A.MultiHeadAttention.from_torch(nn.MultiheadAttention(8, 2, kdim=4)), "layer: expected one width"),
    (lambda: A.attention_flops(1, 2, 0, 4), "keys: expected an integer from 1, got 0"),
    (lambda: A.causal_mask(0, 3), "queries: expected an integer from 1, got 0"),
    (lambda: A.window_mask(3, 0), "width: expected an integer from 1, got 0"),
    (lambda: A.prefix_mask(3, -1), "prefix: expected an integer from 0, got -1"),
    (lambda: A.padding_mask(torch.tensor([1.0]), 3), "lengths: expected an integer tensor (batch,)"),
    (lambda: A.packed_mask(torch.zeros(3)), "segments: expected an integer tensor"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words)):
        call()
