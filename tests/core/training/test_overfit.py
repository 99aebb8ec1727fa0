"""The whole chain can learn: two clips by heart, picture and sound, until F is 0.95."""

import math
from dataclasses import replace

import pytest

from panosod_core.model.checkpoint import read_info
from panosod_core.model.config import DecoderNorm, Gate, Padding
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.training.config import BestBy, Schedule, TrainConfig
from panosod_core.training.data import DataConfig
from panosod_core.training.video import train_video
from tests.core.training.tiny_jobs import Heard, job

CLIPS = DataConfig(
    scenes=2,
    check_scenes=0,
    fresh=False,
    scene=SceneConfig(duration_s=0.4, objects=(2, 2), radius_deg=(38.0, 45.0), clutter=(0, 0), moving=0.0),
)
MODEL = {
    "height_px": 64,
    "width_px": 128,
    "channels": 32,
    "padding": Padding.SPHERE,
    "spherical_scale": 2 * math.pi,
    "gate": Gate.SIGMOID,
    "decoder_norm": DecoderNorm.GROUP,
}
RECIPE = TrainConfig(
    epochs=100, batch=2, lr=6e-3, schedule=Schedule.COSINE, warmup_steps=10, clip=1.0, check_every=50, best_by=BestBy.F
)


def test_two_clips_are_learnt_by_heart(tmp_path):
    heard = Heard()
    tiny_job = replace(job(tmp_path, data=CLIPS, model=MODEL), train=RECIPE)
    outcome = train_video(tiny_job, listeners=(heard,))
    first = heard.of("step")[0]["student"]
    last = heard.of("step")[-1]["student"]
    assert last < first / 4
    assert outcome.best is not None and outcome.best >= 0.95
    info = read_info(tmp_path / "best.safetensors")
    assert info.metrics["f"] == pytest.approx(outcome.best) and info.metrics["mae"] < 0.03
