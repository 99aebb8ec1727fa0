"""What to annotate next: the frames of all clips in the order in which a person's work teaches most. numpy only.

Every frame that has maps is a candidate. What speaks for it:

- the model is **unsure** of it: mean binary entropy of its map;
- its mask lies **off the sound**: angle from the loudest direction to the nearest salient pixel, or no mask at all
  while something sounds;
- **change**: how far maps and sound have gone since the labelled frame before it;
- it is **new**: how far it is from everything labelled, the farthest first (greedy k-centre: Sener and Savarese, ICLR
  2018).

Uncertainty and disagreement are taken as ranks among the candidates, so that a model which is unsure everywhere does
not drown the rest. What has been picked counts as labelled for the picks after it: neighbours of a pick fall behind,
and the list is never twenty times the same moment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAP_ROWS, MAP_COLUMNS = 8, 16
"""Cells of a map in a descriptor: 22.5 degrees each."""
SIGHT = MAP_ROWS * MAP_COLUMNS
HEARING = 3
"""Numbers of a descriptor that tell of the map, and of the sound."""
FAINT = 26
"""Probabilities below a tenth are a hum, no place."""
NEAR_S = 8.0
"""So far apart in time, two frames that look and sound alike count as two thirds of what time can make of it."""
SIGHT_SHARE, SOUND_SHARE, TIME_SHARE = 0.5, 0.3, 0.2
"""What makes two frames of a clip differ: their masks, the direction of their sound, time."""
OTHER_CLIP = 2.0
"""Distance of frames of different clips; within a clip it is 1 at most."""
SAME = 0.15
"""Below this distance a frame counts less and less: it is the same moment again."""


class Strategy(StrEnum):
    """By what frames are chosen."""

    BEST = "best"
    """All of it together."""
    UNSURE = "unsure"
    OFF_SOUND = "off-sound"
    CHANGE = "change"
    NEW = "new"
    RANDOM = "random"


@dataclass(frozen=True)
class Weights:
    """What the strategies that measure something count: ranks and shares from 0 to 1, times these.

    Attributes:
        unsure, off_sound: of the rank.
        change, new: of the distance.
    """

    unsure: float = 0.0
    off_sound: float = 0.0
    change: float = 0.0
    new: float = 0.0

    def __post_init__(self) -> None:
        values = [getattr(self, f.name) for f in fields(self)]
        if min(values) < 0 or not 0 < max(values) < math.inf:
            raise ValueError(f"weights are finite, 0 or more, and not all 0, got {self}")


BEST = Weights(unsure=1.0, off_sound=1.0, change=0.0, new=1.0)
"""See benchmarks/results/sampling.md."""
WEIGHTS = {
    Strategy.BEST: BEST,
    Strategy.UNSURE: Weights(unsure=1.0),
    Strategy.OFF_SOUND: Weights(off_sound=1.0),
    Strategy.CHANGE: Weights(change=1.0),
    Strategy.NEW: Weights(new=1.0),
}


@dataclass(frozen=True, eq=False)
class Pool:
    """The frames to choose from, and those that are labelled, as columns. Checked at birth.

    Attributes:
        clip: (n,) int64, numbers of clips.
        index: (n,) int64, of the frame in its stream.
        pts: (n,) int64, its time stamp in the stream's ticks.
        time_s: (n,) float64, on its clip's clock.
        entropy: (n,) float32, bits, 0 (sure) .. 1; nan where it is not known.
        disagreement_rad: (n,) float32, 0..pi, from the loudest direction to the nearest salient pixel; nan in silence,
            without directions, and where nothing is salient.
        area: (n,) float32, share of the sphere that is salient; nan where it is not known.
        sounds: (n,) bool, something is heard from a direction.
        descriptor: (n, SIGHT + HEARING) float32: the map (:func:`sight_of`), then the direction of the sound, a vector
            of length 0 (none) to 1.
        is_labelled: (n,) bool, a person has said what is in it.
        is_closed: (n,) bool, it is not to be proposed: labelled, rejected, locked.
    """

    clip: NDArray[np.int64]
    index: NDArray[np.int64]
    pts: NDArray[np.int64]
    time_s: NDArray[np.float64]
    entropy: NDArray[np.float32]
    disagreement_rad: NDArray[np.float32]
    area: NDArray[np.float32]
    sounds: NDArray[np.bool_]
    descriptor: NDArray[np.float32]
    is_labelled: NDArray[np.bool_]
    is_closed: NDArray[np.bool_]

    def __post_init__(self) -> None:
        rows = len(self.clip)
        for f in fields(self):
            shape = getattr(self, f.name).shape
            if shape != ((rows, SIGHT + HEARING) if f.name == "descriptor" else (rows,)):
                raise ValueError(f"{f.name} of {rows} frames has shape {shape}")
        if not np.isfinite(self.descriptor).all():
            raise ValueError("a descriptor holds values that are not numbers")
        if (self.is_labelled & ~self.is_closed).any():
            raise ValueError("a labelled frame is closed")

    def __len__(self) -> int:
        return len(self.clip)


@dataclass(frozen=True)
class Pick:
    """A frame that should be annotated.

    Attributes:
        clip, index, pts, time_s: which.
        score: what it was chosen by; of one strategy comparable, and falling along the list where that is not random.
        reason: why, in one plain sentence.
    """

    clip: int
    index: int
    pts: int
    time_s: float
    score: float
    reason: str


def sight_of(saliency: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a map says of where: cells of 22.5 degrees, weighted by solid angle, of length 1; zeros where it is empty.

    The size of what is salient hardly counts, its place does: the distance of two such vectors is 0 where the same
    places are salient and the root of 2 where no place is salient in both.

    Args:
        saliency: (H, W) uint8, probability times 255, the full sphere.
    """
    height, width = saliency.shape
    rows = np.arange(height) * MAP_ROWS // height
    columns = np.arange(width) * MAP_COLUMNS // width
    solid = np.cos((0.5 - (np.arange(height) + 0.5) / height) * np.pi)
    sums = np.zeros((MAP_ROWS, width))
    np.add.at(sums, rows, np.where(saliency >= FAINT, saliency, 0) * solid[:, None])
    cells = np.zeros((MAP_COLUMNS, MAP_ROWS))
    np.add.at(cells, columns, sums.T)
    made = cells.T.reshape(-1)
    length = float(np.linalg.norm(made))
    return (made / length if length > 0 else made).astype(np.float32)


