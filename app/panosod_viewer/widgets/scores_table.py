"""Incumbent against candidate: a table of scores, whole and clip by clip, and the frames that lost most."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from panosod_viewer.theme import theme_of
from panosod_viewer.tools.training import SCORE_NAMES

COLUMNS = ("", "In use", "New", "Better by", "95 % interval", "Frames")
_FRAME = Qt.ItemDataRole.UserRole


class ScoresTable(QTreeWidget):
    """Shows what the judging wrote.

    Args:
        parent: Qt parent.

    Signals:
        frame_chosen (str, int): clip and number of a frame.
    """

    frame_chosen = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Model in use against the new one")
        self.setColumnCount(len(COLUMNS))
        self.setHeaderLabels(list(COLUMNS))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.itemActivated.connect(self._chosen)
        self._evaluation: Mapping[str, Any] | None = None

    def set_evaluation(self, evaluation: Mapping[str, Any] | None) -> None:
        """Show a comparison; None: there is none."""
        if evaluation == self._evaluation:
            return
        self._evaluation = evaluation
        self.clear()
        if evaluation is None:
            return
        verdict = evaluation.get("verdict", {})
        self._add("All checked frames", verdict.get("overall", {}), expanded=True)
        for clip, scores in verdict.get("by_clip", {}).items():
            self._add(clip, scores, expanded=False)
        for title, name in (("Base scenes", "base"), ("All, the one in use as decided as suits it", "control")):
            if verdict.get(name):
                self._add(title, verdict[name], expanded=False)
        self._add_worst(verdict.get("worst", ()))

    def _add(self, title: str, scores: Mapping[str, Any], *, expanded: bool) -> None:
        group = QTreeWidgetItem(self, [title])
        group.setToolTip(0, title)
        for name, words in SCORE_NAMES.items():
            if name in scores:
                found = scores[name]
                line = QTreeWidgetItem(group, [words, *_cells(name, found)])
                theme = theme_of(self.palette())
                colour = theme.good if found["low"] > 0 else theme.error if found["high"] < 0 else theme.text
                line.setForeground(3, QBrush(QColor(colour)))
                for column in range(1, len(COLUMNS)):
                    line.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        group.setExpanded(expanded)
        if "f" in scores and not expanded:
            for column, text in enumerate(_cells("f", scores["f"]), start=1):
                group.setText(column, text)
                group.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _add_worst(self, worst: Any) -> None:
        lost = [(str(clip), int(number), float(gain)) for clip, number, gain in worst if gain < 0]
        if not lost:
            return
        group = QTreeWidgetItem(self, ["Frames that lost most (F); Enter goes there"])
        group.setFirstColumnSpanned(True)
        for clip, number, gain in lost:
            line = QTreeWidgetItem(group, [f"{clip}, frame {number}", "", "", f"{gain:+.3f}"])
            line.setData(0, _FRAME, (clip, number))
            line.setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        group.setExpanded(True)

    def _chosen(self, item: QTreeWidgetItem) -> None:
        frame = item.data(0, _FRAME)
        if frame is not None:
            self.frame_chosen.emit(*frame)


def _cells(name: str, found: Mapping[str, Any]) -> list[str]:
    digits = 1 if name == "location_deg" else 3
    before, after, gain = (found[key] for key in ("incumbent", "candidate", "gain"))
    low, high = found["low"], found["high"]
    interval = f"{low:+.{digits}f} to {high:+.{digits}f}"
    return [f"{before:.{digits}f}", f"{after:.{digits}f}", f"{gain:+.{digits}f}", interval, str(found["frames"])]
