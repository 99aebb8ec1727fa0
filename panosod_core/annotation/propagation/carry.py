"""Carrying one object's mask from a key frame through the frames that follow, by dense optical flow.

Every frame is seen through a window that follows the object (:mod:`.window`), so flow never meets the seam, a pole or
a motion larger than the object's own surprise. What is carried is not the mask but, for every pixel of the window, the
place in the key frame that it shows; the mask is always read from the key frame, so that its outline does not wear off
with the number of frames. After each step the place is corrected against the key frame itself, where that fits better:
drift does not add up.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions.morphology import bounding_cap
from panosod_core.geometry.regions.ring import RingMask
from panosod_core.geometry.regions.turning import shortest_turn
from panosod_core.geometry.regions.window import FloatImage, Window, facing

Luma = NDArray[np.uint8]

_MARGIN_RAD = math.radians(12)
_RIM_PX = 7
"""Twice how far from the outline flow mixes object and surroundings."""
_SMOOTH_PX = 5.0
_FEWEST_PX = 30.0
_ALIGNMENT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 1e-4)
_PLAIN = 5.0
"""Standard deviation of brightness below which a surface shows nothing to follow."""
_LOST_SHARE = 0.15
"""Of the key frame's area: less than this is left, and the object counts as lost."""


@dataclass(frozen=True, eq=False)
class Carried:
    """An object in one frame.

    Attributes:
        mask: its pixels at the mask's size; None where it is lost.
        confidence: 0..1, how well the picture under the mask fits that of the key frame.
    """

    mask: RingMask | None
    confidence: float


