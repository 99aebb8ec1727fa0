"""Opening a media file with FFmpeg for reading: local files only, the world's mistakes as one line."""

import os
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Discard

from panosod_core.errors import MediaError
from panosod_core.media.clip_file import CONTAINER_OPTIONS, OPEN_TIMEOUT_S, check_file


def open_container(path: Path, *, stream_index: int) -> InputContainer:
    """Open a local media file to read one stream of it; the packets of all others are passed over.

    Raises:
        MediaError: no such file, not a file, no permission, nothing that FFmpeg can read, or no such stream.
    """
    check_file(path)
    try:
        container = av.open(
            os.fspath(path.absolute()),
            options=dict(CONTAINER_OPTIONS),
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


def reason(error: BaseException) -> str:
    """FFmpeg's words for an error, without the number and the file name."""
    return str(getattr(error, "strerror", None) or error)
