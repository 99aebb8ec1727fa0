"""Sound made of numbers, an audio process that is always closed, and a private null sink."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from panosod_core.ambisonics.filters import BinauralFilters, default_filters
from panosod_core.media.info import AudioInfo, SoundFormat
from panosod_viewer.audio.client import AudioClient, AudioEvent
from panosod_viewer.audio.clocks import now_s
from panosod_viewer.audio.devices import DeviceChoice
from panosod_viewer.audio.engine import AudioEngine
from panosod_viewer.audio.feed import Course, SoundFeed
from panosod_viewer.audio.ring import RATE_HZ, SampleRing
from tests.soundcard import NullSink, missing, null_sink

WHOLE = Course()


class ArraySource:
    """A clip's sound that lies in an array (C, n)."""

    def __init__(self, samples):
        self.samples = np.asarray(samples, np.float32)
        self.at = 0
        self.closed = False

    @property
    def channels(self):
        return self.samples.shape[0]

    def seek(self, t_s, /):
        self.at = round(t_s * RATE_HZ)

    def read(self, n, /):
        piece = self.samples[:, self.at : self.at + n]
        self.at += piece.shape[1]
        return piece

    def close(self):
        self.closed = True


def filled_ring(source, course: Course = WHOLE, *, end_s: float, ticket: int) -> SampleRing:
    """All of a course in one ring."""
    feed = SoundFeed(source, course, end_s=end_s)
    ring = feed.open_ring(ticket=ticket, capacity=round((end_s + 1) * RATE_HZ / min(1.0, abs(course.speed))))
    feed.fill(ring)
    return ring


def run_blocks(engine: AudioEngine, n: int, pose: Callable[[int], np.ndarray] | None = None):
    """Render n blocks: samples (2, n * block) and the reports."""
    out = np.zeros((2, engine.block), np.float32)
    pieces, reports = [], []
    for i in range(n):
        reports.append(engine.render_block(np.eye(3) if pose is None else pose(i), out))
        pieces.append(out.copy())
    return np.concatenate(pieces, axis=1), reports


def two_cardioids() -> BinauralFilters:
    """Filters of one tap and order 1: each ear a cardioid to its side. No onset, no colour: numbers stay readable."""
    taps = np.zeros((4, 2, 1), np.float32)
    taps[0, :, 0] = 0.5
    taps[1, :, 0] = 0.5, -0.5
    return BinauralFilters(taps=taps, order=1, sample_rate_hz=RATE_HZ, name="cardioids", method="test")


@pytest.fixture(scope="session")
def kemar() -> BinauralFilters:
    return default_filters(1)


@pytest.fixture
def foa_wav(tmp_path: Path) -> tuple[Path, AudioInfo]:
    """Two seconds of noise and a tone in four channels, as float samples in a WAV file, with its description."""
    import av

    n = 2 * RATE_HZ
    t = np.arange(n) / RATE_HZ
    rng = np.random.default_rng(2)
    samples = (0.05 * rng.standard_normal((4, n)) + 0.1 * np.sin(2 * np.pi * 500 * t)).astype(np.float32)
    path = tmp_path / "foa.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE_HZ, layout="4.0")
        frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1).copy(), format="flt", layout="4.0")
        frame.sample_rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    info = AudioInfo(0, "pcm_f32le", 4, RATE_HZ, SoundFormat.AMBIX, 1, False, (0, 1, 2, 3), "test")
    return path, info


def open_descriptors() -> int:
    """How many file descriptors this process holds (Linux)."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Watched:
    """An audio client whose events are kept, and can be waited for."""

    def __init__(self, client: AudioClient):
        self.client = client
        self.seen: list[AudioEvent] = []

    def until(self, condition: Callable[[], bool], what: str, *, timeout_s: float = 60.0) -> None:
        """Wait until something is so; fail where it never becomes so."""
        until_s = now_s() + timeout_s
        while True:
            self.seen += self.client.poll()
            if condition():
                return
            if now_s() > until_s:
                pytest.fail(f"waited {timeout_s} s in vain for {what}; seen {self.seen}")
            threading.Event().wait(0.005)

    def event(self, kind: str, *, timeout_s: float = 60.0) -> AudioEvent:
        """Wait for an event of that kind, and forget it and all before it."""
        self.until(lambda: any(e.kind == kind for e in self.seen), f"the event {kind!r}", timeout_s=timeout_s)
        at = next(i for i, e in enumerate(self.seen) if e.kind == kind)
        found = self.seen[at]
        del self.seen[: at + 1]
        return found


@pytest.fixture
def start_client() -> Iterator[Callable[..., Watched]]:
    """Starts audio clients and closes them in the end."""
    clients: list[AudioClient] = []

    def start(device: DeviceChoice) -> Watched:
        clients.append(AudioClient(device=device))
        return Watched(clients[-1])

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def sound_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSink]:
    """A null sink that children of this process play on."""
    if missing():
        pytest.skip(missing())
    with null_sink() as sink:
        for name, value in sink.environment.items():
            monkeypatch.setenv(name, value)
        yield sink
