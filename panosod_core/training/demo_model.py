"""The model that comes with panosod: its recipe, stage by stage. ``python -m panosod_core.training.demo_model OUT``.

All is learnt from procedural scenes that are rendered as they are needed; nothing is downloaded. First small pictures:
what sounds must be found there too, and five windows cost as much as one at full size. Then the size of use, with
worlds like the demo clip's among the scenes, and once more from sharper maps. At last the teacher alone, from the
finished student's features. The student never follows the teacher here: with a joint distillation from scratch it was
seen to stay at chance.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from panosod_core.errors import PanosodError, TrainingError
from panosod_core.model.checkpoint import load_network, read_info, save_checkpoint
from panosod_core.model.config import ModelConfig
from panosod_core.model.network import PanosodNet, build_network
from panosod_core.model.presets import preset
from panosod_core.model.weights import sha256_of
from panosod_core.training.config import OUR_VIDEO, BestBy, Precision, Stage, TrainConfig
from panosod_core.training.data import DataConfig
from panosod_core.training.events import Listener
from panosod_core.training.folder import BEST, LAST
from panosod_core.training.job import Job, StartWeights
from panosod_core.training.losses import LossConfig
from panosod_core.training.state import STATE
from panosod_core.training.video import train_video

MODEL = "panosod-demo.safetensors"
"""Name of the finished file."""
MOST_BYTES = 16_000_000
_NEVER = 1 << 39
"""A step that no run reaches: the distillation does not set in."""
_COMMON = replace(
    OUR_VIDEO, backbone_lr=1.0, precision=Precision.FP32, clip=1.0, warmup_steps=50, best_by=BestBy.F, save_every=40
)


@dataclass(frozen=True)
class DemoStage:
    """One run.

    Attributes:
        name: of its folder.
        model: the network.
        train: how it learns.
        data: what from.
        loss: what it is judged by.
        sharpen: what the student's logits are multiplied with before it begins.
        teacher_from_student: the teacher begins as a copy of the student that looks at the mask as well.
    """

    name: str
    model: ModelConfig
    train: TrainConfig
    data: DataConfig
    loss: LossConfig = field(default_factory=lambda: LossConfig(distill=0.0, location=1.0))
    sharpen: float = 1.0
    teacher_from_student: bool = False

    def job(self, folder: Path, start: Path | None, *, resume: bool) -> Job:
        """What the stage asks of :func:`~panosod_core.training.video.train_video`."""
        return Job(
            Stage.VIDEO, self.model, self.train, self.data, folder, StartWeights(model=start), self.loss,
            resume=resume, device="cpu", tensorboard=False, preset="small",
        )  # fmt: skip


def demo_stages() -> tuple[DemoStage, ...]:
    """The recipe."""
    full = preset("small")
    student = replace(full, teacher=False)
    return (
        DemoStage(
            "1-small-pictures",
            replace(student, height_px=96, width_px=192),
            replace(_COMMON, epochs=5, batch=8, lr=1e-3, ema=0.99, log_every=5),
            DataConfig(scenes=1280, check_scenes=48),
        ),
        DemoStage(
            "2-full-pictures",
            student,
            replace(_COMMON, epochs=2, batch=4, lr=5e-4, ema=0.99, log_every=5),
            DataConfig(scenes=400, check_scenes=24, demo_share=0.3, seed=100_000),
        ),
        DemoStage(
            "3-sharper",
            student,
            replace(_COMMON, epochs=1, batch=4, lr=4e-4, ema=0.98, warmup_steps=10, log_every=5),
            DataConfig(scenes=400, check_scenes=16, demo_share=0.25, seed=300_000),
            sharpen=3.0,
        ),
        DemoStage(
            "4-teacher",
            full,
            replace(_COMMON, epochs=1, batch=4, lr=1e-3, ema=0.98, warmup_steps=10, log_every=5, parts=("teacher",)),
            DataConfig(scenes=400, check_scenes=12, demo_share=0.2, seed=200_000),
            LossConfig(distill=1.0, distill_warmup_steps=_NEVER),
            teacher_from_student=True,
        ),
    )


def train_demo_model(
    out: Path, *, stages: Sequence[DemoStage] | None = None, listeners: Sequence[Listener] = ()
) -> Path:
    """Run the stages that are not done yet, and write the model.

    Args:
        out: folder; a run that was stopped goes on there.
        stages: other than the recipe's, for tests.
        listeners: hear the events of all stages.

    Returns:
        The finished file: in 16 bits, with the teacher and everything that made it in the header.

    Raises:
        PanosodError: a stage cannot start or go on, was stopped (what it did is kept), or the file would be too large.
    """
    made: list[Mapping[str, Any]] = []
    start: Path | None = None
    for stage in demo_stages() if stages is None else stages:
        folder = out / stage.name
        if start is not None:
            start = prepared_start(stage, start, out / f"{stage.name}.start.safetensors")
        outcome = train_video(stage.job(folder, start, resume=(folder / STATE).is_file()), listeners=listeners)
        if not outcome.done:
            raise TrainingError(f"{folder}: stopped after step {outcome.steps}; the same command goes on from there")
        start = folder / (LAST if stage.train.parts else BEST)
        made.append(stage_record(stage.name, start))
    if start is None:
        raise ValueError("a recipe has at least one stage")
    return pack(start, out / MODEL, stages=made)


def stage_record(name: str, model: Path) -> dict[str, Any]:
    """What a stage's model says of how it was made, for the header; of files it started from the names alone."""
    info = read_info(model)
    record: dict[str, Any] = {"stage": name, **info.provenance, "metrics": info.metrics}
    settings = dict(record["settings"])
    settings["start"] = {part: path and Path(path).name for part, path in settings["start"].items()}
    return record | {"settings": settings}


