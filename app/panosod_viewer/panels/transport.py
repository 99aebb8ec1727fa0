"""The row of playback controls: play, steps, time, speed, loop, volume with meter, full screen."""

import math
from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QActionGroup, QFont, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QSizePolicy, QSlider, QWidget

from panosod_viewer.playback import SPEEDS
from panosod_viewer.theme import HIT_PX
from panosod_viewer.widgets.buttons import Chip, IconButton
from panosod_viewer.widgets.fitting_row import FittingRow
from panosod_viewer.widgets.labels import tabular
from panosod_viewer.widgets.level_meter import LevelMeter
from panosod_viewer.widgets.segments import Segment, Segments
from panosod_viewer.widgets.timecode import timecode

_WIDE_STEP = 10
VIEW_MODES = (
    Segment("look", "look", "Look around", "Ctrl+1"),
    Segment("map", "map", "Flat map", "Ctrl+2"),
    Segment("split", "split", "Both", "Ctrl+3"),
    Segment("planet", "planet", "Little planet", "Ctrl+4"),
)
"""Ways to see a sphere: by their ids the table of actions has them as "view.<id>"."""
_KEYS = {
    "play.toggle": "Space",
    "play.previous_frame": "←",
    "play.next_frame": "→",
    "play.slower": "J",
    "play.faster": "L",
    "play.normal": "Backspace",
    "sound.mute": "M",
    "annotate.mode": "Ctrl+D",
    "view.fullscreen": "F11",
}
"""What tips say before :meth:`TransportBar.set_keys`."""
_ARROWS = {"Left": "←", "Right": "→"}


def speed_text(speed: float) -> str:
    """As shown on the button, e.g. 0.5×."""
    return f"{speed:g}×".replace("-", "−")


