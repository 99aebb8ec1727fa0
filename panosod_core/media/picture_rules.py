"""How a picture covers the sphere: the decision between what the headers claim, the shape and the name of the file.

In this order, the first that speaks wins:

1. spherical V2 (`sv3d`, Matroska ``Projection``); stereo from `st3d` / ``StereoMode``, else from V1;
2. spherical V1, when Spherical and Stitched are true and the projection is equirectangular;
3. the name: "180", "vr180", "360", "equirect", "sbs", "tb", ... as words of the file name, with the shape;
4. stereo metadata alone, by the shape of one eye: 2:1 is the full sphere, 1:1 the front half;
5. the shape: nearly 2:1 is a full sphere, 1:1 one over the other, 4:1 side by side;
6. 16:9 beside sound that its header declares ambisonic: a full sphere squeezed to 16:9;
7. otherwise the picture is flat.
"""

import re
from dataclasses import dataclass

from panosod_core.geometry.picture import FRONT_HALF, FULL_SPHERE, Bounds, PictureProjection, StereoMode
from panosod_core.media.info import Claim
from panosod_core.media.spherical_v2 import is_front_half
from panosod_core.media.tags import NO_ROTATION, StereoTag, TrackTags

SHAPE_TOLERANCE = 0.03
"""How far a picture's aspect may be from 2:1, 1:1 or 4:1 and still count: 426x214 is off by 0.5 %."""

_WORDS_180 = frozenset({"180", "vr180", "180vr", "180x180", "vr180sbs", "sbs180", "180sbs", "lr180", "180lr"})
_WORDS_360 = frozenset(
    {"360", "vr360", "360vr", "360x180", "equirect", "equirectangular", "erp", "panorama", "spherical"}
    | {"360tb", "360sbs", "tb360", "sbs360", "360ou", "360lr", "insta360", "theta360", "video360", "360video"}
)
_WORDS_TB = frozenset({"tb", "ou", "3dv", "topbottom", "overunder", "360tb", "tb360", "360ou"})
_WORDS_LR = frozenset(
    {"sbs", "lr", "3dh", "sidebyside", "leftright", "360sbs", "sbs360", "360lr"}
    | {"vr180sbs", "sbs180", "180sbs", "lr180", "180lr"}
)


@dataclass(frozen=True)
class PictureDecision:
    """What the picture is taken for, and why."""

    projection: PictureProjection
    stereo: StereoMode
    source: str
    eyes_swapped: bool = False
    bounds: Bounds = FULL_SPHERE
    pose_deg: tuple[float, float, float] = NO_ROTATION
    initial_view_deg: tuple[float, float, float] = NO_ROTATION


def decide_picture(
    tags: TrackTags, *, width: int, height: int, name: str, has_declared_ambisonics: bool
) -> PictureDecision:
    """Resolve all claims about a picture of width x height pixels (both eyes together).

    Args:
        tags: of its track.
        width: coded width, pixels, positive.
        height: coded height, pixels, positive.
        name: of the file, without its folder.
        has_declared_ambisonics: the sound's header (not just its channel count) says ambisonic.
    """
    stereo = _stereo(tags)
    if tags.projection is not None and tags.projection.projection is not PictureProjection.FLAT:
        found = tags.projection
        view = tags.v1.initial_view_deg if tags.v1 is not None and tags.v1.counts else NO_ROTATION
        return PictureDecision(
            found.projection, stereo.mode or StereoMode.MONO, found.place, stereo.eyes_swapped,
            found.bounds, found.pose_deg, view,
        )  # fmt: skip
    if tags.v1 is not None and tags.v1.counts:
        bounds = tags.v1.bounds or FULL_SPHERE
        return PictureDecision(
            PictureProjection.EQUIRECTANGULAR_180 if is_front_half(bounds) else PictureProjection.EQUIRECTANGULAR,
            stereo.mode or StereoMode.MONO, "V1 uuid", stereo.eyes_swapped,
            bounds, NO_ROTATION, tags.v1.initial_view_deg,
        )  # fmt: skip
    if tags.projection is not None:
        return PictureDecision(
            PictureProjection.FLAT, stereo.mode or StereoMode.MONO, tags.projection.place, stereo.eyes_swapped
        )
    return _by_name(stereo, width / height, name) or _by_shape(stereo, width / height, has_declared_ambisonics)


def _stereo(tags: TrackTags) -> StereoTag:
    """The packing: the V2 box, else V1's; V1 alone overrides Matroska's StereoMode, as its text demands."""
    if tags.v1 is not None and tags.v1.counts and tags.v1.stereo is not None and tags.projection is None:
        return StereoTag("V1 uuid", tags.v1.stereo)
    if tags.stereo is not None:
        return tags.stereo
    if tags.v1 is not None and tags.v1.counts and tags.v1.stereo is not None:
        return StereoTag("V1 uuid", tags.v1.stereo)
    return StereoTag("", None)


def _near(value: float, target: float) -> bool:
    return abs(value / target - 1) <= SHAPE_TOLERANCE


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.lower().rsplit(".", 1)[0]))


