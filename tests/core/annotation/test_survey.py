"""What a project's file says about a clip as a whole."""

from fractions import Fraction

import numpy as np

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import BY_HAND, Origin, Protection, put_labels
from panosod_core.annotation.records import FrameKey, NewClip, Source
from panosod_core.annotation.survey import Survey, survey


def test_it_tells_a_machines_frames_from_a_persons_and_how_long_masks_took(tmp_path):
    document = Document.create(tmp_path / "a.panosod", author="Ada", backup_every_s=None)
    clip = document.add_clip(NewClip("a.mp4", "content", 32, 16, 0, Fraction(1, 30)))
    assert survey(document.path, clip.id) == Survey()

    def put(pts, origin, seconds, value=1):
        key = FrameKey(clip.id, 0, pts, pts)
        labels = document.labels(key).copy()
        labels[2:6, 3 + value : 9] = value
        edit = put_labels(document.labels(key), labels, protection=Protection(), origin=origin)
        document.apply(key, edit, title="x", time_spent_s=seconds)

    put(0, BY_HAND, 4.0)
    put(1, Origin(Source.PROPAGATED), 0.0)
    put(2, Origin(Source.MODEL, model_id="m"), 0.0)
    put(3, Origin(Source.PROPAGATED), 0.0)
    put(3, BY_HAND, 3.0, value=2)
    put(3, BY_HAND, 7.0, value=2 + 1)
    document.flush()
    found = survey(document.path, clip.id)
    assert found.by_machine == {1, 2} and found.propagated == {1}
    # Each stroke changes two masks at most; what they took together counts once a mask.
    assert found.timed == len({(0, 1), (3, 1), (3, 2), (3, 3)}) and np.isfinite(found.median_s)
    document.close()
