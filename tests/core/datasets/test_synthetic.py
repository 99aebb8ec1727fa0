from dataclasses import replace

import numpy as np
import pytest
import torch

from panosod_core.datasets.render_torch_basics import hashed_uniform, signed_keys
from panosod_core.datasets.render_torch_picture import TorchPainter
from panosod_core.datasets.render_torch_sound import render_sounds
from panosod_core.datasets.synthetic import (
    TEST_SEED,
    SceneRenderer,
    SyntheticRecordings,
    SyntheticStills,
    SyntheticWindows,
    join_stills,
    join_windows,
    saliency,
)
from panosod_core.datasets.tensors import stack_recordings
from panosod_core.datasets.windows import WindowSpec
from panosod_core.errors import ConfigError
from panosod_core.synth import draws
from panosod_core.synth.scene import draw_scene
from panosod_core.synth.scene_config import HeldOut, Place, SceneConfig
from panosod_core.synth.scene_picture import ScenePainter
from panosod_core.synth.scene_sound import render_sound

CPU = torch.device("cpu")
SPEC = WindowSpec(width=64, height=32, rate_hz=16000)
KINDS = {
    "default": SceneConfig(),
    "held out": SceneConfig(held_out=tuple(HeldOut), silent=0.2),
    "poles": SceneConfig(place=Place.POLES, radius_deg=(20, 45), objects=(3, 8), twins=3),
    "seam, in rooms, noisy": SceneConfig(place=Place.SEAM, room=1.0, music=1.0, off_object=1.0, twins=0),
}


@pytest.fixture(autouse=True)
def one_thread():
    # small arrays on a busy machine: threads only wait for each other
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", KINDS)
def test_pictures_equal_the_reference(name):
    scenes = [draw_scene(seed, KINDS[name]) for seed in range(6)]
    times_s = [[1.3, 1.5, 1.7] for _ in scenes]
    frames, labels = TorchPainter(128, 64, device=CPU).render(scenes, times_s)
    reference = ScenePainter(128, 64)
    for k, scene in enumerate(scenes):
        expected = reference.render(scene, times_s[k])
        np.testing.assert_array_equal(labels[k].numpy(), expected.labels)
        assert np.abs(frames[k].permute(0, 2, 3, 1).numpy() - expected.frames).max() < 0.1 / 255


