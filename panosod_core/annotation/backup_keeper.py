"""Backups while somebody works: one soon after opening, then one every few minutes in which something changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from panosod_core.annotation.backups import backups
from panosod_core.annotation.store import ProjectStore
from panosod_core.errors import PanosodError, ProjectError

_log = logging.getLogger(__name__)

INTERVAL_S = 600.0
"""Seconds between two backups while somebody paints."""


class BackupKeeper:
    """Makes backups on a thread of its own, through a reading connection of its own: nobody waits for it.

    Args:
        store: gives the store that is open now.
        interval_s: seconds between two backups.
        on_backup: called on that thread with what went wrong where a backup could not be made, which says when it is
            tried again; with None when one could be made after that.
    """

    def __init__(
        self,
        store: Callable[[], ProjectStore],
        *,
        interval_s: float = INTERVAL_S,
        on_backup: Callable[[PanosodError | None], None] | None = None,
    ) -> None:
        self._store = store
        self._interval_s = interval_s
        self._on_backup = on_backup
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
        has_failed = False
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
                if has_failed:
                    self._tell(None)
                has_failed = False
            except PanosodError as e:
                has_failed = True
                self._failed(str(e))
            except Exception as e:  # noqa: BLE001 - a worker's boundary: it is tried again, and the person is told
                _log.exception("a backup could not be made")
                has_failed = True
                self._failed(f"{type(e).__name__}: {e}")

    def _failed(self, why: str) -> None:
        with self._wake:
            self._changed = True
        again = time.strftime("%H:%M", time.localtime(time.time() + self._interval_s))
        self._tell(ProjectError(f"backup failed: {why}; it is tried again at {again}"))

    def _tell(self, error: PanosodError | None) -> None:
        if self._on_backup is None:
            return
        try:
            self._on_backup(error)
        except Exception:  # noqa: BLE001 - a worker's boundary: a listener's mistake must not stop the backups
            _log.exception("a listener of the backups failed")
