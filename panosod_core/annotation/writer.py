"""The store thread: takes finished strokes, codes their masks, commits them one transaction each, in order.

Handing over a stroke costs the caller a lock and an append. A stroke stays in the queue until it is on the disk; where
that fails, the queue stands still, everything in it is dirty, and :meth:`StoreWriter.retry` or the next stroke (or a
few seconds) tries again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from sqlite3 import Connection
from typing import TypeVar

from panosod_core.annotation import committing
from panosod_core.annotation.masks import RingMask, Rle, decode, encode
from panosod_core.annotation.records import Change, Head, Revision, Step
from panosod_core.annotation.store import ProjectStore
from panosod_core.errors import PanosodError, ProjectError

T = TypeVar("T")

_log = logging.getLogger(__name__)

RETRY_S = 5.0
"""After a failure the thread tries again by itself after this long."""

MASK_CACHE_BYTES = 32 * 1024 * 1024
"""Decoded masks that are kept at hand."""


@dataclass(frozen=True, eq=False)
class _Item:
    sequence: int
    step: Step | None
    work: Callable[[Connection], None] | None


class MaskCache:
    """The masks used last, up to a number of bytes; safe from several threads."""

    def __init__(self, limit_bytes: int = MASK_CACHE_BYTES) -> None:
        self._limit = limit_bytes
        self._masks: OrderedDict[int, RingMask | None] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, revision: int) -> tuple[bool, RingMask | None]:
        """(is it here, the mask)."""
        with self._lock:
            if revision not in self._masks:
                return False, None
            self._masks.move_to_end(revision)
            return True, self._masks[revision]

    def put(self, revision: int, mask: RingMask | None) -> None:
        """Keep a mask, and let the oldest go where there is no room."""
        if mask is not None and mask.bits.base is not None:  # part of something larger, which would be kept with it
            mask = RingMask(mask.box, mask.bits.copy())
        with self._lock:
            if revision in self._masks:
                return
            self._masks[revision] = mask
            self._bytes += _bytes(mask)
            while self._bytes > self._limit and len(self._masks) > 1:
                self._bytes -= _bytes(self._masks.popitem(last=False)[1])


def _bytes(mask: RingMask | None) -> int:
    return 64 if mask is None else mask.bits.nbytes + 128


class StoreWriter:
    """Writes a project on a thread of its own.

    Args:
        store: the open project; must be writable.
        shape_of_frame: (H, W) of a frame's label map, by the frame's number; called from the store thread too.
        on_committed: called on the store thread with a sequence number that is on the disk (and all before it).
        on_error: called on the store thread with what went wrong, once for each new message.
        soon: calls what it is given a moment later in the caller's thread: only then does the store thread wake up, so
            that it does not take the processor (and Python's lock) from whoever has just handed something over; None:
            it wakes up at once.
    """

    def __init__(
        self,
        store: ProjectStore,
        *,
        shape_of_frame: Callable[[int], tuple[int, int]],
        soon: Callable[[Callable[[], None]], None] | None = None,
        on_committed: Callable[[int], None] | None = None,
        on_error: Callable[[PanosodError], None] | None = None,
    ) -> None:
        self._store = store
        self._shape_of_frame = shape_of_frame
        self._on_committed = on_committed
        self._on_error = on_error
        self._soon = soon
        self._queue: deque[_Item] = deque()
        self._revisions: dict[int, Revision] = {}
        self._steps: dict[int, list[tuple[Change, ...]]] = {}
        self._masks = MaskCache()
        self._changed = threading.Condition()
        self._turn = threading.Lock()
        self._sequence = 0
        self._committed = 0
        self._error: PanosodError | None = None
        self._attempt = False
        self._attempts = 0
        self._failed_attempt = 0
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="project store", daemon=True)
        self._thread.start()

    # ---- the caller's side

    def submit(self, step: Step) -> int:
        """Hand over a finished stroke; gives the number under which it will be acknowledged."""
        with self._changed:
            for revision in step.revisions:
                self._revisions[revision.id] = revision
            self._steps.setdefault(step.head.id, []).append(step.head.changes)
            return self._append(step, None)

    def submit_move(self, step: int, changes: tuple[Change, ...], *, undo: bool, for_good: bool = False) -> int:
        """Hand over an undo (for good: without a redo) or a redo of a step."""
        return self.submit_work(lambda db: committing.move_step(db, step, changes, undo=undo, for_good=for_good))

    def submit_work(self, work: Callable[[Connection], None]) -> int:
        """Hand over anything else that is to be written, in order with the strokes."""
        with self._changed:
            return self._append(None, work)

    def _append(self, step: Step | None, work: Callable[[Connection], None] | None) -> int:
        self._sequence += 1
        self._queue.append(_Item(self._sequence, step, work))
        if self._soon is None:
            self._attempt = True
            self._changed.notify_all()
        else:
            self._soon(self.retry)
        return self._sequence

    @property
    def dirty(self) -> int:
        """Strokes that are not on the disk yet."""
        with self._changed:
            return len(self._queue)

    @property
    def error(self) -> PanosodError | None:
        """Why the queue stands still; None while it moves."""
        with self._changed:
            return self._error

    def retry(self) -> None:
        """Write now what waits, or try again what could not be written."""
        with self._changed:
            self._attempt = True
            self._changed.notify_all()

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until everything handed over is on the disk; a failed queue is tried once more.

        Raises:
            ProjectError: it cannot be written, or not in that time; the strokes stay in the queue.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            # An attempt that runs already may have begun before whatever was wrong was put right.
            wanted = self._attempts + 1
            self._attempt = True
            self._changed.notify_all()
            while self._queue:
                if self._error is not None and self._failed_attempt >= wanted:
                    raise self._error
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise ProjectError(f"{len(self._queue)} strokes are not written to {self._store.path} yet")
                self._changed.wait(left)

    def go_over_to(self, open_other: Callable[[], ProjectStore]) -> ProjectStore:
        """Write from now on to another store, between two strokes; what waits is written there.

        Args:
            open_other: copies what is committed and opens the copy; called while nothing is written.

        Returns:
            The new store.

        Raises:
            ProjectError: the copy could not be made; all is as it was.
        """
        with self._turn:
            store = open_other()
            self._store = store
        self.retry()
        return store

    def close(self, *, discard: bool = False) -> None:
        """Write what is left and end the thread.

        Args:
            discard: give up what cannot be written.

        Raises:
            ProjectError: it cannot be written; the thread goes on and nothing is lost.
        """
        try:
            self.flush()
        except ProjectError:
            if not discard:
                raise
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self._thread.join()

    def changes(self, step: int) -> tuple[Change, ...]:
        """What a step changed, also while it is not committed yet."""
        with self._changed:
            waiting = [change for part in self._steps.get(step, []) for change in part]
        written = self._store.reader.changes(step)
        # A part that was written in between is in both; new revisions have new numbers, so equal changes are the same.
        return tuple(dict.fromkeys((*written, *waiting)))

    def head(self, revision: int) -> Head:
        """A revision as a head, also while it is not committed yet.

        Raises:
            ProjectError: it cannot be read.
        """
        with self._changed:
            pending = self._revisions.get(revision)
        return pending.head if pending is not None else self._store.reader.head(revision)

    def mask(self, revision: int) -> RingMask | None:
        """The mask of a revision, also while it is not committed yet; None where the object was erased.

        Raises:
            ProjectError: it cannot be read.
        """
        chain: list[Revision] = []
        at: int | None = revision
        base: RingMask | None = None
        while at is not None:
            here, base = self._masks.get(at)
            if here:
                break
            with self._changed:
                pending = self._revisions.get(at)
            if pending is None:
                rle = self._store.reader.rle(at)
                base = decode(rle) if rle is not None else None
                self._masks.put(at, base)
                break
            chain.append(pending)
            at = pending.parent
        for link in reversed(chain):
            base = self._stamped(link, base)
            self._masks.put(link.id, base)
        return base

    def _stamped(self, revision: Revision, parent: RingMask | None) -> RingMask | None:
        if revision.patch is None:
            return parent
        box, bits = revision.patch
        width = self._shape_of_frame(revision.frame)[1]
        mask = RingMask(box, bits) if parent is None else parent.stamped(box, bits, width)
        return mask.trimmed(width)

    # ---- the thread's side

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stop and not (self._queue and self._attempt):
                    waited = self._changed.wait(RETRY_S if self._queue else None)
                    self._attempt = self._attempt or not waited
                if self._stop:
                    return
                item = self._queue[0]
                self._attempt = False
                self._attempts += 1
            try:
                with self._turn:
                    self._commit(item)
            except PanosodError as e:
                self._fail(e)
                continue
            except Exception as e:  # noqa: BLE001 - a worker's boundary: the stroke stays, and the person is told
                _log.exception("the store thread could not write a stroke")
                self._fail(ProjectError(f"cannot write to {self._store.path}: {type(e).__name__}: {e}"))
                continue
            self._acknowledge(item)
            self._tell(self._on_committed, item.sequence)

    def _tell(self, callback: Callable[[T], None] | None, value: T) -> None:
        if callback is None:
            return
        try:
            callback(value)
        except Exception:  # noqa: BLE001 - a worker's boundary: a listener's mistake must not stop the writing
            _log.exception("a listener of the store thread failed")

    def _commit(self, item: _Item) -> None:
        step = item.step
        if step is None:
            if item.work is not None:
                self._store.write(item.work)
            return
        masks: dict[int, Rle] = {}
        for revision in step.revisions:
            if revision.patch is not None:
                masks[revision.id] = encode(self.mask(revision.id), self._shape_of_frame(revision.frame))
        self._store.write(lambda db: committing.write_step(db, step, masks))

    def _acknowledge(self, item: _Item) -> None:
        with self._changed:
            self._queue.popleft()
            if item.step is not None:
                for revision in item.step.revisions:
                    del self._revisions[revision.id]
                parts = self._steps[item.step.head.id]
                parts.pop(0)
                if not parts:
                    del self._steps[item.step.head.id]
            self._committed = item.sequence
            self._error = None
            self._attempt = True
            self._changed.notify_all()

    def _fail(self, error: PanosodError) -> None:
        with self._changed:
            is_new = self._error is None or str(self._error) != str(error)
            self._error = error
            self._failed_attempt = self._attempts
            self._changed.notify_all()
        if is_new:
            self._tell(self._on_error, error)
