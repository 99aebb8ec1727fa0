"""What the label-guided branch makes of the frames around one that a person has corrected. No torch by itself.

The teacher takes masks beside the pictures (Section 3 of the paper; there it is for training only). Where its network
was built to take windows of which one frame alone has a mask (``teacher_validity``), it may be asked what lies in the
others. The answers are suggestions: nothing here writes any of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import PredictionError
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.session import FrameMap, Session


@dataclass(frozen=True, eq=False)
class Stretch:
    """Frames of a clip, the spacing of the network's window apart, with the sound around them.

    Attributes:
        pictures: (H, W, 3) uint8 RGB of each, the full sphere.
        times_s: of each, on the clip's clock.
        sound: (4 or more, n) float32 ACN/SN3D; where it ends before a window does, there is silence.
        sound_rate_hz: of it.
        sound_start_s: time of its first sample.
    """

    pictures: Sequence[NDArray[np.uint8]]
    times_s: Sequence[float]
    sound: NDArray[np.float32]
    sound_rate_hz: int
    sound_start_s: float


def can_suggest(engine: Engine) -> bool:
    """Whether an engine can be asked: it has its teacher, which takes windows of which one frame has a mask."""
    return engine.guided and engine.config.teacher_validity and engine.config.fuses


def suggest(engine: Engine, stretch: Stretch, masks: Mapping[int, NDArray[np.generic]]) -> dict[int, FrameMap]:
    """What the label-guided branch sees, by place in the stretch; only where a mask is in the frame's window.

    Args:
        engine: opened with its teacher (``open_engine(..., guided=True)``).
        stretch: the frames; those beyond its ends are taken for the first and the last.
        masks: (H, W) of the frames whose masks are known, or guessed, by place in the stretch.

    Raises:
        PredictionError: the engine cannot be asked.
        ValueError: no frame of the stretch has a mask.
    """
    if not can_suggest(engine):
        raise PredictionError(
            "expected a model whose teacher takes single masks (presets panosod and small), run by torch; this one "
            "cannot suggest masks for the frames around a corrected one"
        )
    if not set(masks) & set(range(len(stretch.pictures))):
        raise ValueError("expected a mask of a frame of the stretch")
    session = Session(
        engine,
        frame_rate_hz=1 / engine.config.frame_spacing_s,
        sample_rate_hz=stretch.sound_rate_hz,
        label_guided=True,
        sound_start_s=stretch.sound_start_s,
    )
    maps: list[FrameMap] = []
    sound: NDArray[np.float32] | None = stretch.sound
    for place, (picture, time_s) in enumerate(zip(stretch.pictures, stretch.times_s, strict=True)):
        maps += session.step(picture, sound, mask=masks.get(place), time_s=time_s)
        sound = None
    maps += session.flush()
    return {m.index: m for m in maps if m.guided}


def chained(engine: Engine, stretch: Stretch, mask: NDArray[np.generic], *, threshold: float = 0.5) -> list[FrameMap]:
    """From the first frame of a stretch onwards: each answer is the mask that guides the next frame.

    Args:
        engine: as for :func:`suggest`.
        stretch: the frames, the corrected one first.
        mask: (H, W) of the first one.
        threshold: what of an answer is handed on.

    Returns:
        Answers for the second frame and on.
    """
    known: NDArray[np.generic] = mask
    found = []
    for place in range(1, len(stretch.pictures)):
        members = slice(place - 1, min(place + 2, len(stretch.pictures)))
        window = Stretch(
            stretch.pictures[members], stretch.times_s[members], stretch.sound, stretch.sound_rate_hz,
            stretch.sound_start_s,
        )  # fmt: skip
        answer = suggest(engine, window, {0: known})[1]
        found.append(answer)
        known = answer.saliency > threshold
    return found


def as_mask(saliency: NDArray[np.float32], *, width: int, height: int, threshold: float = 0.5) -> NDArray[np.bool_]:
    """A map as a mask of another size; the picture is a ring.

    Args:
        saliency: (h, w) in 0..1.
        width: wanted, pixels.
        height: wanted, pixels.
        threshold: above it is the mask.
    """
    if saliency.shape == (height, width):
        return saliency > threshold
    seam = max(2, saliency.shape[1] // 32)
    ring = cv2.copyMakeBorder(saliency, 0, 0, seam, seam, cv2.BORDER_WRAP)
    ratio = width / saliency.shape[1]
    wide = cv2.resize(ring, (round(ring.shape[1] * ratio), height), interpolation=cv2.INTER_LINEAR)
    start = round(seam * ratio)
    return np.asarray(wide[:, start : start + width] > threshold)
