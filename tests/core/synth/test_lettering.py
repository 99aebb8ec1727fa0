import numpy as np
import pytest

from panosod_core.geometry.projection import View, viewport_to_directions
from panosod_core.geometry.sphere import direction_to_uv
from panosod_core.synth.backdrop import inscriptions, paint_backdrop
from panosod_core.synth.grid import PixelGrid
from panosod_core.synth.lettering import Inscription, bearing_text, inscribe

GRID = PixelGrid(3200, 1600)


def looked_at(picture, *, yaw, pitch, fov_deg=14.0, width=280, height=140):
    """What a viewer sees, grey, read bilinearly."""
    y, x = np.mgrid[0:height, 0:width]
    view = View(yaw, pitch, 0.0, float(np.radians(fov_deg)))
    rays = viewport_to_directions(view, (x + 0.5) / width, (y + 0.5) / height, aspect=width / height)
    u, v = direction_to_uv(rays)
    rows, columns = picture.shape[:2]
    fi, fj = np.clip(v * rows - 0.5, 0, rows - 1.001), u * columns - 0.5
    i, j = np.floor(fi).astype(int), np.floor(fj).astype(int)
    ti, tj = fi - i, fj - j
    grey = picture.mean(axis=-1)
    upper = grey[i, j % columns] * (1 - tj) + grey[i, (j + 1) % columns] * tj
    lower = grey[i + 1, j % columns] * (1 - tj) + grey[i + 1, (j + 1) % columns] * tj
    return upper * (1 - ti) + lower * ti


def alike(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def written(azimuth, elevation):
    picture = np.full((GRID.height, GRID.width, 3), 90, np.uint8)
    line = Inscription("RLFG", azimuth, elevation, float(np.radians(2.5)))
    assert inscribe(picture, grid=GRID, line=line)
    return looked_at(picture, yaw=azimuth, pitch=elevation)


@pytest.mark.parametrize(
    ("azimuth", "elevation"),
    [(np.pi / 2, 0.0), (-np.pi / 2, 0.3), (np.pi, 0.0), (0.5, 1.2), (0.0, np.pi / 2), (0.0, -np.pi / 2)],
)
def test_text_reads_the_same_wherever_one_looks_at_it(azimuth, elevation):
    reference = written(0.0, 0.0)
    assert np.ptp(reference) > 120
    seen = written(azimuth, elevation)
    assert alike(seen, reference) > 0.97
    assert alike(seen[:, ::-1], reference) < 0.85
    assert alike(seen[::-1], reference) < 0.85


def test_text_on_the_front_is_what_pillow_writes():
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (280, 140), 90)
    draw = ImageDraw.Draw(image)
    # A capital is 0.7 of the font size; 2.5 degrees of a 14 degree view 280 pixels wide are 49.8 pixels.
    draw.text((140, 140 / 2 + 49.8 / 2), "L", fill=255, font=ImageFont.load_default(size=49.8 / 0.7), anchor="ms")
    picture = np.full((GRID.height, GRID.width, 3), 90, np.uint8)
    inscribe(picture, grid=GRID, line=Inscription("L", 0.0, 0.0, float(np.radians(2.5))), shadow=(0.35, 0.35, 0.35))
    seen = looked_at(picture, yaw=0.0, pitch=0.0)
    assert alike(seen, np.asarray(image, float)) > 0.85


def test_text_too_small_to_read_is_left_out():
    picture = np.zeros((80, 160, 3), np.uint8)
    line = Inscription("FRONT", 0.0, 0.0, float(np.radians(2.5)))
    assert not inscribe(picture, grid=PixelGrid(160, 80), line=line)
    assert not picture.any()


@pytest.mark.parametrize(("degrees", "text"), [(0, "0°"), (30, "+30°"), (-90, "−90°"), (180, "180°")])
def test_bearings_are_written_left_positive(degrees, text):
    assert bearing_text(degrees) == text


@pytest.mark.parametrize("text", ["−90°", "+90°", "FRONT"])
def test_every_letter_leaves_ink(text):
    """The minus sign is drawn by hand: without it the text would be narrower."""
    widths = []
    for part in (text, text[1:]):
        picture = np.zeros((GRID.height, GRID.width, 3), np.uint8)
        inscribe(picture, grid=GRID, line=Inscription(part, 0.0, 0.0, float(np.radians(3.0))))
        inked = np.flatnonzero(picture.max(axis=(0, 2)) > 128)
        widths.append(np.ptp(inked))
    assert widths[0] > widths[1] + 4


def test_the_backdrop_names_where_one_looks():
    places = {line.text: (line.azimuth_rad, line.elevation_rad) for line in inscriptions()}
    degrees = {name: np.round(np.degrees(places[name])).tolist() for name in ("FRONT", "LEFT", "BACK", "RIGHT")}
    assert {name: az for name, (az, _) in degrees.items()} == {"FRONT": 0, "LEFT": 90, "BACK": 180, "RIGHT": -90}
    assert np.degrees(places["UP"][1]) == 90
    assert np.degrees(places["DOWN"][1]) == -90


def test_sky_is_above_the_ground_and_warm_in_front():
    picture = paint_backdrop(PixelGrid(320, 160), seed=0).astype(float)
    assert picture[40:70, :, 2].mean() > picture[40:70, :, 0].mean() + 20
    front, back = picture[68:78, 150:170], picture[68:78, [0, 1, 2, 317, 318, 319]]
    assert front[..., 0].mean() - front[..., 2].mean() > back[..., 0].mean() - back[..., 2].mean() + 30


def test_the_backdrop_meets_itself_at_the_seam():
    picture = paint_backdrop(PixelGrid(640, 320), seed=3).astype(float)
    step_at_seam = np.abs(picture[:, 0] - picture[:, -1])[20:300].mean()
    step_elsewhere = np.abs(np.diff(picture, axis=1))[20:300].mean()
    # a meridian runs along the seam, as along the front
    step_in_front = np.abs(picture[:, 320] - picture[:, 319])[20:300].mean()
    assert step_at_seam < 2 * max(step_elsewhere, step_in_front)
