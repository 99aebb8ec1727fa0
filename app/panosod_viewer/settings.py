"""What a person has chosen, as one frozen value that checks itself.

Free of Qt; ``settings_store`` reads and writes it.
"""

import hashlib
import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from panosod_core.errors import ConfigError, MediaError
from panosod_viewer.tracker.config import TrackerConfig

MAX_RECENT = 12
MAX_FILES = 300
_SAMPLE_BYTES = 65536


def _between(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ConfigError(f"setting {name}: expected {low:g} to {high:g}, got {value!r}")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"setting {name}: expected one of {', '.join(allowed)}, got {value!r}")


@dataclass(frozen=True)
class AppearanceSettings:
    """How the window looks.

    Attributes:
        theme: "auto" follows the system, "dark", "light".
    """

    theme: str = "auto"

    def __post_init__(self) -> None:
        _one_of("appearance.theme", self.theme, ("auto", "dark", "light"))


@dataclass(frozen=True)
class ViewSettings:
    """How one looks around.

    Attributes:
        fov_deg: horizontal field of view at the start and after "recentre".
        inertia: the view coasts after a drag.
        invert_drag: a drag turns the head instead of pulling the world.
        split: look-around and flat map side by side.
        render_scale: internal resolution relative to the window; 0 chooses by itself.
    """

    fov_deg: float = 90.0
    inertia: bool = False
    invert_drag: bool = False
    split: bool = False
    render_scale: float = 0.0

    def __post_init__(self) -> None:
        _between("view.fov_deg", self.fov_deg, 5, 320)
        if self.render_scale != 0:
            _between("view.render_scale", self.render_scale, 0.25, 1)


@dataclass(frozen=True)
class PlaybackSettings:
    """How clips play.

    Attributes:
        volume: 0..1.
        muted: silent without losing the volume.
        autoplay: start when a clip is opened.
        repeat: start again at the end.
        held_sound: while paused, the last 200 ms sound on and turn with the view.
    """

    volume: float = 0.8
    muted: bool = False
    autoplay: bool = True
    repeat: bool = False
    held_sound: bool = False

    def __post_init__(self) -> None:
        _between("playback.volume", self.volume, 0, 1)


@dataclass(frozen=True)
class AudioSettings:
    """How sound is made.

    Attributes:
        device: name of the output device, "" for the system's default.
        sofa: path of the HRTF set, "" for the embedded one.
        head_locked_gain_db: of the two channels that stay with the head.
    """

    device: str = ""
    sofa: str = ""
    head_locked_gain_db: float = 0.0

    def __post_init__(self) -> None:
        _between("audio.head_locked_gain_db", self.head_locked_gain_db, -60, 12)


@dataclass(frozen=True)
class TimelineSettings:
    """The strip of rows under the seek bar.

    Attributes:
        shown: it is open.
        height_px: as high as was chosen.
    """

    shown: bool = False
    height_px: int = 270

    def __post_init__(self) -> None:
        _between("timeline.height_px", self.height_px, 60, 4000)


@dataclass(frozen=True)
class PredictionSettings:
    """What predicts.

    Attributes:
        enabled: a model is at work while a clip is open.
        model: path of its file, "" for the library's default, else the one that comes along.
        device: "auto", "cpu", "cuda", "mps".
        stride: a map of every n-th frame, 0 for as many as the machine can make.
    """

    enabled: bool = True
    model: str = ""
    device: str = "auto"
    stride: int = 0

    def __post_init__(self) -> None:
        _one_of("prediction.device", self.device, ("auto", "cpu", "cuda", "mps"))
        _between("prediction.stride", self.stride, 0, 120)


@dataclass(frozen=True)
class ReviewSettings:
    """Review and propagation.

    Attributes:
        every: every n-th frame is a key frame; the data set has every sixth.
        frames: masks are carried over so many frames at a time.
        all_objects: all objects of the frame, not the selected one alone.
        guided: the model's maps settle outlines.
        follows: the picture goes along while masks are carried.
    """

    every: int = 6
    frames: int = 30
    all_objects: bool = True
    guided: bool = True
    follows: bool = True

    def __post_init__(self) -> None:
        _between("review.every", self.every, 1, 1000)
        _between("review.frames", self.frames, 1, 10_000)


@dataclass(frozen=True)
class WindowSettings:
    """Where the window was.

    Attributes:
        geometry: Qt's saveGeometry, base64.
        state: Qt's saveState, base64.
    """

    geometry: str = ""
    state: str = ""


@dataclass(frozen=True)
class FileChoice:
    """What was chosen by hand for one file; "" where the file itself decides.

    Attributes:
        projection, eye: of the picture, ids of the menus.
        sound: id of the sound choice.
        path: where the file was, for people who read the settings.
    """

    projection: str = ""
    eye: str = ""
    sound: str = ""
    path: str = ""

    @property
    def is_empty(self) -> bool:
        """True where nothing was chosen by hand."""
        return replace(self, path="") == FileChoice()


@dataclass(frozen=True)
class Settings:
    """Everything that is remembered between two starts.

    Attributes:
        recent: paths of opened files, newest first, at most 12.
        keys: (action id, its keys separated by "; ") where a person has chosen others.
        files: (content key, choice), the latest last, at most 300; see :func:`content_key`.
    """

    appearance: AppearanceSettings = field(default_factory=AppearanceSettings)
    view: ViewSettings = field(default_factory=ViewSettings)
    playback: PlaybackSettings = field(default_factory=PlaybackSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    timeline: TimelineSettings = field(default_factory=TimelineSettings)
    prediction: PredictionSettings = field(default_factory=PredictionSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    window: WindowSettings = field(default_factory=WindowSettings)
    recent: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, FileChoice], ...] = ()

    def with_recent(self, path: Path) -> "Settings":
        """A copy in which that file is the most recent one."""
        # abspath, not resolve: a file on a sleeping network drive must not hold up the window.
        text = os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps "..", resolve touches the disk
        return replace(self, recent=(text, *(p for p in self.recent if p != text))[:MAX_RECENT])

    def without_recent(self, path: str | None = None) -> "Settings":
        """A copy without that file among the recent ones, or (None) without any."""
        return replace(self, recent=() if path is None else tuple(p for p in self.recent if p != path))

    def choice_for(self, key: str) -> FileChoice:
        """What was chosen for that content, by :func:`content_key`."""
        return next((choice for k, choice in self.files if k == key), FileChoice())

    def with_choice(self, key: str, choice: FileChoice) -> "Settings":
        """A copy that remembers the choice; an empty one is forgotten, as are the oldest beyond 300."""
        rest = tuple((k, c) for k, c in self.files if k != key)
        added = () if choice.is_empty else ((key, choice),)
        return replace(self, files=(rest + added)[-MAX_FILES:])


def content_key(path: Path) -> str:
    """Names a file by its content: its size and a hash of three blocks. Survives renaming and moving.

    Raises:
        MediaError: the file cannot be read.
    """
    try:
        size = path.stat().st_size
        digest = hashlib.blake2b(digest_size=10)
        with path.open("rb") as file:
            for at in sorted({0, max(0, size // 2 - _SAMPLE_BYTES // 2), max(0, size - _SAMPLE_BYTES)}):
                file.seek(at)
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        raise MediaError(
            f"{path}: expected a readable file ({error.strerror or error}): check it and try again"
        ) from error
    return f"{size}-{digest.hexdigest()}"
