import pytest
import torch

from panosod_core.model.ablations import table_rows, with_sound
from panosod_core.model.config import DecoderNorm, Padding, Sound, VisualTransformer
from panosod_core.model.network import PanosodNet, build_network
from panosod_core.model.presets import PRESETS, preset
from panosod_core.training.losses import LossConfig, VideoLoss
from tests.core.model.tiny import TINY, TINY_PANOSOD, noise_from, tiny

ROWS = {
    f"{base} table {table} {name}": config
    for base, tiny_config in (("paper", TINY), ("panosod", TINY_PANOSOD))
    for table in range(2, 8)
    for name, config in table_rows(table, tiny_config).items()
}


def pictures(frames=3, batch=1):
    return torch.rand(batch, frames, 3, 64, 128)


def sound():
    return torch.from_numpy(noise_from(40))[None]


def millions(module):
    return sum(p.numel() for p in module.parameters()) / 1e6


@pytest.mark.parametrize(
    "config", dict.fromkeys(ROWS.values()), ids=lambda c: next(n for n, r in ROWS.items() if r == c)
)
def test_every_row_of_every_table_runs_and_leaves_no_weight_unused(config):
    network = build_network(config)
    masks = (torch.rand(1, config.window, 1, 64, 128) > 0.8).float()
    output = network(pictures(config.window), sound(), masks if config.teacher else None)
    assert output.student.logits.shape == (1, config.window, 1, 64, 128)
    has_location = config.fuses and config.location_branch
    assert (output.student.location is not None) == has_location
    assert (output.teacher is not None) == config.teacher
    if has_location:
        assert output.student.location.shape == (1, config.window, 1, 4, 8)
    VideoLoss(LossConfig(), channels=16)(output, masks).total.backward()
    assert [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
    still = {n for n, p in network.named_parameters() if not p.requires_grad}
    assert all(n.startswith("acoustic.location.") for n in still) and bool(still) == (config.fuses and not has_location)


def test_the_paper_has_the_size_of_its_reading():
    with torch.device("meta"):
        network = PanosodNet(preset("paper"))
    student = millions(network) - millions(network.acoustic) - millions(network.teacher)
    assert student == pytest.approx(32.97, rel=0.02)
    assert millions(network.acoustic) == pytest.approx(0.84, rel=0.02)


def test_the_small_one_is_small():
    with torch.device("meta"):
        assert millions(PanosodNet(preset("small"))) <= 7.5


@pytest.mark.parametrize("name", PRESETS)
def test_shapes_of_a_preset(name):
    config = preset(name)
    with torch.device("meta"):
        network = PanosodNet(config)
        features = network.visual.backbone(torch.empty(2, 3, config.height_px, config.width_px))
    assert features.c5.shape[-2:] == (13, 26)
    assert features.c2.shape[-2:] == (config.height_px // 4, config.width_px // 4)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = build_network(TINY, seed=3), build_network(TINY, seed=3), build_network(TINY, seed=4)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.decoder.head.weight, other.decoder.head.weight)


def test_bytes_and_fractions_are_the_same_picture():
    network = build_network(TINY).eval()
    coarse = torch.randint(0, 256, (1, 3, 3, 64, 128), dtype=torch.uint8)
    with torch.no_grad():
        one, other = network(coarse, sound()), network(coarse.float() / 255, sound())
    torch.testing.assert_close(one.student.logits, other.student.logits)


def test_windows_of_a_batch_do_not_mix():
    network = build_network(TINY_PANOSOD).eval()
    a, b, left, right = pictures(), pictures(), sound(), -sound()
    with torch.no_grad():
        both = network(torch.cat([a, b]), torch.cat([left, right])).student.logits
        torch.testing.assert_close(both[:1], network(a, left).student.logits, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(both[1:], network(b, right).student.logits, atol=1e-4, rtol=1e-4)


def test_frames_of_a_window_hear_of_each_other():
    network = build_network(TINY).eval()
    torch.nn.init.normal_(network.temporal.out.weight, std=0.3)
    x = pictures()
    changed = x.clone()
    changed[:, 2] = torch.rand(3, 64, 128)
    with torch.no_grad():
        one, other = network(x, sound()).student.logits, network(changed, sound()).student.logits
    assert not torch.allclose(one[:, 0], other[:, 0], atol=1e-5)


@pytest.mark.parametrize("padding", [Padding.SEAM, Padding.SPHERE])
@pytest.mark.parametrize("norm", list(DecoderNorm))
def test_with_seam_aware_padding_maps_turn_with_the_picture(padding, norm):
    """All but the encodings of position, which are there to tell directions apart."""
    config = tiny(
        padding=padding,
        decoder_norm=norm,
        visual_transformer=VisualTransformer.OFF,
        spherical_encoding=False,
        gate_kernel=3,
    )
    network = build_network(with_sound(config, Sound.MONO)).eval()
    torch.nn.init.normal_(network.temporal.out.weight, std=0.3)
    x = pictures()
    with torch.no_grad():
        for turn in (16, 48):  # multiples of the output stride
            still, turned = network(x, sound()).student, network(x.roll(turn, -1), sound()).student
            torch.testing.assert_close(turned.logits, still.logits.roll(turn, -1), atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(turned.location, still.location.roll(turn // 16, -1), atol=1e-4, rtol=1e-4)


def test_frozen_batch_norm_stays_while_the_rest_learns():
    network = build_network(TINY)
    network.freeze_batch_norm()
    network.train()
    before = {n: b.clone() for n, b in network.named_buffers() if "running" in n or "tracked" in n}
    network(pictures(), sound())
    assert network.training and network.student.training
    assert all(torch.equal(b, before[n]) for n, b in network.named_buffers() if n in before)
    network.freeze_batch_norm(False)
    network(pictures(), sound())
    assert any(not torch.equal(b, before[n]) for n, b in network.named_buffers() if n in before)


def test_missing_sound_and_masks_without_a_teacher_are_refused():
    with pytest.raises(ValueError, match="needs sound"):
        build_network(TINY)(pictures())
    deaf = build_network(with_sound(TINY, Sound.NONE))
    with pytest.raises(ValueError, match="no teacher"):
        deaf(pictures(), None, torch.zeros(1, 3, 1, 64, 128))


def test_half_precision_says_nearly_the_same():
    network = build_network(TINY_PANOSOD).eval()
    x = pictures()
    with torch.no_grad():
        full = network(x, sound()).student.logits.sigmoid()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = network(x, sound()).student.logits.float().sigmoid()
    assert (full - half).abs().mean() < 0.02


def test_it_can_learn_a_picture_by_heart():
    """A few steps on one window: the loss falls, so gradients lead the right way through every part."""
    network = build_network(TINY_PANOSOD)
    x, masks = pictures(), torch.zeros(1, 3, 1, 64, 128)
    masks[..., 16:48, 32:64] = 1
    x[..., 16:48, 32:64] *= 0.2
    loss = VideoLoss(LossConfig(location=1.0), channels=16)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    course = []
    for step in range(25):
        parts = loss(network(x, sound(), masks), masks, step=step)
        optimiser.zero_grad()
        parts.total.backward()
        optimiser.step()
        course.append([p.item() for p in (parts.student, parts.teacher)])
    first, last = torch.tensor(course[:3]).mean(0), torch.tensor(course[-3:]).mean(0)
    assert (last < 0.5 * first).all()
