import math

import pytest
import torch

from panosod_core.errors import ConfigError
from panosod_core.model.acoustic import Detections
from panosod_core.model.network import BranchOutput, NetworkOutput
from panosod_core.training.losses import (
    LossConfig,
    VideoLoss,
    acoustic_loss,
    location_loss,
    structure_loss,
)


def batch(frames=3, size=(8, 16), batch=2):
    logits = torch.randn(batch, frames, 1, *size)
    masks = (torch.rand(batch, frames, 1, *size) > 0.7).float()
    return logits, masks


def branch(seed, frames=3, *, location=True):
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, frames, 1, 8, 16, generator=g)
    features = torch.randn(2, frames, 4, 2, 4, generator=g, requires_grad=True)
    return BranchOutput(logits, features, torch.randn(2, frames, 1, 2, 4, generator=g) if location else None)


@pytest.mark.parametrize("dice", [0.0, 1.0, 2.5])
def test_the_structure_loss_is_eq_6(dice):
    logits, masks = batch()
    expected = 0.0
    for b in range(2):
        for t in range(3):
            p, g = torch.sigmoid(logits[b, t]), masks[b, t]
            entropy = -(g * p.log() + (1 - g) * (1 - p).log()).mean()
            overlap = 1 - (2 * (p * g).sum() + 1) / (p.sum() + g.sum() + 1)
            expected += (entropy + dice * overlap).item() / 2
    assert structure_loss(logits, masks, dice=dice).item() == pytest.approx(expected, rel=1e-5)


def test_the_right_answer_costs_nothing_and_an_empty_mask_is_no_trap():
    masks = torch.zeros(1, 2, 1, 8, 16)
    masks[:, 0, :, 2:5, 3:9] = 1
    assert structure_loss((masks * 2 - 1) * 40, masks).item() == pytest.approx(0, abs=1e-5)
    logits = torch.zeros(1, 1, 1, 8, 16, requires_grad=True)
    structure_loss(logits, torch.zeros(1, 1, 1, 8, 16)).backward()
    assert (logits.grad > 0).all()


def test_frames_without_a_mask_do_not_count():
    logits, masks = batch()
    valid = torch.tensor([[True, False, True], [False, False, True]])
    garbage = masks.clone()
    garbage[~valid] = math.nan
    logits.requires_grad_()
    loss = structure_loss(logits, garbage, valid=valid)
    parts = [structure_loss(logits[b : b + 1, t : t + 1], masks[b : b + 1, t : t + 1]) for b, t in valid.nonzero()]
    assert loss.item() == pytest.approx(sum(p.item() for p in parts) / 2, rel=1e-5)
    loss.backward()
    assert torch.isfinite(logits.grad).all() and logits.grad[~valid].abs().max() == 0


def test_by_solid_angle_the_poles_count_little():
    masks = torch.zeros(1, 1, 1, 16, 32)
    wrong_at_pole, wrong_at_equator = -8 * torch.ones(2, 1, 1, 1, 16, 32)
    wrong_at_pole[..., 0, :] *= -1
    wrong_at_equator[..., 8, :] *= -1
    plain = [structure_loss(x, masks, dice=0).item() for x in (wrong_at_pole, wrong_at_equator)]
    sphere = [structure_loss(x, masks, dice=0, spherical=True).item() for x in (wrong_at_pole, wrong_at_equator)]
    assert plain[0] == pytest.approx(plain[1], rel=1e-5)
    assert sphere[0] < 0.4 * sphere[1]
    uniform = torch.zeros(1, 1, 1, 16, 32)
    assert structure_loss(uniform, masks, dice=0, spherical=True).item() == pytest.approx(math.log(2), rel=1e-5)


def test_the_whole_is_eq_5():
    student, teacher = branch(0), branch(1)
    masks = batch()[1]
    parts = VideoLoss(LossConfig(), channels=4)(NetworkOutput(student, teacher), masks)
    distill = ((student.features - teacher.features) ** 2).mean((2, 3, 4)).sum(1).mean()
    assert parts.distill.item() == pytest.approx(5 * distill.item(), rel=1e-5)
    assert parts.student.item() == pytest.approx(structure_loss(student.logits, masks).item())
    assert parts.teacher.item() == pytest.approx(structure_loss(teacher.logits, masks).item())
    assert parts.total.item() == pytest.approx(sum(p.item() for p in parts[1:]))
    assert parts.location.item() == 0


