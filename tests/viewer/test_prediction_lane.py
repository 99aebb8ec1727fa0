"""One model's lane: maps of the frame in sight, what covers the clip, and letters of clips already closed."""

import sqlite3
import threading
from contextlib import closing

import numpy as np
import pytest

from panosod_core.errors import PredictionError
from panosod_core.inference.cache import CacheKey, ClipMaps, PredictionCache, map_record
from panosod_core.inference.messages import (
    Broken,
    ClipReady,
    ClipRefused,
    CloseClip,
    Loaded,
    MapMade,
    MoveTo,
    OpenClip,
    Progress,
    Remake,
    Setup,
)
from panosod_viewer.prediction_lane import PredictorLane
from panosod_viewer.prediction_words import UNREADABLE
from panosod_viewer.workers.predicting import PredictorDied
from panosod_viewer.workers.reaping import Reaper

KEY = CacheKey("content", "model", "settings")
LOADED = Loaded("/m.safetensors", "model", "torch, cuda, bfloat16", 4, 8, 2.0)


def ready(generation=1, frames=100):
    return ClipReady(generation, KEY.content_id, KEY.model_id, KEY.settings, frames, 30.0, 0)


def progress(*, generation=1, idle=False, rate=9.2, stride=3):
    return Progress(generation, rate, 5, 10, stride, 1.0, 30.0, 12.0, idle)


class Client:
    pid = 4711

    def __init__(self, setup, post):
        self.setup, self.post = setup, post
        self.sent, self.is_closed, self.is_asked_to_end = [], False, False
        self.may_end = threading.Event()
        self.may_end.set()

    def send(self, request):
        self.sent.append(request)

    def begin_close(self):
        self.is_asked_to_end = True

    def close(self):
        assert self.may_end.wait(60)
        self.is_closed = True


class Bench:
    def __init__(self, qtbot, folder):
        self.qtbot, self.folder = qtbot, folder
        self.reaper = Reaper()
        self.lane = PredictorLane(Setup(cache=str(folder)), reaper=self.reaper, make_client=self._make)
        self.words, self.records, self.addresses, self.failures, self.refusals, self.made = [], [], [], [], [], []
        self.lane.status_changed.connect(self.words.append)
        self.lane.record_changed.connect(self.records.append)
        self.lane.address_changed.connect(self.addresses.append)
        self.lane.failed.connect(self.failures.append)
        self.lane.refused.connect(self.refusals.append)
        self.lane.map_made.connect(self.made.append)

    def _make(self, setup, post):
        self.client = Client(setup, post)
        return self.client

    def hear(self, *letters):
        for letter in letters:
            self.client.post(letter)
        self.qtbot.waitUntil(lambda: not self.lane._mail.has_letters)

    def put(self, index, *, value=50, carried=0):
        with PredictionCache(self.folder).open(KEY) as maps:
            saliency = np.full((4, 8), value, np.uint8)
            maps.put(map_record(index, pts=index, time_s=index / 30, saliency=saliency, carried=carried))

    def shows(self, index):
        record = self.lane.record
        return record is not None and record.index == index


@pytest.fixture
def bench(qtbot, tmp_path):
    made = Bench(qtbot, tmp_path)
    yield made
    made.lane.close()
    assert made.reaper.join(timeout_s=60)
    assert made.client.is_closed


def test_the_map_of_the_frame_in_sight_is_shown_and_for_a_moment_the_nearest(bench, qtbot):
    bench.put(10)
    bench.put(12, carried=2)
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.lane.look_at(10)
    bench.hear(LOADED, ready())
    qtbot.waitUntil(lambda: bench.shows(10))
    qtbot.waitUntil(lambda: 12 in bench.lane._records)
    bench.lane.look_at(13)
    assert bench.shows(12)
    bench.lane.look_at(12 + 8)
    assert bench.lane.record is None  # more than a quarter of a second away
    bench.put(20, value=70)
    bench.hear(MapMade(1, 20, False))
    qtbot.waitUntil(lambda: bench.shows(20))
    assert bench.made == [20]
    assert bench.records[-1] is bench.lane.record


