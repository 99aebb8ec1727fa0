"""Playback of panosod beside mpv and VLC, in one run on one machine, all drawing the 360 degree view.

    python benchmarks/playback.py [--clips 2k 4k] [--seconds 15] [--rounds 3] [--size 640x360]

Every player shows the same clip in a window of the same size on the same virtual display (Xvfb, software GL) with its
sound going to the same PulseAudio null sink. Reported per player: frames shown a second, frames dropped, CPU time of
its whole process tree a shown frame, the time from start to the first picture on the screen, and the time from a
pointer drag to changed pixels. Bare PyAV decoding of the same clip stands beside them as the floor.

mpv projects by FFmpeg's ``v360`` filter (on the CPU) and by a GLSL user shader (on the GL, written here); VLC by its
own sphere, switched on by the clip's metadata. VLC refuses to run as root and is started as ``nobody``.
Rounds alternate between the players; medians are printed. ``steal`` is what the hypervisor took meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pages import system

if TYPE_CHECKING:
    from PySide6.QtGui import QPixmap

REPO = Path(__file__).resolve().parent.parent
SIZES = {"2k": (1920, 960), "4k": (3840, 1920)}
SETTLE_S = 2.0
_BYTECODE = Path(tempfile.gettempdir()) / "panosod-playback-bytecode"

MPV_SHADER = """//!HOOK MAINPRESUB
//!BIND HOOKED
//!WIDTH OUTPUT.w
//!HEIGHT OUTPUT.h
//!DESC equirectangular to rectilinear, 90 degrees across
vec4 hook() {
    vec2 p = (HOOKED_pos - 0.5) * vec2(2.0, -2.0 * target_size.y / target_size.x);
    vec3 ray = normalize(vec3(p.x, p.y, 1.0));
    float u = atan(ray.x, ray.z) / 6.283185307 + 0.5;
    float v = 0.5 - atan(ray.y, length(ray.xz)) / 3.141592654;
    return textureLod(HOOKED_raw, vec2(u, v), 0.0) * HOOKED_mul;
}
"""


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for p in found:
        for task in Path(f"/proc/{p}/task").glob("*/children"):
            try:
                found += [int(c) for c in task.read_text().split()]
            except OSError:
                continue
    return found


def cpu_s(pid: int) -> float:
    """User and system seconds of a process tree so far."""
    total = 0
    for p in tree(pid):
        try:
            fields = Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def steal_jiffies() -> tuple[int, int]:
    """Stolen and total jiffies of all cores so far."""
    values = [int(v) for v in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return values[7], sum(values)


class Screen:
    """Grabs pixels of the virtual display."""

    def __init__(self) -> None:
        from PySide6.QtGui import QGuiApplication

        self._app = QGuiApplication.instance() or QGuiApplication(["playback"])
        self._screen = QGuiApplication.primaryScreen()

    def grab(self, x: int, y: int, width: int, height: int) -> QPixmap:
        """What stands there now."""
        return self._screen.grabWindow(0, x, y, width, height)

    def patch(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """(height, width, 3) uint8."""
        image = self.grab(x, y, width, height).toImage().convertToFormat(_rgb888())
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def _rgb888() -> object:
    from PySide6.QtGui import QImage

    return QImage.Format.Format_RGB888


@dataclass
class Result:
    """Figures of one round of one player."""

    first_frame_s: float = float("nan")
    shown_fps: float = float("nan")
    dropped: float = float("nan")
    cpu_ms_frame: float = float("nan")
    drag_ms: float = float("nan")
    steal: float = float("nan")
    load: float = float("nan")


@dataclass(frozen=True)
class Counts:
    """Pictures shown and dropped so far, and when that was so, ``time.monotonic()``."""

    at_s: float
    shown: float
    dropped: float


@dataclass
class Player:
    """How to start a player and to ask it what it showed."""

    name: str
    clip: Path
    size: tuple[int, int]
    work: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def command(self) -> list[str]:
        raise NotImplementedError

    def counts(self) -> Counts:
        """What was shown so far, as fresh as the player tells it: waits for its next news."""
        raise NotImplementedError

    def start(self, env: dict[str, str]) -> None:
        log = (self.work / f"{self.name.replace(' ', '_')}.log").open("wb")
        self.process = subprocess.Popen(self.command(), env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def settle(self, env: dict[str, str]) -> None:
        """Bring the window to the common size, where the player does not do so by itself."""

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Panosod(Player):
    """This project's viewer, its panels hidden so that the picture has the window to itself."""

    def command(self) -> list[str]:
        w, h = self.size
        return [
            *(sys.executable, "-m", "panosod_viewer", str(self.clip), "--play", "--repeat", "--bare", "--fov", "90"),
            *("--size", f"{w}x{h}", "--render-scale", "1", "--stats", str(self._figures), "--stats-every", "0.25"),
            *("--model", "none", "--settings", str(self.work / "settings.toml")),
        ]

    @property
    def _figures(self) -> Path:
        return self.work / "panosod.json"

    def start(self, env: dict[str, str]) -> None:
        self._figures.unlink(missing_ok=True)
        super().start(env)

    def _read(self) -> Counts:
        figures = json.loads(self._figures.read_text())
        return Counts(figures["at_s"], figures["shown"], figures["dropped"])

    def counts(self) -> Counts:
        return fresh(self._read)


