"""What to annotate next, by its keys: N goes through all clips of the project, past what is skipped, on as it grows."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import paint
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.records import FrameKey, FrameState, ObjectInfo
from panosod_viewer.annotating import desk
from panosod_viewer.tools.review_queue import Queue
from panosod_viewer.workers.identity import read_identity
from panosod_viewer.workers.map_reading import CacheAddress
from tests.queue_project import MODEL, frame_times, key_of, make_project, put_maps

pytestmark = pytest.mark.gl
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def queued(painting, clip, other_clip, tmp_path):
    """A window on the first of two clips of a project; both have maps, the second unsure ones."""
    other = tmp_path / "other.mp4"
    other.write_bytes(other_clip.read_bytes())
    make_project(clip.with_suffix(".panosod"), [clip, other])
    cache = tmp_path / "cache"
    put_maps(cache, clip, range(0, 30, 3), unsure=(18,))
    put_maps(cache, other, range(0, 15, 3), unsure=(6,))
    at = painting().open(clip).identified()
    at.wait(lambda: at.desk.clip is not None)
    at.review = at.viewer.annotator.workbench.review
    at.cache = cache
    at.viewer.annotator.workbench.set_shown(True)
    key = key_of(clip)
    at.review.advice.set_maps(CacheAddress(str(cache), key.content_id, MODEL, key.settings))
    at.settle()
    return at


def at_place(window, name, index):
    info, frame = window.viewer.session.info, window.viewer.player.frame
    return info is not None and info.path.stem == name and frame is not None and frame.index == index


def places(window):
    names = {1: "clip", 2: "other"}
    return [(names[p.clip], p.index) for p in window.review.advice.picks]


def rows(window):
    model = window.review._panel.picks.model
    return [model.item(n).text().split("\n") for n in range(model.rowCount())]


def choose(window, queue):
    window.review._panel.queue.setCurrentIndex(list(Queue).index(queue))
    window.wait(lambda: bool(rows(window)))


def test_n_goes_through_all_clips_past_what_is_skipped_and_back(queued):
    choose(queued, Queue.UNSURE)
    assert places(queued)[:2] == [("clip", 18), ("other", 6)] or places(queued)[:2] == [("other", 6), ("clip", 18)]
    order = places(queued)
    assert len(order) == 3  # one for each half second
    first, *why = rows(queued)[0]
    assert first.startswith("1.  ") and order[0][0] in first
    assert why[0].startswith("unsure: ") and why[1] == "nothing of this clip is labelled yet"

    ahead = [place for place in order if place != ("clip", 0)]  # the one on the screen is gone past
    for place in ahead:
        queued.key(Qt.Key.Key_N)
        queued.wait(lambda place=place: at_place(queued, *place))
    assert queued.desk.document is not None and len(queued.desk.document.clips) == 2, "the project stays open"
    queued.key(Qt.Key.Key_N, SHIFT)
    queued.wait(lambda: at_place(queued, *ahead[0]))


def test_it_goes_on_while_it_is_still_being_read_which_clip_is_there(queued, monkeypatch):
    choose(queued, Queue.UNSURE)
    ahead = [place for place in places(queued) if place != ("clip", 0)]
    held = []
    monkeypatch.setattr(desk, "read_identity", lambda path, post: held.append((path, post)))
    for place in ahead:
        queued.key(Qt.Key.Key_N)
        queued.wait(lambda place=place: at_place(queued, *place))
    assert held and not queued.desk.is_identified
    queued.key(Qt.Key.Key_N, SHIFT)
    queued.wait(lambda: at_place(queued, *ahead[-2]))
    for path, post in held:
        read_identity(path, post)
    queued.identified()


def test_accepting_goes_on_and_takes_the_frame_out_of_the_list(queued):
    choose(queued, Queue.BEST)
    order = [place for place in places(queued) if place != ("clip", 0)]
    queued.key(Qt.Key.Key_N)
    queued.wait(lambda: at_place(queued, *order[0]))
    queued.wait(lambda: queued.desk.clip is not None and queued.desk.key is not None)
    number, index = queued.desk.clip.id, order[0][1]
    queued.key(Qt.Key.Key_Return, CONTROL)
    queued.wait(lambda: at_place(queued, *order[1]))
    queued.saved()
    pts = frame_times(queued.cache.parent / f"{order[0][0]}.mp4")[0][index]
    row = queued.desk.document.frame(FrameKey(number, 0, pts, index))
    assert row is not None and row.state is FrameState.ACCEPTED
    queued.wait(lambda: order[0] not in places(queued))  # worked out anew
    assert order[1] in places(queued)


def test_a_click_goes_there_and_frames_without_maps_are_counted(queued, tmp_path):
    for file in queued.cache.glob("*.maps*"):
        file.unlink()
    put_maps(queued.cache, queued.viewer.session.info.path, [0, 3])
    choose(queued, Queue.NEW)
    panel = queued.review._panel.picks
    queued.wait(lambda: "have no map near" in panel.words.text())
    assert panel.words.text().startswith("15 of 45 frames") and "other.mp4" in panel.words.text()
    assert panel.predict.isVisible() and panel.predict.text() == "Predict them"
    put_maps(queued.cache, tmp_path / "other.mp4", range(0, 15, 3))
    queued.review.advice.refresh()
    queued.wait(lambda: ("other", 0) in places(queued))
    assert not panel.predict.isVisible()
    row = places(queued).index(("other", 0))
    panel.list.clicked.emit(panel.model.index(row, 0))
    queued.wait(lambda: at_place(queued, "other", 0))


def test_another_queue_puts_the_list_away(queued):
    choose(queued, Queue.RANDOM)
    assert queued.review._panel.picks.isVisible() and "drawn at random" in rows(queued)[0][1]
    queued.review._panel.queue.setCurrentIndex(list(Queue).index(Queue.DRAFTS))
    assert not queued.review._panel.picks.isVisible()


def test_the_next_conflict_is_found_in_whatever_clip_it_is(queued, tmp_path):
    path = queued.desk.document.path
    queued.desk.document.flush()
    theirs = tmp_path / "theirs.panosod"
    queued.desk.document.export_copy(theirs)
    media = {1: queued.viewer.session.info.path, 2: tmp_path / "other.mp4"}
    paint_frames(theirs, {1: (4, 20), 2: (8,)}, media, 40)
    parts, panel = queued.viewer.annotator.workbench, queued.review._panel
    queued.desk.close_project()
    paint_frames(path, {1: (4, 20), 2: (8,)}, media, 60)
    assert queued.desk.open_project(path)
    parts.exchange.compare(theirs)
    queued.wait(lambda: parts.exchange.comparing.dialog is not None and parts.exchange.comparing.dialog.isVisible())
    parts.exchange.comparing.dialog.close()
    panel.queue.setCurrentIndex(list(Queue).index(Queue.CONFLICTS))
    told = []
    queued.review.notice.connect(lambda _: told.append(queued.viewer.window.notices.current.text))
    for place in (("clip", 4), ("clip", 20), ("other", 8), ("clip", 4)):
        queued.trigger("review.next")
        queued.wait(lambda place=place: at_place(queued, *place))
        queued.wait(lambda: queued.desk.clip is not None)
    assert told[-1] == "Conflict 1 of 3: frame 4 of clip.mp4"
    queued.trigger("review.previous")
    queued.wait(lambda: at_place(queued, "other", 8))


def test_a_clip_that_is_opened_for_a_frame_does_not_play_on_from_it(queued):
    """Clips play when they are opened, as soon as their sound is ready; not where a frame is to be looked at."""
    assert queued.viewer.memory.settings.playback.autoplay
    ready = []
    queued.viewer.sound.clock_ready.connect(ready.append)
    queued.review.set_conflicts([(1, 4), (2, 8)])
    queued.review._panel.queue.setCurrentIndex(list(Queue).index(Queue.CONFLICTS))
    queued.trigger("review.previous")
    queued.wait(lambda: bool(ready) and at_place(queued, "other", 8))
    assert not queued.viewer.player.transport.is_playing


def test_a_conflict_of_a_clip_that_is_lost_is_gone_past(queued, tmp_path):
    queued.review.set_conflicts([(1, 4), (2, 8)])
    queued.review._panel.queue.setCurrentIndex(list(Queue).index(Queue.CONFLICTS))
    (tmp_path / "other.mp4").unlink()
    queued.trigger("review.next")
    queued.wait(lambda: at_place(queued, "clip", 4))
    queued.trigger("review.next")
    queued.wait(lambda: "other.mp4, which is not found" in queued.viewer.window.notices.current.text)
    queued.trigger("review.next")
    assert "Conflict 1 of 2" in queued.viewer.window.notices.current.text and at_place(queued, "clip", 4)


def paint_frames(project, frames, media, column):
    """Object 1 as a square in some frames of the clips."""
    document = Document.open(project, author="ada", backup_every_s=None)
    for clip, indices in frames.items():
        if not any(o.id == 1 for o in document.objects(clip)):
            document.put_object(clip, ObjectInfo(1, "Ball"))
        times = frame_times(media[clip])[0]
        for index in indices:
            where = FrameKey(clip, 0, times[index], index)
            square = RingMask(RingBox(column, 30, 20, 20), np.ones((20, 20), bool))
            guarded = document.protection(where)
            document.apply(where, paint(document.labels(where), square, object_id=1, protection=guarded), title="Paint")
    document.close()
