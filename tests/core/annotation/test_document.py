"""The working document: what it tells the window, how it waits, undo as far as it goes, snapshots, other copies."""

import threading
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from panosod_core.annotation import writer
from panosod_core.annotation.adopting import (
    CopyTimes,
    adopt,
    find_media,
    is_same_clip,
    new_clip,
    plan_adoption,
    relink,
)
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import BY_HAND, Edit, Patch, Protection, erase, paint, put_masks
from panosod_core.annotation.masks import RingBox, RingMask, encode
from panosod_core.annotation.records import (
    FrameKey,
    FrameState,
    Interval,
    MaskState,
    ObjectInfo,
    Presence,
    Source,
)
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.errors import ProjectError
from tests.core.annotation.painting import MODEL, SHAPE, a_clip, a_project, key, rectangle, state_of, stroke

WAIT_S = 30.0


@pytest.fixture
def document(tmp_path: Path) -> Document:
    made = a_project(tmp_path / "p.panosod")
    yield made
    made.close(discard=True)


# ---- what an action tells


def test_an_edit_says_what_to_upload_and_where_it_was(document: Document) -> None:
    edit = paint(document.labels(key(3)), rectangle(15, 2, 3, 2), object_id=2, protection=document.protection(key(3)))
    done = document.apply(key(3), edit, title="Brush", time_spent_s=2.5)
    assert done is not None
    assert done.dirty == {key(3): RingBox(15, 2, 3, 2)}
    assert (done.title, done.place.frame, done.place.object_id) == ("Brush", key(3), 2)
    stroke(document, key(9), rectangle(0, 0, 1, 1), 1)
    assert document.undo() is not None
    undone = document.undo()
    assert undone is not None and undone.place == done.place and undone.title == "Brush"
    assert undone.dirty == {key(3): RingBox(15, 2, 3, 2)}
    assert document.to_redo is not None and document.to_redo.title == "Brush"
    document.flush()
    rows = document.store.reader.ask("SELECT author, time_spent_s, source FROM revisions ORDER BY id")
    assert rows[0] == ("ada", 2.5, "manual")


def test_labels_cannot_be_written_past_the_document(document: Document) -> None:
    with pytest.raises(ValueError, match="read-only"):
        document.labels(key(0))[0, 0] = 1


def test_a_stale_edit_and_one_past_the_guard_are_refused(document: Document) -> None:
    free = Protection()
    edit = paint(document.labels(key(0)), rectangle(0, 0, 4, 4), object_id=1, protection=free)
    stroke(document, key(0), rectangle(2, 2, 4, 4), 2)
    with pytest.raises(ValueError, match="another state"):
        document.apply(key(0), edit, title="Brush")
    document.set_lock(key(0), locked=True, object_id=2)
    edit = paint(document.labels(key(0)), rectangle(0, 0, 4, 4), object_id=1, protection=free)
    with pytest.raises(ValueError, match="protected"):
        document.apply(key(0), edit, title="Brush")
    before = document.labels(key(0)).copy()
    document.accept([key(1)])
    forged = Edit(MODEL, (Patch(RingBox(0, 0, 1, 1), np.zeros((1, 1), np.uint8), np.ones((1, 1), np.uint8)),))
    with pytest.raises(ValueError, match="protected"):
        document.apply(key(1), forged, title="Model")
    with pytest.raises(ValueError, match="twice"):
        document.apply_many([(key(2), forged), (key(2), forged)], title="Model")
    assert (document.labels(key(0)) == before).all()


def test_a_step_is_acknowledged_when_it_is_in_the_file(tmp_path: Path) -> None:
    seen: list[int] = []
    came = threading.Condition()

    def committed(sequence: int) -> None:
        with came:
            seen.append(sequence)
            came.notify_all()

    a_project(tmp_path / "p.panosod").close()
    document = Document.open(tmp_path / "p.panosod", author="ada", on_committed=committed, backup_every_s=None)
    edit = paint(document.labels(key(0)), rectangle(0, 0, 4, 4), object_id=1, protection=document.protection(key(0)))
    done = document.apply(key(0), edit, title="Brush")
    assert done is not None
    with came:
        assert came.wait_for(lambda: done.sequence in seen, WAIT_S)
    with Snapshot.open(document.path) as snapshot:
        (frame,) = snapshot.frames[1]
        assert (snapshot.labels(frame) == document.labels(key(0))).all()
    document.close()


