import json

import numpy as np
import pytest

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.cli.listen import in_words
from panosod_core.cli.main import main
from panosod_core.geometry.sphere import direction
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.writer import ClipWriter, SoundCodec, SoundSettings

RATE_HZ = 48000
LEVEL_DB = -20.0


def noise(n, seed=0):
    """Pink enough for a lossy codec, of -20 dBFS."""
    x = np.cumsum(np.random.default_rng(seed).standard_normal(n))
    x = np.diff(x - np.convolve(x, np.ones(48) / 48, "same"), prepend=0.0) + 0.2 * np.sin(0.1 * np.arange(n))
    return x / np.sqrt(np.mean(x**2)) * 10 ** (LEVEL_DB / 20)


def write(path, sound, codec):
    with ClipWriter(
        path,
        audio_channels=len(sound),
        sample_rate_hz=RATE_HZ,
        sound=SoundSettings(codec, bit_rate=128_000 * len(sound)),
    ) as writer:
        writer.write_sound(sound)
    return path


def heard(capsys, *arguments):
    assert main(["listen", *map(str, arguments), "--json"]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    return [json.loads(line) for line in out.out.splitlines()]


@pytest.mark.parametrize(
    ("name", "codec", "order", "tolerance_deg"),
    [
        ("a.wav", SoundCodec.PCM, 1, 0.5),
        ("a.mov", SoundCodec.PCM, 1, 0.5),
        ("a.mov", SoundCodec.PCM, 3, 0.5),
        ("a.mkv", SoundCodec.FLAC, 1, 0.5),
        ("a.mp4", SoundCodec.AAC, 1, 3.0),
        ("a.ogg", SoundCodec.OPUS, 1, 3.0),
        ("a.ogg", SoundCodec.OPUS, 2, 3.0),
    ],
)
def test_the_direction_of_a_plane_wave(tmp_path, capsys, name, codec, order, tolerance_deg):
    field = encode_plane_wave(noise(RATE_HZ), direction(np.radians(-120), np.radians(35)), order=order)
    windows = heard(capsys, write(tmp_path / name, field, codec))
    assert len(windows) in (10, 11)
    for k, window in enumerate(windows[:10]):
        assert window["t_s"] == pytest.approx(0.1 * k, abs=1e-3)
    for window in windows[1:9]:
        assert window["event"] == "arrival" and window["duration_s"] == pytest.approx(0.1)
        assert window["azimuth_deg"] == pytest.approx(-120, abs=tolerance_deg)
        assert window["elevation_deg"] == pytest.approx(35, abs=tolerance_deg)
        assert window["level_db"] == pytest.approx(LEVEL_DB, abs=1.5)
        assert window["diffuseness"] < (
            0.02 if tolerance_deg < 1 else 0.1
        )  # coding noise differs from channel to channel


def test_a_moving_source_and_the_window(tmp_path, capsys):
    azimuth = np.linspace(np.pi / 2, -np.pi / 2, RATE_HZ)
    field = encode_plane_wave(noise(RATE_HZ), direction(azimuth, 0.0))
    path = write(tmp_path / "a.wav", field, SoundCodec.PCM)
    windows = heard(capsys, path, "--window", "0.25")
    np.testing.assert_allclose([w["azimuth_deg"] for w in windows], [67.5, 22.5, -22.5, -67.5], atol=5)
    short = heard(capsys, path, "--window", "0.3")
    assert [round(w["duration_s"], 3) for w in short] == [0.3, 0.3, 0.3, 0.1]


def test_what_the_header_says_is_obeyed(tmp_path, capsys):
    # X W Z Y in the file: the box says which channel carries which component.
    field = encode_plane_wave(noise(RATE_HZ // 2), (0, 1, 0))
    shuffled = field[[3, 0, 2, 1]]
    plain = write(tmp_path / "plain.mov", shuffled, SoundCodec.PCM)
    path = tmp_path / "injected.mov"
    write_spherical(plain, path, geometry=None, sound=AmbisonicSound(order=1, channel_map=(1, 3, 2, 0)))
    assert all(w["azimuth_deg"] == pytest.approx(90, abs=0.5) for w in heard(capsys, path))


def test_the_choice_of_a_person(tmp_path, capsys):
    w, y, z, x = encode_plane_wave(noise(RATE_HZ // 2), (0, 1, 0))
    path = write(tmp_path / "b.wav", np.stack([w / 2**0.5, x, y, z]), SoundCodec.PCM)
    as_found, as_fuma = heard(capsys, path), heard(capsys, path, "--sound", "fuma")
    assert all(abs(w["azimuth_deg"] - 90) > 30 or abs(w["elevation_deg"]) > 30 for w in as_found)
    assert all(w["azimuth_deg"] == pytest.approx(90, abs=0.5) and w["diffuseness"] < 0.01 for w in as_fuma)


def test_silence_has_no_direction(tmp_path, capsys):
    path = write(tmp_path / "a.wav", np.zeros((4, RATE_HZ // 2), np.float32), SoundCodec.PCM)
    windows = heard(capsys, path)
    assert len(windows) == 5
    for window in windows:
        assert [window[k] for k in ("azimuth_deg", "elevation_deg", "level_db", "diffuseness")] == [None] * 4
    assert main(["listen", str(path)]) == 0
    assert "silence throughout" in capsys.readouterr().out


def test_the_table(tmp_path, capsys):
    field = encode_plane_wave(noise(RATE_HZ // 2), direction(np.radians(45), np.radians(-30)))
    path = write(tmp_path / "a.wav", field, SoundCodec.PCM)
    assert main(["listen", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{path}: ambix, order 1, 48000 Hz")
    assert lines[-1].startswith("on the whole: azimuth +45") and "front left, down" in lines[-1]
    rows = [line for line in lines if line.strip()[:1].isdigit()]
    assert len(rows) == 5 and all("front left, down" in row for row in rows)


def test_a_band_leaves_rumble_out(tmp_path, capsys):
    t = np.arange(RATE_HZ) / RATE_HZ
    rumble = encode_plane_wave(0.5 * np.sin(2 * np.pi * 30 * t), (0, -1, 0))
    voice = encode_plane_wave(0.05 * np.sin(2 * np.pi * 1000 * t), (0, 1, 0))
    path = write(tmp_path / "a.wav", rumble + voice, SoundCodec.PCM)
    assert all(w["azimuth_deg"] < 0 for w in heard(capsys, path))
    assert all(w["azimuth_deg"] == pytest.approx(90, abs=1) for w in heard(capsys, path, "--band", "200", "8000"))


@pytest.mark.parametrize("channels", [1, 2])
def test_mono_and_stereo_have_no_direction(tmp_path, capsys, channels):
    path = write(tmp_path / "a.wav", np.zeros((channels, 4800), np.float32), SoundCodec.PCM)
    assert main(["listen", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no direction to hear" in error and ("mono", "stereo")[channels - 1] in error


def test_a_clip_without_sound(tmp_path, capsys):
    path = tmp_path / "a.mp4"
    with ClipWriter(path, width=64, height=32) as writer:
        writer.write_picture(np.zeros((32, 64, 3), np.uint8))
    assert main(["listen", str(path)]) == 1
    assert "no sound" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--window", "0"],
        ["--window", "-1"],
        ["--window", "nan"],
        ["--window", "1e9"],
        ["--band", "500", "100"],
        ["--band", "0", "inf"],
        ["--sound", "quadraphonic"],
        ["--sound", "ambix+2"],
    ],
)
def test_impossible_wishes(tmp_path, capsys, arguments):
    path = write(tmp_path / "a.wav", np.zeros((4, 4800), np.float32), SoundCodec.PCM)
    assert main(["listen", str(path), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and arguments[0] in error


def test_no_such_file(tmp_path, capsys):
    assert main(["listen", str(tmp_path / "absent.wav")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("azimuth", "elevation", "words"),
    [
        (0, 0, "front"),
        (90, 0, "left"),
        (-90, 10, "right"),
        (180, 0, "back"),
        (-179, -40, "back, down"),
        (30, 80, "above"),
        (30, -80, "below"),
        (-45, 30, "front right, up"),
    ],
)
def test_directions_in_words(azimuth, elevation, words):
    assert in_words(azimuth, elevation) == words


@pytest.mark.parametrize(("name", "side"), [("rec1", 0.0), ("rec3", -38.0)])
def test_eigenmike_recordings(testdata, capsys, name, side):
    path = testdata / "foa" / f"jsamb_HOA3_{name}_01-08ch.ogg"
    windows = heard(capsys, path, "--sound", "n3d", "--window", "1")
    azimuth = np.array([w["azimuth_deg"] for w in windows])
    assert np.abs(azimuth - side).max() < 30
    assert max(abs(w["elevation_deg"]) for w in windows) < 15
    assert 0.2 < np.mean([w["diffuseness"] for w in windows]) < 0.7


def test_a_room_response_starts_with_its_direct_sound(testdata, capsys):
    path = testdata / "foa" / "jsamb_room1_bf_rir.wav"
    direct, *rest = heard(capsys, path, "--sound", "fuma", "--window", "0.02")
    assert direct["diffuseness"] < 0.02 and abs(direct["azimuth_deg"]) < 30
    assert np.mean([w["diffuseness"] for w in rest[3:20]]) > 0.3
