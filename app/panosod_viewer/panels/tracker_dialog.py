"""The head tracker: where to listen, what the numbers mean, which axes to turn round, and what comes in."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.tracker.config import LOOPBACK, TrackerConfig
from panosod_viewer.tracker.learn import HeardAddress
from panosod_viewer.tracker.presets import LEARNED, PRESETS, preset
from panosod_viewer.tracker.receiver import TrackerStatus
from panosod_viewer.tracker.route import AngleOrder, AngleUnit
from panosod_viewer.widgets.buttons import IconPushButton
from panosod_viewer.widgets.head_dials import HeadDials
from panosod_viewer.widgets.labels import set_role
from panosod_viewer.widgets.learn_table import LearnTable

EVERYWHERE = "0.0.0.0"
"""Offered with a warning, never the default."""
_AXES = ("yaw", "pitch", "roll")


class TrackerDialog(QDialog):
    """Shows and edits a :class:`TrackerConfig`; holds no socket.

    Args:
        tare_key: name of the key that tares from anywhere, shown on the button.
        clock: seconds, monotonic, for the message rate.
        parent: window that it belongs to.

    Signals:
        config_changed(object): the :class:`TrackerConfig` as the person wants it.
        tare_requested(), tare_cleared().
        learn_toggled(bool): listen to every address, or stop.
    """

    config_changed = Signal(object)
    tare_requested = Signal()
    tare_cleared = Signal()
    learn_toggled = Signal(bool)

    def __init__(
        self, *, tare_key: str = "", clock: Callable[[], float] = time.monotonic, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._config = TrackerConfig()
        self._counted = (0, clock())
        self._rate_hz = 0.0
        self.setWindowTitle("Head tracker")
        self.setModal(False)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACING_PX + 4)
        layout.addWidget(self._make_switch())
        layout.addLayout(self._make_form())
        layout.addWidget(self._status_label())
        layout.addLayout(self._make_axes())
        layout.addLayout(self._make_tare(tare_key))
        self._learn_box = self._make_learn()
        layout.addWidget(self._learn_button)
        layout.addWidget(self._learn_box)
        layout.addStretch()
        self._learn_box.hide()
        self.set_config(self._config)
        self.set_status(None)
        self.set_pose(None)

    # -- state in ---------------------------------------------------------------------------------------------------

    def set_config(self, config: TrackerConfig) -> None:
        """Show a configuration without announcing it."""
        self._config = config
        widgets = (self._enabled, self._preset, self._host, self._port, *self._invert)
        for widget in widgets:
            widget.blockSignals(True)
        self._enabled.setChecked(config.enabled)
        if config.preset == LEARNED and self._preset.findData(LEARNED) < 0:
            self._preset.addItem("As learned", LEARNED)
        self._preset.setCurrentIndex(self._preset.findData(config.preset))
        if self._host.findData(config.host) < 0:
            self._host.addItem(config.host, config.host)
        self._host.setCurrentIndex(self._host.findData(config.host))
        self._port.setValue(config.port)
        for box, axis in zip(self._invert, _AXES, strict=True):
            box.setChecked(getattr(config, f"invert_{axis}"))
        for widget in widgets:
            widget.blockSignals(False)
        self._explain()

    def set_status(self, status: TrackerStatus | None, *, error: str = "") -> None:
        """What the receiver has seen; None while it is closed; ``error`` why it could not be opened."""
        self._count(0 if status is None else status.datagrams)
        if error:
            self._say(error, "error")
        elif status is None:
            self._say("Not listening.", "dim")
        else:
            self._say(*_status_text(status, self._rate_hz))

    def _count(self, datagrams: int) -> None:
        """Messages a second, over a second at least: a figure that jumps cannot be read."""
        before, at_s = self._counted
        elapsed_s = self._clock() - at_s
        if elapsed_s >= 1.0 or datagrams < before:
            self._rate_hz = max(0, datagrams - before) / max(elapsed_s, 1e-3)
            self._counted = (datagrams, self._clock())

    def set_pose(self, angles_deg: tuple[float, float, float] | None) -> None:
        """Yaw (left +), pitch (up +), roll (right ear down +) after inversion and tare, degrees; None without."""
        self._dials.set_pose(angles_deg)
        self._tare.setEnabled(angles_deg is not None)

    def set_heard(self, heard: Sequence[HeardAddress]) -> None:
        """What has come in since learning began."""
        self._table.set_heard(heard)
        self._check_routes()
        if heard:
            self._learn_hint.setText(
                "Turn your head left and right, then nod, then tilt: watch which number follows, and name it."
            )

    # -- making -----------------------------------------------------------------------------------------------------

    def _make_switch(self) -> QCheckBox:
        self._enabled = QCheckBox("Turn the sound with a head tracker (OSC over UDP)")
        self._enabled.setMinimumHeight(HIT_PX)
        self._enabled.toggled.connect(self._announce)
        return self._enabled

    def _make_form(self) -> QFormLayout:
        self._preset = QComboBox()
        for known in PRESETS:
            self._preset.addItem(known.label, known.id)
        self._preset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._preset.setMinimumContentsLength(24)
        self._preset.currentIndexChanged.connect(self._on_preset)
        self._doubt = QLabel()
        self._doubt.setWordWrap(True)
        self._host = QComboBox()
        self._host.addItem(f"This computer only ({LOOPBACK})", LOOPBACK)
        self._host.addItem(f"Every network ({EVERYWHERE})", EVERYWHERE)
        self._host.currentIndexChanged.connect(self._announce)
        self._open_hint = QLabel("Anybody in your network can turn your view while this is chosen.")
        self._open_hint.setWordWrap(True)
        set_role(self._open_hint, "warning")
        self._port = QSpinBox()
        self._port.setRange(1, 65535)
        self._port.setKeyboardTracking(False)
        self._port.valueChanged.connect(self._announce)
        form = QFormLayout()
        form.setSpacing(SPACING_PX)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("&Sends like", self._preset)
        form.addRow("", self._doubt)
        form.addRow("&Listen to", self._host)
        form.addRow("", self._open_hint)
        form.addRow("&Port", self._port)
        for widget, name in ((self._preset, "Preset"), (self._host, "Network"), (self._port, "Port")):
            widget.setAccessibleName(name)
            widget.setMinimumHeight(HIT_PX)
        self._form = form
        return form

    def _status_label(self) -> QLabel:
        self._status = QLabel()
        self._status.setWordWrap(True)
        self._status.setAccessibleName("State of the tracker")
        return self._status

    def _make_axes(self) -> QGridLayout:
        self._dials = HeadDials()
        grid = QGridLayout()
        grid.setSpacing(SPACING_PX)
        grid.addWidget(self._dials, 0, 0, 1, 3)
        self._invert = tuple(QCheckBox(f"Invert {axis}") for axis in _AXES)
        for column, box in enumerate(self._invert):
            box.setMinimumHeight(HIT_PX)
            box.toggled.connect(self._announce)
            holder = QHBoxLayout()
            holder.addStretch()
            holder.addWidget(box)
            holder.addStretch()
            grid.addLayout(holder, 1, column)
            grid.setColumnStretch(column, 1)
        return grid

    def _make_tare(self, tare_key: str) -> QHBoxLayout:
        key = f" ({tare_key})" if tare_key else ""
        self._tare = IconPushButton("target", f"This is straight ahead{key}")
        self._tare.setToolTip(
            "Look at the middle of the screen and press: heading and tilt of the tracker are taken off"
        )
        self._tare.clicked.connect(self.tare_requested)
        self._untare = IconPushButton("reset", "Undo")
        self._untare.setToolTip("Use the tracker's own front again")
        self._untare.clicked.connect(self.tare_cleared)
        row = QHBoxLayout()
        row.addWidget(self._tare, 1)
        row.addWidget(self._untare)
        return row

    def _make_learn(self) -> QWidget:
        self._learn_button = IconPushButton("learn", "Learn from what comes in…")
        self._learn_button.setCheckable(True)
        self._learn_button.toggled.connect(self._on_learn)
        self._learn_hint = QLabel()
        self._learn_hint.setWordWrap(True)
        set_role(self._learn_hint, "dim")
        self._table = LearnTable()
        self._table.setMinimumHeight(180)
        self._table.assignment_changed.connect(self._check_routes)
        self._unit, self._order = QComboBox(), QComboBox()
        for unit, label in ((AngleUnit.DEGREES, "Degrees"), (AngleUnit.RADIANS, "Radians"), (AngleUnit.UNIT, "0 to 1")):
            self._unit.addItem(label, str(unit))
        for order in AngleOrder:
            self._order.addItem(str(order), str(order))
        self._use = QPushButton("Use this")
        self._use.setMinimumHeight(HIT_PX)
        self._use.clicked.connect(self._on_use)
        row = QHBoxLayout()
        for name, widget in (("Angles in", self._unit), ("Order", self._order)):
            caption = QLabel(name)
            caption.setBuddy(widget)
            widget.setAccessibleName(name)
            widget.setMinimumHeight(HIT_PX)
            row.addWidget(caption)
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(self._use)
        box = QWidget()
        inner = QVBoxLayout(box)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self._learn_hint)
        inner.addWidget(self._table)
        inner.addLayout(row)
        return box

    # -- intents out ------------------------------------------------------------------------------------------------

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Learning ends with the dialog."""
        super().hideEvent(event)
        if not event.spontaneous():
            self._learn_button.setChecked(False)

    def _on_preset(self) -> None:
        chosen = preset(self._preset.currentData())
        if chosen is not None and chosen.port is not None:
            self._port.blockSignals(True)
            self._port.setValue(chosen.port)
            self._port.blockSignals(False)
        self._announce()

    def _announce(self) -> None:
        yaw, pitch, roll = (box.isChecked() for box in self._invert)
        wanted = replace(
            self._config,
            enabled=self._enabled.isChecked(),
            preset=self._preset.currentData(),
            host=self._host.currentData(),
            port=self._port.value(),
            invert_yaw=yaw,
            invert_pitch=pitch,
            invert_roll=roll,
        )
        if wanted != self._config:
            self._config = wanted
            self._explain()
            self.config_changed.emit(wanted)

    def _on_learn(self, on: bool) -> None:
        self._learn_box.setVisible(on)
        if on:
            self._table.forget()
            self._learn_hint.setText("Waiting for the tracker: start its program and let it send to the port above.")
            self._check_routes()
        self.adjustSize()
        self.learn_toggled.emit(on)

    def _check_routes(self) -> None:
        try:
            routes = self._table.routes(unit=AngleUnit.DEGREES, order=AngleOrder.YPR)
        except ValueError:
            self._use.setEnabled(False)
            self._use.setToolTip("Two numbers of one address have the same meaning")
        else:
            self._use.setEnabled(bool(routes))
            self._use.setToolTip("" if routes else "Say first what the numbers mean")

    def _on_use(self) -> None:
        unit, order = AngleUnit(self._unit.currentData()), AngleOrder(self._order.currentData())
        routes = self._table.routes(unit=unit, order=order)
        self.set_config(replace(self._config, preset=LEARNED, learned=routes, enabled=True))
        self._learn_button.setChecked(False)
        self.config_changed.emit(self._config)

    # -- words ------------------------------------------------------------------------------------------------------

    def _explain(self) -> None:
        known = preset(self._config.preset)
        text = known.doubt if known is not None else ", ".join(r.address for r in self._config.learned)
        self._doubt.setText(text)
        set_role(self._doubt, "dim")
        self._form.setRowVisible(self._doubt, bool(text))
        self._form.setRowVisible(self._open_hint, self._config.host != LOOPBACK)

    def _say(self, text: str, role: str) -> None:
        self._status.setText(text)
        set_role(self._status, role)


def _status_text(status: TrackerStatus, rate_hz: float) -> tuple[str, str]:
    """One line and its role."""
    where = f"{status.host}:{status.port}"
    odd = f", {status.malformed} malformed" if status.malformed else ""
    if status.poses:
        return f"Listening on {where}: {rate_hz:.0f} messages a second from {status.last_sender}{odd}.", "good"
    if status.unknown:
        return (
            f"Listening on {where}: {status.last_address} from {status.last_sender} means nothing to this preset{odd}."
            " Choose another one, or learn.",
            "warning",
        )
    return f"Listening on {where}: nothing has come yet{odd}.", "warning" if odd else "dim"