def test_what_covers_the_clip_is_known_and_the_models_own_counts_for_more(bench, qtbot):
    bench.put(3)
    bench.put(4, carried=1)
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.hear(ready(frames=10))
    qtbot.waitUntil(lambda: bench.lane.coverage.made.any())
    bench.put(5, carried=2)
    bench.hear(MapMade(1, 4, False), MapMade(1, 3, True), MapMade(1, 5, True))
    assert np.flatnonzero(bench.lane.coverage.made).tolist() == [3, 4]
    assert np.flatnonzero(bench.lane.coverage.carried).tolist() == [5]
    assert bench.lane.coverage.share == 0.2


def test_letters_of_a_clip_that_is_closed_say_nothing(bench):
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.hear(LOADED)
    bench.lane.close_clip()
    bench.lane.open_clip(OpenClip(2, "/b.mp4"))
    before = list(bench.words)
    bench.hear(ready(1), progress(generation=1), MapMade(1, 3, False), ClipRefused(1, "no"))
    assert (bench.addresses, bench.refusals, bench.made, bench.words) == ([], [], [], before)
    assert bench.client.sent == [OpenClip(1, "/a.mp4"), CloseClip(1), OpenClip(2, "/b.mp4")]


def test_a_clip_that_goes_takes_its_maps_along(bench, qtbot):
    bench.put(0)
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.hear(ready())
    qtbot.waitUntil(lambda: bench.shows(0))
    bench.lane.close_clip()
    assert bench.records[-1] is None
    assert bench.addresses[-1] is None
    assert bench.lane.coverage is None
    bench.lane.move(index=3, is_playing=False, speed=1.0, late=0)
    assert not any(isinstance(request, MoveTo) for request in bench.client.sent)


def test_what_a_process_has_made_outlives_it_and_serves_the_next(bench, qtbot):
    bench.put(0)
    bench.put(5, value=70)
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.hear(LOADED, ready())
    qtbot.waitUntil(lambda: bench.shows(0))
    dead = bench.client
    bench.hear(PredictorDied("signal 9"))
    assert dead.is_asked_to_end
    assert (bench.lane.pid, bench.words[-1]) == (None, "off")
    bench.lane.look_at(5)
    qtbot.waitUntil(lambda: bench.shows(5))  # read after the process had died
    bench.lane.restart(Setup(device="cpu", cache=str(bench.folder)), OpenClip(2, "/a.mp4"))
    assert (bench.client.setup.device, bench.client.sent) == ("cpu", [OpenClip(2, "/a.mp4")])
    assert bench.client is not dead and bench.lane.pid == bench.client.pid
    bench.hear(MapMade(1, 50, False))  # of the one that died
    assert not bench.made
    bench.hear(LOADED, ready(2))
    bench.put(6, value=90)
    bench.hear(MapMade(2, 6, False))
    bench.lane.look_at(6)
    qtbot.waitUntil(lambda: bench.shows(6))
    assert np.flatnonzero(bench.lane.coverage.made).tolist() == [0, 5, 6]
    assert len(bench.addresses) == 1
    assert None not in bench.records


def test_another_model_in_its_place_takes_the_maps_away_when_it_is_ready(bench, qtbot):
    bench.put(0)
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.hear(LOADED, ready())
    qtbot.waitUntil(lambda: bench.shows(0))
    before = bench.client
    bench.lane.restart(Setup(cache=str(bench.folder)), OpenClip(2, "/a.mp4"))
    assert before.is_asked_to_end
    assert bench.shows(0)
    bench.hear(ClipReady(2, KEY.content_id, "another model", KEY.settings, 100, 30.0, 0))
    assert bench.records[-1] is None
    assert [address.model_id for address in bench.addresses] == [KEY.model_id, "another model"]
    assert bench.lane.coverage.share == 0.0


def test_started_anew_for_another_clip_it_forgets_the_one_before(bench, qtbot):
    bench.put(0)
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.hear(LOADED, ready())
    qtbot.waitUntil(lambda: bench.shows(0))
    bench.lane.restart(Setup(cache=str(bench.folder)), OpenClip(2, "/b.mp4"))
    assert bench.records[-1] is None
    assert bench.addresses[-1] is None
    assert bench.client.sent == [OpenClip(2, "/b.mp4")]


