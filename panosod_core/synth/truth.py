"""The truth about a synthetic clip: two small files beside it, written and read here.

``<stem>.truth.json`` holds who is where and who sounds; ``<stem>.masks.npz`` holds the label map of every frame as
run lengths. ``docs/demo.md`` describes both for other readers.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import MediaError
from panosod_core.geometry.sphere import FloatArray, azimuth_elevation, direction
from panosod_core.synth.masks import MaskRuns, load_masks
from panosod_core.synth.sound import Sounding

FORMAT = "panosod-truth"
VERSION = 1


@dataclass(frozen=True)
class TruthObject:
    """One object: id 1..254 (its value in the masks), what it is, whom it looks like, how large it appears."""

    id: int
    name: str
    kind: str
    look_alikes: str
    timbre: str
    radius_deg: float


@dataclass(frozen=True)
class SyncMark:
    """A frame that flashes; the click begins with it, at ``time_s`` on the clip's clock."""

    frame: int
    time_s: float


@dataclass(frozen=True)
class SyncTruth:
    """Where flash and click are, and when: direction (unit vector), radius of the flashing disc, marks."""

    direction: tuple[float, float, float]
    radius_deg: float
    marks: tuple[SyncMark, ...]


@dataclass(frozen=True, eq=False)
class TruthHeader:
    """Everything but the masks.

    Attributes:
        width, height: pixels of clip and masks.
        fps: exact frame rate; frame i is shown from ``i / fps`` on.
        frame_count: number of frames.
        seed: what it was built from.
        sample_rate_hz: of the sound.
        objects: in painter's order (later in front).
        directions: object id to (frame_count, 3) float64 unit vectors of its centre.
        soundings: who sounds when.
        sync: flash and click.
    """

    width: int
    height: int
    fps: Fraction
    frame_count: int
    seed: int
    sample_rate_hz: int
    objects: tuple[TruthObject, ...]
    directions: Mapping[int, FloatArray]
    soundings: tuple[Sounding, ...]
    sync: SyncTruth

    def sounding(self, index: int) -> tuple[int, ...]:
        """Ids of the objects that sound when a frame begins: none or one in the demo."""
        time_s = float(self._checked(index) / self.fps)
        return tuple(s.object_id for s in self.soundings if s.start_s <= time_s < s.end_s)

    def direction(self, object_id: int, index: int) -> FloatArray:
        """(3,) unit vector of an object's centre in a frame.

        Raises:
            KeyError: no such object.
            IndexError: no such frame.
        """
        vector: FloatArray = self.directions[object_id][self._checked(index)]
        return vector

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.frame_count:
            raise IndexError(f"frame {index} of a clip with {self.frame_count} frames")
        return index


@dataclass(frozen=True, eq=False)
class DemoTruth:
    """The truth about a clip, as read from beside it.

    Attributes:
        header: who is where and who sounds.
        masks: the label maps.
    """

    header: TruthHeader
    masks: MaskRuns

    @property
    def objects(self) -> tuple[TruthObject, ...]:
        """The objects, in painter's order."""
        return self.header.objects

    def mask(self, index: int) -> NDArray[np.uint8]:
        """The label map of a frame: (height, width) uint8, 0 background, else the id of the object in front."""
        return self.masks.mask(index)

    def sounding(self, index: int) -> tuple[int, ...]:
        """Ids of the objects that sound when a frame begins."""
        return self.header.sounding(index)

    def direction(self, object_id: int, index: int) -> FloatArray:
        """(3,) unit vector of an object's centre in a frame."""
        return self.header.direction(object_id, index)


def truth_path(clip: Path) -> Path:
    """Where the truth about a clip lies."""
    return clip.with_name(f"{clip.stem}.truth.json")


def masks_path(clip: Path) -> Path:
    """Where the label maps of a clip lie."""
    return clip.with_name(f"{clip.stem}.masks.npz")


def write_truth(header: TruthHeader, masks: MaskRuns, *, clip: Path) -> None:
    """Write both files beside a clip, masks first. The same truth gives the same bytes.

    Raises:
        OSError: the folder cannot be written or is full.
    """
    if len(masks) != header.frame_count or (masks.width, masks.height) != (header.width, header.height):
        raise ValueError(f"{len(masks)} masks of {masks.width}x{masks.height} do not fit {header}")
    masks.save(masks_path(clip))
    truth_path(clip).write_text(truth_text(header, clip=clip), encoding="utf-8")


