"""Looks at the same few frames of the check set after every check of a finetuning run, and keeps what it sees."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panosod_core.datasets.pictures import resized
from panosod_core.datasets.tensors import WindowDataset
from panosod_core.model.checkpoint import load_network
from panosod_core.model.network import PanosodNet
from panosod_core.training.batches import Source
from panosod_core.training.examples import BEST_EXAMPLES, EXAMPLES, MOST, Examples, read_examples, write_examples
from panosod_core.training.finetune_plan import RunPlan
from panosod_core.training.jobs.folder import JobFolder

WIDTH_PX = 256
"""Larger pictures are made this small: they are for a glance."""


class ExampleKeeper:
    """Chosen evenly over the check set; the model that is begun with looks at them once."""

    def __init__(self, folder: Path, incumbent: Path) -> None:
        """Name the places.

        Args:
            folder: of the run.
            incumbent: weights of the model that is begun with.
        """
        self._folder, self._incumbent = folder, incumbent
        self._batches: list[dict[str, Any]] = []
        self._names: list[tuple[str, int]] = []
        self._first: Examples | None = None

    @torch.inference_mode()
    def __call__(self, network: PanosodNet, check: Source[Any], step: int, is_best: bool) -> None:
        """Look, and write.

        Args:
            network: as it is judged.
            check: the check set.
            step: steps done.
            is_best: its check was the best so far.

        Raises:
            TrainingError: it cannot be written.
        """
        if not self._batches:
            self._choose(check)
        first = self._first or self._before(network)
        now = _maps(network, self._batches)
        found = Examples(step, first.clips, first.numbers, first.pictures, first.truth, first.before, now)
        self._first = first
        for name in (EXAMPLES, *((BEST_EXAMPLES,) if is_best else ())):
            write_examples(self._folder / name, found)

    def _choose(self, check: Source[Any]) -> None:
        samples = check.samples
        if not isinstance(samples, WindowDataset):
            raise TypeError("windows of corrected frames are looked at")
        for n in _evenly(len(samples), MOST):
            window = samples.windows[n]
            self._names.append((window.clip.title or window.clip.name, window.frame.number))
            self._batches.append(dict(check.stack([samples[n]])))

    def _before(self, network: PanosodNet) -> Examples:
        clips, numbers = (tuple(names) for names in zip(*self._names, strict=True))
        kept = read_examples(self._folder / EXAMPLES)
        if kept is not None and (kept.clips, kept.numbers) == (clips, numbers):
            return kept  # the run goes on
        centre = network.config.window_centre
        before, _ = load_network(self._incumbent, device=next(network.parameters()).device)
        maps = _maps(before.eval(), self._batches)
        pictures = [_small(b["frames"][0, centre].permute(1, 2, 0)) for b in self._batches]
        truth = np.stack([_small((b["masks"][0, centre] > 0.5).float()) for b in self._batches])
        return Examples(0, clips, numbers, np.stack(pictures), truth, maps, maps)


def examples_of(job: JobFolder, plan: RunPlan) -> ExampleKeeper | None:
    """What looks at a run of a job; None for one that learns from all there is, and has nothing to be looked at."""
    if plan.is_final:
        return None
    return ExampleKeeper(job.path / "runs" / plan.name, job.path / "incumbent.safetensors")


def _evenly(count: int, most: int) -> list[int]:
    """At most so many of so many places, spread over all of them."""
    chosen = min(count, most)
    return [(2 * n + 1) * count // (2 * chosen) for n in range(chosen)]


def _maps(network: PanosodNet, batches: Sequence[dict[str, Any]]) -> NDArray[np.uint8]:
    """What a network makes of windows: (N, H, W)."""
    device, centre = next(network.parameters()).device, network.config.window_centre
    was_training = network.training
    network.eval()
    found = []
    for batch in batches:
        foa = batch["foa"].to(device) if network.config.fuses else None
        logits = network(batch["frames"].to(device), foa).student.logits
        found.append(_small(logits[0, centre, 0].float().sigmoid()))
    network.train(was_training)
    return np.stack(found)


def _small(values: Tensor) -> NDArray[np.uint8]:
    """Numbers in 0..1 as bytes, no wider than :data:`WIDTH_PX`."""
    array: NDArray[np.uint8] = np.rint(np.clip(values.float().cpu().numpy(), 0, 1) * 255).astype(np.uint8)
    height, width = array.shape[:2]
    if width <= WIDTH_PX:
        return array
    smaller = resized(array, width=WIDTH_PX, height=round(height * WIDTH_PX / width))
    return np.rint(smaller * 255).astype(np.uint8)
