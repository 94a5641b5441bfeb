"""One decoder-only language model whose settings are GPT-2, GPT-Neo and Llama, with a cache, and exact ways to and from `transformers`.

Papers, in order of use
- the decoder trained alone as a language model: Radford et al. 2018 and 2019 (GPT, GPT-2, no arXiv number)
- GPT-Neo: Black et al. 2021, software, doi 10.5281/zenodo.5297715; its alternating local attention: Child et al. 2019, arXiv 1904.10509
- Llama: Touvron et al. 2023, arXiv 2302.13971, made of RMSNorm: Zhang and Sennrich 2019, arXiv 1910.07467; SwiGLU: Shazeer 2020,
  arXiv 2002.05202; rotary positions: Su et al. 2021, arXiv 2104.09864; grouped queries: Ainslie et al. 2023, arXiv 2305.13245

Shapes: ids (batch, length) int64, logits (batch, length, vocabulary). All blocks normalise first (pre-LN). A `Cache` holds the keys
and values of the tokens read so far in memory that is taken once; `model(ids, cache)` reads further tokens and gives the logits that
`model(all_ids)` would give at their places. Runs on CPU, CUDA and MPS, in float32, float64 and bfloat16, and under `torch.compile`
(with a cache it compiles anew for each length).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

INITIAL_DEVIATION = 0.02


def _check(condition: bool, name: str, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {got}")


def _shape(value: object) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


@dataclass(frozen=True)
class GPTSettings:
    """What distinguishes the members of the family; `gpt2`, `gpt_neo` and `llama` fill it in.

    Parameters
    ----------
    vocabulary, context: how many tokens there are, and how many the model reads at most.
    width, layers, heads, head_dim: of the residual stream; of a head, usually width / heads.
    key_value_heads: each is shared by heads / key_value_heads query heads; equal to heads without grouping.
    hidden: width inside the feed-forward part.
    norm: "layer" or "rms", with `epsilon` beside the variance.
    feed_forward: "gelu" (with the tanh approximation that GPT-2 uses) or "swiglu".
    positions: "learned", added to the token's vector, or "rotary" with `rotary_base`, turning queries and keys.
    windows: for each layer how many tokens a query sees, itself included; None for all.
    scaled: whether scores are divided by sqrt(head_dim); GPT-Neo does without.
    input_bias, output_bias, feed_forward_bias: whether the projections into and out of attention, and the feed-forward part, have biases.
    tied: whether logits are products with the token vectors themselves.
    """

    vocabulary: int
    context: int
    width: int
    layers: int
    heads: int
    head_dim: int
    key_value_heads: int
    hidden: int
    norm: str
    epsilon: float
    feed_forward: str
    positions: str
    rotary_base: float
    windows: tuple[int | None, ...]
    scaled: bool
    input_bias: bool
    output_bias: bool
    feed_forward_bias: bool
    tied: bool

    def __post_init__(self) -> None:
        for name in ("vocabulary", "context", "width", "layers", "heads", "head_dim", "key_value_heads", "hidden"):
            value = getattr(self, name)
            _check(isinstance(value, int) and not isinstance(value, bool) and value >= 1, name, "an integer from 1", repr(value))
        _check(self.heads % self.key_value_heads == 0, "key_value_heads", f"a divisor of the {self.heads} heads", self.key_value_heads)
        for name, options in (("norm", ("layer", "rms")), ("feed_forward", ("gelu", "swiglu")), ("positions", ("learned", "rotary"))):
            _check(getattr(self, name) in options, name, f"one of {options}", repr(getattr(self, name)))
        _check(self.positions == "learned" or self.head_dim % 2 == 0, "head_dim", "an even number for rotary positions", self.head_dim)
        _check(len(self.windows) == self.layers, "windows", f"an entry for each of the {self.layers} layers", len(self.windows))


def gpt2(vocabulary: int, context: int, width: int, layers: int, heads: int) -> GPTSettings:
    """GPT-2: learned positions, LayerNorm, GELU, biases everywhere, logits tied to the token vectors."""
    _check(isinstance(heads, int) and heads >= 1 and width % heads == 0, "heads", f"a divisor of the width {width}", repr(heads))
    return GPTSettings(
        vocabulary=vocabulary, context=context, width=width, layers=layers, heads=heads, head_dim=width // heads, key_value_heads=heads,
        hidden=4 * width, norm="layer", epsilon=1e-5, feed_forward="gelu", positions="learned", rotary_base=10_000.0, windows=(None,) * layers,
        scaled=True, input_bias=True, output_bias=True, feed_forward_bias=True, tied=True,
    )  # fmt: skip


def gpt_neo(vocabulary: int, context: int, width: int, layers: int, heads: int, window: int = 256) -> GPTSettings:
    """GPT-Neo: GPT-2 without scale and without biases into attention; every second layer sees the last `window` tokens only."""
    windows = tuple(None if layer % 2 == 0 else window for layer in range(layers))
    return replace(gpt2(vocabulary, context, width, layers, heads), windows=windows, scaled=False, input_bias=False)


def llama(
    vocabulary: int, context: int, width: int, layers: int, heads: int, key_value_heads: int | None = None, hidden: int | None = None, tied: bool = False
) -> GPTSettings:
    """Llama: rotary positions, RMSNorm, SwiGLU, grouped queries, no biases.

    `hidden` is by default 8/3 of the width, rounded up to a multiple of 8: three matrices then weigh what GPT-2's two weigh.
    """
    _check(isinstance(heads, int) and heads >= 1 and width % heads == 0, "heads", f"a divisor of the width {width}", repr(heads))
    return GPTSettings(
        vocabulary=vocabulary, context=context, width=width, layers=layers, heads=heads, head_dim=width // heads,
        key_value_heads=key_value_heads or heads, hidden=hidden or -(-8 * width // 24) * 8, norm="rms", epsilon=1e-5, feed_forward="swiglu",
        positions="rotary", rotary_base=10_000.0, windows=(None,) * layers, scaled=True, input_bias=False, output_bias=False,
        feed_forward_bias=False, tied=tied,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ the modern block's parts


def rms_norm(x: Float[Tensor, "*batch width"], weight: Float[Tensor, "width"], eps: float = 1e-5) -> Float[Tensor, "*batch width"]:
    """Each row divided by the root of its mean square, times weight (Zhang and Sennrich 2019); eps is added to the mean square.

    In bfloat16 and float16 the mean is taken in float32. Raises ValueError where shapes do not fit.
    """
    _check(isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 1, "x", "a floating-point tensor (..., width)", _shape(x))
    _check(isinstance(weight, Tensor) and weight.shape == x.shape[-1:], "weight", f"a tensor of shape {tuple(x.shape[-1:])}", _shape(weight))
    working = x.to(torch.promote_types(x.dtype, torch.float32))
    return weight * (working * torch.rsqrt(working.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def swiglu(
    x: Float[Tensor, "*batch width"], gate: Float[Tensor, "hidden width"], up: Float[Tensor, "hidden width"], down: Float[Tensor, "width hidden"]
) -> Float[Tensor, "*batch width"]:
    """down (silu(gate x) * (up x)) with silu(z) = z sigmoid(z), Shazeer 2020. The three weights are as nn.Linear keeps them."""
    _check(isinstance(x, Tensor) and x.is_floating_point() and x.ndim >= 1, "x", "a floating-point tensor (..., width)", _shape(x))
    width = x.shape[-1]
    for name, weight in (("gate", gate), ("up", up)):
        good = isinstance(weight, Tensor) and weight.ndim == 2 and weight.shape[1] == width and weight.shape[0] == gate.shape[0]
        _check(good, name, f"a tensor (hidden, {width})", _shape(weight))
    _check(isinstance(down, Tensor) and down.shape == gate.shape[::-1], "down", f"a tensor of shape {tuple(gate.shape[::-1])}", _shape(down))
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)


class RMSNorm(nn.Module):
    """`rms_norm` with its weight, ones at first."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        return rms_norm(x, self.weight, self.eps)


