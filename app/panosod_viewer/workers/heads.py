"""A person's own measured head (SOFA) made into filters, in a thread: reading and designing take seconds. No Qt."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.errors import PanosodError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeadDesigned:
    """Filters of a head.

    Attributes:
        path: the SOFA file.
        filters: of the order that was asked for.
        warnings: doubts about the file worth showing.
    """

    path: Path
    filters: BinauralFilters
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class HeadFailed:
    """A SOFA file that cannot be used; one line."""

    path: Path
    text: str


HeadMessage: TypeAlias = HeadDesigned | HeadFailed


class HeadDesigner:
    """Designs filters, one head at a time; the latest request wins."""

    def __init__(self, post: Callable[[HeadMessage], None]) -> None:
        """``post`` is called in the designer's thread."""
        self._post = post
        self._wake = threading.Condition()
        self._wanted: tuple[Path, int] | None = None
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def design(self, path: Path, *, order: int) -> None:
        """Ask for the filters of a head; the answer comes by ``post``."""
        with self._wake:
            self._wanted = (path, order)
            self._wake.notify_all()
        if self._thread is None:
            # Made when it is first needed: most people listen with the embedded head.
            self._thread = threading.Thread(target=self._run, name="panosod-heads", daemon=True)
            self._thread.start()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread; False while it is in the middle of a design (it is a daemon and ends with the process)."""
        with self._wake:
            self._is_closing = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._is_closing or self._wanted is not None)
                if self._is_closing or self._wanted is None:
                    return
                (path, order), self._wanted = self._wanted, None
            message = self._designed(path, order)
            if not self._is_closing and self._wanted is None:
                self._post(message)

    def _designed(self, path: Path, order: int) -> HeadMessage:
        try:
            from panosod_core.ambisonics.equalise import filters_from_sofa  # scipy: not while the window opens

            filters, warnings = filters_from_sofa(path, order=order)
        except PanosodError as error:
            return HeadFailed(path, str(error))
        except Exception as error:  # noqa: BLE001 - a worker's boundary: the person is told, the log has the traceback
            _log.exception("designing filters from %s failed", path)
            return HeadFailed(path, f"{path} cannot be used as a head: {error}")
        return HeadDesigned(path, filters, warnings)
