import json
import math
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from panosod_core.errors import CheckpointError
from panosod_core.model.ablations import with_sound
from panosod_core.model.acoustic import AcousticDetector
from panosod_core.model.checkpoint import (
    load_detector,
    load_network,
    load_part,
    read_info,
    save_checkpoint,
)
from panosod_core.model.config import Sound
from panosod_core.model.network import build_network
from panosod_core.model.weights import read_header
from tests.core.model.tiny import TINY, TINY_PANOSOD, noise_from, tiny


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    network = build_network(TINY)
    save_checkpoint(path, network, provenance={"data": ["synthetic"], "seed": 3}, metrics={"F": 0.5, "S": math.nan})
    return path, network


def rewritten(path, *, header=None, tensors=None):
    """The file with a changed header or changed tensors."""
    old_header, old = read_header(path), load_file(path)
    save_file(tensors(old) if tensors else old, path, {**old_header, **(header or {})})


def test_what_was_saved_comes_back(saved):
    path, network = saved
    back, info = load_network(path)
    assert info.config == back.config == TINY and info.kind == "network"
    assert info.provenance == {"data": ["synthetic"], "seed": 3}
    assert info.metrics["F"] == 0.5 and math.isnan(info.metrics["S"])
    assert not back.training
    state = network.state_dict()
    assert all(torch.equal(t, state[n]) for n, t in back.state_dict().items())
    assert not list(path.parent.glob("*.part"))
    assert read_info(path) == replace(info, metrics=read_info(path).metrics)


def test_inference_leaves_the_teacher_in_the_file(saved):
    path, network = saved
    student, info = load_network(path, teacher=False)
    assert student.teacher is None and not student.config.teacher and info.config.teacher
    frames, sound = torch.rand(1, 3, 3, 64, 128), torch.from_numpy(noise_from(40))[None]
    with torch.no_grad():
        assert torch.equal(student(frames, sound).student.logits, network.eval()(frames, sound).student.logits)


def test_half_precision_files_are_half_as_large_and_nearly_equal(tmp_path, saved):
    path, network = saved
    half = tmp_path / "half.safetensors"
    save_checkpoint(half, network, half=True)
    assert half.stat().st_size < 0.65 * path.stat().st_size
    back, _ = load_network(half)
    for name, tensor in back.state_dict().items():
        assert tensor.dtype == network.state_dict()[name].dtype
        torch.testing.assert_close(tensor, network.state_dict()[name], atol=1e-4, rtol=1e-3)


def test_what_16_bits_cannot_hold_is_not_written(tmp_path):
    network = build_network(TINY)
    with torch.no_grad():
        network.decoder.head.weight[0, 0, 0, 0] = 1e6
    path = tmp_path / "model.safetensors"
    with pytest.raises(CheckpointError, match=r"decoder\.head\.weight is not finite in 16 bits"):
        save_checkpoint(path, network, half=True)
    assert not path.exists()


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    path, network = saved
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        save_checkpoint(path, network, metrics={"F": 1.0})
    assert path.read_bytes() == before and not list(path.parent.glob("*.part"))


def test_another_ending_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="safetensors"):
        save_checkpoint(tmp_path / "model.pt", build_network(TINY))


def test_weights_that_differ_are_named(saved):
    path, _ = saved
    rewritten(path, tensors=lambda t: {n: v for n, v in t.items() if n != "decoder.head.bias"})
    with pytest.raises(CheckpointError, match=r"1 missing \(decoder\.head\.bias\)"):
        load_network(path)
    rewritten(path, tensors=lambda t: {**t, "decoder.head.bias": torch.zeros(2), "extra": torch.zeros(1)})
    with pytest.raises(
        CheckpointError, match=r"1 unknown \(extra\); 1 of another shape \(decoder\.head\.bias \(2,\) wh"
    ):
        load_network(path)


def test_many_differences_are_counted(saved):
    path, _ = saved
    rewritten(path, header={"config": json.dumps(tiny(channels=32).to_json())})
    with pytest.raises(CheckpointError, match=r"\d+ of another shape .* and \d+ more"):
        load_network(path)


