"""Propagation, review, export, import and comparison as widgets: state in, intents out."""

from pathlib import Path

import pytest

from panosod_core.annotation.formats.table import MaskFormat
from panosod_core.annotation.merge import Choice
from panosod_core.annotation.records import FrameState, MaskState
from panosod_core.errors import AnnotationError
from panosod_viewer.panels.export_dialog import ExportDialog
from panosod_viewer.panels.import_dialog import ImportDialog
from panosod_viewer.panels.merge_dialog import ConflictRow, MergeDialog
from panosod_viewer.panels.propagate_bar import PropagateBar
from panosod_viewer.panels.review_panel import ReviewPanel
from panosod_viewer.tools.carrying import CarryState, CarryWish
from panosod_viewer.tools.review_queue import FrameLine, Progress, Queue, Show


@pytest.fixture
def bar(qtbot):
    bar = PropagateBar()
    qtbot.addWidget(bar)
    bar.show()
    return bar


@pytest.fixture
def panel(qtbot):
    panel = ReviewPanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


def test_the_bar_asks_for_what_its_buttons_say(bar, qtbot):
    for button, signal, values in (
        (bar.forward, bar.carry_requested, [1]),
        (bar.back, bar.carry_requested, [-1]),
        (bar.to_key, bar.key_requested, [1]),
        (bar.to_key_back, bar.key_requested, [-1]),
        (bar.between, bar.between_requested, []),
    ):
        with qtbot.waitSignal(signal) as asked:
            button.click()
        assert list(asked.args) == values


def test_the_bar_tells_changed_wishes_and_takes_given_ones_silently(bar, qtbot):
    with qtbot.assertNotEmitted(bar.wished):
        bar.set_wish(CarryWish(frames=7, every=3, all_objects=False, guided=False, follows=False))
    assert bar.frames.value() == 7 and bar.objects.currentIndex() == 1
    with qtbot.waitSignal(bar.wished) as told:
        bar.guided.setChecked(True)
    assert told.args[0] == CarryWish(frames=7, every=3, all_objects=False, guided=True, follows=False)


def test_while_one_runs_the_bar_shows_how_far_it_is_and_can_stop_it(bar, qtbot):
    bar.set_state(CarryState(0.25, "Frame 12, 3 of 12"))
    assert bar.stop.isVisible() and not bar.forward.isVisible()
    assert bar.progress.value() == 250 and bar.words.text() == "Frame 12, 3 of 12"
    with qtbot.waitSignal(bar.stop_requested):
        bar.stop.click()
    bar.set_state(None)
    assert bar.forward.isVisible() and not bar.stop.isVisible()


def test_review_buttons_hold_only_where_something_can_be_decided(panel, qtbot):
    assert not panel.accept.isEnabled() and panel.state.text() == "No frame"
    panel.set_frame(FrameLine(12, FrameState.DRAFT, "propagated"), can_edit=True)
    assert panel.accept.isEnabled() and not panel.accept_object.isEnabled()
    assert panel.state.text() == "Frame 12: draft, propagated"
    panel.set_frame(FrameLine(12, FrameState.ACCEPTED), can_edit=True, has_object=True)
    for button, signal, object_only in (
        (panel.accept, panel.accept_requested, False),
        (panel.accept_object, panel.accept_requested, True),
        (panel.reject, panel.reject_requested, False),
        (panel.reject_object, panel.reject_requested, True),
    ):
        with qtbot.waitSignal(signal) as asked:
            button.click()
        assert asked.args == [object_only]


def test_progress_is_told_in_words(panel):
    panel.set_progress(Progress(3, 27, 1, keyframes=100, untouched=94, median_s=12.4))
    assert panel.counts.text() == "3 accepted · 27 drafts · 1 rejected · 94 key frames untouched"
    assert panel.bar.value() == 6 and panel.bar.maximum() == 100 and "12 s" in panel.time.text()
    panel.set_progress(Progress())
    assert not panel.time.isVisible() and panel.bar.value() == 0


def test_a_note_is_told_once_and_not_where_it_is_unchanged(panel, qtbot):
    panel.set_frame(FrameLine(3, FrameState.DRAFT, note="old"), can_edit=True)
    with qtbot.assertNotEmitted(panel.note_written):
        panel.note.editingFinished.emit()
    panel.note.setText("new")
    with qtbot.waitSignal(panel.note_written) as told:
        panel.note.editingFinished.emit()
    assert told.args == ["new"]


def test_a_note_being_written_is_not_overwritten_by_the_same_frame(panel, qtbot):
    line = FrameLine(3, FrameState.DRAFT, note="old")
    panel.set_frame(line, can_edit=True)
    panel.activateWindow()
    panel.note.setFocus()
    qtbot.waitUntil(panel.note.hasFocus)
    panel.note.setText("half writ")
    panel.set_frame(line, can_edit=True)
    assert panel.note.text() == "half writ"


