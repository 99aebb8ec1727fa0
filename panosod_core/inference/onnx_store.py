"""Where a model's exported graphs lie and what they say of themselves: a folder a model, named by its id.

A folder holds the graphs ``frame.onnx``, ``sound.onnx`` and ``map.onnx``, the same with ``.int8.onnx`` where they were
quantised, and ``export.json``, which is written last: a folder without it is not there. No torch is imported here.
"""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from panosod_core.errors import CheckpointError, ConfigError
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.config import ModelConfig

FORMAT = "panosod-onnx"
VERSION = 1
MANIFEST = "export.json"
GRAPHS = ("frame", "sound", "map")
"""In a network without sound there is no ``sound``."""
INT8_MAX_F_LOSS = 0.01
"""How much of F on synthetic scenes int8 may cost and still be taken by itself."""


@dataclass(frozen=True)
class Int8Record:
    """What quantised graphs cost, measured on unseen synthetic scenes.

    Attributes:
        f_float: adaptive F of the float32 graphs.
        f_int8: of the quantised ones.
        twin_float: share of scenes in which the sounding of two look-alikes was chosen.
        twin_int8: the same.
        scenes: how many.
    """

    f_float: float
    f_int8: float
    twin_float: float
    twin_int8: float
    scenes: int

    @property
    def good(self) -> bool:
        """True where int8 may be taken without asking."""
        return self.f_float - self.f_int8 <= INT8_MAX_F_LOSS + 1e-9 and self.twin_int8 >= self.twin_float


@dataclass(frozen=True)
class Export:
    """A folder of graphs.

    Attributes:
        folder: where.
        model_id: of the weights that were exported.
        config: of the network.
        difference: greatest difference of a probability between graphs and torch, as checked at export.
        int8: what the quantised graphs cost; None where there are none.
        versions: of what made it.
    """

    folder: Path
    model_id: str
    config: ModelConfig
    difference: float
    int8: Int8Record | None
    versions: dict[str, str]

    @property
    def has_int8(self) -> bool:
        """True where there are quantised graphs."""
        return self.int8 is not None

    @property
    def int8_is_good(self) -> bool:
        """True where they may be taken without asking."""
        return self.int8 is not None and self.int8.good

    def graphs(self) -> tuple[str, ...]:
        """Names of the parts that this network has."""
        return GRAPHS if self.config.fuses else tuple(name for name in GRAPHS if name != "sound")

    def graph(self, name: str, precision: str) -> Path:
        """File of a part; in int8, the part's float32 file where it was left as it is."""
        quantised = self.folder / f"{name}.int8.onnx"
        return quantised if precision == "int8" and quantised.exists() else self.folder / f"{name}.onnx"

    def manifest(self) -> dict[str, Any]:
        """What ``export.json`` holds."""
        record = None if self.int8 is None else vars(self.int8)
        return {
            "format": FORMAT,
            "format_version": VERSION,
            "model_id": self.model_id,
            "config": self.config.to_json(),
            "difference": self.difference,
            "int8": record,
            "versions": self.versions,
        }


def runtime_is_installed() -> bool:
    """True where ONNX Runtime can be imported."""
    return find_spec("onnxruntime") is not None


def cache_folder(model_id: str) -> Path:
    """Where the export of a model lies unless somebody said otherwise."""
    return user_cache_path("panosod", appauthor=False) / "engines" / model_id[:32]


def beside(model: Path) -> Path:
    """Where an export may lie beside the model itself: ``demo.safetensors`` -> ``demo.onnx``, a folder."""
    return model.with_suffix(".onnx")


def find_export(model: ModelFile) -> Export | None:
    """The graphs of a model: beside it, or in the cache folder.

    Those that are damaged, of other weights, or of another version of panosod are as if they were not there: torch
    does the work, and the next export replaces them.
    """
    for folder in (beside(model.path), cache_folder(model.model_id)):
        try:
            export = read_export(folder)
        except CheckpointError:
            continue
        if export.model_id == model.model_id and export.config.to_json() == model.config.to_json():
            return export
    return None


def read_export(folder: Path) -> Export:
    """What a folder of graphs says of itself.

    Raises:
        CheckpointError: none is there, it is of another version, or graphs are missing.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT or values["format_version"] != VERSION:
            raise CheckpointError(
                f"{folder}: graphs of another version of panosod; run `panosod export-onnx MODEL` again"
            )
        export = Export(
            folder=folder,
            model_id=str(values["model_id"]),
            config=ModelConfig.from_json(values["config"]),
            difference=float(values["difference"]),
            int8=None if values["int8"] is None else Int8Record(**values["int8"]),
            versions={str(k): str(v) for k, v in values["versions"].items()},
        )
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); run `panosod export-onnx MODEL` again") from error
    missing = [name for name in export.graphs() if not export.graph(name, "float32").exists()]
    if missing:
        raise CheckpointError(f"{folder}: {', '.join(missing)} missing; run `panosod export-onnx MODEL` again")
    return export
