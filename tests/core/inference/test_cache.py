"""Predictions on disk: what is put comes back, better maps win, others may follow, damage is mended and told."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.errors import PredictionError
from panosod_core.inference.cache import (
    CacheKey,
    ClipMaps,
    MapRecord,
    MapSource,
    PredictionCache,
    map_record,
)
from panosod_core.inference.cache_files import folder_lock, set_aside

KEY = CacheKey("c" * 64, "m" * 64, "eye=left")
SIZE = (12, 24)


def record(index: int, *, carried: int = 0, seed: int | None = None, location: bool = True) -> MapRecord:
    rng = np.random.default_rng(index if seed is None else seed)
    where = rng.normal(size=(3, 6)).astype(np.float32) if location else None
    return map_record(
        index, pts=index * 512, time_s=index / 30, saliency=rng.random(SIZE), location=where, carried=carried
    )


def same(a: MapRecord, b: MapRecord | None) -> bool:
    if b is None or (a.location is None) != (b.location is None):
        return False
    if a.location is not None and b.location is not None:
        step = float(np.ptp(a.location)) / 255
        if np.abs(a.location - b.location).max() > step / 2 + 1e-6:
            return False
    numbers = [(r.index, r.pts, r.time_s, r.source, r.carried, r.summary) for r in (a, b)]
    return numbers[0] == numbers[1] and bool(np.array_equal(a.saliency, b.saliency))


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, problems: list[str]) -> PredictionCache:
    return PredictionCache(tmp_path / "cache", on_problem=problems.append)


def test_what_is_put_comes_back(cache: PredictionCache) -> None:
    with cache.open(KEY) as maps:
        assert maps.indices() == []
        assert maps.get(0) is None
        for index in (7, 0, 3):
            assert maps.put(record(index, location=index != 3))
        assert maps.indices() == [0, 3, 7]
        for index in (0, 3, 7):
            assert same(record(index, location=index != 3), maps.get(index))
    with cache.open(KEY) as maps:
        assert maps.indices() == [0, 3, 7]
        assert same(record(7), maps.get(7))


def test_keys_do_not_mix(cache: PredictionCache) -> None:
    others = [CacheKey("d" * 64, KEY.model_id, KEY.settings), CacheKey(KEY.content_id, "n" * 64, KEY.settings)]
    others += [CacheKey(KEY.content_id, KEY.model_id, "eye=right"), CacheKey("cm", "m"), CacheKey("c", "mm")]
    for n, key in enumerate([KEY, *others]):
        with cache.open(key) as maps:
            assert maps.indices() == []
            maps.put(record(n))
    with cache.open(KEY) as maps:
        assert maps.indices() == [0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=12))
def test_maps_that_were_carried_least_far_remain(tmp_path_factory: pytest.TempPathFactory, puts: list) -> None:
    cache = PredictionCache(tmp_path_factory.mktemp("cache"))
    best: dict[int, MapRecord] = {}
    with cache.open(KEY) as maps:
        for seed, (index, carried) in enumerate(puts):
            new = record(index, carried=carried, seed=seed)
            wins = index not in best or carried < best[index].carried
            assert maps.put(new) == wins
            if wins:
                best[index] = new
        assert maps.indices() == sorted(best)
        assert maps.indices(MapSource.MODEL) == sorted(i for i, r in best.items() if r.carried == 0)
        assert maps.indices(MapSource.FLOW) == sorted(i for i, r in best.items() if r.carried > 0)
        assert all(same(expected, maps.get(index)) for index, expected in best.items())


def test_nearest_looks_both_ways_within_reach(cache: PredictionCache) -> None:
    with cache.open(KEY) as maps:
        for index in (10, 14, 30):
            maps.put(record(index))
        found = {(at, reach): maps.nearest(at, reach) for at, reach in [(12, 2), (13, 9), (20, 5), (25, 5), (12, 1)]}
        indices = {case: None if r is None else r.index for case, r in found.items()}
        assert indices == {(12, 2): 10, (13, 9): 14, (20, 5): None, (25, 5): 30, (12, 1): None}


def test_a_follower_sees_every_map_once_and_replaced_ones_anew(cache: PredictionCache) -> None:
    with cache.open(KEY) as writer, cache.open(KEY) as reader:
        writer.put(record(5, carried=2))
        writer.put(record(6))
        notes = reader.newer_than()
        assert [(n.index, n.source) for n in notes] == [(5, MapSource.FLOW), (6, MapSource.MODEL)]
        assert notes[1].summary == record(6).summary
        assert notes[1].pts == record(6).pts
        last = notes[-1].sequence
        assert reader.newer_than(last) == []
        writer.put(record(5))
        writer.put(record(6, carried=1))
        assert [(n.index, n.source) for n in reader.newer_than(last)] == [(5, MapSource.MODEL)]
        assert [n.index for n in reader.newer_than(limit=1)] == [6]


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_cache import KEY, PredictionCache, record
with PredictionCache(Path(sys.argv[1])).open(KEY) as maps:
    for index in range(60):
        maps.put(record(index))
        print(index, flush=True)
"""


