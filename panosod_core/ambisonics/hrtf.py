"""Measured heads: reading any SOFA file into one plain form, with one clear error where that cannot be.

``sofar`` (and netCDF4 with it) is imported only when a file is read: the embedded filters need neither.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.impulse import LEAD_SAMPLES, onset, resampled
from panosod_core.errors import HrtfError
from panosod_core.geometry.sphere import FloatArray, direction

MAX_TAPS_READ = 8192
"""Samples of each response that are read: 170 ms at 48 kHz, far more than any head rings."""
MAX_VALUES = 1 << 24
MIN_DIRECTIONS = 6
_MAX_DELAY_SPREAD_S = 0.05
_MAX_SMALL = 1 << 22
_EMPTY = 1e-6
"""A response of less energy than this part of the median is a measurement that was never made."""
_HEAD_RINGS_S = 0.012


@dataclass(frozen=True, eq=False)
class HrtfSet:
    """Head-related impulse responses of many directions. Checked at birth; treat as read-only.

    Attributes:
        directions: (D, 3) float64 unit vectors from the head to the source: x front, y left, z up.
        responses: (D, 2, T) float64; ear 0 is the left one; a delay that all share has been cut off.
        sample_rate_hz: of the responses.
        name: the head, for people.
        licence: as the file states it.
        citation: as the file states it.
        warnings: doubts worth showing to whoever chose the file.
    """

    directions: FloatArray
    responses: FloatArray
    sample_rate_hz: int
    name: str
    licence: str = ""
    citation: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.directions)
        if self.directions.shape != (count, 3) or self.responses.shape[:2] != (count, 2) or self.responses.ndim != 3:
            raise ValueError(f"directions {self.directions.shape} and responses {self.responses.shape} do not fit")
        if not np.allclose(np.linalg.norm(self.directions, axis=1), 1.0, atol=1e-6):
            raise ValueError("directions must be unit vectors")
        if not np.isfinite(self.responses).all():
            raise ValueError("responses must be finite")


def load_sofa(path: Path, *, sample_rate_hz: int = 48000) -> HrtfSet:
    """Read a SOFA file (AES69) with finite impulse responses for two ears.

    Takes any grid of directions, spherical or cartesian positions, a listener who looks elsewhere than to the front,
    receivers in either order, ``Data.Delay`` (applied with its fraction), any rate, and rows that were never
    measured (dropped, with a warning). Where a set has several distances, the one with most directions is used.

    Args:
        path: the file.
        sample_rate_hz: rate of the returned responses.

    Returns:
        The set.

    Raises:
        HrtfError: no such file, not SOFA, damaged, another data type, not two ears, or too few usable directions.
    """
    if not path.is_file():
        raise HrtfError(f"{path}: no such file (expected a SOFA file of head-related impulse responses)")
    raw = _read(path)
    rate = _checked_rate(path, raw.rate_hz)
    positions, responses, delays = _ears_in_order(path, raw)
    warnings: list[str] = []
    kept = _usable(positions, responses, warnings)
    kept &= _one_distance(positions, kept, warnings)
    if kept.sum() < MIN_DIRECTIONS:
        raise HrtfError(f"{path}: only {int(kept.sum())} usable directions of {len(kept)}, expected {MIN_DIRECTIONS}+")
    delays = _checked_delays(path, delays[kept], rate)
    directions: FloatArray = positions[kept] / np.linalg.norm(positions[kept], axis=1, keepdims=True)
    times = resampled(responses[kept], delays, rate_hz=rate, new_rate_hz=sample_rate_hz)
    hrtf = HrtfSet(
        directions=directions,
        responses=_trimmed(times, sample_rate_hz, warnings),
        sample_rate_hz=sample_rate_hz,
        name=raw.name or path.stem,
        licence=raw.licence,
        citation=raw.citation,
    )
    return replace(hrtf, warnings=(*warnings, *ear_doubts(hrtf)))


def ear_doubts(hrtf: HrtfSet) -> tuple[str, ...]:
    """What the sound of a set says against its labels: swapped, equal or unbalanced ears."""
    level = 10 * np.log10(np.sum(hrtf.responses**2, axis=-1) + 1e-300)
    difference = level[:, 0] - level[:, 1]
    side = hrtf.directions[:, 1]
    if not ((side > 0.3).any() and (side < -0.3).any()):
        return ("the set has sources on one side only",)
    from_left, from_right = difference[side > 0.3].mean(), difference[side < -0.3].mean()
    doubts = []
    if from_left - from_right < -1.0:
        doubts.append("sources on the left are louder at the right ear: the file seems to have its ears swapped")
    elif from_left - from_right < 1.0:
        doubts.append("the ears hardly differ between left and right: is this a head?")
    if abs(from_left + from_right) / 2 > 6.0:
        doubts.append(f"one ear is {abs(from_left + from_right) / 2:.0f} dB louder than the other on the whole")
    return tuple(doubts)


@dataclass(frozen=True, eq=False)
class _Raw:
    """What a file holds, as float64 and not yet judged."""

    responses: FloatArray  # (M, R, N)
    delays: FloatArray  # (M, R) samples
    positions: FloatArray  # (M, 3) metres, in the listener's frame
    receivers: FloatArray  # (R, 3) metres, in the listener's frame
    rate_hz: float
    name: str
    licence: str
    citation: str


def _read(path: Path) -> _Raw:
    import sofar  # half a second, and only whoever brings a SOFA file needs it

    try:
        with sofar.SofaStream(str(path)) as file:
            return _read_stream(path, file)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RuntimeError,
        ArithmeticError,
        MemoryError,
    ) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise HrtfError(f"{path}: not a SOFA file that can be read, or damaged ({reason})") from error


def _read_stream(path: Path, file: Any) -> _Raw:
    kind = str(file.GLOBAL_DataType)
    if kind != "FIR":
        raise HrtfError(f"{path}: expected impulse responses (SOFA data type FIR), got {kind}: convert it first")
    shape = file.Data_IR.shape
    if len(shape) != 3 or shape[1] != 2:
        raise HrtfError(f"{path}: expected Data.IR of (measurements, 2 ears, samples), got shape {shape}")
    measurements, _, samples = shape
    if measurements * 2 * min(samples, MAX_TAPS_READ) > MAX_VALUES:
        raise HrtfError(f"{path}: {measurements} responses of {samples} samples are more than can be used here")
    if samples < 8:
        raise HrtfError(f"{path}: responses of {samples} samples are too short")
    source = _cartesian(file, "SourcePosition", measurements)
    view = _axes(file, measurements)
    return _Raw(
        responses=_values(file.Data_IR[:, :, :MAX_TAPS_READ]),
        delays=_delays(file, measurements),
        positions=np.einsum("mij,mj->mi", view, source - _cartesian(file, "ListenerPosition", measurements)),
        receivers=_receivers(file),
        rate_hz=float(_stored(file.Data_SamplingRate).ravel()[0]),
        name=_name(_text(file, "DatabaseName"), _text(file, "ListenerShortName")),
        licence=_text(file, "License"),
        citation=_text(file, "References"),
    )


def _stored(variable: Any) -> FloatArray:
    """All of a small variable."""
    if variable.size > _MAX_SMALL:
        raise ValueError(f"{variable.name} of shape {variable.shape} is larger than any that belongs in such a file")
    return _values(variable[:])


def _values(array: Any) -> FloatArray:
    """Plain float64; what netCDF masks as missing becomes nan."""
    plain: FloatArray = np.ma.filled(np.ma.asarray(array, dtype=np.float64), np.nan)
    return plain


def _text(file: Any, attribute: str) -> str:
    value = getattr(file, f"GLOBAL_{attribute}", "")
    return value.strip() if isinstance(value, str) else ""


def _name(database: str, listener: str) -> str:
    both = f"{database} {listener}".strip()
    return both if len(both) <= 40 else listener[:80] or database[:80]


def _rows(values: FloatArray, count: int) -> FloatArray:
    """(count, 3) of what is stored once or for each measurement, perhaps with an axis of one emitter behind."""
    rows = values[..., 0] if values.ndim == 3 else values
    return np.broadcast_to(np.atleast_2d(rows), (count, 3))


def _cartesian(file: Any, variable: str, count: int) -> FloatArray:
    try:
        stored = getattr(file, variable)
    except AttributeError:
        if variable == "SourcePosition":
            raise
        return np.broadcast_to(np.array([1.0, 0.0, 0.0] if variable == "ListenerView" else [0.0] * 3), (count, 3))
    rows = _rows(_stored(stored), count)
    if str(getattr(stored, "Type", "cartesian")).lower() != "spherical":
        return rows
    units = str(getattr(stored, "Units", "degree")).lower()
    angles = rows[:, :2] if units.startswith("rad") else np.radians(rows[:, :2])
    return direction(angles[:, 0], angles[:, 1]) * rows[:, 2:3]


def _axes(file: Any, count: int) -> FloatArray:
    """(count, 3, 3): world vectors to the listener's (front, left, up)."""
    front = _cartesian(file, "ListenerView", count)
    front = front / np.linalg.norm(front, axis=1, keepdims=True)
    try:
        up = _rows(_stored(file.ListenerUp), count)
    except AttributeError:
        up = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (count, 3))
    left = np.cross(up, front)
    left = left / np.linalg.norm(left, axis=1, keepdims=True)
    return np.stack([front, left, np.cross(front, left)], axis=1)


