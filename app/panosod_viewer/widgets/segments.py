"""A row of icons of which one is in force."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QWidget

from panosod_viewer.widgets.buttons import IconButton


@dataclass(frozen=True)
class Segment:
    """One of the choices.

    Attributes:
        id: what the choice is called in code.
        icon: file name in ``assets/icons`` without ending.
        name: for people; its tooltip adds the key.
        key: as people write it, "" for none.
    """

    id: str
    icon: str
    name: str
    key: str = ""


class Segments(QWidget):
    """Shows what it is told; a click asks for another.

    Signals:
        chosen(str): id of the segment that was clicked, also of the one in force.
    """

    chosen = Signal(str)

    def __init__(self, segments: Sequence[Segment], *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        group = QButtonGroup(self)
        self._current = ""
        self._buttons: dict[str, IconButton] = {}
        for segment in segments:
            button = IconButton(segment.icon, segment.name)
            button.setCheckable(True)
            button.setProperty("segment", True)
            button.clicked.connect(lambda _=False, wanted=segment.id: self._ask(wanted))
            group.addButton(button)
            row.addWidget(button)
            self._buttons[segment.id] = button
            self.set_key(segment.id, segment.key)

    def set_key(self, segment: str, key: str) -> None:
        """The key that chooses one, "" for none; its tip says so."""
        button = self._buttons[segment]
        name = button.accessibleName()
        button.set_name(name, tip=f"{name} ({key})" if key else name)

    @property
    def current(self) -> str:
        """Id of the segment in force, "" before it is known."""
        return self._current

    def set_current(self, segment_id: str) -> None:
        """Show which one is in force."""
        self._current = segment_id
        self._buttons[segment_id].setChecked(True)

    def _ask(self, segment_id: str) -> None:
        self.chosen.emit(segment_id)
        if self._current:
            # A click alone changes nothing: what is in force stays shown until the answer comes.
            self.set_current(self._current)
