"""The SA3D box (spatial audio in MP4 and MOV), read and written: google/spatial-media, docs/spatial-audio-rfc.md.

FFmpeg drops this box where it is unusual (head-locked stereo, another channel order), and its AAC decoder overrides
it; hence this reader.

The document leaves the direction of ``channel_map`` open. FFmpeg and the head-locked example ("L, R first is
4,5,0,1,2,3") store, for each channel of the track, the component that it carries; the document's own W, X, Y, Z
example (0,2,3,1) is the inverse of that. panosod reads the former, except for exactly the map of that example, which
means W, X, Y, Z to everyone who wrote it from the document: read the other way it would be W, Z, X, Y, an order
that nothing uses.
"""

import struct

from panosod_core.ambisonics.format import MAX_ORDER, channel_count
from panosod_core.media.spherical_v2 import box_bytes
from panosod_core.media.tags import Sa3dTag

MAX_CHANNELS = 128
_RFC_WXYZ = (0, 2, 3, 1)
_WXYZ = (0, 3, 1, 2)


def read_sa3d(body: bytes) -> Sa3dTag:
    """The tag of an SA3D box's body; what makes it unusable stands in ``problem``."""
    if len(body) < 12:
        return Sa3dTag(0, False, 0, 0, 0, 0, 0, (), f"SA3D has {len(body)} bytes, at least 12 are needed")
    version, kind, order, ordering, normalization, channels = struct.unpack(">BBIBBI", body[:12])
    stored = min(channels, MAX_CHANNELS, (len(body) - 12) // 4)
    components = struct.unpack(f">{stored}I", body[12 : 12 + 4 * stored])
    if components[:4] == _RFC_WXYZ:
        components = _WXYZ + components[4:]
    head_locked = bool(kind & 0x80)
    tag = Sa3dTag(version, head_locked, kind & 0x7F, order, ordering, normalization, channels, components)
    return Sa3dTag(
        version, head_locked, kind & 0x7F, order, ordering, normalization, channels, components, _problem(tag)
    )


def _problem(tag: Sa3dTag) -> str:
    if tag.version != 0:
        return f"SA3D version {tag.version} is unknown"
    if tag.ambisonic_type != 0:
        return f"ambisonic type {tag.ambisonic_type} is unknown (0 is periphonic)"
    if tag.ordering != 0 or tag.normalization != 0:
        return f"ordering {tag.ordering}, normalisation {tag.normalization} are unknown (0, 0 is ACN/SN3D)"
    if tag.channels > MAX_CHANNELS or len(tag.component_of_channel) != tag.channels:
        return f"channel map has {len(tag.component_of_channel)} entries for {tag.channels} channels"
    if tag.order >= MAX_CHANNELS:
        return f"order {tag.order} is impossible"
    needed = channel_count(tag.order) + (2 if tag.head_locked else 0)
    if tag.channels != needed:
        form = f"order {tag.order}" + (" with head-locked stereo" if tag.head_locked else "")
        return f"{form} needs {needed} channels, it says {tag.channels}"
    if sorted(tag.component_of_channel) != list(range(tag.channels)):
        return f"channel map {','.join(map(str, tag.component_of_channel))} is no permutation"
    return ""


def channel_of_component(tag: Sa3dTag) -> tuple[int, ...]:
    """For each component (ACN 0.. up to order 3, then L, R) the channel of the track that carries it.

    Raises:
        ValueError: the tag has a ``problem``.
    """
    if tag.problem:
        raise ValueError(tag.problem)
    kept = list(range(channel_count(min(tag.order, MAX_ORDER))))
    if tag.head_locked:
        kept += [tag.channels - 2, tag.channels - 1]
    return tuple(tag.component_of_channel.index(component) for component in kept)


def sa3d_bytes(*, order: int, head_locked: bool = False, channel_map: tuple[int, ...] | None = None) -> bytes:
    """The SA3D box of a track.

    Args:
        order: ambisonic order.
        head_locked: two further channels L, R stay with the head.
        channel_map: for each component (ACN 0.., then L, R) the channel that carries it, as in ``AudioInfo``;
            None where the channels lie in that order.

    Raises:
        ValueError: the map is no permutation, or is the one (W, Z, X, Y) that cannot be written without being taken
            for the published W, X, Y, Z example.
    """
    channels = channel_count(order) + (2 if head_locked else 0)
    where = tuple(range(channels)) if channel_map is None else channel_map
    if sorted(where) != list(range(channels)):
        raise ValueError(f"channel_map must be a permutation of 0..{channels - 1}, got {where}")
    components = tuple(where.index(channel) for channel in range(channels))
    if components[:4] == _RFC_WXYZ:
        raise ValueError("the channel order W, Z, X, Y cannot be told apart from W, X, Y, Z in SA3D")
    if components[:4] == _WXYZ:
        components = _RFC_WXYZ + components[4:]
    body = struct.pack(">BBIBBI", 0, 0x80 if head_locked else 0, order, 0, 0, channels)
    return box_bytes("SA3D", body + struct.pack(f">{channels}I", *components))
