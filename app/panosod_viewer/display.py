"""Whether a window can be opened at all, asked before Qt is: Qt ends the process where it cannot."""

import ctypes
import os
import sys

from panosod_core.errors import RenderError


def check_display() -> None:
    """Make sure that there is a display, on systems where that is a question.

    A platform named by ``QT_QPA_PLATFORM`` other than xcb is the person's own choice and is not looked into.

    Raises:
        RenderError: there is none, or the X server named by ``DISPLAY`` does not answer.
    """
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM", "xcb").partition(":")[0] != "xcb":
        return
    if os.environ.get("WAYLAND_DISPLAY") and "QT_QPA_PLATFORM" not in os.environ:
        return
    name = os.environ.get("DISPLAY", "")
    if not name:
        raise RenderError(
            "a window needs a display, and DISPLAY and WAYLAND_DISPLAY are not set: start it in a desktop session, or "
            "use --screenshot or --record, which need none"
        )
    if not _answers():
        raise RenderError(
            f"the display {name} cannot be opened: check DISPLAY and that you may use it (xhost, ssh -X), or use "
            "--screenshot or --record, which need none"
        )


def _answers() -> bool:
    """True where the X server lets us in; also where only Qt can find out, for want of libX11."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return True
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(None)
    if display is None:
        return False
    x11.XCloseDisplay(display)
    return True
