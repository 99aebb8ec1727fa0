"""Two folders of pictures, predictions and masks, matched by name and judged."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from panosod_core.errors import ConfigError, PanosodError
from panosod_core.metrics.accumulate import Evaluation, MetricAccumulator
from panosod_core.metrics.counts import LevelMap
from panosod_core.metrics.measure import DEFAULT, measure, measure_sphere
from panosod_core.metrics.options import MetricOptions
from panosod_core.metrics.pictures import (
    SUFFIXES,
    PictureError,
    read_map,
    read_mask,
    resized_map,
    resized_mask,
)
from panosod_core.metrics.scores import Scores

_CHUNK = 8


@dataclass(frozen=True)
class FramePair:
    """A mask and the prediction of the same name."""

    name: str
    """Path below the folder, with /, without the suffix."""
    clip: str
    """The folder that the frame lies in, below the root; the root's own name for frames right in it."""
    truth: Path
    prediction: Path | None
    """None where there is none."""


@dataclass(frozen=True)
class Matching:
    """What two folders hold."""

    pairs: tuple[FramePair, ...]
    """One for every mask, by name."""
    extra: tuple[str, ...]
    """Names of predictions that no mask has."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of masks that no prediction has."""
        return tuple(pair.name for pair in self.pairs if pair.prediction is None)


@dataclass(frozen=True)
class JudgeSettings:
    """How frames are judged."""

    options: MetricOptions = DEFAULT
    sphere: bool = True
    """Also on the sphere."""
    size: tuple[int, int] | None = None
    """(width, height) that both are brought to; None judges at the mask's own size, which is the official way."""
    missing_as_black: bool = False
    """A prediction that is missing or unreadable is judged as an all-black one instead of being left out."""


@dataclass(frozen=True)
class FrameOutcome:
    """What became of a frame."""

    pair: FramePair
    flat: Scores | None = None
    """None where it could not be judged."""
    sphere: Scores | None = None
    panorama: bool = True
    """The mask is twice as wide as high."""
    resized: bool = False
    """The prediction had another size than the mask."""
    faint: bool = False
    """The mask has no pixel of object, but is not black: perhaps it is stored as 0 and 1."""
    unreadable: tuple[str, ...] = ()
    """Files that cannot be read, and why."""


@dataclass(frozen=True)
class FolderEvaluation:
    """Scores of a folder, and everything that is not in them."""

    flat: Evaluation
    sphere: Evaluation | None
    masks: int
    """Masks found; those judged are ``flat.everything.frames`` (and ``empty`` ones, if these are skipped)."""
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    unreadable: tuple[str, ...]
    resized: int
    not_panoramas: int
    faint: tuple[str, ...]


def match_folders(predictions: Path, truths: Path) -> Matching:
    """Pair the pictures of two folders by their path below them, whatever their suffix.

    Raises:
        ConfigError: a folder that is not there, no masks, two files of one name, or not one name in common.
    """
    maps, masks = _pictures(predictions, "predictions"), _pictures(truths, "masks")
    if not masks:
        raise ConfigError(f"expected masks ({', '.join(sorted(SUFFIXES))}) in {truths}, found none")
    if not maps.keys() & masks.keys():
        raise ConfigError(
            f"no prediction in {predictions} has the name of a mask in {truths}: expected for example "
            f"{predictions / next(iter(masks))}.png, found {next(iter(maps), 'nothing')}"
        )
    pairs = tuple(
        FramePair(name, name.rpartition("/")[0] or truths.resolve().name, path, maps.get(name))
        for name, path in masks.items()
    )
    return Matching(pairs, tuple(name for name in maps if name not in masks))


