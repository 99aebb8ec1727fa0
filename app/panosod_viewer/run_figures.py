"""Collects the playback figures of this run for `--stats`."""

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from panosod_viewer.clip_session import ClipSession
from panosod_viewer.figures import CpuTimes, Figures, process_started_s
from panosod_viewer.player import Player
from panosod_viewer.render.gl_view import GLView, PaintTiming
from panosod_viewer.sound_link import SoundLink
from panosod_viewer.state import ViewerState


class RunFigures(QObject):
    """Watches; asked at the end, or writes the figures again and again.

    Signals:
        write_failed (str): the file cannot be written; it is not tried again.
    """

    write_failed = Signal(str)

    def __init__(
        self,
        *,
        state: ViewerState,
        player: Player,
        session: ClipSession,
        sound: SoundLink,
        view: GLView,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._player = player
        self._session = session
        self._sound = sound
        self._view = view
        self._cpu = CpuTimes.now()
        self._first_frame_s: float | None = None
        self._first_map_s: float | None = None
        self._played_s = 0.0
        self._playing_since_s: float | None = None
        self._device = ""
        self._timer = QTimer(self)
        self._predictions: Callable[[], dict[str, object] | None] = lambda: None
        view.frame_painted.connect(self._painted)
        player.playing_changed.connect(self._playing_changed)
        sound.device_changed.connect(self._device_changed)

    @property
    def has_picture(self) -> bool:
        """True once a picture has been on the screen."""
        return self._first_frame_s is not None

    def picture_painted(self, at_s: float) -> None:
        """The first picture of this run is on the screen, at ``time.monotonic()``."""
        self._first_frame_s = at_s - process_started_s()

    def _painted(self, timing: PaintTiming) -> None:
        """Look for the first of the model's maps in what was drawn."""
        saliency = self._state.wish.pictures.saliency
        if self._first_map_s is None and saliency is not None:
            drawn = self._view.scene.overlays
            if any(saliency in side.maps for side in drawn.sides):
                self._first_map_s = timing.finished_s - process_started_s()

    def ask_predictions(self, ask: Callable[[], dict[str, object] | None]) -> None:
        """Where the figures of the models come from."""
        self._predictions = ask

    def _playing_changed(self, is_playing: bool) -> None:
        now = time.monotonic()
        if self._playing_since_s is not None:
            self._played_s += now - self._playing_since_s
        self._playing_since_s = now if is_playing else None

    def _device_changed(self, name: str, _data: object) -> None:
        self._device = name

    def write_every(self, seconds: float, path: Path) -> None:
        """Write the figures to a file from now on."""
        self._timer.timeout.connect(lambda: self._write(path))
        self._timer.start(round(seconds * 1000))

    def close(self) -> None:
        """Write no more by itself."""
        self._timer.stop()

    def _write(self, path: Path) -> None:
        try:
            self.now().write(path, is_lasting=False)
        except OSError as error:
            self._timer.stop()
            self.write_failed.emit(str(error))

    def now(self) -> Figures:
        """The figures so far."""
        self._playing_changed(self._player.transport.is_playing)
        opened = self._session.opened_clip
        figures = Figures(
            clip=str(opened.info.path) if opened is not None else None,
            first_frame_s=self._first_frame_s,
            first_map_s=self._first_map_s,
            frame=self._player.frame.index if self._player.frame is not None else None,
            shown=self._player.counts.shown,
            dropped=self._player.counts.dropped,
            played_s=round(self._played_s, 3),
            cpu_s=round(time.process_time(), 3),
            sound_device=self._device,
            gl_renderer=self._view.renderer_description,
            picture_px=self._view.framebuffer_size_px(),
            render_scale=self._state.wish.render_scale,
            prediction=self._predictions(),
            steal_percent=CpuTimes.now().steal_percent_since(self._cpu),
        )
        if opened is not None and opened.decoder is not None and opened.decoder.figures.frames:
            decoding = opened.decoder.figures
            figures.decode_ms = round(1000 * decoding.busy_s / decoding.frames, 3)
        client = self._sound.client
        if client is not None and self._sound.is_clock:
            levels = client.levels()
            figures.underruns = int(levels.underruns) if self._sound.has_device else None
            figures.starved = int(levels.starved)
            figures.motion_to_sound_ms = round(1000 * levels.motion_to_sound_s, 2)
            figures.audio_load = round(levels.load, 4)
            figures.sound = levels._asdict()
        return figures
