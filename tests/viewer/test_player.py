"""The player's dealings with clock, queue and decode thread, without any of them running."""

import pytest

from panosod_viewer.picture_queue import PictureQueue
from panosod_viewer.playback import MonotonicClock, Seek
from panosod_viewer.player import Player
from panosod_viewer.workers.decoding import Ended, Failed, Ready, Sought
from tests.viewer.pictures import picture

FPS = 25


class FakeTime:
    def __init__(self):
        self.s = 0.0

    def __call__(self):
        return self.s


class ScriptedDecoder:
    def __init__(self, queue):
        self.queue = queue
        self.seeks = []
        self.is_playing = False

    def seek(self, seek):
        self.seeks.append(seek)
        self.queue.begin(seek.generation)

    def set_playing(self, is_playing):
        self.is_playing = is_playing

    def report_clock(self, position_s):
        self.clock_s = position_s


class Desk:
    def __init__(self, *, duration_s=4.0, has_picture=True):
        self.time = FakeTime()
        self.queue = PictureQueue(max_frames=100) if has_picture else None
        self.decoder = ScriptedDecoder(self.queue) if has_picture else None
        self.player = Player()
        self.shown, self.failures, self.playing, self.dropped, self.positions = [], [], [], [], []
        self.player.frame_shown.connect(lambda frame: self.shown.append(frame.index))
        self.player.failed.connect(self.failures.append)
        self.player.playing_changed.connect(self.playing.append)
        self.player.dropped_changed.connect(self.dropped.append)
        self.player.position_changed.connect(self.positions.append)
        first = Seek(1, time_s=0.0)
        if has_picture:
            self.queue.begin(1)
        self.player.open(
            MonotonicClock(self.time), duration_s=duration_s, queue=self.queue, decoder=self.decoder, first=first
        )

    def sought(self, index, generation=None):
        generation = self.player.transport.generation if generation is None else generation
        self.player.receive(Sought(generation, picture(index, fps=FPS), True, 0.01))

    def decoded(self, *indices):
        for index in indices:
            self.queue.put(picture(index, fps=FPS), self.player.transport.generation, timeout_s=0)
        self.player.receive(Ready(self.player.transport.generation))

    def tick(self, seconds, *, painted=True):
        """Time passes; the player is woken, and what it showed is painted."""
        self.time.s += seconds
        self.player._tick()
        if painted:
            self.player.painted()


@pytest.fixture
def desk(qapp):
    desk = Desk()
    yield desk
    desk.player.close()


def test_pictures_are_shown_when_they_are_due(desk):
    desk.sought(0)
    desk.player.painted()
    desk.player.play()
    assert desk.decoder.is_playing
    desk.decoded(*range(1, 10))
    for _ in range(5):
        desk.tick(1 / FPS)
    assert desk.shown == [0, 1, 2, 3, 4, 5]
    assert (desk.player.counts.shown, desk.player.counts.dropped) == (5, 0)


def test_late_pictures_are_dropped_and_counted(desk):
    desk.sought(0)
    desk.player.painted()
    desk.player.play()
    desk.decoded(*range(1, 20))
    desk.tick(1 / FPS)
    desk.tick(5 / FPS)
    assert desk.shown == [0, 1, 6]
    assert (desk.player.counts.shown, desk.player.counts.dropped) == (2, 4)
    assert desk.dropped == [4]


def test_a_picture_replaced_before_it_was_painted_was_dropped_too(desk):
    desk.sought(0)
    desk.player.painted()
    desk.player.play()
    desk.decoded(*range(1, 20))
    desk.tick(1 / FPS, painted=False)
    desk.tick(1 / FPS)
    assert (desk.player.counts.shown, desk.player.counts.dropped) == (1, 1)


def test_pictures_that_the_decoder_skipped_count_as_dropped(desk):
    desk.sought(0)
    desk.player.painted()
    desk.player.play()
    desk.decoded(1, 12)
    desk.tick(1 / FPS)
    desk.tick(11 / FPS)
    assert desk.player.counts.dropped == 10


def test_answers_of_older_seeks_change_nothing(desk):
    desk.sought(0)
    desk.player.seek(1.0)
    desk.sought(3, generation=1)
    desk.player.receive(Failed(1, "old"))
    desk.player.receive(Ended(1, 0.1))
    assert desk.shown == [0]
    assert desk.failures == []
    desk.sought(25)
    assert desk.shown == [0, 25]


def test_seeking_forward_while_playing_drops_nothing(desk):
    desk.sought(0)
    desk.player.painted()
    desk.player.play()
    desk.player.seek(2.0)
    desk.sought(50)
    desk.player.painted()
    desk.decoded(51)
    desk.tick(1 / FPS)
    assert desk.player.counts.dropped == 0


def test_the_end_stops_it_and_the_length_is_learnt_where_nobody_knew(qapp):
    desk = Desk(duration_s=None)
    desk.sought(0)
    desk.player.play()
    desk.decoded(1)
    desk.player.receive(Ended(1, 2 / FPS))
    desk.tick(1 / FPS)
    assert desk.player.transport.is_playing
    desk.tick(1 / FPS)
    assert desk.playing == [True, False]
    assert desk.player.transport.duration_s == pytest.approx(2 / FPS)
    desk.player.close()


def test_a_clip_that_ends_before_its_last_pictures_have_come_stands_at_the_last(desk):
    desk.sought(0)
    desk.player.play()
    desk.decoded(*range(1, 10))
    desk.tick(5.0)
    assert (desk.shown, desk.playing) == ([0, 9], [True, False])
    assert [seek.time_s for seek in desk.decoder.seeks] == [4.0]
    desk.sought(99)
    desk.player.play()
    assert [seek.time_s for seek in desk.decoder.seeks] == [4.0, 0.0]
    desk.sought(98)
    desk.decoded(99)
    desk.player.receive(Ended(desk.player.transport.generation, 4.0))
    desk.tick(5.0)
    assert (desk.shown, desk.playing) == ([0, 9, 99, 98, 99], [True, False, True, False])
    assert len(desk.decoder.seeks) == 2, "the last picture is there"


def test_a_failure_stands_still_and_is_told(desk):
    desk.sought(0)
    desk.player.play()
    desk.player.receive(Failed(1, "broken"))
    assert (desk.failures, desk.playing) == (["broken"], [True, False])


def test_sound_alone_plays_without_waiting_for_pictures(qapp):
    desk = Desk(has_picture=False)
    desk.player.seek(1.0)
    desk.player.play()
    desk.tick(0.5)
    assert desk.positions[-1] == pytest.approx(1.5)
    desk.player.step(1)
    assert desk.player.transport.is_playing  # there are no frames to step
    desk.tick(5.0)
    assert not desk.player.transport.is_playing
    desk.player.close()


def test_loop_ends_are_set_where_the_clip_stands(desk):
    desk.sought(0)
    desk.player.seek(1.0)
    desk.sought(25)
    desk.player.set_loop_end(is_start=True)
    assert desk.player.transport.loop_s == (1.0, 4.0)
    desk.player.seek(3.0)
    desk.sought(75)
    desk.player.set_loop_end(is_start=False)
    assert desk.player.transport.loop_s == (1.0, 3.0)
    desk.player.seek(0.5)
    desk.sought(12)
    desk.player.set_loop_end(is_start=False)
    assert desk.player.transport.loop_s == (0.0, 0.5)


def test_speed_steps(desk):
    desk.player.change_speed(+1)
    desk.player.change_speed(+1)
    desk.player.change_speed(-1)
    assert desk.player.transport.speed == 1.25
