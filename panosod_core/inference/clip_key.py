"""Under which key a clip's predictions are kept: whoever predicts the same thing finds the same file. No torch."""

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.inference.cache import CacheKey
from panosod_core.media.info import AudioInfo

MAPS_VERSION = 1
"""Of our own code between the file and the map: how pictures are fitted and turned, sound is read and cut into windows,
maps are scaled, carried by flow and rounded. Raise it with every change that changes maps beyond rounding: what was
kept under the old one is then made anew, and the old files give way with age. The first is not named in the key."""


def clip_key(
    *, content: str, model_id: str, geometry: PictureGeometry, audio: AudioInfo | None, precision: str = "auto"
) -> CacheKey:
    """The key of a clip's maps by a model.

    Runtime, device and what they choose by themselves are not part of it: their maps differ by less than a person sees,
    and int8 is only chosen where that was measured. Who names a precision wants maps of just that one: they have an
    entry of their own.

    Args:
        content: identity of the file (``media.content``).
        model_id: hash of the weights.
        geometry: how its picture is taken to cover the sphere, with the eye that is looked at.
        audio: what its sound is taken for; None without.
        precision: "auto", or the one that was named.
    """
    b = geometry.bounds
    picture = [geometry.projection, geometry.stereo, geometry.eye, f"{geometry.eyes_swapped:d}"]
    picture += [f"{value:.6g}" for value in (b.left, b.top, b.right, b.bottom, *geometry.pose_deg)]
    sound = ["none"]
    if audio is not None:
        sound = [audio.format, str(audio.order), ",".join(str(c) for c in audio.channel_map)]
    named = "" if precision == "auto" else f"; precision {precision}"
    named += "" if MAPS_VERSION == 1 else f"; maps {MAPS_VERSION}"
    return CacheKey(content, model_id, f"picture {' '.join(picture)}; sound {' '.join(sound)}{named}")
