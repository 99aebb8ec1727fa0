"""The frames that masks are carried through, at the size that flow is computed at, and the model's maps beside them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.records import FrameKey
from panosod_core.errors import AnnotationError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.frame import VideoFrame
from panosod_core.media.video import SeekInterrupted, VideoReader
from panosod_viewer.workers.map_reading import CacheAddress

if TYPE_CHECKING:
    from panosod_core.annotation.propagation.propagate import WorkFrame
    from panosod_core.inference.cache import ClipMaps

BLOCK = 24
"""Frames read forwards at a time on the way back."""


class MapGuides:
    """The model's maps, where there are any."""

    def __init__(self, address: CacheAddress | None, geometry: PictureGeometry) -> None:
        self._address = address
        from panosod_core.geometry.turning import SphereTurner

        # The maps are the world's, masks lie in the picture's frame.
        self._to_picture = SphereTurner(geometry.R_world_picture.T)
        self._maps: ClipMaps | None = None

    def __enter__(self) -> "MapGuides":
        if self._address is not None:
            from panosod_core.inference.cache import CacheKey, PredictionCache

            a = self._address
            cache = PredictionCache(Path(a.folder) if a.folder else None)
            self._maps = cache.open(CacheKey(a.content_id, a.model_id, a.settings))
        return self

    def __exit__(self, *_: object) -> None:
        if self._maps is not None:
            self._maps.close()

    def of(self, index: int) -> NDArray[np.float32] | None:
        """The model's saliency of a frame, 0..1."""
        record = self._maps.get(index) if self._maps is not None else None
        if record is None:
            return None
        return np.asarray(self._to_picture.values(record.saliency), np.float32) / np.float32(255)


class WorkFrames:
    """A clip's frames at working size, forwards or backwards."""

    def __init__(
        self,
        reader: VideoReader,
        luma: Callable[[VideoFrame], NDArray[np.uint8]],
        guides: MapGuides,
        should_stop: Callable[[], bool],
    ) -> None:
        self._reader = reader
        self._luma = luma
        self._guides = guides
        self._should_stop = should_stop
        self.is_over = False

    def checked(self, key: FrameKey) -> NDArray[np.uint8]:
        """The brightness of a frame that was annotated.

        Raises:
            AnnotationError: the file has another frame there.
        """
        frame = self._reader.frame_at(key.index, should_stop=self._should_stop)
        if (frame.index, frame.pts) != (key.index, key.pts):
            raise AnnotationError(
                f"frame {key.index} is at {frame.pts} ticks, {key.pts} was annotated: this is another copy of the clip"
            )
        return self._luma(frame)

    def through(self, first: int, last: int, *, clip: FrameKey) -> "Iterator[WorkFrame[FrameKey]]":
        """Frames from the first to the last, both included, in that direction; read as they are asked for."""
        if first <= last:
            self._reader.seek(first)
            yield from self._forwards(last, clip)
            return
        high = first
        while high >= max(last, 0):
            low = max(last, 0, high - BLOCK + 1)
            self._reader.seek(low)
            yield from reversed(list(self._forwards(high, clip)))
            high = low - 1
        self.is_over = last < 0

    def _forwards(self, last: int, clip: FrameKey) -> "Iterator[WorkFrame[FrameKey]]":
        from panosod_core.annotation.propagation.propagate import WorkFrame

        while self._reader.next_index <= last:
            if self._should_stop():
                raise SeekInterrupted
            frame = self._reader.read(should_stop=self._should_stop)
            if frame is None:
                self.is_over = True
                return
            key = FrameKey(clip.clip, clip.stream, frame.pts, frame.index)
            yield WorkFrame(key, self._luma(frame), self._guides.of(frame.index))
