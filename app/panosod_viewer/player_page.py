"""The page with the picture: notices above it, controls below it, or floating over it in full screen."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from panosod_viewer.panels.seek_bar import SeekBar
from panosod_viewer.panels.status_line import StatusLine
from panosod_viewer.panels.transport import TransportBar
from panosod_viewer.render.gl_view import GLView

if TYPE_CHECKING:
    # Made when it is first opened: the start does not wait for what it is made of.
    from panosod_viewer.panels.timeline import TimelinePanel

LEAST_PICTURE_PX = 160
"""The time line gives way where the picture would be lower than this; where there is no room for both, it goes."""
CONTROLS_STAY_MS = 2500
"""In full screen the controls go away when the pointer has rested for this long."""


class PlayerPage(QWidget):
    """Lays out the picture and its controls; they belong together, whatever the window does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = GLView(self)
        self.controls = QWidget(self)
        self.controls.setAutoFillBackground(True)
        self.seek_bar = SeekBar()
        self.transport_bar = TransportBar()
        self.status_line = StatusLine()
        self._column = column = QVBoxLayout(self.controls)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(2)
        for part in (self.seek_bar, self.transport_bar, self.status_line):
            column.addWidget(part)
        self._is_floating = False
        self._is_bare = False
        self._timeline: TimelinePanel | None = None
        self._wants_timeline = False
        self._strip: QWidget | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(CONTROLS_STAY_MS)
        self._rest.timeout.connect(self._hide_when_unused)
        self.view.hovered.connect(self._wake)
        self.view.moved.connect(self._wake)
        self.controls.installEventFilter(self)
        self.setMinimumSize(320, 240)

    def set_floating(self, is_floating: bool) -> None:
        """Let the controls float over the picture and go away when the pointer rests (full screen)."""
        self._is_floating = is_floating
        self.status_line.setVisible(not is_floating)
        self.controls.setVisible(not self._is_bare)
        self._lay_out()
        if is_floating:
            self._rest.start()
        else:
            self._rest.stop()
            self.view.unsetCursor()

    def set_bare(self) -> None:
        """Show the picture alone, in full screen too."""
        self._is_bare = True
        self.controls.hide()
        self.setMinimumSize(self.view.minimumSize())
        self._lay_out()

    def set_timeline(self, panel: "TimelinePanel") -> None:
        """Put the time line under the seek bar, hidden."""
        self._timeline = panel
        panel.hide()
        self._column.insertWidget(1, panel)

    def set_timeline_shown(self, on: bool) -> None:
        """Show the time line where there is room for it, or hide it."""
        self._wants_timeline = on
        self._lay_out()

    def set_strip(self, strip: QWidget) -> None:
        """Put a narrow column left of the picture; it is there while it is not hidden, but never in full screen."""
        self._strip = strip
        strip.setParent(self)
        strip.lower()  # where there is no room for it, the picture lies over it
        strip.installEventFilter(self)
        self._lay_out()

    def picture_size_for(self, size: QSize) -> QSize:
        """The size of the page at which the picture has a given size."""
        return QSize(size.width(), size.height() + self._controls_height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Lay out anew when the controls want another height (a line of them was hidden)."""
        shows = (QEvent.Type.ShowToParent, QEvent.Type.HideToParent)
        is_higher = watched is self.controls and event.type() == QEvent.Type.LayoutRequest
        if is_higher or (watched is self._strip and event.type() in shows):
            self._lay_out()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Lay out anew."""
        super().resizeEvent(event)
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.width(), self.height()
        self._fit_timeline(height)
        controls = min(self._controls_height(), height)
        self.controls.setGeometry(0, height - controls, width, controls)
        left, bottom = self._strip_width(), height if self._is_floating else height - controls
        if self._strip is not None and left:
            self._strip.setGeometry(0, 0, left, bottom)
        self.view.setGeometry(left, 0, width - left, bottom)
        self.controls.raise_()

    def _fit_timeline(self, height: int) -> None:
        panel = self._timeline
        if panel is None:
            return
        others = self._controls_height()
        if not panel.isHidden():
            others -= panel.sizeHint().height() + self._column.spacing()
        room = height - others - self._column.spacing() - LEAST_PICTURE_PX
        panel.set_room(room)
        panel.setVisible(self._wants_timeline and room >= panel.minimum_height_px)

    def _controls_height(self) -> int:
        return 0 if self._is_bare else self.controls.sizeHint().height()

    def _strip_width(self) -> int:
        if self._strip is None or self._strip.isHidden() or self._is_floating or self._is_bare:
            return 0
        return self._strip.sizeHint().width()

    def _wake(self) -> None:
        if self._is_floating:
            self.controls.setVisible(not self._is_bare)
            self.view.unsetCursor()
            self._rest.start()

    def _hide_when_unused(self) -> None:
        if self._is_floating and not self.controls.underMouse():
            self.controls.hide()
            self.view.setCursor(Qt.CursorShape.BlankCursor)
