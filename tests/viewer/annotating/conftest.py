"""Windows to paint in, closed after each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clips import demo_clip as small_clip
from tests.viewer.annotating.window import PaintingWindow


@pytest.fixture(scope="session")
def master(tmp_path_factory) -> Path:
    return small_clip(tmp_path_factory.mktemp("painted"), duration_s=1.0)


@pytest.fixture
def clip(master, tmp_path) -> Path:
    """A clip of its own: projects lie beside it."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(master.read_bytes())
    return path


@pytest.fixture(scope="session")
def other_clip(tmp_path_factory) -> Path:
    """Another scene."""
    return small_clip(tmp_path_factory.mktemp("others"), duration_s=0.5, seed=3)


@pytest.fixture
def painting(qtbot, gl_screen, tmp_path) -> Iterator[Callable[..., PaintingWindow]]:
    made: list[PaintingWindow] = []

    def make(**words) -> PaintingWindow:
        made.append(PaintingWindow(qtbot, tmp_path / "settings.toml", **words))
        return made[-1]

    yield make
    for window in reversed(made):
        window.abandon()
