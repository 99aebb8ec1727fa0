"""What a person may choose over what was found: the projection and packing of the picture, the meaning of the sound."""

from collections.abc import Mapping
from dataclasses import replace

from panosod_core.geometry.picture import FRONT_HALF, FULL_SPHERE, Eye, PictureGeometry, PictureProjection, StereoMode
from panosod_core.media.info import AudioInfo, SoundFormat, VideoInfo
from panosod_core.media.sound_rules import SoundDecision, SoundStream, ambisonic_decision, stored_order

PICTURE_CHOICES: Mapping[str, str] = {
    "auto": "As found",
    "equirect": "360°",
    "equirect-tb": "360°, top-bottom",
    "equirect-sbs": "360°, side by side",
    "180": "180°",
    "180-sbs": "180°, side by side",
    "180-tb": "180°, top-bottom",
    "flat": "Flat",
}
"""Id -> label of what the picture may be taken for."""

_PICTURES: Mapping[str, tuple[PictureProjection | None, StereoMode | None]] = {
    "auto": (None, None),
    "equirect": (PictureProjection.EQUIRECTANGULAR, StereoMode.MONO),
    "equirect-tb": (PictureProjection.EQUIRECTANGULAR, StereoMode.TOP_BOTTOM),
    "equirect-sbs": (PictureProjection.EQUIRECTANGULAR, StereoMode.LEFT_RIGHT),
    "180": (PictureProjection.EQUIRECTANGULAR_180, StereoMode.MONO),
    "180-sbs": (PictureProjection.EQUIRECTANGULAR_180, StereoMode.LEFT_RIGHT),
    "180-tb": (PictureProjection.EQUIRECTANGULAR_180, StereoMode.TOP_BOTTOM),
    "flat": (PictureProjection.FLAT, StereoMode.MONO),
}

SOUND_CHOICES: Mapping[str, str] = {
    "auto": "As found",
    "ambix": "Ambisonics, ACN/SN3D (AmbiX)",
    "n3d": "Ambisonics, ACN/N3D",
    "fuma": "Ambisonics, FuMa (W X Y Z)",
    "ambix+2": "Ambisonics, ACN/SN3D, and head-locked stereo",
    "stereo": "Stereo, stays with the head",
    "mono": "Mono, stays with the head",
}
"""Id -> label of what the sound may be taken for."""

_AMBISONIC = {
    "ambix": (SoundFormat.AMBIX, False),
    "n3d": (SoundFormat.N3D, False),
    "fuma": (SoundFormat.FUMA, False),
    "ambix+2": (SoundFormat.AMBIX, True),
}
_LEAST_CHANNELS = {"ambix": 4, "n3d": 4, "fuma": 4, "ambix+2": 6, "stereo": 2, "mono": 1}
CHOSEN = "chosen by you"
"""The ``source`` of what a person chose."""


def picture_geometry(
    info: VideoInfo,
    *,
    projection: PictureProjection | None = None,
    stereo: StereoMode | None = None,
    eye: Eye = Eye.LEFT,
) -> PictureGeometry:
    """How the picture covers the sphere, as found or as chosen.

    Args:
        info: what was found.
        projection: chosen instead; the crop that was found stays only where it belongs to the same projection.
        stereo: chosen instead; which eye comes first stays only where it belongs to the same packing.
        eye: which eye to show.
    """
    bounds = info.bounds
    if projection is not None and projection is not info.projection:
        bounds = FRONT_HALF if projection is PictureProjection.EQUIRECTANGULAR_180 else FULL_SPHERE
    chosen_stereo = info.stereo if stereo is None else stereo
    return PictureGeometry(
        projection=info.projection if projection is None else projection,
        stereo=chosen_stereo,
        eye=eye,
        eyes_swapped=info.eyes_swapped and chosen_stereo is info.stereo,
        bounds=bounds,
        pose_deg=info.pose_deg,
    )


def chosen_geometry(info: VideoInfo, choice: str, *, eye: Eye = Eye.LEFT) -> PictureGeometry:
    """The geometry of an entry of :data:`PICTURE_CHOICES`.

    Raises:
        ValueError: no such choice.
    """
    if choice not in _PICTURES:
        raise ValueError(f"no picture choice {choice!r}; there are {', '.join(_PICTURES)}")
    projection, stereo = _PICTURES[choice]
    return picture_geometry(info, projection=projection, stereo=stereo, eye=eye)


def sound_choices(audio: AudioInfo) -> dict[str, str]:
    """The entries of :data:`SOUND_CHOICES` that the number of channels allows."""
    return {
        choice: label for choice, label in SOUND_CHOICES.items() if audio.channels >= _LEAST_CHANNELS.get(choice, 1)
    }


def override_sound(audio: AudioInfo, choice: str) -> AudioInfo:
    """The sound taken for what a person chose.

    Args:
        audio: as probed (not as overridden before: "auto" returns it unchanged).
        choice: an id of :func:`sound_choices`.

    Raises:
        ValueError: no such choice for so many channels.
    """
    allowed = sound_choices(audio)
    if choice not in allowed:
        raise ValueError(f"no sound choice {choice!r} for {audio.channels} channels; there are {', '.join(allowed)}")
    if choice == "auto":
        return audio
    decision = _decision(audio, choice)
    return replace(
        audio,
        format=decision.format,
        order=decision.order,
        head_locked=decision.head_locked,
        channel_map=decision.channel_map,
        source=CHOSEN,
        warnings=decision.warnings,
    )


def _decision(audio: AudioInfo, choice: str) -> SoundDecision:
    # A count or a layout says nothing on the order of the channels; a header's map does.
    has_map = audio.format.is_ambisonic and not audio.source.startswith(f"{audio.channels} channels")
    if choice in _AMBISONIC:
        convention, head_locked = _AMBISONIC[choice]
        stream = SoundStream(audio.codec, audio.channels, audio.layout)
        decision = ambisonic_decision(stream, convention, source=CHOSEN, head_locked=head_locked)
        same_components = convention is not SoundFormat.FUMA and audio.format is not SoundFormat.FUMA
        if has_map and same_components and audio.order == decision.order:
            count = len(decision.channel_map)
            if head_locked == audio.head_locked or not head_locked:
                decision = replace(decision, channel_map=audio.channel_map[:count])
        return decision
    if choice == "stereo":
        pair = audio.channel_map[-2:] if has_map and audio.head_locked else (0, 1)
        return SoundDecision(SoundFormat.STEREO, None, False, pair, CHOSEN)
    first = audio.channel_map[0] if has_map else stored_order(audio.codec, audio.channels)[0]
    return SoundDecision(SoundFormat.MONO, None, False, (first,), CHOSEN)
