"""The channel layout of a decoder, read without PyAV's crash on custom layouts.

PyAV 18.1 hands out ``AudioLayout`` objects that share the memory of the codec context's layout and free it when they
are collected. That is harmless for FFmpeg's ordinary layouts, which hold no memory, but a "custom" one (PCM in MOV with
an SA3D box whose channel map is not 0, 1, 2, ...) is then freed twice and the process aborts: by reading
``context.layout`` or ``context.channels``, and by every decoded frame. So the one object read here is never collected,
and such streams are decoded as so many channels of no known layout (their order is ours to know anyway).
"""

import ctypes
import re

from av.audio.codeccontext import AudioCodecContext

_CUSTOM = re.compile(r"\d+ channels \(")


def layout_of(context: AudioCodecContext) -> tuple[int, str]:
    """Number of channels (0 where FFmpeg knows none) and FFmpeg's name of the layout, e.g. "4.0", "ambisonic 1"."""
    layout = context.layout
    # A reference that is never given back: the object is about 100 bytes, and freeing it would free FFmpeg's memory.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    try:
        name = layout.name
    except UnicodeDecodeError:
        name = f"{layout.nb_channels} channels"
    return layout.nb_channels, name


def make_decodable(context: AudioCodecContext) -> None:
    """Set the options that let a sound stream be decoded whatever its layout; call it before the first packet.

    Args:
        context: not yet open.
    """
    channels, name = layout_of(context)
    if _CUSTOM.match(name):
        context.options = {**context.options, "ch_layout": f"{channels}C"}
