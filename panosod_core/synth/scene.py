"""Procedural scenes: what is where, who sounds, and how all of it looks and sounds. Nothing here is rendered yet.

The truth about saliency is simple by decree: **the salient objects are those that sound**. Sight alone cannot tell
which of the twins that is; loudness alone cannot either, for twins share size, distance and timbre.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from panosod_core.geometry.sphere import FloatArray, angle_between
from panosod_core.synth.backgrounds import Background, draw_background
from panosod_core.synth.draws import Draws
from panosod_core.synth.outlines import Outline
from panosod_core.synth.scene_classes import CLASSES, HELD_OUT_CLASSES, SEEN_CLASSES, draw_surface
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_layout import Standing, place_objects
from panosod_core.synth.scene_room import Room, draw_room
from panosod_core.synth.sound import Sounding
from panosod_core.synth.textures import Surface
from panosod_core.synth.voices import VOICES, Voice, draw_music
from panosod_core.synth.world import Still, Trajectory

CLUTTER = 0
"""The id of unlabelled things: in the label maps they are background."""
POLE_RAD = float(np.radians(50.0))
_FADE_S = 0.03


class Bus(StrEnum):
    """Groups of sources that are mixed at one level."""

    OBJECTS = "objects"
    OFF_OBJECT = "off_object"
    MUSIC = "music"


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


@dataclass(frozen=True)
class Source:
    """Something to be heard.

    Attributes:
        object_id: whose sound it is; 0 where no object is.
        timbre: the class that it sounds like; -1 for music.
        voice: the sound itself.
        trajectory: where it comes from; None for everywhere at once (head-locked: only W).
        distance_m: which makes it quieter by 1/r.
        level_db: RMS at 1 m re full scale.
        stretches: when it sounds: (start_s, end_s), fades included, in order.
        bus: what it is mixed with.
    """

    object_id: int
    timbre: int
    voice: Voice
    trajectory: Trajectory | None
    distance_m: float
    level_db: float
    stretches: tuple[tuple[float, float], ...]
    bus: Bus

    def envelope(self, times_s: FloatArray) -> FloatArray:
        """(n,) in [0, 1] at (n,) seconds."""
        total = np.zeros(len(times_s))
        for start, end in self.stretches:
            total = np.maximum(total, np.clip(np.minimum(times_s - start, end - times_s) / _FADE_S, 0.0, 1.0))
        return total


@dataclass(frozen=True)
class Mix:
    """Levels, and noises without a place.

    Attributes:
        diffuse_snr_db, music_snr_db, off_object_snr_db: level of the objects' sound over them; None: not there.
        diffuse_band_hz, diffuse_tilt_db, diffuse_key: the diffuse noise.
        hiss_db, hiss_key: the microphones' noise, RMS of each channel re full scale.
    """

    diffuse_snr_db: float | None
    music_snr_db: float | None
    off_object_snr_db: float | None
    diffuse_band_hz: tuple[float, float]
    diffuse_tilt_db: float
    diffuse_key: int
    hiss_db: float
    hiss_key: int

    def snr_db(self, bus: Bus) -> float | None:
        """Level of the objects' sound over a bus of sources, where there is any."""
        return self.music_snr_db if bus is Bus.MUSIC else self.off_object_snr_db


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
    objects = _draw_objects(Draws(seed, "looks"), config, standings, room=room)
    sources, active = _draw_sources(Draws(seed, "sound"), config, objects, room=room)
    return SceneSpec(
        seed=seed,
        config=config,
        things=(*_draw_clutter(Draws(seed, "clutter"), config), *objects),
        sources=sources,
        active=active,
        background=draw_background(Draws(seed, "background"), config, room=room),
        camera=_draw_camera(Draws(seed, "camera"), config),
        room=room,
        mix=_draw_mix(Draws(seed, "mix"), config, sources),
    )