def _delays(file: Any, count: int) -> FloatArray:
    try:
        stored = _stored(file.Data_Delay)
    except AttributeError:
        return np.zeros((count, 2))
    return np.array(np.broadcast_to(stored, (count, 2)))


def _receivers(file: Any) -> FloatArray:
    """(2, 3) metres; where the file does not say, the first is the left one."""
    try:
        stored = file.ReceiverPosition
    except AttributeError:
        return np.array([[0.0, 0.09, 0.0], [0.0, -0.09, 0.0]])
    values = _stored(stored)
    return _cartesian(file, "ReceiverPosition", 2) if values.shape[0] == 2 else values.reshape(2, 3)


def _checked_rate(path: Path, rate_hz: float) -> int:
    if not (np.isfinite(rate_hz) and 8000 <= rate_hz <= 400_000):
        raise HrtfError(f"{path}: a sampling rate of {rate_hz:g} Hz cannot be right (expected 8000 to 400000)")
    return round(rate_hz)


def _ears_in_order(path: Path, raw: _Raw) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Positions, responses and delays with the left ear first, as the receivers' positions tell."""
    left_first = raw.receivers[0, 1] >= raw.receivers[1, 1]
    if not np.isfinite(raw.receivers).all() or raw.receivers[0, 1] * raw.receivers[1, 1] > 0:
        raise HrtfError(f"{path}: expected one receiver on each side of the head, got {raw.receivers[:, 1].tolist()} m")
    order = [0, 1] if left_first else [1, 0]
    return raw.positions, raw.responses[:, order], raw.delays[:, order]


