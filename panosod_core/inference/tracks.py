"""What the maps of a clip say over time, in numbers a frame. No torch.

How much is salient and where around, how sure, how far from the sound, how near the truth: everything is weighted by
solid angle and knows that azimuth is a ring.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.sphere import FloatArray, azimuth_elevation, pixel_solid_angles
from panosod_core.inference.map_record import SALIENT, MapRecord, MapSource
from panosod_core.metrics.measure import measure_sphere

AZIMUTHS = 72
"""Parts of the ring in which a mask is told of: 5 degrees each."""

PEAK_APART_S = 1.0
"""Two peaks of a track lie at least this far apart: a second look at the same moment teaches nothing."""

_LEAST_ROOM = 256


@dataclass(frozen=True, eq=False)
class FrameFigures:
    """One frame in numbers.

    Attributes:
        index: of the frame in its stream.
        time_s: on the clip's clock.
        source: the model's own map, or one carried along by flow.
        area: share of the sphere that is salient, 0..1.
        entropy: mean binary entropy of the sphere's pixels, bits, 0 (sure) .. 1.
        occupied: (72,) bool, parts of the ring that hold salient pixels; part i as column i of a picture.
        disagreement_rad: angle from the loudest direction to the nearest salient pixel, 0 inside of it; nan without
            salient pixels, in silence, and for sound without directions.
        f: adaptive F against the truth, on the sphere; nan without truth and where the truth holds nothing.
        j: intersection over union with the truth, on the sphere; 1 where both hold nothing; nan without truth.
    """

    index: int
    time_s: float
    source: MapSource
    area: float
    entropy: float
    occupied: NDArray[np.bool_]
    disagreement_rad: float = math.nan
    f: float = math.nan
    j: float = math.nan


def figures_of(
    record: MapRecord, *, loudest: FloatArray | None = None, truth: NDArray[np.generic] | None = None
) -> FrameFigures:
    """The numbers of one frame.

    Args:
        record: its maps.
        loudest: (3,) unit vector to the peak of the energy map; None in silence and without a field.
        truth: (H, W) of any size, the full sphere, nonzero where something is salient; None where it is not known.
    """
    mask = record.saliency >= SALIENT
    f = j = math.nan
    if truth is not None:
        f, j = score_against(record.saliency, truth)
    return FrameFigures(
        index=record.index,
        time_s=record.time_s,
        source=record.source,
        area=record.summary.area,
        entropy=record.summary.entropy,
        occupied=occupied_azimuths(mask),
        disagreement_rad=math.nan if loudest is None else angle_to_mask(loudest, mask),
        f=f,
        j=j,
    )


def salient_area(mask: NDArray[np.bool_]) -> float:
    """Share of the sphere that a mask (H, W) covers, 0..1."""
    height, width = mask.shape
    return float(np.count_nonzero(mask, axis=1) @ pixel_solid_angles(width, height) / (4 * np.pi))


def occupied_azimuths(mask: NDArray[np.bool_], *, parts: int = AZIMUTHS) -> NDArray[np.bool_]:
    """Which parts of the ring hold pixels of a mask (H, W): (parts,) bool, part i as column i of a picture."""
    columns = np.flatnonzero(mask.any(axis=0))
    width = mask.shape[1]
    occupied = np.zeros(parts, np.bool_)
    # A column of a coarse map covers several parts, and a part of a coarse ring several columns.
    first, last = columns * parts // width, -(-(columns + 1) * parts // width)
    for reach in range(int(np.max(last - first, initial=0))):
        occupied[np.minimum(first + reach, last - 1)] = True
    return occupied


def azimuth_ranges(occupied: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """The stretches of the ring that are occupied.

    Args:
        occupied: (parts,) bool, part i as column i of a picture: its left edge at azimuth ``pi - 2 pi i / parts``.

    Returns:
        (from, to) in radians for each stretch, from right to left as azimuth grows: ``from`` in [-pi, pi),
        ``from < to <= from + 2 pi``, so that one across the back ends beyond pi. In the order of ``from``.
    """
    parts = len(occupied)
    ring = np.asarray(occupied, np.bool_)[::-1]  # azimuth rises, from -pi on
    if ring.all():
        return ((-np.pi, np.pi),)
    starts = np.flatnonzero(ring & ~np.roll(ring, 1))
    ends = np.flatnonzero(ring & ~np.roll(ring, -1)) + 1
    step = 2 * np.pi / parts
    found = []
    for start in starts:
        end = ends[np.argmin((ends - start - 1) % parts)]
        length = (end - start - 1) % parts + 1
        found.append((float(start * step - np.pi), float((start + length) * step - np.pi)))
    return tuple(found)


def angle_to_mask(direction: FloatArray, mask: NDArray[np.bool_]) -> float:
    """Angle from a direction to the nearest pixel of a mask.

    Args:
        direction: (3,) unit vector.
        mask: (H, W), the full sphere.

    Returns:
        Radians, to the pixel's centre; 0 where the pixel that holds the direction belongs to the mask; nan for an
        empty mask.
    """
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return math.nan
    azimuth, elevation = (float(v) for v in azimuth_elevation(direction))
    row = min(int((0.5 - elevation / np.pi) * height), height - 1)
    column = int((0.5 - azimuth / (2 * np.pi)) * width) % width
    if mask[row, column]:
        return 0.0
    up = (0.5 - (rows + 0.5) / height) * np.pi
    around = (0.5 - (columns + 0.5) / width) * 2 * np.pi
    # The haversine, which keeps its digits for small angles where the cosine has none left.
    half = np.sin((up - elevation) / 2)[:, None] ** 2 + (
        np.cos(up)[:, None] * np.cos(elevation) * np.sin((around - azimuth) / 2) ** 2
    )
    nearest = float(np.min(half, where=mask[np.ix_(rows, columns)], initial=1.0))
    return 2 * math.asin(math.sqrt(min(nearest, 1.0)))


def score_against(saliency: NDArray[np.uint8], truth: NDArray[np.generic]) -> tuple[float, float]:
    """Adaptive F and J of a map against the truth, both on the sphere, in the map's size.

    Args:
        saliency: (H, W) uint8, probability times 255.
        truth: (h, w) of any size, nonzero where something is salient.

    Returns:
        F, nan where the truth holds nothing (it is 0 by definition then, which would say something of the model), and
        J, 1 where both hold nothing.
    """
    height, width = saliency.shape
    rows = ((np.arange(height) + 0.5) * truth.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * truth.shape[1] / width).astype(np.int64)
    salient = truth[np.ix_(rows, columns)] != 0
    scores = measure_sphere(saliency, salient)
    return float(scores.f[0]) if salient.any() else math.nan, float(scores.j[0])


@dataclass(frozen=True, eq=False)
class Tracks:
    """The numbers of many frames as columns, in the order of time; see :class:`FrameFigures` for their meaning.

    Attributes:
        index: (n,) int64, rising.
        time_s: (n,) float64.
        is_model: (n,) bool, the model's own map rather than one carried by flow.
        area, entropy, disagreement_rad, f, j: (n,) float32.
        occupied: (n, 72) bool.
    """

    index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    is_model: NDArray[np.bool_]
    area: NDArray[np.float32]
    entropy: NDArray[np.float32]
    disagreement_rad: NDArray[np.float32]
    f: NDArray[np.float32]
    j: NDArray[np.float32]
    occupied: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.index)

    def nearest(self, time_s: float, *, reach_s: float) -> int | None:
        """Row of the frame nearest to a time; None where none is within reach."""
        if not len(self):
            return None
        after = int(np.searchsorted(self.time_s, time_s))
        near = [k for k in (after - 1, after) if 0 <= k < len(self)]
        best = min(near, key=lambda k: abs(self.time_s[k] - time_s))
        return best if abs(self.time_s[best] - time_s) <= reach_s else None


class TrackTable:
    """Collects the numbers of frames as they come, in any order; a later one of the same frame replaces the earlier."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self._columns = _columns(_LEAST_ROOM)

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, figures: FrameFigures) -> None:
        """Take the numbers of a frame."""
        row = self._rows.setdefault(figures.index, len(self._rows))
        if row == len(self._columns["index"]):
            more = _columns(row)
            self._columns = {name: np.concatenate([old, more[name]]) for name, old in self._columns.items()}
        for name, column in self._columns.items():
            column[row] = figures.source is MapSource.MODEL if name == "is_model" else getattr(figures, name)

    def drop(self, index: int) -> None:
        """Forget a frame; nothing where it is not known."""
        row = self._rows.pop(index, None)
        if row is None:
            return
        last = len(self._rows)
        if row != last:
            for column in self._columns.values():
                column[row] = column[last]
            self._rows[int(self._columns["index"][row])] = row

    def tracks(self) -> Tracks:
        """All frames so far, sorted: a copy."""
        n = len(self._rows)
        order = np.argsort(self._columns["index"][:n])
        return Tracks(**{name: column[:n][order] for name, column in self._columns.items()})


