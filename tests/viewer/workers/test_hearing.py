"""The sound field is followed to its end off the GUI thread, and says so where it cannot be."""

import threading

import numpy as np
import pytest

from panosod_core.geometry.sphere import angle_between, direction
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.probe import probe
from panosod_viewer.workers.hearing import HearingFailed, HearingGrown, HearingWorker, has_field
from tests.clips import dot_clip


def listen(path, audio, mail, **more):
    worker = HearingWorker(path, audio, mail.post, duration_s=1.0, **{"clock_origin_s": 0.0, **more})
    worker.start()
    return worker


def test_a_source_is_followed_to_the_end(tmp_path, mail):
    where = direction(np.radians(100), np.radians(20))
    info = probe(dot_clip(tmp_path, where, width=64, height=32, duration_s=3.0))
    worker = listen(info.path, info.audio, mail, clock_origin_s=clip_origin_s(info))
    letters = [mail.next()]
    while not letters[-1].track.is_complete:
        letters.append(mail.next())
    lengths = [len(letter.track) for letter in letters]
    assert lengths == sorted(lengths) and lengths[0] < lengths[-1]
    track = letters[-1].track
    assert track.end_s == pytest.approx(3.0, abs=0.06)
    for time_s in (0.5, 1.5, 2.5):
        assert np.degrees(angle_between(track.peak_at(time_s), where)) < 1.0
    assert worker.close(timeout_s=60)
    assert not [t.name for t in threading.enumerate() if t.name.startswith("panosod")]


def test_sound_that_cannot_be_read_is_told_in_one_line(clip, mail, tmp_path):
    info = probe(clip)
    worker = listen(tmp_path / "gone.mp4", info.audio, mail)
    letter = mail.next()
    assert isinstance(letter, HearingFailed) and "gone.mp4" in letter.text and "\n" not in letter.text
    assert worker.close(timeout_s=60)


def test_closing_ends_the_work_at_once(tmp_path, mail):
    info = probe(dot_clip(tmp_path, (1, 0, 0), width=64, height=32, duration_s=3.0))
    worker = HearingWorker(info.path, info.audio, mail.post, duration_s=None, clock_origin_s=0.0)
    assert worker.close(timeout_s=60)  # before it began
    worker = listen(info.path, info.audio, mail)
    assert isinstance(mail.next(), HearingGrown)
    assert worker.close(timeout_s=60)


def test_stereo_is_refused(stereo_audio):
    assert not has_field(None) and not has_field(stereo_audio)
    with pytest.raises(ValueError, match="field"):
        HearingWorker(None, stereo_audio, print, duration_s=1.0, clock_origin_s=0.0)


@pytest.fixture
def stereo_audio(clip):
    from panosod_core.media.choice import override_sound

    return override_sound(probe(clip).audio, "stereo")
