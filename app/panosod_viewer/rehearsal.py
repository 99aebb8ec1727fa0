"""What will lie over the picture, before there is any of it: so that its shaders are compiled while nothing moves.

A shader is compiled when it is first drawn with, which takes a software renderer a tenth of a second and a graphics
card's driver some hundredths. Were that the first map's, a playing clip would stand still for it. Pure values; no Qt.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from panosod_viewer.layers import LayerId, LayerPictures
from panosod_viewer.overlays import Caption, MapImage, Mark
from panosod_viewer.resolving import Wish

_SIZE = (208, 416)
"""As the models' maps: drivers make a difference between sizes that are powers of two and others."""
_CAPTION = Caption(np.zeros((8, 8, 4), np.uint8))


def rehearsed(wish: Wish, expected: Collection[LayerId]) -> Wish | None:
    """The wish with stand-ins for the maps that are still to come.

    Args:
        wish: as it is now.
        expected: layers of maps that may come for this clip.

    Returns:
        None where nothing that is shown is expected.
    """
    choices = wish.layers
    shown = {layer for layer in expected if choices.of(layer).is_shown}
    if choices.are_hidden or not shown or wish.frame is None or not wish.geometry.is_spherical:
        return None
    half = np.zeros(_SIZE, np.uint8)
    half[:, : _SIZE[1] // 2] = 255
    image = MapImage(half)
    x, y, z = (float(c) for c in wish.look.R_world_view[:, 0])
    ahead = Mark((x, y, z), caption=_CAPTION)
    return replace(
        wish,
        pictures=LayerPictures(
            saliency=image if LayerId.SALIENCY in shown else None,
            second=image if LayerId.SALIENCY in shown else None,
            location=image if LayerId.LOCATION in shown else None,
            location_mark=ahead if LayerId.LOCATION in shown else None,
            energy=image if LayerId.ENERGY in shown else None,
            energy_mark=ahead if LayerId.ENERGY in shown else None,
        ),
    )
