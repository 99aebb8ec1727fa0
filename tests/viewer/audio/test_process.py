"""The real audio process, on a simulated device: what it imports, plays, survives and leaves behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from panosod_core.geometry.sphere import rotation
from panosod_core.media.audio import AudioReader
from panosod_viewer.actions import ACTIONS
from panosod_viewer.audio.client import AudioClient
from panosod_viewer.audio.clocks import STALE_S, now_s
from panosod_viewer.audio.devices import WHERE_TO_CHOOSE, DeviceChoice
from panosod_viewer.audio.engine import SoundLayout
from panosod_viewer.audio.offline import OfflineSound
from tests.viewer.audio.conftest import open_descriptors

CLOCK_ONLY = DeviceChoice("none")


def children() -> set[int]:
    """Processes that this one has started and that still live."""
    pids = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended meanwhile
            pids |= {int(pid) for pid in (task / "children").read_text().split()}
    return pids


def runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # gone, perhaps while it was looked at
        return False
    return "\nState:\tZ" not in status


def test_it_imports_neither_qt_nor_anything_slow():
    code = (
        "import sys, panosod_viewer.audio.process, panosod_viewer.audio.client, sounddevice\n"
        "slow = {'PySide6', 'shiboken6', 'torch', 'cv2', 'scipy', 'OpenGL', 'sofar', 'PIL', 'tyro', 'pyqtgraph'}\n"
        "print(sorted(slow & {name.split('.')[0] for name in sys.modules}))"
    )
    out = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_what_it_plays_is_what_the_engine_renders_sample_by_sample(start_client, foa_wav, kemar, tmp_path):
    path, audio = foa_wav
    record = tmp_path / "heard.npz"
    # A deep buffer: this test is about the samples, however busy the machine is.
    watched = start_client(DeviceChoice("simulated", depth=60, record=str(record)))
    client = watched.client
    head = rotation(0.8, 0.2)
    client.set_pose(head)
    client.open(path, audio, kemar, duration_s=2.0)
    watched.event("opened")
    client.play()
    watched.event("ended")
    assert client.levels().starved == 0
    # Not by force: what was heard is written at the end.
    client.close(timeout_s=60)
    heard = np.load(record)["samples"].T
    with AudioReader(path, audio) as reader:
        expected = OfflineSound(reader, SoundLayout.of(audio), kemar, end_s=2.0).render(2 * 48000, head)
    first, base = (int(np.flatnonzero(np.abs(x[0]) > 0)[0]) for x in (heard, expected))
    n = min(heard.shape[1] - first, expected.shape[1] - base)
    assert n > 1.9 * 48000
    np.testing.assert_allclose(heard[:, first : first + n], expected[:, base : base + n], atol=1e-6)


def test_the_clock_runs_seeks_stands_and_changes_speed(start_client, foa_wav, kemar):
    path, audio = foa_wav
    watched = start_client(CLOCK_ONLY)
    client = watched.client
    client.open(path, audio, kemar, duration_s=600.0, position_s=0.5, generation=4)
    assert client.position_s() == 0.5
    watched.until(lambda: client.clock().generation == 4, "generation 4")
    assert not client.clock().playing
    client.play()
    watched.until(lambda: client.position_s() > 0.6, "the clock to run")
    sought_s = now_s()
    client.seek(300.0, generation=9)
    # At its aim from now on, or as far behind it as it may have played since.
    assert 300.0 <= client.position_s() <= 300.0 + now_s() - sought_s
    watched.until(lambda: client.clock().generation == 9 and client.position_s() > 300.05, "the seek")
    client.pause()
    watched.until(lambda: client.clock().speed == 0.0, "the pause")
    stands = client.position_s()
    assert stands == client.position_s()
    client.set_speed(4.0)
    client.play()
    watched.until(lambda: client.clock().speed == 4.0, "the speed")
    client.set_speed(-2.0)
    watched.until(lambda: client.clock().speed == -2.0, "backwards")
    client.set_loop((10.0, 10.2))
    client.set_speed(1.0)
    client.seek(10.1)
    watched.until(lambda: client.clock().generation == 10 and client.clock().speed == 1.0, "the loop")
    seen = []
    watched.until(lambda: seen.append(client.position_s()) or len(seen) > 120, "readings")
    assert 10.0 - 0.01 <= min(seen) <= max(seen) <= 10.2 + 0.01


def test_a_clip_without_sound_runs_to_its_end(start_client, kemar):
    watched = start_client(CLOCK_ONLY)
    watched.client.open(Path("silent.mp4"), None, kemar, duration_s=0.3, generation=2)
    watched.client.play()
    assert watched.event("ended").data == {"generation": 2}
    assert watched.client.position_s() == pytest.approx(0.3, abs=0.01)
    assert watched.client.clock().ended


def test_sound_that_cannot_be_read_is_told_in_one_line_and_the_clock_runs_on(start_client, foa_wav, kemar, tmp_path):
    _, audio = foa_wav
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no media at all")
    watched = start_client(CLOCK_ONLY)
    watched.client.open(broken, audio, kemar, duration_s=5.0)
    event = watched.event("failed")
    assert "broken.mp4" in event.text
    assert "\n" not in event.text
    watched.client.play()
    watched.until(lambda: watched.client.position_s() > 0.1, "the clock to run")


def test_another_clip_decoder_and_device_come_while_it_plays(start_client, foa_wav, kemar, tmp_path):
    path, audio = foa_wav
    watched = start_client(CLOCK_ONLY)
    client = watched.client
    client.open(path, audio, kemar, duration_s=30.0)
    client.play()
    watched.event("opened")
    client.set_decoder(kemar)
    client.set_hold(True)
    client.set_volume(0.5, muted=True)
    client.burst(np.array([1.0, 0.0, 0.0]))
    client.set_device(DeviceChoice("simulated", record=str(tmp_path / "second.npz")))
    assert watched.event("device").data["name"] == "simulated"
    client.open(path, audio, kemar, duration_s=30.0, position_s=1.0)
    watched.event("opened")
    client.play()
    watched.until(lambda: client.position_s() > 1.1, "the second clip")
    client.close_clip()
    client.open(path, None, kemar, duration_s=0.2)
    client.play()
    watched.event("ended")
    assert not [e for e in watched.seen if e.kind in ("failed", "refused", "process_died")]


def test_where_to_choose_a_device_is_what_the_menu_says():
    menu, _, entry = WHERE_TO_CHOOSE.partition(" › ")
    (spec,) = [spec for spec in ACTIONS if spec.id == "sound.device"]
    assert (spec.group, spec.label) == (menu, entry)


def test_a_device_that_is_not_there_is_told_and_a_clock_runs_instead(start_client, kemar):
    watched = start_client(DeviceChoice("named", name="no such sound card"))
    assert "no such sound card" in watched.event("no_device").text
    watched.client.open(Path("x"), None, kemar, duration_s=5.0)
    watched.client.play()
    watched.until(lambda: watched.client.position_s() > 0.1, "the clock to run")


def test_a_killed_process_is_noticed_told_and_brought_back_where_it_was(start_client, foa_wav, kemar):
    path, audio = foa_wav
    watched = start_client(CLOCK_ONLY)
    client = watched.client
    client.open(path, audio, kemar, duration_s=600.0, position_s=20.0, generation=5)
    client.set_volume(0.3)
    began_s = now_s()
    client.play()
    watched.until(lambda: client.position_s() > 20.2, "the clock to run")
    first = client.pid
    os.kill(first, signal.SIGKILL)
    event = watched.event("process_died")
    assert "signal 9" in event.text
    stood = client.position_s()
    assert 20.2 < stood <= 20 + now_s() - began_s
    again_s = now_s()
    client.restart()
    assert client.pid != first
    watched.until(lambda: client.clock().generation == 5 and client.position_s() > stood + 0.1, "the clock to go on")
    assert client.position_s() <= stood + STALE_S + now_s() - again_s
    assert not [e for e in watched.seen if e.kind == "process_died"]


def test_closing_leaves_nothing_behind_at_any_moment(foa_wav, kemar):
    path, audio = foa_wav
    threads, descriptors = threading.active_count(), open_descriptors()
    before = children()
    for stage in range(4):
        client = AudioClient(device=CLOCK_ONLY)
        if stage > 0:
            client.open(path, audio, kemar, duration_s=600.0)
        if stage > 1:
            client.play()
        if stage > 2:
            while not client.clock().playing:
                threading.Event().wait(0.005)
        client.close()
        assert children() == before
    assert threading.active_count() == threads
    assert open_descriptors() == descriptors


def test_it_dies_with_its_parent(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from panosod_viewer.audio.client import AudioClient\n"
        "from panosod_viewer.audio.devices import DeviceChoice\n"
        "client = AudioClient(device=DeviceChoice('none'))\n"
        "while not any(e.kind == 'device' for e in client.poll()): pass\n"
        "print(client.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60)
    assert parent.returncode == -signal.SIGKILL
    pid = int(parent.stdout)
    until_s = now_s() + 60
    while runs(pid):
        assert now_s() < until_s, "the audio process outlives its parent"
        threading.Event().wait(0.01)


def test_a_process_that_hangs_is_ended_by_force(kemar):
    client = AudioClient(device=CLOCK_ONLY)
    while not client.poll():
        threading.Event().wait(0.005)
    os.kill(client.pid, signal.SIGSTOP)
    client.close(timeout_s=0.2)
    assert client.pid not in children()


@pytest.mark.parametrize("choice", [{"kind": "loud"}, {"kind": "named"}])
def test_a_device_choice_checks_itself(choice):
    with pytest.raises(ValueError, match="device"):
        DeviceChoice(**choice)


def test_speed_zero_is_a_mistake(start_client):
    with pytest.raises(ValueError, match="pause"):
        start_client(CLOCK_ONLY).client.set_speed(0.0)
