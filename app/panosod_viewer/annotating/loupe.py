"""The loupe: while a painting tool is in the hand, the pixels about the pointer enlarged beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from panosod_viewer.annotating.painter import Painter
from panosod_viewer.layers import LayerId
from panosod_viewer.palettes import palette_of
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.pointer import PanePoint, PointerInput
from panosod_viewer.resolving import PaneKind, pane_kinds
from panosod_viewer.state import ViewerState
from panosod_viewer.tools.magnifier import ZOOMS, Sight, magnified, sight_at
from panosod_viewer.widgets.loupe_view import SIDE_PX, LoupeView

GAP_PX = 36
"""Between the pointer and the loupe."""


class Loupe(QObject):
    """Follows the pointer, the frame and the masks while it is wanted; costs nothing while it is not.

    Signals:
        changed (bool): it is wanted, or not any more.
        notice (object): a Notice.
    """

    changed = Signal(bool)
    notice = Signal(object)

    def __init__(self, painter: Painter, *, state: ViewerState, view: GLView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._painter, self._state, self._view = painter, state, view
        self._shown: LoupeView | None = None
        self._point: PanePoint | None = None
        self._zoom = ZOOMS[1]
        self.is_wanted = False
        # A move changes the pointer, the cursor and the sketch: drawn once, after all of them.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.refresh)
        for signal in (view.hovered, view.moved, view.pressed, view.released):
            signal.connect(self._pointer_moved)
        view.pointer_left.connect(self._pointer_left)
        state.wish_changed.connect(self._ask)
        painter.tool_changed.connect(lambda _: self._ask())

    def by_id(self) -> dict[str, Callable[[], object]]:
        """Commands by the ids of their actions."""
        return {"annotate.loupe": self.toggle, "annotate.loupe_zoom": self.next_zoom}

    @property
    def view(self) -> LoupeView | None:
        """The widget; None before it was wanted."""
        return self._shown

    @property
    def zoom(self) -> int:
        """How much it enlarges what is on the screen."""
        return self._zoom

    def toggle(self) -> None:
        """Show it, or put it away."""
        self.is_wanted = not self.is_wanted
        self.changed.emit(self.is_wanted)
        if self.is_wanted and not self._painter.is_painting:
            self.notice.emit(Notice("The loupe shows while a tool is in the hand", Severity.INFO, seconds=4.0))
        self.refresh()

    def next_zoom(self) -> None:
        """Enlarge more, and after the most the least again; a loupe that was away comes."""
        if self.is_wanted:
            self._zoom = ZOOMS[(ZOOMS.index(self._zoom) + 1) % len(ZOOMS)]
            self.refresh()
        else:
            self.toggle()

    # --- following

    def _pointer_moved(self, pointer: PointerInput) -> None:
        self._point = pointer.point
        self._ask()

    def _pointer_left(self) -> None:
        self._point = None
        self._ask()

    def _ask(self) -> None:
        if self.is_wanted or (self._shown is not None and self._shown.isVisible()):
            self._soon.start()

    def refresh(self) -> None:
        """Show what holds now."""
        self._soon.stop()
        point, sight = self._point, self._sight()
        frame = self._state.wish.frame
        if point is None or sight is None or frame is None:
            if self._shown is not None:
                self._shown.hide()
            return
        if self._shown is None:
            self._shown = LoupeView(self._view)
        wish, shown = self._state.wish, self._shown
        pane_px = self._view.width() * self._view.scene.panes[point.pane].rect[2]
        rad_per_dip = sight.rad_per_pane / max(pane_px, 1.0) / self._zoom
        side_px = round(SIDE_PX * shown.devicePixelRatioF())
        choice = wish.layers.of(LayerId.ANNOTATION)
        look = replace(wish.pictures.annotation_look, display=choice.display, opacity=choice.opacity)
        has_labels = choice.is_shown and not wish.layers.are_hidden and wish.pictures.annotation is not None
        rgb = magnified(
            sight,
            frame=frame,
            geometry=wish.geometry,
            labels=wish.pictures.annotation.labels if has_labels and wish.pictures.annotation is not None else None,
            palette=palette_of(look),
            size_px=side_px,
            rad_per_px=rad_per_dip * SIDE_PX / side_px,
        )
        cursor = wish.pictures.cursor
        # A cap about the middle is a circle in the loupe's plane.
        ring = None if cursor is None else (float(np.tan(min(cursor.radius_rad, 1.5)) / rad_per_dip), cursor.is_dashed)
        shown.show_picture(rgb, words=f"{self._zoom}×", ring=ring)
        shown.move(*_place(point.dip, self._view.width(), self._view.height()))
        shown.show()
        shown.raise_()

    def _sight(self) -> Sight | None:
        """Where it looks; None where it has nothing to show."""
        wish, point = self._state.wish, self._point
        kinds = pane_kinds(wish)
        if not (self.is_wanted and self._painter.is_painting and point is not None):
            return None
        if point.pane >= min(len(kinds), len(self._view.scene.panes)) or kinds[point.pane] is PaneKind.FLAT:
            return None
        view = wish.map_view if kinds[point.pane] is PaneKind.MAP else wish.look
        return sight_at(view, point.x, point.y, aspect=point.aspect)


def _place(at: tuple[float, float], width: int, height: int) -> tuple[int, int]:
    """Left and top: above and right of the pointer, elsewhere where there is no room."""
    x, y = at
    left = x + GAP_PX if x + GAP_PX + SIDE_PX <= width else x - GAP_PX - SIDE_PX
    top = y - GAP_PX - SIDE_PX if y >= GAP_PX + SIDE_PX else y + GAP_PX
    return round(min(max(left, 0), max(width - SIDE_PX, 0))), round(min(max(top, 0), max(height - SIDE_PX, 0)))
