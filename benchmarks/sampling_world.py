"""A project of clips as one records them, what a network's frozen part makes of them once, and the robot's masks.

Nothing about a clip is set by hand: its length, how often another thing begins to sound, and whether anything in it
moves at all are drawn. So a few long clips hold most of the frames, and in many of them little happens for long.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panosod_core.ambisonics.energy_track import EnergyTrack, EnergyTracker
from panosod_core.datasets.render_torch_picture import TorchPainter
from panosod_core.datasets.render_torch_sound import render_sounds
from panosod_core.datasets.windows import WindowSpec
from panosod_core.model.acoustic import AcousticFeatures
from panosod_core.model.network import PanosodNet
from panosod_core.synth.scene import SceneSpec, draw_scene
from panosod_core.synth.scene_config import HeldOut, SceneConfig

LENGTH_S = (10.0, 120.0)
"""Of a clip, evenly on a logarithmic scale: the median is 35 s."""
TURN_S = (4.0, 60.0)
"""Between two changes of what sounds, on the same kind of scale."""
STILL = 0.4
"""Share of clips in which nothing moves; in the others 60 % of the objects do."""
EVERY_S = 1.5
"""Between two frames that could be annotated."""
CHECK_SHARE = 4
"""Every fourth stretch of a clip is for judging."""
CHECK_FRAMES = 6
"""Frames of a clip that are judged, at most."""
_CHUNK = 32


@dataclass(frozen=True, eq=False)
class Encoded:
    """What the encoders make of n windows, which stays as it is, and the truth.

    Attributes:
        skips, features: of the pictures; the features have seen their neighbours.
        heard: of the sound.
        masks: (n, 1, H, W), 0 or 1.
    """

    skips: tuple[Tensor, Tensor, Tensor]
    features: Tensor
    heard: AcousticFeatures
    masks: Tensor

    def __len__(self) -> int:
        return len(self.masks)

    def take(self, rows: Tensor | slice) -> "Encoded":
        """Some of them."""
        a, b, c = self.skips
        heard = AcousticFeatures(*(None if part is None else part[rows] for part in self.heard))
        return Encoded((a[rows], b[rows], c[rows]), self.features[rows], heard, self.masks[rows])


@dataclass(frozen=True, eq=False)
class Moments:
    """Windows of a project: clip and time of each, and what is known of them."""

    clip: NDArray[np.int64]
    time_s: NDArray[np.float64]
    encoded: Encoded


@dataclass(frozen=True, eq=False)
class Project:
    """Clips with the moments that can be annotated and those that are judged; their sound as it would be heard."""

    scenes: tuple[SceneSpec, ...]
    pool: Moments
    check: Moments
    tracks: tuple[EnergyTrack, ...]


def draw_clips(seed: int, count: int) -> tuple[SceneSpec, ...]:
    """The clips of a project: every one another place of a look that the model has not learnt."""
    rng = np.random.default_rng([seed, 0x9A3])
    scenes = []
    for k in range(count):
        length_s = round(float(np.exp(rng.uniform(*np.log(LENGTH_S)))))
        turn_s = float(np.exp(rng.uniform(*np.log(TURN_S))))
        still = rng.random() < STILL
        config = SceneConfig(
            duration_s=float(length_s), turn_s=min(turn_s, float(length_s)), moving=0.0 if still else 0.6,
            held_out=tuple(HeldOut),
        )  # fmt: skip
        scenes.append(draw_scene(9_000_000 + 1000 * seed + k, config))
    return tuple(scenes)


def divided(length_s: float, *, first: int) -> tuple[list[float], list[float]]:
    """Times of a clip to annotate and to judge: every fourth of its stretches is judged, with a guard around it."""
    stretch_s = max(3.0, length_s / 12)
    pool, check = [], []
    for time_s in np.arange(0.5, length_s - 0.25, EVERY_S):
        number, inside = divmod(float(time_s), stretch_s)
        if (int(number) + first) % CHECK_SHARE == 0:
            if 0.5 <= inside <= stretch_s - 0.5:
                check.append(float(time_s))
        else:
            pool.append(float(time_s))
    chosen = np.unique(np.linspace(0, len(check) - 1, min(CHECK_FRAMES, len(check))).round().astype(int))
    return pool, [check[k] for k in chosen]


def make_project(net: PanosodNet, spec: WindowSpec, seed: int, count: int) -> Project:
    """Render and encode a project."""
    scenes = draw_clips(seed, count)
    parts: dict[str, list[Moments]] = {"pool": [], "check": []}
    tracks = []
    for k, scene in enumerate(scenes):
        sound = render_sounds([scene], rate_hz=spec.rate_hz, device=torch.device("cpu"))[0]
        tracker = EnergyTracker(sample_rate_hz=spec.rate_hz)
        tracker.push(sound.numpy())
        tracker.finish()
        tracks.append(tracker.track())
        for name, times in zip(parts, divided(scene.config.duration_s, first=seed + k), strict=True):
            if times:
                parts[name].append(_moments(net, spec, k, scene, sound, times))
    pool, check = (_joined(part) for part in parts.values())
    return Project(scenes, pool, check, tuple(tracks))


@torch.no_grad()
def encoded(net: PanosodNet, frames: Tensor, foa: Tensor, masks: Tensor) -> Encoded:
    """What the encoders make of windows: pictures (B, 3, H, W), sound (B, 4, n) and truth (B, H, W).

    The picture stands for its two neighbours too, which costs a third.
    """
    seen = net.encode_frames(frames)
    features, summaries = seen.features, net.summarise(seen)
    if net.temporal is not None and summaries is not None:
        features = net.temporal.answer(features, summaries)
    heard = net.encode_sound(foa)
    if heard is None:
        raise ValueError("expected a network that hears")
    return Encoded(seen.skips, features, heard, masks[:, None])


def _moments(
    net: PanosodNet, spec: WindowSpec, clip: int, scene: SceneSpec, sound: Tensor, times: list[float]
) -> Moments:
    painter = TorchPainter(spec.width, spec.height, device=torch.device("cpu"))
    half = spec.samples // 2
    padded = torch.nn.functional.pad(sound, (half, half))
    made = []
    for first in range(0, len(times), _CHUNK):
        some = times[first : first + _CHUNK]
        frames, labels = painter.render([scene], [some])
        sounding = [torch.tensor(scene.sounding(t), dtype=torch.uint8) for t in some]
        masks = torch.stack([torch.isin(of, ids) for of, ids in zip(labels[0], sounding, strict=True)]).float()
        foa = torch.stack([padded[:, (at := round(t * spec.rate_hz)) : at + spec.samples] for t in some])
        made.append(encoded(net, frames[0], foa, masks))
    return Moments(np.full(len(times), clip), np.array(times), _stacked(made))


def _stacked(parts: list[Encoded]) -> Encoded:
    a, b, c = (torch.cat([p.skips[k] for p in parts]) for k in range(3))
    heard = (None if some[0] is None else torch.cat(some) for some in zip(*(p.heard for p in parts), strict=True))
    features, masks = (torch.cat([getattr(p, name) for p in parts]) for name in ("features", "masks"))
    return Encoded((a, b, c), features, AcousticFeatures(*heard), masks)


def _joined(parts: list[Moments]) -> Moments:
    return Moments(
        np.concatenate([p.clip for p in parts]),
        np.concatenate([p.time_s for p in parts]),
        _stacked([p.encoded for p in parts]),
    )


def spec_of(net: PanosodNet, width: int) -> WindowSpec:
    """Its windows, in a smaller size."""
    config = net.config
    return replace(
        WindowSpec(), frames=1, step_s=config.frame_spacing_s, sound_s=config.sound_window_s,
        rate_hz=config.sound_rate_hz, width=width, height=width // 2,
    )  # fmt: skip
