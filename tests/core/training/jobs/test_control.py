"""Stopping, cancelling, finding again: with real processes that behave badly."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from panosod_core.cli.main import main
from panosod_core.errors import TrainingError
from panosod_core.training.jobs import folder as job_folder
from panosod_core.training.jobs import start
from panosod_core.training.jobs.control import MOST_ATTEMPTS, cancel, is_pending, queue, reject, resolve, stop
from panosod_core.training.jobs.folder import CANDIDATE, JOB, LOCK, PROCESS, JobFolder, Wish, locked
from panosod_core.training.jobs.machine import BusyError, alone
from panosod_core.training.jobs.members import end_members
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.queue import JobQueue
from panosod_core.training.jobs.start import start_detached
from panosod_core.training.jobs.states import JobState
from panosod_viewer.workers.training import TrainingThread
from tests.core.training.jobs.workers import DIES, FLOODS, HANGS, HAS_CHILD, IGNORES, at_work, queued, wait_for

S = JobState


class Clock:
    """Time that passes only where somebody waits for it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        os.sched_yield()


def started(path: Path, command) -> JobFolder:
    job = queued(path)
    (path / "runs").mkdir()
    (path / CANDIDATE).write_text("weights")
    start_detached(path, command=command)
    wait_for((path / "ready").exists)
    return job


def gone(pid: int) -> bool:
    return ProcessMark.of(pid) is None


@pytest.mark.parametrize("command", [HANGS, IGNORES, FLOODS])
def test_cancel_ends_whatever_it_is_and_keeps_nothing(tmp_path, command):
    job = started(tmp_path / "j", command)
    process = job.process
    assert process is not None and os.getsid(process.pid) == process.pid != os.getsid(0)
    # A deaf process is asked for no time at all here; then the system ends it.
    record = cancel(job.path, grace_s=0.0 if command is IGNORES else 60.0)
    assert record.state is S.CANCELLED and gone(process.pid)
    assert not (job.path / "runs").exists() and not (job.path / CANDIDATE).exists()
    assert job.read().state is S.CANCELLED and job.events()[0][-1]["state"] == "cancelled"
    with pytest.raises(TrainingError, match="cannot be cancelled"):
        cancel(job.path)


_LAUNCHER = """
import subprocess, sys
member = "import sys, signal; from pathlib import Path; from panosod_core.training.jobs import members;" \\
    "members.join(Path(sys.argv[1]), None); signal.pause()"
subprocess.Popen([sys.executable, "-c", member, sys.argv[1]], start_new_session=True).wait()
"""


def test_a_member_ends_with_its_launcher_and_is_found_in_the_folder(tmp_path):
    def launched() -> tuple[subprocess.Popen, ProcessMark]:
        launcher = subprocess.Popen([sys.executable, "-c", _LAUNCHER, str(tmp_path)])
        wait_for(lambda: any(tmp_path.glob("members/*.json")))
        (path,) = tmp_path.glob("members/*.json")
        return launcher, ProcessMark(**json.loads(path.read_text()))

    launcher, member = launched()
    launcher.kill()
    launcher.wait()
    wait_for(lambda: not member.is_alive)
    end_members(tmp_path)
    launcher, member = launched()
    end_members(tmp_path)
    assert not member.is_alive and not any(tmp_path.glob("members/*.json"))
    launcher.wait()


def test_cancel_leaves_no_grandchild(tmp_path):
    job = started(tmp_path / "j", HAS_CHILD)
    child = ProcessMark.of(int((job.path / "child").read_text()))
    assert child is not None
    cancel(job.path, grace_s=0.0)
    wait_for(lambda: not child.is_alive)


def test_the_time_that_cancel_takes_is_bounded(tmp_path, monkeypatch):
    """A process that the system itself cannot end: told after 3 s of asking and 10 s in all, not waited for."""
    job = started(tmp_path / "j", HANGS)
    process, clock = job.process, Clock()
    sent = []
    monkeypatch.setattr(ProcessMark, "send", lambda self, number: sent.append((clock.now, number)))
    with pytest.raises(TrainingError, match="cannot be ended"):
        cancel(job.path, clock=clock, pause=clock.pause)
    assert [number for _, number in sent] == [signal.SIGTERM, signal.SIGKILL]
    assert sent[1][0] <= 3.0 and clock.now <= 10.0
    monkeypatch.undo()
    assert process is not None
    process.kill()
    wait_for(lambda: not process.is_alive)
    assert resolve(job.path).state is S.CANCELLED, "what a person wanted is not forgotten"


