"""Datagrams to OSC messages, bounded in every direction: whatever is sent, this returns or raises, soon.

python-osc parses the messages. Bundles are opened here, because its own bundle parser loops for ever on an element
of negative size (1.10.2), and because its warnings about unknown type tags would flood the log.
"""

import struct
from collections.abc import Iterator

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message import ParseError as MessageParseError

MAX_DATAGRAM_BYTES = 4096
"""A pose needs under 100 bytes; longer datagrams are counted as malformed."""
MAX_MESSAGES = 64
MAX_DEPTH = 4
_BUNDLE = b"#bundle\x00"
_HEADER_BYTES = 16
_KNOWN_TAGS = frozenset(b"ihfdsbrmtTFN[]")


class MalformedPacketError(ValueError):
    """A datagram that is not OSC, or more of it than any tracker sends."""


def messages(datagram: bytes) -> list[tuple[str, list[object]]]:
    """The messages of a datagram, bundles opened, in order.

    Returns:
        (address, arguments) each.

    Raises:
        MalformedPacketError: not OSC, nested deeper than 4, or more than 64 messages.
    """
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise MalformedPacketError(f"{len(datagram)} bytes")
    found: list[tuple[str, list[object]]] = []
    for element in _elements(datagram, 0):
        if len(found) >= MAX_MESSAGES:
            raise MalformedPacketError(f"more than {MAX_MESSAGES} messages in a datagram")
        found.append(_message(element))
    return found


def _elements(data: bytes, depth: int) -> Iterator[bytes]:
    if not data.startswith(_BUNDLE):
        yield data
        return
    if depth >= MAX_DEPTH:
        raise MalformedPacketError(f"bundles nested deeper than {MAX_DEPTH}")
    if len(data) < _HEADER_BYTES:
        raise MalformedPacketError("bundle without a time tag")
    at = _HEADER_BYTES
    while at < len(data):
        if at + 4 > len(data):
            raise MalformedPacketError("bundle cut short")
        (size,) = struct.unpack_from(">i", data, at)
        at += 4
        if size <= 0 or at + size > len(data):
            raise MalformedPacketError(f"bundle element of {size} bytes")
        yield from _elements(data[at : at + size], depth + 1)
        at += size


def _message(data: bytes) -> tuple[str, list[object]]:
    if not data.startswith(b"/"):
        raise MalformedPacketError("neither a message nor a bundle")
    comma = data.find(b",")
    if comma > 0:
        end = data.find(b"\x00", comma)
        if not _KNOWN_TAGS.issuperset(data[comma + 1 : end if end > 0 else len(data)]):
            raise MalformedPacketError("unknown type tag")
    try:
        message = OscMessage(data)
    except (MessageParseError, ValueError, OverflowError, IndexError, struct.error) as error:
        raise MalformedPacketError(str(error)) from error
    return message.address, message.params
