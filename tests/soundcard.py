"""A sound card that exists only as software: a private PulseAudio daemon with a null sink whose monitor is recorded."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48000
SINK = "null48"
LATENCY_S = 0.1
"""The null sink works in blocks of 50 ms: a stream needs two of them."""


@dataclass(frozen=True)
class NullSink:
    """A running daemon.

    Attributes:
        environment: what a process needs to find it, and nothing else: no other sound is reached by accident.
        process: the daemon.
    """

    environment: dict[str, str]
    process: "subprocess.Popen[bytes]"

    @contextmanager
    def recording(self) -> Iterator["Recording"]:
        """Record what the sink plays for the length of a with block."""
        command = ["parec", "-d", f"{SINK}.monitor", "--raw", "--format=float32le", "--channels=2"]
        command += [f"--rate={RATE_HZ}", "--latency-msec=20"]
        with tempfile.TemporaryFile() as file:
            recorder = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL, env=self._full_environment())
            recording = Recording()
            try:
                yield recording
            finally:
                recorder.terminate()
                recorder.wait(60)
                file.seek(0)
                data = file.read()
                recording.samples = np.frombuffer(data[: len(data) // 8 * 8], np.float32).reshape(-1, 2)

    def stop(self) -> None:
        """End the daemon, as when a card is torn out."""
        self.process.terminate()
        self.process.wait(60)

    def _full_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


class Recording:
    """What was heard."""

    samples: NDArray[np.float32] = np.zeros((0, 2), np.float32)
    """(n, 2) at 48 kHz."""


def missing() -> str:
    """What of the sound system is not installed, or ""."""
    tools = [tool for tool in ("pulseaudio", "parec", "pactl") if shutil.which(tool) is None]
    return f"{', '.join(tools)} not found (install pulseaudio and pulseaudio-utils)" if tools else ""


@contextmanager
def null_sink() -> Iterator[NullSink]:
    """A private daemon with one sink, for the length of a with block.

    Raises:
        RuntimeError: PulseAudio is not installed, or does not start.
    """
    if missing():
        raise RuntimeError(missing())
    # A short path: a socket's may not be longer than about 100 characters.
    with tempfile.TemporaryDirectory(prefix="panosod-pa-") as folder:
        home = Path(folder)
        socket = home / "native"
        environment = {
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_RUNTIME_PATH": folder,
            "PULSE_STATE_PATH": folder,
            "PULSE_COOKIE": str(home / "cookie"),
            "XDG_RUNTIME_DIR": folder,
            # Neither D-Bus nor a session: the daemon must touch nothing of the person's.
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/no-bus",
        }
        # Without norewinds the null sink stalls for seconds after an underrun.
        sink = f"module-null-sink sink_name={SINK} rate={RATE_HZ} channels=2 norewinds=1"
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"]
        command += ["--disable-shm=yes", "--use-pid-file=no"]
        command += ["-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1", "-L", sink]
        with (home / "log").open("wb") as log:
            daemon = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
        try:
            _await(environment, daemon, home / "log")
            yield NullSink(environment, daemon)
        finally:
            if daemon.poll() is None:
                daemon.terminate()
            daemon.wait(60)


def _await(environment: dict[str, str], daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the daemon answers."""
    for _ in range(100):
        if daemon.poll() is not None:
            break
        asked = subprocess.run(
            ["pactl", "list", "short", "sinks"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        if SINK in asked.stdout:
            return
        # An event to wait for does not exist before the daemon does.
        daemon_ended = _wait(daemon, 0.05)
        if daemon_ended:
            break
    raise RuntimeError(f"pulseaudio does not start: {log.read_text(errors='replace')[-500:]}")


def _wait(daemon: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        daemon.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
