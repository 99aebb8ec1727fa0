"""Pictures against time: what lies in a stretch of time, one column a device pixel. numpy and QImage; no pyqtgraph.

However long the clip, the work is that of the columns on the screen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from panosod_core.ambisonics.energy_track import EnergyTrack
from panosod_core.inference.tracks import Tracks

LOUD_RANGE_DB = 40.0
"""Sound this far below the loud parts of the clip is as dark as silence."""

_FILL_ALPHA = 70


@dataclass(frozen=True)
class Columns:
    """The columns of a picture: moments of their edges.

    Attributes:
        start_s, end_s: the stretch of time.
        count: columns, >= 1.
    """

    start_s: float
    end_s: float
    count: int

    def edges_s(self) -> NDArray[np.float64]:
        """(count + 1,) seconds."""
        return np.linspace(self.start_s, self.end_s, self.count + 1)


def with_gaps(
    time_s: NDArray[np.float64], values: NDArray[np.floating], *, gap_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A curve that breaks off (nan) where no value comes for longer than ``gap_s``."""
    breaks = np.flatnonzero(np.diff(time_s) > gap_s) + 1
    return np.insert(time_s, breaks, time_s[breaks - 1]), np.insert(values.astype(np.float64), breaks, np.nan)


def usual_gap_s(time_s: NDArray[np.float64]) -> float:
    """How far apart frames may lie and still belong together: thrice what is usual, at least a quarter second."""
    steps = np.diff(time_s)
    return max(0.25, 3 * float(np.median(steps))) if len(steps) else 0.25


@dataclass(frozen=True, eq=False)
class ColumnRows:
    """Which rows of a table each column shows.

    Attributes:
        first, end: (count,) rows ``first[c]:end[c]``; where no row falls into a column, the last one before it within
            reach, else none (``end == first``).
        is_held: (count,) bool, the column shows a row from before it.
    """

    first: NDArray[np.int64]
    end: NDArray[np.int64]
    is_held: NDArray[np.bool_]


def rows_of_columns(time_s: NDArray[np.float64], columns: Columns) -> ColumnRows:
    """Which frames each column shows.

    Args:
        time_s: (n,) of the frames, rising.
        columns: of the picture.
    """
    edges = columns.edges_s()
    at = np.searchsorted(time_s, edges, side="left").astype(np.int64)
    first, end = at[:-1].copy(), at[1:].copy()
    is_held = (first == end) & (first > 0)
    if is_held.any():
        is_held &= edges[:-1] - time_s[np.maximum(first - 1, 0)] <= usual_gap_s(time_s)
    first[is_held] -= 1
    return ColumnRows(first, end, is_held)


def loudness(track: EnergyTrack) -> NDArray[np.float32]:
    """(azimuths, steps) 0..1: where the sound comes from, the louder the brighter.

    In each step the quietest azimuth is 0 and the loudest as bright as the step is loud among the clip's.
    """
    if not len(track):
        return np.zeros(track.power.shape, np.float32)
    low, high = track.power.min(axis=0), track.power.max(axis=0)
    share = (track.power - low) / np.maximum(high - low, 1e-30)
    heard = track.level_db[np.isfinite(track.level_db)]
    if not heard.size:
        return np.zeros(track.power.shape, np.float32)
    top = float(np.percentile(heard, 95))
    loud = np.clip((track.level_db - (top - LOUD_RANGE_DB)) / LOUD_RANGE_DB, 0.0, 1.0)
    # Sound from everywhere alike has a highest azimuth too, but no direction.
    directed = np.clip((high - low) / np.maximum(high + low, 1e-30) * 2, 0.0, 1.0)
    bright: NDArray[np.float32] = (share**2 * loud * directed).astype(np.float32)
    return bright


