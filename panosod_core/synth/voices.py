"""What things sound like: one formula that holds strings, bells, shakers, engines, sirens, clicks, and noise.

A voice is a tone (a table of harmonics, with vibrato and frequency modulation) and a band of noise, gated by a
rhythm. It is a pure function of time, so that pictures, sounds and devices agree by construction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from panosod_core.geometry.sphere import FloatArray
from panosod_core.synth.draws import Draws, hashed_uniform

TABLE = 2048
"""Points of a period of the tone's wave."""
STEPS = 8
"""Beats after which a rhythm repeats."""
CREST = 5.0
"""Peaks above this many RMS (14 dB) are rounded off."""
TOP_HZ = 14000.0
"""No harmonic above: so that 32 and 48 kHz hold the same sound."""


@dataclass(frozen=True)
class Voice:
    """One sound without end.

    Attributes:
        harmonics: amplitudes of the 1st, 2nd, ... partial.
        f0_hz: pitch.
        vibrato_hz, vibrato_depth: how fast and how far (share of the pitch) it wavers; glides are slow and deep.
        fm_ratio, fm_index: frequency modulation, by a multiple of the pitch: clang.
        tone, noise: amplitudes of both parts.
        band_hz: edges of the noise.
        tilt_db: of the noise, dB an octave.
        pulse_hz: beats a second.
        depth: of the gate, 0 steady to 1 silent between beats.
        sharp: how narrow a beat is: power of a raised cosine, or decay over a beat.
        struck: beats begin at once and die away; else they swell and fade.
        accents: loudness of the beats of a round.
        notes: pitches of the beats of a round, times f0.
        phase: where in the first beat it starts, [0, 1).
        key: of the noise and of the partials' phases.
    """

    harmonics: tuple[float, ...]
    f0_hz: float
    key: int
    vibrato_hz: float = 5.0
    vibrato_depth: float = 0.0
    fm_ratio: float = 1.0
    fm_index: float = 0.0
    tone: float = 1.0
    noise: float = 0.0
    band_hz: tuple[float, float] = (300.0, 6000.0)
    tilt_db: float = 0.0
    pulse_hz: float = 1.0
    depth: float = 0.0
    sharp: float = 1.0
    struck: bool = False
    accents: tuple[float, ...] = (1.0,) * STEPS
    notes: tuple[float, ...] = (1.0,) * STEPS
    phase: float = 0.0

    def __post_init__(self) -> None:
        if len(self.accents) != STEPS or len(self.notes) != STEPS:
            raise ValueError(f"a rhythm has {STEPS} beats, got {len(self.accents)} and {len(self.notes)}")


