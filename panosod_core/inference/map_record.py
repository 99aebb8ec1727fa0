"""What a model says of one frame, ready to be kept: maps in 8 bits, and the numbers that a timeline draws. No torch."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import pixel_solid_angles

SALIENT = 128
"""Least value of a salient pixel in 8 bits: probability one half."""

_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1)
"""Level 1: a third of the time of level 6 for a tenth more bytes."""


class MapSource(StrEnum):
    """Where a map comes from."""

    MODEL = "model"
    FLOW = "flow"
    """Carried along from the nearest frame that the model has seen, by optical flow."""


@dataclass(frozen=True)
class MapSummary:
    """A frame's maps in four numbers.

    Attributes:
        area: share of the sphere's solid angle with a probability of at least one half, 0..1.
        entropy: mean over the sphere (by solid angle) of the pixels' binary entropy in bits, 0 (sure) .. 1.
        peak_azimuth_rad: of the location map's highest point, left positive; None without a location map.
        peak_elevation_rad: the same, up positive.
    """

    area: float
    entropy: float
    peak_azimuth_rad: float | None = None
    peak_elevation_rad: float | None = None


@dataclass(frozen=True, eq=False)
class MapRecord:
    """The maps of one frame. Checked at birth.

    Attributes:
        index: of the frame in its stream, presentation order.
        pts: its presentation time stamp in the stream's ticks.
        time_s: its time on the clip's clock.
        saliency: (H, W) uint8, probability times 255, the full sphere in the model's size.
        location: (h, w) float32, where the model hears sound, on the feature grid, not normalised; None without it.
        summary: the numbers of both.
        source: the model itself, or flow.
        carried: frames between this one and the one that the model saw: 0 exactly for the model's own.
    """

    index: int
    pts: int
    time_s: float
    saliency: NDArray[np.uint8]
    location: NDArray[np.float32] | None
    summary: MapSummary
    source: MapSource = MapSource.MODEL
    carried: int = 0

    def __post_init__(self) -> None:
        if self.index < 0:
            raise ValueError(f"frame index must not be negative, got {self.index}")
        if self.saliency.ndim != 2 or self.saliency.dtype != np.uint8 or not self.saliency.size:
            raise ValueError(f"expected saliency (H, W) uint8, got {self.saliency.shape} {self.saliency.dtype}")
        if self.location is not None:
            check_location(self.location)
        if (self.source is MapSource.MODEL) != (self.carried == 0) or self.carried < 0:
            raise ValueError(f"a map of the {self.source} cannot have been carried over {self.carried} frames")


def map_record(
    index: int,
    *,
    pts: int,
    time_s: float,
    saliency: NDArray[np.floating] | NDArray[np.uint8],
    location: NDArray[np.floating] | None = None,
    carried: int = 0,
) -> MapRecord:
    """The record of maps as they come from the network, with its summary computed.

    Args:
        index: of the frame.
        pts: of the frame.
        time_s: of the frame.
        saliency: (H, W) probabilities 0..1 in floating point, or 8 bits.
        location: (h, w), finite.
        carried: frames it was carried over by flow; 0 for the model's own.

    Raises:
        ValueError: wrong shapes, or numbers that are not finite.
    """
    if saliency.dtype == np.uint8:
        stored = np.ascontiguousarray(saliency, np.uint8)
    else:
        if not np.isfinite(saliency).all():
            raise ValueError("the saliency holds values that are not numbers")
        stored = np.asarray(np.rint(np.clip(saliency, 0, 1) * 255), np.uint8)
    where = None if location is None else np.ascontiguousarray(location, np.float32)
    if where is not None:
        check_location(where)
    summary = summarise(stored, where)
    source = MapSource.FLOW if carried else MapSource.MODEL
    return MapRecord(index, pts, time_s, stored, where, summary, source, carried)


def check_location(location: NDArray[np.float32]) -> None:
    """Raise ValueError where it is no location map."""
    if location.ndim != 2 or location.dtype != np.float32 or not location.size or not np.isfinite(location).all():
        raise ValueError(f"expected a finite location (h, w) float32, got {location.shape} {location.dtype}")


def _entropies() -> NDArray[np.float64]:
    p = np.arange(256) / 255
    q = 1 - p
    bits: NDArray[np.float64] = -(p * np.log2(np.maximum(p, 1e-300)) + q * np.log2(np.maximum(q, 1e-300)))
    return bits


_ENTROPY_BITS = _entropies()
"""Binary entropy of every 8-bit probability."""


def summarise(saliency: NDArray[np.uint8], location: NDArray[np.float32] | None) -> MapSummary:
    """The summary of a pair of maps, weighted by solid angle.

    Args:
        saliency: (H, W).
        location: (h, w), finite, or None.
    """
    height, width = saliency.shape
    weights = pixel_solid_angles(width, height) / (4 * math.pi)
    area = float(weights @ np.count_nonzero(saliency >= SALIENT, axis=1))
    entropy = float(weights @ _ENTROPY_BITS[saliency].sum(axis=1))
    azimuth_rad, elevation_rad = (None, None) if location is None else peak_direction(location)
    return MapSummary(min(area, 1.0), min(max(entropy, 0.0), 1.0), azimuth_rad, elevation_rad)


def peak_direction(location: NDArray[np.floating]) -> tuple[float, float]:
    """Azimuth and elevation of a map's highest point, radians: finer than its grid, by a parabola in each direction.

    Columns are a ring; rows end at the poles.
    """
    height, width = location.shape
    row, column = (int(n) for n in np.unravel_index(int(np.argmax(location)), location.shape))
    values = np.asarray(location, np.float64)
    top = values[row, column]
    x = column + _vertex(values[row, column - 1], top, values[row, (column + 1) % width])
    y = float(row)
    if 0 < row < height - 1:
        y += _vertex(values[row - 1, column], top, values[row + 1, column])
    azimuth_rad = (0.5 - (x + 0.5) / width) * 2 * math.pi
    azimuth_rad = math.pi - (math.pi - azimuth_rad) % (2 * math.pi)  # into (-pi, pi]
    return azimuth_rad, (0.5 - (y + 0.5) / height) * math.pi


def _vertex(before: float, top: float, after: float) -> float:
    """Place of the parabola's top through three points at -1, 0, 1, of which the middle is the highest: -0.5..0.5."""
    bend = before - 2 * top + after
    return 0.0 if bend >= 0 else 0.5 * float(before - after) / float(bend)


