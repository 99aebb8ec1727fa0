"""What the audio process does: commands in, a clip on a device, events out. Runs in the process's main thread."""

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.errors import AudioDeviceError, MediaError, PanosodError
from panosod_core.media.audio import AudioReader
from panosod_core.media.info import AudioInfo
from panosod_viewer.audio.clocks import now_s
from panosod_viewer.audio.devices import (
    MOST_LATENCY_S,
    NO_DEVICE,
    DeviceChoice,
    Output,
    is_wireless,
    list_devices,
    open_output,
    refresh_devices,
)
from panosod_viewer.audio.engine import AudioEngine, SoundLayout
from panosod_viewer.audio.feed import Course, Silence, SoundSource
from panosod_viewer.audio.feeder import Feeder
from panosod_viewer.audio.messages import Message, unpack_audio, unpack_filters
from panosod_viewer.audio.ring import RATE_HZ
from panosod_viewer.audio.serve import BlockServer
from panosod_viewer.audio.shared import SharedBlock

SILENT_AFTER_S = 1.0
"""A device that has asked for nothing for so long is gone."""
STOOD_STILL_S = 0.5
"""Whoever has not looked at the device for so long has perhaps been stopped together with it."""
TOO_MANY_UNDERRUNS = 3
UNDERRUN_WINDOW_S = 5.0
GC_EVERY_S = 5.0
_LOG = logging.getLogger(__name__)


@dataclass
class _Mix:
    """What outlives a clip: how loud, and what is heard while paused."""

    volume: float = 1.0
    muted: bool = False
    head_locked_gain: float = 1.0
    hold: bool = False

    def apply_to(self, engine: AudioEngine) -> None:
        engine.volume(self.volume, muted=self.muted)
        engine.head_locked_gain(self.head_locked_gain)
        engine.hold(self.hold)


@dataclass
class _Clip:
    """The clip that is open."""

    engine: AudioEngine
    feeder: Feeder
    course: Course
    generation: int
    ended_told: bool = False


