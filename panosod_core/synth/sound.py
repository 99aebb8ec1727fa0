"""When things sound, and the ambisonic field that they make together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.grid import Float32Array
from panosod_core.synth.timbre import click, fade, shaped_noise, timbre
from panosod_core.synth.world import SceneObject

SAMPLE_RATE_HZ = 48000
_RMS = 10 ** (-17 / 20)
_FADE_S = 0.03
_CLICK_PEAK = 10 ** (-6 / 20)
_BED_RMS = 10 ** (-56 / 20)


@dataclass(frozen=True)
class Sounding:
    """One stretch in which one object sounds: start_s <= t < end_s on the clip's clock, fades included."""

    object_id: int
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s:
            raise ValueError(f"a sounding must have 0 <= start_s < end_s: {self}")


def make_schedule(
    first: Sequence[int],
    rest: Sequence[int],
    *,
    duration_s: float,
    slot_s: float,
    gap_s: float,
    rng: np.random.Generator,
) -> tuple[Sounding, ...]:
    """One object at a time, in slots that begin with a gap.

    The first round begins with ``first`` (the twins) in random order and goes on with ``rest``; every further round
    holds all of them in random order, and nobody sounds in two slots running.

    Args:
        first: ids of the objects that begin.
        rest: ids of the others; together at least two.
        duration_s: of the clip; the last slot is cut there, or left out where less than half of it fits.
        slot_s: length of a slot.
        gap_s: silence at its beginning, shorter than the slot.
        rng: decides the order.
    """
    if not 0 <= gap_s < slot_s:
        raise ValueError(f"the gap must be shorter than the slot, got {gap_s} s of {slot_s} s")
    everyone = [*first, *rest]
    if len(everyone) < 2:
        raise ValueError("a schedule needs at least two objects to switch between")
    order = [*rng.permutation(list(first)).tolist(), *rng.permutation(list(rest)).tolist()]
    slots = int(np.ceil(duration_s / slot_s - 1e-9))
    while len(order) < slots:
        turn = rng.permutation(everyone).tolist()
        if turn[0] == order[-1]:
            turn = [*turn[1:], turn[0]]
        order += turn
    stretches = []
    for k in range(slots):
        start, end = k * slot_s + gap_s, min((k + 1) * slot_s, duration_s)
        if end - start > (slot_s - gap_s) / 2:
            stretches.append(Sounding(int(order[k]), start, end))
    return tuple(stretches)


def render_field(
    objects: Sequence[SceneObject],
    schedule: Sequence[Sounding],
    *,
    samples: int,
    click_samples: Sequence[int],
    click_direction: FloatArray,
    seed: int,
    rate_hz: int = SAMPLE_RATE_HZ,
) -> Float32Array:
    """The first-order field of a scene at the listener.

    Every object is a plane wave whose direction is computed anew for every sample. A quiet diffuse bed of air lies
    beneath, at -56 dBFS.

    Args:
        objects: who may sound.
        schedule: when they do.
        samples: length of the clip.
        click_samples: where clicks begin.
        click_direction: (3,) where they come from.
        seed: of all accidents.
        rate_hz: sample rate.

    Returns:
        (4, samples) float32, ACN/SN3D, peaks below 0.89 (-1 dBFS).
    """
    field = _diffuse_bed(samples, rate_hz, seed)
    by_id = {thing.id: thing for thing in objects}
    for k, stretch in enumerate(schedule):
        thing = by_id[stretch.object_id]
        start, end = round(stretch.start_s * rate_hz), min(round(stretch.end_s * rate_hz), samples)
        if end <= start:
            continue
        rng = np.random.default_rng([seed, 0x50D, k])
        signal = timbre(thing.timbre, end - start, rate_hz=rate_hz, rms=_RMS, rng=rng)
        signal = signal * fade(len(signal), round(_FADE_S * rate_hz))
        directions = thing.trajectory.directions(np.arange(start, end) / rate_hz)
        field[:, start:end] += encode_plane_wave(signal, directions)
    sharp = click(rate_hz, rng=np.random.default_rng([seed, 0xC11C])) * np.float32(_CLICK_PEAK)
    for start in click_samples:
        part = sharp[: max(samples - start, 0)]
        field[:, start : start + len(part)] += encode_plane_wave(part, click_direction)
    peak = float(np.max(np.abs(field), initial=0.0))
    return field * np.float32(0.88 / peak) if peak > 0.88 else field


def _diffuse_bed(samples: int, rate_hz: int, seed: int) -> Float32Array:
    """Air from everywhere: independent channels, each first-order one at a third of W's power (SN3D)."""
    rng = np.random.default_rng([seed, 0xA1B])
    bed = np.empty((4, samples), np.float32)
    for channel, share in enumerate((1.0, 1 / 3, 1 / 3, 1 / 3)):
        noise = shaped_noise(samples, rate_hz, rng, low_hz=120, high_hz=4000, tilt_db_octave=-4)
        bed[channel] = noise * (_BED_RMS * np.sqrt(share))
    return bed
