"""What an object can be united with, have taken away from it, or be cut down to; and why not. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.operations import Combination

COMBINATIONS = {
    Combination.UNION: "Unite with",
    Combination.SUBTRACT: "Subtract",
    Combination.INTERSECT: "Intersect with",
}
"""Those that are offered, and what they are called."""
OF_ONE_FRAME = {
    Combination.SUBTRACT: "Objects of a frame never overlap: nothing would change",
    Combination.INTERSECT: "Objects of a frame never overlap: nothing would be left",
}
"""Why nothing but uniting is possible with another object of the frame."""


class OperandKind(StrEnum):
    """Where the other mask comes from."""

    OBJECT = "object"
    """Another object of the frame."""
    MODEL = "model"
    """The model's mask of the frame."""
    BEFORE = "before"
    """The object itself in the nearest frame before that has a mask of it."""
    AFTER = "after"


@dataclass(frozen=True)
class Operand:
    """The other mask.

    Attributes:
        kind: where it comes from.
        object_id: of the other object; 0 where it is none.
    """

    kind: OperandKind
    object_id: int = 0


@dataclass(frozen=True)
class Choice:
    """Something that an object can be combined with.

    Attributes:
        operand: the other mask.
        words: as a menu says it.
        refusals: ways to combine them that are not possible, and why.
    """

    operand: Operand
    words: str
    refusals: Mapping[Combination, str] = field(default_factory=dict)


def refused(reason: str) -> dict[Combination, str]:
    """No way to combine is possible, for one reason."""
    return dict.fromkeys(COMBINATIONS, reason)


def refusals(mask: RingMask, other: RingMask, *, ring_width: int) -> dict[Combination, str]:
    """Ways to combine two masks that would leave all as it is, or nothing at all.

    Args:
        mask: the object's.
        other: the other one.
        ring_width: of the frame, pixels.
    """
    box = mask.box.union(other.box, ring_width)
    own, theirs = mask.within(box, ring_width), other.within(box, ring_width)
    why = {}
    if not (theirs & ~own).any():
        why[Combination.UNION] = "It holds all of that already: nothing would change"
    if not (own & theirs).any():
        why[Combination.SUBTRACT] = "They do not overlap: nothing would change"
        why[Combination.INTERSECT] = "They do not overlap: nothing would be left"
    elif not (own & ~theirs).any():
        why[Combination.SUBTRACT] = "It lies wholly within: nothing would be left"
        why[Combination.INTERSECT] = "It lies wholly within: nothing would change"
    return why
