"""Finetuning in the window: the panel, folders of jobs in every state, and a real job from start to verdict."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from panosod_core.inference.library import ModelLibrary
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.states import JobState
from panosod_viewer.panels.finetune_panel import FinetunePanel
from panosod_viewer.tools.training import ClipCount, CurveReader, JobView, Material, ObjectCount
from panosod_viewer.workers import training
from panosod_viewer.workers.training import (
    JobMade,
    JobSeen,
    JobsSeen,
    MaterialSeen,
    ModelChanged,
    Refused,
    TrainingThread,
)
from tests.viewer.annotating.finetune_events import EVALUATION, EVENTS

S = JobState
PATHS = {
    S.RUNNING: (S.QUEUED, S.PREPARING, S.RUNNING),
    S.EVALUATED: (S.QUEUED, S.PREPARING, S.RUNNING, S.FINISHED, S.EVALUATED),
    S.FAILED: (S.QUEUED, S.PREPARING, S.FAILED),
    S.CANCELLED: (S.QUEUED, S.CANCELLED),
}


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("PANOSOD_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))


def job_in(folder: Path, state: JobState, *, message: str = "", project: Path = Path("/p.panosod")) -> Path:
    """A job's folder that has come that far, with the events of a real one."""
    job = JobFolder.create(folder, FinetuneRequest(project=project, minutes=20.0))
    for step in PATHS[state]:
        job.become(step, message if step is state else "")
    for event in EVENTS:
        job.pass_on(event)
    if state is S.EVALUATED:
        (folder / "evaluation.json").write_text(json.dumps(EVALUATION))
    return folder


class Letters:
    """What a thread has posted; waits for more."""

    def __init__(self):
        self.all = []
        self._came = threading.Condition()

    def __call__(self, letter):
        with self._came:
            self.all.append(letter)
            self._came.notify_all()

    def wait(self, kind, condition=lambda letter: True, timeout_s=150.0):
        def found():
            return next((le for le in self.all if isinstance(le, kind) and condition(le)), None)

        with self._came:
            assert self._came.wait_for(lambda: found() is not None, timeout=timeout_s), self.all
            return found()


@pytest.fixture
def letters():
    return Letters()


@pytest.fixture
def thread(letters, tmp_path):
    made = TrainingThread(letters, root=tmp_path / "jobs", every_s=0.05)
    yield made
    assert made.close(timeout_s=60.0)


@pytest.fixture
def panel(qtbot):
    made = FinetunePanel()
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def view(tmp_path, state, **changes) -> JobView:
    folder = job_in(tmp_path / f"job-{state}", state, message=changes.pop("message", ""))
    reader = CurveReader()
    reader.read(JobFolder(folder).events()[0])
    evaluation = EVALUATION if state is S.EVALUATED else None
    made = JobView(
        folder, JobFolder(folder).read(), runs=reader.runs, pace=reader.pace, notes=reader.notes, ran_s=reader.ran_s,
        evaluation=evaluation,
    )  # fmt: skip
    return replace(made, **changes)


# --- events


def test_events_become_curves():
    reader = CurveReader()
    reader.read(EVENTS)
    (run,) = reader.runs
    steps = [e for e in EVENTS if e["event"] == "step"]
    checks = [e for e in EVENTS if e["event"] == "check"]
    assert run.steps == tuple(e["step"] for e in steps) and run.losses == tuple(e["loss"] for e in steps)
    assert run.check_steps == tuple(e["step"] for e in checks)
    assert run.checks["f"] == tuple(e["f"] for e in checks)
    assert run.best_step == max(e["step"] for e in checks if e["best"])
    assert reader.pace.step == steps[-1]["step"] and reader.pace.samples_per_s == steps[-1]["samples_per_s"]


def test_in_pieces_is_as_at_once():
    whole, pieces = CurveReader(), CurveReader()
    whole.read(EVENTS)
    for event in EVENTS:
        pieces.read([event])
    assert whole.runs == pieces.runs and whole.pace == pieces.pace and whole.notes == pieces.notes


