"""Maps carried along by flow: they move as the picture does, also across the seam."""

import cv2
import numpy as np
import pytest

from panosod_core.inference.carrying import MapCarrier, moved
from panosod_core.inference.map_record import MapSource, map_record

HEIGHT, WIDTH = 96, 192


def world(*, seed: int = 3) -> np.ndarray:
    """A ring of soft blobs."""
    rng = np.random.default_rng(seed)
    noise = rng.random((HEIGHT, WIDTH)).astype(np.float32)
    tripled = cv2.GaussianBlur(np.tile(noise, (1, 3)), (0, 0), 3)[:, WIDTH : 2 * WIDTH]
    low, high = tripled.min(), tripled.max()
    return np.asarray((tripled - low) / (high - low) * 255, np.uint8)


def blob(column: float) -> np.ndarray:
    x = np.arange(WIDTH)
    off = (x - column + WIDTH / 2) % WIDTH - WIDTH / 2
    y = np.arange(HEIGHT) - HEIGHT / 2
    return np.asarray(255 * np.exp(-(off[None, :] ** 2 + y[:, None] ** 2) / 128), np.uint8)


@pytest.mark.parametrize("shift", [-5, 3, 7])
@pytest.mark.parametrize("column", [60, 0, WIDTH - 3])
def test_a_map_follows_a_picture_that_turns_also_across_the_seam(shift: int, column: int) -> None:
    then = world()
    now = np.roll(then, shift, axis=1)
    record = map_record(10, pts=100, time_s=1.0, saliency=blob(column), location=np.eye(4, 8, dtype=np.float32))
    made = MapCarrier().carry(record, seen=then, shown=now, index=12, pts=120, time_s=1.2)
    expected = blob(column + shift).astype(int)
    off, unmoved = (np.abs(m.saliency.astype(int) - expected).mean() for m in (made, record))
    assert off < 0.2 * unmoved
    assert (made.index, made.pts, made.time_s, made.source, made.carried) == (12, 120, 1.2, MapSource.FLOW, 2)
    assert np.array_equal(made.location, record.location)


def test_backwards_in_time_is_as_good() -> None:
    then = world()
    record = map_record(10, pts=100, time_s=1.0, saliency=blob(60))
    made = MapCarrier().carry(record, seen=then, shown=np.roll(then, -4, axis=1), index=9, pts=90, time_s=0.9)
    assert made.carried == 1
    assert np.abs(made.saliency.astype(int) - blob(56).astype(int)).mean() < 1.0


def test_a_still_picture_leaves_a_map_as_it_is() -> None:
    record = map_record(0, pts=0, time_s=0.0, saliency=blob(WIDTH - 1))
    made = MapCarrier().carry(record, seen=world(), shown=world(), index=1, pts=1, time_s=0.1)
    assert np.abs(made.saliency.astype(int) - record.saliency.astype(int)).max() <= 2


def test_flow_of_another_size_is_stretched() -> None:
    flow = np.zeros((HEIGHT // 2, WIDTH // 2, 2), np.float32)
    flow[..., 0] = -3.0
    assert np.abs(moved(blob(WIDTH - 2), flow).astype(int) - blob(WIDTH + 4).astype(int)).max() <= 2


def test_only_the_models_own_maps_are_carried() -> None:
    grey = world()
    once = map_record(3, pts=3, time_s=0.3, saliency=blob(5), carried=1)
    with pytest.raises(ValueError, match="model's map of another frame"):
        MapCarrier().carry(once, seen=grey, shown=grey, index=4, pts=4, time_s=0.4)
    own = map_record(3, pts=3, time_s=0.3, saliency=blob(5))
    with pytest.raises(ValueError, match="model's map of another frame"):
        MapCarrier().carry(own, seen=grey, shown=grey, index=3, pts=3, time_s=0.3)
    with pytest.raises(ValueError, match="one size"):
        MapCarrier().carry(own, seen=grey, shown=grey[:-2], index=4, pts=4, time_s=0.4)
