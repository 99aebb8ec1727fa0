"""Sound settings: choices go out, state comes in silently, what does not apply is off."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QFileDialog, QLabel, QPushButton, QSlider, QToolButton

from panosod_viewer.panels.audio_dialog import MIN_GAIN_DB, AudioDialog


@pytest.fixture
def dialog(shown) -> AudioDialog:
    return shown(AudioDialog(), 500)


def combo(dialog, name) -> QComboBox:
    return next(c for c in dialog.findChildren(QComboBox) if c.accessibleName() == name)


def button(dialog, text) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.text() == text)


def visible_texts(dialog) -> list[str]:
    return [w.text() for w in dialog.findChildren(QLabel) if w.isVisible()]


def test_devices(dialog):
    heard = []
    dialog.device_chosen.connect(heard.append)
    dialog.set_devices([("", "Default"), ("b", "Bee")], "b")
    chooser = combo(dialog, "Device")
    assert (chooser.currentText(), heard) == ("Bee", [])
    chooser.setFocus()
    QTest.keyClick(chooser, Qt.Key.Key_Up)
    assert heard == [""]


def test_the_decoder_is_named_and_no_choice_is_offered_where_there_is_none(dialog):
    dialog.set_decoder("Order 1: MagLS, 384 taps")
    assert {"Decoder", "Order 1: MagLS, 384 taps"} <= set(visible_texts(dialog))
    dialog.set_decoder("")
    assert "Decoder" not in visible_texts(dialog)


def test_a_vanished_device_stays_visible(dialog):
    dialog.set_devices([("", "Default")], "usb headset")
    assert combo(dialog, "Device").currentText() == "usb headset (not found)"
    dialog.set_device_hint("It was unplugged.")
    assert "It was unplugged." in visible_texts(dialog)
    dialog.set_device_hint("")
    assert "It was unplugged." not in visible_texts(dialog)


def test_hrtf_sets(dialog, qtbot):
    embedded = button(dialog, "Embedded")
    assert not embedded.isEnabled()
    dialog.set_sofa(Path("/x/mine.sofa"), "358 directions")
    assert {"mine.sofa", "358 directions"} <= set(visible_texts(dialog))
    with qtbot.waitSignal(dialog.sofa_chosen) as back:
        QTest.mouseClick(embedded, Qt.MouseButton.LeftButton)
    assert back.args == [""]


def test_the_file_dialog_does_not_block(dialog, qtbot, tmp_path):
    file = tmp_path / "a.sofa"
    file.write_bytes(b"x")
    QTest.mouseClick(button(dialog, "Choose file…"), Qt.MouseButton.LeftButton)
    browser = dialog.findChild(QFileDialog)
    assert browser is not None
    with qtbot.waitSignal(dialog.sofa_chosen) as chosen:
        browser.fileSelected.emit(str(file))
    assert chosen.args == [str(file)]
    browser.close()


def test_head_locked_gain(dialog, qtbot):
    slider = dialog.findChild(QSlider)
    assert not slider.isEnabled() and "no channels" in slider.toolTip()
    heard = []
    dialog.head_locked_gain_changed.connect(heard.append)
    dialog.set_head_locked(available=True, gain_db=-6.0)
    assert heard == [] and "−6.0 dB" in visible_texts(dialog)
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert heard == [-5.5]
    slider.setValue(2 * MIN_GAIN_DB)
    assert heard[-1] == MIN_GAIN_DB and "off" in visible_texts(dialog)


def test_other_wishes(dialog, qtbot):
    with qtbot.waitSignal(dialog.devices_refresh_requested):
        QTest.mouseClick(
            next(b for b in dialog.findChildren(QToolButton) if "again" in b.accessibleName()),
            Qt.MouseButton.LeftButton,
        )
    with qtbot.waitSignal(dialog.sound_check_requested):
        QTest.mouseClick(button(dialog, "Play a burst from the front"), Qt.MouseButton.LeftButton)
