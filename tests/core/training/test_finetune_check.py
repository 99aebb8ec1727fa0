"""What a job needs of a machine and of its clips, in numbers."""

from types import SimpleNamespace

import pytest

from panosod_core.errors import TrainingError
from panosod_core.training import finetune_check
from panosod_core.training.finetune_check import Needs, check_room, check_sound

GB = 10**9
NEEDS = Needs(disk=1000, memory=4 * GB, host=GB)


@pytest.fixture(autouse=True)
def a_machine(monkeypatch):
    monkeypatch.setattr(finetune_check.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(finetune_check, "free_memory", lambda: 9 * GB)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"gpus": {1: 3 * GB}}, r"expected 4\.00 GB of free memory on GPU 1 .* there are 3\.00 GB"),
        ({"gpus": {0: 9 * GB, 1: 2 * GB, 2: 9 * GB}, "processes": 2}, r"on GPU 1 .* there are 2\.00 GB"),
        ({"gpus": {0: 9 * GB}, "processes": 2}, "expected 2 GPUs for 2 processes, this machine has 1"),
        ({"processes": 5}, "expected 5 processors for 5 processes, this machine has 4"),
        ({"processes": 3}, r"expected 12\.00 GB of free memory for the job \(3 processes\), there are 9\.00 GB"),
        ({"gpus": dict.fromkeys(range(10), 9 * GB), "processes": 10}, r"expected 10\.00 GB .*there are 9\.00 GB"),
    ],
)
def test_what_is_needed_and_what_is_there(tmp_path, where, words):
    with pytest.raises(TrainingError, match=words):
        check_room(tmp_path, NEEDS, **where)


@pytest.mark.parametrize("where", [{}, {"processes": 2}, {"gpus": {0: 4 * GB, 1: 4 * GB, 2: 0}, "processes": 2}])
def test_room_enough(tmp_path, where):
    check_room(tmp_path, NEEDS, **where)


def test_clips_whose_sound_has_no_directions_are_counted(tmp_path, monkeypatch):
    sounds = {
        "a.mp4": SimpleNamespace(order=1, channels=4),
        "b.mp4": SimpleNamespace(order=0, channels=2),
        "c.mp4": None,
    }
    monkeypatch.setattr(finetune_check, "probe", lambda path: SimpleNamespace(audio=sounds[path.name]))
    clips = {name: (tmp_path / name, 10) for name in sounds}
    with pytest.raises(
        TrainingError, match=r"all 3 clips .*, 2 have none \(20 of 30 frames\): b.mp4 \(2 ch.*c.mp4 \(no s"
    ):
        check_sound(clips)
    check_sound({"a.mp4": clips["a.mp4"]})
