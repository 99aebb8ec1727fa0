"""The head tracker as the window sees it: its socket while it is wanted, its dialog, its tare key."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from panosod_core.errors import PanosodError
from panosod_core.geometry.sphere import FloatArray
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.tracker.config import TrackerConfig
from panosod_viewer.tracker.pose import HeadPose
from panosod_viewer.tracker.receiver import OscReceiver

if TYPE_CHECKING:
    from panosod_viewer.panels.tracker_dialog import TrackerDialog

REFRESH_MS = 100


class HeadTracking(QObject):
    """Listens while the person wants it.

    Signals:
        config_changed (object): the TrackerConfig to remember.
        notice (object): a Notice.
    """

    config_changed = Signal(object)
    notice = Signal(object)

    def __init__(self, set_head: Callable[[FloatArray], None], parent: QObject | None = None) -> None:
        """Nothing listens before :meth:`apply`.

        Args:
            set_head: takes (3, 3) ``R_view_head``; called in the tracker's thread.
            parent: Qt's.
        """
        super().__init__(parent)
        self._set_head = set_head
        self._config = TrackerConfig()
        self._receiver: OscReceiver | None = None
        self._error = ""
        self._dialog: TrackerDialog | None = None
        self._refresh = QTimer(self)
        self._refresh.setInterval(REFRESH_MS)
        self._refresh.timeout.connect(self._show_status)

    @property
    def receiver(self) -> OscReceiver | None:
        """The open socket, None while nothing listens."""
        return self._receiver

    def apply(self, config: TrackerConfig) -> None:
        """Listen as it says, or not at all."""
        before, self._config = self._config, config
        stays = (
            self._receiver is not None and config.enabled and (config.host, config.port) == (before.host, before.port)
        )
        if stays and self._receiver is not None:
            self._receiver.set_mapping(config)
            return
        self.close()
        if config.enabled:
            try:
                self._receiver = OscReceiver(config, on_pose=self._hear)
                self._error = ""
            except PanosodError as error:
                self._error = str(error)
                self.notice.emit(Notice(self._error, Severity.WARNING, key="tracker"))

    def close(self) -> None:
        """Stop listening; the head faces the screen."""
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None
        self._set_head(np.eye(3))

    def tare(self) -> None:
        """What the head does now is straight ahead."""
        if self._receiver is None:
            self.notice.emit(Notice("No head tracker is listened to (Sound, Head tracker)", key="tracker", seconds=5.0))
        elif not self._receiver.tare():
            self.notice.emit(Notice("Nothing has come from the head tracker yet", key="tracker", seconds=5.0))

    def show_dialog(self, parent: QObject, *, tare_key: str) -> None:
        """Open the dialog, or bring it to the front."""
        if self._dialog is None:
            from panosod_viewer.panels.tracker_dialog import (
                TrackerDialog,
            )  # late: the first picture need not wait for it

            dialog = TrackerDialog(tare_key=tare_key, parent=parent)  # type: ignore[arg-type]  # the window is a QWidget
            dialog.config_changed.connect(self._configure)
            dialog.tare_requested.connect(self.tare)
            dialog.tare_cleared.connect(self._clear_tare)
            dialog.learn_toggled.connect(self._learn)
            dialog.finished.connect(self._refresh.stop)
            self._dialog = dialog
        self._dialog.set_config(self._config)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()
        self._refresh.start()

    def _hear(self, pose: HeadPose) -> None:
        self._set_head(pose.R_world_head)

    def _configure(self, config: TrackerConfig) -> None:
        self.apply(config)
        self.config_changed.emit(config)

    def _clear_tare(self) -> None:
        if self._receiver is not None:
            self._receiver.clear_tare()

    def _learn(self, listening: bool) -> None:
        if self._receiver is None and listening:
            self._configure(replace(self._config, enabled=True))
            if self._dialog is not None:
                self._dialog.set_config(self._config)
        if self._receiver is not None:
            self._receiver.learn(listening)

    def _show_status(self) -> None:
        dialog = self._dialog
        if dialog is None or not dialog.isVisible():
            self._refresh.stop()
            return
        receiver = self._receiver
        dialog.set_status(receiver.status if receiver is not None else None, error=self._error)
        pose = receiver.mailbox.latest() if receiver is not None else None
        if pose is None:
            dialog.set_pose(None)
        else:
            yaw, pitch, roll = np.degrees(pose.yaw_pitch_roll_rad)
            dialog.set_pose((float(yaw), float(pitch), float(roll)))
        if receiver is not None:
            dialog.set_heard(receiver.heard())
