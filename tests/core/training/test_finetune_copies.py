"""Another copy of a clip takes its place, with other ticks: what is checked stays so, what was learnt from never is."""

from contextlib import closing
from fractions import Fraction

import numpy as np
import pytest

from panosod_core.annotation.adopting import CopyTimes, adopt, new_clip, plan_adoption
from panosod_core.annotation.document import Document
from panosod_core.annotation.ledger import put_splits
from panosod_core.annotation.records import FrameKey
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.datasets.index import Split
from panosod_core.training.finetune_ledger import split_at_hand, split_rows
from panosod_core.training.finetune_split import (
    FixedSplit,
    corrected_frames,
    extend_split,
    keep_split,
    settle_split,
    split_path,
    time_of,
)

MATROSKA, MP4, TRANSPORT = Fraction(1, 1000), Fraction(1, 15360), Fraction(1, 90000)
COUNT, SHARE = 1000, 0.1


def ticks(base: Fraction) -> list[int]:
    """30 frames a second."""
    return [round(Fraction(k, 30) / base) for k in range(COUNT)]


def indices(snapshot: Snapshot, split: FixedSplit, part: Split) -> set[int]:
    (clip,) = snapshot.clips
    frames = snapshot.frames[clip.id]
    return {f.row.key.index for f in frames if split.part_of(clip.content_id, time_of(clip, f)) is part}


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize(("before", "after"), [(MP4, MATROSKA), (MATROSKA, MP4), (MP4, TRANSPORT)])
def test_a_copy_with_other_ticks_changes_no_frames_side(tmp_path, before, after, beside):
    project, (first, copy) = tmp_path / "p.panosod", (tmp_path / "a.mp4", tmp_path / "b.mkv")
    first.write_bytes(b"one")
    copy.write_bytes(b"two")
    with closing(Document.create(project, author="a", backup_every_s=None)) as document:
        clip = document.add_clip(new_clip(first, project, size=(8, 16), stream=0, time_base=before, frame_count=COUNT))
        pts = ticks(before)
        document.accept([FrameKey(clip.id, 0, pts[i], i) for i in range(10, COUNT, 25)])
        document.flush()
        with Snapshot.open(project) as snapshot:
            corrected = corrected_frames(snapshot)
            split = settle_split(project, corrected, share=SHARE, kept=split_at_hand(snapshot)[0])
            split = split.having_learnt(corrected)
            checked, learnt = (indices(snapshot, split, part) for part in (Split.VALIDATION, Split.TRAIN))
        assert len(checked) >= 5 and learnt
        keep_split(project, split)
        document.rewrite(lambda db: put_splits(db, split_rows(split, document.clips), created_ms=1))
        adopt(document, plan_adoption(document, clip, copy, CopyTimes(0, after, np.array(ticks(after), np.int64))))
        document.flush()
        if not beside:
            split_path(project).unlink()
        with Snapshot.open(project) as snapshot:
            found = extend_split(split_at_hand(snapshot)[0], corrected_frames(snapshot), share=SHARE)
            assert indices(snapshot, found, Split.VALIDATION) == checked
            assert indices(snapshot, found, Split.TRAIN) == learnt
