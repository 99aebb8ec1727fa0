"""Which channel is which axis: told from sound whose directions are known.

The mean active intensity of a plane wave points to its source. Where the channels are not what they are taken for, it
points elsewhere, but always by the same exchange of axes and signs: so the directions are measured once, and all 48
ways in which three channels can be x, y and z are compared with the directions that are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from panosod_core.ambisonics.energy import direction_of_arrival
from panosod_core.datasets.findings import FindingCounter
from panosod_core.datasets.index import DataSet, Recording
from panosod_core.datasets.l3das import SoundEvent, read_events
from panosod_core.datasets.sound_order import ACN_SN3D, ALL_AXES, Normalisation, SoundOrder
from panosod_core.datasets.sounds import read_channels, read_sound_header
from panosod_core.errors import DatasetError
from panosod_core.geometry.sphere import FloatArray, direction

LEAST_GROUPS = 6
"""Independent directions without which nothing is said."""
CLEAR_LOG_ODDS = 7.0
"""The best order must be so much likelier than every other: a thousand to one."""
BAND_HZ = (200.0, 4000.0)
"""Where directions and levels are measured: below it microphone arrays lose their first order, above it they alias."""
MOST_DIFFUSE = 0.9
"""Stretches in which sound comes from everywhere tell nothing."""
RATIO_SLACK = 1.6
"""Factor by which the power of the directional channels may stray from the normalisation's without a line."""


class OrderVerdict(StrEnum):
    """What the directions say about the order that was assumed."""

    AGREES = "agrees"
    DIFFERS = "differs"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class OrderEvidence:
    """What the directions say.

    Attributes:
        verdict: about the order assumed.
        assumed: that order.
        best: the one that fits best, with the normalisation that the levels fit.
        groups: independent directions it rests on.
        error_deg: median angle between measured and known directions, for the best order.
        assumed_error_deg: the same for the order assumed.
        runner_up: the next best axes.
        log_odds: natural logarithm of how much likelier the best one is than that, if errors scatter about the truth
            as the best one's do (von Mises-Fisher).
        power_ratio: median power of channels 1-3 together over that of channel 0.
    """

    verdict: OrderVerdict
    assumed: SoundOrder
    best: SoundOrder
    groups: int
    error_deg: float
    assumed_error_deg: float
    runner_up: SoundOrder
    log_odds: float
    power_ratio: float


@dataclass(frozen=True, eq=False)
class KnownDirection:
    """A stretch of sound whose direction is known.

    Attributes:
        measured: (3,) unit vector: direction by channels 1, 2, 3 as axes of their own, before any order.
        known: (3,) unit vector, x front, y left, z up.
        power_ratio: power of channels 1-3 together over that of channel 0.
        group: what it belongs to (a clip): stretches of one group do not count as independent.
    """

    measured: FloatArray
    known: FloatArray
    power_ratio: float
    group: str


def measure(raw: NDArray[np.float32], known: ArrayLike, *, group: str, rate_hz: int) -> KnownDirection | None:
    """Measure a stretch of raw channels; None where it is silent or diffuse.

    Args:
        raw: (4, n): the channels as stored, W first.
        known: (3,) direction, any length but zero.
        group: what it belongs to.
        rate_hz: of the channels.
    """
    arrival = direction_of_arrival(raw, sample_rate_hz=rate_hz, band_hz=BAND_HZ)
    vector = np.asarray(known, np.float64)
    length = float(np.linalg.norm(vector))
    if arrival.is_silent or arrival.diffuseness > MOST_DIFFUSE or length < 1e-9:
        return None
    x, y, z = direction(arrival.azimuth_rad, arrival.elevation_rad)
    # The arrival took the channels for W Y Z X: undo it, so that component c belongs to channel c + 1.
    return KnownDirection(np.array([y, z, x]), vector / length, power_ratio(raw, rate_hz=rate_hz), group)


def power_ratio(raw: NDArray[np.float32], *, rate_hz: int) -> float:
    """Power of channels 1-3 together over that of channel 0: the normalisation's ratio in any sound field.

    Real microphone arrays come within 20% of it between 200 Hz and 4 kHz (Eigenmike recordings in N3D: 2.5 and 2.7
    instead of 3), which is where it is taken.
    """
    spectrum = np.fft.rfft(raw[:4], axis=1)
    frequency = np.fft.rfftfreq(raw.shape[1], 1 / rate_hz)
    heard = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    power = np.square(np.abs(spectrum[:, heard]), dtype=np.float64).sum(axis=1)
    return float(power[1:].sum() / power[0]) if power[0] > 0 else float("inf")


def normalisation_of(ratio: float, axes: tuple[str, str, str]) -> Normalisation:
    """The normalisation whose ratio is nearest, in decibels; MaxN is not used with ACN's order of axes."""
    candidates = [n for n in Normalisation if n is not Normalisation.MAXN or axes != ACN_SN3D.axes]
    return min(candidates, key=lambda n: abs(np.log(max(ratio, 1e-12) / n.power_ratio)))


