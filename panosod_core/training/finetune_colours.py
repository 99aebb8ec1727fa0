"""Pictures in the light of others: mixed-in scenes take over the colours of corrected frames.

A few corrected frames of one clip show its light, its tint and its haze, but few things. Scenes show many things whose
masks are exact, but never in that light. Mean and spread of each channel say most of it (E. Reinhard et al., "Color
transfer between images", 2001; here channel by channel in display colours, which a gain, a tint and a veil are linear
in). Masks and sound stay as they are.
"""

from dataclasses import dataclass

from torch import Tensor

_LEAST_SPREAD = 1e-3
"""A picture that is all one colour has no spread to be stretched."""


@dataclass(frozen=True)
class Colours:
    """Mean and standard deviation of each channel, (3,) each, over the pixels of a window, 0..1."""

    mean: Tensor
    spread: Tensor


def colours_of(frames: Tensor) -> Colours:
    """The colours of a window.

    Args:
        frames: (..., 3, H, W) in 0..1; all but the channels is summed up.
    """
    channels = frames.movedim(-3, 0).flatten(1)
    return Colours(channels.mean(1), channels.std(1))


def in_colours(frames: Tensor, wanted: Colours) -> Tensor:
    """A window in the colours of another one.

    Args:
        frames: (..., 3, H, W) in 0..1.
        wanted: their mean and spread afterwards, but for what is cut off at 0 and 1.
    """
    own = colours_of(frames)
    gain = wanted.spread / own.spread.clamp(min=_LEAST_SPREAD)
    shift = wanted.mean - gain * own.mean
    return (frames * gain[:, None, None] + shift[:, None, None]).clamp(0.0, 1.0)
