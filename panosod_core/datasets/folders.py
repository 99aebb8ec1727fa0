"""Parts that the folder layouts share: numbered files, pairing, sound files, the clip that comes of them."""

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.index import Clip, Frame, MaskSource, Sound, Split
from panosod_core.datasets.pictures import IMAGE_SUFFIXES
from panosod_core.datasets.sound_order import SoundOrder
from panosod_core.datasets.sounds import TooFewChannelsError, sound_of
from panosod_core.errors import DatasetError, MediaError
from panosod_core.media.probe import probe

SOUND_SUFFIXES = (".wav", ".flac", ".amb", ".w64", ".caf", ".ogg", ".opus", ".mka", ".m4a", ".mp4", ".mov", ".mkv")
"""Suffixes that are tried for a sequence's sound, in this order."""
VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm", ".mov")
ASSUMED_RATE = Fraction(30)
LENGTH_SLACK_S = 0.1
"""Sound may end this much earlier or later than the pictures before it is worth a line."""
_NUMBER = re.compile(r"(\d{1,9})$")


def subfolders(folder: Path) -> tuple[Path, ...]:
    """The folders inside a folder, sorted by name, without hidden ones; none where it does not exist.

    Raises:
        DatasetError: it may not be read.
    """
    return tuple(path for path in _listed(folder) if path.is_dir())


def picture_files(folder: Path) -> tuple[Path, ...]:
    """The picture files of a folder, sorted by name; none where it does not exist."""
    return tuple(path for path in _listed(folder) if path.suffix.lower() in IMAGE_SUFFIXES)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DatasetError(f"{folder}: expected a folder that can be read, got: {error.strerror}") from error


def numbered_pictures(folder: Path, found: FindingCounter) -> dict[int, Path]:
    """Frame number -> picture file, in order of the number: the digits at the end of the name.

    Files without a number, and a second file of the same number, are counted as strays.
    """
    numbered: dict[int, Path] = {}
    for path in picture_files(folder):
        match = _NUMBER.search(path.stem)
        if match is None or int(match.group(1)) in numbered:
            found.add(Kind.STRAY_FILES, f"{folder.name}/{path.name}")
        else:
            numbered[int(match.group(1))] = path
    return dict(sorted(numbered.items()))


def first_file(folder: Path, name: str, suffixes: Iterable[str]) -> Path | None:
    """The first of ``folder/name + suffix`` that exists."""
    return next((path for suffix in suffixes if (path := folder / f"{name}{suffix}").is_file()), None)


def find_sound(folder: Path, name: str, found: FindingCounter, *, order: SoundOrder | None) -> Sound | None:
    """The sound of a sequence, None (and a finding) where there is none that can be used.

    Args:
        folder: where sound files lie.
        name: of the sequence.
        found: takes what is odd.
        order: what the channels are; None: by the file, else ACN/SN3D.
    """
    path = first_file(folder, name, SOUND_SUFFIXES)
    if path is None:
        found.add(Kind.NO_SOUND, name)
        return None
    try:
        sound = sound_of(path, order=order)
    except TooFewChannelsError:
        found.add(Kind.TOO_FEW_CHANNELS, path.name)
        return None
    except DatasetError:
        found.add(Kind.SOUND_UNREADABLE, path.name)
        return None
    if sound.channels == 6:
        found.add(Kind.HEAD_LOCKED, path.name)
    elif sound.channels != 4:
        found.add(Kind.EXTRA_CHANNELS, f"{path.name}: {sound.channels}")
    return sound


def resolve_rate(name: str, *, stated: Fraction | None, video: Path | None, found: FindingCounter) -> Fraction:
    """Frames per second of a sequence: of its video file where that lies beside, else as stated, else 30."""
    probed = _probed_rate(video) if video is not None else None
    if probed is not None:
        if stated is not None and abs(float(probed / stated) - 1) > 1e-4:
            found.add(Kind.RATE_DIFFERS, f"{name}: {float(probed):.5g}, stated {float(stated):.5g}")
        return probed
    if stated is None:
        found.add(Kind.RATE_ASSUMED, name)
        return ASSUMED_RATE
    return stated


def _probed_rate(video: Path) -> Fraction | None:
    try:
        info = probe(video).video
    except MediaError:
        return None  # the pictures are what is used; a video that cannot be read merely does not tell its rate
    return None if info is None else info.fps


