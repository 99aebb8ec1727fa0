"""A job on very few frames that lie close together, from request to verdict."""

import json

from panosod_core.inference.model_file import ModelFile
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
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