def next_picks(
    pool: Pool, strategy: Strategy = Strategy.BEST, *, count: int = 20, seed: int = 0, weights: Weights | None = None
) -> tuple[Pick, ...]:
    """The frames to annotate next, the first one first.

    Args:
        pool: all frames.
        strategy: by what.
        count: at most so many.
        seed: of the random order.
        weights: other than the strategy's own.

    Returns:
        Open frames only, each once; the same for the same arguments.
    """
    if strategy is Strategy.RANDOM:
        order = np.argsort(_shuffled(pool, seed), kind="stable")
        rows = [int(r) for r in order if not pool.is_closed[r]][:count]
        nearest = _Near(pool)
        return tuple(_pick(pool, r, 0.0, f"drawn at random; {nearest.words(r)}") for r in rows)
    return _Greedy(pool, weights or WEIGHTS[strategy]).picks(count)


class _Greedy:
    """One pick after the other; each counts as labelled for the next."""

    def __init__(self, pool: Pool, weights: Weights) -> None:
        self._pool, self._weights = pool, weights
        open_ = ~pool.is_closed
        without_mask = pool.sounds & (pool.area <= 0)
        off = np.where(without_mask, np.float32(np.pi), pool.disagreement_rad)
        self._ranks = {"unsure": _ranks(pool.entropy, open_), "off_sound": _ranks(off, open_)}
        self._near = _Near(pool)
        self._open = open_.copy()
        self._members = {int(c): np.flatnonzero(pool.clip == c) for c in np.unique(pool.clip)}
        self._gap = np.full(len(pool), OTHER_CLIP)
        self._change = np.full(len(pool), OTHER_CLIP)
        self._before: NDArray[np.int64] = np.full(len(pool), -1)
        for row in np.flatnonzero(pool.is_labelled):
            self._count_as_labelled(int(row))

    def picks(self, count: int) -> tuple[Pick, ...]:
        made: list[Pick] = []
        while len(made) < count and self._open.any():
            parts = self._parts()
            total = sum(parts.values()) * np.minimum(1.0, self._gap / SAME)
            score = np.where(self._open, total, -np.inf)
            row = int(np.argmax(score))
            made.append(_pick(self._pool, row, float(score[row]), self._reason(row, parts)))
            self._open[row] = False
            self._count_as_labelled(row)
        return tuple(made)

    def _parts(self) -> dict[str, Any]:
        w = self._weights
        parts = {
            "unsure": w.unsure * self._ranks["unsure"],
            "off_sound": w.off_sound * self._ranks["off_sound"],
            "change": w.change * self._change,
            "new": w.new * self._gap,
        }
        return {name: part for name, part in parts.items() if getattr(w, name) > 0}

    def _count_as_labelled(self, row: int) -> None:
        pool = self._pool
        rows = self._members[int(pool.clip[row])]
        apart = distances(pool, row, rows)
        self._gap[rows] = np.minimum(self._gap[rows], apart)
        later = pool.time_s[rows] >= pool.time_s[row]
        before = self._before[rows]
        newer = later & ((before < 0) | (pool.time_s[np.maximum(before, 0)] < pool.time_s[row]))
        self._before[rows[newer]] = row
        self._change[rows[newer]] = apart[newer]
        # Before the first labelled frame of a clip there is only the one after it to have changed from.
        first = ~later & (before < 0)
        self._change[rows[first]] = np.minimum(self._change[rows[first]], apart[first])

    def _reason(self, row: int, parts: dict[str, Any]) -> str:
        pool = self._pool
        # "New" is what the second half of the sentence says anyway.
        said = [name for name in parts if name != "new"] or ["new"]
        most = max(said, key=lambda name: float(parts[name][row]))
        if most == "unsure":
            higher = round(100 * float(self._ranks["unsure"][row]))
            first = f"unsure: {pool.entropy[row]:.3f} bit, above {higher} % of frames"
            if math.isnan(float(pool.entropy[row])):
                first = "how sure the model is here is not known"
        elif most == "off_sound":
            first = self._off_sound(row)
        elif most == "change":
            first = self._changed(row)
        else:
            first = "unlike what is labelled"
        return f"{first}; {self._near.words(row)}"

    def _off_sound(self, row: int) -> str:
        pool, off = self._pool, float(self._pool.disagreement_rad[row])
        if pool.sounds[row] and pool.area[row] <= 0:
            return "something sounds, nothing is marked"
        return "mask and sound cannot be compared" if math.isnan(off) else _apart(math.degrees(off))

    def _changed(self, row: int) -> str:
        before = int(self._before[row])
        if before < 0:
            return "nothing before it to compare with"
        ago = float(self._pool.time_s[row] - self._pool.time_s[before])
        share = round(100 * float(self._change[row]))
        what = "label" if self._pool.is_labelled[before] else "pick"
        return f"changed by {share} % since the {what} {ago:.1f} s before"


