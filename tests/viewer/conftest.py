"""A screen and a QApplication for the viewer's tests, made only when a test asks for them."""

import os
from collections.abc import Iterator

import pytest

from panosod_core.errors import RenderError
from tests.virtual_display import virtual_display


@pytest.fixture(scope="session")
def screen() -> Iterator[str | None]:
    """The display to draw on: the person's, or one Xvfb for the whole session; None where neither is to be had."""
    with virtual_display() as display:
        yield display


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
