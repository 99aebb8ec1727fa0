"""What is truly salient in each frame of a clip, for the score on the time line. No Qt.

Beside a clip of ``panosod synth`` lie the masks of all objects, and who sounds when: salient is what sounds. In a
folder of mask pictures all that is marked is salient, and only frames that have a picture of their own are judged.
Masks are of the picture; what is given is upright, as the model's maps are.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import PanosodError

if TYPE_CHECKING:
    from panosod_core.geometry.turning import SphereTurner
    from panosod_core.synth.truth import DemoTruth
    from panosod_viewer.workers.truth import MaskFolder

_ROWS = 320
"""Truth of more rows than twice this is thinned out."""
_log = logging.getLogger(__name__)


class SalientTruth:
    """Reads the truth beside a clip when it is first asked for. Belongs to one thread at a time."""

    def __init__(
        self,
        clip: Path,
        *,
        folder: Path | None = None,
        R_world_picture: NDArray[np.float64] | None = None,  # noqa: N803 - a rotation matrix
    ) -> None:
        """Nothing read yet.

        Args:
            clip: beside which the truth may lie.
            folder: of mask pictures, to be read instead.
            R_world_picture: the picture's pose; None for a picture that stands upright.
        """
        self._clip = clip
        self._R_world_picture = np.eye(3) if R_world_picture is None else R_world_picture
        self._turner: SphereTurner | None = None
        self._folder = folder
        self._masks: MaskFolder | None = None
        self._truth: DemoTruth | None = None
        self._has_nothing = False

    def __call__(self, index: int) -> NDArray[np.bool_] | None:
        """What is salient in a frame.

        Returns:
            (h, w), in no less than 320 rows where there are as many; None where nothing is known of the frame, or the
            truth cannot be read.
        """
        if self._has_nothing:
            return None
        try:
            salient = self._beside(index) if self._folder is None else self._in_folder(self._folder, index)
        except PanosodError as error:
            # Whoever shows the truth over the picture tells the person.
            _log.info("no score against the truth: %s", error)
            self._has_nothing = True
            return None
        return None if salient is None else self._upright(salient)

    def _upright(self, salient: NDArray[np.bool_]) -> NDArray[np.bool_]:
        from panosod_core.geometry.turning import SphereTurner

        if self._turner is None:
            self._turner = SphereTurner(self._R_world_picture)
        return self._turner.nearest(salient)

    def _in_folder(self, folder: Path, index: int) -> NDArray[np.bool_] | None:
        from panosod_viewer.workers.truth import MaskFolder

        if self._masks is None:
            self._masks = MaskFolder(folder)
        return self._masks.labels(index) != 0 if self._masks.key_of(index) == index else None

    def _beside(self, index: int) -> NDArray[np.bool_] | None:
        # In the worker's thread: what made clips are made of is nothing that the window should wait for.
        from panosod_core.synth.truth import load_truth, truth_path

        if self._truth is None:
            if not truth_path(self._clip).is_file():
                self._has_nothing = True
                return None
            self._truth = load_truth(self._clip)
        if not 0 <= index < self._truth.header.frame_count:
            return None
        sounds = np.zeros(256, np.bool_)
        sounds[list(self._truth.header.sounding(index))] = True
        labels = self._truth.mask(index)
        # Maps are a tenth as large: looking every pixel up would take longer than all the rest.
        step = max(1, labels.shape[0] // _ROWS)
        return sounds[labels[step // 2 :: step, step // 2 :: step]]
