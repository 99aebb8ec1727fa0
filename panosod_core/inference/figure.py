"""What the paper's Figures 6 and 7 show of a clip: frames, the truth, what models see and where they hear. No torch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import ConfigError, PredictionError
from panosod_core.geometry.sphere import FloatArray
from panosod_core.inference.clip_feed import ClipFeed, ClipPlan, ClipTaking, plan_clip
from panosod_core.inference.fitting import PictureFitter
from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.model_choice import ModelChoice
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.video import DEFAULT_FPS, VideoReader, never
from panosod_core.metrics.pictures import read_mask
from panosod_core.synth.truth import DemoTruth, load_truth, truth_path


@dataclass(frozen=True, eq=False)
class Seen:
    """What one model makes of one frame.

    Attributes:
        saliency: (H, W) float32, probability a pixel, in the model's size.
        location: (h, w) float32, not normalised; None without the location branch.
    """

    saliency: NDArray[np.float32]
    location: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class Column:
    """One moment of a clip.

    Attributes:
        index: of the frame.
        time_s: of the frame, on the clip's clock.
        picture: (height, width, 3) uint8 RGB, the full sphere.
        mask: (H, W) bool, what is salient; None where nobody knows.
        directions: unit vectors (n, 3) of the middles of what sounds, where they are known.
        seen: by each model.
    """

    index: int
    time_s: float
    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None
    directions: FloatArray
    seen: tuple[Seen, ...]


@dataclass(frozen=True)
class Strip:
    """One clip.

    Attributes:
        title: what stands over it.
        models: names of the models, as :attr:`Column.seen` has them.
        columns: in the order of time.
    """

    title: str
    models: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def has_truth(self) -> bool:
        """True where the truth of some moment is known."""
        return any(column.mask is not None for column in self.columns)


class Truth(Protocol):
    """What is known of a clip by others than models."""

    def mask(self, index: int) -> NDArray[np.bool_] | None:
        """(H, W) what is salient in a frame; None where it is not known."""
        ...

    def directions(self, index: int) -> FloatArray:
        """(n, 3) unit vectors to the middles of what sounds; (0, 3) where they are not known."""
        ...

    def frames(self) -> Sequence[int] | None:
        """The frames that are worth a column; None: all."""
        ...


_NOWHERE: FloatArray = np.zeros((0, 3))


class NoTruth:
    """Nobody knows."""

    def mask(self, index: int) -> None:
        """None."""

    def directions(self, index: int) -> FloatArray:
        """(0, 3)."""
        return _NOWHERE

    def frames(self) -> None:
        """None."""


class SynthTruth:
    """The truth beside a clip that panosod made: what sounds is salient."""

    def __init__(self, truth: DemoTruth) -> None:
        self._truth = truth

    def mask(self, index: int) -> NDArray[np.bool_]:
        """(H, W)."""
        return np.isin(self._truth.mask(index), self._truth.sounding(index))

    def directions(self, index: int) -> FloatArray:
        """(n, 3)."""
        ways = [self._truth.direction(id_, index) for id_ in self._truth.sounding(index)]
        return np.stack(ways) if ways else _NOWHERE

    def frames(self) -> Sequence[int] | None:
        """Those in which something sounds: in the pauses there is nothing to find. None where nothing ever does."""
        heard = [index for index in range(self._truth.header.frame_count) if self._truth.sounding(index)]
        return heard or None


class MaskFolder:
    """Masks as pictures whose names end in the number of their frame: 00012.png, frame_12.png."""

    def __init__(self, folder: Path) -> None:
        """List them.

        Raises:
            ConfigError: no such folder, no mask in it, or two of one frame.
        """
        if not folder.is_dir():
            raise ConfigError(f"{folder}: expected a folder of masks, there is none")
        self._paths: dict[int, Path] = {}
        for path in sorted(folder.glob("*.png")):
            number = re.search(r"(\d+)$", path.stem)
            if number is None:
                continue
            if int(number[1]) in self._paths:
                raise ConfigError(f"{folder}: {path.name} and {self._paths[int(number[1])].name} are of one frame")
            self._paths[int(number[1])] = path
        if not self._paths:
            raise ConfigError(f"{folder}: expected masks such as 00012.png, named by their frames; there are none")

    def mask(self, index: int) -> NDArray[np.bool_] | None:
        """(H, W)."""
        path = self._paths.get(index)
        return None if path is None else np.asarray(read_mask(path) > 127)

    def directions(self, index: int) -> FloatArray:
        """(0, 3): masks do not tell what sounds."""
        return _NOWHERE

    def frames(self) -> Sequence[int]:
        """Those that have a mask."""
        return sorted(self._paths)


def truth_of(clip: Path, truth: str) -> Truth:
    """What is known of a clip.

    Args:
        clip: the video.
        truth: "auto": what lies beside it, if anything does; "none"; or a folder of masks.

    Raises:
        ConfigError: no folder of masks.
        MediaError: the truth beside the clip is damaged.
    """
    if truth == "none":
        return NoTruth()
    if truth != "auto":
        return MaskFolder(Path(truth))
    return SynthTruth(load_truth(clip)) if truth_path(clip).exists() else NoTruth()


def gather(
    clip: Path,
    models: Sequence[ModelChoice],
    *,
    truth: Truth,
    at_s: Sequence[float] = (),
    count: int = 6,
    taking: ClipTaking | None = None,
    height_px: int = 160,
) -> Strip:
    """Look at some moments of a clip.

    Args:
        clip: the video.
        models: that look; each is loaded in its turn.
        truth: what is known of the clip.
        at_s: the moments, seconds on the clip's clock; none: ``count`` of them, evenly over the clip (over the frames
            whose truth is known and in which something sounds).
        count: of the columns, where no moments are given.
        taking: what the clip is taken for; None: as found.
        height_px: rows of the pictures, twice as many columns.

    Raises:
        PanosodError: the clip or a model cannot be used.
        ConfigError: a moment that the clip does not have.
    """
    plan = plan_clip(clip, ClipTaking() if taking is None else taking)
    origin_s = clip_origin_s(plan.info)
    pictures, times_s = [], []
    with VideoReader(clip, plan.video, clock_origin_s=origin_s) as reader:
        indices = _moments(reader, plan, at_s=at_s, count=count, known=truth.frames())
        fitter = PictureFitter(plan.geometry, height=height_px, width=2 * height_px)
        for index in indices:
            frame = reader.frame_at(index)
            times_s.append(frame.time_s)
            pictures.append(fitter.fit(frame))
    looks = [_looks(clip, plan, model, indices) for model in models]
    columns = tuple(
        Column(index, time_s, picture, truth.mask(index), truth.directions(index), tuple(look[k] for look in looks))
        for k, (index, time_s, picture) in enumerate(zip(indices, times_s, pictures, strict=True))
    )
    return Strip(clip.name, tuple(ModelLibrary().name_of(model.path) for model in models), columns)


def _moments(
    reader: VideoReader, plan: ClipPlan, *, at_s: Sequence[float], count: int, known: Sequence[int] | None
) -> list[int]:
    """Frames of the columns, rising."""
    end = reader.index_of_time(1e9) + 1
    end = end if reader.frame_count is None else min(end, reader.frame_count)
    if at_s:
        last_s = end / float(plan.video.fps or DEFAULT_FPS)
        beyond = [t for t in at_s if not 0 <= t <= last_s]
        if beyond:
            raise ConfigError(f"{plan.info.path}: lasts {last_s:.2f} s, there is no frame at {beyond[0]:g} s")
        return sorted({reader.index_of_time(t) for t in at_s})
    candidates = list(range(end)) if known is None else [index for index in known if index < end]
    if not candidates:
        raise ConfigError(f"{plan.info.path}: has {end} frames, and no mask is of one of them")
    places = (np.arange(count) + 0.5) / count * len(candidates)
    return sorted({candidates[int(place)] for place in places})


def _looks(clip: Path, plan: ClipPlan, model: ModelChoice, indices: Sequence[int]) -> list[Seen]:
    engine = model.open()
    with ClipFeed(clip, plan, engine.config) as feed:
        windows = feed.windows(engine)
        looks = []
        for index in indices:
            made = windows.make(index, should_stop=never)
            if not np.isfinite(made.saliency).all():
                raise PredictionError(f"{model.path}: the network's answer to frame {index} of {clip} is no number")
            looks.append(Seen(made.saliency, made.location))
    return looks
