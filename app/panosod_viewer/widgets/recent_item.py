"""Draws a recent file: its name, and its folder behind it, dimmed and shortened in the middle."""

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from panosod_viewer.theme import theme_of


class RecentDelegate(QStyledItemDelegate):
    """One line an item: name left, folder behind it."""

    ROW_PX = 32

    def sizeHint(  # noqa: N802 - Qt's name
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """As wide as there is room."""
        return QSize(100, self.ROW_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Ground, name, folder."""
        state, rect, palette, font = option.state, option.rect, option.palette, option.font
        theme = theme_of(palette)
        chosen = bool(state & QStyle.StateFlag.State_Selected) and bool(state & QStyle.StateFlag.State_HasFocus)
        over = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font)
        if chosen or over:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.accent if chosen else theme.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(0, 1, 0, -1), 5, 5)
        area = rect.adjusted(10, 0, -10, 0)
        metrics = painter.fontMetrics()
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, area.width())
        painter.setPen(QColor(theme.on_accent if chosen else theme.text))
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(area, flags, name)
        folder = str(Path(str(index.data(Qt.ItemDataRole.UserRole))).parent)
        left = area.adjusted(metrics.horizontalAdvance(name) + 14, 0, 0, 0)
        if left.width() > 60:
            painter.setPen(QColor(theme.on_accent if chosen else theme.dim))
            painter.drawText(left, flags, metrics.elidedText(folder, Qt.TextElideMode.ElideMiddle, left.width()))
        painter.restore()
