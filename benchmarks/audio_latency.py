"""Motion-to-sound and the callback's share of a core, measured on the real audio process.

    python benchmarks/audio_latency.py [--turns 200] [--depth 3] [--out benchmarks/results/audio_latency.md]

A steady field (W and X constant) is played on the simulated device: a paced clock inside the audio process that asks
for blocks of 256 as a sound card with ``depth`` blocks of buffer does, and notes when each block leaves the DAC. The
head turns by 90 degrees at random moments; for each turn the recording says when the last sample that still shows the
old direction left. Through cardioids of one tap the ears are the direction itself; KEMAR's filters add their length.

The null sink of PulseAudio works in blocks of 50 ms, so its figure (the process's own estimate) is for information.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

import av
import numpy as np
from borrowed import module_of_the_tests

from panosod_core.ambisonics.filters import BinauralFilters, default_filters
from panosod_core.geometry.sphere import rotation
from panosod_core.media.info import AudioInfo, SoundFormat
from panosod_viewer.audio.client import AudioClient
from panosod_viewer.audio.clocks import now_s
from panosod_viewer.audio.devices import DeviceChoice
from panosod_viewer.audio.engine import BLOCK, SoundLayout
from panosod_viewer.audio.offline import OfflineSound
from panosod_viewer.audio.ring import RATE_HZ
from panosod_viewer.audio.simulated import SimulatedDac

REPO = Path(__file__).resolve().parent.parent
BAR_MS = 35.0
LOAD_BAR = 0.05


def steal() -> tuple[float, float]:
    """(stolen, all) processor time so far, in ticks; what the hypervisor took from this machine."""
    fields = [float(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return fields[7], sum(fields[:8])


class ArraySource:
    """A clip's sound that lies in memory, (C, n)."""

    def __init__(self, samples: np.ndarray) -> None:
        self.samples, self.at = samples, 0
        self.channels = samples.shape[0]

    def seek(self, t_s: float, /) -> None:
        self.at = round(t_s * RATE_HZ)

    def read(self, n: int, /) -> np.ndarray:
        piece = self.samples[:, self.at : self.at + n]
        self.at += piece.shape[1]
        return piece

    def close(self) -> None:
        return


