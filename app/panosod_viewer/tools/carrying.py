"""How masks are to be carried through a clip, and how far that is: values that panel and window share. No Qt."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CarryWish:
    """How a person wants masks carried.

    Attributes:
        frames: how many at a time.
        every: the keyframe rule: every n-th frame is one.
        all_objects: every object of the frame, not the selected one alone.
        guided: the model's maps settle outlines where there are any.
        follows: the picture goes along.
    """

    frames: int = 30
    every: int = 6
    all_objects: bool = True
    guided: bool = True
    follows: bool = True


@dataclass(frozen=True)
class CarryState:
    """How far a running propagation is.

    Attributes:
        share: 0..1.
        words: for the person.
    """

    share: float
    words: str
