"""Published results on the test split of ASOD60K (PAVS10K), to stand beside ours.

Rows without a note are Table 1 of Li et al., "Panoramic Video Salient Object Detection with Ambisonic Audio Guidance",
AAAI 2023 (arXiv 2211.14419): adaptive F (beta² = 0.3), S (alpha = 0.5), adaptive E and MAE at 416x832, all methods
finetuned on the training split. Its rows of other methods are those of Zhang et al., "PAV-SOD", ACM TOMM 2023, whose
table has two more, FANet and CAV-Net: these are marked.

How far to trust the third decimal: the column All of the other methods is the mean over frames of their subsets to
0.0025, with two exceptions that are noted; the paper's own row differs by up to 0.004 from that mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple


class Four(NamedTuple):
    """The four numbers of the paper's table."""

    f: float
    s: float
    e: float
    mae: float


@dataclass(frozen=True)
class PublishedRow:
    """A method's results by subset of the test split, in the paper's order."""

    method: str
    misc: Four
    music: Four
    speaking: Four
    everything: Four
    note: str = ""


SUBSET_TITLES: Mapping[str, str] = MappingProxyType(
    {"Test1": "Miscellanea", "Test2": "Music", "Test3": "Speaking", "All": "All"}
)
"""Subset -> its title; in the order of the table's columns. ASOD60K's own pages of 2021 count them from 0."""

TEST_SUBSETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Test1": (
            "I-43DzvhxX8_1", "72f3ayGhMEA_6", "ByBF08H-wDA", "HNQMF7e6IL0", "72f3ayGhMEA_4", "RrGhiInqXhc",
        ),
        "Test2": (
            "6QUCaLvQ_3I", "SdGCX2H-_Uk", "Oak26yVbibQ", "V3zp7XOGBhs", "Bvu9m__ZX60", "1An41lDIJ6Q",
        ),
        "Test3": (
            "Ellen2", "Ngj6C_RMK1g_1", "J0Q4L68o3xE_1", "J0Q4L68o3xE_2", "RbgxpagCY_c", "conversation",
            "MYmMZxmSc1U", "Uy5LTocHmoA", "g4fQ5iOVzsI", "JBrp8aG4lro_1", "ey9J7w98wlI_2", "conversation2",
            "o7JEBWV4CmY", "5h95uTtPeck", "kZB3KMhqqyI",
        ),
    }
)  # fmt: skip
"""Subset -> its sequences, without the "_-" or "_" that the data set's folders begin with (27 of 67; the data set's
lists ``PAVS10K_seqs_test.txt`` and ``video_seq_link``)."""


def subset_of(clip: str) -> str | None:
    """The subset of a sequence of the test split, by the name of its folder; None for any other name."""
    name = clip.rsplit("/", 1)[-1].lstrip("_-")
    return next((subset for subset, clips in TEST_SUBSETS.items() if name in clips), None)


def _row(method: str, *numbers: float, note: str = "") -> PublishedRow:
    misc, music, speaking, everything = (Four(*numbers[i : i + 4]) for i in range(0, 16, 4))
    return PublishedRow(method, misc, music, speaking, everything, note)


TABLE_1: tuple[PublishedRow, ...] = (
    _row("CPD-R", .248, .654, .645, .035, .272, .608, .632, .018, .228, .588, .657, .026, .243, .609, .648, .026),
    _row("SCRN", .250, .665, .615, .046, .341, .683, .664, .023, .276, .636, .642, .034, .286, .655, .641, .034),
    _row("F3Net", .257, .655, .629, .040, .358, .662, .749, .021, .308, .626, .692, .027, .310, .642, .691, .029),
    _row("MINet", .238, .650, .625, .050, .380, .670, .716, .020, .261, .590, .635, .053, .286, .624, .652, .044),
    _row("LDF", .280, .663, .626, .044, .389, .671, .753, .023, .309, .625, .711, .037, .322, .645, .701, .035),
    _row("CSFR2", .238, .652, .642, .033, .347, .665, .693, .018, .285, .636, .700, .026, .290, .646, .684, .026),
    _row("GateNet", .285, .677, .651, .044, .290, .673, .616, .018, .260, .633, .638, .034, .273, .653, .636, .033),
    _row("COSNet", .147, .610, .553, .031, .220, .557, .541, .016, .176, .572, .570, .023, .181, .582, .559, .023,
         note="S on Music is .577 in PAV-SOD's table, and by the column All"),
    _row("RCRNet", .272, .661, .640, .034, .403, .695, .738, .019, .282, .632, .687, .030, .310, .654, .688, .029),
    _row("PCSA", .123, .604, .574, .034, .310, .657, .645, .022, .150, .571, .534, .026, .184, .600, .570, .027),
    _row("3DC-Seg", .300, .668, .618, .062, .326, .635, .632, .046, .289, .629, .592, .056, .300, .640, .608, .055),
    _row("RTNet", .240, .622, .634, .038, .365, .638, .766, .020, .194, .555, .668, .028, .247, .591, .683, .025,
         note="MAE of All is .028 by its three subsets"),
    _row("FANet", .164, .610, .529, .030, .380, .646, .758, .018, .207, .566, .663, .027, .241, .596, .654, .025,
         note="PAV-SOD's table, not in the paper's"),
    _row("CAV-Net", .410, .704, .705, .040, .466, .675, .801, .018, .391, .659, .742, .024, .414, .674, .747, .027,
         note="PAV-SOD's table, not in the paper's"),
    _row("Li et al. 2023", .355, .714, .617, .037, .483, .682, .834, .016, .382, .658, .742, .024,
         .404, .678, .732, .026, note="the paper"),
)  # fmt: skip
"""By method, the paper last."""
