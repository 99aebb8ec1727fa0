"""Letters from workers to the GUI thread: put in from any thread, taken out in one. No Qt."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class Mailbox:
    """Keeps letters in order until they are taken; wakes the taker once it is there.

    Work may begin before there is anyone to read (the first clip is opened while Qt is being loaded).
    """

    def __init__(self) -> None:
        self._letters: deque[Any] = deque()
        self._wake: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def post(self, letter: Any) -> None:
        """Put a letter in; from any thread."""
        self._letters.append(letter)
        with self._lock:
            wake = self._wake
        if wake is not None:
            wake()

    def attach(self, wake: Callable[[], None] | None) -> None:
        """Have ``wake`` called, in the poster's thread, for what comes from now on, and at once for what waits."""
        with self._lock:
            self._wake = wake
        if wake is not None and self._letters:
            wake()

    @property
    def has_letters(self) -> bool:
        """True when something waits."""
        return bool(self._letters)

    def take_first(self) -> Any:
        """The oldest letter.

        Raises:
            IndexError: nothing waits.
        """
        return self._letters.popleft()

    def take(self) -> list[Any]:
        """All letters that wait, oldest first."""
        letters = []
        while self._letters:
            letters.append(self._letters.popleft())
        return letters
