"""Predicting a clip: the maps of a Session, whatever the order, the stride, the interruptions; nothing made twice."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from panosod_core.errors import ConfigError, PredictionError
from panosod_core.geometry.picture import Bounds, PictureGeometry, PictureProjection, StereoMode
from panosod_core.inference.cache import MapRecord, MapSource, PredictionCache
from panosod_core.inference.clip_feed import AS_FOUND, ClipFeed, ClipTaking, fed_picture, fed_sound, plan_clip
from panosod_core.inference.clip_work import ClipWork
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.fitting import PictureFitter
from panosod_core.inference.messages import OpenClip
from panosod_core.inference.model_choice import EngineAtHand, choose_model
from panosod_core.inference.predict import MAX_STRIDE, FrameRange, Outcome, key_of, predict_clip
from panosod_core.inference.session import Session
from panosod_core.media.audio import AudioReader
from panosod_core.media.inject import write_spherical
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_core.media.writer import ClipWriter, SoundCodec, SoundSettings
from tests.core.inference.predicting import FPS, FRAMES, HEIGHT, WIDTH, model_file, moving_clip, moving_pictures


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> EngineAtHand:
    path = model_file(tmp_path_factory.mktemp("model"))
    return EngineAtHand(choose_model(path, device="cpu", threads=1))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def cache(tmp_path: Path) -> PredictionCache:
    return PredictionCache(tmp_path / "cache")


def predict(
    clip: Path,
    model: EngineAtHand,
    cache: PredictionCache,
    *,
    frames: FrameRange | None = None,
    taking: ClipTaking = AS_FOUND,
    engine: Callable[[], Engine] | None = None,
    on_map: Callable[[MapRecord], None] = lambda record: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    return predict_clip(
        clip,
        engine or model,
        cache,
        model_id=model.choice.model_id,
        config=model.choice.config,
        frames=frames or FrameRange(),
        taking=taking,
        on_map=on_map,
        should_stop=should_stop,
    )


def kept(clip: Path, model: EngineAtHand, cache: PredictionCache) -> dict[int, MapRecord]:
    with cache.open(key_of(clip, plan_clip(clip), model.choice.model_id)) as maps:
        return {index: record for index in maps.indices() if (record := maps.get(index)) is not None}


@pytest.fixture(scope="module")
def whole(clip: Path, model: EngineAtHand, tmp_path_factory: pytest.TempPathFactory) -> dict[int, MapRecord]:
    cache = PredictionCache(tmp_path_factory.mktemp("whole"))
    outcome = predict(clip, model, cache)
    assert (outcome.made, outcome.carried, outcome.known, outcome.unreadable) == (FRAMES, 0, 0, [])
    assert outcome.is_complete
    return kept(clip, model, cache)


def alike(a: MapRecord, b: MapRecord, *, levels: int = 1) -> bool:
    """Equal but for rounding: sound that is resampled from another start differs in the last bits."""
    assert a.location is not None
    assert b.location is not None
    near = np.abs(a.saliency.astype(int) - b.saliency).max() <= levels
    reach = max(float(np.ptp(a.location)), 1e-6)
    same_place = np.abs(a.location - b.location).max() <= 0.02 * reach
    return (a.index, a.pts, a.time_s, a.carried) == (b.index, b.pts, b.time_s, b.carried) and bool(near and same_place)


def test_maps_are_those_of_a_session_that_sees_the_whole_clip(
    clip: Path, model: EngineAtHand, whole: dict[int, MapRecord]
) -> None:
    session = Session(model(), frame_rate_hz=FPS, sample_rate_hz=32000)
    info = probe(clip)
    assert info.audio is not None
    assert info.video is not None
    fitter = PictureFitter(PictureGeometry(), height=session.config.height_px, width=session.config.width_px)
    maps = []
    with VideoReader(clip, info.video) as pictures, AudioReader(clip, info.audio, out_rate_hz=32000) as sound:
        while (frame := pictures.read()) is not None:
            maps += session.step(fitter.fit(frame), sound.read(32000 // FPS))
    maps += session.flush()
    assert sorted(whole) == list(range(FRAMES)) == [m.index for m in maps]
    for expected in maps:
        got = whole[expected.index]
        assert got.time_s == pytest.approx(expected.time_s, abs=1e-6)
        assert np.abs(got.saliency / 255 - expected.saliency).max() < 1.01 / 255
    # the maps change over the clip, or nothing was compared
    assert np.abs(whole[0].saliency.astype(int) - whole[FRAMES - 1].saliency).max() > 30


def test_a_second_run_loads_no_model_and_makes_nothing(clip: Path, model: EngineAtHand, cache: PredictionCache) -> None:
    predict(clip, model, cache, frames=FrameRange(stride=6))

    def refuse() -> Engine:
        raise AssertionError("the model was loaded")

    told: list[MapRecord] = []
    outcome = predict(clip, model, cache, frames=FrameRange(stride=6), engine=refuse, on_map=told.append)
    assert (outcome.made, outcome.carried, outcome.known) == (0, 0, FRAMES)
    assert outcome.is_complete
    assert told == []


@pytest.mark.parametrize("stride", [2, 4, 5])
def test_on_any_grid_the_models_maps_are_the_same_and_those_between_are_carried(
    clip: Path, model: EngineAtHand, cache: PredictionCache, whole: dict[int, MapRecord], stride: int
) -> None:
    told: list[MapRecord] = []
    outcome = predict(clip, model, cache, frames=FrameRange(stride=stride), on_map=told.append)
    found = kept(clip, model, cache)
    assert sorted(found) == list(range(FRAMES))
    assert len(told) == FRAMES == outcome.made + outcome.carried
    last = (FRAMES - 1) // stride * stride
    for index, record in found.items():
        if index % stride == 0:
            assert record.source is MapSource.MODEL
            assert alike(record, whole[index])
        else:
            before = index % stride
            assert record.source is MapSource.FLOW
            assert record.carried == (before if index > last else min(before, stride - before))
            assert record.pts == whole[index].pts


def test_a_grid_without_carrying_has_the_models_maps_alone(
    clip: Path, model: EngineAtHand, cache: PredictionCache
) -> None:
    outcome = predict(clip, model, cache, frames=FrameRange(stride=7, carry=False))
    assert sorted(kept(clip, model, cache)) == [0, 7, 14, 21]
    assert outcome.carried == 0
    # later, those between come from the maps that are there
    outcome = predict(clip, model, cache, frames=FrameRange(stride=7))
    assert (outcome.made, outcome.known, outcome.carried) == (0, 4, FRAMES - 4)


def test_a_finer_run_replaces_what_was_carried(
    clip: Path, model: EngineAtHand, cache: PredictionCache, whole: dict[int, MapRecord]
) -> None:
    predict(clip, model, cache, frames=FrameRange(stride=4))
    outcome = predict(clip, model, cache)
    assert (outcome.made, outcome.known) == (FRAMES - 6, 6)
    found = kept(clip, model, cache)
    assert all(alike(found[index], whole[index]) for index in range(FRAMES))


def test_windows_on_the_grid_share_what_was_worked_through(clip: Path, model: EngineAtHand) -> None:
    """On a grid that divides the window's step every frame goes through the backbone once."""
    with ClipFeed(clip, plan_clip(clip), model.choice.config) as feed:
        windows = feed.windows(model())
        assert windows.window_step == 4
        for index in range(0, FRAMES, 2):
            windows.make(index, should_stop=lambda: False)
        # and the last one, which stands in beyond the end
        assert windows.backbone_passes == FRAMES // 2 + 1


