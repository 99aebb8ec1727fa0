"""A real clip's project, exported, read back by our own loader and by the import: nothing moves, nothing is lost."""

import json
import wave
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import paint
from panosod_core.annotation.formats import exporting
from panosod_core.annotation.formats.exporting import ExportOptions, export
from panosod_core.annotation.formats.importing import apply_import, plan_import, read_masks
from panosod_core.annotation.formats.table import MaskFormat
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.records import FrameKey, Interval, MaskState, ObjectInfo, Presence, Source
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.cli.main import main
from panosod_core.datasets.findings import Weight
from panosod_core.datasets.index import Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.windows import WindowSpec, list_windows, load_window
from panosod_core.errors import AnnotationError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.audio import AudioReader
from panosod_core.media.inject import write_spherical
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from tests.clips import demo_clip

W, H = 320, 160


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    return demo_clip(tmp_path_factory.mktemp("clip"), duration_s=1.0)


def pts_of(media):
    with VideoReader(media, probe(media).video) as reader:
        return reader.frame_pts()


def project(path, media, *, frames=(0, 6, 12, 18)):
    """Two objects in some frames, one across the seam, the first frame accepted."""
    video, pts = probe(media).video, pts_of(media)
    document = Document.create(path, author="ann", backup_every_s=None)
    info = new_clip(
        media, path, size=(H, W), stream=video.stream_index, time_base=video.time_base, frame_count=len(pts)
    )
    clip = document.add_clip(info)
    document.put_object(clip.id, ObjectInfo(1, "violin", "music", "#ff0000", 1))
    document.put_object(clip.id, ObjectInfo(200, "drum", "", "#00ff00", None))
    for n, index in enumerate(frames):
        key = FrameKey(clip.id, clip.stream, int(pts[index]), index)
        for object_id, box in ((1, RingBox(W - 10 + n, 60, 20, 30)), (200, RingBox(40 + n, 0, 50, 20))):
            region = RingMask(box, np.ones((box.height, box.width), np.bool_))
            edit = paint(document.labels(key), region, object_id=object_id, protection=document.protection(key))
            document.apply(key, edit, title="Brush")
    document.accept([FrameKey(clip.id, clip.stream, int(pts[frames[0]]), frames[0])])
    document.flush()
    return document


@pytest.fixture
def annotated(tmp_path, media):
    with closing(project(tmp_path / "a.panosod", media)) as document:
        yield document


def labels_of(document):
    with Snapshot.open(document.path) as snapshot:
        return {f.row.key.index: snapshot.labels(f) for f in snapshot.frames[1]}


