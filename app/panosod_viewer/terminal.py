"""The terminal that the viewer was started from, or the desktop that started it without one. No Qt."""

import os
import sys
from collections.abc import Mapping
from typing import Protocol

DESKTOP_MARKS = ("DESKTOP_STARTUP_ID", "XDG_ACTIVATION_TOKEN")
"""What file managers and menus set for the program they start, so that its window comes to the front
(freedesktop.org: startup notification, xdg-activation). Qt removes them: ask before it is loaded."""
GLIB_MARK = "GIO_LAUNCHED_DESKTOP_FILE_PID"
"""GLib's mark holds the started process's number: what that process starts inherits the mark, not the number."""


class Stream(Protocol):
    """Something that may be a terminal."""

    def isatty(self) -> bool:
        """True for a terminal."""
        ...


def complain(text: str) -> None:
    """One line on standard error, where there is one (a program without console on Windows has none)."""
    if sys.stderr is not None:
        sys.stderr.write(f"panosod-viewer: {text}\n")


def is_started_by_desktop(
    environ: Mapping[str, str] | None = None, *, streams: tuple[Stream | None, ...] | None = None
) -> bool:
    """True where a file manager or a menu started this process: a person waits before a screen, not at a terminal.

    A script without a terminal waits for the exit code and must not be kept: no terminal alone proves nothing.

    Args:
        environ: environment to look into instead of the process's own.
        streams: standard streams, input, output and error, to look at instead of the process's own.
    """
    environ = os.environ if environ is None else environ
    streams = (sys.stdin, sys.stdout, sys.stderr) if streams is None else streams
    if streams[-1] is None:
        return True
    if any(stream is not None and stream.isatty() for stream in streams):
        return False
    if sys.platform == "darwin":
        return os.getppid() == 1
    return environ.get(GLIB_MARK) == str(os.getpid()) or any(environ.get(mark) for mark in DESKTOP_MARKS)
