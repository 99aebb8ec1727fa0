"""A slider for panels: keeps the arrow keys while it has the focus, and takes the focus by Tab alone."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.widgets.labels import set_role, tabular

_OWN_KEYS = frozenset(
    {
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Up,
        Qt.Key.Key_Down,
        Qt.Key.Key_PageUp,
        Qt.Key.Key_PageDown,
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
    }
)


class ShareSlider(QWidget):
    """0..1 as a slider with its value beside it.

    Signals:
        changed (float): moved by the person.
    """

    changed = Signal(float)

    def __init__(
        self, name: str, *, least: float = 0.0, is_percent: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._is_percent = is_percent
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(100 * least), 100)
        self.slider.setPageStep(10)
        self.slider.setAccessibleName(name)
        self.slider.setToolTip(name)
        self.slider.setMinimumHeight(HIT_PX)
        self.slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.slider.installEventFilter(self)
        self.slider.valueChanged.connect(self._moved)
        self._label = QLabel()
        self._label.setFont(tabular(self._label.font()))
        self._label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._label.setFixedWidth(self._label.fontMetrics().horizontalAdvance("100 %") + 2)
        set_role(self._label, "dim")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACING_PX)
        row.addWidget(self.slider, 1)
        row.addWidget(self._label)
        self._write(self.slider.value())

    def set_value(self, value: float) -> None:
        """Show a value, without telling."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(100 * value))
        self.slider.blockSignals(False)
        self._write(self.slider.value())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Arrow keys move the slider that has the focus; elsewhere they step through the clip."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _OWN_KEYS:
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def _moved(self, value: int) -> None:
        self._write(value)
        self.changed.emit(value / 100)

    def _write(self, value: int) -> None:
        self._label.setText(f"{value} %" if self._is_percent else f"{value / 100:.2f}")
