"""Frames of the check set in the panel: read when they change, drawn, and gone to; frames of other clips as well."""

import os
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from panosod_core.training.examples import BEST_EXAMPLES, EXAMPLES, Examples, write_examples
from panosod_viewer.widgets.examples_table import ExamplesTable, laid_over
from panosod_viewer.workers.training_examples import ExampleReader

H, W = 16, 32


def some(step: int, *, shown: int = 200) -> Examples:
    size = (3, H, W)
    maps = np.zeros(size, np.uint8), np.full(size, shown, np.uint8), np.full(size, 255, np.uint8)
    before, now, truth = maps
    return Examples(
        step, ("a.mp4", "a.mp4", "a_very_long_name_of_a_clip.mp4"), (4, 8, 15), np.full((*size, 3), 90, np.uint8),
        truth, before, now,
    )  # fmt: skip


@pytest.fixture
def job(tmp_path) -> Path:
    (tmp_path / "runs" / "main").mkdir(parents=True)
    return tmp_path


def test_the_last_check_while_it_learns_and_the_best_one_after(job):
    reader, run = ExampleReader(job), job / "runs" / "main"
    assert reader.look(["main"], is_learning=True) is None
    write_examples(run / EXAMPLES, some(20))
    first = reader.look(["main"], is_learning=True)
    assert first.step == 20 and reader.look(["main"], is_learning=True) is first
    assert reader.look(["main"], is_learning=False).step == 20, "there is no better one yet"
    write_examples(run / BEST_EXAMPLES, some(10))
    write_examples(run / EXAMPLES, some(30))
    os.utime(run / EXAMPLES, ns=(1, 1))  # however coarse the clock of the disk is
    assert reader.look(["main"], is_learning=True).step == 30
    assert reader.look(["main"], is_learning=False).step == 10


def test_the_newest_run_that_keeps_any_is_looked_at(job):
    for name in ("fold-1", "fold-2"):
        (job / "runs" / name).mkdir()
        write_examples(job / "runs" / name / EXAMPLES, some(int(name[-1])))
    assert ExampleReader(job).look(["fold-1", "fold-2", "main"], is_learning=True).step == 2


def test_a_damaged_file_shows_nothing(job):
    (job / "runs" / "main" / EXAMPLES).write_bytes(b"PK")
    assert ExampleReader(job).look(["main"], is_learning=True) is None


def test_a_map_lies_over_the_grey_picture():
    picture = np.full((2, 4, 3), 100, np.uint8)
    none, full = (laid_over(picture, np.full((2, 4), level, np.uint8)) for level in (0, 255))
    assert np.all(none == 80) and full.shape == (2, 4, 3)
    assert full[..., 0].min() > none.max() and np.ptp(full[0, 0].astype(int)) > 50, "bright and coloured"


@pytest.fixture
def table(qtbot):
    made = ExamplesTable()
    qtbot.addWidget(made)
    made.resize(600, 300)
    with qtbot.waitExposed(made):
        made.show()
    return made


def test_the_table_shows_before_now_and_mask(table, qtbot):
    table.set_examples(some(40))
    assert table.rowCount() == 3 and table.verticalHeaderItem(1).text() == "a.mp4\nframe 8"
    assert "…" in table.verticalHeaderItem(2).text()
    heads = [table.horizontalHeaderItem(n).text() for n in range(3)]
    assert heads == ["Before", "Now, step 40", "Mask"]
    shot = table.viewport().grab().toImage()
    colours = [shot.pixelColor(table.visualRect(table.model().index(0, n)).center()) for n in range(3)]
    assert colours[0].saturation() < 30, "the model saw nothing before"
    assert all(c.saturation() > 60 for c in colours[1:])
    table.set_examples(some(40), is_done=True)
    assert [table.horizontalHeaderItem(n).text() for n in range(3)] == ["In use", "New model", "Mask"]
    table.resize(300, 300)
    ratio = (table.columnWidth(0) - 6) / (table.rowHeight(0) - 6)
    assert ratio == pytest.approx(2, rel=0.1)
    table.set_examples(None)
    assert table.rowCount() == 0


def test_enter_goes_to_the_frame(table, qtbot):
    table.set_examples(some(40))
    table.setCurrentCell(2, 1)
    with qtbot.waitSignal(table.frame_chosen) as caught:
        QTest.keyClick(table, Qt.Key.Key_Return)
    assert caught.args == ["a_very_long_name_of_a_clip.mp4", 15]


@pytest.mark.gl
def test_frames_of_other_clips_of_the_project_are_gone_to(painting, tmp_path):
    """Two clips in one project: from the one on the screen to a frame of the other and back, and one that is gone."""
    from tests.core.training.corrected import clip, corrected_project

    media = [tmp_path / f"{name}.mp4" for name in ("kitchen", "street")]
    for k, path in enumerate(media):
        made = clip(tmp_path, k + 1)
        path.write_bytes(made.read_bytes())
        for suffix in (".truth.json", ".masks.npz"):
            path.with_suffix(suffix).write_bytes(made.with_suffix(suffix).read_bytes())
    project = corrected_project(tmp_path / "p.panosod", {path: [3, 9] for path in media})
    window = painting().open(media[0]).identified()
    viewer = window.viewer
    viewer.annotator.open_project(project)
    finetuning, told = viewer.annotator.workbench.finetuning, []
    jump = finetuning.panel.frame_chosen
    finetuning.notice.connect(lambda notice: told.append(notice.text))
    seen = lambda: (viewer.session.info.path.name, viewer.player.frame and viewer.player.frame.index)  # noqa: E731
    jump.emit("kitchen.mp4", 9)
    window.wait(lambda: seen() == ("kitchen.mp4", 9))
    jump.emit("street", 3)
    window.wait(lambda: viewer.session.info is not None and seen() == ("street.mp4", 3))
    media[0].unlink()
    jump.emit("kitchen.mp4", 3)
    window.wait(lambda: "which is not found" in " ".join(told))
    assert seen() == ("street.mp4", 3)
