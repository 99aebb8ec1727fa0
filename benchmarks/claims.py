"""The paper's claims, in kind, on a fixed synthetic benchmark: every row of its tables trained from scratch, by seeds.

    python benchmarks/claims.py [--table 7 5 presets …] [--rows NAME …] [--seeds 0 1 2]
                                [--cache .build/claims] [--out benchmarks/results/claims.md] [--report]

Tables 2 to 7 are the paper's; `presets` is ours against theirs, `failure` what the paper names as its own, `classes`
where mono should do. A run is one row with one seed on one thread; its record lies in the cache under a hash of all
that decides it, so that the command goes on where it was stopped and tables share what they have in common. After every
run the page of results is written anew from the records; `--report` writes it and trains nothing.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from claims_plan import BASE, RECIPE, TESTS, TRAINING, Row, Table, tables
from claims_report import Records, complete, described, machine, missing, row_count, table_text
from claims_run import run

REPO = Path(__file__).resolve().parent.parent
SEEDS = (0, 1, 2)
_MARK = "<!-- below: written by benchmarks/claims.py -->"


def known(row: Row, cache: Path) -> dict[int, dict[str, Any]]:
    """The records of a row in the cache, by seed."""
    found = {}
    for path in sorted(cache.glob(f"{row.key()}-seed*.json")):
        found[int(path.stem.rpartition("-seed")[2])] = json.loads(path.read_text())
    return found


def page(chosen: Sequence[Table], cache: Path, *, seeds: Sequence[int], machine_line: str) -> str:
    """The page of results: what it ran on, how, every table that has a run, and what is not there."""
    filled: list[tuple[Table, Records]] = [(t, {row.name: known(row, cache) for row in t.rows}) for t in chosen]
    train_set, test_set = TRAINING["twins"], TESTS["twins"]
    lines = [
        _MARK,
        "",
        f"{machine_line}. By `benchmarks/claims.py`, which holds the config.",
        "",
        f"Network: {described(Row('', BASE))}. Training: {RECIPE.max_steps} steps of {RECIPE.batch} windows from "
        f"scratch, AdamW at {RECIPE.lr:g} (cosine, {RECIPE.warmup_steps} steps of warm-up, clip {RECIPE.clip:g}), "
        f"{train_set.count} windows turned and mirrored at random. Test: {test_set.count} unseen windows a set. "
        "Numbers: mean ± sample standard deviation over seeds.",
        "",
    ]
    for table, records in filled:
        # A single row is one that another table shares: there is nothing to compare yet.
        if sum(bool(complete(row, records[row.name])) for row in table.rows) > 1 or len(table.rows) == 1:
            lines.append(table_text(table, records))
    unique = {(row.key(), seed): r for t, records in filled for row in t.rows for seed, r in records[row.name].items()}
    spent = sum(r["train_cpu_s"] + sum(t["cpu_s"] for t in r["tests"].values()) for r in unique.values()) / 60
    lines += [
        "## What is not there",
        "",
        *([f"- {line}" for line in missing(filled, seeds=seeds)] or ["- nothing: every row has its seeds"]),
        "",
        f"{len(unique)} runs of {row_count([t for t, _ in filled])} different rows took {spent:.0f} core-minutes.",
    ]
    return "\n".join(lines) + "\n"


def write_page(text: str, out: Path) -> None:
    """Replace what was written before; what a person wrote above it stays."""
    before = out.read_text().partition(_MARK)[0] if out.exists() else "# The paper's claims, in kind\n\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    beside.write_text(before + text)
    beside.replace(out)


def main(arguments: Sequence[str] | None = None) -> None:
    every = tables()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", nargs="+", choices=list(every), default=list(every))
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only rows of these names")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--cache", type=Path, default=REPO / ".build" / "claims")
    parser.add_argument("--out", type=Path, default=REPO / "benchmarks" / "results" / "claims.md")
    parser.add_argument("--report", action="store_true", help="write the page from what is cached, train nothing")
    args = parser.parse_args(arguments)

    def report() -> None:
        write_page(page(list(every.values()), args.cache, seeds=args.seeds, machine_line=machine()), args.out)

    # Seed by seed within a table: what is interrupted has all rows of the seeds that it has.
    jobs = [(every[name], row, seed) for name in args.table for seed in args.seeds for row in every[name].rows]
    if args.rows:
        jobs = [job for job in jobs if job[1].name in args.rows]
    for table, row, seed in [] if args.report else jobs:
        began = time.monotonic()
        record = run(row, seed, args.cache)
        scores = record["tests"][row.tests[0]]
        print(
            f"table {table.name} · {row.name} · seed {seed}: right one {100 * scores['chosen']:.1f} %, "
            f"F {scores['f']:.3f} ({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        report()
    report()


if __name__ == "__main__":
    main()
