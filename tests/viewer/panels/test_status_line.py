"""The status line says what was found and why, offers other choices, and stays one line."""

import itertools

import pytest
from PySide6.QtWidgets import QWidget

from panosod_viewer.panels.status_line import StatusLine
from panosod_viewer.widgets.labels import ElidedLabel


@pytest.fixture
def line(shown) -> StatusLine:
    made = StatusLine()
    made.set_projection("Equirectangular, top-bottom", "sv3d")
    made.set_sound("FOA AmbiX + 2 head-locked", "SA3D", ())
    made.set_decoder("MagLS, KEMAR")
    made.set_motion_to_sound_ms(27.4)
    return shown(made, 1400)


def named(parent: QWidget, name: str) -> QWidget:
    (found,) = [w for w in parent.findChildren(QWidget) if w.accessibleName() == name]
    return found


def texts(line: StatusLine) -> list[str]:
    return [w.text() for w in line.findChildren(ElidedLabel) if w.isVisible()]


def test_what_was_found_and_why(line):
    chip = named(line, "Projection")
    assert chip.full_text == "Equirectangular, top-bottom · sv3d"
    assert "Decided by: sv3d" in chip.toolTip()
    assert chip.accessibleDescription() == chip.full_text
    line.set_sound("Stereo", "2 channels", ["played <as> is"])
    assert "⚠ played &lt;as&gt; is" in named(line, "Sound").toolTip()


def test_figures(line):
    line.set_dropped(0)
    line.set_underruns(1)
    line.set_view(-12.4, 3.0, 90.0)
    line.set_pointer(-0.2, 45.0)
    assert texts(line) == [
        "MagLS, KEMAR",
        "27 ms to sound",
        "0 dropped",
        "1 underrun",
        "az 0°  el 45°",
        "yaw −12°  pitch 3°  fov 90°",
    ]
    assert named(line, "Underruns").property("role") == "warning"
    assert named(line, "Dropped frames").property("role") == "dim"
    line.set_pointer(None, None)
    line.set_motion_to_sound_ms(None)
    line.set_decoder("")
    assert texts(line) == ["0 dropped", "1 underrun", "yaw −12°  pitch 3°  fov 90°"]
    line.set_has_view(False)
    assert texts(line) == ["0 dropped", "1 underrun"]
    line.set_has_view(True)
    line.set_underruns(None)
    assert texts(line) == ["0 dropped", "yaw −12°  pitch 3°  fov 90°"]


@pytest.mark.parametrize(
    ("name", "signal", "setter"),
    [
        ("Sound", "sound_chosen", "set_sound_choices"),
        ("Projection", "projection_chosen", "set_projection_choices"),
    ],
)
def test_choices(line, qtbot, name, signal, setter):
    choices = [("auto", "Automatic", True), ("fuma", "FuMa", True), ("n3d", "N3D", False)]
    for current in ("auto", "fuma"):  # set twice: the menu is replaced, not doubled
        getattr(line, setter)(choices, current)
    actions = named(line, name).menu().actions()
    assert [(a.text(), a.isChecked(), a.isEnabled()) for a in actions] == [
        ("Automatic", False, True),
        ("FuMa", True, True),
        ("N3D", False, False),
    ]
    with qtbot.waitSignal(getattr(line, signal)) as chosen:
        actions[0].trigger()
    assert chosen.args == ["auto"]


@pytest.mark.parametrize("width", [1600, 1000, 700, 420, 260])
def test_narrow_windows(shown, width):
    line = StatusLine()
    line.set_projection("Equirectangular, top-bottom", "sv3d")
    line.set_sound("FOA AmbiX + 2 head-locked", "SA3D", ["4+2 in AAC 5.1: X may be low-passed"])
    line.set_decoder("MagLS, KEMAR")
    line.set_motion_to_sound_ms(27.4)
    line.set_pointer(45, 45)
    shown(line, width)
    visible = [w for w in line.children() if isinstance(w, QWidget) and w.isVisible()]
    assert {named(line, "Projection"), named(line, "Sound")} <= set(visible)
    assert max(w.geometry().right() for w in visible) < width
    for a, b in itertools.pairwise(visible):
        assert a.geometry().right() < b.geometry().left()
    for label in visible:
        if isinstance(label, ElidedLabel) and label.accessibleName() != "Decoder":
            assert not label.is_elided()  # figures are whole or absent
    chip = named(line, "Projection")
    assert chip.full_text == "Equirectangular, top-bottom · sv3d"
    assert (chip.text() == chip.full_text) == (width >= 700)


HINTS = (
    "Strokes add, Ctrl strokes take away · Enter takes it · Backspace takes one back · Esc drops it",
    "Click the first corner or press Enter to close · Backspace takes one back · Esc cancels",
    "Drag the object over the sphere · Shift turns it about its middle",
)


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize(("width", "is_whole"), [(1000, True), (634, True), (330, False)])
def test_how_a_tool_works_can_be_read_in_small_windows(shown, hint, width, is_whole):
    """A window of 1000 pixels has 634 of them left beside the list of objects."""
    line = StatusLine()
    line.set_projection("Equirectangular, top-bottom", "sv3d")
    line.set_sound("FOA AmbiX + 2 head-locked", "SA3D", ())
    line.set_decoder("MagLS, KEMAR")
    height = line.sizeHint().height()
    line.set_hint(hint)
    assert line.sizeHint().height() == height, "the picture above does not move"
    shown(line, width)
    label = named(line, "What the tool does")
    assert label.isVisible() and label.is_elided() != is_whole and label.toolTip() == hint
