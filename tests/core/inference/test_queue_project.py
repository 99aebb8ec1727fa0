"""The queue over a real project: what it reads, what it leaves out, what it says is missing; and as a command."""

import json
from contextlib import closing

import numpy as np
import pytest

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import BY_HAND, Origin, put_labels
from panosod_core.annotation.queueing import SIGHT, Strategy, next_picks
from panosod_core.annotation.records import FrameKey, ObjectInfo, Source
from panosod_core.cli.main import main
from panosod_core.inference.cache import PredictionCache
from panosod_core.inference.model_choice import choose_model
from panosod_core.inference.queue_project import ProjectQueue
from tests.clips import demo_clip
from tests.queue_project import MODEL, frame_times, make_project, put_maps


@pytest.fixture(scope="module")
def masters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("queued")
    return demo_clip(folder, duration_s=3.0), demo_clip(folder, duration_s=2.0, seed=3)


@pytest.fixture
def place(tmp_path, masters):
    clips = []
    for name, master in zip(("walk", "yard"), masters, strict=True):
        clips.append(tmp_path / f"{name}.mp4")
        clips[-1].write_bytes(master.read_bytes())
    make_project(tmp_path / "two.panosod", clips)
    return tmp_path, *clips


def key(clip_number, clip, index):
    return FrameKey(clip_number, 0, frame_times(clip)[0][index], index)


def paint(document, at, source=Source.MANUAL):
    labels = document.labels(at).copy()
    labels[10:20, 10:30] = 1
    origin = BY_HAND if source is Source.MANUAL else Origin(source, "m")
    protection = document.protection(at)
    document.apply(at, put_labels(document.labels(at), labels, protection=protection, origin=origin), title="t")


def look(queue, folder):
    view = queue.look(folder / "two.panosod")
    assert view is not None
    return view


def places(view, **words):
    return [(p.clip, p.index) for p in next_picks(view.pool, count=100, **words)]


