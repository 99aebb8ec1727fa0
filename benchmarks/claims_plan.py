"""What is compared: the benchmark's scenes, its network and recipe, and the rows of every table.

Everything that decides a number stands in this file; the name of a cached result is a hash of it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

from claims_windows import WindowSetSpec

from panosod_core.datasets.synthetic import TEST_SEED
from panosod_core.datasets.windows import WindowSpec
from panosod_core.model.ablations import table_rows
from panosod_core.model.config import AcousticInput, Backbone, ModelConfig
from panosod_core.model.presets import PANOSOD, PAPER
from panosod_core.synth.scene_config import HeldOut, Place, SceneConfig
from panosod_core.training.config import Schedule, TrainConfig
from panosod_core.training.losses import LossConfig

WINDOW = WindowSpec(frames=4, step_s=0.2, sound_s=1.0, rate_hz=16000, width=128, height=64)
"""Stored windows: four frames, of which a network with fewer takes those about the same moment (place 2)."""

TWINS = SceneConfig(
    objects=(2, 4), twins=2, radius_deg=(15.0, 35.0), others_sound=0.0, off_object=0.0, music=0.0, room=0.0
)
"""Two look-alikes of which one sounds, up to two silent others; open air: mono sound holds no echo of a place."""
CLASSES = replace(TWINS, twins=0)
"""All objects of different classes, one sounds, each class with its timbre: loudness and timbre suffice."""
MUSIC_DB = (20.0, 10.0, 5.0, 0.0, -5.0, -10.0)


def with_music(snr_db: float) -> SceneConfig:
    """The twins under background music, which no training scene has."""
    return replace(TWINS, music=1.0, music_snr_db=(snr_db, snr_db))


TRAINING: Mapping[str, WindowSetSpec] = MappingProxyType(
    {
        "twins": WindowSetSpec(2400, 0, WINDOW, TWINS),
        "classes": WindowSetSpec(2400, 0, WINDOW, CLASSES),
    }
)
TESTS: Mapping[str, WindowSetSpec] = MappingProxyType(
    {
        "twins": WindowSetSpec(256, TEST_SEED, WINDOW, TWINS),
        "poles": WindowSetSpec(256, TEST_SEED, WINDOW, replace(TWINS, place=Place.POLES)),
        "seam": WindowSetSpec(256, TEST_SEED, WINDOW, replace(TWINS, place=Place.SEAM)),
        "classes": WindowSetSpec(256, TEST_SEED, WINDOW, CLASSES),
        "timbres": WindowSetSpec(256, TEST_SEED, WINDOW, replace(TWINS, held_out=(HeldOut.TIMBRES,))),
        **{f"music {db:g} dB": WindowSetSpec(256, TEST_SEED, WINDOW, with_music(db)) for db in MUSIC_DB},
    }
)
"""Unseen scenes. The sets with music are the same scenes at other levels."""


def sized(config: ModelConfig) -> ModelConfig:
    """A preset at the benchmark's size, for a processor: the same for all of them, and nothing but size.

    Windows are of one frame, which tells who sounds as well as three do (the sound is around it either way) at less
    than half the price; Table 6 varies that. The teacher is left out: Table 4 is about it.
    """
    return replace(
        config,
        height_px=WINDOW.height,
        width_px=WINDOW.width,
        window=1,
        sound_window_s=WINDOW.sound_s,
        sound_rate_hz=WINDOW.rate_hz,
        fft_size=256,
        hop=200,
        conv_channels=32,
        gru_channels=64,
        backbone=Backbone.RESNET18,
        backbone_width=0.25,
        output_stride=16,
        channels=64,
        heads=4,
        feedforward=128,
        visual_layers=1,
        dropout=0.0,
        teacher=False,
        teacher_validity=False,
        teacher_mask_dropout=0.0,
        teacher_temporal=False,
    )


RECIPE = TrainConfig(
    batch=16, max_steps=700, lr=1e-3, schedule=Schedule.COSINE, warmup_steps=50, clip=1.0, log_every=50
)
"""From scratch; every window is turned by any yaw and mirrored, picture and sound together."""
NO_TEACHER = LossConfig(distill=0.0)
BASE = replace(sized(PAPER), acoustic_input=AcousticInput.INTENSITY)
"""The literal fusion (literal positions, open gate without activation) with intensity vectors as the ear's input."""


@dataclass(frozen=True)
class Row:
    """One line of a table: what is trained, on what, and on which sets it is judged."""

    name: str
    model: ModelConfig
    loss: LossConfig = NO_TEACHER
    recipe: TrainConfig = RECIPE
    training: str = "twins"
    tests: tuple[str, ...] = ("twins",)

    def key(self) -> str:
        """The same for rows that are trained alike, whatever table they stand in; the seed is not in it."""
        # The size alone decides which windows are used of the set; its key covers the scenes.
        recipe = {
            name: v for name, v in self.recipe.to_json().items() if name != "schedule_s" or v
        }  # 0 decides nothing
        said = [self.model.to_json(), asdict(self.loss), recipe, TRAINING[self.training].key]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Table:
    """A table: its name on the command line, what it asks, its rows."""

    name: str
    title: str
    rows: tuple[Row, ...]


