"""The file dialogs start in a folder that is there."""

from pathlib import Path

import pytest
from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget

from panosod_viewer.dialogs import Dialogs


@pytest.fixture
def starts(qtbot, monkeypatch, tmp_path):
    """Where the dialog to open a clip would start, by the recent files."""
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda _: str(tmp_path / "Videos"))
    asked = []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *words: asked.append(words[2]) or ("", ""))
    window = QWidget()
    qtbot.addWidget(window)

    def ask(*recent: str) -> str:
        Dialogs(window).choose_clip(recent)
        return asked[-1]

    return ask


def test_without_a_folder_for_videos_it_starts_at_home(starts, tmp_path):
    assert starts() == str(Path.home())
    (tmp_path / "Videos").mkdir()
    assert starts() == str(tmp_path / "Videos")


def test_it_starts_beside_the_last_clip_while_that_folder_is_there(starts, tmp_path):
    (tmp_path / "Videos").mkdir()
    (tmp_path / "trip").mkdir()
    assert starts(str(tmp_path / "trip" / "a.mp4")) == str(tmp_path / "trip")
    assert starts(str(tmp_path / "gone" / "a.mp4")) == str(tmp_path / "Videos")
