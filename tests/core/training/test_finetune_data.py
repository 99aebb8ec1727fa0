"""Corrected windows and others among them: in their shares, all of them in turn, the same for the same seed."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.errors import CheckpointError
from panosod_core.model.checkpoint import read_info
from panosod_core.resources import demo_model_path
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.training.batches import Source
from panosod_core.training.finetune_data import Mix, Mixed
from panosod_core.training.finetune_plan import RunPlan, budget_of, location_weight


class Numbers:
    """Samples that are their numbers."""

    def __init__(self, count: int) -> None:
        self.count, self.epoch = count, 0

    def __len__(self) -> int:
        return self.count

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> int:
        return index


def mixed(own: int, other: int, *, share: float, windows: int, seed: int = 0) -> Mixed:
    def source(count: int) -> Source:
        return Source(Numbers(count), lambda samples: {"of": count, "it": samples[0]})

    return Mixed(source(own), source(other) if other else None, Mix(share, None, SceneConfig(), windows, seed))


@given(st.integers(1, 40), st.floats(0, 0.9), st.integers(1, 100), st.integers(0, 3))
def test_shares_hold_and_every_corrected_window_comes_in_turn(own, share, windows, seed):
    data = mixed(own, 7, share=share, windows=windows, seed=seed)
    others, counts = 0, dict.fromkeys(range(own), 0)
    per_epoch = [k for k in range(len(data)) if not data.place(k)[0]]
    for epoch in range(5):
        data.set_epoch(epoch)
        for k in range(len(data)):
            is_other, place = data.place(k)
            others += is_other
            if not is_other:
                counts[place] += 1
    assert len(data) == min(windows, max(32, math.ceil(own / (1 - share))))
    assert others == 5 * int(len(data) * share)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(counts.values()) == 5 * len(per_epoch)


def test_without_another_source_all_is_the_own():
    data = mixed(5, 0, share=0.5, windows=5)
    assert len(data) == 5 and sorted(data[k]["it"] for k in range(5)) == list(range(5))
    assert len(mixed(5, 0, share=0.5, windows=64)) == 32, "few windows come more than once in a pass"


def test_seed_and_pass_decide_the_order():
    def orders(seed: int) -> list[list[int]]:
        data, found = mixed(20, 20, share=0.5, windows=64, seed=seed), []
        for epoch in range(2):
            data.set_epoch(epoch)
            found.append([data.place(k)[1] for k in range(len(data))])
        return found

    assert orders(0) == orders(0) != orders(1) and orders(0)[0] != orders(0)[1]


class Pictures(Numbers):
    """Windows that are darker in every place and pass."""

    def __init__(self, count: int, level: float) -> None:
        super().__init__(count)
        self.level = level

    def __getitem__(self, index: int) -> torch.Tensor:
        noise = torch.rand((1, 3, 3, 4, 8), generator=torch.Generator().manual_seed(index))
        return self.level * (0.8 + 0.4 * noise)


def coloured(recoloured: float) -> Mixed:
    def source(samples: Pictures) -> Source:
        return Source(samples, lambda some: {"frames": torch.cat(list(some))})

    mix = replace(Mix(0.5, None, SceneConfig(), 40, 0), recoloured=recoloured)
    return Mixed(source(Pictures(6, 0.1)), source(Pictures(9, 0.7)), mix)


def test_a_share_of_the_others_is_shown_in_the_colours_of_the_corrected_ones():
    def levels(data: Mixed) -> list[float]:
        return [float(data[k]["frames"].mean()) for k in range(len(data)) if data.place(k)[0]]

    assert min(levels(coloured(0.0))) > 0.6
    assert max(levels(coloured(1.0))) < 0.15
    half = coloured(0.5)
    dark = [level < 0.15 for level in levels(half)]
    assert 4 <= sum(dark) <= 16 and levels(half) == levels(coloured(0.5)), "by the seed alone"
    half.set_epoch(1)
    assert [level < 0.15 for level in levels(half)] != dark


def test_folds_share_a_third_of_the_budget_and_the_candidate_has_the_rest():
    folds = [RunPlan(f"fold-{k}", is_final=False) for k in range(3)]
    final = RunPlan("main", is_final=True)
    shares = [budget_of(plan, [*folds, final]) for plan in [*folds, final]]
    assert sum(shares) == pytest.approx(1.0) and shares[-1] == pytest.approx(0.7) and len(set(shares[:-1])) == 1
    assert budget_of(folds[0], folds[:1]) == 1.0, "one run with a check set"
    assert budget_of(final, [final]) == 1.0, "no fold leaves anything to learn from"


def test_the_loss_on_the_location_map_is_that_of_the_stage_in_which_all_learnt():
    def stage(location: float, *parts: str) -> dict:
        return {"settings": {"loss": {"location": location}, "train": {"parts": list(parts)}}}

    assert location_weight({"stages": [stage(0.0), stage(0.7), stage(0.0, "teacher")]}) == 0.7
    assert location_weight(stage(0.3)) == 0.3
    assert location_weight({}) == 0.0
    assert location_weight(read_info(demo_model_path()).provenance) == 1.0
    with pytest.raises(CheckpointError, match="provenance of this model"):
        location_weight({"settings": {"loss": {"location": "much"}, "train": {}}})
