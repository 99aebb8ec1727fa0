"""The sound dialog at work: device, head and loudness of what stays with the head, remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.media.info import AudioInfo
from panosod_viewer.audio.devices import DeviceChoice
from panosod_viewer.audio.shared import SoundState
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.memory import Memory
from panosod_viewer.settings import AudioSettings
from panosod_viewer.sound_link import SoundLink

if TYPE_CHECKING:
    from panosod_viewer.panels.audio_dialog import AudioDialog

FRONT = (1.0, 0.0, 0.0)


class SoundSettings(QObject):
    """Opens the dialog, carries its wishes out, keeps it up to date."""

    def __init__(self, sound: SoundLink, session: ClipSession, memory: Memory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sound = sound
        self._session = session
        self._memory = memory
        self._dialog: AudioDialog | None = None
        self._devices: tuple[tuple[str, str], ...] = ()
        self._head_path: Path | None = None
        self._head_text = ""
        self._head_is_error = False
        self._decoder_text = ""
        self._device_text = ""
        self._device_hint = ""
        self._has_locked = False
        sound.devices_listed.connect(self._list)
        sound.device_changed.connect(self._device_told)
        sound.levels_changed.connect(self._levels)
        session.sound_chosen.connect(self._sound_told)
        session.head_told.connect(self._head_told)

    def apply(self, settings: AudioSettings) -> None:
        """Take what is remembered over, before the first clip; the device was given to the link already."""
        self._sound.set_head_locked_gain_db(settings.head_locked_gain_db)
        if settings.sofa:
            self._head_path = Path(settings.sofa)
            self._session.choose_head(self._head_path)

    def show(self, parent: QWidget) -> None:
        """Open the dialog, or bring it to the front."""
        if self._dialog is None:
            from panosod_viewer.panels.audio_dialog import AudioDialog  # late: the first picture need not wait for it

            dialog = AudioDialog(parent)
            dialog.device_chosen.connect(self._choose_device)
            dialog.devices_refresh_requested.connect(self._sound.list_devices)
            dialog.sofa_chosen.connect(self._choose_head)
            dialog.head_locked_gain_changed.connect(self._choose_gain)
            dialog.sound_check_requested.connect(lambda: self._sound.burst(FRONT))
            self._dialog = dialog
        self._sound.list_devices()
        self._fill()
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def _choose_device(self, name: str) -> None:
        self._sound.set_device(DeviceChoice.of(name))
        self._remember(device=name)

    def _choose_head(self, path: str) -> None:
        self._head_path = Path(path) if path else None
        self._head_text = "reading…" if path else ""
        self._head_is_error = False
        self._session.choose_head(self._head_path)
        self._remember(sofa=path)
        self._fill()

    def _choose_gain(self, gain_db: float) -> None:
        self._sound.set_head_locked_gain_db(gain_db)
        self._remember(head_locked_gain_db=gain_db)

    def _remember(self, **fields: Any) -> None:
        self._memory.change(lambda s: replace(s, audio=replace(s.audio, **fields)))

    def _list(self, devices: Sequence[Mapping[str, Any]]) -> None:
        names: dict[str, str] = {"": "System default"}
        for device in devices:
            names.setdefault(str(device["name"]), str(device["name"]))
        self._devices = tuple(names.items())
        self._fill()

    def _device_told(self, name: str, data: Mapping[str, Any]) -> None:
        rate, latency = data.get("rate_hz"), data.get("latency_s")
        figures = [f"{rate / 1000:g} kHz"] if rate else []
        if latency:
            figures.append(f"{latency * 1000:.0f} ms buffer")
        self._device_text = ", ".join([name, *figures])
        self._device_hint = ""
        if data.get("is_wireless"):
            self._device_hint = "Wireless headphones add 100 ms and more: the sound turns late"
        self._fill()

    def _sound_told(self, audio: AudioInfo | None, choice: str) -> None:
        self._has_locked = audio is not None and audio.head_locked
        self._fill()

    def _head_told(self, path: Path, text: str, is_error: bool) -> None:
        self._head_path = None if is_error else path
        self._head_text, self._head_is_error = text, is_error
        self._fill()

    def head_in_force(self, filters: BinauralFilters) -> None:
        """Name the head and its licence."""
        self._decoder_text = f"Order {filters.order}: {filters.method}"
        if not self._head_is_error:
            self._head_text = ", ".join(part for part in (filters.name, filters.licence) if part)
        self._fill()

    def _levels(self, state: SoundState) -> None:
        dialog = self._dialog
        if dialog is None or not dialog.isVisible():
            return
        now = f"; {state.reduction_db:.1f} dB now" if state.reduction_db >= 0.1 else ""
        dialog.set_limiter(f"holds peaks below full scale{now}")
        device = self._device_text or "no device, a clock instead"
        dialog.set_engine(f"{device}; the callback uses {100 * state.load:.1f}% of a core")

    def _fill(self) -> None:
        dialog = self._dialog
        if dialog is None:
            return
        audio = self._memory.settings.audio
        dialog.set_devices(self._devices or (("", "System default"),), audio.device)
        dialog.set_device_hint(self._device_hint)
        dialog.set_decoder(self._decoder_text)
        dialog.set_sofa(self._head_path, self._head_text, is_error=self._head_is_error)
        dialog.set_head_locked(available=self._has_locked, gain_db=audio.head_locked_gain_db)
        dialog.set_engine(self._device_text)
