"""The engine without a device and without a thread: for the recorder and whoever wants a clip's sound as samples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_viewer.audio.engine import BLOCK, AudioEngine, BlockReport, SoundLayout
from panosod_viewer.audio.feed import Course, SoundFeed, SoundSource

FloatArray32 = NDArray[np.float32]


class OfflineSound:
    """A clip's binaural sound as fast as the machine computes it; the same calls give the same samples."""

    def __init__(
        self,
        source: SoundSource,
        layout: SoundLayout,
        filters: BinauralFilters,
        *,
        end_s: float,
        block: int = BLOCK,
    ) -> None:
        """Prepare; the clip stands at 0 and plays with the first :meth:`render`.

        Args:
            source: an ``AudioReader``, or ``Silence``. Closed by whoever opened it.
            layout: of what it delivers.
            filters: of its order, at 48 kHz.
            end_s: end of the clip, seconds.
            block: samples for which a pose holds.

        Raises:
            ValueError: the source, the layout and the filters do not fit together.
        """
        if source.channels != layout.channels:
            raise ValueError(f"the layout has {layout.channels} channels, the source {source.channels}")
        self.engine = AudioEngine(layout, filters, block=block)
        self._source = source
        self._end_s = end_s
        self._ring_capacity = 8 * block
        self.go(Course())
        self.engine.play()

    def go(self, course: Course, *, generation: int = 0) -> None:
        """Go on from elsewhere, faded as in the window."""
        ticket = self.engine.begin_seek(course.position_s, generation=generation)
        self._feed = SoundFeed(self._source, course, end_s=self._end_s)
        self._ring = self._feed.open_ring(ticket=ticket, capacity=self._ring_capacity)
        self._feed.fill(self._ring)
        self.engine.offer(self._ring)

    def render_block(self, R_world_head: NDArray[Any], out: FloatArray32) -> BlockReport:  # noqa: N803 - named by its frames
        """Render the next block into ``out``, (2, block), for a head ``R_world_head`` (3, 3)."""
        self._feed.fill(self._ring)
        return self.engine.render_block(R_world_head, out)

    def render(self, n: int, R_world_head: NDArray[Any]) -> FloatArray32:  # noqa: N803 - named by its frames
        """Render (2, n) float32. A pose holds for whole blocks: what is over of one is given out first."""
        pieces = []
        while n > 0:
            piece = min(n, self.engine.block)
            self._feed.fill(self._ring)
            pieces.append(self.engine.render(piece, R_world_head))
            n -= piece
        return np.concatenate(pieces, axis=1) if pieces else np.zeros((2, 0), np.float32)
