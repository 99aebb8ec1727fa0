"""A synthetic head for tests: two ears on a sphere, with delays and shadows that are known exactly."""

import numpy as np

from panosod_core.ambisonics.hrtf import HrtfSet
from panosod_core.geometry.sphere import direction

RADIUS_M = 0.0875
SPEED_M_S = 343.0


def grid(step_deg=10.0, lowest_deg=-90.0):
    """Rings of about equal spacing."""
    rows = []
    for elevation in np.arange(-90.0, 90.1, step_deg):
        if elevation >= lowest_deg:
            count = max(round(360 / step_deg * np.cos(np.radians(elevation))), 1)
            rows.append(direction(np.arange(count) * 2 * np.pi / count, np.radians(elevation)))
    return np.concatenate(rows)


def ear_delays_s(directions):
    """(D, 2): Woodworth's formula, relative to the middle of the head, made positive."""
    delays = []
    for ear_y in (1.0, -1.0):
        toward = directions[:, 1] * ear_y
        angle = np.arccos(np.clip(toward, -1, 1))
        path = np.where(angle < np.pi / 2, -np.cos(angle), angle - np.pi / 2)
        delays.append(RADIUS_M / SPEED_M_S * (path + 1))
    return np.stack(delays, axis=-1)


def head_responses(directions, rate_hz, taps=256, lead_s=2.0e-3, delays=True):
    """(D, 2, taps): a delayed pulse whose treble the head shadows."""
    frequency = np.fft.rfftfreq(taps, 1 / rate_hz)
    shadow = np.clip(frequency / 3000.0, 0, 1)
    toward = np.stack([directions[:, 1], -directions[:, 1]], axis=-1)
    gain_db = 8.0 * toward[..., None] * shadow
    # A pinna of sorts: a notch that moves with elevation.
    notch = 7000.0 + 3000.0 * directions[:, 2, None, None]
    gain_db = gain_db - 8.0 * np.exp(-(((frequency - notch) / 2500.0) ** 2))
    roll_off = 0.5 + 0.5 * np.cos(np.pi * np.clip((frequency / (rate_hz / 2) - 0.75) / 0.15, 0, 1))
    time = np.full((len(directions), 2), lead_s) + (ear_delays_s(directions) if delays else 0.0)
    phase = np.exp(-2j * np.pi * frequency * time[..., None])
    responses = np.fft.irfft(10 ** (gain_db / 20) * roll_off * phase, taps, axis=-1)
    # Limited in time around each arrival, as what was really measured is.
    away = (np.arange(taps) / rate_hz - time[..., None]) / 0.55e-3
    return responses * np.where(np.abs(away) < 1, np.cos(np.pi / 2 * away) ** 2, 0.0)


def synthetic_head(rate_hz=48000, directions=None):
    d = grid() if directions is None else directions
    return HrtfSet(directions=d, responses=head_responses(d, rate_hz), sample_rate_hz=rate_hz, name="test head")
