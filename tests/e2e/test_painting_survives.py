"""Paint with the system's own pointer in a viewer of its own process, kill it, and look what is left."""

from pathlib import Path

import numpy as np
import pytest

from panosod_core.annotation.document import Document
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.errors import ProjectError
from tests.clips import demo_clip
from tests.e2e.pointer import drag
from tests.e2e.running import Viewer

pytestmark = pytest.mark.gl


def painted(project: Path) -> int:
    """Pixels on the disk, as another process sees them; -1 before there is anything to read."""
    if not project.is_file():
        return -1
    try:
        with Snapshot.open(project) as snapshot:
            found = (snapshot.mask(mask) for _, mask in snapshot.masks())
            return sum(int(mask.bits.sum()) for mask in found if mask is not None)
    except ProjectError:
        return -1


def test_a_stroke_across_the_seam_outlives_a_kill_after_undo_and_redo(start_viewer, tmp_path):
    clip = demo_clip(tmp_path)
    project = clip.with_suffix(".panosod")
    viewer = start_viewer(clip, "--paused", "--yaw", "180", "--size", "800x450")
    viewer.until(viewer.windows, "a window")
    viewer.key("b")
    viewer.until(lambda: _stroke_lands(viewer, project), "a stroke on the disk")
    viewer.until(lambda: _is_gone_after(viewer, "ctrl+z", project), "undo on the disk")
    viewer.until(lambda: not _is_gone_after(viewer, "ctrl+shift+z", project), "redo on the disk")
    viewer.kill()

    document = Document.open(project, author="test")
    try:
        (row,) = document.frames(document.clips[0].id)
        labels = np.array(document.labels(row.key))
    finally:
        document.close()
    assert labels[:, 0].any() and labels[:, -1].any()
    assert not labels[:, labels.shape[1] // 2].any()

    again = start_viewer(clip, "--paused", "--yaw", "180", "--size", "800x450")
    again.until(again.windows, "a window")
    again.until(lambda: _is_gone_after(again, "ctrl+z", project), "the project open again, with its history")


def _stroke_lands(viewer: Viewer, project: Path) -> bool:
    """Paint until the window has taken it: it tells nobody outside when its first picture is there."""
    if painted(project) <= 0:
        drag(viewer, (320, 250), (520, 250))
    return painted(project) > 0


def _is_gone_after(viewer: Viewer, key: str, project: Path) -> bool:
    """Press a key, and look whether nothing is painted (any more)."""
    viewer.key(key)
    return painted(project) == 0
