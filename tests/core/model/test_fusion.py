import pytest
import torch

from panosod_core.model.acoustic import AcousticFeatures
from panosod_core.model.config import EnergyMap, Fusion, Gate, Padding, PositionInto
from panosod_core.model.fusion import ContextFusion
from tests.core.model.tiny import TINY, TINY_PANOSOD, tiny

VARIANTS = {
    "paper": TINY,
    "panosod": TINY_PANOSOD,
    "concat": tiny(fusion=Fusion.CONCAT),
    "no spe": tiny(spherical_encoding=False),
    "scaled": tiny(spherical_scale=6.28),
    "queries": tiny(position_into=PositionInto.ATTENTION),
    "frame code": tiny(frame_encoding=True),
    "no location": tiny(location_branch=False),
    "sigmoid": tiny(gate=Gate.SIGMOID, gate_kernel=3, padding=Padding.SEAM),
    "two layers": tiny(fusion_layers=2),
    "beam": tiny(energy_map=EnergyMap.BEAM, energy_bands=2),
    "concat and beam": tiny(fusion=Fusion.CONCAT, energy_map=EnergyMap.BEAM),
}


def inputs(frames=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    covariance = torch.randn(2, 4, 32, 10, generator=g).abs()
    sound = AcousticFeatures(torch.randn(2, 4, 16, generator=g), torch.randn(2, 4, 16, generator=g), covariance)
    return torch.randn(2, frames, 16, 4, 8, generator=g), sound


def stirred(config):
    """With weights that are not zero anywhere, as after some learning."""
    block = ContextFusion(config).eval()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return block


def sound_for(config, sound):
    if config.energy_map is EnergyMap.BEAM:
        return sound._replace(covariance=sound.covariance[:, :, : config.energy_bands])
    return sound


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_fuses_and_learns(config):
    features, sound = inputs()
    block = stirred(config)
    fused = block(features, sound_for(config, sound))
    assert fused.features.shape == features.shape
    assert (fused.location is None) != config.location_branch
    fused.features.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for n, p in block.named_parameters() if ".key.b" not in n)


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_frames_may_come_one_by_one(config):
    features, sound = inputs()
    sound = sound_for(config, sound)
    block = stirred(config)
    whole = block(features, sound)
    for k in range(3):
        alone = block(features[:, k : k + 1], sound, first_frame=k)
        torch.testing.assert_close(alone.features, whole.features[:, k : k + 1], atol=1e-5, rtol=1e-4)
        if whole.location is not None:
            torch.testing.assert_close(alone.location, whole.location[:, k : k + 1], atol=1e-5, rtol=1e-4)


def test_the_gate_is_eq_4():
    features, sound = inputs()
    literal = stirred(TINY)
    sigmoid, alone = ContextFusion(tiny(gate=Gate.SIGMOID)).eval(), ContextFusion(tiny(location_branch=False)).eval()
    sigmoid.load_state_dict(literal.state_dict())
    alone.load_state_dict({n: p for n, p in literal.state_dict().items() if n.startswith("semantic.")})
    semantic = alone(features, sound).features
    fused = literal(features, sound)
    torch.testing.assert_close(fused.features, semantic * fused.location)
    squashed = sigmoid(features, sound)
    assert torch.equal(squashed.location, fused.location)
    torch.testing.assert_close(squashed.features, semantic * fused.location.sigmoid())


def test_the_literal_gate_starts_open():
    features, sound = inputs()
    torch.manual_seed(0)
    assert ContextFusion(TINY).eval()(features, sound).location.mean().item() == pytest.approx(1.0, abs=0.5)


def test_the_literal_gate_may_be_negative():
    features, sound = inputs()
    block = ContextFusion(TINY).eval()
    with torch.no_grad():
        block.gate.bias.fill_(-2.0)
    assert block(features, sound).location.min() < 0


def test_semantic_and_location_have_their_own_weights_and_sound():
    features, sound = inputs()
    block = stirred(TINY)
    before = block(features, sound)
    other = block(features, sound._replace(semantic=sound.semantic + 1))
    assert torch.equal(other.location, before.location) and not torch.equal(other.features, before.features)
    assert not torch.equal(block(features, sound._replace(location=sound.location + 1)).location, before.location)


def test_only_concat_is_blind_to_the_order_of_tokens():
    features, sound = inputs()
    backwards = sound._replace(semantic=sound.semantic.flip(1), location=sound.location.flip(1))
    for fusion, blind in ((Fusion.CONCAT, True), (Fusion.ATTENTION, False)):
        block = stirred(tiny(fusion=fusion))
        same = torch.allclose(block(features, sound).features, block(features, backwards).features, atol=1e-6)
        assert same == blind


def test_with_one_token_attention_cannot_tell_pixels_apart():
    """Why a config with one token is refused: what is added to every pixel is the same."""
    features, sound = inputs()
    layer = stirred(TINY).semantic.layers[0].attention
    tokens = features.flatten(-2).transpose(-1, -2).flatten(1, 2)
    one = layer(tokens, sound.semantic[:, :1], sound.semantic[:, :1])
    torch.testing.assert_close(one, one[:, :1].expand_as(one))
    many = layer(tokens, sound.semantic, sound.semantic)
    assert many.std(1).max() > 1e-3


def test_without_positions_fusion_turns_with_the_picture():
    features, sound = inputs()
    flat, spherical = stirred(tiny(spherical_encoding=False)), stirred(tiny(spherical_scale=6.28))
    turned = features.roll(3, -1)
    torch.testing.assert_close(flat(turned, sound).features, flat(features, sound).features.roll(3, -1))
    assert not torch.allclose(spherical(turned, sound).features, spherical(features, sound).features.roll(3, -1))


@pytest.mark.parametrize("kind", [EnergyMap.BEAM, EnergyMap.INTENSITY])
def test_the_energy_map_adds_nothing_at_birth(kind):
    features, sound = inputs()
    plain = ContextFusion(TINY).eval()
    guided = ContextFusion(tiny(energy_map=kind)).eval()
    extra = set(guided.state_dict()) - set(plain.state_dict())
    assert extra == {"location.energy.weight", "location.token_gain"}
    guided.load_state_dict(plain.state_dict(), strict=False)
    sound = sound if kind is EnergyMap.INTENSITY else sound._replace(covariance=sound.covariance[:, :, :1])
    torch.testing.assert_close(guided(features, sound).features, plain(features, sound).features)
    with torch.no_grad():
        guided.location.token_gain.fill_(3.0)
    assert not torch.allclose(guided(features, sound).features, plain(features, sound).features, atol=1e-4)


def test_an_energy_map_without_its_sound_is_refused():
    features, sound = inputs()
    with pytest.raises(ValueError, match="covariance"):
        ContextFusion(TINY_PANOSOD)(features, sound._replace(covariance=None))
