"""What the window shows of the models of this machine. No Qt, no torch."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panosod_viewer.tools.training import SCORE_NAMES

if TYPE_CHECKING:
    from panosod_core.inference.library import ModelRecord

SHIPPED_NAME = "The one that comes with panosod"


@dataclass(frozen=True)
class ModelCard:
    """A model.

    Attributes:
        model_id: hash of its weights; "" for the one that comes with panosod.
        name: for people.
        path: of its weights; None: they are not there.
        is_default: used where none is named.
        made: when it came into the library, "" where that says nothing.
        parent: name of the model that it was trained from, or the beginning of its id.
        score: what its evaluation said of F.
        details: (what, value) of everything that is known.
    """

    model_id: str
    name: str
    path: Path | None
    is_default: bool = False
    made: str = ""
    parent: str = ""
    score: str = ""
    details: tuple[tuple[str, str], ...] = ()

    @property
    def is_shipped(self) -> bool:
        """It comes with panosod: it cannot be renamed or deleted."""
        return not self.model_id


def shipped_card(path: Path | None, *, is_default: bool) -> ModelCard:
    """Of the model that comes with panosod."""
    where = str(path) if path is not None else "not in this build"
    return ModelCard("", SHIPPED_NAME, path, is_default, details=(("File", where),))


def cards_of(
    records: Sequence[ModelRecord], *, default: str | None, places: Mapping[str, Path], shipped: Path | None
) -> tuple[ModelCard, ...]:
    """All models, the newest first, the one that comes with panosod last.

    Args:
        records: of the library.
        default: id of the one that is used, None for the one that comes with panosod.
        places: weights by id.
        shipped: weights of the one that comes with panosod.
    """
    names = {record.model_id: record.name for record in records}
    cards = [
        ModelCard(
            record.model_id,
            record.name,
            places[record.model_id],
            record.model_id == default,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created_s)),
            names.get(record.parent, record.parent[:8]),
            _score(record.scores),
            _details(record, names.get(record.parent, "")),
        )
        for record in records
    ]
    return (*reversed(cards), shipped_card(shipped, is_default=default is None))


def _score(scores: Mapping[str, Any]) -> str:
    found = scores.get("f")
    return f"{found['incumbent']:.3f} → {found['candidate']:.3f}" if isinstance(found, dict) else ""


def _details(record: ModelRecord, parent: str) -> tuple[tuple[str, str], ...]:
    lines = [("Model", record.model_id)]
    if record.parent:
        lines.append(("Trained from", f"{parent} ({record.parent})" if parent else record.parent))
    if record.snapshot:
        lines.append(("Snapshot", record.snapshot))
    if record.seed is not None:
        lines.append(("Seed", str(record.seed)))
    for name, words in SCORE_NAMES.items():
        found = record.scores.get(name)
        if isinstance(found, dict):
            digits = 1 if name == "location_deg" else 3
            before, after, low, high = (found[key] for key in ("incumbent", "candidate", "low", "high"))
            text = f"{before:.{digits}f} → {after:.{digits}f}"
            lines.append(
                (words, f"{text}, better by {low:+.{digits}f} to {high:+.{digits}f}, {found['frames']} frames")
            )
    if "advice" in record.scores:
        lines.append(("The gate said", str(record.scores["advice"])))
    lines += [(name.capitalize(), _value(value)) for name, value in record.config.items() if value is not None]
    return tuple(lines)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