# ---- undo


def test_the_store_thread_wakes_up_when_it_is_told_to_or_when_somebody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 3600.0)  # nor by itself, where it has begun after the first stroke
    a_project(tmp_path / "p.panosod").close()
    committed = threading.Event()
    later = []
    document = Document.open(
        tmp_path / "p.panosod",
        author="ada",
        backup_every_s=None,
        on_committed=lambda _: committed.set(),
        soon=later.append,
    )
    stroke(document, key(0), rectangle(0, 0, 2, 2), 1)
    assert len(later) == 1 and document.dirty == 1
    later.pop()()
    assert committed.wait(WAIT_S)
    document.flush(WAIT_S)
    stroke(document, key(1), rectangle(0, 0, 2, 2), 1)
    document.undo()
    document.redo()
    assert len(later) == 3
    document.flush(WAIT_S)
    assert document.dirty == 0
    stroke(document, key(2), rectangle(0, 0, 2, 2), 1)
    document.close()
    later.pop()()  # too late, and nobody minds
    document = Document.open(tmp_path / "p.panosod", author="ada", backup_every_s=None)
    assert all(document.heads(key(i)) for i in range(3))
    document.close()


def test_undo_goes_back_hundreds_of_steps_over_frames_and_objects_after_reopening(tmp_path: Path) -> None:
    document = a_project(tmp_path / "p.panosod")
    random = np.random.default_rng(2)
    states = []
    for i in range(250):
        where = key(int(random.integers(0, 5)))
        states.append({k: document.labels(key(k)).copy() for k in range(5)})
        x, y = (int(n) for n in random.integers(0, (SHAPE[1], SHAPE[0] - 3)))
        if not stroke(document, where, rectangle(x, y, 4, 3), 1 + i % 3):
            states.pop()
    last = {k: document.labels(key(k)).copy() for k in range(5)}
    document.close()
    document = Document.open(tmp_path / "p.panosod", author="ada", backup_every_s=None)
    assert len(states) > 200
    for expected in reversed(states):
        assert document.undo() is not None
        assert all((document.labels(key(k)) == expected[k]).all() for k in range(5))
    for _ in states:
        document.redo()
    assert all((document.labels(key(k)) == last[k]).all() for k in range(5))
    document.close()


def test_hundreds_of_steps_of_a_large_clip_take_little_memory(tmp_path: Path) -> None:
    """What undo keeps, at full size: label maps (7 MB each, one is kept here) are not part of it."""
    a_project(tmp_path / "p.panosod").close()
    store = Document.open(tmp_path / "p.panosod", author="ada", backup_every_s=None).store
    document = Document(store, map_cache_bytes=1)
    clip = document.add_clip(a_clip("large.mp4", "large", (1920, 3840)))
    for i in (1, 2, 3):
        document.put_object(clip.id, ObjectInfo(i, f"thing {i}"))
    where = key(0, clip=clip.id)
    document.labels(where)
    document.flush()
    before_depth = document.undo_depth[0]
    masks = [rectangle(3600 + 16 * i, 400 + 8 * i, 400, 300) for i in range(10)]
    tracemalloc.start()
    for i in range(210):
        assert stroke(document, where, masks[i % 10], 1 + i % 3)
    document.flush()
    kept = [tracemalloc.get_traced_memory()[0]]
    painted = document.labels(where).copy()
    for _ in range(210):
        document.undo()
    document.flush()
    kept.append(tracemalloc.get_traced_memory()[0] - painted.nbytes)
    assert not document.labels(where).any() and document.undo_depth == (before_depth, 210)
    for _ in range(210):
        document.redo()
    document.flush()
    kept.append(tracemalloc.get_traced_memory()[0] - painted.nbytes)
    tracemalloc.stop()
    assert (document.labels(where) == painted).all()
    assert max(kept) < 64e6
    document.close()


