"""Writing a snapshot of a project in another program's format: the same snapshot and options give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from panosod_core.annotation.copies import copy_times
from panosod_core.annotation.formats import coco, companions, davis, labelme, mask_video, pavs10k, run_lengths
from panosod_core.annotation.formats.files import FolderWriter, json_bytes, numbered
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame, MaskFormat, safe_name
from panosod_core.annotation.presence import only_sounding
from panosod_core.annotation.records import Clip, FrameState, MaskState
from panosod_core.annotation.snapshot import Snapshot, SnapshotFrame
from panosod_core.errors import AnnotationError
from panosod_core.geometry.picture import FULL_SPHERE, Bounds
from panosod_core.media.clock import clip_origin_s

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class ExportOptions:
    """What of a project is written, and how.

    Attributes:
        format: of the files.
        width: of label maps and pictures, pixels; None: as they were painted (nothing is lost then).
        states: masks and frames in these are written.
        first, last: frame numbers, both included; None: to the end.
        every: only frames whose number is a multiple of it (key frames; PAVS10K's rule is 6).
        clips: numbers of clips in the project; empty: all.
        sounding_only: only objects that sound at that time, where a person has said when they do.
        pictures: the frames' pictures too.
        sound: the sound of the exported stretch too.
        split: PAVS10K's list that the clips go into.
    """

    format: MaskFormat
    width: int | None = None
    states: frozenset[MaskState] = frozenset({MaskState.DRAFT, MaskState.ACCEPTED})
    first: int = 0
    last: int | None = None
    every: int = 1
    clips: tuple[int, ...] = ()
    sounding_only: bool = False
    pictures: bool = False
    sound: bool = False
    split: str = "train"

    def __post_init__(self) -> None:
        if self.width is not None and not 16 <= self.width <= 16384:
            raise AnnotationError(f"expected a width of 16 to 16384 pixels, got {self.width}")
        if self.every < 1 or self.first < 0 or (self.last is not None and self.last < self.first):
            raise AnnotationError(
                f"expected frames first <= last and every >= 1, got {self.first}..{self.last} every {self.every}"
            )
        if self.split not in pavs10k.SPLITS:
            raise AnnotationError(f"expected the split train or test, got {self.split!r}")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        target: the folder.
        frames: label maps written.
        files: files written, the manifest not counted.
        notes: what a person should know, a line each.
    """

    target: Path
    frames: int
    files: int
    notes: tuple[str, ...] = field(default=())


def export(
    snapshot: Snapshot,
    target: Path,
    options: ExportOptions,
    *,
    media: Callable[[Clip], Path | None],
    should_stop: Callable[[], bool] = lambda: False,
) -> Exported:
    """Write a snapshot's masks into a new folder.

    Args:
        snapshot: of a project.
        target: a folder that is not there yet, or empty; it appears when all is written.
        options: what and how.
        media: where a clip's file is; None where it was not found. Without it a clip is written as a full sphere.
        should_stop: True abandons the export; nothing is left of it.

    Raises:
        AnnotationError: there is nothing to write, the folder cannot be written, or pictures or sound were asked for
            and cannot be had.
        MediaError: the clip cannot be decoded.
        ProjectError: a mask cannot be read.
    """
    notes: list[str] = []
    parts = _parts(snapshot, options, media, notes)
    clips = [part.labelled for part in parts]
    with FolderWriter(target) as out:
        if options.format is MaskFormat.YTVIS:
            run_lengths.write_ytvis(clips, out)
        elif options.format is MaskFormat.COCO:
            coco.write(clips, out)
        elif options.format is MaskFormat.PAVS10K:
            pavs10k.write_lists(clips, out, split=options.split)
        for part in parts:
            if should_stop():
                raise AnnotationError("the export was abandoned; nothing was written")
            _write_clip(part, options, out)
            notes += part.write_companions(options, out, should_stop)
        if options.format is MaskFormat.PAVS10K and options.pictures:
            timed = {part.labelled.name: part.timing() for part in parts}
            name = snapshot.path.stem
            out.write(pavs10k.TIMING, pavs10k.timing(name, timed, split=options.split, every=options.every))
        manifest = _manifest(snapshot, options, parts, out)
        files = len(out.hashes)
        out.write(MANIFEST, json_bytes(manifest))
    return Exported(target, sum(len(c.indices) for c in clips), files, tuple(notes))


def _write_clip(part: _Part, options: ExportOptions, out: FolderWriter) -> None:
    clip = part.labelled
    if options.format is MaskFormat.DAVIS:
        davis.write(clip, out)
    elif options.format is MaskFormat.PAVS10K:
        pavs10k.write(clip, out, split=options.split)
    elif options.format is MaskFormat.SAV:
        run_lengths.write_sav(clip, out)
    elif options.format is MaskFormat.LABELME:
        labelme.write(clip, out)
    elif options.format is MaskFormat.VIDEO:
        mask_video.write(clip, out)


@dataclass(frozen=True, eq=False)
class _Part:
    """One clip of an export."""

    clip: Clip
    labelled: LabelledClip
    frames: tuple[SnapshotFrame, ...]
    bounds: Bounds
    pictures: companions.Pictures | None

    def timing(self) -> tuple[Fraction, dict[int, float]]:
        """Frames per second of the clip, and when each exported frame is in the exported sound."""
        video = self.pictures.info.video if self.pictures is not None else None
        rate = (video.fps if video is not None else None) or Fraction(30)
        first = self.frames[0].row.key.pts
        return rate, {f.row.key.index: float((f.row.key.pts - first) * self.clip.time_base) for f in self.frames}

    def write_companions(
        self, options: ExportOptions, out: FolderWriter, should_stop: Callable[[], bool]
    ) -> Iterator[str]:
        """Write pictures and sound where they were asked for; gives what a person should know."""
        source = self.pictures
        if not (options.pictures or options.sound):
            return
        if source is None:
            raise AnnotationError(
                f"{self.clip.path}: pictures or sound were asked for, and the clip is not where the project says: put "
                "it there, or export masks alone"
            )
        if options.pictures:
            keyed = source.of([f.row.key for f in self.frames], time_base=self.clip.time_base)
            for frame, picture in zip(self.frames, keyed, strict=True):
                if should_stop():
                    raise AnnotationError("the export was abandoned; nothing was written")
                name, jpeg = _picture_name(options.format, self.labelled.name, frame.row.key.index)
                sized = companions.fitted(picture, width=self.labelled.width, height=self.labelled.height)
                out.write(name, companions.picture_bytes(sized, jpeg=jpeg))
        if options.sound:
            yield from self._write_sound(options, out, should_stop)

    def _write_sound(self, options: ExportOptions, out: FolderWriter, should_stop: Callable[[], bool]) -> Iterator[str]:
        source = self.pictures
        if source is None:
            raise AssertionError("checked before")
        if not companions.has_field(source.info):
            yield f"{self.labelled.name}: no sound written, the clip has no sound field"
            return
        times = np.array([f.row.key.pts for f in self.frames], np.float64) * float(self.clip.time_base)
        steps = np.diff(times)
        step = float(np.median(steps)) if len(steps) else 1 / 30
        origin = clip_origin_s(source.info)
        folder = pavs10k.SOUND if options.format is MaskFormat.PAVS10K else "sound"
        name = f"{folder}/{self.labelled.name}.wav"
        start = float(times[0]) - origin
        part = companions.write_sound(
            source.info,
            out.path_of(name),
            start_s=start,
            end_s=float(times[-1]) - origin + step,
            should_stop=should_stop,
            # Pictures and masks are written as they lie in the file; a tilted clip's sound goes with them.
            R_picture_world=source.geometry.R_world_picture.T if any(source.geometry.pose_deg) else None,
        )
        out.wrote(name)
        if len(steps) and float(np.abs(steps - step).max()) > 0.5 * step:
            yield (
                f"{self.labelled.name}: the exported frames do not follow each other evenly, so a loader that cuts the "
                "sound into equal parts (ASOD60K's does) will misplace it: export every n-th frame of one stretch"
            )
        if part.clipped:
            yield f"{self.labelled.name}: {part.clipped} samples of the sound exceed full scale and were limited"


def _picture_name(kind: MaskFormat, clip: str, index: int) -> tuple[str, bool]:
    """Where a frame's picture goes, and whether it is a JPEG."""
    if kind is MaskFormat.PAVS10K:
        return f"{pavs10k.PICTURES}/{clip}/{numbered(index)}.png", False
    if kind in (MaskFormat.DAVIS, MaskFormat.YTVIS):
        return f"{davis.PICTURES}/{clip}/{numbered(index)}.jpg", True
    return f"{clip}/{numbered(index)}.jpg", True


def _parts(
    snapshot: Snapshot, options: ExportOptions, media: Callable[[Clip], Path | None], notes: list[str]
) -> list[_Part]:
    parts, names = [], set[str]()
    for clip in snapshot.clips:
        if options.clips and clip.id not in options.clips:
            continue
        frames = tuple(f for f in snapshot.frames[clip.id] if _is_wanted(f, options))
        if not frames:
            continue
        name = safe_name(Path(clip.path).stem)
        if name in names:
            name = f"{name}_{clip.id}"
        names.add(name)
        path = media(clip)
        if path is not None and 0 < clip.frame_count <= max(f.row.key.index for f in frames):
            # Numbers behind the clip's last: frames that another copy, which was adopted, does not have.
            there = set(copy_times(path).pts.tolist())
            lost = [f for f in frames if f.row.key.pts not in there]
            frames = tuple(f for f in frames if f.row.key.pts in there)
            if lost:
                notes.append(f"{name}: {len(lost)} annotated frames are not in this copy of the clip and were left out")
            if not frames:
                continue
        pictures = companions.media_or_none(path) if path is not None else None
        bounds = pictures.geometry.bounds if pictures is not None else FULL_SPHERE
        if pictures is not None and any(pictures.geometry.pose_deg):
            bounds = FULL_SPHERE  # a tilted picture is no rectangle of the sphere's map
        parts.append(_Part(clip, _labelled(snapshot, clip, name, frames, options, bounds), frames, bounds, pictures))
    if not parts:
        raise AnnotationError("there is nothing to export: no frame in these states and this range")
    return parts


def _is_wanted(frame: SnapshotFrame, options: ExportOptions) -> bool:
    index = frame.row.key.index
    if index < options.first or (options.last is not None and index > options.last) or index % options.every:
        return False
    if frame.row.state is not FrameState.UNTOUCHED and MaskState(frame.row.state.value) in options.states:
        return True
    return any(m.state in options.states for m in frame.masks)


def _labelled(
    snapshot: Snapshot,
    clip: Clip,
    name: str,
    frames: tuple[SnapshotFrame, ...],
    options: ExportOptions,
    bounds: Bounds,
) -> LabelledClip:
    width = options.width or clip.width
    height = round(clip.height * width / clip.width)
    rows, columns = companions.cropped(bounds, width=width, height=height)
    objects = snapshot.objects[clip.id]

    def load() -> Iterator[LabelledFrame]:
        for frame in frames:
            labels = snapshot.labels(frame, states=options.states)
            if options.sounding_only:
                labels = only_sounding(labels, objects, frame.row.key.pts)
            if labels.shape != (height, width):
                labels = np.asarray(
                    cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8
                )
            yield LabelledFrame(frame.row.key.index, np.ascontiguousarray(labels[rows, columns]), frame.row.key.pts)

    return LabelledClip(
        name,
        columns.stop - columns.start,
        rows.stop - rows.start,
        objects,
        tuple(f.row.key.index for f in frames),
        load,
        clip.time_base,
    )


def _manifest(
    snapshot: Snapshot, options: ExportOptions, parts: list[_Part], out: FolderWriter
) -> Mapping[str, object]:
    chosen = asdict(options)
    chosen["states"] = sorted(options.states)
    return {
        "version": MANIFEST_VERSION,
        "snapshot": snapshot.fingerprint,
        "options": chosen,
        "clips": [
            {
                "name": p.labelled.name,
                "content_id": p.clip.content_id,
                "time_base": [p.clip.time_base.numerator, p.clip.time_base.denominator],
                "width": p.labelled.width,
                "height": p.labelled.height,
                "bounds": asdict(p.bounds),
                "frames": [{"index": f.row.key.index, "pts": f.row.key.pts, "state": f.row.state} for f in p.frames],
                "objects": [run_lengths.object_json(o) for o in p.labelled.objects],
            }
            for p in parts
        ],
        "files": dict(sorted(out.hashes.items())),
    }
