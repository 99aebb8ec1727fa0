"""The choices in which published evaluations differ, and the named sets of them that the literature used.

One number called "F" or "E" can differ in the second decimal between tools that implement the same definition. Every
such difference is an option here, with who took which side, so that a table can be compared with the right one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Stretch(Enum):
    """Whether a prediction's darkest pixel becomes 0 and its brightest 1 before it is judged."""

    UNLESS_CONSTANT = "unless-constant"
    """PySODMetrics 1.x and Fan's MATLAB toolboxes; a map of one value keeps it."""
    ALWAYS = "always"
    """zzhanghub/eval-co-sod: a map of one value becomes all 0, whatever the value was."""
    NEVER = "never"
    """Levels divided by 255, no more: what a map says is a probability."""


class EmptyTruth(Enum):
    """What becomes of frames whose mask holds no object; the paper's data have such frames.

    F is 0 there in every tool, and S is 1 - mean(prediction).
    """

    FRACTION = "fraction"
    """E is the share of pixels not selected (Fan's MATLAB, PySODMetrics); a full mask: the share selected. An all-zero
    prediction has the adaptive threshold 0, which selects everything: E = 0."""
    FORMULA = "formula"
    """E by the general formula, which gives a constant 1/4 (zzhanghub/eval-co-sod: ASOD60K's tables of 2021)."""
    SKIP = "skip"
    """Such frames are counted, but left out of every mean."""


@dataclass(frozen=True)
class MetricOptions:
    """How to judge; the defaults are PySODMetrics 1.6.2, the paper's kind of evaluation."""

    beta2: float = 0.3
    """Weight of recall in F (Achanta et al. 2009; all salient-object papers since)."""
    alpha: float = 0.5
    """Share of the object-aware part of S (Fan et al. 2017); the MATLAB in PanoAsh's 360° evaluation says 0.7."""
    stretch: Stretch = Stretch.UNLESS_CONSTANT
    """Stretching of the prediction for F, S and E, and for the two below unless they say otherwise."""
    raw_mae: bool = False
    """MAE on the map as it came (eval-co-sod, and the MATLAB of CPD and of PAV-SOD's authors) instead of stretched
    (PySODMetrics, CODToolbox; CAV-Net in effect, because it saves stretched maps)."""
    raw_curves: bool = False
    """The F and E curves on the map as it came (CPD-era MATLAB: max F of the raw 8-bit map)."""
    thresholds: int = 256
    """Thresholds of the curves: 256 (PySODMetrics, CODToolbox) or 255 (eval-co-sod: i / 254)."""
    strict_e: bool = False
    """E selects pixels greater than the threshold (Fan's MATLAB, CODToolbox) rather than greater or equal. F always
    selects greater or equal."""
    empty: EmptyTruth = EmptyTruth.FRACTION
    """Frames without an object."""
    centroid_plus_one: bool = True
    """The four blocks of S are cut one past the rounded, 0-based centroid, which is what MATLAB's 1-based indices mean
    (PySODMetrics); eval-co-sod cuts at the centroid itself."""
    truth_above: int = 128
    """A mask's pixel is object where its level is greater than this (every tool; 0 for masks stored as 0 and 1)."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            ValueError: a value that means nothing.
        """
        if not self.beta2 > 0:
            raise ValueError(f"beta2 must be positive, got {self.beta2}")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha must lie in 0..1, got {self.alpha}")
        if self.thresholds not in (255, 256):
            raise ValueError(f"thresholds must be 255 or 256, got {self.thresholds}")
        if not 0 <= self.truth_above <= 254:
            raise ValueError(f"truth_above must lie in 0..254, got {self.truth_above}")


VARIANTS: Mapping[str, MetricOptions] = MappingProxyType(
    {
        "pysodmetrics": MetricOptions(),
        "codtoolbox": MetricOptions(strict_e=True),
        "eval-co-sod": MetricOptions(
            stretch=Stretch.ALWAYS,
            raw_mae=True,
            thresholds=255,
            empty=EmptyTruth.FORMULA,
            centroid_plus_one=False,
        ),
        "cpd-matlab": MetricOptions(raw_mae=True, raw_curves=True, strict_e=True),
    }
)
"""Name -> options of a tool that the literature used.

- ``pysodmetrics``: lartpang/PySODMetrics 1.6.2.
- ``codtoolbox``: DengPingFan/CODToolbox, ``main.m``: E by >, also in its curve; everything on stretched maps.
- ``eval-co-sod``: zzhanghub/eval-co-sod, with which ASOD60K's first tables (2021) were made. Equal to it for masks of
  0 and 255 only: it does not binarise others. It also walks the *predictions*, so that missing ones vanish; here they
  are reported.
- ``cpd-matlab``: the MATLAB of CPD's time that PanoAsh's 360° evaluations use (``evaluation/main.m``): MAE and F curve
  on the map as it came, S and E on the stretched one.
"""
