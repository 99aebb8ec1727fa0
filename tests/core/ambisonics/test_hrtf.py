import warnings

import h5py
import numpy as np
import pytest

from panosod_core.ambisonics.cues import interaural_time_s
from panosod_core.ambisonics.equalise import filters_from_sofa
from panosod_core.ambisonics.hrtf import HrtfSet, load_sofa
from panosod_core.errors import HrtfError
from panosod_core.geometry.sphere import azimuth_elevation, rotation
from tests.core.ambisonics import heads

GRID = heads.grid(20.0)


def write_sofa(path, directions=GRID, responses=None, rate_hz=48000, change=None):
    """A SOFA file of the synthetic head; ``change(sofa)`` may alter it before it is written."""
    import sofar

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sofa = sofar.Sofa("SimpleFreeFieldHRIR")
        azimuth, elevation = azimuth_elevation(directions)
        sofa.SourcePosition = np.stack(
            [np.degrees(azimuth) % 360, np.degrees(elevation), np.full(len(directions), 1.5)], axis=-1
        )
        sofa.Data_IR = heads.head_responses(directions, rate_hz) if responses is None else responses
        sofa.Data_SamplingRate = float(rate_hz)
        sofa.Data_Delay = np.zeros((1, 2))
        sofa.ReceiverPosition = np.array([[0.0, 0.09, 0.0], [0.0, -0.09, 0.0]])
        sofa.GLOBAL_DatabaseName, sofa.GLOBAL_ListenerShortName = "Lab", "sphere"
        sofa.GLOBAL_License = "CC0"
        if change is not None:
            change(sofa)
        sofa.protected = False
        sofar.write_sofa(str(path), sofa)
    return path


@pytest.fixture
def sofa_path(tmp_path):
    return tmp_path / "head.sofa"


def assert_is_the_head(hrtf, directions=GRID, atol=2e-3):
    """Same transfer functions as the head has, but for the delay that all share."""
    assert hrtf.sample_rate_hz == 48000
    np.testing.assert_allclose(hrtf.directions, directions, atol=1e-6)
    truth = np.fft.rfft(heads.head_responses(directions, 48000), 2048)
    made = np.fft.rfft(hrtf.responses, 2048)
    band = slice(5, int(15000 / 48000 * 2048))
    turn = made[..., band] * truth[..., band].conj()
    shared = np.exp(1j * np.angle(turn.sum(axis=(0, 1))))
    np.testing.assert_allclose(made[..., band], truth[..., band] * shared, atol=atol * np.abs(truth).max())
    assert interaural_time_s(hrtf.responses, 48000)[np.argmax(directions[:, 1])] > 0


def test_a_plain_file(sofa_path):
    hrtf = load_sofa(write_sofa(sofa_path))
    assert_is_the_head(hrtf, atol=1e-3)
    assert (hrtf.name, hrtf.licence, hrtf.warnings) == ("Lab sphere", "CC0", ())


@pytest.mark.parametrize("rate_hz", [44100, 96000, 32000])
def test_other_rates(sofa_path, rate_hz):
    directions = GRID[::3]
    hrtf = load_sofa(write_sofa(sofa_path, directions, rate_hz=rate_hz))
    truth = heads.head_responses(directions, rate_hz)
    assert hrtf.sample_rate_hz == 48000
    n_old, n_new = 4410 * rate_hz // 44100, 4800
    top = int(0.7 * min(rate_hz, 48000) / 2 / 10)  # bins of 10 Hz
    expected, made = np.fft.rfft(truth, n_old)[..., :top], np.fft.rfft(hrtf.responses, n_new)[..., :top]
    shared = np.exp(1j * np.angle((made * expected.conj()).sum(axis=(0, 1))))
    np.testing.assert_allclose(made, expected * shared, atol=3e-3 * np.abs(expected).max())


def test_delays_of_fractions_of_a_sample_are_applied(sofa_path):
    delays = heads.ear_delays_s(GRID) * 48000

    def change(sofa):
        sofa.Data_Delay = delays

    assert np.abs(delays - np.round(delays)).max() > 0.4
    responses = heads.head_responses(GRID, 48000, delays=False)
    assert_is_the_head(load_sofa(write_sofa(sofa_path, responses=responses, change=change)))


def test_whole_and_shared_delays(sofa_path):
    def change(sofa):
        sofa.Data_Delay = np.array([[30.0, 10.0]])

    hrtf = load_sofa(write_sofa(sofa_path, change=change))
    plain = load_sofa(write_sofa(sofa_path.with_name("plain.sofa")))
    moved = interaural_time_s(plain.responses, 48000) - interaural_time_s(hrtf.responses, 48000)
    np.testing.assert_allclose(moved[np.abs(moved) < 1e-3], 20 / 48000, atol=4e-5)


