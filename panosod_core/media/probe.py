"""Probe: what a clip is, from its headers, without decoding a frame of it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from panosod_core.errors import MediaError
from panosod_core.geometry.picture import PictureProjection
from panosod_core.media.channel_layout import layout_of
from panosod_core.media.clip_file import MAX_PIXELS, OPEN_TIMEOUT_S, check_file, container_options
from panosod_core.media.container_tags import read_container_tags
from panosod_core.media.info import AudioInfo, Claim, ClipInfo, Matrix, Range, Transfer, VideoInfo
from panosod_core.media.opus_header import read_opus_head
from panosod_core.media.picture_rules import decide_picture, picture_claims
from panosod_core.media.sound_rules import SoundStream, decide_sound, declared_ambisonic, sound_claims
from panosod_core.media.spherical_v1 import read_v1
from panosod_core.media.tags import ColourTag, ContainerTags, TrackTags
from panosod_core.media.wav import is_b_format

MAX_CHANNELS = 64
RATES_HZ = (1000, 768_000)
"""Sample rates that sound is recorded at; resampling from anything else would take minutes or gigabytes."""

_MATRICES = {
    0: Matrix.RGB,
    1: Matrix.BT709,
    4: Matrix.BT601,
    5: Matrix.BT601,
    6: Matrix.BT601,
    9: Matrix.BT2020,
    10: Matrix.BT2020,
}
"""ITU-T H.273 matrix coefficients; what is not here is guessed as BT.709."""
_TRANSFERS = {16: Transfer.PQ, 18: Transfer.HLG}
_UNSPECIFIED = 2
_FULL_RANGE = {1: False, 2: True}
"""FFmpeg's AVColorRange; 0 is unspecified."""


def probe(path: Path | str) -> ClipInfo:
    """Read what the headers of a clip say, and resolve it.

    Raises:
        MediaError: the path is no readable media file, or holds neither picture nor sound that can be played.
    """
    path = Path(path)
    size = check_file(path)
    tags = read_container_tags(path, size)
    try:
        container = av.open(
            os.fspath(path.absolute()),
            options=container_options(path),
            timeout=(OPEN_TIMEOUT_S, OPEN_TIMEOUT_S),
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError, OSError) as error:
        raise MediaError(_refusal(path, error, tags)) from error
    with container:
        return _describe(path, container, tags)


def _refusal(path: Path, error: Exception, tags: ContainerTags) -> str:
    if isinstance(error, av.error.ExitError):
        return f"{path}: gave up after {OPEN_TIMEOUT_S:.0f} s of looking for picture or sound in it"
    hint = f"; {tags.problems[0]}" if tags.problems else ""
    reason = getattr(error, "strerror", None) or "not a known format"
    return f"{path}: not a media file that can be read ({reason}{hint})"


def _describe(path: Path, container: InputContainer, tags: ContainerTags) -> ClipInfo:
    claims = [Claim("container", "structure", "", note=problem) for problem in tags.problems]
    video_stream = _video_stream(container)
    video_tags = TrackTags("video")
    if video_stream is not None:
        video_tags = _with_v1_tag(_tags_for(video_stream, container.streams.video, tags, "video"), video_stream)
    candidates = [
        (stream, sound, _tags_for(stream, container.streams.audio, tags, "audio"))
        for stream, sound in _sound_streams(container, path)
    ]
    declared = any(declared_ambisonic(sound, t) is not None for _, sound, t in candidates)
    video = None
    if video_stream is not None:
        video, more = _video_info(video_stream, video_tags, path, declared=declared)
        claims += more
    flat = video is not None and video.projection is PictureProjection.FLAT
    audio = None
    if candidates:
        audio, more = _audio_info(candidates, flat=flat)
        claims += more
    if video is None and audio is None:
        raise MediaError(f"{path}: holds neither a picture nor sound that can be played ({_why_not(container, tags)})")
    duration_s = container.duration / av.time_base if container.duration and container.duration > 0 else None
    return ClipInfo(path, container.format.name, duration_s, video, audio, tuple(claims))


def _why_not(container: InputContainer, tags: ContainerTags) -> str:
    """Why none of the streams can be played, in words."""
    reasons = []
    for stream in container.streams.video:
        context = stream.codec_context
        if context is not None:
            reasons.append(f"picture of {context.width}x{context.height}, {context.name}")
    for sound in container.streams.audio:
        if sound.codec_context is not None:
            reasons.append(f"sound at {sound.codec_context.sample_rate} Hz, {sound.codec_context.name}")
    reasons += [f"codec {tag.entry!a}" for tag in tags.tracks if tag.entry and not reasons]
    return "; ".join(reasons[:4]) or "no streams in it"


def _video_stream(container: InputContainer) -> VideoStream | None:
    """The best picture stream that is no cover image and has a decoder and a size."""
    usable = [
        s
        for s in container.streams.video
        if s.codec_context is not None
        and not s.disposition & Disposition.attached_pic
        and s.codec_context.width > 0
        and 0 < s.codec_context.width * s.codec_context.height <= MAX_PIXELS
    ]
    best = container.streams.best("video")
    return next((s for s in usable if s is best), next(iter(usable), None))


def _tags_for(
    stream: VideoStream | AudioStream, siblings: Sequence[VideoStream | AudioStream], tags: ContainerTags, kind: str
) -> TrackTags:
    """The tags of a stream: by the track's number where the container has one, else by position among its kind."""
    tracks = tags.of_kind(kind)
    by_id = [t for t in tracks if t.track_id is not None and t.track_id == stream.id]
    if len(by_id) == 1:
        return by_id[0]
    position = list(siblings).index(stream)
    return tracks[position] if len(tracks) == len(siblings) else TrackTags(kind)