@pytest.mark.parametrize("kind", list(MaskFormat))
def test_a_project_comes_back_through_every_format(kind, annotated, media, tmp_path):
    with Snapshot.open(annotated.path) as snapshot:
        done = export(snapshot, tmp_path / "out", ExportOptions(kind), media=lambda clip: media)
        again = export(snapshot, tmp_path / "again", ExportOptions(kind), media=lambda clip: media)
    assert done.frames == 4 and done.files == again.files
    first = {p.relative_to(tmp_path / "out"): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert first == {
        p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*") if p.is_file()
    }
    (source,) = read_masks(tmp_path / "out")
    other = Document.create(tmp_path / "b.panosod", author="bob", backup_every_s=None)
    with closing(other):
        clip = other.add_clip(replace_path(annotated.clips[0]))
        done = apply_import(other, plan_import(other, clip, source, pts=pts_of(media)), title="Import")
        other.flush()
        for index, labels in labels_of(annotated).items():
            np.testing.assert_array_equal(labels_of(other)[index], labels)
        assert [(o.id, o.name, o.category, o.rank) for o in other.objects(clip.id)] == [
            (1, "violin", "music", 1),
            (200, "drum", "", None),
        ]
        with Snapshot.open(other.path) as snapshot:
            assert {m.state for _, m in snapshot.masks()} == {MaskState.DRAFT}
            assert {m.source for _, m in snapshot.masks()} == {Source.IMPORTED}
        other.undo()
        assert not other.labels(FrameKey(clip.id, clip.stream, int(pts_of(media)[6]), 6)).any()


def replace_path(clip):
    from panosod_core.annotation.records import NewClip

    return NewClip(clip.path, clip.content_id, clip.width, clip.height, clip.stream, clip.time_base, clip.frame_count)


def test_an_import_only_fills_what_is_empty(annotated, media, tmp_path):
    with Snapshot.open(annotated.path) as snapshot:
        export(snapshot, tmp_path / "out", ExportOptions(MaskFormat.DAVIS), media=lambda clip: media)
    with closing(project(tmp_path / "b.panosod", media, frames=(0, 7))) as other:
        before = labels_of(other)
        (source,) = read_masks(tmp_path / "out")
        plan = plan_import(other, other.clips[0], source, pts=pts_of(media))
        assert plan.covered_px > 0 and not plan.new_objects and not plan.renamed
        apply_import(other, plan, title="Import")
        other.flush()
        after = labels_of(other)
        for index, labels in before.items():
            assert (after[index][labels > 0] == labels[labels > 0]).all()
        np.testing.assert_array_equal(after[6], labels_of(annotated)[6])


def test_pavs10k_is_read_by_our_own_loader(annotated, media, tmp_path):
    options = ExportOptions(MaskFormat.PAVS10K, pictures=True, sound=True, every=6)
    with Snapshot.open(annotated.path) as snapshot:
        done = export(snapshot, tmp_path / "out", options, media=lambda clip: media)
    assert not done.notes
    data = open_data_set(tmp_path / "out")
    (clip,) = data.clips
    assert clip.split is Split.TRAIN and [f.number for f in clip.frames] == [0, 6, 12, 18]
    for frame, labels in zip(clip.frames, labels_of(annotated).values(), strict=True):
        with Image.open(frame.mask) as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.array(image), np.where(labels > 0, 255, 0))
        with Image.open(frame.image) as image:
            assert image.size == (W, H)
    (wav,) = (tmp_path / "out" / "ambisonics_trimmed").glob("*.wav")
    info = probe(media)
    with wave.open(str(wav)) as file, AudioReader(media, info.audio) as reader:
        assert file.getnchannels() == 4 and file.getnframes() == round(24 / 30 * 48000)
        ours = np.frombuffer(file.readframes(48000), "<i2").reshape(-1, 4).T / 32767
        np.testing.assert_allclose(ours[:, :30000], reader.read(30000)[:4], atol=2 / 32767)


@pytest.mark.parametrize("fps", [25, 30])
def test_a_stretch_is_read_back_in_step_with_its_sound(fps, tmp_path):
    media = demo_clip(tmp_path, fps=fps, duration_s=1.5)
    options = ExportOptions(MaskFormat.PAVS10K, pictures=True, sound=True, first=11)
    with closing(project(tmp_path / "a.panosod", media, frames=(0, 12, 13, 19, 25))):
        pass
    with Snapshot.open(tmp_path / "a.panosod") as snapshot:
        export(snapshot, tmp_path / "out", options, media=lambda clip: media)
    data = open_data_set(tmp_path / "out")
    (clip,) = data.clips
    assert clip.rate == fps and not [f for f in data.findings if f.weight is not Weight.NOTE]
    spec = WindowSpec(frames=1, sound_s=0.1, rate_hz=48000, width=64, height=32)
    with AudioReader(media, probe(media).audio) as reader:
        for window in list_windows(data, spec).windows:
            sample = load_window(window, spec)
            reader.seek(window.frame.number / fps - 0.05)
            first, end = sample.foa_span
            expected = reader.read(4800)[:4]
            np.testing.assert_allclose(sample.foa[:, first:end], expected[:, first:end], atol=3e-4)
            assert end - first > 1000


def test_a_tilted_clips_sound_goes_with_its_picture(media, tmp_path):
    tilted, geometry = tmp_path / "tilted.mp4", PictureGeometry(pose_deg=(30.0, -40.0, 70.0))
    write_spherical(media, tilted, geometry=geometry)
    with closing(project(tmp_path / "a.panosod", tilted, frames=(0, 6))):
        pass
    with Snapshot.open(tmp_path / "a.panosod") as snapshot:
        options = ExportOptions(MaskFormat.PAVS10K, pictures=True, sound=True)
        export(snapshot, tmp_path / "out", options, media=lambda clip: tilted)
    (wav,) = (tmp_path / "out" / "ambisonics_trimmed").glob("*.wav")
    with wave.open(str(wav)) as file, AudioReader(media, probe(media).audio) as reader:
        ours = np.frombuffer(file.readframes(9600), "<i2").reshape(-1, 4).T / 32767
        world = reader.read(9600)[:4]
    np.testing.assert_allclose(ours[0], world[0], atol=2 / 32767)
    # Y Z X are the components along left, up and front: those of a vector that is seen from the picture.
    seen = geometry.R_world_picture.T @ world[[3, 1, 2]]
    np.testing.assert_allclose(ours[[3, 1, 2]], seen, atol=2 / 32767)