def _by_name(stereo: StereoTag, aspect: float, name: str) -> PictureDecision | None:
    words = _words(name)
    half = bool(words & _WORDS_180)
    if not half and not words & _WORDS_360:
        return None
    mode = stereo.mode
    if mode is None and words & _WORDS_TB:
        mode = StereoMode.TOP_BOTTOM
    elif mode is None and words & _WORDS_LR:
        mode = StereoMode.LEFT_RIGHT
    elif mode is None:
        mode = _mode_of_shape(aspect * (2 if half else 1))
    word = min(words & (_WORDS_180 | _WORDS_360))
    projection = PictureProjection.EQUIRECTANGULAR_180 if half else PictureProjection.EQUIRECTANGULAR
    return PictureDecision(
        projection, mode, f"file name ({word})", stereo.eyes_swapped, FRONT_HALF if half else FULL_SPHERE
    )


def _mode_of_shape(aspect: float) -> StereoMode:
    """Packing of whole spheres by the aspect of both together; a half sphere counts twice as wide."""
    if _near(aspect, 4):
        return StereoMode.LEFT_RIGHT
    return StereoMode.TOP_BOTTOM if _near(aspect, 1) else StereoMode.MONO


def _by_shape(stereo: StereoTag, aspect: float, has_declared_ambisonics: bool) -> PictureDecision:
    sphere = PictureProjection.EQUIRECTANGULAR
    if stereo.mode is not None and stereo.mode is not StereoMode.MONO:
        eye = aspect * 2 if stereo.mode is StereoMode.TOP_BOTTOM else aspect / 2
        if _near(eye, 2):
            return PictureDecision(sphere, stereo.mode, f"{stereo.place}, 2:1 eye", stereo.eyes_swapped)
        if _near(eye, 1):
            half = PictureProjection.EQUIRECTANGULAR_180
            return PictureDecision(half, stereo.mode, f"{stereo.place}, 1:1 eye", stereo.eyes_swapped, FRONT_HALF)
        return PictureDecision(PictureProjection.FLAT, stereo.mode, "not marked as spherical", stereo.eyes_swapped)
    if _near(aspect, 2):
        return PictureDecision(sphere, StereoMode.MONO, "2:1 picture")
    if stereo.mode is None and _near(aspect, 1):
        return PictureDecision(sphere, StereoMode.TOP_BOTTOM, "1:1 picture")
    if stereo.mode is None and _near(aspect, 4):
        return PictureDecision(sphere, StereoMode.LEFT_RIGHT, "4:1 picture")
    if has_declared_ambisonics and _near(aspect, 16 / 9):
        return PictureDecision(sphere, StereoMode.MONO, "16:9 picture with ambisonic sound")
    return PictureDecision(PictureProjection.FLAT, StereoMode.MONO, "not marked as spherical")


def picture_claims(tags: TrackTags, decision: PictureDecision) -> list[Claim]:
    """Everything the track's header says about its picture, with a note where it was not followed."""
    claims: list[Claim] = []
    if tags.projection is not None:
        tag = tags.projection
        text = tag.projection.value + (f" ({tag.detail})" if tag.detail else "")
        claims.append(Claim(tag.place, "projection", text))
        claims.append(Claim(tag.place, "bounds", _bounds_text(tag.bounds)))
        claims.append(Claim(tag.place, "pose_deg", _angles_text(tag.pose_deg)))
        if tag.tool:
            claims.append(Claim(tag.place, "tool", tag.tool))
        claims += [Claim(tag.place, "projection", "", note=problem) for problem in tag.problems]
    if tags.stereo is not None:
        note = "" if tags.stereo.mode is decision.stereo else "not followed"
        value = tags.stereo.mode.value if tags.stereo.mode else f"mode {tags.stereo.raw}"
        claims.append(
            Claim(tags.stereo.place, "stereo", value, "cannot be shown" if tags.stereo.mode is None else note)
        )
    if tags.v1 is not None:
        claims += _v1_claims(tags, decision)
    if tags.colour is not None:
        c = tags.colour
        text = f"primaries {c.primaries}, transfer {c.transfer}, matrix {c.matrix}, full range {c.full_range}"
        claims.append(Claim(c.place, "colour", text))
    claims += [Claim(tags.entry or "track", "structure", "", note=problem) for problem in tags.problems]
    return claims


def _v1_claims(tags: TrackTags, decision: PictureDecision) -> list[Claim]:
    v1 = tags.v1
    assert v1 is not None  # the caller asked
    note = "" if decision.source == "V1 uuid" else "V2 wins over V1"
    if not v1.counts:
        note = f"not used: Spherical {v1.spherical}, Stitched {v1.stitched}, both must be true"
        if v1.spherical and v1.stitched:
            note = "not used: only equirectangular is known in V1"
    claims = [Claim("V1 uuid", "projection", v1.projection, note)]
    if v1.stereo is not None:
        claims.append(Claim("V1 uuid", "stereo", v1.stereo.value, note))
    if v1.bounds is not None:
        claims.append(Claim("V1 uuid", "bounds", _bounds_text(v1.bounds), note))
    claims.append(Claim("V1 uuid", "initial_view_deg", _angles_text(v1.initial_view_deg)))
    if v1.software:
        claims.append(Claim("V1 uuid", "tool", v1.software))
    return claims + [Claim("V1 uuid", "xml", "", note=problem) for problem in v1.problems]


def _bounds_text(bounds: Bounds) -> str:
    return f"left {bounds.left:.6g}, top {bounds.top:.6g}, right {bounds.right:.6g}, bottom {bounds.bottom:.6g}"


def _angles_text(angles_deg: tuple[float, float, float]) -> str:
    return "yaw {:.6g}, pitch {:.6g}, roll {:.6g}".format(*angles_deg)
