"""The system's own pointer and keys (xdotool) in a viewer of its own process."""

import subprocess

from tests.e2e.running import Viewer

STEPS = 12


def pointer(viewer: Viewer, *words: str) -> str:
    """Run xdotool on the viewer's screen; what it says."""
    command = ["xdotool", *words]
    done = subprocess.run(command, env=viewer.environment, check=True, timeout=60, capture_output=True, text=True)
    return done.stdout


def drag(viewer: Viewer, start: tuple[int, int], end: tuple[int, int]) -> None:
    """A stroke across the picture, in pixels of the window."""
    window = viewer.windows()[0]
    places = [
        (start[0] + (end[0] - start[0]) * i // STEPS, start[1] + (end[1] - start[1]) * i // STEPS)
        for i in range(STEPS + 1)
    ]
    words = ["mousemove", "--window", window, *map(str, places[0]), "mousedown", "1"]
    for place in places[1:]:
        words += ["mousemove", "--window", window, *map(str, place), "sleep", "0.01"]
    pointer(viewer, *words, "mouseup", "1")


def dialogs(viewer: Viewer, title: str) -> list[str]:
    """Its windows of a title."""
    command = ["xdotool", "search", "--all", "--onlyvisible", "--pid", str(viewer.process.pid), "--name", title]
    found = subprocess.run(command, env=viewer.environment, capture_output=True, text=True, timeout=60)
    return found.stdout.split()


def keys_in(viewer: Viewer, window: str, *keys: str) -> None:
    """Press keys in one of its windows."""
    pointer(viewer, "windowfocus", "--sync", window, "key", "--delay", "30", *keys)
