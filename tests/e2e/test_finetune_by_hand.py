"""The loop in the real window, by hand: open, correct, finetune, watch, compare, promote, and the overlay that uses it.

The walk is that of the documentation's pictures (dev/finetune_pictures.py), on a tiny clip with a tiny network.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")

from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.states import JobState
from panosod_viewer.layers import Comparison
from tests.clips import demo_clip
from tests.core.training.corrected import MODEL

pytestmark = pytest.mark.gl
REPO = Path(__file__).resolve().parents[2]
FRAMES, EVERY = 34, 1
"""As few as give a check set of their own that decides: below, the first runs are those of cross-validation."""


def walk_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("finetune_pictures", REPO / "dev" / "finetune_pictures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def old_model(tmp_path, monkeypatch) -> str:
    """The model in use: a tiny one that has learnt nothing; id. Everything is written below tmp_path."""
    monkeypatch.syspath_prepend(str(REPO / "dev"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    module = walk_module()
    for place in module.OWN_PLACES:
        monkeypatch.setenv(place, str(tmp_path / place.lower()))
    save_checkpoint(tmp_path / "old.safetensors", build_network(MODEL, seed=0))
    library = ModelLibrary()
    library.promote(library.add(tmp_path / "old.safetensors").model_id)
    return ModelFile.read(tmp_path / "old.safetensors").model_id


def test_from_a_correction_to_a_better_overlay(qtbot, gl_screen, tmp_path, old_model):
    clip = demo_clip(tmp_path, width=192, height=96, fps=10, duration_s=6.0)
    seen = []
    walk = walk_module().Walk(
        clip, tmp_path / "s.toml", size=(640, 360), take=lambda name, over: seen.append((name, over is not None))
    )
    qtbot.addWidget(walk.viewer.window)
    try:
        walk.watch_the_model()
        walk.correct(frames=FRAMES, every=EVERY)
        walk.start(minutes=2)
        walk.watch(checks=1, stop_early=True)
        job = walk.finetuning.job
        checked = job.examples
        assert job.record.result["corrected"] >= FRAMES and job.record.result["incumbent"]["model_id"] == old_model
        assert checked is not None and set(checked.clips) == {clip.stem} and job.runs[0].steps
        walk.compare()
        wish = walk.viewer.state.wish
        assert wish.layers.comparison is Comparison.SPLIT and len(walk.viewer.model.link.wish.models) == 2
        walk.promote()
        new_model = job.record.result["candidate"]
        assert ModelLibrary().default_id == new_model != old_model
        assert walk.viewer.model.link.wish.models == ("",), "the new one alone"
        assert walk.viewer.state.wish.layers.comparison is Comparison.OFF
        assert JobFolder(job.path).read().state is JobState.PROMOTED
        walk.look_at_models()
        rows = walk.bench.library.dialog.models
        assert [rows.topLevelItem(n).text(1) for n in range(rows.topLevelItemCount())] == ["in use", "", ""]
    finally:
        walk.close()
    steps = ("open", "correct", "start", "watch", "examples", "judged", "compare", "live", "models")
    dialogs = ("start", "watch", "examples", "judged", "models")
    assert seen == [(name, name in dialogs) for name in steps]
