"""Chooses the reader of a container's headers by its first bytes."""

from pathlib import Path

from panosod_core.errors import MediaError
from panosod_core.media.ebml import EbmlReader
from panosod_core.media.isobmff import BoxReader
from panosod_core.media.isobmff_tracks import read_isobmff
from panosod_core.media.matroska import EBML_HEADER, read_matroska
from panosod_core.media.tags import ContainerTags

_OTHERS = (b"RIFF", b"RF64", b"OggS", b"fLaC", b"ID3")
"""First bytes of containers that carry no tags of ours."""


def read_container_tags(path: Path, size: int) -> ContainerTags:
    """The tags of a file; none where the container is of a kind that carries none.

    Raises:
        MediaError: the file cannot be read, or its header makes impossible claims.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
            if head[:4] == EBML_HEADER.to_bytes(4, "big"):
                return read_matroska(EbmlReader(file, size))
            if head.startswith(_OTHERS):
                return ContainerTags()
            # Anything else is tried as boxes: FFmpeg takes a file for MP4 that begins with a box of any name.
            tags = read_isobmff(BoxReader(file, size))
            return tags if tags.tracks or head[4:8] == b"ftyp" else ContainerTags()
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
