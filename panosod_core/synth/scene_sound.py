"""The ambisonic field of a scene at the listener: the reference, in numpy.

Every source is a plane wave from the direction of its object, steered by curves at 100 Hz; rooms add reflections and
a diffuse tail. First order, ACN/SN3D.
"""

from dataclasses import dataclass

import numpy as np

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.draws import hashed_uniform
from panosod_core.synth.grid import Float32Array
from panosod_core.synth.scene import SceneSpec
from panosod_core.synth.scene_config import CONTROL_HZ
from panosod_core.synth.scene_room import Room
from panosod_core.synth.scene_sources import Bus, Mix, Source
from panosod_core.synth.voices import band_gains, hashed_noise, voice_signal

LOUDEST = 0.88
"""Peak of any channel, full scale 1; louder fields are turned down as a whole."""
NOMINAL_RMS = 10 ** (-27 / 20)
"""What background sounds are measured against where no object sounds."""
SHARES = (1.0, 3**-0.5, 3**-0.5, 3**-0.5)
"""Amplitudes of the channels of a diffuse field re W (SN3D)."""
KEY_TIME_S = 1.0
"""Reflections of moving sources are computed anew so often, and cross-faded."""


@dataclass(frozen=True, eq=False)
class Steering:
    """How a source is steered: curves at ``CONTROL_HZ``, straight between their points.

    Attributes:
        envelope: (m,) float64 times the level: the source at 1 m.
        gains: (4, m) float64: from there to the direct sound, by direction and distance; (4, 1) where they stay.
    """

    envelope: FloatArray
    gains: FloatArray


def control_times(duration_s: float) -> FloatArray:
    """(m,) seconds: the points of the curves, the last one at the end or after it."""
    return np.arange(int(np.ceil(duration_s * CONTROL_HZ - 1e-9)) + 1) / CONTROL_HZ


def sample_count(spec: SceneSpec, rate_hz: int) -> int:
    """Samples of a scene.

    Raises:
        ConfigError: the curves do not fit that rate.
    """
    if rate_hz % CONTROL_HZ or not 8000 <= rate_hz <= 192000:
        raise ConfigError(f"the sample rate must be a multiple of {CONTROL_HZ} from 8000 to 192000 Hz, got {rate_hz}")
    return round(spec.config.duration_s * rate_hz)


def steering(source: Source, duration_s: float) -> Steering:
    """The curves of a source over a scene."""
    times_s = control_times(duration_s)
    envelope = source.envelope(times_s) * 10 ** (source.level_db / 20)
    if source.trajectory is None:
        return Steering(envelope, np.array([[1.0], [0.0], [0.0], [0.0]]))
    directions = source.trajectory.directions(times_s)
    if np.ptp(directions, axis=0).max() < 1e-9:
        directions = directions[:1]
    near = encode_plane_wave(np.full(len(directions), 1 / source.distance_m), directions).astype(np.float64)
    return Steering(envelope, near)


def at_samples(curve: FloatArray, n: int, *, hop: int) -> FloatArray:
    """A curve (..., m) at the first n samples, ``hop`` of them from point to point: (..., n)."""
    share = np.arange(hop) / hop
    lines = curve[..., :-1, None] + (curve[..., 1:] - curve[..., :-1])[..., None] * share
    return np.asarray(lines.reshape(*curve.shape[:-1], -1)[..., :n])


def render_sound(spec: SceneSpec, *, rate_hz: int = 48000) -> Float32Array:
    """The whole field of a scene: (4, n) float32, ACN/SN3D, peaks at most 0.88.

    Args:
        spec: the scene.
        rate_hz: 48000, 32000, or another multiple of 100.

    Raises:
        ConfigError: the rate does not fit.
    """
    n = sample_count(spec, rate_hz)
    buses: dict[Bus, FloatArray] = {}
    for bus in Bus:
        members = [source for source in spec.sources if source.bus is bus]
        if members:
            buses[bus] = _render_bus(members, spec, n=n, rate_hz=rate_hz)
    objects = buses.get(Bus.OBJECTS)
    field = np.zeros((4, n)) if objects is None else objects
    heard = NOMINAL_RMS if objects is None else float(np.sqrt(np.mean(objects[0] ** 2)))
    for bus in (Bus.OFF_OBJECT, Bus.MUSIC):
        snr_db = spec.mix.snr_db(bus)
        if bus in buses and snr_db is not None:
            own = float(np.sqrt(np.mean(buses[bus][0] ** 2)))
            field = field + buses[bus] * (heard * 10 ** (-snr_db / 20) / max(own, 1e-9))
    field = field + _noises(spec.mix, heard=heard, n=n, rate_hz=rate_hz)
    peak = float(np.max(np.abs(field)))
    return (field * min(1.0, LOUDEST / max(peak, 1e-9))).astype(np.float32)