def wave_table(voice: Voice, rate_hz: int) -> FloatArray:
    """A period of the tone: (TABLE + 1,) float64, RMS 1, the last point repeats the first."""
    highest = voice.f0_hz * (1 + voice.vibrato_depth) * max(voice.notes)
    count = min(len(voice.harmonics), int(min(TOP_HZ, 0.45 * rate_hz) / highest), TABLE // 4)
    spectrum = np.zeros(TABLE // 2 + 1, np.complex128)
    if count:
        phases = 2 * np.pi * hashed_uniform(voice.key, count, first=1 << 28).astype(np.float64)
        spectrum[1 : count + 1] = np.asarray(voice.harmonics[:count]) * np.exp(1j * phases)
    wave = np.fft.irfft(spectrum, TABLE)
    wave = wave / max(float(np.sqrt(np.mean(wave**2))), 1e-12) if count else wave
    return np.concatenate([wave, wave[:1]])


def noise_gains(voice: Voice, n: int, rate_hz: int) -> FloatArray:
    """Amplitude of every frequency of ``rfft`` over n samples: (n // 2 + 1,) float64."""
    return band_gains(n, rate_hz, band_hz=voice.band_hz, tilt_db=voice.tilt_db)


def band_gains(n: int, rate_hz: int, *, band_hz: tuple[float, float], tilt_db: float) -> FloatArray:
    """Amplitudes of a band with flanks of fourth order and a tilt: (n // 2 + 1,) float64, none at 0 Hz."""
    low, high = band_hz[0], min(band_hz[1], 0.45 * rate_hz)
    hz = np.arange(n // 2 + 1) * (rate_hz / n)
    safe = np.maximum(hz, 1.0)
    octaves = np.log2(safe / np.sqrt(low * high))
    gain = 10 ** (tilt_db * octaves / 20) / np.sqrt((1 + (low / safe) ** 8) * (1 + (hz / high) ** 8))
    gain[0] = 0.0
    gains: FloatArray = gain
    return gains


def hashed_noise(key: int, gains: FloatArray, n: int) -> FloatArray:
    """Noise with those amplitudes: (n,) float64, RMS 1.

    The spectrum is drawn, not the samples: a cheap way, and the same noise at every sample rate.
    """
    numbers = hashed_uniform(key, 2 * len(gains)).astype(np.float64) - 0.5
    wave = np.fft.irfft((numbers[0::2] + 1j * numbers[1::2]) * gains, n)
    return np.asarray(wave / max(float(np.sqrt(np.mean(wave**2))), 1e-12))


def voice_signal(voice: Voice, n: int, *, rate_hz: int) -> FloatArray:
    """The first n samples of a voice: (n,) float64, RMS near 1, crest factor below 14 dB."""
    t = np.arange(n, dtype=np.float64) / rate_hz
    beats = voice.pulse_hz * t + voice.phase
    step = np.floor(beats).astype(np.int64)
    within = beats - step
    gate = 1 - voice.depth + voice.depth * _beat(voice, within) * np.asarray(voice.accents)[step % STEPS]
    raw = np.zeros(n)
    if voice.tone:
        raw += voice.tone * _tone(voice, t, np.asarray(voice.notes)[step % STEPS], rate_hz)
    if voice.noise:
        raw += voice.noise * hashed_noise(voice.key, noise_gains(voice, n, rate_hz), n)
    raw *= gate
    raw -= raw.mean()  # frequency modulation by the pitch itself has a constant part
    raw /= max(float(np.sqrt(np.mean(raw**2))), 1e-9)
    return np.asarray(CREST * np.tanh(raw / CREST))


def _beat(voice: Voice, within: FloatArray) -> FloatArray:
    if voice.struck:
        return np.asarray(np.minimum(within * 50, 1.0) * np.exp(-voice.sharp * within))
    return np.asarray(np.abs(np.sin(np.pi * within)) ** (2 * voice.sharp))


def _tone(voice: Voice, t: FloatArray, notes: FloatArray, rate_hz: int) -> FloatArray:
    waver = voice.vibrato_depth / (2 * np.pi * voice.vibrato_hz)
    turns = voice.f0_hz * notes * (t - waver * np.cos(2 * np.pi * (voice.vibrato_hz * t + voice.phase)))
    if voice.fm_index:
        turns = turns + (voice.fm_index / (2 * np.pi)) * np.sin(2 * np.pi * (voice.fm_ratio * turns))
    place = (turns - np.floor(turns)) * TABLE
    left = np.minimum(place.astype(np.int64), TABLE - 1)
    table = wave_table(voice, rate_hz)
    return np.asarray(table[left] + (table[left + 1] - table[left]) * (place - left))


def _roll(count: int, power: float, *, odd: bool = False) -> tuple[float, ...]:
    k = np.arange(1, count + 1, dtype=np.float64)
    return tuple((k**-power * (np.mod(k, 2) if odd else 1.0)).tolist())


def _accents(draws: Draws, *, lowest: float = 0.35) -> tuple[float, ...]:
    return (1.0, *draws.uniforms(STEPS - 1, lowest, 1.0).tolist())


def _strings(d: Draws) -> Voice:
    return Voice(
        _roll(40, 0.9), d.log_uniform(150, 420), d.key(), vibrato_hz=d.uniform(4.5, 6), vibrato_depth=0.006, noise=0.12,
        band_hz=(1500, 9000), tilt_db=-3, pulse_hz=d.uniform(0.6, 1.4), depth=0.4, phase=d.unit(),
    )  # fmt: skip


def _flute(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.35, 0.12, 0.05), d.log_uniform(480, 1100), d.key(), vibrato_hz=d.uniform(4, 6), vibrato_depth=0.008,
        noise=0.25, band_hz=(1500, 7000), pulse_hz=d.uniform(1.0, 2.5), depth=0.7, sharp=0.6, phase=d.unit(),
        notes=tuple(d.choice((1.0, 1.125, 1.25, 1.5)) for _ in range(STEPS)),
    )  # fmt: skip


def _bells(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.2), d.log_uniform(380, 950), d.key(), fm_ratio=d.choice((1.41, 2.76, 3.51)), fm_index=d.uniform(1.5, 3),
        pulse_hz=d.uniform(1.8, 4.5), depth=1.0, sharp=d.uniform(3, 5), struck=True, accents=_accents(d),
        notes=tuple(d.choice((1.0, 1.2, 1.335, 1.5)) for _ in range(STEPS)), phase=d.unit(),
    )  # fmt: skip


def _shaker(d: Draws) -> Voice:
    return Voice(
        (1.0,), 1000.0, d.key(), tone=0.0, noise=1.0, band_hz=(d.uniform(2000, 4000), d.uniform(8000, 12000)),
        pulse_hz=d.uniform(5, 10), depth=0.95, sharp=d.uniform(3, 6), struck=True, accents=_accents(d), phase=d.unit(),
    )  # fmt: skip


def _engine(d: Draws) -> Voice:
    return Voice(
        _roll(40, 0.55), d.log_uniform(45, 95), d.key(), vibrato_hz=d.uniform(0.3, 0.8), vibrato_depth=0.06, noise=0.35,
        band_hz=(120, 1500), tilt_db=-2, pulse_hz=d.uniform(14, 24), depth=0.5, phase=d.unit(),
    )  # fmt: skip


def _siren(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.5, 0.4, 0.1), d.log_uniform(550, 1000), d.key(), vibrato_hz=d.uniform(0.5, 1.6),
        vibrato_depth=d.uniform(0.2, 0.4), phase=d.unit(), noise=0.02,
    )  # fmt: skip


