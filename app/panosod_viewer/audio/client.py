"""The window's side of the audio process. No Qt, and no call that waits (but :meth:`AudioClient.close`)."""

from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.media.info import AudioInfo
from panosod_viewer.audio.child import AudioProcess
from panosod_viewer.audio.clocks import ClockReading, now_s, read_clock
from panosod_viewer.audio.devices import DeviceChoice
from panosod_viewer.audio.messages import Message, pack_audio, pack_filters
from panosod_viewer.audio.shared import SoundState

CLOSE_S = 2.0
BACKWARDS_S = 0.05
"""A clock that goes back by less than this is jitter, and held; by more, a loop or a restart."""


@dataclass(frozen=True)
class AudioEvent:
    """Something that the audio process tells.

    Attributes:
        kind: "ready" (the process runs), "opened" (a clip), "ended" (its end was reached), "failed" (the sound cannot
            be read on; the clip plays silently), "refused" (a command that could not be carried out), "device" (plays
            on it now), "device_lost", "no_device" (a clock runs instead), "latency_raised" (the device kept running
            dry), "devices" (the list that was asked for), "process_died" (:meth:`AudioClient.restart` brings it back).
        text: one line for the person, "" where there is nothing to say.
        data: the rest, by name.
    """

    kind: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Clip:
    """All that a new process must be told to go on as the old one did."""

    path: Path
    audio: AudioInfo | None
    filters: BinauralFilters
    end_s: float
    clock_origin_s: float
    position_s: float
    generation: int
    speed: float = 1.0
    loop_s: tuple[float, float] | None = None
    playing: bool = False


