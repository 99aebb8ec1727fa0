"""The demo clip, made by `panosod synth --demo` in a process of its own and kept for the next time. No Qt."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DemoProgress:
    """How far it is, 0..1."""

    share: float


@dataclass(frozen=True)
class DemoDone:
    """It lies there."""

    path: Path


@dataclass(frozen=True)
class DemoFailed:
    """It could not be made; one line."""

    text: str


DemoMessage: TypeAlias = DemoProgress | DemoDone | DemoFailed


class DemoWorker:
    """Makes the demo clip; a clip made before is used again."""

    def __init__(self, out: Path, post: Callable[[DemoMessage], None], *, command: tuple[str, ...] = ()) -> None:
        """Nothing runs before :meth:`start`.

        Args:
            out: where to put it.
            post: called in the worker's thread.
            command: what makes it, instead of `panosod synth --demo --json`.
        """
        self._out = out
        self._post = post
        self._command = command or (
            sys.executable, "-m", "panosod_core.cli.main", "synth", "--demo", "--json", "--out", str(out),
        )  # fmt: skip
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="panosod-demo", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """Stop the child and the thread; False when something hangs."""
        with self._lock:
            self._is_closing = True
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self._out.is_file():
                self._post(DemoDone(self._out))
                return
            self._make()
        except OSError as error:
            if not self._is_closing:
                self._post(DemoFailed(f"the demo clip cannot be made: {error}"))
        except Exception as error:  # noqa: BLE001 - a worker's boundary: the person is told, the log has the traceback
            _log.exception("making the demo clip failed")
            self._post(DemoFailed(f"the demo clip cannot be made: {error}"))

    def _make(self) -> None:
        self._out.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if self._is_closing:
                return
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
            )
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        with process, process.stdout, process.stderr:
            for line in process.stdout:
                self._hear(line)
            last_words = process.stderr.read().strip().splitlines()
        if self._is_closing:
            return
        if process.returncode == 0 and self._out.is_file():
            self._post(DemoDone(self._out))
        else:
            reason = last_words[-1] if last_words else f"exit code {process.returncode}"
            self._post(DemoFailed(f"the demo clip cannot be made: {reason}"))

    def _hear(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        if isinstance(event, dict) and event.get("event") == "progress":
            self._post(DemoProgress(event["done"] / max(1, event["total"])))
