"""Maps of where sound comes from, on the grid of the visual features: no learning, a guide for the location branch.

`beam`: power of a first-order max-rE beam steered at every pixel, over its mean on the sphere, less one (0: diffuse or
silent; the values of ``ambisonics.energy.EnergyMap`` in another unit). `intensity`: every tile of time and frequency
votes for the direction of its intensity vector, by the share of the energy that flows (after DirAC, Pulkki 2007),
smoothed on the sphere (von Mises-Fisher): one plane wave gives 1 at its pixel and little 30 degrees away.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from panosod_core.ambisonics.energy import Beam, beam_weights
from panosod_core.model.config import TIME_POOLING, EnergyMap, ModelConfig
from panosod_core.model.features import band_groups, pool_time
from panosod_core.model.positional import grid_directions

_TILES = 32
"""Frequency groups in which `intensity` looks for directions."""
_CONCENTRATION = 20.0
"""Of the smoothing: half the height at 15 degrees. Wider on grids so coarse that a source could fall between cells."""
_NEAR_S = 0.25
"""Standard deviation of the weight in time about a frame."""
_FLOOR = 1e-10
_PAIRS = torch.triu_indices(4, 4)


class EnergyGuide(NamedTuple):
    """The maps of a window."""

    frames: Tensor
    """(B, T, 2 bands, h, w): for each band the sound about the frame's time, then that of the whole window."""
    tokens: Tensor
    """(B, L, h * w): each acoustic token's map, all bands together."""


class FieldCovariance(nn.Module):
    """Second moments of the four channels in each tile of an acoustic token and a frequency group."""

    groups: Tensor

    def __init__(self, config: ModelConfig) -> None:
        """Tiles as the config's energy map needs them."""
        super().__init__()
        self.count = _TILES if config.energy_map is EnergyMap.INTENSITY else config.energy_bands
        index = band_groups(self.count, fft_size=config.fft_size, sample_rate_hz=config.sound_rate_hz)
        member = (index[None] == np.arange(self.count)[:, None]).astype(np.float32)
        self.register_buffer("groups", torch.from_numpy(member), persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        """(B, 4, bins, frames) complex to (B, L, K, 10): the upper triangle, row by row, of the real covariance."""
        with torch.autocast(spectrum.device.type, enabled=False):
            # Pair by pair: gathering complex channels for all at once costs six times as much on a CPU.
            real, imag = spectrum.real.contiguous(), spectrum.imag.contiguous()
            products = [real[:, i] * real[:, j] + imag[:, i] * imag[:, j] for i, j in _PAIRS.T.tolist()]
            tiles = self.groups.float() @ pool_time(torch.stack(products, dim=1), TIME_POOLING)
            return tiles.permute(0, 3, 2, 1)


class EnergySteering(nn.Module):
    """Covariances to maps on any grid."""

    def __init__(self, config: ModelConfig) -> None:
        """The kind of map and its bands from the config."""
        super().__init__()
        self.kind, self.bands = config.energy_map, config.energy_bands
        self.token_s = config.hop * TIME_POOLING / config.sound_rate_hz
        self.weights = beam_weights(1, Beam.MAX_RE).tolist()

    def forward(self, covariance: Tensor, *, size: tuple[int, int], offsets_s: tuple[float, ...]) -> EnergyGuide:
        """Steer.

        Args:
            covariance: (B, L, K, 10) of :class:`FieldCovariance`.
            size: rows and columns of the grid.
            offsets_s: time of each frame relative to the middle of the sound.

        Returns:
            The maps.
        """
        with torch.autocast(covariance.device.type, enabled=False):
            directions = grid_directions(*size, device=covariance.device)
            # A standard deviation of at least 0.6 rows.
            concentration = min(_CONCENTRATION, (size[0] / (0.6 * math.pi)) ** 2)
            vote, norm = self._votes(covariance.float(), directions, concentration)
            length, tiles = covariance.shape[1:3]
            # Tiles of one band are neighbours: the first `tiles / bands`, and so on; a rest goes to the last band.
            band = (torch.arange(tiles, device=covariance.device) * self.bands // tiles).clamp(max=self.bands - 1)
            member = (band[:, None] == torch.arange(self.bands, device=covariance.device)).float()
            time_s = (torch.arange(length, device=covariance.device) + 0.5 - length / 2) * self.token_s
            offsets = torch.tensor(offsets_s, device=covariance.device)
            near = torch.exp(-0.5 * ((time_s - offsets[:, None]) / _NEAR_S) ** 2)
            near = near / near.sum(1, keepdim=True).clamp(min=1e-6)
            whole = torch.full_like(near, 1 / length)
            maps = []
            for weight in (near, whole):
                top = torch.einsum("tl,blkp,km->btmp", weight, vote, member)
                maps.append(self._share(top, torch.einsum("tl,blk,km->btm", weight, norm, member).unsqueeze(-1)))
            tokens = self._share(vote.sum(2), norm.sum(2).unsqueeze(-1))
            return EnergyGuide(torch.unflatten(torch.cat(maps, dim=2), -1, size), tokens)

    def _share(self, votes: Tensor, norm: Tensor) -> Tensor:
        share = votes / (norm + _FLOOR)
        return share - norm / (norm + _FLOOR) if self.kind is EnergyMap.BEAM else share

    def _votes(self, covariance: Tensor, directions: Tensor, concentration: float) -> tuple[Tensor, Tensor]:
        """(B, L, K, P) and what it is measured by, (B, L, K)."""
        diagonal = covariance[..., [0, 4, 7, 9]]
        if self.kind is EnergyMap.BEAM:
            w0, w1 = self.weights
            steer = torch.cat([torch.full_like(directions[:, :1], w0), w1 * directions[:, [1, 2, 0]]], dim=1)
            first, second = _PAIRS.to(directions.device)
            twice = torch.where(first == second, 1.0, 2.0)
            quadratic = steer[:, first] * steer[:, second] * twice
            mean = torch.tensor([w0**2, *(w1**2 / 3,) * 3], device=directions.device)
            return covariance @ quadratic.T, (diagonal * mean).sum(-1)
        flow = covariance[..., [3, 1, 2]]
        strength = flow.norm(dim=-1, keepdim=True)
        toward = flow / strength.clamp(min=1e-20)
        return strength * torch.exp(concentration * (toward @ directions.T - 1)), diagonal.sum(-1) / 2
