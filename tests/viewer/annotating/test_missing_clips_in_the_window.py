"""Clips of a project that are not where it says, or are other copies now: asked for one by one, with real dialogs."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton

from panosod_core.annotation.adopting import find_media, is_same_clip, new_clip
from panosod_core.annotation.document import Document
from panosod_core.media.probe import probe
from panosod_viewer.annotating.projects import FIND_FILE
from tests.viewer.annotating.window import PaintingWindow

pytestmark = pytest.mark.gl


@pytest.fixture
def project(painting, clip, other_clip, tmp_path) -> Path:
    """A project of two clips, the first one painted on; it lies apart from them."""
    window = painting().open(clip).identified()
    paint(window, 0)
    window.saved()
    window.close()
    path = tmp_path / "projects" / "two.panosod"
    path.parent.mkdir()
    with_clip = clip.with_suffix(".panosod")
    document = Document.open(with_clip, author="test", backup_every_s=None)
    document.export_copy(path)
    document.close()
    with_clip.unlink()
    document = Document.open(path, author="test", backup_every_s=None)
    video = probe(other_clip).video
    second = tmp_path / "second.mp4"
    second.write_bytes(other_clip.read_bytes())
    document.add_clip(new_clip(second, path, size=(160, 320), stream=video.stream_index, time_base=video.time_base))
    document.close()
    return path


def at_its_first_frame(window: PaintingWindow, clip: int) -> None:
    """Wait until a clip of the project is there, and stand where it was painted on: a clip that is opened plays."""
    window.wait(lambda: window.desk.clip is not None and window.desk.clip.id == clip and window.desk.key is not None)
    window.viewer.player.show_frame(0)
    window.wait(lambda: window.desk.key is not None and window.desk.key.index == 0)


def paint(window: PaintingWindow, azimuth_deg: float) -> np.ndarray:
    if not window.studio.painter.is_painting:
        window.trigger("annotate.brush")
    window.stroke([window.point(azimuth_deg, 0), window.point(azimuth_deg + 10, 0)])
    return window.labels()


def another_copy(clip: Path, path: Path) -> Path:
    """The same pictures at the same times in another file: with an empty box at its end."""
    path.write_bytes(clip.read_bytes() + (8).to_bytes(4) + b"free")
    return path


def said(window: PaintingWindow) -> str:
    notice = window.viewer.window.notices.current
    return "" if notice is None else notice.text


def opened(painting, project: Path) -> PaintingWindow:
    window = painting(clip=str(project))
    window.viewer.start(None)
    window.wait(lambda: window.desk.document is not None)
    return window


def show_file(window: PaintingWindow, monkeypatch, path: Path) -> str:
    """Press the notice's button and choose this file; what was asked."""
    asked: list[str] = []

    def answer(_parent, title, *_rest):
        asked.append(title)
        return str(path), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", answer)
    window.viewer.window.notices.action_triggered.emit(FIND_FILE)
    return asked[0]


def press(box: QMessageBox, text: str) -> None:
    (button,) = [b for b in box.findChildren(QPushButton) if b.text().replace("&", "") == text]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def asked_box(window: PaintingWindow) -> QMessageBox:
    copies = window.studio.projects.copies
    window.wait(lambda: copies.box is not None and copies.box.isVisible())
    return copies.box


def masks(project: Path) -> list[np.ndarray]:
    document = Document.open(project, author="test", read_only=True, backup_every_s=None)
    try:
        return [np.array(document.labels(row.key)) for row in document.frames(1)]
    finally:
        document.close()


def test_every_missing_clip_is_asked_for_not_only_the_first(painting, clip, project, tmp_path, monkeypatch):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    second = (tmp_path / "second.mp4").rename(hidden / "b.mp4")
    window = opened(painting, project)
    at_its_first_frame(window, 1)
    assert "second.mp4, which is not there" in said(window)
    before = window.labels()
    sketch = window.desk.sketch()
    assert show_file(window, monkeypatch, second) == "Where is second.mp4?"
    document = window.desk.document
    assert find_media(document, document.clip(2)).samefile(second)
    assert window.viewer.session.info.path.samefile(clip), "the clip at hand stays"
    assert window.desk.sketch() is not sketch, "the document was read anew"
    assert (paint(window, 25) > 0).sum() > (before > 0).sum()
    paint(window, 28)
    assert np.array_equal(window.desk.sketch().labels, window.labels())


def test_a_project_that_is_only_looked_at_shows_a_moved_clip_and_stays_as_it_is(
    painting, clip, project, tmp_path, monkeypatch
):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    moved, second = clip.rename(hidden / "a.mp4"), (tmp_path / "second.mp4").rename(hidden / "b.mp4")
    elsewhere = Document.open(project, author="other", backup_every_s=None)
    held = project.read_bytes()
    window = opened(painting, project)
    assert window.desk.document.why_read_only is not None
    window.wait(lambda: "clip.mp4, which is not there; 1 more" in said(window))
    show_file(window, monkeypatch, moved)
    at_its_first_frame(window, 1)
    assert (window.labels() > 0).any()
    assert "second.mp4" in said(window), "then the next one"
    show_file(window, monkeypatch, second)
    assert "b.mp4 is in its place" in said(window), "and no more: the first is not asked for again"
    show = [c.path for c in window.desk.document.clips]
    assert [Path(p).name for p in show] == ["clip.mp4", "second.mp4"] and project.read_bytes() == held
    elsewhere.close()