def test_a_cancel_that_the_verdict_overtakes_says_so_and_leaves_the_candidate(tmp_path, monkeypatch):
    job = queued(tmp_path / "j")
    for step in (S.PREPARING, S.RUNNING, S.FINISHED):
        job.become(step)
    (job.path / CANDIDATE).write_text("weights")
    want = JobFolder.want

    def meanwhile(self, wish):
        if wish is Wish.CANCEL:
            job.become(S.EVALUATED)
        want(self, wish)

    monkeypatch.setattr(JobFolder, "want", meanwhile)
    with pytest.raises(TrainingError, match="judged before it could be cancelled, it is evaluated now"):
        cancel(job.path)
    assert job.read().state is S.EVALUATED and (job.path / CANDIDATE).exists() and job.wish is None


def test_a_queued_job_is_cancelled_without_a_process(tmp_path):
    job = queued(tmp_path / "j")
    assert cancel(job.path).state is S.CANCELLED and not is_pending(job.path)


def test_a_process_that_died_leaves_an_orphan_that_is_queued_again(tmp_path):
    job = started(tmp_path / "j", HANGS)
    assert not job.is_orphan and at_work(job)
    with pytest.raises(TrainingError, match="cannot be started"):
        start_detached(job.path, command=HANGS)
    process = job.process
    assert process is not None
    process.kill()
    wait_for(lambda: job.is_orphan)
    record = resolve(job.path)
    assert record.state is S.QUEUED and "died" in record.message and record.attempts == 1
    assert (job.path / "runs").is_dir() and is_pending(job.path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_no_zombie_stays_of_a_job_whose_process_has_ended(tmp_path):
    process = start_detached(queued(tmp_path / "j").path, command=HANGS)
    wait_for((tmp_path / "j" / "ready").exists)
    assert Path(f"/proc/{process.pid}").exists()
    process.kill()
    wait_for(lambda: not Path(f"/proc/{process.pid}").exists())


def test_the_lock_of_a_killed_process_whose_threads_are_still_ending_is_waited_for(tmp_path, monkeypatch):
    job = queued(tmp_path / "j")
    starts_and_dies(job)
    wait_for(lambda: job.is_orphan)
    with ExitStack() as last_thread:
        assert last_thread.enter_context(locked(job.path / LOCK))
        pauses = []

        def ends(seconds):
            pauses.append(seconds)
            last_thread.close()

        monkeypatch.setattr(job_folder.time, "sleep", ends)
        assert resolve(job.path).state is S.QUEUED
    assert len(pauses) == 1


def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_job(tmp_path):
    job = queued(tmp_path / "j")
    job.become(S.PREPARING)
    mark = ProcessMark.of(os.getpid())
    assert mark is not None
    (job.path / PROCESS).write_text(json.dumps({"pid": mark.pid, "started": "another time", "host": mark.host}))
    assert job.is_orphan and resolve(job.path).state is S.QUEUED


def test_another_machines_job_is_left_alone(tmp_path):
    job = queued(tmp_path / "j")
    job.become(S.PREPARING)
    (job.path / PROCESS).write_text(json.dumps({"pid": 1, "started": "then", "host": "elsewhere"}))
    assert not job.is_orphan and resolve(job.path).state is S.PREPARING
    with pytest.raises(TrainingError, match="elsewhere"):
        cancel(job.path)


def starts_and_dies(job: JobFolder) -> None:
    with contextlib.suppress(TrainingError):  # on a busy machine it has ended before anyone could look
        start_detached(job.path, command=DIES)


def test_a_job_whose_processes_keep_dying_fails(tmp_path):
    job = queued(tmp_path / "j")
    for attempt in range(MOST_ATTEMPTS):
        assert job.read().attempts == attempt
        starts_and_dies(job)
        wait_for(lambda: job.is_orphan)
        record = resolve(job.path)
    assert record.state is S.FAILED and "3 times" in record.message
    assert queue(job.path).attempts == 0, "a person may try again"


@pytest.mark.parametrize("state", [S.QUEUED, S.FINISHED])
def test_deaths_before_the_first_line_and_while_judging_count(tmp_path, state):
    """No torch, say: the process ends before it says that it is at work."""
    job = queued(tmp_path / "j")
    if state is S.FINISHED:
        for step in (S.PREPARING, S.RUNNING, S.FINISHED):
            job.become(step)
        (job.path / CANDIDATE).write_text("weights")
    dies = [sys.executable, "-c", "input('no torch here')"]  # its input is at its end
    jobs = JobQueue(tmp_path, command=lambda folder: dies)
    for attempt in range(MOST_ATTEMPTS):
        jobs.advance()  # on a busy machine the process has ended before anyone could look: then none was started
        wait_for(lambda: not job.is_alive)
        assert (job.read().state, job.read().attempts) == (state, attempt + 1)
    assert jobs.advance() is None
    record = job.read()
    assert record.state is S.FAILED
    assert "3 times" in record.message and "EOFError" in record.message and not is_pending(job.path)
    assert queue(job.path).attempts == 0


def test_without_torch_nobody_asks_for_a_process(tmp_path, monkeypatch, capsys):
    job = queued(tmp_path / "j")
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: None)
    assert main(["job", "resume", str(job.path)]) == 1 and "needs torch" in capsys.readouterr().err
    assert job.read().attempts == 0 and job.process is None
    told = []
    thread = TrainingThread(told.append, root=tmp_path)
    thread.resume(job.path)
    wait_for(lambda: told)
    assert thread.close(timeout_s=60.0) and "needs torch" in told[0].text and job.process is None


