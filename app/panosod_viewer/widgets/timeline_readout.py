"""What the time line says of a moment, in one line of words, values and units. No Qt."""

import math
from dataclasses import dataclass

from panosod_core.ambisonics.energy_track import EnergyTrack
from panosod_core.inference.tracks import Tracks, azimuth_ranges
from panosod_viewer.widgets.timecode import timecode

_REACH_S = 0.25
"""A map tells of moments at most this far from its frame."""
_MOST_RANGES = 2


@dataclass(frozen=True)
class Moment:
    """A moment of a clip.

    Attributes:
        time_s: when.
        duration_s: of the clip.
        fps: frames a second; None where the rate varies or is unknown.
    """

    time_s: float
    duration_s: float
    fps: float | None = None


def readout(moment: Moment, *, track: EnergyTrack | None, tracks: Tracks) -> str:
    """Time and frame, then the sound, then the maps; what is not known is left out."""
    parts = [timecode(moment.time_s, long=moment.duration_s >= 3600)]
    if moment.fps is not None:
        # The clip's end is still its last frame.
        last = max(math.ceil(moment.duration_s * moment.fps - 1e-6) - 1, 0)
        parts[0] += f"  frame {min(math.floor(moment.time_s * moment.fps + 1e-6), last)}"
    return "   ·   ".join(parts + _sound_parts(moment.time_s, track) + _map_parts(moment.time_s, tracks))


def degrees(angle_rad: float) -> str:
    """Whole degrees with a sign; never "−0°"."""
    whole = round(math.degrees(angle_rad))
    return f"{'−' if whole < 0 else '+' if whole > 0 else ''}{abs(whole)}°"


def _sound_parts(time_s: float, track: EnergyTrack | None) -> list[str]:
    step = None if track is None else track.step_at(time_s)
    if track is None or step is None:
        return []
    if not math.isfinite(track.azimuth_rad[step]):
        return ["silence"]
    where = f"{degrees(track.azimuth_rad[step])}, {degrees(track.elevation_rad[step])}"
    return [f"sound {track.level_db[step]:.0f} dB from {where}, {100 * track.diffuseness[step]:.0f} % diffuse"]


def _map_parts(time_s: float, tracks: Tracks) -> list[str]:
    row = tracks.nearest(time_s, reach_s=_REACH_S)
    if row is None:
        return []
    parts = [f"salient {100 * tracks.area[row]:.2g} %{_ranges(tracks, row)}"]
    if math.isfinite(tracks.j[row]):
        score = f"J {tracks.j[row]:.2f}"
        parts.append(f"F {tracks.f[row]:.2f}, {score}" if math.isfinite(tracks.f[row]) else score)
    parts.append(f"unsure {tracks.entropy[row]:.3f} bit")
    if math.isfinite(tracks.disagreement_rad[row]):
        parts.append(f"off the sound by {math.degrees(tracks.disagreement_rad[row]):.0f}°")
    parts.append("model" if tracks.is_model[row] else "carried by flow")
    return parts


def _ranges(tracks: Tracks, row: int) -> str:
    ranges = azimuth_ranges(tracks.occupied[row])
    if not ranges:
        return ""
    if len(ranges) > _MOST_RANGES:
        return f" in {len(ranges)} places"
    # From left to right, as on the picture.
    texts = [f"{degrees(_wrapped(end))}…{degrees(_wrapped(start))}" for start, end in reversed(ranges)]
    return " at " + " and ".join(texts)


def _wrapped(angle_rad: float) -> float:
    return math.pi - (math.pi - angle_rad) % (2 * math.pi)
