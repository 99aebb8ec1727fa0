import hashlib
import pickle

import pytest
import torch
from safetensors.torch import save_file

from panosod_core.errors import CheckpointError
from panosod_core.model.config import Backbone
from panosod_core.model.imagenet import load_imagenet
from panosod_core.model.resnet import ResNet


def small(seed=0, kind=Backbone.RESNET50):
    torch.manual_seed(seed)
    return ResNet(kind, width=1 / 16)


def published(net):
    """A state dict as torchvision publishes it: with a classifier."""
    state = {n: t + torch.rand(t.shape) if t.is_floating_point() else t for n, t in net.state_dict().items()}
    return {**state, "fc.weight": torch.zeros(10, 128), "fc.bias": torch.zeros(10)}


def hugging_face_name(name):
    """The name that the other library gives a tensor of torchvision's."""
    parts = name.split(".")
    if parts[0] in ("conv1", "bn1"):
        kind = "convolution" if parts[0] == "conv1" else "normalization"
        return f"resnet.embedder.embedder.{kind}.{parts[1]}"
    at = f"resnet.encoder.stages.{int(parts[0][5:]) - 1}.layers.{parts[1]}"
    if parts[2] == "downsample":
        return f"{at}.shortcut.{'convolution' if parts[3] == '0' else 'normalization'}.{parts[4]}"
    kind = "convolution" if parts[2].startswith("conv") else "normalization"
    return f"{at}.layer.{int(parts[2][-1]) - 1}.{kind}.{parts[3]}"


@pytest.mark.parametrize("kind", list(Backbone))
@pytest.mark.parametrize("how", ["pth", "safetensors", "hugging face", "old"])
def test_published_weights_fit(tmp_path, how, kind):
    state = published(small(kind=kind))
    expected = {n: t for n, t in state.items() if not n.startswith("fc.")}
    if how == "hugging face":
        state = {hugging_face_name(n): t for n, t in expected.items()} | {"classifier.1.bias": torch.zeros(10)}
    if how == "old":
        state = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
    path = tmp_path / ("weights.safetensors" if how in ("safetensors", "hugging face") else "weights.pth")
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    net = small(seed=1, kind=kind)
    source = load_imagenet(net, path)
    assert all(torch.equal(t, expected[n]) for n, t in net.state_dict().items() if n in expected)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.to_json() == {"imagenet_file": path.name, "imagenet_sha256": source.sha256}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda s: s.pop("layer4.2.conv3.weight"), r"1 missing \(layer4\.2\.conv3\.weight\)"),
        (lambda s: s.update(wings=torch.zeros(1)), r"1 unknown \(wings\)"),
        (lambda s: s.update({"conv1.weight": torch.zeros(1)}), r"1 of another shape \(conv1\.weight"),
        (lambda s: s["conv1.weight"].fill_(float("inf")), "not finite"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path, spoil, says):
    state = published(small())
    spoil(state)
    torch.save(state, tmp_path / "w.pth")
    net = small(seed=1)
    before = {n: t.clone() for n, t in net.state_dict().items()}
    with pytest.raises(CheckpointError, match=says):
        load_imagenet(net, tmp_path / "w.pth")
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a stranger's code ran",))


def test_files_that_hold_more_than_tensors_are_refused_unrun(tmp_path):
    path = tmp_path / "w.pth"
    for content in ({"conv1.weight": Bomb()}, Bomb(), small()):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match="expected a state dict") as caught:
            load_imagenet(small(), path)
        assert "\n" not in str(caught.value)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="expected a state dict"):
        load_imagenet(small(), path)
    torch.save([torch.zeros(1)], path)
    with pytest.raises(CheckpointError, match="names to tensors, found list"):
        load_imagenet(small(), path)


def test_damaged_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(published(small()), path)
    whole = path.read_bytes()
    for cut in (0, 3, 1000, len(whole) - 30):
        path.write_bytes(whole[:cut])
        with pytest.raises(CheckpointError):
            load_imagenet(small(), path)
    for missing in ("none.pth", "none.safetensors"):
        with pytest.raises(CheckpointError, match="none"):
            load_imagenet(small(), tmp_path / missing)