@pytest.mark.parametrize("stop", [True, False])
def test_the_distillation_pulls_whom_it_should(stop):
    student, teacher = branch(0), branch(1)
    VideoLoss(LossConfig(stop_teacher=stop), channels=4).distillation(student.features, teacher.features).backward()
    assert student.features.grad is not None and (teacher.features.grad is None) == stop


def test_normalised_features_agree_up_to_scale_and_shift():
    student, loss = branch(0), VideoLoss(LossConfig(distill_normalise=True), channels=4)
    gain = torch.tensor([0.5, 2, 3, 4]).view(4, 1, 1)
    teacher = student._replace(features=student.features * gain + gain)
    assert loss.distillation(student.features, teacher.features).item() == pytest.approx(0, abs=1e-3)
    assert VideoLoss(LossConfig(), channels=4).distillation(student.features, teacher.features).item() > 1


def test_an_adapter_learns_and_has_weights_of_its_own():
    loss = VideoLoss(LossConfig(distill_adapter=True), channels=4)
    loss.distillation(branch(0).features, branch(1).features).backward()
    assert [n for n, p in loss.named_parameters() if p.grad is not None] == ["adapter.weight", "adapter.bias"]
    assert list(VideoLoss(LossConfig(), channels=4).parameters()) == []


def test_no_weight_no_teacher_and_a_late_start():
    output, masks = NetworkOutput(branch(0), branch(1)), batch()[1]
    off = VideoLoss(LossConfig(distill=0), channels=4)(output, masks)
    assert off.teacher.item() == off.distill.item() == 0
    late = VideoLoss(LossConfig(distill_warmup_steps=10), channels=4)
    assert late(output, masks, step=9).distill.item() == 0 and late(output, masks, step=10).distill.item() > 0
    alone = VideoLoss(LossConfig(), channels=4)(NetworkOutput(branch(0), None), masks)
    assert alone.total.item() == alone.student.item()


def test_the_location_map_may_be_taught():
    masks = torch.zeros(1, 1, 1, 8, 16)
    masks[..., 0:4, 4:8] = 1
    right = torch.full((1, 1, 1, 2, 4), -20.0)
    right[..., 0, 1] = 20.0
    assert location_loss(right, masks).item() == pytest.approx(0, abs=1e-6)
    assert location_loss(-right, masks).item() > 10
    output = NetworkOutput(branch(0), None)
    part = VideoLoss(LossConfig(location=2.0), channels=4)(output, batch()[1])
    assert part.location.item() > 0 and part.total.item() == pytest.approx(part.student.item() + part.location.item())
    silent = VideoLoss(LossConfig(location=2.0), channels=4)(NetworkOutput(branch(0, location=False), None), batch()[1])
    assert silent.location.item() == 0


@pytest.mark.parametrize("name", ["dice", "distill", "location", "distill_warmup_steps"])
def test_negative_weights_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        LossConfig(**{name: -1})


def test_the_acoustic_loss_is_the_baselines():
    said = Detections(torch.randn(2, 5, 6), torch.rand(2, 5, 6, 3) * 2 - 1)
    activity = (torch.rand(2, 5, 6) > 0.6).float()
    where = torch.rand(2, 5, 6, 3) * activity.unsqueeze(-1)
    p = said.classes.sigmoid()
    entropy = -(activity * p.log() + (1 - activity) * (1 - p).log()).mean().item()
    error = ((said.directions - where) ** 2).mean().item()
    assert acoustic_loss(said, activity, where).item() == pytest.approx(entropy + 5 * error, rel=1e-5)
    active = ((said.directions - where) ** 2)[activity.bool()].mean().item()
    got = acoustic_loss(said, activity, where, active_only=True).item()
    assert got == pytest.approx(entropy + 5 * active, rel=1e-5)
    assert math.isfinite(acoustic_loss(said, 0 * activity, 0 * where, active_only=True).item())


def test_losses_stay_in_single_precision():
    logits, masks = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert structure_loss(logits, masks).dtype == torch.float32
