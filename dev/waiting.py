"""Waiting in scripts that drive the real window: it lives meanwhile."""

import time
from collections.abc import Callable

from PySide6.QtWidgets import QApplication


def until(condition: Callable[[], object], *, limit_s: float = 120.0) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not, after so many seconds.
    """
    end = time.monotonic() + limit_s
    while not condition():
        QApplication.processEvents()
        time.sleep(0.005)
        if time.monotonic() > end:
            raise TimeoutError("the window is not where it should be")


def rest(seconds: float) -> None:
    """Let the window go on for a while."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, limit_s=seconds + 60.0)
