"""Imports of any length: a plan holds no masks, they are read again to be written, in one step or not at all."""

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from panosod_core.annotation.document import Document
from panosod_core.annotation.formats.importing import ImportPlan, apply_import, plan_import
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame
from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.records import FrameKey, NewClip, ObjectInfo
from panosod_core.annotation.store import ProjectStore
from panosod_core.annotation.writer import MaskCache
from panosod_core.errors import AnnotationError
from tests.core.annotation.painting import rectangle, stroke

MIB = 1 << 20
SHAPE = (40, 80)


def masks(count: int, *, shape: tuple[int, int] = SHAPE, name: str = "violin", seed: int = 0) -> LabelledClip:
    """Two squares that wander, made when they are asked for."""

    def load() -> Iterator[LabelledFrame]:
        for index in range(count):
            labels = np.zeros(shape, np.uint8)
            x = (7 * index + seed) % (shape[1] - 20)
            labels[4:12, x : x + 10] = 1
            labels[20:30, x + 5 : x + 15] = 200
            yield LabelledFrame(index, labels)

    return LabelledClip("masks", shape[1], shape[0], (ObjectInfo(1, name),), tuple(range(count)), load)


def a_project(path: Path, *, shape: tuple[int, int] = SHAPE, map_cache_bytes: int = 64 * MIB) -> Document:
    store = ProjectStore.create(path, author="ada")
    document = Document(store, map_cache_bytes=map_cache_bytes)
    document.add_clip(NewClip("clip.mp4", "content", shape[1], shape[0], 0, Fraction(1, 30), 1000))
    return document


def planned(document: Document, source: LabelledClip) -> ImportPlan:
    return plan_import(document, document.clips[0], source, pts=np.arange(1000, dtype=np.int64))


def shown(document: Document, count: int) -> list[np.ndarray]:
    return [np.array(document.labels(FrameKey(1, 0, i, i))) for i in range(count)]


@pytest.mark.parametrize("writing", [False, True], ids=["planned", "written"])
def test_an_import_four_times_as_long_needs_no_more_memory(tmp_path: Path, writing: bool) -> None:
    shape, peaks = (640, 1280), []
    for count in (30, 120):
        with closing(a_project(tmp_path / f"{count}.panosod", shape=shape, map_cache_bytes=4 * MIB)) as document:
            tracemalloc.start()
            plan = planned(document, masks(count, shape=shape))
            if writing:
                apply_import(document, plan, title="Import")
                document.flush()
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert plan.changed == count
    assert peaks[1] < 1.3 * peaks[0] and peaks[1] < 60 * shape[0] * shape[1]


def test_an_import_is_one_step_with_its_objects(tmp_path: Path) -> None:
    with closing(a_project(tmp_path / "p.panosod")) as document:
        plan = planned(document, masks(40))
        done = apply_import(document, plan, title="Import")
        assert done is not None and [o.name for o in document.objects(1)] == ["violin", "object 200"]
        expected = [frame.labels for frame in masks(40).load()]
        assert all((a == b).all() for a, b in zip(shown(document, 40), expected, strict=True))
        undone = document.undo()
        assert undone is not None and undone.title == "Import" and document.to_undo is None
        assert not any(labels.any() for labels in shown(document, 40)) and not document.objects(1)


def test_masks_that_have_changed_since_are_not_written_and_nothing_stays(tmp_path: Path) -> None:
    seen = 0

    def load() -> Iterator[LabelledFrame]:
        nonlocal seen
        seen += 1
        for frame in masks(30).load():
            if seen > 1 and frame.index == 25:
                frame.labels[0, 0] = 1
            yield frame

    first = masks(30)
    source = LabelledClip(first.name, first.width, first.height, first.objects, first.indices, load)
    with closing(a_project(tmp_path / "p.panosod")) as document:
        plan = planned(document, source)
        with pytest.raises(AnnotationError, match="frame 25: the masks have changed since"):
            apply_import(document, plan, title="Import")
        assert not any(labels.any() for labels in shown(document, 30)) and document.to_undo is None
        fewer = ImportPlan(**{**vars(planned(document, first)), "source": masks(29)})
        with pytest.raises(AnnotationError, match="1 frames are gone"):
            apply_import(document, fewer, title="Import")
        assert not any(labels.any() for labels in shown(document, 30))


def test_an_abandoned_import_leaves_nothing(tmp_path: Path) -> None:
    asked = iter([False] * 10 + [True] * 50)
    with closing(a_project(tmp_path / "p.panosod")) as document:
        plan = planned(document, masks(30))
        with pytest.raises(AnnotationError, match="abandoned"):
            apply_import(document, plan, title="Import", should_stop=lambda: next(asked))
        assert not any(labels.any() for labels in shown(document, 30))
        assert document.redo() is None, "half an import"
    with closing(Document.open(tmp_path / "p.panosod", author="ada", backup_every_s=None)) as document:
        assert document.undo_depth == (0, 0) and document.redo() is None
        assert not any(labels.any() for labels in shown(document, 30)) and not document.objects(1)