def test_ranges_together_are_the_whole(
    clip: Path, model: EngineAtHand, cache: PredictionCache, whole: dict[int, MapRecord]
) -> None:
    for frames in (FrameRange(12, 20), FrameRange(0, 12), FrameRange(20)):
        assert predict(clip, model, cache, frames=frames).is_complete
    found = kept(clip, model, cache)
    assert sorted(found) == list(range(FRAMES))
    assert all(alike(found[index], whole[index]) for index in range(FRAMES))


@pytest.mark.parametrize("after", [0, 1, 7])
def test_what_was_abandoned_is_taken_up_where_it_was_left(
    clip: Path, model: EngineAtHand, cache: PredictionCache, whole: dict[int, MapRecord], after: int
) -> None:
    told: list[MapRecord] = []
    first = predict(clip, model, cache, on_map=told.append, should_stop=lambda: len(told) >= after)
    assert not first.is_complete
    assert first.made == after
    rest = predict(clip, model, cache)
    assert rest.is_complete
    assert (rest.known, rest.made) == (after, FRAMES - after)
    found = kept(clip, model, cache)
    assert all(alike(found[index], whole[index]) for index in range(FRAMES))


def test_no_step_between_two_looks_at_whether_to_stop_is_longer_than_one_frame_through_the_network(
    clip: Path, model: EngineAtHand, cache: PredictionCache
) -> None:
    """Counted, not timed: between two such questions at most one call of the engine is made."""
    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            found = getattr(model(), name)
            if name in ("encode_frame", "encode_sound", "centre_map"):
                calls.append(name)
            return found

    def ask() -> bool:
        calls.append("?")
        return False

    predict(clip, model, cache, frames=FrameRange(0, 8, 2), engine=lambda: Counting(), should_stop=ask)  # type: ignore[arg-type, return-value]
    work = "".join("?" if c == "?" else "x" for c in calls)
    assert work.count("x") > 8
    assert "xx" not in work


