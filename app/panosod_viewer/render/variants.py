"""From a scene to what the shader needs: which variant to compile, and its uniforms. Pure numbers, no OpenGL."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View, ViewProjection, directions_to_viewport
from panosod_core.geometry.render_reference import flat_extent, texel_range
from panosod_core.media.color import chroma_site, frame_transform
from panosod_core.media.frame import VideoFrame
from panosod_core.media.info import Matrix, Transfer
from panosod_viewer.scene import FlatView, Outline, Pane

UniformValue: TypeAlias = int | float | tuple[float, ...] | np.ndarray
"""int for samplers, float, tuple of 2..4 floats for vectors, (3, 3) array for matrices."""

_CROSSHAIR_RADIUS_PX = 11.0
_NEVER_PX = 1e6
_ANYWHERE = (-1e3, 1e3)


@dataclass(frozen=True)
class PassSetup:
    """One pane's draw call.

    Attributes:
        defines: the shader variant.
        uniforms: values by name.
        repeat: textures wrap horizontally (GL_REPEAT).
    """

    defines: frozenset[str]
    uniforms: dict[str, UniformValue]
    repeat: bool


def pane_pixels(rect: tuple[float, float, float, float], width: int, height: int) -> tuple[int, int, int, int]:
    """Pixel rectangle (x, y from the top, width, height) of a pane; neighbours share an edge without gap or overlap."""
    left, right = round(rect[0] * width), round((rect[0] + rect[2]) * width)
    top, bottom = round(rect[1] * height), round((rect[1] + rect[3]) * height)
    return left, top, max(right - left, 0), max(bottom - top, 0)


def pane_setup(
    pane: Pane,
    frame: VideoFrame,
    geometry: PictureGeometry,
    *,
    flat: FlatView,
    size_px: tuple[int, int],
    pixel_ratio: float = 1.0,
) -> PassSetup:
    """All that one pane's draw call needs, except where the pane lies in the window.

    Args:
        pane: view and marks.
        frame: the picture; its size and layout count, its samples do not.
        geometry: how it covers the sphere.
        flat: pan and zoom where it does not.
        size_px: of the pane as drawn.
        pixel_ratio: drawn pixels a device-independent pixel; widths of lines follow it.
    """
    defines = set(_picture_defines(frame))
    uniforms = _picture_uniforms(frame, geometry)
    aspect = size_px[0] / size_px[1]
    if geometry.is_spherical:
        ray_defines, ray_uniforms = _ray(pane.view, geometry, aspect)
    else:
        ray_defines, ray_uniforms = _flat_ray(frame, geometry, flat, aspect)
    defines |= ray_defines
    uniforms |= ray_uniforms
    full_turn = geometry.is_spherical and geometry.bounds.left + geometry.bounds.right == 0
    repeat = full_turn and geometry.eye_rect[0] == 0 and geometry.eye_rect[2] == 1
    uniforms |= _limits(frame, geometry, repeat=repeat)
    if full_turn and not repeat:
        defines.add("WRAP_SEAM")
    if geometry.is_spherical and geometry.bounds.is_full and geometry.eye_rect == (0, 0, 1, 1):
        defines.add("WHOLE")
    if geometry.is_spherical and pane.outline is not None:
        defines.add("OUTLINE")
        uniforms |= _outline(pane.outline, geometry, pixel_ratio)
    if geometry.is_spherical and pane.crosshair is not None:
        mark = _crosshair(pane.view, pane.crosshair, size_px, pixel_ratio)
        if mark is not None:
            defines.add("CROSSHAIR")
            uniforms["u_crosshair"] = mark
    return PassSetup(frozenset(defines), uniforms, repeat)


def _picture_defines(frame: VideoFrame) -> set[str]:
    defines = {
        {"y": "PLANES_Y", "yuv": "PLANES_YUV", "gbr": "PLANES_YUV", "y+uv": "PLANES_Y_UV"}[frame.layout.components]
    }
    if frame.transfer is not Transfer.SDR:
        defines.add("TRANSFER_PQ" if frame.transfer is Transfer.PQ else "TRANSFER_HLG")
        if frame.matrix is Matrix.BT2020:
            defines.add("WIDE_GAMUT")
    return defines


def _picture_uniforms(frame: VideoFrame, geometry: PictureGeometry) -> dict[str, UniformValue]:
    color = frame_transform(frame)
    u0, v0, u1, v1 = geometry.eye_rect
    site = chroma_site(frame.layout, frame.range)
    columns, rows = _chroma_size(frame)
    return {
        "u_plane0": 0,
        "u_plane1": 1,
        "u_plane2": 2,
        "u_rgb_from_samples": color.matrix,
        "u_rgb_offset": _floats(color.offset),
        "u_eye_rect": (u0, v0, u1 - u0, v1 - v0),
        "u_chroma_shift": ((0.5 - site[0]) / columns, (0.5 - site[1]) / rows),
        "u_columns": (float(frame.width), float(columns)),
    }


def _chroma_size(frame: VideoFrame) -> tuple[int, int]:
    sx, sy = frame.layout.chroma_shift
    return -(-frame.width >> sx), -(-frame.height >> sy)


def _limits(frame: VideoFrame, geometry: PictureGeometry, *, repeat: bool) -> dict[str, UniformValue]:
    u0, v0, u1, v1 = geometry.eye_rect
    limits: dict[str, UniformValue] = {}
    for name, (columns, rows) in (
        ("u_limits_luma", (frame.width, frame.height)),
        ("u_limits_chroma", _chroma_size(frame)),
    ):
        left, right = _ANYWHERE if repeat else _centres(u0, u1, columns)
        top, bottom = _centres(v0, v1, rows)
        limits[name] = (left, top, right, bottom)
    return limits


def _centres(start: float, end: float, count: int) -> tuple[float, float]:
    """Texture coordinates of the first and last texel centre of an eye."""
    first, past = texel_range(start, end, count)
    return (first + 0.5) / count, (past - 0.5) / count


def _ray(view: View, geometry: PictureGeometry, aspect: float) -> tuple[set[str], dict[str, UniformValue]]:
    b = geometry.bounds
    uniforms: dict[str, UniformValue] = {
        "u_bounds": (b.left, b.top, 1 - b.left - b.right, 1 - b.top - b.bottom),
        "u_R_picture_view": geometry.R_world_picture.T,
        "u_edge": _edge(view, aspect),
        "u_k": float(view.k),
        "u_centre": (float(view.yaw_rad), float(view.pitch_rad)),
    }
    defines = set() if b.is_full else {"PARTIAL"}
    if view.projection is ViewProjection.EQUIRECT:
        half_height = view.fov_rad / aspect / 2
        if abs(view.pitch_rad) + half_height > np.pi / 2 + 1e-6:
            defines.add("PARTIAL")
        pose_yaw, pose_pitch, pose_roll = np.radians(geometry.pose_deg)
        if pose_pitch == 0 and pose_roll == 0:
            uniforms["u_centre"] = (float(view.yaw_rad - pose_yaw), float(view.pitch_rad))
            return defines | {"RAY_EQUIRECT_LEVEL"}, uniforms
        return defines | {"RAY_EQUIRECT"}, uniforms
    uniforms["u_R_picture_view"] = geometry.R_world_picture.T @ view.R_world_view
    ray = {1.0: "RAY_RECTILINEAR", 0.5: "RAY_STEREOGRAPHIC"}.get(view.k, "RAY_BLEND")
    return defines | {ray}, uniforms


def _edge(view: View, aspect: float) -> tuple[float, float]:
    across = view.fov_rad / 2 if view.projection is ViewProjection.EQUIRECT else view.edge_radius
    return float(across), float(across / aspect)


def _flat_ray(
    frame: VideoFrame, geometry: PictureGeometry, flat: FlatView, aspect: float
) -> tuple[set[str], dict[str, UniformValue]]:
    eye_width, eye_height = geometry.eye_size(frame.width, frame.height)
    across, down = flat_extent(eye_width / eye_height, aspect, flat.zoom)
    return {"RAY_FLAT", "PARTIAL"}, {"u_flat": (flat.centre_u, flat.centre_v, across, down)}


def _outline(outline: Outline, geometry: PictureGeometry, pixel_ratio: float) -> dict[str, UniformValue]:
    view = outline.view
    equirect = view.projection is ViewProjection.EQUIRECT
    to_view = np.eye(3) if equirect else view.R_world_view.T
    return {
        "u_outline_R_view_picture": to_view @ geometry.R_world_picture,
        "u_outline_edge": _edge(view, outline.aspect),
        "u_outline_k": 0.0 if equirect else float(view.k),
        "u_outline_centre": (float(view.yaw_rad), float(view.pitch_rad)),
        "u_outline_rgb": outline.rgb,
        "u_outline_width": outline.width_px * pixel_ratio,
    }


def _crosshair(
    view: View, direction: tuple[float, float, float], size_px: tuple[int, int], pixel_ratio: float
) -> tuple[float, float, float, float] | None:
    """Ring centre, radius and horizontal period in pane pixels; None where the view cannot show the direction."""
    x, y = directions_to_viewport(view, direction, aspect=size_px[0] / size_px[1])
    if not (np.isfinite(x) and np.isfinite(y)):
        return None
    period = _NEVER_PX
    if view.projection is ViewProjection.EQUIRECT:
        period = size_px[0] * 2 * np.pi / view.fov_rad
    return float(x * size_px[0]), float(y * size_px[1]), _CROSSHAIR_RADIUS_PX * pixel_ratio, float(period)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
