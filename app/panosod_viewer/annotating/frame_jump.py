"""Going to a frame of any clip of the open project: where another clip is on the screen, that one is opened first."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from panosod_core.annotation.adopting import find_media
from panosod_core.annotation.clip_names import clip_names
from panosod_core.annotation.records import Clip
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.player import Player


class FrameJump(QObject):
    """Remembers where to go until the clip is there.

    Signals:
        refused (str): why it cannot be gone to.
    """

    refused = Signal(str)

    def __init__(
        self, *, desk: AnnotationDesk, session: ClipSession, player: Player, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._desk, self._session, self._player = desk, session, player
        self._pending: tuple[Path, int] | None = None
        player.frame_shown.connect(lambda _: self._arrived())

    def go(self, clip: str, number: int) -> None:
        """Show a frame.

        Args:
            clip: name of the clip's file, with or without its ending; or what :func:`clip_names` calls it.
            number: of the frame.
        """
        self._pending = None
        document, info = self._desk.document, self._session.info
        own = [] if document is None else [c for c in document.clips if clip_names(document.clips)[c.id] == clip]
        if own and Path(own[0].path).stem != clip:  # another file is called the same
            self.go_to(own[0], number)
            return
        if info is not None and self._player.frame is not None and clip in (info.path.stem, info.path.name):
            self._player.show_frame(number)
            return
        media = self._media_of(clip)
        if media is None:
            self.refused.emit(f"Frame {number} is of {clip}, which is not found: open that clip first")
            return
        self._pending = (media, number)
        self._session.open(media)

    def go_to(self, clip: Clip, number: int) -> None:
        """Show a frame of one of the project's clips."""
        self._pending = None
        document = self._desk.document
        if self._desk.clip is not None and self._desk.clip.id == clip.id:
            self._player.show_frame(number)
            return
        media = None if document is None else find_media(document, clip)
        if media is None:
            self.refused.emit(f"Frame {number} is of {Path(clip.path).name}, which is not found: open that clip first")
            return
        self._pending = (media, number)
        self._session.open(media)

    def _media_of(self, name: str) -> Path | None:
        document = self._desk.document
        if document is None:
            return None
        clips = (c for c in document.clips if name in (Path(c.path).stem, Path(c.path).name))
        return next((media for c in clips if (media := find_media(document, c)) is not None), None)

    def _arrived(self) -> None:
        info = self._session.info
        if self._pending is None or info is None:
            return
        media, number = self._pending
        if info.path.absolute() == media.absolute():
            self._pending = None
            self._player.show_frame(number)
