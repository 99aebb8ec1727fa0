"""What a model makes of a clip whose truth lies beside it: do its masks lie on what sounds, and not on its twin?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import ConfigError
from panosod_core.inference.clip_feed import ClipFeed, plan_clip
from panosod_core.inference.engine import CentreMap, EncodedFrame, Engine
from panosod_core.inference.judging import ModelEvaluation, Progress, heard
from panosod_core.media.video import never
from panosod_core.metrics.folders import JudgeSettings
from panosod_core.metrics.sounding import FrameTruth
from panosod_core.metrics.tally import MapTally
from panosod_core.model.config import ModelConfig
from panosod_core.synth.truth import DemoTruth, load_truth

SALIENT = 0.5
"""Probability from which a pixel is in the mask."""
MOST_ON_TWIN = 0.1
"""Share of a look-alike's pixels that the mask may touch."""
LEAST_ON_OBJECT = 0.5
"""Share of the sounding object's pixels that the mask must cover."""
_Y = 1


@dataclass(frozen=True)
class ClipJudgement:
    """A model on a clip.

    Attributes:
        evaluation: scores against the masks of what sounds.
        judged: frames in which something sounds that has a look-alike.
        on_target: of these, in how many the mask covers at least half of the sounding object and at most a tenth of
            any of its look-alikes.
        by_object: name of the object that sounds -> (on target, judged).
    """

    evaluation: ModelEvaluation
    judged: int
    on_target: int
    by_object: dict[str, tuple[int, int]]

    @property
    def share(self) -> float | None:
        """Of the judged frames; None without any."""
        return self.on_target / self.judged if self.judged else None


class MirroredEars:
    """An engine that hears left and right changed places."""

    def __init__(self, engine: Engine) -> None:
        """Stand before another engine."""
        self._engine = engine

    @property
    def config(self) -> ModelConfig:
        """Of the network."""
        return self._engine.config

    @property
    def model_id(self) -> str:
        """Of the network's file."""
        return self._engine.model_id

    @property
    def description(self) -> str:
        """Of the other engine, and what is different here."""
        return f"{self._engine.description}, sound mirrored"

    @property
    def guided(self) -> bool:
        """As the other."""
        return self._engine.guided

    def encode_frame(self, picture: NDArray[np.uint8]) -> EncodedFrame:
        """As the other."""
        return self._engine.encode_frame(picture)

    def encode_sound(self, window: NDArray[np.float32]) -> object:
        """With the sign of Y turned."""
        mirrored = window.copy()
        mirrored[_Y : _Y + 1] *= -1
        return self._engine.encode_sound(mirrored)

    def centre_map(self, own: object, summaries: Sequence[object], heard: object | None) -> CentreMap:
        """As the other."""
        return self._engine.centre_map(own, summaries, heard)

    def guided_map(
        self, own: object, features: Sequence[object], heard: object, masks: Sequence[NDArray[np.float32] | None]
    ) -> CentreMap:
        """As the other."""
        return self._engine.guided_map(own, features, heard, masks)


