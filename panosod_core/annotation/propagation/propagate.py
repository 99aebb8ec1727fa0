"""Carrying objects over many frames: onwards until something stands in the way, or between two frames that are known.

Frames come from an iterator and leave through one, so that memory does not grow with their number. Which frames may not
be written (locked or accepted ones) is the caller's knowledge: it names them, and carrying stops there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.propagation.carry import Carried, Carrier, Luma
from panosod_core.errors import AnnotationError
from panosod_core.geometry.regions.morphology import cap_about
from panosod_core.geometry.regions.ring import RingBox, RingMask
from panosod_core.geometry.regions.turning import turn_about, turned_region
from panosod_core.geometry.regions.window import FloatImage
from panosod_core.geometry.sphere import angle_between

KeyT = TypeVar("KeyT")

WORK_WIDTH_PX = 960
"""Width at which flow is computed: 2.7 pixels a degree."""
_LEAST_COMMON = 0.5
"""Of what two outlines cover together: with less in common they are brought together before they are blended."""


@dataclass(frozen=True, eq=False)
class WorkFrame(Generic[KeyT]):
    """A frame to carry objects into.

    Attributes:
        key: what the caller knows it by.
        luma: (h, w) brightness, see :func:`working_luma`.
        guide: (h', w') 0..1 the model's saliency, or None.
    """

    key: KeyT
    luma: Luma
    guide: FloatImage | None = None


@dataclass(frozen=True, eq=False)
class CarriedFrame(Generic[KeyT]):
    """Where objects are in a frame.

    Attributes:
        key: of the frame.
        objects: id -> where it is, with its confidence; disjoint: where two met, the more confident has the pixel.
    """

    key: KeyT
    objects: Mapping[int, Carried]


def working_luma(luma: NDArray[np.uint8] | NDArray[np.uint16], *, width: int = WORK_WIDTH_PX) -> Luma:
    """Brightness of a full sphere at the size in which flow is computed; never made larger.

    Args:
        luma: (H, W) uint8, or uint16 of which the upper 8 bits count.
        width: wanted.
    """
    picture = np.asarray(luma if luma.dtype == np.uint8 else luma >> 8, np.uint8)
    if picture.shape[1] <= width:
        return np.ascontiguousarray(picture, np.uint8)
    size = (width, width * picture.shape[0] // picture.shape[1])
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def carry_on(
    start: Luma,
    labels: NDArray[np.uint8],
    ids: Iterable[int],
    frames: Iterable[WorkFrame[KeyT]],
    *,
    is_barrier: Callable[[KeyT, int], bool] = lambda key, object_id: False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[CarriedFrame[KeyT]]:
    """Carry objects from a frame into those that follow it (or go before it: the order is that of `frames`).

    Args:
        start: brightness of the frame whose masks are known.
        labels: (H, W) uint8 label map of it.
        ids: of the objects to carry.
        frames: the next ones, in order; read one at a time.
        is_barrier: true where an object may not be written in a frame: it stops before it. When all have stopped, so
            does the rest.
        should_stop: asked before every frame and every object.

    Yields:
        One value a frame. An object that was lost is no longer carried.

    Raises:
        AnnotationError: none of the objects is in the first frame.
    """
    carriers = {i: Carrier(start, labels == i) for i in ids if (labels == i).any()}
    if not carriers:
        raise AnnotationError("expected objects to carry along, none of them is painted in this frame: paint one first")
    height, width = labels.shape
    for frame in frames:
        for object_id in [i for i in carriers if is_barrier(frame.key, i)]:
            del carriers[object_id]
        if not carriers or should_stop():
            return
        found: dict[int, Carried] = {}
        for object_id, carrier in carriers.items():
            if should_stop():
                return
            found[object_id] = carrier.step(frame.luma, guide=frame.guide)
        for object_id in [i for i, c in found.items() if c.mask is None]:
            del carriers[object_id]
        yield CarriedFrame(frame.key, _disjoint(found, width=width, height=height))
        if not carriers:
            return


def carry_between(
    ends: tuple[Luma, Luma],
    labels: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    ids: Iterable[int],
    frames: Iterable[WorkFrame[KeyT]],
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[CarriedFrame[KeyT]]:
    """Carry objects through the frames between two whose masks are known, from both sides.

    Args:
        ends: brightness of the two known frames.
        labels: (H, W) uint8 label maps of them, of the same size.
        ids: of the objects to carry; those that are painted at one end only are left out.
        frames: those between, in order; all are held (at working size), since one side walks backwards.
        should_stop: asked before every frame and object.

    Yields:
        One value a frame, in order: the outline goes from the one's to the other's, each counting by its confidence and
        its nearness.

    Raises:
        AnnotationError: no object is painted at both ends.
    """
    both = [i for i in ids if (labels[0] == i).any() and (labels[1] == i).any()]
    if not both:
        raise AnnotationError("expected an object that is painted in both key frames: paint it in both first")
    inner = list(frames)
    there = list(carry_on(ends[0], labels[0], both, inner, should_stop=should_stop))
    back = list(carry_on(ends[1], labels[1], both, inner[::-1], should_stop=should_stop))
    forward = {n: frame.objects for n, frame in enumerate(there)}
    backward = {len(inner) - 1 - n: frame.objects for n, frame in enumerate(back)}
    height, width = labels[0].shape
    for n, frame in enumerate(inner):
        if should_stop():
            return
        nearness = (n + 1) / (len(inner) + 1)
        found = {
            i: _blended(
                forward.get(n, {}).get(i), backward.get(n, {}).get(i), nearness=nearness, width=width, height=height
            )
            for i in both
        }
        present = {i: carried for i, carried in found.items() if carried is not None}
        yield CarriedFrame(frame.key, _disjoint(present, width=width, height=height))


def _blended(
    first: Carried | None, second: Carried | None, *, nearness: float, width: int, height: int
) -> Carried | None:
    """Between two outlines: where the weighted mean of the distances to them is 0, never nothing.

    Where they lie so far apart that this mean would wear the object away, both are turned to the middle between them
    before: one turned all the way costs no area, two that do not meet leave none.
    """
    known = [c for c in (first, second) if c is not None and c.mask is not None]
    if len(known) < 2 or first is None or second is None or first.mask is None or second.mask is None:
        return known[0] if known else None
    weights = np.array([first.confidence * (1 - nearness), second.confidence * nearness]) + 1e-6
    weights /= weights.sum()
    ends = _brought_together((first.mask, second.mask), weights, width=width, height=height)
    box = _padded(ends[0].box.union(ends[1].box, width), width, height)
    depth = np.zeros((box.height, box.width), np.float32)
    for mask, weight in zip(ends, weights, strict=True):
        depth += float(weight) * _signed_distance(mask.within(box, width).astype(np.uint8))
    merged = depth > 0
    confidence = float(weights @ [first.confidence, second.confidence])
    # Unlike each other (a ring and a disc, say), they may still have no mean: then the one that counts for more.
    mask = RingMask(box, merged) if merged.any() else (first.mask, second.mask)[int(weights[1] > weights[0])]
    return Carried(mask, confidence)


def _brought_together(
    masks: tuple[RingMask, RingMask], weights: NDArray[np.float64], *, width: int, height: int
) -> tuple[RingMask, RingMask]:
    """Two outlines of one object, turned so that their middles meet, where too little of them overlaps."""
    box = masks[0].box.union(masks[1].box, width)
    both = [mask.within(box, width) for mask in masks]
    common = float(np.count_nonzero(both[0] & both[1]))
    if common >= _LEAST_COMMON * np.count_nonzero(both[0] | both[1]):
        return masks
    caps = [cap_about(mask, width=width, height=height) for mask in masks]
    if caps[0] is None or caps[1] is None:
        return masks
    (start, _), (end, _) = caps[0], caps[1]
    angle = float(angle_between(start, end))
    axis = np.cross(start, end)
    if angle < 1e-6 or float(np.linalg.norm(axis)) < 1e-9:  # nothing to turn, or opposite: no way is the shortest
        return masks
    forward = turned_region(masks[0], turn_about(axis, float(weights[1]) * angle), width=width, height=height)
    backward = turned_region(masks[1], turn_about(axis, -float(weights[0]) * angle), width=width, height=height)
    return masks if forward is None or backward is None else (forward, backward)


def _signed_distance(inside: NDArray[np.uint8]) -> FloatImage:
    if inside.all():
        return np.full(inside.shape, float(max(inside.shape)), np.float32)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    without = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    return np.asarray(within - without, np.float32)


def _padded(box: RingBox, width: int, height: int) -> RingBox:
    top, bottom = max(0, box.y - 1), min(height, box.y + box.height + 1)
    if box.width + 2 >= width:
        return RingBox(0, top, width, bottom - top)
    return RingBox((box.x - 1) % width, top, box.width + 2, bottom - top)


def _disjoint(found: Mapping[int, Carried], *, width: int, height: int) -> dict[int, Carried]:
    """Each pixel to the most confident of the objects that claim it."""
    if len(found) < 2:
        return dict(found)
    taken = np.zeros((height, width), np.bool_)
    settled: dict[int, Carried] = {}
    for object_id, carried in sorted(found.items(), key=lambda item: (-item[1].confidence, item[0])):
        mask = carried.mask
        if mask is None:
            settled[object_id] = carried
            continue
        free = mask.bits & ~np.asarray(mask.box.read(taken), np.bool_)
        mask.box.write_where(taken, np.ones_like(free), free)
        settled[object_id] = Carried(RingMask(mask.box, free) if free.any() else None, carried.confidence)
    return {i: settled[i] for i in found}
