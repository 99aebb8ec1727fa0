"""Jobs that somebody cancelled who died before all was ended and removed."""

from pathlib import Path

import pytest

from panosod_core.errors import TrainingError
from panosod_core.training.jobs import control
from panosod_core.training.jobs.control import cancel, resolve
from panosod_core.training.jobs.folder import CANDIDATE, LOCK, JobFolder, locked
from panosod_core.training.jobs.queue import JobQueue
from panosod_core.training.jobs.states import JobState
from tests.core.training.jobs.workers import queued

S = JobState


class Killed(BaseException):
    """What no handler of errors catches: as if the process had ended there."""


def dies(*_args) -> None:
    raise Killed


def cancelled_by_one_who_dies(path: Path, monkeypatch, **where) -> JobFolder:
    """Cancelled; whoever did it died before all was removed."""
    job = queued(path)
    job.become(S.PREPARING)
    job.become(S.RUNNING)
    for name in ("data", "runs", "members"):
        (path / name).mkdir()
    (path / CANDIDATE).write_text("weights")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        for what, instead in where.items():
            patch.setattr(control if what == "call_back" else JobFolder, what, instead)
        cancel(path)
    assert job.read().state is S.CANCELLED
    return job


@pytest.mark.parametrize("again", [resolve, cancel, lambda path: JobQueue(path.parent).advance()])
def test_what_a_canceller_that_died_left_is_ended_and_removed(tmp_path, monkeypatch, again):
    job = cancelled_by_one_who_dies(tmp_path / "j", monkeypatch, call_back=dies)
    called = []
    monkeypatch.setattr(control, "call_back", lambda folder: called.append(folder) or "")
    with locked(job.path / LOCK):
        resolve(job.path)
        assert not called and (job.path / CANDIDATE).exists(), "somebody is at it"
    again(job.path)
    left = [name for name in ("data", "runs", "members", CANDIDATE) if (job.path / name).exists()]
    assert called == [job.path] and not left and job.read().state is S.CANCELLED
    assert resolve(job.path).state is S.CANCELLED and len(called) == 1, "nothing is left to be ended"
    with pytest.raises(TrainingError, match="cannot be cancelled"):
        cancel(job.path)


@pytest.mark.parametrize("name", ["data", "runs", "members", CANDIDATE])
def test_any_of_what_it_made_is_looked_for(tmp_path, name):
    job = queued(tmp_path / "j")
    cancel(job.path)
    (job.path / name).touch()
    if name != CANDIDATE:  # a file in the place of a folder: stands for one that cannot be removed
        with pytest.raises(TrainingError, match=f"but {name} cannot be removed"):
            resolve(job.path)
        jobs = JobQueue(tmp_path)
        assert jobs.advance() is None and list(jobs.faults) == [job.path]
        (job.path / name).unlink()
    assert resolve(job.path).state is S.CANCELLED and not (job.path / name).exists()


def test_a_cluster_that_gives_no_answer_is_asked_once(tmp_path, monkeypatch):
    silent = "the cluster has not answered"
    job = cancelled_by_one_who_dies(tmp_path / "j", monkeypatch, call_back=lambda folder: silent, discard=dies)
    monkeypatch.setattr(control, "call_back", dies)
    record = resolve(job.path)
    assert record.result["left_on_cluster"] == silent and not (job.path / "runs").exists()
