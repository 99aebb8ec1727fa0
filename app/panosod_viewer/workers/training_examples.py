"""Reads the frames that a finetuning job keeps to be looked at; one that has not changed is not read again. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from panosod_core.training.examples import BEST_EXAMPLES, EXAMPLES, Examples, read_examples


class ExampleReader:
    """Of one job."""

    def __init__(self, job: Path) -> None:
        """Name its folder."""
        self._runs = job / "runs"
        self._seen: tuple[Path, int] | None = None
        self._held: Examples | None = None

    def look(self, runs: Sequence[str], *, is_learning: bool) -> Examples | None:
        """What there is now; the same object for as long as nothing changes.

        Args:
            runs: names of the runs, the newest last; the newest that keeps any is looked at.
            is_learning: the last check is of interest; else the best one, whose weights became the new model.
        """
        names = (EXAMPLES,) if is_learning else (BEST_EXAMPLES, EXAMPLES)
        for path in (self._runs / run / name for run in reversed(runs) for name in names):
            try:
                changed = path.stat().st_mtime_ns
            except OSError:
                continue
            if self._seen != (path, changed):
                self._seen, self._held = (path, changed), read_examples(path)
            return self._held
        return None