def _usable(positions: FloatArray, responses: FloatArray, warnings: list[str]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore", over="ignore"):
        energy = np.sum(responses**2, axis=-1)
        distance = np.linalg.norm(positions, axis=1)
    sound = np.isfinite(energy) & (energy > 0)
    loud = energy[sound]
    least = _EMPTY * float(np.median(loud)) if loud.size else np.inf
    usable: NDArray[np.bool_] = (sound & (energy > least)).all(axis=1) & np.isfinite(distance) & (distance > 1e-6)
    if not usable.all():
        warnings.append(f"{int((~usable).sum())} of {len(usable)} directions hold no response and are left out")
    return usable


def _one_distance(positions: FloatArray, kept: NDArray[np.bool_], warnings: list[str]) -> NDArray[np.bool_]:
    """The shell with most directions; the farthest of equals: nearer ones have stronger level differences."""
    shell = np.full(len(positions), -1, np.int64)
    # Steps of a quarter, so that a loudspeaker arc that is a little off remains one shell.
    shell[kept] = np.round(np.log(np.linalg.norm(positions[kept], axis=1)) / np.log(1.25)).astype(np.int64)
    shells, counts = np.unique(shell[kept], return_counts=True)
    if len(shells) < 2:
        return kept
    best = shells[counts == counts.max()][-1]
    chosen: NDArray[np.bool_] = kept & (shell == best)
    metres = float(np.median(np.linalg.norm(positions[chosen], axis=1)))
    warnings.append(f"of {len(shells)} distances only the one at {metres:.2f} m is used")
    return chosen


def _checked_delays(path: Path, delays: FloatArray, rate_hz: int) -> FloatArray:
    if not np.isfinite(delays).all():
        raise HrtfError(f"{path}: Data.Delay holds values that are not numbers")
    relative: FloatArray = delays - np.floor(delays.min())
    if relative.max() > _MAX_DELAY_SPREAD_S * rate_hz:
        raise HrtfError(f"{path}: Data.Delay spans {relative.max() / rate_hz:.3g} s, more than any head can cause")
    return relative


def _trimmed(responses: FloatArray, rate_hz: int, warnings: list[str]) -> FloatArray:
    """Without the delay that all share, and without what follows long after the head has rung out."""
    first = max(int(onset(responses).min()) - LEAD_SAMPLES, 0)
    rest = responses[..., first:]
    energy = np.cumsum(np.sum(rest**2, axis=(0, 1)))
    end = min(rest.shape[-1], int(_HEAD_RINGS_S * rate_hz) + LEAD_SAMPLES)
    if energy[end - 1] < 0.99 * energy[-1]:
        warnings.append("the responses ring on like a room; only their first 12 ms are used")
    # Exact zeros behind the last sound carry nothing and cost design time.
    sounding = int(np.searchsorted(energy, energy[-1] * (1 - 1e-12))) + 1
    if sounding <= end:
        return np.array(rest[..., : max(sounding, 64)])
    kept: FloatArray = np.array(rest[..., :end])
    if end < rest.shape[-1]:
        fade = min(32, end // 4)
        kept[..., -fade:] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    return kept
