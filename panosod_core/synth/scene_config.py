"""What synthetic scenes may hold: the ranges that everything in them is drawn from."""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from panosod_core.errors import ConfigError
from panosod_core.synth.draws import Range

MOST_OBJECTS = 8
CONTROL_HZ = 100
"""Rate of the curves that steer the sound: every sample rate must be a multiple of it."""


class HeldOut(StrEnum):
    """What can be kept from training, to be met for the first time in a test."""

    TEXTURES = "textures"
    """Looks: outlines and patterns of other classes."""
    TIMBRES = "timbres"
    """Sounds of other classes."""
    BACKGROUNDS = "backgrounds"
    """Other kinds of surroundings, and the last fifth of the pictures of a folder."""
    LIGHT = "light"
    """Dusk: about a third of the light, and bluish, under the same grain."""


class Place(StrEnum):
    """Where the twins (without twins: the sounding object) stand."""

    SPHERE = "sphere"
    """Anywhere, evenly by solid angle."""
    POLES = "poles"
    """Above 50 degrees or below -50 degrees of elevation."""
    SEAM = "seam"
    """Within 15 degrees of the meridian behind, where the picture's edges meet."""


@dataclass(frozen=True)
class SceneConfig:
    """Ranges and shares of a kind of scene. Checked at birth; with a seed it fixes a scene.

    Attributes:
        duration_s: length of every scene.
        objects: least and most objects, twins included, 1..8.
        twins: objects that cannot be told apart by sight, of which exactly one sounds at any time; 0 for none: then
            all objects are of different classes and the first one drawn sounds.
        radius_deg: apparent radius (of the circle around the outline).
        distance_m: distance, which decides the loudness (1/r); twins share theirs.
        others_sound: chance that an object sounds which need not.
        moving: share of objects that move.
        pauses: share of sounding objects that pause now and then.
        turn_s: every so often another twin takes its turn; None: one sounds all through.
        silent: share of scenes in which no object sounds (their truth is empty).
        place: where the twins stand.
        room: share of scenes that sound in a room, else in the open.
        rt60_s: reverberation times of rooms.
        diffuse: share of scenes with diffuse noise around.
        diffuse_snr_db: level of the objects' sound over it.
        music: share of scenes with music that comes from nowhere or from a pair of loudspeakers in front.
        music_snr_db: level of the objects' sound over it.
        off_object: share of scenes with a sound where no object is.
        off_object_snr_db: level of the objects' sound over it.
        hiss_db: level of the microphones' own noise, dB re full scale.
        grain: standard deviation of the camera's noise, full scale 1.
        clutter: fewest and most unlabelled patterned patches on the background.
        bound_timbres: an object sounds as its class does; else any timbre may come from any look.
        held_out: what is drawn from the held-out kinds instead of the seen ones.
        pictures: equirectangular picture files that may serve as backgrounds.
        picture_share: share of scenes that take one of them, where there are any.
    """

    duration_s: float = 3.0
    objects: tuple[int, int] = (2, 6)
    twins: int = 2
    radius_deg: Range = (10.0, 35.0)
    distance_m: Range = (1.0, 4.0)
    others_sound: float = 0.25
    moving: float = 0.6
    pauses: float = 0.5
    turn_s: float | None = None
    silent: float = 0.0
    place: Place = Place.SPHERE
    room: float = 0.3
    rt60_s: Range = (0.2, 0.8)
    diffuse: float = 0.6
    diffuse_snr_db: Range = (5.0, 25.0)
    music: float = 0.2
    music_snr_db: Range = (3.0, 20.0)
    off_object: float = 0.2
    off_object_snr_db: Range = (3.0, 15.0)
    hiss_db: Range = (-80.0, -55.0)
    grain: Range = (0.0, 0.03)
    clutter: tuple[int, int] = (0, 6)
    bound_timbres: bool = True
    held_out: tuple[HeldOut, ...] = ()
    pictures: tuple[str, ...] = ()
    picture_share: float = 1.0

    def __post_init__(self) -> None:
        low, high = self.objects
        if not 1 <= low <= high <= MOST_OBJECTS:
            raise ConfigError(f"a scene holds 1 to {MOST_OBJECTS} objects, fewest first, got {low}-{high}")
        if self.twins == 1 or not 0 <= self.twins <= low:
            raise ConfigError(
                f"expected no twins (0), or from 2 up to the fewest objects of a scene ({low}), got {self.twins}"
            )
        if not 0.2 <= self.duration_s <= 900:
            raise ConfigError(f"a scene lasts from 0.2 to 900 s, got {self.duration_s:g}")
        if self.turn_s is not None and not self.turn_s >= 0.5:
            raise ConfigError(f"turns last at least 0.5 s, got {self.turn_s:g}")
        if self.turn_s is not None and not self.twins:
            raise ConfigError("turns are taken by twins: give twins, or no turns")
        self._check_ranges()

    def _check_ranges(self) -> None:
        limits = {
            "radius_deg": (2.0, 45.0),
            "distance_m": (0.25, 50.0),
            "rt60_s": (0.1, 2.0),
            "hiss_db": (-120.0, -20.0),
            "grain": (0.0, 0.2),
            "clutter": (0, 12),
            "diffuse_snr_db": (-40.0, 80.0),
            "music_snr_db": (-40.0, 80.0),
            "off_object_snr_db": (-40.0, 80.0),
        }
        for name, (least, most) in limits.items():
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise ConfigError(f"{name} must rise within {least:g} to {most:g}, got {low:g} to {high:g}")
        for name in (
            "others_sound", "moving", "pauses", "silent", "room", "diffuse", "music", "off_object", "picture_share",
        ):  # fmt: skip
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ConfigError(f"{name} is a share from 0 to 1, got {share:g}")

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return asdict(self)


def config_from_json(data: dict[str, Any]) -> SceneConfig:
    """The config of what :meth:`SceneConfig.to_json` gave, as read from a file.

    Raises:
        ConfigError: an unknown field, or a value that cannot be used.
    """
    known = {field.name for field in fields(SceneConfig)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ConfigError(f"a scene's settings hold unknown fields {', '.join(unknown)}: written by another version?")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    try:
        values["held_out"] = tuple(HeldOut(part) for part in values.get("held_out", ()))
        values["place"] = Place(values.get("place", Place.SPHERE))
        return SceneConfig(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a scene's settings cannot be used: {error}") from error
