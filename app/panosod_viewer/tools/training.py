"""What the window knows of finetuning: what would be learnt from, how a job gets on, what came out. No Qt, no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panosod_core.training.jobs.states import AT_WORK, JobState

if TYPE_CHECKING:
    from panosod_core.training.examples import Examples
    from panosod_core.training.jobs.folder import JobRecord

LIVE = AT_WORK | {JobState.QUEUED, JobState.FINISHED, JobState.STOPPED}
"""States in which a job may still get on by itself; one that has stopped with nothing to judge does not."""
SCORE_NAMES = {"f": "F", "s": "S", "e": "E", "mae": "MAE", "j": "J", "location_deg": "Location, °"}
MOST_STEPS = 20_000
"""Of a run, that are kept for its curve; of a longer one every second, and so on."""
_NO_SCORE = frozenset({"step", "epoch", "best", "time", "of"})


@dataclass(frozen=True)
class ObjectCount:
    """How many corrected frames an object's mask is in.

    Attributes:
        name: of the object.
        frames: that can be learnt from.
        accepted, drafts: of these, by the state of the object's mask.
    """

    name: str
    frames: int
    accepted: int = 0
    drafts: int = 0


@dataclass(frozen=True)
class ClipCount:
    """A clip's part of what would be learnt from.

    Attributes:
        name: of its file.
        frames: that can be learnt from.
        learn, check: of these: learnt from, and kept for the check; the others guard.
        accepted, drafts: of these, by what a person has said.
        rejected: frames that are left out for that.
        objects: in these frames.
        is_missing: its file is not found; nothing of it is learnt.
    """

    name: str
    frames: int
    learn: int
    check: int
    accepted: int
    drafts: int
    rejected: int
    objects: tuple[ObjectCount, ...] = ()
    is_missing: bool = False


@dataclass(frozen=True)
class Material:
    """What a job on a project would learn from, as it is now.

    Attributes:
        project: its file.
        clips: with anything in them.
        why_not: why no job can be started, "" where one can.
        note: what a person should know all the same.
    """

    project: Path
    clips: tuple[ClipCount, ...] = ()
    why_not: str = ""
    note: str = ""

    @property
    def frames(self) -> int:
        """That can be learnt from."""
        return sum(clip.frames for clip in self.clips if not clip.is_missing)


@dataclass(frozen=True)
class ModelLine:
    """A model that a job may begin with.

    Attributes:
        name: for people.
        path: of its weights; None: the one that is used by default.
        tip: where it comes from.
    """

    name: str
    path: Path | None
    tip: str = ""


@dataclass(frozen=True)
class StartWish:
    """What a person asks of a job.

    Attributes:
        model: to begin with; None: the one in use.
        preset: of the request's presets.
        minutes: budget.
        device, engine, address: as the request takes them.
    """

    model: Path | None = None
    preset: str = "frozen"
    minutes: float = 20.0
    device: str = "auto"
    engine: str = "local"
    address: str = ""


@dataclass(frozen=True)
class JobLine:
    """A job in the list.

    Attributes:
        path: its folder.
        state: None where its record cannot be used.
        fault: why not.
        record: what job.json says, where that can be used.
    """

    path: Path
    state: JobState | None
    fault: str = ""
    record: JobRecord | None = None


@dataclass(frozen=True)
class RunCurves:
    """One training run of a job.

    Attributes:
        name: of the run.
        steps, losses: of the training.
        check_steps: when it was checked.
        checks: numbers of the checks by name, NaN where one has none.
        best_step: of the best check, None before the first.
    """

    name: str
    steps: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    check_steps: tuple[float, ...] = ()
    checks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    best_step: float | None = None


@dataclass(frozen=True)
class Pace:
    """How fast a run is, as its last step said.

    Attributes:
        step, of: where it is.
        eta_s: seconds to the last step, without the time budget; None: unknown.
        samples_per_s: throughput; None: unknown.
        judged: (done, of) of the comparison, None before it.
    """

    step: int = 0
    of: int = 0
    eta_s: float | None = None
    samples_per_s: float | None = None
    judged: tuple[int, int] | None = None


@dataclass(frozen=True)
class JobView:
    """A job as its folder shows it.

    Attributes:
        path: its folder.
        record: what job.json says.
        is_alive: its process runs.
        is_orphan: it should run and does not.
        wish: "stop" or "cancel" where a person wants that, else "".
        runs: curves, the oldest run first.
        pace: of the last run.
        ran_s: seconds since it began to learn, as the events say; 0 before.
        notes: what the events say in words, the oldest first.
        log: end of what its process printed.
        evaluation: what evaluation.json says, once it is there.
        examples: frames of the check set, before and now; None before the first check.
    """

    path: Path
    record: JobRecord
    is_alive: bool = False
    is_orphan: bool = False
    wish: str = ""
    runs: tuple[RunCurves, ...] = ()
    pace: Pace = Pace()
    ran_s: float = 0.0
    notes: tuple[str, ...] = ()
    log: str = ""
    evaluation: Mapping[str, Any] | None = None
    examples: Examples | None = None

    @property
    def state(self) -> JobState:
        """Where it is."""
        return self.record.state

    @property
    def is_decidable(self) -> bool:
        """A person may promote or reject its candidate."""
        return self.state is JobState.EVALUATED

    @property
    def eta_s(self) -> float | None:
        """Seconds until it has learnt, at most: its steps or its budget, whichever ends first; None: unknown."""
        found = [] if self.pace.eta_s is None else [self.pace.eta_s]
        minutes = self.record.request.minutes
        if minutes:
            found.append(max(0.0, minutes * 60 - self.ran_s))
        return min(found) if found and self.state is JobState.RUNNING else None


class CurveReader:
    """Puts a job's events together, as they come."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._pace = Pace()
        self._notes: list[str] = []
        self._began_s: float | None = None
        self._last_s = 0.0

    @property
    def runs(self) -> tuple[RunCurves, ...]:
        """All that were begun."""
        return tuple(run.curves(name) for name, run in self._runs.items())

    @property
    def pace(self) -> Pace:
        """Of the last run."""
        return self._pace

    @property
    def notes(self) -> tuple[str, ...]:
        """The last of them."""
        return tuple(self._notes[-200:])

    @property
    def ran_s(self) -> float:
        """Seconds from the first state of learning to the last event."""
        return 0.0 if self._began_s is None else max(0.0, self._last_s - self._began_s)

    def read(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take events in; one of an unknown kind, or that is not whole, says nothing."""
        for event in events:
            kind = event.get("event")
            moment = _number(event.get("time"))
            self._last_s = max(self._last_s, moment or 0.0)
            if kind == "state":
                self._state(event, moment)
            elif kind == "judged":
                self._pace = Pace(
                    self._pace.step, self._pace.of, judged=(int(event.get("done", 0)), int(event.get("of", 0)))
                )
            elif kind in ("note", "skipped", "diverged"):
                text = event.get("text") or event.get("reason") or kind
                self._notes.append(f"{event.get('run', '')} {text}".strip())
            elif kind in ("step", "check", "resume"):
                run = self._runs.setdefault(str(event.get("run", "main")), _Run())
                step = _number(event.get("step"))
                if step is not None:
                    run.read(str(kind), step, event)
                if kind == "step" and step is not None:
                    self._pace = Pace(
                        int(step), int(_number(event.get("of")) or 0),
                        _number(event.get("eta_s")), _number(event.get("samples_per_s")),
                    )  # fmt: skip

    def _state(self, event: Mapping[str, Any], moment: float | None) -> None:
        state, text = str(event.get("state", "")), str(event.get("text", ""))
        if state == JobState.RUNNING and event.get("before") != JobState.STOPPING:
            self._began_s = moment
        self._notes.append(f"{state}: {text}" if text else state)


class _Run:
    def __init__(self) -> None:
        self.losses: dict[float, float] = {}
        self.checks: dict[float, dict[str, float]] = {}
        self.best: float | None = None

    def read(self, kind: str, step: float, event: Mapping[str, Any]) -> None:
        if kind == "resume":  # what came after the saved state is done again
            self.losses = {s: v for s, v in self.losses.items() if s <= step}
            self.checks = {s: v for s, v in self.checks.items() if s <= step}
        elif kind == "step":
            loss = _number(event.get("loss"))
            if loss is not None:
                self.losses[step] = loss
                if len(self.losses) > MOST_STEPS:
                    self.losses = {s: v for n, (s, v) in enumerate(self.losses.items()) if n % 2}
        else:
            numbers = {n: _number(v) for n, v in event.items() if n not in _NO_SCORE}
            self.checks[step] = {n: v for n, v in numbers.items() if v is not None}
            if event.get("best"):
                self.best = step

    def curves(self, name: str) -> RunCurves:
        names = dict.fromkeys(n for numbers in self.checks.values() for n in numbers)
        return RunCurves(
            name,
            tuple(self.losses),
            tuple(self.losses.values()),
            tuple(self.checks),
            {n: tuple(numbers.get(n, math.nan) for numbers in self.checks.values()) for n in names},
            self.best,
        )


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number and isinstance(value, int | float) else None
