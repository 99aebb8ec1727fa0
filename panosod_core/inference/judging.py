"""What a model is worth: its maps of a data set's key frames, or of scenes that nobody has seen, against the truth.

Beside the scores of maps, scenes tell two things that only they know: whether the model chose the look-alike that
sounds, and how far from the sound its location map peaks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.datasets.index import Clip, DataSet
from panosod_core.datasets.pictures import read_instances, read_mask, read_picture, resized
from panosod_core.datasets.synthetic import SyntheticBatch, SyntheticWindows
from panosod_core.datasets.synthetic_files import INSTANCES, TRUTH
from panosod_core.datasets.windows import Window, WindowSpec, list_windows, window_sound
from panosod_core.errors import DatasetError
from panosod_core.inference.engine import CentreMap, EncodedFrame, Engine
from panosod_core.metrics.folders import FolderEvaluation, JudgeSettings
from panosod_core.metrics.sounding import FrameTruth, SoundingScores
from panosod_core.metrics.tally import MapTally
from panosod_core.model.config import Gate, ModelConfig
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.synth.scene_truth import SceneOnDisk, read_truth

Progress = Callable[[int, int], None]
"""Called with how many of how many frames are done."""


@dataclass(frozen=True)
class ModelEvaluation:
    """Scores of a model.

    Attributes:
        maps: as those of a folder of maps.
        sounding: choices and places; None where the truth says nothing of them.
        subsets: what the subsets are taken from, in words.
        left_out: reason -> key frames that were not asked about.
    """

    maps: FolderEvaluation
    sounding: SoundingScores | None
    subsets: str
    left_out: Mapping[str, int] = field(default_factory=dict)


def window_spec(config: ModelConfig) -> WindowSpec:
    """The windows that a network wants."""
    return WindowSpec(
        frames=config.window, step_s=config.frame_spacing_s, sound_s=config.sound_window_s,
        rate_hz=config.sound_rate_hz, width=config.width_px, height=config.height_px,
    )  # fmt: skip


def heard(location: NDArray[np.float32] | None, config: ModelConfig) -> NDArray[np.float32] | None:
    """A location map as the gate takes it: bounded where the gate is, else the raw numbers."""
    if location is None or config.gate is Gate.LITERAL:
        return location
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * location), np.float32)


def window_map(engine: Engine, pictures: NDArray[np.float32], foa: NDArray[np.float32]) -> CentreMap:
    """The map of one window.

    Args:
        engine: the network at work.
        pictures: (T, 3, H, W) in 0..1, in the model's size.
        foa: (4, n) at the model's rate.
    """
    bytes_ = np.rint(pictures.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    return _centre(engine, [engine.encode_frame(np.ascontiguousarray(picture)) for picture in bytes_], foa)


def judge_scenes(
    engine: Engine,
    *,
    count: int,
    first_seed: int,
    scene: SceneConfig | None = None,
    settings: JudgeSettings | None = None,
    progress: Progress | None = None,
) -> ModelEvaluation:
    """Judge a model on the middle frames of scenes that are rendered in its own size.

    Args:
        engine: the network.
        count: scenes.
        first_seed: seeds from here on; far from those of training.
        scene: what scenes hold; None: the default.
        settings: how maps are judged.
        progress: told after every scene.
    """
    spec = window_spec(engine.config)
    scenes = SyntheticWindows(count, spec, config=scene, first_seed=first_seed)
    tally = MapTally(settings or JudgeSettings())
    for index in range(count):
        batch = scenes[index]
        answer = window_map(engine, batch["frames"][0].numpy(), batch["foa"][0].numpy())
        tally.add(
            batch["meta"][0].clip,
            None,
            answer.saliency,
            np.asarray(batch["masks"][0, spec.target].numpy() * 255, np.uint8),
            heard(answer.location, engine.config),
            frame_truth(batch, 0, spec.target),
        )
        if progress is not None:
            progress(index + 1, count)
    return ModelEvaluation(tally.maps(count), tally.sounding.result(), "none")


def judge_data_set(
    engine: Engine, data: DataSet, *, settings: JudgeSettings | None = None, progress: Progress | None = None
) -> ModelEvaluation:
    """Judge a model on the key frames of a data set that have a mask, by its subsets.

    What cannot be read is named in the result and left out of the numbers.

    Args:
        engine: the network.
        data: with the clips that are to be judged; take :meth:`DataSet.of_split` first.
        settings: how maps are judged; by default at each mask's own size.
        progress: told after every frame.

    Raises:
        DatasetError: no frame that could be judged.
    """
    spec = window_spec(engine.config)
    found = list_windows(data, spec, need_sound=engine.config.fuses)
    if not found.windows:
        reasons = ", ".join(f"{count} with {reason}" for reason, count in found.left_out.items()) or "no pictures"
        raise DatasetError(f"{data.root}: expected key frames with masks (and sound) to judge, found none: {reasons}")
    tally = MapTally(settings or JudgeSettings())
    clips: dict[str, _ClipEyes] = {}
    for done, window in enumerate(found.windows, start=1):
        clip = window.clip
        if clip.name not in clips:
            clips = {clip.name: _ClipEyes(engine, clip, spec, data.root)}  # windows come clip by clip
        try:
            answer, mask, truth = clips[clip.name].judge(window)
        except DatasetError as error:
            tally.unreadable.append(str(error))
        else:
            tally.add(clip.name, clip.subset, answer.saliency, mask, heard(answer.location, engine.config), truth)
        if progress is not None:
            progress(done, len(found.windows))
    sounding = tally.sounding.result()
    known = sounding.choices or sounding.located
    subsets = "of the data set" if data.subsets else "none"
    return ModelEvaluation(tally.maps(len(found.windows)), sounding if known else None, subsets, found.left_out)


def frame_truth(batch: SyntheticBatch, sample: int, frame: int) -> FrameTruth:
    """The truth about one frame of a batch of scenes."""
    return FrameTruth(
        labels=batch["labels"][sample, frame].cpu().numpy(),
        candidates=batch["twin"][sample].cpu().numpy(),
        sounding=batch["sounding"][sample, frame].cpu().numpy(),
        directions=batch["directions"][sample, frame].cpu().numpy(),
    )


def _centre(engine: Engine, encoded: list[EncodedFrame], foa: NDArray[np.float32]) -> CentreMap:
    config = engine.config
    sound = engine.encode_sound(np.ascontiguousarray(foa[: config.sound_channels])) if config.fuses else None
    summaries = [frame.summary for frame in encoded if frame.summary is not None]
    return engine.centre_map(encoded[config.window_centre].own, summaries, sound)


class _ClipEyes:
    """The pictures of a clip, each worked once, and what is known of it."""

    def __init__(self, engine: Engine, clip: Clip, spec: WindowSpec, root: Path) -> None:
        self._engine, self._spec = engine, spec
        self._ring = clip.panoramic
        self._seen: dict[int, EncodedFrame] = {}
        path = root / TRUTH / f"{clip.name}.json"
        self._scene: SceneOnDisk | None = read_truth(path) if path.is_file() else None
        self._instances = root / INSTANCES / clip.name

    def judge(self, window: Window) -> tuple[CentreMap, NDArray[np.uint8], FrameTruth | None]:
        """The map of a window, its mask, and who is where.

        Raises:
            DatasetError: a file that cannot be read.
        """
        for member in [m for m in self._seen if m < min(window.members)]:
            del self._seen[member]
        for member in window.members:
            if member not in self._seen:
                picture = read_picture(window.clip.frames[member].image)
                small = resized(picture, width=self._spec.width, height=self._spec.height, ring=self._ring)
                self._seen[member] = self._engine.encode_frame(np.rint(small * 255).astype(np.uint8))
        frame = window.frame
        if frame.mask is None:
            raise DatasetError(f"{frame.image}: has no mask")
        mask = read_mask(frame.mask)
        foa = window_sound(window, self._spec).samples
        answer = _centre(self._engine, [self._seen[member] for member in window.members], foa)
        return answer, mask, None if self._scene is None else self._truth(self._scene, frame.image, frame.number)

    def _truth(self, scene: SceneOnDisk, image: Path, number: int) -> FrameTruth:
        labels = read_instances(self._instances / f"{image.stem}.png")
        objects, time_s = scene.spec.objects, scene.time_s(number)
        sounding = scene.spec.sounding(time_s)
        return FrameTruth(
            labels=labels,
            candidates=np.array([thing.is_twin for thing in objects]),
            sounding=np.array([thing.id in sounding for thing in objects]),
            directions=np.stack([thing.trajectory.directions([time_s])[0] for thing in objects]),
        )
