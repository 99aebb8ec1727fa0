"""The viewer as a process of its own, on a private screen and a private sound card, and what it leaves behind."""

import ctypes
import ctypes.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_viewer.terminal import DESKTOP_MARKS
from tests.soundcard import LATENCY_S, RATE_HZ, SINK, NullSink

PATIENCE_S = 60.0
"""For what comes after a fraction of a second on an idle machine."""

JACK = "/dev/shm/jack_db-"
"""A data base that the JACK library, which PortAudio loads, keeps for each user and all programs: not the viewer's."""


@dataclass(frozen=True)
class Places:
    """Where the viewer may write.

    Attributes:
        home: for settings and caches.
        temporary: for temporary files; must be empty afterwards.
    """

    home: Path
    temporary: Path

    @classmethod
    def under(cls, folder: Path) -> "Places":
        """Two new folders."""
        places = cls(folder / "home", folder / "temporary")
        places.home.mkdir()
        places.temporary.mkdir()
        return places


class Viewer:
    """A running `panosod-viewer`."""

    def __init__(
        self, arguments: list[str], *, display: str, sink: NullSink | None, places: Places, from_desktop: bool = False
    ) -> None:
        """Start it, as a script does or (``from_desktop``) a file manager."""
        self.display = display
        self.sink = sink
        self.places = places
        self._errors = places.home / "stderr.txt"
        self.seen_processes: set[tuple[int, str]] = set()
        """(process id, start time) of every process that it was seen to have."""
        self.seen_memory: set[str] = set()
        """Files of /dev/shm that its processes were seen to have mapped."""
        environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
        # The tests themselves may have been started from a desktop.
        environment |= dict.fromkeys(DESKTOP_MARKS, "file-manager_TIME1" if from_desktop else "")
        environment |= {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "TMPDIR": str(places.temporary)}
        environment |= {f"XDG_{name}_HOME": str(places.home / name) for name in ("CONFIG", "CACHE", "STATE", "DATA")}
        # Without a sound card of its own it must not find the person's.
        environment |= {"PULSE_SERVER": "unix:/nonexistent"} if sink is None else sink.environment
        # The null sink works in blocks of 50 ms: with less of a buffer it tears holes that no one is told of.
        environment["PULSE_LATENCY_MSEC"] = f"{1000 * LATENCY_S:.0f}"
        # A model only where a test is about it: the other tests measure what the viewer does by itself.
        model = [] if "--model" in arguments else ["--model", "none"]
        command = [sys.executable, "-P", "-m", "panosod_viewer", *model, *arguments]
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )
        self.environment = environment

    # -- looking

    @property
    def errors(self) -> str:
        """What it has said on standard error."""
        return self._errors.read_text(errors="replace")

    def look(self) -> None:
        """Note its processes and the shared memory that they hold."""
        pids = [self.process.pid]
        for pid in pids:
            try:
                self.seen_processes.add((pid, start_time(pid)))
                maps = Path(f"/proc/{pid}/maps").read_text()
                for task in Path(f"/proc/{pid}/task").iterdir():
                    pids += [int(child) for child in _children_of(task)]
            except OSError:
                continue
            self.seen_memory |= {name for name in re.findall(r"/dev/shm/\S+", maps) if not name.startswith(JACK)}

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            self.look()
            assert self.process.poll() is None, f"the viewer ended while waited for {what}: {self.errors}"
            assert time.monotonic() < end_s, f"waited in vain for {what}; {self.errors}"
            threading.Event().wait(0.02)
        self.look()

    def audio_pids(self) -> list[int]:
        """Its audio process."""
        found = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for pid in _children_of(task):
                try:
                    command = Path(f"/proc/{pid}/cmdline").read_bytes()
                except OSError:
                    continue
                if b"panosod_viewer.audio.process" in command:
                    found.append(int(pid))
        return found

    def windows(self) -> list[str]:
        """Its windows on the screen."""
        command = ["xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid)]
        found = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        return found.stdout.split()

    def titles(self) -> list[str]:
        """Titles of its windows."""
        commands = [["xdotool", "getwindowname", window] for window in self.windows()]
        done = [subprocess.run(c, env=self.environment, capture_output=True, text=True, timeout=60) for c in commands]
        return [one.stdout.strip() for one in done]

    def sounds(self) -> list[str]:
        """Streams that play on the sound card, whosever they are."""
        return streams(self.sink) if self.sink is not None else []

    # -- acting

    def key(self, *keys: str) -> None:
        """Press keys in its window."""
        window = self.windows()[0]
        command = ["xdotool", "windowfocus", "--sync", window, "key", "--delay", "20", *keys]
        subprocess.run(command, env=self.environment, check=True, timeout=60, capture_output=True)

    def close_window(self) -> None:
        """Close its window as the button in the frame does."""
        ask_to_close(self.display, int(self.windows()[0]))

    def ends(self) -> int:
        """Wait for its end; its exit code."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            self.look()
            try:
                return self.process.wait(0.02)
            except subprocess.TimeoutExpired:
                assert time.monotonic() < end_s, f"it does not end: {self.errors}"

    def kill(self) -> None:
        """End it by force where it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    # -- what is left

    def left_behind(self) -> list[str]:
        """What of it outlives it."""
        end_s = time.monotonic() + PATIENCE_S
        while self._outlives() and time.monotonic() < end_s:
            # The system takes a moment to bury a child whose parent has died, a sound server to notice.
            threading.Event().wait(0.02)
        return self._outlives()

    def _outlives(self) -> list[str]:
        left = [f"process {pid}" for pid, started in self.seen_processes if is_alive(pid, started)]
        left += [f"shared memory {name}" for name in self.seen_memory if Path(name).exists()]
        left += [f"temporary file {path}" for path in self.places.temporary.rglob("*")]
        left += [f"sound stream {stream}" for stream in self.sounds()]
        return left


class Monitor:
    """Records what a sound card plays, and can be looked into meanwhile. A context manager."""

    def __init__(self, sink: NullSink, file: Path) -> None:
        """Record into ``file``."""
        self._file = file
        command = ["parec", "-d", f"{SINK}.monitor", "--raw", "--format=float32le", "--channels=2"]
        command += [f"--rate={RATE_HZ}", "--latency-msec=20"]
        with file.open("wb") as out:
            self._parec = subprocess.Popen(
                command, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, **sink.environment}
            )

    def __enter__(self) -> "Monitor":
        end_s = time.monotonic() + PATIENCE_S
        # It hears silence until something plays: once there is any, nothing is missed.
        while not self.samples().size:
            assert self._parec.poll() is None and time.monotonic() < end_s, "the recorder hears nothing"
            threading.Event().wait(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._parec.terminate()
        self._parec.wait(60)

    def samples(self) -> NDArray[np.float32]:
        """(2, n): what has been played so far."""
        data = self._file.read_bytes()
        return np.frombuffer(data[: len(data) // 8 * 8], np.float32).reshape(-1, 2).T

    def heard_s(self) -> float:
        """Seconds since the first sound."""
        samples = self.samples()
        loud = np.flatnonzero(np.abs(samples).max(axis=0) > 1e-4)
        return (samples.shape[1] - loud[0]) / RATE_HZ if len(loud) else 0.0


def start_time(pid: int) -> str:
    """When a process started: with its number it names it for good."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def is_alive(pid: int, started: str) -> bool:
    """Whether this very process still runs."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == started and fields[0] not in "ZX"


def streams(sink: NullSink) -> list[str]:
    """What plays on a sink."""
    command = ["pactl", "list", "short", "sink-inputs"]
    environment = {**os.environ, **sink.environment}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout.splitlines()


def missing_tools() -> str:
    """What of the tools for windows is not installed, or ""."""
    return "" if shutil.which("xdotool") else "xdotool not found (install xdotool)"


class _ClientMessage(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 12),
    )


def ask_to_close(display: str, window: int) -> None:
    """Send WM_DELETE_WINDOW, as a window manager does when the button in the frame is clicked (ICCCM 4.2.8.1)."""
    x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    pointer, ulong = ctypes.c_void_p, ctypes.c_ulong
    x11.XOpenDisplay.restype, x11.XOpenDisplay.argtypes = pointer, [ctypes.c_char_p]
    x11.XInternAtom.restype, x11.XInternAtom.argtypes = ulong, [pointer, ctypes.c_char_p, ctypes.c_int]
    x11.XSendEvent.argtypes = [pointer, ulong, ctypes.c_int, ctypes.c_long, pointer]
    x11.XCloseDisplay.argtypes = [pointer]
    connection = x11.XOpenDisplay(display.encode())
    assert connection, f"no screen {display}"
    message = _ClientMessage()
    message.type, message.window, message.format = 33, window, 32
    message.message_type = x11.XInternAtom(connection, b"WM_PROTOCOLS", 0)
    message.data[0] = x11.XInternAtom(connection, b"WM_DELETE_WINDOW", 0)
    x11.XSendEvent(connection, window, 0, 0, ctypes.byref(message))
    x11.XCloseDisplay(connection)


def _children_of(task: Path) -> list[str]:
    """Processes that a thread has started; none where it has ended since it was listed."""
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
