"""The model that comes with panosod: what the file is, and that it does what it is there to show."""

import pytest

torch = pytest.importorskip("torch")

from panosod_core.datasets.synthetic import TEST_SEED  # noqa: E402 - needs torch
from panosod_core.inference.engine_torch import TorchEngine  # noqa: E402 - needs torch
from panosod_core.inference.judging import judge_scenes  # noqa: E402 - needs torch
from panosod_core.metrics.folders import JudgeSettings  # noqa: E402 - needs torch
from panosod_core.model.checkpoint import load_network  # noqa: E402 - needs torch
from panosod_core.model.presets import SMALL  # noqa: E402 - needs torch
from panosod_core.resources import demo_model_path  # noqa: E402 - needs torch


@pytest.fixture(scope="module")
def shipped():
    return load_network(demo_model_path())


def test_it_is_preset_small_with_its_teacher(shipped):
    network, info = shipped
    assert network.config == SMALL and network.teacher is not None
    assert sum(p.numel() for p in network.parameters()) <= 7_500_000
    assert info.provenance["recipe"] == "panosod_core.training.demo_model"
    for stage in info.provenance["stages"]:
        assert stage["settings"]["data"]["folder"] is None, "synthetic scenes only"


def test_it_is_small_and_has_a_card():
    path = demo_model_path()
    assert path.stat().st_size <= 16_000_000
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "twin accuracy" in card.lower() and "ASOD60K" in card


def test_it_finds_what_sounds(shipped):
    """Far from chance (one half) on scenes that it has never seen; the card has the numbers of a hundred."""
    torch.set_num_threads(1)
    network, _ = shipped
    engine = TorchEngine(network, device="cpu")
    result = judge_scenes(engine, count=6, first_seed=TEST_SEED + 10_000, settings=JudgeSettings(sphere=False))
    assert result.sounding.choices == 6 and result.sounding.twin_accuracy >= 5 / 6
    assert result.sounding.location_median_deg < 10
    assert result.maps.flat.everything.frame_mean.f > 0.65