def encode_png(grey: NDArray[np.uint8]) -> bytes:
    """A grey picture (H, W) as PNG."""
    done, data = cv2.imencode(".png", grey, _PNG_OPTIONS)
    if not done:
        raise ValueError(f"OpenCV cannot encode {grey.shape} {grey.dtype} as PNG")
    return data.tobytes()


def decode_png(data: bytes) -> NDArray[np.uint8] | None:
    """A grey picture (H, W) from PNG; None where it is none or damaged."""
    try:
        picture: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        return None
    return picture if picture is not None and picture.ndim == 2 and picture.dtype == np.uint8 else None


@dataclass(frozen=True)
class PackedLocation:
    """A location map in 8 bits between its own lowest and highest value.

    Attributes:
        png: the levels 0..255.
        low: value of level 0.
        high: value of level 255.
    """

    png: bytes
    low: float
    high: float


def pack_location(location: NDArray[np.float32]) -> PackedLocation:
    """A location map in 8 bits: off by half of (high - low) / 255 at most."""
    low, high = float(location.min()), float(location.max())
    levels = np.zeros(location.shape, np.uint8)
    if high > low:
        levels = np.asarray(np.rint((location.astype(np.float64) - low) * (255 / (high - low))), np.uint8)
    return PackedLocation(encode_png(levels), low, high)


def unpack_location(packed: PackedLocation) -> NDArray[np.float32] | None:
    """The map again; None where it is damaged."""
    levels = decode_png(packed.png)
    if levels is None:
        return None
    return np.asarray(packed.low + levels * ((packed.high - packed.low) / 255), np.float32)
