"""Label maps of a whole clip in little room: runs of equal labels in one ``.npz`` file."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VERSION = 1
LARGEST_SIDE = 32768
"""Pixels; larger maps are refused before their memory is asked for."""


@dataclass(frozen=True, eq=False)
class MaskRuns:
    """The label maps of a clip as runs of equal labels in reading order (left to right, top to bottom).

    Attributes:
        width, height: of every map.
        first: (frames + 1,) int64: the runs of frame i are first[i] .. first[i + 1] - 1.
        lengths: (runs,) uint32, pixels of each run.
        labels: (runs,) uint8.
    """

    width: int
    height: int
    first: NDArray[np.int64]
    lengths: NDArray[np.uint32]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.first) - 1

    def mask(self, index: int) -> NDArray[np.uint8]:
        """The label map of a frame: (height, width) uint8, 0 background."""
        if not 0 <= index < len(self):
            raise IndexError(f"mask {index} of {len(self)}")
        runs = slice(int(self.first[index]), int(self.first[index + 1]))
        return np.repeat(self.labels[runs], self.lengths[runs]).reshape(self.height, self.width)

    def save(self, path: Path) -> None:
        """Write them as ``.npz``; the same maps give the same bytes.

        Raises:
            OSError: the file cannot be written.
        """
        np.savez_compressed(
            path,
            version=np.int64(VERSION),
            size=np.array([self.width, self.height], np.int64),
            first=self.first,
            lengths=self.lengths,
            labels=self.labels,
        )


def load_masks(path: Path) -> MaskRuns:
    """Read label maps.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else, or its numbers do not add up.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            version, size = int(stored["version"]), stored["size"]
            first, lengths, labels = stored["first"], stored["lengths"], stored["labels"]
    except (KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path.name} does not hold label maps: {error}") from error
    if version != VERSION:
        raise ValueError(f"{path.name} has version {version}, this panosod reads {VERSION}")
    kinds = {"size": (size, "i8"), "first": (first, "i8"), "lengths": (lengths, "u4"), "labels": (labels, "u1")}
    for name, (array, kind) in kinds.items():
        if array.ndim != 1 or array.dtype != np.dtype(kind):
            raise ValueError(f"{path.name}: {name} has type {array.dtype} and {array.ndim} axes, expected {kind} and 1")
    if len(size) != 2 or np.any(size < 1) or np.any(size > LARGEST_SIDE):
        raise ValueError(f"{path.name}: expected a width and a height of 1 to {LARGEST_SIDE}, got {size[:4].tolist()}")
    if not len(first) or first[0] != 0 or first[-1] != len(labels) or len(labels) != len(lengths):
        raise ValueError(f"{path.name}: the runs do not add up")
    if np.any(np.diff(first) < 1):
        raise ValueError(f"{path.name}: a map without runs")
    width, height = (int(v) for v in size)
    filled = np.add.reduceat(lengths.astype(np.int64), first[:-1]) if len(first) > 1 else np.zeros(0, np.int64)
    if np.any(filled != width * height):
        raise ValueError(f"{path.name}: a map does not fill its {width}x{height} pixels")
    return MaskRuns(width, height, first, lengths, labels)


class MaskRecorder:
    """Takes label maps one by one and keeps their runs."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._lengths: list[NDArray[np.uint32]] = []
        self._labels: list[NDArray[np.uint8]] = []

    def add(self, mask: NDArray[np.uint8]) -> None:
        """Append the label map of the next frame: (height, width) uint8."""
        if mask.shape != self._size[::-1] or mask.dtype != np.uint8:
            raise ValueError(f"expected a uint8 map of {self._size}, got {mask.dtype} {mask.shape[::-1]}")
        flat = mask.reshape(-1)
        starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        self._lengths.append(np.diff(starts, append=flat.size).astype(np.uint32))
        self._labels.append(flat[starts])

    def runs(self) -> MaskRuns:
        """What was taken so far."""
        counts = np.cumsum([0, *(len(part) for part in self._labels)], dtype=np.int64)
        return MaskRuns(
            *self._size,
            first=counts,
            lengths=np.concatenate([np.zeros(0, np.uint32), *self._lengths]),
            labels=np.concatenate([np.zeros(0, np.uint8), *self._labels]),
        )
