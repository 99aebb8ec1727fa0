"""Windows and jobs killed at random moments, six times; the benchmark does it 200 times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import kill_jobs
import pytest
from job_evidence import ASKED, births, expected_start, fault_of
from nursery import BORN

from panosod_core.training.jobs.control import queue
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.states import JobState

S = JobState


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_nothing_is_lost_nothing_is_left_and_every_job_goes_on():
    words = [sys.executable, kill_jobs.__file__, "--kills", "6", "--steps", "2", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["kills"], found["window"], found["job"], found["both"]) == (6, 2, 2, 2)
    assert not found["wrong"] and not found["orphans"] and not found["lost"] and not found["damaged"]
    assert found["judged"] == found["same_bytes"] >= 1


def test_what_the_next_start_must_do():
    def expected(state: JobState, *, deaths: int = 1, is_alive: bool = False, has_candidate: bool = False) -> bool:
        return expected_start(state, deaths=deaths, is_alive=is_alive, has_candidate=has_candidate)

    assert expected(S.RUNNING) and not expected(S.RUNNING, is_alive=True) and not expected(S.RUNNING, deaths=3)
    assert expected(S.QUEUED) and expected(S.FINISHED, has_candidate=True) and not expected(S.STOPPED)
    assert not expected(S.QUEUED, deaths=3) and not expected(S.FINISHED, deaths=3, has_candidate=True)
    assert not expected(S.EVALUATED) and not expected(S.FAILED)


def test_deaths_are_counted_since_a_person_asked(tmp_path):
    job = JobFolder.create(tmp_path / "job", FinetuneRequest(Path("p")))
    queue(job.path)
    for _ in range(2):
        job.tell(BORN, pid=1)
        job.become(S.PREPARING)
        job.become(S.QUEUED, "its process had died")
    assert births(job) == 2
    job.become(S.FAILED)
    job.tell(ASKED)  # and the window is killed before anything else is told
    assert births(job) == 0
    job.tell(BORN, pid=1)
    job.become(S.QUEUED)
    assert births(job) == 0


def test_the_check_of_a_folder_sees_what_is_wrong(tmp_path):
    job = JobFolder.create(tmp_path / "job", FinetuneRequest(Path("p")))
    queue(job.path)
    job.tell("resume", step=4, run="main")
    job.tell("step", step=5, run="main")
    assert fault_of(job) == ""
    job.tell("step", step=7, run="main")
    assert fault_of(job) == "step 7 after 5"
    other = JobFolder.create(tmp_path / "other", FinetuneRequest(Path("p")))
    other.tell("state", before="draft", state="running")
    assert "cannot become" in fault_of(other)