def judge_clip(
    engine: Engine,
    clip: Path,
    *,
    stride: int = 1,
    mirrored: bool = False,
    settings: JudgeSettings | None = None,
    progress: Progress | None = None,
) -> ClipJudgement:
    """Judge a model on a clip of balls (``panosod synth --demo``) that has its truth beside it.

    Args:
        engine: the network.
        clip: the file; pictures and sound are read as they would be for a prediction.
        stride: every n-th frame.
        mirrored: left and right change places in the sound, and with them the twins that mirror each other in the
            picture: what is heard is then the other one. Frames in which another object sounds are left out: its
            mirrored sound comes from where nothing is.
        settings: how maps are judged; by default in the model's size.
        progress: told after every frame.

    Raises:
        MediaError: the clip or its truth cannot be read.
        ConfigError: a stride below 1.
    """
    if stride < 1:
        raise ConfigError(f"expected a stride of 1 or more, got {stride}")
    truth, config = load_truth(clip), engine.config
    size = (config.width_px, config.height_px)
    tally = MapTally(settings or JudgeSettings(size=size))
    by_object: dict[str, tuple[int, int]] = {}
    with ClipFeed(clip, plan_clip(clip), config) as feed:
        maker = feed.windows(MirroredEars(engine) if mirrored else engine)
        frames = range(0, min(feed.frame_count, truth.header.frame_count), stride)
        for done, index in enumerate(frames, start=1):
            who = sounding_truth(truth, index, mirrored=mirrored)
            if who is not None:
                made = maker.make(index, should_stop=never)
                mask = np.where(np.isin(who.labels, np.flatnonzero(who.sounding) + 1), np.uint8(255), np.uint8(0))
                tally.add(clip.stem, None, made.saliency, mask, heard(made.location, config), who)
                name = truth.objects[int(np.flatnonzero(who.sounding)[0])].name
                hits, seen = by_object.get(name, (0, 0))
                by_object[name] = (hits + on_target(made.saliency, who), seen + 1)
            if progress is not None:
                progress(done, len(frames))
    judged, right = sum(seen for _, seen in by_object.values()), sum(hits for hits, _ in by_object.values())
    evaluation = ModelEvaluation(tally.maps(judged), tally.sounding.result(), "none")
    return ClipJudgement(evaluation, judged, right, by_object)


def sounding_truth(truth: DemoTruth, index: int, *, mirrored: bool = False) -> FrameTruth | None:
    """Who is where in a frame of such a clip: the one that sounds, and its look-alikes.

    Returns:
        The truth; None where nothing sounds, nothing looks like it, or (mirrored) its mirror image is no look-alike.
    """
    sounds = truth.sounding(index)
    if len(sounds) != 1:
        return None
    slots = {thing.id: slot for slot, thing in enumerate(truth.objects)}
    directions = np.stack([truth.direction(thing.id, index) for thing in truth.objects])
    labels = truth.mask(index)
    heard_slot = slots[sounds[0]]
    alike = np.array([thing.look_alikes == truth.objects[heard_slot].look_alikes for thing in truth.objects])
    if alike.sum() < 2:
        return None
    if mirrored:
        image = directions[heard_slot] * (1, -1, 1)
        others = [slot for slot in np.flatnonzero(alike).tolist() if slot != heard_slot]
        # Half a degree: the twins' ways are mirror images.
        near = [slot for slot in others if directions[slot] @ image > np.cos(np.radians(0.5))]
        if not near:
            return None
        heard_slot = near[0]
    sounding = np.zeros(len(slots), np.bool_)
    sounding[heard_slot] = True
    # Slots are ids less one everywhere else; here too, whatever numbers the file has.
    table = np.zeros(256, np.uint8)
    for number, slot in slots.items():
        table[number] = slot + 1
    return FrameTruth(table[labels], alike, sounding, directions)


def on_target(saliency: NDArray[np.float32], truth: FrameTruth) -> bool:
    """Whether a mask lies on what sounds and not on what looks like it.

    The object's pixels are those of the truth that has the map's size or a larger one: the nearest pixel counts.
    """
    height, width = saliency.shape
    rows = (np.arange(height) + 0.5) * truth.labels.shape[0] / height
    columns = (np.arange(width) + 0.5) * truth.labels.shape[1] / width
    labels = truth.labels[rows.astype(np.int64)[:, None], columns.astype(np.int64)]
    mask = saliency >= SALIENT
    shares = {}
    for slot in np.flatnonzero(truth.candidates).tolist():
        pixels = mask[labels == slot + 1]
        shares[slot] = float(pixels.mean()) if pixels.size else 0.0
    sounds = np.flatnonzero(truth.sounding)
    return all(share >= LEAST_ON_OBJECT if slot in sounds else share <= MOST_ON_TWIN for slot, share in shares.items())
