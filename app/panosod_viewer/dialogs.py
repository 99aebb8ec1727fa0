"""The small windows: help, media information, about, and the two file dialogs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from panosod_core.media.info import ClipInfo
from panosod_viewer.actions import help_rows

if TYPE_CHECKING:
    from panosod_viewer.panels.help_dialog import HelpDialog
    from panosod_viewer.panels.media_info_dialog import MediaInfoDialog

CLIPS = (
    "Videos, sound and projects (*.mp4 *.mov *.m4v *.mkv *.webm *.ts *.mts *.m2ts *.avi *.mpg *.mpeg "
    "*.wav *.ogg *.opus *.flac *.m4a *.caf *.aiff *.amb *.panosod);;All files (*)"
)


class Dialogs(QObject):
    """Made when they are first wanted; they belong to the window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._help: HelpDialog | None = None
        self.keys_of: Callable[[str], tuple[str, ...]] | None = None
        """The keys in force of an action, for the help; None for the usual ones."""
        self._info: MediaInfoDialog | None = None

    def show_help(self) -> None:
        """Every key."""
        if self._help is None:
            from panosod_viewer.panels.help_dialog import HelpDialog  # late: the first picture need not wait for it

            self._help = HelpDialog(help_rows(self.keys_of), self._window)
        self._front(self._help)

    def keys_changed(self) -> None:
        """The help is made anew when it is opened again."""
        if self._help is not None:
            self._help.close()
            self._help.deleteLater()
            self._help = None

    def show_info(self, info: ClipInfo | None) -> None:
        """What is known of the clip."""
        if self._info is None:
            from panosod_viewer.panels.media_info_dialog import (
                MediaInfoDialog,
            )  # late: the first picture need not wait for it

            self._info = MediaInfoDialog(self._window)
        self._info.set_clip(info)
        self._front(self._info)

    def clip_changed(self, info: ClipInfo | None) -> None:
        """Keep an open information window true."""
        if self._info is not None and self._info.isVisible():
            self._info.set_clip(info)

    def show_about(self, renderer: str) -> None:
        """What this program is."""
        from importlib.metadata import PackageNotFoundError, version  # 50 ms, which the first picture would wait for

        try:
            number = version("panosod")
        except PackageNotFoundError:
            number = "(not installed)"
        box = QMessageBox(self._window)
        box.setWindowTitle("About panosod")
        box.setIconPixmap(self._window.windowIcon().pixmap(64, 64))
        box.setText(f"<b>panosod {number}</b><br>Panoramic video, with sound that stays where it belongs.")
        box.setInformativeText(
            f"Apache-2.0. Head: MIT KEMAR, Gardner and Martin 1994.<br>OpenGL: {renderer or 'not started yet'}"
        )
        box.open()

    def choose_clip(self, recent: tuple[str, ...]) -> Path | None:
        """Ask for a clip; None when the person thinks better of it."""
        start = str(Path(recent[0]).parent) if recent else ""
        if not Path(start or "-").is_dir():
            start = _folder(QStandardPaths.StandardLocation.MoviesLocation)
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a clip", start, CLIPS)
        return Path(name) if name else None

    def choose_picture_file(self, clip: Path, at_s: float) -> Path | None:
        """Ask where to save a picture."""
        folder = _folder(QStandardPaths.StandardLocation.PicturesLocation)
        proposal = Path(folder) / f"{clip.stem} {at_s:.2f} s.png"
        name, _ = QFileDialog.getSaveFileName(self._window, "Save picture", str(proposal), "PNG picture (*.png)")
        return Path(name).with_suffix(".png") if name else None

    @staticmethod
    def _front(dialog: QWidget) -> None:
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()


def _folder(where: QStandardPaths.StandardLocation) -> str:
    """A folder of the person's that is there: a dialog takes the name of a missing one for a file to open."""
    wanted = QStandardPaths.writableLocation(where)
    return wanted if wanted and Path(wanted).is_dir() else str(Path.home())
