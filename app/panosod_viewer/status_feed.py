"""Keeps the controls up to date ten times a second, however often what they show changes."""

import math
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from panosod_core.geometry.projection import View, wrap_angle
from panosod_viewer.audio.shared import SoundState
from panosod_viewer.player import Player
from panosod_viewer.player_page import PlayerPage
from panosod_viewer.sound_link import decibels

REFRESH_MS = 100


class StatusFeed(QObject):
    """Collects what changes often; shows it at a rate that costs nothing.

    Signals:
        refreshed (float): it has been shown; where the clip stands, for whoever shows more at the same rate.

    Attributes:
        describe: words for what lies in a direction (azimuth, elevation in degrees), or None.
    """

    refreshed = Signal(float)

    def __init__(self, page: PlayerPage, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self._player = player
        self._position_s = 0.0
        self._view: View | None = None
        self._pointer: tuple[float, float] | None = None
        self._sound: SoundState | None = None
        self._has_field = False
        self.describe: Callable[[float, float], str] | None = None
        self._has_device = False
        self._clipped = 0.0
        self._is_closed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.refresh)

    def close(self) -> None:
        """Say nothing more: the page may be gone before the timer is."""
        self._is_closed = True
        self._timer.stop()

    def set_position(self, t_s: float) -> None:
        """Where the clip stands."""
        self._position_s = t_s
        self._soon()

    def set_view(self, view: View) -> None:
        """Where the view looks."""
        self._view = view
        self._soon()

    def set_pointer(self, angles_deg: tuple[float, float] | None) -> None:
        """Direction under the pointer."""
        self._pointer = angles_deg
        self._soon()

    def set_sound(self, state: SoundState, *, has_device: bool) -> None:
        """Levels, underruns of a real device, motion to sound."""
        self._sound = state
        self._has_device = has_device
        self._soon()

    def set_has_field(self, has_field: bool) -> None:
        """Whether the sound turns with the head."""
        self._has_field = has_field

    def forget_sound(self) -> None:
        """The sound is gone or another one has come."""
        self._sound = None
        self._clipped = 0.0
        self._page.transport_bar.set_levels(-120.0, -120.0, False)
        self._page.status_line.set_motion_to_sound_ms(None)
        self._page.status_line.set_underruns(None)

    def refresh(self) -> None:
        """Show it all now."""
        page, transport = self._page, self._player.transport
        frame = self._player.frame
        page.transport_bar.set_position(
            self._position_s, transport.duration_s, frame.index if frame is not None else None
        )
        page.seek_bar.set_position(self._position_s)
        if self._view is not None:
            angles = wrap_angle(self._view.yaw_rad), self._view.pitch_rad, self._view.fov_rad
            page.status_line.set_view(*(math.degrees(a) for a in angles))
        if self._pointer is None:
            page.status_line.set_pointer(None, None)
        else:
            words = self.describe(*self._pointer) if self.describe is not None else ""
            page.status_line.set_pointer(*self._pointer, words)
        sound = self._sound
        if sound is not None:
            is_clipped, self._clipped = sound.clipped > self._clipped, sound.clipped
            page.transport_bar.set_levels(decibels(sound.peak_left), decibels(sound.peak_right), is_clipped)
            page.status_line.set_underruns(int(sound.underruns) if self._has_device else None)
            turns = self._has_field and self._has_device and sound.motion_to_sound_s > 0
            latency = sound.motion_to_sound_s * 1000 if turns else None
            page.status_line.set_motion_to_sound_ms(latency)
        self.refreshed.emit(self._position_s)

    def _soon(self) -> None:
        if not (self._is_closed or self._timer.isActive()):
            self._timer.start()
