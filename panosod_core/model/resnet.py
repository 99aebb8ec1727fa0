"""Residual networks (He et al. 2016) whose parameters carry torchvision's names, so that its weights fit.

Bottlenecks have their stride in the 3 x 3 convolution (torchvision's v1.5). There is no classifier.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from panosod_core.model.config import Backbone, Padding
from panosod_core.model.padding import EquirectConv2d, max_pool_3x3_stride_2

BLOCKS: dict[Backbone, tuple[int, int, int, int]] = {
    Backbone.RESNET18: (2, 2, 2, 2),
    Backbone.RESNET34: (3, 4, 6, 3),
    Backbone.RESNET50: (3, 4, 6, 3),
}
"""Blocks of each stage."""


class Pyramid(NamedTuple):
    """Features of the four stages, finest first: (N, C_i, H / s, W / s)."""

    c2: Tensor
    """Stride 4."""
    c3: Tensor
    """Stride 8."""
    c4: Tensor
    """Stride 16."""
    c5: Tensor
    """The output stride, 16 or 32."""


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut (ResNet-18 and 34)."""

    expansion = 1

    def __init__(
        self, channels_in: int, planes: int, *, stride: int, dilations: tuple[int, int], padding: Padding
    ) -> None:
        """Args as :class:`ResNet` hands them on, a dilation a convolution; the output has ``planes`` channels."""
        super().__init__()
        self.conv1 = EquirectConv2d(
            channels_in, planes, 3, stride=stride, dilation=dilations[0], bias=False, padding=padding
        )
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = EquirectConv2d(planes, planes, 3, dilation=dilations[1], bias=False, padding=padding)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = _shortcut(channels_in, planes, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, planes, H / stride, W / stride)."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions around a shortcut (ResNet-50)."""

    expansion = 4

    def __init__(
        self, channels_in: int, planes: int, *, stride: int, dilations: tuple[int, int], padding: Padding
    ) -> None:
        """Args as :class:`ResNet` hands them on; the output has ``4 planes`` channels.

        Only one convolution spreads, so the first dilation is the one that counts.
        """
        super().__init__()
        channels_out = planes * self.expansion
        self.conv1 = EquirectConv2d(channels_in, planes, 1, bias=False, padding=padding)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = EquirectConv2d(
            planes, planes, 3, stride=stride, dilation=dilations[0], bias=False, padding=padding
        )
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = EquirectConv2d(planes, channels_out, 1, bias=False, padding=padding)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample = _shortcut(channels_in, channels_out, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, 4 planes, H / stride, W / stride)."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + (x if self.downsample is None else self.downsample(x)))


def _shortcut(channels_in: int, channels_out: int, stride: int, padding: Padding) -> nn.Sequential | None:
    if stride == 1 and channels_in == channels_out:
        return None
    conv = EquirectConv2d(channels_in, channels_out, 1, stride=stride, bias=False, padding=padding)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out))


class ResNet(nn.Module):
    """ResNet-18, 34 or 50 as a feature pyramid."""

    def __init__(
        self, kind: Backbone, *, width: float = 1.0, output_stride: int = 32, padding: Padding = Padding.ZERO
    ) -> None:
        """Random weights: convolutions after He et al. 2015 (fan out), as torchvision draws them.

        Args:
            kind: which one.
            width: channels as a share of the published ones; published weights fit at 1.
            output_stride: 32, or 16 with a dilated last stage.
            padding: beyond the picture's edges.
        """
        super().__init__()
        block = Bottleneck if kind is Backbone.RESNET50 else BasicBlock
        planes = [max(1, round(width * p)) for p in (64, 128, 256, 512)]
        self.padding = padding
        self.conv1 = EquirectConv2d(3, planes[0], 7, stride=2, bias=False, padding=padding)
        self.bn1 = nn.BatchNorm2d(planes[0])
        channels = planes[0]
        for stage, (count, p) in enumerate(zip(BLOCKS[kind], planes, strict=True)):
            dilated = stage == 3 and output_stride == 16
            stride = 1 if stage == 0 or dilated else 2
            blocks: list[nn.Module] = []
            for index in range(count):
                # Where the published network would have strided, its first convolution still sees neighbours and all
                # that follow see every other pixel: on the coarse grid the features are the published ones.
                dilations = (2 if dilated and index else 1, 2 if dilated else 1)
                blocks.append(block(channels, p, stride=1 if index else stride, dilations=dilations, padding=padding))
                channels = p * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.channels = tuple(p * block.expansion for p in planes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Pyramid:
        """Features of normalised pictures.

        Args:
            pictures: (N, 3, H, W), ImageNet statistics taken out.

        Returns:
            The four stages.
        """
        x = F.relu(self.bn1(self.conv1(pictures)))
        x = max_pool_3x3_stride_2(x, self.padding)
        stages = []
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
            stages.append(x)
        return Pyramid(*stages)
