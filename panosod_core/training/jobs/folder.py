"""A job's folder is the truth about it: anyone may read it at any time, one process at a time writes it.

    job.json      state, request, result; replaced whole
    process.json  which process works on it
    control.json  what a person wants of it: stop or cancel
    events.jsonl  what happened, a line each
    log.txt       whatever its process printed; of a long one, the end
    spare         room for the record of a job whose disk is full
    data/ runs/   prepared data sets, training runs
    candidate.safetensors  the model that came out

Whoever writes holds the lock on ``job.lock``, which the system lets go when its owner dies, however that happens.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

from panosod_core.errors import TrainingError
from panosod_core.training.jobs.files import append_line, read_json, read_lines, write_json
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.states import AT_WORK, JobState, check_step

JOB, PROCESS, CONTROL, EVENTS, LOG, LOCK = (
    "job.json", "process.json", "control.json", "events.jsonl", "log.txt", "job.lock",
)  # fmt: skip
CANDIDATE = "candidate.safetensors"
SPARE = "spare"
LOG_MOST_BYTES = 64 << 20
_LOG_KEPT_BYTES, _SPARE_BYTES = 1 << 20, 1 << 16
_LAST_BYTES = 2000
_PATIENCE_S, _AGAIN_S = 3.0, 0.02
_VERSION = 1
_DISCARDED = ("data", "runs", "members")


class Wish(StrEnum):
    """What a person wants of a job that is at work."""

    STOP = "stop"
    """End early and keep the best."""
    CANCEL = "cancel"
    """Give up and keep nothing."""


@dataclass(frozen=True)
class JobRecord:
    """What job.json says.

    Attributes:
        id: its name among jobs.
        state: where it is.
        request: what it was asked to do.
        created_s, changed_s: seconds since 1970.
        attempts: processes that were started on it since a person asked for it.
        message: for people: why it is where it is.
        result: what came out: snapshot, split, counts, scores, advice; grows as the job goes on.
    """

    id: str
    state: JobState
    request: FinetuneRequest
    created_s: float
    changed_s: float
    attempts: int = 0
    message: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"version": _VERSION, **asdict(self), "state": self.state.value, "request": self.request.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any], *, source: Path) -> JobRecord:
        """The record of plain values.

        Raises:
            TrainingError: made by a newer panosod, or damaged.
        """
        try:
            if int(values["version"]) > _VERSION:
                raise TrainingError(f"{source}: made by a newer panosod (version {values['version']})")
            known = {name: values[name] for name in ("id", "created_s", "changed_s", "attempts", "message", "result")}
            return cls(state=JobState(values["state"]), request=FinetuneRequest.from_json(values["request"]), **known)
        except (KeyError, ValueError, TypeError) as error:
            raise TrainingError(f"{source}: this record of a job cannot be used ({error})") from error


class JobFolder:
    """One job on disk.

    Attributes:
        path: its folder.
    """

    def __init__(self, path: Path, *, listeners: Sequence[Callable[[Mapping[str, Any]], None]] = ()) -> None:
        """Name a folder; nothing is read yet.

        Args:
            path: the folder.
            listeners: hear every event that is told through this object.
        """
        self.path, self._listeners = path, tuple(listeners)

    @staticmethod
    def create(path: Path, request: FinetuneRequest) -> JobFolder:
        """A new job, as a draft.

        Raises:
            TrainingError: the folder holds something already, or cannot be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise TrainingError(f"{path}: holds something already; choose another folder, or resume the job in it")
        except OSError as error:
            raise TrainingError(f"{path}: cannot be made ({error.strerror})") from error
        now = round(time.time(), 3)
        job = JobFolder(path)
        job._write(JobRecord(uuid.uuid4().hex[:12], JobState.DRAFT, request, now, now))
        return job

    def read(self) -> JobRecord:
        """What it says now.

        Raises:
            TrainingError: no job lies there, or its record is damaged.
        """
        values = read_json(self.path / JOB)
        if values is None:
            raise TrainingError(f"{self.path}: holds no job ({JOB} is not there)")
        return JobRecord.from_json(values, source=self.path / JOB)

    def become(self, state: JobState, message: str = "", *, attempts: int | None = None, **result: Any) -> JobRecord:
        """Go to another state, tell it, and add to the result. Only whoever holds the lock may.

        Raises:
            TrainingError: it cannot be written.
            ValueError: a step that the life of a job does not have.
        """
        before = self.read()
        check_step(before.state, state)
        counted = before.attempts if attempts is None else attempts
        after = replace(before, state=state, message=message, attempts=counted, result=before.result | result)
        record = self._write(after)
        self.tell("state", state=state.value, before=before.state.value, text=message)
        return record

    def add(self, **result: Any) -> JobRecord:
        """Add to the result."""
        before = self.read()
        return self._write(replace(before, result=before.result | result))

    def count_attempt(self) -> JobRecord:
        """One process more that begins to work on it."""
        before = self.read()
        return self._write(replace(before, attempts=before.attempts + 1))

    def last_words(self) -> str:
        """The last line of its log; "" where there is none."""
        try:
            with (self.path / LOG).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _LAST_BYTES))
                text = file.read(_LAST_BYTES).decode("utf-8", errors="replace")
        except OSError:
            return ""
        lines = [line.rpartition("\r")[2].strip() for line in text.splitlines()]
        return next((line for line in reversed(lines) if line), "")

    def _write(self, record: JobRecord) -> JobRecord:
        stamped = replace(record, changed_s=round(time.time(), 3))
        write_json(self.path / JOB, stamped.to_json())
        return stamped

    def tell(self, event: str, **values: Any) -> None:
        """Append an event."""
        self.pass_on({"event": event, "time": round(time.time(), 3), **values})

    def pass_on(self, event: Mapping[str, Any]) -> None:
        """Append an event that somebody else told."""
        append_line(self.path / EVENTS, dict(event))
        for listener in self._listeners:
            listener(event)

    def events(self, *, offset: int = 0, most_bytes: int = -1) -> tuple[list[dict[str, Any]], int]:
        """Events from an offset on, and the offset behind them: how a window follows a job."""
        return read_lines(self.path / EVENTS, offset=offset, most_bytes=most_bytes)

    @property
    def wish(self) -> Wish | None:
        """What a person wants of it."""
        values = read_json(self.path / CONTROL)
        return None if values is None or not values.get("want") else Wish(values["want"])

    def want(self, wish: Wish | None) -> None:
        """Say what a person wants; None: what was wanted before no longer is."""
        write_json(self.path / CONTROL, {"want": "" if wish is None else wish.value})

    @property
    def process(self) -> ProcessMark | None:
        """The process that works, or last worked, on it."""
        values = read_json(self.path / PROCESS)
        try:
            return None if values is None else ProcessMark(**values)
        except TypeError:
            return None

    def mark(self, process: ProcessMark) -> None:
        """Say which process works on it."""
        write_json(self.path / PROCESS, asdict(process))

    @property
    def is_alive(self) -> bool:
        """Whether its process still runs."""
        process = self.process
        return process is not None and process.is_alive

    @property
    def is_orphan(self) -> bool:
        """Whether it should be at work and nobody is: its process has died, or the machine was started anew."""
        process = self.process
        foreign = process is not None and not process.is_here
        return self.read().state in AT_WORK and not foreign and not self.is_alive

    @contextmanager
    def held(self, *, patience_s: float = _PATIENCE_S) -> Iterator[None]:
        """Be the one who writes.

        Args:
            patience_s: a process that was killed holds the lock until the last of its threads has ended.

        Raises:
            TrainingError: somebody else is.
        """
        until_s = time.monotonic() + patience_s
        while True:
            with locked(self.path / LOCK) as mine:
                if mine:
                    yield
                    return
            if time.monotonic() >= until_s:
                raise TrainingError(f"{self.path}: another process works on this job")
            time.sleep(_AGAIN_S)

    def put_aside(self) -> None:
        """Keep some room on the disk, so that a job that fills it can still say so.

        Raises:
            TrainingError: there is none.
        """
        try:
            (self.path / SPARE).write_bytes(os.urandom(_SPARE_BYTES))  # what a file system cannot make small
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be written ({error.strerror})") from error

    def use_spare(self) -> None:
        """Give that room back, if it is there."""
        (self.path / SPARE).unlink(missing_ok=True)

    def trim_log(self) -> None:
        """Cut the beginning of a log that has become too long; whoever writes it appends, and goes on."""
        log = self.path / LOG
        with suppress(OSError):  # a log is no reason to stop
            if log.stat().st_size <= LOG_MOST_BYTES:
                return
            with log.open("r+b") as file:
                file.seek(-_LOG_KEPT_BYTES, os.SEEK_END)
                kept = file.read(_LOG_KEPT_BYTES)
                file.truncate(0)
                file.seek(0)
                file.write(b"(what came before was cut)\n" + kept[kept.find(b"\n") + 1 :])

    def discard(self) -> None:
        """Remove what it made; its record, events and log stay."""
        for name in _DISCARDED:
            shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / CANDIDATE).unlink(missing_ok=True)

    @property
    def made(self) -> list[str]:
        """Names of what it made that is there."""
        return [name for name in (*_DISCARDED, CANDIDATE) if (self.path / name).exists()]


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock on a file for as long as the block lasts; False: somebody else has it.

    Raises:
        TrainingError: the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written ({error.strerror})") from error
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
