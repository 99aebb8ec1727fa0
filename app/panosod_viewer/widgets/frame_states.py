"""How far the masks of frames are, and the colours of it on the time line."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from panosod_viewer.theme import Theme
from panosod_viewer.widgets.strips import rgb


class FrameState(StrEnum):
    """How far a frame's masks are."""

    DRAFT = "draft"
    MACHINE = "machine"
    """A draft that only a machine has made."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True)
class StateSpan:
    """A stretch of time whose frames are in one state; times in seconds."""

    start_s: float
    end_s: float
    state: FrameState


def state_pieces(spans: Sequence[StateSpan], theme: Theme) -> list[tuple[float, float, tuple[int, int, int]]]:
    """Start, end and colour of each span."""
    colours = {
        FrameState.DRAFT: theme.warning,
        FrameState.MACHINE: theme.wave,
        FrameState.ACCEPTED: theme.good,
        FrameState.REJECTED: theme.error,
    }
    return [(span.start_s, span.end_s, rgb(colours[span.state])) for span in spans]
