"""The window, a finetuning job, or both are killed at random moments, again and again.

    nice -n 5 python benchmarks/kill_jobs.py [--kills 200] [--seed 1] [--out benchmarks/results/kill_jobs.md]

Method. "The window" is a process with what the window has of a project and its jobs: the project's document with its
store thread (the painter of ``kill.py``: paints, erases, accepts, undoes, and says what was acknowledged), and the
thread that starts, follows and takes up jobs (``panosod_viewer.workers.training``); it has no picture. "The job" is the
real one, at a tiny size: it reads the same project, prepares, learns 6 steps, is judged. In turn the window, the job,
or both are killed with SIGKILL after a random number of the job's events and a random moment; every fifth window while
it opens. So that a round is cheap, both are forked from processes that have loaded everything beforehand; each is a
process of its own all the same, the job in a session of its own, started through the queue's own door.

After each kill, with nothing of the window left:

- the project's file passes SQLite's integrity check, and holds what was acknowledged (see ``kill.py``);
- the job's record can be read, and all steps between states that its events tell are of the table;
- a job that was not killed still runs, in the same process, or has come to an end by itself;
- nothing of a killed job is left: none of its group, none of its descendants; no process is there but the job at work;
- the next start does with the job what its state asks: takes it up again, starts it, leaves it alone; after three
  deaths it is failed, and a person (here: the next window) queues it again.

A job that is judged at last must have come to the same tensors, byte for byte, as one that nobody killed. Whoever runs
next learns from the state that was saved: after each resume the next step is the one behind it.
"""

import argparse
import contextlib
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import kill
from job_evidence import MOST_DEATHS, births, expected_start, fault_of, moved_on, tensors
from kill_jobs_page import Count, is_right, page
from kill_jobs_window import make_project, wanted, window
from nursery import Nursery, callers, descendants

from panosod_core.annotation.document import Document
from panosod_core.annotation.writer_lock import WriterLock
from panosod_core.training.jobs.control import queue
from panosod_core.training.jobs.folder import CANDIDATE, JOB, JobFolder
from panosod_core.training.jobs.machine import VARIABLE
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.queue import JobQueue
from panosod_core.training.jobs.states import AT_WORK, JobState

S = JobState
VICTIMS = ("window", "job", "both")
PATIENCE_S = 1800.0
"""For what takes seconds on an idle machine; this is no measure of anything."""


