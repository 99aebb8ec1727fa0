"""A sound card that exists only as software: a private PulseAudio daemon with a null sink whose monitor is recorded."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48000
SINK = "null48"
LATENCY_S = 0.1
"""The null sink works in blocks of 50 ms: a stream needs two of them."""
QUIET = 1e-3
PATIENCE_S = 60.0


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
        """Record what the sink plays for the length of a with block, from its first moment on."""
        command = ["parec", "-d", f"{SINK}.monitor", "--raw", "--format=float32le", "--channels=2"]
        command += [f"--rate={RATE_HZ}", "--latency-msec=20"]
        with tempfile.TemporaryFile() as file:
            recorder = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL, env=self._full_environment())
            recording = Recording(file.fileno(), recorder)
            try:
                # It hears silence until something plays: once there is any, nothing is missed.
                _await(recorder, lambda: recording.samples.size > 0, "the recorder hears nothing")
                yield recording
            finally:
                recorder.terminate()
                recorder.wait(60)
                recording.close()

    def stop(self) -> None:
        """End the daemon, as when a card is torn out."""
        self.process.terminate()
        self.process.wait(60)

    def _full_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


class Recording:
    """What was heard."""

    def __init__(self, fd: int, recorder: "subprocess.Popen[bytes]") -> None:
        """Of a file that the recorder writes."""
        self._fd = fd
        self._recorder = recorder
        self._whole: NDArray[np.float32] | None = None

    @property
    def samples(self) -> NDArray[np.float32]:
        """(n, 2) at 48 kHz, as far as they have come."""
        if self._whole is not None:
            return self._whole
        # Not by seeking: the recorder writes at the same place of the same open file.
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        return np.frombuffer(data[: len(data) // 8 * 8], np.float32).reshape(-1, 2)

    def wait_for_the_end(self) -> None:
        """Wait until what was played has all been heard: sound, and half a second of silence after it."""

        def is_over() -> bool:
            loud = np.flatnonzero(np.abs(self.samples).max(axis=1) > QUIET)
            return loud.size > 0 and len(self.samples) - loud[-1] > RATE_HZ // 2

        _await(self._recorder, is_over, "the recorder does not hear the end")

    def close(self) -> None:
        """Keep what there is."""
        self._whole = self.samples


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
            _await(daemon, lambda: _answers(environment), "pulseaudio does not start", log=home / "log")
            yield NullSink(environment, daemon)
        finally:
            if daemon.poll() is None:
                daemon.terminate()
            daemon.wait(60)


def _answers(environment: dict[str, str]) -> bool:
    """Whether the daemon is there."""
    asked = subprocess.run(
        ["pactl", "list", "short", "sinks"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return SINK in asked.stdout


def _await(
    process: "subprocess.Popen[bytes]", condition: Callable[[], bool], what: str, *, log: Path | None = None
) -> None:
    """Wait until something is so; a RuntimeError where the process ends before, or it never becomes so."""
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        # There is no event to wait for but the process's end.
        if _wait(process, 0.05) or time.monotonic() > until_s:
            raise RuntimeError(what + (f": {log.read_text(errors='replace')[-500:]}" if log is not None else ""))


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
