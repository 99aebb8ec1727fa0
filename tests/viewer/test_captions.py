"""Words beside a mark."""

import gc

import numpy as np

from panosod_viewer.captions import caption


def test_a_caption_is_white_on_a_dark_plate_and_keeps_its_pixels(qapp) -> None:
    made = caption("az 58°  el 9°", pixel_ratio=2.0)
    before = made.pixels.copy()
    gc.collect()
    for number in range(20):
        caption(f"az {number}°", pixel_ratio=2.0)
    assert np.array_equal(before, made.pixels)
    assert made.pixels.max() == 255 and 140 < np.median(made.pixels[..., 3]) < 200
    assert (made.pixels[..., :3] <= made.pixels[..., 3:]).all(), "premultiplied"
    assert caption("az 58°  el 9°", pixel_ratio=2.0) is made
