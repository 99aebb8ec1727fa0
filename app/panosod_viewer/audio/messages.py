"""What goes through the pipes: a JSON header and bytes, each with its length in front. No pickle."""

import json
import os
import struct
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.media.info import AudioInfo, SoundFormat

_HEAD = struct.Struct(">II")
MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Message:
    """A command to the audio process, or an event from it.

    Attributes:
        kind: what it is.
        data: JSON values.
        payload: bytes that JSON cannot hold.
    """

    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    def packed(self) -> bytes:
        """As it goes through the pipe."""
        header = json.dumps({"kind": self.kind, "data": self.data}).encode()
        return _HEAD.pack(len(header), len(self.payload)) + header + self.payload


def write_message(fd: int, message: Message) -> None:
    """Write a message whole.

    Raises:
        OSError: the other side is gone.
    """
    rest = memoryview(message.packed())
    while rest:
        rest = rest[os.write(fd, rest) :]


def read_message(fd: int) -> Message | None:
    """The next message, waiting for it; None where the other side is gone.

    Raises:
        ValueError: what comes is no message.
    """
    head = _read_exactly(fd, _HEAD.size)
    if head is None:
        return None
    header_size, payload_size = _HEAD.unpack(head)
    if max(header_size, payload_size) > MAX_BYTES:
        raise ValueError(f"a message of {header_size} + {payload_size} bytes cannot be one of ours")
    header = _read_exactly(fd, header_size)
    payload = _read_exactly(fd, payload_size)
    if header is None or payload is None:
        return None
    content = json.loads(header)
    return Message(content["kind"], content["data"], payload)


def _read_exactly(fd: int, n: int) -> bytes | None:
    pieces = []
    while n > 0:
        # Not a buffered file: its lock would be held by a thread that waits here while the interpreter ends.
        piece = os.read(fd, min(n, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        n -= len(piece)
    return b"".join(pieces)


def pack_audio(audio: AudioInfo | None) -> dict[str, Any] | None:
    """A sound stream as JSON values."""
    return None if audio is None else asdict(audio)


def unpack_audio(data: dict[str, Any] | None) -> AudioInfo | None:
    """The inverse of :func:`pack_audio`."""
    if data is None:
        return None
    data = dict(data)
    data["format"] = SoundFormat(data["format"])
    for name in ("channel_map", "warnings"):
        data[name] = tuple(data[name])
    return AudioInfo(**data)


def pack_filters(filters: BinauralFilters) -> tuple[dict[str, Any], bytes]:
    """Filters as JSON values and the bytes of their taps."""
    names = ("order", "sample_rate_hz", "name", "method", "licence", "citation")
    return {name: getattr(filters, name) for name in names}, np.ascontiguousarray(filters.taps, "<f4").tobytes()


def unpack_filters(data: dict[str, Any], payload: bytes) -> BinauralFilters:
    """The inverse of :func:`pack_filters`.

    Raises:
        ValueError: they do not fit together.
    """
    taps = np.frombuffer(payload, "<f4").astype(np.float32)
    return BinauralFilters(taps=taps.reshape((data["order"] + 1) ** 2, 2, -1), **data)
