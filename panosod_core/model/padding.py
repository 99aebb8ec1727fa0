"""Convolution, pooling and upsampling that know what lies beyond the edges of an equirectangular picture.

A picture of the sphere is a ring: its left and right edges touch. And a step beyond a pole leads down the meridian on
the other side, half a turn away. With these in place the network commutes with a roll of the picture by its stride.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from panosod_core.model.config import Padding


def pad_sphere(x: Tensor, rows: int, columns: int, padding: Padding) -> Tensor:
    """Widen feature maps by what lies beyond their edges.

    Args:
        x: (N, C, H, W).
        rows: to add above and below; only with `sphere`, which has something to show there.
        columns: to add left and right.
        padding: `seam` or `sphere`.

    Returns:
        (N, C, H + 2 rows, W + 2 columns), or (N, C, H, W + 2 columns) with `seam`.

    Raises:
        ValueError: `sphere` with an odd width: no pixel lies half a turn away.
    """
    if padding is Padding.SPHERE and rows:
        width = x.shape[-1]
        if width % 2:
            raise ValueError(f"padding over the poles needs an even feature width, got {width}")
        above = x[..., :rows, :].flip(-2).roll(width // 2, -1)
        below = x[..., -rows:, :].flip(-2).roll(width // 2, -1)
        x = torch.cat([above, x, below], dim=-2)
    return F.pad(x, (columns, columns, 0, 0), mode="circular") if columns else x


class EquirectConv2d(nn.Conv2d):
    """A convolution of the size of its input over its stride; parameters named and shaped as ``nn.Conv2d``'s."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        padding: Padding,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        """Like ``nn.Conv2d`` with an odd kernel and "same" padding.

        Args:
            in_channels: of the input.
            out_channels: of the output.
            kernel: odd size, both ways.
            padding: what lies beyond the edges.
            stride: both ways.
            dilation: both ways.
            bias: whether there is one.
        """
        amount = dilation * (kernel - 1) // 2
        super().__init__(in_channels, out_channels, kernel, stride, amount, dilation, bias=bias)
        self.beyond = padding

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        amount = (self.kernel_size[0] - 1) // 2 * self.dilation[0]
        if self.beyond is Padding.ZERO or not amount:
            return super().forward(x)
        inside = pad_sphere(x, amount, amount, self.beyond)
        rows = 0 if self.beyond is Padding.SPHERE else amount
        return F.conv2d(inside, self.weight, self.bias, self.stride, (rows, 0), self.dilation)


def max_pool_3x3_stride_2(x: Tensor, padding: Padding) -> Tensor:
    """The pooling behind the stem of a residual network, (N, C, H, W) to half of that."""
    if padding is Padding.ZERO:
        return F.max_pool2d(x, 3, 2, 1)
    rows = 0 if padding is Padding.SPHERE else 1
    return F.max_pool2d(pad_sphere(x, 1, 1, padding), 3, 2, (rows, 0))


def upsample(x: Tensor, size: tuple[int, int], padding: Padding) -> Tensor:
    """Bilinear interpolation to a size, continuous across the seam where the padding knows of it.

    Args:
        x: (N, C, H, W).
        size: rows and columns of the result; with seam-aware padding its width is a multiple of W.
        padding: what lies beyond the edges. Rows beyond a pole are not needed: the last row is repeated.

    Returns:
        (N, C, *size).

    Raises:
        ValueError: a width that is no multiple.
    """
    height, width = x.shape[-2:]
    if size == (height, width):
        return x
    if padding is Padding.ZERO:
        return F.interpolate(x, size, mode="bilinear", align_corners=False)
    factor, rest = divmod(size[1], width)
    if rest:
        raise ValueError(f"seam-aware upsampling needs a whole factor of width, got {width} to {size[1]}")
    wide = F.interpolate(
        pad_sphere(x, 0, 1, padding), (size[0], (width + 2) * factor), mode="bilinear", align_corners=False
    )
    return wide[..., factor:-factor]