def test_a_new_step_drops_what_was_undone_but_keeps_its_revisions(document: Document) -> None:
    stroke(document, key(0), rectangle(0, 0, 2, 2), 1)
    stroke(document, key(0), rectangle(4, 0, 2, 2), 1)
    lost = document.heads(key(0))[1].revision
    document.undo()
    stroke(document, key(0), rectangle(8, 0, 2, 2), 2)
    assert document.redo() is None and document.undo_depth[1] == 0
    document.flush()
    rle = document.store.reader.rle(lost)
    assert rle is not None and rle.area_px == 8
    assert document.store.reader.ask("SELECT count(*) FROM steps WHERE state = 'dropped'") == [(1,)]


def test_one_propagation_is_one_step(document: Document) -> None:
    edits = []
    for i in range(20):
        labels = document.labels(key(i))
        mask = {1: rectangle(i % 16, 0, 4, 4)}
        edits.append((key(i), put_masks(labels, mask, protection=document.protection(key(i)), origin=MODEL)))
    document.apply_many(edits, title="Propagate")
    assert all(document.heads(key(i))[1].source is Source.MODEL for i in range(20))
    document.undo()
    assert all(not document.labels(key(i)).any() and not document.heads(key(i)) for i in range(20))
    assert document.frame(key(5)) == replace(document.frame(key(5)), state=FrameState.UNTOUCHED)


def test_a_long_propagation_goes_on_with_its_step(document: Document) -> None:
    stroke(document, key(0), rectangle(0, 0, 4, 4), 1)
    done = None
    for i in range(1, 60):
        edit = put_masks(
            document.labels(key(i)),
            {1: rectangle(i % 16, 0, 4, 4)},
            protection=document.protection(key(i)),
            origin=MODEL,
        )
        done = document.apply_many([(key(i), edit)], title="Propagate", continuing=done)
        if i % 20 == 0:
            document.flush()  # some parts are written, others wait
    assert document.undo_depth[0] == 5  # three objects, a stroke, and this
    undone = document.undo()
    assert undone is not None and undone.place.frame == key(1)
    assert all(not document.labels(key(i)).any() for i in range(1, 60))
    document.redo()
    assert all((document.labels(key(i)) == 1).sum() == 16 for i in range(1, 60))
    path = document.path
    document.close()
    again = Document.open(path, author="ada", backup_every_s=None)
    assert all((again.labels(key(i)) == 1).sum() == 16 for i in range(1, 60))
    again.undo()
    assert all(not again.labels(key(i)).any() and not again.heads(key(i)) for i in range(1, 60))
    stroke(again, key(0), rectangle(8, 0, 4, 4), 2)
    edit = put_masks(again.labels(key(1)), {1: rectangle(0, 0, 1, 1)}, protection=Protection(), origin=MODEL)
    new = again.apply_many([(key(1), edit)], title="Propagate", continuing=done)
    assert new is not None and done is not None and new.step != done.step
    again.close()


def test_a_listener_that_fails_does_not_stop_the_writing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def wrong(sequence: int) -> None:
        raise RuntimeError("not our problem")

    a_project(tmp_path / "p.panosod").close()
    document = Document.open(tmp_path / "p.panosod", author="ada", on_committed=wrong, backup_every_s=None)
    for i in range(5):
        stroke(document, key(i), rectangle(0, 0, 4, 4), 1)
    document.close()
    assert "listener" in caplog.text
    with Snapshot.open(tmp_path / "p.panosod") as snapshot:
        assert len(snapshot.frames[1]) == 5


def test_deleting_an_object_deletes_it_everywhere_and_comes_back(document: Document) -> None:
    for i in range(4):
        stroke(document, key(i), rectangle(0, 0, 4, 4), 1)
        stroke(document, key(i), rectangle(6, 0, 4, 4), 2)
    before = [state_of(document, key(i)) for i in range(4)]
    document.set_lock(key(2), locked=True, object_id=1)
    with pytest.raises(ProjectError, match="unlock"):
        document.delete_object(1, 1)
    document.undo()
    assert [state_of(document, key(i)) for i in range(4)] == before
    document.delete_object(1, 1)
    assert all((document.labels(key(i)) == 1).sum() == 0 and 1 not in document.heads(key(i)) for i in range(4))
    assert [o.id for o in document.objects(1)] == [2, 3] and document.free_object_id(1) == 1
    document.undo()
    assert [state_of(document, key(i)) for i in range(4)] == before