def test_another_copy_is_used_when_a_person_says_so(painting, clip, project, tmp_path, monkeypatch):
    (before,) = masks(project)
    copy = another_copy(clip, tmp_path / "copy.mp4")
    clip.unlink()
    window = opened(painting, project)
    window.wait(lambda: "clip.mp4, which is not there" in said(window))

    window.wait(lambda: window.desk.clip is not None)
    show_file(window, monkeypatch, copy)
    box = asked_box(window)
    assert "1 of 1 annotated frames are in it" in box.informativeText()
    press(box, "Cancel")
    assert "its content differs" in said(window)
    document = window.desk.document
    assert Path(document.clip(1).path).name == "clip.mp4"

    show_file(window, monkeypatch, copy)
    press(asked_box(window), "Use this copy")
    assert is_same_clip(document.clip(1), copy)
    assert window.desk.clip is not None and window.desk.clip.id == 2, "the clip on the screen stays"
    window.viewer.session.open(copy)
    at_its_first_frame(window, 1)
    assert np.array_equal(window.labels(), before)
    paint(window, 25)
    window.saved()
    window.close()
    (after,) = masks(project)
    assert np.array_equal(after[before > 0], before[before > 0]) and (after > 0).sum() > (before > 0).sum()


def test_a_comparison_ends_when_a_clip_has_another_copy(painting, clip, project, tmp_path, monkeypatch):
    copy = another_copy(clip, tmp_path / "copy.mp4")
    clip.unlink()
    window = opened(painting, project)
    window.wait(lambda: "clip.mp4, which is not there" in said(window) and window.desk.clip is not None)
    theirs = tmp_path / "theirs.panosod"
    window.desk.export_copy(theirs)
    exchange = window.viewer.annotator.workbench.exchange
    exchange.compare(theirs)
    window.wait(lambda: exchange.comparing.dialog is not None and exchange.comparing.dialog.isVisible())
    show_file(window, monkeypatch, copy)
    press(asked_box(window), "Use this copy")
    assert not exchange.comparing.dialog.isVisible()
    assert any("compare again" in notice.text for notice in window.viewer.window.notices._waiting)
    exchange.comparing.dialog.merge_requested.emit()
    assert window.desk.document.to_undo is None or not window.desk.document.to_undo.title.startswith("Merge")


def test_a_file_of_another_recording_is_refused_and_nothing_is_asked(painting, clip, project, tmp_path, monkeypatch):
    clip.unlink()
    other = tmp_path / "junk.mp4"
    other.write_bytes(b"no clip")
    window = opened(painting, project)
    window.wait(lambda: "clip.mp4, which is not there" in said(window))
    show_file(window, monkeypatch, other)
    window.wait(lambda: "looking whether" not in said(window))
    assert "junk.mp4" in said(window) and window.studio.projects.copies.box is None
    assert Path(window.desk.document.clip(1).path).name == "clip.mp4"


def test_the_question_goes_with_the_project(painting, clip, project, tmp_path, monkeypatch):
    copy = another_copy(clip, tmp_path / "copy.mp4")
    clip.unlink()
    window = opened(painting, project)
    window.wait(lambda: "clip.mp4, which is not there" in said(window))
    held = project.read_bytes()
    show_file(window, monkeypatch, copy)
    box = asked_box(window)
    gone = []
    box.destroyed.connect(lambda: gone.append(True))
    window.trigger("project.close")
    window.wait(lambda: bool(gone))
    assert window.studio.projects.copies.box is None and window.desk.document is None
    assert project.read_bytes() == held

    window.studio.projects.open(project)
    show_file(window, monkeypatch, copy)
    window.trigger("project.close")  # while the file is looked into
    for _ in range(20):
        window.settle()
    assert window.studio.projects.copies.box is None


def test_a_clip_encoded_anew_in_its_place_is_taken_for_a_copy(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip).identified()
    painted = paint(window, 0)
    window.saved()
    window.close()
    original = clip.rename(tmp_path / "original.mp4")
    another_copy(original, clip)
    again = painting().open(clip).identified()
    again.wait(lambda: "another content than it had" in said(again))
    assert again.desk.clip is None
    show_file(again, monkeypatch, clip)
    press(asked_box(again), "Use this copy")
    again.wait(lambda: again.desk.key is not None)
    assert np.array_equal(again.labels(), painted)


def test_a_project_goes_along_to_the_copy_of_its_only_clip(painting, clip, tmp_path, monkeypatch):
    window = painting().open(clip).identified()
    painted = paint(window, 0)
    window.saved()
    window.close()
    copy = another_copy(another_copy(clip, tmp_path / "b.mp4"), tmp_path / "elsewhere.mp4")
    another_copy(original := clip.rename(tmp_path / "original.mp4"), clip)
    original.unlink()
    again = painting().open(clip).identified()
    again.wait(lambda: "another content than it had" in said(again))
    show_file(again, monkeypatch, copy)
    press(asked_box(again), "Use this copy")
    again.wait(lambda: again.viewer.session.info is not None and again.viewer.session.info.path == copy)
    at_its_first_frame(again, 1)
    assert again.desk.document.path == clip.with_suffix(".panosod") and np.array_equal(again.labels(), painted)
