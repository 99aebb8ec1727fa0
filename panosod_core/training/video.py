"""The third stage: the whole network on video with sound. Read it from top to bottom."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import PanosodNet, build_network
from panosod_core.training.batches import Source
from panosod_core.training.check import checked, map_scores
from panosod_core.training.data import Sources, window_sources
from panosod_core.training.events import Listener
from panosod_core.training.folder import LAST, RunFolder, opened
from panosod_core.training.job import Job
from panosod_core.training.learners import VideoLearner
from panosod_core.training.losses import structure_loss
from panosod_core.training.run import Outcome, Run
from panosod_core.training.start import hold_back, load_start, provenance
from panosod_core.training.world import joined

Look = Callable[[PanosodNet, Source[Any], int, bool], None]
"""After a check: the network as it is judged, the check set, the step, and whether that was the best so far."""


def train_video(
    job: Job,
    *,
    listeners: Sequence[Listener] = (),
    sources: Callable[..., Sources] = window_sources,
    look: Look | None = None,
) -> Outcome:
    """Train on ASOD60K, on folders like it, or on synthetic scenes.

    Args:
        job: what is asked. A backbone whose rate is 0 is left out of the arithmetic too.
        listeners: hear every event; in the first process only.
        sources: makes the windows that the job's data means; called as :func:`window_sources`.
        look: called after every check, in the first process; changes nothing.

    Returns:
        How it ended.

    Raises:
        PanosodError: it cannot start or go on; what was saved is whole.
    """
    recipe, folder = job.train, RunFolder(job.out, job.resume, job.settings())
    with joined(job.device) as world, opened(job, folder, world, listeners) as events:
        train, check, notes = sources(job.data, job.model, recipe, world.device)
        network = build_network(job.model, seed=recipe.seed)
        loaded = load_start(network, job.start)
        network.freeze_batch_norm(recipe.freeze_batch_norm or bool(recipe.parts))
        learner = VideoLearner(network, job.loss).to(world.device)
        if network.teacher is not None and not job.loss.distill:
            network.teacher.requires_grad_(False)
        if recipe.parts:
            hold_back(network, learning=recipe.parts)
        if not recipe.backbone_lr:
            network.visual.backbone.requires_grad_(False)
        run = Run(learner, recipe, folder, world=world, events=events, notes=notes)
        parallel = world.parallel(learner, unused=job.loss.distill_adapter and job.loss.distill_warmup_steps > 0)

        def judge(batch: dict[str, Any]) -> Mapping[str, Tensor]:
            net, masks = run.judged.network, batch["masks"]
            with run.precision():
                logits = net(batch["frames"], batch["foa"] if job.model.fuses else None).student.logits
            alone = [structure_loss(x[None], y[None, :, None], dice=job.loss.dice, valid=v[None])
                     for x, y, v in zip(logits, masks, batch["mask_valid"], strict=True)]  # fmt: skip
            centre = job.model.window_centre
            return {"loss": torch.stack(alone), **map_scores(logits[:, centre, 0], masks[:, centre])}

        def keep(path: Path, scores: Mapping[str, float]) -> None:
            made = provenance(job, run, loaded)
            save_checkpoint(path, run.judged.network, provenance=made, metrics=dict(scores))
            if look is not None and path.name == LAST:
                look(run.judged.network, check, run.position.step, run.position.since_best == 0)

        with run.going():
            for _ in run.epochs():
                learner.train()
                for step in run.steps(train):
                    for i, drawn in enumerate(step.drawn):
                        with run.averaging(parallel, last=i + 1 == len(step.drawn)), run.precision():
                            parts = parallel(run.taken(drawn), step.number)
                            (parts.total / len(step.drawn)).backward()
                        step.add(
                            loss=parts.total, student=parts.student, teacher=parts.teacher,
                            distill=parts.distill, location=parts.location,
                        )  # fmt: skip
                    run.update(step)
                learner.eval()
                run.conclude(lambda: checked(check, judge, run=run), keep)
        return run.outcome
