"""What the tests of prediction share: a tiny model as a file, and a short clip that it can look at."""

from pathlib import Path

import numpy as np
import torch

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.geometry.sphere import direction
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.config import ModelConfig
from panosod_core.model.network import PanosodNet
from tests.clips import RATE_HZ, write_clip
from tests.core.model.tiny import TINY_PANOSOD

FPS = 20
FRAMES = 24
HEIGHT, WIDTH = 96, 192


def model_file(
    folder: Path, *, config: ModelConfig = TINY_PANOSOD, name: str = "tiny.safetensors", seed: int = 5
) -> Path:
    """A network with random weights; biased so that its maps differ from pixel to pixel and frame to frame."""
    torch.manual_seed(seed)
    net = PanosodNet(config)
    with torch.no_grad():
        for parameter in net.decoder.parameters():
            parameter.mul_(3.0)
    path = folder / name
    save_checkpoint(path, net, provenance={"made": "by a test"})
    return path


def moving_pictures(*, frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT) -> list[np.ndarray]:
    """A soft random ring that turns by 3 columns a frame, with some colour."""
    rng = np.random.default_rng(2)
    x = np.arange(width) * 2 * np.pi / width
    y = np.arange(height)[:, None] * np.pi / height
    planes = []
    for _ in range(3):
        waves = [np.sin(k * x[None, :] + rng.uniform(0, 6) + 3 * np.sin(k * y)) / k for k in (1, 2, 5, 9)]
        planes.append(np.sum(waves, axis=0))
    still = np.stack(planes, axis=-1)
    still = (still - still.min()) / np.ptp(still) * 220 + 16
    return [np.roll(still, 3 * n, axis=1).astype(np.uint8) for n in range(frames)]


def moving_clip(folder: Path, *, frames: int = FRAMES, name: str = "clip.mp4") -> Path:
    """The ring as a clip, with noise that goes round with it."""
    samples = round(frames / FPS * RATE_HZ)
    noise = 0.1 * np.random.default_rng(4).standard_normal(samples).astype(np.float32)
    pieces = []
    for part, azimuth in zip(np.array_split(noise, 6), np.linspace(0, -2, 6), strict=True):
        pieces.append(encode_plane_wave(part, direction(azimuth, 0.2)))
    field = np.concatenate(pieces, axis=1).astype(np.float32)
    return write_clip(folder / name, moving_pictures(frames=frames), field, fps=FPS)
