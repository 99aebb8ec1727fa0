"""The list of layers: shows what holds, asks for what is wanted."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from panosod_viewer.layers import Comparison, Cut, LayerChoices, LayerId, LayerPictures, SourceId
from panosod_viewer.overlays import MapImage, label_image
from panosod_viewer.palettes import LabelDisplay
from panosod_viewer.panels.layers_panel import LAYER_NAMES, LayersPanel


@pytest.fixture
def panel(qtbot):
    made = LayersPanel({layer: f"F{n}" for n, layer in enumerate(LayerId, start=2)})
    qtbot.addWidget(made)
    made.resize(280, 900)
    made.show()
    return made


@pytest.fixture
def wishes(panel) -> list[LayerChoices]:
    """What it asks for; every wish is granted, as the state would."""
    asked: list[LayerChoices] = []
    panel.choices_wished.connect(asked.append)
    panel.choices_wished.connect(panel.set_choices)
    return asked


def choose(combo, index: int) -> None:
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


@pytest.mark.parametrize("layer", list(LayerId))
def test_an_eye_asks_for_its_layer(panel, wishes, layer: LayerId) -> None:
    before = LayerChoices().of(layer).is_shown
    QTest.mouseClick(panel.rows[layer].eye, Qt.MouseButton.LeftButton)
    assert wishes[-1] == LayerChoices().toggled(layer)
    assert panel.rows[layer].opacity.isVisible() is not before
    verb = "Show" if before else "Hide"
    assert panel.rows[layer].eye.accessibleName() == f"{verb} {LAYER_NAMES[layer].lower()}"


def test_opacity_colours_and_display(panel, wishes) -> None:
    panel.set_choices(LayerChoices().showing([layer.value for layer in LayerId]))
    panel.rows[LayerId.ENERGY].opacity.slider.setValue(30)
    assert wishes[-1].of(LayerId.ENERGY).opacity == pytest.approx(0.3)
    panel.rows[LayerId.SALIENCY].bar.menu().actions()[3].trigger()
    assert wishes[-1].of(LayerId.SALIENCY).colours == "ice"
    choose(panel.rows[LayerId.TRUTH].display, 2)
    assert wishes[-1].of(LayerId.TRUTH).display is LabelDisplay.CUT_OUT
    assert wishes[-1].of(LayerId.ENERGY).opacity == pytest.approx(0.3), "earlier wishes hold"


def test_threshold(panel, wishes) -> None:
    image = MapImage(np.full((8, 16), 51, np.uint8))
    panel.set_pictures(LayerPictures(saliency=image))
    panel.threshold.slider.setValue(70)
    assert wishes[-1].threshold == pytest.approx(0.7) and wishes[-1].cut is Cut.RAW
    choose(panel.cut, 1)
    assert wishes[-1].cut is Cut.ADAPTIVE
    assert panel.threshold.slider.value() == 40 and not panel.threshold.slider.isEnabled()
    choose(panel.fill, 1)
    assert wishes[-1].is_binary
    panel.contour.click()
    assert not wishes[-1].has_contour


def test_hide_all(panel, wishes) -> None:
    panel.hide_all.click()
    assert wishes[-1].are_hidden and panel.hide_all.text() == "Show again"
    assert not panel.rows[LayerId.SALIENCY].opacity.isVisible()
    panel.hide_all.click()
    assert not wishes[-1].are_hidden


def test_comparison(panel, wishes) -> None:
    assert not panel.first.isVisible()
    choose(panel.comparison, 3)
    assert wishes[-1].comparison is Comparison.DIFFERENCE
    assert panel.first.isVisible() and panel._legend.isVisible()
    assert panel._missing.text() == "There is no model and no ground truth here"
    choose(panel.second, 1)
    assert wishes[-1].second is SourceId.SECOND
    labels = label_image(np.ones((8, 16), np.uint8))
    panel.set_choices(replace(wishes[-1], first=SourceId.ANNOTATION, second=SourceId.TRUTH))
    panel.set_pictures(LayerPictures(truth=labels, annotation=labels))
    assert not panel._missing.isVisible()


def test_what_is_not_there_says_why(panel) -> None:
    panel.set_note(LayerId.ENERGY, "This sound has no directions")
    row = panel.rows[LayerId.ENERGY]
    assert row._note.text() == "This sound has no directions" and row._note.isVisible()
    panel.set_pictures(LayerPictures(energy=MapImage(np.zeros((8, 16), np.uint8), -32.0, -20.0, "dBFS")))
    assert not row._note.isVisible()
    assert row.bar._ends == ("−32", "dBFS", "−20")
    panel.set_pictures(LayerPictures())
    assert row._note.text() == "This sound has no directions"


def test_arrow_keys_move_the_slider_that_has_the_focus(panel, wishes) -> None:
    slider = panel.threshold.slider
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert wishes[-1].threshold == pytest.approx(0.51)
