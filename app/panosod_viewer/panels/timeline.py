"""The strip of rows under the seek bar: what a clip sounds like and what its maps say, over time."""

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from panosod_core.ambisonics.energy_track import EnergyTrack
from panosod_core.inference.tracks import Tracks, no_tracks
from panosod_viewer.theme import SPACING_PX, Theme, theme_of
from panosod_viewer.tools.time_range import TimeRange
from panosod_viewer.widgets.frame_states import FrameState as FrameState
from panosod_viewer.widgets.frame_states import StateSpan as StateSpan
from panosod_viewer.widgets.frame_states import state_pieces
from panosod_viewer.widgets.labels import ElidedLabel
from panosod_viewer.widgets.strips import (
    Columns,
    coverage_image,
    energy_columns,
    energy_image,
    loudness,
    mask_columns,
    mask_image,
    nice_top,
    ramp_between,
    rgb,
    spans_image,
    usual_gap_s,
    wave_image,
    with_gaps,
)
from panosod_viewer.widgets.time_plots import TimePlots
from panosod_viewer.widgets.timeline_gutter import Gutter, RowLabels, row_labels
from panosod_viewer.widgets.timeline_readout import Moment, readout
from panosod_viewer.widgets.view_span import ViewSpan

MIN_HEIGHT_PX = 96
FIRST_HEIGHT_PX = 270
SAID_MS = 6000
_LANE_PX = 9
_GRIP_PX = 5
_CURVE_RANGE = (-0.05, 1.08)
"""Of rows whose curves go from 0 to 1: a line at either end is not cut in half."""
TIP = (
    "Click or drag: go there. Wheel: zoom about the pointer. Right or middle drag, or Shift+wheel: move along. "
    "Double click: the whole clip. Drag the upper edge: height."
)


