import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from panosod_core.geometry.sphere import equirect_directions, uv_to_direction
from panosod_core.model.config import Padding
from panosod_core.model.padding import EquirectConv2d, max_pool_3x3_stride_2, pad_sphere, upsample

RING = [Padding.SEAM, Padding.SPHERE]


def grid(seed=0, height=8, width=16, channels=3):
    return torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rows", [1, 3])
def test_beyond_the_edges_lies_the_rest_of_the_sphere(rows):
    width, height, columns = 24, 12, 2
    inside = torch.from_numpy(equirect_directions(width, height)).permute(2, 0, 1)[None]
    v = (np.arange(-rows, height + rows) + 0.5) / height
    u = (np.arange(-columns, width + columns) + 0.5) / width
    truth = uv_to_direction(u[None], v[:, None])  # elevations beyond 90 degrees come down on the other side
    padded = pad_sphere(inside, rows, columns, Padding.SPHERE)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(padded, truth, atol=1e-12)


@pytest.mark.parametrize("padding", RING)
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (3, 2, 1), (7, 2, 1), (3, 1, 2), (1, 2, 1)])
def test_convolutions_commute_with_a_turn(padding, kernel, stride, dilation):
    conv = EquirectConv2d(3, 4, kernel, stride=stride, dilation=dilation, padding=padding)
    x = grid()
    turned = conv(x.roll(2 * stride, -1))
    torch.testing.assert_close(turned, conv(x).roll(2, -1))


@pytest.mark.parametrize("padding", list(Padding))
def test_inside_it_is_the_plain_convolution(padding):
    conv = EquirectConv2d(3, 4, 3, padding=padding)
    plain = F.conv2d(grid(), conv.weight, conv.bias, padding=1)
    torch.testing.assert_close(conv(grid())[..., 1:-1, 1:-1], plain[..., 1:-1, 1:-1])
    assert conv(grid()).shape == plain.shape
    assert torch.equal(conv(grid()), plain) == (padding is Padding.ZERO)


def test_parameters_are_those_of_a_plain_convolution():
    names = {n: p.shape for n, p in EquirectConv2d(3, 4, 3, padding=Padding.SPHERE).named_parameters()}
    assert names == {"weight": (4, 3, 3, 3), "bias": (4,)}


@pytest.mark.parametrize("padding", RING)
def test_pooling_and_upsampling_commute_with_a_turn(padding):
    x = grid()
    torch.testing.assert_close(
        max_pool_3x3_stride_2(x.roll(4, -1), padding), max_pool_3x3_stride_2(x, padding).roll(2, -1)
    )
    torch.testing.assert_close(upsample(x.roll(3, -1), (16, 32), padding), upsample(x, (16, 32), padding).roll(6, -1))


@pytest.mark.parametrize("padding", RING)
def test_upsampling_is_the_plain_one_away_from_the_seam(padding):
    plain = F.interpolate(grid(), (32, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(upsample(grid(), (32, 64), padding)[..., 4:-4], plain[..., 4:-4])
    torch.testing.assert_close(upsample(grid(), (32, 64), Padding.ZERO), plain)


def test_upsampling_runs_straight_across_the_seam():
    ramp = torch.tensor([[[[3.0, 1.0, 1.0, 1.0]]]])
    fine = upsample(ramp, (1, 8), Padding.SEAM)[0, 0, 0]
    assert math.isclose(fine[0].item(), 2.5) and math.isclose(fine[-1].item(), 1.5)


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="even"):
        pad_sphere(torch.zeros(1, 1, 4, 7), 1, 1, Padding.SPHERE)
    with pytest.raises(ValueError, match="whole factor"):
        upsample(torch.zeros(1, 1, 4, 8), (8, 20), Padding.SEAM)
