"""The column of painting tools beside the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.widgets.buttons import IconButton


@dataclass(frozen=True)
class StripButton:
    """A button of the column.

    Attributes:
        action: id of the action it triggers and follows.
        icon: its icon.
        starts_section: some room above it.
    """

    action: str
    icon: str
    starts_section: bool = False


class ToolStrip(QWidget):
    """Buttons that follow their actions; names, keys and checked states come from there.

    Signals:
        size_turned (float): steps to enlarge the brush by.
    """

    size_turned = Signal(float)

    def __init__(
        self, buttons: Sequence[StripButton], actions: Mapping[str, QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Tools")
        self.setAutoFillBackground(True)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(SPACING_PX // 2, SPACING_PX // 2, SPACING_PX // 2, SPACING_PX // 2)
        column.setSpacing(1)
        self.buttons: dict[str, IconButton] = {}
        for each in buttons:
            if each.starts_section:
                column.addSpacing(SPACING_PX)
            button = _button(each, actions[each.action])
            self.buttons[each.action] = button
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._size = QLabel()
        self._size.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._size.setProperty("role", "dim")
        self._size.setAccessibleName("Size of the brush")
        self._size.setToolTip("Diameter of the brush: [ and ], or Alt and the wheel on the picture")
        column.addSpacing(SPACING_PX // 2)
        column.addWidget(self._size)
        column.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Ignored)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Wide enough for a button, or for the size below them."""
        widest = self._size.fontMetrics().horizontalAdvance("60.0°")
        return QSize(max(HIT_PX + 2, widest) + SPACING_PX + 4, 4 * HIT_PX)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """It scrolls where there is no room."""
        return QSize(self.sizeHint().width(), HIT_PX)

    def set_size(self, diameter_deg: float | None) -> None:
        """The brush's diameter; None where the tool has none."""
        self._size.setText("" if diameter_deg is None else f"{diameter_deg:.1f}°")


def _button(spec: StripButton, action: QAction) -> IconButton:
    name = action.text().replace("&", "").removesuffix("…")
    button = IconButton(spec.icon, name)
    button.setProperty("tool", True)
    button.setCheckable(action.isCheckable())
    button.setAutoRepeat(action.autoRepeat() and not action.isCheckable())
    # Not toggled: an action decides itself whether it is checked, and the button follows.
    button.clicked.connect(lambda: action.trigger())

    def follow() -> None:
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        button.set_name(name, tip=f"{name} ({key})" if key else name)
        button.setEnabled(action.isEnabled())
        button.setChecked(action.isChecked())

    action.changed.connect(follow)
    button.clicked.connect(follow)
    follow()
    return button
