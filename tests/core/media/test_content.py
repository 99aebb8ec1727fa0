"""A clip's identity follows its bytes, not its name."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.errors import MediaError
from panosod_core.media.content import BLOCK_BYTES, BLOCKS, _blocks, content_id

WHOLE = BLOCKS * BLOCK_BYTES


def noise(size: int, *, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


@pytest.mark.parametrize("size", [1, 100, BLOCK_BYTES, BLOCK_BYTES + 1, WHOLE, WHOLE + 1, 3 * WHOLE + 17])
def test_a_copy_under_another_name_is_the_same_clip(tmp_path: Path, size: int) -> None:
    for name in ("a.mp4", "b with spaces.webm"):
        (tmp_path / name).write_bytes(noise(size))
    identities = {content_id(tmp_path / name) for name in ("a.mp4", "b with spaces.webm")}
    assert len(identities) == 1
    assert len(identities.pop()) == 64


@pytest.mark.parametrize("size", [1, 1000, WHOLE, 3 * WHOLE + 17])
@pytest.mark.parametrize("place", [0.0, 1.0])
def test_another_first_or_last_byte_is_another_clip(tmp_path: Path, size: int, place: float) -> None:
    data = bytearray(noise(size))
    (tmp_path / "a").write_bytes(data)
    data[round(place * (size - 1))] ^= 1
    (tmp_path / "b").write_bytes(data)
    assert content_id(tmp_path / "a") != content_id(tmp_path / "b")


def test_every_byte_of_a_small_file_counts(tmp_path: Path) -> None:
    data = bytearray(noise(WHOLE))
    (tmp_path / "a").write_bytes(data)
    first = content_id(tmp_path / "a")
    for place in (BLOCK_BYTES - 1, BLOCK_BYTES, WHOLE // 2, WHOLE - BLOCK_BYTES - 1):
        changed = bytearray(data)
        changed[place] ^= 0x80
        (tmp_path / "b").write_bytes(changed)
        assert content_id(tmp_path / "b") != first


def test_size_counts_even_where_the_sampled_bytes_are_alike(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\0" * 4 * WHOLE)
    (tmp_path / "b").write_bytes(b"\0" * 5 * WHOLE)
    assert content_id(tmp_path / "a") != content_id(tmp_path / "b")


@given(st.integers(1, 10 * WHOLE))
def test_blocks_lie_in_the_file_in_order_and_touch_both_ends(size: int) -> None:
    blocks = _blocks(size)
    assert blocks[0][0] == 0
    assert sum(blocks[-1]) == size
    assert all(length > 0 for _, length in blocks)
    assert all(a[0] + a[1] <= b[0] for a, b in pairwise(blocks))
    assert sum(length for _, length in blocks) == min(size, WHOLE)


def test_known_value(tmp_path: Path) -> None:
    """Identities are stored in projects: the scheme must not change unnoticed."""
    (tmp_path / "a").write_bytes(b"panosod")
    assert content_id(tmp_path / "a") == "816eb71a63f0b13e545f476f46df794c928cbbcf55a5d48e1d90df013c3c62fd"


@pytest.mark.parametrize("what", ["missing", "folder", "empty", "pipe"])
def test_what_is_no_clip_is_refused_in_a_line(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.mp4"
    if what == "folder":
        path.mkdir()
    elif what == "empty":
        path.touch()
    elif what == "pipe":
        os.mkfifo(path)
    with pytest.raises(MediaError, match=r"x\.mp4.*expected a video or sound file"):
        content_id(path)
