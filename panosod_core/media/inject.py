"""Writes spherical V2 and SA3D boxes into an MP4 or MOV that another program (FFmpeg) has written.

The boxes lie in the sample entries within `moov`. Where `moov` stands before the media it pushes them back, so every
absolute offset (`stco`, `co64`, `tfhd`, `tfra`) is moved with them. The result is written beside its destination and
renamed, so there is never half a file.
"""

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from panosod_core.errors import MediaError
from panosod_core.geometry.picture import FRONT_HALF, PictureGeometry, PictureProjection
from panosod_core.media.box_tree import BoxNode, parse_moov
from panosod_core.media.clip_file import check_file
from panosod_core.media.isobmff import Box, BoxReader
from panosod_core.media.sa3d import sa3d_bytes
from panosod_core.media.spherical_v2 import st3d_bytes, sv3d_bytes

TOOL = "panosod"
_MAX_MOOV = 512 << 20
_COPY_BYTES = 1 << 20
_AFTER_SPHERICAL = frozenset({"pasp", "clap", "btrt"})
"""Optional boxes of a visual sample entry: `st3d` and `sv3d` belong before them."""


@dataclass(frozen=True)
class AmbisonicSound:
    """What an SA3D box says: ACN/SN3D of an order.

    Attributes:
        order: of the ambisonics.
        head_locked: two further channels L, R stay with the head.
        channel_map: for each component (ACN 0.., then L, R) the channel that carries it; None where they lie in order.
    """

    order: int
    head_locked: bool = False
    channel_map: tuple[int, ...] | None = None


@dataclass(frozen=True)
class _Splice:
    """Bytes [start, end) of the source are replaced by ``data``."""

    start: int
    end: int
    data: bytes


class _OffsetOverflowError(Exception):
    """A 32-bit chunk offset would pass 4 GiB."""


def write_spherical(
    src: Path, dst: Path, *, geometry: PictureGeometry | None = None, sound: AmbisonicSound | None = None
) -> None:
    """Copy a clip with its spherical and ambisonic metadata replaced.

    Args:
        src: an MP4 or MOV, fragmented or not.
        dst: where to; may be ``src`` itself.
        geometry: of the first picture track, None to leave it as it is; flat leaves a `st3d` alone.
        sound: of the first sound track, None to leave it as it is.

    Raises:
        MediaError: not an MP4 or MOV, no such track in it, or the destination cannot be written.
        ValueError: a geometry or channel map that the boxes cannot express.
    """
    size = check_file(src)
    try:
        with src.open("rb") as file:
            splices = _splices(src, BoxReader(file, size), geometry, sound)
            with written_beside(dst) as out:
                _copy(file, out, size, splices)
    except OSError as error:
        raise MediaError(f"{dst}: cannot be written ({error.strerror or error})") from error


def _splices(
    src: Path, reader: BoxReader, geometry: PictureGeometry | None, sound: AmbisonicSound | None
) -> list[_Splice]:
    top = list(reader.boxes(0, reader.size))
    box = next((b for b in top if b.kind == "moov"), None)
    root = None
    if box is not None and box.size <= _MAX_MOOV:
        reader.file.seek(box.start)
        root = parse_moov(reader.file.read(box.size))
    if box is None or root is None:
        raise MediaError(f"{src}: expected an MP4 or MOV with a whole moov box, found none")
    if geometry is not None:
        _put(_first_entry(src, root, "video"), _picture_boxes(geometry), {"st3d", "sv3d"})
    if sound is not None:
        sa3d = sa3d_bytes(order=sound.order, head_locked=sound.head_locked, channel_map=sound.channel_map)
        _put(_first_entry(src, root, "audio"), sa3d, {"SA3D"})
    growth = len(root.to_bytes()) - box.size
    try:
        moved = _moved_fragments(reader, top, box, growth)
        _move_chunks(root, beyond=box.end, by=growth)
    except _OffsetOverflowError:
        # Offsets of 32 bits that would pass 4 GiB: moov goes to the end instead, and nothing else moves.
        hole = _Splice(box.start + 4, box.start + 8, b"free")
        return [hole, _Splice(reader.size, reader.size, root.to_bytes())]
    return [*moved, _Splice(box.start, box.end, root.to_bytes())]


def _picture_boxes(geometry: PictureGeometry) -> bytes:
    st3d = st3d_bytes(geometry.stereo, eyes_swapped=geometry.eyes_swapped)
    if geometry.projection is PictureProjection.FLAT:
        return st3d
    if not geometry.is_spherical:
        raise ValueError(f"panosod writes equirectangular metadata only, not {geometry.projection.value}")
    bounds = geometry.bounds
    if geometry.projection is PictureProjection.EQUIRECTANGULAR_180 and bounds.is_full:
        bounds = FRONT_HALF
    return st3d + sv3d_bytes(bounds=bounds, pose_deg=geometry.pose_deg, tool=TOOL)


def _first_entry(src: Path, root: BoxNode, kind: str) -> BoxNode:
    for trak in root.all("trak"):
        stsd = trak.find("mdia", "minf", "stbl", "stsd")
        if trak.track_kind == kind and stsd is not None and stsd.children:
            return stsd.children[0]
    word = "picture" if kind == "video" else "sound"
    raise MediaError(f"{src}: has no {word} track to write the metadata into")