class SwiGLU(nn.Module):
    """`swiglu` with its three linear layers."""

    def __init__(self, width: int, hidden: int, bias: bool) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(width, hidden, bias=bias), nn.Linear(width, hidden, bias=bias)
        self.down = nn.Linear(hidden, width, bias=bias)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class GELUFeedForward(nn.Module):
    """Out of the residual stream, GELU by the tanh formula, and back."""

    def __init__(self, width: int, hidden: int, bias: bool) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden, bias=bias), nn.Linear(hidden, width, bias=bias)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        return self.down(F.gelu(self.up(x), approximate="tanh"))


# ------------------------------------------------------------------------------------------------ the model


class Cache:
    """Keys and values of the tokens that a model has read, in memory taken once: (batch, 2 key_value_heads, capacity, head_dim) for each layer.

    `length` tells how many tokens are in it. `bytes` tells what it takes.
    """

    def __init__(self, settings: GPTSettings, batch: int, capacity: int, like: Tensor) -> None:
        shape = (batch, 2 * settings.key_value_heads, capacity, settings.head_dim)
        self.layers = [like.new_zeros(shape) for _ in range(settings.layers)]
        self.length, self.batch, self.capacity = 0, batch, capacity
        self.turns = _turns(torch.arange(capacity, device=like.device), settings, like.dtype) if settings.positions == "rotary" else None

    @property
    def bytes(self) -> int:
        return sum(layer.numel() * layer.element_size() for layer in self.layers)

    def repeat(self, times: int) -> None:
        """Each row `times` times, side by side: several continuations of one prompt that was read once."""
        self.layers, self.batch = [layer.repeat_interleave(times, 0) for layer in self.layers], self.batch * times

    def put(self, layer: int, new: Tensor) -> Tensor:
        """Add one layer's keys and values of new tokens (batch, 2 key_value_heads, length, head_dim); returns those of all tokens so far."""
        stop = self.length + new.shape[2]
        self.layers[layer][:, :, self.length : stop] = new
        return self.layers[layer][:, :, :stop]


