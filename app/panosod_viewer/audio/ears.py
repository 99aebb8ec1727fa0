"""From the ambisonic field to two ears: head rotation with a ramp, then the fixed filters, exchanged without a jump."""

from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.binaural import BinauralDecoder
from panosod_core.ambisonics.design import DIFFUSE_LEVEL_DB, diffuse_level_db
from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.ambisonics.harmonics import sh_rotation

FloatArray32 = NDArray[np.float32]

SWITCH_BLOCKS = 8
"""Blocks over which one decoder fades into the next."""


class FieldRotator:
    """Turns the field into the head's frame. The entries of the matrix ramp linearly through a block.

    Rotating the field and keeping the filters fixed is what makes turning free of clicks: the gains of the channels
    are the only thing that moves, and they move without a jump.
    """

    def __init__(self, order: int, *, block: int) -> None:
        """Prepare for fields of that order, 1..3."""
        self._order = order
        channels = (order + 1) ** 2
        self._ramp: FloatArray32 = np.linspace(1 / block, 1, block, dtype=np.float32)[None]
        self._pose = b""
        self._first_order: FloatArray32 = np.eye(4, dtype=np.float32)
        self._matrix: FloatArray32 = np.eye(channels, dtype=np.float32)
        # The old matrix above what is added to it in the course of the block: both by one product.
        self._both: FloatArray32 = np.zeros((2 * channels, channels), np.float32)
        self._products: FloatArray32 = np.zeros((2 * channels, block), np.float32)

    def process(self, field: FloatArray32, R_world_head: NDArray[Any], out: FloatArray32) -> None:  # noqa: N803 - named by its frames
        """Rotate a block: ``out`` (C, block) is ``field`` as the head hears it at the end of the block."""
        pose = R_world_head.tobytes()
        if pose == self._pose:
            np.matmul(self._matrix, field, out=out)
            return
        matrix = self._rotation(R_world_head)
        if not self._pose:
            np.matmul(matrix, field, out=out)
        else:
            channels = len(matrix)
            self._both[:channels] = self._matrix
            np.subtract(matrix, self._matrix, out=self._both[channels:])
            np.matmul(self._both, field, out=self._products)
            np.multiply(self._products[channels:], self._ramp, out=out)
            out += self._products[:channels]
        self._matrix, self._pose = matrix, pose

    def _rotation(self, R_world_head: NDArray[Any]) -> FloatArray32:  # noqa: N803 - named by its frames
        if self._order > 1:
            return sh_rotation(self._order, R_world_head.T).astype(np.float32)
        # What sh_rotation gives for order 1, in the third of the time: the callback does it in every block of a turn.
        matrix = self._first_order.copy()
        matrix[1:, 1:] = R_world_head.take(_TRANSPOSED_YZX)
        return matrix


_TRANSPOSED_YZX = np.arange(9).reshape(3, 3).T[np.ix_([1, 2, 0], [1, 2, 0])]


def loudness_gain(filters: BinauralFilters) -> float:
    """The gain that brings filters to the one loudness of all decoders.

    Filters made by this project have it already; those read from a file need not.
    """
    return float(
        10 ** ((DIFFUSE_LEVEL_DB - diffuse_level_db(filters.taps.astype(np.float64), filters.sample_rate_hz)) / 20)
    )


class _Decoder:
    """One set of filters at work, at the common loudness."""

    def __init__(self, filters: BinauralFilters, *, block: int) -> None:
        self.filters = filters
        levelled = replace(filters, taps=(filters.taps * loudness_gain(filters)).astype(np.float32))
        self._decoder = BinauralDecoder(levelled, block=block)
        self._tail = filters.taps.shape[2] + block
        self._silent = self._tail
        self._nothing: FloatArray32 = np.zeros((filters.taps.shape[0], block), np.float32)
        # Where both ears have most of their energy: what the head-locked sound is delayed by to stay in step.
        envelope = np.sum(filters.taps[0].astype(np.float64) ** 2, axis=0)
        self.onset = int(np.argmax(envelope))

    def process(self, field: FloatArray32 | None, out: FloatArray32) -> None:
        if field is not None:
            self._silent = 0
        elif self._silent >= self._tail:
            out[...] = 0.0
            return
        else:
            field = self._nothing
            self._silent += field.shape[1]
        self._decoder.process(field, out)


class Ears:
    """The decoder, which can be exchanged while it sounds.

    A new one listens until its filters are full, then both fade, equal in sum: their outputs are alike, so that a
    linear fade keeps the loudness.
    """

    def __init__(self, filters: BinauralFilters, *, block: int) -> None:
        """Prepare. ``filters`` decide the order of the field."""
        self._block = block
        self._now = _Decoder(filters, block=block)
        self._next: _Decoder | None = None
        # A deque, because the callback pops while another thread may append.
        self._waiting: deque[_Decoder] = deque(maxlen=1)
        self._step = 0
        self._other: FloatArray32 = np.zeros((2, block), np.float32)

    @property
    def filters(self) -> BinauralFilters:
        """The filters that will be heard when every exchange is over."""
        waiting = list(self._waiting)
        return (waiting[0] if waiting else self._next or self._now).filters

    @property
    def onset(self) -> int:
        """Samples from the beginning of the present filters to their peak."""
        return self._now.onset

    def switch(self, filters: BinauralFilters) -> None:
        """Exchange the decoder; called outside the callback, which takes it up at its next block.

        Raises:
            ValueError: the filters are for another order.
        """
        if filters.order != self._now.filters.order:
            raise ValueError(f"the sound has order {self._now.filters.order}, the filters {filters.order}")
        self._waiting.append(_Decoder(filters, block=self._block))

    def process(self, field: FloatArray32 | None, out: FloatArray32) -> None:
        """Decode a block: field (C, block) in the head's frame, None where it is silent; out (2, block).

        Of silence only the ringing of the filters is computed, until it is over.
        """
        self._now.process(field, out)
        if self._next is None:
            if not self._waiting:
                return
            self._next, self._step = self._waiting.popleft(), 0
        self._next.process(field, self._other)
        listen = -(-self._next.filters.taps.shape[2] // self._block)
        if self._step >= listen:
            done = self._step - listen
            fade = (done + np.arange(1, self._block + 1) / self._block) / SWITCH_BLOCKS
            out += fade.astype(np.float32) * (self._other - out)
            if done + 1 == SWITCH_BLOCKS:
                self._now, self._next = self._next, None
        self._step += 1