def test_an_accepted_frame_that_loses_a_mask_with_its_object_is_a_draft(document: Document) -> None:
    for i in range(3):
        stroke(document, key(i), rectangle(0, 0, 4, 4), 1)
    stroke(document, key(1), rectangle(6, 0, 4, 4), 2)
    edit = erase(document.labels(key(2)), rectangle(0, 0, 4, 4), object_id=1, protection=document.protection(key(2)))
    document.apply(key(2), edit, title="Erase")  # it had no pixels here any more: nothing changes
    document.accept([key(i) for i in range(4)])
    before = [state_of(document, key(i)) for i in range(4)]
    document.delete_object(1, 1)
    states = [document.frame(key(i)).state for i in range(4)]  # type: ignore[union-attr]
    assert states == [FrameState.DRAFT, FrameState.DRAFT, FrameState.ACCEPTED, FrameState.ACCEPTED]
    document.undo()
    assert [state_of(document, key(i)) for i in range(4)] == before
    document.redo()
    document.flush()
    document.read_again()
    assert [document.frame(key(i)).state for i in range(4)] == states  # type: ignore[union-attr]


def test_every_kind_of_step_survives_reopening_done_and_undone(tmp_path: Path) -> None:
    path = tmp_path / "p.panosod"
    document = a_project(path)
    steps = [
        lambda d: stroke(d, key(0), rectangle(14, 1, 5, 4), 1),
        lambda d: stroke(d, key(0), rectangle(0, 0, 3, 3), 2),
        lambda d: d.set_lock(key(0), locked=True, object_id=1),
        lambda d: d.set_lock(key(0), locked=False, object_id=1),
        lambda d: d.set_lock(key(0), locked=True),
        lambda d: d.set_lock(key(0), locked=False),
        lambda d: d.accept([key(0)]),
        lambda d: d.decide([key(0)], MaskState.DRAFT, objects=[2]),
        lambda d: d.set_note(key(0), "look again"),
        lambda d: d.put_object(1, ObjectInfo(4, "new", locked=True)),
        lambda d: d.put_object(1, ObjectInfo(2, "renamed", rank=3)),
        lambda d: d.delete_object(1, 2),
        lambda d: d.reject([key(0)]),
    ]

    def everything(d: Document) -> tuple[object, ...]:
        return state_of(d, key(0)), tuple(d.objects(1)), d.protection(key(0))

    def reopened(d: Document) -> Document:
        before = everything(d), d.undo_depth
        d.close()
        d = Document.open(path, author="ada", backup_every_s=None)
        assert (everything(d), d.undo_depth) == before
        return d

    states = [everything(document)]
    for step in steps:
        assert step(document)
        states.append(everything(document))
        assert states[-1] != states[-2]
        document = reopened(document)
    for expected in states[-2::-1]:
        document.undo()
        assert everything(document) == expected
        document = reopened(document)
    for expected in states[1:]:
        document.redo()
        assert everything(document) == expected
    document.close()


def test_a_reading_window_can_look_again(document: Document) -> None:
    stroke(document, key(0), rectangle(0, 0, 4, 4), 1)
    document.flush()
    reading = Document.open(document.path, author="bo")
    assert reading.why_read_only is not None and (reading.labels(key(0)) == document.labels(key(0))).all()
    stroke(document, key(0), rectangle(8, 0, 4, 4), 2)
    document.flush()
    reading.read_again()
    assert (reading.labels(key(0)) == document.labels(key(0))).all()
    reading.close()


# ---- states


