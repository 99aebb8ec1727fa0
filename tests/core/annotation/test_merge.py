"""A second annotator's project: what is the same, new, in conflict; taking it over as drafts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from panosod_core.annotation.adopting import Adoption, adopt
from panosod_core.annotation.document import Document
from panosod_core.annotation.merge import Choice, Finding, apply, compare
from panosod_core.annotation.records import FrameState, MaskState, ObjectInfo, Source
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.errors import AnnotationError, ProjectError
from tests.core.annotation.painting import a_clip, a_project, key, rectangle, state_of, stroke


@pytest.fixture
def ours(tmp_path: Path) -> Document:
    document = a_project(tmp_path / "ours.panosod")
    stroke(document, key(0), rectangle(0, 0, 4, 4), 1)  # as theirs
    stroke(document, key(1), rectangle(0, 0, 4, 4), 1)  # theirs is shifted by two
    stroke(document, key(2), rectangle(0, 0, 4, 4), 2)  # theirs gives this to object 1
    yield document
    document.close()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    document = a_project(tmp_path / "theirs.panosod", author="bo")
    stroke(document, key(0), rectangle(0, 0, 4, 4), 1)
    stroke(document, key(1), rectangle(2, 0, 4, 4), 1)
    stroke(document, key(2), rectangle(0, 0, 4, 4), 1)
    stroke(document, key(3), rectangle(14, 0, 4, 4), 3)  # ours has nothing
    document.accept([key(3)])
    document.close()
    return tmp_path / "theirs.panosod"


def findings(plan: object) -> dict[int, Finding]:
    return {i.key.index: i.finding for i in plan.items}  # type: ignore[attr-defined]


def test_comparing_finds_what_is_there_and_changes_nothing(ours: Document, theirs: Path) -> None:
    before = [state_of(ours, key(i)) for i in range(5)]
    with Snapshot.open(theirs) as snapshot:
        plan = compare(ours, snapshot)
    assert findings(plan) == {0: Finding.SAME, 1: Finding.CONFLICT, 2: Finding.CONFLICT, 3: Finding.NEW}
    shifted, swapped = plan.conflicts
    assert shifted.iou == pytest.approx(8 / 24) and shifted.touches == ()
    assert shifted.ours_state is MaskState.DRAFT
    assert swapped.iou == 0 and swapped.touches == (2,) and swapped.ours_state is None
    assert not plan.new_objects and not plan.missing_clips
    assert [state_of(ours, key(i)) for i in range(5)] == before


def test_by_default_only_what_is_new_comes_as_a_draft_in_one_step(ours: Document, theirs: Path) -> None:
    before = [state_of(ours, key(i)) for i in range(4)]
    with Snapshot.open(theirs) as snapshot:
        done = apply(ours, snapshot, compare(ours, snapshot))
        assert compare(ours, snapshot).items[-1].finding is Finding.SAME
    assert done is not None and "theirs.panosod" in done.title
    assert [state_of(ours, key(i)) for i in range(3)] == before[:3]
    head, row = ours.heads(key(3))[3], ours.frame(key(3))
    assert (head.state, head.source) == (MaskState.DRAFT, Source.IMPORTED)  # accepted there is a draft here
    assert row is not None and row.state is FrameState.DRAFT
    ours.flush()
    assert ours.store.reader.ask("SELECT author FROM revisions WHERE id = ?", (head.revision,)) == [("bo",)]
    ours.undo()
    assert [state_of(ours, key(i)) for i in range(4)] == before


@pytest.mark.parametrize(
    ("choice", "columns"),
    [
        (Choice.THEIRS, range(2, 6)),
        (Choice.UNION, range(6)),
        (Choice.INTERSECTION, range(2, 4)),
        (Choice.OURS, range(4)),
    ],
)
def test_choices(ours: Document, theirs: Path, choice: Choice, columns: range) -> None:
    with Snapshot.open(theirs) as snapshot:
        apply(ours, snapshot, compare(ours, snapshot), choices={(key(1), 1): choice, (key(2), 1): choice})
    assert np.flatnonzero((ours.labels(key(1)) == 1).any(axis=0)).tolist() == list(columns)
    taken = choice in (Choice.THEIRS, Choice.UNION)
    assert (ours.labels(key(2)) == 1).any() == taken and (ours.labels(key(2)) == 2).any() != taken


def test_what_only_we_have_in_a_frame_that_they_accepted_is_found(ours: Document, tmp_path: Path) -> None:
    stroke(ours, key(4), rectangle(0, 0, 4, 4), 1)
    stroke(ours, key(4), rectangle(6, 0, 4, 4), 2)
    stroke(ours, key(4), rectangle(12, 0, 2, 2), 3)
    ours.reject([key(4)], objects=[3])
    ours.accept([key(4)], objects=[2])
    other = a_project(tmp_path / "other.panosod", author="bo")
    other.put_object(1, ObjectInfo(4, "gone again"))
    stroke(other, key(4), rectangle(0, 0, 4, 4), 1)
    stroke(other, key(2), rectangle(0, 0, 1, 1), 1)  # a draft without our object 2 says nothing about it
    stroke(other, key(1), rectangle(0, 0, 4, 4), 4)
    other.delete_object(1, 4)
    other.accept([key(1), key(4), key(5)])  # in frame 5 nobody has anything
    other.close()
    before = [state_of(ours, key(i)) for i in range(6)]
    with Snapshot.open(other.path) as snapshot:
        plan = compare(ours, snapshot)
        found = {(i.key.index, i.object_id): i for i in plan.items if i.finding is Finding.OURS_ONLY}
        assert set(found) == {(1, 1), (4, 2)} and all(i in plan.conflicts for i in found.values())
        assert found[4, 2].theirs is None and found[4, 2].ours_state is MaskState.ACCEPTED and found[4, 2].iou == 0
        assert apply(ours, snapshot, plan) is None  # ours stays where nobody chose
        choices = {(i.key, i.object_id): Choice.THEIRS for i in found.values()}
        apply(ours, snapshot, plan, choices=choices | {(key(1), 1): Choice.UNION})
        assert [state_of(ours, key(i)) for i in range(6)] == before  # accepted without consent; together with nothing
        apply(ours, snapshot, plan, choices=choices, consent=True)
        assert not compare(ours, snapshot).conflicts[1:]
    assert not (ours.labels(key(1)) == 1).any() and not (ours.labels(key(4)) == 2).any()
    assert (ours.labels(key(4)) == 1).sum() == 16
    ours.undo()
    assert [state_of(ours, key(i)) for i in range(6)] == before


def test_locked_and_accepted_masks_stay_whatever_is_chosen(ours: Document, theirs: Path) -> None:
    ours.accept([key(1)])
    ours.set_lock(key(2), locked=True, object_id=2)
    ours.accept([key(3)])  # an empty frame, accepted: there is nothing in it
    before = [ours.labels(key(i)).copy() for i in range(4)]
    with Snapshot.open(theirs) as snapshot:
        plan = compare(ours, snapshot)
        choices = {(i.key, i.object_id): Choice.THEIRS for i in plan.items}
        assert apply(ours, snapshot, plan, choices=choices) is None
        assert all((ours.labels(key(i)) == before[i]).all() for i in range(4))
        apply(ours, snapshot, plan, choices=choices, consent=True)
    assert (ours.labels(key(1)) != before[1]).any() and (ours.labels(key(3)) == 3).any()
    assert (ours.labels(key(2)) == before[2]).all()  # consent opens no lock


def test_objects_are_matched_by_name_and_new_ones_get_a_free_id(tmp_path: Path, ours: Document) -> None:
    other = Document.create(tmp_path / "other.panosod", author="bo", backup_every_s=None)
    clip = other.add_clip(a_clip())
    for i, name in ((1, "Thing 3"), (2, "cat"), (7, "thing 2")):
        other.put_object(clip.id, ObjectInfo(i, name))
        stroke(other, key(10 + i), rectangle(0, 0, 2, 2), i)
    other.add_clip(a_clip("unknown.mp4", "something else"))
    other.close()
    with Snapshot.open(other.path) as snapshot:
        plan = compare(ours, snapshot)
        assert dict(plan.objects) == {(1, 1): 3, (1, 2): 4, (1, 7): 2}
        assert plan.new_objects == ((1, ObjectInfo(4, "cat")),)
        assert plan.missing_clips == ("unknown.mp4",)
        apply(ours, snapshot, plan)
    assert (ours.labels(key(12)) == 4).sum() == 4 and (ours.labels(key(17)) == 2).sum() == 4
    assert [o.name for o in ours.objects(1)][-1] == "cat"
    ours.undo()
    assert [o.id for o in ours.objects(1)] == [1, 2, 3]


def test_more_than_254_objects_are_refused(tmp_path: Path) -> None:
    document = a_project(tmp_path / "full.panosod", objects=254)
    other = a_project(tmp_path / "other.panosod", objects=0)
    other.put_object(1, ObjectInfo(1, "one too many"))
    stroke(other, key(0), rectangle(0, 0, 2, 2), 1)
    other.close()
    with pytest.raises(ProjectError, match="254"):
        document.free_object_id(1)
    with Snapshot.open(other.path) as snapshot, pytest.raises(ProjectError, match="254"):
        compare(document, snapshot)
    document.close()


def test_frames_are_the_same_by_time_not_by_index(tmp_path: Path, ours: Document) -> None:
    other = a_project(tmp_path / "other.panosod")
    stroke(other, replace(key(0), index=5), rectangle(0, 0, 4, 4), 1)
    other.close()
    with Snapshot.open(other.path) as snapshot:
        (item,) = compare(ours, snapshot).items
    assert item.finding is Finding.SAME and item.key.index == 0


CHANGED = "changed since it was compared: compare again"


def test_an_object_that_was_added_since_the_comparison_is_not_taken_for_theirs(tmp_path: Path) -> None:
    ours = a_project(tmp_path / "ours.panosod", objects=0)
    other = a_project(tmp_path / "other.panosod", objects=0)
    other.put_object(1, ObjectInfo(1, "Their drum"))
    for i in (0, 1):
        stroke(other, key(i), rectangle(8, 0, 4, 4), 1)
    other.close()
    with Snapshot.open(other.path) as snapshot:
        plan = compare(ours, snapshot)
        ours.put_object(1, ObjectInfo(1, "My voice"))
        for i in (0, 1):
            stroke(ours, key(i), rectangle(0, 0, 4, 4), 1)
        before = [state_of(ours, key(i)) for i in (0, 1)]
        with pytest.raises(AnnotationError, match=CHANGED):
            apply(ours, snapshot, plan)
        assert [o.name for o in ours.objects(1)] == ["My voice"]
        assert [state_of(ours, key(i)) for i in (0, 1)] == before
        apply(ours, snapshot, compare(ours, snapshot))
    assert [o.name for o in ours.objects(1)] == ["My voice", "Their drum"]
    assert (ours.labels(key(1)) == 1).sum() == 16 and (ours.labels(key(1)) == 2).sum() == 16
    ours.close()


@pytest.mark.parametrize(
    ("frame", "object_id", "choice"),
    [
        (1, 1, Choice.THEIRS),  # the mask in conflict
        (1, 1, Choice.UNION),
        (3, 3, None),  # new when it was compared, one of ours by now
        (3, 2, None),  # another object where theirs would come
        (2, 2, Choice.THEIRS),  # an object that theirs takes pixels from
    ],
)
def test_what_was_painted_since_the_comparison_is_not_replaced(
    ours: Document, theirs: Path, frame: int, object_id: int, choice: Choice | None
) -> None:
    with Snapshot.open(theirs) as snapshot:
        plan = compare(ours, snapshot)
        choices = {} if choice is None else {(key(frame), 3 if frame == 3 else 1): choice}
        stroke(ours, key(frame), rectangle(1, 1, 15, 4), object_id)
        before = [state_of(ours, key(i)) for i in range(5)]
        with pytest.raises(AnnotationError, match=CHANGED):
            apply(ours, snapshot, plan, choices=choices)
        assert [state_of(ours, key(i)) for i in range(5)] == before
        ours.undo()
        assert apply(ours, snapshot, plan, choices=choices) is not None, "it is again as it was compared"


def test_what_stays_ours_may_have_changed_since_the_comparison(ours: Document, theirs: Path) -> None:
    with Snapshot.open(theirs) as snapshot:
        plan = compare(ours, snapshot)
        stroke(ours, key(1), rectangle(6, 0, 2, 2), 1)
        stroke(ours, key(3), rectangle(6, 0, 2, 2), 1)  # in a frame where theirs comes, elsewhere
        assert apply(ours, snapshot, plan) is not None
    assert (ours.labels(key(1)) == 1).sum() == 20
    assert (ours.labels(key(3)) == 1).sum() == 4 and (ours.labels(key(3)) == 3).sum() == 16


def test_a_mask_that_was_accepted_or_an_object_renamed_since_is_told(ours: Document, theirs: Path) -> None:
    with Snapshot.open(theirs) as snapshot:
        plan = compare(ours, snapshot)
        ours.accept([key(1)])
        with pytest.raises(AnnotationError, match=CHANGED):
            apply(ours, snapshot, plan, choices={(key(1), 1): Choice.THEIRS}, consent=True)
        plan = compare(ours, snapshot)
        ours.put_object(1, replace(ours.objects(1)[2], name="another thing"))
        with pytest.raises(AnnotationError, match=CHANGED):
            apply(ours, snapshot, plan)


def test_nothing_is_written_to_time_stamps_that_another_copy_has_replaced(ours: Document, theirs: Path) -> None:
    with Snapshot.open(theirs) as snapshot:
        plan = compare(ours, snapshot)
        clip = replace(ours.clips[0], content_id="another copy", stream=1)
        rows = [row.key for row in ours.frames(1)]
        adopt(ours, Adoption(clip, tuple((k, replace(k, stream=1, pts=k.pts + 7)) for k in rows), ()))
        with pytest.raises(AnnotationError, match=CHANGED):
            apply(ours, snapshot, plan)
        assert {row.key.stream for row in ours.frames(1)} == {1}