class Mpv(Player):
    """mpv; ``projection`` is "v360" or "shader"."""

    projection = "shader"

    def command(self) -> list[str]:
        w, h = self.size
        common = [
            *("mpv", "--no-config", f"--geometry={w}x{h}+0+0", "--no-border", "--no-osc", "--osd-level=0", "--loop"),
            *("--vo=gpu", "--gpu-context=x11egl", "--no-keepaspect", "--hwdec=no", "--ao=pulse"),
            f"--input-ipc-server={self._socket}",
        ]
        if self.projection == "v360":
            return [*common, f"--vf=lavfi=[v360=e:flat:h_fov=90:v_fov={_vfov(w, h):.3f}:w={w}:h={h}]", str(self.clip)]
        shader = self.work / "sphere.glsl"
        shader.write_text(MPV_SHADER)
        return [*common, f"--glsl-shaders={shader}", str(self.clip)]

    @property
    def _socket(self) -> Path:
        return self.work / f"mpv-{self.projection}"

    def _ask(self, name: str) -> float:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(self._socket))
            s.sendall(json.dumps({"command": ["get_property", name], "request_id": 7}).encode() + b"\n")
            for line in s.makefile():
                answer = json.loads(line)
                if answer.get("request_id") == 7:
                    return float(answer.get("data") or 0.0)
        return float("nan")

    def counts(self) -> Counts:
        # mpv counts what it dropped; what was due follows from the clip's time (it runs through without looping).
        due = self._ask("time-pos") * self._ask("container-fps")
        dropped = self._ask("frame-drop-count") + self._ask("decoder-frame-drop-count")
        return Counts(time.monotonic(), due - dropped, dropped)


class MpvV360(Mpv):
    projection = "v360"


