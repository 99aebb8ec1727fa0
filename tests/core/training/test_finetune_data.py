"""Corrected windows and others among them: in their shares, all of them in turn, the same for the same seed."""

import math

from hypothesis import given
from hypothesis import strategies as st

from panosod_core.synth.scene_config import SceneConfig
from panosod_core.training.batches import Source
from panosod_core.training.finetune_data import Mix, Mixed


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
    assert len(data) == min(windows, math.ceil(own / (1 - share)))
    assert others == 5 * int(len(data) * share)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(counts.values()) == 5 * len(per_epoch)


def test_without_another_source_all_is_the_own():
    data = mixed(5, 0, share=0.5, windows=64)
    assert len(data) == 5 and sorted(data[k]["it"] for k in range(5)) == list(range(5))


def test_seed_and_pass_decide_the_order():
    def orders(seed: int) -> list[list[int]]:
        data, found = mixed(20, 20, share=0.5, windows=64, seed=seed), []
        for epoch in range(2):
            data.set_epoch(epoch)
            found.append([data.place(k)[1] for k in range(len(data))])
        return found

    assert orders(0) == orders(0) != orders(1) and orders(0)[0] != orders(0)[1]
