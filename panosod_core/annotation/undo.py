"""The undo history of a project: names and places of steps; what they changed is read when it is needed.

The history lies in the project's file, so it survives closing and a crash, and masks in it are the revisions that are
kept anyway. In memory a step costs its title and place; a step over 10,000 frames costs no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from panosod_core.annotation.committing import UNDO_STEPS
from panosod_core.annotation.records import StepHead


class UndoStack:
    """Which step is taken back next, and which one is done again."""

    def __init__(self, done: Iterable[StepHead] = (), undone: Iterable[StepHead] = ()) -> None:
        """Steps oldest first, as the file lists them."""
        self._done = deque(done, maxlen=UNDO_STEPS)
        self._undone = list(undone)[::-1]

    @property
    def to_undo(self) -> StepHead | None:
        """The step that undo takes back."""
        return self._done[-1] if self._done else None

    @property
    def to_redo(self) -> StepHead | None:
        """The step that redo does again."""
        return self._undone[-1] if self._undone else None

    @property
    def depth(self) -> tuple[int, int]:
        """How many steps can be undone, and redone."""
        return len(self._done), len(self._undone)

    def push(self, step: StepHead) -> None:
        """A new step: what was undone can no longer be redone (its revisions stay in the file)."""
        self._undone.clear()
        self._done.append(replace(step, changes=()))

    def undone(self, *, for_good: bool = False) -> None:
        """The last step was taken back; ``for_good``: it cannot be done again."""
        step = self._done.pop()
        if not for_good:
            self._undone.append(step)

    def redone(self) -> None:
        """The last undone step was done again."""
        self._done.append(self._undone.pop())
