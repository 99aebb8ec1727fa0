"""Which process: its number alone is not enough, because numbers are used again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_STATE_FIELD, _START_FIELD = 0, 19
"""Of /proc/PID/stat, after the name in brackets (proc(5): fields 3 and 22)."""


@dataclass(frozen=True)
class ProcessMark:
    """A process, told from others that had or will have its number.

    Attributes:
        pid: its number.
        started: when it was started, in the system's own words; with the boot where the clock begins anew with it.
        host: the machine.
    """

    pid: int
    started: str
    host: str

    @staticmethod
    def of(pid: int) -> ProcessMark | None:
        """The mark of a process of this machine; None where there is none of that number, or it has ended."""
        started = _started(pid)
        return None if started is None else ProcessMark(pid, started, socket.gethostname())

    @property
    def is_here(self) -> bool:
        """Whether it is of this machine: of others nothing can be told."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs; False of another machine's."""
        return self.is_here and _started(self.pid) == self.started

    def send(self, number: int) -> None:
        """Send a signal to it and, where it leads a group of its own, to all of that; nothing where it has ended."""
        if not self.is_here or sys.platform == "win32":
            return
        if not self.is_alive:
            return
        try:
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def kill(self) -> None:
        """End it and its group at once."""
        self.send(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    def kill_remnants(self) -> None:
        """End what is left of its group after it has ended itself, since the last start of the machine.

        The system gives a group's number to no new process as long as one of the group lives.
        """
        if sys.platform.startswith("linux") and self.is_here and _started(self.pid) is None:
            if self.started.split()[0] != _boot():
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _started(pid: int) -> str | None:
    if pid <= 0:
        return None
    if sys.platform.startswith("linux"):
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            boot = _boot()
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()
        # A zombie has ended: only its parent has not heard of it yet.
        return None if fields[_STATE_FIELD] in "ZX" else f"{boot} {fields[_START_FIELD]}"
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(told) != 2 or told[0].startswith("Z") else told[1].strip()
