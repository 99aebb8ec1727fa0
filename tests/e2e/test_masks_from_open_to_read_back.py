"""A person's whole way with masks, by the system's own pointer and keys.

Open the clip, paint across the seam, undo, redo, propagate, accept; the program is killed; open again, export twice,
and other programs read what was painted.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO

from panosod_core.annotation.records import FrameState, MaskState, Source
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.pictures import read_instances, read_mask
from panosod_core.errors import ProjectError
from tests.clips import demo_clip
from tests.e2e.pointer import dialogs, drag, keys_in
from tests.e2e.running import Viewer

pytestmark = pytest.mark.gl
WINDOW = ("--paused", "--yaw", "180", "--size", "800x450")
CARRIED = 30
"""Frames that one propagation goes on, as the panel has it at first."""
COCO_PLACE = 4
"""Of the format in the export's list, below the data set's."""


class Project:
    """What is on the disk, as another process sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def labels(self) -> dict[int, NDArray[np.uint8]]:
        """Label maps by the frames' numbers; none before there is anything to read."""
        if not self.path.is_file():
            return {}
        try:
            with Snapshot.open(self.path) as snapshot:
                frames = [frame for frames in snapshot.frames.values() for frame in frames]
                found = {frame.row.key.index: np.array(snapshot.labels(frame)) for frame in frames}
        except ProjectError:
            return {}
        return {index: labels for index, labels in found.items() if labels.any()}

    def states(self) -> dict[int, tuple[FrameState, MaskState, Source]]:
        """Of each frame and its mask."""
        with Snapshot.open(self.path) as snapshot:
            return {frame.row.key.index: (frame.row.state, mask.state, mask.source) for frame, mask in snapshot.masks()}

    def accepted(self) -> list[int]:
        """Frames that were accepted."""
        return [index for index, states in self.states().items() if states[0] is FrameState.ACCEPTED]


# pycocotools' own: it asks numpy for arrays as numpy 1 had them.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_what_is_painted_outlives_a_kill_and_is_read_by_other_programs(start_viewer, tmp_path):
    clip = demo_clip(tmp_path)
    project = Project(clip.with_suffix(".panosod"))
    stats = tmp_path / "stats.json"
    viewer = start_viewer(clip, *WINDOW, "--stats", stats, "--stats-every", "0.1")
    viewer.until(lambda: _frame(stats) == 0, "the first picture")

    # Accepting an object where there is none does nothing but begin the project, as soon as the clip is known.
    viewer.until(lambda: project.path.is_file() or viewer.key("ctrl+shift+Return"), "a project")
    viewer.key("b")
    drag(viewer, (320, 250), (520, 250))
    viewer.until(project.labels, "a stroke on the disk")
    painted = project.labels()
    assert list(painted) == [0]
    viewer.until(lambda: not project.labels() or viewer.key("ctrl+z"), "undo on the disk")
    viewer.until(lambda: _same(project.labels(), painted) or viewer.key("ctrl+shift+z"), "redo on the disk")

    viewer.key("ctrl+p")
    viewer.until(lambda: len(project.labels()) == 1 + CARRIED, "propagated masks on the disk")
    viewer.until(lambda: _frame(stats), "the picture that follows")
    viewer.key("ctrl+Home")
    viewer.until(lambda: _frame(stats) == 0, "the first picture again")
    # Once: it goes on to another frame, which a second time would accept.
    viewer.key("ctrl+Return")
    viewer.until(project.accepted, "an accepted frame")
    assert project.accepted() == [0]
    before = project.labels()
    viewer.kill()

    assert _same(project.labels(), before)
    assert np.array_equal(before[0], painted[0])
    assert _is_band_across_the_seam(painted[0])
    states = project.states()
    assert states[0] == (FrameState.ACCEPTED, MaskState.ACCEPTED, Source.MANUAL)
    assert {states[n] for n in range(1, 1 + CARRIED)} == {(FrameState.DRAFT, MaskState.DRAFT, Source.PROPAGATED)}

    again = start_viewer(clip, *WINDOW)
    again.until(again.windows, "a window")
    folders = [project.path.with_name(f"{clip.stem} masks"), project.path.with_name(f"{clip.stem} masks 2")]
    _export(again, folders[0], format_place=0)
    _export(again, folders[1], format_place=COCO_PLACE)
    assert _same(project.labels(), before)
    _our_loader_and_pillow_read(folders[0], before)
    _pycocotools_reads(folders[1], before)


def _frame(stats: Path) -> int | None:
    """Number of the picture on the screen; None before there is any."""
    return json.loads(stats.read_text())["frame"] if stats.is_file() else None


def _same(one: dict[int, NDArray[np.uint8]], other: dict[int, NDArray[np.uint8]]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[index], other[index]) for index in one)


def _is_band_across_the_seam(labels: NDArray[np.uint8]) -> bool:
    """One object, on both edges of the map and nowhere near its middle, and whole when the seam is in the middle."""
    width = labels.shape[1]
    columns = np.roll((labels == 1).any(axis=0), width // 2)
    inside = np.flatnonzero(columns)
    is_one = len(inside) == inside[-1] - inside[0] + 1
    is_about_the_seam = inside[0] < width // 2 - 4 and inside[-1] > width // 2 + 4
    return bool(is_one and is_about_the_seam and len(inside) < width // 3 and labels.max() == 1)


def _export(viewer: Viewer, folder: Path, *, format_place: int) -> None:
    """Through the dialog, whose first field is the format; the folder is the one that it proposes."""
    viewer.until(lambda: dialogs(viewer, "Export masks") or viewer.key("ctrl+e"), "the export's dialog")
    dialog = dialogs(viewer, "Export masks")[0]
    keys_in(viewer, dialog, *(["Down"] * format_place), "Return")
    viewer.until((folder / "manifest.json").is_file, f"{folder.name}")
    viewer.until(lambda: not dialogs(viewer, "Export masks"), "the end of the dialog")


def _our_loader_and_pillow_read(folder: Path, wanted: dict[int, NDArray[np.uint8]]) -> None:
    (clip,) = open_data_set(folder).clips
    assert [frame.number for frame in clip.frames] == sorted(wanted)
    assert clip.sound is not None and clip.sound.channels == 4
    for frame in clip.frames:
        labels = wanted[frame.number]
        assert np.array_equal(read_mask(frame.mask) >= 128, labels > 0)
        instance = folder / "instance" / "train" / clip.name / f"{frame.number:05d}.png"
        assert np.array_equal(read_instances(instance), labels)
        with Image.open(instance) as picture:
            assert picture.mode == "P" and np.array_equal(np.asarray(picture), labels)
        with Image.open(frame.image) as picture:
            assert picture.size == labels.shape[::-1]


def _pycocotools_reads(folder: Path, wanted: dict[int, NDArray[np.uint8]]) -> None:
    (file,) = folder.glob("*annotations.json")
    numbers = {image["id"]: image["frame_index"] for image in json.loads(file.read_text())["images"]}
    data = COCO(str(file))
    assert sorted(numbers[number] for number in data.getImgIds()) == sorted(wanted)
    for number in data.getImgIds():
        labels = np.zeros_like(wanted[numbers[number]])
        for annotation in data.loadAnns(data.getAnnIds(imgIds=[number])):
            labels[data.annToMask(annotation) > 0] = annotation["object_id"]
            left, _, width, _ = annotation["bbox_wrap"]
            assert left + width > labels.shape[1] or numbers[number] > 0  # the painted one lies across the seam
        assert np.array_equal(labels, wanted[numbers[number]])
