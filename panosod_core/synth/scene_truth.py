"""The truth about a scene on disk: ``truth/<seq>.json``, for people and other programs; ours draw the scene anew."""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from panosod_core.errors import ConfigError, MediaError
from panosod_core.geometry.sphere import azimuth_elevation, direction
from panosod_core.synth.scene import SceneSpec, draw_scene
from panosod_core.synth.scene_classes import CLASSES
from panosod_core.synth.scene_config import config_from_json

FORMAT = "panosod-scene"
VERSION = 1
_CLOSE = 1e-4
"""Directions are written with five digits; further off, the scene is another one."""


@dataclass(frozen=True)
class SceneOnDisk:
    """A scene as it was written.

    Attributes:
        spec: the scene, drawn anew.
        fps: frame i is shown from ``i / fps`` on.
        frame_count: of the whole scene, key frames or not.
        key_frames: numbers of the frames that were written.
        width, height: pixels.
        sample_rate_hz: of the sound.
    """

    spec: SceneSpec
    fps: Fraction
    frame_count: int
    key_frames: tuple[int, ...]
    width: int
    height: int
    sample_rate_hz: int

    def time_s(self, number: int) -> float:
        """When a frame begins."""
        return float(number / self.fps)


def truth_text(scene: SceneOnDisk) -> str:
    """What the file holds: the same scene gives the same bytes."""
    return json.dumps(_to_json(scene), separators=(",", ":")) + "\n"


def read_truth(path: Path) -> SceneOnDisk:
    """Read the truth and draw the scene of it.

    Raises:
        MediaError: the file is missing, is of another format or version, or today's scene of its seed is another one.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f'expected "format": "{FORMAT}"')
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}, this panosod reads {VERSION}: write the scenes again")
        found = SceneOnDisk(
            spec=draw_scene(int(data["seed"]), config_from_json(data["config"])),
            fps=Fraction(*data["fps"]),
            frame_count=int(data["frame_count"]),
            key_frames=tuple(int(number) for number in data["key_frames"]),
            width=int(data["width"]),
            height=int(data["height"]),
            sample_rate_hz=int(data["sample_rate_hz"]),
        )
        _compare(found, data)
    except FileNotFoundError as error:
        raise MediaError(f"{path}: expected the truth about a scene, there is no such file") from error
    except (OSError, KeyError, TypeError, ValueError, ArithmeticError, AttributeError, ConfigError) as error:
        raise MediaError(f"{path} cannot be read as the truth about a scene: {error}") from error
    return found


def _compare(found: SceneOnDisk, data: dict[str, Any]) -> None:
    times_s = [found.time_s(number) for number in found.key_frames]
    for thing in found.spec.objects:
        angles = np.radians(np.asarray(data["directions_deg"][str(thing.id)], np.float64))
        if angles.shape != (len(times_s), 2):
            raise ValueError(f"object {thing.id}: expected a direction for each of {len(times_s)} key frames")
        apart = direction(angles[:, 0], angles[:, 1]) - thing.trajectory.directions(times_s)
        if len(apart) and np.abs(apart).max() > _CLOSE:
            raise ValueError("its seed gives another scene today: write the scenes again")


def _to_json(scene: SceneOnDisk) -> dict[str, Any]:
    spec = scene.spec
    times_s = [scene.time_s(number) for number in scene.key_frames]
    return {
        "format": FORMAT,
        "version": VERSION,
        "seed": spec.seed,
        "config": spec.config.to_json(),
        "fps": [scene.fps.numerator, scene.fps.denominator],
        "frame_count": scene.frame_count,
        "key_frames": list(scene.key_frames),
        "width": scene.width,
        "height": scene.height,
        "sample_rate_hz": scene.sample_rate_hz,
        "background": spec.background.kind.value,
        "room": None if spec.room is None else {"size_m": spec.room.size_m, "rt60_s": spec.room.rt60_s},
        "snr_db": {
            "diffuse": spec.mix.diffuse_snr_db,
            "music": spec.mix.music_snr_db,
            "off_object": spec.mix.off_object_snr_db,
        },
        "objects": [
            {
                "id": thing.id,
                "class": thing.class_name,
                "timbre": _timbre_name(spec.timbre_class(thing.id)),
                "twin": thing.is_twin,
                "radius_deg": round(float(np.degrees(thing.radius_rad)), 4),
                "distance_m": round(thing.distance_m, 4),
            }
            for thing in spec.objects
        ],
        "active": [{"id": s.object_id, "start_s": s.start_s, "end_s": s.end_s} for s in spec.active],
        "directions_deg": {str(t.id): _angles(t.trajectory.directions(times_s)) for t in spec.objects},
        "sounding": [list(spec.sounding(time_s)) for time_s in times_s],
    }


def _timbre_name(class_id: int) -> str | None:
    return None if class_id < 0 else CLASSES[class_id].name


def _angles(vectors: object) -> list[list[float]]:
    pairs: list[list[float]] = np.round(np.degrees(np.stack(azimuth_elevation(vectors), axis=-1)), 5).tolist()  # type: ignore[arg-type]  # array-like
    return pairs