def test_what_is_done_again_after_a_crash_is_drawn_once():
    reader = CurveReader()
    reader.read(EVENTS)
    reader.read(
        [{"event": "resume", "step": 4, "run": "main"}, {"event": "step", "step": 5, "loss": 1.5, "run": "main"}]
    )
    (run,) = reader.runs
    assert run.steps == (*(s for s in [e["step"] for e in EVENTS if e["event"] == "step"] if s <= 4), 5)
    assert run.losses[-1] == 1.5 and max(run.check_steps) <= 4


def test_damaged_events_say_nothing():
    reader = CurveReader()
    reader.read([{}, {"event": "step"}, {"event": "step", "step": "x"}, {"event": "check", "step": 3, "f": None}])
    assert reader.pace.step == 0 and all(not run.steps for run in reader.runs)


# --- the panel


def test_setup_says_what_is_learnt_from(panel):
    clip = ClipCount("a.mp4", 24, 20, 3, 18, 6, 1, (ObjectCount("Guitar", 20), ObjectCount("Voice", 9)))
    panel.set_material(Material(Path("/p.panosod"), (clip,)))
    line = panel.tree.topLevelItem(0)
    assert [line.text(n) for n in range(7)] == ["a.mp4", "24", "18", "6", "1", "20", "3"]
    assert [(line.child(n).text(0), line.child(n).text(1)) for n in range(2)] == [("Guitar", "20"), ("Voice", "9")]
    assert "20 frames to learn from, 3 kept for the check" in panel.reason.text() and panel.start.isEnabled()
    panel.set_material(Material(Path("/p.panosod"), (clip,), why_not="4 corrected frames are too few"))
    assert not panel.start.isEnabled() and panel.reason.text() == "4 corrected frames are too few"
    panel.set_material(None)
    assert not panel.start.isEnabled()


def test_start_carries_what_was_chosen(panel, qtbot):
    panel.set_material(Material(Path("/p.panosod"), (ClipCount("a.mp4", 24, 20, 3, 24, 0, 0),)))
    panel.preset.setCurrentIndex(1)
    panel.minutes.setValue(7)
    panel.device.setCurrentIndex(1)
    with qtbot.waitSignal(panel.start_requested) as caught:
        QTest.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    wish = caught.args[0]
    assert (wish.model, wish.preset, wish.minutes, wish.device) == (None, "gentle", 7.0, "cpu")
    assert (wish.engine, wish.address, panel.address.isVisible()) == ("local", "", False)
    panel.device.setCurrentIndex(panel.device.count() - 1)
    assert panel.address.isVisible()
    panel.address.setText(" http://head:8265 ")
    assert (panel.wish.device, panel.wish.engine, panel.wish.address) == ("auto", "ray", "http://head:8265")


BUTTONS = {
    S.RUNNING: {"stop", "cancel"},
    S.EVALUATED: {"compare", "reject_", "promote"},
    S.FAILED: {"cancel", "resume"},
    S.CANCELLED: set(),
}


@pytest.mark.parametrize("state", BUTTONS, ids=str)
def test_each_state_offers_what_can_be_done(panel, tmp_path, state):
    panel.set_job(view(tmp_path, state, is_alive=state is S.RUNNING, message="because"))
    names = ("stop", "cancel", "resume", "compare", "reject_", "promote")
    assert {n for n in names if getattr(panel, n).isEnabled()} == BUTTONS[state]
    assert panel.pages.currentIndex() == 1


def test_a_running_job_shows_curves_pace_and_log(panel, tmp_path):
    panel.set_job(view(tmp_path, S.RUNNING, is_alive=True, log="a line of the process"))
    words = panel.pace.text()
    last = [e for e in EVENTS if e["event"] == "step"][-1]
    assert f"Step {last['step']} of at most {last['of']}" in words and "windows/s" in words and "at the latest" in words
    assert "a line of the process" in panel.log.toPlainText()
    drawn = panel._plots.loss.listDataItems()[0].getData()
    assert len(drawn[0]) == sum(e["event"] == "step" for e in EVENTS)
    assert "Learning" in panel.state.text()


