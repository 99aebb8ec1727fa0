"""Sound comes out sample by sample where it belongs, each channel by itself."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest

from panosod_core.ambisonics.format import AmbisonicConvention, AmbisonicFormat
from panosod_core.errors import MediaError
from panosod_core.media.audio import AudioReader
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import AudioInfo, SoundFormat
from panosod_core.media.probe import probe
from panosod_core.media.writer import ClipWriter, SoundCodec, SoundSettings
from tests.core.media.toned_clips import RATE_HZ, noise, tone_order, tones, write_packets


def sound_of(path: Path) -> AudioInfo:
    audio = probe(path).audio
    assert audio is not None
    return audio


def write(
    path: Path, sound: np.ndarray, codec: SoundCodec, *, rate_hz: int = RATE_HZ, layout: str | None = None
) -> Path:
    # Noise substitution draws random numbers, so that the same packet never decodes twice to the same samples.
    options = {"aac_pns": "0"} if codec is SoundCodec.AAC else {}
    settings = SoundSettings(codec, layout=layout, options=options)
    with ClipWriter(path, audio_channels=len(sound), sample_rate_hz=rate_hz, sound=settings) as writer:
        writer.write_sound(sound)
    return path


def read_all(reader: AudioReader) -> np.ndarray:
    parts = []
    while (part := reader.read(5000)).shape[1]:
        parts.append(part)
    return np.concatenate(parts, axis=1)


CHANNELS = [
    ("mono.mp4", SoundCodec.AAC, 1),
    ("stereo.mp4", SoundCodec.AAC, 2),
    ("foa.mp4", SoundCodec.AAC, 4),
    ("foa.mkv", SoundCodec.AAC, 4),
    ("foa_opus.mp4", SoundCodec.OPUS, 4),
    ("foa2.mkv", SoundCodec.OPUS, 6),
    ("soa.webm", SoundCodec.OPUS, 9),
    ("soa2.mkv", SoundCodec.OPUS, 11),
    ("toa.mkv", SoundCodec.OPUS, 16),
    ("toa2.mp4", SoundCodec.OPUS, 18),
    ("foa.wav", SoundCodec.PCM, 4),
    ("foa2.mov", SoundCodec.PCM, 6),
    ("toa.wav", SoundCodec.PCM_FLOAT, 16),
    ("foa_flac.mkv", SoundCodec.FLAC, 4),
    ("foa2_flac.mkv", SoundCodec.FLAC, 6),
]


@pytest.mark.parametrize(("name", "codec", "channels"), CHANNELS, ids=[c[0] for c in CHANNELS])
def test_channel_order_is_kept(tmp_path: Path, name: str, codec: SoundCodec, channels: int) -> None:
    path = write(tmp_path / name, tones(channels, 24000), codec)
    audio = sound_of(path)
    with AudioReader(path, audio) as reader:
        sound = reader.read(24000)
        assert reader.channels == channels
    assert sound.shape == (channels, 24000)
    assert sound.dtype == np.float32
    assert tone_order(sound[:, 4000:-2000]) == list(range(channels))


def test_eight_planar_channels_do_not_crash_and_vorbis_is_put_back(testdata: Path) -> None:
    path = testdata / "foa" / "jsamb_HOA3_rec1_01-08ch.ogg"
    audio = replace(
        sound_of(path),
        format=SoundFormat.N3D,
        order=1,
        head_locked=False,
        channel_map=(0, 2, 1, 6),
    )
    # In a child, so that a crash is a failure and not the end of the run.
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from panosod_core.media.audio import AudioReader; from panosod_core.media.probe import probe\n"
        "path = Path(sys.argv[1]); audio = replace(probe(path).audio, channel_map=tuple(range(8)), format='mono')\n"
        "from panosod_core.media.info import SoundFormat; audio = replace(audio, format=SoundFormat.MONO)\n"
        "reader = AudioReader(path, audio)\n"
        "while reader.read(4800).shape[1]: pass\n"
        "reader.seek(1.0); print(reader.read(100).shape)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "(8, 100)"
    with AudioReader(path, audio) as reader:
        sound = reader.read(48000 * 4)
    levels = (sound**2).mean(axis=1)
    assert levels[0] == levels.max()
    assert (levels[1:] > levels[0] / 300).all()


@dataclass(frozen=True)
class SeekCase:
    name: str
    codec: SoundCodec
    channels: int = 4
    rate_hz: int = RATE_HZ
    tolerance: float = 0.0


SEEKS = [
    SeekCase("a.mp4", SoundCodec.AAC),
    SeekCase("a44.mp4", SoundCodec.AAC, rate_hz=44100),
    SeekCase("a.mkv", SoundCodec.AAC),
    SeekCase("a44.mkv", SoundCodec.AAC, rate_hz=44100),
    SeekCase("a.ts", SoundCodec.AAC, channels=2),
    SeekCase("a44.ts", SoundCodec.AAC, channels=2, rate_hz=44100),
    SeekCase("o.mp4", SoundCodec.OPUS, tolerance=2e-3),
    SeekCase("o.mkv", SoundCodec.OPUS, tolerance=2e-3),
    SeekCase("o.ogg", SoundCodec.OPUS, tolerance=2e-3),
    SeekCase("o16.webm", SoundCodec.OPUS, channels=16, tolerance=2e-3),
    SeekCase("f.mp4", SoundCodec.FLAC),
    SeekCase("f44.mkv", SoundCodec.FLAC, rate_hz=44100),
    SeekCase("p.wav", SoundCodec.PCM, channels=16),
    SeekCase("p44.mov", SoundCodec.PCM, rate_hz=44100),
]


@pytest.mark.parametrize("case", SEEKS, ids=lambda case: case.name)
class TestSeek:
    def _clip(self, tmp_path: Path, case: SeekCase) -> tuple[Path, AudioInfo]:
        path = write(tmp_path / case.name, noise(case.channels, 3 * case.rate_hz), case.codec, rate_hz=case.rate_hz)
        return path, sound_of(path)

    def test_is_sample_exact(self, tmp_path: Path, case: SeekCase) -> None:
        path, audio = self._clip(tmp_path, case)
        origin = clip_origin_s(probe(path))
        rng = np.random.default_rng(3)
        with AudioReader(path, audio, out_rate_hz=case.rate_hz, clock_origin_s=origin) as reader:
            whole = read_all(reader)
            for place in [0, 1, 500, 1023, 1024, 1025, *rng.integers(0, whole.shape[1] - 4000, 20).tolist()]:
                reader.seek(place / case.rate_hz)
                assert reader.position_s == pytest.approx(place / case.rate_hz, abs=1e-9)
                part = reader.read(3000)
                assert np.abs(part - whole[:, place : place + 3000]).max() <= case.tolerance, place

    def test_is_sample_exact_with_rate_conversion(self, tmp_path: Path, case: SeekCase) -> None:
        path, audio = self._clip(tmp_path, case)
        rng = np.random.default_rng(4)
        out_hz = 44100 if case.rate_hz == 48000 else 48000
        with AudioReader(path, audio, out_rate_hz=out_hz) as reader:
            whole = read_all(reader)
            for place in [0, 7, 1024, *rng.integers(0, whole.shape[1] - 4000, 8).tolist()]:
                reader.seek(place / out_hz)
                part = reader.read(3000)
                assert np.abs(part - whole[:, place : place + 3000]).max() <= case.tolerance + 1e-5, place


def test_sample_k_of_the_file_is_sample_k_of_the_source(tmp_path: Path) -> None:
    """The encoder's delay is taken off: what went in at a moment comes out at that moment."""
    source = noise(4, 48000)
    for name, codec in (
        ("a.mp4", SoundCodec.AAC),
        ("a.mkv", SoundCodec.AAC),
        ("o.mp4", SoundCodec.OPUS),
        ("p.wav", SoundCodec.PCM),
    ):
        path = write(tmp_path / name, source, codec)
        with AudioReader(path, sound_of(path)) as reader:
            found = reader.read(48000)
        for row, original in zip(found, source, strict=True):
            middle = original[10000:30000]
            match = np.correlate(row[10000 - 600 : 30000 + 600], middle, "valid")
            assert int(match.argmax()) - 600 == 0, name


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 96000])
def test_rate_conversion_keeps_phase_level_and_channels(tmp_path: Path, rate_hz: int) -> None:
    path = write(tmp_path / "a.wav", tones(4, 2 * rate_hz, rate_hz=rate_hz), SoundCodec.PCM_FLOAT, rate_hz=rate_hz)
    expected = tones(4, 96000)
    with AudioReader(path, sound_of(path), out_rate_hz=48000) as reader:
        linear = read_all(reader)
        reader.seek(1.0)
        sought = reader.read(10000)
    assert abs(linear.shape[1] - 96000) <= 1
    assert np.abs(linear[:, 2000:94000] - expected[:, 2000:94000]).max() < 1e-4
    assert np.abs(sought - expected[:, 48000:58000]).max() < 1e-4


