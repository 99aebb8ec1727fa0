import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from panosod_core.ambisonics.design import DIFFUSE_LEVEL_DB, diffuse_level_db
from panosod_core.ambisonics.filters import BinauralFilters, default_filters, load_filters, save_filters
from panosod_core.errors import HrtfError


def some_filters(order=1, seed=0):
    taps = np.random.default_rng(seed).standard_normal(((order + 1) ** 2, 2, 16)).astype(np.float32)
    return BinauralFilters(taps, order, 48000, "a head", "a method", "a licence", "a citation")


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_embedded_set(order):
    filters = default_filters(order)
    assert filters.taps.shape[:2] == ((order + 1) ** 2, 2)
    assert 256 <= filters.taps.shape[2] <= 512
    assert filters.sample_rate_hz == 48000
    assert "KEMAR" in filters.name and "MagLS" in filters.method
    assert "MIT Media Lab" in filters.licence and "Gardner" in filters.citation and "1994" in filters.citation
    assert diffuse_level_db(filters.taps, 48000) == pytest.approx(DIFFUSE_LEVEL_DB, abs=0.01)


@pytest.mark.parametrize("order", [0, 4])
def test_orders_without_embedded_filters(order):
    with pytest.raises(ValueError, match=r"1\.\.3"):
        default_filters(order)


def test_write_then_read_is_the_identity(tmp_path):
    path = tmp_path / "head.npz"
    save_filters(path, [some_filters(1), some_filters(2)])
    for order in (1, 2):
        read, written = load_filters(path, order), some_filters(order)
        np.testing.assert_array_equal(read.taps, written.taps)
        assert replace(read, taps=written.taps) != read  # arrays are not compared by value
        assert [getattr(read, n) for n in ("order", "sample_rate_hz", "name", "method", "licence", "citation")] == [
            getattr(written, n) for n in ("order", "sample_rate_hz", "name", "method", "licence", "citation")
        ]
    assert [p.name for p in tmp_path.iterdir()] == ["head.npz"]
    with pytest.raises(HrtfError, match=r"no filters of order 3 \(it has 1, 2\)"):
        load_filters(path, 3)


def test_sets_of_one_file_must_agree(tmp_path):
    with pytest.raises(ValueError, match="agree"):
        save_filters(tmp_path / "x.npz", [some_filters(1), replace(some_filters(2), name="another head")])
    with pytest.raises(ValueError, match="another order"):
        save_filters(tmp_path / "x.npz", [some_filters(1), some_filters(1)])
    with pytest.raises(ValueError, match="needs filters"):
        save_filters(tmp_path / "x.npz", [])
    assert list(tmp_path.iterdir()) == []


def damaged_files(folder):
    good = folder / "good.npz"
    save_filters(good, [some_filters()])
    data = good.read_bytes()
    yield "empty", b""
    yield "text", b"hello"
    yield "cut", data[: len(data) // 2]
    yield "flipped", data[:200] + bytes(255 - b for b in data[200:260]) + data[260:]
    other = folder / "other.npz"
    np.savez(other, order1=some_filters().taps)
    yield "no texts", other.read_bytes()
    np.savez(
        other, order1=np.zeros((4, 3, 8), np.float32), sample_rate_hz=1, name="", method="", licence="", citation=""
    )
    yield "three ears", other.read_bytes()
    np.savez(other, order1=np.array([{"a": 1}], dtype=object), sample_rate_hz=1)
    yield "a pickle", other.read_bytes()
    np.save(folder / "bare.npy", np.zeros(3))
    yield "a bare array", (folder / "bare.npy").read_bytes()


def test_damaged_files_raise_one_clear_error(tmp_path):
    for name, data in damaged_files(tmp_path):
        path = tmp_path / f"{name}.bin"
        path.write_bytes(data)
        with pytest.raises(HrtfError, match="not a file of binaural filters") as caught:
            load_filters(path, 1)
        assert str(path) in str(caught.value), name
    with pytest.raises(HrtfError):
        load_filters(tmp_path / "absent.npz", 1)


@pytest.mark.parametrize(
    "change",
    [
        {"taps": np.zeros((4, 2, 0), np.float32)},
        {"taps": np.zeros((4, 2, 8))},
        {"taps": np.full((4, 2, 8), np.nan, np.float32)},
        {"taps": np.zeros((9, 2, 8), np.float32)},
        {"sample_rate_hz": 0},
    ],
)
def test_filters_check_themselves(change):
    with pytest.raises(ValueError, match=r"filters|taps|rate"):
        replace(some_filters(), **change)


def test_what_the_audio_process_imports_needs_numpy_only():
    code = (
        "import sys\n"
        "import panosod_core.ambisonics.format, panosod_core.ambisonics.harmonics, panosod_core.ambisonics.encode\n"
        "import panosod_core.ambisonics.binaural, panosod_core.ambisonics.energy\n"
        "from panosod_core.ambisonics.filters import default_filters\n"
        "default_filters(3)\n"
        "heavy = {'scipy', 'sofar', 'netCDF4', 'h5py', 'soxr', 'av', 'torch', 'cv2', 'PySide6', 'OpenGL'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
