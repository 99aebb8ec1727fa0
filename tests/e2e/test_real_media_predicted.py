"""Media that no one here made, through `panosod predict`: every clip gets its maps, and what was fed is said."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the network needs torch")

from panosod_core.ambisonics.energy_track import energy_track
from panosod_core.cli.main import main
from tests.core.inference.predicting import model_file
from tests.e2e.eigenmike import first_order, with_a_picture

CLIPS = ("congo_gvr.mp4", "richoh_dash4.mp4", "equi0.ts", "equi1.ts", "test_equi_512_egjs.mp4")
RECORDINGS = ("jsamb_HOA3_rec1_01-08ch.ogg", "jsamb_HOA3_rec3_01-08ch.ogg")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_file(tmp_path_factory.mktemp("model"))


def predicted(clip: Path, model: Path, folder: Path, *more: str) -> Path:
    words = ["--model", str(model), "--cache", str(folder / "cache"), "--out", str(folder / "out"), "--jobs", "1"]
    assert main(["predict", str(clip), *words, "--device", "cpu", "--stride", "3", "--frames", "0:7", *more]) == 0
    return folder / "out" / clip.stem


def maps(out: Path, kind: str) -> np.ndarray:
    return np.stack([cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((out / kind).iterdir())])


@pytest.mark.parametrize("name", CLIPS)
def test_every_clip_gets_its_maps(name: str, testdata: Path, model: Path, tmp_path: Path) -> None:
    out = predicted(testdata / "video" / name, model, tmp_path)
    saliency, location = maps(out, "saliency"), maps(out, "location")
    frames = 1 if name == "test_equi_512_egjs.mp4" else 7
    assert saliency.shape == (frames, 64, 128)
    assert location.shape[0] == frames
    assert all(np.ptp(each) > 0 for each in location)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_sound_field_is_heard(name: str, testdata: Path, model: Path, tmp_path: Path) -> None:
    clip = with_a_picture(testdata / "foa" / name, tmp_path / "recording.mkv")
    heard = predicted(clip, model, tmp_path / "heard", "--sound", "n3d")
    silent = predicted(clip, model, tmp_path / "silent", "--sound", "mono")
    assert not np.array_equal(maps(heard, "location"), maps(silent, "location"))
    track = list(energy_track([first_order(testdata / "foa" / name)], sample_rate_hz=44100, step_s=0.1))[-1]
    assert np.isfinite(track.power).all()
    assert np.isfinite(track.azimuth_rad).any()
