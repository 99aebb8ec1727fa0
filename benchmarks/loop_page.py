"""The page of :mod:`loop`: runs with several seeds of one look, each a file beside it, and all of them together.

A seed draws the clips. What the page says under the heading :data:`REMARKS` is written by hand, and is kept.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LEAST_RISE, MOST_FALL = 0.10, 0.02
REMARKS = "## What to make of it"
FIRST, OTHERS, WELL, BENCHMARK = (
    "the other half of that clip",
    "other clips of that look",
    "such things filmed well",
    "the original benchmark",
)
HEAD = (
    "| judged on | frames | F before | F after | change | twins before | twins after |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True)
class Judged:
    """Both models on the same frames.

    Attributes:
        name: of these frames.
        frames: how many.
        f_before, f_after: the mean of the frames' F.
        choices: frames in which one of two look-alikes sounds.
        twins_before, twins_after: share of them in which it is the more salient one; None without any.
    """

    name: str
    frames: int
    f_before: float
    f_after: float
    choices: int
    twins_before: float | None
    twins_after: float | None

    @property
    def change(self) -> float:
        """Of F."""
        return self.f_after - self.f_before

    @property
    def hears_worse(self) -> bool:
        """Whether fewer twins are right than before."""
        return self.twins_before is not None and self.twins_after is not None and self.twins_after < self.twins_before


@dataclass(frozen=True)
class Outcome:
    """What came of one run.

    Attributes:
        command: that makes it again.
        recipe: what was learnt, and how, in words.
        where: model, machine, versions and day.
        effort: pixels that the robot painted and erased.
        said: how the job ended.
        job_minutes, minutes, worked_minutes: the job took; all of it took; all of it had a processor for.
        load: of the machine, at the end.
        rows: by what they are judged on.
    """

    command: str
    recipe: str
    where: str
    effort: int
    said: str
    job_minutes: float
    minutes: float
    worked_minutes: float
    load: float
    rows: tuple[Judged, ...]

    def write(self, path: Path) -> None:
        """Into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Outcome":
        """Of a file."""
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**values | {"rows": tuple(Judged(**row) for row in values["rows"])})


def page(title: str, look: str, outcomes: Sequence[Outcome], *, wants: bool) -> str:
    """The page of some runs; ``wants``: with what is wanted of them."""
    lines = [f"# {title}", "", look, ""]
    if len(outcomes) > 1:
        every = [together([o.rows[k] for o in outcomes]) for k in range(len(outcomes[0].rows))]
        lines += [f"All {len(outcomes)} runs together:", "", table(every), "", *wanted(every, wants=wants)]
        minutes = ", ".join(f"{o.minutes:.1f}" for o in outcomes)
        lines += [f"They took {minutes} minutes.", ""]
    for outcome in outcomes:
        lines += [f"## `{outcome.command}`"] if len(outcomes) > 1 else [f"`{outcome.command}`"]
        lines += [
            "", f"{outcome.recipe}, {outcome.effort} pixels painted or erased in all; {outcome.where}.", "",
            table(outcome.rows), "", *wanted(outcome.rows, wants=wants),
            f"The job took {outcome.job_minutes:.1f} minutes and ended with: {outcome.said}. All of it took "
            f"{outcome.minutes:.1f} minutes, in which it had a processor for {outcome.worked_minutes:.1f} minutes; "
            f"load {outcome.load:.1f}.", "",
        ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def with_remarks(text: str, before: Path) -> str:
    """A page with what was written by hand on the one before it."""
    old = before.read_text(encoding="utf-8") if before.is_file() else ""
    return text if REMARKS not in old else f"{text}\n{old[old.index(REMARKS) :]}"


def table(rows: Sequence[Judged]) -> str:
    """The rows, in Markdown."""
    lines = [HEAD]
    for row in rows:
        twins = " | ".join(
            "-" if share is None else f"{100 * share:.1f} % of {row.choices}"
            for share in (row.twins_before, row.twins_after)
        )
        lines.append(
            f"| {row.name} | {row.frames} | {row.f_before:.3f} | {row.f_after:.3f} | {row.change:+.3f} | {twins} |"
        )
    return "\n".join(lines)


def together(rows: Sequence[Judged]) -> Judged:
    """One row of several runs: every frame counts the same."""

    def mean(value: Callable[[Judged], float | None], weight: Callable[[Judged], int]) -> float | None:
        known = [(found, weight(row)) for row in rows if (found := value(row)) is not None and weight(row)]
        total = sum(count for _, count in known)
        return sum(found * count for found, count in known) / total if total else None

    def frames(row: Judged) -> int:
        return row.frames

    def choices(row: Judged) -> int:
        return row.choices

    return Judged(
        rows[0].name, sum(map(frames, rows)),
        mean(lambda r: r.f_before, frames) or 0.0, mean(lambda r: r.f_after, frames) or 0.0,
        sum(map(choices, rows)), mean(lambda r: r.twins_before, choices), mean(lambda r: r.twins_after, choices),
    )  # fmt: skip


def wanted(rows: Sequence[Judged], *, wants: bool) -> list[str]:
    """What is wanted of the rows and whether it is so, as lines of a page."""
    if not wants:
        return []
    by_name = {row.name: row for row in rows}
    of_look = [by_name[FIRST], by_name[OTHERS]]
    met = (
        min(row.change for row in of_look) >= LEAST_RISE,
        not any(row.hears_worse for row in of_look),
        by_name[BENCHMARK].change >= -MOST_FALL,
    )
    rise, twins, fall = ("met" if held else "not met" for held in met)
    return [
        f"Wanted: a rise of {LEAST_RISE:.2f} on the first two ({rise}); twins no worse there ({twins}); a fall of at "
        f"most {MOST_FALL:.2f} on the last ({fall}).", "",
    ]  # fmt: skip
