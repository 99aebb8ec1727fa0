"""What a listener hears, sample by sample: directions, turning, playing, pausing, seeking."""

from dataclasses import replace

import numpy as np
import pytest

from panosod_core.ambisonics.binaural import decode
from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.ambisonics.filters import default_filters
from panosod_core.ambisonics.harmonics import sh_rotation
from panosod_core.geometry.sphere import direction, rotation
from panosod_core.media.info import AudioInfo, SoundFormat
from panosod_viewer.audio.engine import AudioEngine, SoundLayout
from panosod_viewer.audio.feed import Course, Silence
from panosod_viewer.audio.offline import OfflineSound
from panosod_viewer.audio.ring import RATE_HZ, SampleRing
from tests.viewer.audio.conftest import WHOLE, ArraySource, filled_ring, run_blocks, two_cardioids

BLOCK = 256
LAG = 48  # the limiter's look-ahead


def tone(hz, seconds=2.0, level=0.25):
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def playing(samples, filters, *, layout=None, end_s=2.0, course=WHOLE):
    """An engine that plays an array."""
    layout = layout or SoundLayout(filters.order, 0)
    engine = AudioEngine(layout, filters)
    ticket = engine.begin_seek(course.position_s, generation=1)
    engine.offer(filled_ring(ArraySource(samples), course, end_s=end_s, ticket=ticket))
    engine.play()
    return engine


def seek(engine, samples, position_s, *, generation=2, end_s=2.0):
    ticket = engine.begin_seek(position_s, generation=generation)
    engine.offer(filled_ring(ArraySource(samples), Course(position_s), end_s=end_s, ticket=ticket))


def clicks_db(signal, base_hz):
    """Energy above 2 kHz against all, of a low tone: what a click would add."""
    windowed = signal * np.hanning(signal.size)
    power = np.abs(np.fft.rfft(windowed)) ** 2
    frequency = np.fft.rfftfreq(signal.size, 1 / RATE_HZ)
    assert base_hz < 500
    return 10 * np.log10(power[frequency > 2000].sum() / power.sum())


@pytest.mark.parametrize(("order", "least_db"), [(1, -80), (2, -70), (3, -66)])
def test_a_tone_spun_at_a_turn_a_second_does_not_click(order, least_db):
    field = encode_plane_wave(tone(1000), direction(0.3, 0.0), order=order)
    engine = playing(field, default_filters(order))
    out, _ = run_blocks(engine, 360, lambda i: rotation(2 * np.pi * i * BLOCK / RATE_HZ))
    steady = out[:, 4096 : 4096 + 86_400]
    power = np.abs(np.fft.rfft(steady * np.blackman(86_400), axis=1)) ** 2
    frequency = np.fft.rfftfreq(86_400, 1 / RATE_HZ)
    near = np.abs(frequency - 1000) <= 50
    outside_db = 10 * np.log10(power[:, ~near].sum(axis=1) / power[:, near].sum(axis=1))
    assert (outside_db < least_db).all(), outside_db


def test_it_equals_the_decoders_plain_convolution(kemar):
    rng = np.random.default_rng(0)
    field = (0.02 * rng.standard_normal((4, RATE_HZ))).astype(np.float32)
    head = rotation(0.7, -0.3, 0.2)
    engine = playing(field, kemar, end_s=1.0)
    out, _ = run_blocks(engine, 100, lambda _: head)
    turned = (sh_rotation(1, head.T) @ field).astype(np.float32)
    turned[:, :240] *= np.arange(1, 241) / 240  # the beginning fades in
    expected = decode(turned, kemar)
    n = 100 * BLOCK - LAG
    np.testing.assert_allclose(out[:, LAG:], expected[:, :n], atol=2e-6)


@pytest.mark.parametrize("yaw_deg", [-90, 0, 90])
def test_what_was_in_front_is_heard_at_the_right_of_a_head_that_looks_left(yaw_deg, kemar):
    noise = 0.05 * np.random.default_rng(1).standard_normal(RATE_HZ)
    engine = playing(encode_plane_wave(noise, [1, 0, 0]), kemar)
    out, _ = run_blocks(engine, 60, lambda _: rotation(np.radians(yaw_deg)))
    level_db = 10 * np.log10(np.sum(out[1] ** 2) / np.sum(out[0] ** 2))
    if yaw_deg == 0:
        assert abs(level_db) < 0.5
    else:
        assert level_db * yaw_deg > 0
        assert abs(level_db) > 4


