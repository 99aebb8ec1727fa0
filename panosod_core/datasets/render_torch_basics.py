"""What the torch renderers of pictures and sound share: noise by position, square waves, tables of numbers."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_LOW_16 = 0xFFFF
_LOW_17 = 0x1FFFF
_LOW_24 = 0xFFFFFF
# the multipliers of synth.draws.hash32 as signed 32-bit numbers
_MULTIPLIER_A, _MULTIPLIER_B = 0x7FEB352D, 0x846CA68B - (1 << 32)


def signed_keys(keys: Sequence[int], device: torch.device) -> Tensor:
    """32-bit keys as int32: the same bits."""
    return torch.as_tensor(np.asarray(keys, np.uint32).view(np.int32), device=device)


def hashed_uniform(keys: Tensor, count: int) -> Tensor:
    """:func:`panosod_core.synth.draws.hashed_uniform`, bit for bit, for many keys at once.

    Args:
        keys: (K,) int32.
        count: numbers for each key, below 2^31.

    Returns:
        (K, count) float32 in [0, 1).
    """
    x = torch.arange(count, dtype=torch.int32, device=keys.device) ^ keys[:, None]
    # int32 wraps when it overflows; masks make arithmetic shifts logical
    x ^= (x >> 16) & _LOW_16
    x *= _MULTIPLIER_A
    x ^= (x >> 15) & _LOW_17
    x *= _MULTIPLIER_B
    x ^= (x >> 16) & _LOW_16
    return ((x >> 8) & _LOW_24).to(torch.float32) * 2.0**-24


def square_wave(phase: Tensor, width: Tensor) -> Tensor:
    """:func:`panosod_core.synth.paint.square_wave`."""
    triangle = torch.asin(torch.sin(phase))
    edge = torch.clamp(triangle / torch.clamp(width, min=1e-6), -0.5, 0.5)
    return 0.5 + edge * torch.clamp(2.0 - width / torch.pi, 0.0, 1.0)


def floats(values: object, device: torch.device, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers as a tensor."""
    return torch.as_tensor(np.asarray(values), dtype=dtype, device=device)
