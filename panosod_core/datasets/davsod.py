"""DAVSOD: planar video with object masks and no sound.

::

    .../select_<video>[_k]/{Imgs,GT_object_level}/<number>.{png,jpg}

in folders for training (61 sequences), validation (46) and test (80: Easy 35, Normal 25, Difficult 20), of
``DengPingFan/DAVSOD:README.md``. The file names are source frame numbers; nobody states the frame rates.
"""

from pathlib import Path

from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.folders import ClipParts, build_clip, numbered_pictures, resolve_rate, subfolders
from panosod_core.datasets.index import Clip, DataSet, Layout, Split
from panosod_core.errors import DatasetError

PUBLISHED = {Split.TRAIN: 61, Split.VALIDATION: 46, Split.TEST: 80}
"""Sequences of each split."""
PICTURES, MASKS = "Imgs", "GT_object_level"
_DEPTH = 4
_LEVELS = ("Easy", "Normal", "Difficult")


def sequence_folders(root: Path, *, depth: int = _DEPTH) -> tuple[Path, ...]:
    """Folders at or below ``root`` that hold ``Imgs``, sorted."""
    if (root / PICTURES).is_dir():
        return (root,)
    if depth == 0:
        return ()
    return tuple(found for folder in subfolders(root) for found in sequence_folders(folder, depth=depth - 1))


def index_davsod(root: Path) -> DataSet:
    """List DAVSOD.

    The split is told by the folders above a sequence: "train", "val", else test, where Easy, Normal and Difficult are
    subsets.

    Raises:
        DatasetError: there is no sequence.
    """
    found = FindingCounter()
    clips: list[Clip] = []
    for folder in sequence_folders(root):
        above = "/".join((root.name, *folder.relative_to(root).parts[:-1])).lower()
        split = Split.TRAIN if "train" in above else Split.VALIDATION if "val" in above else Split.TEST
        subset = next((level for level in _LEVELS if level.lower() in above), None) if split is Split.TEST else None
        masks = folder / MASKS
        parts = ClipParts(
            name=folder.name,
            split=split,
            subset=subset,
            title="",
            rate=resolve_rate(folder.name, stated=None, video=None, found=found),
            pictures=numbered_pictures(folder / PICTURES, found),
            masks=numbered_pictures(masks, found) if masks.is_dir() else None,
            sound=None,
            panoramic=False,
        )
        clip = build_clip(parts, found)
        if clip is not None:
            clips.append(clip)
    if not clips:
        raise DatasetError(f"{root}: expected sequences select_*/{PICTURES}, there are none")
    for split, count in PUBLISHED.items():
        here = sum(clip.split is split for clip in clips)
        if here and here != count:
            found.add(Kind.COUNT_DIFFERS, f"{split.value}: {here} sequences, published {count}")
    return DataSet(Layout.DAVSOD, root, clips=tuple(clips), findings=found.result())
