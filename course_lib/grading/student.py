"""The student's side: runs a submission's cells in the sandbox, and its functions when the judge calls them.

Everything here may be patched, broken or replaced by the code that it runs. So nothing that it says is believed: the
judge takes from it values to compare, and texts to show.
"""

import builtins
import io
import operator
import os
import pickle
import random
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from course_lib.grading.cells import CellShell, captured, run_cell
from course_lib.grading.channel import Channel, Closed, Garbled
from course_lib.grading.peer import Peer, leaves_of
from course_lib.grading.plain import Decoder, Encoder, NotPlain, same_bits

#: What the judge may ask for besides calling an object.
FUNCTIONS = {
    "getattr": getattr, "setattr": setattr, "item": operator.getitem, "set item": operator.setitem, "contains": operator.contains,
    "len": len, "iter": iter, "next": next, "call": lambda function, *args, **kwargs: function(*args, **kwargs),
}

LARGEST_GLOBALS = 64 * 2**20  # bytes of the arrays and tensors among the names that a judge asks for


class Interrupted(BaseException):
    """The cell or call took too long."""


class StudentSide(Peer):
    """Serves one submission's names to the judge."""

    def __init__(self, channel: Channel, shell: CellShell):
        super().__init__(channel)
        self.shell = shell
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}
        self.busy = False
        self.borrowed: list[Any] = []  # modules and optimizers of the judge, in the present call
        self.callbacks: dict[int, Callable] = {}
        self.parameters: dict[int, tuple] = {}  # those that the judge knows: number -> what it was told last

    def serve(self) -> None:
        """Answer requests until the judge is gone."""
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGXCPU, self._interrupt)
        try:
            while True:
                reply = self.answer(*self.channel.receive())
                try:
                    self.channel.send(*reply)
                except Garbled as problem:
                    self.channel.send({"raised": _cannot_return(problem)})
        except Closed:
            return

    def answer(self, message: dict, buffers: list[bytes]) -> tuple[dict, list[bytes]]:
        if message["op"] == "run":
            return self._run(message["source"]), []
        if message["op"] == "names":
            return self._names(message["names"])
        if message["op"] == "gradient":
            return self._safely(lambda: self.give_gradients(message, buffers))
        if message["op"] == "forget":
            self.records.clear()
            return {}, []
        return self._call(message, buffers)

    def _interrupt(self, number: int, frame: Any) -> None:
        if self.busy:
            self.busy = False
            if os.getpid() == 1:
                _end_others()
            raise Interrupted("processor time" if number == signal.SIGXCPU else "time")

    # Cells

    def _run(self, source: str) -> dict:
        self.busy = True
        try:
            outputs, error = run_cell(self.shell, source)
        finally:
            self.busy = False
        return {"outputs": outputs.items, "cut": outputs.cut, "raised": error and _describe_error(error)}

    def _names(self, names: list[str]) -> tuple[dict, list[bytes]]:
        """The names' values; one that cannot be told is left out, and costs only the checks that need it."""
        found, buffers, space = {}, [], self.shell.user_ns
        for name in names:
            encoder = self.encoder()
            encoder.buffers = list(buffers)
            self.busy = True
            try:
                if name in space:
                    form = encoder.encode(space[name])
                    if sum(map(len, encoder.buffers)) <= LARGEST_GLOBALS:
                        found[name], buffers = form, encoder.buffers
            except BaseException:  # whatever a strange object does when it is looked at
                pass
            finally:
                self.busy = False
        return {"names": found}, buffers

    # Calls

    def _call(self, message: dict, buffers: list[bytes]) -> tuple[dict, list[bytes]]:
        decoder = self.decoder(buffers)
        self.borrowed = self._unpickle(message, decoder)
        self._take_parameters(message, decoder)
        # In the order in which the judge encoded them: mutable values are numbered as they come.
        arguments = decoder.decode(message["args"])
        options = decoder.decode(message["kwargs"])
        self._take_random(message, decoder)
        before = self._state(arguments, options)
        random_before = random_states()
        value, error, refused = self._perform(message, arguments, options)
        encoder = self.encoder()
        reply = {"refused": refused}
        if error is not None:
            reply["raised"] = _describe_error(error)
        else:
            encoder = self._encode_value(reply, encoder, value, decoder)
        encoder.collect = False
        if self._state(arguments, options) != before:
            reply["after"] = encoder.encode([arguments, options])
            reply["borrowed"] = [encoder.encode(state_of(thing)) for thing in self.borrowed]
        reply["parameters"] = self._changed_parameters(encoder)
        reply["advanced"] = [was != now for was, now in zip(random_before, random_states())]
        return reply, encoder.buffers

    def _perform(self, message: dict, arguments: list, options: dict) -> tuple[Any, BaseException | None, str | None]:
        refused: list[str] = []
        value = error = None
        with captured(self.shell):  # and dropped: it may hold what a hidden test asked for
            try:
                with self._rules(message, refused):
                    self.busy = True
                    value = FUNCTIONS[message["function"]](*arguments, **options)
                    self.busy = False
            except BaseException as problem:
                error = problem
            finally:
                self.busy = False
        return value, error, refused[0] if refused else None

    def _rules(self, message: dict, refused: list[str]) -> Any:
        """What the judge's `with` statements ask for: no gradients, functions that must not be called."""
        torch = sys.modules.get("torch")
        if torch:
            torch.set_grad_enabled(message["grad"])
        if not message["forbidden"]:
            return nullcontext()
        from course_lib.teaching.guard import forbid_calls

        def refuse(name: str) -> None:
            refused.append(name)
            raise AssertionError(f"This exercise asks you to write it yourself: your code calls {name}.")

        return forbid_calls(message["forbidden"], refuse, self.shell.user_ns)

    def _encode_value(self, reply: dict, encoder: Any, value: Any, decoder: Decoder) -> Any:
        """Put a call's value into its reply; returns the encoder for the rest."""
        encoder.collect = self.busy = True
        try:
            reply["value"] = encoder.encode(value)
        except Exception as problem:
            reply["raised"] = _cannot_return(problem)
            return self.encoder()
        finally:
            self.busy = False
        reply["graphs"] = encoder.graphs
        if encoder.graphs:
            self._keep_graph(reply, encoder, decoder)
        return encoder

    def _keep_graph(self, reply: dict, encoder: Any, decoder: Decoder) -> None:
        places = {id(thing): number for number, thing in enumerate(decoder.objects)}
        leaves, names = [], []
        for leaf in leaves_of(encoder.outputs):
            if id(leaf) in places:
                leaves.append(leaf)
                names.append(["argument", places[id(leaf)]])
            elif self.stand_for(leaf, None):
                leaves.append(leaf)
                names.append(["parameter", self._number(leaf)])
        reply["leaves"], reply["record"] = names, len(self.records)
        self.records[len(self.records)] = (encoder.outputs, leaves)

    def _state(self, *values: Any) -> tuple:
        """What a copy of the arguments would be now: to see whether a call has changed them."""
        encoder = self.encoder()
        return encoder.encode(list(values)), [encoder.encode(state_of(thing)) for thing in self.borrowed], encoder.buffers

    def _safely(self, work: Callable) -> tuple[dict, list[bytes]]:
        self.busy = True
        try:
            return work()
        except Exception as error:
            return {"raised": _describe_error(error)}, []
        finally:
            self.busy = False

    # What is no plain data

    def opaque(self, value: Any) -> Any:
        for number, thing in enumerate(self.borrowed):
            if thing is value:
                return ["borrowed", number]
        for number, function in self.callbacks.items():
            if function is value:
                return ["callback", number]
        number = self._number(value)
        torch = sys.modules.get("torch")
        is_module = torch is not None and isinstance(value, torch.nn.Module)
        return ["object", number, str(type(value).__name__)[:80], "module" if is_module else "function" if callable(value) else "thing"]

    def stand_for(self, tensor: Any, form: list | None) -> Any:
        """A parameter of the student's own: the judge keeps one tensor for it, however often it comes."""
        torch = sys.modules["torch"]
        if not isinstance(tensor, torch.nn.Parameter) or any(tensor is own for thing in self.borrowed for own in _tensors(thing)):
            return None
        number = self._number(tensor)
        self.parameters.setdefault(number, ())  # told with the answer at hand
        if form is None:
            return True
        return ["parameter", number, form, tensor.requires_grad]

    def understand(self, form: list, decoder: Decoder) -> Any:
        kind = form[0]
        if kind == "object":
            return self.objects[form[1]]
        if kind == "parameter":
            return decoder.adopt(self.objects[form[1]])
        if kind == "borrowed":
            return self.borrowed[form[1]]
        if kind == "callback":
            return self.callbacks.setdefault(form[1], self._callback(form[1]))
        return super().understand(form, decoder)

    def _number(self, value: Any) -> int:
        number = self.numbers.setdefault(id(value), len(self.objects))
        self.objects[number] = value  # kept alive, so that its id stays its own
        return number

    def _callback(self, number: int) -> Callable:
        def function(*args: Any, **kwargs: Any) -> Any:
            """A function of the check that called you."""
            busy, self.busy = self.busy, False
            try:
                encoder = self.encoder()
                message = {"op": "callback", "number": number, "args": encoder.encode(list(args)), "kwargs": encoder.encode(kwargs)}
                reply, decoder = self.request(message, encoder)
                if "raised" in reply:
                    raise getattr(builtins, reply["raised"][0], RuntimeError)(reply["raised"][1])
                self.read_attached(reply, decoder, encoder.objects, self.objects.get)
                return decoder.decode(reply["value"])
            finally:
                self.busy = busy

        return function

    def _unpickle(self, message: dict, decoder: Decoder) -> list[Any]:
        if message.get("pickled") is None:
            return []
        things, gradients = _Unpickler(self, decoder.buffers[message["pickled"]]).load()
        for tensor, gradient in gradients:
            tensor.grad = gradient
        return things

    # Parameters of the student's own that the judge has a copy of

    def _take_parameters(self, message: dict, decoder: Decoder) -> None:
        torch = sys.modules.get("torch")
        for number, form, gradient in message["parameters"]:
            own, new = self.objects[number], decoder.read_tensor(*form[1:])
            with torch.no_grad():
                if own.shape == new.shape and own.dtype == new.dtype:
                    own.copy_(new)
                else:
                    own.data = new
            own.grad = decoder.read_tensor(*gradient[1:]) if gradient else None
            self.parameters[number] = _parameter_state(own)

    def _changed_parameters(self, encoder: Encoder) -> list:
        changed = []
        plain = Encoder(self.opaque)
        plain.buffers = encoder.buffers
        for number, before in list(self.parameters.items()):
            own = self.objects[number]
            if not (before and same_bits(own, before[0]) and same_bits(own.grad, before[1])):
                self.parameters[number] = _parameter_state(own)
                changed.append([number, plain.encode(own.detach()), None if own.grad is None else plain.encode(own.grad.detach())])
        return changed

    def _take_random(self, message: dict, decoder: Decoder) -> None:
        torch_state, python_state, numpy_state = decoder.decode(message["random"])
        if torch_state is not None and "torch" in sys.modules:
            torch = sys.modules["torch"]
            torch.set_rng_state(torch.frombuffer(bytearray(torch_state), dtype=torch.uint8))
        if python_state is not None:
            random.setstate(python_state)
        if numpy_state is not None and "numpy" in sys.modules:
            sys.modules["numpy"].random.set_state(numpy_state)


