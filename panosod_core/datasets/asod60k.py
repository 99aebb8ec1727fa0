"""ASOD60K = PAVS10K in the folders that the authors' code reads.

::

    frame_key/<seq>/<NNNNN>.png             key frames of both splits, named by the source frame number
    DATA/{train,test}/<seq>/<NNNNN>.png     object masks, grey
    ambisonics_trimmed/<seq>.wav            four channels, cut to the video's length
    data/PAVS10K_seqs_{train,test}.txt      one <seq> a line

(``src/data.py`` of ``Jun-Pu/PAV-SOD``.) How the published archives are packed inside is not documented, so every folder
can be given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from panosod_core.datasets import pavs10k
from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.folders import (
    VIDEO_SUFFIXES,
    ClipParts,
    build_clip,
    find_sound,
    first_file,
    numbered_pictures,
    resolve_rate,
    subfolders,
)
from panosod_core.datasets.index import Clip, DataSet, Layout, Split
from panosod_core.datasets.sound_order import SoundOrder
from panosod_core.errors import DatasetError

LISTS = {Split.TRAIN: "PAVS10K_seqs_train.txt", Split.TEST: "PAVS10K_seqs_test.txt"}
"""Split -> its list of sequences."""


@dataclass(frozen=True)
class AsodFolders:
    """Where the parts lie, relative to the root (or absolute).

    Attributes:
        frames: a folder a sequence.
        masks: ``train`` and ``test`` in it, or the sequences directly.
        sound: a file a sequence.
        lists: the two lists; the root itself is tried as well.
        videos: the source videos, where they are kept: only their frame rate is read.
    """

    frames: Path = Path("frame_key")
    masks: Path = Path("DATA")
    sound: Path = Path("ambisonics_trimmed")
    lists: Path = Path("data")
    videos: Path = Path("Videos")


DEFAULT_FOLDERS = AsodFolders()


def index_asod60k(
    root: Path,
    *,
    folders: AsodFolders = DEFAULT_FOLDERS,
    order: SoundOrder | None = None,
    rates: Mapping[str, Fraction] | None = None,
) -> DataSet:
    """List ASOD60K in the authors' layout.

    Args:
        root: the folder that holds the others.
        folders: where they lie in it.
        order: what the sound's channels are; None: by the files, else ACN/SN3D.
        rates: frame rates that go before the published ones, by sequence.

    Raises:
        DatasetError: there is no folder of frames.
    """
    frames = root / folders.frames
    if not frames.is_dir():
        raise DatasetError(f"{frames}: expected a folder with the key frames of each sequence, there is none")
    found = FindingCounter()
    on_disk = {folder.name: folder for folder in subfolders(frames)}
    split_of = _splits(root, folders, set(on_disk), found)
    clips: list[Clip] = []
    for name, split in split_of.items():
        facts = pavs10k.facts_of(name)
        stated = (rates or {}).get(name) or (facts.rate if facts else None)
        video = first_file(root / folders.videos, name, VIDEO_SUFFIXES)
        parts = ClipParts(
            name=name,
            split=split,
            subset=facts.subset if facts and split is Split.TEST else None,
            title=facts.title if facts else "",
            rate=resolve_rate(name, stated=stated, video=video, found=found),
            pictures=numbered_pictures(on_disk[name], found),
            masks=_masks(root / folders.masks, name, split, found),
            sound=find_sound(root / folders.sound, name, found, order=order),
            key_step=pavs10k.KEY_STEP,
        )
        clip = build_clip(parts, found)
        if clip is not None:
            clips.append(clip)
    _compare_with_published(clips, found)
    return DataSet(Layout.ASOD60K, root, clips=tuple(clips), findings=found.result())


def _masks(folder: Path, name: str, split: Split, found: FindingCounter) -> dict[int, Path] | None:
    candidates = [folder / split.value / name, folder / name]
    here = next((path for path in candidates if path.is_dir()), None)
    return None if here is None else numbered_pictures(here, found)


def _splits(root: Path, folders: AsodFolders, on_disk: set[str], found: FindingCounter) -> dict[str, Split]:
    """Sequence -> split for all sequences on disk, in the order of the lists; oddities are counted."""
    listed = {split: _list_of(root, folders, split, found) for split in LISTS}
    both = set(listed[Split.TRAIN]) & set(listed[Split.TEST])
    for name in sorted(both):
        found.add(Kind.IN_BOTH_SPLITS, name)
    wanted = dict.fromkeys(listed[Split.TRAIN], Split.TRAIN) | dict.fromkeys(listed[Split.TEST], Split.TEST)
    chosen = {name: split for name, split in wanted.items() if name in on_disk}
    for name in wanted:
        if name not in on_disk:
            found.add(Kind.MISSING_SEQUENCE, name)
    for name in sorted(on_disk - set(wanted)):
        found.add(Kind.UNKNOWN_SEQUENCE, name)
        by_masks = next((s for s in LISTS if (root / folders.masks / s.value / name).is_dir()), None)
        if by_masks is not None:
            chosen[name] = by_masks
    return chosen


def _list_of(root: Path, folders: AsodFolders, split: Split, found: FindingCounter) -> list[str]:
    for folder in (root / folders.lists, root):
        path = folder / LISTS[split]
        if path.is_file():
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise DatasetError(f"{path}: expected a list of sequences, it cannot be read ({error})") from error
            return [line.strip() for line in lines if line.strip()]
    found.add(Kind.NO_LIST, LISTS[split])
    return [facts.name for facts in pavs10k.FACTS.values() if facts.split is split]


def _compare_with_published(clips: list[Clip], found: FindingCounter) -> None:
    by_split: dict[Split, set[str]] = {split: set() for split in LISTS}
    for clip in clips:
        facts = pavs10k.facts_of(clip.name)
        if facts is None:
            continue
        by_split[clip.split].add(facts.source)
        if facts.split is not clip.split:
            found.add(Kind.SPLIT_DIFFERS, f"{clip.name}: {clip.split.value}, published {facts.split.value}")
    for source in sorted(by_split[Split.TRAIN] & by_split[Split.TEST]):
        found.add(Kind.SAME_SOURCE, source)
    frames = sum(1 for clip in clips for frame in clip.frames if frame.mask is not None)
    if len(clips) == sum(pavs10k.SEQUENCES.values()) and frames != pavs10k.KEY_FRAMES:
        found.add(Kind.COUNT_DIFFERS, f"{frames} masks, published {pavs10k.KEY_FRAMES}")
