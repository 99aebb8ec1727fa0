"""Every layer over a light and a dark frame, beside pictures that a person has looked at (``golden_layers.py``)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from panosod_viewer import layers
from panosod_viewer.layers import LayerChoices, LayerId, SourceId
from panosod_viewer.palettes import LabelDisplay

from . import golden_layers
from .conftest import Draw
from .golden_layers import GROUNDS, LAYERS, SIZE, path_of, scene

pytestmark = pytest.mark.gl

MEAN = 2.0
"""Levels of 255: drivers round and blend in their own ways."""
FAR, FAR_SHARE = 24, 0.005
"""At most this share of pixels is further off than that: the edges of lines."""
LARGEST_BYTES = 30_000

WRONG: dict[str, Callable[[LayerChoices], LayerChoices]] = {
    "saliency": lambda c: c.with_layer(LayerId.SALIENCY, colours="lagoon"),
    "saliency-binary": lambda c: c.with_layer(LayerId.SALIENCY, opacity=0.4),
    "saliency-adaptive": lambda c: replace(c, has_contour=False),
    "location": lambda c: c.with_layer(LayerId.LOCATION, colours="ember"),
    "energy": lambda c: c.with_layer(LayerId.ENERGY, colours="orchid"),
    "annotation": lambda c: c.with_layer(LayerId.ANNOTATION, display=LabelDisplay.CONTOUR),
    "split": lambda c: replace(c, second=SourceId.ANNOTATION),
}
"""What a mistake would look like."""
RECOLOURED = {
    "truth": ("TRUTH_RGB", (1.0, 0.8, 0.3)),
    "onion": ("ONION_RGBS", layers.ONION_RGBS[::-1]),
    "difference": ("HIT_RGB", layers.MISS_RGB),
}


def is_like(found: np.ndarray, name: str, ground: str) -> bool:
    expected = np.asarray(Image.open(path_of(name, ground)).convert("RGB")).astype(int)
    assert found.shape == expected.shape
    off = np.abs(found.astype(int) - expected)
    return bool(off.mean() <= MEAN and (off.max(axis=-1) > FAR).mean() <= FAR_SHARE)


def drawn(draw: Draw, name: str, ground: str) -> np.ndarray:
    wanted = scene(name, ground)
    return draw(wanted.frame, panes=wanted.panes, size=SIZE, overlays=wanted.overlays)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_looks_as_it_did_when_a_person_looked_at_it(draw: Draw, name: str, ground: str) -> None:
    assert path_of(name, ground).stat().st_size <= LARGEST_BYTES
    assert is_like(drawn(draw, name, ground), name, ground)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", WRONG)
def test_a_layer_drawn_otherwise_is_noticed(draw: Draw, monkeypatch, name: str, ground: str) -> None:
    right = LAYERS[name]
    monkeypatch.setitem(golden_layers.LAYERS, name, lambda choices: WRONG[name](right(choices)))
    assert not is_like(drawn(draw, name, ground), name, ground)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", RECOLOURED)
def test_another_colour_is_noticed(draw: Draw, monkeypatch, name: str, ground: str) -> None:
    constant, colour = RECOLOURED[name]
    monkeypatch.setattr(layers, constant, colour)
    assert not is_like(drawn(draw, name, ground), name, ground)


def test_nothing_is_kept_that_no_layer_has() -> None:
    assert set(golden_layers.FOLDER.iterdir()) == {path_of(name, ground) for name in LAYERS for ground in GROUNDS}
