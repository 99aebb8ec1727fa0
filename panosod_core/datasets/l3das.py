"""L3DAS21, 22 and 23, Task 2: first-order sound of an office with labelled events, for the acoustic encoder.

::

    L3DAS<yy>_Task2_{train,dev,test}/data/split<X>_ov<1..3>_<Y>_{A,B}.wav      two microphones, 32 kHz
    L3DAS<yy>_Task2_{train,dev,test}/labels/label_split<X>_ov<n>_<Y>.csv       Start, End, Class, X, Y, Z

Folders and columns: ``preprocessing.py`` and ``utility_functions.py`` of ``l3das/L3DAS22``. The archives of some years
hold the folder twice, one in the other; that is seen through. The **channel order is stated nowhere**: see
:mod:`panosod_core.datasets.order_check`, which finds it from the labels, in the frame of the labels' X, Y and Z.
"""

import csv
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.folders import subfolders
from panosod_core.datasets.index import DataSet, Layout, Recording, Split
from panosod_core.datasets.sound_order import ACN_SN3D, SoundOrder
from panosod_core.datasets.sounds import read_channels, read_sound_header
from panosod_core.errors import DatasetError

CLASSES = (
    "Chink_and_clink",
    "Computer_keyboard",
    "Cupboard_open_or_close",
    "Drawer_open_or_close",
    "Female_speech_and_woman_speaking",
    "Finger_snapping",
    "Keys_jangling",
    "Knock",
    "Laughter",
    "Male_speech_and_man_speaking",
    "Printer",
    "Scissors",
    "Telephone",
    "Writing",
)
"""The 14 classes in the order of their numbers."""
OVERLAPS = 3
"""Events that can sound at once, also of one class."""
STEP_S = 0.1
"""Length of a label frame."""
REACH_M = 2.0
"""Positions are divided by this, so that they lie in -1..1."""
UNKNOWN = -1
"""Number of events of a class that is none of the 14: they sound, but are no target."""
_COLUMNS = frozenset({"Start", "End", "Class", "X", "Y", "Z"})
_NAME = re.compile(r"(split(\d+)_ov([1-3])_\d+)_A")
_SPLITS = {"train": Split.TRAIN, "dev": Split.VALIDATION, "test": Split.TEST}
_DEPTH = 4


class LabelEnds(StrEnum):
    """Which label frames an event fills."""

    CLOCK = "clock"
    """From its start to its end, both rounded to 0.1 s, without the frame that begins at the end."""
    BASELINE = "baseline"
    """As the challenge's code: squeezed by (frames - 1) / frames, with the end frame."""


@dataclass(frozen=True)
class SoundEvent:
    """A labelled event: number of its class (or -1), start and end, position in metres from microphone A."""

    sound_class: int
    start_s: float
    end_s: float
    position_m: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class EventTargets:
    """What sounds when and where, in label frames of 0.1 s.

    Attributes:
        active: (frames, 14, 3) float32, 1 where the n-th event of that class sounds.
        position: (frames, 14, 3, 3) float32, x, y, z / 2 m; 0 where nothing sounds.
        crowded: frames in which a fourth event of one class was left out.
    """

    active: NDArray[np.float32]
    position: NDArray[np.float32]
    crowded: int = 0


@dataclass(frozen=True, eq=False)
class RecordingSample:
    """A stretch of a recording as the acoustic encoder takes it.

    Attributes:
        waveform: (4 m, n) float32: W Y Z X of each microphone, SN3D.
        targets: of the same stretch.
        name: of the recording.
        start_s: where the stretch begins.
    """

    waveform: NDArray[np.float32]
    targets: EventTargets
    name: str
    start_s: float


def part_folders(root: Path, *, depth: int = _DEPTH) -> tuple[Path, ...]:
    """Folders at or below ``root`` that hold ``data`` and ``labels`` of Task 2, sorted."""
    labels = root / "labels"
    if (root / "data").is_dir() and labels.is_dir():
        return (root,) if any(labels.glob("label_split*.csv")) else ()
    if depth == 0:
        return ()
    return tuple(found for folder in subfolders(root) for found in part_folders(folder, depth=depth - 1))


def index_l3das(root: Path, *, order: SoundOrder | None = None) -> DataSet:
    """List L3DAS Task 2.

    Args:
        root: a folder with one or more of the parts in it.
        order: what the channels are; None: ACN/SN3D until the check has found otherwise.

    Raises:
        DatasetError: there are no recordings.
    """
    found = FindingCounter()
    recordings: list[Recording] = []
    for folder in part_folders(root):
        words = re.split(r"[^a-z0-9]+", folder.name.lower())
        split = next((s for word, s in _SPLITS.items() if word in words), Split.TRAIN)
        for path in sorted((folder / "data").glob("*.wav")):
            match = _NAME.fullmatch(path.stem)
            if match is None:
                if not path.stem.endswith("_B"):
                    found.add(Kind.STRAY_FILES, path.name)
                continue
            name = match.group(1)
            labels = folder / "labels" / f"label_{name}.csv"
            if not labels.is_file():
                found.add(Kind.LABELS_MISSING, name)
                continue
            second = path.with_name(f"{name}_B.wav")
            if not second.is_file():
                found.add(Kind.NO_SECOND_MIC, name)
            microphones = (path, second) if second.is_file() else (path,)
            recordings.append(Recording(name, split, int(match.group(3)), microphones, labels))
    if not recordings:
        raise DatasetError(
            f"{root}: expected L3DAS Task 2 recordings data/split*_ov*_*_A.wav with labels/label_split*.csv, "
            "there are none"
        )
    return DataSet(Layout.L3DAS, root, recordings=tuple(recordings), findings=found.result(), order=order or ACN_SN3D)


