"""The waveform shows where it is loud, grows while it is read, and stops when nobody asks for more."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from panosod_core.media.info import AudioInfo
from panosod_core.media.probe import probe
from panosod_core.media.waveform import WaveformSummary, waveform
from panosod_core.media.writer import ClipWriter, SoundCodec, SoundSettings

RATE_HZ = 48000


def clip(tmp_path: Path, seconds: float = 10.0) -> tuple[Path, AudioInfo, np.ndarray]:
    """W rises from silence to full scale; the other channels are loud throughout and must not be seen."""
    n = int(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    field = np.zeros((4, n), np.float32)
    field[0] = np.sin(2 * np.pi * 997 * t) * np.linspace(0, 1, n)
    field[1:] = 0.9 * np.sin(2 * np.pi * 300 * t)
    path = tmp_path / "w.wav"
    with ClipWriter(path, audio_channels=4, sound=SoundSettings(SoundCodec.PCM_FLOAT)) as writer:
        writer.write_sound(field)
    audio = probe(path).audio
    assert audio is not None
    return path, audio, field[0]


def last(path: Path, audio: AudioInfo, *, buckets: int, duration_s: float | None = None) -> WaveformSummary:
    return list(waveform(path, audio, buckets=buckets, duration_s=duration_s))[-1]


@pytest.mark.parametrize("buckets", [1, 7, 100, 999, 1000, 3000])
def test_peaks_are_those_of_the_first_channel(tmp_path: Path, buckets: int) -> None:
    path, audio, w = clip(tmp_path)
    summary = last(path, audio, buckets=buckets)
    assert summary.is_complete
    assert summary.duration_s == pytest.approx(10.0)
    assert summary.min.shape == summary.max.shape == (buckets,)
    assert summary.max.dtype == np.float32
    edges = np.linspace(0, len(w), buckets + 1).astype(int)
    slack = 0.01 + 0.5 / buckets + 0.002
    for i, (a, b) in enumerate(pairwise(edges)):
        assert summary.max[i] == pytest.approx(w[a:b].max(), abs=slack if b - a > 480 else 0.02)
        assert summary.min[i] <= 0.001
    assert (np.diff(summary.max) > -0.02).all()


def test_the_seek_bar_may_be_longer_than_the_sound(tmp_path: Path) -> None:
    path, audio, _ = clip(tmp_path)
    summary = last(path, audio, buckets=200, duration_s=20.0)
    assert summary.duration_s == 20.0
    assert summary.max[99] > 0.95
    assert not summary.max[100:].any()


def test_it_grows_and_can_be_stopped(tmp_path: Path) -> None:
    path, audio, _ = clip(tmp_path)
    steps = waveform(path, audio, buckets=100)
    first = next(steps)
    second = next(steps)
    assert (first.is_complete, second.is_complete) == (False, False)
    assert 0 < first.read_s < second.read_s < 10
    assert first.duration_s == second.duration_s == pytest.approx(10.0)
    shown = np.flatnonzero(first.max)
    assert shown.max() < 25
    assert np.array_equal(first.max[:20], second.max[:20])
    steps.close()


def test_buckets_must_be_some(tmp_path: Path) -> None:
    path, audio, _ = clip(tmp_path, 0.1)
    with pytest.raises(ValueError, match="at least 1"):
        next(waveform(path, audio, buckets=0))