class _Unpickler(pickle.Unpickler):
    """Reads what the judge lends: its own modules and optimizers, with references to what is the student's."""

    def __init__(self, side: StudentSide, data: bytes):
        super().__init__(io.BytesIO(data))
        self.side = side

    def persistent_load(self, name: tuple) -> Any:
        kind, value = name
        if kind == "callback":
            return self.side.callbacks.setdefault(value, self.side._callback(value))
        return self.side.objects[value]


def _end_others() -> None:
    """End all that the code has started, and which would slow down what comes next; this is the first process in its namespace."""
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass


def random_states() -> tuple:
    """The states of the global random generators of torch, Python and numpy, comparable."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    torch_state = torch.get_rng_state().numpy().tobytes() if torch else None
    numpy_state = numpy.random.get_state() if numpy else None
    return torch_state, random.getstate(), numpy_state and (numpy_state[0], numpy_state[1].tobytes(), *numpy_state[2:])


def state_of(thing: Any) -> Any:
    """What can change in a module or an optimizer that the judge lends, as plain data."""
    torch = sys.modules.get("torch")
    if torch and isinstance(thing, torch.nn.Module):
        return {
            "tensors": {name: tensor.detach() for name, tensor in named_tensors(thing).items()},
            "gradients": {name: parameter.grad for name, parameter in thing.named_parameters()},
            "trained": {name: parameter.requires_grad for name, parameter in thing.named_parameters()},
            "training": {name: part.training for name, part in thing.named_modules()},
        }
    if torch and isinstance(thing, torch.optim.Optimizer):
        return thing.state_dict()
    return None


def named_tensors(module: Any) -> dict[str, Any]:
    """All parameters and buffers of a module, by name."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _tensors(thing: Any) -> list:
    torch = sys.modules["torch"]
    return list(thing.parameters()) if isinstance(thing, torch.nn.Module) else []


def _parameter_state(tensor: Any) -> tuple:
    return tensor.detach().clone(), None if tensor.grad is None else tensor.grad.detach().clone()


def _cannot_return(problem: Exception) -> dict:
    return {"kinds": ["ValueTooLarge"], "words": f"What your code returned cannot be handed to the check: {problem}."}


def _describe_error(error: BaseException) -> dict:
    """An exception as texts and numbers: the names of its classes, its message, the student's own line."""
    try:
        words = str(error)
    except BaseException:
        words = ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "ipython-input" in frame.filename or "ipykernel" in frame.filename]
    last = frames[-1] if frames else None
    return {
        "kinds": [kind.__name__ for kind in type(error).__mro__],
        "words": words[:2000],
        "errno": error.errno if isinstance(error, OSError) and isinstance(error.errno, int) else None,
        "line": [last.lineno, (last.line or "").strip()[:200], last.name[:80]] if last else None,
    }
