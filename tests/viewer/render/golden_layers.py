"""Scenes of every layer, whose pictures are kept under ``golden``: for the test, and for whoever makes them anew.

    python tests/viewer/render/golden_layers.py

draws them on the software renderer. Look at every picture before it is committed: from then on it is what is right.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View
from panosod_core.geometry.sphere import direction, equirect_directions
from panosod_core.media.frame import PixelLayout, VideoFrame
from panosod_core.media.info import Matrix, Range, Transfer
from panosod_viewer.layers import Comparison, Cut, LayerChoices, LayerPictures, resolve_layers
from panosod_viewer.overlays import MapImage, Mark, label_image
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.scene import Pane, RenderScene

FOLDER = Path(__file__).parent / "golden"
SIZE = (192, 120)
VIEW = View(yaw_rad=0.15, pitch_rad=0.05, fov_rad=float(np.radians(95)))
SOUNDING, BESIDE = direction(0.45, 0.1), direction(-0.35, -0.15)
GROUNDS = {"light": (0.88, 0.15), "dark": (0.12, 0.1)}
"""Grey of the ground, and how much the picture's own pattern changes it."""

LAYERS: dict[str, Callable[[LayerChoices], LayerChoices]] = {
    "saliency": lambda c: c.showing(("saliency",)),
    "saliency-binary": lambda c: replace(c.showing(("saliency",)), is_binary=True),
    "saliency-adaptive": lambda c: replace(c.showing(("saliency",)), cut=Cut.ADAPTIVE),
    "location": lambda c: c.showing(("location",)),
    "energy": lambda c: c.showing(("energy",)),
    "truth": lambda c: c.showing(("truth",)),
    "annotation": lambda c: c.showing(("annotation",)),
    "onion": lambda c: c.showing(("onion",)),
    "difference": lambda c: replace(c.showing(()), comparison=Comparison.DIFFERENCE),
    "split": lambda c: replace(c.showing(()), comparison=Comparison.SPLIT, split=0.34),
}


def scene(layer: str, ground: str) -> RenderScene:
    """A layer over a frame.

    Args:
        layer: name in :data:`LAYERS`.
        ground: name in :data:`GROUNDS`.
    """
    overlays = resolve_layers(LAYERS[layer](LayerChoices()), _pictures())
    return RenderScene(_frame(*GROUNDS[ground]), PictureGeometry(), panes=(Pane(view=VIEW),), overlays=overlays)


def path_of(layer: str, ground: str) -> Path:
    """Where its picture lies."""
    return FOLDER / f"{layer}-{ground}.png"


def _frame(grey: float, depth: float) -> VideoFrame:
    x, y, z = np.moveaxis(equirect_directions(256, 128), -1, 0)
    pattern = np.stack([np.sin(7 * x), np.sin(7 * y + 1), np.sin(9 * z)], axis=-1)
    codes = np.round(255 * np.clip(grey + 0.5 * depth * pattern, 0.0, 1.0)).astype(np.uint8)
    height, width = codes.shape[:2]
    return VideoFrame(
        index=0,
        pts=0,
        time_base=Fraction(1, 30),
        time_s=0.0,
        duration_s=1 / 30,
        width=width,
        height=height,
        planes=tuple(np.ascontiguousarray(codes[..., channel]) for channel in (1, 2, 0)),
        layout=PixelLayout("gbrp", "gbr", (0, 0), 8),
        matrix=Matrix.RGB,
        range=Range.FULL,
        transfer=Transfer.SDR,
    )


def _peak(toward: np.ndarray, *, size: tuple[int, int], tightness: float) -> MapImage:
    values = np.exp(tightness * (equirect_directions(*size) @ toward - 1))
    return MapImage(np.round(255 * values).astype(np.uint8))


def _discs(*discs: tuple[np.ndarray, float]) -> np.ndarray:
    d = equirect_directions(256, 128)
    labels = np.zeros((128, 256), np.uint8)
    for number, (toward, radius_deg) in enumerate(discs, 1):
        labels[d @ toward > np.cos(np.radians(radius_deg))] = number
    return labels


def _pictures() -> LayerPictures:
    objects = _discs((SOUNDING, 17.0), (BESIDE, 12.0))
    moved = [_discs((direction(azimuth, 0.1), 17.0)) for azimuth in (0.2, 0.7)]
    return LayerPictures(
        saliency=_peak(SOUNDING, size=(104, 52), tightness=12.0),
        location=_peak(SOUNDING, size=(26, 13), tightness=5.0),
        location_mark=Mark(_triple(SOUNDING), (1.0, 0.75, 0.95)),
        energy=_peak(BESIDE, size=(64, 32), tightness=3.0),
        energy_mark=Mark(_triple(BESIDE), (0.75, 1.0, 0.85)),
        truth=label_image(_discs((direction(0.5, 0.15), 17.0))),
        annotation=label_image(objects),
        onion=(label_image(moved[0]), label_image(moved[1])),
    )


def _triple(toward: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(c) for c in toward)
    return x, y, z


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with HeadlessContext(*SIZE) as context:
        for ground in GROUNDS:
            for layer in LAYERS:
                Image.fromarray(context.render(scene(layer, ground))).save(path_of(layer, ground), optimize=True)


if __name__ == "__main__":
    main()
