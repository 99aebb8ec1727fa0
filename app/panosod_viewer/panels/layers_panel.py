"""The list of what lies over the picture: eyes, opacities, legends, the threshold, and comparing two sources."""

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.colour_maps import FALSE_ALARM_RGB, HIT_RGB, MISS_RGB
from panosod_viewer.layers import Comparison, Cut, LayerChoices, LayerId, LayerPictures, SourceId, threshold_of
from panosod_viewer.overlays import MapImage, Rgb
from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.labels import ElidedLabel, set_role
from panosod_viewer.widgets.layer_row import LayerRow
from panosod_viewer.widgets.sliders import ShareSlider

LAYER_NAMES: dict[LayerId, str] = {
    LayerId.ANNOTATION: "Annotation",
    LayerId.TRUTH: "Ground truth",
    LayerId.ONION: "Onion skin",
    LayerId.SALIENCY: "Saliency",
    LayerId.LOCATION: "Sound location",
    LayerId.ENERGY: "Sound energy",
}
"""In the order of the list: what lies on top stands on top."""
_MAPS = frozenset({LayerId.SALIENCY, LayerId.LOCATION, LayerId.ENERGY})
_COMPARISONS = {
    Comparison.OFF: "Off",
    Comparison.SIDE_BY_SIDE: "Side by side",
    Comparison.SPLIT: "Split line",
    Comparison.DIFFERENCE: "Difference",
}
_SOURCES = {
    SourceId.MODEL: "Model",
    SourceId.SECOND: "Second model",
    SourceId.TRUTH: "Ground truth",
    SourceId.ANNOTATION: "Annotation",
}
NOTES: dict[LayerId, str] = {
    LayerId.ANNOTATION: "No project open",
    LayerId.TRUTH: "None beside this clip",
    LayerId.ONION: "No project open",
    LayerId.SALIENCY: "No model loaded",
    LayerId.LOCATION: "No model loaded",
    LayerId.ENERGY: "No clip open",
}
"""What stands there until somebody knows better."""


