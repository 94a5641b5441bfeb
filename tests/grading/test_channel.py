"""Messages: read whole, with limits; garbage ends in one of two exceptions."""

import json
import socket
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.grading import channel
from course_lib.grading.channel import Channel, Closed, Garbled, pair


def receive(raw: bytes):
    """What a channel reads of some bytes, behind which the connection ends."""
    ours, theirs = pair()
    writer = threading.Thread(target=lambda: (theirs.sendall(raw), theirs.close()))
    writer.start()
    try:
        return ours.receive()
    finally:
        ours.close()
        writer.join()


def framed(text: bytes, data: bytes = b"") -> bytes:
    return struct.pack("!II", len(text), len(data)) + text + data


@given(st.recursive(st.none() | st.integers(-(2**60), 2**60) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=9),
       st.lists(st.binary(max_size=50), max_size=5))
@settings(deadline=None, max_examples=50)
def test_a_message_arrives_as_it_was_sent(message, buffers):
    ours, theirs = pair()
    Channel(theirs).send(message, buffers)
    assert ours.receive() == (message, buffers)
    ours.close(), theirs.close()


@pytest.mark.parametrize("raw", [
    framed(b"{}"), framed(b"[]"), framed(b"[1]"), framed(b"not json"), framed(b"\xff\xfe"), framed(b"[1,[5]]"), framed(b"[1,[5]]", b"1234"),
    framed(b"[1,[-1,5]]", b"1234"), framed(b'[1,["4"]]', b"1234"), framed(b"[1,[true]]", b"1"), framed(b"[" * 100_000), framed(b"[1,2,3]"),
    framed(b"[" + b"9" * 5000 + b",[]]"), struct.pack("!II", 2**32 - 1, 0), struct.pack("!II", 0, 2**32 - 1), struct.pack("!II", 2**27, 0),
], ids=range(16))
def test_garbage_is_named(raw):
    with pytest.raises(Garbled):
        receive(raw)


@pytest.mark.parametrize("raw", [b"", b"123", framed(b"[1,[]]")[:-1], framed(b"[1,[4]]", b"1234")[:-1]])
def test_the_end_of_the_connection_is_named(raw):
    with pytest.raises(Closed):
        receive(raw)


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=100)
def test_no_bytes_raise_anything_else(raw):
    with pytest.raises((Closed, Garbled)):
        receive(raw)


def test_what_is_too_large_is_not_sent(monkeypatch):
    ours, theirs = pair()
    monkeypatch.setattr(channel, "LARGEST_MESSAGE", 1000)
    monkeypatch.setattr(channel, "LONGEST_TEXT", 500)
    for message, buffers in (("x" * 600, []), ("x", [bytes(1000)])):
        with pytest.raises(Garbled, match="too much"):
            ours.send(message, buffers)
    ours.send("short")
    assert Channel(theirs).receive() == ("short", [])
    theirs.close()


def test_sending_to_who_is_gone():
    ours, theirs = pair()
    theirs.close()
    with pytest.raises(Closed):
        for _ in range(3):
            ours.send(json.dumps([0] * 100))
    assert isinstance(ours.end, socket.socket)
