"""Judging models: with engines that know the answer, so that the numbers are known too."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from panosod_core.datasets.index import Split  # noqa: E402 - needs torch
from panosod_core.datasets.opening import open_data_set  # noqa: E402 - needs torch
from panosod_core.datasets.pictures import read_instances, read_mask, resized  # noqa: E402 - needs torch
from panosod_core.datasets.synthetic import TEST_SEED, SyntheticWindows  # noqa: E402 - needs torch
from panosod_core.datasets.synthetic_files import SceneFiles, write_scenes  # noqa: E402 - needs torch
from panosod_core.errors import DatasetError  # noqa: E402 - needs torch
from panosod_core.geometry.sphere import equirect_directions  # noqa: E402 - needs torch
from panosod_core.inference.engine import CentreMap, EncodedFrame  # noqa: E402 - needs torch
from panosod_core.inference.engine_torch import TorchEngine  # noqa: E402 - needs torch
from panosod_core.inference.judging import judge_data_set, judge_scenes, window_map, window_spec  # noqa: E402
from panosod_core.metrics.folders import JudgeSettings  # noqa: E402 - needs torch
from panosod_core.model.network import build_network  # noqa: E402 - needs torch
from panosod_core.synth.scene_config import SceneConfig  # noqa: E402 - needs torch
from panosod_core.synth.scene_truth import read_truth  # noqa: E402 - needs torch
from tests.core.model.tiny import TINY_PANOSOD  # noqa: E402 - needs torch

SCENE = SceneConfig(duration_s=0.4, objects=(2, 3), radius_deg=(20.0, 30.0), others_sound=0.0)
COUNT = 4


class Knowing:
    """An engine that gives prepared answers, in order."""

    config = TINY_PANOSOD
    model_id, description, guided = "", "an oracle", False

    def __init__(self, answers):
        self.answers = list(answers)
        self.encoded = 0

    def encode_frame(self, picture):
        assert picture.shape == (64, 128, 3) and picture.dtype == np.uint8
        self.encoded += 1
        return EncodedFrame(None, None, None)

    def encode_sound(self, window):
        assert window.shape == (4, TINY_PANOSOD.sound_samples)
        return None

    def centre_map(self, own, summaries, heard):
        return self.answers.pop(0)


def bump(centre):
    """A location map before the sigmoid, highest at a direction."""
    return (60.0 * (equirect_directions(8, 4) @ centre - 1) + 3).astype(np.float32)


@pytest.fixture(scope="module")
def truths():
    windows = SyntheticWindows(COUNT, window_spec(TINY_PANOSOD), config=SCENE, first_seed=TEST_SEED)
    return [windows[i] for i in range(COUNT)]


def answers(truths, *, right):
    for batch in truths:
        labels, sounds = batch["labels"][0, 1].numpy(), batch["sounding"][0, 1].numpy()
        slot = int(np.flatnonzero(batch["twin"][0].numpy() & (sounds == right))[0])
        yield CentreMap((labels == slot + 1).astype(np.float32), bump(batch["directions"][0, 1, slot].numpy()))


def test_who_knows_the_answer_is_perfect(truths):
    told = []
    result = judge_scenes(
        Knowing(answers(truths, right=True)),
        count=COUNT,
        first_seed=TEST_SEED,
        scene=SCENE,
        progress=lambda done, total: told.append((done, total)),
    )
    means = result.maps.flat.everything.frame_mean
    assert means.f == pytest.approx(1) and means.mae == 0 and result.maps.sphere is not None
    assert result.sounding.choices == COUNT and result.sounding.twin_accuracy == 1.0
    # A grid of 45 degree cells cannot say more; the wrong twin is far further off.
    assert result.sounding.location_median_deg < 20
    assert told == [(k + 1, COUNT) for k in range(COUNT)]


def test_who_takes_the_other_twin_is_wrong(truths):
    result = judge_scenes(Knowing(answers(truths, right=False)), count=COUNT, first_seed=TEST_SEED, scene=SCENE)
    assert result.sounding.twin_accuracy == 0.0 and result.sounding.location_median_deg > 30
    assert result.maps.flat.everything.frame_mean.f < 0.1


def test_a_window_by_parts_is_the_network_on_it(truths):
    torch.set_num_threads(1)
    network = build_network(TINY_PANOSOD, seed=3).eval()
    batch = truths[0]
    bytes_ = (batch["frames"] * 255).round().to(torch.uint8)
    with torch.inference_mode():
        whole = network(bytes_, batch["foa"]).student
    answer = window_map(TorchEngine(network, device="cpu"), batch["frames"][0].numpy(), batch["foa"][0].numpy())
    assert np.allclose(answer.saliency, whole.logits[0, 1, 0].sigmoid(), atol=1e-4)
    assert np.allclose(answer.location, whole.location[0, 1, 0], atol=1e-4)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("judged") / "set"
    files = SceneFiles(
        count=3, first_seed=70, test=2, config=replace(SCENE, duration_s=1.0), held_out=(), width=96, height=48,
        fps=Fraction(30), sample_rate_hz=32000,
    )  # fmt: skip
    write_scenes(root, files)
    return root


def of_data(root, data):
    """The right answers to all key frames, in order."""
    for clip in data.clips:
        scene = read_truth(root / "truth" / f"{clip.name}.json")
        for frame in clip.frames:
            labels = read_instances(root / "instances" / clip.name / f"{frame.image.stem}.png")
            (sounding,) = scene.spec.sounding(scene.time_s(frame.number))
            where = scene.spec.objects[sounding - 1].trajectory.directions([frame.time_s])[0]
            mask = np.where(labels == sounding, np.uint8(255), np.uint8(0))
            assert np.array_equal(mask, read_mask(frame.mask))
            yield CentreMap(resized(mask, width=128, height=64), bump(where))


def test_a_data_set_is_judged_at_the_size_of_its_masks(written):
    data = open_data_set(written).of_split(Split.TEST)
    engine = Knowing(of_data(written, data))
    result = judge_data_set(engine, data)
    frames = sum(len(clip.frames) for clip in data.clips)
    assert result.maps.masks == result.maps.flat.everything.frames == result.maps.resized == frames > 4
    assert len(result.maps.flat.clips) == 2 and result.maps.flat.everything.frame_mean.max_f > 0.99
    assert result.sounding.twin_accuracy == 1.0 and result.sounding.choices == frames
    assert engine.encoded == frames, "each picture is worked once"


def test_without_truth_beside_it_choices_are_not_told(written, tmp_path):
    data = open_data_set(written).of_split(Split.TEST)
    bare = replace(data, root=tmp_path)
    result = judge_data_set(Knowing(of_data(written, data)), bare, settings=JudgeSettings(sphere=False))
    assert result.sounding is None and result.maps.sphere is None


def test_damaged_frames_are_named_and_left_out(written):
    data = open_data_set(written).of_split(Split.TEST)
    clip = data.clips[0]
    broken = replace(clip.frames[-1], mask=clip.frames[-1].image.with_name("nothing.png"))
    damaged = replace(data, clips=(replace(clip, frames=(*clip.frames[:-1], broken)), *data.clips[1:]))
    kept = [answer for k, answer in enumerate(of_data(written, data)) if k != len(clip.frames) - 1]
    result = judge_data_set(Knowing(kept), damaged)
    assert len(result.maps.unreadable) == 1 and "nothing.png" in result.maps.unreadable[0]
    assert result.maps.flat.everything.frames == result.maps.masks - 1


def test_nothing_to_judge_says_why(written):
    data = open_data_set(written).of_split(Split.TEST)
    silent = replace(data, clips=tuple(replace(clip, sound=None) for clip in data.clips))
    with pytest.raises(DatasetError, match="no sound"):
        judge_data_set(Knowing([]), silent)
