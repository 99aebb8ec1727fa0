"""Sound devices: which there are, opening one, noticing that it went."""

import contextlib
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from panosod_core.errors import AudioDeviceError
from panosod_viewer.audio.clocks import now_s
from panosod_viewer.audio.engine import BLOCK
from panosod_viewer.audio.ring import RATE_HZ
from panosod_viewer.audio.simulated import Fill, SimulatedDac

FloatArray32 = NDArray[np.float32]

NO_DEVICE = "none"
"""Name of the clock that stands in for a device."""
LEAST_LATENCY_S = 3 * BLOCK / RATE_HZ
SERVER_LATENCY_S = 0.025
"""What is asked of a sound server (PulseAudio, PipeWire): it mixes in its own time."""
MOST_LATENCY_S = 0.2
WHERE_TO_CHOOSE = "Sound › Output and decoder"
"""Where the window lets a person choose the device: menu and entry."""
_SERVERS = ("pulse", "pipewire", "default", "sysdefault", "jack")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceChoice:
    """Which device to play on.

    Attributes:
        kind: "default" (the system's), "named", "none" (a clock alone) or "simulated" (a clock that records).
        name: of the device where it is named, as :func:`list_devices` gives it.
        latency_s: to ask for; None chooses the least that can be expected to hold.
        depth: blocks of buffer of the simulated device.
        record: file in which the simulated device leaves what was heard.
    """

    kind: str = "default"
    name: str = ""
    latency_s: float | None = None
    depth: int = 3
    record: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("default", "named", "none", "simulated"):
            raise ValueError(f"no such kind of device: {self.kind!r}")
        if self.kind == "named" and not self.name:
            raise ValueError("a named device needs a name")

    @classmethod
    def of(cls, text: str | None) -> "DeviceChoice":
        """From the command line or the settings: nothing, "none", "simulated", or (a part of) a device's name."""
        if not text:
            return cls()
        return cls(text) if text in ("none", "simulated") else cls("named", text)

    def packed(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Output(Protocol):
    """A device that is playing."""

    name: str
    rate_hz: int
    latency_s: float

    @property
    def alive(self) -> bool:
        """False once it has stopped by itself."""
        ...

    def start(self, fill: Fill, /) -> None:
        """Begin to ask for blocks of 256 samples at 48 kHz."""
        ...

    def close(self) -> None:
        """Stop, and give the device back."""
        ...


@dataclass(frozen=True)
class DeviceInfo:
    """A device that could be played on.

    Attributes:
        name: what :class:`DeviceChoice` takes.
        host: the system's interface to it ("ALSA", "Windows WASAPI", "Core Audio").
        rate_hz: its own rate.
        is_default: the system's choice.
        is_wireless: its name speaks of Bluetooth, which adds 100 ms and more that no one can measure from here.
    """

    name: str
    host: str
    rate_hz: int
    is_default: bool
    is_wireless: bool


def _portaudio() -> Any:
    """The sounddevice module.

    Raises:
        AudioDeviceError: the PortAudio library is missing.
    """
    try:
        import sounddevice
    except OSError as error:
        raise AudioDeviceError(
            f"sound needs the PortAudio library, which is missing ({error}): on Debian and Ubuntu install libportaudio2"
        ) from error
    return sounddevice


def refresh_devices() -> None:
    """Look at the devices anew: PortAudio does so only when it starts. No stream may be open."""
    sd = _portaudio()
    with contextlib.suppress(sd.PortAudioError):
        sd._terminate()
    with contextlib.suppress(sd.PortAudioError):
        sd._initialize()


def is_wireless(name: str) -> bool:
    """True where a device's name speaks of Bluetooth."""
    return any(word in name.lower() for word in ("bluetooth", "bluez", "airpods"))


def list_devices() -> list[DeviceInfo]:
    """All devices with two or more output channels.

    Raises:
        AudioDeviceError: the PortAudio library is missing.
    """
    sd = _portaudio()
    try:
        devices, hosts = sd.query_devices(), sd.query_hostapis()
        default = sd.default.device[1]
    except sd.PortAudioError as error:
        raise AudioDeviceError(f"the sound devices cannot be listed: {error}") from error
    return [
        DeviceInfo(
            name=d["name"],
            host=hosts[d["hostapi"]]["name"],
            rate_hz=round(d["default_samplerate"]),
            is_default=d["index"] == default,
            is_wireless=is_wireless(d["name"]),
        )
        for d in devices
        if d["max_output_channels"] >= 2
    ]


class RateMatcher:
    """Asks for blocks at 48 kHz and gives out a device's frames at its own rate (soxr, high quality)."""

    def __init__(self, fill: Fill, *, rate_hz: int) -> None:
        """Prepare for a device of that rate."""
        self._fill = fill
        self._rate_hz = rate_hz
        self._stream = soxr.ResampleStream(RATE_HZ, rate_hz, 2, dtype="float32", quality="HQ")
        self._block: FloatArray32 = np.zeros((2, BLOCK), np.float32)
        self._ready: FloatArray32 = np.zeros((0, 2), np.float32)
        self._asked = 0  # samples at 48 kHz
        self._given = 0  # frames of the device

    def fill(self, out: FloatArray32, dac_time_s: float, underflow: bool) -> None:
        """Write the next frames, (2, n) float32 at the device's rate."""
        n = out.shape[1]
        while len(self._ready) < n:
            # When the block's first sample will be heard: so far ahead of this call's first frame.
            ahead_s = self._asked / RATE_HZ - self._given / self._rate_hz
            self._fill(self._block, dac_time_s + ahead_s, underflow)
            underflow = False
            self._asked += BLOCK
            piece = self._stream.resample_chunk(np.ascontiguousarray(self._block.T))
            self._ready = np.concatenate([self._ready, piece])
        out[...] = self._ready[:n].T
        self._ready = self._ready[n:]
        self._given += n


class PortAudioOutput:
    """A sound card or sound server through PortAudio."""

    def __init__(self, choice: DeviceChoice) -> None:
        """Find and open the device; it does not run yet.

        Raises:
            AudioDeviceError: there is none, or it refuses.
        """
        self._sd = sd = _portaudio()
        device = choice.name if choice.kind == "named" else None
        try:
            info = sd.query_devices(device, "output")
        except (sd.PortAudioError, ValueError) as error:
            what = "no sound device was found"
            if device:
                what = f"the sound device {choice.name!r} was not found"
            _LOG.info("%s: %s", what, error)
            raise AudioDeviceError(f"{what}: connect one, then choose it in {WHERE_TO_CHOOSE}") from error
        self.name: str = info["name"]
        latency_s = choice.latency_s
        if latency_s is None:
            is_server = any(self.name.lower().startswith(s) for s in _SERVERS)
            latency_s = SERVER_LATENCY_S if is_server else max(LEAST_LATENCY_S, info["default_low_output_latency"])
        self._fill: Fill | None = None
        self._finished = False
        self._buffer: FloatArray32 = np.zeros((2, BLOCK), np.float32)
        self._stream = self._open(device, info, latency_s)
        self.rate_hz = round(self._stream.samplerate)
        self.latency_s = float(self._stream.latency)

    def _open(self, device: str | None, info: dict[str, Any], latency_s: float) -> Any:
        sd = self._sd
        refusal: Exception | None = None
        for rate in dict.fromkeys((RATE_HZ, round(info["default_samplerate"]))):
            try:
                return sd.OutputStream(
                    samplerate=rate,
                    blocksize=BLOCK,
                    device=device,
                    channels=2,
                    dtype="float32",
                    latency=latency_s,
                    callback=self._callback,
                    finished_callback=self._on_finished,
                )
            except (sd.PortAudioError, ValueError) as error:
                refusal = error
        raise AudioDeviceError(
            f"the sound device {self.name!r} refuses stereo at {RATE_HZ} Hz and at its own rate ({refusal}):"
            " choose another"
        ) from refusal

    @property
    def alive(self) -> bool:
        """False once the stream has stopped by itself."""
        return not self._finished

    def start(self, fill: Fill, /) -> None:
        """Begin to ask for blocks.

        Raises:
            AudioDeviceError: the device refuses.
        """
        self._fill = fill if self.rate_hz == RATE_HZ else RateMatcher(fill, rate_hz=self.rate_hz).fill
        try:
            self._stream.start()
        except self._sd.PortAudioError as error:
            raise AudioDeviceError(
                f"the sound device {self.name!r} does not start ({error}): choose another"
            ) from error

    def close(self) -> None:
        """Stop and close the stream."""
        # A device that has gone refuses this too; there is nothing left to do for it then.
        with contextlib.suppress(self._sd.PortAudioError):
            self._stream.abort()
        with contextlib.suppress(self._sd.PortAudioError):
            self._stream.close()

    def _callback(self, outdata: NDArray[Any], _frames: int, times: Any, status: Any) -> None:
        """Called by PortAudio in its own thread."""
        assert self._fill is not None
        delay_s = times.outputBufferDacTime - times.currentTime
        if not 0.0 < delay_s < 2.0:
            # Some interfaces do not say: the stream's own figure is the best there is.
            delay_s = self.latency_s
        self._fill(self._buffer, now_s() + delay_s, bool(status.output_underflow))
        outdata[...] = self._buffer.T

    def _on_finished(self) -> None:
        self._finished = True


def open_output(choice: DeviceChoice) -> Output:
    """Open the device of that choice; it does not run yet.

    Raises:
        AudioDeviceError: it is not there, or refuses.
    """
    if choice.kind == "none":
        return SimulatedDac(depth=1, name=NO_DEVICE)
    if choice.kind == "simulated":
        return SimulatedDac(depth=choice.depth, record=Path(choice.record) if choice.record else None)
    return PortAudioOutput(choice)
