"""Asks a process for what the label-guided branch sees around a corrected frame, and waits in a thread. No Qt."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import PanosodError
from panosod_core.inference.suggestions import SuggestedMask, SuggestRequest, read_answer, write_request

_log = logging.getLogger(__name__)
COMMAND = (sys.executable, "-P", "-m", "panosod_core.inference.suggest_clip")


@dataclass(frozen=True, eq=False)
class SuggestionsMade:
    """What a model suggests."""

    request: SuggestRequest
    model_id: str
    masks: tuple[SuggestedMask, ...]


@dataclass(frozen=True)
class SuggestionsFailed:
    """Why nothing is suggested."""

    request: SuggestRequest
    text: str


SuggestionLetter: TypeAlias = SuggestionsMade | SuggestionsFailed


class SuggestionWorker:
    """Asks once."""

    def __init__(
        self,
        request: SuggestRequest,
        mask: NDArray[np.bool_],
        post: Callable[[SuggestionLetter], None],
        *,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Begin.

        Args:
            request: what is asked.
            mask: (H, W) of the corrected frame.
            post: takes one letter, in the worker's thread; none once it was closed.
            command: of the process; the paths of two files are added.
        """
        self._request, self._mask, self._post, self._command = request, mask, post, tuple(command)
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="panosod-suggest", daemon=True)
        self._thread.start()

    def close(self, *, timeout_s: float = 3.0) -> bool:
        """End it and its process; False while they last."""
        with self._lock:
            self._is_closing = True
            if self._process is not None:
                self._process.kill()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        letter: SuggestionLetter
        try:
            letter = self._ask()
        except (PanosodError, OSError) as error:
            letter = SuggestionsFailed(self._request, str(error))
        except Exception as error:  # noqa: BLE001 - a worker's boundary: the person is told, the log has the traceback
            _log.exception("suggesting masks failed")
            letter = SuggestionsFailed(
                self._request, f"{type(error).__name__}: {error} (a fault of panosod; see the log)"
            )
        if not self._is_closing:
            self._post(letter)

    def _ask(self) -> SuggestionLetter:
        with tempfile.TemporaryDirectory(prefix="panosod-suggest-") as folder:
            request, answer = Path(folder) / "request.npz", Path(folder) / "answer.npz"
            write_request(request, self._request, self._mask)
            with self._lock:
                if self._is_closing:
                    return SuggestionsFailed(self._request, "")
                self._process = subprocess.Popen(
                    [*self._command, str(request), str(answer)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                )  # fmt: skip
            _, said = self._process.communicate()
            if self._process.returncode:
                last = said.strip().splitlines()[-1:] or [f"its process ended with {self._process.returncode}"]
                return SuggestionsFailed(self._request, last[0])
            model_id, masks = read_answer(answer)
            return SuggestionsMade(self._request, model_id, masks)
