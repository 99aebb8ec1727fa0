"""A finetuning job from request to verdict, at a size that takes seconds."""

import json
from dataclasses import replace

import pytest
from safetensors.torch import load_file

from panosod_core.annotation.snapshot import Snapshot
from panosod_core.cli.main import main
from panosod_core.datasets.index import Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.errors import TrainingError
from panosod_core.inference.library import ModelLibrary
from panosod_core.media.content import content_id
from panosod_core.model.checkpoint import read_info, save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.resources import demo_model_path
from panosod_core.training import finetune, finetune_base, finetune_check
from panosod_core.training.finetune import EVALUATION, work_on
from panosod_core.training.finetune_data import share_by_clips
from panosod_core.training.finetune_split import (
    Corrected,
    FixedSplit,
    corrected_frames,
    extend_split,
    keep_split,
    settle_split,
    split_path,
)
from panosod_core.training.jobs.control import cancel, queue, reject, stop
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder, Wish
from panosod_core.training.jobs.promotion import OtherIncumbentError, promote
from panosod_core.training.jobs.states import JobState
from tests.clips import demo_clip
from tests.core.training.corrected import MODEL, clip, corrected_project, request

S = JobState


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return clip(folder, 1), clip(folder, 2)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    save_checkpoint(path, build_network(MODEL, seed=0))
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory, clips):
    """40 corrected frames in two clips."""
    first, second = clips
    path = tmp_path_factory.mktemp("project") / "p.panosod"
    return corrected_project(path, {first: list(range(0, 40, 2)), second: list(range(1, 40, 2))})


@pytest.fixture(autouse=True)
def own_split(request):
    """Every test draws the split anew."""
    yield
    if "project" in request.fixturenames:
        split_path(request.getfixturevalue("project")).unlink(missing_ok=True)


def done(folder, asked, **how):
    JobFolder.create(folder, asked)
    queue(folder)
    return work_on(folder, **how)


def told(folder, kind):
    return [e for e in JobFolder(folder).events()[0] if e["event"] == kind]


def test_from_request_to_verdict(tmp_path, project, model):
    heard = []
    record = done(tmp_path / "job", request(project, model), listeners=(heard.append,))
    assert record.state is S.EVALUATED
    assert [e["state"] for e in told(tmp_path / "job", "state")] == [
        "queued", "preparing", "running", "finished", "evaluated",
    ]  # fmt: skip
    result = record.result
    with Snapshot.open(project) as snapshot:
        assert result["snapshot"]["fingerprint"] == snapshot.fingerprint
        assert result["snapshot"]["revisions"] == list(snapshot.revisions)
    assert result["corrected"] == 40 and 5 <= sum(result["checked"].values()) <= 0.15 * 40
    data = open_data_set(tmp_path / "job" / "data" / "main")
    checked = {(c.title, f.number) for c in data.of_split(Split.VALIDATION).clips for f in c.frames if f.mask}
    learnt = {(c.title, f.number) for c in data.of_split(Split.TRAIN).clips for f in c.frames if f.mask}
    assert len(checked) == sum(result["checked"].values()) and learnt and not checked & learnt
    frames = json.loads((tmp_path / "job" / EVALUATION).read_text())["frames"]
    assert {(f["clip"], f["number"]) for f in frames} == checked
    assert {"f", "s", "e", "mae", "j"} <= set(result["scores"])
    assert len(told(tmp_path / "job", "step")) == 4 == sum(e["event"] == "step" for e in heard)
    start, end = load_file(model), load_file(tmp_path / "job" / CANDIDATE)
    assert start.keys() == end.keys()
    moved = {name for name in start if not start[name].equal(end[name])}
    assert moved and not any(name.startswith("visual.backbone") for name in moved), "the backbone is frozen"
    assert any(name.startswith("teacher.") for name in moved)


def test_few_frames_are_cross_validated_and_never_advised(tmp_path, clips, model):
    project = corrected_project(tmp_path / "p.panosod", {clips[0]: [3, 9, 15, 22, 30]})
    record = done(tmp_path / "job", request(project, model, steps=8))
    assert record.state is S.EVALUATED and record.result["advice"] == "too few"
    assert [p["name"] for p in record.result["plans"]] == ["fold-1", "fold-2", "fold-3", "main"]
    found = json.loads((tmp_path / "job" / EVALUATION).read_text())
    assert found["cross_validation"] and sorted(f["number"] for f in found["frames"]) == [3, 9, 15, 22, 30]
    everything = open_data_set(tmp_path / "job" / "data" / "main")
    assert sum(f.mask is not None for c in everything.clips for f in c.frames) == 5
    with Snapshot.open(project) as snapshot:
        split = settle_split(project, corrected_frames(snapshot), share=0.12)
    assert not split.check and len(split.learnt[content_id(clips[0])]) == 5


def test_too_little_is_refused_with_numbers(tmp_path, clips, model, project, monkeypatch):
    four = corrected_project(tmp_path / "four.panosod", {clips[0]: [3, 9, 15, 22]})
    with pytest.raises(TrainingError, match=r"expected 5 corrected frames or more.*there are 4.*1 more"):
        done(tmp_path / "a", request(four, model))
    assert JobFolder(tmp_path / "a").read().state is S.FAILED and not (tmp_path / "a" / "data").exists()
    monkeypatch.setattr(finetune_check, "free_memory", lambda: 100_000_000)
    with pytest.raises(TrainingError, match=r"GB of free memory.*there are 0\.10 GB"):
        done(tmp_path / "b", request(project, model))
    usage = finetune_check.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(finetune_check.shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(TrainingError, match=r"GB of free disk.*there are 0\.00 GB"):
        done(tmp_path / "c", request(project, model))
    message = JobFolder(tmp_path / "c").read().message
    assert ("free disk" in message and not split_path(project).exists()) or not json.loads(
        split_path(project).read_text()
    )["learnt"]


def test_the_same_job_gives_the_same_tensors(tmp_path, project, model):
    weights = []
    for name in ("a", "b"):
        done(tmp_path / name, request(project, model, preset="gentle", steps=3, mix=None))
        weights.append(load_file(tmp_path / name / CANDIDATE))
        split_path(project).unlink()
    first, second = weights
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].numpy().tobytes() == second[name].numpy().tobytes(), name


def test_how_much_is_mixed_in_follows_the_clips_and_the_backbone_learns_where_it_may(tmp_path, project, model):
    done(tmp_path / "job", request(project, model, steps=1, mix=None, preset="whole"))
    assert any("80 % of the windows" in e["text"] for e in told(tmp_path / "job", "note"))
    assert [round(share_by_clips(n), 6) for n in (1, 2, 3, 30)] == [0.9, 0.8, 0.7, 0.7]
    before, after = load_file(model), load_file(tmp_path / "job" / CANDIDATE)
    assert any(n.startswith("visual.backbone") and not before[n].equal(after[n]) for n in after)


def test_stop_keeps_the_best_and_is_judged(tmp_path, project, model):
    folder = tmp_path / "job"

    def stops(event):
        if event["event"] == "check":
            stop(folder)

    record = done(folder, request(project, model, steps=0, epochs=1000, blend=1.0), listeners=(stops,))
    states = [e["state"] for e in told(folder, "state")]
    assert states[2:] == ["running", "stopping", "stopped", "evaluated"] and record.state is S.EVALUATED
    made, best = load_file(folder / CANDIDATE), load_file(folder / "runs" / "main" / "best.safetensors")
    different = {name for name in best if not made[name].equal(best[name])}
    assert all(name.startswith("decoder.head.") for name in different), "how decided its maps are is set at the end"
    assert len(told(folder, "check")) == 1 and len(told(folder, "step")) <= 2 * 4


def test_stopped_then_dead_then_taken_up_again_it_keeps_the_best(tmp_path, project, model):
    folder = tmp_path / "job"

    def dies(event):
        if event["event"] == "check":
            stop(folder)
        elif event["event"] == "step" and event["step"] > 4:
            raise KeyboardInterrupt

    JobFolder.create(folder, request(project, model, steps=0, epochs=1000))
    queue(folder)
    with pytest.raises(KeyboardInterrupt):
        work_on(folder, listeners=(dies,))
    assert (folder / "runs" / "main" / "best.safetensors").is_file()
    record = work_on(folder)
    assert record.state is S.EVALUATED and (folder / CANDIDATE).is_file()
    assert [e["state"] for e in told(folder, "state")][-3:] == ["running", "stopped", "evaluated"]


def test_a_stop_before_the_first_check_leaves_the_model_as_it_is(tmp_path, project, model):
    folder = tmp_path / "job"
    JobFolder.create(folder, request(project, model))
    queue(folder)
    JobFolder(folder).want(Wish.STOP)
    record = work_on(folder)
    assert record.state is S.STOPPED and not (folder / CANDIDATE).exists()
    queue(folder)
    assert work_on(folder).state is S.EVALUATED, "it may go on"


