"""A job's folder: what is written is read, whole or not at all; who may write."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from panosod_core.errors import ConfigError, TrainingError
from panosod_core.training.events import EventLog
from panosod_core.training.jobs.files import read_lines
from panosod_core.training.jobs.folder import CONTROL, EVENTS, JOB, JobFolder, JobRecord, Wish
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.states import JobState
from tests.core.training.jobs.workers import queued


def test_read_is_what_was_written(tmp_path):
    request = FinetuneRequest(Path("/p/a.panosod"), model=Path("/m.safetensors"), mix=0.2, scene={"objects": [2, 3]})
    job = JobFolder.create(tmp_path / "j", request)
    record = job.read()
    assert (record.state, record.request) == (JobState.DRAFT, request)
    again = JobRecord.from_json(json.loads(json.dumps(record.to_json())), source=tmp_path)
    assert again == record
    job.become(JobState.QUEUED, "go", a=1)
    job.add(b=2)
    found = job.read()
    assert (found.state, found.message, found.result) == (JobState.QUEUED, "go", {"a": 1, "b": 2})
    assert not [p for p in (tmp_path / "j").iterdir() if p.name.startswith(".")]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(TrainingError, match="something already"):
        JobFolder.create(tmp_path, FinetuneRequest(Path("p")))


def test_records_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(TrainingError, match="holds no job"):
        JobFolder(tmp_path).read()
    for text, fault in (("{", "expected JSON"), ("[]", "JSON object"), ('{"version": 99}', "newer"),
                        ('{"version": 1}', "cannot be used")):  # fmt: skip
        (tmp_path / JOB).write_text(text)
        with pytest.raises(TrainingError, match=fault):
            JobFolder(tmp_path).read()


def test_requests_check_themselves():
    for wrong in ({"mix": 1.0}, {"batch": 0}, {"preset": "x"}, {"engine": "x"}, {"processes": 2}, {"check_share": 0.5}):
        with pytest.raises(ConfigError):
            FinetuneRequest(Path("p"), **wrong)
    with pytest.raises(ConfigError, match="fields"):
        FinetuneRequest.from_json({"project": "p", "wrong": 1})
    with pytest.raises(ConfigError, match="wrong kind"):
        FinetuneRequest.from_json({"project": "p", "mix": "x"})


def test_events_are_followed_from_an_offset_and_a_torn_line_waits(tmp_path):
    job = queued(tmp_path / "j")
    first, offset = job.events()
    assert [e["state"] for e in first] == ["queued"]
    assert job.events(offset=offset) == ([], offset)
    job.tell("note", text="ä")
    with (job.path / EVENTS).open("ab") as file:
        file.write(b'{"event": "to')
    (note,), after = job.events(offset=offset)
    assert note["text"] == "ä"
    with (job.path / EVENTS).open("ab") as file:
        file.write(b'rn"}\n')
    assert [e["event"] for e in job.events(offset=after)[0]] == ["torn"]


def test_behind_a_line_that_a_crash_cut_short_the_next_event_is_read(tmp_path):
    job = queued(tmp_path / "j")
    _, offset = job.events()
    job.tell("note", text="x" * 100)
    torn = (job.path / EVENTS).read_bytes()[:-50]
    (job.path / EVENTS).write_bytes(torn)
    assert job.events(offset=offset)[0] == []
    job.tell("step", step=1)
    job.tell("step", step=2)
    for start in (0, offset):
        assert [e["step"] for e in job.events(offset=start)[0] if e["event"] == "step"] == [1, 2]
    assert torn.splitlines() == (job.path / EVENTS).read_bytes().splitlines()[:-2]
    run = tmp_path / "run"
    run.mkdir()
    (run / EVENTS).write_bytes(torn)
    with EventLog(run) as log:
        log.tell("step", step=3)
    assert read_lines(run / EVENTS)[0][-1]["step"] == 3


def test_an_event_that_did_not_fit_is_told(tmp_path, monkeypatch):
    job, write = queued(tmp_path / "j"), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
        with pytest.raises(TrainingError, match="cannot be written"):
            job.tell("note", text="x")
    job.tell("note", text="y")
    assert [e["text"] for e in job.events()[0] if e["event"] == "note"] == ["y"]


def test_one_writer_at_a_time(tmp_path):
    job = queued(tmp_path / "j")
    with job.held(), pytest.raises(TrainingError, match="another process"), JobFolder(job.path).held(patience_s=0.0):
        pass
    with job.held():
        pass


def test_wishes(tmp_path):
    job = queued(tmp_path / "j")
    assert job.wish is None
    for wish in (Wish.STOP, Wish.CANCEL, None):
        job.want(wish)
        assert job.wish is wish
    assert json.loads((job.path / CONTROL).read_text()) == {"want": ""}


def test_a_process_is_known_by_more_than_its_number():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = ProcessMark.of(child.pid)
    assert mark is not None and mark.is_alive and mark == ProcessMark.of(child.pid)
    assert not replace(mark, started="earlier").is_alive, "the number was used again"
    assert not replace(mark, host="elsewhere").is_alive
    replace(mark, started="earlier").send(9)  # a stranger of the same number is left alone
    assert child.poll() is None
    mark.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not mark.is_alive, "a zombie has ended"
    child.communicate()
    assert ProcessMark.of(child.pid) is None and not mark.is_alive
    mark.send(9)
    mark.kill_remnants()


_FILL = """
import itertools, sys
from pathlib import Path
from panosod_core.training.jobs.folder import JobFolder
for k in itertools.count():
    JobFolder(Path(sys.argv[1])).add(filler="x" * (k % 7) * 3000)
"""


def test_readers_never_see_a_part(tmp_path):
    """It is written until it has been seen to change often enough, whichever of the two is the faster."""
    job = queued(tmp_path / "j")
    sizes = [0]
    with subprocess.Popen([sys.executable, "-c", _FILL, str(job.path)]) as writer:
        try:
            while len(sizes) < 60:
                assert writer.poll() is None
                size = len(job.read().result.get("filler", ""))
                if size != sizes[-1]:
                    sizes.append(size)
        finally:
            writer.kill()
    assert set(sizes) <= {3000 * k for k in range(7)}
