"""No underrun: the sound of a playing clip beside heavy work, with a bare sine stream as the control in the same run.

    python benchmarks/audio_soak.py [--minutes 10] [--video clip.mp4] [--device simulated|nullsink]
        [--load torch|numpy|none] [--no-viewer] [--out benchmarks/results/audio_soak.md]

With the viewer (the default): it plays the clip under Xvfb on the chosen device, xdotool drags the view round without
a pause, and a load runs at nice 10 with one thread. Without: this script holds the audio process itself, turns the head
60 times a second, and decodes the clip's picture at its rate.
The control is a process that does nothing but put a sine on a device with the same buffer at the same priority: what
it misses, the machine took (see ``stolen``). Without ``--video`` the demo clip is built first.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from borrowed import module_of_the_tests

from panosod_core.ambisonics.filters import default_filters
from panosod_core.geometry.sphere import rotation
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_viewer.audio.client import AudioClient
from panosod_viewer.audio.clocks import now_s
from panosod_viewer.audio.devices import DeviceChoice, open_output
from panosod_viewer.audio.urgent import make_process_urgent, make_thread_urgent

REPO = Path(__file__).resolve().parent.parent
DEPTH = 3
TOGETHER_S = 0.25
STATS_EVERY_S = 0.25
LOADS = {
    "torch": (
        "import torch; torch.set_num_threads(1)\n"
        "x = torch.randn(1, 64, 104, 208); c = torch.nn.Conv2d(64, 64, 3, padding=1)\n"
        "with torch.no_grad():\n    while True: c(x)"
    ),
    "numpy": "import numpy as np\na = np.random.rand(700, 700).astype('f4')\nwhile True: a @ a",
}


@dataclass
class Outcome:
    """What one stream did."""

    underruns: int = -1
    load: float = float("nan")
    load_max: float = float("nan")
    more: dict[str, Any] = field(default_factory=dict)


def machine_ticks() -> tuple[float, float, float]:
    """(stolen, idle, all) processor time so far, in ticks."""
    ticks = [float(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return ticks[7], ticks[3], sum(ticks[:8])


def sine_control(choice: DeviceChoice, seconds: float) -> None:
    """The control process: a sine with the same buffer; prints its outcome as JSON."""
    make_process_urgent()
    state: dict[str, Any] = {
        "at": [],
        "phase": 0,
        "underruns": 0,
        "blocks": 0,
        "urgent": False,
        "load": 0.0,
        "load_max": 0.0,
    }

    def fill(out: np.ndarray, _dac_s: float, underflow: bool) -> None:
        began_s = time.thread_time()
        if not state["urgent"]:
            state["urgent"] = True
            make_thread_urgent()
        out[...] = 0.01 * np.sin(2 * np.pi * 440 * (state["phase"] + np.arange(out.shape[1])) / 48000)
        state["phase"] += out.shape[1]
        state["underruns"] += underflow
        if underflow:
            state["at"].append(now_s())
        state["blocks"] += 1
        share = (time.thread_time() - began_s) * 48000 / out.shape[1]
        state["load"] += share
        state["load_max"] = max(state["load_max"], share if state["blocks"] > 50 else 0.0)

    output = open_output(choice)
    output.start(fill)
    time.sleep(seconds)
    output.close()
    state["load"] /= max(1, state["blocks"])
    print(json.dumps(state))


def play_without_viewer(video: Path, choice: DeviceChoice, seconds: float) -> Outcome:
    """The audio process with a turning head, and the clip's picture decoded at its rate in this process."""
    clip = probe(video)
    assert clip.video is not None and clip.audio is not None
    duration_s = clip.duration_s or 10.0
    origin_s = clip_origin_s(clip)
    client = AudioClient(device=choice)
    order = clip.audio.order or 1
    client.open(video, clip.audio, default_filters(order), duration_s=duration_s, clock_origin_s=origin_s)
    client.set_loop((0.0, duration_s))
    client.play()
    events, loads, at = [], [], []
    frames = 0
    stop_s = now_s() + seconds
    with VideoReader(video, clip.video, clock_origin_s=origin_s) as reader:
        frame = reader.read()
        while now_s() < stop_s:
            events += [f"{e.kind} {e.text}".strip() for e in client.poll()]
            client.set_pose(rotation(2 * now_s()))
            sound = client.levels()
            loads.append(sound.load)
            at += [now_s()] * (int(sound.underruns) - len(at))
            position_s = client.position_s()
            if frame is None or frame.time_s > position_s + 0.5:
                # The loop has gone round.
                reader.seek(0)
                frame = reader.read()
            while frame is not None and frame.time_s <= position_s:
                frame = reader.read()
                frames += 1
            time.sleep(1 / 60)
    sound = client.levels()
    client.close()
    told = [e for e in events if e not in ("ready", "opened", "device")]
    more: dict[str, Any] = {"at": at, "starved": int(sound.starved), "pictures decoded": frames, "events": told}
    more["motion-to-sound shown"] = f"{sound.motion_to_sound_s * 1e3:.1f} ms"
    return Outcome(int(sound.underruns), float(np.mean(loads)), sound.load_max, more)