def distances(pool: Pool, row: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far frames of a clip are from one of them, 0 (the same) .. 1.

    Half of it is where the maps are salient, three tenths where the sound comes from, two tenths time.
    """
    here, there = pool.descriptor[row], pool.descriptor[rows]
    sight = np.linalg.norm(there[:, :SIGHT] - here[:SIGHT], axis=1) / math.sqrt(2)
    sound = np.linalg.norm(there[:, SIGHT:] - here[SIGHT:], axis=1) / 2
    time = 1 - np.exp(-np.abs(pool.time_s[rows] - pool.time_s[row]) / NEAR_S)
    apart: NDArray[np.float64] = (
        SIGHT_SHARE * np.minimum(sight, 1.0) + SOUND_SHARE * np.minimum(sound, 1.0) + TIME_SHARE * time
    )
    return apart


class _Near:
    """Labelled frames, in time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._times = {int(c): np.sort(pool.time_s[pool.is_labelled & (pool.clip == c)]) for c in np.unique(pool.clip)}

    def words(self, row: int) -> str:
        """How near the nearest labelled frame of the clip is."""
        times = self._times[int(self._pool.clip[row])]
        if not times.size:
            return "nothing of this clip is labelled yet"
        apart = float(np.min(np.abs(times - self._pool.time_s[row])))
        if apart >= 1:
            return f"nothing labelled within {math.floor(apart)} s"
        return f"the nearest labelled frame is {apart:.1f} s away"


def _apart(degrees: float) -> str:
    return "the sound comes from the mask" if degrees < 0.5 else f"mask and sound are {degrees:.0f}° apart"


def _pick(pool: Pool, row: int, score: float, reason: str) -> Pick:
    return Pick(int(pool.clip[row]), int(pool.index[row]), int(pool.pts[row]), float(pool.time_s[row]), score, reason)


def _ranks(values: NDArray[np.float32], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of the known values among some rows that are lower, 0..1; 0 where it is not known."""
    known = np.sort(values[among & np.isfinite(values)])
    if not known.size:
        return np.zeros(len(values))
    ranks = np.searchsorted(known, values, side="left") / known.size
    return np.where(np.isfinite(values), ranks, 0.0)


def _shuffled(pool: Pool, seed: int) -> NDArray[np.uint64]:
    """A random number for each frame that hangs on the seed and the frame alone: labels do not shuffle the rest."""
    x = pool.clip.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + pool.index.astype(np.uint64)
    x = x + np.uint64((seed * 0xD1B54A32D192ED03) % (1 << 64))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x


def joined(pools: Sequence[Pool]) -> Pool:
    """The frames of several pools in one."""
    return Pool(**{f.name: np.concatenate([getattr(p, f.name) for p in pools]) for f in fields(Pool)})
