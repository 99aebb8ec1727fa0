"""What the incumbent was made for: a few base scenes, on which both models are asked what the candidate has forgotten.

The check set cannot tell: where the incumbent sees nothing, whatever has learnt from spoilt masks may be better there.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.datasets.index import DataSet, Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.synthetic import SyntheticWindows
from panosod_core.datasets.windows import list_windows, load_window
from panosod_core.errors import DatasetError
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.judging import heard, window_map, window_spec
from panosod_core.model.config import ModelConfig
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.training.finetune_compare import scores_of
from panosod_core.training.finetune_gate import FrameScores

SCENES = 40
FIRST_SEED = 1 << 42
"""No training, check or test takes scenes from here on. They are the same for every job."""
_MOST_DRAWN = 10 * SCENES
"""Of those in which nothing sounds there is nothing to be asked."""

Picture = NDArray[np.float32]
Place = tuple[str, int, float]
"""Name of a clip, number and time of the frame in it, seconds."""
Scene = tuple[Place, Picture, Picture, Picture, bool]
"""Its clip, pictures (T, 3, H, W), sound (4, n), mask (H, W), whether it has sound."""


def compare_on_base(
    incumbent: Engine,
    candidate: Engine,
    *,
    folder: Path | None,
    scene: SceneConfig,
    heed: Callable[[], None] = lambda: None,
) -> list[FrameScores]:
    """Scores of both models on base scenes. A synthetic one is a clip of its own.

    Args:
        incumbent: the model that is used.
        candidate: the one that may replace it; of the same window and size.
        folder: the data set that was mixed in: what it keeps for validation, else for the test, else all of it is
            asked of; None: synthetic scenes.
        scene: what those hold.
        heed: called before every scene.

    Raises:
        DatasetError: the folder is no data set that can be read, or holds no frame with a mask; or nothing sounds.
    """
    found = _synthetic(candidate.config, scene) if folder is None else _of_folder(candidate.config, folder)
    frames = []
    for place, pictures, foa, mask, has_sound in found:
        heed()
        scores = []
        for engine in (incumbent, candidate):
            made = window_map(engine, pictures, foa)
            scores.append(scores_of(made, mask, heard(made.location, engine.config) if has_sound else None))
        frames.append(FrameScores(*place, *scores))
    if not frames:
        raise DatasetError("expected synthetic scenes in which something sounds, drew none: change what scenes hold")
    return frames


def _synthetic(config: ModelConfig, scene: SceneConfig) -> Iterator[Scene]:
    spec = window_spec(config)
    scene = replace(scene, duration_s=config.sound_window_s)
    windows = SyntheticWindows(_MOST_DRAWN, spec, config=scene, first_seed=FIRST_SEED)
    count = 0
    for index in range(_MOST_DRAWN):
        batch = windows[index]
        mask = batch["masks"][0, spec.target].numpy()
        if mask.any():
            count += 1
            yield (batch["meta"][0].clip, 0, 0.0), batch["frames"][0].numpy(), batch["foa"][0].numpy(), mask, True
        if count == SCENES:
            return


def _of_folder(config: ModelConfig, folder: Path) -> Iterator[Scene]:
    data, spec = _kept_part(open_data_set(folder)), window_spec(config)
    windows = list_windows(data, spec, need_sound=config.fuses).windows
    if not windows:
        raise DatasetError(f"{folder}: expected frames with masks (and sound) to judge on, found none")
    chosen = min(SCENES, len(windows))
    for place in range(chosen):
        window = windows[(2 * place + 1) * len(windows) // (2 * chosen)]
        sample = load_window(window, spec)
        asked = (window.clip.name, window.frame.number, round(window.frame.time_s, 4))
        yield asked, sample.frames, sample.foa, sample.masks[spec.target], sample.has_sound


def _kept_part(data: DataSet) -> DataSet:
    parts = (data.of_split(split) for split in (Split.VALIDATION, Split.TEST))
    return next((part for part in parts if part.clips), data)
