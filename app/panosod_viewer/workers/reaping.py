"""What has been asked to end is waited for here, so that the window need not. No Qt."""

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Reaper:
    """Waits for processes and threads that end, each in a thread of its own. Use from one thread."""

    def __init__(self) -> None:
        """Nothing ends yet."""
        self._threads: list[threading.Thread] = []

    def take(self, wait: Callable[[], object]) -> None:
        """Have something waited for.

        Args:
            wait: returns once it has ended, by force if need be; called in a thread.
        """
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=wait, name="panosod-reaper", daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self, *, timeout_s: float = 5.0) -> bool:
        """Wait for all that was taken; False where something has not ended by then."""
        until_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if self._threads:
            _log.warning("%d that were asked to end have not", len(self._threads))
        return not self._threads
