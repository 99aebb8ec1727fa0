"""What the window shows before a clip is open: how to get one."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.theme import SPACING_PX, theme_of
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.icons import icon_pixmap, themed_icon
from panosod_viewer.widgets.recent_item import RecentDelegate

_COLUMN_PX = 520


class RecentList(QListWidget):
    """Recent files: name and folder; Enter or a click opens, Delete forgets.

    Signals:
        opened(str), forgotten(str): the path.
    """

    opened = Signal(str)
    forgotten = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Recent files")
        self.setItemDelegate(RecentDelegate(self))
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setProperty("frameless", True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.itemClicked.connect(lambda item: self.opened.emit(item.data(Qt.ItemDataRole.UserRole)))

    def set_paths(self, paths: Sequence[str]) -> None:
        """Show these, newest first."""
        self.clear()
        for path in paths:
            item = QListWidgetItem(Path(path).name)
            item.setData(Qt.ItemDataRole.UserRole, path)
            item.setToolTip(path)
            self.addItem(item)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Enter opens, Delete forgets."""
        item = self.currentItem()
        if item is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(item.data(Qt.ItemDataRole.UserRole))
        elif item is not None and event.key() == Qt.Key.Key_Delete:
            self.forgotten.emit(item.data(Qt.ItemDataRole.UserRole))
        else:
            super().keyPressEvent(event)


class WelcomePage(QWidget):
    """The empty state.

    Signals:
        open_requested(): show the file dialog.
        file_chosen(str): open that path.
        recent_forgotten(str): take that path off the list; "" for all.
        demo_requested(): build the demo clip and open it.
        demo_cancelled(): stop building it.
    """

    open_requested = Signal()
    file_chosen = Signal(str)
    recent_forgotten = Signal(str)
    demo_requested = Signal()
    demo_cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Welcome")
        self._dropping = False
        self._building = False
        self._art = QLabel()
        self._art.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = QLabel("Open a 360° video")
        self._title.setProperty("role", "title")
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint = QLabel("Drop a file anywhere in this window.\nDrag to look around; put headphones on.")
        self._hint.setProperty("role", "dim")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._open = self._button("Open…", "Open a video file (Ctrl+O)")
        self._open.setDefault(True)
        self._open.clicked.connect(self.open_requested)
        self._demo = self._button("Build and open the demo clip", "A drawn world with sound, made on this machine")
        self._demo.clicked.connect(self._on_demo)
        self._progress = QProgressBar()
        self._progress.setAccessibleName("Building the demo clip")
        self._progress.setTextVisible(False)
        self._progress.setMaximumHeight(6)
        self._recent_title = QLabel("Recent")
        self._recent_title.setProperty("role", "heading")
        self._clear = TextButton("Clear")
        self._clear.setFlat(True)
        self._clear.setToolTip("Forget all recent files")
        self._clear.clicked.connect(lambda: self.recent_forgotten.emit(""))
        self._recent = RecentList()
        self._recent.opened.connect(self.file_chosen)
        self._recent.forgotten.connect(self.recent_forgotten)
        self._lay_out()
        self.set_recent(())
        self.set_demo_progress(None)
        self._paint_icons()

    # -- state in ---------------------------------------------------------------------------------------------------

    def set_open_key(self, key: str) -> None:
        """The key that opens a file, "" for none."""
        self._open.setToolTip(f"Open a video file ({key})" if key else "Open a video file")

    def set_recent(self, paths: Sequence[str]) -> None:
        """Files that were open before, newest first."""
        self._recent.set_paths(paths)
        for widget in (self._recent_title, self._clear, self._recent):
            widget.setVisible(bool(paths))
        rows = min(len(paths), 6)
        self._recent.setFixedHeight(rows * RecentDelegate.ROW_PX + 4)

    def set_demo_progress(self, share: float | None) -> None:
        """How much of the demo clip is built, 0..1; None while it is not being built."""
        self._building = share is not None
        self._demo.setText("Cancel building the demo clip" if self._building else "Build and open the demo clip")
        self._progress.setRange(0, 1000)
        self._progress.setValue(round(1000 * (share or 0.0)))
        policy = self._progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._progress.setSizePolicy(policy)
        self._progress.setVisible(self._building)
        self._open.setEnabled(not self._building)

    def set_drop_active(self, active: bool) -> None:
        """A file hovers over the window and would be opened."""
        self._dropping = active
        self._title.setText("Drop it to open" if active else "Open a 360° video")
        self._paint_icons()
        self.update()

    # -- events -----------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Recolour with the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_icons()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """A dashed frame while a file hovers."""
        if self._dropping:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme_of(self.palette()).accent), 2, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(12, 12, -12, -12), 12, 12)

    def _on_demo(self) -> None:
        (self.demo_cancelled if self._building else self.demo_requested).emit()

    # -- making -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _button(text: str, tip: str) -> TextButton:
        button = TextButton(text)
        button.setToolTip(tip)
        button.setMinimumHeight(36)
        button.setIconSize(QSize(18, 18))
        return button

    def _paint_icons(self) -> None:
        theme = theme_of(self.palette())
        colour = QColor(theme.accent if self._dropping else theme.dim)
        name = "drop" if self._dropping else "sphere"
        self._art.setPixmap(icon_pixmap(name, colour, size_px=72, pixel_ratio=self.devicePixelRatioF()))
        # The default button is drawn on the accent colour.
        self._open.setIcon(themed_icon("open", self.palette(), colour=QColor(theme.on_accent)))
        self._demo.setIcon(themed_icon("film", self.palette()))

    def _lay_out(self) -> None:
        column = QWidget()
        column.setMaximumWidth(_COLUMN_PX)
        column.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        inner = QVBoxLayout(column)
        inner.setSpacing(SPACING_PX)
        inner.addWidget(self._art)
        inner.addSpacing(SPACING_PX)
        inner.addWidget(self._title)
        inner.addWidget(self._hint)
        inner.addSpacing(2 * SPACING_PX)
        inner.addWidget(self._open)
        inner.addWidget(self._demo)
        inner.addWidget(self._progress)
        inner.addSpacing(SPACING_PX)
        head = QHBoxLayout()
        head.addWidget(self._recent_title)
        head.addStretch()
        head.addWidget(self._clear)
        inner.addLayout(head)
        inner.addWidget(self._recent)
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        centre = QHBoxLayout()
        centre.addStretch(1)
        centre.addWidget(column, 100)
        centre.addStretch(1)
        outer.addLayout(centre)
        outer.addStretch(1)
