"""Messages that do not stop anybody: one line above the picture, with what can be done about it."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent, QColor, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from panosod_viewer.theme import SPACING_PX, theme_of
from panosod_viewer.widgets.buttons import IconButton, TextButton
from panosod_viewer.widgets.icons import icon_pixmap
from panosod_viewer.widgets.labels import ElidedLabel

MAX_WAITING = 20
MAX_ACTIONS = 3


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Notice:
    """One message.

    Attributes:
        text: one line: what happened and what to do.
        severity: icon and colour.
        actions: (id, label) of the buttons, at most three.
        key: a later notice of the same key replaces this one; the text where "".
        seconds: goes away by itself after that; None stays until dismissed.
    """

    text: str
    severity: Severity = Severity.INFO
    actions: tuple[tuple[str, str], ...] = ()
    key: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        if len(self.actions) > MAX_ACTIONS:
            raise ValueError(f"a notice has room for {MAX_ACTIONS} actions, got {len(self.actions)}")

    @property
    def identity(self) -> str:
        """By what it is replaced or taken back."""
        return self.key or self.text


class NoticeBar(QWidget):
    """Shows one notice at a time; the others wait. Hidden while there is nothing to say.

    Signals:
        action_triggered(str): id of the button that was pressed; the notice is gone then.
        dismissed(str): identity of a notice that the person closed.
    """

    action_triggered = Signal(str)
    dismissed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[Notice] = deque()
        self._has_errors_only = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._next)
        self._icon = QLabel()
        self._text = ElidedLabel(name="Message")
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._more = QLabel()
        self._more.setProperty("role", "dim")
        # A fixed stock rather than new ones each time: so Tab goes through them before the closing button.
        self._buttons = [self._make_button(i) for i in range(MAX_ACTIONS)]
        self._close = IconButton("close", "Dismiss", tip="Dismiss (Esc)")
        self._close.clicked.connect(self._dismiss)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(SPACING_PX + 4, 4, SPACING_PX // 2, 4)
        self._row.setSpacing(SPACING_PX)
        for widget in (self._icon, self._text, *self._buttons, self._more, self._close):
            self._row.addWidget(widget)
        self.setAccessibleName("Notice")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.hide()

    @property
    def current(self) -> Notice | None:
        """The notice in sight."""
        return self._waiting[0] if self._waiting else None

    @property
    def waiting(self) -> int:
        """How many wait behind it."""
        return max(0, len(self._waiting) - 1)

    def set_errors_only(self, on: bool) -> None:
        """Keep to oneself what is not an error, from now on."""
        self._has_errors_only = on

    def show_notice(self, notice: Notice) -> None:
        """Say it now, or after what is being said.

        Errors go before what waits. Of several with the same key only the newest stays.
        """
        if self._has_errors_only and notice.severity is not Severity.ERROR:
            return
        for i, old in enumerate(self._waiting):
            if old.identity == notice.identity:
                self._waiting[i] = notice
                self._show()
                return
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[-1]
        if notice.severity is Severity.ERROR and len(self._waiting) > 1:
            self._waiting.insert(1, notice)
        else:
            self._waiting.append(notice)
        self._show()

    def take_back(self, identity: str) -> None:
        """Forget a notice whose cause is gone."""
        first = self.current
        self._waiting = deque(n for n in self._waiting if n.identity != identity)
        if self.current is not first:
            self._show()
        else:
            self._count()

    def clear(self) -> None:
        """Forget all of them (another clip was opened)."""
        self._waiting.clear()
        self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Escape dismisses while the focus is here."""
        if event.key() == Qt.Key.Key_Escape:
            self._dismiss()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Recolour with the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_icon()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """A raised ground with the severity's colour at its left edge."""
        theme = theme_of(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.raised))
        painter.fillRect(0, 0, 4, self.height(), QColor(self._colour()))

    def _colour(self) -> str:
        theme = theme_of(self.palette())
        severity = self.current.severity if self.current else Severity.INFO
        return {Severity.INFO: theme.accent, Severity.WARNING: theme.warning, Severity.ERROR: theme.error}[severity]

    def _paint_icon(self) -> None:
        severity = self.current.severity if self.current else Severity.INFO
        self._icon.setPixmap(icon_pixmap(severity, QColor(self._colour()), pixel_ratio=self.devicePixelRatioF()))

    def _show(self) -> None:
        notice = self.current
        self._timer.stop()
        if notice is None:
            self.hide()
            return
        self._text.setText(notice.text)
        self._text.setToolTip(notice.text)
        self._icon.setAccessibleName(str(notice.severity))
        for i, button in enumerate(self._buttons):
            button.setVisible(i < len(notice.actions))
            button.setText(notice.actions[i][1] if i < len(notice.actions) else "")
        self._count()
        self._paint_icon()
        self.show()
        self.update()
        if notice.seconds is not None:
            self._timer.start(round(1000 * notice.seconds))
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def _make_button(self, index: int) -> TextButton:
        button = TextButton()
        button.clicked.connect(lambda: self._act(index))
        return button

    def _count(self) -> None:
        self._more.setText(f"+{self.waiting}")
        self._more.setToolTip(f"{self.waiting} more after this one")
        self._more.setVisible(self.waiting > 0)

    def _act(self, index: int) -> None:
        notice = self.current
        if notice is not None:
            self._next()
            self.action_triggered.emit(notice.actions[index][0])

    def _dismiss(self) -> None:
        notice = self.current
        self._next()
        if notice is not None:
            self.dismissed.emit(notice.identity)

    def _next(self) -> None:
        if self._waiting:
            self._waiting.popleft()
        self._show()
