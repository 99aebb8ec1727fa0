"""What a run tells: one JSON object a line, in its folder and to whoever listens.

Every event has ``event`` and ``time`` (seconds since 1970). ``step`` carries the numbers of an optimiser step, whose
``step`` counts from 1; after a resumed run a step may be told twice, and the later one counts (:func:`read_curve`).
"""

import importlib.util
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from io import SEEK_END, FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

from panosod_core.errors import TrainingError

Event = Mapping[str, Any]
Listener = Callable[[Event], None]
EVENTS = "events.jsonl"


class EventLog:
    """Events of a run, appended to ``events.jsonl``; without a folder (other ranks) only listeners hear them."""

    def __init__(self, folder: Path | None, listeners: Sequence[Listener] = ()) -> None:
        """Open the file.

        Raises:
            TrainingError: it cannot be written.
        """
        self._listeners = tuple(listeners)
        self._path = None if folder is None else folder / EVENTS
        # Unbuffered: a line that did not fit on a full disk must not come back when the file is closed.
        self._file: FileIO | None = None
        if self._path is not None:
            try:
                self._file = FileIO(self._path, "a+")
                self._end_torn_line(self._file)
            except OSError as error:
                raise TrainingError(f"{self._path}: cannot be written ({error.strerror})") from error

    @staticmethod
    def _end_torn_line(file: FileIO) -> None:
        """What a killed process left cut short becomes a line of its own: the next event can be read."""
        if file.seek(0, SEEK_END):
            file.seek(-1, SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")

    def tell(self, event: str, **values: Any) -> None:
        """Tell of something; numbers that are not finite become null.

        Raises:
            TrainingError: the file cannot be written (a full disk).
        """
        said: dict[str, Any] = {"event": event, "time": round(time.time(), 3), **_finite(values)}
        if self._file is not None:
            try:
                self._file.write((json.dumps(said) + "\n").encode())
            except OSError as error:
                raise TrainingError(
                    f"{self._path}: cannot be written ({error.strerror}); the last saved state is whole: "
                    "make room and continue with --resume"
                ) from error
        for listener in self._listeners:
            listener(said)

    def close(self) -> None:
        """No more events."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_events(folder: Path) -> list[dict[str, Any]]:
    """All events of a run; a line that a crash cut short is left out.

    Raises:
        TrainingError: there are none.
    """
    try:
        lines = (folder / EVENTS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise TrainingError(f"{folder / EVENTS}: cannot be read ({error.strerror})") from error
    events = []
    for line in lines:
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


def read_curve(folder: Path, name: str = "loss") -> dict[int, float]:
    """A number of every step: step -> value, the later telling of a step before the earlier."""
    return {e["step"]: e[name] for e in read_events(folder) if e["event"] == "step" and name in e}


def tensorboard_listener(folder: Path) -> Listener | None:
    """Scalars of steps and checks for TensorBoard, in ``folder``; None where it is not installed (extra `train`)."""
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def listen(event: Event) -> None:
        if event["event"] in ("step", "check"):
            for name, value in event.items():
                if isinstance(value, float) and name not in ("time", "eta_s"):
                    writer.add_scalar(f"{event['event']}/{name}", value, event["step"])
        elif event["event"] == "end":
            writer.close()

    return listen
