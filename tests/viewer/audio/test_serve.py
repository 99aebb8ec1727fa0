"""Time, exactly: a simulated device on a virtual clock, from the writing of a pose to the turned sound at the DAC."""

import numpy as np
import pytest

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.geometry.sphere import rotation
from panosod_viewer.audio.clocks import read_clock
from panosod_viewer.audio.devices import RateMatcher
from panosod_viewer.audio.engine import AudioEngine, SoundLayout
from panosod_viewer.audio.feed import Course
from panosod_viewer.audio.ring import RATE_HZ
from panosod_viewer.audio.serve import BlockServer
from panosod_viewer.audio.shared import SharedBlock
from panosod_viewer.audio.simulated import SimulatedDac, VirtualTime
from tests.viewer.audio.conftest import ArraySource, filled_ring, two_cardioids

BLOCK_S = 256 / RATE_HZ
BAR_S = 0.035


class Stage:
    """An engine on a simulated device on a virtual clock."""

    def __init__(self, samples, filters, *, depth=3, end_s=4.0, course=None):
        self.time = VirtualTime()
        self.shared = SharedBlock.create()
        self.dac = SimulatedDac(depth=depth, timeline=self.time)
        self.server = BlockServer(self.shared, timeline=self.time)
        self.samples, self.end_s = samples, end_s
        layout = SoundLayout(1, 0) if samples.shape[0] == 4 else SoundLayout(None, 1)
        self.engine = self.server.engine = AudioEngine(layout, filters)
        self.seek(course or Course(), generation=1)
        self.dac.begin(self.server.fill)
        self.poses = 0

    def seek(self, course, *, generation):
        ticket = self.engine.begin_seek(course.position_s, generation=generation)
        self.engine.offer(filled_ring(ArraySource(self.samples), course, end_s=self.end_s, ticket=ticket))

    def look(self, yaw):
        self.poses += 1
        self.shared.write_pose(rotation(yaw), time_s=self.time.now(), counter=self.poses)

    def run(self, seconds):
        for _ in range(round(seconds / BLOCK_S)):
            self.dac.step()

    def position(self, at_s):
        return read_clock(self.shared.read_clock(), at_s).position_s


@pytest.fixture
def stage():
    stages = []

    def make(*args, **kwargs):
        stages.append(Stage(*args, **kwargs))
        return stages[-1]

    yield make
    for one in stages:
        one.shared.close()


def turned_after(stage, written_s, settled, tolerance):
    """Seconds from the writing of a pose until every sample at the DAC is as after the turn."""
    heard = stage.dac.heard
    times = np.repeat(stage.dac.times, 256) + np.tile(np.arange(256), len(stage.dac.times)) / RATE_HZ
    differs = np.abs(heard - settled).max(axis=1) > tolerance
    return times[np.flatnonzero(differs & (times > written_s))[-1]] - written_s


@pytest.mark.parametrize("moment", [0.001, 0.25, 0.5, 0.75, 0.999])
@pytest.mark.parametrize("depth", [2, 3])
def test_a_turn_is_heard_at_the_dac_within_35_ms_whenever_it_comes(moment, depth, stage):
    """Constant W and X through cardioids: the ears' values say how far the field has turned, sample by sample."""
    field = np.zeros((4, 4 * RATE_HZ), np.float32)
    field[0], field[3] = 0.2, 0.2
    theatre = stage(field, two_cardioids(), depth=depth)
    theatre.engine.play()
    written_s = (94 + moment) * BLOCK_S
    theatre.time.at(written_s, lambda: theatre.look(np.pi / 2))
    theatre.run(1.0)
    took_s = turned_after(theatre, written_s, theatre.dac.heard[-1], 0.002)
    assert took_s <= BAR_S, f"{took_s * 1e3:.1f} ms"
    # The pose waits for the next callback, then for the DAC, then for the ramp; the limiter's look-ahead comes last.
    expected_s = (1 - moment + depth + 1) * BLOCK_S + 48 / RATE_HZ
    assert took_s == pytest.approx(expected_s, abs=0.2e-3)
    # What the status line shows is true: it is an estimate for any moment, within half a block of this one.
    assert theatre.shared.read_sound().motion_to_sound_s == pytest.approx(expected_s, abs=BLOCK_S)


def test_with_the_real_filters_a_turn_stays_within_35_ms(kemar, stage):
    """A steady tone in KEMAR's ears: its level settles when the filters have forgotten the old direction."""
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    theatre = stage(encode_plane_wave(0.2 * np.sin(2 * np.pi * 1500 * t), [1, 0, 0]), kemar)
    theatre.engine.play()
    written_s = 0.5 + 0.01 * BLOCK_S
    theatre.time.at(written_s, lambda: theatre.look(np.pi / 2))
    theatre.run(1.5)
    heard = theatre.dac.heard
    times = np.repeat(theatre.dac.times, 256) + np.tile(np.arange(256), len(theatre.dac.times)) / RATE_HZ
    period = RATE_HZ // 1500
    level = np.sqrt(np.convolve(heard[:, 0] ** 2, np.ones(period) / period, "same"))
    before, after = level[(times > 0.3) & (times < 0.5)].mean(), level[times > 1.0].mean()
    assert after < 0.7 * before
    # Nine tenths of the way, in level, and for good.
    unsettled = np.flatnonzero(
        (np.abs(level - after) > 0.1 * abs(before - after)) & (times > written_s) & (times < 1.0)
    )
    took_s = times[unsettled[-1]] - written_s
    assert took_s <= BAR_S, f"{took_s * 1e3:.1f} ms"


