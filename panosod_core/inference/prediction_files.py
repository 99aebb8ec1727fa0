"""A clip's maps as files, from the cache: pictures, a table of the frames, what made them, all frames in one archive.

::

    CLIP/manifest.json        what was fed, which model, which versions; written last
    CLIP/frames.csv           a row a frame: time, where its map comes from, area, entropy, peak of the location map
    CLIP/saliency/00012.png   frame 12: probability times 255, the full sphere in the model's size
    CLIP/location/00012.png   its location map, from `location_low` (0) to `location_high` (255) of its row
    CLIP/maps.npz             on request, everything in arrays
    CLIP/overlay.mp4          on request, the maps over the picture

Pictures that are there and belong to the same maps are left alone, so that a run that was cut off goes on. No torch.
"""

import csv
import io
import json
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import PredictionError
from panosod_core.inference.map_record import MapRecord, encode_png, pack_location
from panosod_core.media.inject import written_beside

MANIFEST = "manifest.json"
TABLE = "frames.csv"
ARCHIVE = "maps.npz"
_COLUMNS = (
    "index",
    "pts",
    "time_s",
    "source",
    "carried",
    "area",
    "entropy",
    "peak_azimuth_deg",
    "peak_elevation_deg",
    "location_low",
    "location_high",
)


class LostMapError(PredictionError):
    """A map that was in the cache is there no longer."""


@dataclass(frozen=True)
class Written:
    """What :meth:`ClipFolder.write` did.

    Attributes:
        pictures: frames whose pictures were written.
        kept: frames whose pictures were there.
    """

    pictures: int
    kept: int


