"""``panosod finetune``: corrected masks become a better model. No torch before it is known what is asked."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from panosod_core.cli.text import one_line
from panosod_core.errors import ConfigError
from panosod_core.inference.library import find_model
from panosod_core.training.finetune_ledger import copy_into_project
from panosod_core.training.jobs.control import queue, resolve
from panosod_core.training.jobs.folder import JobFolder, JobRecord
from panosod_core.training.jobs.machine import check_free
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.start import check_torch, start_detached

_SHOWN = ("f", "s", "e", "mae", "j", "location_deg")


@dataclass(frozen=True)
class FinetuneArguments:
    """Train a model on a project's corrected frames, and measure the result against the model that is used now.

    The job lies in its folder: `panosod job` stops, cancels, promotes it, from anywhere.
    """

    out: Path
    """Folder of the job."""
    project: Annotated[Path | None, tyro.conf.arg(aliases=["-p"])] = None
    """Annotated project. Not needed with --resume."""
    model: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """Model to go on from: its file, its name or id in the library, or shipped; without it the default of `panosod
    models`, else the one that comes with panosod."""
    data: Path | None = None
    """Data set that is mixed in against forgetting; without one: synthetic scenes."""
    mix: float | None = None
    """Share of windows from there; 0: none. Without it 0.9 where one clip was corrected, 0.8 of two, 0.7 of more."""
    recoloured: float = 0.9
    """Share of those that is shown in the colours of the corrected frames: more to learn from in their light."""
    preset: Literal["frozen", "gentle", "whole"] = "whole"
    """whole: the backbone learns, too, at half the rate; gentle: at a tenth of it; frozen: it keeps its weights. Batch
    norm stays in all."""
    minutes: float = 20.0
    """Longest time of learning; 0: no limit."""
    steps: int = 0
    """Most optimiser steps; 0: no limit."""
    epochs: int = 40
    """Most passes."""
    windows: int = 64
    """Windows of a pass, the mixed-in ones among them; the check comes after each pass."""
    batch: int = 2
    """Windows at a time."""
    lr: float = 2e-4
    """Learning rate."""
    distill: float = 1.0
    """Weight of the distillation, where the model has a teacher."""
    blend: float = 0.85
    """How far the weights go from those of the model to those that have learnt; 1: all the way. Less of the corrected
    clips is known by heart, and more of it holds for others."""
    patience: int = 6
    """Passes without a better check before it stops; 0: never."""
    check_share: float = 0.12
    """Of the corrected frames, kept for checking when the project's split is drawn: 0.05 to 0.15."""
    seed: int = 0
    """Of everything that is drawn."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto: a GPU where there is one."""
    threads: int = 0
    """Of the processor; 0: as torch likes."""
    engine: Literal["local", "torchrun", "ray"] = "local"
    """local: one process; torchrun: several, on the GPUs of this machine; ray: a Ray Job on the cluster at --address,
    to which code and frames are shipped."""
    processes: int = 1
    """Of torchrun."""
    address: str = ""
    """Of the cluster's dashboard, http://HOST:8265."""
    resume: bool = False
    """Go on with the job in the folder."""
    detach: bool = False
    """Start it by itself and come back at once: it goes on when this terminal closes."""
    json: bool = False
    """Print one JSON event a line."""


def run(args: FinetuneArguments) -> int:
    """Finetune; 143 where a signal stopped it after it had saved.

    Raises:
        PanosodError: it cannot start, or failed.
    """
    check_torch()
    out = args.out.absolute()
    check_free(out)
    if args.resume:
        resolve(out)
    else:
        if args.project is None:
            raise ConfigError("expected --project FILE, the annotated project to learn from (or --resume)")
        if not args.project.is_file():
            raise ConfigError(f"{args.project}: expected an annotated project, there is no such file")
        JobFolder.create(out, _request(args, args.project))
    queue(out)
    if args.detach:
        mark = start_detached(out)
        _say(args, {"event": "detached", "pid": mark.pid, "folder": str(out)}, f"process {mark.pid} works on {out}")
        return 0
    from panosod_core.training.finetune import InterruptedJobError, work_on  # seconds, which --help need not wait

    report = _print_json if args.json else _PersonReport()
    try:
        record = work_on(out, listeners=(report,))
    except (InterruptedJobError, KeyboardInterrupt):
        _say(args, {"event": "interrupted"}, "interrupted; go on with --resume")
        return 143
    copy_into_project(out)
    if args.json:
        _print_json({"event": "result", **record.to_json()})
    else:
        print("\n".join(result_lines(record)))
    return 0


def _request(args: FinetuneArguments, project: Path) -> FinetuneRequest:
    """The fields of the same name; scenes alone are not asked for here.

    Raises:
        PanosodError: a field that cannot be used, or no such model.
    """
    given: dict[str, Any] = {
        f.name: getattr(args, f.name) for f in fields(FinetuneRequest) if f.name not in ("project", "scene")
    }
    given["model"] = None if args.model is None else find_model(args.model)
    whole: dict[str, Any] = {
        name: value.absolute() if isinstance(value, Path) else value for name, value in given.items()
    }
    return FinetuneRequest(project.absolute(), **whole)


def result_lines(record: JobRecord) -> list[str]:
    """What came out, for a person."""
    result = record.result
    lines = [f"{record.state}: {one_line(record.message)}"]
    for name in _SHOWN:
        if name in result.get("scores", {}):
            lines.append(_line(name, result["scores"][name]))
    for name, scores in (("F as decided", result.get("control", {})), ("F base", result.get("base", {}))):
        if "f" in scores:
            lines.append(_line(name, scores["f"]))
    if "advice" in result:
        lines.append(f"advice: {result['advice']}")
    return lines


def _line(name: str, s: Mapping[str, Any]) -> str:
    return (
        f"  {name:<12} {s['incumbent']:8.4f} -> {s['candidate']:8.4f}   better by {s['gain']:+.4f} "
        f"({s['low']:+.4f} to {s['high']:+.4f}, {s['frames']} frames)"
    )


def _print_json(event: Any) -> None:
    print(json.dumps(event), flush=True)


def _say(args: FinetuneArguments, event: dict[str, Any], text: str) -> None:
    if args.json:
        _print_json(event)
    else:
        print(text, flush=True)


class _PersonReport:
    """Lines for a person; steps only on a terminal, in place."""

    def __init__(self) -> None:
        self._open = False

    def __call__(self, event: Any) -> None:
        from panosod_core.cli.train import event_text, step_text

        kind = event["event"]
        if kind == "step":
            if os.isatty(sys.stderr.fileno()):
                sys.stderr.write(f"\r\x1b[K{step_text(event)}")
                self._open = True
            return
        text = f"{event['state']} {event['text']}".strip() if kind == "state" else event_text(event)
        if text:
            sys.stderr.write(("\r\x1b[K" if self._open else "") + one_line(text) + "\n")
            self._open = False
