"""Chooses the reader of a container's headers by its first bytes."""

from pathlib import Path

from panosod_core.errors import MediaError
from panosod_core.media.ebml import EbmlReader
from panosod_core.media.isobmff import BoxReader
from panosod_core.media.isobmff_tracks import read_isobmff
from panosod_core.media.matroska import EBML_HEADER, read_matroska
from panosod_core.media.tags import ContainerTags

_ISO_FIRST = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"sidx", b"pnot", b"uuid")


def read_container_tags(path: Path, size: int) -> ContainerTags:
    """The tags of a file; none where the container is of a kind that carries none.

    Raises:
        MediaError: the file cannot be read, or its header makes impossible claims.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
            if head[4:8] in _ISO_FIRST:
                return read_isobmff(BoxReader(file, size))
            if head[:4] == EBML_HEADER.to_bytes(4, "big"):
                return read_matroska(EbmlReader(file, size))
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    return ContainerTags()
