"""Spherical Video V2: the boxes `st3d` and `sv3d` (svhd, proj, prhd, equi, cbmp, mshp), read and written.

Layouts after google/spatial-media, docs/spherical-video-v2-rfc.md. Its pose turns counter-clockwise about up (yaw to
the left), counter-clockwise about right (pitch up) and clockwise about forward (roll clockwise): panosod's signs. The
same document defines the Matroska elements with the same meaning, and FFmpeg copies the numbers between the two, so
both are read alike (the Matroska registry words yaw and roll the other way round; files follow this one).
"""

import math
import struct
from collections.abc import Mapping

from panosod_core.geometry.picture import FULL_SPHERE, Bounds, PictureProjection, StereoMode
from panosod_core.media.isobmff import Box, BoxReader
from panosod_core.media.tags import NO_ROTATION, ProjectionTag, StereoTag

_STEREO: Mapping[int, tuple[StereoMode, bool]] = {
    0: (StereoMode.MONO, False),
    1: (StereoMode.TOP_BOTTOM, False),
    2: (StereoMode.LEFT_RIGHT, False),
    4: (StereoMode.LEFT_RIGHT, True),
}
_PROJECTIONS = {
    "equi": PictureProjection.EQUIRECTANGULAR,
    "cbmp": PictureProjection.CUBEMAP,
    "mshp": PictureProjection.MESH,
}
_QUARTER_TOLERANCE = 1e-3


def read_st3d(reader: BoxReader, box: Box) -> StereoTag | None:
    """The stereo packing of an `st3d` box, None where it is too short or of another version."""
    body = reader.payload(box, 5)
    if len(body) < 5 or body[0] != 0:
        return None
    mode, swapped = _STEREO.get(body[4], (None, False))
    return StereoTag("st3d", mode, swapped, raw=str(body[4]))


def read_sv3d(reader: BoxReader, box: Box) -> ProjectionTag | None:
    """The projection of an `sv3d` box, None where it names none. `svhd` may be missing, as older tools left it out."""
    tool = ""
    tag: ProjectionTag | None = None
    for child in reader.children(box):
        if child.kind == "svhd":
            tool = reader.payload(child, 260)[4:].split(b"\0")[0].decode("utf-8", "replace")
        elif child.kind == "proj" and tag is None:
            tag = _read_proj(reader, child)
    if tag is None:
        return None
    return ProjectionTag(tag.place, tag.projection, tag.bounds, tag.pose_deg, tag.detail, tool, tag.problems)


def _read_proj(reader: BoxReader, box: Box) -> ProjectionTag | None:
    pose_deg, problems = NO_ROTATION, tuple[str, ...]()
    data: Box | None = None
    for child in reader.children(box):
        if child.kind == "prhd":
            body = reader.payload(child, 16)
            if len(body) == 16:
                raw = struct.unpack(">3i", body[4:])
                pose_deg, problems = checked_pose((raw[0] / 65536, raw[1] / 65536, raw[2] / 65536))
        elif child.kind in _PROJECTIONS and data is None:
            data = child
    if data is None:
        return None
    body = reader.payload(data, 32)
    return projection_tag(
        "sv3d", _PROJECTIONS[data.kind], body, pose_deg=pose_deg, problems=problems, length=data.end - data.body
    )


def projection_tag(
    place: str,
    projection: PictureProjection,
    body: bytes,
    *,
    pose_deg: tuple[float, float, float],
    problems: tuple[str, ...] = (),
    length: int | None = None,
) -> ProjectionTag:
    """The tag of a projection data box's body (from its version on); Matroska stores the same bytes.

    Args:
        place: "sv3d" or "Matroska Projection".
        projection: which of the three kinds the body belongs to.
        body: the first bytes of the box's body; b"" stands for 20 zero bytes.
        pose_deg: already checked.
        problems: of the pose.
        length: whole length of the body in bytes, where ``body`` is cut.
    """
    bounds, detail = FULL_SPHERE, ""
    if projection is PictureProjection.EQUIRECTANGULAR:
        bounds, more = _read_equi(body)
        problems += more
        if is_front_half(bounds):
            projection = PictureProjection.EQUIRECTANGULAR_180
    elif projection is PictureProjection.CUBEMAP:
        if len(body) >= 12:
            layout, padding = struct.unpack(">II", body[4:12])
            detail = f"layout {layout}, padding {padding} px"
        else:
            problems += ("cbmp is too short",)
    elif projection is PictureProjection.MESH:
        encoding = body[8:12].decode("latin-1") if len(body) >= 12 else "?"
        detail = f"{len(body) if length is None else length} bytes of mesh, encoding {encoding!r}"
    return ProjectionTag(place, projection, bounds, pose_deg, detail, "", problems)


