"""The folder of a run: what lies in it, whose it is, and the events that are told there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panosod_core.errors import TrainingError
from panosod_core.model.weights import write_beside
from panosod_core.training.config import MAY_CHANGE
from panosod_core.training.events import EventLog, Listener, tensorboard_listener
from panosod_core.training.job import Job
from panosod_core.training.state import STATE
from panosod_core.training.world import World

CONFIG, BEST, LAST = "config.json", "best.safetensors", "last.safetensors"


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its files, and what it was started with.

    Attributes:
        path: its folder.
        resume: go on with the run that lies there; else it must hold none.
        settings: plain values that make the run what it is; kept, and compared when it goes on.
    """

    path: Path
    resume: bool
    settings: dict[str, Any]

    def prepare(self) -> None:
        """Make the folder and write the settings.

        Raises:
            TrainingError: it cannot be made, or holds another run.
        """
        state = self.path / STATE
        if self.resume and not state.is_file():
            raise TrainingError(f"{self.path}: holds no run to go on with ({STATE} is not there)")
        if not self.resume and state.exists():
            raise TrainingError(f"{self.path}: holds a run already; go on with --resume, or choose another folder")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be made ({error.strerror})") from error
        write_beside(self.path / CONFIG, [json.dumps(self.settings, indent=1).encode()])

    def compare(self, before: Mapping[str, Any]) -> None:
        """Stop where a run that goes on would be another one.

        Raises:
            TrainingError: naming what differs.
        """
        was, wants = _flat(before), _flat(json.loads(json.dumps(self.settings)))
        differing = [
            f"{name} was {was.get(name)!r}, is {wants.get(name)!r}"
            for name in sorted(set(was) | set(wants))
            if was.get(name) != wants.get(name) and name.removeprefix("train.") not in MAY_CHANGE
        ]
        if differing:
            raise TrainingError(f"{self.path}: a run goes on with the settings that it had: {'; '.join(differing[:4])}")


@contextmanager
def opened(job: Job, folder: RunFolder, world: World, listeners: Sequence[Listener]) -> Iterator[EventLog]:
    """Folder and events of a run, in the first process; the others only take part.

    Raises:
        TrainingError: the folder holds another run, or cannot be written.
    """
    heard: list[Listener] = []
    notes = []
    if world.is_first:
        folder.prepare()
        heard += listeners
        board = tensorboard_listener(folder.path / "tensorboard") if job.tensorboard else None
        if board is not None:
            heard.append(board)
        elif job.tensorboard:
            notes.append("tensorboard is not installed (extra `train`): events.jsonl holds all the numbers")
    world.wait()
    with EventLog(folder.path if world.is_first else None, heard) as events:
        for note in notes:
            events.tell("note", text=note)
        yield events


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat
