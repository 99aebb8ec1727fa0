import math

import numpy as np
import pytest
import torch

from panosod_core.geometry.sphere import equirect_directions
from panosod_core.model.positional import (
    grid_directions,
    plane_encoding,
    sequence_encoding,
    spherical_encoding,
)


@pytest.mark.parametrize("size", [(13, 26), (4, 8), (7, 13)])
def test_the_grid_is_that_of_the_geometry(size):
    truth = equirect_directions(size[1], size[0]).reshape(-1, 3)
    np.testing.assert_allclose(grid_directions(*size).numpy(), truth, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 2 * math.pi])
@pytest.mark.parametrize("dim", [256, 16, 48])
def test_the_spherical_code_is_eq_1(dim, scale):
    """Every value by the paper's own formulas, longitude and colatitude in pixels over R = W / 2 pi."""
    height, width = 6, 12
    code = spherical_encoding(height, width, dim, scale=scale).view(height, width, dim)
    radius = width / (2 * math.pi)
    per_axis = dim // 6
    for row, column in ((0, 0), (2, 7), (5, 11)):
        u, v = column + 0.5, row + 0.5
        x = math.sin(v / radius) * math.cos(u / radius)
        y = math.sin(v / radius) * math.sin(u / radius)
        z = math.cos(v / radius)
        expected = []
        for position in (x, y, z):
            for i in range(per_axis):
                angle = scale * position / 10000 ** (2 * i / (dim / 3))
                expected += [math.sin(angle), math.cos(angle)]
        expected += [0.0] * (dim - 6 * per_axis)
        np.testing.assert_allclose(code[row, column].numpy(), expected, atol=2e-6)


@pytest.mark.parametrize(("scale", "lowest"), [(1.0, 0.958), (math.pi, 0.77), (2 * math.pi, 0.71)])
def test_the_literal_code_hardly_varies_over_the_sphere(scale, lowest):
    code = spherical_encoding(13, 26, 256, scale=scale)[:, :252]
    unit = torch.nn.functional.normalize(code, dim=1)
    assert (unit @ unit.T).min().item() == pytest.approx(lowest, abs=0.005)


def test_the_spherical_code_has_no_seam_and_shrinks_at_the_poles():
    code = spherical_encoding(16, 32, 48, scale=2 * math.pi).view(16, 32, 48)
    step = (code.roll(-1, 1) - code).norm(dim=-1)
    # Left to right the codes of one row are equally far apart in space, also from the last to the first.
    assert step[8, -1] < 1.5 * step[8, :-1].max()
    assert step[0].max() < 0.25 * step[8].max()


def test_a_regular_code():
    code = sequence_encoding(5, 8)
    expected = [[f(p / 10000 ** (2 * i / 8)) for i in range(4) for f in (math.sin, math.cos)] for p in range(5)]
    np.testing.assert_allclose(code.numpy(), expected, atol=1e-6)


def test_a_plane_code_tells_rows_and_columns():
    code = plane_encoding(3, 5, 16).view(3, 5, 16)
    assert torch.equal(code[:, :1, :8].expand(-1, 5, -1), code[..., :8])
    assert torch.equal(code[:1, :, 8:].expand(3, -1, -1), code[..., 8:])
    assert len({tuple(c.tolist()) for c in code.flatten(0, 1)}) == 15
