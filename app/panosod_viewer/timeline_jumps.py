"""To the frames in doubt, one after the other: which is next, going there, and what to say of it."""

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from panosod_viewer.panels.notice import Notice
from panosod_viewer.player import Player
from panosod_viewer.tools.doubt import Doubt, Visit, doubtful_frames, rank_after

if TYPE_CHECKING:
    # With the time line's libraries, which the window does not wait for.
    from panosod_core.inference.tracks import Tracks

_WORDS = {Doubt.UNSURE: "Most uncertain", Doubt.OFF_SOUND: "Farthest from the sound"}
_A_HAIR_S = 1e-4
"""So much after the frame begins: rounding must not end at the frame before."""


class DoubtJumps(QObject):
    """Remembers, for each kind of doubt, where the person was sent last.

    Signals:
        notice (object): a Notice on why there is nowhere to go.
    """

    notice = Signal(object)

    def __init__(self, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._visits: dict[Doubt, Visit] = {}

    def forget(self) -> None:
        """Another clip."""
        self._visits.clear()

    def jump(self, doubt: Doubt, step: int, *, tracks: "Tracks | None", has_directions: bool) -> str:
        """To the frame that is next (+1) or one before (-1) in the order of doubt, and stand still there.

        Args:
            doubt: of which kind.
            step: +1 or -1.
            tracks: what the maps say.
            has_directions: it is known where the sound comes from.

        Returns:
            Which of how many it is; "" where there is none, which has been told.
        """
        peaks = () if tracks is None else doubtful_frames(tracks, doubt)
        if not peaks:
            why = _why_none(doubt, has_maps=tracks is not None and len(tracks) > 0, has_directions=has_directions)
            self.notice.emit(Notice(why, key="timeline.jump", seconds=6.0))
            return ""
        rank = rank_after(peaks, self._visits.get(doubt), step=step)
        peak = self._visits[doubt] = peaks[rank]
        self._player.pause()
        self._player.seek(peak.time_s + _A_HAIR_S)
        value = f"{peak.value:.3f} bit" if doubt is Doubt.UNSURE else f"{math.degrees(peak.value):.0f}°"
        return f"{_WORDS[doubt]}, {rank + 1} of {len(peaks)}: {value}"


def _why_none(doubt: Doubt, *, has_maps: bool, has_directions: bool) -> str:
    if not has_maps:
        return "There are no maps yet to look for doubtful frames in"
    if doubt is Doubt.OFF_SOUND and not has_directions:
        return "Nothing can disagree with this sound: it has no directions"
    return "No frame is in doubt"
