"""Plain data across a process boundary: numbers, text, containers, arrays and tensors, by value.

What goes to the judge is decoded here and nowhere else. Nothing that arrives can name a class, a function or a file:
it is built from Python's own types, numpy arrays and torch tensors, and anything else arrives as a numbered object that
stays where it is (`opaque`). Containers and tensors that occur twice in one value stay one object.

A value becomes JSON and a list of buffers: None, truth values, short integers, floats and texts stand for themselves,
all else is a list that begins with its kind.
"""

import random
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

from course_lib.grading.channel import LARGEST_MESSAGE

LONGEST_INTEGER = 100_000  # bits
DEEPEST = 100  # containers within containers
MOST_VALUES = 5_000_000  # in one message, what occurs twice counted twice

#: Of tensors; torch makes others from bytes too, and comes down with some of them.
DTYPES = frozenset((
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
))

_SEQUENCES = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}
_MAPPINGS = {dict: "dict", OrderedDict: "dict", defaultdict: "dict", Counter: "counter"}
_SCALARS = {type(None), bool, str, float}  # these stand for themselves; so does int, as long as it is short
_KINDS = {kind: cls for cls, kind in _SEQUENCES.items()} | {"dict": dict, "counter": Counter}


class NotPlain(Exception):
    """What arrived is not what `Encoder` writes, or a value is none that it can write."""


class _Measured:
    """Keeps values from being too many or too deep.

    A few lists that hold each other twice stand for more values than any memory holds, and one that holds itself for
    endlessly many: a check that walked through them would not come to an end. So what occurs twice counts twice.
    """

    def __init__(self) -> None:
        self._depth = self._values = 0
        self._sizes: dict[int, int | None] = {}  # number of a container -> how many values it stands for; None while it is built

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            raise NotPlain(f"it holds more than {MOST_VALUES:,} values")

    def _count_again(self, number: int) -> None:
        size = self._sizes.get(number, 1)
        if size is None:
            raise NotPlain("a container holds itself")
        self._count(size)

    def _go_deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotPlain(f"containers stand more than {DEEPEST} deep in each other")


