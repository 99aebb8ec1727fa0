"""The frame on the screen as an R'G'B' picture of the full sphere, for tools that select by colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.inference.fitting import PictureFitter
from panosod_core.media.frame import VideoFrame

GREATEST_WIDTH = 1536
"""A quarter of a degree a pixel: colours are compared while the pointer moves."""


class FramePicture:
    """Makes the picture when it is first asked for, and keeps the last one."""

    def __init__(self) -> None:
        self._fitter: PictureFitter | None = None
        self._made_for: tuple[PictureGeometry, int, int] | None = None
        self._frame: VideoFrame | None = None
        self._picture: NDArray[np.uint8] | None = None

    def of(
        self, frame: VideoFrame | None, geometry: PictureGeometry, *, label_shape: tuple[int, int]
    ) -> NDArray[np.uint8] | None:
        """(h, w, 3) uint8 in the frame of the label map (the clip's pose is left out), black where nothing is seen.

        Args:
            frame: on the screen; None gives None.
            geometry: how it covers the sphere.
            label_shape: (H, W) of the label map; the picture is as large, but no wider than 1536.
        """
        if frame is None or not geometry.is_spherical:
            return None
        height, width = label_shape
        if width > GREATEST_WIDTH:
            height, width = round(height * GREATEST_WIDTH / width), GREATEST_WIDTH
        wanted = geometry, height, width
        if self._fitter is None or self._made_for != wanted:
            self._fitter = PictureFitter(replace(geometry, pose_deg=(0.0, 0.0, 0.0)), height=height, width=width)
            self._made_for, self._frame = wanted, None
        if frame is not self._frame:
            self._frame, self._picture = frame, self._fitter.fit(frame)
        return self._picture

    def forget(self) -> None:
        """Another clip."""
        self._frame = self._picture = None
