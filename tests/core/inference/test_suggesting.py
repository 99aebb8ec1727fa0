"""The label-guided branch around a corrected frame: who is asked, what it is given, and what comes back."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from panosod_core.errors import PredictionError
from panosod_core.inference.clip_feed import ClipFeed, plan_clip
from panosod_core.inference.engine_torch import open_torch_engine
from panosod_core.inference.model_file import ModelFile
from panosod_core.inference.session import Session
from panosod_core.inference.suggest_clip import main, suggest_around
from panosod_core.inference.suggesting import Stretch, as_mask, can_suggest, chained, suggest
from panosod_core.inference.suggestions import SuggestRequest, read_answer, write_request
from panosod_core.media.audio import AudioReader
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.video import never
from panosod_core.model.checkpoint import load_network, save_checkpoint
from tests.core.inference.predicting import FPS, FRAMES, HEIGHT, WIDTH, model_file, moving_clip
from tests.core.model.tiny import TINY_PANOSOD, noise_from

H, W = TINY_PANOSOD.height_px, TINY_PANOSOD.width_px
RATE_HZ = 48000
STEP = round(TINY_PANOSOD.frame_spacing_s * FPS)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of a network whose teacher lets masks reach other frames, as one does that has learnt; at birth none does."""
    folder = tmp_path_factory.mktemp("model")
    net, _ = load_network(model_file(folder))
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in net.teacher.temporal.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    save_checkpoint(folder / "learnt.safetensors", net)
    return folder / "learnt.safetensors"


@pytest.fixture(scope="module")
def engine(weights):
    return open_torch_engine(ModelFile.read(weights), device="cpu", precision="float32", threads=1, guided=True)


@pytest.fixture(scope="module")
def stretch():
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (H, W, 3), np.uint8) for _ in range(6)]
    times = [1 + k * TINY_PANOSOD.frame_spacing_s for k in range(6)]
    return Stretch(pictures, times, noise_from(30, samples=3 * RATE_HZ), RATE_HZ, 0.0)