@dataclass(frozen=True)
class _Reading:
    """What the layers of one pass share: where the tokens stand, and what they may see."""

    cache: Cache | None
    turns: tuple[Tensor, Tensor] | None  # cosine and sine of each token's angles
    masks: dict[int | None, Tensor | None]  # by window


class GroupedAttention(nn.Module):
    """Causal self-attention; several query heads may share one head of keys and values."""

    def __init__(self, settings: GPTSettings, layer: int) -> None:
        super().__init__()
        self.layer, self.window = layer, settings.windows[layer]
        self.heads, self.key_value_heads, self.head_dim = settings.heads, settings.key_value_heads, settings.head_dim
        rows = (settings.heads + 2 * settings.key_value_heads) * settings.head_dim
        self.input = nn.Linear(settings.width, rows, bias=settings.input_bias)  # queries, keys and values in one product
        self.output = nn.Linear(settings.heads * settings.head_dim, settings.width, bias=settings.output_bias)
        self.scale = 1 / sqrt(settings.head_dim) if settings.scaled else 1.0

    def forward(self, x: Float[Tensor, "batch length width"], reading: _Reading) -> Float[Tensor, "batch length width"]:
        batch, length, _ = x.shape
        heads = self.input(x).view(batch, length, -1, self.head_dim).transpose(1, 2)  # those of queries, then keys, then values
        # `split` has one gradient for all parts; a slice each would fill a tensor of the whole size with zeros each.
        turning, value = heads.split((self.heads + self.key_value_heads, self.key_value_heads), 1)
        if reading.turns is not None:
            turning = _turn(turning, *reading.turns)
        query, key = turning.split((self.heads, self.key_value_heads), 1)
        if reading.cache is not None:
            key, value = reading.cache.put(self.layer, torch.cat((key, value), 1)).split(self.key_value_heads, 1)
        mask = reading.masks[self.window]
        out = F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=mask is None and length > 1, scale=self.scale, enable_gqa=self.heads != self.key_value_heads,
        )  # fmt: skip
        return self.output(out.transpose(1, 2).reshape(batch, length, -1))