def test_the_size_of_reads_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", noise(4, 30000), SoundCodec.AAC)
    with AudioReader(path, sound_of(path), out_rate_hz=44100) as reader:
        whole = reader.read(100_000)
        assert reader.read(10).shape == (4, 0)
        reader.seek(0.0)
        pieces = [reader.read(n) for n in (1, 255, 256, 0, 1000, 7, 100_000)]
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)


class TestTimeStamps:
    BLOCK = 1200

    def _write(self, tmp_path: Path, starts: list[int], name: str = "p.mov") -> tuple[Path, np.ndarray]:
        sound = noise(4, len(starts) * self.BLOCK)
        path = write_packets(tmp_path / name, sound, codec="pcm_f32le", layout="4.0", starts=starts, block=self.BLOCK)
        return path, sound

    def test_gaps_are_silent(self, tmp_path: Path) -> None:
        hole = 6000
        starts = [i * self.BLOCK + (hole if i >= 10 else 0) for i in range(20)]
        path, sound = self._write(tmp_path, starts, "p.mkv")
        with AudioReader(path, sound_of(path)) as reader:
            found = read_all(reader)
            assert found.shape[1] == 20 * self.BLOCK + hole
            edge = 10 * self.BLOCK
            assert np.array_equal(found[:, :edge], sound[:, :edge])
            assert not found[:, edge : edge + hole].any()
            assert np.array_equal(found[:, edge + hole :], sound[:, edge:])
            for place in (edge - 100, edge + 100, edge + hole - 50, edge + hole + 50):
                reader.seek(place / RATE_HZ)
                assert np.array_equal(reader.read(4000), found[:, place : place + 4000])

    def test_overlaps_are_trimmed(self, tmp_path: Path) -> None:
        lap = 1104  # more than is taken for rounding, and whole milliseconds
        starts = [i * self.BLOCK - (lap if i >= 10 else 0) for i in range(20)]
        path, sound = self._write(tmp_path, starts, "p.mkv")
        with AudioReader(path, sound_of(path)) as reader:
            found = read_all(reader)
        edge = 10 * self.BLOCK
        assert np.array_equal(found[:, :edge], sound[:, :edge])
        assert np.array_equal(found[:, edge:], sound[:, edge + lap :])

    def test_small_strays_are_rounding_not_gaps(self, tmp_path: Path) -> None:
        starts = [i * self.BLOCK + (i % 3) * 40 for i in range(20)]
        path, sound = self._write(tmp_path, starts, "p.mkv")
        with AudioReader(path, sound_of(path)) as reader:
            assert np.array_equal(read_all(reader), sound)

    def test_sound_that_starts_late_is_preceded_by_silence(self, tmp_path: Path) -> None:
        late = 12000
        path, sound = self._write(tmp_path, [late + i * self.BLOCK for i in range(20)], "p.mkv")
        audio = sound_of(path)
        with AudioReader(path, audio) as reader:
            found = read_all(reader)
            assert not found[:, :late].any()
            assert np.array_equal(found[:, late:], sound)
            reader.seek(-0.1)
            assert reader.position_s == pytest.approx(-0.1)
            assert not reader.read(4800 + late).any()
        with AudioReader(path, audio, clock_origin_s=late / RATE_HZ) as reader:
            assert np.array_equal(read_all(reader), sound)

    def test_beyond_the_end_there_is_nothing(self, tmp_path: Path) -> None:
        path, _ = self._write(tmp_path, [i * self.BLOCK for i in range(20)])
        with AudioReader(path, sound_of(path)) as reader:
            for t_s in (0.5, 3.0, 1e6):
                reader.seek(t_s)
                assert reader.read(100).shape == (4, 0)
            reader.seek(0.1)
            assert reader.read(100).shape == (4, 100)


