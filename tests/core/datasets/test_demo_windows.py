import numpy as np
import pytest

torch = pytest.importorskip("torch")

from panosod_core.ambisonics.energy import direction_of_arrival  # noqa: E402 - needs torch
from panosod_core.datasets.demo_windows import DemoWindows, MixedWindows  # noqa: E402 - needs torch
from panosod_core.datasets.synthetic import SyntheticWindows, join_windows, saliency  # noqa: E402 - needs torch
from panosod_core.datasets.windows import WindowSpec  # noqa: E402 - needs torch
from panosod_core.errors import ConfigError  # noqa: E402 - needs torch
from panosod_core.geometry.sphere import angle_between, direction, equirect_directions  # noqa: E402 - needs torch

SPEC = WindowSpec(width=128, height=64, sound_s=0.4, rate_hz=16000)


@pytest.fixture(scope="module")
def windows():
    made = DemoWindows(24, SPEC, first_seed=7, worlds=1)  # their sound is what takes time
    return made, [made[i] for i in range(24)]


def test_masks_are_the_balls_that_sound(windows):
    _, batches = windows
    for batch in batches:
        assert torch.equal(batch["masks"], saliency(batch["labels"], batch["sounding"]))
        assert torch.equal(batch["mask_valid"], batch["sounding"].any(-1))
        assert batch["present"].all() and batch["twin"].sum() == 2
        assert batch["frames"].shape == (1, 3, 3, 64, 128) and batch["foa"].shape == (1, 4, 6400)
    assert sum(int(b["mask_valid"].sum()) for b in batches) > 40


def test_picture_directions_and_sound_agree_however_turned(windows):
    """The mask's middle, the direction in the truth and the sound's arrival are one, turned and mirrored or not."""
    _, batches = windows
    grid = equirect_directions(128, 64)
    checked = 0
    for batch in batches:
        sounding = batch["sounding"][0]
        if not sounding.all(0).any():  # the same ball in all three frames
            continue
        slot = int(sounding.all(0).nonzero()[0])
        centre = batch["directions"][0, 1, slot].numpy()
        mask = batch["masks"][0, 1].numpy() > 0
        if mask.any():
            middle = grid[mask].mean(0)
            assert np.degrees(angle_between(middle, centre)) < 6
        arrival = direction_of_arrival(batch["foa"][0, :, 1600:4800].numpy())
        assert np.degrees(angle_between(direction(arrival.azimuth_rad, arrival.elevation_rad), centre)) < 8
        checked += 1
    assert checked > 10


def test_the_same_index_is_the_same_window_and_epochs_differ(windows):
    made, batches = windows
    again = made[3]
    assert torch.equal(again["frames"], batches[3]["frames"]) and torch.equal(again["foa"], batches[3]["foa"])
    fresh = DemoWindows(24, SPEC, first_seed=7, fresh=True, worlds=1)
    names = []
    for epoch in (0, 1):
        fresh.set_epoch(epoch)
        names.append([fresh._moment(i).numbers for i in range(24)])
    assert names[0] != names[1]


def test_a_mixture_keeps_its_share_and_its_batches(windows):
    made, _ = windows
    scenes = SyntheticWindows(24, SPEC, first_seed=7)
    mixed = MixedWindows(scenes, made, share=0.25)
    assert [i for i in range(24) if mixed.is_demo(i)] == [3, 7, 11, 15, 19, 23]
    batch = join_windows(mixed.__getitems__([0, 3, 4]))
    assert [meta.clip.split("_")[0] for meta in batch["meta"]] == ["scene", "scene", "demo"]
    assert batch["frames"].shape[0] == 3 and batch["sounding"].shape[-1] == 6
    assert mixed[3]["meta"][0].clip == "demo_00000007"


def test_what_cannot_be_is_refused(windows):
    made, _ = windows
    with pytest.raises(ConfigError, match="above 0"):
        DemoWindows(4, SPEC, first_seed=0)  # the clip that is shown: nothing learns from it
    with pytest.raises(ConfigError, match="twice as wide"):
        DemoWindows(4, WindowSpec(width=100, height=64), first_seed=1)
    with pytest.raises(ConfigError, match="share"):
        MixedWindows(SyntheticWindows(24, SPEC), made, share=1.5)
    with pytest.raises(IndexError):
        made[24]
