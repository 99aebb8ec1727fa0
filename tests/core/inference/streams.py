"""Clips of noise, networks that listen, and their maps by whole windows: what every stream must equal."""

import numpy as np
import soxr
import torch

from panosod_core.model.network import build_network

FPS, RATE = 10.0, 48000
BLOCK = int(RATE / FPS)


def clip(frames=9, *, rate_hz=RATE, seed=0, size=(64, 128)):
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (frames, *size, 3), np.uint8)
    sound = (0.1 * rng.standard_normal((4, int(frames / FPS * rate_hz)))).astype(np.float32)
    return pictures, sound


def grown(config, seed=0):
    """A network whose frames do hear of each other, as after some learning."""
    network = build_network(config, seed=seed).eval()
    torch.manual_seed(seed)
    for name, parameter in network.named_parameters():
        if name.endswith(("temporal.out.weight", "energy.weight", "token_gain")):
            torch.nn.init.normal_(parameter, std=0.3)
    return network


def batch_maps(network, pictures, sound, *, stride, rate_hz=RATE, masks=None, valid=None):
    """The maps by whole windows, one forward pass each: what the stream must equal."""
    config = network.config
    n = len(pictures)
    heard = None
    if config.fuses:
        heard = soxr.resample(sound.T, rate_hz, config.sound_rate_hz).T if rate_hz != config.sound_rate_hz else sound
    half = config.sound_samples // 2
    maps = []
    for i in range(n):
        members = [min(max(i + (k - config.window_centre) * stride, 0), n - 1) for k in range(config.window)]
        frames = torch.from_numpy(pictures[members]).permute(0, 3, 1, 2)[None]
        window = None
        if heard is not None:
            padded = np.pad(heard, ((0, 0), (half, config.sound_samples + round(n / FPS * config.sound_rate_hz))))
            start = round(i / FPS * config.sound_rate_hz)
            window = torch.from_numpy(np.ascontiguousarray(padded[:, start : start + config.sound_samples]))[None]
        told = known = None
        if masks is not None and any(valid[m] for m in members):
            told = torch.from_numpy(masks[members])[None, :, None]
            known = torch.tensor([[valid[m] for m in members]]) if config.teacher_validity else None
        with torch.no_grad():
            output = network(frames, window, told, known)
        branch = output.teacher or output.student
        centre = config.window_centre
        location = None if branch.location is None else branch.location[0, centre, 0].numpy()
        maps.append((branch.logits[0, centre, 0].sigmoid().numpy(), location))
    return maps


def streamed(session, pictures, sound, *, blocks=None, masks=None):
    """All maps of a clip pushed frame by frame, the sound in blocks of any lengths."""
    lengths = blocks or [BLOCK] * len(pictures)
    out, at = [], 0
    for index, picture in enumerate(pictures):
        block = sound[:, at : at + lengths[index]]
        at += lengths[index]
        mask = None if masks is None else masks[index]
        out += session.step(picture, block, mask=mask)
    return out + session.flush()


def assert_equal_maps(got, expected):
    assert [m.index for m in got] == list(range(len(expected)))
    for one, (saliency, location) in zip(got, expected, strict=True):
        np.testing.assert_allclose(one.saliency, saliency, atol=1e-4)
        if location is None:
            assert one.location is None
        else:
            np.testing.assert_allclose(one.location, location, atol=1e-4)
