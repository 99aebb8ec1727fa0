"""The whole viewer as it is run: what its tests share with those of its parts."""

from tests.viewer.conftest import gl_screen, headless, qapp_args, screen

__all__ = ["gl_screen", "headless", "qapp_args", "screen"]
