"""Maps for frames that the model has not seen: carried along from a near one that it has, by the picture's motion.

Optical flow (DIS; Kroeger et al. 2016) from the frame in question back to the one that was seen tells where every pixel
was then. Pictures are rings: both are continued beyond the seam before the flow is found. No torch.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.inference.map_record import MapRecord, map_record

SEAM = 16
"""Columns to continue a picture by on either side, a share of its width: 1 / 16 (22 degrees)."""


class MapCarrier:
    """Carries maps along. Keeps the flow's buffers, so not for several threads at once."""

    def __init__(self) -> None:
        """DIS in its `fast` setting: 1.3 ms of a core at 208 x 416, where `medium` takes 6.7 ms."""
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def carry(
        self, record: MapRecord, *, seen: NDArray[np.uint8], shown: NDArray[np.uint8], index: int, pts: int,
        time_s: float,
    ) -> MapRecord:  # fmt: skip
        """A frame's maps from those of a near frame.

        The location map is taken over as it is: it says where sound comes from, and its cells are wider than what a
        thing moves meanwhile.

        Args:
            record: maps of the near frame, from the model.
            seen: (h, w) grey picture of that frame: the full sphere, of any one size.
            shown: the same of the frame in question.
            index: of the frame in question.
            pts: of it.
            time_s: of it.

        Returns:
            Its maps, marked as carried over the frames between the two.

        Raises:
            ValueError: pictures of different sizes, or a record that was itself carried, or of this very frame.
        """
        if seen.shape != shown.shape or seen.ndim != 2:
            raise ValueError(f"expected two grey pictures (h, w) of one size, got {seen.shape} and {shown.shape}")
        if record.carried or record.index == index:
            raise ValueError(f"expected the model's map of another frame than {index}, got {record}")
        flow = self.flow(shown, seen)
        return map_record(
            index,
            pts=pts,
            time_s=time_s,
            saliency=moved(record.saliency, flow),
            location=record.location,
            carried=abs(index - record.index),
        )

    def flow(self, now: NDArray[np.uint8], then: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Where each pixel of a picture was in another one of the same size.

        Args:
            now: (h, w), a ring.
            then: (h, w).

        Returns:
            (h, w, 2) float32, to be added to (column, row) of ``now``; columns may leave [0, w).
        """
        seam = max(now.shape[1] // SEAM, 8)
        wide = [cv2.copyMakeBorder(p, 0, 0, seam, seam, cv2.BORDER_WRAP) for p in (now, then)]
        flow = self._dis.calc(wide[0], wide[1], np.zeros((*wide[0].shape, 2), np.float32))
        return np.asarray(flow[:, seam:-seam], np.float32)


def moved(saliency: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A map looked up where each pixel was.

    Args:
        saliency: (H, W), a ring.
        flow: (h, w, 2) in pixels of its own grid.

    Returns:
        (H, W) uint8.
    """
    height, width = saliency.shape
    scale = width / flow.shape[1], height / flow.shape[0]
    if flow.shape[:2] != saliency.shape:
        flow = _resized_ring(flow, height, width)
    across, down = cv2.split(flow)
    # Half a ring more on either side: nothing is nearer by going further round. (A remainder took five times as long.)
    wrap = width // 2
    x = cv2.scaleAdd(across, scale[0], np.tile(np.arange(wrap, wrap + width, dtype=np.float32), (height, 1)))
    y = cv2.scaleAdd(down, scale[1], np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1))
    ring = cv2.copyMakeBorder(saliency, 0, 0, wrap, wrap, cv2.BORDER_WRAP)
    return np.asarray(cv2.remap(ring, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _resized_ring(flow: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    ring = cv2.copyMakeBorder(flow, 0, 0, 1, 1, cv2.BORDER_WRAP)
    ratio = width / flow.shape[1]
    wide = cv2.resize(ring, (round(width + 2 * ratio), height), interpolation=cv2.INTER_LINEAR)
    start = round(ratio)
    return np.asarray(wide[:, start : start + width], np.float32)