def wave_image(
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    *,
    covers_s: float,
    columns: Columns,
    height: int,
    colour_rgb: tuple[int, int, int],
) -> QImage:
    """The waveform about the middle; no peak is lost however many buckets share a column.

    Args:
        low: (buckets,) lowest values, -1..1; all are drawn relative to the greatest of the clip.
        high: (buckets,) highest values.
        covers_s: seconds that the buckets span, from the clip's beginning.
        columns: of the picture.
        height: pixels.
        colour_rgb: of the waveform.
    """
    at = columns.edges_s() * (low.size / covers_s)
    first = np.floor(at[:-1] + 1e-9).astype(np.int64)
    heard = first < low.size
    end = np.minimum(np.maximum(np.ceil(at[1:] - 1e-9).astype(np.int64), first + 1), low.size)
    top, bottom = np.zeros(columns.count), np.zeros(columns.count)
    if heard.any():
        gain = 1 / max(float(high.max()), -float(low.min()), 1e-3)
        starts, stop = first[heard], int(end[heard][-1])
        top[heard] = gain * np.maximum.reduceat(high[:stop], starts)
        bottom[heard] = gain * np.minimum.reduceat(low[:stop], starts)
    middle, half = (height - 1) / 2, height / 2 - 1
    rows = np.arange(height)[:, None]
    upper = np.floor(middle - np.clip(top, 0, 1) * half)
    lower = np.ceil(middle - np.clip(bottom, -1, 0) * half)
    picture = np.zeros((height, columns.count, 4), np.uint8)
    picture[(rows >= upper) & (rows <= lower) & heard] = (*colour_rgb, 255)
    return image_of(picture)


def energy_columns(
    bright: NDArray[np.float32], *, start_s: float, step_s: float, columns: Columns
) -> NDArray[np.float32]:
    """(azimuths, count): the brightest step of each column; -1 where nothing has been heard."""
    steps = bright.shape[1]
    out = np.full((bright.shape[0], columns.count), -1.0, np.float32)
    at = (columns.edges_s() - start_s) / step_s
    first, end = np.floor(at[:-1] + 1e-9).astype(np.int64), np.ceil(at[1:] - 1e-9).astype(np.int64)
    inside = (first < steps) & (end > 0)
    if not steps or not inside.any():
        return out
    first = np.clip(first[inside], 0, steps - 1)
    if columns.end_s - columns.start_s <= columns.count * step_s:
        out[:, inside] = bright[:, first]
        return out
    last = int(np.clip(end[inside], 1, steps).max())
    # Every start is greater than the one before, as columns are longer than steps.
    out[:, inside] = np.maximum.reduceat(bright[:, :last], np.minimum(first, last - 1), axis=1)
    return out


def mask_columns(tracks: Tracks, columns: Columns) -> NDArray[np.bool_]:
    """(azimuths, count): where around the salient pixels of each column's frames lie."""
    occupied = tracks.occupied
    out = np.zeros((occupied.shape[1], columns.count), np.bool_)
    rows = rows_of_columns(tracks.time_s, columns)
    out[:, rows.is_held] = occupied[rows.first[rows.is_held]].T
    busy = (rows.end > rows.first) & ~rows.is_held
    if busy.any():
        # The rows of busy columns follow each other without a gap: each ends where the next begins.
        out[:, busy] = np.logical_or.reduceat(occupied[: rows.end[busy][-1]], rows.first[busy], axis=0).T
    return out


def energy_image(energy: NDArray[np.float32], *, height: int, ramp: NDArray[np.uint8]) -> QImage:
    """The sound, azimuth against time: the left on top, the front in the middle, the back at both edges.

    Args:
        energy: (azimuths, columns) 0..1, below 0 where nothing has been heard.
        height: pixels.
        ramp: (256, 3), colours from 0 to 1.
    """
    values = _rows_between(np.maximum(energy, 0.0), height)
    picture = np.zeros((*values.shape, 4), np.uint8)
    picture[..., :3] = ramp[(values * 255).astype(np.uint8)]
    picture[..., 3] = np.where(energy[0] >= 0, 255, 0)
    return image_of(picture)


