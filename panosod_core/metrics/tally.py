"""Maps in, an evaluation out: what a model makes, judged without a file between."""

import numpy as np
from numpy.typing import NDArray

from panosod_core.metrics.accumulate import MetricAccumulator
from panosod_core.metrics.folders import FolderEvaluation, JudgeSettings
from panosod_core.metrics.measure import measure, to_levels
from panosod_core.metrics.pictures import resized_map, resized_mask
from panosod_core.metrics.sounding import FrameTruth, SoundingTally


class MapTally:
    """Maps as they come from a model: their scores, and what known scenes tell of them.

    Attributes:
        sounding: choices and places.
        unreadable: frames that could not be judged, and why; for the result.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        """Begin with nothing."""
        self._settings = settings
        self._flat = MetricAccumulator(settings.options)
        self._sphere = MetricAccumulator(settings.options, sphere=True) if settings.sphere else None
        self.sounding = SoundingTally()
        self.unreadable: list[str] = []
        self._resized = self._planar = 0
        self._faint: list[str] = []

    def add(
        self,
        clip: str,
        subset: str | None,
        saliency: NDArray[np.float32],
        mask: NDArray[np.uint8],
        location: NDArray[np.float32] | None,
        truth: FrameTruth | None,
    ) -> None:
        """Judge one frame.

        Args:
            clip: that it is of.
            subset: that the clip is of.
            saliency: (H, W) probabilities.
            mask: (H, W) uint8, of any size.
            location: (h, w), higher where the model hears, or None.
            truth: who is where, where that is known.
        """
        levels = to_levels(saliency)
        if truth is not None:
            shape = truth.labels.shape
            fitting = levels if levels.shape == shape else resized_map(levels, shape[1], shape[0])
            self.sounding.add(fitting.astype(np.float32), location, truth)
        self._planar += mask.shape[1] != 2 * mask.shape[0]
        if self._settings.size is not None:
            mask = resized_mask(mask, *self._settings.size)
        if levels.shape != mask.shape:
            self._resized += 1
            levels = resized_map(levels, mask.shape[1], mask.shape[0])
        scores = measure(levels, mask, self._settings.options)
        self._flat.add_scores(scores, clip=clip, subset=subset)
        if bool(scores.empty[0]) and mask.any():
            self._faint.append(clip)
        if self._sphere is not None:
            self._sphere.add(levels, mask, clip=clip, subset=subset)

    def maps(self, masks: int) -> FolderEvaluation:
        """The scores of the maps, of ``masks`` that were to be judged."""
        return FolderEvaluation(
            flat=self._flat.result(),
            sphere=None if self._sphere is None else self._sphere.result(),
            masks=masks,
            missing=(),
            extra=(),
            unreadable=tuple(self.unreadable),
            resized=self._resized,
            not_panoramas=self._planar,
            faint=tuple(self._faint),
        )
