"""``panosod listen FILE``: where a clip's sound comes from, window by window."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from panosod_core.ambisonics.energy import Arrival, direction_of_arrival
from panosod_core.cli.text import one_line
from panosod_core.errors import AmbisonicError, ConfigError
from panosod_core.geometry.sphere import direction
from panosod_core.media.audio import AudioReader
from panosod_core.media.choice import SOUND_CHOICES, override_sound, sound_choices
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import AudioInfo, ClipInfo
from panosod_core.media.probe import probe

MIN_WINDOW_S = 0.005
MAX_WINDOW_S = 60.0


@dataclass(frozen=True)
class ListenArguments:
    """Print the direction that a clip's ambisonic sound comes from, over time.

    Azimuth is 0 in front and positive to the left, elevation positive upwards. A diffuseness of 0 is one source in the
    open, 1 is sound from everywhere. Use it to check a recording's channel order and orientation.
    """

    file: Annotated[Path, tyro.conf.Positional]
    """The video or sound file."""
    window: float = 0.1
    """Seconds of sound that each direction is taken from."""
    sound: str = "auto"
    """What to take the channels for, over what the file says: auto, ambix, n3d, fuma, ambix+2."""
    band: tuple[float, float] | None = None
    """Listen between two frequencies (Hz) only, e.g. 200 4000 to leave out wind and rumble."""
    json: bool = False
    """Print one JSON object a window instead of a table."""


@dataclass(frozen=True)
class Heard:
    """One window: its time on the clip's clock, its length, and where its sound came from."""

    t_s: float
    duration_s: float
    arrival: Arrival


def run(args: ListenArguments) -> int:
    """Print where the sound comes from.

    Raises:
        MediaError: no clip, or its sound cannot be decoded.
        AmbisonicError: there is no sound, or it has no direction (mono, stereo).
        ConfigError: an impossible window, band or choice.
    """
    _check(args)
    clip = probe(args.file)
    audio = _ambisonic_sound(clip, args.sound)
    heard = listen(clip, audio, window_s=args.window, band_hz=args.band)
    if args.json:
        for one in heard:
            print(json.dumps(as_json(one)), flush=True)
        return 0
    form = f"{audio.format.value}, order {audio.order}, {audio.sample_rate_hz} Hz, from: {audio.source}"
    print(one_line(f"{args.file}: {form}"))
    for warning in audio.warnings:
        print(one_line(f"warning: {warning}"))
    print("  time s   azimuth  elevation  level dBFS  diffuseness  from")
    seen = []
    for one in heard:
        print(as_row(one), flush=True)
        seen.append(one)
    print(summary(seen))
    return 0


def listen(
    clip: ClipInfo, audio: AudioInfo, *, window_s: float, band_hz: tuple[float, float] | None = None
) -> Iterator[Heard]:
    """Directions of arrival of a clip's sound, one for each window that follows another.

    Args:
        clip: as probed.
        audio: its sound, as probed or chosen; ambisonic.
        window_s: length of a window; the last one may be shorter.
        band_hz: the band to listen in.

    Raises:
        MediaError: the sound cannot be decoded.
    """
    rate = audio.sample_rate_hz
    step = max(round(window_s * rate), 1)
    with AudioReader(clip.path, audio, out_rate_hz=rate, clock_origin_s=clip_origin_s(clip)) as reader:
        while True:
            t_s = reader.position_s
            block = reader.read(step)
            if block.shape[1] == 0:
                return
            arrival = direction_of_arrival(block, sample_rate_hz=rate, band_hz=band_hz)
            yield Heard(t_s, block.shape[1] / rate, arrival)


def as_json(heard: Heard) -> dict[str, float | str | None]:
    """Plain values of a window; None where silence has no direction or level."""
    arrival = heard.arrival
    return {
        "event": "arrival",
        "t_s": round(heard.t_s, 6),
        "duration_s": round(heard.duration_s, 6),
        "azimuth_deg": _finite(np.degrees(arrival.azimuth_rad), 2),
        "elevation_deg": _finite(np.degrees(arrival.elevation_rad), 2),
        "level_db": _finite(arrival.level_db, 2),
        "diffuseness": _finite(arrival.diffuseness, 4),
    }


