"""What the tracks of a Matroska or WebM file say about picture and sound: RFC 9559, and V2's Matroska section."""

from collections.abc import Mapping
from dataclasses import replace

from panosod_core.geometry.picture import PictureProjection, StereoMode
from panosod_core.media.ebml import EbmlReader, Element
from panosod_core.media.opus_header import read_opus_head
from panosod_core.media.spherical_v2 import checked_pose, projection_tag
from panosod_core.media.tags import ColourTag, ContainerTags, ProjectionTag, StereoTag, TrackTags

EBML_HEADER = 0x1A45DFA3
_SEGMENT, _SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_TRACKS, _TRACK, _CLUSTER = 0x1654AE6B, 0xAE, 0x1F43B675
_NUMBER, _TYPE, _CODEC, _CODEC_PRIVATE, _VIDEO = 0xD7, 0x83, 0x86, 0x63A2, 0xE0
_STEREO_MODE, _COLOUR, _PROJECTION = 0x53B8, 0x55B0, 0x7670
_MATRIX, _TRANSFER, _PRIMARIES, _RANGE = 0x55B1, 0x55BA, 0x55BB, 0x55B9
_POSE = {0x7673: 0, 0x7674: 1, 0x7675: 2}
_PROJECTION_TYPE, _PROJECTION_PRIVATE = 0x7671, 0x7672

_PROJECTIONS: Mapping[int, PictureProjection] = {
    0: PictureProjection.FLAT,
    1: PictureProjection.EQUIRECTANGULAR,
    2: PictureProjection.CUBEMAP,
    3: PictureProjection.MESH,
}
_STEREO: Mapping[int, tuple[StereoMode, bool]] = {
    0: (StereoMode.MONO, False),
    1: (StereoMode.LEFT_RIGHT, False),
    2: (StereoMode.TOP_BOTTOM, True),
    3: (StereoMode.TOP_BOTTOM, False),
    11: (StereoMode.LEFT_RIGHT, True),
}
_MAX_TRACKS = 64
PLACE = "Matroska Projection"


def read_matroska(reader: EbmlReader) -> ContainerTags:
    """The tags of every track, in file order."""
    tracks: list[TrackTags] = []
    segment = next((e for e in reader.elements(0, reader.size) if e.id == _SEGMENT), None)
    if segment is not None:
        found = _find_tracks(reader, segment)
        for entry in reader.children(found) if found is not None else ():
            if entry.id == _TRACK and len(tracks) < _MAX_TRACKS:
                tracks.append(_read_track(reader, entry))
    return ContainerTags(tuple(tracks), tuple(reader.problems))


def _find_tracks(reader: EbmlReader, segment: Element) -> Element | None:
    """The Tracks element: before the first cluster, or where the seek head says."""
    hint: int | None = None
    for element in reader.children(segment):
        if element.id == _TRACKS:
            return element
        if element.id == _SEEK_HEAD and hint is None:
            hint = _tracks_position(reader, element)
        if element.id == _CLUSTER:
            break
    if hint is None or not 0 <= hint < segment.end - segment.body:
        return None
    first = next(reader.elements(segment.body + hint, segment.end), None)
    return first if first is not None and first.id == _TRACKS else None


def _tracks_position(reader: EbmlReader, seek_head: Element) -> int | None:
    for seek in reader.children(seek_head):
        if seek.id != _SEEK:
            continue
        target, position = b"", None
        for child in reader.children(seek):
            if child.id == _SEEK_ID:
                target = reader.payload(child, 4)
            elif child.id == _SEEK_POSITION:
                position = reader.unsigned(child)
        if target == _TRACKS.to_bytes(4, "big"):
            return position
    return None


def _read_track(reader: EbmlReader, entry: Element) -> TrackTags:
    tags = TrackTags("other")
    for child in reader.children(entry):
        if child.id == _NUMBER:
            tags = replace(tags, track_id=reader.unsigned(child))
        elif child.id == _TYPE:
            tags = replace(tags, kind={1: "video", 2: "audio"}.get(reader.unsigned(child) or 0, "other"))
        elif child.id == _CODEC:
            tags = replace(tags, entry=reader.payload(child, 64).split(b"\0")[0].decode("ascii", "replace"))
        elif child.id == _CODEC_PRIVATE:
            tags = replace(tags, opus=read_opus_head(reader.payload(child, 512)))
        elif child.id == _VIDEO:
            tags = _read_video(reader, child, tags)
    return tags


def _read_video(reader: EbmlReader, video: Element, tags: TrackTags) -> TrackTags:
    for child in reader.children(video):
        if child.id == _STEREO_MODE:
            number = reader.unsigned(child)
            mode, swapped = _STEREO.get(-1 if number is None else number, (None, False))
            tags = replace(tags, stereo=StereoTag("Matroska StereoMode", mode, swapped, raw=str(number)))
        elif child.id == _PROJECTION:
            tags = replace(tags, projection=_read_projection(reader, child))
        elif child.id == _COLOUR:
            tags = replace(tags, colour=_read_colour(reader, child))
    return tags


def _read_projection(reader: EbmlReader, projection: Element) -> ProjectionTag | None:
    kind: int | None = 0
    private, length = b"", 0
    angles: list[float] = [0.0, 0.0, 0.0]
    problems: tuple[str, ...] = ()
    for child in reader.children(projection):
        if child.id == _PROJECTION_TYPE:
            kind = reader.unsigned(child)
        elif child.id == _PROJECTION_PRIVATE:
            private, length = reader.payload(child, 32), child.end - child.body
        elif child.id in _POSE:
            angle = reader.real(child)
            if angle is None:
                problems += (f"element {child.id:X} is no float: ignored",)
            else:
                angles[_POSE[child.id]] = angle
    found = _PROJECTIONS.get(-1 if kind is None else kind)
    if found is None:
        return None
    pose_deg, more = checked_pose((angles[0], angles[1], angles[2]))
    return projection_tag(PLACE, found, private, pose_deg=pose_deg, problems=problems + more, length=length)


def _read_colour(reader: EbmlReader, colour: Element) -> ColourTag:
    tag = ColourTag("Matroska Colour")
    for child in reader.children(colour):
        if child.id == _MATRIX:
            tag = replace(tag, matrix=reader.unsigned(child))
        elif child.id == _TRANSFER:
            tag = replace(tag, transfer=reader.unsigned(child))
        elif child.id == _PRIMARIES:
            tag = replace(tag, primaries=reader.unsigned(child))
        elif child.id == _RANGE:
            tag = replace(tag, full_range={1: False, 2: True}.get(reader.unsigned(child) or 0))
    return tag
