"""What is wrong or odd about a data set, counted: nothing is left out without a line that says so."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

EXAMPLES = 5
"""Names kept with each finding."""


class Weight(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """Something that was expected cannot be used."""
    WARNING = "warning"
    """It is used, but a person should look."""
    NOTE = "note"
    """Worth knowing."""


class Kind(StrEnum):
    """What was found; :data:`MEANING` has the words."""

    NO_FRAMES = "no-frames"
    NO_MASK_FOLDER = "no-mask-folder"
    MISSING_MASKS = "missing-masks"
    STRAY_MASKS = "stray-masks"
    MISSING_IMAGE = "missing-image"
    STRAY_FILES = "stray-files"
    UNKNOWN_SEQUENCE = "unknown-sequence"
    MISSING_SEQUENCE = "missing-sequence"
    IN_BOTH_SPLITS = "in-both-splits"
    SPLIT_DIFFERS = "split-differs"
    NO_LIST = "no-list"
    SAME_SOURCE = "same-source"
    OFF_KEY_RULE = "off-key-rule"
    GAPS = "gaps"
    RATE_ASSUMED = "rate-assumed"
    RATE_DIFFERS = "rate-differs"
    NO_SOUND = "no-sound"
    SOUND_UNREADABLE = "sound-unreadable"
    TOO_FEW_CHANNELS = "too-few-channels"
    HEAD_LOCKED = "head-locked"
    EXTRA_CHANNELS = "extra-channels"
    SOUND_SHORT = "sound-short"
    SOUND_LONG = "sound-long"
    SOUND_SILENT = "sound-silent"
    NO_DIRECTION = "no-direction"
    NOT_W_FIRST = "not-w-first"
    NORMALISATION = "normalisation"
    CHANNEL_ORDER = "channel-order"
    ORDER_AMBIGUOUS = "order-ambiguous"
    ORDER_UNPROVEN = "order-unproven"
    DAMAGED_IMAGE = "damaged-image"
    DAMAGED_MASK = "damaged-mask"
    SIZE_DIFFERS = "size-differs"
    NOT_TWO_TO_ONE = "not-two-to-one"
    EMPTY_MASK = "empty-mask"
    SOFT_MASK = "soft-mask"
    COLOURED_MASK = "coloured-mask"
    BAD_ANNOTATION = "bad-annotation"
    UNSORTED_NAMES = "unsorted-names"
    COUNT_DIFFERS = "count-differs"
    LABELS_MISSING = "labels-missing"
    LABELS_BAD = "labels-bad"
    UNKNOWN_CLASS = "unknown-class"
    TOO_MANY_OVERLAPS = "too-many-overlaps"
    OUTSIDE_TIME = "outside-time"
    NO_SECOND_MIC = "no-second-mic"


MEANING: dict[Kind, tuple[Weight, str, str]] = {
    Kind.NO_FRAMES: (Weight.ERROR, "sequences without a single picture", "they are left out"),
    Kind.NO_MASK_FOLDER: (Weight.WARNING, "sequences without a folder of masks", "they can be predicted, not learned"),
    Kind.MISSING_MASKS: (
        Weight.WARNING,
        "pictures (of a video: key frames) without a mask",
        "not learned or scored; in windows they stand beside those that are",
    ),
    Kind.STRAY_MASKS: (Weight.WARNING, "masks without a picture of their name", "they are not used"),
    Kind.MISSING_IMAGE: (Weight.ERROR, "listed pictures that are not there", "they are left out"),
    Kind.STRAY_FILES: (Weight.NOTE, "files whose name is no frame number", "they are not used"),
    Kind.UNKNOWN_SEQUENCE: (
        Weight.WARNING,
        "sequences on disk that no list names",
        "they are taken into the split that holds their masks, else left out",
    ),
    Kind.MISSING_SEQUENCE: (Weight.ERROR, "listed sequences that are not on disk", "training and scores go without"),
    Kind.IN_BOTH_SPLITS: (Weight.ERROR, "sequences listed for training and for test", "they are used for test only"),
    Kind.SPLIT_DIFFERS: (
        Weight.WARNING,
        "sequences in another split than the published 40/27",
        "the lists on disk are followed; scores do not compare with the paper",
    ),
    Kind.NO_LIST: (Weight.NOTE, "split lists that are not there", "the published 40/27 split is used"),
    Kind.SAME_SOURCE: (
        Weight.NOTE,
        "source videos cut into both splits of the official division",
        "kept as published; scenes leak from training into test",
    ),
    Kind.OFF_KEY_RULE: (
        Weight.WARNING,
        "pictures whose number is no multiple of 6, the key-frame rule",
        "they are placed in time by their number all the same",
    ),
    Kind.GAPS: (Weight.WARNING, "gaps in the numbering of key frames", "windows span a gap only where it is short"),
    Kind.RATE_ASSUMED: (Weight.WARNING, "sequences whose frame rate nobody states", "30 frames per second are assumed"),
    Kind.RATE_DIFFERS: (
        Weight.WARNING,
        "sequences whose video file has another frame rate than the table",
        "the file is followed",
    ),
    Kind.NO_SOUND: (
        Weight.ERROR,
        "sequences without a sound file",
        "left out where sound is learned; silent where it is not required",
    ),
    Kind.SOUND_UNREADABLE: (
        Weight.ERROR,
        "sound files that cannot be read",
        "left out where sound is learned; silent where it is not required",
    ),
    Kind.TOO_FEW_CHANNELS: (
        Weight.ERROR,
        "sound files with fewer than 4 channels: no direction in them",
        "left out where sound is learned; silent where it is not required",
    ),
    Kind.HEAD_LOCKED: (
        Weight.NOTE,
        "sound files of 4+2 channels",
        "channels 1-4 are used; the head-locked pair is not",
    ),
    Kind.EXTRA_CHANNELS: (Weight.WARNING, "sound files of neither 4 nor 6 channels", "channels 1-4 are used"),
    Kind.SOUND_SHORT: (
        Weight.WARNING,
        "sound files that end before the last picture",
        "placed by the clock, not stretched; what is missing is silence and marked as such",
    ),
    Kind.SOUND_LONG: (
        Weight.WARNING,
        "sound files that go on after the last picture",
        "placed by the clock, not stretched; the rest is not used",
    ),
    Kind.SOUND_SILENT: (Weight.WARNING, "sound files without sound (below -80 dB)", "used as they are"),
    Kind.NO_DIRECTION: (
        Weight.WARNING,
        "sound files whose directional channels are empty: mono in ambisonic clothes",
        "used as they are",
    ),
    Kind.NOT_W_FIRST: (
        Weight.ERROR,
        "sound files whose first channel is weaker than a W can be",
        "read as chosen; directions are wrong unless --order says what the channels are",
    ),
    Kind.NORMALISATION: (
        Weight.WARNING,
        "sound files whose levels fit another normalisation than the one assumed",
        "read as chosen; say --order with the right one",
    ),
    Kind.CHANNEL_ORDER: (
        Weight.ERROR,
        "sets of sound files whose directions fit another channel order than the one assumed",
        "read as chosen; say --order with the right one",
    ),
    Kind.ORDER_AMBIGUOUS: (
        Weight.ERROR,
        "sets of labelled recordings that fit no channel order clearly",
        "training of directions refuses to guess: say --order",
    ),
    Kind.ORDER_UNPROVEN: (
        Weight.NOTE,
        "sets of sound files whose channel order the directions cannot prove",
        "read as chosen",
    ),
    Kind.DAMAGED_IMAGE: (Weight.ERROR, "pictures that cannot be read", "they stop a run, or are counted and replaced"),
    Kind.DAMAGED_MASK: (Weight.ERROR, "masks that cannot be read", "they stop a run, or are counted and replaced"),
    Kind.SIZE_DIFFERS: (
        Weight.WARNING,
        "masks of another size than their picture",
        "both are brought to the size of the network",
    ),
    Kind.NOT_TWO_TO_ONE: (Weight.WARNING, "pictures that are not twice as wide as high", "they are stretched to 2:1"),
    Kind.EMPTY_MASK: (Weight.NOTE, "masks without a single object pixel", "used: the truth is that nothing is salient"),
    Kind.SOFT_MASK: (Weight.NOTE, "masks with greys between 0 and 255", "learned as they are, scored at 128"),
    Kind.COLOURED_MASK: (
        Weight.WARNING,
        "masks in colours, where object masks are grey: instance masks?",
        "every pixel that is not black counts as object",
    ),
    Kind.BAD_ANNOTATION: (Weight.ERROR, "annotations that cannot be understood", "their object is missing in the mask"),
    Kind.UNSORTED_NAMES: (
        Weight.NOTE,
        "sequences whose file names sort differently as text and as numbers",
        "sorted as numbers; the authors' code sorts as text and pairs masks with other frames",
    ),
    Kind.COUNT_DIFFERS: (Weight.WARNING, "counts that differ from the published ones", "what is there is used"),
    Kind.LABELS_MISSING: (Weight.ERROR, "recordings without a label file", "they are left out"),
    Kind.LABELS_BAD: (Weight.ERROR, "label files that cannot be understood", "their recordings are left out"),
    Kind.UNKNOWN_CLASS: (Weight.ERROR, "labelled events of an unknown class", "they are left out of the targets"),
    Kind.TOO_MANY_OVERLAPS: (
        Weight.WARNING,
        "frames in which more than 3 events of one class sound",
        "the first three of the file are kept",
    ),
    Kind.OUTSIDE_TIME: (Weight.WARNING, "labelled events that reach beyond their recording", "they are cut"),
    Kind.NO_SECOND_MIC: (Weight.NOTE, "recordings without the second microphone (_B)", "microphone A is used alone"),
}
"""Kind -> how much it matters, what it is, and what is done about it."""


@dataclass(frozen=True)
class Finding:
    """One kind of oddity and how often it was met.

    Attributes:
        kind: what.
        count: how many.
        examples: the first few, by name.
        detail: numbers that belong to it.
    """

    kind: Kind
    count: int
    examples: tuple[str, ...] = ()
    detail: str = ""

    @property
    def weight(self) -> Weight:
        """How much it matters."""
        return MEANING[self.kind][0]

    @property
    def text(self) -> str:
        """What it is, without the count."""
        return MEANING[self.kind][1] + (f" ({self.detail})" if self.detail else "")

    @property
    def action(self) -> str:
        """What is done about it."""
        return MEANING[self.kind][2]


@dataclass
class FindingCounter:
    """Collects findings while a data set is read."""

    _found: dict[Kind, tuple[int, list[str], str]] = field(default_factory=dict)

    def add(self, kind: Kind, example: str = "", *, count: int = 1, detail: str = "") -> None:
        """Count one more (or ``count``; none for 0); the last detail given is kept."""
        if count <= 0:
            return
        before, examples, old = self._found.get(kind, (0, [], ""))
        if example and len(examples) < EXAMPLES:
            examples.append(example)
        self._found[kind] = (before + count, examples, detail or old)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Take over what was found elsewhere."""
        for finding in findings:
            before, examples, old = self._found.get(finding.kind, (0, [], ""))
            kept = [*examples, *finding.examples][:EXAMPLES]
            self._found[finding.kind] = (before + finding.count, kept, finding.detail or old)

    def result(self) -> tuple[Finding, ...]:
        """Everything found, errors first, then by kind in the order of :class:`Kind`."""
        weights, kinds = list(Weight), list(Kind)
        found = [Finding(kind, n, tuple(names), detail) for kind, (n, names, detail) in self._found.items()]
        return tuple(sorted(found, key=lambda f: (weights.index(f.weight), kinds.index(f.kind))))