class Encoder(_Measured):
    """Encodes values into one message; `buffers` holds its bytes, `objects` the mutable values in order of occurrence.

    opaque: called with what is no plain data; returns the JSON that stands for it.
    tensor: called with a tensor and its encoded form; returns what stands for it, or None for the form itself.
    """

    def __init__(self, opaque: Callable[[Any], Any], tensor: Callable[[Any, list], Any] | None = None):
        super().__init__()
        self.opaque, self.tensor = opaque, tensor
        self.buffers: list[bytes] = []
        self.objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def encode(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, str, float):
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else ["integer", _hex(value)]
        if kind in (complex, range, slice):
            parts = (value.real, value.imag) if kind is complex else (value.start, value.stop, value.step)
            self._count(len(value) if kind is range else 1)
            return [kind.__name__, *map(self.encode, parts)]
        if kind is bytes:
            return ["bytes", self._buffer(value)]
        return self._encode_object(value, kind)

    def _encode_object(self, value: Any, kind: type) -> Any:
        if id(value) in self._numbers:
            self._count_again(self._numbers[id(value)])
            return ["same", self._numbers[id(value)]]
        if kind in _SEQUENCES or kind in _MAPPINGS:
            return self._encode_container(value, kind)
        if kind is bytearray:
            self._register(value)
            return ["bytearray", self._buffer(bytes(value))]
        if kind is random.Random:
            self._register(value)
            return ["random", self.encode(value.getstate())]
        return self._encode_numeric(value, kind)

    def _encode_container(self, value: Any, kind: type) -> list:
        before, place = self._values, len(self.objects)
        self._count(len(value))
        # The quick way for most of what is large; a tuple of scalars needs no number, since it cannot change.
        simple = kind in _SEQUENCES and all_scalars(value)
        if simple and kind in (tuple, frozenset):
            return [_SEQUENCES[kind], *value]
        self._register(value)
        self._sizes[place] = None
        self._go_deeper()
        if kind in _SEQUENCES:
            form = [_SEQUENCES[kind], *(value if simple else map(self.encode, value))]
        else:
            form = [_MAPPINGS[kind], *([self.encode(key), self.encode(item)] for key, item in value.items())]
        self._depth -= 1
        self._sizes[place] = self._values - before
        return form

    def _encode_numeric(self, value: Any, kind: type) -> Any:
        numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
        if numpy and kind is numpy.ndarray and value.dtype.kind in "biufcSU" and not value.dtype.metadata:
            self._register(value)
            return ["array", value.dtype.str, list(value.shape), self._buffer(numpy.ascontiguousarray(value).tobytes())]
        if numpy and isinstance(value, numpy.generic) and value.dtype.kind in "biufc":
            return ["scalar", value.dtype.str, self._buffer(value.tobytes())]
        if torch and isinstance(value, torch.Tensor):
            return self._encode_tensor(value, torch)
        if torch and kind is torch.Size:
            return ["size", *value]
        if torch and kind in (torch.dtype, torch.device):
            return [kind.__name__, str(value).removeprefix("torch.")]
        if torch and kind is torch.Generator and value.device.type == "cpu":
            self._register(value)
            return ["generator", self._buffer(value.get_state().numpy().tobytes())]
        if isinstance(value, tuple):  # with names, as `x.max(dim=0)` returns it: its items count, whatever its class does
            return self.encode(tuple(tuple.__iter__(value)))
        return self.opaque(value)

    def _encode_tensor(self, value: Any, torch: Any) -> Any:
        # Whatever a subclass of Tensor does when it is looked at, its numbers are read by torch itself.
        with torch._C.DisableTorchFunctionSubclass():
            name = str(value.dtype).removeprefix("torch.")
            if value.layout != torch.strided or name not in DTYPES or value.device.type == "meta":
                return self.opaque(value)
            if value.numel() * value.element_size() > LARGEST_MESSAGE:
                raise NotPlain("a tensor is too large")
            form = ["tensor", name, list(value.shape), self._buffer(_row_of_bytes(value, torch).numpy().tobytes())]
        self._register(value)
        stand_in = self.tensor(value, form) if self.tensor else None
        return form if stand_in is None else stand_in

    def _register(self, value: Any) -> None:
        self._numbers[id(value)] = len(self.objects)
        self.objects.append(value)

    def _buffer(self, data: bytes) -> int:
        self.buffers.append(data)
        return len(self.buffers) - 1


def same_bits(one: Any, other: Any) -> bool:
    """Whether two tensors, or None, are the same in shape, type and each bit; False also where they cannot be compared."""
    if one is None or other is None:
        return one is other
    torch = sys.modules["torch"]
    with torch._C.DisableTorchFunctionSubclass():
        plain = all(value.layout == torch.strided and value.device.type != "meta" for value in (one, other))
        if not plain or one.shape != other.shape or one.dtype != other.dtype:
            return False
        return torch.equal(_row_of_bytes(one, torch), _row_of_bytes(other, torch))


def _row_of_bytes(value: Any, torch: Any) -> Any:
    numbers = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    # In one row by hand: a row of one number may have a stride of 0, and cannot be viewed as bytes then.
    return numbers.as_strided((numbers.numel(),), (1,)).view(torch.uint8) if numbers.numel() else torch.empty(0, dtype=torch.uint8)


