import pytest
import torch

from panosod_core.model.network import build_network
from panosod_core.model.presets import preset
from panosod_core.training.losses import LossConfig, VideoLoss
from tests.core.model.tiny import TINY, TINY_PANOSOD, noise_from, tiny

VALIDITY = tiny(teacher_validity=True)


def batch(frames=3):
    pictures = torch.rand(1, frames, 3, 64, 128)
    masks = torch.zeros(1, frames, 1, 64, 128)
    masks[..., 20:44, 30:70] = 1
    return pictures, torch.from_numpy(noise_from(40))[None], masks


def grads(network, part):
    return [p.grad for n, p in network.named_parameters() if n.startswith(part)]


@pytest.mark.parametrize("config", [TINY, TINY_PANOSOD], ids=["paper", "panosod"])
def test_the_teachers_loss_reaches_the_teacher_alone(config):
    network = build_network(config)
    output = network(*batch())
    masks = batch()[2]
    loss = VideoLoss(LossConfig(distill=5.0), channels=16)(output, masks)
    loss.teacher.backward()
    for name, parameter in network.named_parameters():
        if not name.startswith("teacher."):
            assert parameter.grad is None, f"the teacher's loss reached {name}"
    reached = [p.grad is not None for n, p in network.named_parameters() if n.startswith("teacher.")]
    assert all(reached)


def test_the_distillation_pulls_the_student_towards_a_teacher_that_stands_still():
    network = build_network(TINY)
    pictures, sound, masks = batch()
    VideoLoss(LossConfig(), channels=16)(network(pictures, sound, masks), masks).distill.backward()
    assert all(g is None for g in grads(network, "teacher."))
    assert all(g is not None for g in grads(network, "student."))
    assert any(g is not None and g.abs().max() > 0 for g in grads(network, "visual.backbone"))
    assert any(g is not None and g.abs().max() > 0 for g in grads(network, "acoustic."))


def test_apart_the_distillation_stops_at_the_students_fusion():
    network = build_network(tiny(dropout=0.0))
    pictures, sound, masks = batch()
    loss = VideoLoss(LossConfig(distill_apart=True), channels=16)
    output = network(pictures, sound, masks, apart=True)
    torch.testing.assert_close(output.apart, output.student.features)
    loss(output, masks).distill.backward()
    reached = {n.split(".")[0] for n, p in network.named_parameters() if p.grad is not None}
    assert reached == {"student"}
    with pytest.raises(ValueError, match="apart=True"):
        loss(network(pictures, sound, masks), masks)


def test_the_teacher_sees_the_mask_from_birth():
    network = build_network(preset("paper"))
    c = network.config.channels
    seen = torch.randn(1, c + 1, 13, 26)
    share = torch.nn.functional.conv2d(seen[:, c:], network.teacher.input.weight[:, c:])
    rest = torch.nn.functional.conv2d(seen[:, :c], network.teacher.input.weight[:, :c])
    assert 0.5 < (share.std() / rest.std()).item() < 2


def test_both_ways_it_still_leaves_the_encoders_to_the_student():
    """Without stop-gradient the teacher moves too, but what it is fed stays cut off."""
    network = build_network(TINY)
    pictures, sound, masks = batch()
    output = network(pictures, sound, masks)
    loss = VideoLoss(LossConfig(stop_teacher=False), channels=16)
    loss.distillation(output.student.features.detach(), output.teacher.features).backward()
    assert all(g is not None for g in grads(network, "teacher.fusion"))
    assert all(p.grad is None for n, p in network.named_parameters() if not n.startswith("teacher."))


def test_student_and_teacher_share_no_weights():
    network = build_network(TINY)
    student = {p.data_ptr() for n, p in network.named_parameters() if not n.startswith("teacher.")}
    assert not student & {p.data_ptr() for p in network.teacher.parameters()}
    own = {n for n, _ in network.student.named_parameters()}
    assert own == {n for n, _ in network.teacher.fusion.named_parameters()}


def test_the_mask_matters_to_the_teacher_alone():
    network = build_network(TINY).eval()
    pictures, sound, masks = batch()
    with torch.no_grad():
        one, other = network(pictures, sound, masks), network(pictures, sound, masks.roll(64, -1))
        none = network(pictures, sound)
    assert torch.equal(one.student.logits, other.student.logits)
    assert torch.equal(one.student.logits, none.student.logits) and none.teacher is None
    assert not torch.allclose(one.teacher.logits, other.teacher.logits, atol=1e-4)


def test_masks_that_are_not_known_are_not_looked_at():
    network = build_network(VALIDITY).eval()
    pictures, sound, masks = batch()
    valid = torch.tensor([[False, True, False]])
    garbage = masks.clone()
    garbage[:, ~valid[0]] = float("nan")
    with torch.no_grad():
        clean, dirty = (network(pictures, sound, m, valid).teacher.logits for m in (masks, garbage))
        full = network(pictures, sound, masks).teacher.logits
    assert torch.isfinite(dirty).all() and torch.equal(clean, dirty)
    assert not torch.allclose(clean, full, atol=1e-4)


def test_a_teacher_without_the_channel_needs_every_mask():
    pictures, sound, masks = batch()
    with pytest.raises(ValueError, match="validity channel"):
        build_network(TINY)(pictures, sound, masks, torch.tensor([[True, True, False]]))
    with pytest.raises(ValueError, match="expected masks"):
        build_network(TINY)(pictures, sound, masks[:, :2])


@pytest.mark.parametrize("temporal", [False, True])
def test_only_its_temporal_block_carries_a_mask_to_other_frames(temporal):
    network = build_network(tiny(teacher_validity=True, teacher_temporal=temporal)).eval()
    if temporal:
        torch.nn.init.normal_(network.teacher.temporal.out.weight)
    pictures, sound, masks = batch()
    valid = torch.tensor([[True, False, False]])
    with torch.no_grad():
        one, other = (network(pictures, sound, m, valid).teacher.logits for m in (masks, masks.roll(64, -1)))
    assert not torch.allclose(one[:, 0], other[:, 0], atol=1e-5)
    assert torch.allclose(one[:, 1:], other[:, 1:], atol=1e-6) != temporal


def test_mask_dropout_is_for_learning_only():
    network = build_network(tiny(teacher_validity=True, teacher_mask_dropout=0.9, dropout=0.0))
    network.freeze_batch_norm()
    pictures, sound, masks = batch()
    with torch.no_grad():
        learning = [network(pictures, sound, masks).teacher.logits for _ in range(2)]
        network.eval()
        working = [network(pictures, sound, masks).teacher.logits for _ in range(2)]
    assert torch.equal(*working)
    assert not torch.allclose(learning[0], working[0], atol=1e-5) or not torch.allclose(
        learning[1], working[0], atol=1e-5
    )