class Trial:
    """Everything that a round needs, and the counts."""

    def __init__(self, folder: Path, *, seed: int, size: tuple[int, int], steps: int, longest_s: float) -> None:
        self.random, self.seed, self.steps, self.longest_s = random.Random(seed), seed, steps, longest_s
        self.project, self.copy = make_project(folder, size), folder / "copy" / "p.panosod"
        self.copy.parent.mkdir()
        kill.shutil.copyfile(self.project, self.copy)
        document = Document.open(self.project, author="start", backup_every_s=None)
        self.known = kill.states_of(document)
        document.close()
        self.root = folder / "jobs"
        self.root.mkdir()
        self.nursery = Nursery(folder)
        self.count, self.edits = Count(), kill.Totals()
        self.untouched = b""

    # what nobody kills

    def run_untouched(self) -> None:
        """One job that nobody kills: what all others must come to."""
        path = self.root.with_name("untouched") / "job"
        path.parent.mkdir()
        queue(JobFolder.create(path, wanted(self.project, self.steps)).path)
        JobQueue(path.parent, command=self.nursery.command).advance()
        self._until(lambda: JobFolder(path).read().state in (S.EVALUATED, S.FAILED), "the untouched job")
        record = JobFolder(path).read()
        if record.state is not S.EVALUATED:
            raise RuntimeError(f"the job that nobody kills fails: {record.message}")
        self.untouched = tensors(path / CANDIDATE)
        self._until(lambda: not self.nursery.living(), "its process to end")

    # killing

    def round(self, number: int) -> None:
        """Open a window, kill, look."""
        victim = VICTIMS[number % 3]
        early = number % 5 == 4
        seed = self.seed * 100_003 + number
        with self._window(seed) as (pid, reading):
            if early:
                told = self._read(reading, b"", self.random.uniform(0, 0.1 * self.longest_s))
            else:
                told = self._read(reading, b"open\n", 0.0)
                told += self._wait(reading)
            job, mark = self._at_work()
            if victim != "job":
                os.kill(pid, signal.SIGKILL)
            state = S.DRAFT
            if victim != "window" and mark is not None and job is not None:
                state = job.read().state
                with contextlib.suppress(ProcessLookupError):
                    os.kill(mark.pid, signal.SIGKILL)
            if victim == "job":  # the window goes on for a while without it
                told += self._read(reading, b"", self.random.uniform(0.1, 0.6))
                os.kill(pid, signal.SIGKILL)
            told += self._read(reading, None, PATIENCE_S)
        self._tell(victim, mark is not None, state, early=b"open\n" not in told)
        with self._nobody_writing():
            kill.check(self.project, self.copy, kill.Told.of(told.decode()), self.known, self.edits, seed=seed)
        self._look(victim, job, mark)

    @contextlib.contextmanager
    def _nobody_writing(self) -> Iterator[None]:
        """File and log are copied as of one moment: a job that has ended, and copies itself into them, comes before."""
        taken: list[WriterLock] = []

        def is_free() -> bool:
            lock = WriterLock.take(self.project, author="check")
            taken.extend([lock] if isinstance(lock, WriterLock) else [])
            return bool(taken)

        self._until(is_free, "the project to be free")
        try:
            yield
        finally:
            taken[0].release()

    def _wait(self, reading: int) -> bytes:
        """Until the job has told some more events, a random number of them, and a random moment longer.

        By what it tells and not by the clock: so it is met in all of its states, however busy the machine is.
        """
        more, told, end_s = self.random.randint(0, 2 * self.steps + 8), b"", time.monotonic() + self.longest_s
        begun = self._events()
        while self._events() - begun < more and time.monotonic() < end_s:
            told += self._read(reading, b"", 0.01)
        return told + self._read(reading, b"", self.random.uniform(0, 0.1))

    def _events(self) -> int:
        return sum(path.read_bytes().count(b"\n") for path in self.root.glob("job-*/events.jsonl"))

    @contextlib.contextmanager
    def _window(self, seed: int) -> Iterator[tuple[int, int]]:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            os.dup2(writing, 1)
            try:
                window(self.project, self.root, self.nursery.command, seed=seed, steps=self.steps)
            except BaseException:
                traceback.print_exc()  # it is a fault that it ends by itself
                raise
            finally:
                os._exit(3)
        os.close(writing)
        try:
            yield pid, reading
        finally:
            os.close(reading)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    @staticmethod
    def _read(reading: int, until: bytes | None, wait_s: float) -> bytes:
        """What the window says: until a word, for some time, or (None) until its end."""
        text, end_s = b"", time.monotonic() + (wait_s if not until else PATIENCE_S)
        while (left_s := end_s - time.monotonic()) > 0 and not (until and until in text):
            if select.select([reading], [], [], left_s)[0]:
                piece = os.read(reading, 65536)
                if not piece:
                    if until is None:
                        return text
                    raise RuntimeError("the window ended by itself")
                text += piece
        return text

    def _jobs(self) -> list[JobFolder]:
        """All of them; a folder whose window was killed before it wrote a record is none."""
        return [JobFolder(path.parent) for path in sorted(self.root.glob(f"job-*/{JOB}"))]

    def _at_work(self) -> tuple[JobFolder | None, ProcessMark | None]:
        """The newest job, and its process where that lives and is the job's own (not the one that asks for it)."""
        found = JobQueue(self.root).jobs()
        if not found:
            return None, None
        job = JobFolder(found[-1].path)
        mark = job.process
        own = mark is not None and mark.is_alive and mark.pid in self.nursery.living()
        return job, mark if own else None

    def _tell(self, victim: str, had_job: bool, state: JobState, *, early: bool) -> None:
        count = self.count
        count.kills += 1
        setattr(count, victim, getattr(count, victim) + 1)
        count.while_opening += early
        if victim != "window":
            count.no_job += not had_job
            if had_job:
                count.killed_when[state.value] = count.killed_when.get(state.value, 0) + 1

    # looking

    def _look(self, victim: str, job: JobFolder | None, mark: ProcessMark | None) -> None:
        """What is left, and what the next start does with it."""
        count = self.count
        if job is None:
            return
        where = f"kill {count.kills} ({victim}, {job.path.name})"
        if victim != "window" and mark is not None:
            self._until(lambda: not mark.is_alive, "a killed job to be gone")
            if _has_group(mark.pid):
                count.orphans += 1
                count.wrong.append(f"{where}: something of the killed job's group lives")
        elif mark is not None:
            is_alive = mark.is_alive  # looked at before the record: it may come to its end at any moment
            state = job.read().state
            count.lived_on += is_alive
            if not is_alive and state in AT_WORK:
                count.wrong.append(f"{where}: the job died with the window, {state}")
        self._next_start(where)
        self._check_orphans(where)
        for each in self._jobs():
            fault = fault_of(each)
            if fault:
                count.wrong.append(f"{where}: {each.path.name}: {fault}")

    def _next_start(self, where: str) -> None:
        # A caller of the nursery whose window was killed may be at its door still.
        self._until(lambda: not callers(self.nursery.address), "callers to be served")
        job, mark = self._at_work()
        assert job is not None
        # All of it before the start: the process that is started may be born before anyone looks again.
        before, born, has_candidate = job.read(), births(job), (job.path / CANDIDATE).is_file()
        started = JobQueue(self.root, command=self.nursery.command).advance()
        expected = expected_start(before.state, deaths=born, is_alive=mark is not None, has_candidate=has_candidate)
        after = job.read()
        # A start is counted before its process is there: one whose window was killed in between counts, and has none.
        is_spent = after.state is S.FAILED is not before.state and before.attempts >= MOST_DEATHS > born
        self.count.cut_short += is_spent
        if (started == job.path) != expected and not is_spent and not moved_on(before, job):
            self.count.wrong.append(f"{where}: {before.state} after {born} processes: started {started}, {after.state}")
        self.count.taken_up += started is not None
        waits = expected_start(before.state, deaths=0, is_alive=mark is not None, has_candidate=has_candidate)
        if waits and born >= MOST_DEATHS and after.state is not S.FAILED:
            self.count.wrong.append(f"{where}: {born} deaths, and {after.state}")

    def _check_orphans(self, where: str) -> None:
        self._until(lambda: not callers(self.nursery.address), "callers to be served")
        job, mark = self._at_work()
        allowed = set() if mark is None else {mark.pid} | descendants(mark.pid)
        for pid in self.nursery.living() - allowed:
            # A process that found another one at work, or has just done its work, is on its way out.
            self._until(lambda pid=pid: pid not in self.nursery.living() or pid == _pid(job), "", fails=False)
            if pid in self.nursery.living() and pid != _pid(job):
                self.count.orphans += 1
                self.count.wrong.append(f"{where}: process {pid} works on nothing")

    def finish(self) -> None:
        """Let the last job come to its end, and compare all that were judged."""
        job, _ = self._at_work()
        if job is not None:
            while job.read().state is not S.EVALUATED:
                if job.read().state in (S.DRAFT, S.FAILED):
                    queue(job.path)
                JobQueue(self.root, command=self.nursery.command).advance()
                self._until(lambda: not job.is_alive, "the last job")
        self._until(lambda: not self.nursery.living(), "its process to end")
        for each in self._jobs():
            if each.read().state is S.EVALUATED:
                self.count.judged += 1
                self.count.same_bytes += tensors(each.path / CANDIDATE) == self.untouched

    def _until(self, condition: Callable[[], bool], what: str, *, fails: bool = True) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end_s:
                if fails:
                    raise RuntimeError(f"waited in vain for {what}")
                return
            time.sleep(0.01)


