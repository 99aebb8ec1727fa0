"""DUTS: single pictures with masks, in the published folders or in the repack that F3Net and others use.

::

    DUTS-TR/DUTS-TR-{Image/*.jpg,Mask/*.png}    10,553 for training
    DUTS-TE/DUTS-TE-{Image/*.jpg,Mask/*.png}     5,019 for test

    image/*.jpg  mask/*.png  train.txt  test.txt    names without suffix, one a line

Counts: ``data/DUTS/{train,test}.txt`` of ``weijun88/F3Net``.
"""

from pathlib import Path

from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.folders import picture_files
from panosod_core.datasets.index import DataSet, Layout, Split, Still
from panosod_core.errors import DatasetError

PUBLISHED = {Split.TRAIN: 10_553, Split.TEST: 5_019}
"""Pictures of each split."""
_PARTS = {Split.TRAIN: "DUTS-TR", Split.TEST: "DUTS-TE"}


def is_duts(root: Path) -> bool:
    """True where a folder looks like either form."""
    return _is_repack(root) or any(_part(root, split) is not None for split in _PARTS)


def index_duts(root: Path) -> DataSet:
    """List DUTS, or any set of pictures in one of its two forms.

    Raises:
        DatasetError: it is neither form, or a list cannot be read.
    """
    found = FindingCounter()
    stills = _repack(root, found) if _is_repack(root) else _published(root, found)
    if not stills:
        raise DatasetError(
            f"{root}: expected DUTS-TR/DUTS-TR-Image and DUTS-TR/DUTS-TR-Mask, or image, mask and train.txt, "
            "with pictures and masks of equal names; there are no such pairs"
        )
    for split, count in PUBLISHED.items():
        here = sum(still.split is split for still in stills)
        if here and here != count:
            found.add(Kind.COUNT_DIFFERS, f"{split.value}: {here}, published {count}")
    return DataSet(Layout.DUTS, root, stills=tuple(stills), findings=found.result())


def _is_repack(root: Path) -> bool:
    return (root / "image").is_dir() and (root / "mask").is_dir()


def _part(root: Path, split: Split) -> Path | None:
    name = _PARTS[split]
    candidates = (root / name, root)
    return next((folder for folder in candidates if (folder / f"{name}-Image").is_dir()), None)


def _published(root: Path, found: FindingCounter) -> list[Still]:
    stills: list[Still] = []
    for split, name in _PARTS.items():
        folder = _part(root, split)
        if folder is None:
            found.add(Kind.MISSING_SEQUENCE, name)
            continue
        images = {path.stem: path for path in picture_files(folder / f"{name}-Image")}
        masks = {path.stem: path for path in picture_files(folder / f"{name}-Mask")}
        stills += _paired(images, masks, split, found)
    return stills


def _repack(root: Path, found: FindingCounter) -> list[Still]:
    images = {path.stem: path for path in picture_files(root / "image")}
    masks = {path.stem: path for path in picture_files(root / "mask")}
    lists = {split: root / f"{split.value}.txt" for split in (Split.TRAIN, Split.TEST)}
    if not any(path.is_file() for path in lists.values()):
        found.add(Kind.NO_LIST, "train.txt", detail="all pictures are taken for training")
        return _paired(images, masks, Split.TRAIN, found)
    stills: list[Still] = []
    named: set[str] = set()
    for split, path in lists.items():
        if not path.is_file():
            found.add(Kind.NO_LIST, path.name, detail="that split is empty")
            continue
        try:
            names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path}: expected a list of picture names, it cannot be read ({error})") from error
        for name in sorted(named & set(names)):
            found.add(Kind.IN_BOTH_SPLITS, name)
        listed = {name: images[name] for name in names if name in images}
        for name in names:
            if name not in images:
                found.add(Kind.MISSING_IMAGE, f"{name} of {path.name}")
        if split is Split.TEST:
            stills = [still for still in stills if still.name not in listed]
        stills += _paired(listed, {name: masks[name] for name in listed if name in masks}, split, found)
        named |= set(names)
    return stills


def _paired(images: dict[str, Path], masks: dict[str, Path], split: Split, found: FindingCounter) -> list[Still]:
    for name in sorted(set(images) - set(masks)):
        found.add(Kind.MISSING_MASKS, name)
    for name in sorted(set(masks) - set(images)):
        found.add(Kind.STRAY_MASKS, name)
    return [Still(name, split, path, masks[name]) for name, path in images.items() if name in masks]
