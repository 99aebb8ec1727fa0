"""An annotated project as a data set: its masks at one moment, with pictures and sound, in the folders of panosod.

A snapshot never changes, so what is made of it is made once and kept: a folder in the platform's cache, named by the
snapshot and the size, or wherever a job wants it. Beside every annotated frame stand those that a window needs (0.2 s
before and after), without masks.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import platformdirs
from numpy.typing import NDArray
from PIL import Image

from panosod_core.annotation.adopting import clip_file
from panosod_core.annotation.clip_names import clip_names
from panosod_core.annotation.formats import companions
from panosod_core.annotation.formats.table import safe_name
from panosod_core.annotation.presence import only_sounding
from panosod_core.annotation.records import Clip, FrameState, MaskState, Source
from panosod_core.annotation.snapshot import Snapshot, SnapshotFrame
from panosod_core.datasets.index import Split
from panosod_core.datasets.manifest import FRAMES, MANIFEST, MASKS, SOUND, Manifest, SequenceEntry, write_manifest
from panosod_core.errors import DatasetError
from panosod_core.geometry.picture import FULL_SPHERE
from panosod_core.geometry.sphere import equirect_directions
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.video import VideoReader

SUFFIX = ".panosod"
LEARNT_FROM = frozenset({MaskState.DRAFT, MaskState.ACCEPTED})
"""States whose masks are taken by default; rejected ones never teach."""
BY_PERSONS = frozenset({Source.MANUAL, Source.IMPORTED})
"""Who makes drafts that say something by themselves. What a model or a propagation drew says so once it is accepted."""
_SOUND_MARGIN_S = 2.0
_MADE_BY = 3
"""Counts up whenever the same project would become another data set, so that none is taken that an older one made."""


@dataclass(frozen=True)
class Part:
    """What frames of a clip are for.

    Attributes:
        split: training, validation or test.
        indices: frame numbers that belong to it.
    """

    split: Split
    indices: frozenset[int]


SplitRule = Callable[[Clip, tuple[SnapshotFrame, ...]], list[Part]]
"""Divides a clip's annotated frames; a frame in no part is left out (a guard between two)."""


def all_for(split: Split) -> SplitRule:
    """The rule that puts everything into one split."""
    return lambda clip, frames: [Part(split, frozenset(f.row.key.index for f in frames))]


@dataclass(frozen=True)
class Preparation:
    """How a project becomes a data set.

    Attributes:
        width: of pictures and masks, pixels; twice the height. Clips are never made larger.
        states: masks in these are learnt from.
        step_s: between the frames of a window.
        window: frames of a window.
        sounding_only: objects count only while they sound, where a person has said when.
        rule: what is for training and what for checking.
    """

    width: int = 832
    states: frozenset[MaskState] = LEARNT_FROM
    step_s: float = 0.2
    window: int = 3
    sounding_only: bool = True
    rule: SplitRule = field(default_factory=lambda: all_for(Split.TRAIN))


@dataclass(frozen=True)
class Prepared:
    """What was made.

    Attributes:
        root: the folder.
        frames: annotated frames a split.
        left_out: names of clips whose file was not found.
    """

    root: Path
    frames: Mapping[Split, int]
    left_out: tuple[str, ...] = ()


