"""Pictures in the light of others: mixed-in scenes take over the colours and the grain of corrected frames.

A few corrected frames of one clip show its light, its tint, its haze and its camera's noise, but few things. Scenes
show many things whose masks are exact, but never in that light. Mean and spread of each channel say most of it
(E. Reinhard et al., "Color transfer between images", 2001; here channel by channel in display colours, which a gain, a
tint and a veil are linear in), and the noise is measured as by J. Immerkaer, "Fast noise variance estimation", 1996,
with the median in place of the mean, which edges and patterns would raise. Videos keep less of colour than of
brightness (4:2:0), so that what noise they show is much the same in all channels: how far it is, is measured, too.
Masks and sound stay as they are.
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
_EDGE = 4.0
"""Medians beyond which it is no noise: 2.7 deviations."""
_MOST_NOISE = 0.7
"""Of the spread: patterns as fine as pixels look like noise, too."""


@dataclass(frozen=True)
class Colours:
    """Of a window; pixels are 0..1.

    Attributes:
        mean, spread, noise: (3,) mean, standard deviation, and standard deviation of the noise, of each channel.
        alike: (3, 3) correlation of the channels' noise.
    """

    mean: Tensor
    spread: Tensor
    noise: Tensor
    alike: Tensor


def colours_of(frames: Tensor) -> Colours:
    """The colours of a window.

    Args:
        frames: (..., 3, H, W) in 0..1; all but the channels is summed up.
    """
    channels = frames.movedim(-3, 0).flatten(1)
    spread = channels.std(1)
    noise, alike = _noise_of(frames)
    return Colours(channels.mean(1), spread, noise.minimum(_MOST_NOISE * spread), alike)


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
    missing = _root(_covariance(wanted.noise, wanted.alike) - _covariance(own.noise * gain, own.alike))
    noise = torch.from_numpy(chance.standard_normal(tuple(frames.shape), np.float32)).to(frames)
    return (lit + torch.einsum("ij,...jhw->...ihw", missing, noise)).clamp(0.0, 1.0)


def _covariance(noise: Tensor, alike: Tensor) -> Tensor:
    return noise[:, None] * alike * noise


def _root(covariance: Tensor) -> Tensor:
    """(3, 3) what makes independent noise such noise; directions in which there is too much already get none."""
    values, axes = torch.linalg.eigh(covariance)
    root: Tensor = axes * values.clamp(min=0.0).sqrt()
    return root


def _without_noise(colours: Colours) -> Tensor:
    """(3,) spread of the picture alone: variances of picture and noise add up."""
    return (colours.spread.square() - colours.noise.square()).clamp(min=0.0).sqrt()


def _noise_of(frames: Tensor) -> tuple[Tensor, Tensor]:
    """(3,) deviation and (3, 3) correlation of what looks like noise, of (..., 3, H, W), at least 3 x 3 pixels.

    Of a video's noise the fine part is brightness alone, the coarser part not: the correlation is the mean of both.
    """
    by_channel = frames.movedim(-3, 0).reshape(-1, 1, *frames.shape[-2:])
    rough = _rough(by_channel)
    middle = rough.abs().median(1).values
    alike = _alike(rough)
    if min(frames.shape[-2:]) >= 6:
        alike = (alike + _alike(_rough(F.avg_pool2d(by_channel, 2)))) / 2
    return middle / _NOISE_GAIN, alike


def _rough(by_channel: Tensor) -> Tensor:
    """(3, n) what is no plane."""
    mask = torch.tensor(_NOISE_MASK).to(by_channel)
    return F.conv2d(by_channel, mask[None, None]).reshape(3, -1)


def _alike(rough: Tensor) -> Tensor:
    """(3, 3) its correlation, edges being cut down."""
    most = _EDGE * rough.abs().median(1, keepdim=True).values
    found = torch.corrcoef(rough.clamp(-most, most)).nan_to_num(0.0)
    return found.fill_diagonal_(1.0)
