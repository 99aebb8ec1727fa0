"""The decode thread's promises, with a scripted reader: what matters here is order, staleness and ending."""

import queue as std_queue
import threading

import pytest

from panosod_core.errors import MediaError
from panosod_core.media.video import SeekInterrupted
from panosod_viewer.picture_queue import PictureQueue
from panosod_viewer.playback import Seek
from panosod_viewer.workers.decoding import DecodeWorker, Ended, Failed, Ready, Sought
from tests.viewer.pictures import picture

N = 20
FPS = 25


class ScriptedReader:
    """Pictures 0..N-1; a gate holds exact seeks until the test opens it."""

    def __init__(self):
        self.position = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.closed_in = None
        self.threading = []
        self.is_interruptible = False
        self.has_keyframes = True
        self.broken_from = N + 1

    def _at(self, index, should_stop):
        self.entered.set()
        assert self.gate.wait(60)
        if self.is_interruptible and should_stop():
            raise SeekInterrupted
        index = min(index, N - 1)
        self.position = index + 1
        return picture(index, fps=FPS)

    def frame_at(self, index, *, should_stop):
        return self._at(index, should_stop)

    def index_of_time(self, t_s, *, should_stop):
        return min(int(t_s * FPS + 1e-6), N - 1)

    def frame_at_time(self, t_s, *, should_stop):
        return self._at(int(t_s * FPS + 1e-6), should_stop)

    def keyframe_at(self, t_s):
        return picture(int(t_s * FPS) // 5 * 5, fps=FPS) if self.has_keyframes else None

    def seek(self, index):
        self.position = index

    def read(self, *, should_stop):
        if self.position >= self.broken_from:
            raise MediaError("the file ends in the middle of a picture")
        if self.position >= N:
            return None
        self.position += 1
        return picture(self.position - 1, fps=FPS)

    def set_threading(self, playing):
        self.threading.append(playing)

    def close(self):
        self.closed_in = threading.current_thread().name


@pytest.fixture
def reader():
    return ScriptedReader()


class Desk:
    """A worker with its mail."""

    def __init__(self, open_reader):
        self.mail = std_queue.Queue()
        self.pictures = PictureQueue(max_frames=4)
        self.worker = DecodeWorker(open_reader, self.pictures, self.mail.put)
        self.worker.start()

    def next(self):
        return self.mail.get(timeout=60)


@pytest.fixture
def desk(reader):
    desk = Desk(lambda: reader)
    yield desk
    reader.gate.set()
    assert desk.worker.close(timeout_s=60)


def test_a_seek_is_answered_with_its_generation(desk):
    desk.worker.seek(Seek(7, time_s=0.2))
    answer = desk.next()
    assert isinstance(answer, Sought)
    assert (answer.generation, answer.frame.index, answer.is_exact) == (7, 5, True)


def test_a_step_asks_by_index(desk):
    desk.worker.seek(Seek(1, index=13))
    assert desk.next().frame.index == 13


def test_a_scrub_gets_a_preview(desk):
    desk.worker.seek(Seek(1, time_s=0.3, is_exact=False))
    answer = desk.next()
    assert (answer.frame.index, answer.is_exact) == (5, False)


def test_only_the_latest_of_many_seeks_is_answered(desk, reader):
    reader.gate.clear()
    desk.worker.seek(Seek(1, index=1))
    assert reader.entered.wait(60)
    for generation in range(2, 10):
        desk.worker.seek(Seek(generation, index=generation))
    reader.gate.set()
    assert [desk.next().generation, desk.next().generation] == [1, 9]
    assert desk.mail.empty()


def test_a_newer_seek_interrupts_an_older_one(desk, reader):
    reader.is_interruptible = True
    reader.gate.clear()
    desk.worker.seek(Seek(1, index=1))
    assert reader.entered.wait(60)
    desk.worker.seek(Seek(2, index=2))
    reader.gate.set()
    assert desk.next().generation == 2


def test_where_no_key_frame_decodes_alone_the_preview_is_exact(desk, reader):
    reader.has_keyframes = False
    desk.worker.seek(Seek(1, time_s=0.3, is_exact=False))
    assert desk.next().frame.index == 7


def test_a_decoder_far_behind_the_clock_skips_ahead(desk, reader):
    reader.gate.clear()
    desk.worker.seek(Seek(1, index=0))
    assert reader.entered.wait(60)
    desk.worker.set_playing(True)
    reader.gate.set()
    desk.next()
    desk.worker.report_clock(0.7)
    assert desk.next() == Ready(1)
    desk.worker.report_clock(5.0)
    last, message = 0, None
    while not isinstance(message, Ended):
        picked = desk.pictures.pick(100.0)
        last = picked.frame.index if picked.frame else last
        message = desk.next()
    picked = desk.pictures.pick(100.0)
    assert (picked.frame.index if picked.frame else last) == N - 1
    assert desk.worker.figures.frames < N


def test_while_paused_nothing_is_read_ahead(desk):
    desk.worker.seek(Seek(1, index=3))
    desk.next()
    desk.worker.seek(Seek(2, index=4))
    desk.next()
    assert len(desk.pictures) == 0


def test_playing_fills_the_queue_from_the_picture_after_the_seek(desk, reader):
    desk.worker.seek(Seek(1, index=3))
    desk.next()
    desk.worker.set_playing(True)
    assert desk.next() == Ready(1)
    seen = []
    while len(seen) < N - 4:
        picked = desk.pictures.pick(100.0)
        if picked.frame is not None:
            seen.extend(range(picked.frame.index - picked.dropped, picked.frame.index + 1))
    assert seen == list(range(4, N))
    answers = [desk.next()]
    while not isinstance(answers[-1], Ended):
        answers.append(desk.next())
    assert answers[-1] == Ended(1, end_s=pytest.approx(N / FPS))
    assert reader.threading == [True]


def test_a_seek_during_playing_replaces_what_waited(desk):
    desk.worker.set_playing(True)
    desk.worker.seek(Seek(1, index=0))
    assert isinstance(desk.next(), Sought)
    assert desk.next() == Ready(1)
    desk.worker.seek(Seek(2, index=10))
    answer = desk.next()
    while not isinstance(answer, Sought):
        answer = desk.next()
    assert answer.generation == 2
    assert desk.next() == Ready(2)
    assert desk.pictures.pick(10.0).frame.index >= 11


def test_a_file_that_cannot_be_opened_is_one_line():
    def refuse():
        raise MediaError("no picture in it")

    desk = Desk(refuse)
    assert desk.next() == Failed(0, "no picture in it")
    assert desk.worker.close(timeout_s=60)


def test_a_broken_stream_is_told_and_the_thread_lives_on(desk, reader):
    reader.broken_from = 6
    desk.worker.set_playing(True)
    desk.worker.seek(Seek(1, index=3))
    answers = [desk.next() for _ in range(3)]
    assert answers[-1] == Failed(1, "the file ends in the middle of a picture")
    desk.worker.set_playing(False)
    desk.worker.seek(Seek(2, index=1))
    assert desk.next().frame.index == 1


def test_a_programming_mistake_is_told_too_and_the_reader_is_closed(caplog):
    reader = ScriptedReader()
    reader.frame_at = None
    desk = Desk(lambda: reader)
    desk.worker.seek(Seek(1, index=1))
    assert "decoding stopped" in desk.next().text
    assert desk.worker.close(timeout_s=60)
    assert reader.closed_in == "panosod-decode"
    assert "Traceback" in caplog.text


def test_closing_while_the_queue_is_full(desk, reader):
    desk.worker.set_playing(True)
    desk.worker.seek(Seek(1, index=0))
    desk.next()
    desk.next()
    assert desk.worker.close(timeout_s=60)
    assert reader.closed_in == "panosod-decode"


def test_closing_during_a_seek_waits_for_it_and_no_longer(reader):
    desk = Desk(lambda: reader)
    reader.gate.clear()
    desk.worker.seek(Seek(1, index=5))
    assert reader.entered.wait(60)
    assert not desk.worker.close(timeout_s=0.01)
    reader.gate.set()
    assert desk.worker.close(timeout_s=60)


def test_closing_before_starting_is_fine(reader):
    assert DecodeWorker(lambda: reader, PictureQueue(), lambda message: None).close()
