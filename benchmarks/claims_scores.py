"""What a model's maps are judged by, beside F, S, E and MAE: the choice among look-alikes, places, and turning."""

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import angle_between, equirect_directions, pixel_solid_angles

Floats = NDArray[np.floating]
_LEAST_REACH_RAD = float(np.radians(20.0))
_STEPS = 10


def choice_right(
    maps: Floats, labels: NDArray[np.uint8], candidates: NDArray[np.bool_], sounding: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Whether the candidate with the highest mean saliency (by solid angle over its mask) is one that sounds.

    Args:
        maps: (B, H, W) saliency.
        labels: (B, H, W), id of the object in front; slot k is id k + 1.
        candidates: (B, K), which objects are to choose from (the twins; where all differ, all).
        sounding: (B, K), which of them sound.

    Returns:
        (B,) 1 right, 0 wrong; equal means share: 1/n of n.
    """
    weight = pixel_solid_angles(maps.shape[-1], maps.shape[-2])[:, None]
    right = np.zeros(len(maps))
    for b in range(len(maps)):
        slots = np.flatnonzero(candidates[b])
        means = np.empty(len(slots))
        for n, slot in enumerate(slots):
            inside = (labels[b] == slot + 1) * weight
            means[n] = (maps[b] * inside).sum() / max(float(inside.sum()), 1e-12)
        best = means == means.max()
        right[b] = (best & sounding[b][slots]).sum() / best.sum()
    return right


def peak_direction(surface: Floats) -> NDArray[np.float64]:
    """Where a map (H, W) on the sphere peaks: the weighted centroid about its maximum, a unit vector.

    Pixels within 1.5 rows (at least 20 degrees) count with what they have above half of the map's range, times their
    solid angle, less towards the rim; the rim follows the centroid, which begins at the highest pixel. Seam and poles
    need no care: directions are summed.
    """
    height, width = surface.shape
    directions = equirect_directions(width, height).reshape(-1, 3)
    values = np.asarray(surface, np.float64).ravel()
    low, high = values.min(), values.max()
    centre = np.asarray(directions[int(values.argmax())])
    if high <= low:
        return centre
    weight = np.clip((values - low) / (high - low) - 0.5, 0, None) * np.repeat(pixel_solid_angles(width, height), width)
    rim = np.cos(max(_LEAST_REACH_RAD, 1.5 * np.pi / height))
    for _ in range(_STEPS):
        about = (weight * np.clip(directions @ centre - rim, 0, None)) @ directions
        centre = np.asarray(about / np.linalg.norm(about))
    return centre


def peak_errors_deg(maps: Floats, directions: Floats, sounding: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Angles between the peaks of maps (B, H, W) and the nearest sounding objects' centres (B, K, 3): (B,)."""
    out = np.empty(len(maps))
    for b, surface in enumerate(maps):
        true = np.asarray(directions[b][sounding[b]], np.float64)
        out[b] = np.degrees(np.min(angle_between(true, peak_direction(surface)[None])))
    return out


def turning_errors(maps: Floats, turned_back: Floats) -> NDArray[np.float64]:
    """How far maps (B, H, W) are from those of the turned world, turned back: (B,) in 0..1.

    One less the soft overlap ``sum min / sum max`` over the sphere: 0 for maps that turn with the world.
    """
    weight = pixel_solid_angles(maps.shape[-1], maps.shape[-2])[:, None]
    both = (np.minimum(maps, turned_back) * weight).sum((-2, -1))
    either = (np.maximum(maps, turned_back) * weight).sum((-2, -1))
    return np.asarray(1 - both / np.maximum(either, 1e-12))