def _clicks(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.6, 0.3), d.log_uniform(1800, 3000), d.key(), tone=0.7, noise=1.0, band_hz=(700, 11000),
        pulse_hz=d.uniform(8, 16), depth=1.0, sharp=d.uniform(12, 20), struck=True, accents=_accents(d, lowest=0.0),
        phase=d.unit(),
    )  # fmt: skip


def _speech(d: Draws) -> Voice:
    f0 = d.log_uniform(100, 240)
    hz = f0 * np.arange(1, 41)
    formants = zip(d.uniforms(3) * (400, 1200, 900) + (300, 900, 2400), (1.0, 0.6, 0.3), strict=True)
    envelope = sum(level / (1 + ((hz - centre) / 160) ** 2) for centre, level in formants)
    return Voice(
        tuple(np.asarray(envelope).tolist()), f0, d.key(), vibrato_hz=d.uniform(0.5, 1.2), vibrato_depth=0.09,
        noise=0.12, band_hz=(2500, 8000), pulse_hz=d.uniform(3, 5), depth=0.85, sharp=0.8, accents=_accents(d),
        phase=d.unit(), notes=tuple(d.uniforms(STEPS, 0.9, 1.15).tolist()),
    )  # fmt: skip


def _water(d: Draws) -> Voice:
    return Voice(
        (1.0,), 1000.0, d.key(), tone=0.0, noise=1.0, band_hz=(d.uniform(200, 500), d.uniform(5000, 9000)), tilt_db=-3,
        pulse_hz=d.uniform(0.3, 0.9), depth=0.3, phase=d.unit(),
    )  # fmt: skip


def _organ(d: Draws) -> Voice:
    return Voice(
        _roll(25, 0.8, odd=True), d.log_uniform(180, 440), d.key(), vibrato_hz=6.5, vibrato_depth=0.002,
        pulse_hz=d.uniform(0.4, 0.9), depth=0.25, noise=0.03, phase=d.unit(),
    )  # fmt: skip