class TestConventions:
    def test_fuma_and_n3d_become_ambix(self, tmp_path: Path) -> None:
        ambix = noise(16, 9600)
        for convention, fmt in ((SoundFormat.FUMA, "fuma"), (SoundFormat.N3D, "n3d"), (SoundFormat.AMBIX, "ambix")):
            to_ambix = AmbisonicFormat(3, AmbisonicConvention(fmt)).to_ambix()
            path = write(
                tmp_path / f"{fmt}.wav", np.linalg.solve(to_ambix, ambix).astype(np.float32), SoundCodec.PCM_FLOAT
            )
            audio = replace(sound_of(path), format=convention)
            with AudioReader(path, audio) as reader:
                assert np.abs(reader.read(9600) - ambix).max() < 1e-5

    def test_channel_map_picks_channels_and_leaves_the_rest(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.wav", tones(6, 24000), SoundCodec.PCM_FLOAT)
        audio = replace(
            sound_of(path), format=SoundFormat.AMBIX, order=1, head_locked=True, channel_map=(2, 3, 5, 4, 1, 0)
        )
        with AudioReader(path, audio) as reader:
            assert tone_order(reader.read(24000)) == [2, 3, 5, 4, 1, 0]
        fuma = replace(audio, format=SoundFormat.FUMA)
        with AudioReader(path, fuma) as reader:
            assert tone_order(reader.read(24000)) == [2, 5, 4, 3, 1, 0]

    def test_a_map_that_does_not_fit_is_a_mistake(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.wav", tones(4, 2400), SoundCodec.PCM)
        with pytest.raises(ValueError, match="needs 9"):
            AudioReader(path, replace(sound_of(path), order=2))

    def test_values_that_are_no_number_become_silence(self, tmp_path: Path) -> None:
        sound = noise(4, 4800)
        sound[1, 1000] = np.nan
        sound[2, 2000] = np.inf
        path = write_packets(tmp_path / "n.wav", sound, codec="pcm_f32le", layout="4.0", starts=[0], block=4800)
        with AudioReader(path, sound_of(path)) as reader:
            found = reader.read(4800)
        assert np.array_equal(found, np.where(np.isfinite(sound), sound, 0))


class TestSampleFormats:
    @pytest.mark.parametrize(
        ("codec", "step"),
        [
            ("pcm_u8", 2**-7),
            ("pcm_s16le", 2**-15),
            ("pcm_s24le", 2**-23),
            ("pcm_s32le", 2**-31),
            ("pcm_f64le", 0.0),
            ("pcm_s16be", 2**-15),
            ("alac", 2**-15),
        ],
    )
    def test_full_scale_is_one(self, tmp_path: Path, codec: str, step: float) -> None:
        sound = noise(2, 4800)
        path = write_packets(tmp_path / "a.mov", sound, codec=codec, layout="stereo", starts=[0], block=4800)
        with AudioReader(path, sound_of(path)) as reader:
            found = reader.read(4800)
        assert np.abs(found - sound).max() <= max(step, 1e-7)


class TestDamage:
    def test_truncated_file_plays_what_is_there(self, tmp_path: Path) -> None:
        sound = noise(4, 96000)
        path = write(tmp_path / "a.mp4", sound, SoundCodec.AAC)
        with AudioReader(path, sound_of(path)) as reader:
            whole = read_all(reader)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 6 // 10])
        with AudioReader(path, sound_of(path)) as reader:
            found = read_all(reader)
            reader.seek(1.9)
            assert reader.read(10).shape[1] == 0
            reader.seek(0.5)
            assert np.array_equal(reader.read(1000), whole[:, 24000:25000])
        assert 40000 < found.shape[1] < 70000
        assert np.array_equal(found[:, :40000], whole[:, :40000])

    def test_garbage_in_the_middle_keeps_the_rest_in_place(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", noise(4, 96000), SoundCodec.AAC)
        with AudioReader(path, sound_of(path)) as reader:
            whole = read_all(reader)
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 3000] = np.random.default_rng(0).integers(0, 256, 3000, np.uint8).tobytes()
        path.write_bytes(bytes(data))
        with AudioReader(path, sound_of(path)) as reader:
            found = read_all(reader)
        assert np.array_equal(found[:, -20000:-2000], whole[:, found.shape[1] - 20000 : found.shape[1] - 2000])

    def test_no_sound_at_all_is_one_clear_line(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.mkv", noise(4, 9600), SoundCodec.AAC)
        audio = sound_of(path)
        with av.open(str(path)) as container:
            first = next(p.pos for p in container.demux(audio=0) if p.pos)
        path.write_bytes(path.read_bytes()[: first + 2])
        with pytest.raises(MediaError, match=r"no sound of its aac stream could be decoded \(.+\)"):
            AudioReader(path, audio)
