"""Procedural scenes: what is where, who sounds, and how all of it looks and sounds. Nothing here is rendered yet.

The truth about saliency is simple by decree: **the salient objects are those that sound**. Sight alone cannot tell
which of the twins that is; loudness alone cannot either, for twins share size, distance and timbre.
"""

from dataclasses import dataclass

import numpy as np

from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.backgrounds import Background, draw_background
from panosod_core.synth.draws import Draws
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_layout import place_objects
from panosod_core.synth.scene_room import Room, draw_room
from panosod_core.synth.scene_sources import Mix, Source, draw_mix, draw_sources
from panosod_core.synth.scene_things import CLUTTER, SceneThing, draw_clutter, draw_objects
from panosod_core.synth.sound import Sounding

POLE_RAD = float(np.radians(50.0))
_EXPOSURE, _DUSK_EXPOSURE = (0.75, 1.12), (0.25, 0.45)
_DUSK_TINT = (0.6, 0.75, 1.0)


@dataclass(frozen=True)
class Camera:
    """Exposure and tint (gains of red, green, blue), light from (right, up, front), and grain."""

    gains: tuple[float, float, float]
    light: tuple[float, float, float]
    grain: float
    grain_key: int


@dataclass(frozen=True)
class SceneSpec:
    """A scene before it is rendered: a pure function of seed and config, the same on every machine.

    Attributes:
        seed, config: what it was drawn from.
        things: what is seen, in painter's order, clutter first.
        sources: what is heard.
        active: who sounds when (pauses within a stretch are bridged): the truth.
        background, camera, room, mix: all else; no room is the open air.
    """

    seed: int
    config: SceneConfig
    things: tuple[SceneThing, ...]
    sources: tuple[Source, ...]
    active: tuple[Sounding, ...]
    background: Background
    camera: Camera
    room: Room | None
    mix: Mix

    @property
    def objects(self) -> tuple[SceneThing, ...]:
        """The things that have an id, in its order: object k has id k + 1."""
        return tuple(thing for thing in self.things if thing.id != CLUTTER)

    def sounding(self, time_s: float) -> tuple[int, ...]:
        """Ids of the objects that sound: the salient ones."""
        return tuple(sorted({s.object_id for s in self.active if s.start_s <= time_s < s.end_s}))

    def timbre_class(self, object_id: int) -> int:
        """The class whose timbre an object has; -1 where it is silent all through."""
        for source in self.sources:
            if source.object_id == object_id:
                return source.timbre
        return -1


def draw_scene(seed: int, config: SceneConfig | None = None) -> SceneSpec:
    """The scene of a seed.

    Args:
        seed: any whole number from 0; every seed is another scene.
        config: what scenes may hold; the default is for training.

    Raises:
        ConfigError: objects that do not fit.
    """
    config = SceneConfig() if config is None else config
    draws = Draws(seed, "scene")
    count = draws.integer(*config.objects)
    standings = place_objects(Draws(seed, "layout"), config, count=count)
    room = draw_room(draws, rt60_s=config.rt60_s) if draws.chance(config.room) else None
    objects = draw_objects(Draws(seed, "looks"), config, standings, room=room)
    sources, active = draw_sources(Draws(seed, "sound"), config, objects, room=room)
    return SceneSpec(
        seed=seed,
        config=config,
        things=(*draw_clutter(Draws(seed, "clutter"), config), *objects),
        sources=sources,
        active=active,
        background=draw_background(Draws(seed, "background"), config, room=room),
        camera=_draw_camera(Draws(seed, "camera"), config),
        room=room,
        mix=draw_mix(Draws(seed, "mix"), config, sources),
    )


def _draw_camera(draws: Draws, config: SceneConfig) -> Camera:
    is_dusk = HeldOut.LIGHT in config.held_out
    exposure = draws.uniform(*(_DUSK_EXPOSURE if is_dusk else _EXPOSURE))
    tint = _DUSK_TINT if is_dusk else (1.0, 1.0, 1.0)
    red, green, blue = (exposure * gain * draws.uniform(0.93, 1.07) for gain in tint)
    light = np.array([draws.uniform(-0.6, 0.6), draws.uniform(0.2, 0.9), draws.uniform(0.5, 1.0)])
    right, up, front = (light / np.linalg.norm(light)).tolist()
    return Camera((red, green, blue), (right, up, front), draws.within(config.grain), draws.key())


def is_at_pole(directions: FloatArray) -> FloatArray:
    """Whether directions (..., 3) lie within 40 degrees of a pole."""
    return np.asarray(np.abs(directions[..., 2]) > np.sin(POLE_RAD))


def is_on_seam(directions: FloatArray, radius_rad: float) -> FloatArray:
    """Whether things of a radius at directions (..., 3) touch the meridian behind, where the picture's edges meet."""
    # the half plane y = 0, x < 0: the distance to it is that to the great circle, behind only
    distance = np.arcsin(np.clip(np.abs(directions[..., 1]), 0, 1))
    return np.asarray((distance < radius_rad) & (directions[..., 0] < 0))
