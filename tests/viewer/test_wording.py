from dataclasses import replace

import pytest

from panosod_core.geometry.picture import Bounds, PictureGeometry, PictureProjection, StereoMode
from panosod_core.media.info import AudioInfo, SoundFormat
from panosod_viewer.wording import flat_notice, picture_text, sound_text

AMBIX = AudioInfo(1, "flac", 4, 48000, SoundFormat.AMBIX, 1, False, (0, 1, 2, 3), "SA3D")


@pytest.mark.parametrize(
    ("geometry", "text"),
    [
        (PictureGeometry(), "360°"),
        (PictureGeometry(stereo=StereoMode.TOP_BOTTOM), "360°, top-bottom"),
        (PictureGeometry(bounds=Bounds(top=0.1)), "360°, cropped"),
        (
            PictureGeometry(PictureProjection.EQUIRECTANGULAR_180, StereoMode.LEFT_RIGHT, bounds=Bounds(0.25, 0, 0.25)),
            "180°, side by side",
        ),
        (PictureGeometry(PictureProjection.FLAT), "Flat"),
        (PictureGeometry(PictureProjection.CUBEMAP), "Cube map, shown flat"),
    ],
)
def test_the_picture_in_words(geometry, text):
    assert picture_text(geometry) == text


@pytest.mark.parametrize(
    ("audio", "text"),
    [
        (None, "No sound"),
        (AMBIX, "1st order AmbiX"),
        (replace(AMBIX, format=SoundFormat.FUMA), "1st order FuMa"),
        (replace(AMBIX, order=3, head_locked=True), "3rd order AmbiX + head-locked stereo"),
        (replace(AMBIX, format=SoundFormat.STEREO, order=None), "Stereo, head-locked"),
        (replace(AMBIX, format=SoundFormat.MONO, order=None), "Mono, head-locked"),
    ],
)
def test_the_sound_in_words(audio, text):
    assert sound_text(audio) == text


def test_every_flat_projection_has_its_reason():
    texts = {flat_notice(p) for p in PictureProjection if p not in (PictureProjection.EQUIRECTANGULAR,)}
    assert len(texts) >= 3
