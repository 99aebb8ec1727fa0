"""An annotated project as a data set: the frames that were annotated, their neighbours, and the sound in step."""

import json
from contextlib import closing

import numpy as np
import pytest

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import Origin, paint
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.records import FrameKey, Interval, MaskState, ObjectInfo, Presence, Source
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.cli.main import main
from panosod_core.datasets.findings import Kind, Weight
from panosod_core.datasets.index import Layout, Split
from panosod_core.datasets.opening import find_root, open_data_set
from panosod_core.datasets.pictures import read_mask, read_picture
from panosod_core.datasets.projects import Part, Preparation, is_machines, is_project, prepare, teaches
from panosod_core.datasets.windows import WindowSpec, list_windows, load_window
from panosod_core.errors import DatasetError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.sphere import direction, equirect_directions, pixel_solid_angles
from panosod_core.media.audio import AudioReader
from panosod_core.media.inject import write_spherical
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_core.training.finetune_split import corrected_frames
from tests.clips import demo_clip
from tests.core.datasets.tiny_sets import disc

W, H = 320, 160


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    return demo_clip(tmp_path_factory.mktemp("clip"), duration_s=1.0)


def key_of(document, media, index):
    clip = document.clips[0]
    with VideoReader(media, probe(media).video) as reader:
        return FrameKey(clip.id, clip.stream, int(reader.frame_pts()[index]), index)


def painted(document, key, object_id, box, source=Source.MANUAL):
    mask = RingMask(box, np.ones((box.height, box.width), np.bool_))
    how = {"protection": document.protection(key), "origin": Origin(source)}
    edit = paint(document.labels(key), mask, object_id=object_id, **how)
    document.apply(key, edit, title="Brush")


@pytest.fixture
def project(tmp_path, media):
    """Frames 9 and 20 painted, 12 accepted as empty, 25 rejected."""
    path = tmp_path / "p.panosod"
    document = Document.create(path, author="ann", backup_every_s=None)
    video = probe(media).video
    document.add_clip(new_clip(media, path, size=(H, W), stream=video.stream_index, time_base=video.time_base))
    document.put_object(1, ObjectInfo(1, "a"))
    document.put_object(1, ObjectInfo(2, "b"))
    for index in (9, 20, 25):
        painted(document, key_of(document, media, index), 1, RingBox(W - 8, 40, 40, 30))
        painted(document, key_of(document, media, index), 2, RingBox(100, 60, 20, 20))
    document.accept([key_of(document, media, 12)])
    document.reject([key_of(document, media, 25)])
    document.flush()
    with closing(document):
        yield document


def made(project, media, root, **how):
    with Snapshot.open(project.path) as snapshot:
        return prepare(snapshot, root, Preparation(width=160, **how), media=lambda clip: media)


