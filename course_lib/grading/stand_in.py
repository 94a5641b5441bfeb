"""The judge's side: the names that the student defined, as stand-ins.

A stand-in's calls go to the student's process with plain data and come back as plain data. Everything that a check
compares is thus made of what the judge decoded, never of an object whose methods the student wrote.
"""

import builtins
import io
import operator
import pickle
import random
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from course_lib.grading.channel import Channel, Closed, Garbled
from course_lib.grading.peer import Peer, leaves_of
from course_lib.grading.plain import Decoder, Encoder, NotPlain, put_back, same_bits
from course_lib.grading.student import named_tensors, random_states, state_of

DEEPEST_CALLBACK = 50


class StudentError(Exception):
    """An exception of a class of the student's own."""


class StandIn:
    """An object in the student's process; what is done to it is done there."""

    def __init__(self, side: "JudgeSide", number: int, type_name: str, kind: str):
        object.__setattr__(self, "_about", (side, number, type_name, kind))

    def _ask(self, function: str, *args: Any, **kwargs: Any) -> Any:
        return object.__getattribute__(self, "_about")[0].call(function, self, *args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("call", *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask("getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("setattr", name, value)

    def __getitem__(self, place: Any) -> Any:
        return self._ask("item", place)

    def __setitem__(self, place: Any, value: Any) -> None:
        self._ask("set item", place, value)

    def __contains__(self, value: Any) -> bool:
        return self._ask("contains", value) is True

    def __len__(self) -> int:
        return operator.index(self._ask("len"))

    def __iter__(self) -> Any:
        return self._ask("iter")

    def __next__(self) -> Any:
        return self._ask("next")

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} is neither True nor False")

    def __repr__(self) -> str:
        return f"<{object.__getattribute__(self, '_about')[2]} of the submission>"

    @property
    def __class__(self) -> type:
        # So that a check can ask whether the student's class is an nn.Module.
        torch = sys.modules.get("torch")
        return torch.nn.Module if torch and object.__getattribute__(self, "_about")[3] == "module" else StandIn


class JudgeSide(Peer):
    """The judge's end of the connection to one student's process."""

    def __init__(self, channel: Channel):
        super().__init__(channel)
        self.given: dict[str, Any] = {}  # the judge's names whose twins the student's process has
        self.forbidden: list[str] = []
        self.refuse: Callable[[str], None] | None = None
        self.lent: list[Any] = []
        self.functions: list[Callable] = []
        self.stand_ins: dict[int, StandIn] = {}
        self.parameters: dict[int, Any] = {}
        self._told: dict[int, Any] = {}  # parameter number -> data and gradient that the student's process has
        self._random: list[Any] = [None, None, None]
        self._depth = 0
        self.problem: Exception | None = None  # why the student's process is of no use any more

    # What the judge asks for

    def run(self, source: str) -> dict:
        """Run a cell in the student's process; its outputs, unchecked."""
        self._random = [None, None, None]
        reply = self.request({"op": "run", "source": source})[0]
        return reply | {"raised": _described(reply.get("raised"))}

    def names(self, names: list[str]) -> dict[str, Any]:
        """Those of the names that the student's process has: plain data by value, the rest as stand-ins."""
        self.lent = []
        reply, decoder = self.request({"op": "names", "names": names})
        found = {}
        with self._reading():
            for name, form in _dict(reply.get("names")).items():
                decoder = self.decoder(decoder.buffers)
                decoder.attached = []
                found[name] = decoder.decode(form)
        return {name: value for name, value in found.items() if name in names}

    def forget(self) -> None:
        """The gradients of the calls so far are not asked for any more."""
        self.request({"op": "forget"})
        self.records.clear()

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call one of `student.FUNCTIONS` there, with copies of the arguments; what it changes in them is changed here."""
        encoder = self.encoder()
        self.lent = []
        torch = sys.modules.get("torch")
        message = {
            "op": "call", "function": function, "forbidden": self.forbidden, "grad": not torch or torch.is_grad_enabled(),
            "args": encoder.encode(list(args)), "kwargs": encoder.encode(kwargs), "parameters": self._changed_parameters(encoder),
        }
        message["random"] = self._random_news(encoder)
        message["pickled"] = self._pickle(encoder)
        lent, forbidden = self.lent, self.forbidden
        reply, decoder = self.request(message, encoder)
        with self._reading():
            self.lent = lent
            value = self._hear(reply, decoder, encoder, args, kwargs)
        if reply.get("refused") and forbidden and self.refuse:
            self.refuse(_which(forbidden, str(reply["refused"])))
        if "raised" in reply:
            raise exception(_described(reply["raised"]), function)
        return value

    def request(self, message: dict, encoder: Encoder | None = None) -> tuple[dict, Decoder]:
        """As in `Peer`. After an answer of no use each further request meets the same: no check goes on as if nothing was."""
        if self.problem is not None:
            raise self.problem
        with self._reading():
            return super().request(message, encoder)

    @contextmanager
    def _reading(self):
        """While an answer is read: whatever is wrong with it is one of three exceptions, and is kept."""
        try:
            yield
        except (Closed, Garbled, NotPlain) as problem:
            self.problem = problem
            raise
        except (TypeError, ValueError, LookupError, AttributeError, OverflowError, RuntimeError, MemoryError) as error:
            self.problem = NotPlain(f"it is malformed ({type(error).__name__})")
            raise self.problem from None

    def _hear(self, reply: dict, decoder: Decoder, encoder: Encoder, args: tuple, kwargs: dict) -> Any:
        """Take in an answer; returns its value."""
        self._read_parameters(reply, decoder)
        self._draw_on(reply.get("advanced"))
        if "raised" in reply:
            self._put_back(reply, args, kwargs, decoder)
            return None
        self.read_attached(reply, decoder, encoder.objects, self.parameters.__getitem__)
        return self._same_if_argument(decoder, reply, args, kwargs)

    def _same_if_argument(self, decoder: Decoder, reply: dict, args: tuple, kwargs: dict) -> Any:
        value = decoder.decode(reply.get("value"))
        new = self._put_back(reply, args, kwargs, decoder)
        old = [*args, *kwargs.values()]
        return next((was for was, now in zip(old, new) if value is now and value is not None), value)

    def _put_back(self, reply: dict, args: tuple, kwargs: dict, decoder: Decoder) -> list:
        """Do to the arguments here what the call did to its copies; return the copies."""
        if "after" not in reply:
            return []
        if not hasattr(decoder, "attached"):
            decoder.attached = []
        after = decoder.decode(reply["after"])
        new_args, new_kwargs = after if type(after) is list and len(after) == 2 else ([], {})
        if type(new_args) is not list or type(new_kwargs) is not dict or len(new_args) != len(args) or list(new_kwargs) != list(kwargs):
            raise NotPlain("the arguments did not come back")
        new = [*new_args, *new_kwargs.values()]
        for was, now in zip([*args, *kwargs.values()], new):
            put_back(was, now)
        for thing, form in zip(self.lent, reply.get("borrowed") or []):
            restore(thing, decoder.decode(form))
        return new

    # What the student's process may ask for

    def answer(self, message: dict, buffers: list[bytes]) -> tuple[dict, list[bytes]]:
        self._depth += 1
        try:
            if self._depth > DEEPEST_CALLBACK:
                raise Garbled("functions call each other without end")
            if message["op"] == "gradient":
                return self._give_gradients(message, buffers)
            if message["op"] == "callback":
                return self._called_back(message, buffers)
            raise Garbled("the student's process asked for something that there is not")
        finally:
            self._depth -= 1

    def _give_gradients(self, message: dict, buffers: list[bytes]) -> tuple[dict, list[bytes]]:
        try:
            return self.give_gradients(message, buffers)
        except (RuntimeError, LookupError) as error:  # torch's own refusal, of a second backward pass say
            return {"raised": str(error)}, []

    def error(self, raised: Any) -> Exception:
        return exception(_described(raised))

    def _called_back(self, message: dict, buffers: list[bytes]) -> tuple[dict, list[bytes]]:
        decoder = self.decoder(buffers)
        try:
            function = self.functions[message["number"]]
        except (LookupError, TypeError):
            raise Garbled("the student's process called a function that there is not") from None
        arguments, options = decoder.decode(message.get("args")), decoder.decode(message.get("kwargs"))
        encoder = self.encoder()
        try:
            value = function(*arguments, **options)
        except Exception as error:  # a check's function does not like its arguments: the student's code should hear why
            return {"raised": [type(error).__name__, str(error)]}, []
        encoder.collect = True
        reply = {"value": encoder.encode(value), "graphs": encoder.graphs}
        if encoder.graphs:
            places = {id(thing): number for number, thing in enumerate(decoder.objects)}
            leaves = [leaf for leaf in leaves_of(encoder.outputs) if id(leaf) in places]
            reply |= {"leaves": [["argument", places[id(leaf)]] for leaf in leaves], "record": len(self.records)}
            self.records[len(self.records)] = (encoder.outputs, leaves)
        return reply, encoder.buffers

    # What is no plain data

    def opaque(self, value: Any) -> Any:
        if type(value) is StandIn:
            return ["object", object.__getattribute__(value, "_about")[1]]
        torch = sys.modules.get("torch")
        if torch and isinstance(value, (torch.nn.Module, torch.optim.Optimizer)) or not callable(value):
            return ["borrowed", self._lend(value)]
        # A function of the check stays here and is called back; one of a library, or a `given` one, the student's process has.
        if getattr(value, "__module__", "") in sys.modules and value.__module__ != "__main__" or self._is_given(value):
            return ["borrowed", self._lend(value)]
        return ["callback", self._callback(value)]

    def stand_for(self, tensor: Any, form: list | None) -> Any:
        number = next((number for number, own in self.parameters.items() if own is tensor), None)
        return None if number is None else ["parameter", number]

    def understand(self, form: list, decoder: Decoder) -> Any:
        kind = form[0]
        if kind == "object":
            _, number, type_name, what = form
            return self.stand_ins.setdefault(number, StandIn(self, _number(number), str(type_name)[:80], str(what)))
        if kind == "parameter":
            return decoder.adopt(self._parameter(_number(form[1]), decoder.read_tensor(*form[2][1:]), form[3] is True))
        if kind == "borrowed":
            return self.lent[_number(form[1])]
        if kind == "callback":
            return self.functions[_number(form[1])]
        return super().understand(form, decoder)

    def _is_given(self, value: Any) -> bool:
        return self.given.get(getattr(value, "__name__", "")) is value

    def _lend(self, value: Any) -> int:
        place = next((place for place, thing in enumerate(self.lent) if thing is value), None)
        if place is None:
            self.lent.append(value)
        return len(self.lent) - 1 if place is None else place

    def _callback(self, function: Callable) -> int:
        place = next((place for place, known in enumerate(self.functions) if known is function), None)
        if place is None:
            self.functions.append(function)
        return len(self.functions) - 1 if place is None else place

    def _pickle(self, encoder: Encoder) -> int | None:
        """Modules and optimizers go to the student's process pickled: what the judge writes harms nobody who reads it."""
        if not self.lent:
            return None
        stream = io.BytesIO()
        gradients = [(tensor, tensor.grad) for thing in self.lent for tensor in _trained_tensors(thing) if tensor.grad is not None]
        _Pickler(self, stream).dump((self.lent, gradients))  # pickle by itself leaves gradients out
        encoder.buffers.append(stream.getvalue())
        return len(encoder.buffers) - 1

    # Copies of the student's parameters

    def _parameter(self, number: int, data: Any, trained: bool) -> Any:
        torch = sys.modules["torch"]
        if number not in self.parameters:
            self.parameters[number] = torch.nn.Parameter(data, requires_grad=trained)
            self._told[number] = (data.clone(), None)
        return self.parameters[number]

    def _read_parameters(self, reply: dict, decoder: Decoder) -> None:
        for number, form, gradient in reply.get("parameters") or []:
            data = decoder.read_tensor(*form[1:])
            own = self._parameter(_number(number), data, data.is_floating_point())
            own.data = own.data.copy_(data) if own.shape == data.shape and own.dtype == data.dtype else data
            own.grad = decoder.read_tensor(*gradient[1:]) if gradient else None
            self._told[number] = (data.clone(), None if own.grad is None else own.grad.clone())

    def _changed_parameters(self, encoder: Encoder) -> list:
        changed, plain = [], Encoder(self.opaque)
        plain.buffers = encoder.buffers
        for number, own in self.parameters.items():
            data, gradient = self._told[number]
            if not (same_bits(own.detach(), data) and same_bits(own.grad, gradient)):
                self._told[number] = (own.detach().clone(), None if own.grad is None else own.grad.clone())
                changed.append([number, plain.encode(own.detach()), None if own.grad is None else plain.encode(own.grad.detach())])
        return changed

    # Random numbers

    def _random_news(self, encoder: Encoder) -> Any:
        """The states of the judge's generators that the student's process has not got yet."""
        numpy = sys.modules.get("numpy")
        states = list(random_states())
        news = [now if now != told else None for now, told in zip(states, self._random)]
        self._random = states
        if news[2] is not None:
            news[2] = tuple(numpy.random.get_state())
        return encoder.encode(news)

    def _draw_on(self, advanced: Any) -> None:
        """Where the student's code drew a random number, draw one here: it chose nothing of the judge's, but can be seen."""
        torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
        if type(advanced) is not list or len(advanced) != 3:
            return
        draws = (torch and (lambda: torch.rand(1)), random.random, numpy and numpy.random.random)
        for moved, draw in zip(advanced, draws):
            if moved is True and draw:
                draw()


class _Pickler(pickle.Pickler):
    """Writes the judge's objects; a parameter or object of the student's own is written as its number."""

    def __init__(self, side: JudgeSide, stream: io.BytesIO):
        super().__init__(stream, protocol=5)
        self.side = side

    def persistent_id(self, value: Any) -> tuple | None:
        torch = sys.modules.get("torch")
        if type(value) is StandIn:
            return "object", object.__getattribute__(value, "_about")[1]
        if torch and isinstance(value, torch.nn.Parameter) and (form := self.side.stand_for(value, None)):
            return "object", form[1]
        if type(value).__name__ == "function" and value.__module__ == "__main__" and not self.side._is_given(value):
            return "callback", self.side._callback(value)
        return None


def restore(thing: Any, state: Any) -> None:
    """Bring a module or optimizer of the judge to the state that the student's code left its copy in."""
    torch = sys.modules["torch"]
    if isinstance(thing, torch.nn.Module):
        _restore_module(thing, _dict(state))
    elif isinstance(thing, torch.optim.Optimizer):
        try:
            thing.load_state_dict(_dict(state))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError):
            raise NotPlain("the optimizer's state does not fit it") from None


def _restore_module(module: Any, state: dict) -> None:
    torch = sys.modules["torch"]
    own, parameters, parts = named_tensors(module), dict(module.named_parameters()), dict(module.named_modules())
    if [*map(set, (own, parameters, parts))] != [set(_dict(state.get(key))) for key in ("tensors", "gradients", "training")]:
        raise NotPlain("the module has other parts than before")
    for name, tensor in own.items():
        put_back(tensor.detach() if tensor.shape == state["tensors"][name].shape else tensor, state["tensors"][name])
    for name, parameter in parameters.items():
        gradient = state["gradients"][name]
        parameter.grad = gradient if isinstance(gradient, torch.Tensor) and gradient.shape == parameter.shape else None
        parameter.requires_grad_(_dict(state.get("trained")).get(name) is True)
    for name, part in parts.items():
        part.training = state["training"][name] is True


def exception(raised: dict, function: str = "call") -> BaseException:
    """An exception of one of Python's own classes for what the student's code raised."""
    words, kinds = raised["words"], raised["kinds"]
    for name in kinds:
        kind = getattr(builtins, name, None)
        # The end of an iterator, raised by what is none, would end a check's loop over calls.
        if isinstance(kind, type) and issubclass(kind, Exception) and (name != "StopIteration" or function == "next"):
            try:
                error = kind(words) if words else kind()
            except TypeError:  # some are made of more than a message
                continue
            break
    else:
        error = StudentError(f"{kinds[0] if kinds else 'an error'}: {words}")
    error.student = raised
    # In place of a traceback through the course's code: the message, and the student's own line.
    error._render_traceback_ = lambda: [f"{type(error).__name__}: {error}", *where(raised)]
    return error


def _described(raised: Any) -> dict:
    """What the student's process says of an exception, as far as it has the form of `student._describe_error`."""
    raised = raised if type(raised) is dict else {}
    kinds, line, number = raised.get("kinds"), raised.get("line"), raised.get("errno")
    return {
        "kinds": [name for name in kinds if type(name) is str][:20] if type(kinds) is list else [],
        "words": str(raised.get("words", ""))[:2000],
        "errno": number if type(number) is int else None,
        "line": [str(part)[:200] for part in line] if type(line) is list and len(line) == 3 else None,
    }


def _which(forbidden: list[str], refused: str) -> str:
    """The forbidden name that was called. Not as the student's process tells it: that may be any text, a hidden input say."""
    return next((name for name in forbidden if name.rpartition(".")[2] in refused), forbidden[0])


def where(raised: dict) -> list[str]:
    """The student's line in which an exception was raised, in words; nothing where it is not known."""
    if raised["line"] is None:
        return []
    number, text, function = raised["line"]
    return [f"In your code, line {number} of the cell, in {function}:  {text}"]


@contextmanager
def forbidding(side: JudgeSide, names: list[str], refuse: Callable[[str], None]):
    """What `write_it_yourself` does in the judge: the names are forbidden in the student's process, during its calls."""
    before = side.forbidden, side.refuse
    side.forbidden, side.refuse = [*side.forbidden, *names], refuse
    try:
        yield
    finally:
        side.forbidden, side.refuse = before


def _trained_tensors(thing: Any) -> list:
    """The parameters of a module or an optimizer."""
    torch = sys.modules.get("torch")
    if torch and isinstance(thing, torch.nn.Module):
        return list(thing.parameters())
    if torch and isinstance(thing, torch.optim.Optimizer):
        return [tensor for group in thing.param_groups for tensor in group["params"]]
    return []


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 10_000_000:
        raise NotPlain("an object has no number")
    return value


def _dict(value: Any) -> dict:
    if type(value) is not dict:
        raise NotPlain("something that should be a dict is none")
    return value