class LayersPanel(QWidget):
    """State comes in by setters; what the person wants goes out as the choices that should hold.

    Signals:
        choices_wished (LayerChoices): the choices with one thing changed.
    """

    choices_wished = Signal(object)

    def __init__(self, keys: Mapping[LayerId, str] | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Layers")
        self._choices = LayerChoices()
        self._pictures = LayerPictures()
        self._notes = dict(NOTES)
        self.rows = {
            layer: LayerRow(name, key=(keys or {}).get(layer, ""), is_map=layer in _MAPS)
            for layer, name in LAYER_NAMES.items()
        }
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(SPACING_PX, SPACING_PX // 2, SPACING_PX, SPACING_PX)
        column.setSpacing(SPACING_PX // 2)
        for layer, row in self.rows.items():
            column.addWidget(row)
            self._join(layer, row)
            if layer is LayerId.SALIENCY:
                column.addWidget(self._make_threshold())
        self.hide_all = TextButton("Hide all")
        self.hide_all.setToolTip("Hide everything over the picture, and show it again (H)")
        self.hide_all.clicked.connect(lambda: self._wish(are_hidden=not self._choices.are_hidden))
        column.addWidget(self.hide_all)
        column.addWidget(_rule())
        column.addWidget(self._make_comparison())
        column.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setMinimumWidth(232)
        self.set_choices(self._choices)
        self._show_pictures()

    # --- state in ---

    def set_choices(self, choices: LayerChoices) -> None:
        """What holds now."""
        self._choices = choices
        for layer, choice in choices.layers:
            self.rows[layer].set_choice(choice, is_hidden=choices.are_hidden)
        saliency = choices.of(LayerId.SALIENCY)
        self._threshold_box.setVisible(
            (saliency.is_shown or choices.comparison is not Comparison.OFF) and not choices.are_hidden
        )
        self.cut.setCurrentIndex(list(Cut).index(choices.cut))
        self.threshold.slider.setEnabled(choices.cut is Cut.RAW)
        self.fill.setCurrentIndex(int(choices.is_binary))
        self.contour.setChecked(choices.has_contour)
        self.hide_all.setText("Show again" if choices.are_hidden else "Hide all")
        self.comparison.setCurrentIndex(list(_COMPARISONS).index(choices.comparison))
        self.first.setCurrentIndex(list(_SOURCES).index(choices.first))
        self.second.setCurrentIndex(list(_SOURCES).index(choices.second))
        self._show_comparison()
        self._show_threshold()

    def set_keys(self, keys: Mapping[LayerId, str], *, hide_all: str) -> None:
        """The keys in force, "" for none: of the layers' eyes, and of hiding all."""
        for layer, row in self.rows.items():
            row.set_key(keys.get(layer, ""))
        text = "Hide everything over the picture, and show it again"
        self.hide_all.setToolTip(f"{text} ({hide_all})" if hide_all else text)

    def set_pictures(self, pictures: LayerPictures) -> None:
        """What there is to show."""
        self._pictures = pictures
        # Maps come with every frame: a closed list is brought up to date when it opens.
        if self.isVisible():
            self._show_pictures()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Show what has come while the list was closed."""
        super().showEvent(event)
        self._show_pictures()

    def _show_pictures(self) -> None:
        pictures = self._pictures
        for layer, row in self.rows.items():
            row.set_note("" if pictures.has(layer) else self._notes[layer])
        for layer, image in (
            (LayerId.SALIENCY, pictures.saliency),
            (LayerId.LOCATION, pictures.location),
            (LayerId.ENERGY, pictures.energy),
        ):
            self.rows[layer].set_ends(*_ends(layer, image))
        self._show_comparison()
        self._show_threshold()

    def set_note(self, layer: LayerId, text: str) -> None:
        """Why there is nothing of a layer."""
        self._notes[layer] = text
        self.rows[layer].set_note("" if self._pictures.has(layer) else text)

    # --- wishes out ---

    def _wish(self, **fields: object) -> None:
        self.choices_wished.emit(replace(self._choices, **fields))  # type: ignore[arg-type]  # names are checked there

    def _join(self, layer: LayerId, row: LayerRow) -> None:
        def with_layer(**fields: object) -> None:
            self.choices_wished.emit(self._choices.with_layer(layer, **fields))  # type: ignore[arg-type]  # as above

        row.eye_clicked.connect(lambda: self.choices_wished.emit(self._choices.toggled(layer)))
        row.opacity_changed.connect(lambda value: with_layer(opacity=value))
        row.colours_chosen.connect(lambda name: with_layer(colours=name))
        row.display_chosen.connect(lambda display: with_layer(display=display))

    # --- showing ---

    def _show_threshold(self) -> None:
        self.threshold.set_value(threshold_of(self._choices, self._pictures.saliency))

    def _show_comparison(self) -> None:
        choices = self._choices
        is_on = choices.comparison is not Comparison.OFF
        self._sources.setVisible(is_on)
        self._legend.setVisible(choices.comparison is Comparison.DIFFERENCE)
        is_difference = choices.comparison is Comparison.DIFFERENCE
        self._first_label.setText("Judged" if is_difference else "Left")
        self._second_label.setText("By" if is_difference else "Right")
        missing = [
            _SOURCES[source].lower()
            for source in dict.fromkeys((choices.first, choices.second))
            if self._pictures.source(source) is None
        ]
        self._missing.setText(f"There is no {' and no '.join(missing)} here" if missing else "")
        self._missing.setVisible(is_on and bool(missing))

    # --- making ---

    def _make_threshold(self) -> QWidget:
        self._threshold_box = QWidget()
        grid = QGridLayout(self._threshold_box)
        grid.setContentsMargins(HIT_PX + SPACING_PX, 0, 0, SPACING_PX)
        grid.setSpacing(SPACING_PX // 2)
        self.fill = _combo("Fill of the saliency", ("Soft", "Binary"))
        self.fill.setToolTip("Soft: tinted by probability. Binary: filled above the threshold.")
        self.fill.activated.connect(lambda index: self._wish(is_binary=bool(index)))
        self.cut = _combo("Threshold", ("Fixed", "Adaptive"))
        self.cut.setToolTip("Adaptive: twice the mean of the map, at most 1, as the field's metrics have it")
        self.cut.activated.connect(lambda index: self._wish(cut=list(Cut)[index]))
        self.threshold = ShareSlider("Threshold: probability", is_percent=False)
        self.threshold.changed.connect(lambda value: self._wish(threshold=value, cut=Cut.RAW))
        self.contour = QCheckBox("Contour at the threshold")
        self.contour.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.contour.setMinimumHeight(HIT_PX)
        self.contour.clicked.connect(lambda on: self._wish(has_contour=on))
        grid.addWidget(self.fill, 0, 0)
        grid.addWidget(self.cut, 0, 1)
        grid.addWidget(self.threshold, 1, 0, 1, 2)
        grid.addWidget(self.contour, 2, 0, 1, 2)
        return self._threshold_box

    def _make_comparison(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING_PX // 2)
        title = QLabel("Compare")
        set_role(title, "heading")
        self.comparison = _combo("Comparison", tuple(_COMPARISONS.values()))
        self.comparison.activated.connect(lambda index: self._wish(comparison=list(_COMPARISONS)[index]))
        self.first = _combo("First source", tuple(_SOURCES.values()))
        self.first.activated.connect(lambda index: self._wish(first=list(_SOURCES)[index]))
        self.second = _combo("Second source", tuple(_SOURCES.values()))
        self.second.activated.connect(lambda index: self._wish(second=list(_SOURCES)[index]))
        self._first_label, self._second_label = QLabel("Left"), QLabel("Right")
        self._sources = QWidget()
        grid = QGridLayout(self._sources)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(SPACING_PX // 2)
        grid.setColumnStretch(1, 1)
        for line, (label, combo) in enumerate(((self._first_label, self.first), (self._second_label, self.second))):
            set_role(label, "dim")
            grid.addWidget(label, line, 0)
            grid.addWidget(combo, line, 1)
        self._missing = ElidedLabel("")
        set_role(self._missing, "warning")
        self._legend = QWidget()
        chips = QHBoxLayout(self._legend)
        chips.setContentsMargins(0, 0, 0, 0)
        chips.setSpacing(SPACING_PX)
        for text, rgb in (("Hit", HIT_RGB), ("Miss", MISS_RGB), ("False alarm", FALSE_ALARM_RGB)):
            chips.addWidget(_swatch(text, rgb))
        chips.addStretch()
        for part in (title, self.comparison, self._sources, self._legend, self._missing):
            column.addWidget(part)
        return box


def _combo(name: str, texts: tuple[str, ...]) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.addItems(list(texts))
    combo.setMinimumHeight(HIT_PX)
    combo.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(6)
    return combo


def _swatch(text: str, rgb: Rgb) -> QLabel:
    colour = "#" + "".join(f"{round(255 * c):02x}" for c in rgb)
    label = QLabel(f'<span style="color:{colour}">■</span> {text}')
    label.setTextFormat(Qt.TextFormat.RichText)
    return label


def _rule() -> QFrame:
    rule = QFrame()
    rule.setFrameShape(QFrame.Shape.HLine)
    rule.setFrameShadow(QFrame.Shadow.Plain)
    rule.setForegroundRole(QPalette.ColorRole.Light)
    return rule


def _ends(layer: LayerId, image: MapImage | None) -> tuple[str, str, str]:
    """The legend's words: low end, unit, high end."""
    if layer is LayerId.SALIENCY:
        return "0", "probability", "1"
    if image is None:
        return "", "", ""
    return _number(image.low), image.unit, _number(image.high)


def _number(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")
