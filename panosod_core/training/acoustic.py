"""The first stage: the acoustic encoder learns to say what sounds and where, every 100 ms."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from panosod_core.errors import ConfigError
from panosod_core.model.acoustic import AcousticDetector, Detections
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.training.check import checked, detection_scores
from panosod_core.training.config import BestBy
from panosod_core.training.data import recording_sources
from panosod_core.training.events import Listener
from panosod_core.training.folder import RunFolder, opened
from panosod_core.training.job import Job
from panosod_core.training.learners import AcousticLearner
from panosod_core.training.run import Outcome, Run
from panosod_core.training.start import load_start, provenance
from panosod_core.training.world import joined


def train_acoustic(job: Job, *, listeners: Sequence[Listener] = ()) -> Outcome:
    """Train on L3DAS, or on the sound of synthetic scenes.

    Args:
        job: what is asked.
        listeners: hear every event; in the first process only.

    Returns:
        How it ended.

    Raises:
        PanosodError: it cannot start or go on; what was saved is whole.
    """
    recipe, folder = job.train, RunFolder(job.out, job.resume, job.settings())
    if not job.model.fuses:
        raise ConfigError("a model without sound has no acoustic encoder to train")
    if recipe.best_by not in (BestBy.LOSS, BestBy.F):
        raise ConfigError(f"the acoustic stage is judged by loss or f, got {recipe.best_by}")
    if recipe.freeze_batch_norm:
        raise ConfigError("the acoustic stage begins with random statistics: they cannot be frozen")
    with joined(job.device) as world, opened(job, folder, world, listeners) as events:
        train, check, notes = recording_sources(job.data, job.model, recipe)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            detector = AcousticDetector(job.model)
        loaded = load_start(detector, job.start)
        learner = AcousticLearner(detector, job.acoustic_loss).to(world.device)
        run = Run(learner, recipe, folder, world=world, events=events, notes=notes)
        parallel = world.parallel(learner)

        def judge(batch: dict[str, Any]) -> Mapping[str, Tensor]:
            with run.precision():
                said = run.judged.network(batch["waveform"])
            rows = [Detections(*(part[k : k + 1] for part in said)) for k in range(len(batch["active"]))]
            slots = zip(rows, batch["active"].split(1), batch["position"].split(1), strict=True)
            alone = [learner.judge(*slot) for slot in slots]
            return {"loss": torch.stack(alone), **detection_scores(said, batch["active"], batch["position"])}

        def keep(path: Path, scores: Mapping[str, float]) -> None:
            made = provenance(job, run, loaded)
            save_checkpoint(path, run.judged.network, provenance=made, metrics=dict(scores))

        with run.going():
            for _ in run.epochs():
                learner.train()
                for step in run.steps(train):
                    for i, drawn in enumerate(step.drawn):
                        with run.averaging(parallel, last=i + 1 == len(step.drawn)), run.precision():
                            loss = parallel(run.taken(drawn))
                            (loss / len(step.drawn)).backward()
                        step.add(loss=loss)
                    run.update(step)
                learner.eval()
                run.conclude(lambda: checked(check, judge, run=run), keep)
        return run.outcome
