"""What both processes see: never half a pose, never half a message, and nothing left over."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.geometry.sphere import rotation
from panosod_core.media.info import AudioInfo, SoundFormat
from panosod_viewer.audio.clocks import ClockAnchor
from panosod_viewer.audio.messages import (
    Message,
    pack_audio,
    pack_filters,
    read_message,
    unpack_audio,
    unpack_filters,
    write_message,
)
from panosod_viewer.audio.shared import SharedBlock, SoundState
from tests.viewer.audio.conftest import open_descriptors


def named_memory() -> list[str]:
    """Shared memory with a name that this process has mapped; what other programs share is none of ours."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "/dev/shm/" in line]


@pytest.fixture
def block():
    shared = SharedBlock.create()
    yield shared
    shared.close()


def test_at_first_the_head_looks_to_the_front(block):
    pose = block.read_pose()
    np.testing.assert_array_equal(pose.R_world_head, np.eye(3))
    assert pose.counter == 0


def test_what_is_written_is_read_by_the_other_side(block):
    fd = os.dup(block.fd)
    other = SharedBlock.attach(str(fd))
    block.write_pose(rotation(1.0, 0.5, -0.2), time_s=12.5, counter=7)
    pose = other.read_pose()
    np.testing.assert_array_equal(pose.R_world_head, rotation(1.0, 0.5, -0.2))
    assert (pose.time_s, pose.counter) == (12.5, 7)
    anchor = ClockAnchor(*map(float, range(len(ClockAnchor._fields))))
    state = SoundState(*map(float, range(100, 100 + len(SoundState._fields))))
    other.write_clock(anchor)
    other.write_sound(state)
    assert (block.read_clock(), block.read_sound()) == (anchor, state)
    other.close()


def test_a_pose_is_never_read_half_written(block):
    stop = threading.Event()

    def write():
        k = 0
        while not stop.is_set():
            k += 1
            block.write_pose(np.full((3, 3), k, float), time_s=k, counter=k)

    writer = threading.Thread(target=write)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        writer.start()
        for _ in range(5000):
            pose = block.read_pose()
            if pose.counter:
                assert (pose.R_world_head == pose.counter).all()
                assert pose.time_s == pose.counter
    finally:
        stop.set()
        writer.join()
        sys.setswitchinterval(before)


def test_a_writer_that_dies_in_the_middle_leaves_the_last_whole_pose(block):
    block.write_pose(rotation(0.3), time_s=1.0, counter=1)
    assert block.read_pose().counter == 1
    block._pose._counter.pack_into(block._memory, 0, 1001)
    block._pose._values.pack_into(block._memory, 8, *([99.0] * 11))
    assert block.read_pose().counter == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_the_memory_has_no_name_and_is_given_back():
    before = named_memory()
    descriptors = open_descriptors()
    shared = SharedBlock.create()
    assert "/memfd:panosod-audio (deleted)" in Path("/proc/self/maps").read_text()
    assert named_memory() == before
    shared.close()
    shared.close_fd()
    assert open_descriptors() == descriptors
    assert "panosod-audio" not in Path("/proc/self/maps").read_text()


@given(
    kind=st.text(max_size=20),
    data=st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=20) | st.booleans()),
    payload=st.binary(max_size=3000),
)
@settings(max_examples=50, deadline=None)
def test_messages_arrive_as_they_were(kind, data, payload):
    read_end, write_end = os.pipe()
    try:
        write_message(write_end, Message(kind, data, payload))
        write_message(write_end, Message("next"))
        assert read_message(read_end) == Message(kind, data, payload)
        assert read_message(read_end) == Message("next")
    finally:
        os.close(write_end)
        assert read_message(read_end) is None
        os.close(read_end)


def test_a_message_cut_off_is_the_end_and_nonsense_is_an_error():
    read_end, write_end = os.pipe()
    os.write(write_end, Message("seek", {"t": 1}).packed()[:-3])
    os.close(write_end)
    assert read_message(read_end) is None
    os.close(read_end)
    read_end, write_end = os.pipe()
    os.write(write_end, b"ALSA lib pcm.c: unknown")
    with pytest.raises(ValueError, match="cannot be one of ours"):
        read_message(read_end)
    os.close(read_end)
    os.close(write_end)


def test_sound_and_filters_survive_the_pipe(kemar):
    audio = AudioInfo(
        1, "aac", 6, 44100, SoundFormat.FUMA, 1, True, (0, 2, 3, 1, 4, 5), "SA3D", "5.1", ("a doubt",), -0.02, None
    )
    assert unpack_audio(pack_audio(audio)) == audio
    assert unpack_audio(pack_audio(None)) is None
    data, payload = pack_filters(kemar)
    back = unpack_filters(data, payload)
    np.testing.assert_array_equal(back.taps, kemar.taps)
    assert (back.order, back.name, back.licence) == (kemar.order, kemar.name, kemar.licence)
    with pytest.raises(ValueError, match="reshape"):
        unpack_filters(data, payload[:-4])