@pytest.mark.parametrize("ears", [1, 2])
def test_stereo_and_mono_stay_with_the_head(ears, kemar):
    rng = np.random.default_rng(2)
    samples = (0.1 * rng.standard_normal((ears, RATE_HZ))).astype(np.float32)
    engine = playing(samples, kemar, layout=SoundLayout(None, ears))
    out, _ = run_blocks(engine, 60, lambda i: rotation(0.1 * i))
    delay = LAG + int(np.argmax(np.sum(kemar.taps[0] ** 2, axis=0)))
    n = 60 * BLOCK - delay
    for ear in (0, 1):
        np.testing.assert_allclose(out[ear, delay + 240 :], samples[min(ear, ears - 1), 240:n], atol=1e-6)


def test_head_locked_channels_have_their_own_loudness_and_do_not_turn():
    samples = np.zeros((6, RATE_HZ), np.float32)
    samples[4], samples[5] = 0.3, -0.2
    samples[0] = 0.1
    engine = playing(samples, two_cardioids(), layout=SoundLayout(1, 2))
    field_alone = playing(samples[:4], two_cardioids())
    out, _ = run_blocks(engine, 20, lambda i: rotation(0.3 * i))
    base, _ = run_blocks(field_alone, 20, lambda i: rotation(0.3 * i))
    np.testing.assert_allclose((out - base)[:, 500:], np.array([[0.3], [-0.2]]) * np.ones((1, 4620)), atol=1e-6)
    engine.head_locked_gain(0.5)
    run_blocks(engine, 3)
    out, _ = run_blocks(engine, 5)
    base, _ = run_blocks(field_alone, 5)
    np.testing.assert_allclose((out - base)[:, 100:].mean(axis=1), [0.15, -0.1], atol=1e-6)


@pytest.mark.parametrize(
    ("form", "order", "head_locked", "channels", "expected"),
    [
        (SoundFormat.AMBIX, 1, False, 4, SoundLayout(1, 0)),
        (SoundFormat.FUMA, 2, True, 11, SoundLayout(2, 2)),
        (SoundFormat.N3D, 0, False, 1, SoundLayout(None, 1)),
        (SoundFormat.STEREO, None, False, 2, SoundLayout(None, 2)),
        (SoundFormat.MONO, None, False, 1, SoundLayout(None, 1)),
    ],
)
def test_the_layout_follows_from_what_is_known_of_the_sound(form, order, head_locked, channels, expected):
    info = AudioInfo(0, "pcm", channels, 48000, form, order, head_locked, tuple(range(channels)), "test")
    assert SoundLayout.of(info) == expected


def test_any_cutting_into_pieces_gives_the_same_samples(kemar):
    field = (0.02 * np.random.default_rng(4).standard_normal((4, RATE_HZ))).astype(np.float32)
    head = rotation(0.5)

    def whole(sizes):
        sound = OfflineSound(ArraySource(field), SoundLayout(1, 0), kemar, end_s=1.0)
        return np.concatenate([sound.render(n, head) for n in sizes], axis=1)

    expected = whole([20_000])
    for sizes in ([1601] * 12 + [788], [1, 255, 256, 257, 19_231], [0, 10_000, 10_000]):
        np.testing.assert_array_equal(whole(sizes), expected)
    assert expected.shape == (2, 20_000)


def test_pausing_and_playing_on_lose_no_sample_and_do_not_click(kemar):
    field = encode_plane_wave(tone(200), [1, 0, 0])
    engine = playing(field, kemar)
    first, reports = run_blocks(engine, 40)
    engine.pause()
    pause, standing = run_blocks(engine, 30)
    engine.play()
    second, resumed = run_blocks(engine, 40)
    assert clicks_db(np.concatenate([first, pause, second], axis=1)[0], 200) < -50
    assert np.abs(pause[:, 1000:]).max() < 1e-6
    # One block fades out, then it stands; the first block played on begins where it stood.
    assert reports[-1].location.position_s == pytest.approx(39 * BLOCK / RATE_HZ)
    assert [r.speed for r in standing] == [1.0] + [0.0] * 29
    assert standing[-1].location.position_s == pytest.approx(41 * BLOCK / RATE_HZ)
    assert resumed[0].location.position_s == standing[-1].location.position_s


