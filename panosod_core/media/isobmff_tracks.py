"""What the tracks of an MP4 or MOV say about picture and sound: sample entries and the spatial boxes in them."""

import struct
from dataclasses import replace
from itertools import islice

from panosod_core.errors import MediaError
from panosod_core.media.isobmff import Box, BoxReader
from panosod_core.media.opus_header import read_dops
from panosod_core.media.sa3d import read_sa3d
from panosod_core.media.spherical_v1 import MAX_XML, UUID, read_v1
from panosod_core.media.spherical_v2 import read_st3d, read_sv3d
from panosod_core.media.tags import ColourTag, ContainerTags, TrackTags

_KINDS = {"vide": "video", "soun": "audio"}
_VISUAL_ENTRY = 78
_AUDIO_ENTRIES = {0: 28, 1: 44, 2: 64}
"""Bytes of an audio sample entry before its boxes, by QuickTime version (QTFF, sound sample descriptions)."""

MAX_SAMPLES = 20_000_000
"""Most samples of one track: FFmpeg keeps about 24 bytes of index for each, so a larger claim would cost gigabytes."""

MAX_RUN = 1_000_000
"""Most samples of one fragment: ten hours of sound in a single one."""

MAX_TRACKS = 64
_MAX_STTS = 4096
_VFR_TOLERANCE = 0.02


def read_isobmff(reader: BoxReader) -> ContainerTags:
    """The tags of every track, in file order.

    Raises:
        MediaError: the header claims more samples than any real clip has (a hostile or broken file).
    """
    tracks: list[TrackTags] = []
    moov: Box | None = None
    for box in reader.boxes(0, reader.size):
        if box.kind == "moov" and moov is None:
            moov = box
        elif box.kind == "moof":
            _check_fragment(reader, box)
    if moov is not None:
        for trak in islice((b for b in reader.children(moov) if b.kind == "trak"), MAX_TRACKS):
            tracks.append(_read_trak(reader, trak))
    return ContainerTags(tuple(tracks), tuple(reader.problems))


def _read_trak(reader: BoxReader, trak: Box) -> TrackTags:
    kind, track_id = "other", None
    mdia = reader.first(trak, "mdia")
    header = reader.first(trak, "tkhd")
    if header is not None:
        body = reader.payload(header, 24)
        offset = 20 if body[:1] == b"\1" else 12
        if len(body) >= offset + 4:
            track_id = int.from_bytes(body[offset : offset + 4], "big")
    stbl = None
    if mdia is not None:
        handler = reader.first(mdia, "hdlr")
        if handler is not None:
            kind = _KINDS.get(reader.payload(handler, 12)[8:12].decode("latin-1"), "other")
        stbl = reader.first(mdia, "minf", "stbl")
    tags = TrackTags(kind, track_id)
    for box in reader.children(trak):
        if box.kind == "uuid" and tags.v1 is None and reader.read(box.body, 16) == UUID:
            tags = replace(tags, v1=read_v1(reader.read(box.body + 16, min(MAX_XML + 1, box.end - box.body - 16))))
    if stbl is not None:
        tags = _read_stbl(reader, stbl, tags)
    return tags


def _read_stbl(reader: BoxReader, stbl: Box, tags: TrackTags) -> TrackTags:
    for box in reader.children(stbl):
        if box.kind == "stsd":
            entry = next(reader.children(box, skip=8), None)
            if entry is not None:
                tags = _read_entry(reader, entry, tags)
        elif box.kind == "stts" and tags.kind == "video":
            tags = replace(tags, is_vfr=_is_vfr(reader.payload(box, 8 + 8 * _MAX_STTS)))
        elif box.kind in ("stsz", "stz2"):
            _check_sample_count(reader, stbl, box, tags)
    return tags


def _read_entry(reader: BoxReader, entry: Box, tags: TrackTags) -> TrackTags:
    tags = replace(tags, entry=entry.kind)
    if tags.kind == "other":
        return tags
    for box in reader.boxes(entry_boxes_start(reader, entry, tags.kind), entry.end):
        tags = _read_entry_box(reader, box, tags)
        if box.kind == "wave":
            # QuickTime keeps the decoder's boxes in here, and some tools put SA3D beside them.
            for inner in reader.children(box):
                tags = _read_entry_box(reader, inner, tags)
    return tags