def no_tracks() -> Tracks:
    """The tracks of no frames at all."""
    return Tracks(**_columns(0))


def ranked_peaks(
    values: NDArray[np.floating], time_s: NDArray[np.floating], *, apart_s: float = PEAK_APART_S
) -> NDArray[np.int64]:
    """Rows of the local peaks of a track, the highest first.

    A row is a peak where nothing within ``apart_s`` is higher; of equal ones within that distance the first counts.
    Values of 0 and below, and nan, are no peaks.

    Args:
        values: (n,).
        time_s: (n,), rising.
        apart_s: least distance of two peaks.
    """
    known = np.nan_to_num(np.asarray(values, np.float64), nan=-np.inf)
    low = np.searchsorted(time_s, time_s - apart_s, side="left")
    high = np.searchsorted(time_s, time_s + apart_s, side="right")
    taken = np.zeros(len(known), np.bool_)
    peaks = []
    # Most rows lie on a slope, and need no closer look.
    slope = np.concatenate([known[1:] > known[:-1], [False]]) | np.concatenate([[False], known[:-1] > known[1:]])
    candidates = np.flatnonzero(~slope[: len(known)] & (known > 0))
    for row in candidates[np.argsort(-known[candidates], kind="stable")]:
        around = slice(low[row], high[row])
        if known[around].max() <= known[row] and not taken[around].any():
            taken[row] = True
            peaks.append(row)
    return np.array(peaks, np.int64)


def _columns(room: int) -> dict[str, NDArray[Any]]:
    kinds: dict[str, type] = {"index": np.int64, "time_s": np.float64, "is_model": np.bool_, "occupied": np.bool_}
    shapes = {"occupied": (room, AZIMUTHS)}
    return {f.name: np.zeros(shapes.get(f.name, (room,)), kinds.get(f.name, np.float32)) for f in fields(Tracks)}
