"""Finetuning in the whole window: counted, promoted by a click, at work over the picture at once, and taken back."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.model_file import ModelFile
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.states import JobState
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.workers.opening import ClipOpener
from tests.viewer.annotating.finetune_events import EVALUATION, EVENTS

pytestmark = pytest.mark.gl
PATIENCE_MS = 60_000
S = JobState


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("PANOSOD_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def judged_job(folder: Path, project: Path, weights: Path) -> Path:
    """A job's folder as its process leaves it for a person."""
    job = JobFolder.create(folder, FinetuneRequest(project=project))
    (folder / CANDIDATE).write_bytes(weights.read_bytes())
    for state in (S.QUEUED, S.PREPARING, S.RUNNING, S.FINISHED):
        job.become(state)
    for event in EVENTS:
        job.pass_on(event)
    (folder / "evaluation.json").write_text(json.dumps(EVALUATION))
    verdict = EVALUATION["verdict"]
    job.become(
        S.EVALUATED, verdict["reason"], advice=verdict["advice"], reason=verdict["reason"], scores=verdict["overall"],
        incumbent={"model_id": "0" * 64}, snapshot={"fingerprint": "f"}, corrected=24,
        candidate=ModelFile.read(weights).model_id,
    )  # fmt: skip
    return folder


def test_a_promoted_model_is_at_work_at_once(qtbot, gl_screen, tmp_path):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from panosod_core.model.checkpoint import save_checkpoint
    from panosod_core.model.network import build_network
    from tests.core.training.corrected import MODEL, clip, corrected_project

    media, weights, before = clip(tmp_path, 1), tmp_path / "new.safetensors", tmp_path / "old.safetensors"
    save_checkpoint(weights, build_network(MODEL, seed=1))
    save_checkpoint(before, build_network(MODEL, seed=2))
    library = ModelLibrary()
    library.promote(library.add(before).model_id)
    project = corrected_project(media.with_suffix(".panosod"), {media: list(range(0, 40, 2))})
    folder = judged_job(tmp_path / "jobs" / "a", project, weights)
    viewer = Viewer(
        QApplication.instance(),
        Arguments(settings=tmp_path / "s.toml", device="none", model="none", play=False, size=(640, 360)),
    )
    opener = ClipOpener(media)
    opener.start()
    viewer.start(opener)
    qtbot.addWidget(viewer.window)
    try:
        qtbot.waitUntil(lambda: viewer.player.frame is not None, timeout=PATIENCE_MS)
        viewer.annotator.open_project(project)
        finetuning = viewer.annotator.workbench.finetuning
        panel = finetuning.panel
        # Nobody has chosen it: the job that waits for a decision is found again.
        qtbot.waitUntil(lambda: finetuning.job is not None, timeout=PATIENCE_MS)
        viewer.window.action("finetune.panel").trigger()
        qtbot.waitUntil(lambda: panel.isVisible() and panel.tree.topLevelItemCount() == 1, timeout=PATIENCE_MS)
        assert panel.tree.topLevelItem(0).text(1) == "20" and finetuning.job.path == folder
        qtbot.waitUntil(lambda: panel.model.itemText(0) == "In use: old", timeout=PATIENCE_MS)
        assert library.default_id == ModelFile.read(before).model_id, "nothing is promoted but by a person"
        addresses = []
        viewer.model.link.address_changed.connect(lambda a: addresses.append(a and a.model_id))
        QTest.mouseClick(panel.promote, Qt.MouseButton.LeftButton)
        # It was judged against another one than "old": the person is asked.
        qtbot.waitUntil(lambda: "Promote it once more" in panel.fault.text(), timeout=PATIENCE_MS)
        assert library.default_id == ModelFile.read(before).model_id and panel.promote.isEnabled()
        QTest.mouseClick(panel.promote, Qt.MouseButton.LeftButton)
        new_id = ModelFile.read(weights).model_id
        qtbot.waitUntil(lambda: new_id in addresses, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: finetuning.job.state is S.PROMOTED, timeout=PATIENCE_MS)
        assert not panel.promote.isEnabled() and library.default_id == new_id
        QTest.mouseClick(panel.rollback, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: library.default_id == ModelFile.read(before).model_id, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: addresses[-1] == library.default_id, timeout=PATIENCE_MS)
    finally:
        viewer.window.close()
