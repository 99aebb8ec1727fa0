"""Exports, imports and comparisons of projects in a thread. No Qt.

Nobody edits here: what is in the project is read from its file, by a second document that can only look, and what
would be done comes back as a plan.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from panosod_core.annotation.document import Document
from panosod_core.annotation.masks import LabelMap
from panosod_core.annotation.merge import MergePlan, compare
from panosod_core.annotation.opening import open_file
from panosod_core.annotation.records import Clip
from panosod_core.annotation.snapshot import EVERY_STATE, Snapshot, SnapshotFrame
from panosod_core.errors import AnnotationError, PanosodError

if TYPE_CHECKING:
    # They bring OpenCV and Pillow: loaded in the thread.
    from panosod_core.annotation.formats.exporting import Exported, ExportOptions
    from panosod_core.annotation.formats.importing import ImportPlan
    from panosod_core.annotation.formats.table import MaskFormat

_log = logging.getLogger(__name__)
ABANDONED = "abandoned; nothing was changed"
AHEAD = 2
"""Parts that may wait to be taken."""


@dataclass(frozen=True)
class TaskProgress:
    """Frames done so far."""

    number: int
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class TaskPart:
    """A part of what a task makes, where the whole would be too much to hold; tell :meth:`Task.taken` when it is."""

    number: int
    part: Any


@dataclass(frozen=True, eq=False)
class TaskDone:
    """What a task has made."""

    number: int
    result: Any


@dataclass(frozen=True)
class TaskFailed:
    """Why a task has made nothing; ``text`` is "" where it was abandoned."""

    number: int
    text: str


TaskLetter: TypeAlias = TaskProgress | TaskPart | TaskDone | TaskFailed


class Task:
    """One piece of work in a thread of its own."""

    def __init__(self, number: int, work: Callable[[Task], Any], post: Callable[[TaskLetter], None]) -> None:
        """``work`` is given this task, to ask :meth:`should_stop` and to tell :meth:`progress`."""
        self.number = number
        self._work = work
        self._post = post
        self._is_cancelled = threading.Event()
        self._room = threading.Semaphore(AHEAD)
        self._thread = threading.Thread(target=self._run, name="panosod-exchange", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Abandon it as soon as may be."""
        self._is_cancelled.set()

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """Abandon it and wait; False while it hangs."""
        self.cancel()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def should_stop(self) -> bool:
        """Whether it was abandoned."""
        return self._is_cancelled.is_set()

    def progress(self, done: int, total: int) -> None:
        """Tell how far it is."""
        self._post(TaskProgress(self.number, done, total))

    def hand(self, part: object) -> None:
        """Give a part, as soon as few enough wait to be taken.

        Raises:
            AnnotationError: the task was abandoned meanwhile.
        """
        while not self._room.acquire(timeout=0.02):
            if self.should_stop():
                raise AnnotationError(ABANDONED)
        self._post(TaskPart(self.number, part))

    def taken(self) -> None:
        """A part was taken: there is room for another."""
        self._room.release()

    def _run(self) -> None:
        letter: TaskLetter
        try:
            letter = TaskDone(self.number, self._work(self))
        except PanosodError as error:
            letter = TaskFailed(self.number, "" if self.should_stop() else str(error))
        except Exception:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the person is told
            _log.exception("an exchange failed")
            letter = TaskFailed(self.number, "This cannot be done: the log has the reason")
        self._post(letter)


class _Counted(Snapshot):
    """A snapshot that tells which of its frames are drawn, and stops there when it was abandoned."""

    task: Task | None = None
    total = 0
    _seen = 0

    def labels(self, frame: SnapshotFrame, *, states: Collection[Any] = EVERY_STATE) -> LabelMap:
        """As in a snapshot."""
        if self.task is not None:
            if self.task.should_stop():
                raise AnnotationError(ABANDONED)
            self._seen += 1
            self.task.progress(min(self._seen, self.total), self.total)
        return super().labels(frame, states=states)


