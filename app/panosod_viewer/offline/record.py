"""``panosod-viewer CLIP --record out.mp4 --gaze path.csv``: what a person saw and heard along a view path.

An ordinary flat video with its binaural track, rendered as fast as the machine can, without a window and without a
sound card. Every picture of the clip becomes one picture of the recording at its own time, so nothing is resampled in
time and picture and sound stay as far apart as they were.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from panosod_core.ambisonics.filters import BinauralFilters, default_filters
from panosod_core.ambisonics.hrtf import load_sofa
from panosod_core.ambisonics.magls import magls_filters
from panosod_core.errors import ConfigError
from panosod_core.geometry.projection import ViewProjection
from panosod_core.media.audio import AudioReader
from panosod_core.media.choice import SOUND_CHOICES, override_sound, sound_choices
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import AudioInfo, ClipInfo
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_viewer.audio.engine import BLOCK, SoundLayout
from panosod_viewer.audio.offline import OfflineSound
from panosod_viewer.offline.clip import checked_output, checked_size, checked_view, geometry_of, picture_info, scene_of
from panosod_viewer.offline.flat_writer import ENDINGS, FlatWriter
from panosod_viewer.offline.gaze import GazePath, fixed_gaze, read_gaze
from panosod_viewer.render.headless import HeadlessContext

RATE_HZ = 48000


@dataclass(frozen=True)
class RecordOptions:
    """What to record.

    Attributes:
        clip: the video.
        out: .mp4, .mov or .mkv.
        gaze: CSV of the view path; None looks where the three angles say, all the time.
        yaw_deg: left positive; without a view path.
        pitch_deg: up positive, -90..90; without a view path.
        roll_deg: clockwise positive; without a view path.
        size: width and height, even, pixels.
        fov_deg: horizontal field of view where the path has no ``fov_deg`` column.
        picture: what the picture is taken for (``media.choice.PICTURE_CHOICES``).
        sound: what the sound is taken for (``media.choice.SOUND_CHOICES``).
        hrtf: SOFA file of the head; None takes the built-in one.
        supersample: draw twice as large and average; for very wide views.
    """

    clip: Path
    out: Path
    gaze: Path | None = None
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    size: tuple[int, int] = (1280, 720)
    fov_deg: float = 90.0
    picture: str = "auto"
    sound: str = "auto"
    hrtf: Path | None = None
    supersample: bool = False


def run_record(options: RecordOptions, *, progress: Callable[[float], None] | None = None) -> Path:
    """Write the recording.

    Args:
        options: what and where.
        progress: told the finished share, 0..1, after each picture.

    Returns:
        Where it lies.

    Raises:
        ConfigError: an option or the view path cannot be used.
        MediaError: the clip cannot be read.
        HrtfError: the head cannot be read.
        RenderError: no OpenGL here.
    """
    out = checked_output(options.out, endings=ENDINGS, source=options.clip)
    width, height = checked_size(options.size, even=True)
    gaze = _gaze(options)
    info = probe(options.clip)
    video = picture_info(info)
    geometry = geometry_of(video, options.picture)
    origin_s = clip_origin_s(info)
    with ExitStack() as stack:
        reader = stack.enter_context(VideoReader(options.clip, video, clock_origin_s=origin_s))
        end_s = _end_s(info, reader)
        sound = stack.enter_context(_Sound(info, options, gaze, end_s=end_s))
        context = stack.enter_context(HeadlessContext(width, height))
        writer = stack.enter_context(
            FlatWriter(
                out,
                width=width,
                height=height,
                fps=video.fps or Fraction(30),
                sample_rate_hz=RATE_HZ,
                sound=sound.is_there,
            )
        )
        for frame, shown_s in _shown(reader, end_s):
            view = gaze.view_at(shown_s)
            writer.write_picture(
                context.render(scene_of(frame, geometry, view, supersample=options.supersample)), shown_s
            )
            sound.write_until(shown_s, writer)
            if progress is not None:
                progress(min(shown_s / end_s, 1.0) if end_s > 0 else 1.0)
        sound.write_until(end_s, writer)
    if progress is not None:
        progress(1.0)
    return out


def _gaze(options: RecordOptions) -> GazePath:
    angles = {"yaw_deg": options.yaw_deg, "pitch_deg": options.pitch_deg, "roll_deg": options.roll_deg}
    if options.gaze is not None and any(angles.values()):
        raise ConfigError("a view path says where to look: give --gaze, or --yaw, --pitch and --roll, not both")
    view = checked_view(**angles, fov_deg=options.fov_deg, projection=ViewProjection.PERSPECTIVE)
    return fixed_gaze(view) if options.gaze is None else read_gaze(options.gaze, fov_deg=options.fov_deg)


def _end_s(info: ClipInfo, reader: VideoReader) -> float:
    if info.duration_s is not None:
        return info.duration_s
    last = reader.frame_at(reader.index_of_time(1e9))
    reader.seek(0)
    return last.time_s + last.duration_s


def _shown(reader: VideoReader, end_s: float) -> Iterator[tuple[VideoFrame, float]]:
    """The clip's pictures and the times from which they are shown; the first one from 0 on."""
    reader.set_threading(True)
    first = True
    while (frame := reader.read()) is not None:
        if frame.time_s >= end_s and not first:
            return
        yield frame, 0.0 if first else frame.time_s
        first = False


