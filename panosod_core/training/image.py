"""The second stage: visual encoder and decoder on single pictures, without sound, fusion and teacher."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.training.check import checked, map_scores
from panosod_core.training.data import still_sources
from panosod_core.training.events import Listener
from panosod_core.training.folder import RunFolder, opened
from panosod_core.training.job import Job
from panosod_core.training.learners import ImageLearner
from panosod_core.training.losses import structure_loss
from panosod_core.training.run import Outcome, Run
from panosod_core.training.start import image_config, load_start, provenance
from panosod_core.training.world import joined


def train_image(job: Job, *, listeners: Sequence[Listener] = ()) -> Outcome:
    """Train on DUTS, on folders like it, or on synthetic pictures in which every object is salient.

    Args:
        job: what is asked; the network is what ``job.model`` leaves without sound.
        listeners: hear every event; in the first process only.

    Returns:
        How it ended.

    Raises:
        PanosodError: it cannot start or go on; what was saved is whole.
    """
    recipe, folder = job.train, RunFolder(job.out, job.resume, job.settings())
    with joined(job.device) as world, opened(job, folder, world, listeners) as events:
        train, check, notes = still_sources(job.data, job.model, recipe, world.device)
        network = build_network(image_config(job.model), seed=recipe.seed)
        loaded = load_start(network, job.start)
        network.freeze_batch_norm(recipe.freeze_batch_norm)
        learner = ImageLearner(network, job.loss).to(world.device)
        run = Run(learner, recipe, folder, world=world, events=events, notes=notes)
        parallel = world.parallel(learner)

        def judge(batch: dict[str, Any]) -> Mapping[str, Tensor]:
            with run.precision():
                logits = run.judged.network(batch["frames"]).student.logits
            alone = [structure_loss(x[None], y[None, :, None], dice=job.loss.dice)
                     for x, y in zip(logits, batch["masks"], strict=True)]  # fmt: skip
            return {"loss": torch.stack(alone), **map_scores(logits[:, 0, 0], batch["masks"][:, 0])}

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
