"""How a finetuning job ends otherwise: cancelled by somebody who has died, a full disk, want of memory."""

import errno
import re
from contextlib import suppress
from functools import partial

import pytest

from panosod_core.errors import TrainingError
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.training import finetune, finetune_process
from panosod_core.training.finetune import InterruptedJobError, work_on
from panosod_core.training.jobs import folder as job_folder
from panosod_core.training.jobs.control import cancel, queue
from panosod_core.training.jobs.folder import CANDIDATE, SPARE, JobFolder, Wish
from panosod_core.training.jobs.queue import JobQueue
from panosod_core.training.jobs.states import JobState
from tests.core.training.corrected import MODEL, clip, corrected_project, request
from tests.core.training.jobs.workers import HANGS, queued

S = JobState


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A job on 40 corrected frames of one clip."""
    folder = tmp_path_factory.mktemp("asked")
    save_checkpoint(folder / "m.safetensors", build_network(MODEL, seed=0))
    project = corrected_project(folder / "p.panosod", {clip(folder, 3): list(range(40))})
    return request(project, folder / "m.safetensors", mix=0.0)


def done(folder, asked, **how):
    JobFolder.create(folder, asked)
    queue(folder)
    return work_on(folder, **how)


@pytest.mark.parametrize("when", ["state", "step", "judged"])
def test_a_cancel_whose_author_died_is_heeded_by_the_job(tmp_path, asked, when):
    folder = tmp_path / "job"

    def wishes(event):
        if event["event"] == when:
            JobFolder(folder).want(Wish.CANCEL)  # and nobody ends the process

    record = done(folder, asked, listeners=(wishes,))
    assert record.state is S.CANCELLED
    assert not (folder / "runs").exists() and not (folder / "data").exists() and not (folder / CANDIDATE).exists()
    steps = sum(e["event"] == "step" for e in JobFolder(folder).events()[0])
    assert steps <= {"state": 0, "step": 2, "judged": 4}[when]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), "x.png: the disk is full"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), r"out of memory.*--batch, 1 here"),
        (PermissionError(errno.EACCES, "Permission denied", "y.png"), r"y.png: cannot be .*\(Permission denied\)"),
        (ZeroDivisionError("no"), "a fault of panosod"),
    ],
    ids=["disk", "memory", "rights", "fault"],
)
def test_what_goes_wrong_is_told_in_plain_words_with_the_spare_room_given_back(
    tmp_path, asked, monkeypatch, error, words
):
    folder, full = tmp_path / "job", error.args[0] == errno.ENOSPC
    write = job_folder.write_json

    def no_room(path, values):
        if full and (folder / SPARE).exists() and values.get("state") == "failed":
            raise TrainingError("no room")
        write(path, values)

    def fails(*args, **words):
        raise error

    monkeypatch.setattr(job_folder, "write_json", no_room)
    monkeypatch.setattr(finetune, "prepare", fails)
    with pytest.raises(ZeroDivisionError if "fault" in words else TrainingError):
        done(folder, asked)
    record = JobFolder(folder).read()
    assert record.state is S.FAILED and re.search(words, record.message) and not (folder / SPARE).exists()


@pytest.mark.parametrize(
    ("fails", "error", "goes_on"),
    [
        ("work_on", TrainingError("too little"), True),
        ("work_on", ZeroDivisionError("no"), True),
        ("work_on", InterruptedJobError(), False),
        ("copy_into_project", TrainingError("no"), True),
        ("copy_into_project", ZeroDivisionError("no"), True),
    ],
)
def test_however_a_job_ends_the_next_one_is_started_unless_the_machine_shuts_down(
    tmp_path, monkeypatch, fails, error, goes_on
):
    def does(folder):
        return JobFolder(folder).read()

    def stops(folder):
        raise error

    first, second = queued(tmp_path / "a"), queued(tmp_path / "b")
    monkeypatch.setattr(finetune_process, "give_way", lambda: None)
    monkeypatch.setattr(finetune_process, "work_on", does)
    monkeypatch.setattr(finetune_process, fails, stops)
    monkeypatch.setattr(finetune_process, "JobQueue", partial(JobQueue, command=HANGS))
    with suppress(ZeroDivisionError):
        code = finetune_process.main([str(first.path)])
        assert code == {"work_on": 1 if goes_on else 143, "copy_into_project": 0}[fails]
    assert (second.process is not None) == goes_on and first.process is None
    cancel(second.path)
