"""Synthetic scenes on disk, in the folders that ASOD60K's authors use: readers of the one read the other.

::

    dataset.json                             what it is (see panosod_core.datasets.manifest); written last
    frame_key/<seq>/<NNNNN>.png              key frames
    DATA/{train,test}/<seq>/<NNNNN>.png      masks of the sounding objects, grey 0 or 255
    instances/<seq>/<NNNNN>.png              all objects, palette of PASCAL VOC; sounding or not
    ambisonics_trimmed/<seq>.wav             four channels, ACN/SN3D, 32-bit floating point
    data/PAVS10K_seqs_{train,test}.txt       one <seq> a line
    truth/<seq>.json                         who is where, who sounds, and what the scene was drawn from
    Videos/<seq>.mp4                         the whole clip, on request
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import wavfile

from panosod_core.datasets.asod60k import LISTS
from panosod_core.datasets.index import Split
from panosod_core.datasets.manifest import FRAMES, MASKS, SOUND, Manifest, SequenceEntry, write_manifest
from panosod_core.datasets.pictures import voc_palette
from panosod_core.errors import ConfigError, DatasetError
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.writer import ClipWriter, PictureSettings, SoundCodec, SoundSettings
from panosod_core.synth.grid import Float32Array
from panosod_core.synth.scene import SceneSpec, draw_scene
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_picture import ScenePainter, ScenePictures, to_bytes
from panosod_core.synth.scene_sound import render_sound
from panosod_core.synth.scene_truth import SceneOnDisk, truth_text

KEY_STEP = 6
"""Key frames are the multiples of this, as in ASOD60K."""
INSTANCES, LIST_FOLDER, TRUTH, VIDEOS = "instances", "data", "truth", "Videos"
"""Folders beside those of the manifest."""
_PAINTERS = 2


@dataclass(frozen=True)
class SceneFiles:
    """What is to be written. Checked at birth.

    Attributes:
        count: scenes, 1 to 99999.
        first_seed: scene i has this seed plus i.
        test: how many of them, the last ones, form the test split.
        config: what scenes hold.
        held_out: what the scenes of the test split hold out.
        width, height: pixels.
        fps: frames per second.
        sample_rate_hz: of the sound.
        clips: write the whole clips as videos, too.
    """

    count: int
    first_seed: int = 0
    test: int = 0
    config: SceneConfig = field(default_factory=lambda: SceneConfig(duration_s=6.0))
    held_out: tuple[HeldOut, ...] = ()
    width: int = 832
    height: int = 416
    fps: Fraction = Fraction(30)
    sample_rate_hz: int = 48000
    clips: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 99999:
            raise ConfigError(f"expected 1 to 99999 scenes, got {self.count}")
        if not 0 <= self.test <= self.count:
            raise ConfigError(f"the test split holds 0 to all {self.count} of the scenes, got {self.test}")
        if self.first_seed < 0:
            raise ConfigError(f"the seed must be 0 or a positive whole number, got {self.first_seed}")
        if self.width != 2 * self.height or self.width % 4 or not 32 <= self.width <= 8192:
            raise ConfigError(
                f"scenes are twice as wide as high, the width a multiple of 4 from 32 to 8192, got "
                f"{self.width}x{self.height}"
            )
        if not 1 <= self.fps <= 240:
            raise ConfigError(f"the frame rate must lie between 1 and 240 a second, got {float(self.fps):g}")

    def scene(self, index: int) -> SceneSpec:
        """The scene of an index."""
        held_out = self.held_out if self.split(index) is Split.TEST else ()
        config = replace(self.config, held_out=tuple(dict.fromkeys((*self.config.held_out, *held_out))))
        return draw_scene(self.first_seed + index, config)

    def split(self, index: int) -> Split:
        """What a scene is for."""
        return Split.TEST if index >= self.count - self.test else Split.TRAIN

    def name(self, index: int) -> str:
        """The name of a scene's sequence."""
        return f"scene_{self.first_seed + index:08d}"


@dataclass(frozen=True)
class FilesProgress:
    """How far it is: scenes done of scenes in all, and the name of the last one."""

    done: int
    total: int
    name: str


