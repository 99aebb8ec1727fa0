"""The receiver over a real loopback socket: poses arrive, rubbish is counted, closing leaves nothing behind."""

import contextlib
import logging
import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import rotation
from panosod_viewer.tracker.config import TrackerConfig
from panosod_viewer.tracker.learn import MAX_ADDRESSES, AddressBook
from panosod_viewer.tracker.packet import MAX_DATAGRAM_BYTES, MalformedPacketError, messages
from panosod_viewer.tracker.pose import HeadPose
from panosod_viewer.tracker.receiver import OscReceiver


def packet(address: str, *arguments: float) -> bytes:
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build().dgram


def bundle(*contents: tuple[str, float]) -> bytes:
    builder = OscBundleBuilder(IMMEDIATELY)
    for address, value in contents:
        message = OscMessageBuilder(address)
        message.add_arg(value)
        builder.add_content(message.build())
    return builder.build().dgram


class Sender:
    """Sends to a receiver and waits until it has said something of the last pose."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.poses: list[HeadPose] = []
        self.arrived = threading.Event()

    def on_pose(self, pose: HeadPose) -> None:
        self.poses.append(pose)
        self.arrived.set()

    def send(self, receiver: OscReceiver, *datagrams: bytes) -> HeadPose:
        self.arrived.clear()
        for datagram in datagrams:
            self.socket.sendto(datagram, (receiver.status.host, receiver.status.port))
        assert self.arrived.wait(60), "no pose came"
        return self.poses[-1]


@pytest.fixture
def sender():
    made = Sender()
    yield made
    made.socket.close()


@pytest.fixture
def receiver(sender):
    with OscReceiver(TrackerConfig(port=0), on_pose=sender.on_pose) as made:
        yield made


def test_a_pose_arrives_with_its_time(receiver, sender):
    pose = sender.send(receiver, packet("/ypr", 30.0, -10.0, 5.0))
    np.testing.assert_allclose(pose.R_world_head, rotation(*np.radians([30, 10, 5])), atol=1e-6)
    assert receiver.mailbox.latest() is pose
    assert receiver.mailbox.newer_than(pose.sequence) is None
    assert receiver.mailbox.newer_than(pose.sequence - 1) is pose
    assert (receiver.status.poses, receiver.status.last_address) == (1, "/ypr")
    assert receiver.status.last_sender == "127.0.0.1"


def test_the_newest_pose_wins(receiver, sender):
    yaws = np.arange(-80, 80, 10.0)
    for yaw in yaws:
        pose = sender.send(receiver, packet("/ypr", float(yaw), 0.0, 0.0))
    assert pose.yaw_pitch_roll_rad[0] == pytest.approx(np.radians(yaws[-1]))
    assert [p.sequence for p in sender.poses] == list(range(1, len(yaws) + 1))


def test_bundles_are_opened(receiver, sender):
    pose = sender.send(receiver, bundle(("/qw", 0.0), ("/qx", 0.0), ("/qy", 0.0), ("/qz", 1.0)))
    np.testing.assert_allclose(pose.R_world_head, rotation(np.pi), atol=1e-6)


def test_rubbish_is_counted_and_the_next_pose_still_comes(receiver, sender):
    rubbish = [
        b"",
        b"hello",
        b"\xff" * 64,
        b"/ypr\x00\x00\x00\x00,fff\x00\x00\x00\x00",
        b"/ypr\x00\x00\x00\x00,q\x00\x00",
        b"/\xff\xfe\x00,f\x00\x00\x00\x00\x00\x00",
        b"#bundle\x00" + b"\x00" * 8 + struct.pack(">i", -4),
        b"/" + b"a" * (MAX_DATAGRAM_BYTES + 100),
        packet("/ypr", float("nan"), 0.0, 0.0),
        packet("/ypr", 1.0),
    ]
    pose = sender.send(receiver, *rubbish, packet("/fader", 1.0), packet("/yaw", 12.0))
    assert pose.yaw_pitch_roll_rad[0] == pytest.approx(np.radians(12))
    status = receiver.status
    # "/ypr ,fff" without data: python-osc pads missing floats with zeros, so it may read as a pose of zeros
    assert status.malformed >= len(rubbish) - 1
    assert status.unknown == 1
    assert status.datagrams == len(rubbish) + 2


def test_tare_and_back(receiver, sender):
    assert not receiver.tare()
    sender.send(receiver, packet("/ypr", 40.0, 0.0, 0.0))
    assert receiver.tare()
    np.testing.assert_allclose(sender.poses[-1].R_world_head, np.eye(3), atol=1e-9)
    pose = sender.send(receiver, packet("/ypr", 50.0, 0.0, 0.0))
    assert pose.yaw_pitch_roll_rad[0] == pytest.approx(np.radians(10))
    receiver.clear_tare()
    assert sender.poses[-1].yaw_pitch_roll_rad[0] == pytest.approx(np.radians(50))


def test_mapping_changes_while_running(receiver, sender):
    sender.send(receiver, packet("/ypr", 40.0, 0.0, 0.0))
    receiver.set_mapping(TrackerConfig(port=0, invert_yaw=True))
    pose = sender.send(receiver, packet("/ypr", 40.0, 0.0, 0.0))
    assert pose.yaw_pitch_roll_rad[0] == pytest.approx(np.radians(-40))


def test_learning_hears_every_address(receiver, sender):
    assert receiver.heard() == ()
    receiver.learn(True)
    sender.send(receiver, packet("/strange", 1.0, 2.0), packet("/strange", -1.0, 5.0), packet("/yaw", 3.0))
    strange, yaw = receiver.heard()
    assert (strange.address, strange.count, strange.values) == ("/strange", 2, (-1.0, 5.0))
    assert (strange.lowest, strange.highest) == ((-1.0, 2.0), (1.0, 5.0))
    assert yaw.address == "/yaw"
    receiver.learn(False)
    assert receiver.heard() == ()


def test_the_address_book_is_bounded():
    book = AddressBook()
    for i in range(1000):
        book.note(f"/{i}" * 200, [float(i)] * 100)
    assert len(book.heard()) == MAX_ADDRESSES
    assert book.overflow == 1000 - MAX_ADDRESSES
    assert all(len(h.address) <= 120 and len(h.values) <= 16 for h in book.heard())


def test_an_address_may_change_the_number_of_its_arguments():
    book = AddressBook()
    book.note("/a", [1.0, "x"])
    book.note("/a", [2.0])
    book.note("/a", [3.0, 7.0, None])
    (heard,) = book.heard()
    assert heard.values == (3.0, 7.0, None)
    assert heard.highest[0] == 3.0
    assert heard.lowest[1:] == (7.0, None)


def test_closing_ends_the_thread_and_frees_the_port():
    before = threading.active_count()
    first = OscReceiver(TrackerConfig(port=0))
    port = first.status.port
    with pytest.raises(ConfigError, match=f"cannot listen on UDP 127.0.0.1:{port} .*choose another port"):
        OscReceiver(TrackerConfig(port=port))
    first.close()
    first.close()
    assert threading.active_count() == before
    OscReceiver(TrackerConfig(port=port)).close()
    assert threading.active_count() == before


def test_a_name_is_no_address():
    with pytest.raises(ConfigError, match="numeric address"):
        OscReceiver(TrackerConfig(port=0, host="not a host"))


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_parse_or_are_refused(data):
    try:
        found = messages(data)
    except MalformedPacketError:
        return
    assert all(address.startswith("/") for address, _ in found)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_mutated_packets_parse_or_are_refused(data):
    seed = data.draw(st.sampled_from([packet("/ypr", 1.0, 2.0, 3.0), bundle(("/yaw", 1.0), ("/pitch", 2.0))]))
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    with contextlib.suppress(MalformedPacketError):
        messages(cut)


def test_deep_and_long_bundles_are_refused():
    inner = packet("/yaw", 1.0)
    for _ in range(6):
        inner = b"#bundle\x00" + b"\x00" * 8 + struct.pack(">i", len(inner)) + inner
    with pytest.raises(MalformedPacketError, match="nested"):
        messages(inner)
    small = b"/a\x00\x00,\x00\x00\x00"
    many = b"#bundle\x00" + b"\x00" * 8 + (struct.pack(">i", len(small)) + small) * 100
    with pytest.raises(MalformedPacketError, match="more than 64"):
        messages(many)


def test_unknown_tags_do_not_reach_the_log(caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(MalformedPacketError, match="type tag"):
        messages(b"/a\x00\x00,Z\x00\x00")
    assert not caplog.records