class ClipFolder:
    """The folder of one clip's predictions."""

    def __init__(self, folder: Path, identity: Mapping[str, str]) -> None:
        """Look at what is there.

        Args:
            folder: where; made where it is missing.
            identity: what the maps depend on: identity of clip and model, and the settings.

        Raises:
            PredictionError: it holds the predictions of another clip, model or settings, or cannot be made.
        """
        self.folder, self._identity = folder, dict(identity)
        try:
            for name in ("saliency", "location"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PredictionError(
                f"{folder}: cannot be made ({error.strerror or error}); choose another --out"
            ) from error
        before = self._manifest()
        differing = [name for name, value in self._identity.items() if before and before.get(name) != value]
        if differing:
            raise PredictionError(
                f"{folder}: holds predictions with another {', '.join(differing)}; choose another --out or remove it"
            )
        self._rows = self._table() if before else {}
        self._engines = [str(name) for name in before.get("engines", [])]

    def _manifest(self) -> dict[str, Any]:
        path = self.folder / MANIFEST
        try:
            found = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise PredictionError(f"{path}: expected the JSON that panosod predict writes; remove the folder")
        return found

    def _table(self) -> dict[int, tuple[str, ...]]:
        try:
            with (self.folder / TABLE).open(newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))
            return {int(row[0]): tuple(row) for row in rows[1:]} if rows and tuple(rows[0]) == _COLUMNS else {}
        except (OSError, ValueError, IndexError):
            return {}  # it is written anew, and with it the pictures

    def write(
        self,
        indices: Iterable[int],
        get: Callable[[int], MapRecord | None],
        *,
        manifest: Mapping[str, Any],
        on_frame: Callable[[], None] = lambda: None,
    ) -> Written:
        """Write pictures, then the table, then the manifest.

        Args:
            indices: frames, increasing.
            get: gives their maps.
            manifest: what to tell besides the identity. Its ``engines`` are added to those of earlier runs.
            on_frame: told of every frame.

        Raises:
            LostMapError: a map has gone from the cache.
            PredictionError: the folder cannot be written.
        """
        rows, written, kept = [], 0, 0
        for index in indices:
            record = _there(get(index), index)
            packed = None if record.location is None else pack_location(record.location)
            row = _row(record, None if packed is None else (packed.low, packed.high))
            rows.append(row)
            files = {"saliency": encode_png(record.saliency)}
            if packed is not None:
                files["location"] = packed.png
            paths = {name: self.folder / name / f"{index:05d}.png" for name in files}
            if self._rows.get(index) == row and all(path.is_file() for path in paths.values()):
                kept += 1
            else:
                for name, data in files.items():
                    self._put(paths[name], data)
                written += 1
            on_frame()
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([_COLUMNS, *rows])
        self._put(self.folder / TABLE, text.getvalue().encode())
        engines = list(dict.fromkeys([*self._engines, *manifest.get("engines", [])]))
        told = json.dumps({**self._identity, **manifest, "engines": engines}, indent=1, ensure_ascii=False)
        self._put(self.folder / MANIFEST, told.encode() + b"\n")
        return Written(written, kept)

    def write_archive(self, indices: Sequence[int], get: Callable[[int], MapRecord | None]) -> Path:
        """Write ``maps.npz``: index, pts, time_s, carried, saliency (n, H, W) uint8 and location (n, h, w) float32.

        Frame by frame, so that memory does not grow with the clip.

        Raises:
            PredictionError: as :meth:`write`.
        """
        path = self.folder / ARCHIVE
        numbers: dict[str, list[float]] = {"index": [], "pts": [], "time_s": [], "carried": []}

        def noted(index: int) -> NDArray[Any]:
            record = _there(get(index), index)
            for name, values in numbers.items():
                values.append(getattr(record, name))
            return record.saliency

        def location(index: int) -> NDArray[Any]:
            found = _there(get(index), index).location
            if found is None:
                raise LostMapError(f"frame {index}: its location map has gone from the cache; predict it again")
            return found

        try:
            with written_beside(path) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
                if indices:
                    first = _there(get(indices[0]), indices[0])
                    _member(made, "saliency", len(indices), first.saliency, map(noted, indices))
                    if first.location is not None:
                        _member(made, "location", len(indices), first.location, map(location, indices))
                for name, values in numbers.items():
                    array = np.array(values, np.float64 if name == "time_s" else np.int64)
                    _member(made, name, len(array), np.zeros((), array.dtype), iter([array]))
        except OSError as error:
            raise self._failed(path, error) from error
        return path

    def _put(self, path: Path, data: bytes) -> None:
        try:
            with written_beside(path) as out:
                out.write(data)
        except OSError as error:
            raise self._failed(path, error) from error

    def _failed(self, path: Path, error: OSError) -> PredictionError:
        return PredictionError(
            f"{path}: cannot be written ({error.strerror or error}); the maps are safe in the cache, "
            "and the same command goes on from there"
        )


def _there(record: MapRecord | None, index: int) -> MapRecord:
    if record is None:
        raise LostMapError(f"frame {index}: its map has gone from the cache; the same command makes it again")
    return record


def _row(record: MapRecord, bounds: tuple[float, float] | None) -> tuple[str, ...]:
    s = record.summary
    angles: tuple[float | None, float | None] = (None, None)
    if s.peak_azimuth_rad is not None and s.peak_elevation_rad is not None:
        angles = math.degrees(s.peak_azimuth_rad), math.degrees(s.peak_elevation_rad)
    values = (s.area, s.entropy, *angles, *(bounds or (None, None)))
    numbers = ["" if value is None else f"{value:.6g}" for value in values]
    return (
        str(record.index), str(record.pts), f"{record.time_s:.6f}", record.source.value, str(record.carried), *numbers
    )  # fmt: skip


def _member(
    archive: zipfile.ZipFile, name: str, count: int, like: NDArray[Any], pieces: Iterator[NDArray[Any]]
) -> None:
    """Write an array (count, *like.shape) piece by piece, in NumPy's own format."""
    header = {"descr": np.lib.format.dtype_to_descr(like.dtype), "fortran_order": False, "shape": (count, *like.shape)}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for piece in pieces:
            file.write(np.ascontiguousarray(piece, like.dtype).tobytes())
