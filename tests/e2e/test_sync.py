"""Flash and click together: in a recorded file, and on the DAC of the audio process."""

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from panosod_core.ambisonics.filters import default_filters
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.sphere import azimuth_elevation, direction
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_viewer.audio.client import AudioClient
from panosod_viewer.audio.clocks import STALE_S, now_s
from panosod_viewer.audio.devices import DeviceChoice
from panosod_viewer.offline.record import RecordOptions, run_record
from tests.clips import RATE_HZ, SyncClip, sync_clip

BAR_S = 0.020
PATIENCE_S = 60.0
HOLE_S = 0.1
"""A clock that was not read for so long, or has fallen behind by so much, was not watched."""
SETTLED_S = STALE_S + 0.2
"""So much later it is known that the audio process was at work: without news its clock goes on for a while."""
ASIDE = direction(np.radians(70.0), np.radians(20.0))
"""Where flash and click are: to the left, so that the two ears hear it at different times."""


def onsets_s(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """When each click of (2, n) samples begins, in the ear that hears it first, seconds."""
    level = np.abs(samples).max(axis=0)
    loud = np.flatnonzero(level > 0.25 * level.max())
    first = np.concatenate([[True], np.diff(loud) > 0.1 * RATE_HZ])
    return loud[first] / RATE_HZ


def flashes_and_clicks(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When the pictures of a flat file flash, and when it clicks, by the times that its own packets bear, seconds."""
    lit: list[float] = []
    pieces: list[NDArray[np.float32]] = []
    start_s = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0, audio=0):
            assert frame.time is not None
            if isinstance(frame, av.VideoFrame):
                height, width = frame.height, frame.width
                middle = frame.to_ndarray(format="gray")[height // 3 : -height // 3, width // 3 : -width // 3]
                if middle.mean() > 128:
                    lit.append(frame.time)
            elif isinstance(frame, av.AudioFrame):
                start_s = frame.time if start_s is None else start_s
                assert frame.sample_rate == RATE_HZ
                pieces.append(frame.to_ndarray())
    assert start_s is not None
    return np.array(lit), start_s + onsets_s(np.concatenate(pieces, axis=1))


def shifted(source: Path, target: Path, *, picture_s: float = 0.0, sound_s: float = 0.0) -> Path:
    """The same clip with one of its streams starting later."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {s.index: (new.add_stream_from_template(s), s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is None or packet.pts is None:
                continue
            stream, origin = streams[packet.stream.index]
            shift = round((picture_s if origin.type == "video" else sound_s) / packet.time_base)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = stream
            new.mux(packet)
    write_spherical(target, target, geometry=PictureGeometry(), sound=AmbisonicSound(order=1))
    return target


def gaze_at(where: NDArray[np.float64], path: Path) -> Path:
    azimuth, elevation = (float(np.degrees(angle)) for angle in azimuth_elevation(where))
    path.write_text(f"t_s,yaw_deg,pitch_deg\n0,{azimuth},{elevation}\n", encoding="utf-8")
    return path


@pytest.mark.gl
@pytest.mark.parametrize(
    ("fps", "picture_s", "sound_s", "ending"),
    [
        (Fraction(30), 0.0, 0.0, ".mp4"),
        (Fraction(30000, 1001), 0.0, 0.0, ".mkv"),
        (Fraction(25), 0.0, 0.08, ".mp4"),
        (Fraction(25), 0.12, 0.0, ".mp4"),
    ],
)
def test_flash_and_click_of_a_recording_are_as_far_apart_as_the_clip_has_them(
    headless, tmp_path, fps, picture_s, sound_s, ending
):
    made = sync_clip(tmp_path, direction=ASIDE, fps=fps)
    clip = shifted(made.path, tmp_path / "shifted.mp4", picture_s=picture_s, sound_s=sound_s)
    gaze = gaze_at(ASIDE, tmp_path / "gaze.csv")
    out = run_record(RecordOptions(clip, tmp_path / f"out{ending}", gaze=gaze, size=(160, 90)))
    flashes, clicks = flashes_and_clicks(out)
    assert len(flashes) == len(made.frames)
    assert len(clicks) == len(made.frames)
    np.testing.assert_allclose(clicks - flashes, sound_s - picture_s, atol=BAR_S)
    # And they are where the clip has them: a recording that lags as a whole would be in step with itself.
    np.testing.assert_allclose(flashes, np.array(made.times_s) + picture_s, atol=BAR_S)


class Heard:
    """When the clip's clock was seen to pass flashes, and what left the simulated DAC when: both in the host's time."""

    def __init__(self, record: Path, flashes_s: NDArray[np.float64]) -> None:
        self._record = record
        self._flashes_s = flashes_s
        self.due_s: list[float] = []
        self.watched_s: list[tuple[float, float]] = []
        """Stretches of the host's time without a hole, in which every flash that was due is among ``due_s``."""

    def watch(self, client: AudioClient, generation: int, flashes: int) -> None:
        """Read the clock until it has passed so many flashes more while nothing stood still, here or there.

        The clip goes round: where this process or the other was stopped for a while, others come.
        """
        wanted, end_s = len(self.due_s) + flashes, now_s() + PATIENCE_S
        run: list[tuple[float, float]] = []
        dry = -1.0
        while len(self.due_s) + len(self._passed_s(run)) < wanted:
            client.poll()
            at_s, clock, was_dry, dry = now_s(), client.clock(), dry, client.levels().underruns
            assert at_s < end_s, f"the clock stands at {clock}"
            runs = clock.speed > 0 and clock.generation == generation
            if run:
                passed_s, gone_s = at_s - run[-1][0], clock.position_s - run[-1][1]
                behind_s = (at_s - run[0][0]) - (clock.position_s - run[0][1])
                if not (runs and passed_s < HOLE_S and gone_s >= 0 and behind_s < HOLE_S and dry == was_dry):
                    self._keep(run)
                    run = []
            if runs:
                run.append((at_s, clock.position_s))
            threading.Event().wait(0.004)
        self._keep(run)

    def _keep(self, run: list[tuple[float, float]]) -> None:
        if run and run[-1][0] - SETTLED_S > run[0][0]:
            self.due_s += self._passed_s(run)
            self.watched_s.append((run[0][0], run[-1][0] - SETTLED_S))

    def _passed_s(self, run: list[tuple[float, float]]) -> list[float]:
        """Host times at which the clock passed flashes, as far as it is known by now that it did."""
        if not run:
            return []
        at_s, position_s = np.array(run).T
        passed = self._flashes_s[(self._flashes_s >= position_s[0]) & (self._flashes_s <= position_s[-1])]
        due_s = np.interp(passed, position_s, at_s)
        return [float(each) for each in due_s if each <= at_s[-1] - SETTLED_S]

    def clicks_s(self) -> NDArray[np.float64]:
        """Host times at which clicks left the DAC."""
        heard = np.load(self._record)
        at = onsets_s(heard["samples"].T) * RATE_HZ
        # Each block has its own time: after an underrun the samples are not where counting would put them.
        block = heard["samples"].shape[0] // len(heard["times"])
        return heard["times"][(at // block).astype(int)] + (at % block) / RATE_HZ


@pytest.mark.parametrize("depth", [12, 36])
def test_flash_and_click_leave_together_when_the_audio_process_plays(tmp_path, depth):
    clip = sync_clip(tmp_path, direction=ASIDE)
    heard = Heard(tmp_path / "heard.npz", times_of_flashes(clip))
    info = probe(clip.path)
    client = AudioClient(device=DeviceChoice("simulated", depth=depth, record=str(tmp_path / "heard.npz")))
    try:
        client.open(clip.path, info.audio, default_filters(1), duration_s=2.0, generation=1)
        client.set_loop((0.0, 2.0))
        client.play()
        heard.watch(client, 1, flashes=3)
        client.seek(0.6, generation=2)
        heard.watch(client, 2, flashes=2)
        client.pause()
        client.play()
        heard.watch(client, 2, flashes=1)
    finally:
        client.close(timeout_s=PATIENCE_S)
    due_s, clicks_s = np.array(heard.due_s), heard.clicks_s()
    assert len(due_s) >= 3 + 2 + 1
    assert max(np.abs(clicks_s - due).min() for due in due_s) < BAR_S
    # And nothing clicks but there.
    sure_s = [c for c in clicks_s if any(start + BAR_S < c < end - BAR_S for start, end in heard.watched_s)]
    assert len(sure_s) >= len(due_s) - 2 * len(heard.watched_s)
    assert all(np.abs(due_s - click).min() < BAR_S for click in sure_s)


def times_of_flashes(clip: SyncClip) -> NDArray[np.float64]:
    """Clip times at which the reader says that the bright pictures are due."""
    info = probe(clip.path)
    assert info.video is not None
    with VideoReader(clip.path, info.video, clock_origin_s=clip_origin_s(info)) as reader:
        lit = []
        while (frame := reader.read()) is not None:
            if frame.planes[0].max() > 128:
                lit.append(frame.time_s)
    assert len(lit) == len(clip.frames)
    return np.array(lit)
