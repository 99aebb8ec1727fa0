import numpy as np
import pytest
import torch

from panosod_core.errors import AmbisonicError
from panosod_core.inference.session import Session
from panosod_core.model.ablations import table_rows, with_sound
from panosod_core.model.checkpoint import load_network, save_checkpoint
from panosod_core.model.config import Sound
from tests.core.inference.streams import BLOCK, FPS, RATE, assert_equal_maps, batch_maps, clip, grown, streamed
from tests.core.model.tiny import TINY, TINY_PANOSOD, tiny

CASES = {
    f"{base} table {table} {name}": config
    for base, tiny_config in (("paper", TINY), ("panosod", TINY_PANOSOD))
    for table in (2, 5, 6, 7)
    for name, config in table_rows(table, tiny_config).items()
} | {"frame code": tiny(frame_encoding=True), "no temporal block": tiny(temporal=False)}


@pytest.mark.parametrize("config", dict.fromkeys(CASES.values()), ids=lambda c: next(n for n in CASES if CASES[n] == c))
def test_the_stream_equals_whole_windows(config):
    network = grown(config)
    pictures, sound = clip(7)
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE)
    assert session.frame_stride == 2
    assert_equal_maps(streamed(session, pictures, sound), batch_maps(network, pictures, sound, stride=2))


def test_every_frame_goes_through_the_backbone_once():
    network = grown(TINY)
    pictures, sound = clip(9)
    passes = []
    network.visual.backbone.register_forward_hook(lambda _, inputs, __: passes.append(len(inputs[0])))
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE)
    streamed(session, pictures, sound)
    assert sum(passes) == session.backbone_passes == 9
    passes.clear()
    batch_maps(network, pictures, sound, stride=2)
    assert sum(passes) == 3 * 9


def test_how_the_sound_is_cut_does_not_matter():
    network = grown(TINY)
    pictures, sound = clip(6)
    expected = batch_maps(network, pictures, sound, stride=2)
    for blocks in ([0, 0, 30000, 0, 17, 30000], [sound.shape[1]] + [0] * 5, [1, 2, 3, 4, 5, sound.shape[1]]):
        session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE)
        assert_equal_maps(streamed(session, pictures, sound, blocks=blocks), expected)


@pytest.mark.parametrize("rate_hz", [32000, 44100])
def test_sound_of_any_rate_is_heard(rate_hz):
    network = grown(TINY)
    pictures, sound = clip(5, rate_hz=rate_hz)
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=rate_hz)
    maps = streamed(session, pictures, sound, blocks=[int(rate_hz / FPS)] * 5)
    assert_equal_maps(maps, batch_maps(network, pictures, sound, stride=2, rate_hz=rate_hz))


def test_maps_come_as_soon_as_they_can_and_not_before():
    """A map needs the frame 0.2 s ahead and 0.2 s of sound: two steps at ten frames a second."""
    pictures, sound = clip(12)
    for rate_hz, wait in ((32000, 2), (48000, 2)):
        session = Session(grown(TINY), frame_rate_hz=FPS, sample_rate_hz=rate_hz)
        block = int(rate_hz / FPS)
        counts = [len(session.step(p, sound[:, i * block : (i + 1) * block])) for i, p in enumerate(pictures)]
        assert counts == [0] * wait + [1] * (12 - wait)
        assert len(session.flush()) == wait


def test_a_clip_shorter_than_a_window_gets_its_maps():
    network = grown(TINY)
    for frames in (1, 2):
        pictures, sound = clip(frames)
        session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE)
        assert_equal_maps(streamed(session, pictures, sound), batch_maps(network, pictures, sound, stride=2))


def test_an_empty_clip_has_no_maps():
    assert Session(grown(TINY), frame_rate_hz=FPS).flush() == []


def test_sound_may_end_before_the_pictures():
    network = grown(TINY)
    pictures, sound = clip(7)
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE)
    out = []
    for index, picture in enumerate(pictures):
        out += session.step(picture, sound[:, index * BLOCK : (index + 1) * BLOCK] if index < 3 else None)
    out += session.flush()
    assert_equal_maps(out, batch_maps(network, pictures, sound[:, : 3 * BLOCK], stride=2))
    with pytest.raises(ValueError, match="after its end"):
        session.reset()
        session.step(pictures[0], None)
        session.step(pictures[1], sound[:, :BLOCK])


def test_sound_may_start_late_or_early_and_frames_keep_their_own_time():
    network = grown(tiny(sound_rate_hz=32000))
    pictures, sound = clip(5, rate_hz=32000)
    block = int(32000 / FPS)
    expected = streamed(Session(network, frame_rate_hz=FPS, sample_rate_hz=32000), pictures, sound, blocks=[block] * 5)
    shifted = Session(network, frame_rate_hz=FPS, sample_rate_hz=32000, sound_start_s=-0.3)
    got = []
    for i, picture in enumerate(pictures):
        got += shifted.step(picture, sound[:, i * block : (i + 1) * block], time_s=i / FPS - 0.3)
    got += shifted.flush()
    assert [m.time_s for m in got] == [i / FPS - 0.3 for i in range(5)]
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one.saliency, other.saliency, atol=1e-5)


def test_reset_starts_another_clip():
    network = grown(TINY)
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE)
    streamed(session, *clip(5, seed=1))
    with pytest.raises(ValueError, match="after flush"):
        session.step(*[c[0] for c in clip(1)])
    session.reset()
    pictures, sound = clip(5, seed=2)
    assert_equal_maps(streamed(session, pictures, sound), batch_maps(network, pictures, sound, stride=2))


