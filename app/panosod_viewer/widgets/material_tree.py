"""What a finetuning job would learn from: frames by clip, and in each clip by object, with their states."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from panosod_viewer.theme import theme_of
from panosod_viewer.tools.training import ClipCount, Material

COLUMNS = ("Clip and object", "Frames", "Accepted", "Drafts", "Rejected", "Learnt", "Checked")


class MaterialTree(QTreeWidget):
    """Shows a :class:`Material`.

    Args:
        parent: Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("What will be learnt from")
        self.setColumnCount(len(COLUMNS))
        self.setHeaderLabels(list(COLUMNS))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._material: Material | None = None

    def set_material(self, material: Material | None) -> None:
        """Show these counts; None: not counted yet."""
        if material == self._material:
            return
        self._material = material
        self.clear()
        for clip in material.clips if material is not None else ():
            self._add(clip)
        if self.topLevelItemCount() == 1:
            self.expandToDepth(0)

    def _add(self, clip: ClipCount) -> None:
        name = f"{clip.name} (not found)" if clip.is_missing else clip.name
        numbers = (clip.frames, clip.accepted, clip.drafts, clip.rejected, clip.learn, clip.check)
        line = QTreeWidgetItem(self, [name, *map(str, numbers)])
        line.setToolTip(0, name)
        for column in range(1, len(COLUMNS)):
            line.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if clip.is_missing:
            line.setForeground(0, QBrush(QColor(theme_of(self.palette()).warning)))
            line.setToolTip(0, "The clip's file is not at its place: nothing of it is learnt")
        for thing in clip.objects:
            child = QTreeWidgetItem(line, [thing.name, *map(str, (thing.frames, thing.accepted, thing.drafts))])
            for column in range(1, 4):
                child.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
