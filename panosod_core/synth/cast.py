"""The demo's six balls: how they look and sound, and which ways they go.

Three kinds, two of each, that cannot be told apart by sight or by timbre: which of them is heard follows from the
direction of the sound alone. The twins mirror each other about the front, so that swapping left and right in the
sound swaps the truth.
"""

from dataclasses import replace

import numpy as np

from panosod_core.synth.paint import Look, Pattern
from panosod_core.synth.world import PolePendulum, SceneObject, Sway, Trajectory

TWINS = "twins"
"""The look-alike group whose two members mirror each other about the front."""

_LOOKS: dict[str, Look] = {
    "banded": Look(Pattern.BANDS, base=(0.93, 0.88, 0.78), mark=(0.80, 0.30, 0.22), count=7),
    "dotted": Look(Pattern.DOTS, base=(0.10, 0.42, 0.45), mark=(0.94, 0.90, 0.80), count=34),
    "swirled": Look(Pattern.SWIRL, base=(0.95, 0.72, 0.28), mark=(0.22, 0.24, 0.36), count=5),
}
_TIMBRES = {"banded": "reed", "dotted": "shaker", "swirled": "chime"}


def demo_cast(rng: np.random.Generator, *, pace: float) -> tuple[SceneObject, ...]:
    """Six balls whose ways keep clear of each other for every seed, in painter's order.

    Args:
        rng: decides phases and periods.
        pace: how many times faster than usual they move, 1 or more.
    """

    def period(nominal_s: float) -> float:
        return float(nominal_s * rng.uniform(0.9, 1.1) / pace)

    def phase() -> float:
        return float(rng.uniform(0, 2 * np.pi))

    def sway(azimuth: float, elevation: float, swing: tuple[float, float], periods_s: tuple[float, float]) -> Sway:
        return Sway(
            azimuth_rad=float(np.radians(azimuth)),
            elevation_rad=float(np.radians(elevation)),
            azimuth_swing_rad=float(np.radians(swing[0])),
            elevation_swing_rad=float(np.radians(swing[1])),
            azimuth_period_s=period(periods_s[0]),
            elevation_period_s=period(periods_s[1]),
            azimuth_phase_rad=phase(),
            elevation_phase_rad=phase(),
        )

    left = sway(46.0, 6.0, (13.0, 5.0), (9.0, 7.0))
    right = replace(left, azimuth_rad=-left.azimuth_rad, azimuth_swing_rad=-left.azimuth_swing_rad)
    # The seam is passed twice in every period of 10 s at the most, the zenith twice in every 20 s.
    seam = sway(180.0, -5.0, (28.0, 5.0), (9.0, 6.0))
    pole = PolePendulum(float(np.radians(100.0)), float(np.radians(60.0)), period(18.0), float(rng.uniform(-0.3, 0.3)))
    front = sway(0.0, 30.0, (18.0, 4.0), (11.0, 7.0))
    low = sway(-112.0, -9.0, (13.0, 4.0), (10.0, 8.0))

    def ball(
        number: int, name: str, kind: str, group: str, radius_deg: float, way: Trajectory, *, spin: float = 0.0
    ) -> SceneObject:
        return SceneObject(
            id=number,
            name=name,
            kind=kind,
            look_alikes=group,
            radius_rad=float(np.radians(radius_deg)),
            trajectory=way,
            look=_LOOKS[kind],
            timbre=_TIMBRES[kind],
            spin_rad_s=spin,
            tilt_rad=float(np.radians(18.0)),
            faces_listener=kind == "banded",
        )

    return (
        ball(1, "left twin", "banded", TWINS, 8.0, left),
        ball(2, "right twin", "banded", TWINS, 8.0, right),
        ball(3, "seam crosser", "dotted", "dotted pair", 7.0, seam, spin=0.7),
        ball(4, "front rover", "dotted", "dotted pair", 7.0, front, spin=0.7),
        ball(5, "pole walker", "swirled", "swirled pair", 9.5, pole, spin=0.5),
        ball(6, "low rover", "swirled", "swirled pair", 9.5, low, spin=0.5),
    )
