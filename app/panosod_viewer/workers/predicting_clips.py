"""Clips predicted in the background by `panosod predict`, in a process of its own at the lowest priority. No Qt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import PredictionError

NICE = 19
STRIDE = 6
"""The model looks at every n-th frame: as far apart as the data set's key frames."""
_CHILD = """
import sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: it does not outlive a window that is killed
from panosod_core.cli.main import main
sys.exit(main())
"""


@dataclass(frozen=True)
class ClipsProgress:
    """How far a clip is: maps made, of how many."""

    clip: Path
    done: int
    total: int


@dataclass(frozen=True)
class ClipsEnded:
    """It is over; what went wrong in a line, "" for nothing."""

    text: str


class ClipsPredictor:
    """Predicts some clips once."""

    def __init__(
        self,
        clips: Sequence[Path],
        post: Callable[[ClipsProgress | ClipsEnded], None],
        *,
        model: Path,
        cache: Path | None = None,
    ) -> None:
        """Start the process.

        Args:
            clips: the files.
            post: called in a thread.
            model: the model's file.
            cache: folder of the prediction cache; None for the platform's.

        Raises:
            PredictionError: the process cannot be started.
        """
        words = ["predict", *map(str, clips), "--model", str(model), "--stride", str(STRIDE), "--no-carry"]
        words += ["--jobs", "1", "--json"] + ([] if cache is None else ["--cache", str(cache)])
        self._post = post
        self._is_closing = False
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CHILD, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        except OSError as error:
            raise PredictionError(f"the process that predicts cannot be started ({error.strerror})") from error
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
        self._thread = threading.Thread(target=self._follow, name="panosod-predict-clips", daemon=True)
        self._thread.start()

    def close(self, *, timeout_s: float = 3.0) -> bool:
        """End it, now or after it has ended; maps that were made stay. False when its thread hangs."""
        self._is_closing = True
        if self._process.poll() is None:
            self._process.kill()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _follow(self) -> None:
        out, err = self._process.stdout, self._process.stderr
        if out is None or err is None:
            raise AssertionError("both are pipes")
        failure = ""
        # What is said of damage and the like is short; the pipe of 64 kB does not fill up.
        with out, err:
            for line in out:
                event = json.loads(line)
                if event["event"] == "progress":
                    self._post(ClipsProgress(Path(event["clip"]), event["done"], event["total"]))
                elif event["event"] == "failed":
                    failure = str(event["text"])
            said = err.read().strip().splitlines()
        code = self._process.wait()
        if self._is_closing:
            return
        if code and not failure:
            failure = said[-1] if said else f"exit code {code}"
        self._post(ClipsEnded(failure))
