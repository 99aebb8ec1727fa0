"""Draws keys as caps in a list."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from panosod_viewer.theme import theme_of

KEYS_ROLE = int(Qt.ItemDataRole.UserRole) + 1
"""Data role of a list of key texts."""
_ROW_PX = 28
_GAP_PX = 6


class KeyCapDelegate(QStyledItemDelegate):
    """Items that carry :data:`KEYS_ROLE` are drawn as a row of key caps, others as usual."""

    def sizeHint(  # noqa: N802 - Qt's name
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Room for the caps."""
        keys = index.data(KEYS_ROLE)
        if not keys:
            return QSize(super().sizeHint(option, index).width(), _ROW_PX)
        metrics = QFontMetricsF(option.font)
        return QSize(round(sum(self._cap(metrics, key) + _GAP_PX for key in keys)) + 12, _ROW_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Ground as usual, then the caps, from the left."""
        keys = index.data(KEYS_ROLE)
        if not keys:
            super().paint(painter, option, index)
            return
        bare = QStyleOptionViewItem(option)
        self.initStyleOption(bare, index)
        bare.text = ""
        rect, palette = option.rect, option.palette
        widget = option.widget
        widget.style().drawControl(widget.style().ControlElement.CE_ItemViewItem, bare, painter, widget)
        theme = theme_of(palette)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(option.font)
        metrics = QFontMetricsF(painter.font())
        x = rect.left() + 6.0
        for key in keys:
            width = self._cap(metrics, key)
            cap = QRectF(x, rect.top() + 3.5, width, _ROW_PX - 7)
            painter.setPen(QPen(QColor(theme.border), 1))
            painter.setBrush(QColor(theme.raised))
            painter.drawRoundedRect(cap, 4, 4)
            painter.setPen(QColor(theme.text))
            painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, key)
            x += width + _GAP_PX
        painter.restore()

    @staticmethod
    def _cap(metrics: QFontMetricsF, key: str) -> float:
        return max(22.0, metrics.horizontalAdvance(key) + 14.0)
