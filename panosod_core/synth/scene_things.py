"""What is seen of a scene: its objects, the look-alikes among them, and clutter that has no label."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.draws import Draws
from panosod_core.synth.outlines import Outline
from panosod_core.synth.scene_classes import CLASSES, HELD_OUT_CLASSES, SEEN_CLASSES, draw_surface
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_layout import Standing
from panosod_core.synth.scene_room import Room
from panosod_core.synth.textures import Surface
from panosod_core.synth.world import Still, Trajectory

CLUTTER = 0
"""The id of unlabelled things: in the label maps they are background."""


@dataclass(frozen=True)
class SceneThing:
    """Something to be seen.

    Attributes:
        id: its value in the label maps, 1..N in painter's order (later in front); ``CLUTTER`` for what has none.
        class_id: see :data:`panosod_core.synth.scene_classes.CLASSES`.
        is_twin: one of the look-alikes.
        radius_rad: apparent radius of the circle around its outline.
        distance_m: from the listener.
        trajectory: of its centre, which is where its sound comes from.
        up: (3,) what its upright axis leans towards.
        roll_rad, spin_rad_s: how it is turned about the line of sight, and how fast it turns.
        outline, surface: its look.
    """

    id: int
    class_id: int
    is_twin: bool
    radius_rad: float
    distance_m: float
    trajectory: Trajectory
    up: tuple[float, float, float]
    roll_rad: float
    spin_rad_s: float
    outline: Outline
    surface: Surface

    @property
    def class_name(self) -> str:
        """The name of its class."""
        return CLASSES[self.class_id].name

    def direction_at(self, time_s: float) -> FloatArray:
        """(3,) unit vector of its centre."""
        centre: FloatArray = self.trajectory.directions([time_s])[0]
        return centre

    def axes_at(self, time_s: float) -> FloatArray:
        """(3, 3): rows are its centre, and what the viewer sees as its right and as up, unrolled."""
        centre = self.direction_at(time_s)
        right = np.cross(centre, self.up)
        length = float(np.linalg.norm(right))
        if length < 1e-6:
            raise ValueError(f"object {self.id} stands where what it holds upright is: {self}")
        right /= length
        return np.stack([centre, right, np.cross(right, centre)])

    def turn_at(self, time_s: float) -> float:
        """How far it is turned, counter-clockwise for the viewer, radians."""
        return self.roll_rad + self.spin_rad_s * time_s


def draw_objects(
    draws: Draws, config: SceneConfig, standings: Sequence[Standing], *, room: Room | None
) -> tuple[SceneThing, ...]:
    """The objects; their ids and painter's order say nothing about who is a twin."""
    held_out = HeldOut.TEXTURES in config.held_out
    first, rest = (HELD_OUT_CLASSES, SEEN_CLASSES) if held_out else (SEEN_CLASSES, ())
    shared = max(config.twins, 1)
    classes = [*draws.shuffled(first), *draws.shuffled(rest)][: len(standings) - shared + 1]
    times_s = np.linspace(0.0, config.duration_s, max(2, round(4 * config.duration_s)))
    reaches = [room.reach(s.trajectory.directions(times_s)) if room else np.inf for s in standings]
    twin_look = draw_surface(draws, classes[0])
    twin_distance = min(draws.within(config.distance_m), *reaches[:shared])
    twin_spin = _draw_spin(draws)
    ids = draws.shuffled(range(1, len(standings) + 1))
    things = []
    for k, (standing, id_) in enumerate(zip(standings, ids, strict=True)):
        alike = k < shared
        class_id = classes[0] if alike else classes[k - shared + 1]
        outline, surface = twin_look if alike else draw_surface(draws, class_id)
        things.append(
            SceneThing(
                id=id_,
                class_id=class_id,
                is_twin=alike and config.twins > 0,
                radius_rad=standing.radius_rad,
                distance_m=twin_distance if alike else min(draws.within(config.distance_m), reaches[k]),
                trajectory=standing.trajectory,
                up=standing.up,
                roll_rad=draws.uniform(-0.25, 0.25),
                spin_rad_s=twin_spin if alike else _draw_spin(draws),
                outline=outline,
                surface=surface,
            )
        )
    return tuple(sorted(things, key=lambda thing: thing.id))


def _draw_spin(draws: Draws) -> float:
    return draws.uniform(-1.2, 1.2) if draws.chance(0.3) else 0.0


def draw_clutter(draws: Draws, config: SceneConfig) -> tuple[SceneThing, ...]:
    """Patterned patches without a label: what looks like a thing need not be one."""
    out = []
    held_out = HeldOut.TEXTURES in config.held_out
    for _ in range(draws.integer(*config.clutter)):
        class_id = draws.choice(HELD_OUT_CLASSES if held_out else SEEN_CLASSES)
        outline, surface = draw_surface(draws, class_id)
        azimuth, elevation = draws.uniform(-np.pi, np.pi), float(np.arcsin(draws.uniform(-0.9, 0.9)))
        out.append(
            SceneThing(
                id=CLUTTER, class_id=class_id, is_twin=False, radius_rad=float(np.radians(draws.uniform(3.0, 8.0))),
                distance_m=10.0, trajectory=Still(azimuth, elevation), up=(0.0, 0.0, 1.0),
                roll_rad=draws.uniform(-np.pi, np.pi), spin_rad_s=0.0, outline=outline,
                surface=replace(surface, bulge=0.1, rim=0.0),
            )
        )  # fmt: skip
    return tuple(out)
