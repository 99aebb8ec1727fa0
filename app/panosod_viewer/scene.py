"""What to draw, as one frozen value: all that the renderer knows. No Qt, no OpenGL."""

from dataclasses import dataclass, field

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View
from panosod_core.media.frame import VideoFrame
from panosod_viewer.overlays import Overlays as Overlays  # part of the scene


@dataclass(frozen=True)
class FlatView:
    """Pan and zoom of a clip that does not belong on the sphere.

    Attributes:
        centre_u, centre_v: the point of the picture in the middle of the viewport, fractions, origin top left.
        zoom: 1 fits the whole picture into the viewport, keeping its shape.
    """

    centre_u: float = 0.5
    centre_v: float = 0.5
    zoom: float = 1.0


@dataclass(frozen=True)
class Outline:
    """The border of another pane's view, drawn as a line on this pane (the view's frame on the flat map)."""

    view: View
    aspect: float
    rgb: tuple[float, float, float] = (1.0, 0.85, 0.2)
    width_px: float = 2.0


@dataclass(frozen=True)
class Pane:
    """One viewport of the window.

    Attributes:
        view: where its camera looks (spherical clips).
        rect: (x, y, width, height) as fractions of the window, origin top left.
        outline: another view's border to draw on this pane, or None.
        crosshair: a direction to mark (unit vector x, y, z), or None.
        side: which of the overlays' layer sets lies over it.
    """

    view: View = field(default_factory=View)
    rect: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    outline: Outline | None = None
    crosshair: tuple[float, float, float] | None = None
    side: int = 0


@dataclass(frozen=True)
class RenderScene:
    """A picture and how to show it.

    Attributes:
        frame: the picture, or None before the first one.
        geometry: how the picture covers the sphere; drawn flat where ``not geometry.is_spherical``.
        panes: left to right.
        flat: pan and zoom for flat pictures.
        background_rgb: where the picture does not reach, 0..1 sRGB.
        render_scale: internal resolution relative to the window, 0.25..2; above 1 is supersampling.
        overlays: what lies over the picture (spherical clips only).
    """

    frame: VideoFrame | None
    geometry: PictureGeometry
    panes: tuple[Pane, ...] = (Pane(),)
    flat: FlatView = FlatView()
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    render_scale: float = 1.0
    overlays: Overlays = field(default_factory=Overlays)