def test_another_process_reads_while_one_writes_and_a_killed_writer_leaves_a_whole_file(
    tmp_path: Path, problems: list[str]
) -> None:
    cache = PredictionCache(tmp_path / "cache", on_problem=problems.append)
    here = Path(__file__).parent
    command = [sys.executable, "-c", WRITER, str(cache.folder), str(here)]
    with cache.open(KEY) as reader, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        seen: list[int] = []
        last = 0
        while len(seen) < 30:
            line = writer.stdout.readline()
            assert line, "the writer has ended"
            for note in reader.newer_than(last):
                seen.append(note.index)
                last = note.sequence
                assert same(record(note.index), reader.get(note.index))
        assert seen == list(range(len(seen)))
        writer.kill()
    with cache.open(KEY) as maps:
        kept = maps.indices()
        assert kept == list(range(len(kept)))
        assert all(same(record(index), maps.get(index)) for index in kept)
    assert problems == []


def filled(cache: PredictionCache, *, count: int = 20) -> Path:
    with cache.open(KEY) as maps:
        for index in range(count):
            maps.put(record(index))
        return maps.path


@pytest.mark.parametrize("damage", ["no database", "header only", "half", "other version", "other program", "no table"])
def test_a_damaged_file_is_set_aside_told_and_begun_anew(
    cache: PredictionCache, problems: list[str], damage: str
) -> None:
    path = filled(cache)
    data = path.read_bytes()
    if damage == "no database":
        path.write_bytes(b"this is no database" * 1000)
    elif damage == "header only":
        path.write_bytes(data[:100])
    elif damage == "half":
        path.write_bytes(data[: len(data) // 2])
    else:
        statement = {
            "other version": "PRAGMA user_version = 99",
            "other program": "PRAGMA application_id = 1",
            "no table": "DROP TABLE maps",
        }[damage]
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
    with cache.open(KEY) as maps:
        for index in range(20):
            found = maps.get(index)  # of a file cut in half the first maps may still be whole
            assert found is None or (damage == "half" and same(record(index), found))
        for index in range(20):
            maps.put(record(index))
        assert maps.indices() == list(range(20))
        assert all(same(record(index), maps.get(index)) for index in range(20))
    assert len(problems) == 1
    assert "damaged" in problems[0]
    assert "\n" not in problems[0]
    assert path.with_suffix(".damaged").is_file()


def test_another_clips_file_under_this_name_is_not_believed(cache: PredictionCache, problems: list[str]) -> None:
    path = filled(cache)
    other = CacheKey("other", "model")
    with cache.open(other) as maps:
        target = maps.path
    shutil.copyfile(path, target)
    with cache.open(other) as maps:
        assert maps.indices() == []
    assert len(problems) == 1


@pytest.mark.parametrize("column", ["saliency", "location", "low", "pts"])
def test_a_damaged_map_is_forgotten_told_and_made_anew(
    cache: PredictionCache, problems: list[str], column: str
) -> None:
    path = filled(cache)
    with closing(sqlite3.connect(path)) as connection, connection:
        if column in ("saliency", "location"):
            (blob,) = connection.execute(f"SELECT {column} FROM maps WHERE idx = 4").fetchone()
            value: object = blob[:40] + bytes([blob[40] ^ 255]) + blob[41:]
        else:
            value = 12345
        connection.execute(f"UPDATE maps SET {column} = ? WHERE idx = 4", (value,))
    with cache.open(KEY) as maps:
        assert maps.get(4) is None
        assert 4 not in maps.indices()
        assert len(problems) == 1
        assert "frame 4" in problems[0]
        assert maps.put(record(4))
        assert same(record(4), maps.get(4))
        assert same(record(5), maps.get(5))
    assert len(problems) == 1


def test_nearest_passes_over_a_damaged_map(cache: PredictionCache, problems: list[str]) -> None:
    path = filled(cache)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE maps SET saliency = x'00' WHERE idx = 4")
    with cache.open(KEY) as maps:
        found = maps.nearest(4, 3)
        assert found is not None
        assert found.index == 3


def test_those_that_have_the_file_open_follow_when_another_sets_it_aside(
    cache: PredictionCache, problems: list[str]
) -> None:
    with cache.open(KEY) as writer:
        writer.put(record(1))
        with cache.open(KEY) as follower:
            last = follower.newer_than()[-1].sequence
            # What another process does that finds the file damaged.
            with folder_lock(cache.folder):
                set_aside(writer.path)
            assert writer.put(record(2))
            assert [n.index for n in follower.newer_than(last)] == [2]
            assert same(record(2), follower.get(2))
            assert writer.indices() == [2]


def test_the_clips_used_least_recently_give_way(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path)
    keys = [CacheKey(f"clip {n}", "model") for n in range(4)]
    paths = []
    for n, key in enumerate(keys):
        with cache.open(key) as maps:
            for index in range(20):
                maps.put(record(index))
            paths.append(maps.path)
        stamp(paths[-1], n)
    stamp(paths[0], 10)  # used again
    one = paths[0].stat().st_size
    small = PredictionCache(tmp_path, limit_bytes=2 * one + one // 2)
    assert small.trim() == [paths[1], paths[2]]
    assert sorted(small.folder.glob("*.maps")) == sorted([paths[0], paths[3]])
    assert small.size_bytes() <= small.limit_bytes


def stamp(path: Path, second: int) -> None:
    os.utime(path, (1_000_000 + second, 1_000_000 + second))


def test_clips_that_are_open_stay_and_damaged_ones_go_first(tmp_path: Path) -> None:
    cache = PredictionCache(tmp_path, limit_bytes=0)
    damaged = tmp_path / "x.damaged"
    damaged.write_bytes(b"x" * 1000)
    with cache.open(KEY) as maps:
        assert not damaged.exists()
        maps.put(record(1))
        assert cache.trim() == []
        with cache.open(CacheKey("other", "model")) as other:
            other.put(record(2))
            assert same(record(1), maps.get(1))
            assert same(record(2), other.get(2))
        assert cache.trim() == [other.path]
    assert same(record(1), ClipMaps(PredictionCache(tmp_path), KEY).get(1))


def test_a_clip_that_was_removed_under_its_writer_begins_anew(cache: PredictionCache) -> None:
    with cache.open(KEY) as maps:
        maps.put(record(1))
        maps.path.unlink()
        assert maps.put(record(2))
        assert maps.indices() == [2]


def test_a_full_disk_is_one_clear_error_and_old_maps_stay(cache: PredictionCache) -> None:
    with cache.open(KEY) as maps:
        for index in range(5):
            maps.put(record(index))
        pages = maps._connection.execute("PRAGMA page_count").fetchone()[0]
        maps._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(PredictionError, match=r"no room left.*free some.*intact"):
            for index in range(5, 400):
                maps.put(record(index))
        kept = maps.indices()
        assert kept[:5] == list(range(5))
        assert all(same(record(index), maps.get(index)) for index in kept)
        maps._connection.execute("PRAGMA max_page_count = 100000")
        assert maps.put(record(1000))


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from panosod_core.errors import PredictionError
from test_cache import KEY, PredictionCache, record
with PredictionCache(Path(sys.argv[1])).open(KEY) as maps:
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
    try:
        for index in range(5, 1000):
            maps.put(record(index))
    except PredictionError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a bound on the size of files")
def test_a_write_that_the_system_refuses_leaves_old_maps(cache: PredictionCache) -> None:
    filled(cache, count=5)
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(cache.folder), str(here)], capture_output=True, text=True, check=True
    )
    assert "intact" in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1
    with cache.open(KEY) as maps:
        assert all(same(record(index), maps.get(index)) for index in maps.indices())
        assert maps.indices()[:5] == list(range(5))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PredictionError, match="expected a folder to keep predictions in"):
        PredictionCache(tmp_path / "file" / "cache").open(KEY)


def test_the_cache_comes_without_torch() -> None:
    code = "import sys, panosod_core.inference.cache; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