def prepared_start(stage: DemoStage, model: Path, target: Path) -> Path:
    """What a stage begins with: the model of the stage before, or a file made from it.

    Sharper: edges stay soft for long, since the last layer's weights grow by little more than the learning rate a step,
    and the adaptive threshold of F, twice the mean of a map, then counts a wide rim around a small object.

    A teacher from the student: fusion and decoder are the same blocks. With the student's weights, and an input that
    passes the features through, it knows at once what the student knows, and has only the mask to learn about.

    Args:
        stage: that begins.
        model: of the stage before.
        target: the file to write, where one is needed.

    Raises:
        CheckpointError: the model cannot be read or written.
    """
    if stage.sharpen == 1.0 and not stage.teacher_from_student:
        return model
    network, info = load_network(model)
    made: dict[str, Any] = {"logits_multiplied_by": stage.sharpen}
    with torch.no_grad():
        for parameter in network.decoder.head.parameters():
            parameter.mul_(stage.sharpen)
    if stage.teacher_from_student:
        taught = build_network(stage.model, seed=stage.train.seed)
        taught.load_state_dict({**taught.state_dict(), **network.state_dict()})
        begin_as_student(taught)
        network, made = taught, made | {"teacher_from_student": True}
    save_checkpoint(target, network, provenance={**info.provenance, **made}, metrics=info.metrics)
    return target


@torch.no_grad()
def begin_as_student(network: PanosodNet) -> None:
    """Give the teacher the student's weights.

    Its mask plane keeps the weight it is born with, as much as all features together: with a tenth of it, sixty steps
    left a teacher that was as good as its student and looked at no mask. What says which masks are known keeps a tenth,
    since it touches all pixels.

    Raises:
        ValueError: a network without a teacher.
    """
    teacher, student = network.teacher, network.student
    if teacher is None or student is None:
        raise ValueError("expected a network with a teacher")
    teacher.fusion.load_state_dict(student.state_dict())
    teacher.decoder.load_state_dict(network.decoder.state_dict())
    channels = network.config.channels
    teacher.input.weight[:, :channels, 0, 0] = torch.eye(channels)
    teacher.input.weight[:, channels + 1 :].mul_(0.1)
    if teacher.input.bias is not None:
        teacher.input.bias.zero_()


def pack(model: Path, target: Path, *, stages: Sequence[Mapping[str, Any]]) -> Path:
    """The model as it is shipped.

    Args:
        model: of the last stage.
        target: the file to write.
        stages: what made it, for the header.

    Raises:
        PanosodError: it cannot be written, or is larger than what may be shipped.
    """
    network, info = load_network(model)
    provenance = {
        "what": "demonstration model, trained on synthetic scenes only; not on ASOD60K",
        "recipe": "panosod_core.training.demo_model",
        "sha256_before_rounding": sha256_of(model),
        "seconds": round(sum(float(stage["seconds"]) for stage in stages), 1),
        "stages": list(stages),
    }
    save_checkpoint(target, network, provenance=provenance, metrics=info.metrics, half=True)
    if target.stat().st_size > MOST_BYTES:
        raise TrainingError(f"{target}: {target.stat().st_size} bytes, expected at most {MOST_BYTES}")
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and say where the model is."""
    parser = argparse.ArgumentParser(prog="python -m panosod_core.training.demo_model", description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the runs and of the model; a stopped run goes on there")
    out = parser.parse_args(arguments).out
    try:
        path = train_demo_model(out, listeners=[lambda event: print(json.dumps(event), flush=True)])  # noqa: T201 - its output
    except PanosodError as error:
        print(f"panosod: {error}", file=sys.stderr)  # noqa: T201 - its output
        return 1
    print(path)  # noqa: T201 - its output
    return 0


if __name__ == "__main__":
    sys.exit(main())
