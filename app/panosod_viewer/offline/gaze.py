"""View paths: a CSV file of where a camera looks over time."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from panosod_core.errors import ConfigError
from panosod_core.geometry.projection import MAX_FOV_RAD, MIN_FOV_RAD, View, ViewProjection, wrap_angle
from panosod_core.geometry.sphere import FloatArray

REQUIRED = ("t_s", "yaw_deg", "pitch_deg")
OPTIONAL = ("roll_deg", "fov_deg")
MAX_ROWS = 2_000_000


@dataclass(frozen=True, eq=False)
class GazePath:
    """A camera's path. Before its first row and after its last, the camera stands still.

    Between rows each angle runs linearly, so that a level camera stays level. Where every yaw of the path lies within
    -180..180 degrees, a jump of more than 180 is the way across the back and the short way is taken; a path that
    leaves that range (0, 90, ... 720) turns exactly as written. Roll likewise.

    Attributes:
        times_s: (N,) strictly increasing, seconds on the clip's clock.
        yaw_rad: (N,), continuous.
        pitch_rad: (N,), within a right angle of the horizon.
        roll_rad: (N,), continuous.
        fov_rad: (N,), horizontal.
    """

    times_s: FloatArray
    yaw_rad: FloatArray
    pitch_rad: FloatArray
    roll_rad: FloatArray
    fov_rad: FloatArray

    def view_at(self, t_s: float) -> View:
        """Where the camera looks at a time on the clip's clock."""
        yaw, pitch, roll, fov = (
            float(np.interp(t_s, self.times_s, values))
            for values in (self.yaw_rad, self.pitch_rad, self.roll_rad, self.fov_rad)
        )
        return View(wrap_angle(yaw), pitch, wrap_angle(roll), fov, ViewProjection.PERSPECTIVE)


def fixed_gaze(view: View) -> GazePath:
    """A camera that never moves."""
    values = [np.array([v]) for v in (0.0, view.yaw_rad, view.pitch_rad, view.roll_rad, view.fov_rad)]
    return GazePath(*values)


def read_gaze(path: Path, *, fov_deg: float = 90.0) -> GazePath:
    """Read a view path.

    The first line names the columns: ``t_s,yaw_deg,pitch_deg`` in any order, and where wanted ``roll_deg`` and
    ``fov_deg``. Yaw is positive to the left, pitch up, roll clockwise; the field of view is the horizontal one. Empty
    lines and lines that begin with # are passed over.

    Args:
        path: the file, UTF-8.
        fov_deg: for paths without a ``fov_deg`` column.

    Raises:
        ConfigError: the file cannot be read, or a line is wrong; the text names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"view path {path} cannot be read: {reason}") from error
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(lines) < 2:
        raise ConfigError(
            f"view path {path}: a header line and at least one row are needed ({','.join(REQUIRED)}, ...)"
        )
    if len(lines) > MAX_ROWS:
        raise ConfigError(f"view path {path}: {len(lines)} lines are more than the {MAX_ROWS} that are read")
    names = _header(path, *lines[0])
    rows = np.array([_row(path, number, line, names) for number, line in lines[1:]])
    columns = {name: rows[:, index] for index, name in enumerate(names)}
    _check_times(path, columns["t_s"], [number for number, _ in lines[1:]])
    zeros = np.zeros(len(rows))
    return GazePath(
        times_s=columns["t_s"],
        yaw_rad=_continuous(columns["yaw_deg"]),
        pitch_rad=np.radians(columns["pitch_deg"]),
        roll_rad=_continuous(columns.get("roll_deg", zeros)),
        fov_rad=np.radians(columns.get("fov_deg", zeros + fov_deg)),
    )


def _header(path: Path, number: int, line: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([line]))]
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if missing or unknown or len(set(names)) != len(names):
        problem = (
            f"column {missing[0]} is missing" if missing else f"column {unknown[0]!r} is not known" if unknown else ""
        )
        raise ConfigError(
            f"view path {path}, line {number}: {problem or 'a column appears twice'}; expected "
            f"{','.join(REQUIRED)} and optionally {','.join(OPTIONAL)}, found {line.strip()[:80]!r}"
        )
    return names


def _row(path: Path, number: int, line: str, names: list[str]) -> list[float]:
    cells = next(csv.reader([line]))
    if len(cells) != len(names):
        raise ConfigError(f"view path {path}, line {number}: expected {len(names)} values, found {len(cells)}")
    values = []
    for name, cell in zip(names, cells, strict=True):
        try:
            value = float(cell)
        except ValueError:
            raise ConfigError(f"view path {path}, line {number}: {name} must be a number, found {cell!r}") from None
        low, high = _limits(name)
        if not low <= value <= high:
            raise ConfigError(f"view path {path}, line {number}: {name} must lie in {low:g}..{high:g}, found {cell!r}")
        values.append(value)
    return values


def _limits(name: str) -> tuple[float, float]:
    return {
        "t_s": (-1e6, 1e9),
        "pitch_deg": (-90.0, 90.0),
        "fov_deg": (float(np.degrees(MIN_FOV_RAD)), round(float(np.degrees(MAX_FOV_RAD)), 6)),
    }.get(name, (-1e6, 1e6))


def _check_times(path: Path, times_s: FloatArray, numbers: list[int]) -> None:
    late = np.flatnonzero(np.diff(times_s) <= 0)
    if len(late):
        row = int(late[0])
        raise ConfigError(
            f"view path {path}, line {numbers[row + 1]}: t_s must grow from line to line, found {times_s[row + 1]:g} "
            f"after {times_s[row]:g}"
        )


def _continuous(degrees: FloatArray) -> FloatArray:
    radians: FloatArray = np.radians(degrees)
    return np.unwrap(radians) if np.all(np.abs(degrees) <= 180.0) else radians
