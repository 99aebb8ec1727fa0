"""Keys of a person's own choice: kept, refused where taken, listed in the help."""

from pathlib import Path

import pytest

from panosod_viewer.actions import ACTIONS, build_actions, help_rows
from panosod_viewer.key_map import KeyMap
from panosod_viewer.settings import Settings
from panosod_viewer.settings_store import SettingsStore


def test_every_action_of_annotating_has_a_key(qapp):
    keys = KeyMap(ACTIONS)
    assert not [a.id for a in ACTIONS if a.id.startswith(("annotate.", "project.")) and not keys.keys(a.id)]


def test_a_taken_key_is_refused_with_the_other_actions_name(qapp):
    keys = KeyMap(ACTIONS)
    told = keys.assign("annotate.wand", "b")
    assert "Brush" in told
    assert keys.keys("annotate.wand") == ("W",)
    assert keys.chosen == ()


def test_a_free_key_is_taken_and_the_old_one_becomes_free(qapp):
    keys = KeyMap(ACTIONS)
    assert keys.assign("annotate.brush", "Ctrl+Alt+Z") == ""
    assert keys.assign("annotate.wand", "B") == ""
    assert keys.keys("annotate.wand") == ("B",)
    assert "Wand" in keys.restore("annotate.brush")
    assert keys.restore("annotate.wand") == ""
    assert keys.restore("annotate.brush") == ""
    assert keys.chosen == ()


def test_two_actions_may_have_changed_places(qapp):
    keys = KeyMap(ACTIONS, {"annotate.brush": "W", "annotate.wand": "B"})
    assert (keys.keys("annotate.brush"), keys.keys("annotate.wand")) == (("W",), ("B",))
    assert not keys.warnings


@pytest.mark.parametrize("text", ["E", "Return", "no key at all"])
def test_a_setting_that_cannot_be_is_told_and_the_usual_key_stays(qapp, text):
    keys = KeyMap(ACTIONS, {"annotate.brush": text})
    assert keys.keys("annotate.brush") == ("B",)
    assert len(keys.warnings) == 1 and "keys.annotate.brush" in keys.warnings[0]


def test_an_action_may_have_no_key(qapp):
    keys = KeyMap(ACTIONS)
    assert keys.assign("annotate.brush", "") == ""
    assert keys.keys("annotate.brush") == ()
    assert "annotate.brush" not in [row.id for row in help_rows(keys.keys)]
    assert dict(keys.chosen) == {"annotate.brush": ""}


def test_qt_and_the_help_have_the_keys_in_force(qapp):
    from PySide6.QtCore import QObject

    parent = QObject()
    actions = build_actions(parent)
    keys = KeyMap(ACTIONS, {"annotate.brush": "Ctrl+Alt+Z"})
    keys.apply(actions)
    assert actions["annotate.brush"].shortcut().toString() == "Ctrl+Alt+Z"
    assert next(row for row in help_rows(keys.keys) if row.id == "annotate.brush").keys == ("Ctrl+Alt+Z",)


def test_chosen_keys_survive_in_the_settings(tmp_path: Path):
    store = SettingsStore(tmp_path / "settings.toml")
    store.load()
    store.save(Settings(keys=(("annotate.brush", "Ctrl+Alt+Z"), ("annotate.wand", ""))))
    again, warnings = SettingsStore(tmp_path / "settings.toml").load()
    assert again.keys == (("annotate.brush", "Ctrl+Alt+Z"), ("annotate.wand", ""))
    assert not warnings


def test_keys_may_be_written_without_quotes(tmp_path: Path):
    (tmp_path / "settings.toml").write_text('[keys]\nannotate.brush = "Ctrl+Alt+Z"\n')
    settings, _ = SettingsStore(tmp_path / "settings.toml").load()
    assert settings.keys == (("annotate.brush", "Ctrl+Alt+Z"),)
