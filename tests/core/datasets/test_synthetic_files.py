from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from panosod_core.datasets.asod60k import index_asod60k
from panosod_core.datasets.check import check_data_set
from panosod_core.datasets.findings import Weight
from panosod_core.datasets.index import Layout, Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.pictures import read_instances
from panosod_core.datasets.synthetic_files import FilesProgress, SceneFiles, write_scenes
from panosod_core.datasets.windows import WindowSpec, list_windows, load_window
from panosod_core.errors import ConfigError, DatasetError, MediaError
from panosod_core.media.probe import probe
from panosod_core.synth.scene_classes import HELD_OUT_CLASSES
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_picture import ScenePainter, to_bytes
from panosod_core.synth.scene_sound import render_sound
from panosod_core.synth.scene_truth import read_truth

FILES = SceneFiles(
    count=3,
    first_seed=40,
    test=1,
    config=SceneConfig(duration_s=3.4, turn_s=1.0, pauses=0.0),
    held_out=(HeldOut.TIMBRES,),
    width=64,
    height=32,
    fps=Fraction(30),
    sample_rate_hz=16000,
    clips=True,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes") / "set"
    seen: list[FilesProgress] = []
    write_scenes(root, FILES, progress=seen.append)
    return root, seen


def test_progress_names_every_scene(written):
    _, seen = written
    assert [(state.done, state.total, state.name) for state in seen] == [
        (k + 1, 3, f"scene_{40 + k:08d}") for k in range(3)
    ]


@pytest.mark.parametrize("layout", [Layout.PANOSOD, Layout.ASOD60K])
def test_readers_find_what_was_written(written, layout):
    root, _ = written
    data = open_data_set(root) if layout is Layout.PANOSOD else index_asod60k(root)
    assert data.layout is layout
    assert [(clip.name, clip.split) for clip in data.clips] == [
        ("scene_00000040", Split.TRAIN),
        ("scene_00000041", Split.TRAIN),
        ("scene_00000042", Split.TEST),
    ]
    assert all(clip.rate == 30 and clip.sound is not None for clip in data.clips)
    assert all(frame.mask is not None for clip in data.clips for frame in clip.frames)
    assert [frame.number for frame in data.clips[0].frames] == list(range(0, 102, 6))


def test_the_check_finds_nothing_wrong(written):
    root, _ = written
    report = check_data_set(open_data_set(root), spec=WindowSpec(width=64, height=32))
    assert report.is_clean
    assert {finding.weight for finding in report.findings} <= {Weight.NOTE}


def test_files_hold_the_scenes(written):
    root, _ = written
    painter = ScenePainter(64, 32)
    for index in range(3):
        name, scene = FILES.name(index), FILES.scene(index)
        truth = read_truth(root / "truth" / f"{name}.json")
        assert truth.spec == scene
        number = 48
        expected = painter.render(scene, [truth.time_s(number)])
        picture = np.asarray(Image.open(root / "frame_key" / name / f"{number:05d}.png"))
        np.testing.assert_array_equal(picture, to_bytes(expected.frames[0]))
        labels = read_instances(root / "instances" / name / f"{number:05d}.png")
        np.testing.assert_array_equal(labels, expected.labels[0])
        split = FILES.split(index).value
        mask = np.asarray(Image.open(root / "DATA" / split / name / f"{number:05d}.png"))
        np.testing.assert_array_equal(mask, np.isin(labels, scene.sounding(truth.time_s(number))) * 255)
        assert mask.any()


def test_windows_of_the_files_are_windows_of_the_scenes(written):
    root, _ = written
    spec = WindowSpec(width=64, height=32, rate_hz=16000)
    windows = list_windows(open_data_set(root), spec).windows
    window = next(w for w in windows if w.clip.name == "scene_00000041" and w.frame.number == 48)
    sample = load_window(window, spec)
    scene = FILES.scene(1)
    field = render_sound(scene, rate_hz=16000)
    start = round(1.6 * 16000) - 24000
    np.testing.assert_allclose(sample.foa, field[:, start : start + 48000], atol=1e-6)
    expected = ScenePainter(64, 32).render(scene, [1.4, 1.6, 1.8])
    assert np.abs(sample.frames - expected.frames.transpose(0, 3, 1, 2)).max() <= 0.51 / 255
    for mask, labels, time_s in zip(sample.masks, expected.labels, (1.4, 1.6, 1.8), strict=True):
        np.testing.assert_array_equal(mask > 0.5, np.isin(labels, scene.sounding(time_s)))


def test_the_test_split_holds_out_what_it_should(written):
    assert FILES.scene(2).config.held_out == (HeldOut.TIMBRES,)
    assert FILES.scene(1).config.held_out == ()
    assert {s.timbre for s in FILES.scene(2).sources if s.timbre >= 0} <= set(HELD_OUT_CLASSES)


def test_clips_can_be_watched(written):
    root, _ = written
    info = probe(root / "Videos" / "scene_00000040.mp4")
    assert info.video is not None
    assert (info.video.width, info.video.height) == (64, 32)
    assert info.audio is not None
    assert info.audio.channels == 4
    assert info.duration_s == pytest.approx(3.4, abs=0.05)


def test_the_same_options_give_the_same_bytes(written, tmp_path):
    root, _ = written
    files = replace(FILES, clips=False)
    write_scenes(tmp_path / "again", files)
    again = {p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*") if p.is_file()}
    first = {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.suffix != ".mp4"}
    assert again == first


def test_full_folders_are_left_alone(written, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DatasetError, match="new or empty"):
        write_scenes(tmp_path, FILES)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_set_that_was_not_finished_has_no_manifest(tmp_path):
    def stop(_: FilesProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_scenes(tmp_path / "part", replace(FILES, clips=False), progress=stop)
    assert not (tmp_path / "part" / "dataset.json").exists()
    assert not list(tmp_path.rglob("*.part"))


def test_places_that_cannot_be_written_are_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        write_scenes(tmp_path / "file" / "set", FILES)
    missing = replace(FILES, config=replace(FILES.config, pictures=(str(tmp_path / "gone.png"),)))
    with pytest.raises(MediaError, match=r"gone\.png"):
        write_scenes(tmp_path / "set", missing)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"count": 0}, "scenes"),
        ({"test": 4}, "test split"),
        ({"first_seed": -1}, "seed"),
        ({"width": 100}, "twice as wide"),
        ({"width": 66, "height": 33}, "multiple of 4"),
        ({"fps": Fraction(1, 2)}, "frame rate"),
    ],
)
def test_what_cannot_be_written_is_refused(values, says):
    with pytest.raises(ConfigError, match=says):
        replace(FILES, **values)
