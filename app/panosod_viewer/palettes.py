"""Colours of label maps: 254 objects told apart, and the ways to show them. No Qt, no OpenGL."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from panosod_viewer.overlays import Palette, Rgb

TINT_SHARE = 0.45
"""Of a layer's opacity for the inside of an object, beside its contour."""
CUT_OUT_SHARE = 0.85
_FIRST = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167), (0, 114, 178))
"""Okabe & Ito's set: the first objects are told apart by colour-blind eyes too."""


class LabelDisplay(StrEnum):
    """How objects are shown."""

    TINT = "tint"
    CONTOUR = "contour"
    CUT_OUT = "cut-out"
    """The picture inside objects as it is, dark outside."""


@dataclass(frozen=True)
class LabelLook:
    """How a label layer is shown.

    Attributes:
        display: tint with contour, contour alone, or cut-out.
        opacity: 0..1.
        colours: object id -> sRGB 0..1 where it is not the usual one.
        hidden: ids not shown.
        solo: the only ids shown; empty for all.
        selected: ids drawn with a white contour.
        rgb: one colour for all objects (truth, onion skin), or None.
    """

    display: LabelDisplay = LabelDisplay.TINT
    opacity: float = 1.0
    colours: tuple[tuple[int, Rgb], ...] = ()
    hidden: frozenset[int] = frozenset()
    solo: frozenset[int] = frozenset()
    selected: frozenset[int] = frozenset()
    rgb: Rgb | None = None


@cache
def object_colours() -> NDArray[np.uint8]:
    """(256, 3) uint8: the usual colour of each id; 0 and 255 are black and white."""
    hue = np.arange(256) * 0.61803398875 % 1.0
    light = np.array([0.95, 0.75, 0.6])[np.arange(256) % 3]
    table = np.empty((256, 3))
    for channel, shift in enumerate((0.0, 2 / 3, 1 / 3)):
        table[:, channel] = light * (0.25 + 0.75 * np.clip(2 - 6 * np.abs((hue + shift) % 1.0 - 0.5), 0, 1))
    colours = np.round(255 * table).astype(np.uint8)
    colours[1 : 1 + len(_FIRST)] = _FIRST
    colours[0], colours[255] = 0, 255
    colours.setflags(write=False)
    return colours


@lru_cache(maxsize=64)
def palette_of(look: LabelLook) -> Palette:
    """The palette that shows objects in that way."""
    colours = object_colours().copy()
    if look.rgb is not None:
        colours[1:] = np.round(255 * np.asarray(look.rgb))
    for label, rgb in look.colours:
        colours[label] = np.round(255 * np.asarray(rgb))
    shown = _shown(look.hidden, look.solo)
    fill, line = np.zeros((256, 4), np.uint8), np.zeros((256, 4), np.uint8)
    fill[:, :3], line[:, :3] = colours, colours
    share = TINT_SHARE if look.display is LabelDisplay.TINT else 0.0
    fill[shown, 3] = round(255 * look.opacity * share)
    line[shown, 3] = round(255 * look.opacity)
    if look.display is LabelDisplay.CUT_OUT:
        fill[~shown, :3] = 0
        fill[~shown, 3] = round(255 * look.opacity * CUT_OUT_SHARE)
        line[:, 3] = 0
    for label in look.selected:
        if shown[label]:
            line[label] = 255
    return Palette(fill, line)


def _shown(hidden: Collection[int], solo: Collection[int]) -> NDArray[np.bool_]:
    shown = np.zeros(256, np.bool_)
    shown[list(solo) if solo else slice(1, 255)] = True
    shown[list(hidden)] = False
    shown[0] = False
    return shown


def with_colours(colours: Mapping[int, Rgb]) -> tuple[tuple[int, Rgb], ...]:
    """Own colours of objects as :class:`LabelLook` takes them."""
    return tuple(sorted(colours.items()))
