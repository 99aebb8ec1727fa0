"""What the link does with an audio process, with a scripted one; the real one has its own tests and those of the
application.
"""

import math
from pathlib import Path

import numpy as np
import pytest

from panosod_core.ambisonics.filters import default_filters
from panosod_core.geometry.projection import View
from panosod_core.geometry.sphere import rotation
from panosod_viewer.audio.client import AudioEvent
from panosod_viewer.audio.shared import SoundState
from panosod_viewer.sound_link import ENDLESS_S, MAX_RESTARTS, Sounding, SoundLink, decibels

CLIP = Sounding(Path("a.mp4"), None, default_filters(1), 12.0, 0.0)


class ScriptedClient:
    def __init__(self, *, device):
        self.calls = [("device", device)]
        self.poses = []
        self.events = []

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs))

    def set_pose(self, matrix):
        self.poses.append(np.array(matrix))

    def poll(self):
        events, self.events = self.events, []
        return events

    def levels(self):
        return SoundState(peak_left=0.5)

    def names(self):
        return [call[0] for call in self.calls]


class Desk:
    def __init__(self):
        self.time_s = 0.0
        self.clients = []
        self.link = SoundLink(make_client=self.make, now=lambda: self.time_s)
        self.notices, self.over, self.clocks, self.lost, self.levels = [], [], [], [], []
        self.link.notice.connect(self.notices.append)
        self.link.notice_over.connect(self.over.append)
        self.link.clock_ready.connect(self.clocks.append)
        self.link.clock_lost.connect(lambda: self.lost.append(1))
        self.link.levels_changed.connect(self.levels.append)

    def make(self, **kw):
        self.clients.append(ScriptedClient(**kw))
        return self.clients[-1]

    @property
    def client(self):
        return self.clients[-1]

    def says(self, kind, text="", **data):
        self.client.events.append(AudioEvent(kind, text, data))
        self.link.poll()


@pytest.fixture
def desk(qapp):
    desk = Desk()
    yield desk
    desk.link.close()


def test_no_process_before_the_first_clip(desk):
    desk.link.set_view(View(yaw_rad=1.0))
    desk.link.set_volume(0.5, False)
    desk.link.burst((1.0, 0.0, 0.0))
    desk.link.poll()
    assert desk.clients == []


def test_what_was_set_before_holds_for_the_process(desk):
    desk.link.set_volume(0.5, True)
    desk.link.set_hold(True)
    desk.link.set_view(View(yaw_rad=1.0))
    desk.link.open(CLIP, position_s=3.0)
    calls = {name: (args, kw) for name, args, kw in desk.client.calls[1:]}
    assert calls["set_volume"] == ((0.25,), {"muted": True})
    assert calls["set_hold"] == ((True,), {})
    assert calls["open"][1]["position_s"] == 3.0
    np.testing.assert_allclose(desk.client.poses[-1], rotation(1.0))


def test_a_clip_of_unknown_length_is_told_as_endless(desk):
    desk.link.open(Sounding(Path("a.mp4"), None, default_filters(1), None, 0.0))
    assert next(kw for name, _, kw in desk.client.calls[1:] if name == "open")["duration_s"] == ENDLESS_S


def test_the_sound_becomes_the_clock_when_it_is_open_and_no_longer_when_closed(desk):
    desk.link.open(CLIP)
    assert desk.clocks == []
    desk.says("opened", generation=1)
    assert desk.clocks == [desk.client]
    assert desk.levels[-1].peak_left == 0.5
    desk.link.close_clip()
    assert desk.lost == [1]
    assert "close_clip" in desk.client.names()
    assert len(desk.clients) == 1


def test_a_pose_is_sent_at_once_and_the_head_adds_to_the_view(desk):
    desk.link.open(CLIP)
    before = len(desk.client.poses)
    desk.link.set_view(View(yaw_rad=math.radians(30)))
    desk.link.set_head(rotation(math.radians(20)))
    assert len(desk.client.poses) == before + 2
    np.testing.assert_allclose(desk.client.poses[-1], rotation(math.radians(50)), atol=1e-12)
    # Pitch of the head is about the head's own axis in the view, not the world's.
    desk.link.set_head(rotation(0.0, math.radians(20)))
    np.testing.assert_allclose(
        desk.client.poses[-1], rotation(math.radians(30)) @ rotation(0.0, math.radians(20)), atol=1e-12
    )


def test_a_process_that_died_is_started_again_and_the_person_told(desk):
    desk.link.open(CLIP)
    desk.says("opened")
    desk.says("process_died", "the sound stopped")
    assert desk.lost == [1]
    assert "restart" in desk.client.names()
    assert desk.notices[-1].key == "sound.died"
    assert "started again" in desk.notices[-1].text
    desk.says("opened")
    assert len(desk.clocks) == 2


def test_a_process_that_keeps_dying_is_given_up_until_the_person_asks(desk):
    desk.link.open(CLIP)
    for _ in range(MAX_RESTARTS + 1):
        desk.time_s += 1
        desk.says("opened")
        desk.says("process_died", "the sound stopped")
    assert desk.client.names().count("restart") == MAX_RESTARTS
    assert desk.notices[-1].actions == (("sound.restart", "Try again"),)
    desk.link.restart()
    assert desk.client.names().count("restart") == MAX_RESTARTS + 1


def test_deaths_long_ago_are_forgiven(desk):
    desk.link.open(CLIP)
    for _ in range(3 * MAX_RESTARTS):
        desk.time_s += 31
        desk.says("opened")
        desk.says("process_died", "the sound stopped")
    assert desk.client.names().count("restart") == 3 * MAX_RESTARTS


def test_no_device_is_said_once_and_taken_back_when_one_comes(desk):
    desk.link.open(CLIP)
    desk.says("device", name="none")
    desk.says("no_device", "no sound device was found: connect one")
    assert (desk.notices[-1].key, desk.over) == ("sound.device", [])
    assert desk.notices[-1].text == ("No sound device was found: connect one. Until then the clip plays without sound")
    assert not desk.link.has_device
    desk.says("device", name="Headphones", rate_hz=48000)
    assert desk.over == ["sound.device"]
    assert desk.link.has_device


@pytest.mark.parametrize(("kind", "key"), [("failed", "sound.failed"), ("device_lost", "sound.device")])
def test_what_goes_wrong_is_told(desk, kind, key):
    desk.link.open(CLIP)
    desk.says(kind, "something")
    assert desk.notices[-1].key == key


def test_without_a_clip_no_one_is_told_that_it_plays(desk):
    desk.link.list_devices()
    desk.says("no_device", "no sound device was found: connect one")
    assert desk.notices[-1].text == "No sound device was found: connect one"


def test_a_clock_that_ran_late_is_not_told_as_a_device_that_ran_dry(desk):
    desk.link.open(CLIP)
    desk.says("device", name="none")
    desk.says("latency_raised", latency_s=0.05)
    assert desk.notices == []
    desk.says("device", name="Headphones", rate_hz=48000)
    desk.says("latency_raised", latency_s=0.05)
    assert desk.notices[-1].key == "sound.latency"


def test_decibels():
    assert decibels(1.0) == 0
    assert decibels(0.0) == -120
    assert decibels(0.5) == pytest.approx(-6.02, abs=0.01)
