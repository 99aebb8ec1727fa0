"""The maps around the playhead come from the cache in time, and again where they were replaced."""

import numpy as np
import pytest

from panosod_core.inference.cache import CacheKey, ClipMaps, PredictionCache, map_record
from panosod_viewer.workers.map_reading import (
    AHEAD,
    BEHIND,
    CacheAddress,
    MapRead,
    MapReader,
    MapsFailed,
    MapsKnown,
    MapsLost,
)

KEY = CacheKey("clip", "model", "settings")


def record(index, *, value=100, carried=0):
    return map_record(
        index, pts=index, time_s=index / 30, saliency=np.full((4, 8), value, np.uint8), carried=carried
    )  # fmt: skip


@pytest.fixture
def maps(tmp_path):
    with PredictionCache(tmp_path).open(KEY) as opened:
        yield opened


@pytest.fixture
def reader(tmp_path, mail):
    address = CacheAddress(str(tmp_path), KEY.content_id, KEY.model_id, KEY.settings)
    made = MapReader(address, mail.post)
    yield made
    assert made.close(timeout_s=60)


def read(mail, count):
    letters = [mail.next() for _ in range(count)]
    assert all(isinstance(letter, MapRead) for letter in letters)
    return [letter.record for letter in letters]


def test_what_is_known_is_told_and_maps_near_the_frame_come_nearest_ahead_first(maps, reader, mail):
    for index in range(0, 100, 2):
        maps.put(record(index, carried=index % 4))
    reader.start()
    known = mail.next()
    assert isinstance(known, MapsKnown)
    assert known.carried == {index: index % 4 for index in range(0, 100, 2)}
    reader.look_at(50)
    ahead, behind = list(range(50, 50 + AHEAD + 1, 2)), list(range(48, 50 - BEHIND - 1, -2))
    assert [r.index for r in read(mail, len(ahead) + len(behind))] == ahead + behind
    reader.look_at(52)
    assert [r.index for r in read(mail, 1)] == [52 + AHEAD]


def test_a_map_made_near_the_frame_comes_at_once_and_replaces_the_carried_one(maps, reader, mail):
    maps.put(record(5, value=10, carried=2))
    reader.start()
    mail.next()
    reader.look_at(5)
    assert read(mail, 1)[0].carried == 2
    maps.put(record(5, value=20))
    reader.made(5)
    (newer,) = read(mail, 1)
    assert (newer.carried, newer.saliency[0, 0]) == (0, 20)
    maps.put(record(90))
    reader.made(90)  # far away: not read before one goes there
    maps.put(record(6))
    reader.made(6)
    assert [r.index for r in read(mail, 1)] == [6]
    reader.look_at(90)
    assert [r.index for r in read(mail, 1)] == [90]


def test_a_place_that_cannot_be_read_is_told_in_one_line(tmp_path, mail):
    (tmp_path / "file").write_text("no folder")
    address = CacheAddress(str(tmp_path / "file" / "cache"), "a", "b", "c")
    reader = MapReader(address, mail.post)
    reader.start()
    reader.look_at(3)
    failed = mail.next()
    assert isinstance(failed, MapsFailed)
    assert failed.address == address
    assert "expected a folder" in failed.text
    assert "\n" not in failed.text
    assert reader.close(timeout_s=60)


def test_a_mistake_while_reading_is_told_too(maps, reader, mail, monkeypatch):
    def stumble(self, index):
        raise KeyError("no such\nthing")

    monkeypatch.setattr(ClipMaps, "get", stumble)
    maps.put(record(5))
    reader.start()
    mail.next()
    reader.look_at(5)
    failed = mail.next()
    assert isinstance(failed, MapsFailed)
    assert "KeyError" in failed.text
    assert "\n" not in failed.text


def test_a_file_that_is_another_one_now_is_followed_and_what_went_with_the_old_is_told(tmp_path, maps, reader, mail):
    for index in (4, 5, 60):
        maps.put(record(index))
    reader.start()
    mail.next()
    reader.look_at(4)
    assert [r.index for r in read(mail, 2)] == [4, 5]
    maps.close()
    for file in tmp_path.glob("*.maps*"):
        file.unlink()
    with PredictionCache(tmp_path).open(KEY) as anew:
        anew.put(record(6, value=30))
        reader.look_at(60)
        lost = mail.next()
        assert isinstance(lost, MapsLost)
        assert lost.indices == {4, 5, 60}
        anew.put(record(60, value=20))
        reader.made(60)
        (newer,) = read(mail, 1)
        assert (newer.index, newer.saliency[0, 0]) == (60, 20)
