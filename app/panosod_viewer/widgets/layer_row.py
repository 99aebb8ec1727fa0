"""One layer of the list: its eye, its name and key, and, while it shows, its opacity, legend and display."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from panosod_viewer.colour_maps import COLOUR_MAPS
from panosod_viewer.layers import LEAST_OPACITY, LayerChoice
from panosod_viewer.palettes import LabelDisplay
from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.widgets.buttons import IconButton
from panosod_viewer.widgets.colour_bar import ColourBar
from panosod_viewer.widgets.labels import ElidedLabel, set_role
from panosod_viewer.widgets.sliders import ShareSlider

_DISPLAYS = {
    LabelDisplay.TINT: "Tint and contour",
    LabelDisplay.CONTOUR: "Contour",
    LabelDisplay.CUT_OUT: "Cut out",
}


class LayerRow(QWidget):
    """Shows what it is told, asks for changes.

    Signals:
        eye_clicked ().
        opacity_changed (float), colours_chosen (str), display_chosen (LabelDisplay).
    """

    eye_clicked = Signal()
    opacity_changed = Signal(float)
    colours_chosen = Signal(str)
    display_chosen = Signal(object)

    def __init__(self, name: str, *, key: str, is_map: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._key = key
        self._is_open = False
        self.eye = IconButton("eye", f"Show {name.lower()}")
        self.eye.clicked.connect(self.eye_clicked)
        self._title = ElidedLabel(name)
        self._hint = ElidedLabel(key, min_px=None)
        set_role(self._hint, "dim")
        self._note = ElidedLabel("", min_px=24)
        set_role(self._note, "dim")
        self.opacity = ShareSlider(f"Opacity of {name.lower()}", least=LEAST_OPACITY)
        self.opacity.changed.connect(self.opacity_changed)
        self.bar: ColourBar | None = None
        self.display: QComboBox | None = None
        self._more = QWidget()
        more = QVBoxLayout(self._more)
        more.setContentsMargins(HIT_PX + SPACING_PX, 0, 0, SPACING_PX // 2)
        more.setSpacing(SPACING_PX // 2)
        more.addWidget(self.opacity)
        more.addWidget(self._make_bar() if is_map else self._make_display())
        head = QHBoxLayout()
        head.setSpacing(SPACING_PX // 2)
        head.addWidget(self.eye)
        head.addWidget(self._title, 1)
        head.addWidget(self._hint)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        note = QHBoxLayout()
        note.setContentsMargins(HIT_PX + SPACING_PX, 0, 0, SPACING_PX // 2)
        note.addWidget(self._note)
        column.addLayout(note)
        column.addWidget(self._more)

    def set_key(self, key: str) -> None:
        """The key of its eye, "" for none."""
        self._key = key
        self._hint.setText(key)
        self._name_eye()

    def _name_eye(self) -> None:
        verb = "Hide" if self._is_open else "Show"
        tip = f"{verb} ({self._key})" if self._key else verb
        self.eye.set_name(f"{verb} {self._name.lower()}", tip=tip)

    def set_choice(self, choice: LayerChoice, *, is_hidden: bool) -> None:
        """How the layer is shown now; ``is_hidden``: all layers are hidden for the moment."""
        self._is_open = is_open = choice.is_shown and not is_hidden
        self.eye.set_icon("eye" if is_open else "eye-shut")
        self._name_eye()
        set_role(self._title, "" if is_open else "dim")
        self._more.setVisible(is_open)
        self.opacity.set_value(choice.opacity)
        if self.bar is not None:
            self.bar.set_colours(choice.colours)
        if self.display is not None:
            self.display.setCurrentIndex(list(_DISPLAYS).index(choice.display))

    def set_note(self, text: str) -> None:
        """Why there is nothing to see, "" where there is."""
        self._note.setText(text)
        self._note.setToolTip(text)
        self._note.setVisible(bool(text))

    def set_ends(self, low: str, unit: str, high: str) -> None:
        """What the ends of the colour map stand for."""
        if self.bar is not None:
            self.bar.set_ends(low, unit, high)

    def _make_bar(self) -> QWidget:
        self.bar = ColourBar(COLOUR_MAPS, name=f"Colours of {self._name.lower()}")
        self.bar.chosen.connect(self.colours_chosen)
        return self.bar

    def _make_display(self) -> QWidget:
        self.display = QComboBox()
        self.display.setAccessibleName(f"How {self._name.lower()} is drawn")
        self.display.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.display.setMinimumHeight(HIT_PX)
        for display, text in _DISPLAYS.items():
            self.display.addItem(text, display)
        self.display.activated.connect(lambda index: self.display_chosen.emit(list(_DISPLAYS)[index]))
        return self.display