def cartesian(sofa):
    azimuth, elevation, radius = np.radians(sofa.SourcePosition[:, 0]), np.radians(sofa.SourcePosition[:, 1]), 1.5
    sofa.SourcePosition = radius * np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1
    )
    sofa.SourcePosition_Type, sofa.SourcePosition_Units = "cartesian", "metre"


def receivers_in_spherical(sofa):
    sofa.ReceiverPosition = np.array([[90.0, 0.0, 0.09], [270.0, 0.0, 0.09]])
    sofa.ReceiverPosition_Type, sofa.ReceiverPosition_Units = "spherical", "degree, degree, metre"


def right_ear_first(sofa):
    sofa.ReceiverPosition = sofa.ReceiverPosition[::-1]
    sofa.Data_IR = sofa.Data_IR[:, ::-1]


def listener_turned_and_moved(sofa):
    cartesian(sofa)
    r = rotation(1.0, 0.3)
    sofa.SourcePosition = sofa.SourcePosition @ r.T + np.array([1.0, 2.0, 0.5])
    sofa.ListenerPosition = np.array([[1.0, 2.0, 0.5]])
    sofa.ListenerView, sofa.ListenerUp = r[:, :1].T, r[:, 2:].T


@pytest.mark.parametrize("change", [cartesian, receivers_in_spherical, right_ear_first, listener_turned_and_moved])
def test_other_ways_to_say_the_same(sofa_path, change):
    hrtf = load_sofa(write_sofa(sofa_path, change=change))
    assert_is_the_head(hrtf)
    assert hrtf.warnings == ()


def test_positions_in_radians(sofa_path):
    def edit(file):
        positions = file["SourcePosition"]
        positions[:, :2] = np.radians(positions[:, :2])
        positions.attrs["Units"] = np.bytes_("radian, radian, metre")

    assert_is_the_head(load_sofa(edit_h5(write_sofa(sofa_path), edit)))


def test_swapped_ears_are_told_and_left_alone(sofa_path):
    def change(sofa):
        sofa.Data_IR = sofa.Data_IR[:, ::-1]

    hrtf = load_sofa(write_sofa(sofa_path, change=change))
    assert any("swapped" in w for w in hrtf.warnings)
    assert interaural_time_s(hrtf.responses, 48000)[np.argmax(GRID[:, 1])] < 0


def test_equal_ears_are_told(sofa_path):
    def change(sofa):
        sofa.Data_IR = np.repeat(sofa.Data_IR[:, :1], 2, axis=1)

    assert any("ears" in w for w in load_sofa(write_sofa(sofa_path, change=change)).warnings)


def test_empty_rows_are_left_out(sofa_path):
    responses = heads.head_responses(GRID, 48000)
    responses[::2] = 0.0
    responses[1, 0] = 0.0
    hrtf = load_sofa(write_sofa(sofa_path, responses=responses))
    np.testing.assert_allclose(hrtf.directions, GRID[1::2][1:], atol=1e-6)
    assert any("left out" in w for w in hrtf.warnings)


def test_rows_that_are_not_numbers_are_left_out(sofa_path):
    responses = heads.head_responses(GRID, 48000)
    responses[3, 1, 7] = np.nan
    hrtf = load_sofa(write_sofa(sofa_path, responses=responses))
    assert len(hrtf.directions) == len(GRID) - 1


