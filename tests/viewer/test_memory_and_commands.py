from dataclasses import replace

import pytest
from PySide6.QtCore import QObject

from panosod_viewer import commands
from panosod_viewer.actions import build_actions
from panosod_viewer.memory import Memory
from panosod_viewer.settings import FileChoice, Settings
from panosod_viewer.settings_store import SettingsStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "settings.toml"


def test_what_was_changed_is_there_the_next_time(qapp, path):
    memory = Memory(SettingsStore(path))
    heard = []
    memory.changed.connect(heard.append)
    memory.change(lambda s: replace(s, playback=replace(s.playback, volume=0.3)))
    memory.change(lambda s: s)
    assert len(heard) == 1
    memory.save()
    assert Memory(SettingsStore(path)).settings.playback.volume == 0.3


def test_a_choice_for_a_file_and_its_forgetting(qapp, path, tmp_path):
    memory = Memory(SettingsStore(path))
    memory.choose_for("key", tmp_path / "a.mp4", projection="flat")
    memory.choose_for("key", tmp_path / "a.mp4", sound="fuma")
    choice = memory.settings.choice_for("key")
    assert (choice.projection, choice.sound) == ("flat", "fuma")
    memory.choose_for("key", tmp_path / "a.mp4", projection="auto", sound="auto")
    assert memory.settings.choice_for("key") == FileChoice()


def test_settings_that_cannot_be_written_are_told_once(qapp, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    memory = Memory(SettingsStore(blocked / "settings.toml"))
    told = []
    memory.save_failed.connect(told.append)
    for volume in (0.1, 0.2):
        memory.change(lambda s, v=volume: replace(s, playback=replace(s.playback, volume=v)))
        memory.save()
    assert len(told) == 1


def test_recent_files_can_be_forgotten_one_by_one_and_all(tmp_path):
    settings = Settings().with_recent(tmp_path / "a").with_recent(tmp_path / "b")
    assert settings.without_recent(str(tmp_path / "a")).recent == (str(tmp_path / "b"),)
    assert settings.without_recent().recent == ()


def test_an_action_without_a_command_is_a_mistake_found_at_the_start(qapp):
    parent = QObject()
    with pytest.raises(ValueError, match="differ"):
        commands.connect(build_actions(parent), {"play.toggle": print})
