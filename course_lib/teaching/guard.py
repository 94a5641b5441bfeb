"""Refuse calls of ready-made functions while the reader's own version is checked."""

import builtins
import inspect
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import contextmanager, nullcontext
from types import CodeType, ModuleType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# Where a name of torch may come from, so that a misspelt one, which would forbid nothing, is found.
_TORCH = (torch, torch.nn.functional, torch.Tensor, torch.nn, torch.special, torch.linalg, torch.fft, torch.optim, torch.nn.utils)


_ENCODERS = {"bytes": bytes, "bytearray": bytearray}  # constructors that also encode a text


class _RefuseTorchFunctions(TorchFunctionMode):
    """Sees every call of a torch function, under whatever name it was imported."""

    def __init__(self, names: set[str], refuse: Callable[[str], None]):
        super().__init__()
        self.names = names
        self.refuse = refuse

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "").split(".")[0]  # an operator's name ends in its overload: softmax.int
        bare = name.strip("_")
        for family in ("special_", "linalg_", "fft_"):
            bare = bare.removeprefix(family)
        if bare in self.names:
            self.refuse(f"torch's {name}")
        return function(*args, **(kwargs or {}))


@contextmanager
def forbid_calls(names: Iterable[str], refuse: Callable[[str], None], namespace: dict[str, Any] | None = None):
    """Call `refuse(name)` when a function of `names` is called; see `checks.write_it_yourself`.

    Torch functions are recognised by their last name ("softmax" is refused as `torch.softmax`, as a method and in
    `torch.nn.functional`), others, those of `torch.nn.utils` among them, by the module and name in which they were defined,
    so that an alias made before the context opened is seen too. "bytes" and "bytearray" are refused when they encode a text,
    not when they hold numbers. Calls inside compiled code (numpy's ufuncs, TorchScript, `map(str.encode, …)`) are not seen.
    `namespace` holds the reader's global names; without it they are those of the cell that opened the context.

    Raises ValueError for a name that torch does not have.
    """
    names = list(names)
    of_torch = {name: _stem_of_torch(name) for name in names if name.split(".")[0] == "torch"}
    torch_names = {name.rpartition(".")[2] for name, stem in of_torch.items() if stem is None}
    encoders = [name for name in names if name in _ENCODERS]
    stems = [name for name in names if name not in of_torch and name not in encoders]
    stems += [stem for stem in of_torch.values() if stem is not None]
    before, before_in_threads = sys.getprofile(), threading.getprofile()
    place = _globals_of_caller() if namespace is None else namespace
    with _RefuseTorchFunctions(torch_names, refuse) if torch_names else nullcontext():
        # A constructor is no call that a profile function is told of: in the reader's notebook the name is replaced.
        shadows = {name: _refuse_to_encode(_ENCODERS[name], refuse) for name in encoders if name not in place}
        place.update(shadows)
        # A profile function is told of each call, of Python and of C functions, at the price of some speed.
        if stems:
            threading.setprofile(_watcher(stems, refuse, None))
            sys.setprofile(_watcher(stems, refuse, before))
        try:
            yield
        finally:
            sys.setprofile(before)
            threading.setprofile(before_in_threads)
            for name, shadow in shadows.items():
                if place.get(name) is shadow:
                    del place[name]


def _stem_of_torch(name: str) -> str | None:
    """Where a class of torch, or a function or module of torch.nn.utils, is defined: its calls are watched; else None."""
    if name.startswith("torch.nn.utils.") and name in sys.modules:
        return name
    last = name.rpartition(".")[2]
    found = [thing for home in _TORCH if not isinstance(thing := getattr(home, last, None), ModuleType | None)]
    if not found:
        raise ValueError(f"torch has no {last!r}: {name!r} would forbid nothing")
    # The functions of torch.nn.utils are plain Python, which no TorchFunctionMode is told of.
    home = getattr(found[0], "__module__", None) or ""
    watched = isinstance(found[0], type) or home.startswith("torch.nn.utils.")
    return f"{home}.{found[0].__qualname__}" if watched else None


def _globals_of_caller() -> dict[str, Any]:
    """The global names of the cell that opened the context."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__", "") in ("contextlib", __name__, "course_lib.teaching.checks"):
        frame = frame.f_back
    return frame.f_globals


def _refuse_to_encode(kind: type, refuse: Callable[[str], None]) -> type:
    """`kind`, bytes or bytearray, but for a call with a text; other values, and `isinstance`, behave as ever."""

    class Family(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, kind)

        def __call__(cls, *values: Any, **options: Any) -> Any:
            if any(isinstance(value, str) for value in (*values[:1], *options.values())):
                refuse(f"{kind.__name__}(text, …)")
            return kind(*values, **options)

    return Family(kind.__name__, (kind,), {})


def _watcher(names: list[str], refuse: Callable[[str], None], before: Callable | None) -> Callable:
    stems = tuple(f"builtins.{name}" if hasattr(builtins, name.split(".")[0]) else name for name in names)
    codes = {code for code in map(_code, names) if code is not None}
    known: dict[Any, str] = {}  # function -> its name if it is refused, else nothing: each is looked at once

    def refused(name: str) -> str:
        return name if any(name == stem or name.startswith(stem + ".") for stem in stems) else ""

    def watch(frame: Any, event: str, argument: Any) -> None:
        if before is not None:
            before(frame, event, argument)
        if event == "call":
            key = frame.f_code
            if key not in known:
                name = f"{frame.f_globals.get('__name__', '')}.{key.co_qualname}"
                known[key] = name if key in codes else refused(name)
        elif event == "c_call":
            owner = getattr(argument, "__self__", None)
            home = owner if isinstance(owner, type | ModuleType) else type(owner)
            key = (getattr(argument, "__name__", ""), getattr(argument, "__module__", None), home)
            if key not in known:
                known[key] = refused(_name_of_builtin(argument))
        else:
            return
        if known[key]:
            refuse(known[key])  # Python ends the watch when it raises; the context puts `before` back

    return watch


def _code(name: str) -> CodeType | None:
    """The code of a Python function that a package offers under another name than where it was defined."""
    module, _, rest = name.rpartition(".")
    found = inspect.unwrap(getattr(sys.modules.get(module), rest, None))
    return getattr(found, "__code__", None)


def _name_of_builtin(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    if owner is None or isinstance(owner, ModuleType):
        module = getattr(function, "__module__", None) or getattr(owner, "__name__", "")
    else:
        # The class that defines the method, so that a subclass of the reader's own hides nothing.
        kinds = (owner if isinstance(owner, type) else type(owner)).__mro__
        home = next((kind for kind in kinds if getattr(function, "__name__", "") in vars(kind)), kinds[0])
        return f"{home.__module__.removeprefix('_')}.{home.__qualname__}.{function.__name__}"
    # The compiled half of a module is called like it, after an underscore.
    return f"{module.removeprefix('_')}.{getattr(function, '__qualname__', '')}"