class GPTBlock(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(self, settings: GPTSettings, layer: int) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = _norm(settings), _norm(settings)
        self.attention = GroupedAttention(settings, layer)
        kind = SwiGLU if settings.feed_forward == "swiglu" else GELUFeedForward
        self.feed_forward = kind(settings.width, settings.hidden, settings.feed_forward_bias)

    def forward(self, x: Float[Tensor, "batch length width"], reading: _Reading) -> Float[Tensor, "batch length width"]:
        x = x + self.attention(self.attention_norm(x), reading)
        return x + self.feed_forward(self.feed_forward_norm(x))


class GPT(nn.Module):
    """A decoder-only language model, initialised as GPT-2: normal with deviation 0.02, what ends in the residual stream divided by sqrt(2 layers)."""

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        _check(isinstance(settings, GPTSettings), "settings", "GPTSettings, as gpt2(), gpt_neo() or llama() make them", type(settings).__name__)
        self.settings = settings
        self.tokens = nn.Embedding(settings.vocabulary, settings.width)
        self.places = nn.Embedding(settings.context, settings.width) if settings.positions == "learned" else None
        self.blocks = nn.ModuleList(GPTBlock(settings, layer) for layer in range(settings.layers))
        self.norm = _norm(settings)
        self.logits = nn.Linear(settings.width, settings.vocabulary, bias=False)
        if settings.tied:
            self.logits.weight = self.tokens.weight
        self._initialise()

    def forward(self, input_ids: Int[Tensor, "batch length"], cache: Cache | None = None) -> Float[Tensor, "batch length vocabulary"]:
        """Logits for the token after each place. With a cache, `input_ids` follow what it holds, and are added to it; no gradients then.

        Raises ValueError for ids that are no int64 tensor (batch, length), for more tokens than the context or the cache holds, for another batch than the
        cache's; IndexError for an id outside the vocabulary.
        """
        good = isinstance(input_ids, Tensor) and input_ids.ndim == 2 and input_ids.dtype == torch.int64 and input_ids.numel() > 0
        _check(good, "input_ids", "an int64 tensor (batch, length), neither of them 0", _shape(input_ids))
        if cache is None:
            return self.logits(self._states(input_ids, None))
        with torch.no_grad():
            return self.logits(self._states(input_ids, cache))

    def last_logits(self, input_ids: Int[Tensor, "batch length"], cache: Cache) -> Float[Tensor, "batch vocabulary"]:
        """`forward(input_ids, cache)[:, -1]` without computing the logits of the other places: what generation needs."""
        with torch.no_grad():
            return self.logits(self._states(input_ids, cache)[:, -1])

    def new_cache(self, batch: int, capacity: int | None = None) -> Cache:
        """An empty cache for `capacity` tokens (the context, unless given) of each of `batch` rows."""
        capacity = self.settings.context if capacity is None else capacity
        good = isinstance(capacity, int) and 1 <= capacity <= self.settings.context
        _check(good, "capacity", f"an integer from 1 to the context, {self.settings.context}", repr(capacity))
        return Cache(self.settings, batch, capacity, self.tokens.weight.detach())

    def _states(self, ids: Tensor, cache: Cache | None) -> Tensor:
        start = 0 if cache is None else cache.length
        stop, room = start + ids.shape[1], self.settings.context if cache is None else cache.capacity
        _check(stop <= room, "input_ids", f"at most {room} tokens in all ({'the context' if cache is None else 'what the cache holds'})", stop)
        if cache is not None:
            _check(len(ids) == cache.batch, "input_ids", f"a batch of {cache.batch}, as the cache has", ids.shape[0])
        x, reading = self.tokens(ids), self._reading(start, stop, cache)
        if self.places is not None:
            x = x + self.places.weight[start:stop]
        for block in self.blocks:
            x = block(x, reading)
        if cache is not None:
            cache.length = stop
        return self.norm(x)

    def _reading(self, start: int, stop: int, cache: Cache | None) -> _Reading:
        device, turns = self.tokens.weight.device, None
        if self.settings.positions == "rotary":
            places = torch.arange(start, stop, device=device)
            table = cache.turns if cache is not None else _turns(places, self.settings, self.tokens.weight.dtype)
            turns = tuple(part[start:stop] for part in table) if cache is not None else table
        return _Reading(cache, turns, {window: _mask(start, stop, window, device) for window in set(self.settings.windows)})

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=INITIAL_DEVIATION)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for block in self.blocks:
            for layer in (block.attention.output, block.feed_forward.down):
                nn.init.normal_(layer.weight, std=INITIAL_DEVIATION / sqrt(2 * self.settings.layers))

    # -------------------------------------------------------------------------------------------- to and from transformers

    @classmethod
    def from_huggingface(cls, model: nn.Module) -> GPT:
        """The same function as a `GPT2LMHeadModel`, `GPTNeoForCausalLM` or `LlamaForCausalLM`, with copies of its weights, in its dtype.

        Raises ValueError for another model, or for a setting that this class does not have.
        """
        settings = _settings_of(model.config)
        state, copy = model.state_dict(), cls(settings).to(model.dtype)
        with torch.no_grad():
            for ours, theirs, transposed in _same_weights(settings, model.config.model_type):
                parts = [state[name].T if transposed else state[name] for name in theirs]
                copy.get_parameter(ours).copy_(torch.cat(parts))
        return copy.to(model.device)

    def to_huggingface(self) -> nn.Module:
        """The model of `transformers` that computes the same, with copies of the weights. The inverse of `from_huggingface`.

        Raises ValueError where no model of the three has these settings.
        """
        import transformers

        kind = _kind(self.settings)
        model_class = {"gpt2": "GPT2LMHeadModel", "gpt_neo": "GPTNeoForCausalLM", "llama": "LlamaForCausalLM"}[kind]
        model = getattr(transformers, model_class)(_config_of(self.settings, kind)).to(self.tokens.weight.dtype)
        state = model.state_dict()
        with torch.no_grad():
            for ours, theirs, transposed in _same_weights(self.settings, kind):
                sizes = [state[name].shape[1 if transposed else 0] for name in theirs]
                for name, part in zip(theirs, self.get_parameter(ours).split(sizes)):
                    state[name].copy_(part.T if transposed else part)
        return model.to(self.tokens.weight.device).eval()


