"""A private Xvfb for tests that need a window, where there is no display."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def virtual_display(*, width: int = 1280, height: int = 800) -> Iterator[str | None]:
    """Point DISPLAY at a screen: the one that is there, or an Xvfb of our own while the block lasts.

    Args:
        width: of the Xvfb screen, pixels.
        height: of the Xvfb screen, pixels.

    Yields:
        The display's name, or None where there is none and Xvfb is not installed.
    """
    present = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if present:
        yield present
        return
    program = shutil.which("Xvfb")
    if program is None:
        yield None
        return
    read_end, write_end = os.pipe()
    # Xvfb picks a free number itself and writes it to the pipe once it listens: no race, no sleeping
    server = subprocess.Popen(
        [program, "-displayfd", str(write_end), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    before = {name: os.environ.get(name) for name in ("DISPLAY", "QT_QPA_PLATFORM")}
    try:
        with os.fdopen(read_end) as pipe:
            number = pipe.readline().strip()
        if not number:
            yield None
            return
        os.environ["DISPLAY"] = f":{number}"
        os.environ["QT_QPA_PLATFORM"] = "xcb"
        yield f":{number}"
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.terminate()
        server.wait()