_MUSIC_SETS = tuple(f"music {db:g} dB" for db in MUSIC_DB)
_PLACES = ("twins", "poles", "seam")
_SINGLE_CHANGES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "seam-aware padding": {"padding": PANOSOD.padding},
        "scaled SPE": {"spherical_scale": PANOSOD.spherical_scale},
        "intensity vectors": {"acoustic_input": PANOSOD.acoustic_input},
        "energy map": {"energy_map": PANOSOD.energy_map, "energy_bands": PANOSOD.energy_bands},
        "sigmoid gate": {"gate": PANOSOD.gate},
        "norm in the decoder": {"decoder_norm": PANOSOD.decoder_norm},
    }
)


def tables() -> dict[str, Table]:
    """Every table by its name."""
    found = [
        _paper_table(7, "Table 7: what is heard"),
        Table("presets", "Preset `panosod` against preset `paper`, and each of its changes alone", _preset_rows()),
        _paper_table(5, "Table 5: the location branch"),
        _positions(),
        Table("failure", "What the paper fails at: background music, unseen timbres", _failure_rows()),
        Table("classes", "Different classes: where mono should suffice", _class_rows()),
        _paper_table(3, "Table 3: the visual transformer"),
        _distillation(),
        _paper_table(6, "Table 6: the window"),
    ]
    return {table.name: table for table in found}


def _paper_table(number: int, title: str) -> Table:
    return Table(str(number), title, tuple(Row(name, config) for name, config in table_rows(number, BASE).items()))


def _positions() -> Table:
    # Without fusion there are no positions: "none" is Table 7's, as in the paper.
    configs = table_rows(2, BASE) | {"none": table_rows(7, BASE)["none"]}
    rows = [Row(name, config, tests=_PLACES) for name, config in configs.items()]
    scaled = replace(BASE, spherical_scale=PANOSOD.spherical_scale)
    rows.append(Row("attention+spe, scale 2π", scaled, tests=_PLACES))
    return Table("2", "Table 2: fusion and spherical positions, with twins at the poles and on the seam", tuple(rows))


def _preset_rows() -> tuple[Row, ...]:
    paper = sized(PAPER)
    alone = [Row(f"paper + {name}", replace(paper, **change)) for name, change in _SINGLE_CHANGES.items()]  # type: ignore[arg-type]  # fields by name
    # Padding with zeros tells a network where it is; the literal positions hardly do. So both together are asked too.
    placed = {"padding": PANOSOD.padding, "spherical_scale": PANOSOD.spherical_scale}
    told = Row("paper + seam-aware padding + scaled SPE", replace(paper, **placed))  # type: ignore[arg-type]  # fields by name
    heard = replace(told.model, acoustic_input=PANOSOD.acoustic_input)
    both = Row("paper + seam-aware padding + scaled SPE + intensity vectors", heard)
    unplaced = replace(heard, spherical_scale=PAPER.spherical_scale)
    padded = Row("paper + seam-aware padding + intensity vectors", unplaced)
    return (Row("paper", paper), *alone, told, padded, both, Row("panosod", sized(PANOSOD)))


def _failure_rows() -> tuple[Row, ...]:
    tests = ("twins", "timbres", *_MUSIC_SETS)
    mono = table_rows(7, BASE)["mono"]
    return (Row("mono", mono, tests=tests), Row("foa", BASE, tests=tests), Row("panosod", sized(PANOSOD), tests=tests))


def _class_rows() -> tuple[Row, ...]:
    rows = table_rows(7, BASE)
    return tuple(Row(name, config, training="classes", tests=("classes",)) for name, config in rows.items())


def _distillation() -> Table:
    """The distillation sets in at half the run: from scratch, an early pull keeps the student from the sound."""
    rows = []
    for name, config in table_rows(4, BASE).items():
        weight = float(name)
        # λ = 0 is BASE itself, so that its runs are shared.
        model = replace(config, teacher=True) if weight else BASE
        loss = LossConfig(distill=weight, distill_warmup_steps=RECIPE.max_steps // 2) if weight else NO_TEACHER
        rows.append(Row(name, model, loss=loss))
    # As in the work that it is taken from (label-guided distillation): both sides normalised, an adapter between.
    with_one = next(row for row in rows if float(row.name) == 1)
    as_there = replace(with_one.loss, distill_normalise=True, distill_adapter=True)
    rows.append(replace(with_one, name="1, normalised, with an adapter", loss=as_there))
    return Table("4", "Table 4: λ of the distillation (from half the steps on)", tuple(rows))
