"""The clip's dialog shows everything that is known, what decided, and what was not used."""

from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication, QScreen
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QTreeWidget

from panosod_core.geometry.picture import Bounds, PictureProjection, StereoMode
from panosod_core.media.info import AudioInfo, Claim, ClipInfo, Matrix, Range, SoundFormat, Transfer, VideoInfo
from panosod_viewer.actions import ACTIONS
from panosod_viewer.panels.media_info_dialog import MediaInfoDialog, audio_rows, report, video_rows
from panosod_viewer.wording import colour_text, container_text

VIDEO = VideoInfo(
    stream_index=0,
    codec="h264",
    width=1920,
    height=1080,
    fps=Fraction(30000, 1001),
    is_vfr=False,
    pix_fmt="yuv420p",
    range=Range.LIMITED,
    matrix=Matrix.BT709,
    transfer=Transfer.SDR,
    projection=PictureProjection.EQUIRECTANGULAR,
    stereo=StereoMode.TOP_BOTTOM,
    source="V1 uuid",
    time_base=Fraction(1, 30000),
    eyes_swapped=True,
    bounds=Bounds(left=0.125),
    pose_deg=(-12.0, 0.0, 0.0),
    initial_view_deg=(30.0, 0.0, 0.0),
    duration_s=10.0,
    frame_count=300,
)
AUDIO = AudioInfo(
    stream_index=1,
    codec="aac",
    channels=6,
    sample_rate_hz=48000,
    format=SoundFormat.AMBIX,
    order=1,
    head_locked=True,
    channel_map=(0, 2, 3, 1, 4, 5),
    source="SA3D",
    layout="5.1",
    warnings=("X may be low-passed",),
    start_s=0.5,
    duration_s=10.0,
)
CLAIMS = (Claim("sv3d", "projection", "equirectangular"), Claim("codec", "stereo", "mono", "V1 overrides it"))
CLIP = ClipInfo(Path("/a/b.mp4"), "mov,mp4", 10.0, VIDEO, AUDIO, CLAIMS)


@pytest.fixture
def dialog(shown) -> MediaInfoDialog:
    return shown(MediaInfoDialog(), 640, 500)


def tree(dialog, name) -> QTreeWidget:
    return next(t for t in dialog.findChildren(QTreeWidget) if t.accessibleName() == name)


def test_rows_tell_what_differs():
    """Whatever is changed in the info changes what is shown: nothing that matters is forgotten."""
    silent = {"stream_index", "time_base", "start_pts"}
    other = {
        "codec": "hevc", "width": 10, "height": 10, "fps": Fraction(25), "is_vfr": True, "pix_fmt": "yuvj420p",
        "range": Range.FULL, "matrix": Matrix.BT601, "transfer": Transfer.PQ, "projection": PictureProjection.FLAT,
        "stereo": StereoMode.MONO, "source": "you", "eyes_swapped": False, "bounds": Bounds(top=0.1),
        "pose_deg": (1.0, 2.0, 3.0), "initial_view_deg": (1.0, 2.0, 3.0), "duration_s": 3.0, "frame_count": 7,
    }  # fmt: skip
    for each in fields(VideoInfo):
        if each.name not in silent:
            assert list(video_rows(replace(VIDEO, **{each.name: other[each.name]}))) != list(video_rows(VIDEO))
    other_audio = {
        "codec": "opus", "channels": 4, "sample_rate_hz": 44100, "format": SoundFormat.FUMA, "order": 2,
        "head_locked": False, "channel_map": (0,), "source": "you", "layout": "x", "warnings": (), "start_s": 1.0,
        "duration_s": None,
    }  # fmt: skip
    for each in fields(AudioInfo):
        if each.name not in silent:
            assert list(audio_rows(replace(AUDIO, **{each.name: other_audio[each.name]}))) != list(audio_rows(AUDIO))


def test_the_report_holds_everything():
    text = report(CLIP)
    parts = [
        "/a/b.mp4",
        "MP4 or QuickTime (mov,mp4)",
        "two, top-bottom, right eye first",
        "BT.709, limited range, standard dynamic range",
        "V1 uuid",
        "12.5% left",
        "yaw −12°",
        "1st order AmbiX + head-locked stereo",
        "0 2 3 1 4 5",
        "X may be low-passed",
        "sv3d: projection = equirectangular",
        "codec: stereo = mono  [not used: V1 overrides it]",
    ]
    for part in parts:
        assert part in text
    bare = report(ClipInfo(Path("x"), "wav", None, None, None))
    assert "no picture" in bare and "no sound" in bare and "nothing" in bare


def test_claims_and_findings_are_shown_apart(dialog):
    dialog.set_clip(CLIP)
    claims = tree(dialog, "What the file claims")
    rows = [[claims.topLevelItem(i).text(c) for c in range(4)] for i in range(claims.topLevelItemCount())]
    assert rows == [["sv3d", "projection", "equirectangular", "yes"], ["codec", "stereo", "mono", "V1 overrides it"]]
    found = tree(dialog, "What was found")
    assert [found.topLevelItem(i).text(0) for i in range(2)] == ["Picture", "Sound"]
    dialog.set_clip(replace(CLIP, claims=(), audio=None))
    assert claims.topLevelItem(0).text(0).startswith("The file says nothing")
    dialog.set_clip(None)
    assert found.topLevelItemCount() == 0


def test_it_is_called_as_the_menu_calls_it(dialog):
    (spec,) = [spec for spec in ACTIONS if spec.id == "file.info"]
    assert dialog.windowTitle() == spec.label


def test_every_value_has_words():
    for matrix in Matrix:
        for range_ in Range:
            for transfer in Transfer:
                assert colour_text(replace(VIDEO, matrix=matrix, range=range_, transfer=transfer))
    for projection in PictureProjection:
        for stereo in StereoMode:
            assert list(video_rows(replace(VIDEO, projection=projection, stereo=stereo)))
    assert container_text("matroska,webm") == "Matroska or WebM"
    assert container_text("something,new") == "something,new"


def test_it_opens_tall_enough_for_both_tables(qtbot, theme, monkeypatch):
    monkeypatch.setattr(QScreen, "availableGeometry", lambda _: QRect(0, 0, 1920, 1080))
    dialog = MediaInfoDialog()
    qtbot.addWidget(dialog)
    dialog.set_clip(replace(CLIP, claims=(CLAIMS * 5)[:9]))
    with qtbot.waitExposed(dialog):
        dialog.show()
    for name in ("What was found", "What the file claims"):
        assert not tree(dialog, name).verticalScrollBar().isVisible(), name


def test_copying(dialog):
    copy = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Copy as text")
    assert not copy.isEnabled()
    dialog.set_clip(CLIP)
    QTest.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == report(CLIP)
