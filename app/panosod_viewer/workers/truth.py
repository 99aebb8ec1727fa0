"""Ground truth of a clip, frame by frame, read in a thread. No Qt.

Two places are known: what ``panosod synth`` writes beside a clip (``<clip>.truth.json`` and ``.masks.npz``), and a
folder of mask pictures whose names end in the frame's number, as PAVS10K has them. Where only every n-th frame has a
mask, it stands until the next.
"""

import logging
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import DatasetError, PanosodError
from panosod_core.synth.truth import DemoTruth, load_truth, truth_path
from panosod_viewer.workers.latest import LatestThread

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TruthShown:
    """The truth about a frame.

    Attributes:
        index: of the frame that was asked for.
        key_index: of the frame that the mask belongs to; the same but where masks are sparse.
        labels: (H, W) uint8, 0 background; None where nothing is known of the frame.
        names: (id, name) of the objects.
    """

    index: int
    key_index: int
    labels: NDArray[np.uint8] | None
    names: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class TruthFailed:
    """The truth cannot be read; one line."""

    text: str


TruthMessage: TypeAlias = TruthShown | TruthFailed


class TruthSource(Protocol):
    """Where truth comes from."""

    @property
    def names(self) -> tuple[tuple[int, str], ...]:
        """(id, name) of the objects that have one."""
        ...

    def key_of(self, index: int) -> int | None:
        """The frame whose mask stands for a frame; None where there is none."""
        ...

    def labels(self, key_index: int) -> NDArray[np.uint8]:
        """The mask of a key frame."""
        ...


class _BesideClip:
    """What was written together with a made clip."""

    def __init__(self, clip: Path) -> None:
        self._truth: DemoTruth = load_truth(clip)
        self.names = tuple((each.id, each.name) for each in self._truth.objects)

    def key_of(self, index: int) -> int | None:
        return index if 0 <= index < self._truth.header.frame_count else None

    def labels(self, key_index: int) -> NDArray[np.uint8]:
        return self._truth.mask(key_index)


class MaskFolder:
    """Numbered mask pictures."""

    def __init__(self, folder: Path) -> None:
        from panosod_core.datasets.findings import FindingCounter  # cv2 and Pillow: not while the window opens
        from panosod_core.datasets.folders import numbered_pictures

        self._files = numbered_pictures(folder, FindingCounter())
        if not self._files:
            raise DatasetError(
                f"{folder}: expected mask pictures whose names end in the frame's number, found none: give the folder "
                "of one sequence"
            )
        self._numbers = sorted(self._files)
        gaps = np.diff(self._numbers)
        self._reach = int(gaps.min()) if len(gaps) else 1
        self.names: tuple[tuple[int, str], ...] = ()

    def key_of(self, index: int) -> int | None:
        """The last frame with a picture, where the next is not due yet."""
        place = bisect_right(self._numbers, index) - 1
        if place < 0 or index - self._numbers[place] >= self._reach:
            return None
        return self._numbers[place]

    def labels(self, key_index: int) -> NDArray[np.uint8]:
        """The picture as labels; what is marked as void is background."""
        from panosod_core.datasets.pictures import read_header, read_instances, read_mask

        path = self._files[key_index]
        if read_header(path).mode in ("L", "1"):
            return np.asarray(read_mask(path) >= 128, np.uint8)
        labels = read_instances(path)
        # 255 is reserved; in a palette picture it marks the void between objects
        return np.where(labels == 255, np.uint8(0), labels)


def has_truth(clip: Path) -> bool:
    """Whether truth lies beside a clip."""
    return truth_path(clip).is_file()


class TruthWorker:
    """Reads the truth about the frame that was asked for last."""

    def __init__(self, clip: Path, post: Callable[[TruthMessage], None], *, folder: Path | None = None) -> None:
        """Nothing read yet.

        Args:
            clip: beside which the truth lies.
            post: told of every answer, in the worker's thread.
            folder: of mask pictures, to be read instead.
        """
        self._clip = clip
        self._folder = folder
        self._post = post
        self._source: TruthSource | None = None
        self._has_failed = False
        self._last: tuple[int, NDArray[np.uint8]] | None = None
        self._thread: LatestThread[int] = LatestThread("panosod-truth", self._answer)

    def want(self, index: int) -> None:
        """Ask for the truth about a frame."""
        self._thread.ask(index)

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread; False while it hangs."""
        return self._thread.close(timeout_s=timeout_s)

    def _answer(self, index: int) -> None:
        if self._has_failed:
            return
        try:
            self._post(self._shown(index))
        except PanosodError as error:
            self._fail(str(error))
        except Exception:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the person is told
            _log.exception("reading the truth about %s failed", self._clip)
            self._fail("The ground truth cannot be read: the log has the reason")

    def _fail(self, text: str) -> None:
        self._has_failed = True
        self._post(TruthFailed(text))

    def _shown(self, index: int) -> TruthShown:
        if self._source is None:
            self._source = _BesideClip(self._clip) if self._folder is None else MaskFolder(self._folder)
        key = self._source.key_of(index)
        if key is None:
            return TruthShown(index, index, None, self._source.names)
        if self._last is None or self._last[0] != key:
            self._last = key, self._source.labels(key)
        return TruthShown(index, key, self._last[1], self._source.names)