class Vlc(Player):
    """VLC with its own sphere, asked through its remote control."""

    def command(self) -> list[str]:
        w, h = self.size
        vlc = [
            *(
                "vlc",
                "-I",
                "oldrc",
                "--rc-fake-tty",
                "--rc-unix",
                str(self._socket),
                "--no-video-title-show",
                "--repeat",
            ),
            *("--vout=gl", "--aout=pulse", f"--width={w}", f"--height={h}", f"--aspect-ratio={w}:{h}"),
            *("--video-x=0", "--video-y=0", "--no-video-deco", "--avcodec-hw=none"),
            str(self.clip),
        ]
        if os.geteuid() == 0:
            return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *vlc]
        return vlc

    @property
    def _socket(self) -> Path:
        return self.work / "vlc-rc"

    def start(self, env: dict[str, str]) -> None:
        self._socket.unlink(missing_ok=True)
        home = self.work / "home"
        home.mkdir(exist_ok=True)
        home.chmod(0o777)
        super().start(env | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)})

    def settle(self, env: dict[str, str]) -> None:
        # Without a window manager VLC opens at the size of the video whatever --width says.
        w, h = map(str, self.size)
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", ""], env=env, capture_output=True, text=True
        )
        for window in found.stdout.split():
            subprocess.run(["xdotool", "windowsize", window, w, h], env=env, capture_output=True)

    def _read(self) -> Counts:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(1.0)
            s.connect(str(self._socket))
            s.sendall(b"stats\n")
            text = b""
            try:
                while b"buffers lost" not in text:
                    part = s.recv(4096)
                    if not part:
                        break
                    text += part
            except TimeoutError:
                pass
        shown = re.search(rb"frames displayed\s*:\s*(\d+)", text)
        lost = re.search(rb"frames lost\s*:\s*(\d+)", text)
        if shown is None or lost is None:
            raise ValueError(f"its remote control gives no statistics: {text!r}")
        return Counts(time.monotonic(), float(shown[1]), float(lost[1]))

    def counts(self) -> Counts:
        return fresh(self._read)


def fresh(read: Callable[[], Counts], limit_s: float = 3.0) -> Counts:
    """The first counts that differ from those of now: players renew theirs a few times a second only."""
    before = now = read()
    deadline = time.monotonic() + limit_s
    while now.shown == before.shown and time.monotonic() < deadline:
        time.sleep(0.02)
        now = read()
    return now


def _vfov(width: int, height: int) -> float:
    return float(np.degrees(2 * np.arctan(np.tan(np.radians(45)) * height / width)))


def textured(patch: np.ndarray) -> bool:
    """True where the patch shows a picture rather than an empty window."""
    return bool(patch.astype(np.float32).std() > 6.0)


def wait_for_picture(screen: Screen, centre: tuple[int, int], limit_s: float = 30.0) -> float:
    """Seconds until the middle of the window shows a picture."""
    start = time.monotonic()
    while time.monotonic() - start < limit_s:
        if textured(screen.patch(centre[0] - 60, centre[1] - 60, 120, 120)):
            return time.monotonic() - start
        time.sleep(0.005)
    return float("nan")


def drag_latency_ms(screen: Screen, centre: tuple[int, int], env: dict[str, str]) -> float:
    """Milliseconds from the first pointer move of a drag to clearly changed pixels; the clip must stand still."""
    x, y = centre
    subprocess.run(["xdotool", "mousemove", str(x), str(y), "mousedown", "1"], env=env, check=True)
    time.sleep(0.3)
    before = screen.patch(x - 150, y - 100, 300, 200).astype(np.int16)
    process = subprocess.Popen(["xdotool", "mousemove", str(x + 90), str(y)], env=env)
    start = time.monotonic()
    latency = float("nan")
    while time.monotonic() - start < 2.0:
        now = screen.patch(x - 150, y - 100, 300, 200).astype(np.int16)
        if np.abs(now - before).mean() > 2.0:
            latency = (time.monotonic() - start) * 1e3
            break
    process.wait()
    subprocess.run(["xdotool", "mouseup", "1"], env=env, check=True)
    return latency


