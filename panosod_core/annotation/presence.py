"""Who sounds when, as people have said it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from panosod_core.annotation.masks import LabelMap
from panosod_core.annotation.records import ObjectInfo, Presence


def only_sounding(labels: LabelMap, objects: Iterable[ObjectInfo], pts: int) -> LabelMap:
    """A label map without the objects of which a person has said that they do not sound at a time.

    Objects of which nothing was said stay.

    Args:
        labels: (H, W) label map.
        objects: of the clip.
        pts: the time, ticks of the clip's stream.
    """
    quiet = [
        o.id
        for o in objects
        if o.intervals
        and not any(i.presence is Presence.SOUNDING and i.start_pts <= pts < i.end_pts for i in o.intervals)
    ]
    return np.where(np.isin(labels, quiet), np.uint8(0), labels)