def mask_image(mask: NDArray[np.bool_], *, height: int, colour_rgb: tuple[int, int, int]) -> QImage:
    """Where masks lie around, on the same axes: outlined, and filled lightly.

    Args:
        mask: (azimuths, columns).
        height: pixels.
        colour_rgb: of the outline.
    """
    inside = mask[np.arange(height) * mask.shape[0] // height]
    # A small thing is no lower than five degrees of the ring, and in a low row that is hardly a pixel.
    inside = inside | np.roll(inside, 1, axis=0) | np.roll(inside, -1, axis=0)
    edge = inside & ~(np.roll(inside, 1, axis=0) & np.roll(inside, -1, axis=0))
    picture = np.zeros((*inside.shape, 4), np.uint8)
    picture[inside] = (*colour_rgb, _FILL_ALPHA)
    picture[edge] = (*colour_rgb, 255)
    return image_of(picture)


def coverage_image(
    tracks: Tracks, columns: Columns, *, height: int, model_rgb: tuple[int, int, int], flow_rgb: tuple[int, int, int]
) -> QImage:
    """Which frames have maps: full height where they do; below the model's share of them, above what flow carried."""
    picture = np.zeros((height, columns.count, 4), np.uint8)
    rows = rows_of_columns(tracks.time_s, columns)
    count = rows.end - rows.first
    some = count > 0
    own = np.concatenate([[0], np.cumsum(tracks.is_model)])
    share = (own[rows.end] - own[rows.first]) / np.maximum(count, 1)
    below = np.arange(height)[:, None] >= height * (1 - share)
    picture[below & some] = (*model_rgb, 255)
    picture[~below & some] = (*flow_rgb, 255)
    return image_of(picture)


def spans_image(spans: Sequence[tuple[float, float, tuple[int, int, int]]], columns: Columns, *, height: int) -> QImage:
    """Stretches of time in colours: (start_s, end_s, rgb); later ones lie above, none is too short to be seen."""
    picture = np.zeros((height, columns.count, 4), np.uint8)
    scale = columns.count / (columns.end_s - columns.start_s)
    for start_s, end_s, colour in spans:
        first, end = int((start_s - columns.start_s) * scale), int(np.ceil((end_s - columns.start_s) * scale))
        if end > 0 and first < columns.count:
            picture[:, max(first, 0) : max(end, first + 1)] = (*colour, 255)
    return image_of(picture)


def ramp_between(colours: tuple[str, ...]) -> NDArray[np.uint8]:
    """(256, 3): a colour ramp through colours "#rrggbb" at equal distances."""
    stops = np.array([rgb(c) for c in colours], np.float64)
    places = np.linspace(0, len(colours) - 1, 256)
    mixed = [np.interp(places, np.arange(len(colours)), stops[:, k]) for k in range(3)]
    return np.rint(np.stack(mixed, axis=-1)).astype(np.uint8)


def image_of(rgba: NDArray[np.uint8]) -> QImage:
    """(H, W, 4) as a picture that owns its pixels."""
    data = np.ascontiguousarray(rgba)
    return QImage(data.data, data.shape[1], data.shape[0], 4 * data.shape[1], QImage.Format.Format_RGBA8888).copy()


def rgb(colour: str) -> tuple[int, int, int]:
    """The parts of "#rrggbb"."""
    parsed = QColor(colour)
    return parsed.red(), parsed.green(), parsed.blue()


def _rows_between(values: NDArray[np.float32], height: int) -> NDArray[np.float32]:
    """(height, columns): rows in between, on the ring."""
    count = values.shape[0]
    at = (np.arange(height) + 0.5) * count / height - 0.5
    low = np.floor(at).astype(np.int64)
    part = (at - low).astype(np.float32)[:, None]
    mixed: NDArray[np.float32] = values[low % count] * (1 - part) + values[(low + 1) % count] * part
    return mixed


def nice_top(values: NDArray[np.floating], *, least: float) -> float:
    """1, 2 or 5 times a power of ten, not below the greatest value nor below ``least``."""
    known = values[np.isfinite(values)]
    top = max(float(known.max(initial=0.0)), least)
    power = 10.0 ** math.floor(math.log10(top) + 1e-9)
    return next(m * power for m in (1, 2, 5, 10) if m * power >= top * (1 - 1e-6))
