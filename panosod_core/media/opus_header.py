"""The Opus identification header, for its channel mapping family: RFC 7845 section 5.1, RFC 8486, and `dOps` in MP4."""

from math import isqrt

from panosod_core.ambisonics.format import channel_count
from panosod_core.media.tags import OpusTag


def read_opus_head(data: bytes) -> OpusTag | None:
    """The header that starts with the bytes ``OpusHead`` (Ogg, Matroska's CodecPrivate, FFmpeg's extradata)."""
    if len(data) < 19 or data[:8] != b"OpusHead":
        return None
    return OpusTag(family=data[18], channels=data[9])


def read_dops(body: bytes) -> OpusTag | None:
    """The body of a `dOps` box: the same fields, big-endian and without the signature."""
    if len(body) < 11 or body[0] != 0:
        return None
    return OpusTag(family=body[10], channels=body[1], place="dOps")


def ambisonic_shape(channels: int) -> tuple[int, bool] | None:
    """Order and head-lockedness of a channel count (n+1)^2 + 2j of RFC 8486; None where no such count."""
    order = isqrt(channels) - 1
    if order < 0:
        return None
    rest = channels - channel_count(order)
    return (order, rest == 2) if rest in (0, 2) else None
