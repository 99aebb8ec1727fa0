"""Writes the graphs that ONNX Runtime runs for a model that has none yet, so that the next opening is quick.

It is done beside the work, in a process of its own at the lowest priority, and costs 20 seconds of a core once a model;
then 8-bit graphs are made and judged, half a minute more. What is done stays, also where the work ends before the rest.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from panosod_core.errors import CheckpointError
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.messages import Exported
from panosod_core.inference.model_file import ModelFile
from panosod_core.inference.onnx_store import find_export

NICE = 19
_EXPORT = """
import sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: it does not outlive a predictor that is killed
from panosod_core.cli.main import main
sys.exit(main())
"""
WAIT_S = 20.0
"""A clip has just been opened: its first maps come first."""


class BackgroundExport:
    """At most one export in the life of a process."""

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    def begin(
        self,
        engine: Engine,
        model: Path,
        *,
        on_end: Callable[[Exported], None],
        wait_s: float = WAIT_S,
        with_int8: bool = True,
    ) -> bool:
        """Export the model if that can be done here and would help.

        Args:
            engine: in use; one on a GPU is as fast as it gets.
            model: its file.
            on_end: told from another thread.
            wait_s: begin only after that.
            with_int8: 8-bit graphs too.

        Returns:
            Whether it will be done.
        """
        if not engine.description.startswith(("torch, cpu", "ONNX Runtime")) or not can_export():
            return False
        try:
            there = find_export(ModelFile.read(model))
        except CheckpointError:
            return False  # taken away since it was loaded: what is at work goes on
        todo = ([] if there is not None else [()]) + ([("--int8",)] if with_int8 else [])
        if there is not None and (there.has_int8 or not todo):
            return False
        self._thread = threading.Thread(
            target=self._run, args=(model, todo, on_end, wait_s), name="background-export", daemon=True
        )
        self._thread.start()
        return True

    def end(self) -> None:
        """End it where it still runs, from any thread; the files are written beside and renamed."""
        with self._lock:
            self._closing.set()
            process = self._process
        if process is not None and process.poll() is None:
            process.kill()

    def close(self) -> None:
        """End it and wait until it is gone."""
        self.end()
        if self._thread is not None:
            self._thread.join()

    def _run(
        self, model: Path, todo: Sequence[Sequence[str]], on_end: Callable[[Exported], None], wait_s: float
    ) -> None:
        if self._closing.wait(wait_s):
            return
        text = ""
        for words in todo:
            text = self._export(model, words)
            if self._closing.is_set():
                return
            if text:
                break
        try:
            export = find_export(ModelFile.read(model))
        except CheckpointError as error:
            export, text = None, text or str(error)
        on_end(Exported(str(export.folder) if export is not None else "", text))

    def _export(self, model: Path, words: Sequence[str]) -> str:
        """Run the command to its end.

        Returns:
            What went wrong, in a line; "" for nothing.
        """
        command = [sys.executable, "-P", "-c", _EXPORT, "export-onnx", str(model), *words]
        with self._lock:
            if self._closing.is_set():
                return ""
            self._process = process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        _, errors = process.communicate()
        if process.returncode == 0:
            return ""
        lines = errors.strip().splitlines()
        return lines[-1] if lines else f"exit code {process.returncode}"


def can_export() -> bool:
    """Whether all that it takes is installed, and what would run the result."""
    return all(find_spec(name) is not None for name in ("torch", "onnx", "onnxscript", "onnxruntime"))