def disc(column):
    mask = np.zeros((H, W), np.bool_)
    mask[H // 4 : H // 2, column : column + W // 4] = True
    return mask


def test_only_frames_whose_window_holds_a_mask_are_guided(engine, stretch):
    assert sorted(suggest(engine, stretch, {2: disc(10)})) == [1, 2, 3]
    assert sorted(suggest(engine, stretch, {0: disc(10), 5: disc(20)})) == [0, 1, 4, 5]


def test_the_mask_reaches_its_neighbours(engine, stretch):
    one, other = (suggest(engine, stretch, {2: disc(c)}) for c in (5, 70))
    for place in (1, 3):
        assert np.abs(one[place].saliency - other[place].saliency).max() > 1e-5


def test_a_label_leaves_the_model_itself_as_it_is(engine, stretch):
    def alone():
        session = Session(engine, frame_rate_hz=1 / TINY_PANOSOD.frame_spacing_s, sample_rate_hz=RATE_HZ)
        maps = session.step(stretch.pictures[0], stretch.sound, time_s=stretch.times_s[0])
        for picture, time_s in zip(stretch.pictures[1:], stretch.times_s[1:], strict=True):
            maps += session.step(picture, None, time_s=time_s)
        return [m.saliency for m in [*maps, *session.flush()]]

    before = alone()
    suggest(engine, stretch, {2: disc(10)})
    assert all(np.array_equal(a, b) for a, b in zip(before, alone(), strict=True))


def test_a_chain_hands_its_answers_on(engine, stretch):
    found = chained(engine, stretch, disc(10))
    assert len(found) == len(stretch.pictures) - 1
    window = replace(stretch, pictures=stretch.pictures[:3], times_s=stretch.times_s[:3])
    first = suggest(engine, window, {0: disc(10)})[1]
    assert np.array_equal(found[0].saliency, first.saliency)
    window = replace(stretch, pictures=stretch.pictures[1:4], times_s=stretch.times_s[1:4])
    second = suggest(engine, window, {0: found[0].saliency > 0.5})[1]
    assert np.array_equal(found[1].saliency, second.saliency)


def test_who_cannot_be_asked_says_so(tmp_path, stretch):
    plain = open_torch_engine(ModelFile.read(model_file(tmp_path)), device="cpu", precision="float32", threads=1)
    literal = replace(TINY_PANOSOD, teacher_validity=False, teacher_mask_dropout=0.0)
    file = ModelFile.read(model_file(tmp_path, config=literal, name="l.safetensors"))
    strict = open_torch_engine(file, device="cpu", precision="float32", threads=1, guided=True)
    for engine in (plain, strict):
        assert not can_suggest(engine)
        with pytest.raises(PredictionError, match="cannot suggest masks"):
            suggest(engine, stretch, {0: disc(3)})


def test_a_stretch_without_a_mask_is_a_mistake(engine, stretch):
    with pytest.raises(ValueError, match="a mask of a frame"):
        suggest(engine, stretch, {9: disc(3)})


@pytest.mark.parametrize("ratio", [1, 2, 3])
def test_masks_turn_with_the_map(ratio):
    rng = np.random.default_rng(3)
    saliency = rng.random((12, 24), np.float32)
    made = as_mask(saliency, width=24 * ratio, height=12 * ratio)
    turned = as_mask(np.roll(saliency, 7, axis=1), width=24 * ratio, height=12 * ratio)
    assert made.shape == (12 * ratio, 24 * ratio) and np.array_equal(turned, np.roll(made, 7 * ratio, axis=1))
    assert 0.3 < made.mean() < 0.7


# --- clips


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return moving_clip(tmp_path_factory.mktemp("clip"))


def painted(index):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[30:60, 4 * index : 4 * index + 40] = True
    return mask


def test_a_clip_is_asked_as_a_stream_is(engine, clip):
    """Two ways to the same answer: windows anywhere in a clip, and a session over the frames of one window."""
    index = 10
    plan = plan_clip(clip)
    with ClipFeed(clip, plan, engine.config) as feed:
        found = suggest_around(engine, feed, index=index, mask=painted(index))
        at = [index + k * STEP for k in (-2, -1, 0, 1, 2)]
        pictures = [feed.pictures.picture(n, should_stop=never) for n in at]
        times = [feed.pictures.require(n, should_stop=never).time_s for n in at]
    assert [s.index for s in found] == [index - STEP, index + STEP]
    with AudioReader(clip, plan.audio, out_rate_hz=RATE_HZ, clock_origin_s=clip_origin_s(plan.info)) as reader:
        reader.seek(0.0)
        sound = reader.read(round(FRAMES / FPS * RATE_HZ))[:4]
    streamed = suggest(engine, Stretch(pictures, times, sound, RATE_HZ, 0.0), {2: painted(index)})
    for suggestion, place in zip(found, (1, 3), strict=True):
        other = as_mask(streamed[place].saliency, width=WIDTH, height=HEIGHT)
        assert suggestion.mask.shape == (HEIGHT, WIDTH) and (suggestion.mask != other).mean() < 0.01


def test_at_the_ends_of_a_clip_there_is_one_neighbour(engine, clip):
    with ClipFeed(clip, plan_clip(clip), engine.config) as feed:
        assert [s.index for s in suggest_around(engine, feed, index=0, mask=painted(0))] == [STEP]
        assert [s.index for s in suggest_around(engine, feed, index=FRAMES - 1, mask=painted(0))] == [FRAMES - 1 - STEP]


def test_the_process_answers_in_a_file(engine, weights, clip, tmp_path):
    mask = painted(8)
    write_request(tmp_path / "r.npz", SuggestRequest(str(clip), str(weights), 8, device="cpu"), mask)
    assert main([str(tmp_path / "r.npz"), str(tmp_path / "a.npz")]) == 0
    model_id, found = read_answer(tmp_path / "a.npz")
    with ClipFeed(clip, plan_clip(clip), engine.config) as feed:
        wanted = suggest_around(engine, feed, index=8, mask=mask)
    assert model_id == engine.model_id and [s.index for s in found] == [s.index for s in wanted]
    for a, b in zip(found, wanted, strict=True):
        assert np.array_equal(a.mask, b.mask)


def test_the_process_says_why_it_has_no_answer(clip, tmp_path, capsys):
    (tmp_path / "m.safetensors").write_bytes(b"none")
    write_request(tmp_path / "r.npz", SuggestRequest(str(clip), str(tmp_path / "m.safetensors"), 3), painted(3))
    assert main([str(tmp_path / "r.npz"), str(tmp_path / "a.npz")]) == 1
    assert "m.safetensors" in capsys.readouterr().err
    with pytest.raises(PredictionError, match="no suggestions"):
        read_answer(tmp_path / "a.npz")