class TimelinePanel(QWidget):
    """One clip's rows; state in, intents out.

    Signals:
        seek_requested (float, bool): seconds; False while the pointer drags, True for the last of it.
        height_chosen (int): the person has dragged the upper edge; pixels.
    """

    seek_requested = Signal(float, bool)
    height_chosen = Signal(int)
    minimum_height_px = MIN_HEIGHT_PX

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._height = FIRST_HEIGHT_PX
        self._room = 1 << 20
        self._grip_from: tuple[float, int] | None = None
        self._is_playing = False
        self._follows = True
        self._position_s = 0.0
        self._hover_s: float | None = None
        self._fps: float | None = None
        self._track: EnergyTrack | None = None
        self._bright = np.zeros((1, 0), np.float32)
        self._sound_note = ""
        self._tracks = no_tracks()
        self._note = ""
        self._entropy_top = 0.1
        self._area_top = 0.1
        self._view: tuple[float, float] | None = None
        self._theme: Theme | None = None
        self._said = ""
        self._said_over = QTimer(self)
        self._said_over.setSingleShot(True)
        self._said_over.setInterval(SAID_MS)
        self._said_over.timeout.connect(self._say_no_more)
        self._read = ElidedLabel(name="Under the pointer, or where the clip stands")
        self._read.setFixedHeight(self.fontMetrics().height() + 2)
        self.plots = TimePlots(self)
        self.gutter = Gutter(self.plots, self.labels, self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, _GRIP_PX, SPACING_PX, 0)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(2)
        grid.addWidget(self._read, 0, 1)
        grid.addWidget(self.gutter, 0, 0, 2, 1)
        grid.addWidget(self.plots, 1, 1)
        grid.setRowStretch(1, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Time line")
        self.setMouseTracking(True)
        self.plots.setToolTip(TIP)
        self._make_rows()
        self.plots.seek_requested.connect(self._sought)
        self.plots.hovered.connect(self._hovered)
        self.plots.range_changed.connect(self._range_changed)
        self.plots.laid_out.connect(self.gutter.update)
        self._recolour()
        self.set_clip(None)

    def _make_rows(self) -> None:
        plots = self.plots
        plots.add_row("sound", stretch=3)
        azimuth = plots.add_row("azimuth", y_range=(-180.0, 180.0), stretch=9)
        area = plots.add_row("area", y_range=_CURVE_RANGE, stretch=3)
        score = plots.add_row("score", y_range=_CURVE_RANGE, stretch=3)
        doubt = plots.add_row("doubt", y_range=_CURVE_RANGE, stretch=3)
        plots.add_row("maps", fixed_px=_LANE_PX)
        plots.add_row("states", fixed_px=_LANE_PX)
        plots.add_curve(area, "area", filled=True)
        for row, name in ((score, "f"), (score, "j"), (doubt, "entropy"), (doubt, "disagreement")):
            plots.add_curve(row, name)
        score.is_shown = plots.rows["states"].is_shown = False
        self.view_span = ViewSpan(azimuth.box)
        plots.finish()

    # -- state in ---------------------------------------------------------------------------------------------------

    def set_clip(self, duration_s: float | None, *, fps: float | None = None) -> None:
        """Another clip, of which nothing is known yet; None for none, or for one of unknown length."""
        known = duration_s is not None and math.isfinite(duration_s) and duration_s > 0
        self._fps = fps
        self._position_s = 0.0
        self._follows = True
        self.plots.set_range(TimeRange.whole(duration_s) if known and duration_s is not None else None)
        self.set_waveform(None, None, 0.0)
        self.set_energy(None)
        self.set_tracks(None)
        self.set_states(())
        self.set_position(0.0)

    def set_waveform(self, minimum: ArrayLike | None, maximum: ArrayLike | None, covers_s: float) -> None:
        """Extremes of the sound in equal buckets over ``covers_s`` seconds; None for none."""
        strip = self.plots.rows["sound"].strip
        if minimum is None or maximum is None or covers_s <= 0:
            strip.set_drawing(None)
            return
        low, high = np.asarray(minimum, np.float32), np.asarray(maximum, np.float32)

        def draw(columns: Columns, height: int) -> QImage:
            colour = rgb(self._colours().wave)
            return wave_image(low, high, covers_s=covers_s, columns=columns, height=height, colour_rgb=colour)

        strip.set_drawing(draw)

    def set_energy(self, track: EnergyTrack | None, *, note: str = "") -> None:
        """Where the sound comes from; None with a note on why that is not known."""
        self._track, self._sound_note = track, note
        self._bright = np.zeros((1, 0), np.float32) if track is None else loudness(track)
        self._redraw_azimuth()

    def set_tracks(self, tracks: Tracks | None, *, note: str = "") -> None:
        """What the maps say, as far as there are any; a note on why there are none."""
        tracks = no_tracks() if tracks is None else tracks
        self._tracks, self._note = tracks, note
        self._area_top = nice_top(tracks.area, least=0.01)
        self._entropy_top = nice_top(tracks.entropy, least=0.01)
        self._draw_curves()
        self.plots.set_row_shown("score", bool(np.isfinite(tracks.j).any()))
        self._draw_coverage()
        self._redraw_azimuth()

    def set_states(self, spans: Sequence[StateSpan]) -> None:
        """How far the masks are; no lane where there are none."""
        kept = tuple(spans)
        self.plots.set_row_shown("states", bool(kept))

        def draw(columns: Columns, height: int) -> QImage:
            return spans_image(state_pieces(kept, self._colours()), columns, height=height)

        self.plots.rows["states"].strip.set_drawing(draw if kept else None)
        self.gutter.update()

    def set_view(self, azimuths_rad: tuple[float, float] | None) -> None:
        """What the view sees around: the azimuth in its middle and half of its range; None for all of the ring."""
        if azimuths_rad == self._view:
            return
        self._view = azimuths_rad
        self._place_view()

    def set_position(self, time_s: float) -> None:
        """Where the clip stands; a page is turned where that is off the screen, unless the person looks elsewhere."""
        self._position_s = time_s
        showing = self.plots.showing
        if showing is not None and not self.plots.is_busy:
            if showing.holds(time_s):
                self._follows = True
            elif self._follows:
                self.plots.set_range(showing.showing(time_s))
        self.plots.set_position(time_s)
        if self._hover_s is None:
            self._read_out()

    def say(self, text: str) -> None:
        """Put a few words before the values for a while."""
        self._said = text
        self._said_over.start()
        self._read_out()

    def set_chosen_height(self, height_px: int) -> None:
        """How high to be; never lower than its rows can be told apart."""
        height = max(height_px, MIN_HEIGHT_PX)
        if height != self._height:
            self._height = height
            self.updateGeometry()

    def set_room(self, room_px: int) -> None:
        """How high it may be in the window as it is now; what was chosen is kept for a larger one."""
        room = max(room_px, MIN_HEIGHT_PX)
        if room != self._room:
            self._room = room
            self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as was chosen and there is room."""
        return QSize(400, min(self._height, self._room))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As narrow as a window may be."""
        return QSize(160, min(self._height, self._room))

    # -- drawing ----------------------------------------------------------------------------------------------------

    def _colours(self) -> Theme:
        return theme_of(self.palette())

    def _redraw_azimuth(self) -> None:
        track, bright, tracks = self._track, self._bright, self._tracks

        def draw_energy(columns: Columns, height: int) -> QImage:
            theme = self._colours()
            start_s, step_s = (0.0, 1.0) if track is None else (track.start_s, track.step_s)
            energy = energy_columns(bright, start_s=start_s, step_s=step_s, columns=columns)
            return energy_image(energy, height=height, ramp=ramp_between((theme.base, theme.wave, theme.dim)))

        def draw_mask(columns: Columns, height: int) -> QImage:
            return mask_image(mask_columns(tracks, columns), height=height, colour_rgb=rgb(self._colours().accent))

        row = self.plots.rows["azimuth"]
        row.strip.set_drawing(None if track is None else draw_energy)
        row.over.set_drawing(draw_mask if len(tracks) else None)
        self._place_notes()
        self.gutter.update()
        self._read_out()

    def _place_notes(self) -> None:
        """Why rows are empty."""
        dim, rows = self._colours().dim, self.plots.rows
        has_clip = self.plots.showing is not None
        rows["azimuth"].strip.set_note(self._sound_note if self._track is None and has_clip else "", dim)
        rows["area"].strip.set_note(self._note if not len(self._tracks) and has_clip else "", dim)

    def _draw_coverage(self) -> None:
        tracks = self._tracks

        def draw(columns: Columns, height: int) -> QImage:
            theme = self._colours()
            return coverage_image(tracks, columns, height=height, model_rgb=rgb(theme.accent), flow_rgb=rgb(theme.wave))

        self.plots.rows["maps"].strip.set_drawing(draw if len(tracks) else None)

    def _draw_curves(self) -> None:
        tracks, rows = self._tracks, self.plots.rows
        drawn = {
            "area": ("area", tracks.area / self._area_top),
            "f": ("score", tracks.f),
            "j": ("score", tracks.j),
            "entropy": ("doubt", tracks.entropy / self._entropy_top),
            "disagreement": ("doubt", tracks.disagreement_rad / np.pi),
        }
        gap_s = usual_gap_s(tracks.time_s)
        for name, (row, values) in drawn.items():
            curve = rows[row].curves[name]
            if len(tracks):
                curve.setData(*with_gaps(tracks.time_s, values, gap_s=gap_s))
            else:
                curve.clear()

    def _recolour(self) -> None:
        theme = self._colours()
        if theme is self._theme:
            return
        self._theme = theme
        self.plots.set_theme(theme)
        rows = self.plots.rows
        colours = {"area": theme.accent, **dict(self._doubt_colours()), **dict(self._score_colours())}
        for row in rows.values():
            for name, curve in row.curves.items():
                # One pixel: Qt strokes wider lines as outlines, ten times as slowly.
                curve.setPen(pg.mkPen(colours[name], width=1))
        fill = QColor(theme.accent)
        fill.setAlpha(70)
        rows["area"].curves["area"].setFillBrush(fill)
        self.view_span.recolour(theme)
        for row in rows.values():
            row.strip.refresh()
            row.over.refresh()
        self._place_notes()
        self.gutter.update()

    def _doubt_colours(self) -> tuple[tuple[str, str], ...]:
        theme = self._colours()
        return (("entropy", theme.warning), ("disagreement", theme.error))

    def _score_colours(self) -> tuple[tuple[str, str], ...]:
        theme = self._colours()
        return (("f", theme.accent), ("j", theme.good))

    def _place_view(self) -> None:
        showing = self.plots.showing
        self.view_span.place(self._view, duration_s=None if showing is None else showing.duration_s)

    def _range_changed(self) -> None:
        showing = self.plots.showing
        if showing is not None:
            self._follows = showing.holds(self._position_s)
        self._place_view()
        self.gutter.update()

    # -- reading ----------------------------------------------------------------------------------------------------

    def _hovered(self, time_s: float | None) -> None:
        self._hover_s = time_s
        self._read_out()

    def _read_out(self) -> None:
        if self.plots.showing is None:
            self._read.setText("")
            return
        time_s = self._position_s if self._hover_s is None else self._hover_s
        moment = Moment(time_s, duration_s=self.plots.showing.duration_s, fps=self._fps)
        text = readout(moment, track=self._track, tracks=self._tracks)
        self._read.setText(f"{self._said}   ·   {text}" if self._said else text)

    def _say_no_more(self) -> None:
        self._said = ""
        self._read_out()

    def _sought(self, time_s: float, is_final: bool) -> None:
        self._follows = True
        self.plots.set_position(time_s)
        self.seek_requested.emit(time_s, is_final)

    # -- what the gutter says ---------------------------------------------------------------------------------------

    def labels(self, key: str) -> RowLabels:
        """Name, units and ticks of a row."""
        return row_labels(key, self._colours(), area_top=self._area_top, entropy_top=self._entropy_top)

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Recolour with the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange) and hasattr(self, "view_span"):
            self._recolour()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take the upper edge."""
        if event.button() is Qt.MouseButton.LeftButton and self._is_grip(event.position()):
            self._grip_from = (event.globalPosition().y(), self.height())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Drag the upper edge."""
        if self._grip_from is not None:
            from_y, height = self._grip_from
            self.set_chosen_height(min(round(height + from_y - event.globalPosition().y()), self._room))
        elif self._is_grip(event.position()):
            self.setCursor(Qt.CursorShape.SizeVerCursor)
        else:
            self.unsetCursor()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let the upper edge go."""
        if self._grip_from is not None:
            self._grip_from = None
            self.height_chosen.emit(self._height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The grip."""
        painter = QPainter(self)
        painter.fillRect(QRectF(self.width() / 2 - 18, 1, 36, 2), QColor(self._colours().border))

    def _is_grip(self, at: QPointF) -> bool:
        return at.y() <= _GRIP_PX + 2
