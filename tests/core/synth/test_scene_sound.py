from dataclasses import replace

import numpy as np
import pytest

from panosod_core.ambisonics.energy import direction_of_arrival
from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import angle_between, direction
from panosod_core.synth.draws import Draws
from panosod_core.synth.scene import draw_scene
from panosod_core.synth.scene_config import SceneConfig
from panosod_core.synth.scene_room import Room
from panosod_core.synth.scene_sound import (
    LOUDEST,
    early_field,
    fft_length,
    key_weights,
    reflection_keys,
    render_sound,
)
from panosod_core.synth.scene_sources import Bus
from panosod_core.synth.voices import CREST, VOICES, band_gains, draw_music, hashed_noise, voice_signal, wave_table

RATE = 32000
CLEAN = SceneConfig(
    room=0.0, diffuse=0.0, music=0.0, off_object=0.0, others_sound=0.0, pauses=0.0, hiss_db=(-90.0, -90.0)
)
ROOM = Room((6.0, 5.0, 3.0), (2.5, 2.2, 1.4), 0.4, 1)


def power(x):
    return float(np.mean(np.square(x, dtype=np.float64)))


def heard_direction(field, at_s, *, window_s=0.2):
    block = field[:, round((at_s - window_s / 2) * RATE) : round((at_s + window_s / 2) * RATE)]
    found = direction_of_arrival(block.astype(np.float64))
    return direction(found.azimuth_rad, found.elevation_rad), found.diffuseness


@pytest.mark.parametrize("seed", range(16))
def test_sound_comes_from_the_twin_that_sounds(seed):
    scene = draw_scene(seed, CLEAN)
    field = render_sound(scene, rate_hz=RATE)
    (heard,) = scene.sounding(1.5)
    others = [thing for thing in scene.objects if thing.is_twin and thing.id != heard]
    for at_s in (0.7, 1.5, 2.3):
        found, diffuseness = heard_direction(field, at_s)
        right = angle_between(found, scene.objects[heard - 1].direction_at(at_s))
        assert np.degrees(right) < 1.5
        assert diffuseness < 0.02
        assert all(angle_between(found, other.direction_at(at_s)) > 5 * right for other in others)


def test_in_rooms_and_noise_the_direction_is_still_there():
    config = SceneConfig(others_sound=0.0, room=1.0, music=0.0, off_object=0.0, diffuse_snr_db=(5.0, 15.0), pauses=0.0)
    errors = []
    for seed in range(10):
        scene = draw_scene(seed, config)
        found, _ = heard_direction(render_sound(scene, rate_hz=RATE), 1.5, window_s=2.0)
        errors.append(
            float(np.degrees(angle_between(found, scene.objects[scene.sounding(1.5)[0] - 1].direction_at(1.5))))
        )
    assert np.median(errors) < 20
    assert np.median(errors) > 0.5  # a room is not the open air


def test_turns_are_heard():
    config = replace(CLEAN, duration_s=4.0, turn_s=2.0, objects=(2, 2), moving=0.0)
    for seed in range(4):
        scene = draw_scene(seed, config)
        field = render_sound(scene, rate_hz=RATE)
        for at_s in (1.0, 3.0):
            found, _ = heard_direction(field, at_s, window_s=1.0)
            (heard,) = scene.sounding(at_s)
            assert np.degrees(angle_between(found, scene.objects[heard - 1].direction_at(at_s))) < 3


def test_twice_as_far_is_half_as_loud():
    scene = draw_scene(2, replace(CLEAN, hiss_db=(-120.0, -120.0)))
    far = replace(scene, sources=tuple(replace(s, distance_m=4 * s.distance_m, level_db=-40) for s in scene.sources))
    near = replace(scene, sources=tuple(replace(s, level_db=-40) for s in scene.sources))
    levels = [power(render_sound(s, rate_hz=RATE)[0]) for s in (near, far)]
    assert levels[0] / levels[1] == pytest.approx(16, rel=1e-2)


def quiet(scene):
    return replace(scene, sources=tuple(replace(s, level_db=s.level_db - 20) for s in scene.sources))


@pytest.mark.parametrize(("part", "snr_db"), [("music", 0.0), ("off_object", 10.0), ("diffuse", 6.0)])
def test_levels_over_the_background_are_kept(part, snr_db):
    config = replace(CLEAN, hiss_db=(-120.0, -120.0), **{part: 1.0, f"{part}_snr_db": (snr_db, snr_db)})
    scene = quiet(draw_scene(6, config))
    mix = replace(scene.mix, diffuse_snr_db=None)
    alone = replace(scene, sources=tuple(s for s in scene.sources if s.bus is Bus.OBJECTS), mix=mix)
    objects = render_sound(alone, rate_hz=RATE).astype(np.float64)
    rest = render_sound(scene, rate_hz=RATE) - objects
    assert 10 * np.log10(power(objects[0]) / power(rest[0])) == pytest.approx(snr_db, abs=0.05)
    if part == "diffuse":
        covariance = rest @ rest.T / rest.shape[1] / power(rest[0])
        assert covariance == pytest.approx(np.diag([1, 1 / 3, 1 / 3, 1 / 3]), abs=0.03)
    if part == "off_object":
        found, _ = heard_direction(rest, 1.5, window_s=2.0)
        assert all(angle_between(found, thing.direction_at(1.5)) > thing.radius_rad for thing in scene.objects)


