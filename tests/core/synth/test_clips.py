"""The shared clips hold what they promise: other tests lean on them."""

import av
import numpy as np
import pytest

from panosod_core.ambisonics.energy import direction_of_arrival
from panosod_core.geometry.sphere import angle_between, direction, equirect_directions
from panosod_core.media.info import SoundFormat
from panosod_core.media.probe import probe
from panosod_core.synth.truth import load_truth
from tests.clips import RATE_HZ, demo_clip, dot_clip, swapped_sound_clip, sync_clip


def decoded(path):
    with av.open(str(path)) as container:
        pictures = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray().reshape(-1, 4).T / 32768 for frame in container.decode(audio=0)]
    return pictures, np.concatenate(blocks, axis=1).astype(np.float32)


@pytest.mark.parametrize("angles_deg", [(0, 0), (90, 0), (180, 20), (-45, -60), (30, 90)])
def test_dot_and_sound_lie_where_they_should(tmp_path, angles_deg):
    where = direction(*np.radians(angles_deg))
    pictures, field = decoded(dot_clip(tmp_path, where))
    bright = pictures[-1] > 200
    centre = equirect_directions(320, 160)[bright]
    assert np.degrees(angle_between(centre, where)).max() < 5.5
    heard = direction_of_arrival(field[:, 5000:40_000])
    assert np.degrees(angle_between(direction(heard.azimuth_rad, heard.elevation_rad), where)) < 0.5


def test_flash_and_click_begin_together(tmp_path):
    clip = sync_clip(tmp_path)
    pictures, field = decoded(clip.path)
    assert tuple(np.flatnonzero(pictures.max(axis=(1, 2)) > 200)) == clip.frames
    loud = np.flatnonzero(np.abs(field[0]) > 0.1)
    onsets = loud[np.diff(loud, prepend=-RATE_HZ) > RATE_HZ / 10] / RATE_HZ
    assert onsets == pytest.approx(clip.times_s, abs=0.001)


def test_the_swapped_clip_differs_from_the_demo_in_y_alone(tmp_path):
    right, wrong = demo_clip(tmp_path, duration_s=0.5), swapped_sound_clip(tmp_path, duration_s=0.5)
    (pictures, field), (same, swapped) = decoded(right), decoded(wrong)
    assert np.mean(np.abs(pictures.astype(int) - same)) < 2
    assert np.allclose(swapped[[0, 2, 3]], field[[0, 2, 3]], atol=1e-4)
    assert np.allclose(swapped[1], -field[1], atol=1e-4)
    assert load_truth(right).header.frame_count == len(pictures)


def test_they_say_what_they_are(tmp_path):
    info = probe(dot_clip(tmp_path, (1.0, 0.0, 0.0)))
    assert info.audio.format is SoundFormat.AMBIX
    assert (info.audio.source, info.video.source) == ("SA3D", "sv3d")
