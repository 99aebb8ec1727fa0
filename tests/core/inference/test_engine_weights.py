"""Fewer operations, the same numbers."""

import pytest
import torch

from panosod_core.inference.engine_weights import OneChannelConv, prepared, without_normalisation
from panosod_core.model.config import Padding
from panosod_core.model.padding import EquirectConv2d
from tests.core.inference.streams import grown
from tests.core.model.tiny import TINY_PANOSOD


@pytest.mark.parametrize("padding", list(Padding))
def test_nine_shifted_products_are_the_convolution(padding):
    conv = EquirectConv2d(5, 1, 3, padding=padding)
    x = torch.randn(2, 5, 6, 8)
    with torch.no_grad():
        torch.testing.assert_close(OneChannelConv(conv)(x), conv(x), atol=1e-5, rtol=1e-5)


def test_other_convolutions_are_refused():
    for other in (
        EquirectConv2d(5, 2, 3, padding=Padding.ZERO),
        EquirectConv2d(5, 1, 1, padding=Padding.ZERO),
        EquirectConv2d(5, 1, 3, padding=Padding.ZERO, stride=2),
    ):
        with pytest.raises(ValueError, match="plain 3 x 3"):
            OneChannelConv(other)


def test_bytes_go_in_where_the_normalisation_is_folded():
    network = grown(TINY_PANOSOD)
    for module in network.modules():  # statistics as after some learning, or folding would have nothing to do
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.3)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    picture = torch.randint(0, 256, (1, 3, 64, 128), dtype=torch.uint8)
    with torch.no_grad():
        expected = network.encode_frames(picture)
        copy = prepared(network)
        torch.testing.assert_close(copy.encode_frames(picture).features, expected.features, atol=1e-4, rtol=1e-4)
        got = without_normalisation(copy).visual.encode(picture.float())
    for one, other in zip((*got.skips, got.features), (*expected.skips, expected.features), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in copy.visual.modules())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in network.visual.modules()), "the caller's network is left"
