"""Reference rendering of a decoded frame: the float64 picture that the screen must show."""

import numpy as np

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View
from panosod_core.geometry.render_reference import (
    EyeCoordinates,
    flat_coordinates,
    sample_plane,
    spherical_coordinates,
)
from panosod_core.geometry.sphere import FloatArray
from panosod_core.media.color import chroma_site, samples_to_rgb
from panosod_core.media.frame import VideoFrame


def reference_view(
    frame: VideoFrame,
    geometry: PictureGeometry,
    view: View,
    *,
    width: int,
    height: int,
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> FloatArray:
    """A spherical picture as a camera sees it.

    Returns:
        (height, width, 3) float64 R'G'B', 0..1.
    """
    where = spherical_coordinates(view, geometry, width=width, height=height)
    return _blended(frame, geometry, where, background_rgb)


def reference_flat(
    frame: VideoFrame,
    geometry: PictureGeometry,
    *,
    width: int,
    height: int,
    centre_u: float = 0.5,
    centre_v: float = 0.5,
    zoom: float = 1.0,
    background_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> FloatArray:
    """A flat picture fitted into the viewport, panned and zoomed: (height, width, 3) float64 R'G'B', 0..1."""
    eye_width, eye_height = geometry.eye_size(frame.width, frame.height)
    where = flat_coordinates(
        eye_width / eye_height, width=width, height=height, centre_u=centre_u, centre_v=centre_v, zoom=zoom
    )
    return _blended(frame, geometry, where, background_rgb)


def frame_samples(frame: VideoFrame, where: EyeCoordinates, geometry: PictureGeometry) -> FloatArray:
    """Bilinear samples of the planes: (H, W, 3), stored value / largest stored value; grey leaves two channels 0."""
    top = 255.0 if frame.planes[0].dtype.itemsize == 1 else 65535.0
    site = chroma_site(frame.layout, frame.range)
    luma = sample_plane(frame.planes[0][: frame.height, : frame.width] / top, where, geometry)
    if frame.layout.components == "y":
        return np.stack([luma, np.zeros_like(luma), np.zeros_like(luma)], axis=-1)
    sx, sy = frame.layout.chroma_shift
    columns, rows = -(-frame.width >> sx), -(-frame.height >> sy)
    if frame.layout.components == "y+uv":
        pairs = frame.planes[1][:rows, : 2 * columns].reshape(rows, columns, 2)
        chroma = sample_plane(pairs / top, where, geometry, site=site)
        return np.concatenate([luma[..., None], chroma], axis=-1)
    rest = [sample_plane(p[:rows, :columns] / top, where, geometry, site=site) for p in frame.planes[1:3]]
    return np.stack([luma, *rest], axis=-1)


def _blended(
    frame: VideoFrame, geometry: PictureGeometry, where: EyeCoordinates, background_rgb: tuple[float, float, float]
) -> FloatArray:
    rgb = samples_to_rgb(frame_samples(frame, where, geometry), frame)
    cover = where.coverage[..., None]
    blended: FloatArray = rgb * cover + np.asarray(background_rgb, np.float64) * (1 - cover)
    return blended
