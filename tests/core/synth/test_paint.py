from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.geometry.sphere import direction
from panosod_core.synth.grid import PixelGrid
from panosod_core.synth.paint import Look, Pattern, ball_colours, pattern_weight, square_wave

LOOKS = [Look(pattern, (0.9, 0.8, 0.7), (0.1, 0.2, 0.6), count=7) for pattern in Pattern]


@given(st.floats(-30, 30), st.floats(1e-3, 20))
def test_a_square_wave_stays_between_its_levels_and_repeats(phase, width):
    values = square_wave(np.array([phase, phase + 2 * np.pi], np.float32), np.float32([width, width]))
    assert np.all((values >= 0) & (values <= 1))
    assert values[0] == pytest.approx(values[1], abs=2e-5 / min(width, 1.0) + 1e-4)


def test_a_square_wave_is_sharp_where_pixels_are_small_and_even_where_they_are_large():
    phase = np.linspace(0, 2 * np.pi, 10_000, endpoint=False, dtype=np.float32)
    sharp = square_wave(phase, np.full_like(phase, 0.01))
    assert np.mean((sharp == 0) | (sharp == 1)) > 0.99
    assert np.mean(sharp) == pytest.approx(0.5, abs=1e-3)
    assert np.allclose(square_wave(phase, np.full_like(phase, 2 * np.pi)), 0.5)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.pattern.value)
def test_patterns_show_both_colours_and_soften_with_the_pixel(look):
    rng = np.random.default_rng(1)
    q = rng.standard_normal((20_000, 3)).astype(np.float32)
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    fine = pattern_weight(look, q, np.full(len(q), 0.01, np.float32))
    coarse = pattern_weight(look, q, np.full(len(q), 1.0, np.float32))
    assert np.all((fine >= 0) & (fine <= 1))
    assert 0.15 < np.mean(fine) < 0.85
    assert np.std(coarse) < 0.6 * np.std(fine)


def painted(look, azimuth, elevation, *, size=480):
    grid = PixelGrid(size, size // 2)
    centre = direction(azimuth, elevation)
    disc = grid.disc(centre, 0.2)
    colours = ball_colours(
        look, pixels=disc, centre=centre, radius_rad=0.2, R_world_object=np.eye(3), pixel_rad=grid.pixel_rad
    )
    return grid, disc, colours


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.pattern.value)
@pytest.mark.parametrize("where", [(0.0, 0.0), (np.pi, 0.3), (1.0, np.pi / 2), (0.0, -1.4)])
def test_colours_are_finite_and_displayable_everywhere(look, where):
    _, disc, colours = painted(look, *where)
    assert colours.shape == (len(disc.index), 3)
    assert np.all(np.isfinite(colours))
    assert np.all((colours >= 0) & (colours <= 1))


def test_a_ball_is_lit_from_above_and_round():
    _, disc, colours = painted(replace(LOOKS[0], mark=LOOKS[0].base, gloss=0.0), 0.4, 0.0)
    height = disc.directions[:, 2]
    luma = colours.mean(axis=1)
    upper, lower = luma[height > 0.1].mean(), luma[height < -0.1].mean()
    middle, edge = luma[disc.angle < 0.05].mean(), luma[disc.angle > 0.19].mean()
    assert upper > 1.3 * lower
    assert middle > edge


def test_banded_balls_at_mirrored_azimuths_are_mirror_images():
    grid, left_disc, left = painted(LOOKS[0], 0.8, 0.1)
    _, right_disc, right = painted(LOOKS[0], -0.8, 0.1)
    canvas = np.zeros((2, grid.height * grid.width, 3), np.float32)
    canvas[0, left_disc.index] = left
    canvas[1, right_disc.index] = right
    pictures = canvas.reshape(2, grid.height, grid.width, 3)
    assert np.max(np.abs(pictures[0] - pictures[1][:, ::-1])) < 2e-3