def compare_orders(
    stretches: Sequence[KnownDirection], assumed: SoundOrder, *, least_cosine: float = 0.5
) -> OrderEvidence | None:
    """Compare all orders with what is known.

    Args:
        stretches: measured ones.
        assumed: order that would be used.
        least_cosine: mean cosine of the angle below which the best order is not believed: 0.5 for labelled
            positions; less where the sound need not come from what is known.

    Returns:
        The evidence; None for fewer than six independent groups.
    """
    groups = sorted({s.group for s in stretches})
    if len(groups) < LEAST_GROUPS:
        return None
    measured = np.stack([s.measured for s in stretches])
    known = np.stack([s.known for s in stretches])
    columns = {"x": 0, "y": 1, "z": 2}
    # (48, N): cosine of the angle between the measured direction in that order and the known one.
    cosines = np.stack(
        [
            sum(
                (1.0 if axis[0] == "+" else -1.0) * measured[:, channel] * known[:, columns[axis[1]]]
                for channel, axis in enumerate(axes)
            )
            for axes in ALL_AXES
        ]
    )
    member = np.array([groups.index(s.group) for s in stretches])
    by_group = np.stack([cosines[:, member == g].mean(axis=1) for g in range(len(groups))], axis=1)
    ranking = np.argsort(-by_group.mean(axis=1))
    best = int(ranking[0])
    totals = by_group.sum(axis=1)
    log_odds = _concentration(float(by_group[best].mean())) * float(totals[best] - totals[int(ranking[1])])
    ratio = float(np.median([s.power_ratio for s in stretches]))
    found = SoundOrder(ALL_AXES[best], normalisation_of(ratio, ALL_AXES[best]))
    is_clear = log_odds >= CLEAR_LOG_ODDS and by_group[best].mean() >= least_cosine
    verdict = OrderVerdict.AMBIGUOUS
    if is_clear:
        verdict = OrderVerdict.AGREES if found.axes == assumed.axes else OrderVerdict.DIFFERS
    return OrderEvidence(
        verdict=verdict,
        assumed=assumed,
        best=found,
        groups=len(groups),
        error_deg=_median_deg(cosines[best]),
        assumed_error_deg=_median_deg(cosines[ALL_AXES.index(assumed.axes)]),
        runner_up=SoundOrder(ALL_AXES[int(ranking[1])], found.normalisation),
        log_odds=log_odds,
        power_ratio=ratio,
    )


def _concentration(mean_cosine: float) -> float:
    """Of the von Mises-Fisher distribution with that mean cosine (Banerjee et al. 2005, eq. 4.4, three dimensions)."""
    r = min(max(mean_cosine, 0.0), 0.999)
    return r * (3 - r * r) / (1 - r * r)


def _median_deg(cosines: FloatArray) -> float:
    return float(np.degrees(np.arccos(np.clip(np.median(cosines), -1.0, 1.0))))


def labelled_directions(
    recordings: Sequence[Recording], *, most: int = 40, rate_hz: int = 16000
) -> list[KnownDirection]:
    """Measured stretches of labelled recordings in which one event sounds alone.

    Recordings without overlaps come first; of those, ``most`` are taken, evenly spaced.

    Args:
        recordings: which.
        most: recordings that are read.
        rate_hz: at which they are analysed; direction lies below 8 kHz.

    Raises:
        DatasetError: a file cannot be read.
    """
    alone = [r for r in recordings if r.overlap == 1] or list(recordings)
    taken = [alone[i] for i in sorted({round(k) for k in np.linspace(0, len(alone) - 1, min(most, len(alone)))})]
    stretches: list[KnownDirection] = []
    for recording in taken:
        raw = read_channels(recording.microphones[0], range(4), rate_hz=rate_hz)
        for i, event in enumerate(_alone(read_events(recording.labels, FindingCounter()))):
            part = raw[:, round(event.start_s * rate_hz) : round(event.end_s * rate_hz)]
            if part.shape[1] >= rate_hz // 20:
                # Events of one recording lie at different places: each counts for itself.
                stretch = measure(part, event.position_m, group=f"{recording.name}/{i}", rate_hz=rate_hz)
                stretches += [stretch] if stretch is not None else []
    return stretches


def _alone(events: tuple[SoundEvent, ...]) -> list[SoundEvent]:
    return [
        event
        for i, event in enumerate(events)
        if not any(o.start_s < event.end_s and event.start_s < o.end_s for j, o in enumerate(events) if j != i)
    ]


def settle_order(data: DataSet, *, most: int = 40) -> OrderEvidence:
    """The channel order of labelled recordings, or a refusal to guess it.

    Args:
        data: with recordings.
        most: recordings that are read.

    Returns:
        The evidence; ``best`` is the order to use.

    Raises:
        DatasetError: the directions fit no order clearly, or too few events sound alone.
    """
    evidence = compare_orders(labelled_directions(data.recordings, most=most), data.order)
    if evidence is None:
        raise DatasetError(
            f"{data.root}: expected at least {LEAST_GROUPS} labelled events that sound alone, to find the channel "
            "order; say it with --order"
        )
    if evidence.verdict is OrderVerdict.AMBIGUOUS:
        raise DatasetError(
            f"{data.root}: expected the labels to fit one channel order clearly; {evidence.best.name} fits best "
            f"(off by {evidence.error_deg:.0f} degrees) but {evidence.runner_up.name} nearly as well "
            f"(odds e^{evidence.log_odds:.1f}): say it with --order"
        )
    return evidence


def sound_length_s(recording: Recording) -> float:
    """Length of a recording's first microphone, by its header.

    Raises:
        DatasetError: it cannot be read.
    """
    return read_sound_header(recording.microphones[0]).duration_s
