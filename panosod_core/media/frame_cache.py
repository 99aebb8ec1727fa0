"""The recent frames, so that stepping back does not decode a whole group of pictures again."""

from collections import OrderedDict
from collections.abc import Callable

from panosod_core.media.frame import VideoFrame


class FrameCache:
    """Frames by index, bounded in bytes; the one put in longest ago goes first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._frames: OrderedDict[int, VideoFrame] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def __contains__(self, index: int) -> bool:
        return index in self._frames

    @property
    def size_bytes(self) -> int:
        """Memory that the planes of all kept frames take."""
        return self._bytes

    def get(self, index: int) -> VideoFrame | None:
        """The frame with that index, or None; looking does not change what goes first."""
        return self._frames.get(index)

    def put(self, frame: VideoFrame) -> None:
        """Keep a frame. The newest is always kept, even where it alone exceeds the limit."""
        self.discard(frame.index)
        self._frames[frame.index] = frame
        self._bytes += frame_bytes(frame)
        self._shrink()

    def limit(self, limit_bytes: int) -> None:
        """Change the bound; what no longer fits goes now."""
        self._limit_bytes = limit_bytes
        self._shrink()

    def _shrink(self) -> None:
        while self._bytes > self._limit_bytes and len(self._frames) > 1:
            _, gone = self._frames.popitem(last=False)
            self._bytes -= frame_bytes(gone)

    def discard(self, index: int) -> None:
        """Forget one frame, if it is there."""
        gone = self._frames.pop(index, None)
        if gone is not None:
            self._bytes -= frame_bytes(gone)

    def agrees_with(self, is_right: Callable[[VideoFrame], bool]) -> bool:
        """Whether all kept frames pass a check."""
        return all(is_right(frame) for frame in self._frames.values())

    def clear(self) -> None:
        """Forget all frames."""
        self._frames.clear()
        self._bytes = 0


def frame_bytes(frame: VideoFrame) -> int:
    """Memory of the planes of a frame, the decoder's padding included."""
    return sum(plane.nbytes for plane in frame.planes)
