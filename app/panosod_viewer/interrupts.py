"""Ctrl+C and a polite kill close the window as a person would, though Qt's loop never looks at Python's signals."""

import contextlib
import signal
import socket
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, Signal

_ENDING = (signal.SIGINT, signal.SIGTERM)


class Interrupts(QObject):
    """Turns SIGINT and SIGTERM into a Qt signal.

    Signals:
        asked_to_end (int): number of the signal.
    """

    asked_to_end = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        self._read.setblocking(False)
        self._before_fd = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._ignore) for number in _ENDING}
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._woken)

    def close(self) -> None:
        """Leave signals as they were."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._before_fd)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()

    @staticmethod
    def _ignore(_number: int, _frame: FrameType | None) -> None:
        """Python's own handler only has to exist: the byte in the socket does the work."""

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in self._read.recv(64):
                # Every signal that anybody in this process handles writes its number here, a child's end for one.
                if number in _ENDING:
                    self.asked_to_end.emit(number)
