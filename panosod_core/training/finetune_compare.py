"""Incumbent against candidate, frame by frame, on what neither has learnt from. Needs no torch by itself."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from panosod_core.datasets.index import DataSet
from panosod_core.datasets.windows import list_windows, load_window
from panosod_core.errors import DatasetError
from panosod_core.geometry.sphere import equirect_directions
from panosod_core.inference.engine_protocol import CentreMap, Engine
from panosod_core.inference.judging import heard, window_map, window_spec
from panosod_core.metrics.measure import measure, to_levels
from panosod_core.metrics.sounding import map_peak
from panosod_core.training.finetune_gate import FrameScores

Progress = Callable[[int, int], None]
_MAP_SCORES = ("f", "s", "e", "mae", "j")


def compare_models(
    incumbent: Engine, candidate: Engine, data: DataSet, *, decided: float = 1.0, progress: Progress | None = None
) -> Iterator[FrameScores]:
    """Scores of both models on every frame of a data set that has a mask.

    Args:
        incumbent: the model that is used.
        candidate: the one that may replace it; of the same window and size.
        data: with the clips that are to be judged.
        decided: what suits the incumbent's logits to be multiplied with; its scores then stand beside the others.
        progress: told after every frame.

    Raises:
        DatasetError: no frame that could be judged, or one that cannot be read.
    """
    spec = window_spec(candidate.config)
    if window_spec(incumbent.config) != spec:
        raise ValueError("models are compared on the same windows")
    found = list_windows(data, spec, need_sound=candidate.config.fuses)
    if not found.windows:
        reasons = ", ".join(f"{count} with {reason}" for reason, count in found.left_out.items()) or "no pictures"
        raise DatasetError(f"{data.root}: expected frames with masks (and sound) to judge, found none: {reasons}")
    done = 0
    titles = clip_titles(data)
    for name, windows in groupby(found.windows, key=lambda w: w.clip.name):
        for window in windows:
            sample = load_window(window, spec)
            mask = sample.masks[spec.target]
            maps = [window_map(engine, sample.frames, sample.foa) for engine in (incumbent, candidate)]
            known = sample.has_sound
            before, after = (
                scores_of(made, mask, heard(made.location, engine.config) if known else None)
                for made, engine in zip(maps, (incumbent, candidate), strict=True)
            )
            control = scores_of(decided_map(maps[0], decided), mask, None) if decided != 1 else None
            time_s = round(window.frame.time_s, 4)
            yield FrameScores(titles[name], window.frame.number, time_s, before, after, control)
            done += 1
            if progress is not None:
                progress(done, len(found.windows))


def clip_titles(data: DataSet) -> dict[str, str]:
    """What each clip of a data set is called for people, by its name; no two are called the same."""
    wanted = {clip.name: clip.title or clip.name for clip in data.clips}
    count = Counter(wanted.values())
    return {name: title if count[title] == 1 else f"{title} ({name})" for name, title in wanted.items()}


def decided_map(made: CentreMap, factor: float) -> CentreMap:
    """A map whose logits are multiplied by a number."""
    inside = np.clip(made.saliency.astype(np.float64), 1e-9, 1 - 1e-9)
    logits = factor * (np.log(inside) - np.log1p(-inside))
    return made._replace(saliency=np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32))


def scores_of(made: CentreMap, mask: NDArray[np.float32], location: NDArray[np.float32] | None) -> dict[str, float]:
    """Scores of one map.

    Args:
        made: the model's answer.
        mask: (H, W) in 0..1.
        location: where it hears, or None where there is nothing to hear or to compare.

    Returns:
        F, S, E, MAE, J; and, where the mask and the location map are there, ``location_deg``: the angle from that
        map's peak to the nearest pixel of the mask.
    """
    truth = mask > 0.5
    scores = measure(to_levels(np.clip(made.saliency, 0, 1)), truth)
    found = {name: float(np.asarray(getattr(scores, name)).ravel()[0]) for name in _MAP_SCORES}
    if location is not None and truth.any():
        height, width = truth.shape
        nearest = float(np.max(equirect_directions(width, height)[truth] @ map_peak(location)))
        found["location_deg"] = float(np.degrees(np.arccos(np.clip(nearest, -1.0, 1.0))))
    return found
