"""Opening a media file with FFmpeg for reading: local files only, the world's mistakes as one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from panosod_core.errors import MediaError
from panosod_core.media.clip_file import OPEN_TIMEOUT_S, check_file, container_options


def open_container(path: Path, *, stream_index: int) -> InputContainer:
    """Open a local media file to read one stream of it; the packets of all others are passed over.

    Raises:
        MediaError: no such file, not a file, no permission, nothing that FFmpeg can read, or no such stream.
    """
    check_file(path)
    try:
        container = av.open(
            os.fspath(path.absolute()),
            options=container_options(path),
            timeout=(OPEN_TIMEOUT_S, None),
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError, OSError) as error:
        raise MediaError(f"{path}: not a media file that can be read ({reason(error)})") from error
    if stream_index >= len(container.streams):
        count = len(container.streams)
        container.close()
        raise MediaError(f"{path}: expected a stream number {stream_index}, found {count} streams; probe it again")
    for stream in container.streams:
        if stream.index != stream_index:
            stream.discard = Discard.all
    return container


StreamT = TypeVar("StreamT", bound=Stream)


class PacketSource(Generic[StreamT]):
    """The packets of one stream, one after the other, to the end or to where the file breaks off."""

    def __init__(self, container: InputContainer, stream: StreamT) -> None:
        self._container = container
        self._stream = stream
        self._packets: Iterator[Packet[Stream]] | None = None
        self.error = ""

    def next(self) -> Packet[StreamT] | None:
        """The next packet; None at the end. ``error`` then says in FFmpeg's words why it ended early, if it did."""
        while True:
            if self._packets is None:
                self._packets = iter(self._container.demux(self._stream))
            try:
                packet = next(self._packets, None)
            except IndexError:
                # PyAV 18.1 stumbles over a packet of a stream that appears later than the header (MPEG-TS). That
                # packet is not ours; go on behind it.
                self._packets = None
                continue
            except av.FFmpegError as error:
                self.error = reason(error)
                return None
            return cast("Packet[StreamT]", packet) if packet is not None and packet.size else None

    def restart(self) -> None:
        """Forget what was read ahead, after a seek."""
        self._packets = None


def reason(error: BaseException) -> str:
    """FFmpeg's words for an error, without the number and the file name."""
    return str(getattr(error, "strerror", None) or error)
