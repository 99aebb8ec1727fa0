"""The process of a job: started by itself, killed at any point, stopped, cancelled; the next start finds it again."""

import json
import os
import signal
import subprocess
import sys

import pytest

from panosod_core.cli.main import main
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.training.finetune_split import split_path
from panosod_core.training.jobs.control import cancel, queue, resolve, stop
from panosod_core.training.jobs.files import read_json, read_lines
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.queue import JobQueue
from panosod_core.training.jobs.start import start_detached
from panosod_core.training.jobs.states import JobState
from tests.core.training.corrected import MODEL, clip, corrected_project, request
from tests.core.training.jobs.workers import wait_for

S = JobState


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A job on 40 corrected frames of one clip."""
    folder = tmp_path_factory.mktemp("asked")
    save_checkpoint(folder / "m.safetensors", build_network(MODEL, seed=0))
    project = corrected_project(folder / "p.panosod", {clip(folder, 3): list(range(40))})

    def make(**changes):
        split_path(project).unlink(missing_ok=True)
        return request(project, folder / "m.safetensors", **changes)

    return make


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def new_job(path, asked) -> JobFolder:
    job = JobFolder.create(path, asked)
    queue(path)
    return job


def has_told(job, kind, count=1):
    return lambda: sum(e["event"] == kind for e in job.events()[0]) >= count or not job.is_alive


def ended(job):
    return lambda: not job.is_alive


_KILLED = """
import os, signal, sys
from pathlib import Path
from panosod_core.training.finetune import work_on
folder, name, value = sys.argv[1:]
def hear(event):
    if str(event.get(name)) == value:
        os.killpg(0, signal.SIGKILL)
work_on(Path(folder), listeners=(hear,))
"""


def killed_at(name, value):
    """A job's process that is killed when it has told something: one killed from outside may have ended before."""
    return lambda folder: (sys.executable, "-c", _KILLED, str(folder), name, str(value))


def test_killed_at_several_points_it_goes_on_to_the_same_end(tmp_path, asked):
    """Kills between states and between steps, with scenes mixed in; then it ends as one that nobody touched."""
    make = asked
    whole = new_job(tmp_path / "whole", make(steps=12, windows=6, mix=0.5))
    start_detached(whole.path)
    wait_for(ended(whole))
    assert whole.read().state is S.EVALUATED, (whole.path / "log.txt").read_text()

    job = new_job(tmp_path / "killed", make(steps=12, windows=6, mix=0.5))
    for command in (killed_at("state", "running"), killed_at("step", 8)):  # of its second pass
        start_detached(job.path, command=command)
        wait_for(ended(job))
        assert job.read().state is S.RUNNING, (job.path / "log.txt").read_text()
        assert resolve(job.path).state is S.QUEUED
    assert (job.path / "runs" / "main" / "state.safetensors").is_file(), "it goes on, and does not begin anew"
    start_detached(job.path)
    wait_for(ended(job))
    assert job.read().state is S.EVALUATED, (job.path / "log.txt").read_text()
    a, b = ((j.path / CANDIDATE).read_bytes() for j in (whole, job))
    assert _tensors(a) == _tensors(b)
    assert job.read().result["scores"] == whole.read().result["scores"]


def _tensors(data: bytes) -> bytes:
    return data[8 + int.from_bytes(data[:8], "little") :]


def test_two_processes_learn_together(tmp_path, asked):
    job = new_job(tmp_path / "job", asked(engine="torchrun", processes=2, steps=1, windows=2, mix=0.0))
    start_detached(job.path)
    wait_for(ended(job))
    assert job.read().state is S.EVALUATED, (job.path / "log.txt").read_text()
    (began,) = [e for e in read_lines(job.path / "runs" / "main" / "events.jsonl")[0] if e["event"] == "start"]
    assert began["processes"] == 2 and "check" in {e["event"] for e in job.events()[0]}