def test_coarse_arithmetic_of_training_does_not_reach_the_scenes():
    scenes = [draw_scene(0)]
    plain = SceneRenderer(SPEC).render(scenes)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            coarse = SceneRenderer(SPEC).render(scenes)
    finally:
        torch.set_float32_matmul_precision(before)
    for name in ("frames", "foa", "masks"):
        torch.testing.assert_close(coarse[name], plain[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("rate_hz", [16000, 32000])
def test_sounds_equal_the_reference(name, rate_hz):
    scenes = [draw_scene(seed, KINDS[name]) for seed in ((20, 21, 22) if rate_hz == 16000 else (23,))]
    fields = render_sounds(scenes, rate_hz=rate_hz, device=CPU)
    assert fields.dtype == torch.float32
    for field, scene in zip(fields, scenes, strict=True):
        assert np.abs(field.numpy() - render_sound(scene, rate_hz=rate_hz)).max() < 1e-5


def test_background_pictures_equal_the_reference(tmp_path):
    from PIL import Image

    noise = (draws.hashed_uniform(1, 3 * 200 * 100) * 255).astype(np.uint8).reshape(100, 200, 3)
    Image.fromarray(noise).save(tmp_path / "a.png")
    config = SceneConfig(pictures=(str(tmp_path / "a.png"),))
    scenes = [draw_scene(seed, config) for seed in range(6)]
    assert {scene.background.mirrored for scene in scenes} == {True, False}
    frames, _ = TorchPainter(64, 32, device=CPU).render(scenes, [[1.5]] * 6)
    for frame, scene in zip(frames, scenes, strict=True):
        expected = ScenePainter(64, 32).render(scene, [1.5]).frames
        assert np.abs(frame.permute(0, 2, 3, 1).numpy() - expected).max() < 0.1 / 255


def test_noise_equals_the_reference_bit_for_bit():
    keys = [0, 1, 12345, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
    found = hashed_uniform(signed_keys(keys, CPU), 1000)
    for key, row in zip(keys, found.numpy(), strict=True):
        np.testing.assert_array_equal(row, draws.hashed_uniform(key, 1000))


def test_a_scene_is_the_same_alone_and_in_company():
    scenes = [draw_scene(seed) for seed in range(5)]
    renderer = SceneRenderer(SPEC)
    together = renderer.render(scenes, slots=6)
    for k, scene in enumerate(scenes):
        alone = renderer.render([scene], slots=6)
        torch.testing.assert_close(alone["frames"][0], together["frames"][k], rtol=0, atol=1e-6)
        torch.testing.assert_close(alone["foa"][0], together["foa"][k], rtol=0, atol=1e-6)
        assert torch.equal(alone["labels"][0], together["labels"][k])


def test_windows_hold_what_training_takes():
    data = SyntheticWindows(8, SPEC)
    batch = join_windows(data.__getitems__(list(range(8))))
    shapes = {name: tuple(value.shape) for name, value in batch.items() if name != "meta"}
    assert shapes == {
        "frames": (8, 3, 3, 32, 64),
        "foa": (8, 4, 48000),
        "masks": (8, 3, 32, 64),
        "frame_valid": (8, 3),
        "mask_valid": (8, 3),
        "has_sound": (8,),
        "labels": (8, 3, 32, 64),
        "present": (8, 6),
        "sounding": (8, 3, 6),
        "twin": (8, 6),
        "classes": (8, 6),
        "timbres": (8, 6),
        "directions": (8, 3, 6, 3),
        "radius_rad": (8, 6),
    }
    assert batch["frames"].dtype == batch["foa"].dtype == batch["masks"].dtype == torch.float32
    assert [meta.clip for meta in batch["meta"]] == [f"scene_{k:08d}" for k in range(8)]
    assert {meta.time_s for meta in batch["meta"]} == {1.5}
    assert batch["meta"][0].numbers == (39, 45, 51)


def test_the_truth_in_a_batch_is_that_of_the_scenes():
    data = SyntheticWindows(6, SPEC, config=SceneConfig(objects=(2, 5)))
    batch = data.render(range(6))
    for k in range(6):
        scene = data.scene(k)
        ids = torch.arange(1, 6)
        present = batch["present"][k]
        assert ids[present].tolist() == [thing.id for thing in scene.objects]
        assert ids[batch["sounding"][k, 1]].tolist() == list(scene.sounding(1.5))
        assert ids[batch["twin"][k]].tolist() == [thing.id for thing in scene.objects if thing.is_twin]
        assert (batch["timbres"][k] >= 0)[present].tolist() == [
            thing.id in scene.sounding(1.5) for thing in scene.objects
        ]
        for thing in scene.objects:
            assert batch["directions"][k, :, thing.id - 1].numpy() == pytest.approx(
                thing.trajectory.directions([1.3, 1.5, 1.7]), abs=1e-6
            )
            assert batch["classes"][k, thing.id - 1] == thing.class_id
        assert torch.all(batch["directions"][k][:, ~present] == 0)
        salient = np.isin(batch["labels"][k, 1].numpy(), scene.sounding(1.5))
        np.testing.assert_array_equal(batch["masks"][k, 1].numpy() > 0.5, salient)
        assert salient.any()


def test_masks_follow_turns_frame_by_frame():
    labels = torch.tensor([[[[0, 1], [2, 2]], [[0, 1], [2, 2]]]], dtype=torch.uint8)
    sounding = torch.tensor([[[True, False], [False, True]]])
    assert saliency(labels, sounding).tolist() == [[[[0, 1], [0, 0]], [[0, 0], [1, 1]]]]


def test_epochs_are_fresh_on_request_and_sets_are_apart():
    fixed, fresh = SyntheticWindows(4, SPEC), SyntheticWindows(4, SPEC, fresh=True)
    for data in (fixed, fresh):
        assert data.scene(1).seed == 1
        data.set_epoch(2)
    assert fixed.scene(1).seed == 1
    assert fresh.scene(1).seed == 9
    assert SyntheticWindows(4, SPEC, first_seed=TEST_SEED).scene(3).seed == TEST_SEED + 3
    with pytest.raises(IndexError):
        fixed.scene(4)


@pytest.mark.parametrize("workers", [0, 1])
def test_loaders_give_the_same_batches(workers):
    data = SyntheticWindows(6, SPEC, config=replace(KINDS["default"], room=0.0))
    loader = torch.utils.data.DataLoader(
        data,
        batch_size=3,
        collate_fn=join_windows,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
    )
    batches = list(loader)
    assert [meta.clip for batch in batches for meta in batch["meta"]] == [f"scene_{k:08d}" for k in range(6)]
    expected = data.render([0])
    torch.testing.assert_close(batches[0]["frames"][:1], expected["frames"], rtol=0, atol=1e-6)
    torch.testing.assert_close(batches[0]["foa"][:1], expected["foa"], rtol=0, atol=1e-6)


def test_batches_can_be_learned_from():
    batch = SyntheticWindows(2, SPEC).render([0, 1])
    layer = torch.nn.Conv2d(3, 1, 3, padding=1)
    torch.nn.functional.mse_loss(layer(batch["frames"].flatten(0, 1))[:, 0], batch["masks"].flatten(0, 1)).backward()
    assert layer.weight.grad is not None
    assert float(layer.weight.grad.abs().sum()) > 0


def test_stills_show_all_objects():
    data = SyntheticStills(5, width=64, height=32)
    batch = join_stills(data.__getitems__([0, 1, 2, 3, 4]))
    assert batch["frames"].shape == (5, 1, 3, 32, 64)
    labels = SceneRenderer(replace(SPEC, frames=1)).render([draw_scene(0)])["labels"]
    assert torch.equal(batch["masks"][0], (labels[0] > 0).float())
    torch.testing.assert_close(data[3]["frames"][0], batch["frames"][3], rtol=0, atol=1e-6)


def test_recordings_name_events_and_directions():
    data = SyntheticRecordings(6, rate_hz=16000)
    samples = data.__getitems__(list(range(6)))
    batch = stack_recordings(samples)
    assert batch["waveform"].shape == (6, 4, 48000)
    assert batch["active"].shape == (6, 30, 14, 3)
    for k, sample in enumerate(samples):
        scene = draw_scene(k, data.config)
        sources = [source for source in scene.sources if source.timbre >= 0]
        named = {int(c) for c in np.flatnonzero(sample.targets.active.any(axis=(0, 2)))}
        assert named == {source.timbre for source in sources}
        length = np.linalg.norm(sample.targets.position, axis=-1)
        assert length == pytest.approx(sample.targets.active, abs=1e-6)
        for source in sources:
            frame = int(np.flatnonzero(sample.targets.active[:, source.timbre, 0])[0])
            way = source.trajectory.directions([(frame + 0.5) * 0.1])[0]
            apart = np.abs(sample.targets.position[frame, source.timbre] - way).max(axis=-1).min()
            assert apart < 1e-6


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="at least one"):
        SyntheticWindows(0, SPEC)
    with pytest.raises(ConfigError, match="scenes of 3 s"):
        SceneRenderer(SPEC).render([draw_scene(0, SceneConfig(duration_s=2.0))])
    with pytest.raises(ConfigError, match="timbres"):
        SyntheticRecordings(1, config=SceneConfig(held_out=(HeldOut.TIMBRES,)))
    with pytest.raises(ConfigError, match="multiple of 100"):
        SyntheticWindows(1, replace(SPEC, rate_hz=22050)).render([0])
    with pytest.raises(ValueError, match="one length"):
        render_sounds([draw_scene(0), draw_scene(0, SceneConfig(duration_s=2.0))], rate_hz=16000, device=CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpus_agree_with_the_reference():
    device = torch.device("cuda")
    scenes = [draw_scene(seed, config) for config in KINDS.values() for seed in range(4)]
    frames, labels = TorchPainter(128, 64, device=device).render(scenes, [[1.5]] * len(scenes))
    fields = render_sounds(scenes, rate_hz=32000, device=device)
    reference = ScenePainter(128, 64)
    for frame, label, field, scene in zip(frames.cpu(), labels.cpu(), fields.cpu(), scenes, strict=True):
        expected = reference.render(scene, [1.5])
        assert np.mean(label.numpy() != expected.labels) <= 0.001
        same = label.numpy() == expected.labels
        assert np.abs(frame.permute(0, 2, 3, 1).numpy() - expected.frames)[same].max() < 1 / 255
        assert np.abs(field.numpy() - render_sound(scene, rate_hz=32000)).max() < 1e-5