def test_deciding(document: Document) -> None:
    stroke(document, key(0), rectangle(0, 0, 4, 4), 1)
    stroke(document, key(0), rectangle(8, 0, 4, 4), 2)
    document.accept([key(0), key(7)])
    assert {h.state for h in document.heads(key(0)).values()} == {MaskState.ACCEPTED}
    row, empty = document.frame(key(0)), document.frame(key(7))
    assert row is not None and row.state is FrameState.ACCEPTED
    assert empty is not None and empty.state is FrameState.ACCEPTED  # "there is nothing here" is a word, too
    assert document.protection(key(7)).frame_accepted
    # One mask reopened: the frame is no longer accepted as a whole.
    document.decide([key(0)], MaskState.DRAFT, objects=[2])
    row = document.frame(key(0))
    assert row is not None and row.state is FrameState.DRAFT
    assert document.heads(key(0))[1].state is MaskState.ACCEPTED
    document.reject([key(0)])
    document.set_note(key(0), "blurred")
    document.flush()
    reader = document.store.reader
    assert {h.state for h in reader.heads(1).values()} == {MaskState.REJECTED}
    assert reader.frames()[0].note == "blurred"
    # Deciding stores no pixels twice.
    assert reader.ask("SELECT count(*), count(DISTINCT mask) FROM revisions")[0] == (7, 2)


def test_objects_keep_all_they_are_given(document: Document) -> None:
    spans = (Interval(0, 30, Presence.SOUNDING), Interval(30, 60, Presence.OFF_SCREEN))
    info = ObjectInfo(9, "dog \u00e9", "animal", "#00ff7f", rank=2, intervals=spans)
    document.put_object(1, info)
    assert document.put_object(1, info) is None
    document.flush()
    assert document.store.reader.objects(1)[-1] == info
    with pytest.raises(ValueError, match="ranks"):
        ObjectInfo(1, "x", rank=6)
    with pytest.raises(ValueError, match="overlap"):
        ObjectInfo(1, "x", intervals=(spans[1], spans[0]))


def test_maps_beyond_the_limit_are_read_again(tmp_path: Path) -> None:
    a_project(tmp_path / "p.panosod").close()
    store = Document.open(tmp_path / "p.panosod", author="ada", backup_every_s=None).store
    document = Document(store, map_cache_bytes=3 * SHAPE[0] * SHAPE[1])
    for i in range(12):
        stroke(document, key(i), rectangle(i, 0, 4, 4), 1 + i % 3)
    for i in range(12):
        assert (document.labels(key(i)) == 1 + i % 3).sum() == 16
    document.close()


# ---- snapshots


def test_a_snapshot_stays_what_it_is(document: Document) -> None:
    stroke(document, key(0), rectangle(14, 0, 4, 4), 1)
    document.accept([key(0)])
    stroke(document, key(1), rectangle(0, 0, 2, 2), 2)
    document.flush()
    before = document.labels(key(0)).copy()
    with Snapshot.open(document.path) as snapshot:
        ids, print_ = snapshot.revisions, snapshot.fingerprint
        stroke(document, key(0), rectangle(0, 0, 16, 8), 3)
        document.flush()
        first, second = snapshot.frames[1]
        assert (snapshot.labels(first) == before).all()
        assert not snapshot.labels(second, states=[MaskState.ACCEPTED]).any()
        (mask,) = first.masks
        assert snapshot.rle(mask) == encode(RingMask.of(before == 1), SHAPE)
        assert (mask.state, mask.author, mask.area_px) == (MaskState.ACCEPTED, "ada", 16)
    with Snapshot.open(document.path, revisions=ids) as again:
        assert again.revisions == ids
        assert (again.labels(again.frames[1][0]) == before).all()
    with Snapshot.open(document.path) as later:
        assert later.fingerprint != print_
    with pytest.raises(ProjectError, match="lacks revision 999"):
        Snapshot.open(document.path, revisions=[*ids, 999])


# ---- clips and their files


def a_media_project(tmp_path: Path) -> tuple[Document, Path]:
    media = tmp_path / "videos" / "clip.mp4"
    media.parent.mkdir()
    media.write_bytes(b"not decoded here " * 1000)
    document = Document.create(tmp_path / "p.panosod", author="ada", backup_every_s=None)
    document.add_clip(new_clip(media, document.path, size=SHAPE, stream=0, time_base=Fraction(1, 15360)))
    return document, media


def test_a_moved_file_is_found_by_its_content(tmp_path: Path) -> None:
    document, media = a_media_project(tmp_path)
    (clip,) = document.clips
    assert clip.path == "videos/clip.mp4" and find_media(document, clip) == media
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = media.rename(elsewhere / "clip.mp4")
    (tmp_path / "clip.mp4").write_bytes(b"another film of that name")
    assert find_media(document, clip) is None
    assert find_media(document, clip, [elsewhere]) == moved
    assert not is_same_clip(clip, tmp_path / "clip.mp4")
    with pytest.raises(ProjectError, match="content differs"):
        relink(document, clip, tmp_path / "clip.mp4")
    relink(document, clip, moved)
    assert document.clips[0].path == "elsewhere/clip.mp4"
    document.close()


