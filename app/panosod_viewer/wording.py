"""What the chips of the status line say. No Qt."""

from panosod_core.geometry.picture import PictureGeometry, PictureProjection, StereoMode
from panosod_core.media.info import AudioInfo, SoundFormat

_PROJECTIONS = {
    PictureProjection.EQUIRECTANGULAR: "360°",
    PictureProjection.EQUIRECTANGULAR_180: "180°",
    PictureProjection.FLAT: "Flat",
    PictureProjection.CUBEMAP: "Cube map, shown flat",
    PictureProjection.MESH: "Mesh, shown flat",
}
_STEREO = {StereoMode.MONO: "", StereoMode.TOP_BOTTOM: ", top-bottom", StereoMode.LEFT_RIGHT: ", side by side"}
_FORMATS = {SoundFormat.AMBIX: "AmbiX", SoundFormat.N3D: "ACN/N3D", SoundFormat.FUMA: "FuMa"}
_ORDERS = {0: "omni", 1: "1st order", 2: "2nd order", 3: "3rd order"}


def picture_text(geometry: PictureGeometry) -> str:
    """What the picture is taken for, e.g. "360°, top-bottom"; shown on its chip."""
    text = _PROJECTIONS[geometry.projection] + _STEREO[geometry.stereo]
    if (
        geometry.is_spherical
        and geometry.projection is PictureProjection.EQUIRECTANGULAR
        and not geometry.bounds.is_full
    ):
        text += ", cropped"
    return text


def sound_text(audio: AudioInfo | None) -> str:
    """What the sound is taken for, e.g. "1st order AmbiX + head-locked stereo"; shown on its chip."""
    if audio is None:
        return "No sound"
    if audio.format.is_ambisonic:
        order = _ORDERS.get(audio.order or 0, f"order {audio.order}")
        return f"{order} {_FORMATS[audio.format]}" + (" + head-locked stereo" if audio.head_locked else "")
    return "Stereo, head-locked" if audio.format is SoundFormat.STEREO else "Mono, head-locked"


def flat_notice(projection: PictureProjection) -> str:
    """Why a clip is shown flat, and what to do."""
    if projection is PictureProjection.CUBEMAP:
        return "This clip is a cube map, which panosod does not unfold: shown flat"
    if projection is PictureProjection.MESH:
        return "This clip carries its own mesh, which panosod does not use: shown flat"
    return "Nothing in this file says that it is a panorama: shown flat"
