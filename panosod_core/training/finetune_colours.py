"""Pictures in the light of others: mixed-in scenes take over the colours and the grain of corrected frames.

A few corrected frames of one clip show its light, its tint, its haze and its camera's noise, but few things. Scenes
show many things whose masks are exact, but never in that light. Mean and spread of each channel say most of it
(E. Reinhard et al., "Color transfer between images", 2001; here channel by channel in display colours, which a gain, a
tint and a veil are linear in), and the noise is measured as by J. Immerkaer, "Fast noise variance estimation", 1996,
with the median in place of the mean, which edges and patterns would raise. Masks and sound stay as they are.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_LEAST_SPREAD = 1e-3
"""A picture that is all one colour has no spread to be stretched."""
_NOISE_MASK = ((1.0, -2.0, 1.0), (-2.0, 4.0, -2.0), (1.0, -2.0, 1.0))
"""The difference of two Laplacians: whatever is locally a plane gives 0, white noise of deviation 1 gives 6."""
_NOISE_GAIN = 6.0 * 0.6745
"""The median of the size of a normal variable is 0.6745 of its deviation."""
_MOST_NOISE = 0.7
"""Of the spread: patterns as fine as pixels look like noise, too."""


@dataclass(frozen=True)
class Colours:
    """Mean, standard deviation and deviation of the noise of each channel, (3,) each, of a window; pixels are 0..1."""

    mean: Tensor
    spread: Tensor
    noise: Tensor


def colours_of(frames: Tensor) -> Colours:
    """The colours of a window.

    Args:
        frames: (..., 3, H, W) in 0..1; all but the channels is summed up.
    """
    channels = frames.movedim(-3, 0).flatten(1)
    spread = channels.std(1)
    return Colours(channels.mean(1), spread, _noise_of(frames).minimum(_MOST_NOISE * spread))


def in_colours(frames: Tensor, wanted: Colours, chance: np.random.Generator) -> Tensor:
    """A window in the colours of another one, and at least as noisy.

    Args:
        frames: (..., 3, H, W) in 0..1.
        wanted: their mean, spread and noise afterwards, but for what is cut off at 0 and 1. Noise that is there already
            is not taken away.
        chance: of the noise.
    """
    own = colours_of(frames)
    gain = _without_noise(wanted) / _without_noise(own).clamp(min=_LEAST_SPREAD)
    shift = wanted.mean - gain * own.mean
    lit = frames * gain[:, None, None] + shift[:, None, None]
    missing = (wanted.noise.square() - (own.noise * gain).square()).clamp(min=0.0).sqrt()
    noise = torch.from_numpy(chance.standard_normal(tuple(frames.shape), np.float32)).to(frames)
    return (lit + noise * missing[:, None, None]).clamp(0.0, 1.0)


def _without_noise(colours: Colours) -> Tensor:
    """(3,) spread of the picture alone: variances of picture and noise add up."""
    return (colours.spread.square() - colours.noise.square()).clamp(min=0.0).sqrt()


def _noise_of(frames: Tensor) -> Tensor:
    """(3,) standard deviation of what looks like noise, of (..., 3, H, W), at least 3 x 3 pixels."""
    by_channel = frames.movedim(-3, 0)
    mask = torch.tensor(_NOISE_MASK).to(frames)
    rough = F.conv2d(by_channel.reshape(-1, 1, *frames.shape[-2:]), mask[None, None]).abs()
    return rough.reshape(3, -1).median(1).values / _NOISE_GAIN