def test_an_orphan_says_so_and_can_go_on(panel, tmp_path):
    panel.set_job(view(tmp_path, S.RUNNING, is_orphan=True))
    assert "has died" in panel.state.text() and panel.resume.isEnabled() and not panel.stop.isEnabled()


def test_a_queued_job_waits_or_starts(panel, tmp_path):
    folder = tmp_path / "queued"
    JobFolder.create(folder, FinetuneRequest(project=Path("/p.panosod"))).become(S.QUEUED)
    job = JobView(folder, JobFolder(folder).read())
    panel.set_job(job)
    assert panel.state.text() == "Waiting" and panel.bar.isHidden()
    panel.set_job(replace(job, is_alive=True))
    assert panel.state.text() == "Starting" and not panel.bar.isHidden() and panel.cancel.isEnabled()


def test_a_failure_is_told(panel, tmp_path):
    panel.set_job(view(tmp_path, S.FAILED, message="the disk is full"))
    assert panel.state.text() == "Failed: the disk is full" and panel.state.property("role") == "error"


def test_the_verdict_is_a_table_and_advice(panel, tmp_path, qtbot):
    panel.set_job(view(tmp_path, S.EVALUATED))
    verdict = EVALUATION["verdict"]
    assert verdict["reason"] in panel.advice.text()
    tops = [panel.scores.topLevelItem(n) for n in range(panel.scores.topLevelItemCount())]
    assert [t.text(0) for t in tops[:3]] == ["All checked frames", *verdict["by_clip"]]
    f = verdict["overall"]["f"]
    assert [tops[0].child(0).text(n) for n in range(3)] == ["F", f"{f['incumbent']:.3f}", f"{f['candidate']:.3f}"]
    clip, number, _ = verdict["worst"][0]
    with qtbot.waitSignal(panel.frame_chosen) as caught:
        panel.scores.itemActivated.emit(tops[-1].child(0), 0)
    assert caught.args == [clip, number]


def test_base_scenes_and_the_control_have_rows_of_their_own(panel):
    verdict, base = EVALUATION["verdict"], {"f": EVALUATION["verdict"]["overall"]["f"] | {"frames": 20}}
    panel.scores.set_evaluation({"verdict": verdict | {"base": base, "control": {}}})
    rows = {panel.scores.topLevelItem(n).text(0): panel.scores.topLevelItem(n) for n in range(4)}
    assert rows["Base scenes"].text(5) == "20" and rows["Base scenes"].text(3) == "+0.089"
    panel.scores.set_evaluation({"verdict": verdict | {"base": base, "control": base}})
    assert "decided" in panel.scores.topLevelItem(4).text(0)


# --- folders


@pytest.mark.parametrize("state", [S.EVALUATED, S.FAILED, S.CANCELLED], ids=str)
def test_a_folder_shows_its_state(thread, letters, tmp_path, state):
    folder = job_in(tmp_path / "jobs" / "a", state, message="why")
    (folder / "log.txt").write_text("first\nlast\n")
    thread.watch(folder)
    job = letters.wait(JobSeen).job
    assert job.state is state and not job.is_orphan and job.log.endswith("last")
    assert job.runs[0].steps and (job.evaluation is not None) == (state is S.EVALUATED)


def test_a_job_whose_process_died_is_an_orphan_and_one_whose_lives_is_not(thread, letters, tmp_path):
    dead, alive = (job_in(tmp_path / "elsewhere" / n, S.RUNNING) for n in ("dead", "alive"))
    child = subprocess.Popen([sys.executable, "-c", ""])
    mark = ProcessMark.of(child.pid)
    child.wait()
    JobFolder(dead).mark(mark or ProcessMark(child.pid, "gone", ProcessMark.of(os.getpid()).host))
    JobFolder(alive).mark(ProcessMark.of(os.getpid()))
    for folder, orphan in ((dead, True), (alive, False)):
        thread.watch(folder)
        job = letters.wait(JobSeen, lambda le, path=folder: le.job.path == path).job
        assert job.is_orphan is orphan and job.is_alive is not orphan


