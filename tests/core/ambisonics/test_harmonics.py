import numpy as np
import pytest
import scipy.io
import scipy.special

from panosod_core.ambisonics.format import acn_degrees
from panosod_core.ambisonics.harmonics import real_sh, sh_rotation
from panosod_core.geometry.sphere import azimuth_elevation, direction, rotation


def random_directions(count, seed=0):
    d = np.random.default_rng(seed).standard_normal((count, 3))
    return d / np.linalg.norm(d, axis=1, keepdims=True)


def random_rotation(seed):
    rng = np.random.default_rng(seed)
    return rotation(*rng.uniform(-np.pi, np.pi, 3))


def test_equal_to_another_implementation(testdata):
    reference = scipy.io.loadmat(testdata / "golden" / "spaudiopy" / "reference.mat")
    azimuth, zenith = reference["dirs"].T
    expected = reference["Y_N_r"][:, :16] * np.sqrt(4 * np.pi / (2 * acn_degrees(3) + 1))  # orthonormal there
    np.testing.assert_allclose(real_sh(3, direction(azimuth, np.pi / 2 - zenith)), expected, atol=1e-13)


def test_equal_to_scipys_legendre_functions():
    d = random_directions(200)
    azimuth, elevation = azimuth_elevation(d)
    acn = np.arange(16)
    degree = acn_degrees(3)
    m = acn - degree * (degree + 1)
    for n, (l_, m_) in enumerate(zip(degree, m, strict=True)):
        am = abs(int(m_))
        legendre = np.array([scipy.special.lpmv(am, int(l_), s) for s in np.sin(elevation)]) * (-1.0) ** am
        norm = np.sqrt((2 - (am == 0)) * scipy.special.factorial(l_ - am) / scipy.special.factorial(l_ + am))
        trig = np.cos(am * azimuth) if m_ >= 0 else np.sin(am * azimuth)
        np.testing.assert_allclose(real_sh(3, d)[:, n], norm * legendre * trig, atol=1e-12)


@pytest.mark.parametrize(
    ("d", "first_four"),
    [((1, 0, 0), (1, 0, 0, 1)), ((0, 1, 0), (1, 1, 0, 0)), ((0, 0, 1), (1, 0, 1, 0)), ((-1, 0, 0), (1, 0, 0, -1))],
)
def test_the_axes_by_hand(d, first_four):
    np.testing.assert_allclose(real_sh(3, d)[:4], first_four, atol=1e-15)


def test_closed_forms_by_hand():
    # Straight up only m = 0 remains, and every one of them is 1 in SN3D.
    up = real_sh(3, (0, 0, 1))
    np.testing.assert_allclose(up, np.isin(np.arange(16), [0, 2, 6, 12]).astype(float), atol=1e-15)
    # Front: V = xy = 0, U = sqrt(3)/2, R = -1/2.
    np.testing.assert_allclose(real_sh(2, (1, 0, 0))[4:], [0, 0, -0.5, 0, 3**0.5 / 2], atol=1e-15)


def test_each_degree_has_unit_power_in_every_direction():
    power = real_sh(3, random_directions(100)) ** 2
    for degree in range(4):
        np.testing.assert_allclose(power[:, degree**2 : (degree + 1) ** 2].sum(axis=1), 1.0, atol=1e-12)


