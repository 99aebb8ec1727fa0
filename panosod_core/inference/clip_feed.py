"""A clip opened for a network: pictures of the full sphere and sound windows, and in words what it is fed. No torch."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from panosod_core.errors import ConfigError, PredictionError
from panosod_core.geometry.picture import Eye, PictureGeometry, StereoMode
from panosod_core.inference.clip_pictures import ClipPictures
from panosod_core.inference.clip_sound import ClipSound
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.fitting import PictureFitter
from panosod_core.inference.windows import Abandoned, WindowMaker
from panosod_core.media.audio import AudioReader
from panosod_core.media.choice import PICTURE_CHOICES, chosen_geometry, override_sound, sound_choices
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import AudioInfo, ClipInfo, SoundFormat, VideoInfo
from panosod_core.media.probe import probe
from panosod_core.media.video import DEFAULT_FPS, SeekInterrupted, VideoReader, never
from panosod_core.model.config import ModelConfig

_BEYOND_S = 1e9


@dataclass(frozen=True)
class ClipTaking:
    """What a clip is taken for.

    Attributes:
        picture: id of ``media.choice.PICTURE_CHOICES``, "auto" as found.
        eye: "left" or "right" of a stereo picture.
        sound: id of ``media.choice.SOUND_CHOICES``, "auto" as found.
    """

    picture: str = "auto"
    eye: str = "left"
    sound: str = "auto"

    def __post_init__(self) -> None:
        if self.picture not in PICTURE_CHOICES:
            raise ConfigError(f"expected a picture of {', '.join(PICTURE_CHOICES)}, got {self.picture!r}")
        if self.eye not in tuple(Eye):
            raise ConfigError(f"expected an eye of {', '.join(Eye)}, got {self.eye!r}")


AS_FOUND = ClipTaking()


@dataclass(frozen=True)
class ClipPlan:
    """A clip, resolved but not opened: everything that decides which maps it gets.

    Attributes:
        info: as probed.
        video: its picture.
        geometry: how the picture is taken to cover the sphere.
        audio: its sound as taken; None without.
        taking: as asked.
    """

    info: ClipInfo
    video: VideoInfo
    geometry: PictureGeometry
    audio: AudioInfo | None
    taking: ClipTaking


def plan_clip(path: Path, taking: ClipTaking = AS_FOUND) -> ClipPlan:
    """Resolve what a clip is taken for.

    Raises:
        MediaError: the clip cannot be read.
        PredictionError: no picture in it, or one that does not belong on the sphere.
        ConfigError: sound that cannot be taken for what was asked.
    """
    info = probe(path)
    if info.video is None:
        raise PredictionError(f"{path}: expected a panoramic video, there is only sound in it")
    geometry = chosen_geometry(info.video, taking.picture, eye=Eye(taking.eye))
    if not geometry.is_spherical:
        raise PredictionError(
            f"{path}: expected an equirectangular picture, this one is {geometry.projection} "
            f"(from: {info.video.source}); convert it, or say what it is with --picture"
        )
    audio = info.audio
    if audio is not None and taking.sound != "auto":
        allowed = sound_choices(audio)
        if taking.sound not in allowed:
            raise ConfigError(f"{path}: expected a sound of {', '.join(allowed)}, got {taking.sound!r}")
        audio = override_sound(audio, taking.sound)
    return ClipPlan(info, info.video, geometry, audio, taking)


def fed_picture(plan: ClipPlan, config: ModelConfig) -> str:
    """In words, what the network sees of a clip."""
    g = plan.geometry
    words = [f"{g.projection} {plan.video.width}x{plan.video.height} (from: {plan.video.source})"]
    if g.stereo is not StereoMode.MONO:
        words.append(f"{g.eye} eye of {g.stereo}")
    if not g.bounds.is_full:
        words.append("black where it does not cover the sphere")
    if any(g.pose_deg):
        words.append("turned upright by its pose")
    return f"{', '.join(words)}, as a full sphere of {config.width_px}x{config.height_px}"


def fed_sound(plan: ClipPlan, config: ModelConfig) -> str:
    """In words, what the network hears of a clip."""
    if not config.fuses:
        return "nothing: this model does not hear"
    if plan.audio is None:
        return "silence: there is no sound in the clip"
    audio = plan.audio
    if not audio.format.is_ambisonic or (audio.order or 0) < 1:
        kind = "mono" if audio.format is not SoundFormat.STEREO else "stereo, mixed to mono"
        return f"{kind}, as W alone: sound from no direction"
    if config.sound_channels == 1:
        return f"W alone of {audio.format} (from: {audio.source}): this model hears no directions"
    return f"W Y Z X of {audio.format} of order {audio.order} (from: {audio.source}), ACN/SN3D"


class ClipFeed:
    """A clip, open. Not thread-safe.

    Attributes:
        plan: what it is taken for.
        pictures: of it, in the network's size.
        frame_rate_hz: mean.
    """

    def __init__(
        self, path: Path, plan: ClipPlan, config: ModelConfig, *, should_stop: Callable[[], bool] = never
    ) -> None:
        """Open the readers and count the frames.

        Args:
            path: the clip.
            plan: of :func:`plan_clip`.
            config: of the network.
            should_stop: asked while the table of frames is being read.

        Raises:
            Abandoned: ``should_stop`` said so.
            MediaError: the clip cannot be read.
        """
        self.plan = plan
        self._config = config
        origin_s = clip_origin_s(plan.info)
        self.frame_rate_hz = float(plan.video.fps or DEFAULT_FPS)
        with ExitStack() as opened:
            self._reader = opened.enter_context(VideoReader(path, plan.video, clock_origin_s=origin_s))
            # Read from end to end: the threads of playing decode most pictures a second.
            self._reader.set_threading(True)
            sound = None
            if plan.audio is not None and config.fuses:
                rate_hz = config.sound_rate_hz
                sound = opened.enter_context(
                    AudioReader(path, plan.audio, out_rate_hz=rate_hz, clock_origin_s=origin_s)
                )
            try:
                self._counted = self._reader.index_of_time(_BEYOND_S, should_stop=should_stop) + 1
            except SeekInterrupted as interrupted:
                raise Abandoned from interrupted
            fitter = PictureFitter(plan.geometry, height=config.height_px, width=config.width_px)
            self.pictures = ClipPictures(self._reader, fitter)
            self._sounds = ClipSound(
                sound,
                plan.audio,
                rate_hz=config.sound_rate_hz,
                channels=config.sound_channels,
                window_samples=config.sound_samples,
                time_of=self._time_of,
            )
            self._opened = opened.pop_all()

    def __enter__(self) -> "ClipFeed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def frame_count(self) -> int:
        """Frames in the clip: as listed, until reading shows that it ends earlier."""
        known = self._reader.frame_count
        return self._counted if known is None else min(known, self._counted)

    def windows(self, engine: Engine) -> WindowMaker:
        """The maker of this clip's maps by a network."""
        return WindowMaker(
            engine, self.pictures, self._sounds, frame_count=self.frame_count, frame_rate_hz=self.frame_rate_hz
        )

    def close(self) -> None:
        """Let the files go. Nothing else may be called after it."""
        self._opened.close()

    def _time_of(self, index: int) -> float:
        passed = self.pictures.require(index, should_stop=never)
        return index / self.frame_rate_hz if passed is None else passed.time_s