def test_new_events_come_and_a_long_log_is_cut(thread, letters, tmp_path):
    folder = job_in(tmp_path / "elsewhere" / "a", S.EVALUATED)
    (folder / "log.txt").write_text("x" * 100 + "\n" + "line\n" * 200_000)
    thread.watch(folder)
    assert len(letters.wait(JobSeen).job.log) < 20_000
    JobFolder(folder).tell("step", step=99, of=100, loss=0.5, run="main")
    assert letters.wait(JobSeen, lambda le: le.job.pace.step == 99).job.runs[0].losses[-1] == 0.5


def test_a_damaged_record_is_told_once(thread, letters, tmp_path):
    folder = job_in(tmp_path / "elsewhere" / "a", S.EVALUATED)
    (folder / "job.json").write_text("{")
    thread.watch(folder)
    letters.wait(Refused)
    thread.survey(tmp_path / "none.panosod")
    assert "none.panosod" in letters.wait(MaterialSeen).material.why_not
    assert sum(isinstance(le, Refused) for le in letters.all) == 1


def test_only_the_projects_own_jobs_are_listed(thread, letters, tmp_path):
    mine, other = tmp_path / "mine.panosod", tmp_path / "other.panosod"
    job_in(tmp_path / "jobs" / "a", S.EVALUATED, project=mine)
    job_in(tmp_path / "jobs" / "b", S.EVALUATED, project=other)
    (tmp_path / "jobs" / "c").mkdir()
    (tmp_path / "jobs" / "c" / "job.json").write_text("{")
    thread.list(mine)
    seen = letters.wait(JobsSeen)
    assert {(j.path.name, j.state) for j in seen.jobs} == {("a", S.EVALUATED), ("c", None)}
    assert [m.path for m in seen.models] == [None]


def test_what_cannot_be_done_is_refused_with_words(thread, letters, tmp_path):
    folder = job_in(tmp_path / "elsewhere" / "a", S.CANCELLED)
    thread.promote(folder)
    assert "only a job that has been evaluated can be promoted" in letters.wait(Refused).text
    thread.roll_back()
    assert "no model to go back to" in letters.wait(Refused, lambda le: "go back" in le.text).text


class Gate:
    """A thread that is busy with something until it is let go on."""

    def __init__(self, thread):
        self._thread, self._free, is_in = thread, threading.Event(), threading.Event()
        thread._ask(lambda: is_in.set() or self._free.wait())
        assert is_in.wait(60.0)

    def open(self):
        self._free.set()

    def open_when_closing(self):
        """Let it go on once its end has been asked for, and not before."""

        def wait():
            with self._thread._wake:
                assert self._thread._wake.wait_for(lambda: self._thread._is_closing, timeout=60.0)
            self.open()

        threading.Thread(target=wait, daemon=True).start()


def test_what_was_asked_for_just_before_closing_is_done_or_told(letters, tmp_path, caplog, monkeypatch):
    good, gone = job_in(tmp_path / "jobs" / "a", S.EVALUATED), job_in(tmp_path / "jobs" / "b", S.CANCELLED)
    thread = TrainingThread(letters, root=tmp_path / "jobs", every_s=0.05)
    gate = Gate(thread)
    thread.list(None)
    thread.reject(good)
    thread.promote(gone)
    gate.open_when_closing()
    assert thread.close(timeout_s=60.0)
    assert JobFolder(good).read().state is S.REJECTED
    assert not [le for le in letters.all if isinstance(le, JobsSeen)], "what only looks is left out"
    assert "only a job that has been evaluated can be promoted" in caplog.text
    monkeypatch.setattr(training, "WISHES_S", 0.1)
    hung = TrainingThread(letters, root=tmp_path / "jobs", every_s=0.05)
    gate = Gate(hung)
    hung.cancel(good)
    assert not hung.close(timeout_s=0.1) and "not done: cancel a" in caplog.text
    gate.open()
    assert hung.close(timeout_s=60.0)


