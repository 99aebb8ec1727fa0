"""``panosod export-onnx MODEL``: a model as graphs for ONNX Runtime, which runs them faster on CPUs than torch."""

import json
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import tyro

from panosod_core.cli.text import one_line
from panosod_core.errors import ConfigError, install_extra
from panosod_core.inference.library import find_model
from panosod_core.inference.model_file import ModelFile, demo_model
from panosod_core.inference.onnx_store import Export, find_export

_NEEDED = ("torch", "safetensors", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class ExportOnnxArguments:
    """Write a model as graphs for ONNX Runtime, check them against torch, and put them where they are found.

    Whatever opens the model on a CPU uses the graphs from then on (with the extra `fast`). They are refused where a
    probability differs from torch's by more than 0.001.
    """

    model: Annotated[str | None, tyro.conf.Positional] = None
    """A model's file, its name or id in the library; without it, the model that comes with panosod."""
    out: Path | None = None
    """Folder for the graphs; without it, the cache folder of panosod. A folder MODEL.onnx beside MODEL.safetensors is
    found too."""
    int8: bool = False
    """Also quantise to 8 bits, and measure on synthetic scenes what that costs: minutes. Used by itself only where F
    falls by 0.01 at most and look-alikes are told apart as well as before."""
    if_missing: bool = False
    """Do nothing where the graphs are there already."""
    json: bool = False
    """Print one JSON event a line."""


def run(args: ExportOnnxArguments) -> int:
    """Export, and say where to and how good.

    Raises:
        ConfigError: packages are missing, or the folder holds other things.
        CheckpointError: the model cannot be used, or the graphs differ.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"export needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed: "
            + install_extra("model", "fast", "export")
        )
    model = demo_model() if args.model is None else find_model(args.model)
    if args.if_missing:
        there = find_export(ModelFile.read(model))
        if there is not None and (there.has_int8 or not args.int8):
            _report(there, as_json=args.json)
            return 0
    import torch  # seconds, so only where there is work

    from panosod_core.inference.onnx_export import export_onnx

    # Where others compute too, threads that wait for each other make the check forty times slower.
    torch.set_num_threads(1)

    def say(line: str) -> None:
        if args.json:
            print(json.dumps({"event": "progress", "text": line}), flush=True)
        else:
            print(f"panosod: {one_line(line)}", file=sys.stderr, flush=True)

    _report(export_onnx(model, out=args.out, int8=args.int8, say=say), as_json=args.json)
    return 0


def _report(export: Export, *, as_json: bool) -> None:
    record = export.int8
    if as_json:
        event: dict[str, object] = {"event": "result", "folder": str(export.folder), "model_id": export.model_id}
        event |= {
            "difference": export.difference,
            "int8": None if record is None else asdict(record) | {"good": record.good},
        }
        print(json.dumps(event), flush=True)
        return
    print(one_line(f"{export.folder}: graphs of {export.model_id[:12]}, differ from torch by {export.difference:.1g}"))
    if record is not None:
        verdict = "used by itself" if record.good else "used only with --precision int8"
        print(
            f"int8: F {record.f_int8:.3f} where float32 has {record.f_float:.3f}; look-alikes told apart "
            f"{record.twin_int8:.0%}, {record.twin_float:.0%} ({record.scenes} scenes): {verdict}"
        )
