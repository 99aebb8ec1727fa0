"""Which clip this is, whatever its name: the identity of a file's content, found by reading a few megabytes at most."""

import hashlib
import os
from pathlib import Path

from panosod_core.errors import MediaError
from panosod_core.media.clip_file import check_file

BLOCK_BYTES = 1 << 16
"""Size of a sampled block."""

BLOCKS = 32
"""Blocks of a large file: the first and the last of its bytes among them, where containers keep their tables."""

_SCHEME = b"panosod content 1\0"


def content_id(path: Path) -> str:
    """Identity of a file's content: the same for a renamed or copied file, another after nearly every change.

    SHA-256 over a name of this scheme, the size in bytes (64 bits, little-endian) and :data:`BLOCKS` blocks of
    :data:`BLOCK_BYTES` spread evenly from the first byte to the last; of a file no larger than all of them together
    (2 MiB), the whole. Two files of one size that differ only between the blocks have the same identity: an encoder
    that changes a picture changes sizes and the tables of sizes too, so that takes intent or a patch in place.

    Args:
        path: an ordinary file.

    Returns:
        64 hexadecimal digits.

    Raises:
        MediaError: no ordinary, readable, non-empty file, or one that shrinks while it is read.
    """
    size = check_file(path)
    digest = hashlib.sha256(_SCHEME + size.to_bytes(8, "little"))
    try:
        with path.open("rb") as file:
            for start, length in _blocks(size):
                file.seek(start, os.SEEK_SET)
                block = file.read(length)
                if len(block) != length:
                    raise MediaError(
                        f"{path}: expected {length} bytes at {start}, got {len(block)}: it changes while it is read; "
                        "try again when it is complete"
                    )
                digest.update(block)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


def _blocks(size: int) -> list[tuple[int, int]]:
    """(start, length) of what is read of a file of that size."""
    if size <= BLOCKS * BLOCK_BYTES:
        return [(start, min(BLOCK_BYTES, size - start)) for start in range(0, size, BLOCK_BYTES)]
    last = size - BLOCK_BYTES
    return [(last * k // (BLOCKS - 1), BLOCK_BYTES) for k in range(BLOCKS)]
