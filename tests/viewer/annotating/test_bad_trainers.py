"""Trainers that hang, flood, die, fill the disk, leak: real processes; the job ends where it should, the window waits
for none of them, and no slice of its work grows with what they do."""

import sys
import threading
from pathlib import Path

import pytest

from panosod_core.training.jobs import folder as job_folder
from panosod_core.training.jobs.control import stop
from panosod_core.training.jobs.folder import PROCESS, SPARE, JobFolder
from panosod_core.training.jobs.states import JobState
from panosod_viewer.tools.training import MOST_STEPS, CurveReader
from panosod_viewer.workers import training
from panosod_viewer.workers.training import JobSeen, JobsSeen, Refused, TrainingThread
from panosod_viewer.workers.training_watcher import EVENT_BYTES
from tests.core.training.jobs.workers import DIES, FLOODS, HANGS, IGNORES, queued, wait_for, worker

S = JobState
PATIENCE_S = 600.0
TELLS = worker(
    "(folder / 'ready').touch(); step = 0\n"
    "    while True: step += 1; job.tell('step', step=step, of=1 << 40, loss=1.0, run='main')"
)
_IN_PLACE_OF_WORK = """
import sys
from panosod_core.training import finetune, finetune_check, finetune_process
from panosod_core.training.jobs.states import JobState
def work(self):
    self._job.become(JobState.PREPARING)
    self._job.become(JobState.RUNNING)
    {body}
finetune.Finetuning.work = work
finetune_check.free_memory = lambda: 1 << 30
sys.exit(finetune_process.main(sys.argv[1:]))
"""


def learner(body: str):
    """The job's own program, that does something else in place of learning."""
    return lambda folder: (sys.executable, "-c", _IN_PLACE_OF_WORK.replace("{body}", body), str(folder))


FILLS = learner(
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))\n"
    "    while True: self._job.tell('note', text='x' * 1000)"
)
LEAKS = learner("kept = []\n    while True: kept.append(bytearray(1 << 26))")


class Window:
    """The window's thread of jobs, and all that it has told of the watched one."""

    def __init__(self, root: Path, command) -> None:
        self.letters: list[JobSeen] = []
        self.others: list[JobsSeen | Refused] = []
        self._came = threading.Condition()
        self.job = queued(root / "job")
        self.thread = TrainingThread(self._take, root=root, command=command, every_s=0.02)
        self.thread.watch(self.job.path)

    def _take(self, letter) -> None:
        with self._came:
            if isinstance(letter, JobSeen):
                self.letters.append(letter)
            else:
                self.others.append(letter)
            self._came.notify_all()

    def until(self, condition) -> None:
        with self._came:
            assert self._came.wait_for(lambda: bool(self.letters) and condition(self.letters[-1].job), PATIENCE_S), (
                self.letters[-1:]
            )


@pytest.fixture
def opened(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "ADVANCE_EVERY_S", 0.02)
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made: list[Window] = []

    def open_with(command) -> Window:
        (tmp_path / "jobs").mkdir(exist_ok=True)
        made.append(Window(tmp_path / "jobs", command))
        return made[-1]

    yield open_with
    for window in made:
        assert window.thread.close(timeout_s=30.0)
        process = window.job.process
        if process is not None:
            process.kill()
            wait_for(lambda process=process: not process.is_alive)


@pytest.mark.parametrize("command", [HANGS, IGNORES], ids=["hangs", "is deaf"])
def test_one_that_hangs_is_at_work_until_it_is_cancelled(opened, command):
    window = opened(command)
    window.until(lambda job: job.state is S.RUNNING and job.is_alive)
    wait_for((window.job.path / "ready").exists)
    window.thread.cancel(window.job.path)
    window.until(lambda job: job.state is S.CANCELLED and not job.is_alive)


def test_a_damaged_one_beside_it_is_told_once_and_holds_nothing_up(opened, tmp_path):
    bad = queued(tmp_path / "jobs" / "bad")
    (bad.path / PROCESS).touch()
    window = opened(HANGS)
    window.until(lambda job: job.state is S.RUNNING and job.is_alive)
    window.thread.list(bad.read().request.project)
    wait_for(lambda: any(isinstance(letter, JobsSeen) for letter in window.others))
    (seen,) = [letter for letter in window.others if isinstance(letter, JobsSeen)]
    assert {line.path for line in seen.jobs} == {bad.path, window.job.path} and seen.models
    window.thread.cancel(window.job.path)
    window.until(lambda job: job.state is S.CANCELLED)
    (refused,) = [letter.text for letter in window.others if isinstance(letter, Refused)]
    assert str(bad.path / PROCESS) in refused and "expected JSON" in refused


def test_of_a_folder_that_cannot_be_used_is_told_once_and_the_job_is_watched_on(opened, tmp_path):
    (tmp_path / "jobs" / ".queue.lock").mkdir(parents=True)
    window = opened(HANGS)
    window.until(lambda job: job.state is S.QUEUED)
    wait_for(lambda: window.others)
    stop(window.job.path)
    window.until(lambda job: job.wish == "stop")
    window.thread.cancel(window.job.path)
    window.until(lambda job: job.state is S.CANCELLED)
    assert [".queue.lock" in letter.text for letter in window.others] == [True]