class Player:
    """Carries out the window's commands."""

    def __init__(self, shared: SharedBlock, emit: Callable[[Message], None], *, urgent: bool = True) -> None:
        """Start without a clip and without a device.

        Args:
            shared: memory shared with the window.
            emit: sends an event; called from several threads.
            urgent: let the device's thread, and those that it may have to wait for, run before others.
        """
        self._emit = emit
        self._urgent = urgent
        self._server = BlockServer(shared, urgent=urgent)
        self._mix = _Mix()
        self._clip: _Clip | None = None
        self._output: Output | None = None
        self._choice = DeviceChoice()
        self._opened_s = 0.0
        self._watched_s = 0.0
        self._underruns: list[tuple[float, int]] = []
        self._collected_s = now_s()
        self._commands: dict[str, Callable[[Message], None]] = {
            "open": self._on_open,
            "close_clip": lambda _: self._close_clip(),
            "play": lambda _: self._with_engine(AudioEngine.play),
            "pause": lambda _: self._with_engine(AudioEngine.pause),
            "seek": self._on_seek,
            "speed": self._on_speed,
            "loop": self._on_loop,
            "mix": self._on_mix,
            "burst": self._on_burst,
            "decoder": self._on_decoder,
            "device": self._on_device,
            "list_devices": self._on_list_devices,
        }

    def handle(self, message: Message) -> None:
        """Carry out a command; what the world gets wrong becomes a ``refused`` event."""
        try:
            self._commands[message.kind](message)
        except PanosodError as error:
            self._tell("refused", command=message.kind, text=str(error))

    def tick(self) -> None:
        """Look after the device and the clip's end; called about twenty times a second."""
        clip = self._clip
        if clip is not None:
            ended = clip.engine.report.ended and clip.engine.report.generation == clip.generation
            if ended and not clip.ended_told:
                self._tell("ended", generation=clip.generation)
            clip.ended_told = ended
        self._watch_device()
        if self._server.failure:
            self._tell("failed", text=self._server.failure)
            self._server.failure = ""
        if now_s() - self._collected_s > GC_EVERY_S:
            # The collector is off, so that it never strikes in the callback; the young are few and quickly seen.
            gc.collect(1)
            self._collected_s = now_s()

    def close(self) -> None:
        """Give back everything."""
        self._close_clip()
        self._close_output()

    # -- commands

    def _with_engine(self, act: Callable[[AudioEngine], None]) -> None:
        if self._clip is not None:
            act(self._clip.engine)

    def _on_open(self, message: Message) -> None:
        self._close_clip()
        data = message.data
        audio = unpack_audio(data["audio"])
        filters = unpack_filters(data["filters"], message.payload)
        layout = SoundLayout(None, 1)
        source: SoundSource = Silence()
        problem = ""
        try:
            layout, source = _open_source(Path(data["path"]), audio, filters, origin_s=data["clock_origin_s"])
        except MediaError as error:
            problem = str(error)
        engine = AudioEngine(layout, filters)
        self._mix.apply_to(engine)
        if data["playing"]:
            engine.play()
        loop = data["loop_s"]
        course = Course(data["position_s"], data["speed"], None if loop is None else (loop[0], loop[1]))
        feeder = Feeder(
            source,
            engine,
            end_s=data["end_s"],
            failed=lambda text: self._tell("failed", text=text),
            urgent=self._urgent,
        )
        feeder.go(course, generation=data["generation"])
        self._clip = _Clip(engine, feeder, course, data["generation"])
        self._server.engine = engine
        # What stays for the life of the clip need not be looked at by the collector again. No full collection here:
        # it holds the interpreter for 30 ms, and the device is running.
        gc.freeze()
        self._tell("opened", generation=data["generation"])
        if problem:
            self._tell("failed", text=problem)

    def _on_seek(self, message: Message) -> None:
        if self._clip is not None:
            self._go(position_s=message.data["position_s"], generation=message.data["generation"])

    def _on_speed(self, message: Message) -> None:
        if self._clip is not None and message.data["speed"] != self._clip.course.speed:
            self._go(speed=message.data["speed"])

    def _on_loop(self, message: Message) -> None:
        loop = message.data["loop_s"]
        if self._clip is not None:
            self._go(loop_s=None if loop is None else (loop[0], loop[1]))

    def _go(self, *, generation: int | None = None, **changes: Any) -> None:
        """Go on otherwise: by a seek, or from the present place with the newest seek's number."""
        clip = self._clip
        assert clip is not None
        if generation is None and not clip.engine.waiting:
            changes.setdefault("position_s", clip.engine.report.location.position_s)
        clip.course = Course(**{**vars(clip.course), **changes})
        clip.generation = clip.generation if generation is None else generation
        clip.ended_told = False
        clip.feeder.go(clip.course, generation=clip.generation)

    def _on_mix(self, message: Message) -> None:
        for name, value in message.data.items():
            setattr(self._mix, name, value)
        if self._clip is not None:
            self._mix.apply_to(self._clip.engine)

    def _on_burst(self, message: Message) -> None:
        direction = np.array(message.data["direction"], np.float64)
        self._with_engine(lambda engine: engine.burst(direction))

    def _on_decoder(self, message: Message) -> None:
        filters = unpack_filters(message.data["filters"], message.payload)
        self._with_engine(lambda engine: engine.switch_decoder(filters))

    def _on_device(self, message: Message) -> None:
        self._choice = DeviceChoice(**message.data)
        self._close_output()
        if self._choice.kind in ("default", "named"):
            self._refresh()
        self._open_output(self._choice)

    def _on_list_devices(self, _message: Message) -> None:
        self._tell("devices", devices=[vars(device) for device in list_devices()])

    # -- the clip

    def _close_clip(self) -> None:
        clip, self._clip = self._clip, None
        if clip is None:
            return
        clip.engine.hold(False)
        clip.engine.pause()
        # Let it fade: two blocks, or however long the device takes for them; no longer than a person notices.
        until_s = now_s() + 0.06
        while self._output is not None and not clip.engine.quiet and now_s() < until_s:
            threading.Event().wait(0.005)
        self._server.engine = None
        if not clip.feeder.close():
            _LOG.warning("the decoder of the last clip does not end")

    # -- the device

    def _refresh(self) -> None:
        try:
            refresh_devices()
        except AudioDeviceError as error:
            _LOG.warning("%s", error)

    def _open_output(self, choice: DeviceChoice) -> None:
        """Open a device, or tell that there is none and go on with a clock."""
        try:
            output = open_output(choice)
            self._start(output)
        except AudioDeviceError as error:
            self._start(open_output(DeviceChoice("none")))
            self._tell("no_device", text=str(error))

    def _start(self, output: Output) -> None:
        self._server.device_changed()
        self._opened_s = now_s()
        self._underruns = [(now_s(), self._server.underruns)]
        try:
            output.start(self._server.fill)
        except AudioDeviceError:
            output.close()
            raise
        self._output = output
        self._tell(
            "device",
            name=output.name,
            rate_hz=output.rate_hz,
            latency_s=output.latency_s,
            is_wireless=is_wireless(output.name),
        )

    def _close_output(self) -> bool:
        """Close the device; False where it does not let go."""
        output, self._output = self._output, None
        if output is None:
            return True
        # In a thread of its own: the driver of a device that was torn out may never answer.
        closing = threading.Thread(target=output.close, name="close-device", daemon=True)
        closing.start()
        closing.join(2.0)
        return not closing.is_alive()

    def _watch_device(self) -> None:
        output = self._output
        if output is None:
            return
        now = now_s()
        if now - self._watched_s > STOOD_STILL_S:
            # A process that was stopped (Ctrl+Z, a machine at its limit) has heard nothing of any device: wait anew.
            self._opened_s = now
        self._watched_s = now
        heard_s = max(self._server.last_block_s, self._opened_s)
        if not output.alive or now - heard_s > max(SILENT_AFTER_S, 4 * output.latency_s):
            self._lost(output.name)
        elif output.name != NO_DEVICE and self._choice.latency_s is None and self._choice.kind in ("default", "named"):
            self._watch_underruns(output)

    def _lost(self, name: str) -> None:
        self._tell("device_lost", name=name, text=f"the sound device {name!r} is gone")
        if not self._close_output():
            # PortAudio hangs in its driver: asking it for anything more would hang too.
            self._start(open_output(DeviceChoice("none")))
            self._tell("no_device", text="the sound system does not answer")
            return
        self._refresh()
        self._choice = DeviceChoice("default", latency_s=self._choice.latency_s)
        self._open_output(self._choice)

    def _watch_underruns(self, output: Output) -> None:
        """A device that runs dry again and again gets a larger buffer."""
        now, count = now_s(), self._server.underruns
        while now - self._underruns[0][0] > UNDERRUN_WINDOW_S and len(self._underruns) > 1:
            self._underruns.pop(0)
        if count != self._underruns[-1][1]:
            self._underruns.append((now, count))
        if count - self._underruns[0][1] < TOO_MANY_UNDERRUNS or output.latency_s >= MOST_LATENCY_S:
            return
        latency_s = min(2 * output.latency_s, MOST_LATENCY_S)
        self._close_output()
        self._open_output(DeviceChoice(self._choice.kind, self._choice.name, latency_s))
        self._tell("latency_raised", latency_s=latency_s)

    def _tell(self, kind: str, **data: Any) -> None:
        self._emit(Message(kind, data))


def _open_source(
    path: Path, audio: AudioInfo | None, filters: BinauralFilters, *, origin_s: float
) -> tuple[SoundLayout, SoundSource]:
    """The reader of a clip's sound, and what its channels are.

    Raises:
        MediaError: it cannot be read.
    """
    if audio is None:
        return SoundLayout(None, 1), Silence()
    layout = SoundLayout.of(audio)
    if layout.order is not None and layout.order != filters.order:
        raise ValueError(f"the sound has order {layout.order}, the filters {filters.order}")
    reader = AudioReader(path, audio, out_rate_hz=RATE_HZ, clock_origin_s=origin_s)
    if reader.channels != layout.channels:
        raise MediaError(f"{path}: expected {layout.channels} channels of sound, the reader gives {reader.channels}")
    return layout, reader
