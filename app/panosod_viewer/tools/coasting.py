"""A view that coasts on after a drag, for those who want it. Pure, time injected."""

import math
from collections import deque
from dataclasses import dataclass

from panosod_core.geometry.projection import View

SAMPLE_S = 0.1
"""The speed at which the hand let go is that of the last tenth of a second."""
FRICTION_S = 0.3
"""Time in which the speed falls to a third."""
LEAST_RAD_S = math.radians(4.0)
"""Slower than this counts as standing: a hand that rested before it let go throws nothing."""


@dataclass(frozen=True)
class Coast:
    """A view on its way: angular speeds, radians a second."""

    yaw_rad_s: float
    pitch_rad_s: float

    @property
    def is_over(self) -> bool:
        """True when it is too slow to be seen."""
        return math.hypot(self.yaw_rad_s, self.pitch_rad_s) < LEAST_RAD_S

    def after(self, view: View, dt_s: float) -> tuple[View, "Coast"]:
        """The view and the speed some time later."""
        left = math.exp(-dt_s / FRICTION_S)
        # The way is the integral of the decaying speed: it does not depend on how often this is asked.
        way_s = FRICTION_S * (1.0 - left)
        turned = view.turned(
            yaw_rad=view.yaw_rad + self.yaw_rad_s * way_s, pitch_rad=view.pitch_rad + self.pitch_rad_s * way_s
        )
        return turned, Coast(self.yaw_rad_s * left, self.pitch_rad_s * left)


class Throw:
    """Watches a drag and knows how fast the view turned when the hand let go."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, View]] = deque()

    def follow(self, view: View, time_s: float) -> None:
        """The drag has turned the view."""
        self._samples.append((time_s, view))
        while self._samples and time_s - self._samples[0][0] > SAMPLE_S:
            self._samples.popleft()

    def let_go(self, time_s: float) -> Coast | None:
        """The hand has let go; None where the view stands still then."""
        samples = [(t, view) for t, view in self._samples if time_s - t <= SAMPLE_S]
        self._samples.clear()
        if len(samples) < 2 or samples[-1][0] <= samples[0][0]:
            return None
        (t0, first), (t1, last) = samples[0], samples[-1]
        turn = math.remainder(last.yaw_rad - first.yaw_rad, 2 * math.pi)
        coast = Coast(turn / (t1 - t0), (last.pitch_rad - first.pitch_rad) / (t1 - t0))
        return None if coast.is_over else coast
