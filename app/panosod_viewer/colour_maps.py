"""Colour maps for values 0..1: perceptually uniform, computed here rather than tabulated. No Qt, no OpenGL.

Each is a path through OKLab (Ottosson 2020) on which lightness rises evenly, so that equal steps of the value look
equally far apart, also in greyscale and for colour-blind eyes. Hue turns on the way; chroma is as much as sRGB holds.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

STEPS = 256

# name -> lightness from, to; hue from, to in degrees of OKLab; chroma wanted
_PATHS: dict[str, tuple[tuple[float, float], tuple[float, float], float]] = {
    "ember": ((0.30, 0.95), (-20.0, 105.0), 0.21),
    "lagoon": ((0.28, 0.93), (285.0, 120.0), 0.19),
    "orchid": ((0.28, 0.93), (270.0, 395.0), 0.21),
    "ice": ((0.30, 0.97), (255.0, 200.0), 0.14),
    "grey": ((0.25, 0.98), (0.0, 0.0), 0.0),
}

COLOUR_MAPS: tuple[str, ...] = tuple(_PATHS)
"""Names, in the order in which they are offered."""

HIT_RGB = (0.00, 0.62, 0.45)
MISS_RGB = (0.34, 0.71, 0.91)
FALSE_ALARM_RGB = (0.90, 0.62, 0.00)
"""Bluish green, sky blue and orange of Okabe & Ito's set, told apart with every kind of colour blindness."""


@cache
def colour_table(name: str) -> NDArray[np.uint8]:
    """The colours of a map: (256, 3) uint8 sRGB, from the lowest value to the highest; read-only.

    Raises:
        ValueError: there is no such map.
    """
    if name not in _PATHS:
        raise ValueError(f"there is no colour map {name!r}; there are {', '.join(COLOUR_MAPS)}")
    lightness, hue_deg, chroma = _PATHS[name]
    t = np.linspace(0.0, 1.0, STEPS)
    light = lightness[0] + t * (lightness[1] - lightness[0])
    hue = np.radians(hue_deg[0] + t * (hue_deg[1] - hue_deg[0]))
    saturation = _chroma_in_gamut(light, hue, chroma)
    table = np.round(255 * _srgb(light, saturation * np.cos(hue), saturation * np.sin(hue))).astype(np.uint8)
    table.setflags(write=False)
    return table


def _chroma_in_gamut(light: NDArray[np.float64], hue: NDArray[np.float64], wanted: float) -> NDArray[np.float64]:
    """The most chroma up to ``wanted`` that sRGB can show, by bisection, smoothed so that it bends without corners."""
    low, high = np.zeros_like(light), np.full_like(light, wanted)
    for _ in range(24):
        middle = (low + high) / 2
        linear = _linear_rgb(light, middle * np.cos(hue), middle * np.sin(hue))
        fits = ((linear >= 0.0) & (linear <= 1.0)).all(axis=-1)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(low, 12, mode="edge"), 25)
    smooth: NDArray[np.float64] = around.min(axis=-1)
    return smooth


def _linear_rgb(light: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return np.stack(
        [
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        ],
        axis=-1,
    )


def _srgb(light: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.clip(_linear_rgb(light, a, b), 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
