"""Telling which layout a folder has, and listing it."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from panosod_core.datasets.asod60k import DEFAULT_FOLDERS, LISTS, AsodFolders, index_asod60k
from panosod_core.datasets.davsod import index_davsod, sequence_folders
from panosod_core.datasets.duts import index_duts, is_duts
from panosod_core.datasets.folders import subfolders
from panosod_core.datasets.index import DataSet, Layout, Split
from panosod_core.datasets.l3das import index_l3das, part_folders
from panosod_core.datasets.manifest import MANIFEST, index_panosod
from panosod_core.datasets.pavsodr import PICTURES, index_pavsodr
from panosod_core.datasets.projects import Preparation, cached_project, is_project
from panosod_core.datasets.sound_order import SoundOrder
from panosod_core.errors import DatasetError


def detect_layout(root: Path, *, folders: AsodFolders = DEFAULT_FOLDERS) -> Layout | None:
    """Which layout a folder has, by what lies in it; None for none of the known ones."""
    if (root / MANIFEST).is_file():
        return Layout.PANOSOD
    if any((root / split.value / PICTURES).is_dir() for split in Split):
        return Layout.PAVSODR
    if any(path.is_dir() for path in (root / folders.frames, root / folders.sound)) or any(
        (root / folders.lists / name).is_file() for name in LISTS.values()
    ):
        return Layout.ASOD60K
    if is_duts(root):
        return Layout.DUTS
    if part_folders(root):
        return Layout.L3DAS
    if sequence_folders(root):
        return Layout.DAVSOD
    return None


def find_root(
    root: Path, *, folders: AsodFolders = DEFAULT_FOLDERS, project: Preparation | None = None
) -> tuple[Path, Layout]:
    """The data set in a folder, looking through folders that hold nothing but one other (as archives often do).

    Args:
        root: the folder, or an annotated project.
        folders: where ASOD60K's parts lie.
        project: how a project is prepared.

    Raises:
        DatasetError: there is no such folder, or nothing known in it.
    """
    if is_project(root):
        return cached_project(root, project), Layout.PANOSOD
    if not root.is_dir():
        raise DatasetError(f"{root}: expected the folder of a data set, there is no such folder")
    here = root
    for _ in range(3):
        layout = detect_layout(here, folders=folders)
        if layout is not None:
            return here, layout
        inner = subfolders(here)
        if len(inner) != 1:
            break
        here = inner[0]
    raise DatasetError(
        f"{root}: expected one of the known layouts ({', '.join(Layout)}), this folder is none of them; "
        "docs/data.md shows what each looks like"
    )


def open_data_set(
    root: Path,
    *,
    layout: Layout | None = None,
    order: SoundOrder | None = None,
    rates: Mapping[str, Fraction] | None = None,
    folders: AsodFolders = DEFAULT_FOLDERS,
    project: Preparation | None = None,
) -> DataSet:
    """List the data set in a folder.

    Args:
        root: its folder; or an annotated project, which is prepared in the cache first.
        layout: which layout it has; None: told by what lies in it.
        order: what the sound's channels are; None: by the files, else ACN/SN3D.
        rates: frame rates by sequence that go before all others (ASOD60K).
        folders: where ASOD60K's parts lie.
        project: how a project is prepared: size of pictures, frames of a window.

    Raises:
        DatasetError: there is no such data set, or a list in it cannot be read.
    """
    if is_project(root) and layout not in (None, Layout.PANOSOD):
        raise DatasetError(f"{root}: an annotated project has the layout {Layout.PANOSOD}, not {layout}")
    if layout is None or is_project(root):
        root, layout = find_root(root, folders=folders, project=project)
    elif not root.is_dir():
        raise DatasetError(f"{root}: expected the folder of a data set, there is no such folder")
    if layout is Layout.ASOD60K:
        return index_asod60k(root, folders=folders, order=order, rates=rates)
    if layout is Layout.PAVSODR:
        return index_pavsodr(root, order=order, rates=rates)
    if layout is Layout.PANOSOD:
        return index_panosod(root, order=order)
    if layout is Layout.DUTS:
        return index_duts(root)
    if layout is Layout.L3DAS:
        return index_l3das(root, order=order)
    return index_davsod(root)
