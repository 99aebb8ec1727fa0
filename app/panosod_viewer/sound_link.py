"""Between the window and the audio process: the clip's sound, the head's pose, levels, and what to do when it dies."""

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.geometry.projection import View
from panosod_core.geometry.sphere import FloatArray
from panosod_core.media.info import AudioInfo
from panosod_viewer.audio.client import AudioClient, AudioEvent
from panosod_viewer.audio.devices import NO_DEVICE, DeviceChoice
from panosod_viewer.panels.notice import Notice, Severity

_log = logging.getLogger(__name__)

POLL_MS = 40
ENDLESS_S = 1e7
"""Length told to the audio process for a clip whose length nobody knows."""
MAX_RESTARTS = 3
RESTART_WINDOW_S = 60.0
"""An audio process that dies more than three times within a minute is not started again by itself."""
RETRY = "sound.restart"
"""Id of the notice's button that starts it again."""


@dataclass(frozen=True)
class Sounding:
    """What the audio process is to play.

    Attributes:
        path: the clip.
        audio: its sound as found or chosen; None for a clip without.
        filters: of the sound's order.
        duration_s: of the clip, None where unknown.
        origin_s: zero of the clip's clock.
    """

    path: Path
    audio: AudioInfo | None
    filters: BinauralFilters
    duration_s: float | None
    origin_s: float


