"""The fixed filters of a binaural decoder, and the file they are kept in. numpy only: the audio process reads it."""

import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.format import MAX_ORDER, channel_count
from panosod_core.errors import HrtfError
from panosod_core.resources import core_asset

DEFAULT_FILTERS = "kemar_magls.npz"
MAX_TAPS = 1 << 16
_READ_ERRORS = (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, NotImplementedError)
_TEXTS = ("name", "method", "licence", "citation")


@dataclass(frozen=True, eq=False)
class BinauralFilters:
    """Filters that turn an ambisonic field into two ears. Checked at birth; treat as read-only.

    ``ear[e] = sum over c of taps[c, e] * channel[c]`` (convolution), channels in ACN order, SN3D.

    Attributes:
        taps: (C, 2, T) float32, finite; ear 0 is the left one.
        order: ambisonic order, C = (order + 1)^2.
        sample_rate_hz: rate of the taps.
        name: the head, for people.
        method: how the filters were made, for people.
        licence: of the measured data.
        citation: what the licence or good manners ask to be cited.
    """

    taps: NDArray[np.float32]
    order: int
    sample_rate_hz: int
    name: str
    method: str
    licence: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        expected = channel_count(self.order)
        shape = self.taps.shape
        if self.taps.ndim != 3 or shape[:2] != (expected, 2) or not 1 <= shape[2] <= MAX_TAPS:
            raise ValueError(f"filters of order {self.order} have shape ({expected}, 2, 1..{MAX_TAPS}), got {shape}")
        if self.taps.dtype != np.float32 or not np.isfinite(self.taps).all():
            raise ValueError("filter taps must be finite float32")
        if self.sample_rate_hz <= 0:
            raise ValueError(f"sample_rate_hz must be positive, got {self.sample_rate_hz}")


def save_filters(path: Path, filters: list[BinauralFilters]) -> None:
    """Write the filters of one head, one set an order, beside ``path`` and rename.

    Raises:
        ValueError: no filters, two of one order, or sets that differ in anything but order and taps.
    """
    first = filters[0] if filters else None
    if first is None or len({f.order for f in filters}) != len(filters):
        raise ValueError("save_filters needs filters, each of another order")
    for other in filters:
        if any(getattr(other, text) != getattr(first, text) for text in (*_TEXTS, "sample_rate_hz")):
            raise ValueError("filters of one file must agree in name, method, licence, citation and rate")
    arrays: dict[str, NDArray[Any]] = {f"order{f.order}": f.taps for f in filters}
    arrays |= {text: np.array(getattr(first, text)) for text in (*_TEXTS, "sample_rate_hz")}
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load_filters(path: Path, order: int) -> BinauralFilters:
    """Read the filters of one order.

    Raises:
        HrtfError: the file cannot be read, is no such file, or has no filters of that order.
    """
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            if f"order{order}" not in data:
                have = ", ".join(sorted(k.removeprefix("order") for k in data if k.startswith("order")))
                raise HrtfError(f"{path}: no filters of order {order} (it has {have or 'none'})")
            return BinauralFilters(
                taps=data[f"order{order}"],
                order=order,
                sample_rate_hz=int(data["sample_rate_hz"]),
                **{text: str(data[text]) for text in _TEXTS},
            )
    except (*_READ_ERRORS, zipfile.BadZipFile, zlib.error) as error:
        raise HrtfError(f"{path}: not a file of binaural filters written by panosod ({error})") from error


def default_filters(order: int) -> BinauralFilters:
    """The embedded filters: MIT KEMAR, magnitude least squares, 48 kHz.

    Raises:
        ValueError: the order lies outside 1..3.
    """
    if not 1 <= order <= MAX_ORDER:
        raise ValueError(f"the embedded filters are of order 1..{MAX_ORDER}, got {order}")
    return load_filters(core_asset("hrtf", DEFAULT_FILTERS), order)