class _Watch:
    """Reads the viewer's figures while it plays: when the underruns came, and the callback's load all along."""

    def __init__(self, stats: Path) -> None:
        self._stats = stats
        self._seen_ns = 0
        self.at: list[float] = []
        self.loads: list[float] = []

    def look(self) -> None:
        """Take up what has been written since the last look."""
        if not self._stats.exists() or (written_ns := self._stats.stat().st_mtime_ns) == self._seen_ns:
            return
        self._seen_ns = written_ns
        sound = json.loads(self._stats.read_text())["sound"]
        if not sound or not sound["blocks"]:
            return
        # Between this writing and the one before: the middle is off by at most half a period.
        self.at += [now_s() - STATS_EVERY_S / 2] * (int(sound["underruns"]) - len(self.at))
        self.loads.append(sound["load"])


def play_in_viewer(video: Path, device: str, seconds: float, work: Path) -> Outcome:
    """The viewer under Xvfb with its window dragged all the time; its own figures at the end."""
    stats = work / "stats.json"
    command = [sys.executable, "-m", "panosod_viewer", str(video), "--play", "--repeat", "--device", device]
    command += ["--model", "none"]
    command += ["--stats", str(stats), "--stats-every", str(STATS_EVERY_S)]
    command += ["--exit-after", str(seconds), "--settings", str(work / "settings.toml")]
    viewer = subprocess.Popen(command)
    watch = _Watch(stats)
    subprocess.run(["xdotool", "search", "--sync", "--onlyvisible", "--name", "panosod"], timeout=60, check=False)
    drags = 0
    while viewer.poll() is None:
        subprocess.run(["xdotool", "mousemove", "300", "300", "mousedown", "1"], check=False)
        for step in range(60):
            x, y = 300 + 4 * (step if drags % 2 else 60 - step), 300 + step % 20
            subprocess.run(["xdotool", "mousemove", str(x), str(y)], check=False)
            watch.look()
            time.sleep(1 / 60)
        subprocess.run(["xdotool", "mouseup", "1"], check=False)
        drags += 1
    if viewer.returncode != 0 or not stats.exists():
        raise SystemExit(
            f"the viewer ended with {viewer.returncode} and {'with' if stats.exists() else 'without'} stats"
        )
    figures = json.loads(stats.read_text())
    sound = figures.pop("sound")
    if sound is None or not watch.loads:
        raise SystemExit(f"the viewer's figures say nothing of its sound: {figures}")
    told = ("shown", "dropped", "played_s", "picture_px", "render_scale", "gl_renderer", "cpu_s")
    more: dict[str, Any] = {"at": watch.at, "drags": drags, "starved": int(sound["starved"])}
    more["motion-to-sound shown"] = f"{1e3 * sound['motion_to_sound_s']:.1f} ms"
    more |= {name: figures[name] for name in told}
    return Outcome(int(sound["underruns"]), float(np.mean(watch.loads)), sound["load_max"], more)


