"""``panosod data check DIR``: what a data set holds before a training run finds out."""

import json
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from panosod_core.cli.text import one_line
from panosod_core.datasets.asod60k import AsodFolders
from panosod_core.datasets.check import CheckReport, SplitCount, check_data_set
from panosod_core.datasets.findings import Finding, Weight
from panosod_core.datasets.index import Layout
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.order_check import OrderEvidence
from panosod_core.datasets.sound_order import parse_order
from panosod_core.datasets.windows import WindowSpec
from panosod_core.errors import ConfigError


@dataclass(frozen=True)
class DataArguments:
    """Look into the folder of a data set: what it holds, what is missing or odd, what training would do with it."""

    action: Annotated[Literal["check"], tyro.conf.Positional]
    """What to do: check."""
    folder: Annotated[Path, tyro.conf.Positional]
    """The data set's folder, or an annotated project (.panosod)."""
    layout: Literal["auto", "asod60k", "pavsodr", "duts", "l3das", "davsod", "panosod"] = "auto"
    """Which layout it has; auto: told by what lies in it."""
    order: str = "auto"
    """What the sound's channels are: acn, acn/n3d, fuma, wxyz or axes such as +x-y+z/sn3d; auto: by the files."""
    rate: tuple[str, ...] = ()
    """Frame rates that go before the published ones: NAME=30000/1001."""
    frames: Path = Path("frame_key")
    """ASOD60K: folder of the key frames."""
    masks: Path = Path("DATA")
    """ASOD60K: folder of the masks."""
    sound: Path = Path("ambisonics_trimmed")
    """ASOD60K: folder of the sound."""
    lists: Path = Path("data")
    """ASOD60K: folder of the lists."""
    full: bool = False
    """Decode every picture and mask (minutes), rather than all headers and a few masks of each sequence."""
    json: bool = False
    """Print one JSON object instead of a report."""


def run(args: DataArguments) -> int:
    """Print the report; 1 where something that was expected cannot be used.

    Raises:
        DatasetError: there is no such data set.
        ConfigError: an option that cannot be used.
    """
    data = open_data_set(
        args.folder,
        layout=None if args.layout == "auto" else Layout(args.layout),
        order=None if args.order == "auto" else parse_order(args.order),
        rates=parse_rates(args.rate),
        folders=AsodFolders(frames=args.frames, masks=args.masks, sound=args.sound, lists=args.lists),
    )
    report = check_data_set(data, spec=WindowSpec(), full=args.full, progress=None if args.json else _show)
    print(json.dumps(report_json(report)) if args.json else report_text(report))
    return 0 if report.is_clean else 1


def parse_rates(texts: tuple[str, ...]) -> dict[str, Fraction]:
    """Frame rates by sequence from "NAME=RATE".

    Raises:
        ConfigError: a text is something else.
    """
    rates = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            rate = Fraction(value)
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if not name or rate <= 0:
            raise ConfigError(f"expected a frame rate such as _Ellen=30000/1001, got {text!r}")
        rates[name] = rate
    return rates


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\rlooking into sequence {done} of {total}" + ("\n" if done == total else ""))
        sys.stderr.flush()


def report_json(report: CheckReport) -> dict[str, Any]:
    """The report as plain values for JSON."""
    return {
        "layout": report.layout.value,
        "root": str(report.root),
        "clean": report.is_clean,
        "full": report.is_full,
        "counts": [
            {
                "split": row.split.value,
                "subset": row.subset,
                "clips": row.clips,
                "frames": row.frames,
                "masks": row.masks,
                "stills": row.stills,
                "recordings": row.recordings,
                "windows": row.windows,
                "left_out": row.left_out,
            }
            for row in report.counts
        ],
        "looked_at": {
            "headers": report.looked_at.headers,
            "masks": report.looked_at.masks,
            "pictures": report.looked_at.pictures,
            "sounds": report.looked_at.sounds,
        },
        "channel_order": None if report.evidence is None else _evidence_json(report.evidence),
        "findings": [
            {
                "kind": finding.kind.value,
                "weight": finding.weight.value,
                "count": finding.count,
                "text": finding.text,
                "action": finding.action,
                "examples": list(finding.examples),
            }
            for finding in report.findings
        ],
        "plan": list(report.plan),
    }


def _evidence_json(evidence: OrderEvidence) -> dict[str, Any]:
    return {
        "verdict": evidence.verdict.value,
        "assumed": evidence.assumed.name,
        "best": evidence.best.name,
        "error_deg": round(evidence.error_deg, 2),
        "assumed_error_deg": round(evidence.assumed_error_deg, 2),
        "directions": evidence.groups,
        "power_ratio": round(evidence.power_ratio, 3),
    }


def report_text(report: CheckReport) -> str:
    """The report as lines for a person."""
    lines = [f"{report.root}: {report.layout.value}", "", "found"]
    lines += [f"  {_row_text(row)}" for row in report.counts] or ["  nothing"]
    seen = report.looked_at
    how = "everything decoded" if report.is_full else "masks sampled; --full decodes everything"
    lines.append(f"  looked into {seen.headers} headers, {seen.masks} masks, {seen.sounds} sounds ({how})")
    if report.evidence is not None:
        lines.append(f"  {_evidence_text(report.evidence)}")
    for weight, title in ((Weight.ERROR, "wrong"), (Weight.WARNING, "odd"), (Weight.NOTE, "to know")):
        some = [finding for finding in report.findings if finding.weight is weight]
        if some:
            lines += ["", title] + [line for finding in some for line in _finding_lines(finding)]
    lines += ["", "a training run would"] + [f"  {line}" for line in report.plan]
    return "\n".join(one_line(line) for line in lines)


def _row_text(row: SplitCount) -> str:
    name = row.split.value if row.subset is None else f"  {row.subset}"
    parts = []
    if row.clips:
        parts.append(f"{row.clips} sequences, {row.frames} pictures, {row.masks} masks, {row.windows} windows")
    if row.stills:
        parts.append(f"{row.stills} pictures with masks")
    if row.recordings:
        parts.append(f"{row.recordings} recordings")
    return f"{name:<9} " + "; ".join(parts)


def _evidence_text(evidence: OrderEvidence) -> str:
    return (
        f"channel order: {evidence.assumed.name} assumed, directions say {evidence.verdict.value}; best "
        f"{evidence.best.name}, off by {evidence.error_deg:.0f} degrees against {evidence.assumed_error_deg:.0f} "
        f"({evidence.groups} directions)"
    )


def _finding_lines(finding: Finding) -> list[str]:
    lines = [f"  {finding.count} {finding.text}: {finding.action}"]
    if finding.examples:
        more = ", ..." if finding.count > len(finding.examples) else ""
        lines.append(f"      {'; '.join(finding.examples)}{more}")
    return lines