def prepare(
    snapshot: Snapshot,
    root: Path,
    how: Preparation,
    *,
    media: Callable[[Clip], Path | None],
    should_stop: Callable[[], bool] = lambda: False,
) -> Prepared:
    """Write a snapshot as a data set into a new folder, which appears when it is whole.

    Args:
        snapshot: of the project.
        root: the folder; not there yet.
        how: what is taken.
        media: where a clip's file is.
        should_stop: True abandons it; nothing is left.

    Raises:
        DatasetError: nothing to learn from, or the folder cannot be written.
        PanosodError: a clip or the project cannot be read.
    """
    if root.exists():
        raise DatasetError(f"{root} is there already: choose another folder")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    except OSError as error:
        raise DatasetError(f"{root} cannot be written: {error.strerror}") from error
    try:
        prepared = _write(snapshot, part, how, media, should_stop)
        part.rename(root)
    except OSError as error:
        raise DatasetError(f"{root} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Prepared(root, prepared.frames, prepared.left_out)


def cached_project(project: Path, how: Preparation | None = None) -> Path:
    """The data set of a project as it is now, from the platform's cache or made anew.

    Args:
        project: the file.
        how: what is taken; its rule is not looked at, all is for training.

    Raises:
        DatasetError: nothing to learn from, or it cannot be written.
        PanosodError: a clip or the project cannot be read.
    """
    how = replace(how or Preparation(), rule=all_for(Split.TRAIN))
    with Snapshot.open(project) as snapshot:
        files = {clip.id: clip_file(project, clip) for clip in snapshot.clips}
        # A clip that was away is looked for again: what was made without it is another data set.
        there = sorted(number for number, path in files.items() if path is not None)
        chosen = (_MADE_BY, how.width, sorted(how.states), how.step_s, how.window, how.sounding_only, there)
        name = f"{snapshot.fingerprint[:24]}-{how.width}-{hashlib.sha256(repr(chosen).encode()).hexdigest()[:8]}"
        root = Path(platformdirs.user_cache_dir("panosod", appauthor=False)) / "projects" / name
        if not (root / MANIFEST).is_file():
            prepare(snapshot, root, how, media=lambda clip: files[clip.id])
    return root


def _write(
    snapshot: Snapshot,
    root: Path,
    how: Preparation,
    media: Callable[[Clip], Path | None],
    should_stop: Callable[[], bool],
) -> Prepared:
    sequences: dict[str, SequenceEntry] = {}
    counts: dict[Split, int] = {}
    left_out: list[str] = []
    titles = clip_names(snapshot.clips)
    for clip in snapshot.clips:
        frames = tuple(f for f in snapshot.frames[clip.id] if teaches(f, how.states))
        if not frames:
            continue
        path = media(clip)
        if path is None:
            left_out.append(clip.path)
            continue
        name = safe_name(Path(clip.path).stem)
        name = name if name not in sequences else f"{name}_{clip.id}"
        writer = _ClipWriter(snapshot, clip, path, root, how, title=titles[clip.id])
        for part in how.rule(clip, frames):
            chosen = [f for f in frames if f.row.key.index in part.indices]
            if not chosen:
                continue
            sequence = name if part.split is Split.TRAIN else f"{name}_{part.split.value}"
            if should_stop():
                raise DatasetError("preparing the project was abandoned; nothing was written")
            sequences[sequence] = writer.write(sequence, part.split, chosen)
            counts[part.split] = counts.get(part.split, 0) + len(chosen)
    if not sequences:
        missing = f" ({', '.join(left_out)} not found)" if left_out else ""
        raise DatasetError(f"{snapshot.path}: expected annotated frames to learn from, there are none{missing}")
    away = dict.fromkeys(left_out, "the clip is not where the project says, nor beside it under its name")
    write_manifest(root, Manifest(snapshot.path.stem, sequences, key_step=1, left_out=away))
    return Prepared(root, counts, tuple(left_out))


def teaches(frame: SnapshotFrame, states: frozenset[MaskState] = LEARNT_FROM) -> bool:
    """Whether a frame is learnt from: a person has said something of it, in one of these states, and did not reject it.

    Said is: the frame or one of its masks was accepted, a mask was painted, corrected or imported, or all masks were
    taken away. Other masks of such a frame are learnt from with it: without them it would show nothing there.
    """
    row = frame.row
    if row.state is FrameState.REJECTED:
        return False
    if row.state is FrameState.ACCEPTED or (row.state is FrameState.DRAFT and not frame.masks):
        return MaskState(row.state.value) in states or any(mask.state in states for mask in frame.masks)
    return any(m.state in states and (m.state is MaskState.ACCEPTED or m.source in BY_PERSONS) for m in frame.masks)


def is_machines(frame: SnapshotFrame) -> bool:
    """Whether a frame holds masks of machines that no person has said anything of yet."""
    drafts = any(m.state is MaskState.DRAFT and m.source not in BY_PERSONS and m.area_px for m in frame.masks)
    return drafts and frame.row.state is not FrameState.REJECTED and not teaches(frame)


class _ClipWriter:
    """Writes the parts of one clip."""

    def __init__(self, snapshot: Snapshot, clip: Clip, path: Path, root: Path, how: Preparation, *, title: str) -> None:
        self._snapshot, self._clip, self._root, self._how, self._title = snapshot, clip, root, how, title
        self._pictures = companions.Pictures(path)
        self._sound: Path | None = None
        self._turn: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        width = min(how.width, clip.width)
        self._size = width, width // 2

    def write(self, sequence: str, split: Split, frames: Iterable[SnapshotFrame]) -> SequenceEntry:
        """Pictures, masks and sound of some frames."""
        video = self._pictures.info.video
        if video is None:
            raise AssertionError("checked by Pictures")
        rate = video.fps or Fraction(30)
        reach = max(1, round(self._how.step_s * rate))
        half = self._how.window // 2
        wanted = {f.row.key.index: f for f in frames}
        around = {i + k * reach for i in wanted for k in range(-half, half + 1)}
        times: dict[int, float] = {}
        origin = clip_origin_s(self._pictures.info)
        with VideoReader(self._pictures.info.path, video, clock_origin_s=origin) as reader:
            count = reader.frame_pts().size
            for index in sorted(i for i in around if 0 <= i < count):
                frame = reader.frame_at(index)
                annotated = wanted.get(index)
                if (
                    annotated is not None
                    and frame.pts * frame.time_base != annotated.row.key.pts * self._clip.time_base
                ):
                    raise DatasetError(
                        f"{self._pictures.info.path}: frame {index} is not the one that was annotated: this is another "
                        "copy of the clip; open it in the project to adopt it"
                    )
                times[index] = frame.time_s
                file = f"{index:05d}.png"
                rgb = np.asarray(frame.owner.to_ndarray(format="rgb24"), np.uint8)
                _save(self._root / FRAMES / sequence / file, self._full(rgb))
                if annotated is not None:
                    _save(self._root / MASKS / split.value / sequence / file, self._mask(annotated))
        self._write_sound(sequence, end_s=max(times.values()) + _SOUND_MARGIN_S)
        return SequenceEntry(split, rate, title=self._title, times_s=times)

    def _full(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """One eye's picture at its place on the full sphere."""
        height, width = picture.shape[:2]
        u0, v0, u1, v1 = self._pictures.geometry.eye_rect
        eye = picture[round(v0 * height) : round(v1 * height), round(u0 * width) : round(u1 * width)]
        full_width, full_height = self._size
        bounds = self._pictures.geometry.bounds
        if bounds.is_full:
            return self._upright(companions.fitted(eye, width=full_width, height=full_height))
        rows, columns = companions.cropped(bounds, width=full_width, height=full_height)
        canvas = np.zeros((full_height, full_width, 3), np.uint8)
        canvas[rows, columns] = companions.fitted(
            eye, width=columns.stop - columns.start, height=rows.stop - rows.start
        )
        return self._upright(canvas)

    def _upright(self, sphere: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A sphere in the frame of the clip's picture, where masks are painted, in the world's, where sound is."""
        geometry = replace(self._pictures.geometry, bounds=FULL_SPHERE)
        if not any(geometry.pose_deg):
            return sphere
        height, width = sphere.shape[:2]
        if self._turn is None:
            u, v = geometry.directions_to_eye_uv(equirect_directions(width, height))
            # One more column on either side lets the ring close; rows end at the poles.
            x, y = u * width - 0.5 + 1, np.clip(v * height - 0.5, 0, height - 1)
            self._turn = x.astype(np.float32), y.astype(np.float32)
        ring = cv2.copyMakeBorder(sphere, 0, 0, 1, 1, cv2.BORDER_WRAP)
        return np.asarray(cv2.remap(ring, *self._turn, cv2.INTER_LINEAR), np.uint8)

    def _mask(self, frame: SnapshotFrame) -> NDArray[np.uint8]:
        labels = self._snapshot.labels(frame, states=self._how.states)
        if self._how.sounding_only:
            labels = only_sounding(labels, self._snapshot.objects[self._clip.id], frame.row.key.pts)
        mask = np.where(labels > 0, np.uint8(255), np.uint8(0))
        width, height = self._size
        if mask.shape != (height, width):
            # The share of a pixel that is object: soft edges, as the loader makes them from larger masks.
            mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return self._upright(mask)

    def _write_sound(self, sequence: str, *, end_s: float) -> None:
        """The clip's sound from its first frame on; parts of one clip share one file where the disk can."""
        if not companions.has_field(self._pictures.info):
            return
        target = self._root / SOUND / f"{sequence}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        if self._sound is not None:
            try:
                os.link(self._sound, target)
            except OSError:
                shutil.copyfile(self._sound, target)
            return
        duration_s = self._pictures.info.duration_s or end_s
        companions.write_sound(
            self._pictures.info, target, start_s=0.0, end_s=max(duration_s, end_s), should_stop=lambda: False
        )
        self._sound = target


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG", compress_level=1)


def is_project(path: Path) -> bool:
    """Whether a path names a project rather than a folder."""
    return path.suffix.lower() == SUFFIX and path.is_file()
