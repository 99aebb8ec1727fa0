"""Columns of pictures hold what happens in their stretch of time: nothing is lost when many frames share one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QImage

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.energy_track import energy_track
from panosod_core.geometry.sphere import direction
from panosod_core.inference.map_record import MapSource
from panosod_core.inference.tracks import AZIMUTHS, FrameFigures, TrackTable
from panosod_viewer.widgets.strips import (
    Columns,
    coverage_image,
    energy_columns,
    energy_image,
    loudness,
    mask_columns,
    mask_image,
    rows_of_columns,
    spans_image,
    usual_gap_s,
    wave_image,
    with_gaps,
)

RED, BLUE = (255, 0, 0), (0, 0, 255)


def pixels(image: QImage):
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return data[:, : image.width()].copy()


def tracks_of(frames):
    table = TrackTable()
    for index, time_s, parts, is_model in frames:
        source = MapSource.MODEL if is_model else MapSource.FLOW
        occupied = np.isin(np.arange(AZIMUTHS), parts)
        table.put(FrameFigures(index, time_s, source, 0.1, 0.1, occupied))
    return table.tracks()


@given(
    gaps=st.lists(st.floats(0.01, 3), min_size=1, max_size=30),
    start=st.floats(0, 20),
    span=st.floats(0.1, 60),
    count=st.integers(1, 50),
)
@settings(deadline=None)
def test_every_frame_on_the_screen_is_in_one_column_and_held_until_the_next(gaps, start, span, count):
    times = np.cumsum(gaps)
    columns = Columns(start, start + span, count)
    rows = rows_of_columns(times, columns)
    busy = ~rows.is_held & (rows.end > rows.first)
    shown = [k for c in np.flatnonzero(busy) for k in range(rows.first[c], rows.end[c])]
    edges = columns.edges_s()
    assert shown == np.flatnonzero((times >= edges[0]) & (times < edges[-1])).tolist()
    for column in np.flatnonzero(rows.is_held):
        row = rows.first[column]
        assert rows.end[column] == row + 1
        assert 0 <= edges[column] - times[row] <= usual_gap_s(times)
        assert row == len(times) - 1 or times[row + 1] >= edges[column + 1]


@pytest.mark.parametrize("count", [1, 3, 10, 300])
def test_no_place_of_a_mask_is_lost_in_columns(count):
    rng = np.random.default_rng(count)
    tracks = tracks_of((i, i / 10, rng.integers(0, AZIMUTHS, 2), i % 3 == 0) for i in range(100))
    seen = mask_columns(tracks, Columns(0.0, 10.0, count))
    assert seen.shape == (AZIMUTHS, count)
    np.testing.assert_array_equal(seen.any(axis=1), tracks.occupied.any(axis=0))
    for column in range(count):
        edges = 10 * column / count, 10 * (column + 1) / count
        within = (tracks.time_s >= edges[0] - 1e-9) & (tracks.time_s < edges[1] - 1e-9)
        if within.any():
            np.testing.assert_array_equal(seen[:, column], tracks.occupied[within].any(axis=0))


def test_coverage_shows_the_share_of_the_model_and_nothing_where_nothing_is():
    frames = [(i, i / 10, [], i % 2 == 0) for i in range(50)] + [(i, i / 10, [], True) for i in range(150, 200)]
    image = pixels(
        coverage_image(tracks_of(frames), Columns(0, 20, 20), height=10, model_rgb=RED, flow_rgb=BLUE)
    ).astype(int)
    assert (image[:, 2, 3] == 255).all()
    assert (image[:, 2, 0] == 255).sum() == 5 and (image[:, 2, 2] == 255).sum() == 5
    assert image[-1, 2, 0] == 255  # the model below
    assert (image[:, 8, 3] == 0).all()
    assert (image[:, 17, :3] == RED).all()
    empty = pixels(coverage_image(tracks_of([]), Columns(0, 20, 20), height=10, model_rgb=RED, flow_rgb=BLUE))
    assert (empty == 0).all()


def track_from(azimuths_deg, step=800):
    noise = np.random.default_rng(3).standard_normal(step) * 0.1
    sound = np.concatenate([encode_plane_wave(noise, direction(np.radians(a), 0.0)) for a in azimuths_deg], axis=1)
    return list(energy_track([sound.astype(np.float32)], sample_rate_hz=8000, step_s=step / 8000))[-1]


@pytest.mark.parametrize("count", [1, 7, 20, 400])
def test_the_bright_place_is_where_the_sound_comes_from(count):
    azimuths = np.repeat([-150, -60, 0, 45, 170], 4)
    track = track_from(azimuths)
    columns = energy_columns(
        loudness(track), start_s=0.0, step_s=track.step_s, columns=Columns(0.0, track.end_s, count)
    )
    assert columns.min() >= 0 and columns.max() <= 1
    if count >= 20:
        for column in range(count):
            wanted = azimuths[column * 20 // count]
            row = int(columns[:, column].argmax())
            found = (0.5 - (row + 0.5) / 72) * 360
            assert abs((found - wanted + 180) % 360 - 180) <= 2.6
    beyond = energy_columns(loudness(track), start_s=0.0, step_s=track.step_s, columns=Columns(5.0, 9.0, 10))
    assert (beyond == -1).all()
    half = energy_columns(loudness(track), start_s=0.0, step_s=track.step_s, columns=Columns(0.0, 4.0, 10))
    assert (half[:, :5] >= 0).all() and (half[:, 5:] == -1).all()


def test_diffuse_sound_and_silence_are_dark():
    steps = np.zeros((4, 1600), np.float32)
    steps[0, :800] = np.random.default_rng(0).standard_normal(800)
    track = list(energy_track([steps], sample_rate_hz=8000, step_s=0.1))[-1]
    assert loudness(track).max() < 0.01


def test_the_left_is_above_and_what_is_not_known_is_clear():
    mask = np.zeros((AZIMUTHS, 3), bool)
    mask[18, 1] = True  # 90 degrees to the left
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    image = pixels(mask_image(mask, height=144, colour_rgb=RED))
    rows = np.flatnonzero((image[:, 1, :3] == RED).all(axis=-1))
    assert rows.size and abs(rows.mean() - 37) <= 1.5
    assert (image[:, [0, 2]] == 0).all()
    energy = np.full((72, 3), -1.0, np.float32)
    energy[:, 1] = np.arange(72) == 54
    image = pixels(energy_image(energy, height=144, ramp=ramp))
    assert image[:, 1, 0].argmax() in (108, 109) and (image[:, 1, 3] == 255).all() and (image[:, [0, 2], 3] == 0).all()


@pytest.mark.parametrize("count", [10, 100, 4000])
def test_no_peak_of_the_waveform_is_lost(count):
    low, high = -0.1 * np.ones(1000, np.float32), 0.1 * np.ones(1000, np.float32)
    high[503] = 1.0
    image = pixels(wave_image(low, high, covers_s=10.0, columns=Columns(0, 10, count), height=41, colour_rgb=RED))
    tallest = (image[..., 3] > 0).sum(axis=0)
    assert (np.abs(np.flatnonzero(tallest == tallest.max()) / count * 10 - 5.03) <= max(10 / count, 0.011)).all()
    assert tallest.max() > 20
    beyond = pixels(wave_image(low, high, covers_s=10.0, columns=Columns(5, 15, 10), height=41, colour_rgb=RED))
    assert beyond[:, :5, 3].any() and not beyond[:, 5:, 3].any()


def test_spans_are_never_too_short_to_be_seen():
    image = pixels(spans_image([(0.0, 5.0, RED), (7.0, 7.0001, BLUE), (99, 100, RED)], Columns(0, 10, 100), height=3))
    assert (image[:, :50, :3] == RED).all() and (image[:, 70, :3] == BLUE).all()
    assert (image[:, 51:70, 3] == 0).all() and (image[:, 72:, 3] == 0).all()


def test_curves_break_where_frames_are_missing():
    times = np.array([0.0, 0.1, 0.2, 5.0, 5.1])
    x, y = with_gaps(times, np.arange(5.0), gap_s=0.3)
    assert np.isnan(y).tolist() == [False, False, False, True, False, False]
    assert np.all(np.diff(x) >= 0)
    assert usual_gap_s(times) == pytest.approx(0.3)
