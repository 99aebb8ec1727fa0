"""The predictor process as the window holds it: started, asked, listened to, ended. No Qt, and nothing here waits.

What the process says and what becomes of it is posted as letters: the events of
:mod:`panosod_core.inference.messages` as they are, and :class:`PredictorDied`.
"""

import contextlib
import logging
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TypeAlias

from panosod_core.inference.messages import Broken, Event, Request, Setup, decode, encode

_log = logging.getLogger(__name__)

CLOSE_S = 1.5
"""Between the end of its input and force."""
LAST_LINES = 20
KILLED = -9
"""Exit code of a process that was ended by force: a person's, or the system's for want of memory."""


@dataclass(frozen=True)
class PredictorDied:
    """The process has ended without having been asked to, and without having said why.

    Attributes:
        text: one line: exit code or signal, and the last line of its log.
    """

    text: str


PredictorLetter: TypeAlias = Event | PredictorDied


class PredictorClient:
    """One life of the predictor process. Use from one thread; letters come from another.

    Attributes:
        setup: which model it runs, and how.
        pid: of the process.
    """

    def __init__(self, setup: Setup, post: Callable[[PredictorLetter], None], *, command: tuple[str, ...] = ()) -> None:
        """Start it.

        Args:
            setup: the first request.
            post: called in a thread of this object with every letter; never after :meth:`close` has returned.
            command: what to start, instead of the predictor.

        Raises:
            OSError: no process can be started.
        """
        self.setup = setup
        self._post = post
        # -P: nothing in the folder that the person happens to be in may pose as one of our modules.
        arguments = command or (sys.executable, "-P", "-m", "panosod_core.inference.serve")
        self._popen = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self.pid = self._popen.pid
        self._is_closing = False
        self._is_broken = False
        self._outgoing: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._log_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._log_thread = threading.Thread(target=self._read_log, name="predictor-log", daemon=True)
        self._threads = [
            self._log_thread,
            threading.Thread(target=self._receive, name="predictor-events", daemon=True),
            threading.Thread(target=self._transmit, name="predictor-requests", daemon=True),
        ]
        self.send(setup)
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._popen.poll() is None

    def send(self, request: Request) -> None:
        """Queue a request. A thread writes it, because a pipe can be full and the window must not wait."""
        self._outgoing.put(request)

    def close(self, *, timeout_s: float = CLOSE_S) -> None:
        """End the process: by the end of its input, after ``timeout_s`` by force. Nothing of it is left."""
        self.begin_close()
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):  # unwritten requests to a dead process
                    stream.close()

    def begin_close(self) -> None:
        """Ask it to end, without waiting; :meth:`close` must follow."""
        self._is_closing = True
        self._outgoing.put(None)

    # --- threads ---

    def _receive(self) -> None:
        assert self._popen.stdout is not None
        for line in _lines(self._popen.stdout):
            try:
                event = decode(line)
            except ValueError as error:
                _log.warning("the predictor said something that is no event of ours: %s", error)
                continue
            self._is_broken = self._is_broken or isinstance(event, Broken)
            if not self._is_closing:
                self._post(event)
        code = self._popen.wait()
        self._log_thread.join()
        if not self._is_closing and not self._is_broken:
            self._post(PredictorDied(self._last_words(code)))

    def _transmit(self) -> None:
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError):  # it died; the thread that listens says so
            while (request := self._outgoing.get()) is not None:
                self._popen.stdin.write(encode(request))
            # The end of its input is what ends it.
            self._popen.stdin.close()

    def _read_log(self) -> None:
        assert self._popen.stderr is not None
        for line in _lines(self._popen.stderr):
            text = line.decode(errors="replace").rstrip()
            if text:
                self._log_lines.append(text)
                _log.info("%s", text)

    def _last_words(self, code: int) -> str:
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        if code == KILLED:
            reason += ", as when the system's memory runs out"
        return f"{reason}: {self._log_lines[-1]}" if self._log_lines else reason


def _lines(stream: IO[bytes]) -> "list[bytes] | IO[bytes]":
    return stream
