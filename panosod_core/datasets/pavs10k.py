"""What is published about ASOD60K = PAVS10K: its 67 sequences, the split, the classes, frame rates, the key-frame rule.

Sources, all of the authors: the lists ``src/data/PAVS10K_seqs_{train,test}.txt``, the classes and titles in
``video_seq_link`` and the listed frame rates in ``video_information.txt`` (in the history) of the repository
``Jun-Pu/PAV-SOD``; the rates read from the video files in ``360VSOD/360VSOD_stt.txt`` of
``PanoAsh/SOTAs-reproduction-PhD-thesis``. The two lists were matched by the videos' ids; inside each class the second
one names the training sequences first.

Rates: where the files were measured, 30, 24 and 60 mostly turn out as 30000/1001, 24000/1001 and 60000/1001, and that
is what stands here (over 30 s, 30 ms of sound). Four sequences were not measured and have the listed rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from panosod_core.datasets.index import Split
from panosod_core.metrics.published import subset_of

KEY_STEP = 6
"""Key frames are those whose number is a multiple of this, from 0 (``360VSOD/AV360_data_process.py``)."""
KEY_FRAMES = 10_465
"""Key frames with masks in the whole data set (README)."""
SEQUENCES = MappingProxyType({Split.TRAIN: 40, Split.TEST: 27})
"""Sequences of each split."""
UNMEASURED_RATES = frozenset({"_-g4fQ5iOVzsI", "_-SJIbpqgYWGw", "_-nDu57CGqbLM", "_-ByBF08H-wDA"})
"""Sequences whose rate is the listed one only: it may be 30000/1001 instead of 30."""

_TABLE = """
_-IRG9Z7Y2uS4       train Speaking    French         30000/1001 IRG9Z7Y2uS4
_-ey9J7w98wlI       train Speaking    WaitingRoom    50         ey9J7w98wlI
_-MzcdEI-tSUc_4     train Speaking    Cooking        25         MzcdEI-tSUc
_-72f3ayGhMEA_1     train Speaking    AudiIntro      50         72f3ayGhMEA
_Ellen              train Speaking    Ellen          30         -SbZ4_ir148
_-0cfJOmUaNNI_1     train Speaking    GroveAction    30000/1001 0cfJOmUaNNI
_-1LM84FSzW0g_3     train Speaking    Warehouse      60000/1001 1LM84FSzW0g
_-0cfJOmUaNNI_2     train Speaking    GroveConvo     30000/1001 0cfJOmUaNNI
_-SZYXQ-6bfiQ       train Speaking    Surfing        30         SZYXQ-6bfiQ
_-jb5YxiXIsjU       train Speaking    Passageway     25         jb5YxiXIsjU
_-72f3ayGhMEA_3     train Speaking    RuralDriving   50         72f3ayGhMEA
_-ZuXCMpVR24I       train Speaking    Lawn           30000/1001 ZuXCMpVR24I
_-72f3ayGhMEA_2     train Speaking    AudiAd         50         72f3ayGhMEA
_-Gq4Y4gL3zSg       train Speaking    ScenePlay      24000/1001 Gq4Y4gL3zSg
_-n524y8uPUaU       train Speaking    UrbanDriving   30000/1001 n524y8uPUaU
_-UpFZ2YaKeqM       train Speaking    Interview      30000/1001 UpFZ2YaKeqM
_-idLVnagjl_s       train Speaking    Telephone      30000/1001 idLVnagjl_s
_-1LM84FSzW0g_1     train Speaking    Walking        60000/1001 1LM84FSzW0g
_-1LM84FSzW0g_2     train Speaking    Bridge         60000/1001 1LM84FSzW0g
_-4SilhsTuDU0       train Speaking    Breakfast      30000/1001 4SilhsTuDU0
_Ellen2             test  Speaking    Debate         30         -SbZ4_ir148
_-Ngj6C_RMK1g_1     test  Speaking    BadmintonConvo 30000/1001 Ngj6C_RMK1g
_-J0Q4L68o3xE_1     test  Speaking    Director       30000/1001 J0Q4L68o3xE
_-J0Q4L68o3xE_2     test  Speaking    ChineseAd      30000/1001 J0Q4L68o3xE
_-RbgxpagCY_c       test  Speaking    Exhibition     30         RbgxpagCY_c
_conversation       test  Speaking    PianoConvo     30000/1001 Pxe920CL0GY
_-MYmMZxmSc1U       test  Speaking    FilmingSite    25         MYmMZxmSc1U
_-Uy5LTocHmoA       test  Speaking    Brothers       30000/1001 Uy5LTocHmoA
_-g4fQ5iOVzsI       test  Speaking    Rap            30         g4fQ5iOVzsI
_-JBrp8aG4lro_1     test  Speaking    Spanish        30000/1001 JBrp8aG4lro
_-ey9J7w98wlI_2     test  Speaking    Questions      50         ey9J7w98wlI
_conversation2      test  Speaking    PianoMono      30000/1001 Pxe920CL0GY
_-o7JEBWV4CmY       test  Speaking    Snowfield      30000/1001 o7JEBWV4CmY
_-5h95uTtPeck       test  Speaking    Melodrama      24000/1001 5h95uTtPeck
_-kZB3KMhqqyI       test  Speaking    Gymnasium      30000/1001 kZB3KMhqqyI
_-4fxKBGthpaw       train Music       Guitar         25         4fxKBGthpaw
_-bO43msZTfwA       train Music       Subway         30         bO43msZTfwA
_-SJIbpqgYWGw       train Music       Jazz           30         SJIbpqgYWGw
_band               train Music       Bass           30         baRj0O4cqgI
_-MFVmxoXgeNQ       train Music       Canon          25         MFVmxoXgeNQ
_-gTB1nfK-0Ac       train Music       MICOSinging    30000/1001 gTB1nfK-0Ac
_-TCUsegqBZ_M       train Music       Clarinet       25         TCUsegqBZ_M
_-eGGFGota5_A       train Music       Trumpet        30000/1001 eGGFGota5_A
_-MDwhMMSFkJ8       train Music       PianoSaxophone 30000/1001 MDwhMMSFkJ8
_-dBM3eM9HOoA       train Music       Chorus         25         dBM3eM9HOoA
_-6QUCaLvQ_3I       test  Music       Studio         60000/1001 6QUCaLvQ_3I
_-SdGCX2H-_Uk       test  Music       Church         30000/1001 SdGCX2H-_Uk
_-Oak26yVbibQ       test  Music       Duet           30000/1001 Oak26yVbibQ
_-V3zp7XOGBhs       test  Music       Blues          30000/1001 V3zp7XOGBhs
_-Bvu9m__ZX60       test  Music       Violins        30000/1001 Bvu9m__ZX60
_-1An41lDIJ6Q       test  Music       SingingDancing 25         1An41lDIJ6Q
_-RSYbTSTz91g       train Miscellanea Beach          30000/1001 RSYbTSTz91g
_-Ngj6C_RMK1g_2     train Miscellanea BadmintonGym   30000/1001 Ngj6C_RMK1g
_-P4KyjvsceZQ       train Miscellanea InVehicle      30000/1001 P4KyjvsceZQ
_-0suxwissusc       train Miscellanea Japanese       30000/1001 0suxwissusc
_-nZJGt3ZVg3g       train Miscellanea Tennis         30000/1001 nZJGt3ZVg3g
_-eqmjLZGZ36k       train Miscellanea Diesel         30000/1001 eqmjLZGZ36k
_-LThm7VYvwxY       train Miscellanea Park           30000/1001 LThm7VYvwxY
_-nDu57CGqbLM       train Miscellanea Lion           30         nDu57CGqbLM
_-gy4TI-6j5po       train Miscellanea Carriage       30000/1001 gy4TI-6j5po
_-G8pABGosD38       train Miscellanea Platform       30         G8pABGosD38
_-I-43DzvhxX8_1     test  Miscellanea Dog            30000/1001 I-43DzvhxX8
_-72f3ayGhMEA_6     test  Miscellanea RacingCar      50         72f3ayGhMEA
_-ByBF08H-wDA       test  Miscellanea Train          30         ByBF08H-wDA
_-HNQMF7e6IL0       test  Miscellanea Football       30000/1001 HNQMF7e6IL0
_-72f3ayGhMEA_4     test  Miscellanea ParkingLot     50         72f3ayGhMEA
_-RrGhiInqXhc       test  Miscellanea Skiing         30000/1001 RrGhiInqXhc
"""


@dataclass(frozen=True)
class SequenceFacts:
    """What is published about a sequence.

    Attributes:
        name: of its folder.
        split: of the official division.
        super_class: Speaking, Music or Miscellanea.
        title: the authors' word for it.
        rate: frames per second of the source video.
        source: id of the video it was cut from; several sequences share one.
    """

    name: str
    split: Split
    super_class: str
    title: str
    rate: Fraction
    source: str

    @property
    def subset(self) -> str | None:
        """Test1 (Miscellanea), Test2 (Music) or Test3 (Speaking) for the test split, else None."""
        return subset_of(self.name) if self.split is Split.TEST else None


def _parsed(table: str) -> Mapping[str, SequenceFacts]:
    facts = {}
    for line in table.split("\n"):
        if line:
            name, split, super_class, title, rate, source = line.split()
            facts[name] = SequenceFacts(name, Split(split), super_class, title, Fraction(rate), source)
    return MappingProxyType(facts)


FACTS: Mapping[str, SequenceFacts] = _parsed(_TABLE)
"""Name of the folder -> what is published about it; all 67."""

_BY_BARE_NAME = MappingProxyType({name.lstrip("_-"): facts for name, facts in FACTS.items()})


def facts_of(name: str) -> SequenceFacts | None:
    """What is published about a folder's sequence, with or without the "_-" before its name; None for any other."""
    return FACTS.get(name) or _BY_BARE_NAME.get(name.lstrip("_-"))


def sources_in_both_splits() -> tuple[str, ...]:
    """Ids of videos of which the official division has cuts in training and in test: scenes leak."""
    by_split = {split: {f.source for f in FACTS.values() if f.split is split} for split in SEQUENCES}
    return tuple(sorted(by_split[Split.TRAIN] & by_split[Split.TEST]))
