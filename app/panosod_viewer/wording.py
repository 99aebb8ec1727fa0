"""Words for people: what the chips of the status line and the media information say. No Qt."""

from panosod_core.geometry.picture import PictureGeometry, PictureProjection, StereoMode
from panosod_core.media.info import AudioInfo, Matrix, Range, SoundFormat, Transfer, VideoInfo

_PROJECTIONS = {
    PictureProjection.EQUIRECTANGULAR: "360°",
    PictureProjection.EQUIRECTANGULAR_180: "180°",
    PictureProjection.FLAT: "Flat",
    PictureProjection.CUBEMAP: "Cube map, shown flat",
    PictureProjection.MESH: "Mesh, shown flat",
}
_STEREO = {StereoMode.MONO: "", StereoMode.TOP_BOTTOM: ", top-bottom", StereoMode.LEFT_RIGHT: ", side by side"}
_FORMATS = {SoundFormat.AMBIX: "AmbiX", SoundFormat.N3D: "ACN/N3D", SoundFormat.FUMA: "FuMa"}
_CONTAINERS = {
    "mov": "MP4 or QuickTime",
    "matroska": "Matroska or WebM",
    "mpegts": "MPEG transport stream",
    "mpeg": "MPEG program stream",
    "avi": "AVI",
    "wav": "WAVE",
    "w64": "Wave64",
    "caf": "Core Audio",
    "aiff": "AIFF",
    "flac": "FLAC",
    "ogg": "Ogg",
}
"""By the first of FFmpeg's names."""
_MATRICES = {Matrix.BT601: "BT.601", Matrix.BT709: "BT.709", Matrix.BT2020: "BT.2020", Matrix.RGB: "RGB"}
_RANGES = {Range.LIMITED: "limited range", Range.FULL: "full range"}
_TRANSFERS = {Transfer.SDR: "standard dynamic range", Transfer.PQ: "HDR (PQ)", Transfer.HLG: "HDR (HLG)"}
_CLAIMS = {
    "projection": "projection",
    "pose_deg": "pose",
    "initial_view_deg": "first view",
    "channel_map": "channel map",
    "xml": "its text",
    "structure": "the file's structure",
}
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


def container_text(container: str) -> str:
    """What kind of file it is; FFmpeg's own names where we have none."""
    return _CONTAINERS.get(container.partition(",")[0], container)


def colour_text(video: VideoInfo) -> str:
    """How numbers become colours."""
    return ", ".join((_MATRICES[video.matrix], _RANGES[video.range], _TRANSFERS[video.transfer]))


def claim_text(key: str) -> str:
    """What a claim of the file speaks of."""
    return _CLAIMS.get(key, key)


def flat_notice(projection: PictureProjection) -> str:
    """Why a clip is shown flat, and what to do."""
    if projection is PictureProjection.CUBEMAP:
        return "This clip is a cube map, which panosod does not unfold: shown flat"
    if projection is PictureProjection.MESH:
        return "This clip carries its own mesh, which panosod does not use: shown flat"
    return "Nothing in this file says that it is a panorama: shown flat"
