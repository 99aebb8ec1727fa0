"""Pictures of a clip in any order, in the network's size; each frame passed leaves a small grey one."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_core.inference.fitting import PictureFitter
from panosod_core.inference.windows import Abandoned
from panosod_core.media.frame import VideoFrame
from panosod_core.media.video import SeekInterrupted, VideoReader

READ_ON_FRAMES = 48
"""A frame this near ahead is read up to, so that those between leave their grey pictures, even past a key frame."""

PICTURES = 24
"""Pictures kept in the network's size: 6 MiB of 208 x 416."""

PASSED = 360
"""Frames of which stamp and grey picture are kept: 8 MiB."""

GREY_HEIGHT, GREY_WIDTH = 104, 208


@dataclass(frozen=True, eq=False)
class Passed:
    """What is kept of a frame that was decoded.

    Attributes:
        pts: its stamp.
        time_s: on the clip's clock.
        grey: (104, 208) uint8, the full sphere; what motion is found by.
    """

    pts: int
    time_s: float
    grey: NDArray[np.uint8]


class ClipPictures:
    """Reads one clip's pictures. Not thread-safe."""

    def __init__(self, reader: VideoReader, fitter: PictureFitter) -> None:
        """Take over a reader; whoever opened it closes it."""
        self._reader = reader
        self._fitter = fitter
        self._pictures: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._passed: OrderedDict[int, Passed] = OrderedDict()
        self.end: int | None = None
        """Number of frames that can be decoded, where that turned out to be fewer than the table says."""

    def picture(self, index: int, *, should_stop: Callable[[], bool]) -> NDArray[np.uint8]:
        """The full sphere of a frame, (H, W, 3) uint8 RGB.

        Where the file is damaged there, the frame before it that can be decoded.

        Raises:
            Abandoned: ``should_stop`` said so.
            MediaError: nothing can be decoded.
        """
        if index not in self._pictures:
            frame = self._frame(index, should_stop)
            if frame.index != index:
                self.end = frame.index + 1
            self._pictures[index] = self._fitter.fit(frame)
            while len(self._pictures) > PICTURES:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(index)
        return self._pictures[index]

    def passed(self, index: int) -> Passed | None:
        """What was kept of a frame; None where it was not decoded lately."""
        return self._passed.get(index)

    def require(self, index: int, *, should_stop: Callable[[], bool]) -> Passed | None:
        """What is kept of a frame, decoding it where it must be; None where it cannot be decoded.

        Raises:
            Abandoned: ``should_stop`` said so.
            MediaError: nothing can be decoded.
        """
        if index not in self._passed:
            self._frame(index, should_stop)
        return self._passed.get(index)

    def _frame(self, index: int, should_stop: Callable[[], bool]) -> VideoFrame:
        reader = self._reader
        try:
            if 0 <= index - reader.next_index < READ_ON_FRAMES:
                while reader.next_index <= index:
                    frame = reader.read(should_stop=should_stop)
                    if frame is None:
                        break
                    self._keep(frame)
                    if frame.index == index:
                        return frame
                    if should_stop():
                        raise Abandoned
            frame = reader.frame_at(index, should_stop=should_stop)
        except SeekInterrupted as interrupted:
            raise Abandoned from interrupted
        self._keep(frame)
        return frame

    def _keep(self, frame: VideoFrame) -> None:
        grey = self._fitter.grey(frame, height=GREY_HEIGHT, width=GREY_WIDTH)
        self._passed[frame.index] = Passed(frame.pts, frame.time_s, grey)
        while len(self._passed) > PASSED:
            self._passed.popitem(last=False)
