"""A screen and a QApplication for the viewer's tests, made only when a test asks for them."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panosod_core.errors import RenderError
from panosod_core.synth.demo import build_demo
from tests.viewer.patience import qtbot
from tests.virtual_display import virtual_display

__all__ = ["qtbot"]


@pytest.fixture(scope="session")
def screen() -> Iterator[str | None]:
    """The display to draw on: the person's, or one Xvfb for the whole session; None where neither is to be had."""
    with virtual_display() as display:
        yield display
        _close_application()


def _close_application() -> None:
    """Qt calls exit(1) when its display goes away under it: let the application go first."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    application = widgets.QApplication.instance() if widgets is not None else None
    if application is not None:
        import shiboken6

        shiboken6.delete(application)


@pytest.fixture(scope="session")
def qapp_args(screen: str | None) -> list[str]:
    """pytest-qt makes the one QApplication with these, after the screen and the GL format are there."""
    from panosod_viewer.render.surface_format import install_default_format

    if screen is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    install_default_format()
    return ["panosod-tests"]


@pytest.fixture
def gl_screen(screen: str | None) -> str:
    """For tests that draw in a window."""
    if screen is None:
        pytest.skip("needs a display or Xvfb")
    return screen


@pytest.fixture(scope="session")
def headless() -> None:
    """For tests that draw without a window: skips where EGL gives no OpenGL 3.3."""
    from panosod_viewer.render.headless import HeadlessContext

    try:
        HeadlessContext(8, 8).close()
    except RenderError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def demo_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2.4 s of the demo world, 320 x 160 at 25 fps."""
    return build_demo(tmp_path_factory.mktemp("demo") / "demo.mp4", width=320, height=160, fps=25, duration_s=2.4)


@pytest.fixture(scope="session")
def truth(demo_clip: Path) -> dict[str, Any]:
    """What is where in it, and when."""
    loaded: dict[str, Any] = json.loads(demo_clip.with_suffix(".truth.json").read_text())
    return loaded