def read_events(path: Path, found: FindingCounter | None = None) -> tuple[SoundEvent, ...]:
    """The events of a label file, in its order. Unknown classes are counted in ``found`` and numbered -1.

    Raises:
        DatasetError: it cannot be read or lacks a column, a number is none, or (without ``found``) a class is unknown.
    """
    events: list[SoundEvent] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            if _COLUMNS.difference(rows.fieldnames or ()):
                raise ValueError(f"its columns are {', '.join(rows.fieldnames or ()) or 'missing'}")
            for row in rows:
                start_s, end_s = float(row["Start"]), float(row["End"])
                x, y, z = (float(row[axis]) for axis in "XYZ")
                if not all(map(math.isfinite, (start_s, end_s, x, y, z))) or end_s < start_s:
                    raise ValueError(f"event at {row['Start']}..{row['End']}")
                name = row["Class"].strip()
                if name not in CLASSES:
                    if found is None:
                        raise ValueError(f"unknown class {name!r}")
                    found.add(Kind.UNKNOWN_CLASS, f"{path.name}: {name}")
                number = CLASSES.index(name) if name in CLASSES else UNKNOWN
                events.append(SoundEvent(number, start_s, end_s, (x, y, z)))
    except (OSError, KeyError, ValueError, TypeError, AttributeError, csv.Error) as error:
        raise DatasetError(
            f"{path}: expected columns Start, End, Class, X, Y, Z with numbers, it cannot be understood ({error})"
        ) from error
    return tuple(events)


def event_targets(
    events: tuple[SoundEvent, ...], *, duration_s: float, ends: LabelEnds = LabelEnds.CLOCK
) -> EventTargets:
    """Label frames of a whole recording.

    Args:
        events: in the order of the file: the first event of a class in a frame takes the first place.
        duration_s: of the recording.
        ends: which frames an event fills.
    """
    frames = round(duration_s / STEP_S)
    active = np.zeros((frames, len(CLASSES), OVERLAPS), np.float32)
    position = np.zeros((frames, len(CLASSES), OVERLAPS, 3), np.float32)
    crowded = 0
    for event in events:
        if event.sound_class == UNKNOWN:
            continue
        first, end = _filled(event, frames, ends)
        for frame in range(max(first, 0), min(end, frames)):
            place = int(active[frame, event.sound_class].sum())
            if place == OVERLAPS:
                crowded += 1
                continue
            active[frame, event.sound_class, place] = 1.0
            position[frame, event.sound_class, place] = np.array(event.position_m) / REACH_M
    return EventTargets(active, position, crowded)


def _filled(event: SoundEvent, frames: int, ends: LabelEnds) -> tuple[int, int]:
    start, end = round(event.start_s / STEP_S), round(event.end_s / STEP_S)
    if ends is LabelEnds.BASELINE:
        squeeze = (frames - 1) / frames
        return int(min(start, frames) * squeeze), int(min(end, frames) * squeeze) + 1
    return start, max(end, start + 1)


def load_recording(
    recording: Recording,
    *,
    order: SoundOrder,
    duration_s: float,
    start_s: float = 0.0,
    rate_hz: int = 32000,
    microphones: int = 1,
    ends: LabelEnds = LabelEnds.CLOCK,
) -> RecordingSample:
    """A stretch of a recording with its targets.

    Args:
        recording: which.
        order: what its channels are.
        duration_s: seconds wanted; what lies beyond the end is silence.
        start_s: where it begins, a multiple of 0.1 s.
        rate_hz: wanted.
        microphones: 1 (A) or 2 (A and B).
        ends: which frames an event fills.

    Events of an unknown class are left out of the targets; the check counts them.

    Raises:
        DatasetError: a file is missing, damaged or of fewer than four channels, or microphone B is not there.
    """
    if microphones > len(recording.microphones):
        raise DatasetError(
            f"{recording.name}: expected {microphones} microphones, there is only _A: train with one microphone"
        )
    first = round(start_s / STEP_S)
    if abs(first * STEP_S - start_s) > 1e-6:
        raise ValueError(f"a stretch begins on a label frame, a multiple of {STEP_S} s, got {start_s}")
    count = round(duration_s * rate_hz)
    waveform = np.zeros((4 * microphones, count), np.float32)
    headers = [read_sound_header(path) for path in recording.microphones[:microphones]]
    for i, (path, header) in enumerate(zip(recording.microphones, headers, strict=False)):
        start = round(start_s * rate_hz)
        raw = read_channels(path, range(4), start=start, count=count, rate_hz=rate_hz, header=header)
        waveform[4 * i : 4 * i + 4, : raw.shape[1]] = order.matrix() @ raw
    length_s = max(headers[0].duration_s, start_s + duration_s)
    whole = event_targets(read_events(recording.labels, FindingCounter()), duration_s=length_s, ends=ends)
    part = slice(first, first + round(duration_s / STEP_S))
    return RecordingSample(
        waveform, EventTargets(whole.active[part], whole.position[part], whole.crowded), recording.name, start_s
    )
