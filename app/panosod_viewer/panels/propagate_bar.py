"""Carrying masks to other frames: how far, how, which way; and while it runs, how far it is."""

from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.theme import SPACING_PX
from panosod_viewer.tools.carrying import CarryState, CarryWish
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.labels import ElidedLabel, set_role

MOST_FRAMES = 10_000


class PropagateBar(QWidget):
    """State in, intents out.

    Signals:
        wished (object): the CarryWish as the person wants it.
        carry_requested (int): to the next frames (+1) or those before (-1).
        key_requested (int): up to the next key frame (+1) or back to the last (-1).
        between_requested (), stop_requested ().
    """

    wished = Signal(object)
    carry_requested = Signal(int)
    key_requested = Signal(int)
    between_requested = Signal()
    stop_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Propagate")
        self._wish = CarryWish()
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACING_PX, SPACING_PX // 2, SPACING_PX, SPACING_PX // 2)
        column.setSpacing(SPACING_PX // 2)
        heading = QLabel("Propagate")
        set_role(heading, "heading")
        column.addWidget(heading)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._make_choices())
        self._pages.addWidget(self._make_running())
        column.addWidget(self._pages)
        self.set_wish(self._wish)

    # --- state in

    def set_wish(self, wish: CarryWish) -> None:
        """How masks are carried."""
        self._wish = wish
        for widget in (self.frames, self.objects, self.guided, self.follows):
            widget.blockSignals(True)
        self.frames.setValue(wish.frames)
        self.objects.setCurrentIndex(0 if wish.all_objects else 1)
        self.guided.setChecked(wish.guided)
        self.follows.setChecked(wish.follows)
        for widget in (self.frames, self.objects, self.guided, self.follows):
            widget.blockSignals(False)

    def set_state(self, state: CarryState | None) -> None:
        """How far a running one is; None where none runs."""
        self._pages.setCurrentIndex(0 if state is None else 1)
        if state is not None:
            self.progress.setValue(round(1000 * state.share))
            self.words.setText(state.words)

    # --- making

    def _make_choices(self) -> QWidget:
        page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(SPACING_PX // 2)
        self.back = TextButton("◀ Back")
        self.back.setToolTip("Carry the masks of this frame to the frames before it")
        self.frames = QSpinBox()
        self.frames.setRange(1, MOST_FRAMES)
        self.frames.setSuffix(" frames")
        self.frames.setAccessibleName("Frames to carry masks over")
        self.forward = TextButton("On ▶")
        self.forward.setToolTip("Carry the masks of this frame to the frames after it")
        self.to_key_back = TextButton("◀ Key")
        self.to_key_back.setToolTip("Back to the last painted frame, or the last key frame")
        self.between = TextButton("Between")
        self.between.setToolTip("Fill the frames between the painted ones before and after this one")
        self.to_key = TextButton("Key ▶")
        self.to_key.setToolTip("Up to the next painted frame, or the next key frame")
        self.objects = QComboBox()
        self.objects.addItems(["All objects of the frame", "The selected object"])
        self.objects.setAccessibleName("Which objects are carried")
        self.guided = QCheckBox("Guided by the model")
        self.guided.setToolTip("The model's maps settle outlines where there are any")
        self.follows = QCheckBox("Picture follows")
        self.follows.setToolTip("Show the frames as masks reach them")
        rows = ((self.back, self.frames, self.forward), (self.to_key_back, self.between, self.to_key))
        for row, widgets in enumerate(rows):
            line = QHBoxLayout()
            line.setSpacing(SPACING_PX // 2)
            for widget in widgets:
                line.addWidget(widget, 1)
            grid.addLayout(line, row, 0, 1, 2)
        grid.addWidget(self.objects, 2, 0, 1, 2)
        grid.addWidget(self.guided, 3, 0)
        grid.addWidget(self.follows, 3, 1)
        self.back.clicked.connect(lambda: self.carry_requested.emit(-1))
        self.forward.clicked.connect(lambda: self.carry_requested.emit(+1))
        self.to_key_back.clicked.connect(lambda: self.key_requested.emit(-1))
        self.to_key.clicked.connect(lambda: self.key_requested.emit(+1))
        self.between.clicked.connect(self.between_requested)
        self.frames.valueChanged.connect(lambda n: self._wish_for(frames=n))
        self.objects.currentIndexChanged.connect(lambda n: self._wish_for(all_objects=n == 0))
        self.guided.toggled.connect(lambda on: self._wish_for(guided=on))
        self.follows.toggled.connect(lambda on: self._wish_for(follows=on))
        return page

    def _make_running(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING_PX // 2)
        self.words = ElidedLabel(name="How far masks have been carried")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.stop = TextButton("Stop")
        self.stop.setToolTip("Stop here; what has been carried stays, one step for undo")
        self.stop.clicked.connect(self.stop_requested)
        for widget in (self.words, self.progress, self.stop):
            column.addWidget(widget)
        column.addStretch()
        return page

    def _wish_for(self, **fields: object) -> None:
        self._wish = replace(self._wish, **fields)  # type: ignore[arg-type]  # names and types as the widgets give them
        self.wished.emit(self._wish)
