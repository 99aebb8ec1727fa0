"""An import while it is written: frame by frame, as one step."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.edits import Edit
from panosod_core.annotation.records import FrameKey, ObjectInfo
from panosod_core.errors import PanosodError

_log = logging.getLogger(__name__)


@dataclass
class ImportWriting:
    """An import that is being written.

    Attributes:
        title: of the step.
        name: of the masks.
        objects: that come with the first frame.
        step: begun with the first frame.
        frames: written so far.
        owed: frames that were taken while too many waited for the disk.
        failure: why a frame could not be written; "" while all is well.
    """

    title: str
    name: str
    objects: tuple[tuple[int, ObjectInfo], ...]
    step: Done | None = None
    frames: int = 0
    owed: int = 0
    failure: str = ""

    def put(self, document: Document, part: tuple[FrameKey, Edit]) -> Done | None:
        """Write a frame; None where nothing has changed, also where it failed: see :attr:`failure`."""
        try:
            done = document.apply_many([part], title=self.title, objects=self.objects, continuing=self.step)
        except PanosodError as error:
            self.failure = str(error)
            return None
        except ValueError:
            _log.exception("a frame of an import does not fit the project")
            self.failure = (
                f"Frame {part[0].index} was changed while {self.name} was imported, so the import was abandoned: look "
                "at the masks again"
            )
            return None
        self.step, self.objects = self.step or done, ()
        self.frames += 1
        self.owed += 1
        return done

    def is_last(self, document: Document) -> bool:
        """Whether nothing else was done since: undo takes back this step."""
        last = document.to_undo
        return last is not None and self.step is not None and last.id == self.step.step