def test_how_it_fares_in_words(bench):
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    letters = (LOADED, progress(), progress(rate=0.4, stride=1), progress(idle=True))
    bench.hear(*letters)
    assert bench.words == ["starting…", "9 maps/s, every 3rd frame", "under 1 map/s, every frame", "all maps are there"]
    assert bench.lane.figures()["maps_per_s"] == 9.2
    assert bench.lane.figures()["engine"] == LOADED.engine


@pytest.mark.parametrize("has_gpu", [False, True])
def test_a_file_that_is_no_model_offers_the_processor_only_where_there_is_something_else(bench, monkeypatch, has_gpu):
    monkeypatch.setattr("panosod_viewer.prediction_lane.may_have_gpu", lambda: has_gpu)
    bench.hear(Broken("load", "no model"))
    (failure,) = bench.failures
    assert failure.was_on_cpu is not has_gpu


@pytest.mark.parametrize(
    ("letter", "reason"), [(Broken("memory", "too little"), "memory"), (PredictorDied("signal 9"), "died")]
)
def test_a_model_that_goes_is_told_once_and_its_process_is_put_away(bench, letter, reason):
    bench.hear(LOADED, letter)
    (failure,) = bench.failures
    assert (failure.reason, failure.was_on_cpu) == (reason, False)
    assert bench.client.is_asked_to_end
    assert bench.lane.pid is None
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))  # to nobody
    assert bench.client.sent == []


def test_maps_that_cannot_be_read_are_told_and_read_again_when_asked(bench, qtbot, monkeypatch):
    unreadable = []
    bench.lane.unreadable.connect(unreadable.append)
    bench.put(3)
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.lane.look_at(3)
    with monkeypatch.context() as broken:
        broken.setattr(ClipMaps, "get", fail_to_read)
        bench.hear(LOADED, ready())
        qtbot.waitUntil(lambda: bool(unreadable))
    assert unreadable == ["the disk has gone"]
    bench.hear(progress())
    assert bench.words[-2:] == [UNREADABLE, UNREADABLE]  # not how many maps are made that nobody sees
    bench.put(4)
    bench.hear(MapMade(1, 4, False))
    assert bench.made == [4]
    bench.lane.read_again()
    qtbot.waitUntil(lambda: bench.shows(3))
    assert bench.words[-1] == "9 maps/s, every 3rd frame"
    bench.lane.look_at(4)
    qtbot.waitUntil(lambda: bench.shows(4))


def fail_to_read(self, index):
    raise PredictionError("the disk has gone")


def test_a_process_and_a_reader_that_take_their_time_hold_nobody_up(bench, qtbot, monkeypatch):
    let_go = threading.Event()
    monkeypatch.setattr(PredictionCache, "open", lambda cache, key: let_go.wait(60) and None)
    bench.client.may_end.clear()
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.hear(LOADED, ready())
    bench.lane.close()  # returns while both are still at it
    assert bench.client.is_asked_to_end
    assert not bench.client.is_closed
    assert not bench.reaper.join(timeout_s=0.0)
    bench.client.may_end.set()
    let_go.set()
    assert bench.reaper.join(timeout_s=60)
    assert bench.client.is_closed


def test_a_map_found_damaged_is_asked_for_again_and_counts_no_longer(bench, qtbot, caplog):
    bench.put(3)
    bench.put(5)
    spoil(bench.folder, 3)
    bench.lane.open_clip(OpenClip(1, "/a.mp4"))
    bench.lane.look_at(5)
    bench.hear(LOADED, ready())
    qtbot.waitUntil(lambda: Remake(1, 3) in bench.client.sent)
    assert np.flatnonzero(bench.lane.coverage.made).tolist() == [5]
    bench.put(3, value=90)
    bench.hear(MapMade(1, 3, False))
    bench.lane.look_at(3)
    qtbot.waitUntil(lambda: bench.shows(3))
    assert np.flatnonzero(bench.lane.coverage.made).tolist() == [3, 5]
    assert bench.client.sent.count(Remake(1, 3)) == 1


def spoil(folder, index):
    """Turn the map of a frame into something else behind the cache's back."""
    (path,) = folder.glob("*.maps")
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE maps SET saliency = x'00' WHERE idx = ?", (index,))
        file.commit()