def _norm(settings: GPTSettings) -> nn.Module:
    return nn.LayerNorm(settings.width, settings.epsilon) if settings.norm == "layer" else RMSNorm(settings.width, settings.epsilon)


def _turns(places: Tensor, settings: GPTSettings, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine and sine of place * base^(-2i/head_dim), in float32 at least: in bfloat16 the places 256 and 257 are one number."""
    working = torch.promote_types(dtype, torch.float32)
    steps = torch.arange(0, settings.head_dim, 2, device=places.device, dtype=working) / settings.head_dim
    angles = places[:, None] * settings.rotary_base**-steps
    return angles.cos().to(dtype), angles.sin().to(dtype)


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x_i, x_(i + dim/2)), as Llama pairs them."""
    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)


def _mask(start: int, stop: int, window: int | None, device: torch.device) -> Tensor | None:
    """Which of the keys before `stop` the queries from `start` on see; None where plain causal attention, or all of them, says it."""
    whole = window is None or window >= stop
    if whole and (start == 0 or stop - start == 1):
        return None
    distance = torch.arange(start, stop, device=device)[:, None] - torch.arange(stop, device=device)
    return (distance >= 0) if whole else (distance >= 0) & (distance < window)


# ------------------------------------------------------------------------------------------------ names and settings of transformers


