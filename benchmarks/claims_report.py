"""The tables as text, from cached records."""

import datetime
import os
import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from claims_plan import Row, Table

Records = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""Name of a row -> seed -> record of :func:`claims_run.run`."""
NOTHING = "–"
_CPU = Path("/proc/cpuinfo")


class Column(NamedTuple):
    """A number of the records: of which name in a test, its heading, its scale, its digits."""

    score: str
    heading: str
    scale: float
    digits: int


COLUMNS = (
    Column("chosen", "right one %", 100, 1),
    Column("shuffled", "wrong sound %", 100, 1),
    Column("f", "F", 1, 3),
    Column("s", "S", 1, 3),
    Column("e", "E", 1, 3),
    Column("mae", "MAE", 1, 4),
    Column("peak_deg", "location peak °", 1, 1),
    Column("map_peak_deg", "map peak °", 1, 1),
    Column("turning", "turning error", 1, 3),
)


def spread(values: Sequence[float], *, scale: float, digits: int) -> str:
    """Mean ± sample standard deviation; a single value stands alone."""
    scaled = [scale * value for value in values]
    if not scaled:
        return NOTHING
    mean = f"{statistics.fmean(scaled):.{digits}f}"
    return mean if len(scaled) == 1 else f"{mean} ± {statistics.stdev(scaled):.{digits}f}"


def cell(records: Mapping[int, Mapping[str, Any]], test: str, column: Column) -> str:
    """One number of one row over its seeds."""
    found = [r["tests"][test][column.score] for r in records.values() if column.score in r["tests"].get(test, {})]
    return spread(found, scale=column.scale, digits=column.digits)


def table_text(table: Table, records: Records) -> str:
    """A table in Markdown: its rows on their first set, then what each row makes of its other sets."""
    lines = [f"## {table.title}", "", *_head(["row", *(c.heading for c in COLUMNS), "seeds", "core-min a run"])]
    for row in table.rows:
        done = records.get(row.name, {})
        numbers = [cell(done, row.tests[0], column) for column in COLUMNS]
        minutes = spread([r["train_cpu_s"] / 60 for r in done.values()], scale=1, digits=1)
        lines.append(_line([row.name, *numbers, " ".join(str(s) for s in sorted(done)) or "not run", minutes]))
    lines += ["", *_other_sets(table, records)]
    return "\n".join(lines).rstrip() + "\n"


def _other_sets(table: Table, records: Records) -> list[str]:
    others = list(dict.fromkeys(test for row in table.rows for test in row.tests[1:]))
    if not others:
        return []
    columns = [c for c in COLUMNS if c.score in ("chosen", "f", "peak_deg")]
    lines = []
    for column in columns:
        lines += [f"{column.heading}, by test set:", "", *_head(["row", table.rows[0].tests[0], *others])]
        for row in table.rows:
            done = records.get(row.name, {})
            lines.append(_line([row.name, *(cell(done, test, column) for test in (row.tests[0], *others))]))
        lines.append("")
    return lines


def _head(names: Sequence[str]) -> list[str]:
    return [_line(names), _line(["---", *("---:" for _ in names[1:])])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """What it ran on."""
    cores = os.cpu_count() or 1
    told = re.search(r"^model name\s*:\s*(.+)$", _CPU.read_text(), re.M) if _CPU.exists() else None
    kind = f"{told[1]} ({platform.machine()})" if told else platform.machine()
    return (
        f"{datetime.date.today().isoformat()}, {kind}, {cores} cores shared with other work, one thread a run, "
        f"Python {platform.python_version()}, torch {version('torch')}, numpy {version('numpy')}"
    )


def complete(row: Row, records: Mapping[int, Mapping[str, Any]]) -> set[int]:
    """Seeds of a row that were judged on all its sets."""
    return {seed for seed, r in records.items() if set(row.tests) <= r["tests"].keys()}


def missing(tables: Sequence[tuple[Table, Records]], *, seeds: Sequence[int]) -> list[str]:
    """Rows that lack seeds, a line each."""
    out = []
    for table, records in tables:
        for row in table.rows:
            lacking = sorted(set(seeds) - complete(row, records.get(row.name, {})))
            if lacking:
                out.append(f"table {table.name}, row {row.name}: seeds {', '.join(str(s) for s in lacking)}")
    return out


def row_count(tables: Sequence[Table]) -> int:
    """Different trainings in some tables."""
    return len({row.key() for table in tables for row in table.rows})


def described(row: Row) -> str:
    """The size of what is trained, for the head of the page."""
    m = row.model
    frames = "1 frame" if m.window == 1 else f"{m.window} frames"
    return (
        f"{m.height_px}×{m.width_px} pictures, windows of {frames}, {m.sound_window_s:g} s of sound at "
        f"{m.sound_rate_hz} Hz, {m.backbone} at {m.backbone_width:g} of its width with stride {m.output_stride}, "
        f"C = {m.channels}"
    )
