import numpy as np
import pytest

from panosod_core.model.picture import fit_mask, fit_picture


def test_the_right_size_is_left_alone():
    rgb = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
    assert np.array_equal(fit_picture(rgb, height=8, width=16), rgb)


def test_down_is_by_area_and_up_keeps_the_range():
    rgb = np.random.default_rng(0).integers(0, 256, (16, 32, 3), np.uint8)
    mean = rgb.reshape(8, 2, 16, 2, 3).mean((1, 3))
    np.testing.assert_allclose(fit_picture(rgb, height=8, width=16), mean, atol=0.51)
    large = fit_picture(rgb, height=32, width=64)
    assert large.shape == (32, 64, 3) and large.dtype == np.uint8


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_masks_of_any_kind_are_shares(kind):
    mask = np.zeros((8, 16), kind)
    mask[2:5, 4:8] = 255 if kind is np.uint8 else 1
    same, small = fit_mask(mask, height=8, width=16), fit_mask(mask, height=4, width=8)
    assert same.dtype == small.dtype == np.float32
    assert np.array_equal(same, (mask > 0).astype(np.float32))
    assert small[1, 2] == 1 and small[2, 2] == 0.5


def test_other_shapes_are_refused():
    for wrong in (np.zeros((8, 16), np.uint8), np.zeros((8, 16, 3), np.float32), np.zeros((0, 16, 3), np.uint8)):
        with pytest.raises(ValueError, match="expected a picture"):
            fit_picture(wrong, height=4, width=8)
    with pytest.raises(ValueError, match="expected a mask"):
        fit_mask(np.zeros((8, 16, 1), np.uint8), height=4, width=8)
