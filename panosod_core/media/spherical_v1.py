"""Spherical Video V1: RDF/XML in a `uuid` box of the track (google/spatial-media, docs/spherical-video-rfc.md).

Its heading is positive to the right half of the frame (ours is left +); pitch and roll have panosod's signs.
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from panosod_core.geometry.picture import Bounds, StereoMode
from panosod_core.media.tags import V1Tag

UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
MAX_XML = 64 * 1024
"""Most bytes of XML looked at; real ones have about 700."""

_NAMESPACE = "{http://ns.google.com/videos/1.0/spherical/}"
_STEREO = {
    "mono": StereoMode.MONO,
    "left-right": StereoMode.LEFT_RIGHT,
    "top-bottom": StereoMode.TOP_BOTTOM,
}


def read_v1(xml: bytes) -> V1Tag:
    """The tag of the XML; what could not be read stands in ``problems`` (then it does not count)."""
    if len(xml) > MAX_XML:
        return _unreadable(f"{len(xml)} bytes of XML, at most {MAX_XML} are read")
    try:
        root = fromstring(xml.strip(b"\0 \r\n\t"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        # LookupError: an encoding that Python does not know.
        return _unreadable(f"broken or unsafe XML ({type(error).__name__})")
    values = _values(root)
    problems: list[str] = []
    stereo_text = values.get("StereoMode", "").lower()
    if stereo_text and stereo_text not in _STEREO:
        problems.append(f"StereoMode {stereo_text[:40]!r} is unknown")
    heading, pitch, roll = (
        _number(values, f"InitialView{axis}Degrees", problems) for axis in ("Heading", "Pitch", "Roll")
    )
    return V1Tag(
        spherical=values.get("Spherical", "").lower() == "true",
        stitched=values.get("Stitched", "").lower() == "true",
        projection=values.get("ProjectionType", "").lower()[:40],
        software=values.get("StitchingSoftware", "")[:80],
        stereo=_STEREO.get(stereo_text),
        bounds=_bounds(values, problems),
        initial_view_deg=(-(heading or 0.0) or 0.0, pitch or 0.0, roll or 0.0),
        problems=tuple(problems),
    )


def _unreadable(reason: str) -> V1Tag:
    return V1Tag(spherical=False, stitched=False, projection="", problems=(reason,))


def _values(root: Element) -> Mapping[str, str]:
    return {
        child.tag.removeprefix(_NAMESPACE): (child.text or "").strip()
        for child in root.iter()
        if isinstance(child.tag, str) and child.tag.startswith(_NAMESPACE)
    }


def _number(values: Mapping[str, str], name: str, problems: list[str]) -> float | None:
    text = values.get(name)
    if text is None or not text:
        return None
    try:
        number = float(text[:40])
    except ValueError:
        number = float("nan")
    if not abs(number) <= 1e6:
        problems.append(f"{name} {text[:40]!r} is no number")
        return None
    return number


def _bounds(values: Mapping[str, str], problems: list[str]) -> Bounds | None:
    """The crop as fractions of the full panorama; None where none (or an impossible one) is given."""
    full_w, full_h, crop_w, crop_h, left, top = (
        _number(values, name, problems)
        for name in (
            "FullPanoWidthPixels",
            "FullPanoHeightPixels",
            "CroppedAreaImageWidthPixels",
            "CroppedAreaImageHeightPixels",
            "CroppedAreaLeftPixels",
            "CroppedAreaTopPixels",
        )
    )
    if not full_w or not full_h:
        return None
    width, height = full_w if crop_w is None else crop_w, full_h if crop_h is None else crop_h
    left, top = left or 0.0, top or 0.0
    if not (
        width >= 1 and height >= 1 and left >= 0 and top >= 0 and left + width <= full_w and top + height <= full_h
    ):
        problems.append("the cropped area does not lie within the full panorama: ignored")
        return None
    return Bounds(
        left=left / full_w,
        top=top / full_h,
        right=max(0.0, (full_w - left - width) / full_w),
        bottom=max(0.0, (full_h - top - height) / full_h),
    )