def _read_entry_box(reader: BoxReader, box: Box, tags: TrackTags) -> TrackTags:
    if box.kind == "st3d":
        return replace(tags, stereo=tags.stereo or read_st3d(reader, box))
    if box.kind == "sv3d":
        projection = tags.projection or read_sv3d(reader, box)
        problems = tags.problems if projection else (*tags.problems, "sv3d names no projection")
        return replace(tags, projection=projection, problems=problems)
    if box.kind == "SA3D":
        return replace(tags, sa3d=tags.sa3d or read_sa3d(reader.payload(box, 12 + 4 * 256)))
    if box.kind == "dOps":
        return replace(tags, opus=read_dops(reader.payload(box, 16)))
    if box.kind == "colr":
        return replace(tags, colour=_read_colr(reader.payload(box, 11)) or tags.colour)
    return tags


def entry_boxes_start(reader: BoxReader, entry: Box, kind: str) -> int:
    """The offset at which the boxes of a sample entry begin, after its fixed fields.

    For sound, the version tells it in QuickTime files; ISO files may say 1 with the length of version 0, so where the
    boxes do not fit, the other lengths are tried.

    Args:
        reader: over the file or the bytes that hold the entry.
        entry: the sample entry.
        kind: "video" or "audio".
    """
    if kind == "video":
        return entry.body + _VISUAL_ENTRY
    head = reader.payload(entry, 10)
    version = int.from_bytes(head[8:10], "big")
    first = _AUDIO_ENTRIES.get(version, 28)
    for length in (first, *_AUDIO_ENTRIES.values()):
        if reader.tiles(entry.body + length, entry.end):
            return entry.body + length
    return entry.body + first


def _read_colr(body: bytes) -> ColourTag | None:
    kind = body[:4]
    if kind not in (b"nclx", b"nclc") or len(body) < 10:
        return None
    primaries, transfer, matrix = struct.unpack(">3H", body[4:10])
    full = bool(body[10] & 0x80) if kind == b"nclx" and len(body) > 10 else None
    return ColourTag(f"colr {kind.decode()}", matrix, transfer, primaries, full)


def _is_vfr(stts: bytes) -> bool | None:
    """Whether the sample durations vary; the last sample's is free. None in fragmented files, which have none here."""
    count = min(int.from_bytes(stts[4:8], "big"), (len(stts) - 8) // 8) if len(stts) >= 8 else 0
    if count == 0:
        return None
    entries = list(struct.iter_unpack(">II", stts[8 : 8 + 8 * count]))
    if entries[-1][0] <= 1 and len(entries) > 1:
        entries.pop()
    durations = [int(duration) for samples, duration in entries if samples]
    if not durations:
        return None
    shortest, longest = min(durations), max(durations)
    # One tick either way is rounding to the time scale.
    return longest - shortest > max(1, _VFR_TOLERANCE * longest)


def _check_sample_count(reader: BoxReader, stbl: Box, box: Box, tags: TrackTags) -> None:
    head = reader.payload(box, 12)
    count = int.from_bytes(head[8:12], "big")
    if count <= MAX_SAMPLES:
        return
    stts = reader.first(stbl, "stts")
    body = reader.payload(stts, 16) if stts is not None else b""
    one_tick_each = body[4:8] == b"\0\0\0\1" and body[12:16] == b"\0\0\0\1"
    if tags.kind == "audio" and one_tick_each and count * max(int.from_bytes(head[4:8], "big"), 1) <= reader.size:
        return  # PCM: one "sample" an instant, indexed by chunk
    raise MediaError(
        f"the header claims {count} samples in one track, at most {MAX_SAMPLES} are possible: the file is broken"
    )


def _check_fragment(reader: BoxReader, moof: Box) -> None:
    """Refuses runs whose sample count has nothing behind it: a run without per-sample fields takes no bytes."""
    total = 0
    for traf in reader.children(moof):
        for run in reader.children(traf) if traf.kind == "traf" else ():
            if run.kind == "trun":
                total += int.from_bytes(reader.payload(run, 8)[4:8], "big")
    if total > MAX_RUN:
        raise MediaError(f"a fragment claims {total} samples, at most {MAX_RUN} are possible: the file is broken")
