"""What of the project lies over the picture: the sketch while it stands still, the document's labels while it plays."""

from __future__ import annotations

from PySide6.QtCore import QObject

from panosod_core.annotation.document import Document
from panosod_core.annotation.records import FrameKey, ObjectInfo
from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.painter import Painter
from panosod_viewer.layers import LayerId
from panosod_viewer.overlays import LabelImage, Rgb, label_image
from panosod_viewer.palettes import LabelDisplay, LabelLook, with_colours
from panosod_viewer.player import Player
from panosod_viewer.state import ViewerState


class MaskShowing(QObject):
    """Follows desk and painter; hands label maps, colours and names to the state."""

    def __init__(
        self,
        desk: AnnotationDesk,
        painter: Painter,
        *,
        state: ViewerState,
        player: Player,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desk = desk
        self._painter = painter
        self._state = state
        self._player = player
        self._onion: tuple[tuple[FrameKey, FrameKey | None, FrameKey | None], tuple[LabelImage, ...]] | None = None
        self.solo = 0
        """The only object that is shown, 0 for all."""
        desk.frame_changed.connect(self.show_frame)
        desk.edited.connect(lambda _: self._forget_onion())
        desk.project_changed.connect(lambda _: self._forget_onion())
        desk.objects_changed.connect(self.show_objects)
        desk.selection_changed.connect(lambda _: self.show_objects())
        painter.sketched.connect(self.show_sketch)
        painter.tool_changed.connect(self._tool_changed)
        player.playing_changed.connect(lambda _: self.show_frame())
        state.layers_changed.connect(lambda _: self._show_onion())

    def _tool_changed(self, _tool: object) -> None:
        self.show_objects()  # the selected one stands out while there is a tool to act on it
        self.show_frame()

    def show_frame(self) -> None:
        """All of the frame at hand."""
        key = self._desk.key
        if key is None or self._desk.document is None:
            self._state.show_pictures(annotation=None, onion=())
            return
        if not self._player.transport.is_playing and (self._painter.is_painting or self._desk.has_masks(key)):
            self.show_sketch()
        elif self._desk.has_masks(key):
            labels = self._desk.labels(key)
            self._state.show_pictures(annotation=None if labels is None else label_image(labels))
        else:
            self._state.show_pictures(annotation=None)
        self._show_onion()

    def show_sketch(self) -> None:
        """The tentative pixels; only what has changed goes to the graphics card."""
        if self._player.transport.is_playing:
            return
        sketch = self._desk.sketch()
        if sketch is not None:
            self._state.show_pictures(annotation=sketch.image())

    def show_objects(self) -> None:
        """Colours, hidden and selected objects, names."""
        objects = self._desk.objects()
        ids = frozenset(o.id for o in objects)
        hidden = frozenset(o.id for o in objects if o.hidden)
        look = LabelLook(
            colours=with_colours({o.id: rgb_of(o) for o in objects}),
            hidden=hidden - {self.solo},
            solo=frozenset({self.solo}) & ids,
            selected=frozenset({self._desk.selected}) & ids if self._painter.is_painting else frozenset(),
        )
        fields: dict[str, object] = {"annotation_look": look}
        if objects:
            fields["names"] = tuple((o.id, o.name) for o in objects)
        self._state.show_pictures(**fields)

    def set_solo(self, object_id: int) -> None:
        """Show this object alone; the same again shows all."""
        self.solo = 0 if object_id == self.solo else object_id
        self.show_objects()

    def next_display(self) -> None:
        """Show masks as tint, outline or cut-out, in turn; a layer that was hidden comes."""
        layers = self._state.wish.layers
        choice = layers.of(LayerId.ANNOTATION)
        if layers.are_hidden or not choice.is_shown:
            self._state.set_layers(layers.toggled(LayerId.ANNOTATION))
            return
        ways = list(LabelDisplay)
        way = ways[(ways.index(choice.display) + 1) % len(ways)]
        self._state.set_layers(layers.with_layer(LayerId.ANNOTATION, display=way))

    # --- neighbours

    def _forget_onion(self) -> None:
        self._onion = None

    def _show_onion(self) -> None:
        key, document = self._desk.key, self._desk.document
        is_wanted = self._state.wish.layers.of(LayerId.ONION).is_shown and not self._player.transport.is_playing
        if key is None or document is None or not is_wanted:
            self._state.show_pictures(onion=())
            return
        before, after = neighbours(document, key)
        if self._onion is None or self._onion[0] != (key, before, after):
            found = tuple(label_image(document.labels(k)) for k in (before, after) if k is not None)
            self._onion = (key, before, after), found
        self._state.show_pictures(onion=self._onion[1])


def neighbours(document: Document, key: FrameKey) -> tuple[FrameKey | None, FrameKey | None]:
    """The nearest frames before and after with a mask in them."""
    before: FrameKey | None = None
    for row in document.frames(key.clip):
        if row.key.pts == key.pts or not document.heads(row.key):
            continue
        if row.key.pts > key.pts:
            return before, row.key
        before = row.key
    return before, None


def rgb_of(info: ObjectInfo) -> Rgb:
    """An object's colour, 0..1."""
    red, green, blue = (int(info.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue
