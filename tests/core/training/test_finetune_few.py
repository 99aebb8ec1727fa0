"""A job on very few frames that lie close together, from request to verdict."""

import json
import shutil

import av
import pytest

from panosod_core.errors import DatasetError, TrainingError
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.ablations import with_sound
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.config import Sound
from panosod_core.model.network import build_network
from panosod_core.synth.truth import masks_path, truth_path
from panosod_core.training import finetune
from panosod_core.training.finetune import EVALUATION, work_on
from panosod_core.training.finetune_base import SCENES
from panosod_core.training.jobs.control import queue
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder
from panosod_core.training.jobs.states import JobState
from tests.core.training.corrected import MODEL, clip, corrected_project, request


def test_five_frames_within_half_a_second_are_cross_validated(tmp_path):
    model = tmp_path / "m.safetensors"
    save_checkpoint(model, build_network(MODEL, seed=0))
    project = corrected_project(tmp_path / "p.panosod", {clip(tmp_path, 1): [3, 4, 5, 6, 7]})
    job = JobFolder.create(tmp_path / "job", request(project, model, steps=8))
    queue(job.path)
    record = work_on(job.path)
    assert record.state is JobState.EVALUATED and record.result["advice"] == "too few"
    assert ModelFile.read(job.path / CANDIDATE).model_id == record.result["candidate"]
    found = json.loads((job.path / EVALUATION).read_text())
    assert sorted(f["number"] for f in found["frames"]) == [3, 4, 5, 6, 7]
    assert found["verdict"]["base"]["f"]["frames"] == SCENES == record.result["base"]["f"]["frames"]
    notes = [e["text"] for e in job.events()[0] if e["event"] == "note" and "apart" in e["text"]]
    assert len(notes) == 3 and "0.3 s apart" in notes[0]


def without_sound(source, target):
    """The pictures of a clip with the truth about them, and nothing to hear."""
    with av.open(str(source)) as video, av.open(str(target), "w") as silent:
        pictures = video.streams.video[0]
        copied = silent.add_stream_from_template(pictures)
        for packet in video.demux(pictures):
            if packet.dts is not None:
                packet.stream = copied
                silent.mux(packet)
    for path in (truth_path, masks_path):
        shutil.copyfile(path(source), path(target))
    return target


def test_a_model_of_pictures_alone_learns_from_silent_clips(tmp_path, monkeypatch):
    """And where base scenes cannot be read, the verdict begins with that."""
    models = {"seeing": with_sound(MODEL, Sound.NONE), "hearing": MODEL}
    for name, config in models.items():
        save_checkpoint(tmp_path / f"{name}.safetensors", build_network(config, seed=0))
    project = corrected_project(
        tmp_path / "p.panosod", {without_sound(clip(tmp_path, 1), tmp_path / "silent.mp4"): [3, 9, 15, 22, 30]}
    )

    def job(name):
        made = JobFolder.create(tmp_path / name, request(project, tmp_path / f"{name}.safetensors", steps=4))
        queue(made.path)
        return work_on(made.path)

    with pytest.raises(TrainingError, match=r"ambisonic sound in all 1 clips.*no sound"):
        job("hearing")

    def away(*_engines, **_where):
        raise DatasetError("/cluster/data: no such folder")

    monkeypatch.setattr(finetune, "compare_on_base", away)
    record = job("seeing")
    assert record.state is JobState.EVALUATED and record.result["base"] == {}
    assert record.message.startswith("base scenes could not be asked what was forgotten (/cluster/data: no such fold")