def judge(pair: FramePair, settings: JudgeSettings) -> FrameOutcome:
    """Read and judge one frame; what cannot be read is said in the outcome."""
    unreadable: list[str] = []
    truth = _read(read_mask, pair.truth, unreadable)
    prediction = None if pair.prediction is None else _read(read_map, pair.prediction, unreadable)
    if truth is not None and prediction is None and settings.missing_as_black:
        prediction = np.zeros_like(truth)
    if truth is None or prediction is None:
        return FrameOutcome(pair, unreadable=tuple(unreadable))
    panorama, resized = truth.shape[1] == 2 * truth.shape[0], prediction.shape != truth.shape
    if settings.size is not None:
        truth = resized_mask(truth, *settings.size)
    if prediction.shape != truth.shape:
        prediction = resized_map(prediction, truth.shape[1], truth.shape[0])
    flat = measure(prediction, truth, settings.options)
    return FrameOutcome(
        pair,
        flat=flat,
        sphere=measure_sphere(prediction, truth, settings.options) if settings.sphere else None,
        panorama=panorama,
        resized=resized,
        faint=bool(flat.empty[0]) and bool(truth.any()),
        unreadable=tuple(unreadable),
    )


def evaluate_folders(
    matching: Matching,
    *,
    subsets: Mapping[str, str],
    settings: JudgeSettings,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> FolderEvaluation:
    """Judge all pairs.

    Args:
        matching: what to judge.
        subsets: clip -> subset; clips that are not in it count in All only.
        settings: how.
        jobs: processes that read and judge; the result does not depend on it.
        progress: called with how many of how many frames are done.

    Raises:
        PanosodError: a worker process was killed.
    """
    flat = MetricAccumulator(settings.options)
    sphere = MetricAccumulator(settings.options, sphere=True) if settings.sphere else None
    unreadable: list[str] = []
    faint: list[str] = []
    resized = not_panoramas = 0
    for done, outcome in enumerate(_outcomes(matching.pairs, settings, jobs), start=1):
        clip = outcome.pair.clip
        if outcome.flat is not None:
            flat.add_scores(outcome.flat, clip=clip, subset=subsets.get(clip))
        if sphere is not None and outcome.sphere is not None:
            sphere.add_scores(outcome.sphere, clip=clip, subset=subsets.get(clip))
        unreadable += outcome.unreadable
        faint += [outcome.pair.name] * outcome.faint
        resized += outcome.resized
        not_panoramas += not outcome.panorama
        if progress is not None:
            progress(done, len(matching.pairs))
    return FolderEvaluation(
        flat=flat.result(),
        sphere=None if sphere is None else sphere.result(),
        masks=len(matching.pairs),
        missing=matching.missing,
        extra=matching.extra,
        unreadable=tuple(unreadable),
        resized=resized,
        not_panoramas=not_panoramas,
        faint=tuple(faint),
    )


def _outcomes(pairs: Sequence[FramePair], settings: JudgeSettings, jobs: int) -> Iterator[FrameOutcome]:
    if jobs <= 1:
        yield from (judge(pair, settings) for pair in pairs)
        return
    # Spawned, not forked: whoever calls this may have threads.
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(judge, pairs, [settings] * len(pairs), chunksize=_CHUNK)
    except BrokenProcessPool as error:
        raise PanosodError("a process that judged frames was killed (out of memory?): try fewer --jobs") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _read(reader: Callable[[Path], LevelMap], path: Path, unreadable: list[str]) -> LevelMap | None:
    try:
        return reader(path)
    except PictureError as error:
        unreadable.append(f"{path}: {error}")
        return None


def _pictures(root: Path, what: str) -> dict[str, Path]:
    """Name -> file, sorted by name; hidden files and folders are left alone, links are followed."""
    if not root.is_dir():
        raise ConfigError(f"expected a folder of {what}, got {root}")
    found: dict[str, Path] = {}
    for path in sorted(_files(root)):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        name = path.relative_to(root).with_suffix("").as_posix()
        if name in found:
            raise ConfigError(f"two files of one name, {found[name]} and {path}: remove one")
        found[name] = path
    return found


def _files(root: Path) -> Iterator[Path]:
    """All files below a folder. Clips are often links into another disk, which ``rglob`` would pass by in silence."""
    for folder, below, names in os.walk(root, followlinks=True):
        here = Path(folder).resolve()
        # A link to a folder that it lies in would be walked for ever.
        below[:] = [b for b in below if not b.startswith(".") and not here.is_relative_to(Path(folder, b).resolve())]
        yield from (Path(folder, name) for name in names)