def test_a_seek_fades_over_stands_at_its_aim_until_answered_and_bears_its_number(kemar):
    field = encode_plane_wave(tone(200), [1, 0, 0])
    engine = playing(field, kemar)
    before, _ = run_blocks(engine, 40)
    ticket = engine.begin_seek(1.25, generation=7)
    gap, waiting = run_blocks(engine, 6)
    assert [(r.generation, r.location.position_s, r.speed) for r in waiting] == [(7, 1.25, 0.0)] * 6
    assert engine.waiting
    engine.offer(filled_ring(ArraySource(field), Course(0.1), end_s=2.0, ticket=ticket - 1))
    run_blocks(engine, 1)
    assert engine.waiting, "the answer to an older seek must be ignored"
    engine.offer(filled_ring(ArraySource(field), Course(1.25), end_s=2.0, ticket=ticket))
    after, reports = run_blocks(engine, 40)
    assert (reports[0].generation, reports[0].location.position_s, reports[0].speed) == (7, 1.25, 1.0)
    assert clicks_db(np.concatenate([before, gap, after], axis=1)[0], 200) < -50


def test_while_paused_the_last_200_ms_go_on_and_turn_with_the_head(kemar):
    rng = np.random.default_rng(6)
    field = encode_plane_wave(0.05 * rng.standard_normal(2 * RATE_HZ), [1, 0, 0])
    engine = playing(field, kemar)
    engine.hold(True)
    run_blocks(engine, 100)
    engine.pause()
    run_blocks(engine, 10)
    levels = []
    for yaw in (90, -90):
        out, reports = run_blocks(engine, 80, lambda _, yaw=yaw: rotation(np.radians(yaw)))
        assert all(r.speed == 0.0 for r in reports)
        levels.append(10 * np.log10(np.sum(out[1] ** 2) / np.sum(out[0] ** 2)))
    assert levels[0] > 4
    assert levels[1] < -4
    engine.hold(False)
    silent, _ = run_blocks(engine, 10)
    assert np.abs(silent[:, 1500:]).max() < 1e-6