def _same_weights(settings: GPTSettings, kind: str) -> list[tuple[str, list[str], bool]]:
    """(our parameter, the parameters of `transformers` that are its rows in order, whether those are kept transposed)."""
    outside, inside = {"gpt2": _GPT2, "gpt_neo": _GPT_NEO, "llama": _LLAMA}[kind]
    biases = {"attention.input": settings.input_bias, "attention.output": settings.output_bias}
    found = [(ours, [theirs], False) for ours, theirs in outside.items()]
    if not settings.tied:
        found.append(("logits.weight", ["lm_head.weight"], False))
    for layer in range(settings.layers):
        for ours, (prefix, theirs) in inside.items():
            linear = not ours.endswith("norm")
            has_bias = biases.get(ours, settings.feed_forward_bias) if linear else settings.norm == "layer"
            for part in ("weight", "bias") if has_bias else ("weight",):
                names = [f"{prefix.format(layer)}.{name}.{part}" for name in theirs]
                found.append((f"blocks.{layer}.{ours}.{part}", names, kind == "gpt2" and linear and part == "weight"))
    return found


_GPT2 = (
    {"tokens.weight": "transformer.wte.weight", "places.weight": "transformer.wpe.weight", "norm.weight": "transformer.ln_f.weight", "norm.bias": "transformer.ln_f.bias"},
    {
        "attention_norm": ("transformer.h.{}", ["ln_1"]), "feed_forward_norm": ("transformer.h.{}", ["ln_2"]),
        "attention.input": ("transformer.h.{}.attn", ["c_attn"]), "attention.output": ("transformer.h.{}.attn", ["c_proj"]),
        "feed_forward.up": ("transformer.h.{}.mlp", ["c_fc"]), "feed_forward.down": ("transformer.h.{}.mlp", ["c_proj"]),
    },
)  # fmt: skip
_GPT_NEO = (
    _GPT2[0],
    {
        "attention_norm": ("transformer.h.{}", ["ln_1"]), "feed_forward_norm": ("transformer.h.{}", ["ln_2"]),
        "attention.input": ("transformer.h.{}.attn.attention", ["q_proj", "k_proj", "v_proj"]),
        "attention.output": ("transformer.h.{}.attn.attention", ["out_proj"]),
        "feed_forward.up": ("transformer.h.{}.mlp", ["c_fc"]), "feed_forward.down": ("transformer.h.{}.mlp", ["c_proj"]),
    },
)  # fmt: skip
_LLAMA = (
    {"tokens.weight": "model.embed_tokens.weight", "norm.weight": "model.norm.weight"},
    {
        "attention_norm": ("model.layers.{}", ["input_layernorm"]), "feed_forward_norm": ("model.layers.{}", ["post_attention_layernorm"]),
        "attention.input": ("model.layers.{}.self_attn", ["q_proj", "k_proj", "v_proj"]), "attention.output": ("model.layers.{}.self_attn", ["o_proj"]),
        "feed_forward.gate": ("model.layers.{}.mlp", ["gate_proj"]), "feed_forward.up": ("model.layers.{}.mlp", ["up_proj"]),
        "feed_forward.down": ("model.layers.{}.mlp", ["down_proj"]),
    },
)  # fmt: skip


def _settings_of(config: object) -> GPTSettings:
    kind = getattr(config, "model_type", type(config).__name__)
    _check(kind in ("gpt2", "gpt_neo", "llama"), "model", "a GPT-2, GPT-Neo or Llama language model", kind)
    return {"gpt2": _of_gpt2, "gpt_neo": _of_gpt_neo, "llama": _of_llama}[kind](config)


