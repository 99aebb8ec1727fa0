"""What the channels of a clip's sound are: the decision between header claims, layout and channel count.

In this order, the first that speaks wins: SA3D; the WAVE B-format mark; FFmpeg's "ambisonic N" layout and the Opus
mapping family; an ordinary surround layout where it can only be that (Dolby and DTS codecs, or 5.1 beside a flat
picture); the channel count (4, 9, 16, and 6, 11, 18 with two head-locked channels), where words of the file name give
the convention ("n3d", "fuma") or make an odd count ambisonic ("foa", "hoa3", "ambix", ...: a cut set); stereo; mono.
Anything else is played as its first two channels, and says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from panosod_core.ambisonics.format import MAX_ORDER, channel_count
from panosod_core.media.info import Claim, SoundFormat
from panosod_core.media.opus_header import ambisonic_shape
from panosod_core.media.sa3d import channel_of_component
from panosod_core.media.tags import OpusTag, Sa3dTag, TrackTags

_SURROUND_CODECS = frozenset({"ac3", "eac3", "dts", "truehd", "mlp", "ac4"})
_VORBIS_STORED: Mapping[int, tuple[int, ...]] = {8: (0, 2, 1, 6, 7, 4, 5, 3)}
"""For each channel as stored, the channel of FFmpeg's decoder: it sorts Vorbis 7.1 into its own speaker order.

