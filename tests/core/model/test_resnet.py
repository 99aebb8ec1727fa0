import pytest
import torch

from panosod_core.model.config import Backbone, Padding
from panosod_core.model.resnet import ResNet


def published_state(kind: Backbone) -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's state dict without the classifier, by its rules."""
    depth = {Backbone.RESNET18: (2, 2, 2, 2), Backbone.RESNET34: (3, 4, 6, 3), Backbone.RESNET50: (3, 4, 6, 3)}[kind]
    wide = 4 if kind is Backbone.RESNET50 else 1
    state: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = (channels,)
        state[f"{name}.num_batches_tracked"] = ()

    state["conv1.weight"] = (64, 3, 7, 7)
    norm("bn1", 64)
    channels = 64
    for stage in range(4):
        planes = 64 * 2**stage
        for block in range(depth[stage]):
            at = f"layer{stage + 1}.{block}"
            shapes = [(planes, channels, 3), (planes, planes, 3)]
            if wide == 4:
                shapes = [(planes, channels, 1), (planes, planes, 3), (4 * planes, planes, 1)]
            for index, (out, into, kernel) in enumerate(shapes, start=1):
                state[f"{at}.conv{index}.weight"] = (out, into, kernel, kernel)
                norm(f"{at}.bn{index}", out)
            if block == 0 and (stage > 0 or wide == 4):
                state[f"{at}.downsample.0.weight"] = (wide * planes, channels, 1, 1)
                norm(f"{at}.downsample.1", wide * planes)
            channels = wide * planes
    return state


@pytest.mark.parametrize("kind", list(Backbone))
@pytest.mark.parametrize("output_stride", [16, 32])
def test_names_and_shapes_are_torchvisions(kind, output_stride):
    with torch.device("meta"):
        state = ResNet(kind, output_stride=output_stride, padding=Padding.SPHERE).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == published_state(kind)


def test_published_counts():
    with torch.device("meta"):
        networks = {kind: ResNet(kind) for kind in Backbone}
    count = {kind: sum(p.numel() for p in n.parameters()) for kind, n in networks.items()}
    # torchvision's published counts less the classifiers (512 or 2048 to 1000, with bias).
    assert count[Backbone.RESNET18] == 11_689_512 - 513_000
    assert count[Backbone.RESNET34] == 21_797_672 - 513_000
    assert count[Backbone.RESNET50] == 25_557_032 - 2_049_000
    assert len(networks[Backbone.RESNET50].state_dict()) == 318


@pytest.mark.parametrize("kind", list(Backbone))
@pytest.mark.parametrize("output_stride", [16, 32])
def test_strides_and_channels(kind, output_stride):
    net = ResNet(kind, width=1 / 8, output_stride=output_stride).eval()
    pyramid = net(torch.randn(1, 3, 96, 128))
    strides = (4, 8, 16, output_stride)
    for level, stride, channels in zip(pyramid, strides, net.channels, strict=True):
        assert level.shape == (1, channels, 96 // stride, 128 // stride)


@pytest.mark.parametrize("kind", list(Backbone))
def test_the_finer_output_holds_the_published_features(kind):
    """At stride 16 every other pixel is what the same weights say at stride 32."""
    coarse = ResNet(kind, width=1 / 8, output_stride=32).eval()
    fine = ResNet(kind, width=1 / 8, output_stride=16).eval()
    fine.load_state_dict(coarse.state_dict())
    x = torch.randn(1, 3, 128, 256)
    torch.testing.assert_close(fine(x).c5[..., ::2, ::2], coarse(x).c5, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("padding", [Padding.SEAM, Padding.SPHERE])
def test_features_turn_with_the_picture(padding):
    net = ResNet(Backbone.RESNET18, width=1 / 8, padding=padding).eval()
    x = torch.randn(1, 3, 64, 128)
    still, turned = net(x), net(x.roll(64, -1))
    for level, stride in zip(range(4), (4, 8, 16, 32), strict=True):
        torch.testing.assert_close(turned[level], still[level].roll(64 // stride, -1), atol=1e-4, rtol=1e-4)


def test_without_it_they_do_not():
    net = ResNet(Backbone.RESNET18, width=1 / 8).eval()
    x = torch.randn(1, 3, 64, 128)
    assert (net(x.roll(64, -1)).c5 - net(x).c5.roll(2, -1)).abs().max() > 1e-2