def test_another_copy_never_shifts_a_mask(tmp_path: Path) -> None:
    document, _ = a_media_project(tmp_path)
    (clip,) = document.clips
    frames = [FrameKey(clip.id, 0, 1024 + 512 * i, i) for i in range(10)]
    for i, frame in enumerate(frames):
        stroke(document, frame, rectangle(i, 0, 2, 2), 1)
    expected = [document.labels(f).copy() for f in frames]
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(b"the same recording without its first two frames and the seventh")
    pts = np.array([1024 + 512 * i for i in range(2, 14) if i != 7], np.int64)
    plan = plan_adoption(document, clip, copy, CopyTimes(0, Fraction(1, 15360), pts))
    assert [k.index for k in plan.missing] == [0, 1, 7] and plan.moved == 7
    adopt(document, plan)
    assert document.clips[0].path == "copy.mp4" and is_same_clip(document.clips[0], copy)
    by_pts = {row.key.pts: row.key for row in document.frames(clip.id)}
    for i, frame in enumerate(frames):
        assert (document.labels(frame) == expected[i]).all()
        index = {0: 11, 1: 12, 7: 13}.get(i, i - 2 - (i > 7))  # what it lacks: behind its last
        assert by_pts[frame.pts].index == index
    assert document.undo() is not None  # the history goes on
    document.close()


def test_a_copy_with_other_time_stamps_is_matched_by_time(tmp_path: Path) -> None:
    document, _ = a_media_project(tmp_path)
    (clip,) = document.clips
    frames = [FrameKey(clip.id, 0, 512 * i, i) for i in range(0, 30, 3)]
    for i, frame in enumerate(frames):
        stroke(document, frame, rectangle(i, 0, 2, 2), 1)
    document.put_object(clip.id, ObjectInfo(1, "a", intervals=(Interval(0, 15360, Presence.SOUNDING),)))
    expected = [document.labels(f).copy() for f in frames]
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(b"Matroska counts milliseconds")
    milliseconds = np.round(np.arange(30) * 1000 / 30).astype(np.int64)
    short = plan_adoption(document, clip, copy, CopyTimes(1, Fraction(1, 1000), milliseconds[:20]))
    with pytest.raises(ProjectError, match="lacks 3 of its annotated frames"):
        adopt(document, short)
    plan = plan_adoption(document, clip, copy, CopyTimes(1, Fraction(1, 1000), milliseconds))
    assert not plan.missing
    adopt(document, plan)
    for i in range(10):
        where = FrameKey(clip.id, 1, int(milliseconds[3 * i]), 3 * i)
        assert (document.labels(where) == expected[i]).all()
        assert document.frame(where) is not None
    assert document.objects(clip.id)[0].intervals == (Interval(0, 1000, Presence.SOUNDING),)
    document.close()


def test_a_recording_with_other_pictures_is_not_taken_for_a_copy(tmp_path: Path) -> None:
    document, _ = a_media_project(tmp_path)
    (clip,) = document.clips
    for i in range(4):
        stroke(document, FrameKey(clip.id, 0, 100 + 2 * i, i), rectangle(i, 0, 2, 2), 1)
    other = tmp_path / "other.mp4"
    other.write_bytes(b"few frames")
    plan = plan_adoption(document, clip, other, CopyTimes(0, Fraction(1, 25), np.arange(40, dtype=np.int64)))
    assert len(plan.missing) == 4 and not plan.frames
    document.close()


def test_events_are_kept(document: Document) -> None:
    stroke(document, key(0), rectangle(0, 0, 2, 2), 1)
    document.note_event("viewed", key=key(0), data={"seconds": 3})
    document.flush()
    assert document.store.reader.ask("SELECT kind, frame, data FROM events") == [("viewed", 1, '{"seconds": 3}')]
    assert BY_HAND.source is Source.MANUAL
