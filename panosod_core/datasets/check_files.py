"""Looking into the files of a data set: headers of all pictures, some (or all) masks, the sound of all clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.index import Clip, DataSet, Frame, MaskSource, RleMask, Sound
from panosod_core.datasets.l3das import OVERLAPS, event_targets, read_events
from panosod_core.datasets.order_check import (
    RATIO_SLACK,
    KnownDirection,
    OrderEvidence,
    OrderVerdict,
    compare_orders,
    labelled_directions,
    measure,
    power_ratio,
    sound_length_s,
)
from panosod_core.datasets.pictures import read_header, read_mask, read_picture
from panosod_core.datasets.sound_order import SoundOrder
from panosod_core.datasets.sounds import TooFewChannelsError, read_channels
from panosod_core.errors import DatasetError
from panosod_core.geometry.sphere import FloatArray, pixel_solid_angles, uv_to_direction

QUIET_DB = -80.0
EMPTY_RATIO = 0.01
"""Below this the directional channels together are 20 dB under W: mono."""
NO_W_RATIO = 8.0
"""Above this channel 0 cannot be W under any normalisation (N3D has 3)."""
MASKS_A_CLIP = 3
STILLS_TRIED = 200
"""Masks that are decoded without ``full``; of stills this many, evenly spaced."""
AROUND_S = 0.5
"""Seconds of sound about a picture whose direction is compared with its mask."""
LEAST_MASK_COSINE = 0.25

_Item = TypeVar("_Item")


@dataclass
class FilesLookedAt:
    """How many files were looked into: headers of pictures, masks decoded, pictures decoded, sound files."""

    headers: int = 0
    masks: int = 0
    pictures: int = 0
    sounds: int = 0


def check_clip_pictures(clip: Clip, found: FindingCounter, *, full: bool) -> FilesLookedAt:
    """Headers of a clip's pictures and masks; some masks decoded, with ``full`` every picture and mask."""
    seen = FilesLookedAt()
    masked = [frame for frame in clip.frames if frame.mask is not None]
    decoded = {id(frame) for frame in (masked if full else _spread(masked, MASKS_A_CLIP))}
    for frame in clip.frames:
        name = f"{clip.name}/{frame.image.name}"
        size = _picture_size(frame.image, name, found, seen, decode=full)
        if size is not None and clip.panoramic and size[0] != 2 * size[1]:
            found.add(Kind.NOT_TWO_TO_ONE, f"{name}: {size[0]}x{size[1]}")
        if frame.mask is not None:
            _check_mask(frame.mask, name, size, found, seen, decode=id(frame) in decoded)
    return seen


def check_stills(data: DataSet, found: FindingCounter, *, full: bool) -> FilesLookedAt:
    """The same for stills."""
    seen = FilesLookedAt()
    decoded = {id(still) for still in (data.stills if full else _spread(data.stills, STILLS_TRIED))}
    for still in data.stills:
        size = _picture_size(still.image, still.image.name, found, seen, decode=full)
        _check_mask(still.mask, still.mask.name, size, found, seen, decode=id(still) in decoded)
    return seen


def _picture_size(
    path: Path, name: str, found: FindingCounter, seen: FilesLookedAt, *, decode: bool
) -> tuple[int, int] | None:
    try:
        header = read_header(path)
        seen.headers += 1
        if decode:
            read_picture(path)
            seen.pictures += 1
    except DatasetError:
        found.add(Kind.DAMAGED_IMAGE, name)
        return None
    return header.width, header.height


def _check_mask(
    source: MaskSource,
    name: str,
    size: tuple[int, int] | None,
    found: FindingCounter,
    seen: FilesLookedAt,
    *,
    decode: bool,
) -> None:
    try:
        if isinstance(source, RleMask):
            mask_size = (source.width, source.height)
        else:
            header = read_header(source)
            mask_size = (header.width, header.height)
            seen.headers += 1
            if header.mode in ("RGB", "RGBA", "P"):
                _check_colours(source, name, header.mode, found, decode=decode)
        if size is not None and mask_size != size:
            found.add(Kind.SIZE_DIFFERS, f"{name}: {mask_size[0]}x{mask_size[1]} for {size[0]}x{size[1]}")
        if not decode:
            return
        mask = read_mask(source)
        seen.masks += 1
    except DatasetError:
        found.add(Kind.DAMAGED_MASK, name)
        return
    if not mask.any():
        found.add(Kind.EMPTY_MASK, name)
    elif ((mask > 0) & (mask < 255)).any():
        found.add(Kind.SOFT_MASK, name)


def _check_colours(path: Path, name: str, mode: str, found: FindingCounter, *, decode: bool) -> None:
    """Masks stored as RGB are often grey all the same: only pixels tell."""
    if mode == "P":
        found.add(Kind.COLOURED_MASK, name)
    elif decode:
        colours = read_picture(path)
        if not (np.array_equal(colours[..., 0], colours[..., 1]) and np.array_equal(colours[..., 0], colours[..., 2])):
            found.add(Kind.COLOURED_MASK, name)


def check_clip_sound(clip: Clip, found: FindingCounter, *, full: bool) -> list[KnownDirection]:
    """Levels of a clip's sound; and its direction about masked pictures, against the direction of the mask."""
    if clip.sound is None:
        return []
    rate_hz = min(clip.sound.rate_hz, 16000)
    try:
        raw = read_channels(clip.sound.path, range(4), rate_hz=rate_hz)
    except DatasetError:
        found.add(Kind.SOUND_UNREADABLE, clip.sound.path.name)
        return []
    if not check_levels(raw, clip.sound, found, rate_hz=rate_hz):
        return []
    masked = [frame for frame in clip.frames if frame.mask is not None]
    return _directions_of_masks(clip, masked if full else _spread(masked, MASKS_A_CLIP), raw, rate_hz)