class Decoder(_Measured):
    """Decodes what an `Encoder` wrote; raises NotPlain for anything else.

    opaque: called with the JSON list of a kind that this module does not know and this decoder; returns the value. It
        should register what `Encoder.objects` holds (`adopt`), in the same order.
    """

    def __init__(self, buffers: list[bytes], opaque: "Callable[[list, Decoder], Any]"):
        super().__init__()
        self.buffers, self.opaque = buffers, opaque
        self.objects: list[Any] = []

    def decode(self, form: Any) -> Any:
        if form is None or type(form) in (bool, int, float, str):
            return form
        if type(form) is not list or not form or type(form[0]) is not str:
            raise NotPlain("a value has no kind")
        try:
            return self._decode_kind(form[0], form[1:], form)
        except (TypeError, ValueError, LookupError, OverflowError, AttributeError, RuntimeError, MemoryError) as error:
            raise NotPlain(f"a value of kind {form[0][:20]!r} is malformed ({type(error).__name__})") from None

    def adopt(self, value: Any) -> Any:
        """Number a mutable value as the encoder did."""
        self.objects.append(value)
        return value

    def _decode_kind(self, kind: str, parts: list, form: list) -> Any:
        if kind in _KINDS:
            return self._decode_container(_KINDS[kind], parts)
        decode = getattr(self, f"_decode_{kind}", None) if kind in _SIMPLE else None
        return decode(*parts) if decode else self.opaque(form, self)

    def _decode_container(self, cls: type, parts: list) -> Any:
        before, place = self._values, len(self.objects)
        self._count(len(parts))
        simple = cls in _SEQUENCES and all_scalars(parts)
        if simple and cls in (tuple, frozenset):
            return cls(parts)
        new = self.adopt(None if cls in (tuple, frozenset) else cls())
        self._sizes[place] = None
        self._go_deeper()
        if new is None:
            new = self.objects[place] = cls(map(self.decode, parts))
        elif cls in (list, set):
            (new.extend if cls is list else new.update)(parts if simple else map(self.decode, parts))
        else:
            for key, item in parts:
                dict.__setitem__(new, self.decode(key), self.decode(item))
        self._depth -= 1
        self._sizes[place] = self._values - before
        return new

    def _decode_same(self, number: int) -> Any:
        self._count_again(_natural(number))
        return self.objects[number]

    def _decode_integer(self, text: str) -> int:
        if len(text) > LONGEST_INTEGER // 4 + 3:  # and -0x
            raise NotPlain(_TOO_LONG)
        return int(text, 16)

    def _decode_complex(self, real: float, imaginary: float) -> complex:
        return complex(real, imaginary)

    def _decode_range(self, *parts: Any) -> range:
        new = range(*map(self.decode, parts))
        self._count(len(new))
        return new

    def _decode_slice(self, *parts: Any) -> slice:
        return slice(*map(self.decode, parts))

    def _decode_bytes(self, number: int) -> bytes:
        return bytes(self.buffers[_natural(number)])

    def _decode_bytearray(self, number: int) -> bytearray:
        return self.adopt(bytearray(self.buffers[_natural(number)]))

    def _decode_random(self, state: Any) -> random.Random:
        new = self.adopt(random.Random(0))
        new.setstate(self.decode(state))
        return new

    def _decode_array(self, dtype: str, shape: list, number: int) -> Any:
        import numpy

        kind = numpy.dtype(dtype)
        if kind.kind not in "biufcSU":
            raise NotPlain("an array does not hold numbers")
        flat = numpy.frombuffer(bytearray(self.buffers[_natural(number)]), dtype=kind)
        flat = flat.view("u1") != 0 if kind.kind == "b" else flat  # a truth value of 2 would be true and false
        return self.adopt(flat.reshape([_natural(size) for size in shape]))

    def _decode_scalar(self, dtype: str, number: int) -> Any:
        import numpy

        kind = numpy.dtype(dtype)
        if kind.kind not in "biufc":
            raise NotPlain("a scalar is no number")
        value = numpy.frombuffer(self.buffers[_natural(number)], dtype=kind)[0]
        return numpy.bool_(value.view("u1") != 0) if kind.kind == "b" else value

    def _decode_tensor(self, dtype: str, shape: list, number: int) -> Any:
        return self.adopt(self.read_tensor(dtype, shape, number))

    def read_tensor(self, dtype: str, shape: list, number: int) -> Any:
        """The tensor of an encoded form, not numbered yet."""
        torch = _torch()
        if dtype not in DTYPES:
            raise NotPlain("a tensor does not hold numbers")
        kind, data = getattr(torch, dtype), self.buffers[_natural(number)]
        sizes = [_natural(size) for size in shape]
        if not data:
            return torch.empty(sizes, dtype=kind) if 0 in sizes else _malformed("a tensor has no numbers")
        tensor = torch.frombuffer(bytearray(data), dtype=kind).reshape(sizes)
        return tensor.view(torch.uint8) != 0 if kind is torch.bool else tensor

    def _decode_size(self, *sizes: int) -> Any:
        return _torch().Size(map(_natural, sizes))

    def _decode_dtype(self, name: str) -> Any:
        return _torch_dtype(_torch(), name)

    def _decode_device(self, name: str) -> Any:
        return _torch().device(name)

    def _decode_generator(self, number: int) -> Any:
        torch = _torch()
        generator = self.adopt(torch.Generator())
        state = torch.frombuffer(bytearray(self.buffers[_natural(number)]), dtype=torch.uint8)
        if not looks_drawn(state.numpy().tobytes()):
            raise NotPlain("the state of a random generator is none that a seed gives")
        generator.set_state(state)
        return generator


