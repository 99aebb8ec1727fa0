"""Augmentations that are exact for picture and sound together: the world turns or is mirrored, and both follow.

- yaw: an equirectangular picture is rolled by whole pixels, and the sound field turned by the same angle;
- left-right: the picture is mirrored, and the channel Y changes its sign;
- up-down: the picture is put upside down, and the channel Z changes its sign.

No resampling of either, so that nothing is lost however often it is done. numpy only.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.harmonics import sh_rotation
from panosod_core.datasets.l3das import RecordingSample
from panosod_core.datasets.windows import WindowSample
from panosod_core.geometry.sphere import rotation

Y_CHANNEL, Z_CHANNEL = 1, 2


@dataclass(frozen=True)
class Augmentation:
    """One transformation of the world: first yaw, then the mirrors (which commute with each other).

    Attributes:
        turn: part of a full circle that everything moves to the right in the picture, 0 <= turn < 1. For pictures it
            is a whole number of pixels.
        mirrored: left and right change places.
        flipped: up and down change places.
    """

    turn: float = 0.0
    mirrored: bool = False
    flipped: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.turn < 1:
            raise ValueError(f"turn must lie in 0 <= turn < 1, got {self.turn}")

    @property
    def yaw_rad(self) -> float:
        """Angle by which sources turn, left positive: moving to the right is negative."""
        return -2 * np.pi * self.turn

    def matrix(self) -> NDArray[np.float64]:
        """(3, 3): where a direction goes (x front, y left, z up); its determinant is -1 with one mirror."""
        mirror = np.diag([1.0, -1.0 if self.mirrored else 1.0, -1.0 if self.flipped else 1.0])
        turned: NDArray[np.float64] = mirror @ rotation(self.yaw_rad)
        return turned


IDENTITY = Augmentation()


@dataclass(frozen=True)
class AugmentConfig:
    """What is drawn at random; all off for runs that follow the paper to the letter.

    Attributes:
        yaw: turn by any angle.
        left_right: probability of the mirror image.
        up_down: probability of upside down.
    """

    yaw: bool = False
    left_right: float = 0.0
    up_down: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.left_right <= 1 and 0 <= self.up_down <= 1):
            raise ValueError(f"probabilities must lie in 0..1: {self}")

    @property
    def is_off(self) -> bool:
        """True where nothing is ever changed."""
        return self == AugmentConfig()


def draw_augmentation(config: AugmentConfig, rng: np.random.Generator, *, width: int) -> Augmentation:
    """A random augmentation for pictures of a width: always three draws, so that switches do not shift the others.

    Args:
        config: what may be drawn.
        rng: source of chance.
        width: pixels around the sphere.
    """
    shift, mirror, flip = rng.integers(width), rng.random(), rng.random()
    return Augmentation(
        turn=float(shift) / width if config.yaw else 0.0,
        mirrored=bool(mirror < config.left_right),
        flipped=bool(flip < config.up_down),
    )


def augmented(sample: WindowSample, how: Augmentation) -> WindowSample:
    """A window in the transformed world.

    Raises:
        ValueError: the turn is no whole number of the pictures' pixels.
    """
    if how == IDENTITY:
        return sample
    return replace(
        sample,
        frames=transformed_picture(sample.frames, how),
        masks=transformed_picture(sample.masks, how),
        foa=transformed_sound(sample.foa, how),
    )


def augmented_recording(sample: RecordingSample, how: Augmentation) -> RecordingSample:
    """A labelled recording of one microphone in the transformed world; the turn may be any angle.

    Raises:
        ValueError: two microphones: the second one would have to move.
    """
    if how == IDENTITY:
        return sample
    if sample.waveform.shape[0] != 4:
        raise ValueError("the world is turned about one microphone: load recordings with microphones=1")
    targets = sample.targets
    position = transformed_directions(targets.position, how).astype(np.float32)
    return replace(
        sample, waveform=transformed_sound(sample.waveform, how), targets=replace(targets, position=position)
    )


def transformed_picture(picture: NDArray[np.float32], how: Augmentation) -> NDArray[np.float32]:
    """Equirectangular pictures, masks or maps (..., H, W) in the transformed world: pixels move, none is changed.

    Raises:
        ValueError: the turn is no whole number of pixels.
    """
    width = picture.shape[-1]
    shift = round(how.turn * width)
    if abs(how.turn * width - shift) > 1e-6:
        raise ValueError(f"a turn of {how.turn} is {how.turn * width} pixels of {width}: expected a whole number")
    moved = np.roll(picture, shift, axis=-1) if shift % width else picture
    if how.mirrored:
        moved = moved[..., ::-1]
    if how.flipped:
        moved = moved[..., ::-1, :]
    return np.ascontiguousarray(moved)


def transformed_sound(foa: NDArray[np.float32], how: Augmentation) -> NDArray[np.float32]:
    """First-order sound (4, n), ACN/SN3D, in the transformed world; W is never changed."""
    if foa.shape[0] != 4:
        raise ValueError(f"expected first-order sound of 4 channels, got {foa.shape[0]}")
    matrix = sh_rotation(1, rotation(how.yaw_rad)) if how.turn else np.eye(4)
    if how.mirrored:
        matrix[Y_CHANNEL] *= -1
    if how.flipped:
        matrix[Z_CHANNEL] *= -1
    return np.asarray(matrix.astype(np.float32) @ foa, np.float32)


def transformed_directions(directions: NDArray[np.floating], how: Augmentation) -> NDArray[np.float64]:
    """Directions or positions (..., 3) in the transformed world."""
    return np.asarray(directions, np.float64) @ how.matrix().T
