"""Windows: a few pictures about a moment, the sound around it, and the masks; cut by the clock.

The pictures of a window lie at t - D, t, t + D with D about 0.2 s (``WindowSpec.step_s``), whatever the spacing of the
key frames (0.1 to 0.25 s in ASOD60K); the sound is centred on t. Nothing is cut in proportion to the file: a sound that
is longer or shorter than the video stays in step with it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from panosod_core.datasets.index import Clip, DataSet, Frame
from panosod_core.datasets.pictures import read_mask, read_picture, resized
from panosod_core.datasets.sounds import SoundPiece, read_sound


@dataclass(frozen=True)
class WindowSpec:
    """What a window is. Checked at birth.

    Attributes:
        frames: pictures in it, 1 to 8.
        step_s: seconds between them.
        sound_s: seconds of sound, centred on the moment.
        rate_hz: of the sound.
        width, height: of pictures and masks, pixels.
    """

    frames: int = 3
    step_s: float = 0.2
    sound_s: float = 3.0
    rate_hz: int = 32000
    width: int = 832
    height: int = 416

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= 8:
            raise ValueError(f"a window has 1 to 8 frames, got {self.frames}")
        if not (self.step_s > 0 and self.sound_s > 0 and self.rate_hz > 0 and self.width > 0 and self.height > 0):
            raise ValueError(f"sizes and times of a window must be positive: {self}")

    @property
    def target(self) -> int:
        """Which of its frames the window is about: the middle one, of an even number the later."""
        return self.frames // 2

    @property
    def samples(self) -> int:
        """Samples of sound."""
        return round(self.sound_s * self.rate_hz)

    @property
    def offsets_s(self) -> tuple[float, ...]:
        """Times of the frames from the moment: (-0.2, 0, 0.2)."""
        return tuple((i - self.target) * self.step_s for i in range(self.frames))


@dataclass(frozen=True)
class WindowMeta:
    """Where a window comes from.

    Attributes:
        clip: name of its sequence.
        subset: Test1, ... or None.
        time_s: its moment on the clip's clock.
        numbers: source frame number of each picture.
        target: which of them it is about.
        rate_hz: of the sound.
        size: width and height of the target picture on disk, pixels.
        stands_for: "" or what could not be read, so that another window took its place.
    """

    clip: str
    subset: str | None
    time_s: float
    numbers: tuple[int, ...]
    target: int
    rate_hz: int
    size: tuple[int, int]
    stands_for: str = ""


@dataclass(frozen=True, eq=False)
class WindowSample:
    """A window as the network takes it. Shapes are checked at birth.

    Attributes:
        frames: (T, 3, H, W) float32 RGB, 0..1, not normalised.
        foa: (4, n) float32, ACN/SN3D; silence where there is no sound.
        masks: (T, H, W) float32 0..1, soft at edges where the mask was made smaller; 0 where there is none.
        frame_valid: (T,) bool: the picture is the one of its time; False: the nearest stands in (ends of the clip).
        mask_valid: (T,) bool: there is a mask for that picture.
        foa_span: samples first .. end - 1 of ``foa`` come from the file; the rest is silence.
        meta: where it comes from.
    """

    frames: NDArray[np.float32]
    foa: NDArray[np.float32]
    masks: NDArray[np.float32]
    frame_valid: NDArray[np.bool_]
    mask_valid: NDArray[np.bool_]
    foa_span: tuple[int, int]
    meta: WindowMeta

    def __post_init__(self) -> None:
        count = len(self.frames)
        if self.frames.ndim != 4 or self.frames.shape[1] != 3:
            raise ValueError(f"frames must be (T, 3, H, W), got {self.frames.shape}")
        if self.masks.shape != (count, *self.frames.shape[2:]):
            raise ValueError(f"masks must be {(count, *self.frames.shape[2:])}, got {self.masks.shape}")
        if self.frame_valid.shape != (count,) or self.mask_valid.shape != (count,):
            raise ValueError("frame_valid and mask_valid must have one entry a frame")
        if self.foa.ndim != 2 or self.foa.shape[0] != 4:
            raise ValueError(f"foa must be (4, n), got {self.foa.shape}")
        if not 0 <= self.foa_span[0] <= self.foa_span[1] <= self.foa.shape[1]:
            raise ValueError(f"foa_span {self.foa_span} lies outside {self.foa.shape[1]} samples")
        if {a.dtype for a in (self.frames, self.foa, self.masks)} != {np.dtype(np.float32)}:
            raise ValueError("frames, foa and masks must be float32")

    @property
    def has_sound(self) -> bool:
        """True where any of the sound comes from the file."""
        return self.foa_span[0] < self.foa_span[1]


@dataclass(frozen=True)
class Window:
    """A window before it is read: positions in ``clip.frames``.

    Attributes:
        clip: its sequence.
        members: position of each picture.
        frame_valid: the picture lies within half a step of its time.
        target: which of the members it is about.
    """

    clip: Clip
    members: tuple[int, ...]
    frame_valid: tuple[bool, ...]
    target: int

    @property
    def frame(self) -> Frame:
        """The picture it is about."""
        return self.clip.frames[self.members[self.target]]


@dataclass(frozen=True)
class WindowList:
    """All windows of a data set that can be used, and what was left out.

    Attributes:
        windows: in order of clip and time.
        left_out: reason -> number of windows.
    """

    windows: tuple[Window, ...]
    left_out: Mapping[str, int]


def window_at(clip: Clip, position: int, spec: WindowSpec) -> Window:
    """The window about one picture of a clip.

    Each of its times takes the nearest picture; where that is further off than half a step (at the ends of a clip, or
    in one with few pictures), it stands in and is marked.
    """
    times = np.array([frame.time_s for frame in clip.frames])
    wanted = times[position] + np.array(spec.offsets_s)
    after = np.clip(np.searchsorted(times, wanted), 1, max(len(times) - 1, 1))
    after = np.minimum(after, len(times) - 1)
    before = np.maximum(after - 1, 0)
    nearer_before = wanted - times[before] <= times[after] - wanted
    members = np.where(nearer_before, before, after)
    near = np.abs(times[members] - wanted) <= spec.step_s / 2 + 1e-9
    return Window(clip, tuple(int(m) for m in members), tuple(bool(n) for n in near), spec.target)


def list_windows(data: DataSet, spec: WindowSpec, *, need_sound: bool = True, need_mask: bool = True) -> WindowList:
    """One window for each picture of a data set's clips that qualifies.

    Args:
        data: what was listed; take :meth:`DataSet.of_split` first.
        spec: what a window is.
        need_sound: leave out clips without sound (else they are silent).
        need_mask: leave out pictures without a mask as the moment of a window.

    Returns:
        The windows, and how many were left out for which reason.
    """
    windows: list[Window] = []
    left_out: Counter[str] = Counter()
    for clip in data.clips:
        if need_sound and clip.sound is None:
            left_out["no sound"] += len(clip.frames)
            continue
        for position, frame in enumerate(clip.frames):
            if need_mask and frame.mask is None:
                left_out["no mask"] += 1
            else:
                windows.append(window_at(clip, position, spec))
    return WindowList(tuple(windows), MappingProxyType(dict(left_out)))


def load_window(window: Window, spec: WindowSpec) -> WindowSample:
    """Read a window's pictures, masks and sound.

    Raises:
        DatasetError: one of its files is missing or damaged.
    """
    clip = window.clip
    count, size = spec.frames, (spec.height, spec.width)
    frames = np.empty((count, 3, *size), np.float32)
    masks = np.zeros((count, *size), np.float32)
    mask_valid = np.zeros(count, np.bool_)
    sizes: list[tuple[int, int]] = []
    for i, member in enumerate(window.members):
        earlier = window.members.index(member)
        frame = clip.frames[member]
        if earlier < i:  # a picture that stands in for another is read once
            frames[i], masks[i], mask_valid[i] = frames[earlier], masks[earlier], mask_valid[earlier]
            sizes.append(sizes[earlier])
        else:
            picture = read_picture(frame.image)
            sizes.append((picture.shape[1], picture.shape[0]))
            small = resized(picture, width=spec.width, height=spec.height, ring=clip.panoramic)
            frames[i] = small.transpose(2, 0, 1)
            if frame.mask is not None:
                masks[i] = resized(read_mask(frame.mask), width=spec.width, height=spec.height, ring=clip.panoramic)
                mask_valid[i] = True
    piece = window_sound(window, spec)
    numbers = tuple(clip.frames[member].number for member in window.members)
    meta = WindowMeta(
        clip.name, clip.subset, window.frame.time_s, numbers, window.target, spec.rate_hz, sizes[window.target]
    )
    valid = np.array(window.frame_valid, np.bool_)
    return WindowSample(frames, piece.samples, masks, valid, mask_valid, (piece.first, piece.end), meta)


def window_sound(window: Window, spec: WindowSpec) -> SoundPiece:
    """The sound of a window: ``spec.samples`` centred on its moment; silence where the clip has none.

    Raises:
        DatasetError: the file cannot be read.
    """
    sound = window.clip.sound
    if sound is None:
        return SoundPiece(np.zeros((4, spec.samples), np.float32), 0, 0)
    start = round(window.frame.time_s * spec.rate_hz) - spec.samples // 2
    return read_sound(sound, start=start, count=spec.samples, rate_hz=spec.rate_hz)
