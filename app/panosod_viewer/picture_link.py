"""Between the state and the picture widget: the wish becomes a scene, paints become figures and quality."""

import time
from collections.abc import Collection

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from panosod_viewer.layers import LayerId
from panosod_viewer.player import Player
from panosod_viewer.quality import AutoQuality
from panosod_viewer.rehearsal import rehearsed
from panosod_viewer.render.gl_view import GLView, PaintTiming
from panosod_viewer.resolving import resolve_scene
from panosod_viewer.state import ViewerState

DEFAULT_INTERVAL_S = 1 / 30


class PictureLink(QObject):
    """Draws what the state wishes; drawing is asked for here and performed by the widget.

    Signals:
        first_painted (): the first picture of the clip is on the screen.
        prepared (): and so is everything that the maps to come will need to be drawn; now the clip may play.
        ever_painted (float): the first picture of this run is, at this ``time.monotonic()``.
    """

    first_painted = Signal()
    prepared = Signal()
    ever_painted = Signal(float)
    _drawn = Signal(float)

    def __init__(self, state: ViewerState, view: GLView, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._view = view
        self._player = player
        self._quality = AutoQuality()
        self._fixed_scale: float | None = None
        self._is_first = True
        self._was_ever = False
        self._last_index: int | None = None
        self._expected: frozenset[LayerId] = frozenset()
        state.wish_changed.connect(self.redraw)
        state.auto_quality_changed.connect(self._apply_scale)
        view.resized.connect(self._resized)
        view.frame_painted.connect(self._painted)
        view.renderer_ready.connect(self._begin_quality)
        player.playing_changed.connect(self._playing_changed)
        player.dropped_changed.connect(self._dropped)
        # Emitted during the paint, delivered after Qt has composed and swapped: the time between is the paint's.
        self._drawn.connect(self._after_drawing, Qt.ConnectionType.QueuedConnection)

    def set_fixed_scale(self, scale: float | None) -> None:
        """Draw at this scale always; None for automatic quality."""
        self._fixed_scale = scale
        self._apply_scale()

    def expect_first(self) -> None:
        """A new clip: its first picture is to be told."""
        self._is_first = True

    def expect_maps(self, layers: Collection[LayerId]) -> None:
        """These layers' maps may come for the clips that are opened from now on."""
        self._expected = frozenset(layers)

    def redraw(self) -> None:
        """Hand the scene over."""
        width, height = self._view.width(), max(1, self._view.height())
        self._view.set_scene(resolve_scene(self._state.wish, aspect=width / height))

    def _resized(self) -> None:
        # Not now: Qt paints at once after telling of the new size, and the scene it has is right but for its panes.
        QTimer.singleShot(0, self, self.redraw)

    def _painted(self, timing: PaintTiming) -> None:
        if timing.frame_index is None:
            return
        self._player.painted()
        self._drawn.emit(timing.finished_s - timing.duration_s)

    def _after_drawing(self, began_s: float) -> None:
        now = time.monotonic()
        if not self._was_ever:
            self._was_ever = True
            self.ever_painted.emit(now)
        if self._is_first:
            self._is_first = False
            self.first_painted.emit()
            self._rehearse()
            self.prepared.emit()
        frame = self._player.frame
        interval = frame.duration_s if frame is not None and frame.duration_s > 0 else DEFAULT_INTERVAL_S
        self._quality.painted(now - began_s, interval_s=interval / self._player.transport.speed, now_s=now)
        self._apply_scale()

    def _rehearse(self) -> None:
        # Without any maps, too: while it plays the picture may be drawn at another size, which takes a blit.
        wish = rehearsed(self._state.wish, self._expected) or self._state.wish
        self._view.prepare(resolve_scene(wish, aspect=self._view.width() / max(1, self._view.height())))

    def _begin_quality(self, renderer: str) -> None:
        width, height = self._view.framebuffer_size_px()
        self._quality.begin(renderer, pixels=width * height)
        self._apply_scale()

    def _playing_changed(self, is_playing: bool) -> None:
        self._quality.set_playing(is_playing, now_s=time.monotonic())
        self._apply_scale()

    def _dropped(self) -> None:
        self._quality.dropped(now_s=time.monotonic())

    def _apply_scale(self) -> None:
        if self._fixed_scale is not None:
            self._state.set_render_scale(self._fixed_scale)
        else:
            self._state.set_render_scale(self._quality.scale if self._state.has_auto_quality else 1.0)