def _render_bus(members: list[Source], spec: SceneSpec, *, n: int, rate_hz: int) -> FloatArray:
    hop = rate_hz // CONTROL_HZ
    field, late = np.zeros((4, n)), np.zeros(n)
    for source in members:
        curves = steering(source, spec.config.duration_s)
        signal = voice_signal(source.voice, n, rate_hz=rate_hz) * at_samples(curves.envelope, n, hop=hop)
        gains = curves.gains if curves.gains.shape[1] == 1 else at_samples(curves.gains, n, hop=hop)
        field += gains * signal
        if spec.room is not None and source.trajectory is not None:
            field += early_field(signal, source, spec.room, duration_s=spec.config.duration_s, rate_hz=rate_hz)
            late += signal
    if spec.room is not None and np.any(late):
        field += convolve(late, spec.room.late_response(rate_hz))
    return field


def reflection_keys(source: Source, duration_s: float) -> FloatArray:
    """Times at which the reflections of a source are computed: one where it stands still."""
    if source.trajectory is None:
        raise ValueError("a source without a place has no reflections")
    ends = source.trajectory.directions([0.0, duration_s / 2, duration_s])
    if np.ptp(ends, axis=0).max() < 1e-9:
        return np.array([0.0])
    return np.linspace(0.0, duration_s, max(2, round(duration_s / KEY_TIME_S) + 1))


def key_weights(keys_s: FloatArray, n: int, *, rate_hz: int) -> FloatArray:
    """(K, n) cross-fade of K equally spaced times: triangles that sum to 1."""
    if len(keys_s) == 1:
        return np.ones((1, n))
    place = np.arange(n) / rate_hz / (keys_s[1] - keys_s[0])
    return np.asarray(np.clip(1 - np.abs(place - np.arange(len(keys_s))[:, None]), 0.0, 1.0))


def early_field(signal: FloatArray, source: Source, room: Room, *, duration_s: float, rate_hz: int) -> FloatArray:
    """The images of a source in the walls: (4, n)."""
    n = len(signal)
    field = np.zeros((4, n))
    keys_s = reflection_keys(source, duration_s)
    if source.trajectory is None:
        return field
    ways = source.trajectory.directions(keys_s)
    for way, weight in zip(ways, key_weights(keys_s, n, rate_hz=rate_hz), strict=True):
        part = signal * weight
        for image in room.images(way, source.distance_m):
            delay = round(image.delay_s * rate_hz)
            x, y, z = image.direction
            if delay < n:
                gains = np.array([[1.0], [y], [z], [x]]) * image.gain
                field[:, delay:] += gains * part[: n - delay]
    return field


def convolve(signal: FloatArray, response: FloatArray) -> FloatArray:
    """(n,) with (4, m): (4, n), the end cut."""
    n = len(signal)
    size = fft_length(n + response.shape[1])
    spectrum = np.fft.rfft(signal, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(spectrum, size)[:, :n])


def fft_length(least: int) -> int:
    """The first length from there of the form 2^a or 3 * 2^a, which transforms fast everywhere."""
    power = 1 << max(least - 1, 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= least else power


def _noises(mix: Mix, *, heard: float, n: int, rate_hz: int) -> FloatArray:
    field = np.empty((4, n))
    level = 10 ** (mix.hiss_db / 20) * np.sqrt(12.0)
    field[:] = (hashed_uniform(mix.hiss_key, 4 * n).reshape(4, n) - 0.5) * level
    if mix.diffuse_snr_db is not None:
        gains = band_gains(n, rate_hz, band_hz=mix.diffuse_band_hz, tilt_db=mix.diffuse_tilt_db)
        size = heard * 10 ** (-mix.diffuse_snr_db / 20)
        for channel, share in enumerate(SHARES):
            field[channel] += hashed_noise(mix.diffuse_key ^ (channel + 1) << 28, gains, n) * (size * share)
    return field
