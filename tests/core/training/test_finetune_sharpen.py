"""How decided maps are: chosen by F, and nothing else of a model changes."""

from dataclasses import replace

import torch
from safetensors.torch import load_file

from panosod_core.model.checkpoint import load_network, read_info, save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.training.finetune_sharpen import BLEND, FACTORS, MULTIPLIED, Decided, best_factor, sharpened
from tests.core.training.corrected import MODEL, H, W


def disc(radius: float, softness: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A small object, and logits with a soft rim around it."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(128.0), indexing="ij")
    outside = ((x - 60) ** 2 + (y - 30) ** 2).sqrt() - radius
    return (-outside / softness).clamp(-30, 30)[None], (outside <= 0).float()[None]


def test_soft_rims_are_made_sharp_and_sharp_ones_stay():
    assert best_factor(*disc(6, 3.0)) >= 4
    assert best_factor(*disc(6, 0.02)) == 1.0


def test_a_model_that_shouts_is_made_softer():
    """Sure of what it sees, and as sure of much that is not there."""
    masks = torch.zeros((1, 64, 128))
    masks[:, 20:32, 40:60] = 1
    noise = torch.randn((1, 64, 128), generator=torch.Generator().manual_seed(0))
    loud = 2 * (2 * masks - 1) + 6 * torch.nn.functional.avg_pool2d(noise[None], 3, 1, 1)[0]
    assert best_factor(loud, masks) < 1


def test_multiplying_does_not_add_up_from_job_to_job():
    soft = disc(6, 6.0)
    alone = best_factor(*soft)
    assert alone > 1 and alone in FACTORS
    for already in (2.0, 8.0, 0.5):
        again = best_factor(*soft, already=already)
        assert FACTORS[0] <= already * again <= FACTORS[-1]
    assert best_factor(*soft, already=FACTORS[-1]) <= 1


def test_the_masks_stay_and_so_does_all_but_the_last_layer(tmp_path):
    start, target = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_checkpoint(start, build_network(MODEL, seed=3), provenance={"made": "here"}, metrics={"f": 0.5})
    generator = torch.Generator().manual_seed(1)
    window = {
        "frames": torch.rand((1, 3, 3, H, W), generator=generator),
        "foa": 0.1 * torch.randn((1, 4, int(MODEL.sound_window_s * MODEL.sound_rate_hz)), generator=generator),
        "masks": (torch.rand((1, 3, H, W), generator=generator) > 0.9).float(),
        "mask_valid": torch.tensor([[False, True, False]]),
    }
    unknown = {**window, "mask_valid": torch.zeros((1, 3), dtype=torch.bool)}
    how = {"begun_with": start, "device": torch.device("cpu")}
    decided = sharpened(start, target, [unknown, window], **how)
    factor = decided.factor
    assert decided.begun_with == factor, "the same model"
    before, after = load_file(start), load_file(target)
    for name, tensor in before.items():
        wanted = factor * tensor if name.startswith("decoder.head.") else tensor
        torch.testing.assert_close(after[name], wanted, rtol=1e-6, atol=0)
    assert read_info(target).provenance == {"made": "here", MULTIPLIED: factor, BLEND: 1.0}
    said = [load_network(path)[0].eval()(window["frames"], window["foa"]).student.logits for path in (start, target)]
    torch.testing.assert_close(said[1], factor * said[0], rtol=1e-4, atol=1e-5)
    assert sharpened(start, target, [unknown], **how) == Decided(1.0, 1.0), "nothing to judge by"
    save_checkpoint(start, build_network(MODEL, seed=3), provenance={MULTIPLIED: 4.0})
    again = sharpened(start, target, [window], **how).factor
    assert read_info(target).provenance[MULTIPLIED] == 4 * again <= FACTORS[-1]


def test_the_weights_go_back_a_part_of_the_way(tmp_path):
    begun, learnt, target = (tmp_path / f"{name}.safetensors" for name in ("begun", "learnt", "target"))
    for path, seed in ((begun, 3), (learnt, 4)):
        save_checkpoint(path, build_network(MODEL, seed=seed), provenance={})
    sharpened(learnt, target, [], begun_with=begun, device=torch.device("cpu"), blend=0.75)
    network = load_network(begun)[0]
    learns = {name for name, _ in network.named_parameters()}
    first, last, found = (load_file(path) for path in (begun, learnt, target))
    for name, tensor in found.items():
        wanted = 0.25 * first[name] + 0.75 * last[name] if name in learns else last[name]
        torch.testing.assert_close(tensor, wanted, rtol=1e-5, atol=1e-6)
    assert read_info(target).provenance[BLEND] == 0.75


def test_parts_that_the_model_did_not_begin_with_stay_as_they_learnt(tmp_path):
    begun, learnt, target = (tmp_path / f"{name}.safetensors" for name in ("begun", "learnt", "target"))
    save_checkpoint(begun, build_network(replace(MODEL, teacher=False), seed=3), provenance={})
    save_checkpoint(learnt, build_network(MODEL, seed=4), provenance={})
    sharpened(learnt, target, [], begun_with=begun, device=torch.device("cpu"), blend=0.5)
    last, found = load_file(learnt), load_file(target)
    teachers = [name for name in found if name.startswith("teacher.")]
    assert teachers and all(torch.equal(found[name], last[name]) for name in teachers)
