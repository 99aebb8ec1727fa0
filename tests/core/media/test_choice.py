"""What a person chooses over what was found."""

from dataclasses import replace
from fractions import Fraction

import pytest

from panosod_core.geometry.picture import (
    FRONT_HALF,
    FULL_SPHERE,
    Bounds,
    Eye,
    PictureGeometry,
    PictureProjection,
    StereoMode,
)
from panosod_core.media.choice import (
    CHOSEN,
    PICTURE_CHOICES,
    SOUND_CHOICES,
    chosen_geometry,
    override_sound,
    picture_geometry,
    sound_choices,
)
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import AudioInfo, ClipInfo, Matrix, Range, SoundFormat, Transfer, VideoInfo
from panosod_core.media.sound_rules import SoundStream, decide_sound

FULL = PictureProjection.EQUIRECTANGULAR
HALF = PictureProjection.EQUIRECTANGULAR_180
CROP = Bounds(left=0.1, right=0.2)

VIDEO = VideoInfo(
    stream_index=0,
    codec="h264",
    width=64,
    height=32,
    fps=Fraction(25),
    is_vfr=None,
    pix_fmt="yuv420p",
    range=Range.LIMITED,
    matrix=Matrix.BT709,
    transfer=Transfer.SDR,
    projection=FULL,
    stereo=StereoMode.LEFT_RIGHT,
    source="sv3d",
    time_base=Fraction(1, 100),
    eyes_swapped=True,
    bounds=CROP,
    pose_deg=(1.0, 2.0, 3.0),
    start_pts=250,
)


def audio(channels: int, *, codec: str = "pcm_s16le", layout: str = "") -> AudioInfo:
    d = decide_sound(SoundStream(codec, channels, layout or f"{channels} channels"), None)
    return AudioInfo(
        0, codec, channels, 48000, d.format, d.order, d.head_locked, d.channel_map, d.source, layout, d.warnings
    )


def test_as_found():
    expected = PictureGeometry(FULL, StereoMode.LEFT_RIGHT, Eye.RIGHT, True, CROP, (1.0, 2.0, 3.0))
    assert picture_geometry(VIDEO, eye=Eye.RIGHT) == expected
    assert chosen_geometry(VIDEO, "auto", eye=Eye.RIGHT) == expected


def test_crop_and_eye_order_stay_only_where_they_belong():
    assert picture_geometry(VIDEO, projection=FULL).bounds == CROP
    assert picture_geometry(VIDEO, projection=HALF).bounds == FRONT_HALF
    assert picture_geometry(replace(VIDEO, projection=HALF), projection=FULL).bounds == FULL_SPHERE
    assert picture_geometry(VIDEO, stereo=StereoMode.LEFT_RIGHT).eyes_swapped
    assert not picture_geometry(VIDEO, stereo=StereoMode.TOP_BOTTOM).eyes_swapped


@pytest.mark.parametrize("choice", [c for c in PICTURE_CHOICES if c != "auto"])
def test_every_picture_choice(choice):
    flat = replace(VIDEO, projection=PictureProjection.FLAT, stereo=StereoMode.MONO, bounds=FULL_SPHERE)
    geometry = chosen_geometry(flat, choice)
    kind = {"e": FULL, "1": HALF, "f": PictureProjection.FLAT}[choice[0]]
    stereo = {"sbs": StereoMode.LEFT_RIGHT, "tb": StereoMode.TOP_BOTTOM}.get(choice.split("-")[-1], StereoMode.MONO)
    assert (geometry.projection, geometry.stereo) == (kind, stereo)
    assert geometry.bounds == (FRONT_HALF if kind is HALF else FULL_SPHERE)


def test_unknown_choices():
    with pytest.raises(ValueError, match="no picture choice"):
        chosen_geometry(VIDEO, "fisheye")
    with pytest.raises(ValueError, match="no sound choice"):
        override_sound(audio(2), "ambix")
    with pytest.raises(ValueError, match="no sound choice"):
        override_sound(audio(4), "ambix+2")


@pytest.mark.parametrize(
    ("channels", "choices"),
    [
        (1, {"auto", "mono"}),
        (2, {"auto", "mono", "stereo"}),
        (4, set(SOUND_CHOICES) - {"ambix+2"}),
        (5, set(SOUND_CHOICES) - {"ambix+2"}),
        (6, set(SOUND_CHOICES)),
        (18, set(SOUND_CHOICES)),
    ],
)
def test_choices_that_the_channels_allow(channels, choices):
    assert set(sound_choices(audio(channels))) == choices


@pytest.mark.parametrize("channels", range(1, 26))
def test_every_choice_makes_sense(channels):
    found = audio(channels)
    for choice in sound_choices(found):
        made = override_sound(found, choice)
        if choice == "auto":
            assert made == found
            continue
        assert made.source == CHOSEN
        assert len(set(made.channel_map)) == len(made.channel_map) and max(made.channel_map) < channels
        if made.format.is_ambisonic:
            assert len(made.channel_map) == (made.order + 1) ** 2 + 2 * made.head_locked
        else:
            assert made.order is None and not made.head_locked


def test_a_written_channel_order_outlives_the_choice_of_a_normalisation():
    wxyz = replace(audio(4), source="SA3D", channel_map=(0, 2, 3, 1))
    assert override_sound(wxyz, "n3d").channel_map == (0, 2, 3, 1)
    assert override_sound(wxyz, "fuma").channel_map == (0, 1, 2, 3)
    assert override_sound(wxyz, "mono").channel_map == (0,)
    first = replace(audio(6), source="SA3D", head_locked=True, channel_map=(2, 3, 4, 5, 0, 1))
    assert override_sound(first, "ambix+2").channel_map == (2, 3, 4, 5, 0, 1)
    assert override_sound(first, "ambix").channel_map == (2, 3, 4, 5)
    assert override_sound(first, "stereo").channel_map == (0, 1)


def test_stereo_of_a_guessed_4_plus_2_is_its_front_pair():
    assert override_sound(audio(6, layout="5.1"), "stereo").channel_map == (0, 1)


def test_eight_channel_vorbis_is_put_back_into_stored_order():
    found = audio(8, codec="vorbis", layout="7.1")
    assert found.format is SoundFormat.STEREO
    chosen = override_sound(found, "n3d")
    assert (chosen.format, chosen.order, chosen.channel_map) == (SoundFormat.N3D, 1, (0, 2, 1, 6))
    assert "4 of 8 channels" in chosen.warnings[0]


def test_origin_of_the_clock():
    sound = replace(audio(2), start_s=2.25)
    path = VIDEO.source  # any value: the clock reads the streams only
    assert clip_origin_s(ClipInfo(path, "mov", None, VIDEO, sound)) == 2.25
    assert clip_origin_s(ClipInfo(path, "mov", None, VIDEO, replace(sound, start_s=None))) == 2.5
    assert clip_origin_s(ClipInfo(path, "mov", None, replace(VIDEO, start_pts=None), None)) == 0.0
    assert clip_origin_s(ClipInfo(path, "mov", None, VIDEO, replace(sound, start_s=-0.02))) == -0.02
