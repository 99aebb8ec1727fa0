"""The quiet line at the bottom: what the picture and the sound were taken for and why, and how playback fares."""

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from panosod_viewer.theme import SPACING_PX
from panosod_viewer.widgets.buttons import Chip
from panosod_viewer.widgets.fitting_row import FittingRow
from panosod_viewer.widgets.labels import ElidedLabel, TwoLineLabel, set_role


def _degrees(value: float) -> str:
    # A minus zero would flicker between "0°" and "−0°".
    return f"{round(value) + 0:d}°".replace("-", "−")


class StatusLine(FittingRow):
    """One line; shortens and drops what matters least where the window is narrow.

    Signals:
        projection_chosen(str), sound_chosen(str): id of a choice.
    """

    projection_chosen = Signal(str)
    sound_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Status")
        self._projection = self._chip("sphere", "Projection")
        self._sound = self._chip("sound", "Sound")
        self._decoder = self._label("Decoder", min_px=60)
        self._latency = self._label("Motion to sound")
        self._model = self._label("Model", min_px=80)
        self._dropped = self._label("Dropped frames")
        self._underruns = self._label("Underruns")
        self._hint = TwoLineLabel(name="What the tool does", min_px=80)
        self._dim(self._hint)
        self._view = self._label("View")
        self._pointer = self._label("Direction under the pointer", min_px=90)
        self.add(self._projection, comfort_px=270)
        self.add(self._sound, comfort_px=270)
        self.add_gap(SPACING_PX // 2)
        self.add(self._decoder, rank=6, comfort_px=140)
        self.add(self._latency, rank=4)
        self.add(self._model, rank=3, comfort_px=190)
        self.add(self._dropped, rank=3)
        self.add(self._underruns, rank=2)
        self.add(self._hint, comfort_px=330)
        self.add_stretch()
        self.add(self._pointer, rank=4, comfort_px=330)
        self.add(self._view, rank=5)
        self._forget()

    def _forget(self) -> None:
        self.set_projection("No clip", "")
        self.set_sound("No sound", "", ())
        self.set_decoder("")
        self.set_motion_to_sound_ms(None)
        self.set_model("")
        self.set_hint("")
        self.set_dropped(0)
        self.set_underruns(None)
        self.set_view(0.0, 0.0, 90.0)
        self.set_pointer(None, None)

    # -- state in ---------------------------------------------------------------------------------------------------

    def set_projection(self, text: str, source: str) -> None:
        """What the picture is taken for, and which place in the file decided ("" where there is nothing to say)."""
        self._fill(self._projection, "Picture", text, source, ())

    def set_sound(self, text: str, source: str, warnings: Sequence[str]) -> None:
        """What the sound is taken for, which place decided, and doubts worth showing."""
        self._fill(self._sound, "Sound", text, source, warnings)
        self._sound.set_icon("warning" if warnings else "sound", warns=bool(warnings))

    def set_projection_choices(self, choices: Sequence[tuple[str, str, bool]], current: str) -> None:
        """The menu of the picture: (id, label, enabled) each, and the id in force."""
        self._offer(self._projection, choices, current, self.projection_chosen)

    def set_sound_choices(self, choices: Sequence[tuple[str, str, bool]], current: str) -> None:
        """The menu of the sound: (id, label, enabled) each, and the id in force."""
        self._offer(self._sound, choices, current, self.sound_chosen)

    def set_decoder(self, text: str) -> None:
        """Which filters make the sound binaural."""
        self._decoder.setText(text)
        self._decoder.setToolTip(f"Binaural decoder: {text}" if text else "")
        self.set_wanted(self._decoder, bool(text))

    def decoder_text(self) -> str:
        """What is said of the decoder, "" where nothing is."""
        return self._decoder.text()

    def set_motion_to_sound_ms(self, ms: float | None) -> None:
        """Measured time from a turn of the view to its sound; None where nothing turns with the head."""
        self._latency.setText("" if ms is None else f"{ms:.0f} ms to sound")
        self._latency.setToolTip("From a turn of the view until the turned sound leaves the device")
        self.set_wanted(self._latency, ms is not None)

    def set_model(self, text: str) -> None:
        """How the predictions come along, "" without any."""
        self._model.setText(text)
        self.set_wanted(self._model, bool(text))

    def set_model_tip(self, text: str) -> None:
        """Which models they come from."""
        self._model.setToolTip(text)

    def model_text(self) -> str:
        """What is said of the predictions."""
        return self._model.text()

    def set_hint(self, text: str) -> None:
        """How the tool at hand works, "" for nothing."""
        self._hint.setText(text)
        self._hint.setToolTip(text)
        self.set_wanted(self._hint, bool(text))

    def set_dropped(self, count: int) -> None:
        """Pictures that came too late to be shown."""
        self._count(self._dropped, count, "dropped", "Pictures left out because the sound had gone on")

    def set_underruns(self, count: int | None) -> None:
        """Gaps in the sound; None where there is no device that could have any."""
        self.set_wanted(self._underruns, count is not None)
        if count is None:
            return
        text = "underrun" if count == 1 else "underruns"
        self._count(self._underruns, count, text, "Gaps in the sound: the machine was too busy to fill it in time")

    def set_has_view(self, has_view: bool) -> None:
        """Whether there is a direction to look in: not in a flat clip, nor in one of sound alone."""
        self.set_wanted(self._view, has_view)

    def set_view(self, yaw_deg: float, pitch_deg: float, fov_deg: float) -> None:
        """Where the view looks."""
        self._view.setText(f"yaw {_degrees(yaw_deg)}  pitch {_degrees(pitch_deg)}  fov {_degrees(fov_deg)}")
        self._view.setToolTip("Direction in the middle of the view (left and up positive), horizontal field of view")

    def set_pointer(self, azimuth_deg: float | None, elevation_deg: float | None, words: str = "") -> None:
        """Direction under the pointer, or None, and what the layers hold there."""
        known = azimuth_deg is not None and elevation_deg is not None
        if known:
            place = f"az {_degrees(azimuth_deg or 0)}  el {_degrees(elevation_deg or 0)}"
            self._pointer.setText(f"{place} · {words}" if words else place)
        self._pointer.setToolTip("Direction under the pointer: azimuth left positive, elevation up positive")
        self.set_wanted(self._pointer, known)

    # -- making -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _chip(icon: str, name: str) -> Chip:
        chip = Chip(icon, name)
        chip.setPopupMode(Chip.ToolButtonPopupMode.InstantPopup)
        return chip

    @staticmethod
    def _label(name: str, *, min_px: int | None = None) -> ElidedLabel:
        label = ElidedLabel(name=name, min_px=min_px)
        StatusLine._dim(label)
        return label

    @staticmethod
    def _dim(label: ElidedLabel) -> None:
        label.setProperty("role", "dim")
        label.setContentsMargins(SPACING_PX // 2, 0, SPACING_PX // 2, 0)

    @staticmethod
    def _fill(chip: Chip, what: str, text: str, source: str, warnings: Sequence[str]) -> None:
        chip.set_text(f"{text} · {source}" if source else text)
        lines = [f"<b>{what}: {escape(text)}</b>"]
        if source:
            lines.append(f"Decided by: {escape(source)}")
        lines += [f"⚠ {escape(warning)}" for warning in warnings]
        if source:
            lines.append("Click to choose another.")
        chip.setToolTip("<br>".join(lines))

    @staticmethod
    def _offer(chip: Chip, choices: Sequence[tuple[str, str, bool]], current: str, chosen: SignalInstance) -> None:
        menu = chip.menu()
        if menu is None:
            menu = QMenu(chip)
            chip.setMenu(menu)
        menu.clear()
        for old in menu.findChildren(QActionGroup):
            old.deleteLater()
        group = QActionGroup(menu)
        for choice_id, label, enabled in choices:
            action = menu.addAction(label)
            action.setCheckable(True)
            action.setChecked(choice_id == current)
            action.setEnabled(enabled)
            action.setData(choice_id)
            group.addAction(action)
        group.triggered.connect(lambda action: chosen.emit(action.data()))

    @staticmethod
    def _count(label: ElidedLabel, count: int, unit: str, tip: str) -> None:
        label.setText(f"{count} {unit}")
        label.setToolTip(tip)
        set_role(label, "warning" if count else "dim")
