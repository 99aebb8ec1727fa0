"""Backups while somebody works: one soon after opening, then one every few minutes in which something changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from panosod_core.annotation.backups import backups
from panosod_core.annotation.store import ProjectStore
from panosod_core.errors import PanosodError

INTERVAL_S = 600.0
"""Seconds between two backups while somebody paints."""


class BackupKeeper:
    """Makes backups on a thread of its own, through a reading connection of its own: nobody waits for it.

    Args:
        store: gives the store that is open now.
        interval_s: seconds between two backups.
        on_error: called on that thread where a backup could not be made; the work goes on.
    """

    def __init__(
        self,
        store: Callable[[], ProjectStore],
        *,
        interval_s: float = INTERVAL_S,
        on_error: Callable[[PanosodError], None] | None = None,
    ) -> None:
        self._store = store
        self._interval_s = interval_s
        self._on_error = on_error
        self._wake = threading.Condition()
        self._changed = self._is_newer_than_backups()
        self._stop = False
        self._last_s = -float("inf")
        self._thread = threading.Thread(target=self._run, name="project backups", daemon=True)
        self._thread.start()

    def _is_newer_than_backups(self) -> bool:
        project = self._store().path
        newest = backups(project)
        return not newest or project.stat().st_mtime > newest[0].stat().st_mtime

    def changed(self) -> None:
        """Something was written to the project."""
        with self._wake:
            self._changed = True
            self._wake.notify()

    def close(self) -> None:
        """End the thread, after a backup that is being made."""
        with self._wake:
            self._stop = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._stop:
                    left = self._last_s + self._interval_s - time.monotonic()
                    if self._changed and left <= 0:
                        break
                    self._wake.wait(left if self._changed else None)
                if self._stop:
                    return
                self._changed = False
                self._last_s = time.monotonic()
            try:
                self._store().back_up()
            except PanosodError as e:
                if self._on_error is not None:
                    self._on_error(e)