def _put(entry: BoxNode, boxes: bytes, replaced: set[str]) -> None:
    """Replace boxes of a sample entry, before its trailing optional boxes."""
    entry.children = [child for child in entry.children if child.kind not in replaced]
    for child in entry.children:
        if child.kind == "wave":
            _drop_from_wave(child, replaced)
    position = next((i for i, c in enumerate(entry.children) if c.kind in _AFTER_SPHERICAL), len(entry.children))
    added = []
    start = 0
    while start < len(boxes):
        length = int.from_bytes(boxes[start : start + 4], "big")
        added.append(BoxNode(boxes[start + 4 : start + 8].decode("latin-1"), boxes[start + 8 : start + length]))
        start += length
    entry.children[position:position] = added


def _drop_from_wave(wave: BoxNode, replaced: set[str]) -> None:
    """Remove boxes that a QuickTime `wave` holds, so that two of a kind cannot contradict each other."""
    kept, rest = b"", wave.prefix
    while len(rest) >= 8:
        length = int.from_bytes(rest[:4], "big")
        if not 8 <= length <= len(rest):
            break
        if rest[4:8].decode("latin-1") not in replaced:
            kept += rest[:length]
        rest = rest[length:]
    wave.prefix = kept + rest


def _move_chunks(root: BoxNode, *, beyond: int, by: int) -> None:
    """Add to the chunk offsets that point beyond a place in the file.

    Raises:
        _OffsetOverflowError: a 32-bit offset would not fit; nothing is to be written then.
    """
    for stbl in root.all("trak", "mdia", "minf", "stbl"):
        for table in stbl.children:
            if table.kind not in ("stco", "co64"):
                continue
            width = 4 if table.kind == "stco" else 8
            form = ">%d" + ("I" if width == 4 else "Q")
            count = min(int.from_bytes(table.prefix[4:8], "big"), (len(table.prefix) - 8) // width)
            offsets = [o + by if o >= beyond else o for o in struct.unpack_from(form % count, table.prefix, 8)]
            if any(o >= 256**width for o in offsets):
                raise _OffsetOverflowError
            packed = struct.pack(form % count, *offsets)
            table.prefix = table.prefix[:8] + packed + table.prefix[8 + len(packed) :]


def _moved_fragments(reader: BoxReader, top: list[Box], moov: Box, by: int) -> list[_Splice]:
    """Splices for the absolute offsets outside `moov`: of fragments (`tfhd`) and of their index (`mfra/tfra`).

    Raises:
        _OffsetOverflowError: a 32-bit offset would not fit.
    """
    splices: list[_Splice] = []
    for box in top:
        for child in reader.children(box) if box.kind in ("moof", "mfra") else ():
            if child.kind == "traf":
                splices += _moved_base(reader, child, moov.end, by)
            elif child.kind == "tfra":
                splices += _moved_index(reader, child, moov.end, by)
    return splices


def _moved_base(reader: BoxReader, traf: Box, beyond: int, by: int) -> Iterator[_Splice]:
    tfhd = reader.first(traf, "tfhd")
    body = reader.payload(tfhd, 16) if tfhd is not None else b""
    if tfhd is None or len(body) < 16 or not body[3] & 1:
        return
    offset = int.from_bytes(body[8:16], "big")
    if offset >= beyond:
        yield _Splice(tfhd.body + 8, tfhd.body + 16, struct.pack(">Q", offset + by))


def _moved_index(reader: BoxReader, tfra: Box, beyond: int, by: int) -> Iterator[_Splice]:
    head = reader.payload(tfra, 16)
    if len(head) < 16:
        return
    wide = head[0] == 1
    sizes = head[11]
    numbers = 3 + (sizes >> 4 & 3) + (sizes >> 2 & 3) + (sizes & 3)
    stride = (16 if wide else 8) + numbers
    count = min(int.from_bytes(head[12:16], "big"), (tfra.end - tfra.body - 16) // stride)
    width = 8 if wide else 4
    for i in range(count):
        at = tfra.body + 16 + i * stride + width
        offset = int.from_bytes(reader.read(at, width), "big")
        if offset < beyond:
            continue
        if offset + by >= 256**width:
            raise _OffsetOverflowError
        yield _Splice(at, at + width, (offset + by).to_bytes(width, "big"))


def _copy(file: BinaryIO, out: BinaryIO, size: int, splices: list[_Splice]) -> None:
    position = 0
    for splice in sorted(splices, key=lambda s: s.start):
        _copy_range(file, out, position, splice.start)
        out.write(splice.data)
        position = splice.end
    _copy_range(file, out, position, size)


def _copy_range(file: BinaryIO, out: BinaryIO, start: int, end: int) -> None:
    file.seek(start)
    while start < end:
        piece = file.read(min(_COPY_BYTES, end - start))
        if not piece:
            raise OSError("the source became shorter while it was copied")
        out.write(piece)
        start += len(piece)


@contextmanager
def written_beside(dst: Path) -> Iterator[BinaryIO]:
    """A new file beside ``dst`` that takes its place when the block ends well, and vanishes when it does not."""
    mode = dst.stat().st_mode & 0o777 if dst.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(prefix=f".{dst.name[:80]}.", suffix=".part", dir=dst.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.chmod(mode)
        part.replace(dst)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(dst.parent)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the renaming last through a power cut, where folders can be synced (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
