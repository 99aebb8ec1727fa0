"""A few frames of a check set, to look at while a model learns: picture, mask, the model before and now. No torch.

One file, replaced whole after every check, so that whoever looks sees a whole one.
"""

import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import TrainingError

EXAMPLES, BEST_EXAMPLES = "examples.npz", "examples-best.npz"
"""Of the last check, and of the best so far; in the folder of a run."""
MOST = 6
_ARRAYS = ("pictures", "truth", "before", "now")


@dataclass(frozen=True, eq=False)
class Examples:
    """N frames of H x W pixels.

    Attributes:
        step: after how many steps.
        clips: name of each frame's clip.
        numbers: of each frame in its clip.
        pictures: (N, H, W, 3) uint8 RGB.
        truth: (N, H, W) uint8, 255 where the mask is.
        before: (N, H, W) uint8, the model that was begun with, 255 for certain.
        now: (N, H, W) uint8, the model as it has learnt so far.
    """

    step: int
    clips: tuple[str, ...]
    numbers: tuple[int, ...]
    pictures: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    before: NDArray[np.uint8]
    now: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: they do not belong together.
        """
        shape = self.truth.shape
        fits = len(shape) == 3 and self.before.shape == self.now.shape == shape and self.pictures.shape == (*shape, 3)
        if not fits or not len(self.clips) == len(self.numbers) == shape[0]:
            raise ValueError(f"expected as many pictures, masks and maps of one size as names, got {shape}")
        if any(getattr(self, name).dtype != np.uint8 for name in _ARRAYS):
            raise ValueError("expected bytes")


def write_examples(path: Path, examples: Examples) -> None:
    """Write beside and rename.

    Raises:
        TrainingError: it cannot be written.
    """
    beside: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        beside = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            np.savez_compressed(
                file,
                step=np.int64(examples.step),
                clips=np.array(examples.clips, np.str_),
                numbers=np.array(examples.numbers, np.int64),
                **{name: getattr(examples, name) for name in _ARRAYS},
            )
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise TrainingError(f"{path}: cannot be written ({error.strerror})") from error


def read_examples(path: Path) -> Examples | None:
    """What was written; None where there is none, or what is there is no such file."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return Examples(
                step=int(held["step"]),
                clips=tuple(str(name) for name in held["clips"]),
                numbers=tuple(int(number) for number in held["numbers"]),
                **{name: held[name] for name in _ARRAYS},
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None  # pictures to look at: nothing depends on them
