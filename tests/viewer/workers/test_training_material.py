"""What the panel says beforehand of a job's check set."""

from contextlib import closing
from fractions import Fraction

import pytest

from panosod_core.annotation.adopting import new_clip
from panosod_core.annotation.document import Document
from panosod_core.annotation.records import FrameKey
from panosod_viewer.workers.training_material import material_of

FPS = 30


@pytest.mark.parametrize(
    ("count", "step", "note"),
    [
        (6, 30, "Fewer than 34 corrected frames"),
        (20, 30, "Fewer than 34 corrected frames"),
        (33, 30, "Fewer than 34 corrected frames"),
        (34, 30, ""),
        (60, 2, "Checked frames lie too close together: no advice can be given"),
    ],
)
def test_what_no_advice_can_be_given_for_is_said_beforehand(tmp_path, count, step, note):
    media, project = tmp_path / "a.mp4", tmp_path / "p.panosod"
    media.write_bytes(b"one")
    with closing(Document.create(project, author="a", backup_every_s=None)) as document:
        clip = document.add_clip(new_clip(media, project, size=(8, 16), stream=0, time_base=Fraction(1, FPS)))
        document.accept([FrameKey(clip.id, 0, k * step, k * step) for k in range(count)])
    found = material_of(project)
    assert not found.why_not and sum(c.frames for c in found.clips) == count
    assert found.note.startswith(note) and bool(found.note) == bool(note)
