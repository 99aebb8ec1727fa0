"""Salient in a made clip is what sounds; a clip without truth has none."""

import numpy as np
from PIL import Image

from panosod_core.synth.truth import load_truth, truth_path
from panosod_viewer.workers.salient_truth import SalientTruth


def test_salient_is_what_sounds(clip):
    truth = load_truth(clip)
    salient = SalientTruth(clip)
    some = [index for index in range(truth.header.frame_count) if truth.header.sounding(index)]
    assert some and len(some) < truth.header.frame_count
    for index in range(0, truth.header.frame_count, 4):
        expected = np.isin(truth.mask(index), truth.header.sounding(index))
        np.testing.assert_array_equal(salient(index), expected)
        assert salient(index).any() == (index in some)
    assert salient(truth.header.frame_count) is None and salient(-1) is None


def test_without_truth_nothing_is_known(tmp_path, clip):
    assert SalientTruth(tmp_path / "clip.mp4")(0) is None
    broken = tmp_path / "broken.mp4"
    truth_path(broken).write_text("{}")
    salient = SalientTruth(broken)
    assert salient(0) is None and salient(1) is None


def test_in_a_folder_all_that_is_marked_is_salient_in_frames_with_a_picture(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for number in (0, 6):
        mask = np.zeros((8, 16), np.uint8)
        mask[2, number] = 255
        Image.fromarray(mask).save(folder / f"{number:05d}.png")
    salient = SalientTruth(tmp_path / "clip.mp4", folder=folder)
    assert np.argwhere(salient(6)).tolist() == [[2, 6]]
    assert salient(3) is None and salient(7) is None
    assert SalientTruth(tmp_path / "clip.mp4", folder=tmp_path / "gone")(0) is None
