"""The OpenGL context that Qt is asked for. Must be the default before QApplication is made."""

from PySide6.QtGui import QSurfaceFormat


def default_format() -> QSurfaceFormat:
    """OpenGL 3.3 core, no depth, no multisampling (edges are softened in the shader), swap at vertical sync."""
    wanted = QSurfaceFormat()
    wanted.setVersion(3, 3)
    wanted.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    wanted.setDepthBufferSize(0)
    wanted.setStencilBufferSize(0)
    wanted.setSamples(0)
    wanted.setSwapInterval(1)
    return wanted


def install_default_format() -> None:
    """Make it Qt's default. Call before QApplication is constructed."""
    QSurfaceFormat.setDefaultFormat(default_format())
