"""The door: pairs of maps in, scores out."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.geometry.sphere import pixel_solid_angles
from panosod_core.metrics.counts import FloatArray, LevelMap, MaskMap, count_maps
from panosod_core.metrics.options import MetricOptions
from panosod_core.metrics.scores import Scores, score

DEFAULT = MetricOptions()


def measure(
    predictions: NDArray[np.uint8],
    truths: NDArray[np.uint8] | NDArray[np.bool_],
    options: MetricOptions = DEFAULT,
    *,
    row_weights: FloatArray | None = None,
    around: bool = False,
) -> Scores:
    """Scores of predictions as the published metrics define them: flat, every pixel alike.

    Args:
        predictions: (B, H, W) or (H, W) uint8; make probabilities into levels with :func:`to_levels`.
        truths: same shape; bool, or uint8 of which levels above ``options.truth_above`` are object.
        options: where published evaluations differ.
        row_weights: (H,) positive weight of the pixels of each row, of any scale; equal weights change nothing.
        around: cut the blocks of S on the ring (see :func:`~panosod_core.metrics.counts.count_maps`), so that no score
            depends on where the panorama is cut open.

    Raises:
        ValueError: shapes or types that do not fit, or no pixels.
    """
    maps, masks = _checked(predictions, truths, options)
    counts = count_maps(maps, masks, row_weights=row_weights, around=around, plus_one=options.centroid_plus_one)
    return score(counts, options)


def measure_sphere(
    predictions: NDArray[np.uint8],
    truths: NDArray[np.uint8] | NDArray[np.bool_],
    options: MetricOptions = DEFAULT,
) -> Scores:
    """Scores on the sphere, of equirectangular maps: every pixel counts for its solid angle, and S wraps around.

    The flat scores count a pixel at the pole like one at the horizon, which stands for a thousand times the area. Here
    F, E, MAE, J and both thresholds are integrals over the sphere; S compares above with below the object and the half
    sphere left of it with the half right of it. Turning both maps in yaw changes nothing.

    Args:
        predictions: (B, H, W) or (H, W) uint8, the full sphere.
        truths: as in :func:`measure`.
        options: as in :func:`measure`; ``centroid_plus_one`` has no meaning here.

    Raises:
        ValueError: shapes or types that do not fit.
    """
    height, width = np.shape(predictions)[-2:]
    return measure(predictions, truths, options, row_weights=pixel_solid_angles(width, height), around=True)


def to_levels(probabilities: ArrayLike) -> LevelMap:
    """8-bit levels of probabilities in 0..1, rounded to the nearest: what saving the map as a PNG makes of it.

    Raises:
        ValueError: values outside 0..1, or not finite.
    """
    values = np.asarray(probabilities, np.float64)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError("probabilities must lie in 0..1")
    return np.rint(values * 255).astype(np.uint8)


def _checked(
    predictions: NDArray[np.uint8], truths: NDArray[np.uint8] | NDArray[np.bool_], options: MetricOptions
) -> tuple[LevelMap, MaskMap]:
    maps = np.asarray(predictions)
    marks: NDArray[Any] = np.asarray(truths)
    if maps.shape != marks.shape or maps.ndim not in (2, 3) or 0 in maps.shape[-2:]:
        raise ValueError(f"expected two (B, H, W) or (H, W) arrays of one shape, got {maps.shape} and {marks.shape}")
    if maps.dtype != np.uint8:
        raise ValueError(f"predictions must be uint8 levels (see to_levels), got {maps.dtype}")
    if marks.dtype not in (np.uint8, np.bool_):
        raise ValueError(f"masks must be bool or uint8, got {marks.dtype}")
    masks: MaskMap = marks if marks.dtype == np.bool_ else marks > options.truth_above
    return maps.reshape(-1, *maps.shape[-2:]), masks.reshape(-1, *masks.shape[-2:])