def test_weights_that_are_no_numbers_are_refused(saved):
    path, _ = saved
    rewritten(path, tensors=lambda t: {**t, "decoder.head.bias": torch.tensor([math.nan])})
    with pytest.raises(CheckpointError, match=r"decoder\.head\.bias holds values that are not finite"):
        load_network(path)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"format": "other"}, "names no format"),
        ({"format_version": "2"}, "newer panosod"),
        ({"format_version": "one"}, "cannot be used"),
        ({"kind": "banana"}, "unknown kind"),
        ({"config": "{"}, "cannot be used"),
        ({"config": "[]"}, "no JSON object"),
        ({"config": '{"window": 9}'}, "window must lie in 1..4"),
        ({"config": '{"wings": 2}'}, "unknown field.*wings"),
        ({"metrics": '{"F": "good"}'}, "cannot be used"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(saved, header, says):
    path, _ = saved
    rewritten(path, header=header)
    with pytest.raises(CheckpointError, match=says):
        read_info(path)


def test_a_file_of_weights_without_our_header_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="expected a model written by panosod"):
        load_network(tmp_path / "x.safetensors")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a stranger's code ran",))


@pytest.mark.parametrize("how", ["torch", "legacy", "pickle", "renamed"])
def test_pickles_are_refused_and_never_run(tmp_path, how):
    path = tmp_path / ("model.safetensors" if how == "renamed" else "model.pt")
    if how == "pickle":
        path.write_bytes(pickle.dumps(Bomb()))
    else:
        torch.save({"a": Bomb()}, path, _use_new_zipfile_serialization=how != "legacy")
    for read in (read_info, load_network, load_detector):
        with pytest.raises(CheckpointError, match=r"pickle .* never loaded") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_damaged_and_missing_files_are_refused(saved, tmp_path):
    path, _ = saved
    whole = path.read_bytes()
    for cut in (0, 5, 8, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(CheckpointError, match=r"model\.safetensors"):
            load_network(path)
    with pytest.raises(CheckpointError, match="cannot be opened"):
        load_network(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="cannot be opened"):
        load_network(tmp_path)


def test_an_acoustic_stage_is_saved_and_handed_on(tmp_path):
    path = tmp_path / "acoustic.safetensors"
    detector = AcousticDetector(TINY_PANOSOD, classes=5, overlaps=2).eval()
    save_checkpoint(path, detector)
    back, info = load_detector(path)
    assert (info.kind, info.classes, info.overlaps) == ("acoustic", 5, 2)
    sound = torch.from_numpy(noise_from(40))[None]
    assert torch.equal(back(sound).directions, detector(sound).directions)
    network = build_network(TINY_PANOSOD, seed=9)
    decoder = network.decoder.head.weight.clone()
    load_part(network, path, parts=("acoustic",))
    assert torch.equal(network.eval().acoustic(sound).location, detector.acoustic(sound).location)
    assert torch.equal(network.decoder.head.weight, decoder)
    with pytest.raises(CheckpointError, match="expected a model of kind network, this one is of kind acoustic"):
        load_network(path)
    with pytest.raises(CheckpointError, match="holds no part 'visual'"):
        load_part(network, path, parts=("acoustic", "visual"))
    with pytest.raises(ValueError, match="no part 'ears'"):
        load_part(network, path, parts=("ears",))


def test_the_image_stage_hands_on_eyes_and_decoder(tmp_path):
    path = tmp_path / "image.safetensors"
    image = build_network(with_sound(TINY, Sound.NONE), seed=1)
    save_checkpoint(path, image)
    network = build_network(TINY, seed=2)
    load_part(network, path, parts=("visual", "temporal", "decoder"))
    for part in ("visual", "temporal", "decoder"):
        theirs = image.get_submodule(part).state_dict()
        assert all(torch.equal(t, theirs[n]) for n, t in network.get_submodule(part).state_dict().items())
    wrong = build_network(tiny(channels=32), seed=2)
    before = [p.clone() for p in wrong.parameters()]
    with pytest.raises(CheckpointError, match=r"decoder: weights do not fit"):
        load_part(wrong, path, parts=("decoder",))
    assert all(torch.equal(a, b) for a, b in zip(before, wrong.parameters(), strict=True))
