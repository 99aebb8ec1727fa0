import numpy as np
import pytest

from panosod_core.ambisonics.format import AmbisonicConvention, AmbisonicFormat, acn_degrees, channel_count
from panosod_core.ambisonics.harmonics import real_sh
from panosod_core.geometry.sphere import equirect_directions

FUMA_LETTERS = "WXYZRSTUVKLMNOPQ"


def fuma_shapes(directions):
    """The unscaled functions that the letters of Furse-Malham stand for (Malham 2003, table 1)."""
    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
    shapes = {
        "W": np.ones_like(x),
        "X": x,
        "Y": y,
        "Z": z,
        "R": 3 * z * z - 1,
        "S": x * z,
        "T": y * z,
        "U": x * x - y * y,
        "V": x * y,
        "K": z * (5 * z * z - 3),
        "L": x * (5 * z * z - 1),
        "M": y * (5 * z * z - 1),
        "N": z * (x * x - y * y),
        "O": x * y * z,
        "P": x * (x * x - 3 * y * y),
        "Q": y * (3 * x * x - y * y),
    }
    return np.stack([shapes[letter] for letter in FUMA_LETTERS], axis=-1)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_fuma_to_ambix_gives_the_harmonics(order):
    # MaxN: every channel reaches exactly 1 somewhere; W stands 3 dB lower.
    grid = equirect_directions(720, 361).reshape(-1, 3)
    shapes = fuma_shapes(grid)
    gains = shapes / np.abs(shapes).max(axis=0)
    gains[:, 0] = 0.5**0.5
    n = channel_count(order)
    matrix = AmbisonicFormat(order, AmbisonicConvention.FUMA).to_ambix()
    np.testing.assert_allclose(gains[:, :n] @ matrix.T.astype(float), real_sh(order, grid), atol=2e-4)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_n3d_channels_have_unit_mean_square_before_and_sn3d_after(order):
    sn3d = AmbisonicFormat(order).to_ambix()
    np.testing.assert_array_equal(sn3d, np.eye(channel_count(order)))
    n3d = AmbisonicFormat(order, AmbisonicConvention.N3D).to_ambix()
    np.testing.assert_allclose(np.diag(n3d), 1 / np.sqrt(2 * acn_degrees(order) + 1), rtol=1e-6)
    assert n3d.dtype == np.float32 and np.count_nonzero(n3d) == channel_count(order)


def test_acn_degrees():
    assert acn_degrees(3).tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("order", [-1, 4])
def test_impossible_orders_are_refused(order):
    with pytest.raises(ValueError, match=r"0\.\.3"):
        AmbisonicFormat(order)