def test_annotated_frames_and_those_that_a_window_needs(project, media, tmp_path):
    done = made(project, media, tmp_path / "d")
    assert done.frames == {Split.TRAIN: 3} and not done.left_out
    (clip,) = open_data_set(done.root).clips
    masked = [f.number for f in clip.frames if f.mask is not None]
    assert masked == [9, 12, 20] and {f.number for f in clip.frames} == {3, 9, 15, 6, 12, 18, 14, 20, 26}
    assert clip.frames[0].time_s == pytest.approx(0.1)
    by_number = {f.number: f for f in clip.frames}
    assert not read_mask(by_number[12].mask).any()
    labels = project.labels(key_of(project, media, 9))
    small = read_mask(by_number[9].mask)
    assert small.shape == (80, 160)
    np.testing.assert_array_equal(small > 127, labels[::2, ::2] > 0)
    with VideoReader(media, probe(media).video) as reader:
        full = reader.frame_at(9).owner.to_ndarray(format="rgb24").astype(float)
    mean = full.reshape(80, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(read_picture(by_number[9].image) - mean).max() <= 1


def test_a_window_of_it_has_its_own_sound(project, media, tmp_path):
    data = open_data_set(made(project, media, tmp_path / "d").root)
    spec = WindowSpec(frames=3, step_s=0.2, sound_s=0.2, rate_hz=48000, width=160, height=80)
    listed = list_windows(data, spec)
    window = next(w for w in listed.windows if w.frame.number == 9)
    sample = load_window(window, spec)
    assert sample.meta.numbers == (3, 9, 15) and sample.mask_valid.tolist() == [False, True, False]
    with AudioReader(media, probe(media).audio) as reader:
        reader.seek(0.3 - 0.1)
        np.testing.assert_allclose(sample.foa, reader.read(9600)[:4], atol=2e-4)


@pytest.mark.parametrize("source", [Source.PROPAGATED, Source.MODEL])
def test_what_a_machine_drew_teaches_once_a_person_has_said_something_of_it(project, media, source):
    keys = {index: key_of(project, media, index) for index in (5, 6, 7, 8, 10)}
    box = RingBox(10, 40, 40, 30)
    for index in (5, 6, 7, 8):
        painted(project, keys[index], 1, box, source)
    project.accept([keys[6]], objects=[1])  # its mask alone, as a merge of reviews would
    painted(project, keys[7], 1, RingBox(50, 40, 4, 4))  # corrected by hand
    painted(project, keys[8], 2, RingBox(100, 60, 20, 20))  # another object beside it
    painted(project, keys[10], 1, box, Source.IMPORTED)
    project.flush()
    with Snapshot.open(project.path) as snapshot:
        taught = {f.row.key.index: teaches(f) for f in snapshot.frames[1]}
        machines = {f.row.key.index for f in snapshot.frames[1] if is_machines(f)}
        (beside,) = (f for f in snapshot.frames[1] if f.row.key.index == 8)
        assert set(np.unique(snapshot.labels(beside))) == {0, 1, 2}
    assert taught == {5: False, 6: True, 7: True, 8: True, 9: True, 10: True, 12: True, 20: True, 25: False}
    assert machines == {5}
    project.decide([keys[5]], MaskState.ACCEPTED)
    project.decide([keys[6]], MaskState.DRAFT)  # taken back
    project.flush()
    with Snapshot.open(project.path) as snapshot:
        assert [teaches(f) for f in snapshot.frames[1][:2]] == [True, False]


def test_parts_are_written_apart(project, media, tmp_path):
    def rule(clip, frames):
        return [Part(Split.TRAIN, frozenset({9})), Part(Split.VALIDATION, frozenset({20}))]

    data = open_data_set(made(project, media, tmp_path / "d", rule=rule).root)
    found = {c.split: [f.number for f in c.frames if f.mask is not None] for c in data.clips}
    assert found == {Split.TRAIN: [9], Split.VALIDATION: [20]}
    assert len({c.sound.path.stat().st_ino for c in data.clips}) == 1


def test_silent_objects_are_left_out(project, media, tmp_path):
    silent = Interval(0, 1 << 40, Presence.SILENT)
    project.put_object(1, ObjectInfo(2, "b", intervals=(silent,)))
    project.flush()
    (clip,) = open_data_set(made(project, media, tmp_path / "d").root).clips
    mask = read_mask(next(f for f in clip.frames if f.number == 9).mask)
    assert not mask[30:40, 50:60].any() and mask[22:30, :8].all()


def test_a_project_opens_like_a_folder_and_only_once(project, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root, layout = find_root(project.path)
    assert layout is Layout.PANOSOD and [c.split for c in open_data_set(project.path).clips] == [Split.TRAIN]
    before = (root / "dataset.json").stat().st_mtime_ns
    assert find_root(project.path)[0] == root and (root / "dataset.json").stat().st_mtime_ns == before


def test_a_project_is_known_by_its_suffix_in_capitals_too(tmp_path):
    for name, is_one in (("a.panosod", True), ("A.PANOSOD", True), ("a.mp4", False)):
        (tmp_path / name).write_bytes(b"")
        assert is_project(tmp_path / name) == is_one


def test_a_clip_that_is_away_is_told_and_looked_for_again(project, media, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    video = probe(media).video
    (tmp_path / "second").mkdir()
    second = demo_clip(tmp_path / "second", fps=25, duration_s=1.0)
    clip = project.add_clip(
        new_clip(second, project.path, size=(H, W), stream=video.stream_index, time_base=probe(second).video.time_base)
    )
    project.put_object(clip.id, ObjectInfo(1, "a"))
    with VideoReader(second, probe(second).video) as reader:
        key = FrameKey(clip.id, clip.stream, int(reader.frame_pts()[9]), 9)
    painted(project, key, 1, RingBox(100, 60, 20, 20))
    project.flush()
    assert len(open_data_set(project.path).clips) == 2
    second.rename(second.with_suffix(".away"))
    data = open_data_set(project.path)
    assert [f.kind for f in data.findings if f.weight is Weight.ERROR] == [Kind.MISSING_SEQUENCE]
    assert len(data.clips) == 1 and second.name in str(data.findings)
    second.with_suffix(".away").rename(second)
    assert len(open_data_set(project.path).clips) == 2


def test_clips_of_the_same_name_are_told_apart(project, media, tmp_path):
    video = probe(media).video
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / media.name
        path.write_bytes(media.read_bytes() + b"\0" * len(folder))
        clip = project.add_clip(
            new_clip(path, project.path, size=(H, W), stream=video.stream_index, time_base=video.time_base)
        )
        project.put_object(clip.id, ObjectInfo(1, "a"))
        painted(project, FrameKey(clip.id, clip.stream, key_of(project, media, 9).pts, 9), 1, RingBox(100, 60, 20, 20))
    project.flush()
    with Snapshot.open(project.path) as snapshot:
        made = prepare(snapshot, tmp_path / "d", Preparation(width=96), media=lambda clip: media)
        counts = {c.name: len(c.times_s) for c in corrected_frames(snapshot)}
    titles = [clip.title for clip in open_data_set(made.root).clips]
    assert len(set(titles)) == 3 and {"monday/" + media.stem, "tuesday/" + media.stem} < set(titles)
    assert sorted(counts.values()) == [1, 1, 3]


def test_a_window_finds_its_neighbours_whatever_its_length(project, media, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = WindowSpec(frames=4, step_s=0.1, sound_s=0.2, rate_hz=16000, width=64, height=32)
    how = Preparation(width=64, step_s=0.1, window=4)
    window = next(
        w for w in list_windows(open_data_set(project.path, project=how), spec).windows if w.frame.number == 9
    )
    assert all(window.frame_valid) and load_window(window, spec).meta.numbers == (3, 6, 9, 12)


def test_the_check_takes_a_project_and_finds_nothing_odd_in_what_was_made_of_it(project, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["data", "check", str(project.path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["layout"] == "panosod" and report["counts"][0]["windows"] == 3
    assert {f["kind"] for f in report["findings"]} <= {"missing-masks", "empty-mask", "order-unproven"}
    assert main(["data", "check", str(project.path), "--layout", "panosod"]) == 0
    assert main(["data", "check", str(project.path), "--layout", "duts"]) == 1
    assert "has the layout panosod" in capsys.readouterr().err


@pytest.mark.parametrize("pose_deg", [(90.0, 0.0, 0.0), (30.0, -40.0, 70.0)])
def test_a_tilted_clip_stands_upright_with_its_masks_as_its_sound_does(media, tmp_path, pose_deg):
    tilted = tmp_path / "tilted.mp4"
    geometry = PictureGeometry(pose_deg=pose_deg)
    write_spherical(media, tilted, geometry=geometry)
    painted_disc = disc(40.0, 10.0, radius_deg=15.0, width=W, height=H)
    found = {}
    for clip in (media, tilted):
        path = tmp_path / f"{clip.stem}.panosod"
        document = Document.create(path, author="ann", backup_every_s=None)
        video = probe(clip).video
        document.add_clip(new_clip(clip, path, size=(H, W), stream=video.stream_index, time_base=video.time_base))
        document.put_object(1, ObjectInfo(1, "a"))
        key = key_of(document, clip, 9)
        mask = RingMask(RingBox(0, 0, W, H), painted_disc)
        document.apply(
            key, paint(document.labels(key), mask, object_id=1, protection=document.protection(key)), title=""
        )
        document.flush()
        document.close()
        with Snapshot.open(path) as snapshot:
            root = prepare(snapshot, tmp_path / clip.stem, Preparation(width=W), media=lambda _, clip=clip: clip).root
        frame = next(f for f in open_data_set(root).clips[0].frames if f.number == 9)
        found[clip] = read_picture(frame.image), read_mask(frame.mask)
    turned = geometry.R_world_picture @ direction(np.radians(40.0), np.radians(10.0))
    centre = (found[tilted][1].astype(float) * pixel_solid_angles(W, H)[:, None])[..., None] * equirect_directions(W, H)
    centre = centre.sum((0, 1)) / np.linalg.norm(centre.sum((0, 1)))
    assert centre @ turned > np.cos(np.radians(0.5))
    if pose_deg[1:] == (0.0, 0.0):
        for upright, plain in zip(found[tilted], found[media], strict=True):
            np.testing.assert_array_equal(upright, np.roll(plain, -W // 4, axis=1))


def test_what_cannot_be_learnt_from_is_said(project, media, tmp_path):
    with Snapshot.open(project.path) as snapshot:
        with pytest.raises(DatasetError, match="not found"):
            prepare(snapshot, tmp_path / "d", Preparation(), media=lambda clip: None)
        with pytest.raises(DatasetError, match="abandoned"):
            prepare(snapshot, tmp_path / "d", Preparation(), media=lambda clip: media, should_stop=lambda: True)
        other = demo_clip(tmp_path, fps=25, duration_s=1.0)
        with pytest.raises(DatasetError, match="another copy"):
            prepare(snapshot, tmp_path / "d", Preparation(), media=lambda clip: other)
    assert not (tmp_path / "d").exists() and not list(tmp_path.glob(".d-*"))
    (tmp_path / "d").mkdir()
    with pytest.raises(DatasetError, match="already"):
        made(project, media, tmp_path / "d")
