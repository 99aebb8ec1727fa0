"""Jobs that a test can afford: the whole network at a tiny size on a few synthetic scenes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from panosod_core.model.presets import PAPER
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.training.config import Stage, TrainConfig
from panosod_core.training.data import DataConfig
from panosod_core.training.job import Job
from tests.core.model.tiny import tiny

SMALLEST: dict[str, Any] = {"height_px": 32, "width_px": 64, "dropout": 0.0}
SCENE = SceneConfig(duration_s=0.4, objects=(2, 3), radius_deg=(20.0, 35.0))
DATA = DataConfig(scenes=6, check_scenes=2, scene=SCENE, stretch_s=0.4)
TRAIN = TrainConfig(epochs=2, batch=1, lr=1e-3)


def job(out: Path, stage: Stage = Stage.VIDEO, *, model: dict[str, Any] | None = None, **changes: Any) -> Job:
    """A tiny job; ``changes`` are fields of its training config, or ``data``, ``start``, ``loss``, ``resume``."""
    own = {name: changes.pop(name) for name in ("data", "start", "loss", "resume", "device") if name in changes}
    train = replace(TRAIN, **changes)
    own = {"data": DATA, "device": "cpu"} | own
    return Job(stage, tiny(**(SMALLEST | (model or {}))), train, out=out, tensorboard=False, **own)


class Heard(list[dict[str, Any]]):
    """A listener that keeps every event."""

    def __call__(self, event: Any) -> None:
        self.append(dict(event))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self if event["event"] == kind]


def words(out: Path, stage: str = "video", data: str = "synthetic") -> list[str]:
    """The command line of a tiny run on one processor."""
    paper, own = PAPER.to_json(), tiny(**SMALLEST).to_json()
    changes = [f"{name}={value}" for name, value in own.items() if value != paper[name]]
    return ["train", stage, data, "--out", str(out), "--device", "cpu", "--no-tensorboard", "--set", *changes]
