"""The time line: pixels and moments correspond, the wheel zooms about the pointer, rows say what they are."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.energy_track import energy_track
from panosod_core.geometry.sphere import direction
from panosod_core.inference.map_record import MapSource
from panosod_core.inference.tracks import AZIMUTHS, FrameFigures, TrackTable
from panosod_viewer.panels.timeline import TimelinePanel
from panosod_viewer.theme import DARK, LIGHT, ThemeChoice, theme_of
from panosod_viewer.widgets.frame_states import FrameState, StateSpan
from panosod_viewer.widgets.strip_item import fit_height

NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
DURATION_S = 20.0


def tracks(count=100, *, truth=True):
    table = TrackTable()
    for i in range(count):
        occupied = np.zeros(AZIMUTHS, bool)
        occupied[16:20] = True  # about 90 degrees to the left
        score = {"f": 0.8, "j": 0.7} if truth else {}
        table.put(FrameFigures(i, i / 10, MapSource.MODEL, 0.02, 0.03, occupied, 0.5, **score))
    return table.tracks()


def track(azimuth_deg=90.0):
    noise = 0.1 * np.random.default_rng(0).standard_normal(20 * 2000)
    sound = encode_plane_wave(noise, direction(np.radians(azimuth_deg), 0.0))
    return list(energy_track([sound.astype(np.float32)], sample_rate_hz=2000, step_s=0.1))[-1]


class Heard:
    def __init__(self, panel):
        self.seeks = []
        self.heights = []
        panel.seek_requested.connect(lambda t, final: self.seeks.append((t, final)))
        panel.height_chosen.connect(self.heights.append)


@pytest.fixture
def panel(shown):
    made = TimelinePanel()
    made.set_clip(DURATION_S, fps=10.0)
    return shown(made, 900, 270)


def view(panel):
    return panel.plots.viewport()


def at(panel, time_s, key="sound"):
    rect = panel.plots.row_rect(key)
    return QPoint(round(panel.plots.x_of(time_s)), round(rect.center().y()))


def wheel(panel, x, *, turn=(0, 120), modifiers=NONE):
    place = QPointF(x, panel.plots.row_rect("azimuth").center().y())
    event = QWheelEvent(
        place,
        panel.plots.mapToGlobal(place),
        QPoint(),
        QPoint(*turn),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view(panel), event)


def shot(panel):
    return panel.plots.grab().toImage()


# --- pointer ---


@pytest.mark.parametrize("time_s", [0.0, 3.0, 19.9])
@pytest.mark.parametrize("key", ["sound", "azimuth", "doubt", "maps"])
def test_a_click_in_any_row_seeks_to_what_is_under_it(panel, time_s, key):
    heard = Heard(panel)
    QTest.mouseClick(view(panel), LEFT, NONE, at(panel, time_s, key))
    pixel_s = DURATION_S / panel.plots.row_rect("sound").width()
    assert heard.seeks[0] == (pytest.approx(time_s, abs=pixel_s), False)
    assert heard.seeks[-1] == (pytest.approx(time_s, abs=pixel_s), True)


def test_scrubbing_ends_with_a_final_seek_and_stays_within_the_clip(panel):
    heard = Heard(panel)
    QTest.mousePress(view(panel), LEFT, NONE, at(panel, 5))
    QTest.mouseMove(view(panel), at(panel, 10))
    QTest.mouseRelease(view(panel), LEFT, NONE, QPoint(5000, 50))
    assert [final for _, final in heard.seeks].count(True) == 1
    assert heard.seeks[-1] == (DURATION_S, True)
    QTest.mouseClick(view(panel), LEFT, NONE, QPoint(-50, 50))
    assert heard.seeks[-1] == (0.0, True)


@pytest.mark.parametrize("turn", [120, 240, -120, 30])
@pytest.mark.parametrize("time_s", [4.0, 11.0])
def test_the_wheel_zooms_about_the_pointer(panel, turn, time_s):
    panel.plots.set_range(panel.plots.showing.zoomed(0.5, about_s=8.0))
    x = panel.plots.x_of(time_s)
    before = panel.plots.showing.span_s
    wheel(panel, x, turn=(0, turn))
    assert panel.plots.time_at(x) == pytest.approx(time_s, abs=1e-6)
    assert panel.plots.showing.span_s == pytest.approx(before * 0.8 ** (turn / 120))


def test_dragging_with_the_other_buttons_and_shift_wheel_move_along(panel):
    panel.plots.set_range(panel.plots.showing.zoomed(0.25, about_s=8.0))
    heard = Heard(panel)
    for button in (RIGHT, MIDDLE):
        start = panel.plots.showing.start_s
        QTest.mousePress(view(panel), button, NONE, at(panel, 8.0))
        place = at(panel, 8.0) + QPoint(100, 0)
        QTest.mouseMove(view(panel), place)
        assert panel.plots.time_at(place.x()) == pytest.approx(8.0, abs=0.02)
        QTest.mouseRelease(view(panel), button, NONE, place)
        assert panel.plots.showing.start_s < start
        panel.plots.set_range(panel.plots.showing.fitted().zoomed(0.25, about_s=8.0))
    start = panel.plots.showing.start_s
    wheel(panel, 400, turn=(0, -120), modifiers=SHIFT)
    assert panel.plots.showing.start_s == pytest.approx(start + 0.5)
    wheel(panel, 400, turn=(240, 0))
    assert panel.plots.showing.start_s == pytest.approx(start - 0.5)
    assert heard.seeks == []


def test_a_double_click_shows_the_whole_clip(panel):
    panel.plots.set_range(panel.plots.showing.zoomed(0.1, about_s=8.0))
    QTest.mouseDClick(view(panel), LEFT, NONE, at(panel, 8.0))
    assert panel.plots.showing.is_whole


def test_without_a_clip_nothing_is_sought(panel):
    panel.set_clip(None)
    heard = Heard(panel)
    QTest.mouseClick(view(panel), LEFT, NONE, QPoint(300, 50))
    wheel(panel, 300)
    assert heard.seeks == [] and panel.plots.showing is None
    panel.set_position(3.0)
    shot(panel)


def test_the_upper_edge_changes_the_height(panel):
    heard = Heard(panel)
    before = panel.sizeHint().height()
    QTest.mousePress(panel, LEFT, NONE, QPoint(300, 2))
    QTest.mouseMove(panel, QPoint(300, -58))
    QTest.mouseRelease(panel, LEFT, NONE, QPoint(300, -58))
    assert panel.sizeHint().height() == before + 60
    assert heard.heights == [before + 60]
    panel.set_chosen_height(10)
    assert panel.sizeHint().height() == panel.minimum_height_px
    panel.set_chosen_height(400)
    panel.set_room(200)
    assert panel.sizeHint().height() == 200
    panel.set_room(1000)
    assert panel.sizeHint().height() == 400


# --- following ---


def test_pages_turn_when_the_playhead_leaves_and_not_before(panel):
    panel.plots.set_range(panel.plots.showing.zoomed(0.25, about_s=0.0))
    page = panel.plots.showing
    for time_s in (1.0, 3.0, 4.99):
        panel.set_position(time_s)
        assert panel.plots.showing == page
    panel.set_position(5.05)
    turned = panel.plots.showing
    assert turned.start_s < 5.05 < turned.start_s + 0.1 * turned.span_s
    panel.set_position(5.1)
    assert panel.plots.showing == turned
    panel.set_position(0.5)  # the clip began again
    assert panel.plots.showing.holds(0.5)


def test_who_looks_elsewhere_is_left_there_until_the_playhead_comes_or_is_sent(panel):
    panel.plots.set_range(panel.plots.showing.zoomed(0.25, about_s=0.0))
    panel.set_position(2.0)
    panel.plots.set_range(panel.plots.showing.panned(10.0))
    page = panel.plots.showing
    for time_s in (2.1, 4.0, 8.0):
        panel.set_position(time_s)
        assert panel.plots.showing == page
    panel.set_position(12.0)
    panel.set_position(page.end_s + 0.1)
    assert panel.plots.showing != page


def test_a_drag_is_not_pulled_away_by_what_plays(panel):
    panel.plots.set_range(panel.plots.showing.zoomed(0.25, about_s=0.0))
    QTest.mousePress(view(panel), LEFT, NONE, at(panel, 2.0))
    page = panel.plots.showing
    panel.set_position(15.0)
    assert panel.plots.showing == page
    QTest.mouseRelease(view(panel), LEFT, NONE, at(panel, 2.0))


# --- what is shown ---


def test_the_playhead_is_where_the_clip_stands(panel):
    panel.set_position(7.0)
    image = shot(panel)
    ratio = image.devicePixelRatio()
    row = round(panel.plots.row_rect("area").center().y() * ratio)
    text = QColor(theme_of(panel.palette()).text)
    hits = [x for x in range(image.width()) if image.pixelColor(x, row) == text]
    assert hits and abs(np.mean(hits) / ratio - panel.plots.x_of(7.0)) <= 1.5


def column(image, panel, time_s, key):
    ratio = image.devicePixelRatio()
    rect = panel.plots.row_rect(key)
    x = round(panel.plots.x_of(time_s) * ratio)
    rows = range(round(rect.top() * ratio) + 1, round(rect.bottom() * ratio) - 1)
    return [image.pixelColor(x, y) for y in rows]


def test_mask_and_sound_lie_at_their_azimuth(panel):
    panel.set_tracks(tracks())
    panel.set_position(19.0)
    accent = QColor(theme_of(panel.palette()).accent)
    cells = column(shot(panel), panel, 5.0, "azimuth")
    rows = [k for k, colour in enumerate(cells) if colour == accent]
    assert len(rows) >= 2 and np.mean(rows) / len(cells) == pytest.approx(0.25, abs=0.04)  # 90 degrees: a quarter down
    assert accent not in column(shot(panel), panel, 15.0, "azimuth")
    panel.set_tracks(None)
    panel.set_energy(track(-90.0))
    cells = column(shot(panel), panel, 5.0, "azimuth")
    base = QColor(theme_of(panel.palette()).base)
    far = [abs(c.lightness() - base.lightness()) for c in cells]
    assert np.average(np.arange(len(cells)), weights=far) / len(cells) == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize(("middle_deg", "half_deg"), [(0, 45), (170, 45), (-100, 100)])
def test_the_view_is_marked_on_the_ring(panel, middle_deg, half_deg):
    panel.set_energy(track())
    panel.set_position(19.0)
    panel.set_view((float(np.radians(middle_deg)), float(np.radians(half_deg))))
    for rect in panel.view_span.outside:
        top, bottom = rect.rect().top(), rect.rect().bottom()
        for azimuth in np.linspace(top + 0.5, bottom - 0.5, 20) if bottom > top else ():
            off = abs((azimuth - middle_deg + 180) % 360 - 180)
            assert off >= half_deg
    shaded = sum(item.rect().height() for item in panel.view_span.outside)
    assert shaded == pytest.approx(360 - 2 * half_deg)
    panel.set_view(None)
    assert not any(item.isVisible() for item in panel.view_span.edges)


def test_rows_without_anything_to_say_are_not_there_or_say_why(panel):
    panel.set_energy(None, note="No directions in this sound")
    panel.set_tracks(None, note="No maps yet")
    assert not panel.plots.rows["score"].is_shown and not panel.plots.rows["states"].is_shown
    blank = shot(panel)
    panel.set_tracks(None)
    assert shot(panel) != blank
    panel.set_tracks(tracks(truth=False))
    assert not panel.plots.rows["score"].is_shown
    panel.set_tracks(tracks())
    assert panel.plots.rows["score"].is_shown
    panel.set_states([StateSpan(2.0, 4.0, FrameState.ACCEPTED)])
    good = QColor(theme_of(panel.palette()).good)
    assert good in column(shot(panel), panel, 3.0, "states")
    assert good not in column(shot(panel), panel, 5.0, "states")
    panel.set_states(())
    assert not panel.plots.rows["states"].is_shown


def test_the_read_out_has_values_and_units(panel):
    panel.set_tracks(tracks())
    panel.set_energy(track(30.0))
    panel.set_position(5.0)
    text = panel._read.text()
    for part in ("00:05.000", "frame 50", "dB from +30°, 0°", "salient 2 %", "at +100°…+80°", "F 0.80, J 0.70"):
        assert part in text
    for part in ("0.030 bit", "off the sound by 29°", "model"):
        assert part in text
    QTest.mouseMove(view(panel), at(panel, 15.0))
    assert panel._read.text().startswith("00:1") and "salient" not in panel._read.text()
    QApplication.sendEvent(panel.plots, QEvent(QEvent.Type.Leave))
    assert panel._read.text().startswith("00:05.000")
    panel.say("Most uncertain, 1 of 3")
    assert panel._read.text().startswith("Most uncertain")


def test_another_clip_begins_empty(panel):
    panel.set_tracks(tracks())
    panel.set_energy(track())
    panel.set_waveform(-np.ones(10), np.ones(10), DURATION_S)
    panel.plots.set_range(panel.plots.showing.zoomed(0.1, about_s=3.0))
    panel.set_clip(5.0)
    assert panel.plots.showing.is_whole and panel.plots.showing.duration_s == 5.0
    panel.set_position(4.0)
    base = QColor(theme_of(panel.palette()).base)
    image = shot(panel)
    for key in ("sound", "azimuth", "area", "doubt", "maps"):
        assert {c.name() for c in column(image, panel, 2.0, key)} == {base.name()}, key


@pytest.mark.parametrize("choice", [ThemeChoice.DARK, ThemeChoice.LIGHT])
def test_colours_follow_the_theme(theme, panel, choice):
    theme.set_choice(ThemeChoice.LIGHT if choice is ThemeChoice.DARK else ThemeChoice.DARK)
    panel.set_tracks(tracks())
    shot(panel)
    theme.set_choice(choice)
    expected = DARK if choice is ThemeChoice.DARK else LIGHT
    panel.set_position(19.0)
    image = shot(panel)
    assert column(image, panel, 15.0, "sound")[3].name() == expected.base
    assert QColor(expected.accent) in column(image, panel, 5.0, "azimuth")
    assert QColor(expected.accent) in column(image, panel, 5.0, "maps")


@pytest.mark.parametrize("size", [(320, 96), (500, 150), (2400, 700)])
def test_any_size_is_drawn(panel, size):
    panel.set_tracks(tracks())
    panel.set_energy(track())
    panel.resize(*size)
    panel.set_position(3.0)
    image = panel.grab().toImage()
    assert image.width() >= size[0]
    heights = [panel.plots.row_rect(k).height() for k in ("sound", "azimuth", "area", "score", "doubt", "maps")]
    assert min(heights) >= 3.5
    assert panel.plots.row_rect("maps").bottom() <= panel.plots.height()


@pytest.mark.parametrize(("room_px", "is_smaller"), [(8, True), (11, True), (60, False)])
def test_words_in_a_row_are_no_higher_than_the_row(qapp, room_px, is_smaller):
    picture = QImage(200, 60, QImage.Format.Format_RGB32)
    painter = QPainter(picture)
    usual = painter.fontMetrics().height()
    fit_height(painter, room_px)
    height = painter.fontMetrics().height()
    painter.end()
    assert height <= max(room_px + 1, usual if not is_smaller else 0)
    assert (height < usual) is is_smaller