class _Sound:
    """The binaural track, rendered block by block with the pose of that moment."""

    def __init__(self, info: ClipInfo, options: RecordOptions, gaze: GazePath, *, end_s: float) -> None:
        self._gaze = gaze
        self._end_s = end_s
        self._reader: AudioReader | None = None
        if info.audio is None:
            return
        audio = _chosen_sound(info.audio, options.sound)
        layout = SoundLayout.of(audio)
        filters = _filters(layout.order or 1, options.hrtf)
        self._reader = AudioReader(options.clip, audio, clock_origin_s=clip_origin_s(info), out_rate_hz=RATE_HZ)
        self._sound = OfflineSound(self._reader, layout, filters, end_s=end_s)
        # what the engine delays by is rendered and thrown away: sample 0 of the file is sample 0 of the clip
        self._skip = self._sound.engine.latency
        self._rendered = 0
        self._written = 0

    @property
    def is_there(self) -> bool:
        return self._reader is not None

    def write_until(self, t_s: float, writer: FlatWriter) -> None:
        """Render and write up to a time on the clip's clock."""
        if self._reader is None:
            return
        target = round(t_s * RATE_HZ)
        while self._written < target:
            block = np.empty((2, BLOCK), np.float32)
            # a pose is reached at the end of its block; what is heard lags the clip by the engine's latency
            heard_s = (self._rendered + BLOCK - self._skip) / RATE_HZ
            self._sound.render_block(self._gaze.view_at(heard_s).R_world_view, block)
            fresh = block[:, max(self._skip - self._rendered, 0) :]
            self._rendered += BLOCK
            fresh = fresh[:, : target - self._written] if t_s >= self._end_s else fresh
            writer.write_sound(fresh)
            self._written += fresh.shape[1]

    def __enter__(self) -> "_Sound":
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.close()


def _chosen_sound(audio: AudioInfo, choice: str) -> AudioInfo:
    if choice not in SOUND_CHOICES:
        raise ConfigError(f"the sound can be taken for {', '.join(SOUND_CHOICES)}; found {choice!r}")
    if choice not in sound_choices(audio):
        raise ConfigError(f"a sound of {audio.channels} channels cannot be taken for {choice!r}")
    return override_sound(audio, choice)


def _filters(order: int, hrtf: Path | None) -> BinauralFilters:
    if hrtf is None:
        return default_filters(order)
    return magls_filters(load_sofa(hrtf, sample_rate_hz=RATE_HZ), order=order)