def truth_text(header: TruthHeader, *, clip: Path) -> str:
    """What ``<stem>.truth.json`` holds: one line of JSON."""
    return json.dumps(_to_json(header, masks_path(clip).name), separators=(",", ":")) + "\n"


def load_truth(clip: Path) -> DemoTruth:
    """Read the truth about a clip.

    Args:
        clip: the clip, or its ``.truth.json``.

    Raises:
        MediaError: a file is missing, is not of this format and version, or contradicts itself.
    """
    path = clip if clip.name.endswith(".truth.json") else truth_path(clip)
    try:
        header = _from_json(json.loads(path.read_text(encoding="utf-8")))
        stem = path.name.removesuffix(".truth.json")
        masks = load_masks(path.with_name(f"{stem}.masks.npz"))
    except FileNotFoundError as error:
        raise MediaError(f"the truth about a clip is missing: expected {error.filename} beside it") from error
    except (OSError, KeyError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise MediaError(f"{path} cannot be read as the truth about a clip: {error}") from error
    if len(masks) != header.frame_count or (masks.width, masks.height) != (header.width, header.height):
        raise MediaError(
            f"{path} speaks of {header.frame_count} frames of {header.width}x{header.height}, the masks beside it are "
            f"{len(masks)} of {masks.width}x{masks.height}: build the clip again"
        )
    return DemoTruth(header, masks)


def _to_json(header: TruthHeader, masks_name: str) -> dict[str, Any]:
    frames = range(header.frame_count)
    return {
        "format": FORMAT,
        "version": VERSION,
        "width": header.width,
        "height": header.height,
        "fps": [header.fps.numerator, header.fps.denominator],
        "frame_count": header.frame_count,
        "seed": header.seed,
        "sample_rate_hz": header.sample_rate_hz,
        "masks": masks_name,
        "objects": [
            {
                "id": thing.id,
                "name": thing.name,
                "kind": thing.kind,
                "look_alikes": thing.look_alikes,
                "timbre": thing.timbre,
                "radius_deg": thing.radius_deg,
            }
            for thing in header.objects
        ],
        "directions_deg": {str(key): _angles(vectors) for key, vectors in header.directions.items()},
        "soundings": [{"id": s.object_id, "start_s": s.start_s, "end_s": s.end_s} for s in header.soundings],
        "sounding": [list(header.sounding(i)) for i in frames],
        "sync": {
            "direction_deg": _angles(np.asarray([header.sync.direction]))[0],
            "radius_deg": header.sync.radius_deg,
            "marks": [{"frame": mark.frame, "time_s": mark.time_s} for mark in header.sync.marks],
        },
    }


def _angles(vectors: FloatArray) -> list[list[float]]:
    azimuth, elevation = azimuth_elevation(vectors)
    pairs: Iterable[list[float]] = np.round(np.degrees(np.stack([azimuth, elevation], axis=-1)), 5).tolist()
    return list(pairs)


def _vectors(angles_deg: list[list[float]], *, count: int) -> FloatArray:
    angles = np.radians(np.asarray(angles_deg, np.float64))
    if angles.shape != (count, 2) or not np.isfinite(angles).all():
        raise ValueError(f"expected {count} pairs of azimuth and elevation, got shape {angles.shape}")
    return direction(angles[:, 0], angles[:, 1])


def _from_json(data: Any) -> TruthHeader:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f'expected "format": "{FORMAT}"')
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']}, this panosod reads {VERSION}: build the clip again")
    count = int(data["frame_count"])
    sync = data["sync"]
    x, y, z = _vectors([sync["direction_deg"]], count=1)[0].tolist()
    header = TruthHeader(
        width=int(data["width"]),
        height=int(data["height"]),
        fps=Fraction(*data["fps"]),
        frame_count=count,
        seed=int(data["seed"]),
        sample_rate_hz=int(data["sample_rate_hz"]),
        objects=tuple(TruthObject(**thing) for thing in data["objects"]),
        directions={int(key): _vectors(value, count=count) for key, value in data["directions_deg"].items()},
        soundings=tuple(Sounding(int(s["id"]), float(s["start_s"]), float(s["end_s"])) for s in data["soundings"]),
        sync=SyncTruth(
            (x, y, z),
            float(sync["radius_deg"]),
            tuple(SyncMark(int(mark["frame"]), float(mark["time_s"])) for mark in sync["marks"]),
        ),
    )
    if {thing.id for thing in header.objects} != set(header.directions):
        raise ValueError("the directions are not those of the objects")
    return header