def _read_equi(body: bytes) -> tuple[Bounds, tuple[str, ...]]:
    if not body:
        return FULL_SPHERE, ()
    if len(body) < 20:
        return FULL_SPHERE, ("equi is too short: taken as the full sphere",)
    top, bottom, left, right = (value / 2**32 for value in struct.unpack(">4I", body[4:20]))
    if left + right >= 1 or top + bottom >= 1:
        return FULL_SPHERE, ("equi crops the whole picture away: taken as the full sphere",)
    return Bounds(left=left, top=top, right=right, bottom=bottom), ()


def is_front_half(bounds: Bounds) -> bool:
    """True when one eye covers the front half of the sphere: what people call 180 degree video."""
    quarters = abs(bounds.left - 0.25) < _QUARTER_TOLERANCE and abs(bounds.right - 0.25) < _QUARTER_TOLERANCE
    return quarters and bounds.top < _QUARTER_TOLERANCE and bounds.bottom < _QUARTER_TOLERANCE


def checked_pose(pose_deg: tuple[float, float, float]) -> tuple[tuple[float, float, float], tuple[str, ...]]:
    """A pose that is finite and within one turn, or no pose and the reason."""
    if all(math.isfinite(angle) and abs(angle) <= 360 for angle in pose_deg):
        return pose_deg, ()
    return NO_ROTATION, (f"pose {pose_deg} is no angle: ignored",)


def box_bytes(kind: str, body: bytes) -> bytes:
    """One box: size, four characters, body."""
    return struct.pack(">I", 8 + len(body)) + kind.encode("latin-1") + body


def st3d_bytes(stereo: StereoMode, *, eyes_swapped: bool = False) -> bytes:
    """The `st3d` box of a packing.

    Raises:
        ValueError: top-bottom with the right eye on top, which the box has no number for.
    """
    for number, packing in _STEREO.items():
        if packing == (stereo, eyes_swapped and stereo is not StereoMode.MONO):
            return box_bytes("st3d", bytes(4) + bytes([number]))
    raise ValueError("st3d has no number for top-bottom with the right eye on top")


def sv3d_bytes(*, bounds: Bounds, pose_deg: tuple[float, float, float], tool: str) -> bytes:
    """The `sv3d` box of an equirectangular picture, with `svhd`, `prhd` and `equi`.

    Args:
        bounds: what of the sphere one eye covers.
        pose_deg: yaw (left +) within +-180, pitch (up +) within +-90, roll (clockwise +) within +-180.
        tool: written as the metadata source.

    Raises:
        ValueError: a pose outside these ranges.
    """
    if any(not abs(angle) <= limit for angle, limit in zip(pose_deg, (180, 90, 180), strict=True)):
        raise ValueError(f"a pose must lie within 180, 90, 180 degrees, got {pose_deg}")
    pose = struct.pack(">3i", *(round(angle * 65536) for angle in pose_deg))
    crop = struct.pack(
        ">4I", *(min(round(f * 2**32), 2**32 - 1) for f in (bounds.top, bounds.bottom, bounds.left, bounds.right))
    )
    proj = box_bytes("prhd", bytes(4) + pose) + box_bytes("equi", bytes(4) + crop)
    return box_bytes("sv3d", box_bytes("svhd", bytes(4) + tool.encode() + b"\0") + box_bytes("proj", proj))