def test_music_comes_from_nowhere_or_from_a_pair():
    seen = set()
    for seed in range(12):
        scene = draw_scene(seed, replace(CLEAN, music=1.0, silent=1.0, hiss_db=(-120.0, -120.0)))
        field = render_sound(scene, rate_hz=RATE)
        places = {source.trajectory is None for source in scene.sources}
        assert len(places) == 1
        seen |= places
        assert (power(field[1:]) < 1e-9) is places.pop()
    assert seen == {True, False}


def test_silent_scenes_hold_no_more_than_hiss():
    field = render_sound(draw_scene(0, replace(CLEAN, silent=1.0, hiss_db=(-60.0, -60.0))), rate_hz=RATE)
    assert 10 * np.log10([power(channel) for channel in field]) == pytest.approx([-60] * 4, abs=0.1)


def test_pauses_are_silent_and_still_belong_to_the_object():
    config = replace(CLEAN, pauses=1.0)
    scene = next(s for s in (draw_scene(k, config) for k in range(50)) if len(s.sources[0].stretches) >= 2)
    (first_end, second_start) = scene.sources[0].stretches[0][1], scene.sources[0].stretches[1][0]
    field = render_sound(scene, rate_hz=RATE)
    pause = field[0, round((first_end + 0.01) * RATE) : round((second_start - 0.01) * RATE)]
    assert 10 * np.log10(power(pause)) < -80
    assert scene.sounding((first_end + second_start) / 2) == (scene.sources[0].object_id,)


@pytest.mark.parametrize("seed", range(4))
def test_fields_are_whole_and_the_same_at_both_rates(seed):
    scene = draw_scene(seed)
    fields = {rate: render_sound(scene, rate_hz=rate) for rate in (32000, 48000)}
    for rate, field in fields.items():
        assert field.shape == (4, 3 * rate)
        assert field.dtype == np.float32
        assert np.isfinite(field).all()
        assert 0 < np.abs(field).max() <= LOUDEST + 1e-6
    spectra = [np.abs(np.fft.rfft(f.astype(np.float64))[:, : 3 * 5000]) / f.shape[1] for f in fields.values()]
    assert np.corrcoef(spectra[0].ravel(), spectra[1].ravel())[0, 1] > 0.95


def test_rates_that_do_not_fit_are_refused():
    scene = draw_scene(0, CLEAN)
    for rate in (0, 22050, 12345):
        with pytest.raises(ConfigError, match="multiple of 100"):
            render_sound(scene, rate_hz=rate)
    assert render_sound(scene, rate_hz=44100).shape == (4, 132300)


@pytest.mark.parametrize("number", range(len(VOICES)))
def test_voices_have_level_and_bounded_peaks(number):
    for seed in range(3):
        voice = VOICES[number](Draws(seed, "voice"))
        signal = voice_signal(voice, 2 * RATE, rate_hz=RATE)
        assert np.isfinite(signal).all()
        assert 0.6 < np.sqrt(power(signal)) < 1.05
        assert np.abs(signal).max() <= CREST
        assert abs(signal.mean()) < 0.02
        # most of a second is not silence, or a short window would hold nothing
        seconds = signal.reshape(2, -1)
        assert min(power(s) for s in seconds) > 0.1


