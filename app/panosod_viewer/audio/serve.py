"""The audio callback: pose from the shared memory, a block from the engine, clock and levels into the shared memory."""

import logging
import math
import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panosod_viewer.audio.clocks import ClockAnchor, DelayLockedLoop
from panosod_viewer.audio.engine import BLOCK, AudioEngine
from panosod_viewer.audio.limiter import METER_BLOCKS
from panosod_viewer.audio.ring import RATE_HZ
from panosod_viewer.audio.shared import Pose, SharedBlock, SoundState
from panosod_viewer.audio.simulated import RealTime, Timeline
from panosod_viewer.audio.urgent import make_thread_urgent

FloatArray32 = NDArray[np.float32]

_LOG = logging.getLogger(__name__)
_BLOCK_S = BLOCK / RATE_HZ
CLOCK_BLOCKS = 8
"""A clip that simply runs on has its clock published so often."""
_SMOOTH = 1 - math.exp(-_BLOCK_S / 1.0)


@dataclass
class _Tally:
    """What is counted over the life of the process."""

    underruns: int = 0
    blocks: int = 0
    load: float = 0.0
    load_max: float = 0.0
    motion_to_sound_s: float = 0.0
    latency_s: float = 0.0


class BlockServer:
    """Serves whatever device is open with whatever clip is open."""

    def __init__(self, shared: SharedBlock, *, timeline: Timeline | None = None, urgent: bool = False) -> None:
        """Serve silence until an engine comes.

        Args:
            shared: where poses come from, and clock and levels go.
            timeline: the clock; the host's where None.
            urgent: ask the system to run the thread that calls :meth:`fill` before others.
        """
        self.engine: AudioEngine | None = None
        self.failure = ""
        """What went wrong in the callback, in one line; cleared by whoever tells it."""
        self.last_block_s = 0.0
        """Host time of the last callback: a device that has gone silent is found by it."""
        self._shared = shared
        self._time: Timeline = timeline or RealTime()
        self._loop = DelayLockedLoop(period_s=_BLOCK_S)
        self._tally = _Tally()
        self._pose = Pose(np.eye(3))
        self._anchor = ClockAnchor()
        self._block: FloatArray32 = np.zeros((2, BLOCK), np.float32)
        self._urgent, self._urgent_thread = urgent, 0

    @property
    def underruns(self) -> int:
        """Times at which the device ran dry."""
        return self._tally.underruns

    def device_changed(self) -> None:
        """Another device, another clock."""
        self._loop.reset()
        self._tally.motion_to_sound_s = 0.0

    def fill(self, out: FloatArray32, dac_time_s: float, underflow: bool) -> None:
        """Render the next block for the device; silence where that fails.

        Args:
            out: (2, 256) float32 to write.
            dac_time_s: host time at which its first sample leaves the DAC, as the device says.
            underflow: the device ran dry before it.
        """
        try:
            self._serve(out, dac_time_s, underflow)
        except Exception as error:  # noqa: BLE001 - a worker's boundary: a driver's thread would end without a word
            _LOG.exception("rendering the sound failed")
            self.failure = f"the sound cannot be rendered ({type(error).__name__}: {error})"
            self.engine = None
            out[...] = 0.0

    def _serve(self, out: FloatArray32, dac_time_s: float, underflow: bool) -> None:
        began_s = time.thread_time()
        asked_s = self.last_block_s = self._time.now()
        if self._urgent and threading.get_ident() != self._urgent_thread:
            self._urgent_thread = threading.get_ident()
            make_thread_urgent()
        pose = self._shared.read_pose()
        if underflow:
            # The device stopped and went on: what it said before no longer holds.
            self._loop.reset()
        dac_time_s = self._loop.update(dac_time_s)
        engine = self.engine
        if engine is None:
            out[...] = 0.0
        else:
            engine.render_block(pose.R_world_head, out)
            self._publish_clock(engine, dac_time_s)
        tally = self._tally
        tally.underruns += underflow
        tally.blocks += 1
        tally.latency_s = dac_time_s - asked_s
        if pose is not self._pose or tally.blocks % CLOCK_BLOCKS == 0:
            self._measure_motion(pose, engine, dac_time_s)
        load = (time.thread_time() - began_s) / _BLOCK_S
        tally.load += _SMOOTH * (load - tally.load)
        tally.load_max = max(tally.load_max, load if tally.blocks > 50 else 0.0)
        if tally.blocks % METER_BLOCKS == 0:
            self._publish_sound(engine)

    def _publish_clock(self, engine: AudioEngine, dac_time_s: float) -> None:
        report, last = engine.report, self._anchor
        if report.speed != 0.0 and self._tally.blocks % CLOCK_BLOCKS and self._goes_on(engine):
            return
        time_s = dac_time_s + engine.latency / RATE_HZ
        run = report.location.run
        same = last.generation == report.generation and last.serial == run.serial
        stands = report.speed == 0.0
        if stands and same and last.speed_after == 0.0 and last.position_s == report.location.position_s:
            # It goes on standing: the anchor stays where it came to rest, so that the way there reads right.
            time_s, before, floor_s = last.time_s, last.speed_before, last.floor_s
        elif stands:
            before = last.speed_after if same else 0.0
            floor_s = last.floor_s if same else report.location.position_s
        else:
            before = report.speed
            goes_on = same and last.speed_after == report.speed
            floor_s = last.floor_s if goes_on else report.location.position_s
            if not goes_on and run.entered_from_s is not None and last.speed_after != 0.0:
                floor_s = run.position_s
        entered_s = math.nan
        if run.entered_from_s is not None and floor_s == run.position_s:
            entered_s = run.entered_from_s
        self._anchor = ClockAnchor(
            time_s=time_s,
            position_s=report.location.position_s,
            speed_before=before,
            speed_after=report.speed,
            floor_s=floor_s,
            entered_from_s=entered_s,
            leaves_at_s=math.nan if run.leaves_at_s is None else run.leaves_at_s,
            generation=float(report.generation),
            serial=float(run.serial),
            playing=float(engine.playing),
            ended=float(report.ended),
        )
        self._shared.write_clock(self._anchor)

    def _goes_on(self, engine: AudioEngine) -> bool:
        """Whether the clip only runs on as the last anchor says."""
        report, last = engine.report, self._anchor
        return (
            last.speed_after == report.speed
            and last.generation == report.generation
            and last.serial == report.location.run.serial
            and last.playing == engine.playing
            and last.ended == report.ended
        )

    def _measure_motion(self, pose: Pose, engine: AudioEngine | None, dac_time_s: float) -> None:
        """From the writing of a pose to the end of the block in which the field turns to it, at the DAC."""
        turned_s = dac_time_s + _BLOCK_S + (engine.latency / RATE_HZ if engine is not None else 0.0)
        tally = self._tally
        took_s = turned_s - pose.time_s
        if pose.counter == self._pose.counter or took_s > 1.0:
            # No news (or some from before the device was opened): on average a pose waits for half a block.
            took_s = turned_s - self._time.now() + _BLOCK_S / 2
        if tally.motion_to_sound_s == 0.0:
            tally.motion_to_sound_s = took_s
        tally.motion_to_sound_s += 0.02 * (took_s - tally.motion_to_sound_s)
        self._pose = pose

    def _publish_sound(self, engine: AudioEngine | None) -> None:
        tally = self._tally
        peak = rms = np.zeros(2)
        if engine is not None:
            peak, rms = engine.meter.peak, engine.meter.rms
        self._shared.write_sound(
            SoundState(
                peak_left=float(peak[0]),
                peak_right=float(peak[1]),
                rms_left=float(rms[0]),
                rms_right=float(rms[1]),
                clipped=engine.clipped if engine is not None else 0,
                reduction_db=engine.limiter.reduction_db if engine is not None else 0.0,
                starved=engine.starved if engine is not None else 0,
                underruns=tally.underruns,
                blocks=tally.blocks,
                load=tally.load,
                load_max=tally.load_max,
                motion_to_sound_s=tally.motion_to_sound_s,
                output_latency_s=tally.latency_s,
            )
        )
