"""How sound leaves the program: device, binaural decoder and its HRTF set, head-locked channels, limiter."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.theme import HIT_PX, SPACING_PX
from panosod_viewer.widgets.buttons import IconButton, IconPushButton
from panosod_viewer.widgets.labels import ElidedLabel, set_role

MIN_GAIN_DB, MAX_GAIN_DB = -40, 12


class AudioDialog(QDialog):
    """Sound settings. State comes in by setters, wishes go out by signals.

    Signals:
        device_chosen(str): id of an output device, "" for the system's default.
        devices_refresh_requested(): look for devices again.
        sofa_chosen(str): path of an HRTF set, "" for the embedded one.
        head_locked_gain_changed(float): dB for the two channels that stay with the head; MIN_GAIN_DB is silence.
        sound_check_requested(): play a burst from the front.
    """

    device_chosen = Signal(str)
    devices_refresh_requested = Signal()
    sofa_chosen = Signal(str)
    head_locked_gain_changed = Signal(float)
    sound_check_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sofa = ""
        self.setWindowTitle("Sound")
        self.setModal(False)
        self.setMinimumWidth(400)
        form = QFormLayout()
        form.setSpacing(SPACING_PX)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("&Device", self._make_device())
        self._device_hint = self._note("warning")
        form.addRow("", self._device_hint)
        self._decoder = self._note("dim")
        form.addRow("Decoder", self._decoder)
        form.addRow("&Head (HRTF)", self._make_sofa())
        self._sofa_info = self._note("dim")
        form.addRow("", self._sofa_info)
        form.addRow("&Stays with the head", self._make_gain())
        self._limiter = self._note("dim")
        form.addRow("Limiter", self._limiter)
        self._engine = self._note("dim")
        form.addRow("Output", self._engine)
        check = IconPushButton("headphones", "Play a burst from the front")
        check.setToolTip("You should hear it straight ahead, and at the right ear when you look left")
        check.clicked.connect(self.sound_check_requested)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACING_PX + 4)
        layout.addLayout(form)
        layout.addWidget(check)
        layout.addStretch()
        self._form = form
        self.set_devices((("", "System default"),), "")
        self.set_device_hint("")
        self.set_decoder("")
        self.set_sofa(None, "")
        self.set_head_locked(available=False, gain_db=0.0)
        self.set_limiter("")
        self.set_engine("")

    # -- state in ---------------------------------------------------------------------------------------------------

    def set_devices(self, devices: Sequence[tuple[str, str]], current: str) -> None:
        """Output devices, (id, label) each; one that has vanished stays visible as such."""
        self._fill(self._device, devices, current)

    def set_device_hint(self, text: str) -> None:
        """Something to know of the device (Bluetooth adds a delay, it is gone), or ""."""
        self._device_hint.setText(text)
        self._form.setRowVisible(self._device_hint, bool(text))

    def set_decoder(self, text: str) -> None:
        """What makes the sound binaural, e.g. "Order 1: MagLS, 384 taps"; "" where nothing does."""
        self._decoder.setText(text)
        self._form.setRowVisible(self._decoder, bool(text))

    def set_sofa(self, path: Path | None, info: str, *, is_error: bool = False) -> None:
        """The HRTF set in force (None: the embedded one), its name and licence, or why it could not be used."""
        self._sofa = "" if path is None else str(path)
        self._sofa_name.setText("Embedded" if path is None else path.name)
        self._sofa_name.setToolTip(self._sofa)
        self._sofa_embedded.setEnabled(path is not None)
        self._sofa_info.setText(info)
        set_role(self._sofa_info, "error" if is_error else "dim")
        self._form.setRowVisible(self._sofa_info, bool(info))

    def set_head_locked(self, *, available: bool, gain_db: float) -> None:
        """Whether the clip has channels that stay with the head, and how loud they are."""
        self._gain.setEnabled(available)
        self._gain.blockSignals(True)
        self._gain.setValue(round(2 * gain_db))
        self._gain.blockSignals(False)
        self._gain.setToolTip("" if available else "This clip has no channels that stay with the head")
        self._show_gain()

    def set_limiter(self, text: str) -> None:
        """What the limiter does and has done, e.g. "holds the output below −1 dBFS; 2.3 dB now"."""
        self._limiter.setText(text)
        self._form.setRowVisible(self._limiter, bool(text))

    def set_engine(self, text: str) -> None:
        """Rate, block and delay of the running output, e.g. "48 kHz, 256 samples, 17 ms"."""
        self._engine.setText(text)
        self._form.setRowVisible(self._engine, bool(text))

    # -- making -----------------------------------------------------------------------------------------------------

    def _make_device(self) -> QWidget:
        self._device = self._combo("Device")
        self._device.activated.connect(lambda i: self.device_chosen.emit(self._device.itemData(i)))
        refresh = IconButton("reset", "Look for devices again")
        refresh.clicked.connect(self.devices_refresh_requested)
        return _row(self._device, refresh)

    def _make_sofa(self) -> QWidget:
        self._sofa_name = ElidedLabel(name="HRTF set")
        choose = QPushButton("Choose file…")
        choose.setToolTip("Any SOFA file with the head-related impulse responses of one head")
        choose.clicked.connect(self._browse)
        self._sofa_embedded = QPushButton("Embedded")
        self._sofa_embedded.setToolTip("Go back to the set that comes with panosod")
        self._sofa_embedded.clicked.connect(lambda: self.sofa_chosen.emit(""))
        for button in (choose, self._sofa_embedded):
            button.setMinimumHeight(HIT_PX)
            button.setAutoDefault(False)
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING_PX // 2)
        self._sofa_name.setMinimumHeight(HIT_PX)
        column.addWidget(self._sofa_name)
        column.addWidget(_row(choose, self._sofa_embedded))
        box.setFocusProxy(choose)
        return box

    def _make_gain(self) -> QWidget:
        self._gain = QSlider(Qt.Orientation.Horizontal)
        self._gain.setRange(2 * MIN_GAIN_DB, 2 * MAX_GAIN_DB)
        self._gain.setPageStep(6)
        self._gain.setAccessibleName("Head-locked gain in half decibels")
        self._gain.setMinimumHeight(HIT_PX)
        self._gain.valueChanged.connect(self._on_gain)
        self._gain_text = QLabel()
        self._gain_text.setMinimumWidth(self._gain_text.fontMetrics().horizontalAdvance("−40.0 dB "))
        self._gain_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return _row(self._gain, self._gain_text)

    @staticmethod
    def _combo(name: str) -> QComboBox:
        combo = QComboBox()
        combo.setAccessibleName(name)
        combo.setMinimumHeight(HIT_PX)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(16)
        return combo

    @staticmethod
    def _note(role: str) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        policy.setHeightForWidth(True)
        label.setSizePolicy(policy)
        set_role(label, role)
        return label

    @staticmethod
    def _fill(combo: QComboBox, choices: Sequence[tuple[str, str]], current: str) -> None:
        combo.clear()
        for choice_id, label in choices:
            combo.addItem(label, choice_id)
        if combo.findData(current) < 0 and current:
            combo.addItem(f"{current} (not found)", current)
        combo.setCurrentIndex(combo.findData(current))
        combo.setToolTip(combo.currentText())

    # -- intents out ------------------------------------------------------------------------------------------------

    def _on_gain(self) -> None:
        self._show_gain()
        self.head_locked_gain_changed.emit(self._gain.value() / 2)

    def _show_gain(self) -> None:
        value = self._gain.value() / 2
        self._gain_text.setText("off" if value <= MIN_GAIN_DB else f"{value:+.1f} dB".replace("-", "−"))

    def _browse(self) -> None:
        # Not exec(): playback and sound go on while one looks for the file.
        dialog = QFileDialog(self, "Choose an HRTF set", str(Path(self._sofa).parent) if self._sofa else "")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["SOFA files (*.sofa)", "All files (*)"])
        dialog.fileSelected.connect(self.sofa_chosen)
        dialog.open()


def _row(*widgets: QWidget) -> QWidget:
    """Widgets side by side, the first takes what is left."""
    box = QWidget()
    box.setFocusProxy(next(w for w in widgets if w.focusPolicy() != Qt.FocusPolicy.NoFocus))
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(SPACING_PX // 2)
    for i, widget in enumerate(widgets):
        row.addWidget(widget, 1 if i == 0 else 0)
    return box
