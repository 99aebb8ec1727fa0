"""What may be opened as a clip: ordinary local files, in containers that hold media rather than lists of addresses."""

import re
import stat
from pathlib import Path

from panosod_core.errors import MediaError

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/{1,2}[^/]")

_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,mxf,nut,ivf,h264,hevc,obu,m4v,mpegvideo,"
    "ogg,wav,w64,caf,aiff,flac,mp3,aac,ac3,eac3,au"
)
"""FFmpeg's demuxers that are let in. Playlists (HLS, DASH, concat) could name other files or addresses."""

MAX_PIXELS = 80_000_000
"""Most pixels of a picture: 12K (11520x5760) has 66 million. A decoder keeps several, and 2 GB is the limit."""

CONTAINER_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": _CONTAINERS,
    "max_streams": "64",
    "max_pixels": str(MAX_PIXELS),
}
"""Options for ``av.open`` that keep a hostile file from the network, from other files and from all memory."""

_HEADER_SAYS_ALL = frozenset({".wav", ".wave"})
_SHORT_LOOK = {"probesize": "32768", "analyzeduration": "0"}

OPEN_TIMEOUT_S = 6.0
"""FFmpeg gives up opening after this long, so that no file keeps a person waiting for ten seconds."""


def container_options(path: Path) -> dict[str, str]:
    """Options for ``av.open`` of one file.

    Of WAVE files the header says all; without being told, FFmpeg decodes seconds of them to guess the same: 32 ms of
    CPU every time instead of 0.8, which a training run pays for every window.
    """
    return CONTAINER_OPTIONS | (_SHORT_LOOK if path.suffix.lower() in _HEADER_SAYS_ALL else {})


def check_file(path: Path) -> int:
    """Make sure that a path is an ordinary, readable, non-empty file.

    Returns:
        Its size in bytes.

    Raises:
        MediaError: an address, a missing path, a folder, a device or pipe, a file without permission or bytes.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        if _URL.match(str(path)):
            # A Path has lost one of the two slashes.
            address = re.sub(r":/+", "://", str(path), count=1)
            raise MediaError(f"{address} is an address: panosod opens local files only, download it first") from None
        raise MediaError(f"{path}: no such file (expected a video or sound file)") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: cannot be reached ({_words(error)})") from error
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(f"{path} is a folder: expected a video or sound file")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{path} is a device or pipe: expected a video or sound file")
    if status.st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes): expected a video or sound file")
    try:
        with path.open("rb") as file:
            file.read(1)
    except PermissionError as error:
        raise MediaError(f"{path}: no permission to read it (change its permissions or copy it)") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({_words(error)})") from error
    return status.st_size


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
