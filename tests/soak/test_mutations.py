"""Damaged files: each is described or refused in one line; no crash, no hang, no gigabytes."""

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from panosod_core.geometry.picture import PictureGeometry, StereoMode
from panosod_core.media.inject import AmbisonicSound, write_spherical
from tests.core.media.clip_making import make_clip, remux
from tests.core.media.test_boxes import field, v1
from tests.core.media.test_probe import with_v1
from tests.soak.mutations import mutate

WATCHDOG_S = 60.0
"""A process that has not answered by then hangs. Shared machines are slow: the bar itself is on the CPU time."""
MOST_CPU_S = 10.0
MOST_BYTES = 2 << 30
PROBER = Path(__file__).with_name("clip_prober.py")


@pytest.fixture(scope="session")
def sources(tmp_path_factory) -> list[bytes]:
    """One small clip of every kind of container and metadata that is read."""
    folder = tmp_path_factory.mktemp("sources")
    geometry = PictureGeometry(stereo=StereoMode.TOP_BOTTOM, pose_deg=(10.0, 20.0, 30.0))
    pairs = [
        ("a.mp4", {"sound": "aac", "movflags": "faststart"}, AmbisonicSound(1)),
        ("b.mp4", {"sound": "aac", "layout": "5.1"}, AmbisonicSound(1, head_locked=True)),
        ("c.mov", {"sound": "pcm_s16le"}, AmbisonicSound(1, channel_map=(3, 2, 1, 0))),
        ("d.mov", {"sound": "pcm_s24le", "layout": "ambisonic 3", "movflags": "faststart"}, AmbisonicSound(3)),
        ("e.mp4", {"sound": "aac", "movflags": "frag_keyframe+empty_moov"}, AmbisonicSound(1)),
        ("f.mp4", {"codec": "libx265", "sound": "flac", "size": (128, 64)}, AmbisonicSound(1)),
    ]
    paths = []
    for name, options, sound in pairs:
        quiet = {"strict": "-2"}
        src = make_clip(folder / f"plain-{name}", frames=6, sound_options=quiet, **options)
        write_spherical(src, folder / name, geometry=geometry, sound=sound)
        paths.append(folder / name)
    opus = {"sound": "libopus", "layout": "ambisonic 1", "sound_options": {"mapping_family": "2"}}
    paths.append(make_clip(folder / "g.webm", codec="libvpx-vp9", frames=6, **opus))
    paths.append(remux(folder / "a.mp4", folder / "h.mkv"))
    paths.append(make_clip(folder / "i.ogg", size=None, frames=10, **opus))
    paths.append(make_clip(folder / "j.wav", size=None, sound="pcm_s16le", layout="quad", frames=6))
    paths.append(make_clip(folder / "k.ts", sound="aac", layout="stereo", frames=6))
    plain = make_clip(folder / "l.mp4", frames=6)
    paths.append(with_v1(plain, folder / "m.mp4", v1(field("StereoMode", "top-bottom"))))
    return [path.read_bytes() for path in paths]


class Prober:
    """The process that looks at files, started anew when it died."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROBER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._collect, args=(self._process, self._lines), daemon=True).start()

    @staticmethod
    def _collect(process, lines) -> None:
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    def ask(self, path: Path, *, and_open: bool) -> dict | str:
        """The answer, or how the process ended instead."""
        self._process.stdin.write(json.dumps({"path": str(path), "open": and_open}) + "\n")
        self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=WATCHDOG_S)
        except queue.Empty:
            self._process.kill()
            self.close()
            self._start()
            return f"no answer in {WATCHDOG_S:.0f} s"
        if line:
            answer = json.loads(line)
            self.peak_bytes = max(self.peak_bytes, answer["peak_bytes"])
            return answer
        code = self._process.wait(timeout=WATCHDOG_S)
        words = self._process.stderr.read().strip().splitlines()[-3:]
        self.close()
        self._start()
        return f"the process ended with {code}: {' | '.join(words)}"

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=WATCHDOG_S)
        for pipe in (self._process.stdout, self._process.stderr):
            pipe.close()


@pytest.fixture
def prober():
    process = Prober()
    yield process
    process.close()


def damaged(sources: list[bytes], seeds: range, folder: Path, prober: Prober, *, open_every: int) -> tuple[int, int]:
    """Probe the file of every seed and open some; returns how many were clips and how many were refused."""
    faults = []
    outcomes = {"clip": 0, "refused": 0}
    for seed in seeds:
        data, done = mutate(seed, sources)
        path = folder / "damaged.bin"
        path.write_bytes(data)
        peak_before = prober.peak_bytes
        answer = prober.ask(path, and_open=seed % open_every == 0)
        if isinstance(answer, str):
            faults.append(f"seed {seed} ({done}): {answer}")
            continue
        outcomes[answer["outcome"]] += 1
        if "\n" in answer["text"] or (answer["outcome"] == "refused" and str(path) not in answer["text"]):
            faults.append(f"seed {seed} ({done}): not one clear line: {answer['text']!r}")
        if answer["cpu_s"] > MOST_CPU_S:
            faults.append(f"seed {seed} ({done}): {answer['cpu_s']:.1f} s of CPU time")
        if answer["peak_bytes"] > MOST_BYTES >= peak_before:
            faults.append(f"seed {seed} ({done}): {answer['peak_bytes'] / 2**20:.0f} MiB")
    assert not faults, "\n".join(faults)
    return outcomes["clip"], outcomes["refused"]


def test_100_damaged_files(sources, tmp_path, prober):
    clips, refused = damaged(sources, range(100), tmp_path, prober, open_every=4)
    assert clips >= 20 and refused >= 10  # the damage is neither nothing nor total


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_2000_damaged_files(sources, tmp_path, prober, record_testsuite_property):
    clips, refused = damaged(sources, range(1000, 3000), tmp_path, prober, open_every=1)
    assert clips + refused == 2000
    record_testsuite_property("damaged files", f"{clips} described, {refused} refused, {prober.peak_bytes} bytes")


def test_sound_files_are_answered(sources, tmp_path, prober):
    """The undamaged sources are clips, and every one of them opens."""
    for i, data in enumerate(sources):
        path = tmp_path / f"{i}.bin"
        path.write_bytes(data)
        answer = prober.ask(path, and_open=True)
        assert isinstance(answer, dict) and answer["outcome"] == "clip", answer
        assert "cannot" not in answer["opened"] and "0 frames" not in answer["opened"]