def _of_gpt2(config: object) -> GPTSettings:
    _refuse(config, {"activation_function": "gelu_new", "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False})
    settings = gpt2(config.vocab_size, config.n_positions, config.n_embd, config.n_layer, config.n_head)
    return replace(settings, hidden=config.n_inner or 4 * config.n_embd, epsilon=config.layer_norm_epsilon, scaled=config.scale_attn_weights, tied=config.tie_word_embeddings)


def _of_gpt_neo(config: object) -> GPTSettings:
    _refuse(config, {"activation_function": "gelu_new"})
    settings = gpt_neo(config.vocab_size, config.max_position_embeddings, config.hidden_size, config.num_layers, config.num_heads)
    windows = tuple(None if kind == "global" else config.window_size for kind in config.attention_layers)
    hidden = config.intermediate_size or 4 * config.hidden_size
    return replace(settings, hidden=hidden, epsilon=config.layer_norm_epsilon, windows=windows, tied=config.tie_word_embeddings)


def _of_llama(config: object) -> GPTSettings:
    rope = config.rope_parameters
    _check(rope.get("rope_type", "default") == "default", "rope_parameters", "plain rotary positions", rope.get("rope_type"))
    _refuse(config, {"hidden_act": "silu"})
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    return GPTSettings(
        vocabulary=config.vocab_size, context=config.max_position_embeddings, width=config.hidden_size, layers=layers, heads=heads,
        head_dim=config.head_dim or config.hidden_size // heads, key_value_heads=config.num_key_value_heads, hidden=config.intermediate_size,
        norm="rms", epsilon=config.rms_norm_eps, feed_forward="swiglu", positions="rotary", rotary_base=rope["rope_theta"], windows=(None,) * layers,
        scaled=True, input_bias=config.attention_bias, output_bias=config.attention_bias, feed_forward_bias=config.mlp_bias,
        tied=config.tie_word_embeddings,
    )  # fmt: skip


def _refuse(config: object, wanted: dict[str, object]) -> None:
    for name, value in wanted.items():
        _check(getattr(config, name) == value, f"the model's {name}", repr(value), repr(getattr(config, name)))


def _kind(settings: GPTSettings) -> str:
    """The model of `transformers` that has these settings."""
    neo = {"norm": "layer", "positions": "learned", "feed_forward": "gelu", "input_bias": False, "scaled": False}
    two = neo | {"input_bias": True, "scaled": settings.scaled}
    has = lambda wanted: all(getattr(settings, name) == value for name, value in wanted.items())  # noqa: E731
    plain_heads = settings.key_value_heads == settings.heads and settings.head_dim * settings.heads == settings.width
    if plain_heads and settings.output_bias and settings.feed_forward_bias:
        if has(two) and set(settings.windows) == {None}:
            return "gpt2"
        if has(neo) and len(set(settings.windows) - {None}) <= 1:
            return "gpt_neo"
    modern = {"norm": "rms", "positions": "rotary", "feed_forward": "swiglu", "scaled": True, "output_bias": settings.input_bias}
    _check(has(modern) and set(settings.windows) == {None}, "settings", "those of a GPT-2, GPT-Neo or Llama of transformers", settings)
    return "llama"


def _config_of(settings: GPTSettings, kind: str) -> object:
    import transformers

    # Without these, generation would take the ids of OpenAI's vocabulary for its ends.
    common = {"bos_token_id": None, "eos_token_id": None, "tie_word_embeddings": settings.tied}
    if kind == "gpt2":
        return transformers.GPT2Config(
            vocab_size=settings.vocabulary, n_positions=settings.context, n_embd=settings.width, n_layer=settings.layers, n_head=settings.heads,
            n_inner=settings.hidden, layer_norm_epsilon=settings.epsilon, scale_attn_weights=settings.scaled, embd_pdrop=0, attn_pdrop=0, resid_pdrop=0, **common,
        )  # fmt: skip
    if kind == "gpt_neo":
        window = next((size for size in settings.windows if size is not None), 256)
        pattern = [[["global" if size is None else "local"], 1] for size in settings.windows]
        return transformers.GPTNeoConfig(
            vocab_size=settings.vocabulary, max_position_embeddings=settings.context, hidden_size=settings.width, num_layers=settings.layers,
            num_heads=settings.heads, intermediate_size=settings.hidden, layer_norm_epsilon=settings.epsilon, window_size=window,
            attention_types=pattern, **common,
        )  # fmt: skip
    return transformers.LlamaConfig(
        vocab_size=settings.vocabulary, max_position_embeddings=settings.context, hidden_size=settings.width, num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads, num_key_value_heads=settings.key_value_heads, head_dim=settings.head_dim, intermediate_size=settings.hidden,
        rms_norm_eps=settings.epsilon, attention_bias=settings.input_bias, mlp_bias=settings.feed_forward_bias,
        rope_parameters={"rope_type": "default", "rope_theta": settings.rotary_base}, **common,
    )  # fmt: skip
