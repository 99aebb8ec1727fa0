"""Other copies of a clip: masks stay on the picture of their time, whatever a copy lacks and however it counts."""

import json
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panosod_core.annotation.adopting import CopyTimes, adopt, is_same_clip, new_clip, plan_adoption
from panosod_core.annotation.copies import adoption_words, copy_times
from panosod_core.annotation.document import Document
from panosod_core.annotation.ledger import SplitRow, put_splits, read_splits
from panosod_core.annotation.records import FrameKey, Interval, ObjectInfo, Presence
from panosod_core.cli.main import main
from panosod_core.errors import AnnotationError, ProjectError
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from tests.core.annotation.painting import SHAPE, rectangle, stroke
from tests.core.media.clip_making import make_clip

TICK = Fraction(1, 15360)
BASES = [TICK, Fraction(1, 90000), Fraction(1, 1000)]


def a_project(folder: Path, clip: Path, *, time_base: Fraction = TICK, stream: int = 0) -> Document:
    document = Document.create(folder / "p.panosod", author="ada", backup_every_s=None)
    document.add_clip(new_clip(clip, document.path, size=SHAPE, stream=stream, time_base=time_base))
    document.put_object(1, ObjectInfo(1, "a"))
    return document


def a_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def painted_at(document: Document, key: FrameKey) -> bytes:
    return document.labels(key).tobytes()


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_masks_stay_on_the_picture_of_their_time(data, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("copy")
    steps = data.draw(st.lists(st.sampled_from([512, 256, 1024]), min_size=5, max_size=20))
    pts = np.cumsum([data.draw(st.integers(0, 3000)), *steps])
    marked = sorted(data.draw(st.sets(st.integers(0, len(pts) - 1), min_size=1, max_size=8)))
    base = data.draw(st.sampled_from(BASES))
    lost = data.draw(st.sets(st.integers(0, len(pts) - 1), max_size=len(pts) - 1)) if base == TICK else set()
    kept = [i for i in range(len(pts)) if i not in lost]
    theirs = np.array([round(int(pts[i]) * TICK / base) for i in kept], np.int64)
    with closing(a_project(folder, a_file(folder / "clip.mp4", b"one"))) as document:
        for i in marked:
            stroke(document, FrameKey(1, 0, int(pts[i]), i), rectangle(i % 14, i % 6, 2, 2), 1)
        before = {i: painted_at(document, FrameKey(1, 0, int(pts[i]), i)) for i in marked}
        copy = a_file(folder / "copy.mkv", b"two")
        plan = plan_adoption(document, document.clips[0], copy, CopyTimes(0, base, theirs))
        assert [k.index for k in plan.missing] == [i for i in marked if i in lost]
        if not plan.frames:
            with pytest.raises(ProjectError, match="none of the annotated frames"):
                adopt(document, plan)
            return
        adopt(document, plan)
        rows = {row.key.pts: row.key for row in document.frames(1)}
        for i in marked:
            stamp = int(pts[i]) if i in lost else int(theirs[kept.index(i)])
            assert painted_at(document, rows[stamp]) == before[i]
            if i in lost:
                assert rows[stamp].index >= len(kept), "no picture of the copy has its number"
            else:
                assert rows[stamp].index == kept.index(i)
        assert len({key.index for key in rows.values()}) == len(marked)
        original = CopyTimes(0, TICK, pts.astype(np.int64))
        if base != Fraction(1, 1000):  # milliseconds are too coarse to come back to the very tick of any clip
            adopt(document, plan_adoption(document, document.clips[0], folder / "clip.mp4", original))
            for i in marked:
                key = FrameKey(1, 0, int(pts[i]), i)
                row = document.frame(key)
                assert row is not None and row.key.index == i and painted_at(document, key) == before[i]


def test_when_objects_sound_is_in_the_ticks_of_the_copy_also_in_the_history(tmp_path: Path) -> None:
    with closing(a_project(tmp_path, a_file(tmp_path / "clip.mp4", b"one"))) as document:
        stroke(document, FrameKey(1, 0, 0, 0), rectangle(0, 0, 2, 2), 1)
        first = ObjectInfo(1, "a", intervals=(Interval(0, 15360, Presence.SOUNDING),))
        document.put_object(1, first)
        document.put_object(1, replace(first, intervals=(Interval(15360, 30720, Presence.SILENT),)))
        document.flush()
        copy = a_file(tmp_path / "copy.mkv", b"two")
        times = CopyTimes(0, Fraction(1, 1000), np.arange(0, 3000, 40, dtype=np.int64))
        adopt(document, plan_adoption(document, document.clips[0], copy, times))
        assert document.objects(1)[0].intervals == (Interval(1000, 2000, Presence.SILENT),)
        document.undo()
        assert document.objects(1)[0].intervals == (Interval(0, 1000, Presence.SOUNDING),)


def test_the_copy_of_the_split_is_in_the_ticks_of_the_copy(tmp_path: Path) -> None:
    with closing(a_project(tmp_path, a_file(tmp_path / "clip.mp4", b"one"))) as document:
        document.add_clip(
            new_clip(a_file(tmp_path / "b.mp4", b"other"), document.path, size=SHAPE, stream=0, time_base=TICK)
        )
        stroke(document, FrameKey(1, 0, 0, 0), rectangle(0, 0, 2, 2), 1)
        rows = [
            SplitRow(1, "check", 15360, 30720),
            SplitRow(1, "train", 46080, 46080),
            SplitRow(1, "check", None, None),
        ]
        other = SplitRow(2, "check", 15360, 30720)
        document.rewrite(lambda db: put_splits(db, [*rows, other], created_ms=1))
        times = CopyTimes(0, Fraction(1, 1000), np.arange(0, 3000, 40, dtype=np.int64))
        adopt(document, plan_adoption(document, document.clips[0], a_file(tmp_path / "copy.mkv", b"two"), times))
        kept = read_splits(document.store.reader)
    timed = (SplitRow(1, "check", 1000, 2000), SplitRow(1, "train", 3000, 3000), SplitRow(1, "check", None, None))
    assert kept == (*timed, other)


def test_a_copy_is_no_second_file_of_another_clip(tmp_path: Path) -> None:
    with closing(a_project(tmp_path, a_file(tmp_path / "clip.mp4", b"one"))) as document:
        other = a_file(tmp_path / "other.mp4", b"two")
        document.add_clip(new_clip(other, document.path, size=SHAPE, stream=0, time_base=TICK))
        with pytest.raises(ProjectError, match="is clip 2 of the project already"):
            plan_adoption(document, document.clips[0], other, CopyTimes(0, TICK, np.arange(9, dtype=np.int64)))


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A clip, the same recording encoded anew, and its first half."""
    whole = make_clip(tmp_path / "whole.mp4", frames=25)
    anew = make_clip(tmp_path / "anew.mkv", frames=25, codec="mpeg4")
    half = make_clip(tmp_path / "half.mp4", frames=12)
    return whole, anew, half


def painted_project(clip: Path, *, frames: tuple[int, ...]) -> Path:
    video = probe(clip).video
    assert video is not None
    with VideoReader(clip, video) as reader:
        pts = reader.frame_pts()
    with closing(a_project(clip.parent, clip, time_base=video.time_base, stream=video.stream_index)) as document:
        for i in frames:
            stroke(document, FrameKey(1, video.stream_index, int(pts[i]), i), rectangle(i % 14, 0, 2, 2), 1)
        return document.path


def test_the_command_lists_clips_and_gives_them_other_files(clips, capsys) -> None:
    whole, anew, _ = clips
    project = painted_project(whole, frames=(1, 3))
    with closing(Document.open(project, author="ada", backup_every_s=None)) as document:
        before = [painted_at(document, row.key) for row in document.frames(1)]
    whole.unlink()
    assert main(["project", "clips", str(project)]) == 0
    assert "NOT FOUND" in capsys.readouterr().out
    assert main(["project", "adopt", str(project), "whole", str(anew), "--dry-run"]) == 0
    assert "2 of 2 annotated frames" in capsys.readouterr().err
    assert main(["project", "clips", str(project), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"clip": 1, "path": "whole.mp4", "file": None, "frames": 2}
    assert main(["project", "adopt", str(project), "whole", str(anew), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"same": False, "frames": 2, "moved": 0, "missing_frames": [], "dry_run": False}
    with closing(Document.open(project, author="ada", backup_every_s=None)) as document:
        assert is_same_clip(document.clips[0], anew)
        assert [painted_at(document, row.key) for row in document.frames(1)] == before


def test_a_copy_that_lacks_frames_is_taken_on_demand_only(clips, capsys) -> None:
    whole, _, half = clips
    project = painted_project(whole, frames=(1, 24))
    words = ["project", "adopt", str(project), "1", str(half)]
    assert main(words) == 1
    assert "lacks 1 annotated frames (the first is number 24)" in capsys.readouterr().err
    assert main([*words, "--yes"]) == 0
    with closing(Document.open(project, author="ada", backup_every_s=None)) as document:
        assert is_same_clip(document.clips[0], half)
        assert len(document.frames(1)) == 2
    capsys.readouterr()


def test_frames_that_a_copy_lacks_are_left_out_of_an_export_which_is_said(clips, tmp_path, capsys) -> None:
    whole, _, half = clips
    project = painted_project(whole, frames=(1, 3, 20, 24))
    assert main(["project", "adopt", str(project), "1", str(half), "--yes"]) == 0
    capsys.readouterr()
    words = ["export", str(project), "--format", "davis", "--out", str(tmp_path / "out"), "--pictures"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == 2 and told["notes"] == [
        "half: 2 annotated frames are not in this copy of the clip and were left out"
    ]
    assert sorted(p.name for p in (tmp_path / "out" / "Annotations" / "half").iterdir()) == ["00001.png", "00003.png"]


def test_looking_into_a_copy_can_be_abandoned(clips) -> None:
    with pytest.raises(AnnotationError, match="abandoned"):
        copy_times(clips[0], should_stop=lambda: True)


def test_words_tell_what_a_copy_lacks(clips) -> None:
    whole, _, half = clips
    with closing(Document.open(painted_project(whole, frames=(1, 24)), author="ada")) as document:
        plan = plan_adoption(document, document.clips[0], half, copy_times(half))
        text = " ".join(adoption_words(plan))
    assert "1 of 2 annotated frames" in text and "1 are not in it (frames 24)" in text