def _draw_objects(
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


def _draw_clutter(draws: Draws, config: SceneConfig) -> tuple[SceneThing, ...]:
    """Patterned patches without a label: what looks like a thing need not be one."""
    out = []
    held_out = HeldOut.TEXTURES in config.held_out
    for _ in range(draws.integer(*config.clutter)):
        class_id = draws.choice(HELD_OUT_CLASSES if held_out else SEEN_CLASSES)
        outline, surface = draw_surface(draws, class_id)
        azimuth, elevation = draws.uniform(-np.pi, np.pi), float(np.arcsin(draws.uniform(-0.9, 0.9)))
        flat = Surface(surface.texture, surface.base, surface.mark, surface.accent, bulge=0.1)
        out.append(
            SceneThing(
                id=CLUTTER, class_id=class_id, is_twin=False, radius_rad=float(np.radians(draws.uniform(3.0, 8.0))),
                distance_m=10.0, trajectory=Still(azimuth, elevation), up=(0.0, 0.0, 1.0),
                roll_rad=draws.uniform(-np.pi, np.pi), spin_rad_s=0.0, outline=outline, surface=flat,
            )
        )  # fmt: skip
    return tuple(out)


def _draw_sources(
    draws: Draws, config: SceneConfig, objects: Sequence[SceneThing], *, room: Room | None
) -> tuple[tuple[Source, ...], tuple[Sounding, ...]]:
    turns: list[tuple[SceneThing, list[tuple[float, float]]]] = []
    if not draws.chance(config.silent):
        twins = draws.shuffled([thing for thing in objects if thing.is_twin])
        lone = [] if twins else [draws.choice(objects)]
        turns += [(thing, spans) for thing, spans in _take_turns(draws, config, twins) if spans]
        turns += [(thing, [(0.0, config.duration_s)]) for thing in lone]
        others = [thing for thing in objects if not thing.is_twin and thing not in lone]
        turns += [(thing, [(0.0, config.duration_s)]) for thing in others if draws.chance(config.others_sound)]
    sources, active = [], []
    voices: dict[int, tuple[int, Voice, float]] = {}
    for thing, spans in turns:
        if thing.class_id not in voices:
            timbre = _draw_timbre(draws, config, thing.class_id)
            voices[thing.class_id] = (timbre, VOICES[timbre](draws), draws.uniform(-24.0, -18.0))
        timbre, voice, level_db = voices[thing.class_id]
        paused = draws.chance(config.pauses)
        stretches = tuple(part for span in spans for part in (_with_pauses(draws, span) if paused else [span]))
        sources.append(
            Source(thing.id, timbre, voice, thing.trajectory, thing.distance_m, level_db, stretches, Bus.OBJECTS)
        )
        active += [Sounding(thing.id, start, end) for start, end in spans]
    active.sort(key=lambda s: (s.start_s, s.object_id))
    return (*sources, *_draw_others(draws, config, objects, room=room)), tuple(active)


def _draw_timbre(draws: Draws, config: SceneConfig, class_id: int) -> int:
    """The class whose timbre a thing of a class has: its own, where that may be."""
    timbres = HELD_OUT_CLASSES if HeldOut.TIMBRES in config.held_out else SEEN_CLASSES
    return class_id if config.bound_timbres and class_id in timbres else draws.choice(timbres)


def _take_turns(
    draws: Draws, config: SceneConfig, twins: Sequence[SceneThing]
) -> list[tuple[SceneThing, list[tuple[float, float]]]]:
    """Stretches of each twin: one at a time, nobody twice running."""
    spans: list[list[tuple[float, float]]] = [[] for _ in twins]
    if twins:
        turn_s = config.duration_s if config.turn_s is None else config.turn_s
        count = max(1, round(config.duration_s / turn_s))
        edges = np.linspace(0.0, config.duration_s, count + 1).tolist()
        # twins come shuffled: the first one begins
        current = 0
        for start, end in zip(edges[:-1], edges[1:], strict=True):
            spans[current].append((start, end))
            current = (current + draws.integer(1, len(twins) - 1)) % len(twins)
    return list(zip(twins, spans, strict=True))


def _with_pauses(draws: Draws, span: tuple[float, float]) -> list[tuple[float, float]]:
    out = []
    at, end = span
    while at < end:
        until = min(at + draws.uniform(0.4, 1.5), end)
        if until - at > 2 * _FADE_S:
            out.append((at, until))
        at = until + draws.uniform(0.15, 0.5)
    return out


def _draw_others(
    draws: Draws, config: SceneConfig, objects: Sequence[SceneThing], *, room: Room | None
) -> list[Source]:
    """Sounds that belong to no object."""
    out = []
    whole = ((-1.0, config.duration_s + 1.0),)
    timbres = HELD_OUT_CLASSES if HeldOut.TIMBRES in config.held_out else SEEN_CLASSES
    if draws.chance(config.off_object):
        where = _free_direction(draws, objects, duration_s=config.duration_s)
        distance = min(draws.within(config.distance_m), room.reach(where[None]) if room else np.inf)
        azimuth, elevation = float(np.arctan2(where[1], where[0])), float(np.arcsin(np.clip(where[2], -1, 1)))
        timbre = draws.choice(timbres)
        voice = VOICES[timbre](draws)
        out.append(Source(0, timbre, voice, Still(azimuth, elevation), distance, -21.0, whole, Bus.OFF_OBJECT))
    if draws.chance(config.music):
        pair = draws.chance(0.4)
        for k, voice in enumerate(draw_music(draws)):
            side = Still(float(np.radians(30.0 if k % 2 else -30.0)), 0.0) if pair else None
            out.append(Source(0, -1, voice, side, 1.0, -24.0, whole, Bus.MUSIC))
    return out


def _free_direction(draws: Draws, objects: Sequence[SceneThing], *, duration_s: float) -> FloatArray:
    """Somewhere with no object near, or the freest of many tries."""
    times_s = np.linspace(0.0, duration_s, max(2, round(2 * duration_s)))
    ways = [(thing.trajectory.directions(times_s), thing.radius_rad) for thing in objects]
    best, freest = draws.direction(), -np.inf
    for _ in range(30):
        where = draws.direction()
        gap = min(float(np.min(angle_between(way, where))) - radius for way, radius in ways)
        if gap > freest:
            best, freest = where, gap
        if freest > np.radians(25.0):
            break
    return best


def _draw_camera(draws: Draws, config: SceneConfig) -> Camera:
    exposure = draws.uniform(0.75, 1.12)
    red, green, blue = (exposure * draws.uniform(0.93, 1.07) for _ in range(3))
    light = np.array([draws.uniform(-0.6, 0.6), draws.uniform(0.2, 0.9), draws.uniform(0.5, 1.0)])
    right, up, front = (light / np.linalg.norm(light)).tolist()
    return Camera((red, green, blue), (right, up, front), draws.within(config.grain), draws.key())


def _draw_mix(draws: Draws, config: SceneConfig, sources: Sequence[Source]) -> Mix:
    buses = {source.bus for source in sources}
    diffuse, music, off = (
        draws.within(span) for span in (config.diffuse_snr_db, config.music_snr_db, config.off_object_snr_db)
    )
    return Mix(
        diffuse_snr_db=diffuse if draws.chance(config.diffuse) else None,
        music_snr_db=music if Bus.MUSIC in buses else None,
        off_object_snr_db=off if Bus.OFF_OBJECT in buses else None,
        diffuse_band_hz=(draws.log_uniform(80, 400), draws.log_uniform(2000, 9000)),
        diffuse_tilt_db=draws.uniform(-5, 0),
        diffuse_key=draws.key(),
        hiss_db=draws.within(config.hiss_db),
        hiss_key=draws.key(),
    )


def is_at_pole(directions: FloatArray) -> FloatArray:
    """Whether directions (..., 3) lie within 40 degrees of a pole."""
    return np.asarray(np.abs(directions[..., 2]) > np.sin(POLE_RAD))


def is_on_seam(directions: FloatArray, radius_rad: float) -> FloatArray:
    """Whether things of a radius at directions (..., 3) touch the meridian behind, where the picture's edges meet."""
    # the half plane y = 0, x < 0: the distance to it is that to the great circle, behind only
    distance = np.arcsin(np.clip(np.abs(directions[..., 1]), 0, 1))
    return np.asarray((distance < radius_rad) & (directions[..., 0] < 0))