# --- a real job


def test_from_start_to_rollback_with_a_real_job(thread, letters, tmp_path):
    """A job in a process of its own learns a little, is judged, promoted and taken back."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from panosod_core.model.checkpoint import save_checkpoint
    from panosod_core.model.network import build_network
    from tests.core.training.corrected import MODEL, clip, corrected_project, request

    model = tmp_path / "m.safetensors"
    save_checkpoint(model, build_network(MODEL, seed=0))
    first, second = clip(tmp_path, 1), clip(tmp_path, 2)
    project = corrected_project(tmp_path / "p.panosod", {first: list(range(0, 40, 2)), second: list(range(1, 40, 2))})
    thread.survey(project)
    material = letters.wait(MaterialSeen).material
    assert material.frames == 40 and not material.why_not and sum(c.check for c in material.clips) >= 5
    assert all(c.accepted == c.frames for c in material.clips) and material.clips[0].objects
    folder = tmp_path / "jobs" / "p-1"
    # The window's own start has the request's defaults, which are a night's work here: queued by hand, started by it.
    JobFolder.create(folder, request(project, model))
    thread.resume(folder)
    thread.watch(folder)
    job = letters.wait(JobSeen, lambda le: le.job.state in (S.EVALUATED, S.FAILED)).job
    assert job.state is S.EVALUATED, job.record.message
    assert len(job.runs[0].steps) == 4 and job.evaluation["verdict"]["overall"]
    assert sum(c.check for c in material.clips) == sum(job.record.result["checked"].values())
    assert (folder / CANDIDATE).is_file()
    thread.promote(folder)
    assert "Promote it once more" in letters.wait(Refused).text, "it was judged against one that is not used"
    assert ModelLibrary().default_id is None
    thread.promote(folder)
    letters.wait(ModelChanged)
    assert ModelLibrary().default_id == job.record.result["candidate"]
    letters.wait(JobSeen, lambda le: le.job.state is S.PROMOTED)
    thread.roll_back()
    letters.wait(ModelChanged, lambda le: "comes with panosod" in le.text)
    assert ModelLibrary().default_id is None


def test_a_started_job_is_its_own_process_and_outlives_the_thread(letters, tmp_path):
    project = tmp_path / "p.panosod"
    project.write_bytes(b"")
    hangs = lambda folder: (sys.executable, "-c", "import time; time.sleep(600)")  # noqa: E731 - a command in one line
    from panosod_viewer.tools.training import StartWish

    thread = TrainingThread(letters, root=tmp_path / "jobs", command=hangs, every_s=0.05)
    thread.start(project, StartWish(minutes=3.0, preset="gentle", device="cpu"))
    made = letters.wait(JobMade).path
    thread.watch(made)
    letters.wait(JobSeen, lambda le: le.job.is_alive)
    assert thread.close(timeout_s=60.0)
    job = JobFolder(made)
    asked = job.read().request
    assert (asked.project, asked.minutes, asked.preset, asked.device) == (project, 3.0, "gentle", "cpu")
    assert job.is_alive and os.getsid(job.process.pid) == job.process.pid
    again = TrainingThread(letters, root=tmp_path / "jobs", command=hangs, every_s=0.05)
    letters.all.clear()
    again.list(project)
    assert letters.wait(JobsSeen).jobs[0].path == made
    again.watch(made)
    again.cancel(made)
    assert letters.wait(JobSeen, lambda le: le.job.state is S.CANCELLED).job.path == made
    assert not job.is_alive and again.close(timeout_s=60.0)
