"""The objects of the clip on the screen: which there are, which one is selected, adding and changing them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from panosod_core.annotation.records import Clip, ObjectInfo
from panosod_core.errors import ProjectError
from panosod_viewer.annotating.project_at_hand import ProjectAtHand
from panosod_viewer.palettes import object_colours
from panosod_viewer.panels.notice import Notice, Severity


class ObjectsAtHand(ProjectAtHand):
    """At most one clip of the project is on the screen, and at most one of its objects is selected.

    Signals:
        objects_changed (): names, colours, locks, or which there are.
        selection_changed (int): another object is selected; 0 for none.
    """

    objects_changed = Signal()
    selection_changed = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clip: Clip | None = None
        self._selected = 0

    @property
    def clip(self) -> Clip | None:
        """The clip on the screen, as the project knows it."""
        return self._clip

    @property
    def selected(self) -> int:
        """Id of the selected object; 0 for none."""
        return self._selected

    def objects(self) -> list[ObjectInfo]:
        """The clip's objects by id."""
        if self._document is None or self._clip is None:
            return []
        return self._document.objects(self._clip.id)

    def object_of(self, object_id: int) -> ObjectInfo | None:
        """One of them."""
        return next((o for o in self.objects() if o.id == object_id), None)

    def select(self, object_id: int) -> None:
        """Select an object; 0 for none."""
        if object_id != self._selected:
            self._lay_down()
            self._selected = object_id
            self.selection_changed.emit(object_id)

    def select_next(self, step: int) -> None:
        """The next object of the list, around its ends."""
        ids = [o.id for o in self.objects()]
        if not ids:
            return
        place = ids.index(self._selected) if self._selected in ids else -step
        self.select(ids[(place + step) % len(ids)])

    def _select_one_that_is_there(self) -> None:
        objects = [o.id for o in self.objects()]
        if self._selected not in objects:
            self.select(objects[0] if objects else 0)

    def ensure_project(self) -> bool:
        """Make sure that there is a project with this clip in it; False is told."""
        return self._document is not None and self._clip is not None

    def add_object(self, *, name: str = "", category: str = "", object_id: int | None = None) -> int:
        """Add an object and select it; its id, or 0 where it cannot be, which is told."""
        if not self.ensure_project() or self._document is None or self._clip is None:
            return 0
        clip = self._clip
        try:
            number = object_id or self._document.free_object_id(clip.id)
        except ProjectError as error:
            self.notice.emit(Notice(str(error), Severity.WARNING, key="annotate.refused", seconds=8.0))
            return 0
        red, green, blue = (int(c) for c in object_colours()[number])
        info = ObjectInfo(number, name or f"Object {number}", category, f"#{red:02x}{green:02x}{blue:02x}")
        if not self.act(lambda d: d.put_object(clip.id, info)):
            return 0
        self.select(number)
        return number

    def change_object(self, object_id: int, **fields: Any) -> bool:
        """Change an object's name, class, colour, rank, lock, eye or intervals."""
        clip, info = self._clip, self.object_of(object_id)
        if clip is None or info is None:
            return False
        try:
            changed = replace(info, **fields)
        except ValueError as error:
            self.notice.emit(Notice(str(error), Severity.WARNING, key="annotate.refused", seconds=8.0))
            return False
        return self.act(lambda d: d.put_object(clip.id, changed))
