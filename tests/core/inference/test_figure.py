"""Figures of clips: what is looked at, and where it lands on the sheet."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from panosod_core.cli.main import main
from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import direction
from panosod_core.inference.cache import PredictionCache
from panosod_core.inference.figure import Column, MaskFolder, NoTruth, Seen, Strip, gather, truth_of
from panosod_core.inference.figure_drawing import draw_figure, location_colours
from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.map_record import peak_direction
from panosod_core.inference.model_choice import choose_model
from panosod_core.inference.predict import FrameRange, predict_clip
from panosod_core.synth.truth import load_truth
from tests.clips import demo_clip
from tests.core.inference.predicting import FPS, FRAMES, model_file, moving_clip
from tests.core.model.tiny import TINY


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return demo_clip(tmp_path_factory.mktemp("clip"), duration_s=1.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return model_file(tmp_path_factory.mktemp("model"))


def test_columns_are_spread_over_what_sounds_and_hold_the_truth_beside_it(clip, model):
    strip = gather(clip, [choose_model(model, device="cpu")], truth=truth_of(clip, "auto"), count=3, height_px=64)
    assert (strip.title, strip.models, strip.has_truth) == (clip.name, ("tiny",), True)
    truth = load_truth(clip)
    heard = [index for index in range(truth.header.frame_count) if truth.sounding(index)]
    assert 0 < len(heard) < truth.header.frame_count  # pauses would be black columns
    assert [column.index for column in strip.columns] == [heard[int((k + 0.5) / 3 * len(heard))] for k in range(3)]
    for column in strip.columns:
        assert column.time_s == pytest.approx(column.index / 30, abs=1e-3)
        assert column.picture.shape == (64, 128, 3)
        sounding = truth.sounding(column.index)
        assert np.array_equal(column.mask, np.isin(truth.mask(column.index), sounding))
        assert len(column.directions) == len(sounding)
        assert column.seen[0].saliency.shape == (64, 128)


def test_models_of_the_library_stand_there_by_their_names(clip, model, tmp_path, monkeypatch):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))
    library = ModelLibrary()
    record = library.add(model, name="street at night")
    models = [choose_model(word, device="cpu") for word in ("street at night", record.model_id[:8])]
    strip = gather(clip, models, truth=truth_of(clip, "auto"), count=1, height_px=32)
    assert strip.models == ("street at night", "street at night")


def test_what_is_drawn_is_what_predict_writes(tmp_path, model):
    path = moving_clip(tmp_path)
    choice = choose_model(model, device="cpu")
    strip = gather(path, [choice], truth=NoTruth(), at_s=(0.5, 0.0))
    assert [column.index for column in strip.columns] == [0, 10]
    made = []
    predict_clip(
        path,
        choice.open,
        PredictionCache(tmp_path / "cache"),
        model_id=choice.model_id,
        config=choice.config,
        frames=FrameRange(0, 11, 10, carry=False),
        on_map=made.append,
    )
    for column, record in zip(strip.columns, made, strict=True):
        assert np.abs(255 * column.seen[0].saliency - record.saliency).max() < 0.51
        np.testing.assert_allclose(column.seen[0].location, record.location, atol=1e-5)


def test_a_folder_of_masks_says_which_frames_are_worth_showing(tmp_path, model):
    path = moving_clip(tmp_path)
    folder = tmp_path / "masks"
    folder.mkdir()
    mask = np.zeros((8, 16), np.uint8)
    mask[2:4, 3:9] = 255
    for number in (6, 12, 18, 900):
        Image.fromarray(mask).save(folder / f"frame_{number:05}.png")
    strip = gather(path, [], truth=truth_of(path, str(folder)), count=8)
    assert [column.index for column in strip.columns] == [6, 12, 18], "frame 900 is not in the clip"
    assert all(np.array_equal(column.mask, mask > 0) for column in strip.columns)
    assert gather(path, [], truth=NoTruth(), count=FRAMES).columns[0].mask is None


@pytest.mark.parametrize(
    "names, message",
    [((), "there are none"), (("cover.png",), "there are none"), (("a_7.png", "b_007.png"), "of one frame")],
)
def test_folders_that_tell_nothing_are_refused(tmp_path, names, message):
    for name in names:
        Image.new("L", (4, 2)).save(tmp_path / name)
    with pytest.raises(ConfigError, match=message):
        MaskFolder(tmp_path)
    with pytest.raises(ConfigError, match="there is none"):
        MaskFolder(tmp_path / "nowhere")


def test_moments_beyond_the_clip_are_refused(tmp_path):
    path = moving_clip(tmp_path)
    with pytest.raises(ConfigError, match=f"lasts {FRAMES / FPS:.2f} s, there is no frame at 9 s"):
        gather(path, [], truth=NoTruth(), at_s=(0.2, 9.0))


HEIGHT, WIDTH = 40, 80


def column(*, peak=None, mask=None, truth=()):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[...] = (10, 120, 200)
    saliency = np.zeros((10, 20), np.float32)
    saliency[5, 0] = 1.0
    location = None
    if peak is not None:
        location = np.zeros((5, 10), np.float32)
        location[peak] = 1.0
    return Column(7, 0.25, picture, mask, np.reshape(truth, (-1, 3)), (Seen(saliency, location),))


def cells(sheet, rows, columns):
    """The small pictures, found by their places: rows and columns end at the sheet's margin."""
    pixels = np.asarray(sheet)
    left = sheet.width - 18 - columns * (WIDTH + 6) + 6
    blocks = []
    top = next(y for y in range(sheet.height) if (pixels[y, left : left + WIDTH] == (10, 120, 200)).all())
    for row in range(rows):
        y = top + row * (HEIGHT + 6)
        blocks.append([pixels[y : y + HEIGHT, left + k * (WIDTH + 6) :][:, :WIDTH] for k in range(columns)])
    return blocks