def test_time_that_is_up_ends_it_like_a_finished_job(tmp_path, project, model):
    record = done(tmp_path / "job", request(project, model, steps=0, epochs=1000, minutes=2 / 60))
    assert record.state is S.EVALUATED and told(tmp_path / "job", "state")[-2]["state"] == "finished"
    assert "the time is up" in [e.get("text") for e in told(tmp_path / "job", "note")]


def test_time_that_is_up_before_the_first_step_ends_the_run_and_not_the_process(tmp_path, clips, model):
    """Folds whose share of the time is shorter than loading takes; what has ended is not begun again."""
    project = corrected_project(tmp_path / "p.panosod", {clips[0]: [3, 9, 15, 22, 30]})
    folder = tmp_path / "job"
    record = done(folder, request(project, model, steps=0, minutes=1e-6))
    assert record.state is S.STOPPED and "before the first check" in record.message
    assert set(record.result["ended"]) == {"fold-1", "fold-2", "fold-3", "main"}
    queue(folder)
    assert work_on(folder).state is S.STOPPED and not told(folder, "resume")


def test_a_stop_while_it_loads_ends_it_after_a_step(tmp_path, project, model):
    folder = tmp_path / "job"
    JobFolder.create(folder, request(project, model, steps=0, epochs=1000))
    queue(folder)

    def while_loading(*args, train=finetune.train_plan, **words):
        JobFolder(folder).want(Wish.STOP)
        return train(*args, **words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetune, "train_plan", while_loading)
        record = work_on(folder)
    assert record.state is S.STOPPED and len(told(folder, "step")) == 1


def test_a_model_without_a_teacher_that_takes_single_masks_learns_without(tmp_path, project):
    literal = replace(MODEL, teacher_validity=False, teacher_mask_dropout=0.0)
    save_checkpoint(tmp_path / "m.safetensors", build_network(literal, seed=0))
    done(tmp_path / "job", request(project, tmp_path / "m.safetensors", steps=2))
    assert not read_info(tmp_path / "job" / CANDIDATE).config.teacher


def test_promoting_and_rejecting(tmp_path, project, model, monkeypatch, capsys):
    def killed(*args, **words):
        """Between the library and the job's record."""
        raise OSError("killed")

    library = ModelLibrary(tmp_path / "library")
    folder = tmp_path / "job"
    JobFolder.create(folder, request(project, model, steps=1))
    queue(folder)
    with pytest.raises(TrainingError, match="only a job that has been evaluated"):
        promote(folder, library)
    record = work_on(folder)
    with pytest.raises(OtherIncumbentError, match=r"against the model \w{12}, but the model that comes with"):
        promote(folder, library)
    monkeypatch.setenv("PANOSOD_MODELS", str(library.folder))
    assert main(["job", "promote", str(folder)]) == 1 and "--force" in capsys.readouterr().err
    assert not library.records() and JobFolder(folder).read().state is S.EVALUATED
    library.promote(library.add(model, name="before").model_id)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="killed"):
        patch.setattr(JobFolder, "become", killed)
        promote(folder, library)
    assert JobFolder(folder).read().state is S.EVALUATED
    made = promote(folder, library)
    assert library.default_path == library.path(made) and JobFolder(folder).read().state is S.PROMOTED
    assert (made.name, made.parent, made.seed) == ("p", record.result["incumbent"]["model_id"], 0)
    assert made.snapshot == record.result["snapshot"]["fingerprint"] and made.scores["f"]["frames"] == 5
    for again in (lambda: promote(folder, library), lambda: cancel(folder), lambda: reject(folder)):
        with pytest.raises(TrainingError):
            again()


def test_a_candidate_from_spoilt_masks_is_advised_against(tmp_path, monkeypatch):
    """The shipped model learns from masks that lie where nothing sounds; it is checked on honest ones."""
    monkeypatch.setattr(finetune_base, "SCENES", 5)  # the check set is what tells here
    media = demo_clip(tmp_path, width=416, height=208, fps=5, duration_s=16.0, seed=5)
    times = Corrected(content_id(media), media.name, tuple(k / 5 for k in range(0, 80, 2)))
    split = extend_split(FixedSplit(), [times], share=0.15)

    def spoilt(_media, time_s):
        return split.part_of(times.content_id, round(time_s, 6)) is not Split.VALIDATION

    project = corrected_project(tmp_path / "p.panosod", {media: list(range(0, 80, 2))}, spoilt=spoilt)
    keep_split(project, split)
    record = done(tmp_path / "job", request(project, demo_model_path(), steps=6, windows=8, mix=0.0))
    f = record.result["scores"]["f"]
    assert record.result["advice"] == "keep" and "worse" in record.message
    assert f["frames"] == 6 and f["incumbent"] > 0.4 and f["gain"] < -0.1