def one_round(player: Player, screen: Screen, env: dict[str, str], seconds: float, shots: Path | None = None) -> Result:
    """Start a player, watch it, end it; ``shots`` gets a picture of the whole screen."""
    result = Result()
    centre = (player.size[0] // 2, player.size[1] // 2)
    player.start(env)
    try:
        result.first_frame_s = wait_for_picture(screen, centre)
        player.settle(env)
        time.sleep(SETTLE_S)
        assert player.process is not None
        if shots is not None:
            screen.grab(0, 0, 1280, 800).save(str(shots / f"{player.clip.stem} {player.name}.png"))
        stolen_0, total_0 = steal_jiffies()
        before, cpu_0 = player.counts(), cpu_s(player.process.pid)
        time.sleep(seconds)
        after, cpu_1 = player.counts(), cpu_s(player.process.pid)
        stolen_1, total_1 = steal_jiffies()
        shown = after.shown - before.shown
        result.shown_fps = shown / (after.at_s - before.at_s)
        result.dropped = after.dropped - before.dropped
        result.cpu_ms_frame = (cpu_1 - cpu_0) * 1e3 / max(shown, 1e-9)
        result.load = os.getloadavg()[0]
        result.steal = 100.0 * (stolen_1 - stolen_0) / max(total_1 - total_0, 1)
        if isinstance(player, Panosod | Vlc):
            subprocess.run(
                ["xdotool", "mousemove", str(centre[0]), str(centre[1]), "key", "space"], env=env, check=True
            )
            time.sleep(0.5)
            result.drag_ms = drag_latency_ms(screen, centre, env)
    except (OSError, ValueError) as error:
        print(f"  {player.name}: {error}", file=sys.stderr)
    finally:
        player.stop()
    return result


def warm_up(player: Player, screen: Screen, env: dict[str, str]) -> None:
    """Start and end a player once: libraries come into the page cache, shaders and Python are compiled."""
    player.start(env)
    try:
        wait_for_picture(screen, (player.size[0] // 2, player.size[1] // 2))
    finally:
        player.stop()


def bare_decode(clip: Path, seconds: float) -> Result:
    """Decode with PyAV and do nothing else."""
    import av

    result = Result()
    start, cpu = time.monotonic(), time.process_time()
    frames = 0
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            frames += 1
            if frames == 1:
                result.first_frame_s = time.monotonic() - start
            if time.monotonic() - start > seconds:
                break
    result.shown_fps = frames / (time.monotonic() - start)
    result.cpu_ms_frame = (time.process_time() - cpu) * 1e3 / frames
    result.dropped = 0.0
    return result


def table(rows: dict[str, list[Result]]) -> str:
    """Markdown: the median of each figure, and where it matters the least and the most."""
    head = "| player | frames shown /s | dropped | CPU ms a shown frame | first frame s | drag ms | steal % | load |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    spread_keys = ("cpu_ms_frame", "first_frame_s", "dropped")
    keys = ("shown_fps", "dropped", "cpu_ms_frame", "first_frame_s", "drag_ms", "steal", "load")
    for name, results in rows.items():

        def median(key: str, results: list[Result] = results) -> str:
            values = [v for r in results if (v := getattr(r, key)) == v]
            if not values:
                return "–"
            spread = f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 and key in spread_keys else ""
            return f"{statistics.median(values):.2f}{spread}"

        lines.append("| " + " | ".join([name, *(median(k) for k in keys)]) + " |")
    return "\n".join(lines)


def ratios(rows: dict[str, list[Result]]) -> str:
    """The bars: CPU a frame and first frame against the peers."""

    def median(name: str, key: str) -> float:
        values = [v for r in rows.get(name, []) if (v := getattr(r, key)) == v]
        return statistics.median(values) if values else float("nan")

    peers = [median(n, "cpu_ms_frame") for n in rows if n not in ("panosod", "PyAV decode")]
    cheaper = min((p for p in peers if p == p), default=float("nan"))
    cpu = median("panosod", "cpu_ms_frame") / cheaper
    mpv_first = min(median("mpv shader", "first_frame_s"), median("mpv v360", "first_frame_s"))
    first = median("panosod", "first_frame_s") / mpv_first
    return (
        f"CPU a shown frame: {cpu:.2f} x the cheapest peer (goal 1.2). "
        f"First frame: {first:.2f} x mpv (bar 1.3), {median('panosod', 'first_frame_s'):.2f} s (goal 1.0)."
    )


def described_machine(gl: str) -> str:
    """What it ran on and with; ``gl`` is what OpenGL calls itself."""
    import av
    import PySide6

    def first_line(*command: str) -> str:
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.split("\n", 1)[0]
        except OSError:
            return f"no {command[0]}"

    cpu = next((s for s in Path("/proc/cpuinfo").read_text().splitlines() if s.startswith("model name")), "")
    vlc = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    return (
        f"{cpu.partition(':')[2].strip()}, {os.cpu_count()} cores, {system()}, Python "
        f"{platform.python_version()}, PyAV {av.__version__}, Qt {PySide6.__version__}, "
        f"{gl}, {first_line('mpv', '--version').split(' Copyright')[0]}, "
        f"{first_line(*vlc, 'vlc', '--version')}"
    )


def clip_of(name: str, seconds: float) -> Path:
    """The demo clip at that size, built once."""
    width, height = SIZES[name]
    path = Path(tempfile.gettempdir()) / f"panosod-playback-{name}-{int(seconds)}.mp4"
    if not path.exists():
        command = [sys.executable, "-m", "panosod_core.cli.main", "synth", "--demo", "--out", str(path)]
        command += ["--size", f"{width}x{height}", "--duration", str(seconds)]
        subprocess.run(command, check=True)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs="+", default=["2k", "4k"], choices=sorted(SIZES))
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--shots", type=Path, help="folder for a picture of the screen for each player")
    parser.add_argument("--players", nargs="+", default=["panosod", "mpv shader", "mpv v360", "VLC"])
    args = parser.parse_args()
    if not os.environ.get("DISPLAY"):
        xvfb = [sys.executable, str(REPO / "dev" / "with_xvfb.py"), sys.executable, *sys.argv]
        return subprocess.run(xvfb).returncode
    width, height = map(int, args.size.split("x"))
    kinds = {"panosod": Panosod, "mpv shader": Mpv, "mpv v360": MpvV360, "VLC": Vlc}
    screen = Screen()
    with tempfile.TemporaryDirectory(prefix="panosod-playback-") as folder:
        work = Path(folder)
        work.chmod(0o777)
        with null_sink(work) as env:
            for clip_name in args.clips:
                clip = clip_of(clip_name, 20)
                clip.chmod(0o644)
                for name in args.players:
                    warm_up(kinds[name](name, clip, (width, height), work), screen, env)
                rows: dict[str, list[Result]] = {"PyAV decode": [bare_decode(clip, args.seconds)]}
                for _ in range(args.rounds):
                    for name in args.players:
                        player = kinds[name](name, clip, (width, height), work)
                        rows.setdefault(name, []).append(one_round(player, screen, env, args.seconds, args.shots))
                print(
                    f"\n### {clip_name} ({SIZES[clip_name][0]}x{SIZES[clip_name][1]}, 30 fps, H.264) in {args.size}\n"
                )
                print(table(rows))
                print("\n" + ratios(rows), flush=True)
            figures = work / "panosod.json"
            gl = json.loads(figures.read_text())["gl_renderer"] if figures.exists() else "OpenGL not asked"
    print(f"\n{date.today()}. {described_machine(gl)}")
    return 0


class null_sink:  # noqa: N801 - used as a with-statement's word
    """A private PulseAudio daemon with a null sink that other users reach; gives the environment for the players."""

    def __init__(self, work: Path) -> None:
        self._socket = work / "pulse"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> dict[str, str]:
        env = os.environ | {"PULSE_SERVER": f"unix:{self._socket}", "PYTHONPYCACHEPREFIX": str(_BYTECODE)}
        # As an installed program: compiled once, not at every start. ``warm_up`` compiles.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        if shutil.which("pulseaudio"):
            self._process = subprocess.Popen(
                [
                    *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
                    *("-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"),
                    *("-L", "module-null-sink sink_name=null48 rate=48000 channels=2 norewinds=1"),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            deadline = time.monotonic() + 10
            while not self._socket.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
        return env

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


if __name__ == "__main__":
    raise SystemExit(main())