def _with_v1_tag(tags: TrackTags, stream: VideoStream) -> TrackTags:
    """V1 metadata of Matroska lies in a tag of the track, which FFmpeg passes on as text."""
    xml = next((v for k, v in stream.metadata.items() if k.lower() == "spherical-video"), None)
    return tags if xml is None or tags.v1 is not None else replace(tags, v1=read_v1(xml.encode("utf-8", "replace")))


def _video_info(stream: VideoStream, tags: TrackTags, path: Path, *, declared: bool) -> tuple[VideoInfo, list[Claim]]:
    context = stream.codec_context
    decision = decide_picture(
        tags, width=context.width, height=context.height, name=path.name, has_declared_ambisonics=declared
    )
    pix_fmt = context.pix_fmt or "unknown"
    colour = _with_container_colour(
        tags.colour,
        ColourTag(
            "codec", int(context.colorspace), int(context.color_trc), None, _FULL_RANGE.get(int(context.color_range))
        ),
    )
    time_base = stream.time_base or Fraction(1, av.time_base)
    rate = stream.average_rate or stream.guessed_rate
    info = VideoInfo(
        stream_index=stream.index,
        codec=context.name,
        width=context.width,
        height=context.height,
        fps=Fraction(rate) if rate else None,
        is_vfr=tags.is_vfr,
        pix_fmt=pix_fmt,
        range=_range(pix_fmt, colour.full_range),
        matrix=_matrix(pix_fmt, colour.matrix),
        transfer=_TRANSFERS.get(colour.transfer or 0, Transfer.SDR),
        projection=decision.projection,
        stereo=decision.stereo,
        source=decision.source,
        time_base=time_base,
        eyes_swapped=decision.eyes_swapped,
        bounds=decision.bounds,
        pose_deg=decision.pose_deg,
        initial_view_deg=decision.initial_view_deg,
        start_pts=stream.start_time,
        duration_s=float(stream.duration * time_base) if stream.duration and stream.duration > 0 else None,
        frame_count=stream.frames or None,
    )
    return info, picture_claims(tags, decision)


def _is_rgb(pix_fmt: str) -> bool:
    return pix_fmt.startswith(("gbr", "rgb", "bgr", "argb", "abgr", "rgba", "bgra", "0rgb", "0bgr", "pal8"))


def _with_container_colour(container: ColourTag | None, coded: ColourTag) -> ColourTag:
    """What the coded stream says, and where it is silent (2 is "unspecified") what the container says."""
    if container is None:
        return coded
    return replace(
        coded,
        matrix=container.matrix if coded.matrix == _UNSPECIFIED else coded.matrix,
        transfer=container.transfer if coded.transfer == _UNSPECIFIED else coded.transfer,
        full_range=container.full_range if coded.full_range is None else coded.full_range,
    )


def _range(pix_fmt: str, is_full: bool | None) -> Range:
    if pix_fmt.startswith("yuvj") or is_full:
        return Range.FULL
    return Range.FULL if _is_rgb(pix_fmt) and is_full is None else Range.LIMITED


def _matrix(pix_fmt: str, code: int | None) -> Matrix:
    if _is_rgb(pix_fmt):
        return Matrix.RGB
    matrix = _MATRICES.get(_UNSPECIFIED if code is None else code, Matrix.BT709)
    return Matrix.BT709 if matrix is Matrix.RGB else matrix


def _sound_streams(container: InputContainer, path: Path) -> list[tuple[AudioStream, SoundStream]]:
    """The sound streams that have a decoder, channels and a possible rate."""
    b_format = is_b_format(path)
    found = []
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is None or not RATES_HZ[0] <= context.sample_rate <= RATES_HZ[1]:
            continue
        opus = read_opus_head(context.extradata or b"") if context.name == "opus" else None
        channels, layout = layout_of(context)
        # FFmpeg cannot decode Opus mapping family 3 and then leaves the number of channels at 0.
        if channels == 0 and opus is not None:
            channels, layout = opus.channels, ""
        if 0 < channels <= MAX_CHANNELS:
            found.append((stream, SoundStream(context.name, channels, layout, opus, path.name, b_format)))
    return found


def _audio_info(
    candidates: list[tuple[AudioStream, SoundStream, TrackTags]], *, flat: bool
) -> tuple[AudioInfo, list[Claim]]:
    """The first declared ambisonic track, else the one with a channel count of such, else the first."""

    def preference(item: tuple[AudioStream, SoundStream, TrackTags]) -> int:
        if declared_ambisonic(item[1], item[2]) is not None:
            return 0
        return 1 if decide_sound(item[1], item[2]).format.is_ambisonic else 2

    stream, sound, tags = min(candidates, key=preference)
    sound = replace(sound, beside_flat_picture=flat)
    decision = decide_sound(sound, tags)
    context = stream.codec_context
    time_base = stream.time_base or Fraction(1, av.time_base)
    info = AudioInfo(
        stream_index=stream.index,
        codec=sound.codec,
        channels=sound.channels,
        sample_rate_hz=context.sample_rate,
        format=decision.format,
        order=decision.order,
        head_locked=decision.head_locked,
        channel_map=decision.channel_map,
        source=decision.source,
        layout=sound.layout,
        warnings=decision.warnings,
        start_s=float(stream.start_time * time_base) if stream.start_time is not None else None,
        duration_s=float(stream.duration * time_base) if stream.duration and stream.duration > 0 else None,
    )
    return info, sound_claims(sound, tags)
