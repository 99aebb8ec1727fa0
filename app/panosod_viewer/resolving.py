"""From what a person wants to what is drawn: a pure function. No Qt."""

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection
from panosod_core.media.frame import VideoFrame
from panosod_viewer.layers import Comparison, LayerChoices, LayerPictures, resolve_layers
from panosod_viewer.scene import FlatView, Outline, Pane, RenderScene

MAP_ASPECT = 2.0
"""Width / height of the whole flat map."""
STACK_BELOW_ASPECT = 1.3
"""In a window narrower than this the two panes of the split view lie one above the other."""
_GAP = 0.004
"""Between the panes of the split view, fraction of the window's longer side."""


class ViewLayout(StrEnum):
    """Which panes are open."""

    LOOK = "look"
    MAP = "map"
    SPLIT = "split"


class PaneKind(StrEnum):
    """What a pane shows, and so what a pointer on it means."""

    LOOK = "look"
    MAP = "map"
    FLAT = "flat"
    """A clip that does not belong on the sphere."""


WHOLE_MAP = View(fov_rad=2 * math.pi, projection=ViewProjection.EQUIRECT)


@dataclass(frozen=True)
class Wish:
    """What a person wants to see.

    Attributes:
        frame: the picture, None before the first.
        geometry: how it covers the sphere.
        layout: which panes are open; clips that are drawn flat have one.
        look: the look-around view.
        map_view: pan and zoom of the flat map.
        flat: pan and zoom of a flat clip.
        crosshair: a direction to mark, or None.
        background_rgb: where the picture does not reach.
        render_scale: internal resolution relative to the window.
        layers: what is wanted over the picture.
        pictures: what there is to lay over it.
    """

    frame: VideoFrame | None = None
    geometry: PictureGeometry = field(default_factory=PictureGeometry)
    layout: ViewLayout = ViewLayout.LOOK
    look: View = field(default_factory=View)
    map_view: View = WHOLE_MAP
    flat: FlatView = field(default_factory=FlatView)
    crosshair: tuple[float, float, float] | None = None
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    render_scale: float = 1.0
    layers: LayerChoices = field(default_factory=LayerChoices)
    pictures: LayerPictures = field(default_factory=LayerPictures)


def pane_kinds(wish: Wish) -> tuple[PaneKind, ...]:
    """What each pane of the scene is, in their order."""
    if not wish.geometry.is_spherical:
        return (PaneKind.FLAT,)
    if is_side_by_side(wish):
        return (PaneKind.MAP,) * 2 if wish.layout is ViewLayout.MAP else (PaneKind.LOOK,) * 2
    return {
        ViewLayout.LOOK: (PaneKind.LOOK,),
        ViewLayout.MAP: (PaneKind.MAP,),
        ViewLayout.SPLIT: (PaneKind.LOOK, PaneKind.MAP),
    }[wish.layout]


def is_side_by_side(wish: Wish) -> bool:
    """Whether two compared sources have a pane each; the view and the map side by side then become the view twice."""
    choices = wish.layers
    return wish.geometry.is_spherical and choices.comparison is Comparison.SIDE_BY_SIDE and not choices.are_hidden


def resolve_scene(wish: Wish, *, aspect: float) -> RenderScene:
    """The scene to draw.

    Args:
        wish: what is wanted.
        aspect: width / height of the window's picture area.
    """
    return RenderScene(
        frame=wish.frame,
        geometry=wish.geometry,
        panes=_panes(wish, aspect),
        flat=wish.flat,
        background_rgb=wish.background_rgb,
        render_scale=wish.render_scale,
        overlays=resolve_layers(wish.layers, wish.pictures),
    )


def _panes(wish: Wish, aspect: float) -> tuple[Pane, ...]:
    kinds = pane_kinds(wish)
    if kinds == (PaneKind.FLAT,):
        return (Pane(view=View()),)
    if is_side_by_side(wish):
        rects = _halves(beside=aspect >= (2 * MAP_ASPECT if kinds[0] is PaneKind.MAP else STACK_BELOW_ASPECT))
        if kinds[0] is PaneKind.MAP:
            return tuple(replace(_map_pane(wish, rect, aspect), side=side) for side, rect in enumerate(rects))
        return tuple(
            Pane(view=wish.look, rect=rect, crosshair=wish.crosshair, side=side) for side, rect in enumerate(rects)
        )
    if kinds == (PaneKind.LOOK,):
        return (Pane(view=wish.look, crosshair=wish.crosshair),)
    if kinds == (PaneKind.MAP,):
        return (_map_pane(wish, (0.0, 0.0, 1.0, 1.0), aspect),)
    rects = _halves(beside=aspect >= STACK_BELOW_ASPECT)
    look_aspect = aspect * rects[0][2] / rects[0][3]
    # The outline of a view of all round would be a scribble about the antipode.
    outline = Outline(view=wish.look, aspect=look_aspect)
    return (
        Pane(view=wish.look, rect=rects[0], crosshair=wish.crosshair),
        replace(_map_pane(wish, rects[1], aspect), outline=outline),
    )


def _halves(*, beside: bool) -> tuple[tuple[float, float, float, float], tuple[float, float, float, float]]:
    """Rectangles of two panes beside each other or one above the other."""
    half = (1 - _GAP) / 2
    if beside:
        return (0.0, 0.0, half, 1.0), (1 - half, 0.0, half, 1.0)
    return (0.0, 0.0, 1.0, half), (0.0, 1 - half, 1.0, half)


def _map_pane(wish: Wish, rect: tuple[float, float, float, float], aspect: float) -> Pane:
    """The flat map in a rectangle, with bars beside it where the rectangle is wider than the map."""
    left, top, width, height = rect
    room = aspect * width / height
    if room > MAP_ASPECT:
        narrowed = width * MAP_ASPECT / room
        left, width = left + (width - narrowed) / 2, narrowed
    return Pane(view=wish.map_view, rect=(left, top, width, height), crosshair=wish.crosshair)