def test_memory_does_not_grow_with_the_clip():
    session = Session(grown(TINY), frame_rate_hz=FPS, sample_rate_hz=RATE)
    pictures, sound = clip(40)
    held = []
    for index, picture in enumerate(pictures):
        session.step(picture, sound[:, index * BLOCK : (index + 1) * BLOCK])
        kept = [f for f in session._frames if f.own_is_kept]
        held.append((len(session._frames), len(kept), session._sound._room.shape[1]))
    assert max(h[0] for h in held) <= 2 * session.frame_stride + 2
    assert max(h[1] for h in held) <= session.frame_stride + 1, "backbone features outlive their map"
    assert max(h[2] for h in held) <= 4 * TINY.sound_samples


def test_pictures_of_any_size_are_seen_whole():
    network = grown(TINY)
    large, sound = clip(3, size=(128, 256))
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE)
    maps = streamed(session, large, sound)
    assert all(m.saliency.shape == (64, 128) for m in maps)
    shrunk = large.reshape(3, 64, 2, 128, 2, 3).mean((2, 4))
    expected = batch_maps(network, np.round(shrunk).astype(np.uint8), sound, stride=2)
    for one, (saliency, _) in zip(maps, expected, strict=True):
        np.testing.assert_allclose(one.saliency, saliency, atol=0.02)


@pytest.mark.parametrize("temporal", [False, True])
def test_a_mask_of_one_frame_guides_its_windows(temporal):
    config = tiny(teacher_validity=True, teacher_temporal=temporal)
    network = grown(config)
    pictures, sound = clip(9)
    masks = np.zeros((9, 64, 128), np.float32)
    masks[4, 10:40, 20:60] = 1
    valid = [i == 4 for i in range(9)]
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE, label_guided=True)
    given = [masks[i] if valid[i] else None for i in range(9)]
    maps = streamed(session, pictures, sound, masks=given)
    assert_equal_maps(maps, batch_maps(network, pictures, sound, stride=2, masks=masks, valid=valid))
    assert [m.guided for m in maps] == [i in (2, 4, 6) for i in range(9)]


def test_a_literal_teacher_wants_a_mask_for_every_frame():
    network = grown(TINY)
    pictures, sound = clip(5)
    masks = (np.random.default_rng(0).random((5, 64, 128)) > 0.7).astype(np.float32)
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE, label_guided=True)
    maps = streamed(session, pictures, sound, masks=list(masks))
    assert_equal_maps(maps, batch_maps(network, pictures, sound, stride=2, masks=masks, valid=[True] * 5))
    session.reset()
    with pytest.raises(ValueError, match="a mask with every frame"):
        session.step(pictures[0], sound[:, :BLOCK])


def test_without_a_label_the_teacher_need_not_be_there(tmp_path):
    network = grown(TINY)
    save_checkpoint(tmp_path / "m.safetensors", network)
    student, _ = load_network(tmp_path / "m.safetensors", teacher=False)
    pictures, sound = clip(4)
    maps = streamed(Session(student, frame_rate_hz=FPS, sample_rate_hz=RATE), pictures, sound)
    assert_equal_maps(maps, batch_maps(network, pictures, sound, stride=2))
    with pytest.raises(ValueError, match="needs the teacher"):
        Session(student, frame_rate_hz=FPS, label_guided=True)
    with pytest.raises(ValueError, match="not label-guided"):
        Session(network, frame_rate_hz=FPS).step(pictures[0], sound, mask=np.zeros((64, 128), bool))


def test_half_precision_streams_too():
    network = grown(TINY_PANOSOD)
    pictures, sound = clip(4)
    full = streamed(Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE), pictures, sound)
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE, dtype=torch.bfloat16)
    assert all(p.dtype is torch.float32 for p in network.parameters()), "the caller's network is left as it was"
    assert session.engine.model.decoder.head.taps.weight.dtype is torch.bfloat16
    for one, other in zip(streamed(session, pictures, sound), full, strict=True):
        assert one.saliency.dtype == np.float32
        assert np.abs(one.saliency - other.saliency).mean() < 0.03


def test_impossible_pushes_are_refused():
    network = grown(TINY)
    session = Session(network, frame_rate_hz=FPS, sample_rate_hz=RATE)
    pictures, sound = clip(1)
    with pytest.raises(ValueError, match="expected a picture"):
        session.step(pictures[0][..., 0], sound)
    with pytest.raises(ValueError, match="expected sound"):
        session.step(pictures[0], sound[:3])
    with pytest.raises(AmbisonicError, match="not numbers"):
        session.step(pictures[0], np.full_like(sound, np.nan))
    for rates in (
        {"frame_rate_hz": 0.0},
        {"frame_rate_hz": float("nan")},
        {"frame_rate_hz": 10.0, "sample_rate_hz": 0},
    ):
        with pytest.raises(ValueError, match="positive"):
            Session(network, **rates)
    assert session.step(pictures[0], sound) == [] and len(session.flush()) == 1, "a refused push leaves no trace"


def test_a_network_without_sound_does_not_wait_for_any():
    network = grown(with_sound(TINY, Sound.NONE))
    pictures, _ = clip(5)
    session = Session(network, frame_rate_hz=FPS)
    assert [len(session.step(p, None)) for p in pictures] == [0, 0, 1, 1, 1]
