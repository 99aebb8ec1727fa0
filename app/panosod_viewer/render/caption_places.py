"""Where captions stand beside their marks: within the pane, and none over another."""

from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, pixels."""


def caption_places(
    places: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    *,
    pane: tuple[float, float],
    gap: float,
) -> list[tuple[int, int]]:
    """Left upper corners of captions: right of the mark, else left of it, else below or above the one that is there.

    Args:
        places: of the marks, pixels.
        sizes: of the captions, pixels.
        pane: width and height of what is drawn into, pixels.
        gap: between the middle of a mark and its caption, pixels.

    Returns:
        One for each, whole pixels, within the pane where it is large enough. Where there is no free place beside the
        mark, captions lie over each other.
    """
    taken: list[Box] = []
    found = []
    for (x, y), (w, h) in zip(places, sizes, strict=True):
        right, left = x + gap, x - gap - w
        sides = (right, left) if right + w <= pane[0] else (left, right)
        wanted = [(side, y - h / 2 + step * (h + 2)) for step in (0, 1, -1) for side in sides]
        boxes = [_within(corner, (w, h), pane) for corner in wanted]
        box = next((b for b in boxes if not any(_meet(b, t) for t in taken)), boxes[0])
        taken.append(box)
        found.append((round(box[0]), round(box[1])))
    return found


def _within(corner: tuple[float, float], size: tuple[float, float], pane: tuple[float, float]) -> Box:
    left = round(min(max(corner[0], 0.0), max(pane[0] - size[0], 0.0)))
    top = round(min(max(corner[1], 0.0), max(pane[1] - size[1], 0.0)))
    return left, top, left + size[0], top + size[1]


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