def test_voices_differ_in_spectrum():
    spectra = []
    for voice in VOICES:
        signal = voice_signal(voice(Draws(1, "voice")), RATE, rate_hz=RATE)
        energy = np.square(np.abs(np.fft.rfft(signal)))[: RATE // 2]
        bands = np.add.reduceat(energy, np.geomspace(50, 15000, 25).astype(int))
        spectra.append(np.log10(bands / bands.sum() + 1e-6))
    apart = np.linalg.norm(np.asarray(spectra)[:, None] - np.asarray(spectra), axis=-1)
    assert apart[~np.eye(len(VOICES), dtype=bool)].min() > 1.0


def test_no_harmonic_is_above_what_the_rate_holds():
    voice = replace(VOICES[0](Draws(0, "voice")), f0_hz=3000.0, harmonics=(1.0,) * 40, vibrato_depth=0.0)
    for rate, count in ((48000, 4), (16000, 2)):
        spectrum = np.abs(np.fft.rfft(wave_table(voice, rate)[:-1]))
        assert np.flatnonzero(spectrum > 1e-6 * spectrum.max()).tolist() == list(range(1, count + 1))


def test_music_is_four_voices_in_one_rhythm():
    voices = draw_music(Draws(0, "music"))
    assert len(voices) == 4
    assert len({(v.pulse_hz, v.phase, v.accents) for v in voices}) == 1


def test_noise_keeps_to_its_band():
    gains = band_gains(RATE, RATE, band_hz=(500, 2000), tilt_db=0.0)
    energy = np.square(np.abs(np.fft.rfft(hashed_noise(3, gains, RATE))))
    assert energy[400:2500].sum() > 0.93 * energy.sum()
    assert energy[:200].sum() + energy[6000:].sum() < 1e-3 * energy.sum()


def test_fft_lengths():
    assert [fft_length(n) for n in (2, 3, 5, 96, 97, 100000)] == [2, 3, 6, 96, 128, 131072]
    assert all(fft_length(n) >= n for n in range(2, 300))


def test_a_room_reflects_from_its_six_walls():
    way, distance = direction(0.7, 0.2), 1.5
    images = ROOM.images(way, distance)
    assert len(images) == 24
    source = np.asarray(ROOM.listener_m) + way * distance
    first = [i for i in images if i.gain == pytest.approx(ROOM.reflection / (i.delay_s * 343 + distance), rel=1e-9)]
    assert len(first) == 6
    found = np.stack([np.asarray(i.direction) * (i.delay_s * 343 + distance) + ROOM.listener_m for i in first])
    mirrored = []
    for axis, size in enumerate(ROOM.size_m):
        for wall in (0.0, size):
            image = source.copy()
            image[axis] = 2 * wall - image[axis]
            mirrored.append(image)
    order = np.argsort(found @ [1.0, 10.0, 100.0])
    expected = np.asarray(mirrored)[np.argsort(np.asarray(mirrored) @ [1.0, 10.0, 100.0])]
    assert found[order] == pytest.approx(expected, abs=1e-9)


def test_images_are_those_of_pyroomacoustics():
    pra = pytest.importorskip("pyroomacoustics")
    way, distance = direction(-1.9, -0.3), 1.1
    box = pra.ShoeBox(ROOM.size_m, fs=RATE, materials=pra.Material(1 - ROOM.reflection**2), max_order=2)
    box.add_source(np.asarray(ROOM.listener_m) + way * distance)
    box.add_microphone(np.asarray(ROOM.listener_m)[:, None])
    box.image_source_model()
    source = box.sources[0]
    away = source.images.T - np.asarray(ROOM.listener_m)
    length = np.linalg.norm(away, axis=1)
    rows = np.column_stack([away / length[:, None], (length - distance) / 343.0, np.ravel(source.damping) / length])
    rows = rows[source.orders > 0]
    for image in ROOM.images(way, distance):
        ours = np.array([*image.direction, image.delay_s, image.gain])
        assert np.abs(rows - ours).max(axis=1).min() < 1e-5


@pytest.mark.parametrize("rt60_s", [0.2, 0.5, 0.8])
def test_the_tail_decays_as_asked(rt60_s):
    tail = replace(ROOM, rt60_s=rt60_s).late_response(RATE)
    left = np.cumsum(np.square(tail).sum(axis=0)[::-1])[::-1]
    level = 10 * np.log10(left / left[0])
    times_s = np.interp([5, 35], -level, np.arange(len(level)) / RATE)
    assert 2 * (times_s[1] - times_s[0]) == pytest.approx(rt60_s, rel=0.1)
    covariance = tail @ tail.T
    assert covariance / covariance[0, 0] == pytest.approx(np.diag([1, 1 / 3, 1 / 3, 1 / 3]), abs=0.08)


def test_reflections_have_the_energy_of_a_diffuse_field():
    # images of low order and tail together: the steady state of statistical acoustics, 16 pi / A re 1 m
    way, distance = direction(0.4, 0.1), 1.2
    images = sum(image.gain**2 for image in ROOM.images(way, distance))
    late = float(np.square(ROOM.late_response(RATE)[0]).sum())
    x, y, z = ROOM.size_m
    area = 2 * (x * y + y * z + z * x) * (1 - ROOM.reflection**2)
    assert 10 * np.log10((images + late) / (16 * np.pi / area)) == pytest.approx(0.0, abs=2.5)


def test_moving_sources_fade_from_reflections_to_reflections():
    weights = key_weights(np.linspace(0, 3, 4), 3 * RATE, rate_hz=RATE)
    assert weights.sum(axis=0) == pytest.approx(1.0)
    scene = draw_scene(0, replace(CLEAN, room=1.0, moving=0.0))
    assert len(reflection_keys(scene.sources[0], 3.0)) == 1
    signal = np.zeros(RATE)
    signal[0] = 1.0
    field = early_field(signal, scene.sources[0], scene.room, duration_s=3.0, rate_hz=RATE)
    assert np.count_nonzero(np.abs(field[0]) > 0) <= 24
    assert np.square(field[1:]).sum() == pytest.approx(np.square(field[0]).sum(), rel=0.3)
