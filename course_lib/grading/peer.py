"""What judge and student have in common: requests across the channel, and gradients through them.

A request is `{"op": …}`, its answer anything without "op". While one side waits for an answer it serves the requests
of the other, so that a function that one side passed as an argument can be called back.

An output of the other side that has a gradient is sent with a number, and so are the leaves of its graph. Here it
becomes the output of a `torch.autograd.Function` whose inputs are those leaves, and whose backward pass asks the other
side for theirs. Gradients of gradients do not cross.
"""

import sys
from functools import cache
from typing import Any

from course_lib.grading.channel import Channel, Garbled
from course_lib.grading.plain import Decoder, Encoder, NotPlain


class Peer:
    """One side; a subclass says what is encoded how (`opaque`, `understand`) and serves requests (`answer`)."""

    def __init__(self, channel: Channel):
        self.channel = channel
        self.records: dict[int, tuple[list, list]] = {}  # of calls with gradients: outputs and leaves

    # Encoding

    def encoder(self) -> Encoder:
        return _GraphEncoder(self)

    def decoder(self, buffers: list[bytes]) -> Decoder:
        return Decoder(buffers, self.understand)

    def opaque(self, value: Any) -> Any:
        """What stands for a value that is no plain data."""
        raise NotImplementedError

    def understand(self, form: list, decoder: Decoder) -> Any:
        """The value of a form that is no plain data."""
        if form[0] == "leaf":
            return self._leaf(form, decoder)
        if form[0] == "graph":
            return decoder.adopt(decoder.attached[form[1]])
        raise NotPlain(f"{form[0][:20]!r} is no kind of value")

    def stand_for(self, tensor: Any, form: list) -> Any:
        """What stands for a tensor that belongs to the other side; None where it does not."""
        return None

    # Requests

    def request(self, message: dict, encoder: Encoder | None = None) -> tuple[dict, Decoder]:
        """Send a request and wait for its answer; serves the other side's requests meanwhile."""
        self.channel.send(message, encoder.buffers if encoder else [])
        while True:
            reply, buffers = self.channel.receive()
            if type(reply) is not dict:
                raise Garbled("an answer is no dict")
            if "op" not in reply:
                return reply, self.decoder(buffers)
            self.channel.send(*self.answer(reply, buffers))

    def answer(self, message: dict, buffers: list[bytes]) -> tuple[dict, list[bytes]]:
        """Serve a request of the other side."""
        raise NotImplementedError

    # Gradients

    def read_attached(self, reply: dict, decoder: Decoder, arguments: list, own: Any) -> None:
        """Make the outputs of `reply` that have gradients, for `understand` to find in `decoder.attached`."""
        decoder.attached = []
        if not reply.get("graphs"):
            return
        outputs = [decoder.read_tensor(*form[1:]) for form in reply["graphs"]]
        leaves = [arguments[number] if kind == "argument" else own(number) for kind, number in reply["leaves"]]
        torch = sys.modules["torch"]
        # An output whose graph has no leaf that is known here still has a gradient.
        leaves = leaves or [torch.zeros((), requires_grad=True)]
        with torch.enable_grad():
            decoder.attached = list(_attach()(self, reply["record"], outputs, *leaves))

    def give_gradients(self, message: dict, buffers: list[bytes]) -> tuple[dict, list[bytes]]:
        """Serve the backward pass of a call whose outputs the other side has."""
        torch = sys.modules["torch"]
        outputs, leaves = self.records[message["record"]]
        received = self.decoder(buffers).decode(message["gradients"])
        pairs = [(output, gradient) for output, gradient in zip(outputs, received, strict=True) if gradient is not None]
        results = [None] * len(leaves)
        if leaves and pairs:
            ends, given = map(list, zip(*pairs))
            results = torch.autograd.grad(ends, leaves, given, retain_graph=True, allow_unused=True)
        encoder = Encoder(self.opaque)
        return {"gradients": encoder.encode([None if result is None else result.detach() for result in results])}, encoder.buffers

    def ask_gradients(self, record: int, gradients: tuple) -> list:
        """Ask the other side for the gradients of a call's leaves."""
        encoder = Encoder(self.opaque)
        form = encoder.encode([None if gradient is None else gradient.detach() for gradient in gradients])
        reply, decoder = self.request({"op": "gradient", "record": record, "gradients": form}, encoder)
        if "raised" in reply:
            raise self.error(reply["raised"])
        return decoder.decode(reply.get("gradients"))

    def error(self, raised: Any) -> Exception:
        """The exception that the other side met."""
        return RuntimeError(str(raised))

    def _leaf(self, form: list, decoder: Decoder) -> Any:
        torch = sys.modules["torch"]
        _, tensor, is_parameter, gradient = form
        leaf = decoder.read_tensor(*tensor[1:])
        leaf = torch.nn.Parameter(leaf) if is_parameter else leaf.requires_grad_()
        decoder.adopt(leaf)
        leaf.grad = decoder.decode(gradient)
        return leaf


class _GraphEncoder(Encoder):
    """Numbers the tensors that have a gradient (`graphs`), where `collect` is set; else sends them as leaves."""

    def __init__(self, peer: Peer):
        super().__init__(peer.opaque, self._tensor)
        self.peer, self.collect = peer, False
        self.graphs: list[list] = []
        self.outputs: list[Any] = []

    def _tensor(self, value: Any, form: list) -> Any:
        stand_in = self.peer.stand_for(value, form)
        if stand_in is not None or not value.requires_grad:
            return stand_in
        if self.collect:
            self.outputs.append(value)
            self.graphs.append(form)
            return ["graph", len(self.graphs) - 1]
        torch = sys.modules["torch"]
        gradient = self.encode(value.grad.detach()) if value.is_leaf and value.grad is not None else None
        return ["leaf", form, isinstance(value, torch.nn.Parameter), gradient]


def leaves_of(outputs: list) -> list:
    """The leaves of the graphs of `outputs`: the tensors in which a backward pass would collect gradients."""
    found: dict[int, Any] = {id(output): output for output in outputs if output.is_leaf}
    seen, waiting = set(), [output.grad_fn for output in outputs if output.grad_fn is not None]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found[id(node.variable)] = node.variable
        waiting += [parent for parent, _ in node.next_functions if parent is not None]
    return list(found.values())


@cache
def _attach() -> Any:
    torch = sys.modules["torch"]

    class Attach(torch.autograd.Function):
        @staticmethod
        def forward(ctx, peer, record, outputs, *leaves):
            ctx.peer, ctx.record = peer, record
            ctx.leaves = [(leaf.shape, leaf.dtype) for leaf in leaves]
            ctx.set_materialize_grads(False)
            return tuple(outputs)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, *gradients):
            received = ctx.peer.ask_gradients(ctx.record, gradients)
            if type(received) is not list or len(received) not in (0, len(ctx.leaves)):
                raise NotPlain("there are not as many gradients as inputs")
            received = received or [None] * len(ctx.leaves)
            return None, None, None, *(_fitting(gradient, *leaf) for gradient, leaf in zip(received, ctx.leaves))

    return Attach.apply


def _fitting(gradient: Any, shape: Any, dtype: Any) -> Any:
    if gradient is None:
        return None
    if not isinstance(gradient, sys.modules["torch"].Tensor) or gradient.shape != shape:
        raise NotPlain("a gradient has not the shape of its input")
    return gradient.to(dtype)
