"""Positional encodings: of tokens in a row, of a plane, and of the sphere (the paper's Eq. 1).

All are functions of their arguments alone, cheap beside the layers they feed, and recomputed where needed.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

BASE = 10000.0


def sine_encoding(positions: Tensor, *, dim: float, frequencies: int) -> Tensor:
    """Sines and cosines of positions over a geometric row of wavelengths (Vaswani et al. 2017).

    ``PE(pos, 2i) = sin(pos / 10000^(2i / dim))``, ``PE(pos, 2i + 1)`` its cosine.

    Args:
        positions: any shape S.
        dim: the dimension in the exponent; may differ from the length of the code.
        frequencies: values of i, from 0.

    Returns:
        S + (2 frequencies,), sines and cosines taking turns.
    """
    i = torch.arange(frequencies, device=positions.device, dtype=torch.float32)
    angle = positions.float().unsqueeze(-1) * torch.exp(i * (-2.0 * math.log(BASE) / dim))
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


def sequence_encoding(length: int, dim: int, *, device: torch.device | None = None) -> Tensor:
    """The regular encoding of tokens in a row: (length, dim) float32; dim is even."""
    return sine_encoding(torch.arange(length, device=device), dim=dim, frequencies=dim // 2)


def plane_encoding(height: int, width: int, dim: int, *, device: torch.device | None = None) -> Tensor:
    """The regular encoding of a plane: rows in the first half of the code, columns in the second.

    Returns:
        (height * width, dim) float32, row by row; dim is a multiple of 4.
    """
    rows = sequence_encoding(height, dim // 2, device=device)[:, None].expand(height, width, -1)
    columns = sequence_encoding(width, dim // 2, device=device)[None].expand(height, width, -1)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1)


def grid_directions(height: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Directions of the pixel centres of an equirectangular grid, as ``geometry.sphere.equirect_directions``.

    Returns:
        (height * width, 3) float32, row by row: x front, y left, z up.
    """
    azimuth = (0.5 - (torch.arange(width, device=device, dtype=torch.float32) + 0.5) / width) * (2 * math.pi)
    elevation = (0.5 - (torch.arange(height, device=device, dtype=torch.float32) + 0.5) / height) * math.pi
    cos_el = elevation.cos()[:, None]
    x, y = cos_el * azimuth.cos(), cos_el * azimuth.sin()
    z = elevation.sin()[:, None].expand(height, width)
    return torch.stack([x, y, z], dim=-1).flatten(0, 1)


def spherical_encoding(
    height: int, width: int, dim: int, *, scale: float = 1.0, device: torch.device | None = None
) -> Tensor:
    """The paper's spherical positional encoding: each pixel by its place in space.

    Eq. 1 measures longitude rightwards from the left edge, so its frame is ours with x negated: this is the one place
    where that turn is made. Pixel centres are used. Where a third of ``dim`` is no even number, the rest of the code
    is zero.

    Args:
        height: rows of the grid; the poles lie half a pixel beyond the first and the last.
        width: columns.
        dim: length of the code, at least 6.
        scale: factor on the coordinates. 1 is literal, and then the code hardly varies over the sphere (wavelengths
            start at 2 pi, coordinates span 2); 2 pi makes neighbours distinct.
        device: of the result.

    Returns:
        (height * width, dim) float32, row by row: x, then y, then z.
    """
    frame = torch.tensor([-1.0, 1.0, 1.0], device=device)
    positions = grid_directions(height, width, device=device) * frame * scale
    code = sine_encoding(positions, dim=dim / 3, frequencies=dim // 6).flatten(-2)
    return F.pad(code, (0, dim - code.shape[-1]))
