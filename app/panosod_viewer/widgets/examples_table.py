"""Frames of the check set as pictures: what the model made of them before, what it makes now, and the mask."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from panosod_core.training.examples import Examples
from panosod_viewer.colour_maps import colour_table

COLUMNS = ("Before", "Now", "Mask")
_PICTURE = Qt.ItemDataRole.UserRole
_PADDING = 3
_OPACITY = 0.75


class ExamplesTable(QTableWidget):
    """A row a frame; Enter or a double click goes there.

    Args:
        parent: Qt parent.

    Signals:
        frame_chosen (str, int): clip and number of a frame.
    """

    frame_chosen = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setAccessibleName("Frames of the check set, before and now")
        self.setHorizontalHeaderLabels(list(COLUMNS))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setItemDelegate(_PictureDelegate(self))
        self.horizontalHeader().sectionResized.connect(lambda *_: self._fit_rows())
        self.itemActivated.connect(lambda item: self._chosen(item.row()))
        self._examples: Examples | None = None

    def set_examples(self, examples: Examples | None, *, is_done: bool = False) -> None:
        """Show these; None: there are none yet.

        Args:
            examples: the frames.
            is_done: nothing more is learnt; these are of the new model.
        """
        now = "New model" if is_done else "Now" if examples is None else f"Now, step {examples.step}"
        self.setHorizontalHeaderLabels(["In use" if is_done else "Before", now, "Mask"])
        if examples is self._examples:
            return
        self._examples = examples
        count = 0 if examples is None else len(examples.numbers)
        self.setRowCount(count)
        for row in range(count):
            if examples is not None:
                self._show_row(row, examples)
        self._fit_rows()

    def _show_row(self, row: int, examples: Examples) -> None:
        clip, number, picture = examples.clips[row], examples.numbers[row], examples.pictures[row]
        self.setVerticalHeaderItem(row, QTableWidgetItem(f"{_short(clip)}\nframe {number}"))
        self.verticalHeaderItem(row).setToolTip(clip)
        for column, name in enumerate(("before", "now", "truth")):
            item = QTableWidgetItem()
            item.setData(_PICTURE, _pixmap(laid_over(picture, getattr(examples, name)[row])))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{COLUMNS[column]}: {clip}, frame {number}")
            item.setToolTip("Enter goes to this frame")
            self.setItem(row, column, item)

    def _fit_rows(self) -> None:
        examples = self._examples
        if examples is not None and len(examples.numbers):
            height, width = examples.truth.shape[1:]
            column = max(self.columnWidth(0), 40) - 2 * _PADDING
            high = round(column * height / width) + 2 * _PADDING
            for row in range(self.rowCount()):
                self.setRowHeight(row, high)

    def _chosen(self, row: int) -> None:
        if self._examples is not None:
            self.frame_chosen.emit(self._examples.clips[row], self._examples.numbers[row])


class _PictureDelegate(QStyledItemDelegate):
    """Draws a picture as large as its cell holds."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """A frame around it where it is selected."""
        picture = index.data(_PICTURE)
        if not isinstance(picture, QPixmap):
            return
        room: QRect = option.rect.adjusted(_PADDING, _PADDING, -_PADDING, -_PADDING)
        size = picture.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(room.center().x() - size.width() // 2, room.top(), size.width(), size.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(place, picture)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(option.palette.highlight().color(), 2))
            painter.drawRect(place)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, _: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """The cell's own."""
        return option.rect.size()


def laid_over(picture: NDArray[np.uint8], shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A map in the colours of the saliency over a dimmed picture: (H, W, 3) uint8.

    Args:
        picture: (H, W, 3) uint8.
        shown: (H, W) uint8.
    """
    grey = 0.8 * picture.astype(np.float32).mean(axis=-1, keepdims=True)
    share = _OPACITY * shown[..., None].astype(np.float32) / 255
    mixed = (1 - share) * grey + share * colour_table("ember")[shown]
    return np.asarray(np.rint(mixed), np.uint8)


def _pixmap(rgb: NDArray[np.uint8]) -> QPixmap:
    whole = np.ascontiguousarray(rgb)
    height, width = whole.shape[:2]
    return QPixmap.fromImage(QImage(whole.data, width, height, 3 * width, QImage.Format.Format_RGB888))


def _short(name: str, most: int = 14) -> str:
    return name if len(name) <= most else f"{name[: most - 5]}…{name[-4:]}"