def test_manifest_names_every_file_with_its_hash(annotated, media, tmp_path):
    import hashlib

    with Snapshot.open(annotated.path) as snapshot:
        export(snapshot, tmp_path / "out", ExportOptions(MaskFormat.COCO, pictures=True), media=lambda clip: media)
    manifest = json.loads((tmp_path / "out" / exporting.MANIFEST).read_text())
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert files == {*manifest["files"], exporting.MANIFEST}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest


def test_ranges_states_sizes_and_who_sounds(annotated, media, tmp_path):
    def frames(**chosen):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with Snapshot.open(annotated.path) as snapshot:
            export(snapshot, folder, ExportOptions(MaskFormat.DAVIS, **chosen), media=lambda clip: media)
        (clip,) = read_masks(folder)
        return {f.index: f.labels for f in clip.load()}

    assert list(frames(states=frozenset({MaskState.ACCEPTED}))) == [0]
    assert list(frames(first=5, last=12)) == [6, 12]
    assert list(frames(every=12)) == [0, 12]
    assert frames(width=160)[0].shape == (80, 160)
    start, stop = (int(p) for p in pts_of(media)[[0, 9]])
    silent = Interval(start, stop, Presence.SILENT), Interval(stop, stop * 100, Presence.SOUNDING)
    annotated.put_object(1, ObjectInfo(1, "violin", "music", "#ff0000", 1, intervals=silent))
    annotated.flush()
    sounding = frames(sounding_only=True)
    assert set(np.unique(sounding[6])) == {0, 200} and set(np.unique(sounding[12])) == {0, 1, 200}


def test_what_cannot_be_exported_is_said(annotated, media, tmp_path):
    with Snapshot.open(annotated.path) as snapshot:
        with pytest.raises(AnnotationError, match="nothing to export"):
            export(snapshot, tmp_path / "o", ExportOptions(MaskFormat.COCO, first=900), media=lambda clip: media)
        with pytest.raises(AnnotationError, match="not where the project says"):
            export(snapshot, tmp_path / "o", ExportOptions(MaskFormat.COCO, pictures=True), media=lambda clip: None)
        stops = iter([True])
        with pytest.raises(AnnotationError, match="abandoned"):
            export(
                snapshot,
                tmp_path / "o",
                ExportOptions(MaskFormat.COCO),
                media=lambda c: media,
                should_stop=lambda: next(stops),
            )
        assert not (tmp_path / "o").exists()
    with pytest.raises(AnnotationError, match="width"):
        ExportOptions(MaskFormat.COCO, width=3)
    with pytest.raises(AnnotationError, match="first <= last"):
        ExportOptions(MaskFormat.COCO, first=3, last=1)


def test_another_copy_of_the_clip_is_refused(annotated, media, tmp_path):
    other = demo_clip(tmp_path, fps=25, duration_s=1.0)
    with Snapshot.open(annotated.path) as snapshot, pytest.raises(AnnotationError, match="another copy"):
        export(snapshot, tmp_path / "o", ExportOptions(MaskFormat.COCO, pictures=True), media=lambda clip: other)


def test_masks_of_another_shape_are_refused(annotated, media):
    from tests.core.annotation.test_formats import clip_of

    square = clip_of([np.zeros((30, 30), np.uint8)])
    with pytest.raises(AnnotationError, match="shape"):
        plan_import(annotated, annotated.clips[0], square, pts=pts_of(media))


def test_the_commands(annotated, media, tmp_path, capsys):
    annotated.close()
    path = annotated.path
    assert (
        main(["export", str(path), "--format", "pavs10k", "--out", str(tmp_path / "out"), "--every", "6", "--json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["frames"] == 4
    assert main(["export", str(path), "--format", "pavs10k", "--out", str(tmp_path / "out")]) == 1
    assert "not an empty folder" in capsys.readouterr().err
    with closing(project(tmp_path / "b.panosod", media, frames=(1,))):
        pass
    assert main(["import", str(tmp_path / "b.panosod"), str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 4
    assert main(["merge", str(tmp_path / "b.panosod"), str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["counts"]["same"] == 8 and not report["conflicts"]
    assert main(["merge", str(tmp_path / "b.panosod"), str(path), "--dry-run"]) == 0
    assert "8 same" in capsys.readouterr().out
    assert main(["import", str(path), str(tmp_path / "nowhere")]) == 1
    assert "expected masks" in capsys.readouterr().err