class SoundLink(QObject):
    """The audio process as the window sees it. It is started when the first clip needs it.

    Signals:
        clock_ready (object): the sound is open; this AudioClient is the clock from now on.
        clock_lost (): it is no longer.
        levels_changed (object): a SoundState, some twenty times a second.
        notice (object): a Notice for the person.
        notice_over (str): identity of a notice that no longer holds.
        devices_listed (object): list of device descriptions, as the audio process gives them.
        device_changed (str, dict): one line on the device in force, and its figures.
    """

    clock_ready = Signal(object)
    clock_lost = Signal()
    levels_changed = Signal(object)
    notice = Signal(object)
    notice_over = Signal(str)
    devices_listed = Signal(object)
    device_changed = Signal(str, object)

    def __init__(
        self,
        *,
        device: DeviceChoice | None = None,
        make_client: Callable[..., AudioClient] = AudioClient,
        now: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._device = device or DeviceChoice()
        self._make_client = make_client
        self._now = now
        self._client: AudioClient | None = None
        self._sounding: Sounding | None = None
        self._is_clock = False
        self._has_device = False
        self._deaths: list[float] = []
        # The pose comes from the GUI thread (view) and from the tracker's (head).
        self._pose_lock = threading.Lock()
        self._R_world_view: FloatArray = np.eye(3)
        self._R_view_head: FloatArray = np.eye(3)
        self._gain = (1.0, False)
        self._locked_gain = 1.0
        self._is_held = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.poll)

    @property
    def client(self) -> AudioClient | None:
        """The audio process's client, None before the first clip."""
        return self._client

    @property
    def is_clock(self) -> bool:
        """True while the sound leads."""
        return self._is_clock

    @property
    def has_device(self) -> bool:
        """True while the sound goes to a real device: only then can it run dry."""
        return self._has_device

    # --- clips ---

    def open(self, sounding: Sounding, *, position_s: float = 0.0) -> None:
        """Open a clip's sound, standing; ``clock_ready`` follows."""
        self._lose_clock()
        self._sounding = sounding
        client = self._ensure()
        client.open(
            sounding.path,
            sounding.audio,
            sounding.filters,
            duration_s=sounding.duration_s if sounding.duration_s is not None else ENDLESS_S,
            clock_origin_s=sounding.origin_s,
            position_s=position_s,
        )

    def close_clip(self) -> None:
        """Close the clip; the process stays for the next one."""
        self._lose_clock()
        self._sounding = None
        if self._client is not None:
            self._client.close_clip()

    def close(self) -> None:
        """End the audio process."""
        self._timer.stop()
        self._lose_clock()
        with self._pose_lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    # --- the head ---

    def set_view(self, view: View) -> None:
        """The view has turned: the head turns with it, at once."""
        with self._pose_lock:
            self._R_world_view = view.R_world_view
            self._send_pose()

    def set_head(self, R_view_head: FloatArray) -> None:  # noqa: N803 - rotations are named by their frames
        """The head has turned before the screen; from any thread."""
        with self._pose_lock:
            self._R_view_head = R_view_head
            self._send_pose()

    def _send_pose(self) -> None:
        if self._client is not None:
            self._client.set_pose(self._R_world_view @ self._R_view_head)

    # --- how it sounds ---

    def set_volume(self, volume: float, muted: bool) -> None:
        """Loudness 0..1 as a slider has it: its square is the gain, so that half is half as loud."""
        self._gain = (volume * volume, muted)
        if self._client is not None:
            self._client.set_volume(self._gain[0], muted=muted)

    def set_hold(self, on: bool) -> None:
        """Whether the last 200 ms go on sounding while paused."""
        self._is_held = on
        if self._client is not None:
            self._client.set_hold(on)

    def set_head_locked_gain_db(self, gain_db: float) -> None:
        """Loudness of the channels that stay with the head; the dialog's least is silence."""
        self._locked_gain = 0.0 if gain_db <= -40 else 10 ** (gain_db / 20)
        if self._client is not None:
            self._client.set_head_locked_gain(self._locked_gain)

    def set_filters(self, filters: BinauralFilters) -> None:
        """Another head or decoder, in flight."""
        if self._sounding is not None and self._client is not None:
            self._client.set_decoder(filters)

    def burst(self, direction: tuple[float, float, float]) -> None:
        """A short noise from a direction of the world."""
        if self._client is not None:
            self._client.burst(np.asarray(direction))

    def set_device(self, choice: DeviceChoice) -> None:
        """Play on another device."""
        self._device = choice
        if self._client is not None:
            self._client.set_device(choice)

    def list_devices(self) -> None:
        """Look for devices; ``devices_listed`` follows."""
        self._ensure().request_devices()

    # --- life ---

    def restart(self) -> None:
        """Start the audio process again after the person asked for it."""
        self._deaths.clear()
        self.notice_over.emit("sound.died")
        if self._client is not None:
            self._revive(self._client)

    def poll(self) -> None:
        """Hear what the process says; pass its levels on."""
        client = self._client
        if client is None:
            return
        for event in client.poll():
            self._hear(client, event)
        if self._is_clock:
            self.levels_changed.emit(client.levels())

    def _hear(self, client: AudioClient, event: AudioEvent) -> None:
        _log.info("audio: %s %s %s", event.kind, event.text, event.data)
        if event.kind in ("device", "no_device", "device_lost", "process_died"):
            self._has_device = event.kind == "device" and event.data.get("name") != NO_DEVICE
        if event.kind == "opened":
            # What was told of a death stays its ten seconds: the sound is back before anyone could have read it.
            self._is_clock = True
            self.clock_ready.emit(client)
        elif event.kind == "process_died":
            self._died(client, event.text)
        elif event.kind == "no_device":
            until = "" if self._sounding is None else ". Until then the clip plays without sound"
            self._tell(f"{event.text}{until}", key="sound.device")
            self.device_changed.emit("no sound device", event.data)
        elif event.kind == "device_lost":
            self._tell(f"{event.text}: looking for another one", key="sound.device")
        elif event.kind == "device" and self._has_device:
            self.notice_over.emit("sound.device")
            self.device_changed.emit(str(event.data.get("name", "")), event.data)
        elif event.kind in ("failed", "refused"):
            self._tell(event.text or "the sound cannot be played", key="sound.failed")
        elif event.kind == "latency_raised" and self._has_device:
            self._tell(
                "the sound device ran dry again and again: its buffer was made longer, so sound turns a little later",
                key="sound.latency",
                severity=Severity.INFO,
                seconds=8.0,
            )
        elif event.kind == "devices":
            self.devices_listed.emit(event.data.get("devices", []))

    def _died(self, client: AudioClient, text: str) -> None:
        self._lose_clock()
        now = self._now()
        self._deaths = [t for t in self._deaths if now - t < RESTART_WINDOW_S] + [now]
        if len(self._deaths) > MAX_RESTARTS:
            self._tell(
                f"{text}, {len(self._deaths)} times within a minute: the clip plays without sound",
                key="sound.died",
                severity=Severity.ERROR,
                actions=((RETRY, "Try again"),),
            )
            return
        self._tell(f"{text}; it was started again", key="sound.died", seconds=10.0)
        self._revive(client)

    def _revive(self, client: AudioClient) -> None:
        with self._pose_lock:
            client.restart()
            self._send_pose()

    def _ensure(self) -> AudioClient:
        if self._client is None:
            client = self._make_client(device=self._device)
            client.set_volume(self._gain[0], muted=self._gain[1])
            client.set_head_locked_gain(self._locked_gain)
            client.set_hold(self._is_held)
            with self._pose_lock:
                self._client = client
                self._send_pose()
            self._timer.start()
        return self._client

    def _lose_clock(self) -> None:
        if self._is_clock:
            self._is_clock = False
            self.clock_lost.emit()

    def _tell(
        self,
        text: str,
        *,
        key: str,
        severity: Severity = Severity.WARNING,
        actions: tuple[tuple[str, str], ...] = (),
        seconds: float | None = None,
    ) -> None:
        self.notice.emit(Notice(text[:1].upper() + text[1:], severity, actions, key, seconds))


def decibels(peak: float) -> float:
    """A peak (1 = full scale) in dBFS, -120 at the least."""
    return 20 * math.log10(max(peak, 1e-6))
