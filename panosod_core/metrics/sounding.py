"""What only known scenes can tell of maps: whether they chose the look-alike that sounds, and where they hear it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray, angle_between, equirect_directions, pixel_solid_angles

LEAST_REACH_RAD = float(np.radians(20.0))
"""How far from the highest point of a map its peak is averaged, at least."""


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """Who is where in a frame; slot k is the object of id k + 1.

    Attributes:
        labels: (H, W) uint8, id of the object in front, 0 background.
        candidates: (K,) bool, the look-alikes that cannot be told apart by sight.
        sounding: (K,) bool.
        directions: (K, 3) unit vectors of the objects' centres.
    """

    labels: NDArray[np.uint8]
    candidates: NDArray[np.bool_]
    sounding: NDArray[np.bool_]
    directions: FloatArray


def right_choice(saliency: NDArray[np.floating], truth: FrameTruth) -> float | None:
    """Whether the look-alike with the highest mean saliency sounds.

    Means are over the visible part of an object, by solid angle.

    Args:
        saliency: (H, W), as the labels.
        truth: of the frame.

    Returns:
        1 right, 0 wrong, 1/n where n are equally high and one of them sounds; None where there is nothing to choose:
        fewer than two look-alikes are seen, none of them or all of them sound.
    """
    if saliency.shape != truth.labels.shape:
        raise ValueError(f"expected saliency of the labels' shape {truth.labels.shape}, got {saliency.shape}")
    weight = np.broadcast_to(pixel_solid_angles(*saliency.shape[::-1])[:, None], saliency.shape).ravel()
    ids = truth.labels.ravel()
    sizes = np.bincount(ids, weight, minlength=256)
    sums = np.bincount(ids, weight * np.asarray(saliency, np.float64).ravel(), minlength=256)
    slots = [k for k in np.flatnonzero(truth.candidates).tolist() if sizes[k + 1] > 0]
    sounds = truth.sounding[slots]
    if len(slots) < 2 or sounds.all() or not sounds.any():
        return None
    means = np.array([sums[k + 1] / sizes[k + 1] for k in slots])
    best = means == means.max()
    return float(sounds[best].mean())


def map_peak(surface: NDArray[np.floating]) -> FloatArray:
    """Where a map on the sphere peaks, finer than its cells: the weighted centroid about its maximum.

    Cells within 1.5 rows (at least 20 degrees) of the highest one count with what they have above the middle of the
    map's range, times their solid angle. Directions are summed, so that seam and poles need no care.

    Args:
        surface: (h, w), equirectangular, finite.

    Returns:
        (3,) unit vector; of a map without any relief the first cell's.
    """
    height, width = surface.shape
    directions = equirect_directions(width, height)
    values = np.asarray(surface, np.float64)
    low, high = float(values.min()), float(values.max())
    top: FloatArray = directions[np.unravel_index(int(values.argmax()), values.shape)]
    if not high > low:
        return top
    above = np.clip((values - low) / (high - low) - 0.5, 0.0, None)
    near = directions @ top > np.cos(max(LEAST_REACH_RAD, 1.5 * np.pi / height))
    weight = above * near * pixel_solid_angles(width, height)[:, None]
    centre = np.einsum("hw,hwc->c", weight, directions)
    return np.asarray(centre / np.linalg.norm(centre))


def location_error_deg(surface: NDArray[np.floating], truth: FrameTruth) -> float | None:
    """Angle between a map's peak and the nearest sounding object's centre; None where nothing sounds."""
    if not truth.sounding.any():
        return None
    return float(np.degrees(angle_between(truth.directions[truth.sounding], map_peak(surface)[None]).min()))


@dataclass
class SoundingTally:
    """Choices and errors of many frames."""

    choices: list[float] = field(default_factory=list)
    errors_deg: list[float] = field(default_factory=list)

    def add(self, saliency: NDArray[np.floating], location: NDArray[np.floating] | None, truth: FrameTruth) -> None:
        """Take in a frame; ``location`` is what the model's location map says, higher where it hears."""
        choice = right_choice(saliency, truth)
        if choice is not None:
            self.choices.append(choice)
        error = None if location is None else location_error_deg(location, truth)
        if error is not None:
            self.errors_deg.append(error)

    def result(self) -> "SoundingScores":
        """The numbers so far."""
        errors = np.array(self.errors_deg)
        known = len(errors) > 0
        return SoundingScores(
            choices=len(self.choices),
            twin_accuracy=float(np.mean(self.choices)) if self.choices else None,
            located=len(errors),
            location_median_deg=float(np.median(errors)) if known else None,
            location_mean_deg=float(errors.mean()) if known else None,
            location_p90_deg=float(np.quantile(errors, 0.9)) if known else None,
        )


@dataclass(frozen=True)
class SoundingScores:
    """What a tally comes to; None where no frame had it.

    Attributes:
        choices: frames in which there was something to choose.
        twin_accuracy: share of right choices, 0..1.
        located: frames with a location map and something that sounds.
        location_median_deg, location_mean_deg, location_p90_deg: angle from the map's peak to the nearest sounding
            object's centre: median, mean, and what nine of ten stay below.
    """

    choices: int
    twin_accuracy: float | None
    located: int
    location_median_deg: float | None
    location_mean_deg: float | None
    location_p90_deg: float | None
