"""The model's map of the frame as a mask of the label map's size; and the tool that takes one part of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.edits import Origin
from panosod_core.annotation.operations import Combination, take_mask
from panosod_core.annotation.records import Source
from panosod_core.annotation.selecting import pixel_at
from panosod_core.errors import AnnotationError
from panosod_viewer.tools.tool import Drawn, Easel, Finished, Idle, Touch


def model_mask(easel: Easel) -> NDArray[np.bool_]:
    """Where the model's map reaches the threshold, bilinear in between, as the picture shows it: (H, W).

    Raises:
        AnnotationError: there is no map of this frame.
    """
    values = easel.saliency
    if values is None:
        raise AnnotationError("expected the model's mask of this frame, there is none yet: wait for it or press P")
    height, width = easel.sketch.shape
    # Three columns of the ring at each side, so that both edges are interpolated alike.
    margin = 3
    ring = np.concatenate([values[:, -margin:], values, values[:, :margin]], axis=1)
    scale = width / values.shape[1]
    side = round(margin * scale)
    large = cv2.resize(ring, (width + 2 * side, height), interpolation=cv2.INTER_LINEAR)[:, side : side + width]
    return np.asarray(large >= max(1.0, easel.threshold * 255))


class TakePart(Idle):
    """Takes the connected part of the model's mask under the pointer; Ctrl takes it away from the object."""

    name = "Take the model's part"

    def press(self, touch: Touch, easel: Easel) -> Finished | None:
        """Take it."""
        if touch.direction is None:
            return None
        height, width = easel.sketch.shape
        edit = take_mask(
            easel.labels,
            easel.object_id,
            model_mask(easel),
            Combination.SUBTRACT if touch.inverted else Combination.UNION,
            protection=easel.sketch.protection,
            part=pixel_at(touch.direction, width=width, height=height),
            preserve_others=easel.preserve_others,
            origin=Origin(Source.MODEL, model_id=easel.model_id),
        )
        return None if edit.is_empty else Finished(edit, "Take the model's mask")

    def drawn(self, easel: Easel) -> Drawn:
        """How it works."""
        return Drawn(hint="Click a part of the model's mask to take it · Ctrl takes it away")