def test_the_shell_with_most_directions_is_used(sofa_path):
    def change(sofa):
        sofa.SourcePosition[: len(GRID) // 3, 2] = 0.4

    hrtf = load_sofa(write_sofa(sofa_path, change=change))
    assert len(hrtf.directions) == len(GRID) - len(GRID) // 3
    assert any("1.50 m" in w for w in hrtf.warnings)


def test_rooms_are_told(sofa_path):
    rng = np.random.default_rng(0)
    responses = np.concatenate([heads.head_responses(GRID, 48000), np.zeros((len(GRID), 2, 3000))], axis=-1)
    responses += 0.02 * rng.standard_normal(responses.shape) * np.exp(-np.arange(responses.shape[-1]) / 2000)
    hrtf = load_sofa(write_sofa(sofa_path, responses=responses))
    assert any("room" in w for w in hrtf.warnings)
    assert hrtf.responses.shape[-1] < 700


def edit_h5(path, edit):
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def replace_dataset(file, name, **new):
    scales = [dict(d) for d in file[name].dims]
    attributes = {k: v for k, v in file[name].attrs.items() if not k.startswith(("DIMENSION", "REFERENCE", "_Netcdf"))}
    del file[name], scales
    made = file.create_dataset(name, **new)
    for key, value in attributes.items():
        made.attrs[key] = value


def one_receiver(path):
    write_sofa(path)

    def edit(file):
        replace_dataset(file, "Data.IR", data=np.zeros((len(GRID), 1, 64)))

    return edit_h5(path, edit)


def a_bomb(path):
    write_sofa(path)

    def edit(file):
        shape = (400_000, 2, 8192)  # 52 GB of zeros in a small file
        replace_dataset(file, "Data.IR", shape=shape, chunks=(1, 2, 8192), dtype="f8")

    return edit_h5(path, edit)


def a_bomb_of_positions(path):
    write_sofa(path)

    def edit(file):
        replace_dataset(file, "SourcePosition", shape=(1_000_000_000, 3), chunks=(1000, 3), dtype="f8")

    return edit_h5(path, edit)


def a_transfer_function(path):
    return edit_h5(write_sofa(path), lambda f: f.attrs.__setitem__("DataType", np.bytes_("TF")))


def without_positions(path):
    return edit_h5(write_sofa(path), lambda f: f.__delitem__("SourcePosition"))


def without_data(path):
    return edit_h5(write_sofa(path), lambda f: f.__delitem__("Data.IR"))


def rate_of_zero(path):
    return edit_h5(write_sofa(path), lambda f: f["Data.SamplingRate"].__setitem__(slice(None), 0.0))


def rate_not_a_number(path):
    return edit_h5(write_sofa(path), lambda f: f["Data.SamplingRate"].__setitem__(slice(None), np.nan))


def endless_delay(path):
    def change(sofa):
        sofa.Data_Delay = np.linspace(0, 1e9, 2 * len(GRID)).reshape(-1, 2)

    return write_sofa(path, change=change)


def delay_not_a_number(path):
    def change(sofa):
        sofa.Data_Delay = np.array([[0.0, np.nan]])

    return write_sofa(path, change=change)


def both_ears_left(path):
    def change(sofa):
        sofa.ReceiverPosition = np.array([[0.0, 0.09, 0.0], [0.0, 0.08, 0.0]])

    return write_sofa(path, change=change)


def all_zero(path):
    return write_sofa(path, responses=np.zeros((len(GRID), 2, 64)))


def too_few(path):
    return write_sofa(path, GRID[:4])


def hdf5_without_sofa(path):
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3)
    return path


def text(path):
    path.write_text("not a SOFA file")
    return path


def nothing(path):
    path.write_bytes(b"")
    return path


def truncated(path):
    write_sofa(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def folder(path):
    path.mkdir()
    return path


def absent(path):
    return path


BAD = [
    one_receiver, a_bomb, a_bomb_of_positions, a_transfer_function, without_positions, without_data, rate_of_zero,
    rate_not_a_number,
    endless_delay, delay_not_a_number, both_ears_left, all_zero, too_few, hdf5_without_sofa, text, nothing, truncated,
    folder, absent,
]  # fmt: skip


@pytest.mark.parametrize("make", BAD)
def test_bad_files_raise_one_clear_error(sofa_path, make):
    path = make(sofa_path)
    with pytest.raises(HrtfError) as caught:
        load_sofa(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message and len(message) < len(str(path)) + 250


def test_mutated_files_load_or_raise_the_one_error(sofa_path):
    data = bytearray(write_sofa(sofa_path, GRID[::2]).read_bytes())
    rng = np.random.default_rng(11)
    outcomes = set()
    for _ in range(40):
        mutated = bytearray(data)
        for place in rng.integers(0, len(data), 2):
            mutated[place] = rng.integers(0, 256)
        sofa_path.write_bytes(mutated)
        try:
            load_sofa(sofa_path)
            outcomes.add("loaded")
        except HrtfError:
            outcomes.add("refused")
    assert outcomes == {"loaded", "refused"}


def test_a_set_checks_itself():
    good = {"directions": GRID, "responses": np.zeros((len(GRID), 2, 8)), "sample_rate_hz": 48000, "name": ""}
    HrtfSet(**good)
    for change in (
        {"directions": GRID[1:]},
        {"directions": GRID * 2},
        {"responses": np.full((len(GRID), 2, 8), np.inf)},
        {"responses": np.zeros((len(GRID), 1, 8))},
    ):
        with pytest.raises(ValueError, match=r"fit|unit|finite"):
            HrtfSet(**{**good, **change})


def test_fabian(testdata):
    hrtf = load_sofa(testdata / "hrtf" / "fabian_pyfar_hrirs.sofa")
    assert len(hrtf.directions) == 358 and hrtf.warnings == ()
    assert "FABIAN" in hrtf.name and "CC-BY" in hrtf.licence and "Brinkmann" in hrtf.citation
    itd = interaural_time_s(hrtf.responses, 48000)
    assert itd[np.argmax(hrtf.directions[:, 1])] == pytest.approx(-itd[np.argmin(hrtf.directions[:, 1])], abs=4e-5)
    assert 600e-6 < itd.max() < 900e-6


def test_a_decoder_from_a_persons_own_file(sofa_path):
    filters, doubts = filters_from_sofa(write_sofa(sofa_path, rate_hz=44100), order=2)
    assert filters.taps.shape == (9, 2, 384) and filters.sample_rate_hz == 48000 and doubts == ()
    assert filters.licence == "CC0"