def test_all_clips_are_looked_through_and_what_lacks_maps_is_said(place):
    folder, walk, yard = place
    queue = ProjectQueue(PredictionCache(folder / "cache"), MODEL)
    view = look(queue, folder)
    assert view.pool is not None and len(view.pool) == 0
    assert [(c.path.name, c.frames, c.without_map) for c in view.missing] == [
        ("walk.mp4", 90, 90),
        ("yard.mp4", 60, 60),
    ]
    assert list((folder / "cache").glob("*")) == [], "looking makes no files"

    put_maps(folder / "cache", walk, range(0, 90, 3), unsure=(36,))
    put_maps(folder / "cache", yard, range(0, 15, 3))
    view = look(queue, folder)
    walked = [n for clip, n in places(view) if clip == 1]
    # One for each half second, of which the least sure; of equal ones the earlier.
    assert len(walked) == 6 and 36 in walked and {n // 15 for n in walked} == set(range(6))
    assert [n for clip, n in places(view) if clip == 2] == [0]
    (lacks,) = view.missing
    assert lacks.path == yard and lacks.without_map == 60 - (12 + 30 + 1)
    assert places(view, strategy=Strategy.UNSURE)[0] == (1, 36)

    put_maps(folder / "cache", yard, range(15, 60, 3))
    assert [n for clip, n in sorted(places(look(queue, folder))) if clip == 2] == [0, 15, 30, 45]
    assert look(queue, folder).missing == ()


def test_what_people_have_decided_is_out_and_a_machines_draft_is_not(place):
    folder, walk, yard = place
    put_maps(folder / "cache", walk, range(0, 90, 3))
    put_maps(folder / "cache", yard, range(0, 60, 3))
    queue = ProjectQueue(PredictionCache(folder / "cache"), MODEL)
    before = places(look(queue, folder))
    assert {(1, 0), (1, 15), (1, 30), (1, 45), (2, 0)} <= set(before)
    with closing(Document.open(folder / "two.panosod", author="test", backup_every_s=None)) as document:
        document.put_object(1, ObjectInfo(1, "ball"))
        paint(document, key(1, walk, 0))
        document.accept([key(1, walk, 15)])
        document.reject([key(1, walk, 30)])
        paint(document, key(1, walk, 45), Source.MODEL)
        document.set_lock(key(2, yard, 0), locked=True)
        paint(document, key(1, walk, 62))
        document.flush()
    view = look(queue, folder)
    after = set(places(view))
    assert after == set(before) - {(1, 0), (1, 15), (1, 30), (2, 0)}
    labelled = view.pool.index[view.pool.is_labelled]
    assert sorted(labelled) == [0, 15, 62], "painted between two maps: the neighbour's stands in"
    row = int(np.flatnonzero(view.pool.index == 62)[0])
    assert view.pool.descriptor[row, :SIGHT].any() and view.pool.time_s[row] == pytest.approx(62 / 30, abs=1e-3)
    reasons = {p.index: p.reason for p in next_picks(view.pool, count=100) if p.clip == 1}
    assert "the nearest labelled frame is 0.1 s away" in reasons[60]
    assert all("nothing of this clip is labelled yet" in p.reason for p in next_picks(view.pool) if p.clip == 2)


def test_the_sound_is_held_against_the_mask(place):
    """The demo's balls sound one after the other; the maps' square passes by."""
    folder, walk, _ = place
    put_maps(folder / "cache", walk, range(0, 90, 3))
    pool = look(ProjectQueue(PredictionCache(folder / "cache"), MODEL), folder).pool
    assert pool.sounds.mean() > 0.5
    known = np.isfinite(pool.disagreement_rad)
    assert (known == pool.sounds).all() and (pool.disagreement_rad[known] > 0.1).any()
    assert (np.linalg.norm(pool.descriptor[pool.sounds, SIGHT:], axis=1) > 0.15).all()
    assert not pool.descriptor[~pool.sounds, SIGHT:].any()


def test_a_clip_that_is_away_is_left_out_and_a_cache_begun_anew_is_read_anew(place):
    folder, walk, yard = place
    put_maps(folder / "cache", walk, range(0, 90, 3))
    queue = ProjectQueue(PredictionCache(folder / "cache"), MODEL)
    assert len(places(look(queue, folder))) == 6
    (file,) = (folder / "cache").glob("*.maps")
    for each in (folder / "cache").glob("*.maps*"):
        each.unlink()
    put_maps(folder / "cache", walk, [0, 3])
    assert file.is_file()
    assert places(look(queue, folder)) == [(1, 0)]
    yard.rename(folder / "away.mp4")
    view = look(queue, folder)
    assert [(c.path.name, bool(c.problem)) for c in view.clips] == [("walk.mp4", False), ("yard.mp4", True)]
    assert "not where the project says" in view.clips[1].problem


def test_stopped_it_says_nothing(place):
    folder, walk, _ = place
    put_maps(folder / "cache", walk, range(0, 90, 3))
    queue = ProjectQueue(PredictionCache(folder / "cache"), MODEL)
    assert queue.look(folder / "two.panosod", should_stop=lambda: True) is None
    assert len(places(look(queue, folder))) == 6


def test_as_a_command(place, capsys):
    folder, walk, _ = place
    model = choose_model().model_id
    put_maps(folder / "cache", walk, range(0, 90, 3), model=model, unsure=(36,))
    words = ["queue", str(folder / "two.panosod"), "--cache", str(folder / "cache"), "--count", "3"]
    assert main([*words, "--strategy", "unsure"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("  1  walk.mp4  0:01.2  frame 36  unsure: ")
    assert (
        "yard.mp4: 60 of 60 frames are further than a second from any map" in said.err and "panosod predict" in said.err
    )

    assert main([*words, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events] == ["clip", "clip", "pick", "pick", "pick"]
    assert events[1]["without_map"] == 60 and events[2]["path"] == str(walk)
    assert [e["rank"] for e in events[2:]] == [0, 1, 2] and all(e["reason"] for e in events[2:])

    assert main([*words[:-1], "0"]) == 1
    assert "--count of 1 or more" in capsys.readouterr().err
    assert main(["queue", str(folder / "none.panosod")]) == 1
    assert "none.panosod" in capsys.readouterr().err
