"""The list of objects at work: what the panel shows, and what becomes of its wishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QDockWidget, QWidget

from panosod_core.annotation.document import Document, Done
from panosod_core.annotation.edits import BY_HAND, Edit, propose_in, relabel
from panosod_core.annotation.masks import RingMask, object_mask
from panosod_core.annotation.operations import keep_largest
from panosod_core.annotation.records import FrameKey, ObjectInfo, Presence
from panosod_core.errors import ProjectError
from panosod_viewer.annotating.commands import ObjectCommands
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.painter import REFUSED
from panosod_viewer.annotating.presence import from_here_on, presence_at
from panosod_viewer.annotating.showing import MaskShowing
from panosod_viewer.key_tips import follow_keys
from panosod_viewer.main_window import MainWindow
from panosod_viewer.palettes import object_colours
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.panels.objects_panel import PRESENCES, ObjectsPanel
from panosod_viewer.widgets.object_model import ObjectRow

RANKS = (1, 2, 3, 4, 5)


class ObjectList(QObject):
    """Panel, dock and what they do.

    Signals:
        notice (object): a Notice.
    """

    notice = Signal(object)

    def __init__(
        self,
        desk: AnnotationDesk,
        commands: ObjectCommands,
        showing: MaskShowing,
        window: MainWindow,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk = desk
        self._commands = commands
        self._showing = showing
        self._window = window
        self._is_wanted = False
        self.panel = ObjectsPanel()
        self.dock = QDockWidget("Objects", window)
        self.dock.setObjectName("objects")
        features = QDockWidget.DockWidgetFeature
        self.dock.setFeatures(features.DockWidgetClosable | features.DockWidgetMovable)
        self.dock.setAllowedAreas(Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea)
        self.dock.setWidget(self.panel)
        self.dock.hide()
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        window.restoreDockWidget(self.dock)
        self.dock.hide()
        self.dock.visibilityChanged.connect(self._visibility_changed)
        window.full_screen_changed.connect(lambda _: self._show_dock())
        # Many things may change at once (an edit changes frame, objects and history): shown once, after all of them.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.refresh)
        for signal in (desk.frame_changed, desk.objects_changed, desk.selection_changed):
            signal.connect(lambda *_: self._soon.start())
        self._connect_panel()
        tips: dict[QWidget, str] = {
            self.panel.add: "annotate.add_object",
            self.panel.delete: "annotate.delete_object",
        }
        follow_keys(tips, window.actions_by_id)

    def set_shown(self, on: bool) -> None:
        """Show the list, or put it away."""
        self._is_wanted = on
        self._show_dock()

    def toggle(self) -> None:
        """Show it, or put it away."""
        self.set_shown(not self._is_wanted)

    def refresh(self) -> None:
        """Show what holds now; nothing is done while nobody sees it."""
        self._show_checks()
        if not self.dock.isVisible():
            return
        key, document = self._desk.key, self._desk.document
        here = set() if key is None or document is None else set(document.heads(key))
        pts = 0 if key is None else key.pts
        rows = [self._row(info, pts=pts, is_here=info.id in here) for info in self._desk.objects()]
        self.panel.set_objects(rows, self._desk.selected)

    def _show_checks(self) -> None:
        """What the menu says about the selected object."""
        info = self._desk.object_of(self._desk.selected)
        for name, on in (
            ("lock", info is not None and info.locked),
            ("hide_object", info is not None and info.hidden),
            ("solo", info is not None and self._showing.solo == info.id),
            ("lock_frame", self._desk.is_frame_locked),
        ):
            self._window.action(f"annotate.{name}").setChecked(on)

    def _row(self, info: ObjectInfo, *, pts: int, is_here: bool) -> ObjectRow:
        presence = presence_at(info.intervals, pts)
        return ObjectRow(
            id=info.id,
            name=info.name,
            category=info.category,
            colour=info.colour,
            rank=info.rank,
            presence=presence.value if presence is not None else "",
            is_here=is_here,
            is_locked=info.locked,
            is_hidden=info.hidden,
            is_solo=info.id == self._showing.solo,
        )

    # --- the dock

    def _show_dock(self) -> None:
        window = self._window
        self.dock.setVisible(self._is_wanted and not window.isFullScreen() and not window.is_bare)

    def _visibility_changed(self, is_visible: bool) -> None:
        if is_visible:
            self.refresh()
        elif self._is_wanted and self._window.isVisible() and not self._window.isFullScreen() and self.dock.isHidden():
            self._is_wanted = False  # closed by its own button
        self._window.action("annotate.objects").setChecked(self._is_wanted)

    # --- wishes

    def _connect_panel(self) -> None:
        panel, desk = self.panel, self._desk
        panel.selected.connect(desk.select)
        panel.changed.connect(lambda number, field, value: desk.change_object(number, **{field: value}))
        panel.presence_wished.connect(self.set_presence)
        panel.solo_wished.connect(self._solo)
        panel.add_wished.connect(lambda: desk.add_object())
        panel.delete_wished.connect(self._commands.delete_object)
        panel.merge_wished.connect(self.merge)
        panel.split_wished.connect(self.split)
        panel.combine_wished.connect(self._commands.combine_with)
        panel.choices = self._commands.operands.choices

    def _solo(self, object_id: int) -> None:
        self._showing.set_solo(object_id)
        self.refresh()

    def set_presence(self, object_id: int, word: str) -> None:
        """From the frame at hand on it is sounding, silent, off-screen, or ("") not said."""
        key, info = self._desk.key, self._desk.object_of(object_id)
        if key is None or info is None:
            return
        presence = Presence(word) if word else None
        self._desk.change_object(object_id, intervals=from_here_on(info.intervals, key.pts, presence))

    def merge(self, object_id: int, into: int) -> None:
        """One object becomes part of another in all frames, and is gone."""
        clip, document = self._desk.clip, self._desk.document
        old, new = self._desk.object_of(object_id), self._desk.object_of(into)
        if clip is None or document is None or old is None or new is None:
            return
        if old.locked or new.locked:
            self._say(f"{(old if old.locked else new).name} is locked: unlock it to merge")
            return
        try:
            keys = document.frames_of_object(clip.id, object_id)
            for key in keys:
                guarded = document.protection(key)
                if guarded.frame_locked or guarded.locked & {object_id, into}:
                    self._say(f"They are locked in frame {key.index}: unlock them to merge")
                    return
            edits = [(key, _handed_over(document, key, object_id, into)) for key in keys]
        except ProjectError as error:
            self._say(str(error), Severity.WARNING)
            return
        self._desk.act(lambda d: _merged(d, clip.id, edits, gone=object_id, title=f"Merge {old.name} into {new.name}"))
        self._desk.select(into)

    def split(self, object_id: int) -> None:
        """All but its largest part in this frame becomes an object of its own, in one step."""
        key, clip, document = self._desk.key, self._desk.clip, self._desk.document
        info = self._desk.object_of(object_id)
        if key is None or clip is None or document is None or info is None:
            return
        labels = document.labels(key)
        height, width = labels.shape
        mask = object_mask(labels, object_id)
        rest = None if mask is None else _rest(mask, keep_largest(mask, (height, width)), width)
        if rest is None:
            self._say(f"{info.name} is in one piece here")
            return
        try:
            number = document.free_object_id(clip.id)
        except ProjectError as error:
            self._say(str(error), Severity.WARNING)
            return
        edit = relabel(labels, {object_id: number}, protection=document.protection(key), region=rest)
        if edit.is_empty:
            self._say(f"{info.name} is locked")
            return
        made = ObjectInfo(number, f"{info.name} (part)", info.category, _colour(number))
        self._desk.act(lambda d: d.apply_many([(key, edit)], title=f"Split {info.name}", objects=[(clip.id, made)]))
        self._desk.select(number)

    def show_combinations(self) -> None:
        """Ask with which mask the selected object is to be combined, and how."""
        self.set_shown(True)
        self.refresh()
        if not self.panel.show_combinations():
            self._say("Select an object that has a mask in this frame")

    def _ask_in_list(self, asking: Callable[[int], bool], refusal: str) -> None:
        """Something that is asked in the list, which comes for it."""
        if self._desk.object_of(self._desk.selected) is None:
            self._say("Select an object first")
            return
        self.set_shown(True)
        self.refresh()
        if not asking(self._desk.selected):
            self._say(refusal)

    def _of_selected(self, doing: Callable[[ObjectInfo], object]) -> None:
        info = self._desk.object_of(self._desk.selected)
        if info is None:
            self._say("Select an object first")
        else:
            doing(info)
        self.refresh()

    def _next_presence(self, info: ObjectInfo) -> None:
        key = self._desk.key
        if key is None:
            return
        now = presence_at(info.intervals, key.pts)
        words = (*PRESENCES, "")
        word = words[(words.index(now.value if now is not None else "") + 1) % len(words)]
        self.set_presence(info.id, word)
        self._say(f"{info.name}: {word or 'not said'} from here on")

    def _next_rank(self, info: ObjectInfo) -> None:
        ranks = (None, *RANKS)
        rank = ranks[(ranks.index(info.rank) + 1) % len(ranks)]
        if self._desk.change_object(info.id, rank=rank):
            self._say(f"{info.name}: " + ("no saliency rank" if rank is None else f"saliency rank {rank}"))

    def by_id(self) -> dict[str, Callable[[], object]]:
        """Commands by the ids of their actions."""
        panel = self.panel
        return {
            "annotate.objects": self.toggle,
            "annotate.rename": partial(self._ask_in_list, panel.begin_name, ""),
            "annotate.category": partial(self._ask_in_list, panel.begin_category, ""),
            "annotate.colour": partial(self._ask_in_list, panel.ask_colour, ""),
            "annotate.merge": partial(self._ask_in_list, panel.show_merges, "There is no other object to merge into"),
            "annotate.rank": partial(self._of_selected, self._next_rank),
            "annotate.presence": partial(self._of_selected, self._next_presence),
            "annotate.hide_object": partial(
                self._of_selected, lambda info: self._desk.change_object(info.id, hidden=not info.hidden)
            ),
            "annotate.solo": partial(self._of_selected, lambda info: self._showing.set_solo(info.id)),
            "annotate.split": lambda: self.split(self._desk.selected),
        }

    def _say(self, text: str, severity: Severity = Severity.INFO) -> None:
        self.notice.emit(Notice(text, severity, key=REFUSED, seconds=6.0))


def _merged(document: Document, clip: int, edits: list[tuple[FrameKey, Edit]], *, gone: int, title: str) -> Done | None:
    """The masks of one object go over to another and the object goes, in one step."""
    moved = document.apply_many(edits, title=title)
    deleted = document.delete_object(clip, gone, continuing=moved)
    if moved is None or deleted is None:
        return deleted or moved
    return replace(deleted, dirty={**deleted.dirty, **moved.dirty})


def _handed_over(document: Document, key: FrameKey, object_id: int, into: int) -> Edit:
    """An object's pixels of a frame to another one, without drawing the rest of the frame."""
    mask = document.mask(key, object_id)
    if mask is None:
        return Edit(BY_HAND)
    there = document.read(key, mask.box)
    wanted = np.where(mask.bits, np.uint8(into), there)
    return propose_in(
        mask.box,
        there,
        wanted,
        ring_width=document.clip(key.clip).width,
        protection=document.protection(key),
        origin=BY_HAND,
    )


def _rest(mask: RingMask, part: RingMask, ring_width: int) -> RingMask | None:
    box = mask.box.union(part.box, ring_width)
    return RingMask(box, mask.within(box, ring_width) & ~part.within(box, ring_width)).trimmed(ring_width)


def _colour(number: int) -> str:
    red, green, blue = (int(c) for c in object_colours()[number])
    return f"#{red:02x}{green:02x}{blue:02x}"
