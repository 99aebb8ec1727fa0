"""What is truly salient in each frame of a clip, for the score on the time line. No Qt.

Beside a clip of ``panosod synth`` lie the masks of all objects, and who sounds when: salient is what sounds.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import PanosodError
from panosod_core.synth.truth import DemoTruth, load_truth, truth_path

_log = logging.getLogger(__name__)


class SalientTruth:
    """Reads the truth beside a clip when it is first asked for. Belongs to one thread at a time."""

    def __init__(self, clip: Path) -> None:
        """Nothing read yet."""
        self._clip = clip
        self._truth: DemoTruth | None = None
        self._has_failed = False

    @classmethod
    def beside(cls, clip: Path) -> "SalientTruth | None":
        """The truth of a clip, where one lies beside it."""
        return cls(clip) if truth_path(clip).is_file() else None

    def __call__(self, index: int) -> NDArray[np.bool_] | None:
        """(H, W) what sounds in a frame; None where nothing is known of the frame, or the truth cannot be read."""
        if self._has_failed:
            return None
        try:
            if self._truth is None:
                self._truth = load_truth(self._clip)
            if not 0 <= index < self._truth.header.frame_count:
                return None
            sounds = np.zeros(256, np.bool_)
            sounds[list(self._truth.header.sounding(index))] = True
            return sounds[self._truth.mask(index)]
        except PanosodError as error:
            # Whoever shows the truth over the picture tells the person.
            _log.info("no score against the truth: %s", error)
            self._has_failed = True
            return None
