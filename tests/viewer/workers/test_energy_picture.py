"""The energy map of the picture's moment."""

from pathlib import Path

import numpy as np
import pytest

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.sphere import angle_between, direction, equirect_directions
from panosod_core.media.probe import probe
from panosod_core.synth.truth import load_truth
from panosod_viewer.workers.energy_picture import (
    HEIGHT,
    RANGE_DB,
    WIDTH,
    EnergyFailed,
    EnergyHeard,
    EnergyPainter,
    EnergyWorker,
)

EYE = np.eye(3)


def sound_from(azimuth_deg: float, elevation_deg: float, *, order: int = 1, level: float = 0.1) -> np.ndarray:
    noise = level * np.random.default_rng(1).standard_normal(4800)
    return encode_plane_wave(noise, direction(*np.radians([azimuth_deg, elevation_deg])), order=order)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("place", [(0, 0), (120, 35), (-179, -5), (10, 88)])
def test_the_map_peaks_where_the_sound_comes_from(place: tuple[float, float], order: int) -> None:
    heard = EnergyPainter(order=order, R_world_picture=EYE).painted(sound_from(*place, order=order), time_s=1.5)
    assert heard.time_s == 1.5 and heard.levels is not None and heard.peak is not None
    assert heard.levels.shape == (HEIGHT, WIDTH) and heard.levels.max() == 255
    toward = direction(*np.radians(place))
    assert np.degrees(angle_between(np.array(heard.peak), toward)) < 2.0
    loudest = equirect_directions(WIDTH, HEIGHT)[np.unravel_index(heard.levels.argmax(), heard.levels.shape)]
    assert np.degrees(angle_between(loudest, toward)) < 8.0
    assert heard.peak_db == pytest.approx(-20.0, abs=0.5)


def test_levels_are_decibels_below_the_peak() -> None:
    heard = EnergyPainter(order=1, R_world_picture=EYE).painted(sound_from(0, 0), time_s=0.0)
    assert heard.levels is not None
    cosine = equirect_directions(WIDTH, HEIGHT)[..., 0]
    # max-rE of first order: the beam's gain is (1 + sqrt(3) cos) / (1 + sqrt(3))
    below_db = 20 * np.log10(np.maximum(np.abs(1 + np.sqrt(3) * cosine) / (1 + np.sqrt(3)), 1e-6))
    expected = 255 * np.clip(1 + below_db / RANGE_DB, 0, 1)
    assert np.abs(heard.levels - expected).max() < 3


def test_the_map_lies_in_the_frame_of_the_picture_and_the_peak_in_the_world() -> None:
    R = PictureGeometry(pose_deg=(70.0, 20.0, 10.0)).R_world_picture
    heard = EnergyPainter(order=1, R_world_picture=R).painted(sound_from(30, 10), time_s=0.0)
    assert heard.levels is not None and heard.peak is not None
    in_world = direction(*np.radians([30, 10]))
    assert np.degrees(angle_between(np.array(heard.peak), in_world)) < 2.0
    loudest = equirect_directions(WIDTH, HEIGHT)[np.unravel_index(heard.levels.argmax(), heard.levels.shape)]
    assert np.degrees(angle_between(R @ loudest, in_world)) < 8.0


def test_silence_has_no_map() -> None:
    painter = EnergyPainter(order=1, R_world_picture=EYE)
    for block in (np.zeros((4, 100), np.float32), np.zeros((4, 0), np.float32), sound_from(0, 0, level=1e-6)):
        assert painter.painted(block, time_s=0.0).levels is None


def test_the_worker_hears_the_moment_that_it_is_asked_for(clip: Path, mail) -> None:
    info = probe(clip)
    truth = load_truth(clip)
    assert info.audio is not None
    worker = EnergyWorker(clip, info.audio, mail.post, clock_origin_s=0.0, R_world_picture=EYE)
    fps = float(truth.header.fps)
    try:
        for time_s in (0.6, 0.65, 0.9, 0.7):  # on, on, further, and back
            worker.want(time_s)
            heard = mail.next()
            assert isinstance(heard, EnergyHeard) and heard.time_s == time_s
            index = round(time_s * fps)
            (sounding,) = truth.sounding(index)
            assert heard.peak is not None
            assert np.degrees(angle_between(np.array(heard.peak), truth.direction(sounding, index))) < 10.0  # it moves
        worker.want(1e6)
        assert mail.next().levels is None
    finally:
        assert worker.close(timeout_s=60)


def test_a_file_that_is_gone_is_told_in_one_line(clip: Path, tmp_path: Path, mail) -> None:
    info = probe(clip)
    assert info.audio is not None
    worker = EnergyWorker(tmp_path / "gone.mp4", info.audio, mail.post, clock_origin_s=0.0, R_world_picture=EYE)
    worker.want(0.5)
    failed = mail.next()
    assert isinstance(failed, EnergyFailed) and "\n" not in failed.text
    assert worker.close(timeout_s=60)
