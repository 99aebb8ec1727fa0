"""What the runs of a finetuning job are: their settings, from the job's request."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from panosod_core.datasets.index import Layout
from panosod_core.errors import CheckpointError, TrainingError
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.config import ModelConfig
from panosod_core.synth.scene_config import SceneConfig, config_from_json
from panosod_core.training.config import BestBy, Precision, Schedule, Stage, TrainConfig
from panosod_core.training.data import DataConfig
from panosod_core.training.finetune_data import AUGMENT, Mix
from panosod_core.training.finetune_folds import folds
from panosod_core.training.finetune_split import ENOUGH, FEWEST_CHECKED, Corrected, FixedSplit
from panosod_core.training.job import Job, StartWeights
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.request import PRESETS, FinetuneRequest
from panosod_core.training.losses import LossConfig
from panosod_core.training.state import STATE

MAIN = "main"
_SAVE_EVERY = 20
_FOLDS_SHARE = 0.3
"""Of the budget: they say how long to learn and how well it goes; the candidate is what comes out."""


@dataclass(frozen=True)
class RunPlan:
    """A run.

    Attributes:
        name: of its folders.
        is_final: it learns from everything and checks nothing, for as long as the others said is best.
    """

    name: str
    is_final: bool


def runs_of(corrected: Sequence[Corrected], fixed: FixedSplit) -> dict[RunPlan, FixedSplit]:
    """The runs of a job with the frames that each learns from and checks on. None learns from the fixed check set.

    Until that holds :data:`FEWEST_CHECKED` frames, the others are checked in turn.

    Args:
        corrected: all frames of the project.
        fixed: the project's split.

    Raises:
        TrainingError: all of them are kept for the check, or guard it.
    """
    total, free = sum(len(c.times_s) for c in corrected), fixed.to_learn_from(corrected)
    if not free:
        raise TrainingError(
            f"expected corrected frames to learn from, got {total} that are all kept for the check or lie beside those "
            "that are: correct others, in other clips or seconds away"
        )
    if total >= ENOUGH and fixed.held(corrected) >= FEWEST_CHECKED:
        return {RunPlan(MAIN, is_final=False): fixed}
    parts = {RunPlan(f"fold-{k + 1}", is_final=False): fold for k, fold in enumerate(folds(corrected, fixed=fixed))}
    return {**parts, RunPlan(MAIN, is_final=True): fixed.unchecked()}


def budget_of(plan: RunPlan, plans: Sequence[RunPlan]) -> float:
    """The share of a job's minutes and steps that one of its runs has."""
    folds = sum(not other.is_final for other in plans)
    if not plan.is_final:
        return 1.0 if folds == len(plans) else _FOLDS_SHARE / folds
    return 1.0 - _FOLDS_SHARE if folds else 1.0


def job_of(job: JobFolder, plan: RunPlan, *, epochs: int, budget: float) -> Job:
    """The run as the training loop takes it."""
    request, out = job.read().request, job.path / "runs" / plan.name
    start = ModelFile.read(job.path / "incumbent.safetensors")
    recipe = TrainConfig(
        epochs=epochs, max_steps=max(1, round(request.steps * budget)) if request.steps else 0,
        batch=request.batch, lr=request.lr, backbone_lr=PRESETS[request.preset],
        schedule=Schedule.COSINE if plan.is_final else Schedule.CONSTANT,
        schedule_s=0.0 if request.steps else request.minutes * 60 * budget, warmup_steps=10, clip=1.0, ema=0.98,
        precision=Precision.FP32,
        freeze_batch_norm=True, seed=request.seed, best_by=BestBy.LOSS,
        patience=0 if plan.is_final else request.patience, save_every=_SAVE_EVERY,
    )  # fmt: skip
    data = DataConfig(folder=job.path / "data" / plan.name, layout=Layout.PANOSOD, check_share=0.0, augment=AUGMENT)
    return Job(
        Stage.VIDEO, trained_config(start.config), recipe, data, out, StartWeights(model=start.path),
        LossConfig(distill=request.distill, distill_apart=True, location=location_weight(start.provenance)),
        resume=(out / STATE).is_file(), device=request.device, tensorboard=False, preset=f"finetune-{request.preset}",
    )  # fmt: skip


def trained_config(config: ModelConfig) -> ModelConfig:
    """The network that is trained: without the teacher where it could not take windows of which one frame has a mask.

    The teacher of the preset `paper` wants the masks of all frames of a window; a person corrects single frames.
    """
    return replace(config, teacher=False) if config.teacher and not config.teacher_validity else config


def mix_of(request: FinetuneRequest) -> Mix:
    """What comes among the corrected windows."""
    scene = config_from_json(SceneConfig().to_json() | (request.scene or {}))
    return Mix(request.mix, request.data, scene, request.windows, request.seed, request.recoloured)


def location_weight(provenance: dict[str, Any]) -> float:
    """The weight of the loss on the location map that a model was trained with: 0, unless it says otherwise.

    Raises:
        CheckpointError: what the model's header says cannot be read.
    """
    stages = provenance.get("stages") or [provenance]
    try:
        # A stage in which only parts learnt, such as a teacher afterwards, says nothing of the student's loss.
        whole = [stage["settings"] for stage in stages if not stage["settings"]["train"].get("parts")]
        return float(whole[-1]["loss"]["location"])
    except (KeyError, TypeError, IndexError):
        return 0.0
    except ValueError as error:
        raise CheckpointError(f"the provenance of this model cannot be used ({error})") from error
