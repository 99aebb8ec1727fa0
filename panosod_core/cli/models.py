"""``panosod models``: the models of this machine, and which is used when none is named. No torch."""

import importlib.util
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from panosod_core.errors import ConfigError, install_extra
from panosod_core.inference.library import SHIPPED, ModelLibrary, ModelRecord, find_model
from panosod_core.inference.model_file import ModelFile


@dataclass(frozen=True)
class ModelsArguments:
    """List, add, name, remove, compare models; choose which one is used."""

    action: Annotated[
        Literal["list", "show", "import", "export", "rename", "delete", "compare", "default", "rollback"],
        tyro.conf.Positional,
    ] = "list"
    """default: use a model from now on, `shipped` for the one that comes with panosod; rollback: the one before;
    compare: two models on the same frames of --data."""
    model: Annotated[str, tyro.conf.Positional] = ""
    """Name or beginning of the id; for import the file; compare and default take `shipped` too, compare also files."""
    to: Annotated[str, tyro.conf.Positional] = ""
    """export: the file; rename, import: the name; compare: the other model."""
    data: Path | None = None
    """compare: folder of a data set, whose test part is judged on, or an annotated project, whose check set is."""
    device: str = "auto"
    """compare: where both run."""
    json: bool = False
    """Print JSON, one model a line."""


def run(args: ModelsArguments) -> int:
    """Do it.

    Raises:
        PanosodError: it cannot be done.
    """
    library = ModelLibrary()
    if args.action not in ("list", "rollback") and not args.model:
        raise ConfigError(f"expected a model: panosod models {args.action} MODEL")
    if args.action in ("export", "rename") and not args.to:
        raise ConfigError(f"expected where to: panosod models {args.action} MODEL {'FILE' * (args.action == 'export')}")
    if args.action == "compare":
        _compare(args)
    elif args.action == "list":
        _list(args, library)
    elif args.action == "show":
        print(json.dumps(asdict(library.find(args.model)), indent=None if args.json else 1))
    elif args.action == "export":
        print(library.export(args.model, Path(args.to)))
    elif args.action in ("default", "rollback"):
        record = library.promote(args.model) if args.action == "default" else library.roll_back()
        _print(args, library, record)
    else:
        _print(args, library, _changed(args, library))
    return 0


def _compare(args: ModelsArguments) -> None:
    if not args.to or args.data is None:
        raise ConfigError("expected two models and frames to judge on: panosod models compare MODEL MODEL --data DIR")
    if importlib.util.find_spec("torch") is None:
        raise ConfigError(f"comparing models needs torch: {install_extra('model')}")
    from panosod_core.training.compare_any import compare_on

    first, second = (ModelFile.read(find_model(word)) for word in (args.model, args.to))
    found = compare_on(first, second, args.data, device=args.device)
    if args.json:
        print(json.dumps({"judged": found.part, "overall": {n: vars(s) for n, s in found.verdict.overall.items()},
                          "by_clip": {c: {n: vars(s) for n, s in some.items()}
                                      for c, some in found.verdict.by_clip.items()}}))  # fmt: skip
        return
    print(f"{args.model} -> {args.to}, on {found.part}")
    for title, scores in (("all", found.verdict.overall), *found.verdict.by_clip.items()):
        for name, s in scores.items():
            print(
                f"  {title:<16} {name:<12} {s.incumbent:8.4f} -> {s.candidate:8.4f}   better by {s.gain:+.4f} "
                f"({s.low:+.4f} to {s.high:+.4f}, {s.frames} frames)"
            )


def _changed(args: ModelsArguments, library: ModelLibrary) -> ModelRecord:
    if args.action == "import":
        return library.add(Path(args.model), name=args.to)
    if args.action == "rename":
        return library.rename(args.model, args.to)
    return library.delete(args.model)


def _list(args: ModelsArguments, library: ModelLibrary) -> None:
    for record in library.records():
        _print(args, library, record)
    if not args.json:
        _print(args, library, None)


def _print(args: ModelsArguments, library: ModelLibrary, record: ModelRecord | None) -> None:
    is_default = library.default_id == (None if record is None else record.model_id)
    if args.json:
        print(json.dumps({"default": is_default, **({"name": SHIPPED} if record is None else asdict(record))}))
        return
    mark = "*" if is_default else " "
    if record is None:
        print(f"{mark} {SHIPPED:<24} comes with panosod")
        return
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created_s))
    f = record.scores.get("f", {})
    score = f"F {f['incumbent']:.3f} -> {f['candidate']:.3f}" if f else ""
    parent = f"from {record.parent[:8]}" if record.parent else ""
    print(f"{mark} {record.name:<24} {record.model_id[:12]}  {day}  {parent}  {score}".rstrip())