def _pid(job: JobFolder | None) -> int | None:
    return None if job is None or job.process is None else job.process.pid


def _has_group(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return any(_group(p) == pid for p in descendants(os.getpid()))


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


# --- all of it


def run(kills: int, *, seed: int, size: tuple[int, int], steps: int, longest_s: float) -> tuple[Count, kill.Totals]:
    with tempfile.TemporaryDirectory(prefix="panosod-kill-jobs-") as name:
        os.environ[VARIABLE] = str(Path(name) / "jobs")  # one job at a time, whatever else this machine learns
        trial = Trial(Path(name), seed=seed, size=size, steps=steps, longest_s=longest_s)
        try:
            trial.run_untouched()
            for number in range(kills):
                trial.round(number)
                if sys.stderr.isatty() or number % 10 == 9:
                    print(f"{number + 1} kills: {trial.count}", file=sys.stderr, flush=True)
            trial.finish()
        finally:
            trial.nursery.close()
        trial.edits.kills = trial.count.kills
        return trial.count, trial.edits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="480x240")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--longest", type=float, default=60.0, help="seconds that a window lives at most")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    width, height = (int(n) for n in words.size.split("x"))
    start_s = time.monotonic()
    count, edits = run(words.kills, seed=words.seed, size=(width, height), steps=words.steps, longest_s=words.longest)
    text = page(count, edits, words, time.monotonic() - start_s)
    if words.out is not None:
        words.out.write_text(text)
    print(json.dumps(asdict(count) | {"lost": edits.lost, "damaged": edits.damaged}) if words.json else text)
    if not is_right(count, edits):
        sys.exit(1)


if __name__ == "__main__":
    main()
