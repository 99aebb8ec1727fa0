"""The predictor process: what it does when asked, jumped, given what it cannot use, interrupted and left alone."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from panosod_core.errors import CacheError, PredictionError
from panosod_core.inference import serve
from panosod_core.inference.cache import CacheKey, ClipMaps, MapSource, PredictionCache
from panosod_core.inference.cache_files import explained
from panosod_core.inference.clip_work import REMAKES, ClipWork
from panosod_core.inference.engine import open_engine
from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.messages import (
    Broken,
    ClipReady,
    ClipRefused,
    CloseClip,
    Loaded,
    Loading,
    MapMade,
    MoveTo,
    OpenClip,
    Progress,
    Remake,
    SetStride,
    Setup,
    decode,
    encode,
)
from panosod_core.inference.serve import Inbox, Predictor
from panosod_core.media.audio import AudioReader
from tests.core.inference.predicting import FRAMES, model_file, moving_clip


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return model_file(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return moving_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def engine(model):
    return open_engine(model, device="cpu", threads=1)


class Child:
    """A running predictor."""

    def __init__(self, *requests) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "panosod_core.inference.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self.ask(*requests)

    def ask(self, *requests) -> None:
        self.process.stdin.write(b"".join(encode(request) for request in requests))
        self.process.stdin.flush()

    def until(self, kind, condition=lambda event: True) -> list:
        """The events up to one of a kind."""
        heard = []
        for line in self.process.stdout:
            heard.append(decode(line))
            if isinstance(heard[-1], kind) and condition(heard[-1]):
                return heard
        raise AssertionError(f"it ended; heard {heard}; {self.process.stderr.read().decode()}")

    def ends(self, *, by_itself: bool = False) -> tuple[int, str]:
        """End its input, where it does not end by itself; exit code and log."""
        if by_itself:
            self.process.wait(60)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def test_it_predicts_what_is_in_sight_first_then_everything_and_nothing_twice(tmp_path, model, clip):
    setup = Setup(str(model), "cpu", cache=str(tmp_path), threads=1, exports=False)
    with Child(setup, OpenClip(1, str(clip)), MoveTo(1, 13)) as child:
        heard = child.until(Progress, lambda event: event.is_idle and event.made)
        assert [type(event) for event in heard[:2]] == [Loading, Loaded]
        assert "torch" in heard[1].engine
        ready = next(event for event in heard if isinstance(event, ClipReady))
        made = [event for event in heard if isinstance(event, MapMade)]
        assert made[0].index == 13
        assert sorted(event.index for event in made if not event.is_carried) == list(range(FRAMES))
        assert (ready.frame_count, ready.known, heard[-1].made) == (FRAMES, 0, FRAMES)

        # Ctrl+C in the terminal is for the window alone.
        child.process.send_signal(signal.SIGINT)
        # What cannot be predicted is told, and the process goes on.
        text = tmp_path / "text.mp4"
        text.write_text("no clip")
        child.ask(OpenClip(2, str(text)))
        refused = child.until(ClipRefused)[-1]
        assert refused.generation == 2
        assert "text.mp4" in refused.text
        child.ask(OpenClip(3, str(clip)), MoveTo(3, 0, is_playing=True))
        heard = child.until(Progress, lambda event: event.is_idle and event.generation == 3)
        assert next(event for event in heard if isinstance(event, ClipReady)).known == FRAMES
        assert not any(isinstance(event, MapMade) for event in heard)
        child.ask(CloseClip(3))
        code, log = child.ends()
    assert code == 0
    assert "Traceback" not in log
    key = CacheKey(ready.content_id, ready.model_id, ready.settings)
    with PredictionCache(tmp_path).open(key) as maps:
        assert maps.indices(MapSource.MODEL) == list(range(FRAMES))


def test_a_file_that_is_no_model_is_one_line_and_an_exit_code(tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"12345678 nothing of the kind")
    with Child(Setup(str(bad), "cpu", exports=False)) as child:
        broken = child.until(Broken)[-1]
        assert broken.reason == "load"
        assert "bad.safetensors" in broken.text
        assert "\n" not in broken.text
        code, log = child.ends(by_itself=True)
    assert code == serve.EXIT_BROKEN
    assert "Traceback" not in log


def test_the_window_may_name_a_model_of_the_library(model, tmp_path, monkeypatch):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))
    record = ModelLibrary().add(model, name="mine")
    with Child(Setup("mine", "cpu", cache=str(tmp_path), threads=1, exports=False)) as child:
        assert child.until(Loaded)[-1].model == str(ModelLibrary().path(record))
    with Child(Setup("nobody", "cpu", exports=False)) as child:
        broken = child.until(Broken)[-1]
        assert broken.reason == "load" and broken.text.startswith("nobody: no such file")


@pytest.mark.skipif(sys.platform == "win32", reason="processes are looked for as POSIX has them")
def test_it_ends_when_the_window_dies(model):
    script = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'panosod_core.inference.serve'],\n"
        "    stdin=subprocess.PIPE, stdout=2, stderr=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.readline()\n"
        "os._exit(1)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as parent:
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        parent.wait(60)
        # The child holds the other end of this pipe: its end is the child's.
        parent.stderr.read()


class Spy:
    """An engine that tells of every step before it is done."""

    def __init__(self, engine, on_step) -> None:
        self._engine, self._on_step = engine, on_step

    def __getattr__(self, name):
        value = getattr(self._engine, name)
        if name not in ("encode_frame", "encode_sound", "centre_map"):
            return value

        def step(*arguments):
            self._on_step(name)
            return value(*arguments)

        return step


class Room:
    """A predictor in this thread; what it says is kept, and requests may come in the middle of a step."""

    def __init__(self, engine, folder: Path, *, stride: int = 0, on_step=lambda room, name: None) -> None:
        self.inbox, self.said, self.steps = Inbox(), [], []
        self.on_step = on_step
        spy = Spy(engine, self._step)
        self.predictor = Predictor(Setup(cache=str(folder), stride=stride), spy, self.inbox, self._say)

    def ask(self, *requests) -> None:
        for request in requests:
            self.inbox.put(request, came_s=0.0)

    def _step(self, name) -> None:
        self.steps.append(name)
        self.on_step(self, name)

    def _say(self, event) -> None:
        self.said.append(event)
        if isinstance(event, Progress) and event.is_idle and event.made:
            self.inbox.end()

    def made(self) -> list[int]:
        return [event.index for event in self.said if isinstance(event, MapMade) and not event.is_carried]


def test_a_jump_stops_the_work_within_the_step_in_hand(tmp_path, engine, clip):
    def jump(room, _name):
        if len(room.steps) == 2:
            room.ask(MoveTo(1, 20))

    room = Room(engine, tmp_path, on_step=jump)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 2))
    room.predictor.run()
    assert room.made()[0] == 20
    # The step in hand was finished, no other was begun for frame 2: then come the whole window, sound and map of 20.
    assert room.steps[:2] == ["encode_frame"] * 2
    first = room.steps[2:].index("centre_map") + 2
    assert first <= 2 + engine.config.window + 1
    assert sorted(room.made()) == list(range(FRAMES))


class Moving(Room):
    """The clip has played on by the time that it is open."""

    def _say(self, event) -> None:
        super()._say(event)
        if isinstance(event, ClipReady):
            # As one of an hour ahead: a machine that stalls here must not let it play on to its end.
            self.inbox.put(MoveTo(1, 5, is_playing=True), came_s=time.monotonic() + 3600)


def test_the_first_map_is_of_where_the_clip_stands_once_it_is_open(tmp_path, engine, clip):
    room = Moving(engine, tmp_path)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 2))
    room.predictor.run()
    assert room.made()[0] >= 5


def test_the_latest_of_several_requests_wins_and_a_closed_clip_gets_nothing_more(tmp_path, engine, clip):
    def close(room, _name):
        if len(room.steps) == 2:
            room.ask(MoveTo(1, 9), MoveTo(1, 11), CloseClip(1), OpenClip(2, str(clip)), MoveTo(2, 7))

    room = Room(engine, tmp_path, on_step=close)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 2))
    room.predictor.run()
    assert room.made()[0] == 7
    assert {event.generation for event in room.said if isinstance(event, MapMade)} == {2}


def test_on_a_grid_what_lies_between_is_carried_and_marked(tmp_path, engine, clip):
    room = Room(engine, tmp_path, stride=4)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 0, is_playing=True))
    room.predictor.run()
    assert sorted(room.made()) == list(range(0, FRAMES, 4))
    ready = next(event for event in room.said if isinstance(event, ClipReady))
    with PredictionCache(tmp_path).open(CacheKey(ready.content_id, ready.model_id, ready.settings)) as maps:
        assert maps.indices(MapSource.MODEL) == list(range(0, FRAMES, 4))
        assert set(maps.indices()) == set(range(FRAMES))
        assert {maps.get(n).carried for n in range(1, 20)} == {0, 1, 2}
        assert maps.get(2).source is MapSource.FLOW


def test_another_grid_holds_at_once(tmp_path, engine, clip):
    def finer(room, name):
        if name == "centre_map" and len(room.made()) == 2:
            room.ask(SetStride(2))

    room = Room(engine, tmp_path, stride=8, on_step=finer)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 0, is_playing=True))
    room.predictor.run()
    assert sorted(room.made()) == list(range(0, FRAMES, 2))


def test_dropped_pictures_make_it_rest_and_say_so(tmp_path, engine, clip):
    def late(room, name):
        if name == "centre_map" and len(room.made()) == 1:
            room.inbox.put(MoveTo(1, 0, is_playing=True, late=4), came_s=1.0)

    room = Room(engine, tmp_path, stride=8, on_step=late)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 0, is_playing=True))
    room.predictor.run()
    assert [event.duty for event in room.said if isinstance(event, Progress)][-1] == 0.6


def test_a_network_that_fails_at_work_ends_the_process_not_the_clip(tmp_path, engine, clip):
    def fail(_room, name):
        if name == "centre_map":
            raise PredictionError("the network ran out of memory")

    room = Room(engine, tmp_path, on_step=fail)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 0))
    with pytest.raises(PredictionError, match="out of memory"):
        room.predictor.run()


def test_a_cache_that_cannot_be_opened_is_not_the_clips_fault(tmp_path, model, clip):
    (tmp_path / "file").write_text("no folder")
    setup = Setup(str(model), "cpu", cache=str(tmp_path / "file" / "cache"), threads=1, exports=False)
    with Child(setup, OpenClip(1, str(clip)), MoveTo(1, 0)) as child:
        heard = child.until(Broken)
        assert not any(isinstance(event, ClipRefused) for event in heard)
        assert heard[-1].reason == "cache"
        assert "expected a folder to keep predictions in" in heard[-1].text
        code, log = child.ends(by_itself=True)
    assert code == serve.EXIT_BROKEN
    assert "Traceback" not in log


def test_a_disk_that_is_full_ends_the_process_with_the_caches_own_words(tmp_path, engine, clip, monkeypatch):
    def full(self, record):
        raise explained(sqlite_full(), self.path)

    monkeypatch.setattr(ClipMaps, "put", full)
    room = Room(engine, tmp_path)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 0))
    with pytest.raises(CacheError, match="no room left"):
        room.predictor.run()


def sqlite_full() -> sqlite3.Error:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def test_sound_that_breaks_off_in_the_file_refuses_the_clip_alone(tmp_path, engine, clip, monkeypatch):
    from panosod_core.errors import MediaError

    def broken(*_):
        raise MediaError("the sound is damaged")

    monkeypatch.setattr(AudioReader, "read", broken)
    room = Room(engine, tmp_path)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 0))
    said = room._say

    def say(event):
        said(event)
        if isinstance(event, ClipRefused):
            room.inbox.end()

    room.predictor._send = say
    room.predictor.run()
    assert room.said[-1] == ClipRefused(1, "the sound is damaged")


class Losing(Room):
    """Maps are lost once all are there."""

    def __init__(self, engine, folder, lose) -> None:
        super().__init__(engine, folder)
        self._folder, self._lose, self.before = folder, lose, []

    def _say(self, event) -> None:
        if isinstance(event, Progress) and event.is_idle and event.made and not self.before:
            self.before = self.made()
            self.said.clear()
            self._lose(self._folder)
            self.ask(Remake(1, 7), Remake(99, 3))
        else:
            super()._say(event)


def drop_one(folder) -> None:
    (path,) = folder.glob("*.maps")
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM maps WHERE idx = 7")
        file.commit()


def drop_all(folder) -> None:
    for path in folder.glob("*.maps*"):
        path.unlink()


@pytest.mark.parametrize(("lose", "again"), [(drop_one, [7]), (drop_all, list(range(FRAMES)))])
def test_maps_that_are_lost_are_made_again_while_the_clip_is_open(tmp_path, engine, clip, lose, again):
    room = Losing(engine, tmp_path, lose)
    room.ask(OpenClip(1, str(clip)), MoveTo(1, 0))
    room.predictor.run()
    assert sorted(room.before) == list(range(FRAMES))
    assert sorted(room.made()) == again


def test_a_map_that_the_disk_does_not_keep_is_not_made_for_ever(tmp_path, engine, clip):
    request, cache = OpenClip(1, str(clip)), PredictionCache(tmp_path)
    with closing(ClipWork(request, engine, cache, should_stop=lambda: False)) as work:
        for _ in range(REMAKES):
            work.schedule.finish(7)
            work.remake(7)
            assert not work.schedule.is_done(7)
        work.schedule.finish(7)
        work.remake(7)
        assert work.schedule.is_done(7)