def start_load(kind: str) -> tuple[subprocess.Popen[bytes] | None, str]:
    """The heavy neighbour at nice 10, and what it is."""
    if kind == "torch" and importlib.util.find_spec("torch") is None:
        kind = "numpy"
        said = "numpy (torch is not installed here), one thread, nice 10"
    else:
        said = "none" if kind == "none" else f"{kind}, one thread, nice 10"
    if kind == "none":
        return None, said
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(["nice", "-n", "10", sys.executable, "-c", LOADS[kind]], env=environment), said


def null_sink(stack: ExitStack) -> None:
    """A private PulseAudio daemon for all that this process starts."""
    soundcard = module_of_the_tests("soundcard")
    os.environ.update(stack.enter_context(soundcard.null_sink()).environment)


def virtual_display(stack: ExitStack) -> None:
    """An Xvfb of our own."""
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        pass_fds=(write_end,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    stack.callback(server.wait)
    stack.callback(server.terminate)
    with os.fdopen(read_end) as pipe:
        os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
    os.environ["QT_QPA_PLATFORM"] = "xcb"


def soak(args: argparse.Namespace) -> str:
    """Run it all and return the table."""
    seconds = args.minutes * 60
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="panosod-")))
        choice = DeviceChoice("simulated", depth=DEPTH)
        if args.device == "nullsink":
            null_sink(stack)
            choice = DeviceChoice("default", latency_s=0.1)
        if args.viewer:
            virtual_display(stack)
        video = args.video
        if video is None:
            video = work / "demo.mp4"
            subprocess.run(["panosod", "synth", "--demo", "--out", str(video)], check=True)
        load, load_said = start_load(args.load)
        if load is not None:
            stack.callback(load.wait)
            stack.callback(load.terminate)
        command = [sys.executable, __file__, "--control", json.dumps(choice.packed()), "--minutes", str(args.minutes)]
        before = machine_ticks()
        control = subprocess.Popen(command, stdout=subprocess.PIPE)
        if args.viewer:
            name = "simulated" if args.device == "simulated" else "pulse"
            ours = play_in_viewer(video, name, seconds, work)
        else:
            ours = play_without_viewer(video, choice, seconds)
        told = json.loads(control.communicate(timeout=60)[0])
        after = machine_ticks()
    stolen, idle, total = (b - a for a, b in zip(before, after, strict=True))
    sine = Outcome(told["underruns"], told["load"], told["load_max"])
    if "at" in ours.more:
        # One stall of the machine strikes both within a moment.
        alone = [t for t in ours.more.pop("at") if all(abs(t - other) > TOGETHER_S for other in told["at"])]
        ours.more["underruns while the control had none"] = len(alone)
    rows = [
        f"| {name} | {o.underruns} | {100 * o.load:.1f} % | {100 * o.load_max:.0f} % |"
        for name, o in (("panosod's audio process", ours), ("bare sine, same buffer", sine))
    ]
    scene = "the viewer playing and dragged" if args.viewer else "audio process, picture decoding, turning head"
    busy = f"Stolen by the hypervisor {100 * stolen / total:.1f} %, idle {100 * idle / total:.1f} %"
    buffer = f"simulated DAC, {DEPTH} blocks of 256" if args.device == "simulated" else "PulseAudio null sink, 0.1 s"
    return f"""# Underruns beside heavy work

`python benchmarks/audio_soak.py {" ".join(sys.argv[1:])}`, {date.today()}, {os.cpu_count()} cores.
{args.minutes:g} minutes, {scene}.
Clip: {video.name}. Device: {buffer}. Load: {load_said}.
{busy}, load average at the end {os.getloadavg()[0]:.1f}.

| stream | underruns | callback, mean share of a core | callback, longest as share of its block |
|---|---|---|---|
{chr(10).join(rows)}

More: {json.dumps(ours.more)}
"""


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--device", choices=("simulated", "nullsink"), default="simulated")
    parser.add_argument("--load", choices=("torch", "numpy", "none"), default="torch")
    parser.add_argument("--viewer", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--control", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.control:
        sine_control(DeviceChoice(**json.loads(args.control)), args.minutes * 60)
        return 0
    if args.viewer and shutil.which("xdotool") is None:
        parser.error("xdotool is needed to drag the window (or give --no-viewer)")
    text = soak(args)
    print(text)
    if args.out:
        args.out.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
