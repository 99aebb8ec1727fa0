"""The memory that the window and the audio process share: pose in, clock and levels out.

It has no name on systems with POSIX file descriptors (the child inherits one), and a name that vanishes with its last
holder on Windows: whatever dies, and however, nothing is left behind.
"""

import mmap
import os
import struct
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from panosod_viewer.audio.clocks import ClockAnchor

SIZE = 4096
_TRIES = 1000


class Seqlock:
    """Numbers that one side writes and the other reads whole, without either waiting.

    The counter is odd while a write goes on and different after it. Between two accesses of the counter a Python
    interpreter runs thousands of instructions, so that no processor's reordering of stores reaches across them.
    """

    def __init__(self, memory: mmap.mmap, offset: int, count: int) -> None:
        """Use ``8 + 8 * count`` bytes at ``offset``, a multiple of 8."""
        self._memory = memory
        self._at, self._values_at = offset, offset + 8
        # struct rather than numpy: a tenth of the time for a dozen numbers, and the callback reads in every block.
        self._counter, self._values = struct.Struct("=q"), struct.Struct(f"={count}d")
        self._last: tuple[float, ...] = (0.0,) * count
        self._last_counter = -1

    def write(self, values: Sequence[float]) -> None:
        """Replace all numbers."""
        (counter,) = self._counter.unpack_from(self._memory, self._at)
        self._counter.pack_into(self._memory, self._at, counter + 1)
        self._values.pack_into(self._memory, self._values_at, *values)
        self._counter.pack_into(self._memory, self._at, counter + 2)

    def read(self) -> tuple[float, ...]:
        """The numbers of one write: the same object until the next. Where the writer died in one: those read last."""
        for _ in range(_TRIES):
            (before,) = self._counter.unpack_from(self._memory, self._at)
            if before == self._last_counter:
                break
            values = self._values.unpack_from(self._memory, self._values_at)
            (after,) = self._counter.unpack_from(self._memory, self._at)
            if before == after and before % 2 == 0:
                self._last, self._last_counter = values, before
                break
        return self._last


class SoundState(NamedTuple):
    """How the sound is doing. Floats: it lies in shared memory.

    Attributes:
        peak_left, peak_right: peak meters, 1 = full scale.
        rms_left, rms_right: over 0.3 s.
        clipped: blocks in which the limiter worked, since the clip was opened: light the clip lamp when it rises.
        reduction_db: by how much the limiter turns down now.
        underruns: times at which the device ran dry, since the process started.
        starved: times at which decoding could not follow, since the clip was opened.
        blocks: rendered since the process started.
        load: share of one core that the callback uses, mean over about a second.
        load_max: the most that one block took of its own duration, since the process started.
        motion_to_sound_s: from the writing of a pose to the moment at which the field has been turned at the DAC,
            smoothed; an estimate while no pose comes.
        output_latency_s: from the callback to the DAC.
    """

    peak_left: float = 0.0
    peak_right: float = 0.0
    rms_left: float = 0.0
    rms_right: float = 0.0
    clipped: float = 0.0
    reduction_db: float = 0.0
    underruns: float = 0.0
    starved: float = 0.0
    blocks: float = 0.0
    load: float = 0.0
    load_max: float = 0.0
    motion_to_sound_s: float = 0.0
    output_latency_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Pose:
    """Where the head looks.

    Attributes:
        R_world_head: (3, 3), takes vectors of the head to vectors of the world.
        time_s: host time at which it was written.
        counter: number of the pose; 0 before the first.
    """

    R_world_head: NDArray[np.float64]
    time_s: float = 0.0
    counter: int = 0


class SharedBlock:
    """The shared memory, laid out."""

    def __init__(self, memory: mmap.mmap, handle: str, *, fd: int | None = None) -> None:
        """Lay out ``memory``; see :meth:`create` and :meth:`attach`."""
        self.handle = handle
        """What the other process needs to :meth:`attach`."""
        self.fd = fd
        """The descriptor that the child must inherit, None on Windows."""
        self._memory = memory
        self._pose = Seqlock(memory, 0, 11)
        self._pose_values: tuple[float, ...] = ()
        self._last_pose = Pose(np.eye(3))
        self._clock = Seqlock(memory, 1024, len(ClockAnchor._fields))
        self._sound = Seqlock(memory, 2048, len(SoundState._fields))

    @classmethod
    def create(cls) -> "SharedBlock":
        """New memory, the head looking to the front."""
        if sys.platform == "win32":
            name = f"panosod-{os.getpid()}-{os.urandom(6).hex()}"
            block = cls(mmap.mmap(-1, SIZE, tagname=name), name)
        else:
            if sys.platform == "linux":
                fd = os.memfd_create("panosod-audio")
            else:
                with tempfile.TemporaryFile() as file:
                    fd = os.dup(file.fileno())
            os.ftruncate(fd, SIZE)
            block = cls(mmap.mmap(fd, SIZE), str(fd), fd=fd)
        block.write_pose(np.eye(3), time_s=0.0, counter=0)
        return block

    @classmethod
    def attach(cls, handle: str) -> "SharedBlock":
        """The memory that the parent created."""
        if sys.platform == "win32":
            return cls(mmap.mmap(-1, SIZE, tagname=handle), handle)
        fd = int(handle)
        block = cls(mmap.mmap(fd, SIZE), handle)
        os.close(fd)
        return block

    def write_pose(self, R_world_head: NDArray[Any], *, time_s: float, counter: int) -> None:  # noqa: N803 - named by its frames
        """Say where the head looks."""
        self._pose.write((counter, time_s, *np.asarray(R_world_head, np.float64).ravel().tolist()))

    def read_pose(self) -> Pose:
        """Where the head looks."""
        values = self._pose.read()
        if values is not self._pose_values:
            self._pose_values = values
            self._last_pose = Pose(np.array(values[2:]).reshape(3, 3), values[1], int(values[0]))
        return self._last_pose

    def write_clock(self, anchor: ClockAnchor) -> None:
        """Publish the clip's clock."""
        self._clock.write(anchor)

    def read_clock(self) -> ClockAnchor:
        """The clip's clock as published last."""
        return ClockAnchor(*self._clock.read())

    def write_sound(self, state: SoundState) -> None:
        """Publish how the sound is doing."""
        self._sound.write(state)

    def read_sound(self) -> SoundState:
        """How the sound is doing."""
        return SoundState(*self._sound.read())

    def close_fd(self) -> None:
        """Give up the descriptor once the child has its own; the memory stays."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def close(self) -> None:
        """Give up the memory; it vanishes with its last holder."""
        self.close_fd()
        self._memory.close()