def test_a_step_while_paused_holds_what_is_there():
    field = np.zeros((4, 2 * RATE_HZ), np.float32)
    field[0, RATE_HZ // 2 :] = tone(500, 1.5)
    engine = playing(field, two_cardioids())
    engine.hold(True)
    run_blocks(engine, 20)
    engine.pause()
    silent, _ = run_blocks(engine, 20)
    assert np.abs(silent).max() < 1e-6
    seek(engine, field, 1.0)
    heard, reports = run_blocks(engine, 100)
    # Each cardioid hears half of W, and all decoders are brought to -3 dB in a diffuse field (this one had -4.8 dB).
    expected = 0.25 / np.sqrt(2) * 0.5 * 10 ** ((4.77 - 3) / 20)
    assert np.sqrt(np.mean(heard[:, 2000:] ** 2)) == pytest.approx(expected, rel=0.1)
    assert reports[-1].location.position_s == 1.0


def test_a_burst_is_heard_while_paused_from_its_direction_and_turns(kemar):
    engine = AudioEngine(SoundLayout(1, 0), kemar)
    levels = []
    for yaw in (0.0, np.pi):
        engine.burst(np.array([0.0, 1.0, 0.0]))
        out, _ = run_blocks(engine, 70, lambda _, yaw=yaw: rotation(yaw))
        levels.append(10 * np.log10(np.sum(out[0] ** 2) / np.sum(out[1] ** 2)))
    assert levels[0] > 6
    assert levels[1] < -6


def test_a_burst_is_heard_over_stereo_too(kemar):
    engine = AudioEngine(SoundLayout(None, 2), default_filters(3))
    engine.burst(np.array([0.0, -1.0, 0.0]))
    out, _ = run_blocks(engine, 70)
    assert np.sum(out[1] ** 2) > 4 * np.sum(out[0] ** 2) > 0


def test_volume_and_mute_ramp_and_come_back():
    field = encode_plane_wave(tone(200), [1, 0, 0])
    engine = playing(field, two_cardioids())
    full, _ = run_blocks(engine, 20)
    engine.volume(0.5)
    half, _ = run_blocks(engine, 20)
    engine.volume(0.5, muted=True)
    none, _ = run_blocks(engine, 20)
    engine.volume(1.0)
    again, _ = run_blocks(engine, 20)
    rms = [np.sqrt(np.mean(x[:, 2400:] ** 2)) for x in (full, half, none, again)]
    assert rms[1] == pytest.approx(rms[0] / 2, rel=0.02)
    assert rms[2] < 1e-9
    assert rms[3] == pytest.approx(rms[0], rel=0.02)
    assert clicks_db(np.concatenate([full, half, none, again], axis=1)[0], 200) < -50


def test_too_loud_is_limited_and_counted():
    engine = playing(encode_plane_wave(tone(200, level=5.0), [1, 0, 0]), two_cardioids())
    out, _ = run_blocks(engine, 60)
    assert 0.9 < np.abs(out).max() <= 0.9801
    assert engine.clipped > 40
    quiet = playing(encode_plane_wave(tone(200), [1, 0, 0]), two_cardioids())
    run_blocks(quiet, 60)
    assert quiet.clipped == 0


def test_the_end_is_told_and_the_clip_stands_there():
    engine = playing(encode_plane_wave(tone(200, 0.5), [1, 0, 0]), two_cardioids(), end_s=0.5)
    out, reports = run_blocks(engine, 120)
    assert reports[-1].ended
    assert not reports[80].ended
    assert reports[-1].location.position_s == pytest.approx(0.5)
    assert not engine.playing
    assert clicks_db(out[0], 200) < -50
    engine.play()
    _, reports = run_blocks(engine, 3)
    assert reports[-1].ended


def test_a_feeder_that_does_not_follow_is_a_gap_without_a_click_and_without_a_lost_sample():
    signal = encode_plane_wave(tone(200), [1, 0, 0])
    engine = AudioEngine(SoundLayout(1, 0), two_cardioids())
    ring = SampleRing(4, capacity=2 * RATE_HZ, ticket=engine.begin_seek(0.0, generation=1), position_s=0.0)
    ring.write(signal[:, :10_000])
    engine.offer(ring)
    engine.play()
    first, _ = run_blocks(engine, 60)
    assert engine.starved == 1
    ring.write(signal[:, 10_000:50_000])
    second, reports = run_blocks(engine, 60)
    assert reports[0].location.position_s == pytest.approx(10_000 / RATE_HZ)
    assert clicks_db(np.concatenate([first, second], axis=1)[0], 200) < -50


def test_a_clip_without_sound_has_a_clock(kemar):
    engine = AudioEngine(SoundLayout(None, 1), kemar)
    engine.offer(filled_ring(Silence(), end_s=1.0, ticket=engine.begin_seek(0.0, generation=1)))
    engine.play()
    out, reports = run_blocks(engine, 100)
    assert not out.any()
    assert reports[-1].location.position_s == pytest.approx(99 * BLOCK / RATE_HZ)


def test_changing_the_head_while_it_plays_keeps_the_loudness(kemar):
    noise = 0.05 * np.random.default_rng(8).standard_normal(2 * RATE_HZ)
    engine = playing(encode_plane_wave(noise, [1, 0, 0]), kemar)
    before, _ = run_blocks(engine, 60)
    engine.switch_decoder(replace(kemar, taps=(kemar.taps[:, ::-1] * 4).astype(np.float32)))
    during, _ = run_blocks(engine, 60)
    assert np.mean(during**2) == pytest.approx(np.mean(before[:, 1000:] ** 2), rel=0.15)


def test_filters_that_do_not_fit_are_mistakes(kemar):
    with pytest.raises(ValueError, match="order 2"):
        AudioEngine(SoundLayout(2, 0), kemar)
    with pytest.raises(ValueError, match="48000"):
        AudioEngine(SoundLayout(1, 0), replace(kemar, sample_rate_hz=44100))
    with pytest.raises(ValueError, match="channels"):
        OfflineSound(Silence(), SoundLayout(1, 0), kemar, end_s=1.0)