def _crickets(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.15), d.log_uniform(3600, 5400), d.key(), vibrato_hz=d.uniform(3, 6), vibrato_depth=0.01,
        pulse_hz=d.uniform(28, 48), depth=1.0, sharp=1.5, accents=_accents(d, lowest=0.1), phase=d.unit(), noise=0.03,
    )  # fmt: skip


def _drums(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.5, 0.3, 0.2), d.log_uniform(85, 170), d.key(), fm_ratio=1.59, fm_index=1.0, noise=0.5,
        band_hz=(150, 5000), tilt_db=-4, pulse_hz=d.uniform(2.5, 5), depth=1.0, sharp=d.uniform(6, 10), struck=True,
        accents=_accents(d, lowest=0.2), phase=d.unit(),
    )  # fmt: skip


def _brass(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.5, 0.25), d.log_uniform(160, 380), d.key(), fm_ratio=1.0, fm_index=d.uniform(3, 5),
        pulse_hz=d.uniform(1.2, 3), depth=0.9, sharp=0.5, accents=_accents(d), phase=d.unit(),
        notes=tuple(d.choice((1.0, 1.335, 1.5)) for _ in range(STEPS)),
    )  # fmt: skip


def _whistle(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.08), d.log_uniform(1200, 2200), d.key(), vibrato_hz=d.uniform(1.5, 3),
        vibrato_depth=d.uniform(0.1, 0.3), noise=0.3, band_hz=(1200, 5000), pulse_hz=d.uniform(0.8, 1.6), depth=0.6,
        phase=d.unit(),
    )  # fmt: skip


def _wood(d: Draws) -> Voice:
    return Voice(
        (1.0, 0.3), d.log_uniform(300, 800), d.key(), fm_ratio=2.43, fm_index=d.uniform(1.5, 2.5), noise=0.25,
        band_hz=(500, 4000), pulse_hz=d.uniform(4, 8), depth=1.0, sharp=d.uniform(9, 14), struck=True,
        accents=_accents(d, lowest=0.1), phase=d.unit(), notes=tuple(d.uniforms(STEPS, 0.7, 1.5).tolist()),
    )  # fmt: skip


def _wind(d: Draws) -> Voice:
    return Voice(
        (1.0,), 1000.0, d.key(), tone=0.0, noise=1.0, band_hz=(d.uniform(250, 450), d.uniform(900, 1600)), tilt_db=-2,
        pulse_hz=d.uniform(0.5, 1.2), depth=0.8, accents=_accents(d), phase=d.unit(),
    )  # fmt: skip


VOICES: Sequence[Callable[[Draws], Voice]] = (
    _strings, _flute, _bells, _shaker, _engine, _siren, _clicks, _speech, _water, _organ, _crickets, _drums,
    _brass, _whistle, _wood, _wind,
)  # fmt: skip
"""The sound of each class of :data:`panosod_core.synth.scene_classes.CLASSES`, by its number."""


def draw_music(draws: Draws) -> tuple[Voice, ...]:
    """A chord of three pulsing voices over a bass line."""
    root = draws.log_uniform(130, 260)
    beat, phase = draws.uniform(1.5, 3.0), draws.unit()
    third = draws.choice((1.189, 1.26))
    line = tuple(draws.choice((1.0, 1.0, 1.335, 1.498)) for _ in range(STEPS))
    rhythm = _accents(draws, lowest=0.5)
    chord = Voice(
        _roll(24, 1.2), root, draws.key(), vibrato_depth=0.003, pulse_hz=beat, depth=0.7, sharp=1.5, struck=True,
        accents=rhythm, notes=line, phase=phase,
    )  # fmt: skip
    high = [replace(chord, f0_hz=root * ratio, key=draws.key()) for ratio in (third, 1.498)]
    bass = replace(chord, f0_hz=root / 2, key=draws.key(), sharp=3.0)
    return (chord, *high, bass)
