"""Frames worth a look, the most doubtful first, and the way from one to the next. Pure; no Qt."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    # Not while the window opens.
    from panosod_core.inference.tracks import Tracks


class Doubt(StrEnum):
    """What makes a frame worth a look."""

    UNSURE = "entropy"
    """The model's own uncertainty."""
    OFF_SOUND = "disagreement_rad"
    """The angle from the loudest direction to the nearest salient pixel."""


@dataclass(frozen=True)
class Visit:
    """A frame in doubt.

    Attributes:
        value: of the doubt, in its own unit.
        time_s: of the frame; of equal ones the earlier comes first.
    """

    value: float
    time_s: float

    @property
    def order(self) -> tuple[float, float]:
        """Sorts the most doubtful first."""
        return -self.value, self.time_s


def doubtful_frames(tracks: "Tracks", doubt: Doubt) -> tuple[Visit, ...]:
    """The peaks of a doubt among the model's own frames, the highest first."""
    from panosod_core.inference.tracks import ranked_peaks

    values = np.where(tracks.is_model, getattr(tracks, doubt.value), np.nan)
    rows = ranked_peaks(values, tracks.time_s)
    return tuple(sorted((Visit(float(values[r]), float(tracks.time_s[r])) for r in rows), key=lambda v: v.order))


def rank_after(peaks: Sequence[Visit], last: Visit | None, *, step: int) -> int:
    """Which peak comes next, counted from 0; around at both ends.

    Args:
        peaks: at least one, in order.
        last: where the last jump went, which may be a peak no more; None before the first.
        step: +1 to the next lower, -1 to the next higher.
    """
    if last is None:
        return 0 if step > 0 else len(peaks) - 1
    if step > 0:
        return sum(peak.order <= last.order for peak in peaks) % len(peaks)
    return (sum(peak.order < last.order for peak in peaks) - 1) % len(peaks)