def export_project(
    project: Path, target: Path, options: ExportOptions, *, media: Callable[[Clip], Path | None]
) -> Callable[[Task], Exported]:
    """The work of writing a project's masks in another format.

    Args:
        project: its file; what is on the way to it must have arrived.
        target: folder, not there yet or empty.
        options: what and how.
        media: where a clip's file is.
    """

    def work(task: Task) -> Exported:
        from panosod_core.annotation.formats.exporting import export

        with closing(_Counted(open_file(project, author="", read_only=True))) as snapshot:
            snapshot.task = task
            snapshot.total = sum(
                options.first <= f.row.key.index <= (options.last if options.last is not None else f.row.key.index)
                and f.row.key.index % options.every == 0
                for frames in snapshot.frames.values()
                for f in frames
            )
            return export(snapshot, target, options, media=media, should_stop=task.should_stop)

    return work


@dataclass(frozen=True, eq=False)
class PlannedImport:
    """What an import would do.

    Attributes:
        path: of the masks.
        names: clips of masks that lie there.
        chosen: the one that was planned; "" where there are several and none was named.
        plan: of it, None where none was chosen.
    """

    path: Path
    names: tuple[str, ...]
    chosen: str
    plan: ImportPlan | None


def plan_masks(
    project: Path, clip: Clip, media: Path, masks: Path, *, name: str = "", kind: MaskFormat | None = None
) -> Callable[[Task], PlannedImport]:
    """The work of planning an import into a clip of a project.

    Args:
        project: its file.
        clip: of it.
        media: the clip's file, for its time stamps.
        masks: folder or file.
        name: which clip of the masks; "": the one of the clip's name, or the only one.
        kind: format; None: told by what lies there.
    """

    def work(task: Task) -> PlannedImport:
        from panosod_core.annotation.copies import copy_times
        from panosod_core.annotation.formats.importing import plan_import, read_masks

        sources = read_masks(masks, kind=kind)
        names = tuple(s.name for s in sources)
        wanted = name or Path(clip.path).stem
        found = [s for s in sources if s.name == wanted] or (sources if not name else [])
        if len(found) != 1:
            return PlannedImport(masks, names, "", None)
        pts = copy_times(media, should_stop=task.should_stop).pts
        with closing(_looking(project)) as document:
            plan = plan_import(document, clip, found[0], pts=pts, should_stop=task.should_stop)
        return PlannedImport(masks, names, found[0].name, plan)

    return work


@dataclass(frozen=True)
class Imported:
    """All of a plan's masks were handed over."""

    plan: ImportPlan


def import_masks(project: Path, plan: ImportPlan) -> Callable[[Task], Imported]:
    """The work of reading a plan's masks again: hands over (frame, edit), to be done as one step."""

    def work(task: Task) -> Imported:
        from panosod_core.annotation.formats.importing import import_edits

        with closing(_looking(project)) as document:
            for done, part in enumerate(import_edits(document, plan, should_stop=task.should_stop)):
                task.hand(part)
                task.progress(done, plan.changed)
        return Imported(plan)

    return work


@dataclass(frozen=True, eq=False)
class Compared:
    """A second annotator's project beside ours; close :attr:`theirs` at last."""

    theirs: Snapshot
    plan: MergePlan


def compare_projects(project: Path, other: Path) -> Callable[[Task], Compared]:
    """The work of comparing two projects."""

    def work(task: Task) -> Compared:
        if project.resolve() == other.resolve():
            raise AnnotationError(f"{other.name} is the project that is open: choose another annotator's")
        theirs = Snapshot.open(other)
        try:
            with closing(_looking(project)) as document:
                plan = compare(document, theirs)
            if task.should_stop():
                raise AnnotationError(ABANDONED)
            return Compared(theirs, plan)
        except BaseException:
            theirs.close()
            raise

    return work


def _looking(project: Path) -> Document:
    """The project as it is on the disk; whoever has it open to write keeps it."""
    return Document.open(project, author="", backup_every_s=None, read_only=True)
