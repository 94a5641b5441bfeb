"""Messages over a socket: JSON with buffers behind it, read with limits, so that no sender can harm the reader."""

import json
import socket
import struct
from typing import Any

LARGEST_MESSAGE = 256 * 2**20  # bytes
LONGEST_TEXT = 64 * 2**20  # of it the JSON: what it becomes takes many times its size
MOST_BUFFERS = 1_000_000

_LENGTHS = struct.Struct("!II")  # of the JSON text and of all buffers together


class Closed(ConnectionError):
    """The other side is gone."""


class Garbled(Exception):
    """What came is no message; the connection is of no use any more."""


class Channel:
    """One end of a connection between two processes."""

    def __init__(self, end: socket.socket):
        self.end = end

    def send(self, message: Any, buffers: list[bytes] = ()) -> None:
        """Send JSON and buffers; raises Closed where the other side is gone, Garbled for what is too large."""
        # Not indented, NaN allowed: a reader of ours takes it.
        text = json.dumps([message, [len(data) for data in buffers]], separators=(",", ":")).encode()
        size = sum(map(len, buffers))
        if len(text) > LONGEST_TEXT or len(text) + size > LARGEST_MESSAGE:
            raise Garbled(f"{(len(text) + size) / 2**20:.0f} MB are too much for one message")
        try:
            self.end.sendall(b"".join([_LENGTHS.pack(len(text), size), text, *buffers]))
        except OSError as error:
            raise Closed(str(error)) from None

    def receive(self) -> tuple[Any, list[bytes]]:
        """Wait for a message; raises Closed at the end of the connection, Garbled for anything that is no message."""
        length, size = _LENGTHS.unpack(self._read(_LENGTHS.size))
        if length > LONGEST_TEXT or length + size > LARGEST_MESSAGE:
            raise Garbled("a message is too large")
        text, data = self._read(length), memoryview(self._read(size))
        try:
            message, sizes = json.loads(text)
        except (ValueError, RecursionError, TypeError, MemoryError):
            raise Garbled("a message is not JSON with buffers") from None
        if type(sizes) is not list or len(sizes) > MOST_BUFFERS or any(type(n) is not int or n < 0 for n in sizes) or sum(sizes) != size:
            raise Garbled("a message's buffers are not as long as it says")
        buffers, place = [], 0
        for number in sizes:
            buffers.append(bytes(data[place:place + number]))
            place += number
        return message, buffers

    def close(self) -> None:
        self.end.close()

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                part = self.end.recv(min(size - len(data), 2**20))
            except InterruptedError:
                continue
            except OSError as error:
                raise Closed(str(error)) from None
            if not part:
                raise Closed("the other process has ended")
            data += part
        return bytes(data)


def pair() -> tuple[Channel, socket.socket]:
    """A channel and the socket for its other end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Channel(ours), theirs