def test_rows_and_columns_stand_where_they_should():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:, :20] = True
    strip = Strip("a clip", ("one",), (column(mask=mask, peak=(2, 3)), column(peak=(2, 3))))
    frames, truths, predictions, locations = cells(draw_figure([strip]), 4, 2)
    assert (frames[1] == (10, 120, 200)).all()
    assert (truths[0][:, :20] == 255).all() and (truths[0][:, 20:] == 0).all()
    assert truths[1].min() > 80, "an unknown truth is no empty truth"
    assert predictions[0][22, 1, 0] > 190 and predictions[0][22, 40].tolist() == [0] * 3
    # The first column's brightness goes on over the seam: the map is a ring.
    assert predictions[0][22, WIDTH - 1, 0] > 60
    assert len(np.unique(locations[0].reshape(-1, 3), axis=0)) > 10


def test_no_row_for_what_is_not_known():
    bare = draw_figure([Strip("x", ("one",), (column(),))])
    full = draw_figure([Strip("x", ("one",), (column(peak=(2, 3), mask=np.zeros((4, 8), bool)),))])
    assert full.height - bare.height == 2 * (HEIGHT + 6)
    both = draw_figure([Strip("x", ("one",), (column(),))] * 2)
    assert both.height > 2 * bare.height - 30


def test_the_ring_is_about_the_peak_also_across_the_seam():
    strip = Strip("x", ("one",), (column(peak=(2, 0)), column(peak=(2, 5))))
    first, second = cells(draw_figure([strip]), 3, 2)[2]
    for cell, place in ((first, (2, 0)), (second, (2, 5))):
        location = np.zeros((5, 10))
        location[place] = 1.0
        azimuth_rad, elevation_rad = peak_direction(location)
        x = (0.5 - azimuth_rad / (2 * np.pi)) * WIDTH
        y = (0.5 - elevation_rad / np.pi) * HEIGHT
        rows, columns = np.nonzero((cell == 255).all(-1))
        assert len(rows) > 8
        aside = np.abs((columns + 0.5 - x + WIDTH / 2) % WIDTH - WIDTH / 2)
        distance = np.hypot(aside, rows + 0.5 - y)
        assert distance.min() > 2.5 and distance.max() < 7.5
    # A source on the seam has one half of its cross at either edge.
    seam = direction(np.pi, 0.0)[None]
    cell = cells(draw_figure([Strip("x", ("one",), (column(peak=(2, 5), truth=seam),))]), 3, 1)[2][0]
    assert cell[HEIGHT // 2, 1, 1] > 200 and cell[HEIGHT // 2, WIDTH - 2, 1] > 200


def test_colours_of_the_location_map_rise_in_lightness():
    table = location_colours(np.linspace(0, 1, 64)).astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(table) > 0).all() and table[0] < 30 and table[-1] > 230


def test_the_command_draws_several_models_and_says_what_it_wrote(tmp_path, clip, model, capsys):
    deaf = model_file(tmp_path, config=replace(TINY, location_branch=False), name="flat.safetensors")
    out = tmp_path / "strip.png"
    words = ["figure", str(clip), "--model", str(model), str(deaf), "--columns", "2", "--height", "48"]
    assert main([*words, "--device", "cpu", "--out", str(out)]) == 0
    with Image.open(out) as sheet:
        assert f"{sheet.width}x{sheet.height}" in capsys.readouterr().out
        # Frame, truth, two predictions, one location map: the other model has none.
        assert 5 * (48 + 6) < sheet.height < 7 * (48 + 6) + 40
    assert not list(tmp_path.glob(".*part"))


@pytest.mark.parametrize(
    "words, message",
    [
        (["--out", "x.gif"], "expected --out to end in .png"),
        (["--columns", "0"], "1 to 24 columns"),
        (["--height", "8"], "32 to 1024 rows"),
        (["--truth", "nowhere"], "expected a folder of masks"),
        (["--out", "no/such/folder/x.png", "--columns", "1", "--height", "32"], "cannot be written"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, monkeypatch, clip, model, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["figure", str(clip), "--model", str(model), "--device", "cpu", *words]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