def test_objects_that_came_since_keep_their_ids(tmp_path: Path) -> None:
    with closing(a_project(tmp_path / "p.panosod")) as document:
        plan = planned(document, masks(3))
        document.put_object(1, ObjectInfo(1, "drum"))
        with pytest.raises(AnnotationError, match="objects have changed"):
            apply_import(document, plan, title="Import")
        assert [o.name for o in document.objects(1)] == ["drum"]


def test_strokes_and_locks_since_the_plan_are_respected(tmp_path: Path) -> None:
    with closing(a_project(tmp_path / "p.panosod")) as document:
        document.put_object(1, ObjectInfo(1, "violin"))
        document.put_object(1, ObjectInfo(2, "drum"))
        plan = planned(document, masks(3))
        stroke(document, FrameKey(1, 0, 0, 0), rectangle(0, 4, 5, 8), 2)
        document.set_lock(FrameKey(1, 0, 1, 1), locked=True)
        apply_import(document, plan, title="Import")
        first, second, third = shown(document, 3)
        assert (first[4:12, 0:5] == 2).all() and (first[4:12, 5:10] == 1).all()
        assert not second.any() and third.any()


def test_a_plan_counts_frames_that_will_change(tmp_path: Path) -> None:
    with closing(a_project(tmp_path / "p.panosod")) as document:
        document.put_object(1, ObjectInfo(1, "violin", locked=True))
        document.put_object(1, ObjectInfo(200, "object 200", locked=True))
        assert planned(document, masks(3)).changed == 0
        document.put_object(1, ObjectInfo(200, "object 200"))
        document.set_lock(FrameKey(1, 0, 2, 2), locked=True)
        plan = planned(document, masks(3))
        assert (plan.changed, len(plan.frames)) == (2, 3)
        apply_import(document, plan, title="Import")
        assert [set(np.unique(labels).tolist()) for labels in shown(document, 3)] == [{0, 200}, {0, 200}, {0}]


@pytest.mark.parametrize("indices", [(3, 3), (3, 4)], ids=["by number", "by time stamp"])
def test_masks_that_name_a_frame_twice_are_refused(tmp_path: Path, indices: tuple[int, int]) -> None:
    def load() -> Iterator[LabelledFrame]:
        for index in (0, *indices):
            yield LabelledFrame(index, np.ones(SHAPE, np.uint8), None if indices == (3, 3) else min(index, 3))

    base = None if indices == (3, 3) else Fraction(1, 30)
    source = LabelledClip("masks", SHAPE[1], SHAPE[0], (ObjectInfo(1, "violin"),), (0, *indices), load, base)
    with closing(a_project(tmp_path / "p.panosod")) as document:
        with pytest.raises(AnnotationError, match="masks: two of its frames belong to frame 3 of the clip"):
            planned(document, source)
        assert document.to_undo is None


def held_bytes(document: Document) -> int:
    """What the masks kept at hand keep alive, whole arrays where they are parts of such."""
    held: dict[int, int] = {}
    for mask in document._writer._masks._masks.values():
        array = None if mask is None else mask.bits
        while array is not None and isinstance(array.base, np.ndarray):
            array = array.base
        if array is not None:
            held[id(array)] = array.nbytes
    return sum(held.values())


def test_masks_kept_at_hand_are_as_large_as_the_objects_not_as_the_gap_between_them(tmp_path: Path) -> None:
    shape, count = (480, 960), 20

    def load() -> Iterator[LabelledFrame]:
        for index in range(count):
            labels = np.zeros(shape, np.uint8)
            labels[index : 40 + index, 10:50], labels[400:440, 800:840] = 1, 2
            yield LabelledFrame(index, labels)

    source = LabelledClip("masks", shape[1], shape[0], (ObjectInfo(1, "a"), ObjectInfo(2, "b")), (), load)
    with closing(a_project(tmp_path / "p.panosod", shape=shape)) as document:
        apply_import(document, planned(document, source), title="Import")
        document.flush()
        assert 2 * count * 40 * 40 <= held_bytes(document) <= 2 * count * 40 * 40 + 64 * count
    with closing(Document.open(tmp_path / "p.panosod", author="ada", backup_every_s=None)) as document:
        assert all((a == frame.labels).all() for a, frame in zip(shown(document, count), load(), strict=True))
        assert 2 * count * 40 * 40 <= held_bytes(document) <= 2 * count * 40 * 40 + 64 * count


def test_a_mask_that_is_part_of_a_picture_is_kept_without_the_rest() -> None:
    cache, picture = MaskCache(), np.zeros((100, 200), np.bool_)
    picture[10:12, 20:23] = True
    mask = RingMask.of(picture)
    assert mask is not None
    cache.put(1, mask)
    _, kept = cache.get(1)
    assert kept is not None and kept.bits.base is None and kept.box == mask.box and (kept.bits == mask.bits).all()