def test_a_stop_is_a_wish_that_waits_in_the_folder(tmp_path):
    job = started(tmp_path / "j", HANGS)
    stop(job.path)
    assert job.wish is Wish.STOP and at_work(job)
    cancel(job.path)
    with pytest.raises(TrainingError, match="only a job at work"):
        stop(job.path)


def test_only_a_judged_job_is_rejected(tmp_path):
    job = queued(tmp_path / "j")
    with pytest.raises(TrainingError, match="only a job that has been evaluated can be rejected"):
        reject(job.path)
    assert job.read().state is S.QUEUED


def test_one_at_a_time_the_oldest_first(tmp_path):
    jobs = [queued(tmp_path / name) for name in ("b", "a", "c")]
    queue_ = JobQueue(tmp_path, command=HANGS)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "job.json").write_text("{")
    order = [j.path for j in queue_.jobs() if j.record is not None]
    assert queue_.jobs()[-1].fault and set(order) == {j.path for j in jobs}
    for path in order:
        assert queue_.advance() == path
        wait_for((path / "ready").exists)
        assert queue_.advance() is None, "one is at work"
        cancel(path)
    assert queue_.advance() is None


def _unreadable(path: Path) -> None:
    (path / PROCESS).touch()


def _of_a_newer_panosod(path: Path) -> None:
    record = json.loads((path / JOB).read_text())
    record["request"]["colour"] = "blue"
    (path / JOB).write_text(json.dumps(record))


def _does_not_start(path: Path) -> None:
    (path / "does not start").touch()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(_unreadable, "expected JSON"), (_of_a_newer_panosod, "colour"), (_does_not_start, "cannot be started")],
)
def test_a_job_that_cannot_go_on_does_not_hold_the_next_one_up(tmp_path, spoil, words):
    bad, good = queued(tmp_path / "a"), queued(tmp_path / "b")
    spoil(bad.path)
    gone = (str(tmp_path / "no such program"),)
    jobs = JobQueue(tmp_path, command=lambda f: gone if (f / "does not start").exists() else HANGS(f))
    assert {job.path for job in jobs.jobs()} == {bad.path, good.path}
    assert jobs.advance() == good.path
    assert list(jobs.faults) == [bad.path] and words in jobs.faults[bad.path]
    wait_for((good.path / "ready").exists)
    cancel(good.path)


@pytest.mark.parametrize(("name", "spoil"), [(PROCESS, Path.touch), (JOB, lambda path: path.write_text("{"))])
def test_the_command_that_starts_the_next_one_says_which_it_has_passed_over(tmp_path, capsys, name, spoil):
    spoil(queued(tmp_path / "a").path / name)
    assert main(["job", "advance", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "nothing to start" in said.out and str(tmp_path / "a" / name) in said.err


_ALONE = """
import sys
from pathlib import Path
from panosod_core.training.jobs.machine import alone
with alone(Path(sys.argv[1])):
    print("alone", flush=True)
    input()
"""


def test_one_at_a_time_on_a_machine_wherever_its_folder_lies(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PANOSOD_JOBS", str(tmp_path / "root"))
    other, job = tmp_path / "elsewhere" / "a", queued(tmp_path / "queue" / "b")
    jobs = JobQueue(job.path.parent, command=HANGS)
    words = [sys.executable, "-c", _ALONE, str(other)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "alone\n"
        assert jobs.advance() is None, "it waits"
        with pytest.raises(BusyError, match="expected no other"), alone(job.path):
            pass
        (tmp_path / "p.panosod").touch()
        new = ["finetune", "--project", str(tmp_path / "p.panosod"), "--out", str(tmp_path / "c")]
        for asked in (new, [*new, "--detach"], ["job", "resume", str(job.path)]):
            assert main(asked) == 1 and f"{other} is: wait until it has ended" in capsys.readouterr().err
        assert not (tmp_path / "c").exists() and job.read().attempts == 0
        process.kill()
    assert jobs.advance() == job.path
    wait_for((job.path / "ready").exists)
    cancel(job.path)
    with alone(job.path):
        pass


def test_a_queue_that_is_not_there_is_empty(tmp_path):
    assert JobQueue(tmp_path / "none").advance() is None and JobQueue(tmp_path / "none").jobs() == []
