"""What a person chose for the head tracker: one frozen value, kept in the settings."""

from dataclasses import dataclass

from panosod_core.errors import ConfigError
from panosod_viewer.tracker.presets import LEARNED, preset
from panosod_viewer.tracker.route import Route

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class TrackerConfig:
    """Where to listen and how to read what comes.

    Attributes:
        enabled: listen at all.
        host: address of the interface; loopback unless the person opens it to the network.
        port: UDP port, 1..65535; 0 lets the system choose a free one (see ``OscReceiver.status``).
        preset: id of a :class:`Preset`, or "learned".
        invert_yaw, invert_pitch, invert_roll: turn that axis round, after the preset's signs.
        learned: the routes of the "learned" preset.
    """

    enabled: bool = False
    host: str = LOOPBACK
    port: int = 9000
    preset: str = "auto"
    invert_yaw: bool = False
    invert_pitch: bool = False
    invert_roll: bool = False
    learned: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"tracker port: expected 0 to 65535, got {self.port}")
        if self.preset != LEARNED and preset(self.preset) is None:
            raise ConfigError(f"tracker preset {self.preset!r} is not known: choose one in the tracker dialog")

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes in force."""
        known = preset(self.preset)
        return self.learned if known is None else known.routes