class Seeing:
    """The engine, with a record of what it was given."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pictures: list[np.ndarray] = []
        self.sounds: list[np.ndarray] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)

    def encode_frame(self, picture: np.ndarray) -> object:
        self.pictures.append(picture)
        return self.engine.encode_frame(picture)

    def encode_sound(self, window: np.ndarray) -> object:
        self.sounds.append(window)
        return self.engine.encode_sound(window)


def plain_clip(folder: Path, *, channels: int, geometry: PictureGeometry | None = None) -> Path:
    """Four frames; channel c is a constant of 0.1 (c + 1)."""
    path = folder / "plain.mp4"
    settings = {"sample_rate_hz": 48000, "audio_channels": channels, "sound": SoundSettings(codec=SoundCodec.FLAC)}
    with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=Fraction(FPS), **(settings if channels else {})) as writer:
        for picture in moving_pictures(frames=4):
            writer.write_picture(picture)
            if channels:
                level = 0.1 * (1 + np.arange(channels, dtype=np.float32))[:, None]
                writer.write_sound(np.repeat(level, 48000 // FPS, axis=1))
    if geometry is not None:
        write_spherical(path, path, geometry=geometry)
    return path


def middle(window: np.ndarray) -> list[float]:
    return [round(float(v), 2) for v in window[:, window.shape[1] // 2]]


@pytest.mark.parametrize(
    ("channels", "taking", "heard", "words"),
    [
        (0, AS_FOUND, [0.0, 0, 0, 0], "silence"),
        (1, AS_FOUND, [0.1, 0, 0, 0], "mono, as W alone"),
        (2, AS_FOUND, [0.15, 0, 0, 0], "stereo, mixed to mono, as W alone"),
        (4, AS_FOUND, [0.1, 0.2, 0.3, 0.4], "W Y Z X of ambix of order 1"),
        (4, ClipTaking(sound="mono"), [0.1, 0, 0, 0], "mono, as W alone"),
    ],
)
def test_what_is_heard_is_what_is_said(
    tmp_path: Path,
    model: EngineAtHand,
    cache: PredictionCache,
    channels: int,
    taking: ClipTaking,
    heard: list,
    words: str,
) -> None:
    path = plain_clip(tmp_path, channels=channels, geometry=PictureGeometry())
    seeing = Seeing(model())
    predict(path, model, cache, engine=lambda: seeing, taking=taking, frames=FrameRange(2, 3))  # type: ignore[arg-type, return-value]
    assert middle(seeing.sounds[0]) == pytest.approx(heard, abs=0.02)
    assert fed_sound(plan_clip(path, taking), model.choice.config).startswith(words)


def test_the_eye_that_is_asked_for_is_seen_and_kept_apart(
    tmp_path: Path, model: EngineAtHand, cache: PredictionCache
) -> None:
    path = plain_clip(tmp_path, channels=0, geometry=PictureGeometry(stereo=StereoMode.TOP_BOTTOM))
    seen = {}
    for eye in ("left", "right"):
        seeing = Seeing(model())
        taking = ClipTaking(eye=eye)
        outcome = predict(path, model, cache, engine=lambda: seeing, taking=taking, frames=FrameRange(0, 1))  # type: ignore[arg-type, return-value] # noqa: B023 - called at once
        assert outcome.made == 1, "the other eye's maps are not this one's"
        seen[eye] = seeing.pictures[0]
        assert f"{eye} eye of top-bottom" in fed_picture(plan_clip(path, taking), model.choice.config)
    picture = moving_pictures(frames=1)[0].astype(int)
    for eye, part in (("left", picture[: HEIGHT // 2]), ("right", picture[HEIGHT // 2 :])):
        assert np.abs(seen[eye].mean(axis=(0, 1)) - part.mean(axis=(0, 1))).max() < 4


def test_half_a_sphere_is_black_behind(tmp_path: Path, model: EngineAtHand, cache: PredictionCache) -> None:
    geometry = PictureGeometry(projection=PictureProjection.EQUIRECTANGULAR_180, bounds=Bounds(left=0.25, right=0.25))
    path = plain_clip(tmp_path, channels=0, geometry=geometry)
    seeing = Seeing(model())
    predict(path, model, cache, engine=lambda: seeing, frames=FrameRange(0, 1))  # type: ignore[arg-type, return-value]
    picture = seeing.pictures[0]
    width = picture.shape[1]
    assert picture[:, : width // 4 - 1].max() == 0
    assert picture[:, 3 * width // 4 + 1 :].max() == 0
    assert picture[:, width // 4 + 1 : 3 * width // 4 - 1].min() > 0
    assert "black where it does not cover" in fed_picture(plan_clip(path), model.choice.config)


def test_a_flat_picture_is_refused_in_a_line(tmp_path: Path, model: EngineAtHand, cache: PredictionCache) -> None:
    path = tmp_path / "flat.mp4"
    with ClipWriter(path, width=64, height=48, fps=10) as writer:
        writer.write_picture(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(PredictionError, match=r"expected an equirectangular picture, this one is flat .*--picture"):
        predict(path, model, cache)


def test_a_clip_that_breaks_off_gets_the_maps_that_it_has(
    clip: Path, tmp_path: Path, model: EngineAtHand, cache: PredictionCache
) -> None:
    data = clip.read_bytes()
    broken = tmp_path / "broken.mp4"
    start = data.index(b"mdat")
    if b"moov" in data[start:]:
        pytest.fail("the writer puts the table first, and this test cuts off the end")
    broken.write_bytes(data[: start + (len(data) - start) // 2])
    outcome = predict(broken, model, cache)
    assert outcome.is_complete
    assert 0 < outcome.made < FRAMES
    found = kept(broken, model, cache)
    assert outcome.frame_count < FRAMES
    assert sorted([*found, *outcome.unreadable]) == list(range(outcome.frame_count))
    assert len(found) == outcome.made


@pytest.mark.parametrize("bad", [{"stride": 0}, {"stride": MAX_STRIDE + 1}, {"first": 5, "end": 3}, {"first": -1}])
def test_ranges_that_make_no_sense_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError, match="stride"):
        FrameRange(**bad)


def test_choices_that_there_are_not_are_refused(clip: Path) -> None:
    with pytest.raises(ConfigError, match="expected a picture of"):
        ClipTaking(picture="round")
    with pytest.raises(ConfigError, match="expected an eye of"):
        ClipTaking(eye="third")
    with pytest.raises(ConfigError, match="expected a sound of"):
        plan_clip(clip, ClipTaking(sound="ambix+2"))


def test_a_model_that_changed_meanwhile_is_not_used(tmp_path: Path) -> None:
    path = model_file(tmp_path)
    chosen = choose_model(path, device="cpu")
    with path.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\0\0\0\0")
    with pytest.raises(PredictionError, match="has changed since it was chosen"):
        EngineAtHand(chosen)()


def test_the_window_and_the_command_keep_a_clips_maps_in_one_place(
    clip: Path, model: EngineAtHand, cache: PredictionCache
) -> None:
    """What the predictor process made is known to the command, and the other way round."""
    predict(clip, model, cache, frames=FrameRange(0, 6))
    work = ClipWork(OpenClip(1, str(clip)), model(), cache, should_stop=lambda: False)
    try:
        key = key_of(clip, plan_clip(clip), model.choice.model_id)
        ready = work.ready
        assert (ready.content_id, ready.model_id, ready.settings) == (key.content_id, key.model_id, key.settings)
        assert (ready.known, ready.frame_count) == (6, FRAMES)
        work.make(7, should_stop=lambda: False)
    finally:
        work.close()
    outcome = predict(clip, model, cache, frames=FrameRange(0, 9))
    assert (outcome.known, outcome.made) == (7, 2)


def test_a_map_that_is_damaged_when_it_is_to_be_carried_is_made_anew(
    clip: Path, model: EngineAtHand, cache: PredictionCache
) -> None:
    frames = FrameRange(0, 8, 4)
    predict(clip, model, cache, frames=FrameRange(0, 8, 4, carry=False))
    with cache.open(key_of(clip, plan_clip(clip), model.choice.model_id)) as maps:
        path = maps.path
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE maps SET saliency = x'0102' WHERE idx = 4")
    outcome = predict(clip, model, cache, frames=frames)
    assert (outcome.made, outcome.carried, outcome.unreadable) == (1, 6, [])
    assert sorted(kept(clip, model, cache)) == list(range(8))


def test_maps_of_a_precision_that_was_named_are_kept_apart(clip: Path) -> None:
    plan = plan_clip(clip)
    keys = {key_of(clip, plan, "m" * 64, precision=word) for word in ("auto", "float32", "int8")}
    assert len(keys) == 3
    assert key_of(clip, plan, "m" * 64) == key_of(clip, plan, "m" * 64, precision="auto")
