"""What is heard of a scene: whose sound, from where, when, and how loud."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from panosod_core.geometry.sphere import FloatArray, angle_between
from panosod_core.synth.draws import Draws
from panosod_core.synth.scene_classes import HELD_OUT_CLASSES, SEEN_CLASSES
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_room import Room
from panosod_core.synth.scene_things import SceneThing
from panosod_core.synth.sound import Sounding
from panosod_core.synth.voices import VOICES, Voice, draw_music
from panosod_core.synth.world import Still, Trajectory

_FADE_S = 0.03


class Bus(StrEnum):
    """Groups of sources that are mixed at one level."""

    OBJECTS = "objects"
    OFF_OBJECT = "off_object"
    MUSIC = "music"


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


def draw_sources(
    draws: Draws, config: SceneConfig, objects: Sequence[SceneThing], *, room: Room | None
) -> tuple[tuple[Source, ...], tuple[Sounding, ...]]:
    """Who sounds, and what else does: the sources, and the truth about when whom (pauses bridged)."""
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
        for start, end in pairwise(edges):
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


def draw_mix(draws: Draws, config: SceneConfig, sources: Sequence[Source]) -> Mix:
    """Levels of what there is to mix."""
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
