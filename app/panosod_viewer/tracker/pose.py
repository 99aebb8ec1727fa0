"""The head's pose as it comes out of the tracker, and the box that holds the newest one."""

from dataclasses import dataclass

from panosod_core.geometry.sphere import FloatArray, yaw_pitch_roll


@dataclass(frozen=True, eq=False)
class HeadPose:
    """An orientation and when it came.

    Attributes:
        R_world_head: (3, 3) float64, head vectors to world vectors, after inversion and tare.
        received_s: ``time.monotonic()`` when its datagram was read.
        sequence: counts poses from 1.
    """

    R_world_head: FloatArray
    received_s: float
    sequence: int

    @property
    def yaw_pitch_roll_rad(self) -> tuple[float, float, float]:
        """Yaw (left +), pitch (up +), roll (clockwise +), radians."""
        return yaw_pitch_roll(self.R_world_head)


class PoseMailbox:
    """Holds the newest pose; older ones are overwritten. One writer thread, any number of readers.

    No lock: storing and loading one attribute is atomic in Python.
    """

    def __init__(self) -> None:
        self._pose: HeadPose | None = None

    def put(self, pose: HeadPose | None) -> None:
        """Replace the pose; None empties the box."""
        self._pose = pose

    def latest(self) -> HeadPose | None:
        """The newest pose, None before the first."""
        return self._pose

    def newer_than(self, sequence: int) -> HeadPose | None:
        """The newest pose if it came after ``sequence``, else None."""
        pose = self._pose
        return pose if pose is not None and pose.sequence > sequence else None
