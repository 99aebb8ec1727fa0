"""What the player makes of a device that runs dry, with devices that do nothing by themselves."""

from typing import Any

import pytest

from panosod_core.errors import AudioDeviceError
from panosod_viewer.audio import player as player_module
from panosod_viewer.audio.devices import NO_DEVICE, DeviceChoice
from panosod_viewer.audio.messages import Message
from panosod_viewer.audio.player import TOO_MANY_UNDERRUNS, Player
from panosod_viewer.audio.shared import SharedBlock


class StillDevice:
    """A device that asks for nothing: the test does."""

    rate_hz = 48000
    latency_s = 0.02
    alive = True

    def __init__(self, name: str):
        self.name = name
        self.fill: Any = None

    def start(self, fill):
        self.fill = fill

    def close(self):
        pass


class Room:
    def __init__(self, monkeypatch, *, has_card: bool):
        self.opened: list[tuple[DeviceChoice, StillDevice]] = []
        self.told: list[Message] = []
        self.has_card = has_card
        monkeypatch.setattr(player_module, "open_output", self.open)
        monkeypatch.setattr(player_module, "refresh_devices", lambda: None)
        # The test's own clock: however long the machine lets it stand between two steps.
        self.now_s = 1000.0
        monkeypatch.setattr(player_module, "now_s", lambda: self.now_s)
        self.shared = SharedBlock.create()
        self.player = Player(self.shared, self.told.append, urgent=False)
        self.player.handle(Message("device", DeviceChoice().packed()))

    def open(self, choice):
        if choice.kind != "none" and not self.has_card:
            raise AudioDeviceError("no sound device was found")
        self.opened.append((choice, StillDevice(NO_DEVICE if choice.kind == "none" else "card")))
        return self.opened[-1][1]

    def kinds(self):
        return [message.kind for message in self.told]

    def tick(self, after_s):
        self.now_s += after_s
        self.player.tick()

    def run_dry(self, times):
        out = player_module.np.zeros((2, 256), "float32")
        for _ in range(times):
            self.opened[-1][1].fill(out, 0.0, True)
            self.player.tick()


@pytest.fixture
def room(monkeypatch):
    made = []

    def make(**words) -> Room:
        made.append(Room(monkeypatch, **words))
        return made[-1]

    yield make
    for one in made:
        one.player.close()
        one.shared.close()


def test_a_device_that_runs_dry_again_and_again_gets_a_longer_buffer(room):
    there = room(has_card=True)
    there.run_dry(TOO_MANY_UNDERRUNS)
    assert there.kinds() == ["device", "device", "latency_raised"]
    assert there.opened[-1][0].latency_s == pytest.approx(0.04)


def test_the_clock_that_stands_in_for_a_device_is_no_device_that_runs_dry(room):
    there = room(has_card=False)
    assert there.kinds() == ["device", "no_device"]
    there.run_dry(2 * TOO_MANY_UNDERRUNS)
    assert there.kinds() == ["device", "no_device"]
    assert len(there.opened) == 1


def test_a_device_that_asks_for_nothing_more_is_lost_but_not_while_everything_stood_still(room):
    there = room(has_card=True)
    for _ in range(3):
        there.tick(10.0)
    assert there.kinds() == ["device"]
    for _ in range(11):
        there.tick(0.1)
    assert there.kinds() == ["device", "device_lost", "device"]
