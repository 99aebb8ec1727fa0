"""The same network in fewer operations: what may be done to weights once nobody learns any more.

Every change is exact up to rounding; the tests hold the maps of a stream to 1e-4 of those of the network as it is.
"""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from panosod_core.model.config import Padding
from panosod_core.model.network import PanosodNet
from panosod_core.model.padding import EquirectConv2d, pad_sphere
from panosod_core.model.resnet import BasicBlock, Bottleneck, ResNet


def prepared(model: PanosodNet, dtype: torch.dtype = torch.float32) -> PanosodNet:
    """A copy for inference: batch normalisation folded into its convolutions, heavy weights in a smaller type.

    Args:
        model: stays as it is.
        dtype: of the weights of convolutions and linear layers.

    Returns:
        The copy, in evaluation mode, on the same device.
    """
    copy = deepcopy(model).eval()
    _fold(copy.visual.backbone)
    if copy.acoustic is not None:
        _fold_sequence(copy.acoustic.convolutions)
    decoders = [copy.decoder] if copy.teacher is None else [copy.decoder, copy.teacher.decoder]
    for decoder in decoders:
        decoder.register_module("head", OneChannelConv(decoder.head))
    if dtype is not torch.float32:
        # Casting them anew for every frame would cost half of what a smaller type wins.
        for module in copy.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.to(dtype)
    return copy.requires_grad_(False)


class OneChannelConv(nn.Module):
    """A 3 x 3 convolution to one channel as a 1 x 1 convolution to nine, shifted and summed.

    Padding touches nine channels instead of all, and kernels that work on blocks of 8 or 16 output channels are not
    fifteen sixteenths idle: a twentieth of the time on a CPU.
    """

    def __init__(self, conv: EquirectConv2d) -> None:
        """Take over the weights.

        Args:
            conv: to one channel, 3 x 3, without stride or dilation.
        """
        super().__init__()
        if conv.out_channels != 1 or conv.kernel_size != (3, 3) or conv.stride != (1, 1) or conv.dilation != (1, 1):
            raise ValueError(f"expected a plain 3 x 3 convolution to one channel, got {conv}")
        self.padding = conv.beyond
        self.taps = nn.Conv2d(conv.in_channels, 9, 1, bias=False)
        self.taps.weight = nn.Parameter(conv.weight.detach()[0].permute(1, 2, 0).reshape(9, -1, 1, 1).contiguous())
        self.bias = nn.Parameter(torch.zeros(1) if conv.bias is None else conv.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 1, H, W)."""
        height, width = x.shape[-2:]
        parts = self.taps(x).float()  # the sum would lose what a smaller type has left
        rows = 0 if self.padding is Padding.SPHERE else 1
        if self.padding is not Padding.ZERO:
            parts = pad_sphere(parts, 1 - rows, 1, self.padding)
        parts = F.pad(parts, (1 if self.padding is Padding.ZERO else 0,) * 2 + (rows, rows))
        out = self.bias.view(1, 1, 1, 1)
        for k in range(9):
            row, column = divmod(k, 3)
            out = out + parts[:, k : k + 1, row : row + height, column : column + width]
        return out


def without_normalisation(model: PanosodNet) -> PanosodNet:
    """Fold the pictures' normalisation into the first convolution, so that it takes bytes 0..255 as they are.

    Only where nothing of a picture's surroundings is made up: zeros beyond an edge are zeros after normalisation.

    Args:
        model: prepared, with padding `sphere`; changed in place.

    Returns:
        The model; :meth:`VisualEncoder.encode` takes the bytes.
    """
    conv = model.visual.backbone.conv1
    scale = 1 / (255 * model.visual.std.view(1, 3, 1, 1))
    shift = (model.visual.mean / model.visual.std).view(1, 3, 1, 1)
    bias = -(conv.weight * shift).sum((1, 2, 3))
    conv.bias = nn.Parameter(bias if conv.bias is None else conv.bias + bias, requires_grad=False)
    conv.weight = nn.Parameter(conv.weight * scale, requires_grad=False)
    return model


def _fold(backbone: ResNet) -> None:
    for module in backbone.modules():
        if isinstance(module, ResNet | BasicBlock | Bottleneck):
            for index in (1, 2, 3):
                norm = getattr(module, f"bn{index}", None)
                if isinstance(norm, nn.BatchNorm2d):
                    setattr(module, f"conv{index}", fuse_conv_bn_eval(getattr(module, f"conv{index}"), norm))
                    setattr(module, f"bn{index}", nn.Identity())
            shortcut = getattr(module, "downsample", None)
            if isinstance(shortcut, nn.Sequential):
                _fold_sequence(shortcut)


def _fold_sequence(layers: nn.Sequential) -> None:
    for index in range(len(layers) - 1):
        conv, norm = layers[index], layers[index + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            layers[index], layers[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
