"""Through PortAudio and PulseAudio into a null sink: what its monitor records is what the engine renders."""

import numpy as np
import pytest

from panosod_core.geometry.sphere import rotation
from panosod_core.media.audio import AudioReader
from panosod_viewer.audio.devices import DeviceChoice
from panosod_viewer.audio.engine import SoundLayout
from panosod_viewer.audio.offline import OfflineSound
from tests.soundcard import LATENCY_S

pytestmark = pytest.mark.sound


def best_match(heard, expected):
    """(share of the expected energy that is found, offset): by the peak of the cross-correlation, both ears."""
    size = 1 << (heard.shape[1] + expected.shape[1]).bit_length()
    correlation = np.fft.irfft(np.sum(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(expected, size)), axis=0), size)
    at = int(np.argmax(correlation))
    return correlation[at] / np.sum(expected.astype(np.float64) ** 2), at


def test_the_monitor_hears_what_the_engine_renders(sound_card, start_client, foa_wav, kemar):
    path, audio = foa_wav
    head = rotation(1.2, -0.4)
    with sound_card.recording() as recording:
        # A deep buffer: this test is about the samples, however busy the machine is.
        watched = start_client(DeviceChoice("default", latency_s=1.0))
        client = watched.client
        assert watched.event("device").data["rate_hz"] == 48000
        client.set_pose(head)
        client.open(path, audio, kemar, duration_s=2.0)
        client.play()
        watched.event("ended")
        # What has ended for the callback is still in the sink's buffers.
        recording.wait_for_the_end()
        client.close()
    with AudioReader(path, audio) as reader:
        expected = OfflineSound(reader, SoundLayout.of(audio), kemar, end_s=2.0).render(2 * 48000, head)
    heard = recording.samples.T
    # In pieces of a tenth of a second: a gap that the machine tears into the stream moves what follows, and harms only
    # one.
    shares = [best_match(heard, expected[:, at : at + 4800])[0] for at in range(0, 96_000, 4800)]
    assert sorted(shares)[5] > 0.98, shares
    # Ears are not swapped: the wrong way round it would fit worse.
    assert best_match(heard[::-1], expected)[0] < best_match(heard, expected)[0]


def test_the_devices_are_listed(sound_card, start_client):
    watched = start_client(DeviceChoice("none"))
    watched.event("device")
    watched.client.set_device(DeviceChoice("default", latency_s=LATENCY_S))
    watched.event("device")
    watched.client.request_devices()
    devices = watched.event("devices").data["devices"]
    assert "pulse" in [d["name"] for d in devices]
    assert sum(d["is_default"] for d in devices) == 1
    watched.client.set_device(DeviceChoice("named", name="pulse", latency_s=LATENCY_S))
    assert watched.event("device").data["name"] == "pulse"


def test_a_card_torn_out_while_playing_is_told_and_the_clip_goes_on(sound_card, start_client, foa_wav, kemar):
    path, audio = foa_wav
    watched = start_client(DeviceChoice("default", latency_s=LATENCY_S))
    client = watched.client
    client.open(path, audio, kemar, duration_s=600.0)
    client.play()
    watched.until(lambda: client.position_s() > 0.3, "the clock to run")
    sound_card.stop()
    assert "gone" in watched.event("device_lost").text
    assert watched.event("no_device").text.startswith(("no sound device", "the sound device"))
    position = client.position_s()
    assert position > 0.3
    watched.until(lambda: client.position_s() > position + 0.2, "the clock to run on")