class Carrier:
    """One object on its way. Not for several threads at once."""

    def __init__(self, luma: Luma, mask: NDArray[np.generic]) -> None:
        """Start from a frame whose mask is known.

        Args:
            luma: (h, w) brightness of the full sphere at the working size.
            mask: (H, W) of the object at its own size, not 0 inside.

        Raises:
            AnnotationError: the mask is empty.
        """
        self._mask_size = (mask.shape[1], mask.shape[0])
        inside = np.asarray(mask != 0, np.float32)
        around = bounding_cap(inside)
        if around is None:
            raise AnnotationError("expected an object to carry along, its mask in this frame is empty: paint it first")
        centre, radius = around
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._key(luma, inside, centre, radius)

    def _key(self, luma: Luma, inside: FloatImage, centre: np.ndarray, radius: float) -> None:
        """Begin anew from this frame."""
        reach = radius + max(_MARGIN_RAD, 0.4 * radius)
        density = luma.shape[1] / (2 * math.pi)
        rotation = facing(centre)
        self._window = Window(rotation, min(2 * math.pi, 2 * reach), min(math.pi, 2 * reach), density)
        directions = self._window.directions()
        self._key_luma = self._last_luma = np.asarray(self._window.look(luma, directions), np.uint8)
        self._key_mask = np.asarray(self._window.look(inside, directions), np.float32)
        self._key_inside = (self._key_mask >= 0.5).astype(np.uint8)
        self._key_area = float(self._key_mask.sum())
        width, height = self._window.size
        self._here = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
        self._source = self._here.copy()
        self._soft = self._key_mask
        self._drift = np.zeros(2)

    def step(self, luma: Luma, *, guide: FloatImage | None = None) -> Carried:
        """Carry on to the next frame.

        Args:
            luma: (h, w) brightness of the full sphere, of the first frame's size.
            guide: (h', w') 0..1 a model's saliency of this frame, which settles pixels near the outline; or None.

        Returns:
            Where the object is now.
        """
        window = self._followed()
        directions = window.directions()
        shown = np.asarray(window.look(luma, directions), np.uint8)
        back = self._flow.calc(shown, self._last_luma, np.zeros((*shown.shape, 2), np.float32))
        source = _read(self._source, self._here + back)
        source = self._object_motion(shown, self._corrected(shown, source))
        soft = _read(self._key_mask, source)
        confidence = self._fit(shown, source, soft)
        if guide is not None:
            soft = _guided(soft, np.asarray(window.look(np.asarray(guide, np.float32), directions)))
        area = float(soft.sum())
        lost = area < _LOST_SHARE * self._key_area
        if not lost:
            self._note_drift(soft)
        self._window, self._last_luma, self._source, self._soft = window, shown, source, soft
        width, height = self._mask_size
        mask = None if lost else window.place(soft, width=width, height=height)
        if mask is not None and self._touches_edge(soft):
            self._start_anew(luma, mask)
        return Carried(mask, 0.0 if lost else confidence)

    def _followed(self) -> Window:
        """The window turned to where the object was last, keeping its own upright: no spin at the poles."""
        old = self._window
        if not self._drift.any():
            return old
        x, y = self._drift
        azimuth, elevation = -x / old.pixels_per_rad, -y / old.pixels_per_rad
        seen = np.array(
            [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
        )
        turn = shortest_turn(old.centre, old.R_world_window @ seen)
        # A product of thousands of rotations is none any more but for this.
        left, _, right = np.linalg.svd(turn @ old.R_world_window)
        return Window(left @ right, old.width_rad, old.height_rad, old.pixels_per_rad)

    def _note_drift(self, soft: FloatImage) -> None:
        """How far the object's middle lies from the window's: the next window looks there."""
        total = float(soft.sum())
        height, width = soft.shape
        x = float(soft.sum(axis=0) @ np.arange(width)) / total - (width - 1) / 2
        y = float(soft.sum(axis=1) @ np.arange(height)) / total - (height - 1) / 2
        self._drift = np.array([x, y])

    def _corrected(self, shown: Luma, source: FloatImage) -> FloatImage:
        """The places in the key frame, matched with it anew where that fits better."""
        guess = source - self._here
        refined = self._flow.calc(shown, self._key_luma, guess.copy()) + self._here
        soft = np.maximum(_read(self._key_mask, source), 0.02)
        before = self._difference(shown, source)
        after = self._difference(shown, refined)
        better = float((after * soft).sum()) < float((before * soft).sum())
        return np.asarray(refined if better else source, np.float32)

    def _object_motion(self, shown: Luma, source: FloatImage) -> FloatImage:
        """The object's own motion for every pixel, its surroundings' left out.

        Flow mixes both along the outline, just where it decides. So only its inside is believed, where it fits the key
        frame: an affine motion through it, and what the inside departs from that, smoothly carried on outwards.
        """
        soft = _read(self._key_mask, source)
        believed = cv2.erode(soft, np.ones((_RIM_PX, _RIM_PX), np.uint8))
        if float(believed.sum()) < _FEWEST_PX:
            believed = soft
        believed = believed * np.exp(-self._difference(shown, source) / 12.0)
        if float(believed.sum()) < _FEWEST_PX:
            return source
        matrix = _affine_through(self._here, source, believed)
        affine = self._aligned(shown, matrix)
        rest = source - affine
        spread = cv2.GaussianBlur(believed, (0, 0), _SMOOTH_PX)[..., None] + 1e-3
        smooth = cv2.GaussianBlur(rest * believed[..., None], (0, 0), _SMOOTH_PX) / spread
        return np.asarray(affine + smooth, np.float32)

    def _aligned(self, shown: Luma, matrix: NDArray[np.float64]) -> FloatImage:
        """The affine motion, aligned with the key frame's pixels inside the mask where that can be done better."""
        places = _mapped(self._here, matrix)
        start = np.ascontiguousarray(matrix.T, np.float32)
        try:
            _, found = cv2.findTransformECC(
                shown, self._key_luma, start, cv2.MOTION_AFFINE, _ALIGNMENT, self._key_inside, 5
            )
        except cv2.error as error:
            if error.code != cv2.Error.StsNoConv:
                raise
            # Nothing correlates: a uniform object, or one that has gone.
            return places
        aligned = _mapped(self._here, found.T.astype(np.float64))
        weight = _read(self._key_mask, places)
        before = float((self._difference(shown, places) * weight).sum()) / max(1.0, float(weight.sum()))
        weight = _read(self._key_mask, aligned)
        after = float((self._difference(shown, aligned) * weight).sum()) / max(1.0, float(weight.sum()))
        return aligned if after < before else places

    def _difference(self, shown: Luma, source: FloatImage) -> FloatImage:
        known = _read(self._key_luma, source).astype(np.float32)
        return np.asarray(np.abs(cv2.boxFilter(known - shown.astype(np.float32), -1, (5, 5))), np.float32)

    def _fit(self, shown: Luma, source: FloatImage, soft: FloatImage) -> float:
        """Correlation of the picture under the mask with what the key frame shows there, 0..1.

        Where the object has next to no contrast, how near the brightness is takes its place.
        """
        weight = float(soft.sum())
        if weight < 1:
            return 0.0
        share = soft / weight
        known, seen = _read(self._key_luma, source), shown.astype(np.float32)
        known = known - float((known * share).sum())
        mean = float((seen * share).sum())
        seen = seen - mean
        spread = float((known**2 * share).sum()), float((seen**2 * share).sum())
        if spread[0] < _PLAIN**2:
            return float(np.exp(-float((self._difference(shown, source) * share).sum()) / _PLAIN))
        return max(0.0, float((known * seen * share).sum()) / math.sqrt(spread[0] * max(spread[1], 1e-6)))

    def _touches_edge(self, soft: FloatImage) -> bool:
        rim = max(soft[0].max(), soft[-1].max())
        if self._window.width_rad < 2 * math.pi:
            rim = max(rim, soft[:, 0].max(), soft[:, -1].max())
        return bool(rim >= 0.5) and self._window.height_rad < math.pi

    def _start_anew(self, luma: Luma, mask: RingMask) -> None:
        """The object outgrew its window: this frame becomes the key frame of a larger one."""
        inside = mask.full((self._mask_size[1], self._mask_size[0])).astype(np.float32)
        around = bounding_cap(inside)
        if around is not None:
            self._key(luma, inside, *around)


def _read(picture: NDArray[np.uint8] | FloatImage, places: FloatImage) -> FloatImage:
    # Pairs of places need no second map. Its stubs do not know that; OpenCV 5 reads nonsense from an empty array.
    pairs: Any = None
    read = cv2.remap(picture, places, pairs, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.float32)


def _affine_through(here: FloatImage, source: FloatImage, weights: FloatImage) -> NDArray[np.float64]:
    """The affine map (3, 2) from window places to where they come from, by least squares that forget outliers."""
    chosen = weights > 0.05
    x = np.concatenate([here[chosen], np.ones((int(chosen.sum()), 1), np.float32)], axis=1).astype(np.float64)
    y, weight = source[chosen].astype(np.float64), weights[chosen].astype(np.float64)
    robust = weight
    matrix: NDArray[np.float64] = np.zeros((3, 2))
    for _ in range(4):
        scaled = x * robust[:, None]
        matrix = np.asarray(np.linalg.lstsq(scaled.T @ x, scaled.T @ y, rcond=None)[0], np.float64)
        off = np.linalg.norm(y - x @ matrix, axis=1)
        scale = max(0.3, 2.0 * float(np.median(off)))
        robust = weight / (1 + (off / scale) ** 2)
    return matrix


def _mapped(here: FloatImage, matrix: NDArray[np.float64]) -> FloatImage:
    mapped = here @ matrix[:2].astype(np.float32) + matrix[2].astype(np.float32)
    return np.asarray(mapped, np.float32)


def _guided(soft: FloatImage, guide: NDArray[np.generic]) -> FloatImage:
    """Near the outline, where flow knows least, the model's opinion counts for half; elsewhere not at all."""
    unsure = cv2.GaussianBlur(4 * soft * (1 - soft), (0, 0), 2.0)
    share = np.clip(unsure, 0, 1) * 0.5
    return np.asarray(soft * (1 - share) + np.asarray(guide, np.float32) * share, np.float32)