@dataclass(frozen=True)
class ClipParts:
    """What a clip is built from.

    Attributes:
        name, split, subset, title, rate: of the clip.
        pictures: source frame number -> file.
        masks: source frame number -> mask; None: there is no folder of masks.
        sound: None where there is none that can be used.
        key_step: key frames are the multiples of this.
        times_s: frame number -> seconds, where the video's frames are not evenly spaced.
        panoramic: equirectangular pictures.
    """

    name: str
    split: Split
    subset: str | None
    title: str
    rate: Fraction
    pictures: Mapping[int, Path]
    masks: Mapping[int, MaskSource] | None
    sound: Sound | None
    key_step: int = 1
    times_s: Mapping[int, float] | None = None
    panoramic: bool = True


def build_clip(parts: ClipParts, found: FindingCounter) -> Clip | None:
    """The clip, None (and a finding) where there is no picture. What is odd about pairs and lengths is counted."""
    if not parts.pictures:
        found.add(Kind.NO_FRAMES, parts.name)
        return None
    _count_pairs(parts, found)
    masks = parts.masks or {}
    times = parts.times_s or {}
    frames = tuple(
        Frame(number, times.get(number, float(number / parts.rate)), path, masks.get(number))
        for number, path in sorted(parts.pictures.items())
    )
    clip = Clip(parts.name, parts.split, parts.subset, parts.rate, frames, parts.sound, parts.panoramic, parts.title)
    _count_length(clip, parts.key_step, found, timed=bool(parts.times_s))
    return clip


def spacing_of(numbers: Iterable[int], *, key_step: int) -> int:
    """The usual distance of neighbouring frames: 1 where every frame was written, else the key-frame step."""
    ordered = sorted(numbers)
    steps = [b - a for a, b in itertools.pairwise(ordered)]
    return 1 if sum(step == 1 for step in steps) * 2 > len(steps) else key_step


def _count_pairs(parts: ClipParts, found: FindingCounter) -> None:
    numbers = sorted(parts.pictures)
    if not parts.times_s:  # else each picture was chosen by itself and says when it is
        spacing = spacing_of(numbers, key_step=parts.key_step)
        steps = [b - a for a, b in itertools.pairwise(numbers)]
        gaps = sum(step > spacing for step in steps)
        found.add(Kind.GAPS, parts.name, count=gaps)
        if spacing == parts.key_step:
            off = sum(number % parts.key_step != 0 for number in numbers)
            found.add(Kind.OFF_KEY_RULE, parts.name, count=off)
    if parts.masks is None:
        found.add(Kind.NO_MASK_FOLDER, parts.name)
        return
    missing = [n for n in numbers if n not in parts.masks and n % parts.key_step == 0]
    found.add(Kind.MISSING_MASKS, f"{parts.name}: {len(missing)}", count=len(missing))
    stray = [n for n in parts.masks if n not in parts.pictures]
    found.add(Kind.STRAY_MASKS, f"{parts.name}: {len(stray)}", count=len(stray))


def _count_length(clip: Clip, key_step: int, found: FindingCounter, *, timed: bool) -> None:
    if clip.sound is None:
        return
    if timed:  # pictures that say their time lie anywhere in a sound; it may only not end before them
        missing_s = clip.frames[-1].time_s - clip.sound.duration_s
        if missing_s > LENGTH_SLACK_S:
            found.add(Kind.SOUND_SHORT, f"{clip.name}: {-missing_s:+.2f} s")
        return
    spacing = spacing_of((frame.number for frame in clip.frames), key_step=key_step)
    last_s = clip.frames[-1].time_s
    # The video goes on for at least one frame after the last picture, and for fewer than a further key frame needs.
    shortest_s, longest_s = last_s + float(1 / clip.rate), last_s + float(spacing / clip.rate)
    off_s = clip.sound.duration_s - (shortest_s if clip.sound.duration_s < shortest_s else longest_s)
    if off_s < -LENGTH_SLACK_S or off_s > LENGTH_SLACK_S:
        kind = Kind.SOUND_SHORT if off_s < 0 else Kind.SOUND_LONG
        # The rate at which pictures and sound would be equally long: a wrong rate shows here.
        fits = float(clip.rate) * longest_s / clip.sound.duration_s if clip.sound.duration_s > 0 else 0.0
        found.add(kind, f"{clip.name}: {off_s:+.2f} s, would fit {fits:.4g} fps instead of {float(clip.rate):.4g}")
