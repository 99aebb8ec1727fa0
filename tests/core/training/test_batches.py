"""Which samples make up which step."""

import os
import signal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.errors import DatasetError, TrainingError
from panosod_core.training import batches
from panosod_core.training.batches import EpochOrder, Source, draw
from panosod_core.training.config import TrainConfig
from panosod_core.training.world import World

ALONE = World(0, 1, torch.device("cpu"))


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 60), batch=st.integers(1, 5), accumulate=st.integers(1, 3), size=st.integers(1, 4),
    seed=st.integers(0, 5), epoch=st.integers(0, 3),
)  # fmt: skip
def test_processes_share_out_the_steps_of_one(count, batch, accumulate, size, seed, epoch):
    """However a step is split into processes and batches, it holds the same samples."""
    parts = [
        EpochOrder(count, TrainConfig(batch=batch, accumulate=accumulate, seed=seed), rank, size)
        for rank in range(size)
    ]
    whole = EpochOrder(count, TrainConfig(batch=batch * accumulate * size, seed=seed))
    steps = whole.batches(epoch)
    shares = [part.batches(epoch) for part in parts]
    assert len(steps) == whole.steps == parts[0].steps
    for k, step in enumerate(steps):
        seen = [i for share in shares for b in share[k * accumulate : (k + 1) * accumulate] for i in b]
        assert sorted(seen) == sorted(step)
    used = [i for step in steps for i in step]
    if count >= whole.step_samples:
        assert len(set(used)) == len(used) > count - whole.step_samples
    else:
        assert set(used) == set(range(count)), "a data set smaller than a step is gone through again"


def test_an_epoch_that_goes_on_is_the_rest_of_the_whole_one():
    order = EpochOrder(23, TrainConfig(batch=2, accumulate=2))
    assert order.batches(3, first_step=2) == order.batches(3)[4:]
    assert order.batches(3) != order.batches(4)
    assert EpochOrder(23, TrainConfig(batch=2, seed=1)).batches(3) != EpochOrder(23, TrainConfig(batch=2)).batches(3)


class Numbers:
    """Samples that are their index; some cannot be read."""

    def __init__(self, count, *, damaged=(), deadly=None):
        self.count, self.damaged, self.deadly = count, damaged, deadly

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index in self.damaged:
            raise DatasetError(f"picture {index} is damaged")
        if index == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return index

    def set_epoch(self, epoch):
        pass


def stacked(samples):
    return {"values": torch.tensor(samples), "names": [f"sample {s}" for s in samples]}


@pytest.mark.parametrize("workers", [0, 1])
def test_what_cannot_be_read_is_replaced_and_told(workers):
    source = Source(Numbers(6, damaged=(2, 3)), stacked)
    drawn = list(draw(source, [[0, 1], [2, 5]], world=ALONE, workers=workers))
    assert [d.indices for d in drawn] == [(0, 1), (4, 5)]
    assert [d.damaged for d in drawn] == [(), ("picture 2 is damaged",)]
    assert drawn[1].names == ["sample 4", "sample 5"]


def test_a_data_set_of_which_nothing_can_be_read_stops():
    source = Source(Numbers(3, damaged=(0, 1, 2)), stacked)
    with pytest.raises(DatasetError, match=r"none of 3 samples can be read: picture 1 is damaged"):
        list(draw(source, [[1]], world=ALONE, workers=0))


def test_a_mistake_in_a_data_set_is_not_taken_for_damage():
    class Wrong(Numbers):
        def __getitem__(self, index):
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        list(draw(Source(Wrong(3), stacked), [[1]], world=ALONE, workers=0))


def test_a_killed_reader_is_a_clear_error():
    source = Source(Numbers(4, deadly=2), stacked)
    with pytest.raises(TrainingError, match=r"a process that reads data was killed.*--resume"):
        list(draw(source, [[0, 1], [2, 3]], world=ALONE, workers=1))


@pytest.mark.parametrize("error", [EOFError(), ConnectionResetError(104, "Connection reset by peer")])
def test_a_killed_reader_whose_connections_end_before_it_does_is_a_clear_error(monkeypatch, error):
    class HangsUp:
        def __init__(self, *_args, **_words):
            pass

        def __iter__(self):
            return self

        def __next__(self):
            raise error

    monkeypatch.setattr(batches, "DataLoader", HangsUp)
    source = Source(Numbers(2), stacked)
    with pytest.raises(TrainingError, match=r"a process that reads data was killed.*--resume"):
        list(draw(source, [[0, 1]], world=ALONE, workers=1))
    with pytest.raises(type(error)):  # read here: no other process has anything to do with it
        list(draw(source, [[0, 1]], world=ALONE, workers=0))


def test_a_mistake_in_a_data_set_is_no_killed_reader(monkeypatch):
    class Wrong:
        def __init__(self, *_args, **_words):
            pass

        def __iter__(self):
            return self

        def __next__(self):
            raise RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback: ...")

    monkeypatch.setattr(batches, "DataLoader", Wrong)
    with pytest.raises(RuntimeError, match=r"^Caught RuntimeError"):
        list(draw(Source(Numbers(2), stacked), [[0, 1]], world=ALONE, workers=1))


def test_samples_that_come_many_at_once_are_asked_for_so():
    class Together(Numbers):
        def __getitems__(self, indices):
            if set(indices) & set(self.damaged):
                raise DatasetError("one of them is damaged")
            return [np.array(indices)]

    def joined(parts):
        return {"values": torch.from_numpy(np.concatenate([np.atleast_1d(p) for p in parts])), "names": []}

    source = Source(Together(6, damaged=(3,)), joined)
    drawn = list(draw(source, [[5, 1], [3, 0]], world=ALONE, workers=0))
    assert [d.indices for d in drawn] == [(5, 1), (4, 0)]
    assert [d.batch["values"].tolist() for d in drawn] == [[5, 1], [4, 0]]
    assert drawn[1].damaged == ("picture 3 is damaged",)
