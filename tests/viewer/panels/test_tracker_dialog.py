"""The tracker dialog edits one frozen value, shows what comes in, and learns."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QSpinBox

from panosod_viewer.panels.tracker_dialog import EVERYWHERE, TrackerDialog
from panosod_viewer.tracker.config import LOOPBACK, TrackerConfig
from panosod_viewer.tracker.learn import AddressBook
from panosod_viewer.tracker.mapping import HeadMapper
from panosod_viewer.tracker.presets import LEARNED, PRESETS
from panosod_viewer.tracker.receiver import TrackerStatus
from panosod_viewer.tracker.route import AngleUnit, Slot


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dialog(shown, clock) -> TrackerDialog:
    return shown(TrackerDialog(tare_key="T", clock=clock), 520)


@pytest.fixture
def wished(dialog) -> list[TrackerConfig]:
    heard: list[TrackerConfig] = []
    dialog.config_changed.connect(heard.append)
    return heard


def find(dialog, kind, name):
    for each in dialog.findChildren(kind):
        if name in (each.accessibleName(), each.text() if hasattr(each, "text") else ""):
            return each
    raise AssertionError(name)


def choose(combo: QComboBox, data: str) -> None:
    combo.setCurrentIndex(combo.findData(data))


def status_text(dialog) -> str:
    return find(dialog, QLabel, "State of the tracker").text()


def test_every_control_changes_its_field(dialog, wished):
    dialog.findChildren(QCheckBox)[0].setChecked(True)
    choose(find(dialog, QComboBox, "Preset"), "iem")
    choose(find(dialog, QComboBox, "Network"), EVERYWHERE)
    find(dialog, QSpinBox, "Port").setValue(1234)
    for axis in ("yaw", "pitch", "roll"):
        find(dialog, QCheckBox, f"Invert {axis}").setChecked(True)
    assert len(wished) == 7
    assert wished[-1] == TrackerConfig(True, EVERYWHERE, 1234, "iem", True, True, True)


def test_a_preset_brings_its_port(dialog, wished):
    choose(find(dialog, QComboBox, "Preset"), "mach1")
    assert (wished[-1].preset, wished[-1].port) == ("mach1", 9898)


def test_setting_a_configuration_announces_nothing(dialog, wished):
    given = TrackerConfig(True, "192.168.1.5", 7001, "salte", invert_pitch=True)
    dialog.set_config(given)
    assert wished == []
    find(dialog, QCheckBox, "Invert yaw").setChecked(True)
    assert wished[-1] == TrackerConfig(True, "192.168.1.5", 7001, "salte", True, True)


def test_opening_to_the_network_is_warned_of(dialog):
    def warned() -> bool:
        return any(w.isVisible() and "your network" in w.text() for w in dialog.findChildren(QLabel))

    assert find(dialog, QComboBox, "Network").currentData() == LOOPBACK
    assert not warned()
    choose(find(dialog, QComboBox, "Network"), EVERYWHERE)
    assert warned()


def test_doubtful_presets_say_so(dialog):
    for known in PRESETS:
        choose(find(dialog, QComboBox, "Preset"), known.id)
        shown = [w.text() for w in dialog.findChildren(QLabel) if w.isVisible()]
        assert not known.doubt or known.doubt in shown


def test_the_state_is_told(dialog, clock):
    assert status_text(dialog) == "Not listening."
    dialog.set_status(TrackerStatus("127.0.0.1", 9000))
    assert status_text(dialog).endswith("nothing has come yet.")
    clock.now += 2
    dialog.set_status(TrackerStatus("127.0.0.1", 9000, datagrams=200, poses=200, malformed=3, last_sender="127.0.0.1"))
    assert status_text(dialog) == "Listening on 127.0.0.1:9000: 100 messages a second from 127.0.0.1, 3 malformed."
    clock.now += 0.1
    dialog.set_status(TrackerStatus("127.0.0.1", 9000, datagrams=280, poses=280, last_sender="127.0.0.1"))
    assert ": 100 messages a second" in status_text(dialog)  # the figure stands still for a second
    dialog.set_status(TrackerStatus("127.0.0.1", 9000, datagrams=9, unknown=9, last_address="/x", last_sender="me"))
    assert "/x from me means nothing to this preset" in status_text(dialog)
    dialog.set_status(None, error="cannot listen on UDP 127.0.0.1:9000")
    assert status_text(dialog) == "cannot listen on UDP 127.0.0.1:9000"


def test_tare(dialog, qtbot):
    tare = find(dialog, QPushButton, "This is straight ahead (T)")
    assert not tare.isEnabled()
    dialog.set_pose((10.0, 0.0, -5.0))
    with qtbot.waitSignal(dialog.tare_requested):
        QTest.mouseClick(tare, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(dialog.tare_cleared):
        QTest.mouseClick(find(dialog, QPushButton, "Undo"), Qt.MouseButton.LeftButton)


def test_the_dials_turn_and_describe_themselves(dialog):
    dials = next(w for w in dialog.findChildren(object) if getattr(w, "accessibleName", str)() == "Head")
    pictures = []
    for pose in (None, (0, 0, 0), (40, 0, 0), (0, 40, 0), (0, 0, 40)):
        dialog.set_pose(pose)
        pictures.append(dials.grab().toImage())
    assert all(a != b for i, a in enumerate(pictures) for b in pictures[:i])
    assert dials.accessibleDescription() == "Yaw 0 degrees, Pitch 0 degrees, Roll 40 degrees"


def learn_button(dialog) -> QPushButton:
    return find(dialog, QPushButton, "Learn from what comes in…")


def test_learning_makes_a_working_mapping(dialog, wished, qtbot):
    with qtbot.waitSignal(dialog.learn_toggled) as on:
        learn_button(dialog).setChecked(True)
    assert on.args == [True]
    use = find(dialog, QPushButton, "Use this")
    assert not use.isEnabled()
    book = AddressBook()
    for i in range(5):
        book.note("/my/tracker", [float(i), "name", -2.0])
    dialog.set_heard(book.heard())
    choosers = [c for c in dialog.findChildren(QComboBox) if c.accessibleName().startswith("Meaning of")]
    assert len(choosers) == 3
    choose(choosers[0], str(Slot.NONE))
    choose(choosers[1], str(Slot.NONE))
    choose(choosers[2], "-yaw")
    choose(find(dialog, QComboBox, "Angles in"), str(AngleUnit.RADIANS))
    dialog.set_heard(book.heard())  # what comes in meanwhile does not undo the choice
    with qtbot.waitSignal(dialog.learn_toggled) as off:
        QTest.mouseClick(use, Qt.MouseButton.LeftButton)
    assert off.args == [False]
    config = wished[-1]
    assert (config.preset, config.enabled) == (LEARNED, True)
    mapper = HeadMapper(config)
    mapper.feed("/my/tracker", [9.0, "name", -0.5])
    assert mapper.R_world_head[1, 0] == pytest.approx(0.479, abs=1e-3)  # sin 0.5: to the left
    assert find(dialog, QComboBox, "Preset").currentData() == LEARNED


def test_one_meaning_twice_cannot_be_used(dialog):
    learn_button(dialog).setChecked(True)
    book = AddressBook()
    book.note("/a", [1.0, 2.0])
    dialog.set_heard(book.heard())
    choosers = [c for c in dialog.findChildren(QComboBox) if c.accessibleName().startswith("Meaning of")]
    use = find(dialog, QPushButton, "Use this")
    choose(choosers[0], "yaw")
    assert use.isEnabled()
    choose(choosers[1], "yaw")
    assert not use.isEnabled() and "same meaning" in use.toolTip()


def test_closing_ends_learning(dialog, qtbot):
    learn_button(dialog).setChecked(True)
    with qtbot.waitSignal(dialog.learn_toggled) as off:
        dialog.close()
    assert off.args == [False]