class VolumeSlider(QSlider):
    """A horizontal slider that a click moves to the pointer and a wheel by 5%."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, 100)
        self.setSingleStep(5)
        self.setPageStep(10)
        self.setAccessibleName("Volume")
        self.setMinimumHeight(HIT_PX)
        self.setFixedWidth(96)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """5% a notch, whatever the system scrolls."""
        notches = event.angleDelta().y() / 120
        self.setValue(self.value() + round(5 * notches))
        event.accept()


class MuteButton(IconButton):
    """Mutes on click; a wheel over it turns the volume, also where there is no room for the slider.

    Signals:
        scrolled(int): percent to add.
    """

    scrolled = Signal(int)

    def __init__(self) -> None:
        super().__init__("volume", "Mute")

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """5% a notch."""
        self.scrolled.emit(round(5 * event.angleDelta().y() / 120))
        event.accept()


class TransportBar(FittingRow):
    """Playback controls. State comes in by setters, wishes go out by signals; it decides nothing.

    Signals:
        play_toggled(): play or pause.
        step_requested(int): frames to go, negative back.
        speed_requested(float): 1.0 is normal.
        volume_changed(float): 0..1.
        mute_toggled().
        fullscreen_toggled().
        loop_cleared(): play on past the end of the loop.
        view_mode_chosen(str): id of one of :data:`VIEW_MODES`.
        annotate_toggled(): show the painting tools, or put them away.
    """

    play_toggled = Signal()
    step_requested = Signal(int)
    speed_requested = Signal(float)
    volume_changed = Signal(float)
    mute_toggled = Signal()
    fullscreen_toggled = Signal()
    loop_cleared = Signal()
    view_mode_chosen = Signal(str)
    annotate_toggled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Playback")
        self._muted = self._is_playing = self._is_full_screen = False
        self._keys = dict(_KEYS)
        self._make_buttons()
        self._make_time()
        self._speed = self._make_speed_menu()
        self._loop = Chip("loop", "Loop")
        self._loop.setToolTip("Stop looping and play on")
        self._loop.clicked.connect(self.loop_cleared)
        self._make_volume()
        self._views = Segments(VIEW_MODES, name="View")
        self._views.chosen.connect(self.view_mode_chosen)
        self._annotate = IconButton("annotate", "Annotate")
        self._annotate.setCheckable(True)
        self._annotate.clicked.connect(self.annotate_toggled)
        self._fullscreen = IconButton("fullscreen", "Full screen")
        self._fullscreen.clicked.connect(self.fullscreen_toggled)
        self._lay_out()
        self.set_playing(False)
        self.set_position(None, None, None)
        self.set_speed(1.0)
        self.set_loop(None)
        self.set_view_mode(VIEW_MODES[0].id)
        self._name_keys()

    # -- state in ---------------------------------------------------------------------------------------------------

    def set_playing(self, playing: bool) -> None:
        """Show what a press of the button would do."""
        self._is_playing = playing
        self._play.set_icon("pause" if playing else "play")
        self._name(self._play, "Pause" if playing else "Play", "play.toggle")

    def set_position(self, t_s: float | None, duration_s: float | None, frame_index: int | None) -> None:
        """Show where the clip stands; None where it is not known."""
        long = duration_s is not None and duration_s >= 3600
        self._time.setText(timecode(t_s, long=long))
        self._duration.setText(f"/ {timecode(duration_s, long=long)}")
        self._frame.setText("" if frame_index is None else f"frame {frame_index}")

    def set_enabled(self, enabled: bool) -> None:
        """Whether there is a clip to play."""
        for widget in (self._back, self._play, self._forward, self._speed, self._views, self._annotate):
            widget.setEnabled(enabled)

    def set_speed(self, speed: float) -> None:
        """Show the speed, also one that is not in the menu."""
        self._speed.set_text(speed_text(speed))
        for action in self._speed_actions.actions():
            action.setChecked(math.isclose(action.data(), speed))

    def set_volume(self, volume: float, muted: bool) -> None:
        """Show the volume, 0..1, without announcing it."""
        self._muted = muted
        self._volume.blockSignals(True)
        self._volume.setValue(round(100 * volume))
        self._volume.blockSignals(False)
        self._volume.setToolTip(f"Volume {round(100 * volume)}%" + (" (muted)" if muted else ""))
        silent = muted or volume <= 0
        self._mute.set_icon("volume-muted" if silent else "volume-low" if volume < 0.5 else "volume")
        self._name(self._mute, "Unmute" if muted else "Mute", "sound.mute")

    def set_levels(self, left_dbfs: float, right_dbfs: float, clipped: bool) -> None:
        """Show how loud it is; ``clipped`` lights the lamp until it is clicked."""
        self._meter.set_levels(left_dbfs, right_dbfs, clipped=clipped)

    def set_fullscreen(self, fullscreen: bool) -> None:
        """Show what the button would do."""
        self._is_full_screen = fullscreen
        self._fullscreen.set_icon("fullscreen-exit" if fullscreen else "fullscreen")
        self._name(self._fullscreen, "Leave full screen" if fullscreen else "Full screen", "view.fullscreen")

    def set_loop(self, loop: tuple[float, float] | None) -> None:
        """Show the loop with a way out of it, or nothing."""
        if loop is not None:
            self._loop.set_text(f"{timecode(loop[0])} – {timecode(loop[1])}")
        self.set_wanted(self._loop, loop is not None)

    def set_view_mode(self, mode: str) -> None:
        """Show which of :data:`VIEW_MODES` is in force."""
        self._views.set_current(mode)

    def set_has_sphere(self, has_sphere: bool) -> None:
        """Whether there is a choice of views, and a sphere to paint on: not in a flat clip."""
        self.set_wanted(self._views, has_sphere)
        self.set_wanted(self._annotate, has_sphere)

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """The keys in force, by the ids of actions, "" for none: tips name them."""
        self._keys = {action: _ARROWS.get(keys.get(action, ""), keys.get(action, "")) for action in _KEYS}
        for mode in VIEW_MODES:
            self._views.set_key(mode.id, keys.get(f"view.{mode.id}", ""))
        self._name_keys()

    def _name_keys(self) -> None:
        self.set_playing(self._is_playing)
        self.set_fullscreen(self._is_full_screen)
        self._name(self._mute, "Unmute" if self._muted else "Mute", "sound.mute")
        self._annotate.set_name("Annotate", tip=self._with_key("Paint masks", "annotate.mode"))
        for button, name, action in (
            (self._back, "One frame back", "play.previous_frame"),
            (self._forward, "One frame on", "play.next_frame"),
        ):
            button.set_name(name, tip=f"{self._with_key(name, action)}; ten with Shift")
        speeds = (("play.slower", "slower"), ("play.faster", "faster"), ("play.normal", "normal"))
        named = ", ".join(f"{self._keys[action]} {word}" for action, word in speeds if self._keys[action])
        self._speed.setToolTip(f"Speed ({named})" if named else "Speed")

    def _name(self, button: IconButton, name: str, action: str) -> None:
        button.set_name(name, tip=self._with_key(name, action))

    def _with_key(self, text: str, action: str) -> str:
        return f"{text} ({self._keys[action]})" if self._keys[action] else text

    def set_annotating(self, on: bool) -> None:
        """Whether the painting tools are shown."""
        self._annotate.setChecked(on)

    # -- making -----------------------------------------------------------------------------------------------------

    def _make_buttons(self) -> None:
        self._back = IconButton("step-back", "One frame back")
        self._play = IconButton("play", "Play")
        self._play.setIconSize(QSize(24, 24))
        self._play.setMinimumWidth(40)
        self._forward = IconButton("step-forward", "One frame on")
        self._play.clicked.connect(self.play_toggled)
        for button, direction in ((self._back, -1), (self._forward, 1)):
            button.setAutoRepeat(True)
            button.setAutoRepeatDelay(400)
            button.setAutoRepeatInterval(80)
            button.clicked.connect(lambda _=False, d=direction: self.step_requested.emit(d * self._stride()))

    @staticmethod
    def _stride() -> int:
        shift = QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier
        return _WIDE_STEP if shift else 1

    def _make_time(self) -> None:
        self._time, self._duration, self._frame = QLabel(), QLabel(), QLabel()
        steady = tabular(self.font())
        bold = QFont(steady)
        bold.setWeight(QFont.Weight.DemiBold)
        for label, name, font in (
            (self._time, "Position", bold),
            (self._duration, "Duration", steady),
            (self._frame, "Frame number", steady),
        ):
            label.setAccessibleName(name)
            label.setFont(font)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._frame.setMinimumWidth(self._frame.fontMetrics().horizontalAdvance("frame 00000"))
        for label in (self._duration, self._frame):
            label.setProperty("role", "dim")

    def _make_speed_menu(self) -> Chip:
        chip = Chip(None, "Speed")
        chip.setPopupMode(Chip.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(chip)
        self._speed_actions = QActionGroup(menu)
        for speed in SPEEDS:
            action = menu.addAction(speed_text(speed))
            action.setCheckable(True)
            action.setData(speed)
            self._speed_actions.addAction(action)
        self._speed_actions.triggered.connect(lambda action: self.speed_requested.emit(action.data()))
        chip.setMenu(menu)
        return chip

    def _make_volume(self) -> None:
        self._volume = VolumeSlider()
        self._mute = MuteButton()
        self._mute.scrolled.connect(lambda percent: self._volume.setValue(self._volume.value() + percent))
        self._mute.clicked.connect(self.mute_toggled)
        self._volume.valueChanged.connect(lambda value: self.volume_changed.emit(value / 100))
        self._meter = LevelMeter()
        self.set_volume(1.0, False)

    def _lay_out(self) -> None:
        self.add(self._back, rank=2)
        self.add(self._play)
        self.add(self._forward, rank=2)
        self.add(self._time)
        self.add(self._duration, rank=4)
        self.add(self._frame, rank=9)
        self.add_stretch()
        self.add(self._loop, rank=5)
        self.add(self._views, rank=6)
        self.add(self._annotate, rank=4)
        self.add(self._speed, rank=7)
        self.add(self._mute)
        self.add(self._volume, rank=8)
        self.add(self._meter, rank=3)
        self.add(self._fullscreen)