Ambisonic sound of eight channels (a cut third order set) is stored as it is and must be put back.
"""
_NAME_CONVENTIONS = {"n3d": SoundFormat.N3D, "fuma": SoundFormat.FUMA}
_AMBISONIC_WORD = re.compile(r"(foa|soa|toa|hoa)\d?|ambix|ambisonics?|bformat|n3d|fuma")
_AMBISONIC_LAYOUT = re.compile(r"ambisonic (\d{1,2})(\+.*)?$")


@dataclass(frozen=True)
class SoundStream:
    """What FFmpeg says about a sound stream.

    Attributes:
        codec: FFmpeg's name.
        channels: of the decoded sound, at least 1.
        layout: FFmpeg's name of the layout.
        opus: the header in its extradata.
        name: of the file, without its folder.
        is_b_format: the file's header says classic B-format (FuMa): a .amb file.
        beside_flat_picture: the clip has a picture and nothing says that it is spherical.
    """

    codec: str
    channels: int
    layout: str
    opus: OpusTag | None = None
    name: str = ""
    is_b_format: bool = False
    beside_flat_picture: bool = False


@dataclass(frozen=True)
class SoundDecision:
    """What the channels are taken for, and why; the fields of ``AudioInfo``."""

    format: SoundFormat
    order: int | None
    head_locked: bool
    channel_map: tuple[int, ...]
    source: str
    warnings: tuple[str, ...] = ()


def declared_ambisonic(stream: SoundStream, tags: TrackTags | None) -> SoundDecision | None:
    """The decision where the header itself says ambisonic; None where it does not."""
    if tags is not None and tags.sa3d is not None and not sa3d_objection(tags.sa3d, stream.channels):
        return _by_sa3d(tags.sa3d, stream)
    if stream.is_b_format and stream.channels in (4, 9, 16):
        return ambisonic_decision(stream, SoundFormat.FUMA, source="WAVE B-format", head_locked=False)
    match = _AMBISONIC_LAYOUT.match(stream.layout)
    shape = ambisonic_shape(stream.channels)
    if match and shape is not None and shape[0] == int(match.group(1)):
        source = "Opus header" if stream.codec == "opus" else f"layout {stream.layout}"
        return ambisonic_decision(stream, SoundFormat.AMBIX, source=source, head_locked=shape[1])
    opus = stream.opus or (tags.opus if tags is not None else None)
    if opus is not None and opus.family in (2, 3) and opus.channels == stream.channels and shape is not None:
        decision = ambisonic_decision(stream, SoundFormat.AMBIX, source="Opus header", head_locked=shape[1])
        if opus.family == 3:
            warning = "Opus mapping family 3 (matrixed ambisonics) cannot be decoded: re-encode it as family 2"
            decision = replace(decision, warnings=(*decision.warnings, warning))
        return decision
    return None


def decide_sound(stream: SoundStream, tags: TrackTags | None) -> SoundDecision:
    """Resolve all claims about a sound stream."""
    declared = declared_ambisonic(stream, tags)
    if declared is not None:
        return declared
    if stream.channels == 1:
        return SoundDecision(SoundFormat.MONO, None, False, (0,), "1 channel")
    if stream.channels == 2:
        return SoundDecision(SoundFormat.STEREO, None, False, (0, 1), "2 channels")
    words = _words(stream.name)
    named = min((word for word in words if _AMBISONIC_WORD.fullmatch(word)), default="")
    convention = next((f for word, f in _NAME_CONVENTIONS.items() if word in words), SoundFormat.AMBIX)
    source = f"{stream.channels} channels" + (f", file name ({named})" if named else "")
    shape = ambisonic_shape(stream.channels)
    surround = stream.codec in _SURROUND_CODECS or (stream.channels == 6 and stream.beside_flat_picture)
    if shape is not None and shape[0] >= 1 and (named or not surround):
        return ambisonic_decision(stream, convention, source=source, head_locked=shape[1])
    if named and stream.channels >= 4:
        return ambisonic_decision(stream, convention, source=source, head_locked=False)
    return _front_pair(stream)


def ambisonic_decision(
    stream: SoundStream, convention: SoundFormat, *, source: str, head_locked: bool
) -> SoundDecision:
    """The channels in their natural order taken as a full set of the highest order that fits, up to 3.

    Args:
        stream: at least 4 channels, or 6 with head-locked ones.
        convention: AMBIX, N3D or FUMA.
        source: in words.
        head_locked: the last two channels are L, R.

    Raises:
        ValueError: fewer channels than first order needs.
    """
    spare = 2 if head_locked else 0
    order = next((o for o in (3, 2, 1) if channel_count(o) + spare <= stream.channels), None)
    if order is None:
        raise ValueError(f"{stream.channels} channels are too few for first order")
    stored = stored_order(stream.codec, stream.channels)
    kept = list(stored[: channel_count(order)])
    if head_locked:
        kept += stored[-2:]
    warnings = _doubts(stream, head_locked)
    left_out = stream.channels - len(kept)
    if left_out:
        warnings += (f"{left_out} of {stream.channels} channels are not used: order {order} needs {len(kept)}",)
    return SoundDecision(convention, order, head_locked, tuple(kept), source, warnings)


def stored_order(codec: str, channels: int) -> tuple[int, ...]:
    """For each channel as stored in the file, the index of the decoded channel that carries it."""
    natural = tuple(range(channels))
    return _VORBIS_STORED.get(channels, natural) if codec == "vorbis" else natural


def _by_sa3d(tag: Sa3dTag, stream: SoundStream) -> SoundDecision:
    where = channel_of_component(tag)
    order = min(tag.order, MAX_ORDER)
    if order == 0:
        if tag.head_locked:
            warning = ("order 0 with head-locked stereo: only the stereo is played",)
            return SoundDecision(SoundFormat.STEREO, None, False, where[1:], "SA3D", warning)
        return SoundDecision(SoundFormat.MONO, None, False, where, "SA3D")
    warnings = _doubts(stream, tag.head_locked)
    if tag.order > MAX_ORDER:
        warnings += (f"order {tag.order} is played at order {MAX_ORDER}",)
    return SoundDecision(SoundFormat.AMBIX, order, tag.head_locked, where, "SA3D", warnings)


def _doubts(stream: SoundStream, head_locked: bool) -> tuple[str, ...]:
    if head_locked and stream.codec == "aac" and stream.layout.startswith("5.1"):
        return ("4+2 in AAC 5.1: its X channel is coded as the low-frequency one and may be low-passed",)
    if head_locked and stream.layout.startswith("5.1"):
        return ("the layout says 5.1: if this is surround sound, choose stereo",)
    return ()


def _front_pair(stream: SoundStream) -> SoundDecision:
    label = stream.layout or f"{stream.channels} channels"
    hint = ""
    if stream.channels in (8, 10):
        hint = "; Facebook's TBE form (8+2) is not known to panosod"
    warning = f"{label} is neither ambisonic, stereo nor mono: only its first two channels are played{hint}"
    return SoundDecision(SoundFormat.STEREO, None, False, (0, 1), f"fallback, {label}", (warning,))


def sa3d_objection(tag: Sa3dTag, channels: int) -> str:
    """Why the tag is not followed for a track that decodes to so many channels, "" where it is."""
    if tag.problem:
        return tag.problem
    return "" if tag.channels == channels else f"it speaks of {tag.channels} channels, the track has {channels}"


def sound_claims(stream: SoundStream, tags: TrackTags | None) -> list[Claim]:
    """Everything the header says about the sound, with a note where it was not followed."""
    claims = [Claim("codec", "layout", stream.layout or f"{stream.channels} channels")]
    if tags is not None and tags.sa3d is not None:
        tag, note = tags.sa3d, sa3d_objection(tags.sa3d, stream.channels)
        form = f"order {tag.order}, ordering {tag.ordering}, normalisation {tag.normalization}"
        claims.append(Claim("SA3D", "format", form + (", head-locked stereo" if tag.head_locked else ""), note))
        components = ",".join(map(str, tag.component_of_channel))
        claims.append(Claim("SA3D", "channel_map", f"components of the channels: {components}", note))
    opus = stream.opus or (tags.opus if tags is not None else None)
    if opus is not None:
        claims.append(Claim(opus.place, "format", f"mapping family {opus.family}, {opus.channels} channels"))
    if stream.is_b_format:
        claims.append(Claim("WAVE B-format", "format", "fuma"))
    if tags is not None:
        claims += [Claim(tags.entry or "track", "structure", "", note=problem) for problem in tags.problems]
    return claims


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.lower()))
