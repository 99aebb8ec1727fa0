"""What a project's file says about a clip as a whole: where only machines have spoken, and how long masks took.

Read over a connection of its own, so that nobody who edits waits; strokes that are on their way are not in it yet.
"""

from __future__ import annotations

import statistics
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from panosod_core.annotation.opening import connect
from panosod_core.annotation.reading import ProjectReader
from panosod_core.annotation.records import Source


@dataclass(frozen=True)
class Survey:
    """A clip's committed masks in numbers.

    Attributes:
        by_machine: pts of frames whose masks all come from a model, propagation or a file.
        propagated: pts of those among them with a propagated mask.
        timed: masks of which the working time is known.
        median_s: their median working time, all revisions of a mask together; None where none is known.
    """

    by_machine: frozenset[int] = frozenset()
    propagated: frozenset[int] = frozenset()
    timed: int = 0
    median_s: float | None = None


def survey(path: Path, clip: int) -> Survey:
    """Look through a clip of a project.

    Raises:
        ProjectError: the file cannot be read.
    """
    with closing(ProjectReader(connect(path, writing=False), path)) as reader:
        sources = reader.ask(
            "SELECT f.pts, sum(r.source = ?), sum(r.source = ?) FROM heads h JOIN revisions r ON r.id = h.revision "
            "JOIN frames f ON f.id = h.frame WHERE f.clip = ? AND r.mask IS NOT NULL GROUP BY f.id",
            (Source.MANUAL.value, Source.PROPAGATED.value, clip),
        )
        times = reader.ask(
            "SELECT sum(r.time_spent_s) AS spent FROM revisions r JOIN frames f ON f.id = r.frame WHERE f.clip = ? "
            "GROUP BY r.frame, r.object HAVING spent > 0",
            (clip,),
        )
    machine = {pts: propagated for pts, manual, propagated in sources if not manual}
    spent = [float(row[0]) for row in times]
    return Survey(
        frozenset(machine),
        frozenset(pts for pts, propagated in machine.items() if propagated),
        len(spent),
        statistics.median(spent) if spent else None,
    )
