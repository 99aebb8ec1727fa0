"""An open project's file on the side of whoever edits: store thread, backups, saving under another name, closing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import Self

from panosod_core.annotation.backup_keeper import INTERVAL_S, BackupKeeper
from panosod_core.annotation.frames import MAP_CACHE_BYTES
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.annotation.store import ProjectStore
from panosod_core.annotation.writer import StoreWriter
from panosod_core.annotation.writer_lock import BRIEF_S
from panosod_core.errors import PanosodError, ProjectError


class WorkingFile(ABC):
    """The file below a :class:`panosod_core.annotation.document.Document`.

    Attributes:
        store: the file that is open now.
    """

    def __init__(
        self,
        store: ProjectStore,
        *,
        on_committed: Callable[[int], None] | None = None,
        on_error: Callable[[PanosodError], None] | None = None,
        on_backup: Callable[[PanosodError | None], None] | None = None,
        soon: Callable[[Callable[[], None]], None] | None = None,
        map_cache_bytes: int = MAP_CACHE_BYTES,
        backup_every_s: float | None = None,
    ) -> None:
        """Take over an open store.

        Args:
            store: the file; closed with the document.
            on_committed: called on the store thread with the sequence number that is on the disk now.
            on_error: called on the store thread with what could not be written.
            on_backup: called on the thread of backups, see
                :class:`panosod_core.annotation.backup_keeper.BackupKeeper`.
            soon: when the store thread wakes up, see :class:`panosod_core.annotation.writer.StoreWriter`.
            map_cache_bytes: label maps kept at hand.
            backup_every_s: seconds between rotating backups; None = none are made.
        """
        self.store = store
        self._map_cache_bytes = map_cache_bytes
        self._backups: BackupKeeper | None = None
        self._on_committed = on_committed
        self._writer = StoreWriter(
            store,
            shape_of_frame=self._shape_of_frame,
            on_committed=self._committed,
            on_error=on_error,
            soon=soon,
        )
        try:
            self._load()
            if backup_every_s is not None and store.why_read_only is None:
                self._backups = BackupKeeper(lambda: self.store, interval_s=backup_every_s, on_backup=on_backup)
        except BaseException:
            self._writer.close(discard=True)
            raise

    def _committed(self, sequence: int) -> None:
        if self._backups is not None:
            self._backups.changed()
        if self._on_committed is not None:
            self._on_committed(sequence)

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        author: str,
        on_committed: Callable[[int], None] | None = None,
        on_error: Callable[[PanosodError], None] | None = None,
        on_backup: Callable[[PanosodError | None], None] | None = None,
        soon: Callable[[Callable[[], None]], None] | None = None,
        backup_every_s: float | None = INTERVAL_S,
    ) -> Self:
        """Make a new project and open it.

        Raises:
            ProjectError: something is there already, or the folder cannot be written.
        """
        store = ProjectStore.create(path, author=author)
        return cls(
            store,
            on_committed=on_committed,
            on_error=on_error,
            on_backup=on_backup,
            soon=soon,
            backup_every_s=backup_every_s,
        )

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        author: str,
        on_committed: Callable[[int], None] | None = None,
        on_error: Callable[[PanosodError], None] | None = None,
        on_backup: Callable[[PanosodError | None], None] | None = None,
        soon: Callable[[Callable[[], None]], None] | None = None,
        backup_every_s: float | None = INTERVAL_S,
        read_only: bool = False,
        wait_s: float = BRIEF_S,
    ) -> Self:
        """Open a project; look at :attr:`why_read_only` afterwards (``read_only``: do not even try to write).

        Who only writes a row is waited for, at most ``wait_s``: a window does not stand still for it.

        Raises:
            ProjectDamagedError: the file is damaged; it names the newest whole backup.
            ProjectError: no such file, no project, of a newer program.
        """
        store = ProjectStore.open(path, author=author, read_only=read_only, wait_s=wait_s)
        try:
            return cls(
                store,
                on_committed=on_committed,
                on_error=on_error,
                on_backup=on_backup,
                soon=soon,
                backup_every_s=backup_every_s,
            )
        except BaseException:
            store.close()
            raise

    @abstractmethod
    def _load(self) -> None:
        """Read everything anew from the file."""

    @abstractmethod
    def _shape_of_frame(self, number: int) -> tuple[int, int]:
        """(H, W) of a frame's label map, by the frame's number."""

    @abstractmethod
    def _store_changed(self) -> None:
        """The store is another one, with the same content."""

    @property
    def path(self) -> Path:
        """The project's file."""
        return self.store.path

    @property
    def why_read_only(self) -> str | None:
        """One line for the person; None where the project may be written."""
        return self.store.why_read_only

    @property
    def dirty(self) -> int:
        """Steps that are not on the disk yet."""
        return self._writer.dirty

    @property
    def error(self) -> PanosodError | None:
        """Why steps are not on the disk; None while all is well."""
        return self._writer.error

    def _check_writable(self) -> None:
        if self.why_read_only is not None:
            raise ProjectError(self.why_read_only)

    def retry(self) -> None:
        """Try again now what could not be written."""
        self._writer.retry()

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until everything is on the disk.

        Raises:
            ProjectError: it cannot be written; it stays in the queue.
        """
        self._writer.flush(timeout_s)

    def export_copy(self, target: Path) -> None:
        """Write the project as it is now under another name; this one stays open.

        Raises:
            ProjectError: the target exists or cannot be written, or steps cannot be.
        """
        self._writer.flush()
        self.store.export_copy(target)

    def read_again(self) -> None:
        """Show what has been written to the file since, by somebody else's window where this one only reads.

        Raises:
            ProjectError: steps cannot be written, or the file cannot be read.
        """
        self._writer.flush()
        self._load()

    def snapshot(self) -> Snapshot:
        """The project as it is now, for export and training; close it after use.

        Raises:
            ProjectError: steps cannot be written, or the file cannot be read.
        """
        self._writer.flush()
        return Snapshot.open(self.store.path)

    def rewrite(self, work: Callable[[Connection], None]) -> None:
        """Change the file below the edits (clips, where frames stand), then read it anew; not undone by undo.

        Raises:
            ProjectError: it cannot be written; nothing has changed.
        """
        self._check_writable()
        self._writer.flush()
        self.store.write(work)
        self._load()

    def note(self, work: Callable[[Connection], None]) -> None:
        """Hand the store thread something that no edit depends on (copies of jobs); nobody waits for it.

        Raises:
            ProjectError: the project is read-only.
        """
        self._check_writable()
        self._writer.submit_work(work)

    def save_as(self, target: Path) -> None:
        """Go on under another name: the committed state is copied, strokes that wait are written there.

        The way out, too, when the old place cannot be written any more.

        Raises:
            ProjectError: the target exists or cannot be written; the document stays with its old file.
        """
        old = self.store

        def copy_and_open() -> ProjectStore:
            old.export_copy(target)
            return ProjectStore.open(target, author=old.author)

        self.store = self._writer.go_over_to(copy_and_open)
        self._store_changed()
        old.close()

    def close(self, *, discard: bool = False) -> None:
        """Write what is left and close the file.

        Args:
            discard: give up what cannot be written.

        Raises:
            ProjectError: it cannot be written: the document stays open and nothing is lost.
        """
        self._writer.close(discard=discard)
        if self._backups is not None:
            self._backups.close()
        self.store.close()
