"""The numbers follow the cache while it is written, and again when sound or truth become known."""

import numpy as np
import pytest

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.energy_track import EnergyTracker
from panosod_core.geometry.sphere import direction, equirect_directions
from panosod_core.inference.cache import CacheKey, PredictionCache
from panosod_core.inference.map_record import map_record
from panosod_viewer.workers.series import Known, SeriesFailed, SeriesWorker

KEY = CacheKey("clip", "model")
PLACE = direction(np.radians(90), 0.0)
MASK = equirect_directions(48, 24) @ PLACE > 0.9


def record(index, mask=MASK, carried=0):
    saliency = np.where(mask, 1.0, 0.0)
    return map_record(index, pts=index, time_s=index / 10, saliency=saliency, carried=carried)


def heard(seconds, where):
    tracker = EnergyTracker(sample_rate_hz=2000)
    noise = 0.1 * np.random.default_rng(1).standard_normal(round(2000 * seconds))
    tracker.push(encode_plane_wave(noise, where).astype(np.float32))
    return tracker


@pytest.fixture
def cache(tmp_path):
    return PredictionCache(tmp_path / "cache")


@pytest.fixture
def follow(cache, mail):
    made = []

    def start(known=None):
        worker = SeriesWorker(cache, KEY, mail.post, known=known)
        made.append(worker)
        worker.start()
        return worker

    yield start
    assert all(worker.close(timeout_s=60) for worker in made)


def until(mail, condition):
    while True:
        letter = mail.next()
        if condition(letter.tracks):
            return letter.tracks


def test_maps_are_followed_as_they_are_written(cache, mail, follow):
    with cache.open(KEY) as maps:
        for index in (4, 2):
            maps.put(record(index))
        worker = follow()
        tracks = until(mail, lambda t: len(t) == 2 and t.occupied.any(axis=1).all())
        assert tracks.index.tolist() == [2, 4] and np.isnan(tracks.disagreement_rad).all() and np.isnan(tracks.j).all()
        maps.put(record(3, carried=1))
        worker.poke()
        tracks = until(mail, lambda t: len(t) == 3)
        assert tracks.is_model.tolist() == [True, False, True]
        maps.put(record(3, np.zeros_like(MASK)))
        worker.poke()
        tracks = until(mail, lambda t: t.is_model.all() and t.area[1] == 0)
        assert tracks.area[1] == 0 and tracks.area[0] > 0 and len(tracks) == 3


def test_sound_and_truth_that_come_later_are_held_against_all_frames(cache, mail, follow):
    with cache.open(KEY) as maps:
        for index in range(40):
            maps.put(record(index))
    worker = follow()
    until(mail, lambda t: len(t) == 40)
    tracker = heard(2.0, -PLACE)
    worker.set_known(Known(tracker.track()))
    tracks = until(mail, lambda t: np.isfinite(t.disagreement_rad).sum() == 20)
    assert np.degrees(tracks.disagreement_rad[0]) == pytest.approx(180 - np.degrees(np.arccos(0.9)), abs=5)
    assert np.isnan(tracks.disagreement_rad[20:]).all()
    noise = 0.1 * np.random.default_rng(2).standard_normal(4000)
    tracker.push(encode_plane_wave(noise, PLACE).astype(np.float32))
    worker.set_known(Known(tracker.track()))
    tracks = until(mail, lambda t: np.isfinite(t.disagreement_rad).all())
    assert np.all(tracks.disagreement_rad[20:] == 0)
    worker.set_known(Known(tracker.track(), lambda index: MASK if index < 10 else None))
    tracks = until(mail, lambda t: np.isfinite(t.j).any() and np.isfinite(t.j).sum() == 10)
    assert np.all(tracks.j[:10] == 1) and np.all(tracks.f[:10] > 0.99)
    assert np.isfinite(tracks.disagreement_rad).all()


def test_numbers_of_all_maps_come_before_their_pixels_and_those_around_the_playhead_next(cache, mail):
    with cache.open(KEY) as maps:
        for index in range(100):
            maps.put(record(index))
    worker = SeriesWorker(cache, KEY, mail.post)
    worker.position_s = 7.0
    with cache.open(KEY) as maps:
        worker._read_notes(maps)
        worker._judge_some(maps, Known())
    tracks = worker._table.tracks()
    assert len(tracks) == 100 and np.all(tracks.area == tracks.area[0]) and tracks.area[0] > 0
    seen = np.flatnonzero(tracks.occupied.any(axis=1))
    assert seen.tolist() == list(range(seen[0], seen[-1] + 1)) and seen[0] < 70 < seen[-1]
    assert worker.close(timeout_s=60)


def test_a_track_that_goes_takes_the_disagreement_with_it(cache, mail, follow):
    with cache.open(KEY) as maps:
        maps.put(record(1))
    worker = follow(Known(heard(1.0, PLACE).track()))
    until(mail, lambda t: len(t) and np.isfinite(t.disagreement_rad[0]))
    worker.set_known(Known())
    until(mail, lambda t: np.isnan(t.disagreement_rad[0]))


def test_a_folder_that_cannot_be_used_is_told_in_one_line(tmp_path, mail):
    (tmp_path / "file").write_text("x")
    worker = SeriesWorker(PredictionCache(tmp_path / "file" / "cache"), KEY, mail.post)
    worker.start()
    letter = mail.next()
    assert isinstance(letter, SeriesFailed) and "\n" not in letter.text
    assert worker.close(timeout_s=60)