def write_scenes(root: Path, files: SceneFiles, *, progress: Callable[[FilesProgress], None] | None = None) -> Manifest:
    """Write scenes into a new or empty folder.

    ``dataset.json`` is written last: a folder without it was not finished.

    Args:
        root: the folder; made where it is missing.
        files: what to write.
        progress: called after every scene.

    Returns:
        The manifest that was written.

    Raises:
        ConfigError: scenes that cannot be.
        DatasetError: the folder holds something, cannot be written, or the disk is full.
        MediaError: a background picture cannot be read, or a clip cannot be written.
    """
    try:
        if root.exists() and any(root.iterdir()):
            raise DatasetError(f"{root}: expected a new or empty folder for the scenes, it holds something")
        painter = ScenePainter(files.width, files.height)
        sequences: dict[str, SequenceEntry] = {}
        for index in range(files.count):
            name, split = files.name(index), files.split(index)
            spec = files.scene(index)
            _write_scene(root, name, split, spec, files=files, painter=painter)
            kinds = sorted({thing.class_name for thing in spec.objects if thing.is_twin})
            title = f"{len(spec.objects)} objects" + (f", twins: {kinds[0]}" if kinds else "")
            sequences[name] = SequenceEntry(split, files.fps, title=title)
            if progress is not None:
                progress(FilesProgress(index + 1, files.count, name))
        for split, file in LISTS.items():
            names = [name for name, entry in sequences.items() if entry.split is split]
            _write_bytes(root / LIST_FOLDER / file, "".join(f"{name}\n" for name in names).encode())
        manifest = Manifest("synthetic scenes", sequences, KEY_STEP)
        write_manifest(root, manifest)
    except OSError as error:
        raise DatasetError(f"{root}: cannot be written ({error.strerror or error})") from error
    return manifest


def _write_scene(
    root: Path, name: str, split: Split, spec: SceneSpec, *, files: SceneFiles, painter: ScenePainter
) -> None:
    frame_count = max(1, round(spec.config.duration_s * files.fps))
    keys = tuple(range(0, frame_count, KEY_STEP))
    on_disk = SceneOnDisk(spec, files.fps, frame_count, keys, files.width, files.height, files.sample_rate_hz)
    sound = render_sound(spec, rate_hz=files.sample_rate_hz)
    wanted = range(frame_count) if files.clips else keys
    writer = _clip_writer(root / VIDEOS / f"{name}.mp4", files) if files.clips else None
    try:
        for number, pictures in _painted(on_disk, wanted, painter):
            picture = to_bytes(pictures.frames[0])
            if number % KEY_STEP == 0:
                labels = pictures.labels[0]
                sounding = np.isin(labels, spec.sounding(on_disk.time_s(number)))
                file = f"{number:05d}.png"
                _write_picture(root / FRAMES / name / file, picture)
                _write_picture(root / MASKS / split.value / name / file, np.where(sounding, np.uint8(255), np.uint8(0)))
                _write_picture(root / INSTANCES / name / file, labels, palette=voc_palette())
            if writer is not None:
                first, end = (round((number + k) / files.fps * files.sample_rate_hz) for k in (0, 1))
                writer.write_picture(picture)
                writer.write_sound(sound[:, first:end])
        if writer is not None:
            writer.close()
            clip = root / VIDEOS / f"{name}.mp4"
            write_spherical(clip, clip, geometry=PictureGeometry(), sound=AmbisonicSound(order=1))
    except BaseException:
        if writer is not None:
            writer.abort()
        raise
    _write_wave(root / SOUND / f"{name}.wav", sound, rate_hz=files.sample_rate_hz)
    _write_bytes(root / TRUTH / f"{name}.json", truth_text(on_disk).encode())


def _painted(
    scene: SceneOnDisk, numbers: range | tuple[int, ...], painter: ScenePainter
) -> Iterator[tuple[int, ScenePictures]]:
    """Pictures of some frames in order, a few painted ahead on other threads."""
    background = painter.background(scene.spec)

    def paint(number: int) -> ScenePictures:
        return painter.render(scene.spec, [scene.time_s(number)], background=background)

    waiting: deque[tuple[int, Future[ScenePictures]]] = deque()
    with ThreadPoolExecutor(_PAINTERS) as pool:
        for number in numbers:
            waiting.append((number, pool.submit(paint, number)))
            if len(waiting) > 2 * _PAINTERS:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()


def _clip_writer(path: Path, files: SceneFiles) -> ClipWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    return ClipWriter(
        path,
        width=files.width,
        height=files.height,
        fps=files.fps,
        sample_rate_hz=files.sample_rate_hz,
        audio_channels=4,
        picture=PictureSettings(crf=18),
        sound=SoundSettings(codec=SoundCodec.FLAC),
    )


def _write_picture(path: Path, pixels: NDArray[np.uint8], *, palette: NDArray[np.uint8] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(palette.reshape(-1).tolist())
    part = path.with_name(f".{path.name}.part")
    image.save(part, format="PNG")
    part.replace(path)


def _write_wave(path: Path, sound: Float32Array, *, rate_hz: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    wavfile.write(part, rate_hz, np.ascontiguousarray(sound.T))
    part.replace(path)


def _write_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