def test_the_list_shows_many_frames_and_tells_which_is_clicked(panel, qtbot):
    lines = [FrameLine(n, FrameState.DRAFT, note="seam" if n == 5 else "") for n in range(100_000)]
    panel.set_lines(lines, at=5)
    assert panel.list.currentIndex().row() == 5 and "“seam”" in panel.list.currentIndex().data()
    with qtbot.waitSignal(panel.frame_chosen) as chosen:
        panel.list.clicked.emit(panel.list.model().index(7, 0))
    assert chosen.args == [7]
    panel.set_current(99_999)
    assert panel.list.currentIndex().row() == 99_999
    panel.set_current(100_001)
    assert not panel.list.currentIndex().isValid()
    panel.set_lines([], at=None)
    assert panel.none.isVisible()


def test_queue_filter_and_rule_are_told(panel, qtbot):
    with qtbot.assertNotEmitted(panel.queue_chosen):
        panel.set_queue(Queue.DRAFTS, every=6)
    with qtbot.waitSignals([panel.queue_chosen, panel.show_chosen, panel.every_chosen]):
        panel.queue.setCurrentIndex(list(Queue).index(Queue.UNSURE))
        panel.show_only.setCurrentIndex(list(Show).index(Show.NOTES))
        panel.every.setValue(12)


def test_export_asks_for_what_is_chosen(qtbot, tmp_path):
    dialog = ExportDialog()
    qtbot.addWidget(dialog)
    dialog.set_project(folder=tmp_path / "masks", frame_count=600, every=6)
    options = dialog.options()
    assert (options.format, options.every, options.pictures, options.sound) == (MaskFormat.PAVS10K, 6, True, True)
    assert (options.first, options.last, options.width) == (0, 599, None)
    assert options.states == {MaskState.DRAFT, MaskState.ACCEPTED}
    dialog.format.setCurrentIndex(list(MaskFormat).index(MaskFormat.COCO))
    assert dialog.every.value() == 1 and not dialog.pictures.isChecked() and not dialog.split.isEnabled()
    dialog.states[MaskState.DRAFT].setChecked(False)
    dialog.width_px.setCurrentText("1024 pixels wide")
    with qtbot.waitSignal(dialog.export_requested) as asked:
        dialog.go.click()
    options, folder = asked.args
    assert folder == tmp_path / "masks" and options.width == 1024 and options.states == {MaskState.ACCEPTED}


def test_export_says_what_makes_no_sense_and_writes_nothing(qtbot, tmp_path):
    dialog = ExportDialog()
    qtbot.addWidget(dialog)
    dialog.set_project(folder=tmp_path / "masks", frame_count=600, every=6)
    dialog.first.setValue(30)
    dialog.last.setValue(20)
    with qtbot.assertNotEmitted(dialog.export_requested):
        dialog.go.click()
    assert "first <= last" in dialog._said.text()
    dialog.folder.clear()
    with pytest.raises(AnnotationError, match="folder"):
        dialog.options()
    for box in dialog.states.values():
        box.setChecked(False)
    with pytest.raises(AnnotationError, match="which masks"):
        dialog.options()


def test_a_running_export_can_only_be_cancelled(qtbot, tmp_path):
    dialog = ExportDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.set_running(0.5)
    assert not dialog.go.isEnabled() and not dialog.format.isEnabled()
    with qtbot.waitSignal(dialog.stop_requested):
        dialog.stop.click()
    assert dialog.isVisible()
    dialog.set_running(None)
    dialog.stop.click()
    assert not dialog.isVisible()


def test_import_shows_the_plan_before_it_can_be_done(qtbot, tmp_path):
    dialog = ImportDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    with qtbot.waitSignal(dialog.plan_requested) as asked:
        dialog.choose(tmp_path)
    assert asked.args == [tmp_path, ""] and not dialog.go.isEnabled()
    dialog.set_sources(["a", "b"], "")
    dialog.set_plan("choose one", is_ready=False)
    assert dialog.source.isVisible()
    with qtbot.waitSignal(dialog.plan_requested) as asked:
        dialog.source.setCurrentIndex(1)
        dialog.source.activated.emit(1)
    assert asked.args == [Path(tmp_path), "b"]
    dialog.set_plan("Drafts in 3 of 3 frames.", is_ready=True)
    with qtbot.waitSignal(dialog.import_requested):
        dialog.go.click()


def test_conflicts_are_chosen_one_by_one_or_all_at_once(qtbot):
    dialog = MergeDialog()
    qtbot.addWidget(dialog)
    rows = [ConflictRow(6, "Drum", 0.42, "accepted", ""), ConflictRow(12, "Voice", 0.0, "", "draft")]
    dialog.set_comparison("2 differ", rows, has_work=True)
    assert dialog.choices() == {0: Choice.OURS, 1: Choice.OURS}
    assert dialog.table.item(1, 3).text() == "absent" and dialog.table.item(0, 2).text() == "0.42"
    assert dialog.table.item(0, 4).text() == "absent" and dialog.table.item(1, 4).text() == "draft"
    dialog.all_theirs.click()
    dialog.set_choice(0, Choice.UNION)
    assert dialog.choices() == {0: Choice.UNION, 1: Choice.THEIRS}
    with qtbot.waitSignal(dialog.row_chosen) as chosen:
        dialog.table.setCurrentCell(1, 0)
    assert chosen.args == [1]
    dialog.set_comparison("nothing", [], has_work=False)
    assert not dialog.go.isEnabled()
