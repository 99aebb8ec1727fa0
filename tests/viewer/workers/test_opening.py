import threading

import pytest

from panosod_core.errors import MediaError
from panosod_viewer.workers.decoding import Ended, Ready, Sought
from panosod_viewer.workers.opening import ClipOpener, OpenedClip, OpenFailed


class Reader:
    """Waits for the letters of an opener, one by one."""

    def __init__(self, opener):
        self._box = opener.mailbox
        self._came = threading.Semaphore(0)
        self._waiting = []
        self._box.attach(self._came.release)

    def next(self):
        while not self._waiting:
            assert self._came.acquire(timeout=60)
            self._waiting.extend(self._box.take())
        return self._waiting.pop(0)


@pytest.fixture
def opener(clip):
    opener = ClipOpener(clip, at_s=0.5)
    yield opener
    assert opener.close(timeout_s=60)


def names():
    return [t.name for t in threading.enumerate() if t.name.startswith("panosod")]


def test_the_clip_comes_first_then_the_picture_at_its_start(opener):
    opener.start()
    reader = Reader(opener)
    opened = reader.next()
    assert isinstance(opened, OpenedClip)
    assert opened.info.video.width == 320
    assert opened.first.time_s == 0.5
    picture = reader.next()
    assert isinstance(picture, Sought)
    assert (picture.generation, picture.frame.index) == (opened.first.generation, 15)


def test_it_plays_on_to_the_end(opener):
    opener.start()
    reader = Reader(opener)
    opened = reader.next()
    first = reader.next()
    opened.decoder.set_playing(True)
    seen = [first.frame.index]
    letter = None
    while not isinstance(letter, Ended):
        letter = reader.next()
        assert isinstance(letter, (Ready, Ended))
        while (frame := opened.queue.take_first()) is not None:
            seen.append(frame.index)
    assert seen == list(range(15, 30))


def test_a_file_that_is_no_clip_is_one_line(tmp_path):
    path = tmp_path / "noise.mp4"
    path.write_bytes(bytes(range(256)) * 8)
    opener = ClipOpener(path)
    opener.start()
    letter = Reader(opener).next()
    assert isinstance(letter, OpenFailed)
    assert letter.path == path
    assert "\n" not in letter.text
    assert opener.close(timeout_s=60)


@pytest.mark.parametrize("what", ["missing", "folder", "address"])
def test_the_command_line_is_answered_at_once(tmp_path, what):
    clip = {"missing": str(tmp_path / "x.mp4"), "folder": str(tmp_path), "address": "https://host/x.mp4"}[what]
    with pytest.raises(MediaError):
        ClipOpener.for_command_line(clip, at_s=0.0)


def test_closing_at_once_leaves_no_thread(clip):
    for _ in range(5):
        opener = ClipOpener(clip)
        opener.start()
        assert opener.close(timeout_s=60)
        assert names() == []


def test_closing_after_the_first_picture_leaves_no_thread(clip):
    opener = ClipOpener(clip)
    opener.start()
    reader = Reader(opener)
    reader.next()
    reader.next()
    assert opener.close(timeout_s=60)
    assert names() == []


def test_closing_without_starting_is_fine(clip):
    assert ClipOpener(clip).close()
