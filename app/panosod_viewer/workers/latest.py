"""A thread that answers the latest question only. No Qt."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Question = TypeVar("Question")


class LatestThread(Generic[Question]):
    """Answers questions one at a time; a question that nobody waits for any more is never begun.

    The thread starts with the first question, at a low priority where the system has one for threads: what it makes
    may come late, pictures and sound may not.
    """

    def __init__(self, name: str, answer: Callable[[Question], None], *, end: Callable[[], None] | None = None) -> None:
        """Both callables run in the thread: ``answer`` for each question, ``end`` at last."""
        self._name = name
        self._answer = answer
        self._end = end
        self._wake = threading.Condition()
        self._question: Question | None = None
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def ask(self, question: Question) -> None:
        """Put a question in the place of the one that waits."""
        with self._wake:
            self._question = question
            self._wake.notify_all()
        if self._thread is None and not self._is_closing:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    @property
    def is_closing(self) -> bool:
        """True once :meth:`close` was called: an answer under way may stop."""
        return self._is_closing

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread; False while it hangs in an answer."""
        with self._wake:
            self._is_closing = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._is_closing or self._question is not None)
                if self._is_closing or self._question is None:
                    break
                question, self._question = self._question, None
            self._answer(question)
        if self._end is not None:
            self._end()
