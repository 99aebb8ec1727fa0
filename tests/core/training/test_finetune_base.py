"""What has been forgotten: both models on scenes that no run learns from, the same for every job."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from panosod_core.errors import DatasetError
from panosod_core.inference.engine_protocol import CentreMap
from panosod_core.inference.engine_torch import open_torch_engine
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.synth.scene_config import SceneConfig, config_from_json
from panosod_core.training import finetune_base
from panosod_core.training.finetune_base import FIRST_SEED, SCENES, compare_on_base
from panosod_core.training.finetune_compare import decided_map
from panosod_core.training.finetune_data import first_scene
from panosod_core.training.finetune_gate import judge
from tests.core.datasets.tiny_sets import make_asod
from tests.core.training.corrected import MODEL, SCENE, H, W

BASE = config_from_json(SceneConfig().to_json() | SCENE)


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """A model, and the same one with its last layer turned round: what it saw, it sees no longer."""
    folder = tmp_path_factory.mktemp("models")
    network = build_network(MODEL, seed=0)
    found = []
    for name in ("before.safetensors", "spoilt.safetensors"):
        save_checkpoint(folder / name, network)
        found.append(open_torch_engine(ModelFile.read(folder / name), device="cpu", precision="float32", threads=1))
        with torch.no_grad():
            for parameter in network.decoder.head.parameters():
                parameter.neg_()
    return found


def test_both_models_are_asked_of_the_same_scenes_in_every_job(engines):
    first, again = (compare_on_base(*engines, folder=None, scene=BASE) for _ in range(2))
    assert first == again and len({f.clip for f in first}) == len(first) == SCENES
    assert all("f" in f.incumbent and "location_deg" in f.candidate for f in first)
    same = compare_on_base(engines[0], engines[0], folder=None, scene=BASE)
    assert all(f.gain("f") == 0 for f in same)
    assert any(f.gain("f") != 0 for f in first)


def test_where_a_data_set_was_mixed_in_it_is_asked_of(engines, tmp_path):
    found = compare_on_base(*engines, folder=make_asod(tmp_path / "ASOD60K"), scene=BASE)
    assert 5 <= len(found) <= SCENES and len({(f.clip, f.number) for f in found}) == len(found)
    assert len({f.clip for f in found}) < len(found), "frames of a clip are no clips of their own"
    assert all(f.time_s > 0 for f in found if f.number > 1)
    with pytest.raises(DatasetError):
        compare_on_base(*engines, folder=tmp_path / "away", scene=BASE)


def test_scenes_in_which_nothing_sounds_ask_nothing_and_that_is_said(engines, monkeypatch):
    monkeypatch.setattr(finetune_base, "_MOST_DRAWN", 2)
    with pytest.raises(DatasetError, match="drew none"):
        compare_on_base(*engines, folder=None, scene=replace(BASE, silent=1.0))


def test_a_candidate_that_sees_nothing_any_more_is_kept_back_whatever_the_check_set_says(engines):
    frames = compare_on_base(*engines, folder=None, scene=BASE)
    blind = [replace(f, incumbent={"f": 0.8}, candidate={"f": 0.1 + 0.2 * f.candidate["f"]}) for f in frames]
    better = [
        replace(f, clip="a", number=k, time_s=1.0 * k, incumbent={"f": 0.1}, candidate={"f": 0.5})
        for k, f in enumerate(frames)
    ]
    assert judge(better, corrected=50).advice == "promote"
    assert judge(better, corrected=50, base=blind).advice == "keep"


def test_scenes_of_every_seed_are_others_and_none_are_base_scenes():
    starts = [first_scene(seed) for seed in (0, 1, 2, 1 << 62)]
    apart = np.diff([float(s) for s in starts])
    assert (apart > 1e15).all() and all(abs(s - FIRST_SEED) > 1 << 40 for s in starts)


def test_a_decided_map_has_its_logits_multiplied():
    saliency = np.random.default_rng(0).uniform(0, 1, (H, W)).astype(np.float32)
    saliency[0, :2] = 0, 1
    made = decided_map(CentreMap(saliency, None), 3.0).saliency
    inside = slice(1, None)
    wanted = 1 / (1 + ((1 - saliency[inside]) / saliency[inside]) ** 3)
    np.testing.assert_allclose(made[inside], wanted, atol=1e-5)
    assert made[0, 0] < 1e-6 and made[0, 1] > 1 - 1e-6 and ((made > 0.5) == (saliency > 0.5)).all()
