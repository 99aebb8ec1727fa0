import pytest
import torch

from panosod_core.model.ablations import with_sound
from panosod_core.model.acoustic import AcousticDetector, AcousticEncoder
from panosod_core.model.config import AcousticInput, EnergyMap, Sound
from panosod_core.model.presets import PAPER, preset
from tests.core.model.tiny import TINY, TINY_PANOSOD, noise_from, tiny


def wave(**kwargs):
    return torch.from_numpy(noise_from(40, 10, **kwargs))[None]


def test_the_papers_encoder_has_its_size():
    encoder = AcousticEncoder(PAPER)
    assert sum(p.numel() for p in encoder.parameters()) == pytest.approx(0.84e6, rel=0.02)
    convolutions = [m for m in encoder.convolutions if isinstance(m, torch.nn.Conv2d)]
    pools = [m.kernel_size for m in encoder.convolutions if isinstance(m, torch.nn.MaxPool2d)]
    assert [c.out_channels for c in convolutions] == [64, 64, 64] and pools == [(8, 2), (8, 2), (2, 2)]
    assert encoder.recurrent.input_size == 128 and encoder.recurrent.num_layers == 2


@pytest.mark.parametrize("name", ["paper", "panosod", "small"])
def test_three_seconds_are_thirty_tokens(name):
    config = preset(name)
    features = AcousticEncoder(config).eval()(torch.zeros(1, 4, config.sound_samples))
    assert features.semantic.shape == features.location.shape == (1, 30, config.channels)
    assert (features.covariance is None) == (config.energy_map is EnergyMap.OFF)


def test_l3das_detections_have_its_slots():
    said = AcousticDetector(TINY).eval()(wave(samples=32000))
    assert said.classes.shape == (1, 10, 42)
    assert said.directions.shape == (1, 10, 42, 3)
    assert said.directions.abs().max() <= 1


def test_the_detector_carries_the_encoder_under_the_networks_name():
    own = {n.removeprefix("acoustic.") for n in AcousticDetector(TINY).state_dict() if n.startswith("acoustic.")}
    assert own == set(AcousticEncoder(TINY).state_dict())


@pytest.mark.parametrize("kind", list(AcousticInput))
def test_directions_are_heard_by_foa_alone(kind):
    foa = tiny(acoustic_input=kind)
    mirrored = wave() * torch.tensor([1.0, -1, 1, 1]).view(1, 4, 1)
    for config, hears in ((foa, True), (with_sound(foa, Sound.MONO), False)):
        encoder = AcousticEncoder(config).eval()
        same = torch.allclose(encoder(wave()).location, encoder(mirrored).location, atol=1e-6)
        assert same != hears


def test_tokens_stand_in_time():
    """Sound in the second half only leaves the first tokens of the convolutions as silence has them."""
    encoder = AcousticEncoder(TINY_PANOSOD).eval()
    half = torch.cat([torch.zeros(1, 4, 16000), wave(samples=16000)], dim=-1)
    silent = torch.zeros_like(half)
    levels = [encoder.convolutions(encoder.input(encoder.spectrum(x))) for x in (half, silent)]
    difference = (levels[0] - levels[1]).abs().amax((0, 1, 2))
    assert difference.shape == (10,) and difference[:4].max() == 0 and difference[5:].min() > 0


def test_more_channels_are_ignored_and_fewer_refused():
    encoder = AcousticEncoder(TINY).eval()
    nine = torch.cat([wave(), torch.randn(1, 5, wave().shape[-1])], dim=1)
    assert torch.equal(encoder(nine).semantic, encoder(wave()).semantic)
    with pytest.raises(ValueError, match="at least 4 channels"):
        encoder(wave()[:, :2])
    with pytest.raises(ValueError, match="without sound"):
        AcousticEncoder(with_sound(TINY, Sound.NONE))