def test_orthogonal_over_the_sphere():
    nodes, weights = np.polynomial.legendre.leggauss(8)
    azimuth = np.arange(16) * 2 * np.pi / 16
    d = direction(azimuth[None, :], np.arcsin(nodes)[:, None])
    w = np.broadcast_to(weights[:, None] / 2 / 16, d.shape[:-1])
    y = real_sh(3, d).reshape(-1, 16)
    gram = y.T @ (y * w.reshape(-1, 1))
    np.testing.assert_allclose(gram, np.diag(1 / (2 * acn_degrees(3) + 1)), atol=1e-13)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_rotation_moves_sources(order):
    d = random_directions(50, seed=order)
    for seed in range(20):
        r = random_rotation(seed)
        np.testing.assert_allclose(real_sh(order, d) @ sh_rotation(order, r).T, real_sh(order, d @ r.T), atol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_rotations_form_a_group(order):
    identity = np.eye((order + 1) ** 2)
    np.testing.assert_allclose(sh_rotation(order, np.eye(3)), identity, atol=1e-14)
    for seed in range(20):
        a, b, c = (random_rotation(3 * seed + k) for k in range(3))
        m_a, m_b, m_c = (sh_rotation(order, r) for r in (a, b, c))
        np.testing.assert_allclose(m_a @ m_b, sh_rotation(order, a @ b), atol=1e-13)
        np.testing.assert_allclose(m_a @ sh_rotation(order, a.T), identity, atol=1e-13)
        np.testing.assert_allclose((m_a @ m_b) @ m_c, m_a @ (m_b @ m_c), atol=1e-13)
        np.testing.assert_allclose(m_a.T @ m_a, identity, atol=1e-13)


def test_blocks_do_not_mix_degrees_and_orders_agree():
    r = random_rotation(5)
    m = sh_rotation(3, r)
    degree = acn_degrees(3)
    assert np.count_nonzero(m[degree[:, None] != degree[None, :]]) == 0
    for order in (0, 1, 2):
        n = (order + 1) ** 2
        np.testing.assert_array_equal(sh_rotation(order, r), m[:n, :n])


def test_yaw_has_its_known_form():
    # Turning the field left by a: m and -m of one degree mix like cos(m a), sin(m a).
    a = 0.7
    m = sh_rotation(3, rotation(a))
    for degree in range(1, 4):
        centre = degree * (degree + 1)
        for k in range(1, degree + 1):
            c, s = centre + k, centre - k
            block = m[np.ix_([c, s], [c, s])]
            expected = [[np.cos(k * a), -np.sin(k * a)], [np.sin(k * a), np.cos(k * a)]]
            np.testing.assert_allclose(block, expected, atol=1e-13)


class IvanicRuedenberg:
    """The recurrence of J. Phys. Chem. 100 (1996) 6342 with the corrections of 102 (1998) 9099."""

    def __init__(self, r):
        order = [1, 2, 0]  # y, z, x are m = -1, 0, 1
        self.r = r[np.ix_(order, order)]
        self.blocks = {0: np.eye(1), 1: self.r}

    def block(self, degree):
        if degree not in self.blocks:
            self.block(degree - 1)
            size = range(-degree, degree + 1)
            self.blocks[degree] = np.array([[self.entry(degree, m, n) for n in size] for m in size])
        return self.blocks[degree]

    def p(self, i, degree, a, b):
        below = self.blocks[degree - 1]

        def at(m, n):
            return below[m + degree - 1, n + degree - 1]

        r = self.r[i + 1]
        if b == degree:
            return r[2] * at(a, degree - 1) - r[0] * at(a, -degree + 1)
        if b == -degree:
            return r[2] * at(a, -degree + 1) + r[0] * at(a, degree - 1)
        return r[1] * at(a, b)

    def entry(self, l_, m, n):
        denominator = (l_ + n) * (l_ - n) if abs(n) < l_ else 2 * l_ * (2 * l_ - 1)
        am, zero = abs(m), float(m == 0)
        u = np.sqrt((l_ + m) * (l_ - m) / denominator)
        v = 0.5 * np.sqrt((1 + zero) * (l_ + am - 1) * (l_ + am) / denominator) * (1 - 2 * zero)
        w = -0.5 * np.sqrt(max((l_ - am - 1) * (l_ - am), 0) / denominator) * (1 - zero)
        value = u * self.p(0, l_, m, n) if u else 0.0
        if v:
            value += v * self.v_term(l_, m, n)
        if w:
            sign = 1 if m > 0 else -1
            value += w * (self.p(1, l_, m + sign, n) + sign * self.p(-1, l_, -m - sign, n))
        return value

    def v_term(self, l_, m, n):
        if m == 0:
            return self.p(1, l_, 1, n) + self.p(-1, l_, -1, n)
        if m > 0:
            one = float(m == 1)
            second = self.p(-1, l_, -m + 1, n) if not one else 0.0
            return self.p(1, l_, m - 1, n) * np.sqrt(1 + one) - second
        one = float(m == -1)
        first = self.p(1, l_, m + 1, n) if not one else 0.0
        return first + self.p(-1, l_, -m - 1, n) * np.sqrt(1 + one)


def test_equal_to_the_recurrence_of_ivanic_and_ruedenberg():
    for seed in range(10):
        r = random_rotation(seed)
        oracle = IvanicRuedenberg(r)
        m = sh_rotation(3, r)
        for degree in range(4):
            block = slice(degree**2, (degree + 1) ** 2)
            np.testing.assert_allclose(m[block, block], oracle.block(degree), atol=1e-12)


def test_silly_arguments():
    with pytest.raises(ValueError, match="order"):
        real_sh(4, (1, 0, 0))
    with pytest.raises(ValueError, match="3 components"):
        real_sh(1, (1, 0))
    with pytest.raises(ValueError, match="3x3"):
        sh_rotation(1, np.eye(4))
    with pytest.raises(ValueError, match="order"):
        sh_rotation(-1, np.eye(3))
