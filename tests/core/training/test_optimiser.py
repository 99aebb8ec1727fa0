"""Rates, groups, the running mean of weights, and what a config refuses."""

import math

import pytest
import torch

from panosod_core.errors import ConfigError
from panosod_core.model.network import build_network
from panosod_core.training.average import WeightAverage
from panosod_core.training.config import PAPER_VIDEO, RECIPES, Schedule, Stage, TrainConfig, recipe
from panosod_core.training.optimiser import build_optimiser, rate_factor, set_rate
from tests.core.training.tiny_jobs import job


def test_the_papers_recipe_is_the_default():
    assert recipe("paper", Stage.VIDEO) == PAPER_VIDEO == TrainConfig()
    config = TrainConfig()
    assert (config.epochs, config.lr, config.weight_decay, config.batch) == (20, 1e-4, 0, 2)
    assert config.schedule is Schedule.CONSTANT and not config.clip and not config.ema
    assert {preset for preset, _ in RECIPES} == {"paper", "panosod", "small"}
    with pytest.raises(ConfigError, match="no recipe for preset 'best'"):
        recipe("best", Stage.VIDEO)


@pytest.mark.parametrize(
    "values", [{"epochs": 0}, {"lr": 0}, {"lr": math.nan}, {"ema": 1}, {"batch": -1}, {"clip": math.inf}]
)
def test_values_that_mean_nothing_are_refused(values):
    with pytest.raises(ConfigError, match=f"training config: {next(iter(values))} must"):
        TrainConfig(**values)


@pytest.mark.parametrize("schedule", Schedule)
def test_schedules_rise_in_the_warm_up_and_never_after(schedule):
    config = TrainConfig(schedule=schedule, warmup_steps=5)
    factors = [rate_factor(step, 100, config) for step in range(101)]
    assert all(0 < f <= 1 for f in factors[:100])
    assert factors[:5] == sorted(factors[:5]) and factors[0] == pytest.approx(1 / 6)
    assert factors[5] == 1
    assert factors[5:] == sorted(factors[5:], reverse=True)
    assert factors[100] == (1 if schedule is Schedule.CONSTANT else pytest.approx(0, abs=1e-12))
    middle = {Schedule.CONSTANT: 1.0, Schedule.COSINE: 0.5, Schedule.POLY: 0.5**0.9}
    assert rate_factor(50, 100, TrainConfig(schedule=schedule)) == pytest.approx(middle[schedule])


@pytest.mark.parametrize("schedule", [Schedule.COSINE, Schedule.POLY])
def test_a_schedule_ends_with_the_time_or_the_steps_whichever_is_first(schedule):
    config = TrainConfig(schedule=schedule, schedule_s=200.0, warmup_steps=5)
    by_steps = TrainConfig(schedule=schedule)
    assert rate_factor(10, 1000, config, spent_s=100.0) == pytest.approx(rate_factor(50, 100, by_steps))
    assert rate_factor(10, 1000, config, spent_s=200.0) == pytest.approx(0, abs=1e-12)
    assert rate_factor(10, 1000, config, spent_s=900.0) == pytest.approx(0, abs=1e-12)
    assert rate_factor(1000, 1000, config, spent_s=1.0) == pytest.approx(0, abs=1e-12)
    assert rate_factor(2, 1000, config, spent_s=150.0) == pytest.approx(0.5), "it warms up whatever the clock says"


def test_the_backbone_has_its_own_rate_and_vectors_no_decay(tmp_path):
    network = build_network(job(tmp_path).model)
    optimiser = build_optimiser(network, TrainConfig(backbone_lr=0.1, weight_decay=0.5))
    set_rate(optimiser, 1e-3)
    seen = {id(p): (group["lr"], group["weight_decay"]) for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        rate, decay = seen.pop(id(parameter))
        assert rate == pytest.approx(1e-4 if name.startswith("visual.backbone.") else 1e-3), name
        assert decay == (0.5 if parameter.ndim >= 2 else 0), name
    assert not seen


def test_what_is_frozen_is_not_optimised():
    module = torch.nn.Linear(2, 2)
    module.weight.requires_grad_(False)
    (group,) = build_optimiser(module, TrainConfig()).param_groups
    assert [id(p) for p in group["params"]] == [id(module.bias)]
    module.bias.requires_grad_(False)
    with pytest.raises(ValueError, match="nothing in this module learns"):
        build_optimiser(module, TrainConfig())


def test_the_running_mean_follows_by_its_decay():
    module = torch.nn.BatchNorm1d(1)
    average = WeightAverage(module, decay=0.9)
    expected = 1.0
    for step in range(1, 200):
        with torch.no_grad():
            module.weight.fill_(step)
            module.running_mean.fill_(-step)
        average.update(module, step=step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-5)
    assert float(average.module.running_mean) == -199
    assert not average.module.weight.requires_grad and not average.module.training