def write_wav(path: Path, samples: np.ndarray) -> AudioInfo:
    """A WAV file of float samples (C, n), and what is known of it."""
    channels = samples.shape[0]
    layout = {4: "4.0", 9: "9 channels", 16: "16 channels"}[channels]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE_HZ, layout=layout)
        packed = np.ascontiguousarray(samples.T, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    order = round(channels**0.5) - 1
    return AudioInfo(
        0, "pcm_f32le", channels, RATE_HZ, SoundFormat.AMBIX, order, False, tuple(range(channels)), "benchmark"
    )


def cardioids() -> BinauralFilters:
    """Two cardioids of one tap, left and right."""
    taps = np.zeros((4, 2, 1), np.float32)
    taps[0], taps[1, :, 0] = 0.5, (0.5, -0.5)
    return BinauralFilters(taps=taps, order=1, sample_rate_hz=RATE_HZ, name="cardioids", method="one tap")


def wait_for(client: AudioClient, kind: str) -> None:
    """Wait for an event."""
    until_s = now_s() + 30
    while now_s() < until_s:
        for event in client.poll():
            if event.kind == kind:
                return
            if event.kind in ("failed", "process_died", "refused"):
                raise SystemExit(f"{event.kind}: {event.text}")
        time.sleep(0.002)
    raise SystemExit(f"no {kind!r} within 30 s")


def turns(client: AudioClient, count: int, *, seed: int) -> list[tuple[float, float]]:
    """Turn the head back and forth at random moments: (host time, yaw) of each turn."""
    rng = np.random.default_rng(seed)
    written = []
    for k in range(count):
        yaw = np.pi / 2 if k % 2 else -np.pi / 2
        time.sleep(rng.uniform(0.08, 0.12))
        client.set_pose(rotation(yaw))
        written.append((now_s(), yaw))
    time.sleep(0.2)
    return written


def delays_ms(record: Path, written: list[tuple[float, float]]) -> np.ndarray:
    """For each turn: until the last sample at the DAC that still shows where the head looked before."""
    with np.load(record) as heard:
        samples, times = heard["samples"], heard["times"]
        print(f"  underruns of the simulated device: {int(heard['underruns'])}")
    at = np.repeat(times, 256) + np.tile(np.arange(256), len(times)) / RATE_HZ
    side = samples[:, 0] - samples[:, 1]
    delays = []
    for (start, _), (stop, _) in zip(written, [*written[1:], (written[-1][0] + 0.1, 0.0)], strict=True):
        # Nothing of the next turn can have been heard by then.
        part = slice(*np.searchsorted(at, [start, stop]))
        settled = side[part][-20:].mean()
        differs = np.abs(side[part] - settled) > 0.01 * abs(settled) + 1e-6
        delays.append((at[part][np.flatnonzero(differs)[-1]] - start) * 1e3)
    return np.array(delays)


def measure_turns(work: Path, filters: BinauralFilters, *, count: int, depth: int) -> np.ndarray:
    """Motion-to-sound of many turns, milliseconds."""
    field = np.zeros((4, round((count * 0.13 + 3) * RATE_HZ)), np.float32)
    field[0] = field[3] = 0.1
    audio = write_wav(work / "steady.wav", field)
    record = work / "heard.npz"
    client = AudioClient(device=DeviceChoice("simulated", depth=depth, record=str(record)))
    client.open(work / "steady.wav", audio, filters, duration_s=field.shape[1] / RATE_HZ)
    wait_for(client, "opened")
    client.play()
    time.sleep(0.5)
    written = turns(client, count, seed=depth)
    client.close(timeout_s=10)
    return delays_ms(record, written)


def measure_load(work: Path, order: int, *, spin: bool, seconds: float = 6.0) -> tuple[float, float]:
    """(mean share of a core, mean motion-to-sound that the status line shows, ms) with KEMAR at that order."""
    rng = np.random.default_rng(order)
    field = (0.05 * rng.standard_normal(((order + 1) ** 2, round((seconds + 3) * RATE_HZ)))).astype(np.float32)
    audio = write_wav(work / f"noise{order}.wav", field)
    client = AudioClient(device=DeviceChoice("simulated"))
    client.open(work / f"noise{order}.wav", audio, default_filters(order), duration_s=seconds + 3)
    wait_for(client, "opened")
    client.play()
    loads, motions = [], []
    began_s = now_s()
    while now_s() - began_s < seconds:
        if spin:
            client.set_pose(rotation(2 * np.pi * (now_s() - began_s)))
        time.sleep(1 / 60)
        if now_s() - began_s > 2:
            loads.append(client.levels().load)
            motions.append(client.levels().motion_to_sound_s * 1e3)
    client.close()
    return float(np.mean(loads)), float(np.mean(motions))


def measure_warm(order: int) -> float:
    """Share of a core when blocks are rendered one after another, the head turning: what the work itself costs."""
    samples = (0.05 * np.random.default_rng(1).standard_normal(((order + 1) ** 2, 4 * RATE_HZ))).astype(np.float32)
    sound = OfflineSound(ArraySource(samples), SoundLayout(order, 0), default_filters(order), end_s=4.0)
    out = np.zeros((2, BLOCK), np.float32)
    spent_s, blocks = 0.0, 600
    for k in range(blocks):
        pose = rotation(2 * np.pi * k * BLOCK / RATE_HZ)
        began_s = time.thread_time()
        sound.render_block(pose, out)
        spent_s += time.thread_time() - began_s
    return spent_s / (blocks * BLOCK / RATE_HZ)


def measure_bare(seconds: float = 6.0) -> float:
    """Share of a core of a callback that only computes a sine, at the same pace: what waking up costs here."""
    spent: list[float] = []

    def fill(out: np.ndarray, _dac_s: float, _underflow: bool) -> None:
        began_s = time.thread_time()
        out[...] = 0.01 * np.sin(0.06 * np.arange(out.shape[1]))
        spent.append(time.thread_time() - began_s)

    device = SimulatedDac(depth=3)
    device.start(fill)
    time.sleep(seconds)
    device.close()
    return sum(spent) / (len(spent) * BLOCK / RATE_HZ)


def measure_null_sink(work: Path) -> str:
    """Motion-to-sound on PulseAudio's null sink, as the process estimates it."""
    soundcard = module_of_the_tests("soundcard")
    if soundcard.missing():
        return f"not measured: {soundcard.missing()}"
    field = np.zeros((4, 8 * RATE_HZ), np.float32)
    audio = write_wav(work / "zero.wav", field)
    with soundcard.null_sink() as sink:
        os.environ.update(sink.environment)
        client = AudioClient(device=DeviceChoice("default", latency_s=soundcard.LATENCY_S))
        client.open(work / "zero.wav", audio, default_filters(1), duration_s=8.0)
        wait_for(client, "opened")
        client.play()
        figures = []
        for k in range(240):
            client.set_pose(rotation(0.02 * k))
            threading.Event().wait(1 / 60)
            if k > 60:
                figures.append(client.levels().motion_to_sound_s * 1e3)
        client.close()
    return f"{np.mean(figures):.0f} ms (asked for {soundcard.LATENCY_S * 1e3:.0f} ms of buffer)"


def main() -> int:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--depth", type=int, default=3, help="blocks between callback and DAC")
    parser.add_argument("--out", type=Path, help="write the table there, too")
    args = parser.parse_args()
    before = steal()
    rows = []
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="panosod-") as folder:
        work = Path(folder)
        for name, filters in (("cardioids, 1 tap", cardioids()), ("KEMAR MagLS", default_filters(1))):
            for depth in sorted({2, args.depth}):
                delays = measure_turns(work, filters, count=args.turns, depth=depth)
                p50, p95 = np.percentile(delays, [50, 95])
                worst = max(worst, p95)
                rows.append(f"| {name} | {depth} | {delays.min():.1f} | {p50:.1f} | {p95:.1f} | {delays.max():.1f} |")
                print(rows[-1])
        loads = []
        for order in (1, 2, 3):
            still, _ = measure_load(work, order, spin=False)
            spun, shown = measure_load(work, order, spin=True)
            warm = measure_warm(order)
            loads.append(
                f"| {order} | {100 * warm:.1f} % | {100 * still:.1f} % | {100 * spun:.1f} % | {shown:.1f} ms |"
            )
            print(loads[-1])
        bare = measure_bare()
        null = measure_null_sink(work)
    after = steal()
    stolen = 100 * (after[0] - before[0]) / max(1.0, after[1] - before[1])
    text = f"""# Motion-to-sound and load of the audio callback

`python benchmarks/audio_latency.py --turns {args.turns} --depth {args.depth}`, {date.today()}, {platform.machine()},
{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, stolen by the hypervisor {stolen:.1f} %.
Blocks of 256 at 48 kHz, {args.turns} turns of 90 degrees at random moments, in the real audio process.

From `set_pose` to the last sample at the DAC that shows the old direction (bar: {BAR_MS:.0f} ms), milliseconds:

| ears | buffer, blocks | least | median | 95 % | most |
|---|---|---|---|---|---|
{chr(10).join(rows)}

A turn waits for the next callback (0 to 5.3 ms), then for the buffer (5.3 ms a block), then ramps through one block
(5.3 ms); the limiter looks 1.0 ms ahead. KEMAR's row waits until its filters have wholly forgotten the old direction.

Null sink of PulseAudio, by the process's own estimate: {null}.

Share of one core that the callback uses (its thread's processor time; bar: {100 * LOAD_BAR:.0f} %), KEMAR, white noise:

| order | blocks one after another | live, head at rest | live, head turning 360 degrees/s | motion-to-sound shown |
|---|---|---|---|---|
{chr(10).join(loads)}

A live callback wakes 188 times a second into caches that others have filled: one that does nothing but compute a sine
uses {100 * bare:.1f} % on this machine at this moment. "Motion-to-sound shown" is what the status line says.
"""
    print(text)
    if args.out:
        args.out.write_text(text)
    return 0 if worst <= BAR_MS else 1


if __name__ == "__main__":
    sys.exit(main())
