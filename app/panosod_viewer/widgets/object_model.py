"""Objects of a clip as a table: 254 rows are filled without widgets, and only what changes is drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPixmap

from panosod_viewer.theme import HIT_PX, theme_of
from panosod_viewer.widgets.icons import icon_pixmap, themed_icon

Index = QModelIndex | QPersistentModelIndex
ICON_PX = 16


@dataclass(frozen=True)
class ObjectRow:
    """One object as the list shows it.

    Attributes:
        id: 1..254.
        name, category: what it is called, and of what kind it is.
        colour: "#rrggbb".
        rank: 1..5 or None.
        presence: "sounding", "silent", "off-screen" or "" at the time shown.
        is_here: it has a mask in the frame shown.
        is_locked, is_hidden, is_solo: as its buttons say.
    """

    id: int
    name: str
    category: str
    colour: str
    rank: int | None = None
    presence: str = ""
    is_here: bool = False
    is_locked: bool = False
    is_hidden: bool = False
    is_solo: bool = False


class Column(IntEnum):
    """Left to right."""

    EYE = 0
    NAME = 1
    CATEGORY = 2
    RANK = 3
    PRESENCE = 4
    LOCK = 5


HEADS = {
    Column.EYE: "",
    Column.NAME: "Object",
    Column.CATEGORY: "Class",
    Column.RANK: "Rank",
    Column.PRESENCE: "",
    Column.LOCK: "",
}
TIPS = {
    Column.EYE: "Show or hide; Alt+click shows it alone",
    Column.NAME: "Double click to rename",
    Column.CATEGORY: "Double click to say of what kind it is",
    Column.RANK: "Saliency rank 1 (first) to 5: double click to change",
    Column.PRESENCE: "Whether it sounds at this time: click to change from here on",
    Column.LOCK: "Lock: its masks may not change in any frame",
}
_EDITABLE = {Column.NAME, Column.CATEGORY, Column.RANK}


class ObjectModel(QAbstractTableModel):
    """State in by :meth:`set_rows`; edits go out as wishes.

    Signals:
        edited (int, str, object): object id, field name, new value.
    """

    edited = Signal(int, str, object)

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[ObjectRow] = []
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._palette = QPalette()

    @property
    def rows(self) -> list[ObjectRow]:
        """What is shown."""
        return self._rows

    def set_palette(self, palette: QPalette) -> None:
        """Colours of the icons."""
        self._palette = palette
        self._icons.clear()
        if self._rows:
            self._told(0, len(self._rows) - 1)

    def set_rows(self, rows: Sequence[ObjectRow]) -> None:
        """Show these; where the ids are the same only what differs is drawn anew."""
        if [row.id for row in rows] != [row.id for row in self._rows]:
            self.beginResetModel()
            self._rows = list(rows)
            self.endResetModel()
            return
        for place, (old, new) in enumerate(zip(self._rows, rows, strict=True)):
            if old != new:
                self._rows[place] = new
                self._told(place, place)

    def place_of(self, object_id: int) -> int | None:
        """The row of an object."""
        return next((place for place, row in enumerate(self._rows) if row.id == object_id), None)

    def _told(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(Column) - 1))

    # --- Qt

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        """One an object."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        """See :class:`Column`."""
        return 0 if parent is not None and parent.isValid() else len(Column)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Words can be edited."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        return flags | Qt.ItemFlag.ItemIsEditable if Column(index.column()) in _EDITABLE else flags

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:  # noqa: N802 - Qt's name
        """Words above the columns."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADS[Column(section)]
        return TIPS[Column(section)] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """What a cell shows."""
        row, column = self._rows[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return _words(row, column)
        if role == Qt.ItemDataRole.EditRole:
            return {Column.NAME: row.name, Column.CATEGORY: row.category, Column.RANK: str(row.rank or "")}.get(column)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._decoration(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(row, column)
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(HIT_PX if column in (Column.EYE, Column.PRESENCE, Column.LOCK) else 0, HIT_PX)
        if role == Qt.ItemDataRole.ForegroundRole:
            is_dim = row.is_hidden or not row.is_here or column is not Column.NAME
            return QColor(theme_of(self._palette).dim if is_dim else theme_of(self._palette).text)
        if role == Qt.ItemDataRole.FontRole and column is Column.NAME and row.is_here:
            font = QFont()
            font.setWeight(QFont.Weight.DemiBold)
            return font
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _spoken(row, column)
        return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802 - Qt's name
        """Ask for the change; it comes back through :meth:`set_rows`."""
        column, row = Column(index.column()), self._rows[index.row()]
        text = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or column not in _EDITABLE:
            return False
        if column is Column.RANK:
            if text and text not in "12345":
                return False
            self.edited.emit(row.id, "rank", int(text) if text else None)
        elif column is Column.NAME:
            if not text:
                return False
            self.edited.emit(row.id, "name", text)
        else:
            self.edited.emit(row.id, "category", text)
        return True

    def _decoration(self, row: ObjectRow, column: Column) -> QIcon | None:
        if column is Column.NAME:
            return self._icon("swatch", row.colour)
        if column is Column.EYE:
            return self._icon("solo" if row.is_solo else "eye-shut" if row.is_hidden else "eye", "")
        if column is Column.PRESENCE:
            name = {"sounding": "volume", "silent": "volume-muted", "off-screen": "off-screen"}.get(row.presence)
            return self._icon("unsaid", "dim") if name is None else self._icon(name, "")
        if column is Column.LOCK:
            return self._icon("lock" if row.is_locked else "unlock", "" if row.is_locked else "dim")
        return None

    def _icon(self, name: str, colour: str) -> QIcon:
        found = self._icons.get((name, colour))
        if found is None:
            if name == "swatch":
                found = _swatch(QColor(colour))
            else:
                dim = QColor(theme_of(self._palette).border) if colour == "dim" else None
                found = themed_icon(name, self._palette, size_px=ICON_PX, colour=dim)
                for ratio in (1.0, 2.0, 3.0):
                    on = self._palette.color(QPalette.ColorRole.HighlightedText)
                    found.addPixmap(icon_pixmap(name, on, size_px=ICON_PX, pixel_ratio=ratio), QIcon.Mode.Selected)
            self._icons[name, colour] = found
        return found


def _words(row: ObjectRow, column: Column) -> str | None:
    return {
        Column.NAME: f"{row.id}  {row.name}",
        Column.CATEGORY: row.category or "–",
        Column.RANK: str(row.rank) if row.rank else "–",
    }.get(column)


def _tip(row: ObjectRow, column: Column) -> str:
    if column is Column.PRESENCE and row.presence:
        return f"{row.presence.capitalize()} at this time: click to change from here on"
    return f"{row.name}: {TIPS[column].lower()}" if column is Column.NAME else TIPS[column]


def _spoken(row: ObjectRow, column: Column) -> str:
    if column is Column.EYE:
        return "shown alone" if row.is_solo else "hidden" if row.is_hidden else "shown"
    if column is Column.LOCK:
        return "locked" if row.is_locked else "not locked"
    if column is Column.PRESENCE:
        return row.presence or "not said whether it sounds"
    return _words(row, column) or ""


def _swatch(colour: QColor) -> QIcon:
    icon = QIcon()
    for ratio in (1, 2, 3):
        pixmap = QPixmap(ICON_PX * ratio, ICON_PX * ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(2 * ratio, 2 * ratio, 12 * ratio, 12 * ratio, 3 * ratio, 3 * ratio)
        painter.end()
        pixmap.setDevicePixelRatio(ratio)
        icon.addPixmap(pixmap)
    return icon
