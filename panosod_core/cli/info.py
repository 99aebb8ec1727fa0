"""``panosod info FILE``: what a clip is, and which part of the file says so."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from panosod_core.cli.text import one_line
from panosod_core.media.info import AudioInfo, ClipInfo, VideoInfo
from panosod_core.media.probe import probe


@dataclass(frozen=True)
class InfoArguments:
    """Print what a clip is: its picture, its sound, and which part of the file says so."""

    file: Annotated[Path, tyro.conf.Positional]
    """The video or sound file."""
    json: bool = False
    """Print one JSON object instead of a table."""


def run(args: InfoArguments) -> int:
    """Print the clip's description.

    Raises:
        MediaError: no clip.
    """
    info = probe(args.file)
    print(json.dumps(clip_json(info)) if args.json else clip_table(info))
    return 0


def clip_json(info: ClipInfo) -> dict[str, Any]:
    """The clip as plain values for JSON: ``video`` and ``audio`` are None where there is none."""
    return {
        "path": str(info.path),
        "container": info.container,
        "duration_s": info.duration_s,
        "video": None if info.video is None else _video_json(info.video),
        "audio": None if info.audio is None else _audio_json(info.audio),
        "claims": [{"source": c.source, "key": c.key, "value": c.value, "note": c.note} for c in info.claims],
    }


def _video_json(video: VideoInfo) -> dict[str, Any]:
    bounds = video.bounds
    return {
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "fps": None if video.fps is None else float(video.fps),
        "pix_fmt": video.pix_fmt,
        "range": video.range.value,
        "matrix": video.matrix.value,
        "transfer": video.transfer.value,
        "projection": video.projection.value,
        "stereo": video.stereo.value,
        "eyes_swapped": video.eyes_swapped,
        "bounds": {"left": bounds.left, "top": bounds.top, "right": bounds.right, "bottom": bounds.bottom},
        "pose_deg": list(video.pose_deg),
        "initial_view_deg": list(video.initial_view_deg),
        "source": video.source,
        "is_vfr": video.is_vfr,
        "duration_s": video.duration_s,
        "frame_count": video.frame_count,
    }


def _audio_json(audio: AudioInfo) -> dict[str, Any]:
    return {
        "codec": audio.codec,
        "channels": audio.channels,
        "sample_rate_hz": audio.sample_rate_hz,
        "format": audio.format.value,
        "order": audio.order,
        "head_locked": audio.head_locked,
        "channel_map": list(audio.channel_map),
        "source": audio.source,
        "layout": audio.layout,
        "warnings": list(audio.warnings),
        "duration_s": audio.duration_s,
    }


def clip_table(info: ClipInfo) -> str:
    """The clip as lines for a person."""
    duration = "unknown length" if info.duration_s is None else f"{info.duration_s:.3f} s"
    lines = [f"{info.path}  ({info.container}, {duration})"]
    lines += ["picture: none"] if info.video is None else _video_lines(info.video)
    lines += ["sound:   none"] if info.audio is None else _audio_lines(info.audio)
    if info.claims:
        lines.append("the file says:")
        lines += [f"  {c.source:<20} {c.key:<16} {c.value}" + (f"  [{c.note}]" if c.note else "") for c in info.claims]
    return "\n".join(one_line(line) for line in lines)


def _video_lines(video: VideoInfo) -> list[str]:
    rate = "unknown rate" if video.fps is None else f"{float(video.fps):.5g} fps"
    rate += " (variable)" if video.is_vfr else ""
    b = video.bounds
    lines = [
        f"picture: {video.codec} {video.width}x{video.height}, {rate}",
        f"  colour      {video.pix_fmt}, {video.range.value} range, {video.matrix.value}, {video.transfer.value}",
        f"  projection  {video.projection.value}, from: {video.source}",
        f"  stereo      {video.stereo.value}" + (", right eye first" if video.eyes_swapped else ""),
    ]
    if not b.is_full:
        lines.append(f"  cropped     left {b.left:.4g}, top {b.top:.4g}, right {b.right:.4g}, bottom {b.bottom:.4g}")
    for label, angles in (("pose", video.pose_deg), ("first view", video.initial_view_deg)):
        if any(angles):
            lines.append(f"  {label:<11} yaw {angles[0]:.4g}, pitch {angles[1]:.4g}, roll {angles[2]:.4g} degrees")
    return lines


def _audio_lines(audio: AudioInfo) -> list[str]:
    form = audio.format.value + ("" if audio.order is None else f", order {audio.order}")
    if audio.head_locked:
        form += ", and head-locked stereo"
    channels = "1 channel" if audio.channels == 1 else f"{audio.channels} channels"
    used = ", ".join(map(str, audio.channel_map))
    lines = [
        f"sound:   {audio.codec}, {channels}, {audio.sample_rate_hz} Hz",
        f"  format      {form}, from: {audio.source}",
        f"  taken from  channel {used}"
        if len(audio.channel_map) == 1
        else f"  taken from  channels {used} in this order",
    ]
    return lines + [f"  warning     {warning}" for warning in audio.warnings]