def as_row(heard: Heard) -> str:
    """A window as a line of the table."""
    arrival = heard.arrival
    level = f"{arrival.level_db:10.1f}" if np.isfinite(arrival.level_db) else f"{'-inf':>10}"
    if arrival.is_silent:
        return f"{heard.t_s:8.3f} {'-':>9} {'-':>10}  {level} {'-':>12}  silence"
    azimuth, elevation = np.degrees(arrival.azimuth_rad), np.degrees(arrival.elevation_rad)
    where = in_words(azimuth, elevation)
    return f"{heard.t_s:8.3f} {azimuth:+9.1f} {elevation:+10.1f}  {level} {arrival.diffuseness:12.2f}  {where}"


def in_words(azimuth_deg: float, elevation_deg: float) -> str:
    """A direction as a person would call it."""
    if abs(elevation_deg) > 67.5:
        return "above" if elevation_deg > 0 else "below"
    around = ("front", "front left", "left", "back left", "back", "back right", "right", "front right")
    height = "" if abs(elevation_deg) < 22.5 else ", up" if elevation_deg > 0 else ", down"
    return around[round(azimuth_deg / 45.0) % 8] + height


def summary(heard: list[Heard]) -> str:
    """Where most of the sound came from: directions weighted by their directed power."""
    sounding = [h for h in heard if not h.arrival.is_silent]
    if not sounding:
        return "silence throughout: no direction"
    towards = np.array([direction(h.arrival.azimuth_rad, h.arrival.elevation_rad) for h in sounding])
    power = np.array([10 ** (h.arrival.level_db / 10) * h.duration_s for h in sounding])
    weight = power * (1 - np.array([h.arrival.diffuseness for h in sounding]))
    mean = (weight[:, None] * towards).sum(axis=0)
    azimuth = float(np.degrees(np.arctan2(mean[1], mean[0])))
    elevation = float(np.degrees(np.arctan2(mean[2], np.hypot(mean[0], mean[1]))))
    steady = float(np.linalg.norm(mean) / max(weight.sum(), 1e-30))
    diffuseness = float(power @ [h.arrival.diffuseness for h in sounding] / power.sum())
    return (
        f"on the whole: azimuth {azimuth:+.1f}, elevation {elevation:+.1f} ({in_words(azimuth, elevation)}), "
        f"steadiness {steady:.2f}, diffuseness {diffuseness:.2f}"
    )


def _finite(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


def _check(args: ListenArguments) -> None:
    if not MIN_WINDOW_S <= args.window <= MAX_WINDOW_S:
        raise ConfigError(
            f"--window must lie between {MIN_WINDOW_S:g} and {MAX_WINDOW_S:g} seconds, got {args.window:g}"
        )
    if args.band is not None and not 0 <= args.band[0] < args.band[1] < np.inf:
        raise ConfigError(f"--band must be a lower and a higher frequency in Hz, got {args.band[0]} {args.band[1]}")
    if args.sound not in SOUND_CHOICES:
        raise ConfigError(f"--sound must be one of {', '.join(SOUND_CHOICES)}, got {args.sound!r}")


def _ambisonic_sound(clip: ClipInfo, choice: str) -> AudioInfo:
    if clip.audio is None:
        raise AmbisonicError(f"{clip.path}: the clip has no sound to listen to")
    allowed = sound_choices(clip.audio)
    if choice not in allowed:
        raise ConfigError(f"{clip.path}: --sound {choice} does not fit {clip.audio.channels} channels")
    audio = override_sound(clip.audio, choice)
    if not audio.format.is_ambisonic or not audio.order:
        raise AmbisonicError(
            f"{clip.path}: {audio.format.value} sound ({audio.channels} channel{'s' * (audio.channels > 1)}, "
            f"from: {audio.source}) has no direction to hear; expected ambisonic sound of 4 channels or more"
        )
    return audio