def test_that_a_job_cannot_be_started_is_told_whenever_a_person_asks_for_it(tmp_path):
    pytest.importorskip("torch")
    job, told = queued(tmp_path / "jobs" / "job"), []
    thread = TrainingThread(told.append, root=tmp_path / "jobs", command=lambda folder: (str(tmp_path / "none"),))
    for _ in range(2):
        thread.resume(job.path)
    assert thread.close(timeout_s=30.0)
    assert ["cannot be started" in letter.text for letter in told] == [True, True]


def test_of_one_that_floods_its_log_the_end_is_shown_and_kept(opened, monkeypatch):
    monkeypatch.setattr(job_folder, "LOG_MOST_BYTES", 1 << 20)
    monkeypatch.setattr(job_folder, "_LOG_KEPT_BYTES", 1 << 16)
    window = opened(FLOODS)
    log = window.job.path / "log.txt"

    def is_cut() -> bool:
        if not log.is_file():
            return False
        with log.open("rb") as file:
            return file.read(8) == b"(what ca"

    wait_for(is_cut)
    seen = len(window.letters)
    wait_for(lambda: len(window.letters) > seen + 3)  # it writes on, and is looked at
    for letter in window.letters:
        assert len(letter.job.log.splitlines()) <= 100 and all(len(x) <= 300 for x in letter.job.log.splitlines())
    assert window.letters[-1].job.state is S.RUNNING
    window.thread.cancel(window.job.path)
    window.until(lambda job: job.state is S.CANCELLED)


def test_one_that_floods_its_events_is_read_in_slices(opened, monkeypatch):
    slices: list[int] = []
    read = CurveReader.read

    def counted(self, events):
        slices.append(len(events))
        read(self, events)

    monkeypatch.setattr(CurveReader, "read", counted)
    window = opened(TELLS)
    window.until(lambda job: job.pace.step > 3 * EVENT_BYTES // 80)  # several slices' worth
    assert max(slices) <= EVENT_BYTES // 60, "a line has more than 60 characters"
    window.thread.cancel(window.job.path)
    window.until(lambda job: job.state is S.CANCELLED)


def test_a_long_line_that_is_no_event_is_passed_over(tmp_path):
    job = queued(tmp_path / "job")
    _, offset = job.events()
    with (job.path / "events.jsonl").open("ab") as file:
        file.write(b"x" * 5000 + b"\n")
    job.tell("note", text="after")
    found = []
    for _ in range(20):
        events, offset = job.events(offset=offset, most_bytes=1000)
        found += [e["event"] for e in events]
    assert found == ["note"] and offset == (job.path / "events.jsonl").stat().st_size


def test_the_curve_of_an_endless_run_is_kept_thinner():
    reader = CurveReader()
    for start in range(0, 5 * MOST_STEPS, 1000):
        reader.read([{"event": "step", "step": s, "loss": 1.0, "run": "main"} for s in range(start, start + 1000)])
    (run,) = reader.runs
    assert MOST_STEPS / 2 <= len(run.steps) <= MOST_STEPS and run.steps[-1] == 5 * MOST_STEPS - 1
    assert list(run.steps) == sorted(run.steps)


def test_a_curve_has_no_more_points_than_the_plot_has_pixels(qtbot):
    from panosod_viewer.tools.training import RunCurves
    from panosod_viewer.widgets.training_plots import MOST_POINTS, TrainingPlots

    plots = TrainingPlots()
    qtbot.addWidget(plots)
    steps = tuple(float(s) for s in range(MOST_STEPS))
    plots.set_runs([RunCurves("main", steps, steps)], shown="loss")
    x, _ = plots.loss.listDataItems()[0].getData()
    assert MOST_POINTS / 2 < len(x) <= MOST_POINTS


def test_one_that_dies_is_started_again_and_then_given_up(opened):
    window = opened(DIES)
    window.until(lambda job: job.state is S.FAILED)
    assert "3 times" in window.letters[-1].job.record.message
    states = [e["state"] for e in window.job.events()[0] if e["event"] == "state"]
    assert states == ["queued", *["preparing", "running", "queued"] * 2, "preparing", "running", "failed"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="limits of Linux")
@pytest.mark.parametrize(
    ("command", "words"), [(FILLS, "events.jsonl: cannot be written"), (LEAKS, "out of memory")], ids=["fills", "leaks"]
)
def test_one_that_takes_all_of_disk_or_memory_fails_and_says_so(opened, command, words):
    pytest.importorskip("torch")
    window = opened(command)
    window.until(lambda job: job.state is S.FAILED and not job.is_alive)
    assert words in window.letters[-1].job.record.message
    assert not (window.job.path / SPARE).exists()


def test_a_full_disk_leaves_room_for_the_last_word(tmp_path):
    job = JobFolder(queued(tmp_path / "job").path)
    job.put_aside()
    assert (job.path / SPARE).stat().st_size >= 1 << 16
    job.use_spare()
    assert not (job.path / SPARE).exists()
    job.use_spare()