class AudioClient:
    """A clip's sound, played by a process of its own. Use from one thread.

    It is also the clock that the transport follows: :meth:`play`, :meth:`pause`, :meth:`seek`, :meth:`set_speed` and
    :meth:`position_s` are those of ``panosod_viewer.playback.Clock``.
    """

    def __init__(self, *, device: DeviceChoice | None = None) -> None:
        """Start the process; nothing waits for it.

        Args:
            device: where to play; the system's choice where None.
        """
        self._device = device or DeviceChoice()
        self._mix: dict[str, Any] = {"volume": 1.0, "muted": False, "head_locked_gain": 1.0, "hold": False}
        self._clip: _Clip | None = None
        self._pose: NDArray[np.float64] = np.eye(3)
        self._poses = 0
        self._seeks = 0
        self._last: tuple[int, float, float] | None = None  # generation, position, floor of monotony
        self._told_dead = False
        self._own: deque[AudioEvent] = deque()
        self._process = self._start()

    # -- the clip

    def open(
        self,
        path: Path,
        audio: AudioInfo | None,
        filters: BinauralFilters,
        *,
        duration_s: float,
        clock_origin_s: float = 0.0,
        position_s: float = 0.0,
        generation: int | None = None,
    ) -> None:
        """Open a clip's sound, standing at ``position_s``; ``opened`` follows, then ``failed`` if it cannot be read.

        Args:
            path: the clip.
            audio: its sound stream, None for a clip without: the clock runs all the same.
            filters: of the sound's order, at 48 kHz; of any order for sound without a field.
            duration_s: of the clip; the clock ends there.
            clock_origin_s: zero of the clip's clock on the container's (``clip_origin_s``).
            position_s: where to stand.
            generation: number of this seek; counted here where None.
        """
        generation = self._count(generation)
        self._clip = _Clip(path, audio, filters, duration_s, clock_origin_s, position_s, generation)
        self._last = None
        self._send_open()

    def close_clip(self) -> None:
        """Close the clip; the process stays."""
        self._clip = None
        self._send("close_clip")

    def play(self) -> None:
        """Let it run."""
        self._change(playing=True)
        self._send("play")

    def pause(self) -> None:
        """Stop it where it is."""
        self._change(playing=False)
        self._send("pause")

    def seek(self, t_s: float, generation: int | None = None) -> None:
        """Go to a clip time; :meth:`clock` bears the generation once it is there."""
        generation = self._count(generation)
        self._change(position_s=t_s, generation=generation)
        self._send("seek", position_s=t_s, generation=generation)

    def set_speed(self, speed: float) -> None:
        """Clip seconds per second: 0.25 to 4 with sound at its own pitch, else silent; below 0 backwards.

        Raises:
            ValueError: the speed is 0.
        """
        if speed == 0.0:
            raise ValueError("speed 0 is a pause: call pause()")
        self._change(speed=speed)
        self._send("speed", speed=speed)

    def set_loop(self, loop_s: tuple[float, float] | None) -> None:
        """Repeat the stretch from one clip time to another, without a gap; None for none."""
        self._change(loop_s=loop_s)
        self._send("loop", loop_s=loop_s)

    # -- how it sounds

    def set_pose(self, R_world_head: NDArray[Any]) -> None:  # noqa: N803 - named by its frames
        """Say where the head looks, (3, 3); takes a few microseconds, and is heard within 35 ms."""
        self._pose = np.array(R_world_head, np.float64)
        self._poses += 1
        self._process.shared.write_pose(self._pose, time_s=now_s(), counter=self._poses)

    def set_volume(self, gain: float, *, muted: bool = False) -> None:
        """Loudness, a factor >= 0."""
        self._set_mix(volume=gain, muted=muted)

    def set_head_locked_gain(self, gain: float) -> None:
        """Loudness of the two channels that stay with the head, a factor >= 0."""
        self._set_mix(head_locked_gain=gain)

    def set_hold(self, on: bool) -> None:
        """Whether the last 200 ms go on sounding while it is paused."""
        self._set_mix(hold=on)

    def set_decoder(self, filters: BinauralFilters) -> None:
        """Change the head or the method; of the clip's order."""
        self._change(filters=filters)
        data, payload = pack_filters(filters)
        self._process.send(Message("decoder", {"filters": data}, payload))

    def burst(self, direction: NDArray[Any]) -> None:
        """Sound a short noise from a direction of the world, (3,)."""
        self._send("burst", direction=[float(x) for x in direction])

    def set_device(self, choice: DeviceChoice) -> None:
        """Play on another device; ``device`` or ``no_device`` follows."""
        self._device = choice
        self._process.send(Message("device", choice.packed()))

    def request_devices(self) -> None:
        """Ask for the list of devices; ``devices`` follows."""
        self._send("list_devices")

    # -- what it says

    def clock(self) -> ClockReading:
        """The clip's clock as it is heard now; never goes back while it runs, but for a loop."""
        reading = read_clock(self._process.shared.read_clock(), now_s())
        last = self._last
        if last is not None and last[0] == reading.generation and reading.speed > 0:
            back_s = last[1] - reading.position_s
            if 0 < back_s < BACKWARDS_S:
                reading = replace(reading, position_s=last[1])
        self._last = reading.generation, reading.position_s, reading.speed
        return reading

    def position_s(self) -> float:
        """The clip time heard now; that of the newest seek until the process has taken it up."""
        reading = self.clock()
        if self._clip is not None and reading.generation != self._clip.generation:
            return self._clip.position_s
        return reading.position_s

    def levels(self) -> SoundState:
        """Meters, clip lamp, underruns, motion-to-sound."""
        return self._process.shared.read_sound()

    @property
    def pid(self) -> int:
        """Process id of the present process."""
        return self._process.pid

    def poll(self) -> list[AudioEvent]:
        """What has happened since the last call."""
        process = self._process
        # Asked before the events are taken: what it said last comes before its death.
        dead = process.dead
        events = []
        while process.events:
            message = process.events.popleft()
            data = dict(message.data)
            events.append(AudioEvent(message.kind, str(data.pop("text", "")), data))
        if dead and not self._told_dead:
            self._told_dead = True
            text = f"the sound stopped: its process ended unexpectedly ({process.last_words()})"
            events.append(AudioEvent("process_died", text))
        return events

    # -- the process

    def restart(self) -> None:
        """A new process that goes on where the old one was."""
        if self._clip is not None:
            # Where the clock stood when it died; a running clock stands half a second after the last news.
            self._clip = replace(self._clip, position_s=self.position_s(), generation=self._clip.generation)
        self._process.close(0.0 if self._process.dead else CLOSE_S)
        self._last, self._told_dead = None, False
        self._process = self._start()
        if self._clip is not None:
            self._send_open()

    def close(self, *, timeout_s: float = CLOSE_S) -> None:
        """End the process, by force after ``timeout_s``. Nothing is left of it."""
        self._process.close(timeout_s)

    def _start(self) -> AudioProcess:
        process = AudioProcess()
        process.shared.write_pose(self._pose, time_s=now_s(), counter=self._poses)
        process.send(Message("mix", dict(self._mix)))
        process.send(Message("device", self._device.packed()))
        return process

    def _send(self, kind: str, **data: Any) -> None:
        self._process.send(Message(kind, data))

    def _send_open(self) -> None:
        clip = self._clip
        assert clip is not None
        filters, payload = pack_filters(clip.filters)
        data = {
            "path": str(clip.path),
            "audio": pack_audio(clip.audio),
            "filters": filters,
            "end_s": clip.end_s,
            "clock_origin_s": clip.clock_origin_s,
            "position_s": clip.position_s,
            "generation": clip.generation,
            "speed": clip.speed,
            "loop_s": clip.loop_s,
            "playing": clip.playing,
        }
        self._process.send(Message("open", data, payload))

    def _set_mix(self, **values: Any) -> None:
        self._mix.update(values)
        self._send("mix", **values)

    def _change(self, **values: Any) -> None:
        if self._clip is not None:
            self._clip = replace(self._clip, **values)

    def _count(self, generation: int | None) -> int:
        self._seeks = self._seeks + 1 if generation is None else generation
        return self._seeks