def check_levels(raw: NDArray[np.float32], sound: Sound, found: FindingCounter, *, rate_hz: int) -> bool:
    """Whether the four channels can be what they are taken for; False where no direction can be told from them."""
    name = sound.path.name
    power = np.square(raw, dtype=np.float64).mean(axis=1) if raw.shape[1] else np.zeros(4)
    if 10 * np.log10(max(float(power.max()), 1e-30)) < QUIET_DB:
        found.add(Kind.SOUND_SILENT, name)
        return False
    ratio = power_ratio(raw, rate_hz=rate_hz)
    if ratio < EMPTY_RATIO:
        found.add(Kind.NO_DIRECTION, name)
        return False
    if ratio > NO_W_RATIO:
        found.add(Kind.NOT_W_FIRST, f"{name}: the others are {10 * np.log10(min(ratio, 1e9)):.0f} dB stronger")
        return False
    stray = ratio / sound.order.normalisation.power_ratio
    if not 1 / RATIO_SLACK <= stray <= RATIO_SLACK:
        found.add(Kind.NORMALISATION, f"{name}: power ratio {ratio:.2f}")
    return True


def _directions_of_masks(
    clip: Clip, frames: Sequence[Frame], raw: NDArray[np.float32], rate_hz: int
) -> list[KnownDirection]:
    stretches: list[KnownDirection] = []
    half = round(AROUND_S / 2 * rate_hz)
    for frame in frames:
        if frame.mask is None or not clip.panoramic:
            continue
        try:
            centre = mask_direction(read_mask(frame.mask))
        except DatasetError:
            continue  # counted with the pictures
        middle = round(frame.time_s * rate_hz)
        part = raw[:, max(middle - half, 0) : middle + half]
        if centre is None or part.shape[1] < half:
            continue
        stretch = measure(part, centre, group=clip.name, rate_hz=rate_hz)
        stretches += [stretch] if stretch is not None else []
    return stretches


def mask_direction(mask: NDArray[np.uint8]) -> FloatArray | None:
    """Mean direction of a mask's pixels, weighted by solid angle: (3,), not of unit length; None for an empty one."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask >= 128)
    if not rows.size:
        return None
    # Twenty thousand points say enough of a direction.
    step = max(rows.size // 20_000, 1)
    rows, columns = rows[::step], columns[::step]
    directions = uv_to_direction((columns + 0.5) / width, (rows + 0.5) / height)
    centre: FloatArray = np.average(directions, axis=0, weights=pixel_solid_angles(width, height)[rows])
    return centre


def judge_clip_order(
    stretches: Sequence[KnownDirection], assumed: SoundOrder, found: FindingCounter
) -> OrderEvidence | None:
    """What directions of sound and masks say of the channel order: proof for it, against it, or nothing."""
    evidence = compare_orders(stretches, assumed, least_cosine=LEAST_MASK_COSINE)
    if evidence is None or evidence.verdict is OrderVerdict.AMBIGUOUS:
        found.add(Kind.ORDER_UNPROVEN, assumed.name)
    elif evidence.verdict is OrderVerdict.DIFFERS:
        found.add(Kind.CHANNEL_ORDER, _order_text(evidence))
    return evidence


def check_recordings(data: DataSet, found: FindingCounter, *, full: bool) -> OrderEvidence | None:
    """Labels of all recordings, and the channel order of some (with ``full``: all)."""
    usable = []
    for recording in data.recordings:
        try:
            events = read_events(recording.labels, found)
        except DatasetError:
            found.add(Kind.LABELS_BAD, recording.labels.name)
            continue
        try:
            length_s = sound_length_s(recording)
        except DatasetError:
            found.add(Kind.SOUND_UNREADABLE, recording.microphones[0].name)
            continue
        usable.append(recording)
        late = sum(event.start_s < 0 or event.end_s > length_s + 0.1 for event in events)
        found.add(Kind.OUTSIDE_TIME, f"{recording.name}: {late} beyond {length_s:.1f} s", count=late)
        crowded = event_targets(events, duration_s=length_s).crowded
        found.add(Kind.TOO_MANY_OVERLAPS, f"{recording.name}: more than {OVERLAPS}", count=crowded)
    try:
        stretches = labelled_directions(usable, most=len(usable) if full else 40) if usable else []
    except TooFewChannelsError as error:
        found.add(Kind.TOO_FEW_CHANNELS, str(error))
        return None
    except DatasetError as error:
        found.add(Kind.SOUND_UNREADABLE, str(error))
        return None
    evidence = compare_orders(stretches, data.order)
    if evidence is None or evidence.verdict is OrderVerdict.AMBIGUOUS:
        found.add(Kind.ORDER_AMBIGUOUS, data.root.name if evidence is None else _order_text(evidence))
    elif evidence.verdict is OrderVerdict.DIFFERS:
        found.add(Kind.CHANNEL_ORDER, _order_text(evidence))
    elif evidence.best.normalisation is not data.order.normalisation:
        found.add(Kind.NORMALISATION, f"power ratio {evidence.power_ratio:.2f}: {evidence.best.name}")
    return evidence


def _order_text(evidence: OrderEvidence) -> str:
    return (
        f"{evidence.best.name} is off by {evidence.error_deg:.0f} degrees, "
        f"{evidence.assumed.name} by {evidence.assumed_error_deg:.0f}, next best {evidence.runner_up.name} "
        f"({evidence.groups} directions)"
    )


def _spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """At most ``count`` of them, evenly spaced, first and last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(k)] for k in np.linspace(0, len(items) - 1, count)]