def test_the_clock_is_the_clip_time_of_the_sample_at_the_dac(stage):
    """A click every 100 ms, each heard when the clock says its time, across play, pause, seek and loop."""
    clip = np.zeros((4, 4 * RATE_HZ), np.float32)
    clip[0, 4800 :: RATE_HZ // 10] = 0.5
    theatre = stage(clip, two_cardioids())
    theatre.engine.play()
    theatre.time.at(0.77, theatre.engine.pause)
    theatre.time.at(1.0, theatre.engine.play)
    theatre.time.at(1.57, lambda: theatre.seek(Course(3.05), generation=2))
    readings = []
    for k in range(2000):
        theatre.time.at(k * 1e-3, lambda: readings.append((theatre.time.now(), theatre.position(theatre.time.now()))))
    theatre.run(2.0)
    at = np.array(readings)
    heard = theatre.dac.heard[:, 0]
    times = np.repeat(theatre.dac.times, 256) + np.tile(np.arange(256), len(theatre.dac.times)) / RATE_HZ
    clicks = times[np.flatnonzero(heard > 0.1)]
    clicks = clicks[clicks < 1.99]
    assert len(clicks) > 12
    for click_s in clicks:
        position = np.interp(click_s, at[:, 0], at[:, 1])
        assert position * 10 == pytest.approx(round(position * 10), abs=0.015), f"{position} at {click_s}"
    steps = np.diff(at[:, 1])
    assert (steps >= -1e-9).all(), "the clock went back"
    assert (steps[steps < 0.5] < 2e-3).all(), "the clock jumped"


def test_across_a_loops_jump_the_clock_jumps_when_it_is_heard(stage):
    clip = np.zeros((1, 4 * RATE_HZ), np.float32)
    theatre = stage(clip, two_cardioids(), end_s=4.0)
    theatre.engine.play()
    theatre.shared.write_pose(np.eye(3), time_s=0.0, counter=0)
    from panosod_viewer.audio.feed import SoundFeed

    feed = SoundFeed(ArraySource(clip), Course(0.2, loop_s=(0.1, 0.4)), end_s=4.0)
    ring = feed.open_ring(ticket=theatre.engine.begin_seek(0.2, generation=2), capacity=2 * RATE_HZ)
    feed.fill(ring)
    theatre.engine.offer(ring)
    readings = []
    for k in range(1000):
        theatre.time.at(k * 1e-3, lambda: readings.append(theatre.position(theatre.time.now())))
    theatre.run(1.0)
    positions = np.array(readings)[30:]
    assert positions.min() >= 0.1 - 1e-3
    assert positions.max() <= 0.4 + 1e-3
    jumps = np.flatnonzero(np.diff(positions) < -0.1)
    # The rounds last 300 ms each.
    assert np.diff(jumps) == pytest.approx([300] * (len(jumps) - 1), abs=1)
    assert len(jumps) >= 2
    # Where nothing more is heard of the device, the clock does not run out of the loop.
    assert theatre.position(theatre.time.now() + 10.0) == pytest.approx(0.4)


def test_a_block_that_comes_too_late_is_an_underrun_and_the_device_goes_on():
    time = VirtualTime()
    dac = SimulatedDac(depth=2, timeline=time)
    seen = []

    def fill(out, dac_time_s, underflow):
        seen.append((dac_time_s, underflow))
        if len(seen) == 5:
            time.sleep_until(time.now() + 0.05)

    dac.begin(fill)
    for _ in range(10):
        dac.step()
    assert dac.underruns == 1
    assert [underflow for _, underflow in seen] == [False] * 5 + [True] + [False] * 4
    heard = np.diff(dac.times)
    assert (heard > 0).all()
    assert np.sum(heard > 1.5 * BLOCK_S) == 1


def test_what_fails_in_the_callback_is_silence_and_told(stage):
    theatre = stage(np.zeros((4, 4 * RATE_HZ), np.float32), two_cardioids())
    theatre.engine._ears = None
    out = np.ones((2, 256), np.float32)
    theatre.server.fill(out, 0.0, False)
    assert not out.any()
    assert "AttributeError" in theatre.server.failure
    theatre.server.fill(out, 0.0, False)


@pytest.mark.parametrize("rate_hz", [44100, 96000, 22050])
def test_a_device_of_another_rate_hears_the_same_sound_at_its_time(rate_hz):
    """A 1 kHz tone by its time at the DAC: the matcher must say for every block when it will be heard."""
    told = []

    def fill(out, dac_time_s, underflow):
        told.append((len(told) * BLOCK_S, dac_time_s))
        t = (len(told) - 1) * BLOCK_S + np.arange(256) / RATE_HZ
        out[...] = 0.5 * np.sin(2 * np.pi * 1000 * t)

    matcher = RateMatcher(fill, rate_hz=rate_hz)
    pieces = []
    for k in range(400):
        out = np.zeros((2, 256), np.float32)
        matcher.fill(out, 100.0 + k * 256 / rate_hz, False)
        pieces.append(out)
    heard = np.concatenate(pieces, axis=1)
    t = np.arange(heard.shape[1]) / rate_hz
    np.testing.assert_allclose(heard[0, 4000:], 0.5 * np.sin(2 * np.pi * 1000 * t[4000:]), atol=2e-3)
    np.testing.assert_array_equal(heard[0], heard[1])
    np.testing.assert_allclose([dac - 100.0 for _, dac in told], [made for made, _ in told], atol=1e-9)
