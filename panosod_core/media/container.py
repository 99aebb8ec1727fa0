"""Opening a media file with FFmpeg: local files only, the world's mistakes as one line."""

from pathlib import Path

import av
from av.container import InputContainer

from panosod_core.errors import MediaError


def open_container(path: Path) -> InputContainer:
    """Open a local media file for demuxing.

    The name is passed with FFmpeg's ``file:`` prefix, so that a colon in it is never taken for a protocol, and other
    protocols are forbidden, so that a playlist cannot reach the network.

    Raises:
        MediaError: no such file, not a file, no permission, or nothing that FFmpeg can read.
    """
    if not path.exists():
        raise MediaError(f"{path}: no such file (expected a video or sound file)")
    if not path.is_file():
        raise MediaError(f"{path}: expected a video or sound file, found a folder or a device")
    try:
        return av.open(f"file:{path}", "r", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except PermissionError as error:
        raise MediaError(f"{path}: may not be read, permission denied (change its permissions or copy it)") from error
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path}: not a media file that can be read ({reason(error)})") from error


def reason(error: BaseException) -> str:
    """FFmpeg's words for an error, without the number and the file name."""
    text = getattr(error, "strerror", None) or str(error)
    return str(text)