def test_cancelled_while_several_learn_none_of_them_is_left(tmp_path, asked):
    job = new_job(tmp_path / "job", asked(engine="torchrun", processes=2, steps=0, epochs=1000, patience=0, mix=0.0))
    start_detached(job.path)
    wait_for(has_told(job, "step"))
    marks = [ProcessMark(**read_json(path)) for path in (job.path / "members").glob("*.json")]
    assert len(marks) == 2 and all(m.is_alive and os.getsid(m.pid) != job.process.pid for m in marks)
    cancel(job.path, grace_s=0.0)
    assert not any(m.is_alive for m in marks) and not (job.path / "runs").exists()


def _has_group(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_cancelled_while_it_learns_nothing_is_left(tmp_path, asked):
    job = new_job(tmp_path / "job", asked(steps=0, epochs=1000, patience=0))
    mark = start_detached(job.path)
    wait_for(has_told(job, "step", 2))
    assert job.is_alive and os.getpgid(mark.pid) == mark.pid
    record = cancel(job.path)
    assert record.state is S.CANCELLED and not job.is_alive and ProcessMark.of(mark.pid) is None
    assert not (job.path / "runs").exists() and not (job.path / "data").exists()
    wait_for(lambda: not _has_group(mark.pid))  # its end is taken note of here, a moment later


def test_stopped_from_another_process_it_keeps_the_best_and_starts_the_next(tmp_path, asked):
    first = new_job(tmp_path / "jobs" / "a", asked(steps=0, epochs=1000, patience=0))
    second = new_job(tmp_path / "jobs" / "b", asked(steps=1))
    assert JobQueue(tmp_path / "jobs").advance() == first.path
    wait_for(has_told(first, "check"))
    stop(first.path)
    wait_for(ended(first))
    assert first.read().state is S.EVALUATED and (first.path / CANDIDATE).is_file()
    states = [e["state"] for e in first.events()[0] if e["event"] == "state"]
    assert states[-3:] == ["stopping", "stopped", "evaluated"]
    wait_for(lambda: second.read().state is S.EVALUATED or second.is_orphan)
    assert second.read().state is S.EVALUATED
    wait_for(ended(second))


def test_a_machine_that_shuts_down_interrupts_and_the_next_start_goes_on(tmp_path, asked):
    job = new_job(tmp_path / "job", asked(steps=0, epochs=1000, patience=0, windows=30, mix=0.0))
    mark = start_detached(job.path)
    wait_for(has_told(job, "step", 2))
    mark.send(signal.SIGTERM)
    wait_for(ended(job))
    assert job.read().state is S.RUNNING and job.is_orphan
    assert resolve(job.path).state is S.QUEUED and "saved state" in job.read().message
    assert (job.path / "runs" / "main" / "state.safetensors").is_file()
    cancel(job.path)


def test_the_command(tmp_path, asked, capsys):
    made = asked()
    words = ["finetune", "--project", str(made.project), "--from", str(made.model), "--out", str(tmp_path / "job")]
    more = ["--steps", "2", "--windows", "4", "--mix", "0", "--device", "cpu", "--threads", "1", "--batch", "1"]
    command = [sys.executable, "-m", "panosod_core.cli.main", *words, *more, "--json"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in found.stdout.splitlines()]
    assert found.stderr == "" and events[-1]["event"] == "result" and events[-1]["state"] == "evaluated"
    assert {"state", "step", "check", "judged"} <= {e["event"] for e in events}
    assert main(["job", "show", str(tmp_path / "job")]) == 0
    assert "advice: too few" in capsys.readouterr().out  # four seconds are no five moments
    assert main(["job", "list", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "evaluated"
    assert main(["job", "reject", str(tmp_path / "job")]) == 0 and "rejected" in capsys.readouterr().out
    assert main(words) == 1 and "holds something already" in capsys.readouterr().err
    assert main(["finetune", "--out", str(tmp_path / "x")]) == 1 and "--project" in capsys.readouterr().err
