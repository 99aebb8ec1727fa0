"""The whole viewer as it is run: what its tests share with those of its parts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.running import Places, Viewer, missing_tools
from tests.soundcard import NullSink, missing, null_sink
from tests.viewer.conftest import gl_screen, headless, qapp_args, screen
from tests.viewer.patience import qtbot

__all__ = ["gl_screen", "headless", "qapp_args", "qtbot", "screen"]

StartViewer = Callable[..., Viewer]


@pytest.fixture(scope="module")
def sink() -> Iterator[NullSink]:
    """A sound card of software for the tests of a module."""
    if missing():
        pytest.skip(missing())
    with null_sink() as made:
        yield made


@pytest.fixture
def start_viewer(gl_screen: str, sink: NullSink, tmp_path: Path) -> Iterator[StartViewer]:
    """Starts viewers on the tests' screen and sound card, and ends them by force where a test fails."""
    if missing_tools():
        pytest.skip(missing_tools())
    started: list[Viewer] = []

    def start(*arguments: str | Path) -> Viewer:
        folder = tmp_path / f"viewer{len(started)}"
        folder.mkdir()
        words = [str(argument) for argument in arguments]
        started.append(Viewer(words, display=gl_screen, sink=sink, places=Places.under(folder)))
        return started[-1]

    yield start
    for viewer in started:
        viewer.kill()