_SIMPLE = {name.removeprefix("_decode_") for name in vars(Decoder) if name.startswith("_decode_")} - {"kind", "container"}


_TOO_LONG = f"an integer has more than {LONGEST_INTEGER:,} bits"


def _hex(number: int) -> str:
    return hex(number) if number.bit_length() <= LONGEST_INTEGER else _malformed(_TOO_LONG)


def all_scalars(values: Any) -> bool:
    """Whether all of some values stand for themselves."""
    kinds = set(map(type, values))
    if int in kinds:
        kinds.discard(int)
        if kinds - _SCALARS:
            return False
        integers = values if not kinds else [value for value in values if type(value) is int]
        return -(2**63) <= min(integers) and max(integers) < 2**63
    return kinds <= _SCALARS


def looks_drawn(state: bytes) -> bool:
    """Whether the state of torch's generator is one in use: a forged one, all zeros say, would give no random numbers."""
    words = {state[place:place + 4] for place in range(0, len(state) - 3, 4)}
    return len(words) > 500


def put_back(old: Any, new: Any) -> Any:
    """Make the mutable value `old` equal to `new`, in place as far as its kind allows; returns what to use from now on."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if type(old) is list and type(new) is list:
        old[:] = [*map(put_back, old, new), *new[len(old):]]
    elif isinstance(old, dict) and isinstance(new, dict):
        items = {key: put_back(old[key], item) if key in old else item for key, item in new.items()}
        old.clear()
        old.update(items)
    elif type(old) is set and type(new) is set:
        old.intersection_update(new)
        old.update(new)
    elif type(old) is tuple and type(new) is tuple and len(old) == len(new):
        items = tuple(map(put_back, old, new))
        return old if all(was is now for was, now in zip(old, items)) else items
    elif type(old) is bytearray and type(new) is bytearray:
        old[:] = new
    elif type(old) is random.Random and type(new) is random.Random:
        old.setstate(new.getstate())
    elif numpy and type(old) is numpy.ndarray and type(new) is numpy.ndarray and old.shape == new.shape and old.dtype == new.dtype:
        old[...] = new
    elif torch and isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        _put_tensor_back(old, new, torch)
    elif torch and type(old) is torch.Generator and type(new) is torch.Generator:
        old.set_state(new.get_state())
    else:
        return new if type(old) is not type(new) or not _same_scalar(old, new) else old
    return old


def _put_tensor_back(old: Any, new: Any, torch: Any) -> None:
    with torch.no_grad():
        if old.shape == new.shape and old.dtype == new.dtype:
            old.detach().copy_(new.detach())
        else:
            old.data = new.detach()
    if old.is_leaf and new.is_leaf:
        old.grad = new.grad if old.grad is None else put_back(old.grad, new.grad)


def _same_scalar(old: Any, new: Any) -> bool:
    return old is new or bool(old == new)


def _natural(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise NotPlain("a number is not one of 0, 1, 2, …")
    return number


def _torch() -> Any:
    # Asked for by name only where it is loaded already: this floor does not load it.
    return sys.modules["torch"]


def _torch_dtype(torch: Any, name: str) -> Any:
    kind = vars(torch).get(name)  # getattr would import what torch loads late
    return kind if type(kind) is torch.dtype else _malformed("there is no such type of tensor")


def _malformed(words: str) -> Any:
    raise NotPlain(words)
