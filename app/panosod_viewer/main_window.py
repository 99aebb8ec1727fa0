"""The window: menus from the table of actions, a page for the picture, a page for the empty state. No behaviour."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
)
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QStackedWidget, QVBoxLayout, QWidget

from panosod_viewer.actions import ACTIONS, GROUPS, build_actions
from panosod_viewer.layers import LayerId
from panosod_viewer.panels.layers_panel import LayersPanel
from panosod_viewer.panels.notice import NoticeBar
from panosod_viewer.panels.welcome import WelcomePage
from panosod_viewer.player_page import PlayerPage

TITLE = "panosod"
FIRST_SIZE = QSize(1120, 720)


class MainWindow(QMainWindow):
    """Menus, pages, notices.

    Signals:
        file_dropped (str): a local file was dropped.
        recent_chosen (str): a file of the recent menu.
        recent_cleared (): forget the recent files.
        closing (): the window is about to close.
        full_screen_changed (bool): the picture fills the screen, or does no more.
    """

    file_dropped = Signal(str)
    recent_chosen = Signal(str)
    recent_cleared = Signal()
    closing = Signal()
    full_screen_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(TITLE)
        self.setAcceptDrops(True)
        self.resize(FIRST_SIZE)
        self.actions_by_id = build_actions(self)
        self.notices = NoticeBar()
        self.page = PlayerPage()
        self.welcome = WelcomePage()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.welcome)
        self._pages.addWidget(self.page)
        central = QWidget()
        column = QVBoxLayout(central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notices)
        column.addWidget(self._pages, 1)
        self.setCentralWidget(central)
        self.may_close: Callable[[], bool] = lambda: True
        """Asked before the window closes: False where something would be lost, which whoever says so tells."""
        self._is_bare = False
        self._make_layers()
        self._recent_menu = QMenu("Open &recent", self)
        self._make_menus()
        self.set_recent(())
        self.set_clip(None)

    # --- state in ---

    def set_clip(self, path: Path | None) -> None:
        """Show the page of a clip, or the empty one."""
        self.setWindowTitle(f"{path.name} — {TITLE}" if path is not None else TITLE)
        self.setWindowFilePath(str(path) if path is not None else "")
        self._pages.setCurrentWidget(self.page if path is not None else self.welcome)
        self.set_actions_enabled(path is not None)

    def set_actions_enabled(self, has_clip: bool) -> None:
        """Grey out what means nothing without a clip."""
        for spec in ACTIONS:
            self.actions_by_id[spec.id].setEnabled(has_clip or not spec.needs_clip)

    def set_recent(self, paths: tuple[str, ...]) -> None:
        """The recent files, newest first."""
        self.welcome.set_recent(paths)
        self._recent_menu.clear()
        for path in paths:
            action = self._recent_menu.addAction(Path(path).name.replace("&", "&&"))
            action.setToolTip(path)
            action.setStatusTip(path)
            action.triggered.connect(lambda _=False, path=path: self.recent_chosen.emit(path))
        if paths:
            self._recent_menu.addSeparator()
            self._recent_menu.addAction("&Forget these").triggered.connect(self.recent_cleared)
        self._recent_menu.setEnabled(bool(paths))

    def set_bare(self) -> None:
        """Show no menus, no controls and of the notices only errors; the keys work all the same."""
        self._is_bare = True
        self.notices.set_errors_only(True)
        self.menuBar().hide()
        self.page.set_bare()
        # The empty page's wishes would hold the window open.
        self._pages.setMinimumSize(self.page.minimumSize())

    def set_full_screen(self, on: bool) -> None:
        """Fill the screen with the picture."""
        self.menuBar().setVisible(not on and not self._is_bare)
        self.page.set_floating(on)
        self._layers_dock.setVisible(self._wants_layers and not on and not self._is_bare)
        self.page.transport_bar.set_fullscreen(on)
        self.actions_by_id["view.fullscreen"].setChecked(on)
        # Not showNormal(), which would also forget that the window was maximised.
        state, full = self.windowState(), Qt.WindowState.WindowFullScreen
        self.setWindowState(state | full if on else state & ~full)
        self.show()
        self.full_screen_changed.emit(on)

    def set_picture_size(self, width: int, height: int) -> None:
        """Make the window such that the picture has this size."""
        page = self.page.picture_size_for(QSize(width, height))
        menu = 0 if self._is_bare else self.menuBar().sizeHint().height()
        dock = self._layers_dock.sizeHint().width() + 4 if self._wants_layers and not self._is_bare else 0
        self.resize(page.width() + dock, page.height() + menu)

    @property
    def is_bare(self) -> bool:
        """The picture alone is shown."""
        return self._is_bare

    @property
    def has_layers_open(self) -> bool:
        """Whether the list of layers is there, or would be outside full screen."""
        return self._wants_layers

    def show_layers(self, on: bool) -> None:
        """Open or close the list of layers; in full screen and bare the picture keeps all the room."""
        self._wants_layers = on
        self._layers_dock.setVisible(on and not self._is_bare and not self.isFullScreen())
        self.actions_by_id["layers.panel"].setChecked(on)

    # --- where it was ---

    def remembered(self) -> tuple[str, str]:
        """Geometry and state, base64."""
        return _text(self.saveGeometry()), _text(self.saveState())

    def restore(self, geometry: str, state: str) -> None:
        """Go where it was; texts that Qt does not understand change nothing."""
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode("ascii", "ignore")))
        if state and self.restoreState(QByteArray.fromBase64(state.encode("ascii", "ignore"))):
            self.show_layers(not self._layers_dock.isHidden())

    # --- Qt ---

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell everyone, then close."""
        if not self.may_close():
            event.ignore()
            return
        self.closing.emit()
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take files."""
        if _dropped(event) is not None:
            event.acceptProposedAction()
            self.welcome.set_drop_active(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802 - Qt's name
        """The file went elsewhere."""
        self.welcome.set_drop_active(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Open what was dropped."""
        self.welcome.set_drop_active(False)
        path = _dropped(event)
        if path is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.file_dropped.emit(path)

    # --- making ---

    def _make_menus(self) -> None:
        menus = {group: self.menuBar().addMenu(f"&{group}") for group in GROUPS}
        radios: dict[str, QActionGroup] = {}
        for spec in ACTIONS:
            menu, action = menus[spec.group], self.actions_by_id[spec.id]
            if spec.starts_section:
                menu.addSeparator()
            menu.addAction(action)
            # Also the window's own: their keys must work while the menu bar is hidden in full screen.
            self.addAction(action)
            if spec.radio:
                radios.setdefault(spec.radio, QActionGroup(self)).addAction(action)
            if spec.id == "file.demo":
                menu.insertMenu(action, self._recent_menu)

    def _make_layers(self) -> None:
        keys = {layer: self.actions_by_id[f"layers.{layer}"].shortcut().toString() for layer in LayerId}
        self.layers_panel = LayersPanel(keys)
        self._layers_dock = QDockWidget("Layers", self)
        self._layers_dock.setObjectName("layers")
        self._layers_dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable | QDockWidget.DockWidgetFeature.DockWidgetMovable
        )
        self._layers_dock.setAllowedAreas(Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea)
        self._layers_dock.setWidget(self.layers_panel)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self._layers_dock)
        self._wants_layers = False
        self._layers_dock.hide()
        self._layers_dock.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Notice when the list is closed by its own button."""
        if watched is self._layers_dock and event.type() == QEvent.Type.Close:
            self.show_layers(False)
        return super().eventFilter(watched, event)

    def action(self, action_id: str) -> QAction:
        """One of the actions."""
        return self.actions_by_id[action_id]


def _text(data: QByteArray) -> str:
    return bytes(data.toBase64().data()).decode("ascii")


def _dropped(event: QDropEvent) -> str | None:
    urls = event.mimeData().urls()
    return next((url.toLocalFile() for url in urls if url.isLocalFile()), None)
