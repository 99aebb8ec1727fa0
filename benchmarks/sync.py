"""How far apart flash and click are: in a recording, on the simulated DAC, on a null sink, and in the window.

    python benchmarks/sync.py [--seconds 12] [--out benchmarks/results/sync.md]

A clip of darkness and silence flashes for one frame and clicks with it every half second. Positive: the sound is late.

- recording: the file that `--record` writes, by the times that its packets bear.
- DAC: the audio process on a simulated device; the click as it leaves the DAC against the moment at which the clock
  that the pictures follow passes the flash's time.
- null sink: the same on PulseAudio; a click counts as heard when the recorder of the sink's monitor gets it. The sink
  works in blocks of 50 ms: a figure for information, not for judging.
- window: the real viewer on Xvfb and the null sink; a flash counts as seen when a program that looks at the screen
  all the time first finds it bright. The screen is looked at every few milliseconds; no vertical blank is simulated.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import av
import numpy as np
from borrowed import module_of_the_tests
from PIL import ImageGrab

from panosod_core.ambisonics.filters import default_filters
from panosod_core.media.probe import probe
from panosod_viewer.audio.client import AudioClient
from panosod_viewer.audio.clocks import now_s
from panosod_viewer.audio.devices import DeviceChoice
from panosod_viewer.audio.ring import RATE_HZ
from panosod_viewer.offline.record import RecordOptions, run_record

REPO = Path(__file__).resolve().parent.parent
BAR_MS = 20.0


clips, soundcard, virtual_display = (module_of_the_tests(n) for n in ("clips", "soundcard", "virtual_display"))


def onsets(samples: np.ndarray) -> np.ndarray:
    """Sample at which each click of (n, 2) begins."""
    level = np.abs(samples).max(axis=1)
    loud = np.flatnonzero(level > 0.25 * level.max())
    first: np.ndarray = np.concatenate([[True], np.diff(loud) > 0.1 * RATE_HZ])
    begin: np.ndarray = loud[first]
    return begin


def nearest_ms(clicks_s: np.ndarray, flashes_s: np.ndarray) -> np.ndarray:
    """For each flash how much later its click is, milliseconds; those without a click within 0.25 s are left out."""
    late = clicks_s[None] - flashes_s[:, None]
    best = late[np.arange(len(late)), np.abs(late).argmin(axis=1)]
    near: np.ndarray = best[np.abs(best) < 0.25] * 1e3
    return near


def recording(clip: Any, work: Path) -> np.ndarray:
    """In a recorded file."""
    out = run_record(RecordOptions(clip.path, work / "out.mp4", size=(160, 90)))
    lit, pieces = [], []
    with av.open(str(out)) as container:
        for frame in container.decode(video=0, audio=0):
            if isinstance(frame, av.AudioFrame):
                pieces.append(frame.to_ndarray())
            elif isinstance(frame, av.VideoFrame) and frame.to_ndarray(format="gray")[30:60, 60:100].mean() > 128:
                lit.append(frame.time)
    return nearest_ms(onsets(np.concatenate(pieces, axis=1).T) / RATE_HZ, np.array(lit))


def play(clip: Any, device: DeviceChoice, *, rest_s: float = 0.0) -> np.ndarray:
    """Play to the end; host times at which the clock passes each flash."""
    client = AudioClient(device=device)
    info = probe(clip.path)
    assert info.duration_s is not None
    client.open(clip.path, info.audio, default_filters(1), duration_s=info.duration_s)
    client.play()
    readings: list[tuple[float, float]] = []
    until_s = now_s() + info.duration_s + 20
    while now_s() < until_s and not any(event.kind == "ended" for event in client.poll()):
        at_s, clock = now_s(), client.clock()
        if clock.speed > 0:
            readings.append((at_s, clock.position_s))
        time.sleep(0.004)
    time.sleep(rest_s)
    client.close(timeout_s=10)
    at, position = np.array(readings).T
    due_s: np.ndarray = np.interp(np.array(clip.times_s), position, at)
    return due_s


def simulated_dac(clip: Any, work: Path, *, depth: int) -> tuple[np.ndarray, int]:
    """On the simulated device, and how often it ran dry."""
    record = work / "heard.npz"
    due_s = play(clip, DeviceChoice("simulated", depth=depth, record=str(record)))
    with np.load(record) as heard:
        at = onsets(heard["samples"])
        clicks_s = heard["times"][at // 256] + at % 256 / RATE_HZ
        return nearest_ms(clicks_s, due_s), int(heard["underruns"])


class Monitor:
    """Records a null sink's monitor and notes when each piece came."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = ["parec", "-d", f"{soundcard.SINK}.monitor", "--raw", "--format=float32le", "--channels=2"]
        command += [f"--rate={RATE_HZ}", "--latency-msec=5"]
        self._parec = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
        )
        self._pieces: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        assert self._parec.stdout is not None
        while piece := os.read(self._parec.stdout.fileno(), 1 << 16):
            self._pieces.append((now_s(), piece))

    def stop(self) -> np.ndarray:
        """Host times at which clicks came."""
        self._parec.terminate()
        self._thread.join()
        self._parec.wait()
        data = b"".join(piece for _, piece in self._pieces)
        samples = np.frombuffer(data[: len(data) // 8 * 8], np.float32).reshape(-1, 2)
        ends = np.cumsum([len(piece) // 8 for _, piece in self._pieces])
        came = np.array([at_s for at_s, _ in self._pieces])
        # The least delay of all pieces is the steady clock of the stream; what came later was held up on the way.
        start_s = np.min(came - ends / RATE_HZ)
        return start_s + onsets(samples) / RATE_HZ


def null_sink(clip: Any, sink: Any) -> np.ndarray:
    """On the null sink."""
    monitor = Monitor(sink.environment)
    due_s = play(clip, DeviceChoice("default"), rest_s=0.5)
    return nearest_ms(monitor.stop(), due_s)


def window(clip: Any, sink: Any, work: Path) -> np.ndarray:
    """In the window on the screen that DISPLAY names."""
    command = [sys.executable, "-P", "-m", "panosod_viewer", str(clip.path), "--play", "--size", "640x360"]
    command += ["--model", "none"]
    command += ["--settings", str(work / "settings.toml"), "--exit-after", str(clip.times_s[-1] + 4)]
    monitor = Monitor(sink.environment)
    viewer = subprocess.Popen(command, env={**os.environ, **sink.environment})
    flashes_s, was_bright = [], True
    while viewer.poll() is None:
        # Bright is what fills the middle of the screen with white; an empty screen is black.
        before_s = now_s()
        shot = np.asarray(ImageGrab.grab(bbox=(300, 160, 360, 220), xdisplay=os.environ["DISPLAY"]).convert("L"))
        is_bright = bool(shot.mean() > 200)
        if is_bright and not was_bright:
            flashes_s.append((before_s + now_s()) / 2)
        was_bright = is_bright
    if viewer.returncode:
        raise SystemExit(f"the viewer ended with {viewer.returncode}")
    return nearest_ms(monitor.stop(), np.array(flashes_s))


def row(name: str, late_ms: np.ndarray, *, expected: int, bar: bool, note: str = "") -> str:
    """One line of the table."""
    if not len(late_ms):
        return f"| {name} | 0 of {expected} | - | - | - | not measured {note} |"
    verdict = ("yes" if np.abs(late_ms).max() <= BAR_MS else "**NO**") if bar else "for information"
    low, high = late_ms.min(), late_ms.max()
    return (
        f"| {name} | {len(late_ms)} of {expected} | {np.median(late_ms):+.2f} | {low:+.2f} | {high:+.2f} |"
        f" {verdict}{'; ' if note else ''}{note} |"
    )


def main() -> int:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0, help="length of the clip")
    parser.add_argument("--out", type=Path, help="write the table there, too")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="panosod-") as folder:
        work = Path(folder)
        clip = clips.sync_clip(work, duration_s=args.seconds)
        count = len(clip.frames)
        rows.append(row("recording", recording(clip, work), expected=count, bar=True))
        for depth in (3, 12):
            late_ms, dry = simulated_dac(clip, work, depth=depth)
            rows.append(row(f"DAC, {depth} blocks", late_ms, expected=count, bar=True, note=f"{dry} underruns"))
        if soundcard.missing():
            print(soundcard.missing())
        else:
            with soundcard.null_sink() as sink:
                os.environ.update(sink.environment)
                rows.append(row("null sink", null_sink(clip, sink), expected=count, bar=False))
                os.environ.pop("DISPLAY", None)
                with virtual_display.virtual_display(width=640, height=400):
                    rows.append(row("window, null sink", window(clip, sink, work), expected=count, bar=False))
    table = "\n".join(
        [
            f"# Flash and click, {date.today().isoformat()}",
            "",
            f"`python benchmarks/sync.py --seconds {args.seconds:g}`. Milliseconds, positive: the sound is late."
            f" The bar is {BAR_MS:.0f} ms. What each line means is told at the top of the script."
            f" {os.cpu_count()} cores, load at the end {os.getloadavg()[0]:.1f}.",
            "",
            "| where | found | median | least | most | within the bar |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    print(table)
    if args.out is not None:
        args.out.write_text(table, encoding="utf-8")
    return int(any("**NO**" in line for line in rows))


if __name__ == "__main__":
    sys.exit(main())
