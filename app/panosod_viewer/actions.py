"""Every action: id, text, menu, keys, and the context in which the keys hold. One table; menus and help follow it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence


class Context(StrEnum):
    """Where a key means something. Within one context no key means two things."""

    WINDOW = "window"
    PICTURE = "picture"
    """While the picture has the focus and masks are painted on it."""


@dataclass(frozen=True)
class ActionSpec:
    """One thing that a person can do.

    Attributes:
        id: "group.name", stable: settings and code use it.
        text: as the menu shows it, with its mnemonic.
        group: the menu it lies in.
        keys: key sequences in Qt's portable text; the first is shown.
        is_checkable: it is on or off.
        radio: actions of the same word exclude each other.
        needs_clip: it means nothing without an open clip.
        repeats: held down, the key goes on.
        starts_section: a separator stands before it in the menu.
        context: where the keys hold.
    """

    id: str
    text: str
    group: str
    keys: tuple[str, ...] = ()
    is_checkable: bool = False
    radio: str = ""
    needs_clip: bool = True
    repeats: bool = False
    starts_section: bool = False
    context: Context = Context.WINDOW

    @property
    def label(self) -> str:
        """The text without mnemonic and dots, as the help shows it."""
        return self.text.replace("&", "").removesuffix("…")


GROUPS = ("File", "Playback", "View", "Layers", "Annotate", "Object", "Review", "Sound", "Model", "Help")
"""The menus, left to right."""

ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("file.open", "&Open…", "File", ("Ctrl+O",), needs_clip=False),
    ActionSpec("file.demo", "Open the &demo clip", "File", needs_clip=False),
    ActionSpec("file.close", "&Close clip", "File", ("Ctrl+W",)),
    ActionSpec("file.info", "&Media information…", "File", ("Ctrl+I",), starts_section=True),
    ActionSpec("project.new", "&New project…", "File", ("Ctrl+N",), starts_section=True),
    ActionSpec("project.open", "Open p&roject…", "File", ("Ctrl+Shift+N",), needs_clip=False),
    ActionSpec("project.save_as", "S&ave project as…", "File", ("Ctrl+Alt+S",), needs_clip=False),
    ActionSpec("project.export_copy", "Export a copy o&f the project…", "File", ("Ctrl+Alt+E",), needs_clip=False),
    ActionSpec("project.export", "E&xport masks…", "File", ("Ctrl+E",)),
    ActionSpec("project.import", "Import mas&ks…", "File", ("Ctrl+Shift+I",)),
    ActionSpec("project.compare", "Compare wit&h another project…", "File", ("Ctrl+Shift+E",)),
    ActionSpec("project.close", "Close projec&t", "File", ("Ctrl+Alt+W",), needs_clip=False),
    ActionSpec("file.save_picture", "&Save picture…", "File", ("Ctrl+Shift+S",), starts_section=True),
    ActionSpec("file.quit", "&Quit", "File", ("Ctrl+Q",), needs_clip=False, starts_section=True),
    ActionSpec("play.toggle", "&Play / pause", "Playback", ("Space",)),
    ActionSpec("play.stop", "&Stand still", "Playback", ("K",)),
    ActionSpec("play.slower", "Slo&wer", "Playback", ("J",)),
    ActionSpec("play.faster", "&Faster", "Playback", ("L",)),
    ActionSpec("play.normal", "&Normal speed", "Playback", ("Backspace",)),
    ActionSpec("play.next_frame", "Ne&xt frame", "Playback", ("Right",), repeats=True, starts_section=True),
    ActionSpec("play.previous_frame", "Pre&vious frame", "Playback", ("Left",), repeats=True),
    ActionSpec("play.next_ten", "Ten frames on", "Playback", ("Shift+Right",), repeats=True),
    ActionSpec("play.previous_ten", "Ten frames back", "Playback", ("Shift+Left",), repeats=True),
    ActionSpec("play.forward", "Five seconds on", "Playback", ("PgDown",), repeats=True),
    ActionSpec("play.back", "Five seconds back", "Playback", ("PgUp",), repeats=True),
    ActionSpec("play.start", "To the &beginning", "Playback", ("Ctrl+Home",)),
    ActionSpec("play.loop_start", "Loop starts &here", "Playback", ("I",), starts_section=True),
    ActionSpec("play.loop_end", "Loop &ends here", "Playback", ("O",)),
    ActionSpec("play.loop_clear", "&Clear loop", "Playback", ("Shift+O",)),
    ActionSpec("play.repeat", "&Repeat the clip", "Playback", ("R",), is_checkable=True, needs_clip=False),
    ActionSpec("timeline.next_unsure", "Next most &uncertain frame", "Playback", ("U",), starts_section=True),
    ActionSpec("timeline.previous_unsure", "Previous uncertain frame", "Playback", ("Shift+U",)),
    ActionSpec("timeline.next_off", "Next frame farthest from the soun&d", "Playback", ("D",)),
    ActionSpec("timeline.previous_off", "Previous frame far from the sound", "Playback", ("Shift+D",)),
    ActionSpec("view.look", "&Look around", "View", ("Ctrl+1",), is_checkable=True, radio="layout"),
    ActionSpec("view.map", "Flat &map", "View", ("Ctrl+2",), is_checkable=True, radio="layout"),
    ActionSpec("view.split", "&Both", "View", ("Ctrl+3",), is_checkable=True, radio="layout"),
    ActionSpec("view.planet", "Little &planet", "View", ("Ctrl+4",)),
    ActionSpec("view.timeline", "&Time line", "View", ("Ctrl+T",), is_checkable=True, needs_clip=False),
    ActionSpec("view.right_eye", "Ri&ght eye of a stereo clip", "View", ("Y",), is_checkable=True),
    ActionSpec("view.recentre", "&Recentre", "View", ("Home",), starts_section=True),
    ActionSpec("view.left", "Turn left", "View", ("Ctrl+Left",), repeats=True),
    ActionSpec("view.right", "Turn right", "View", ("Ctrl+Right",), repeats=True),
    ActionSpec("view.up", "Look up", "View", ("Ctrl+Up",), repeats=True),
    ActionSpec("view.down", "Look down", "View", ("Ctrl+Down",), repeats=True),
    ActionSpec("view.roll_left", "Lean left", "View", ("Ctrl+Shift+Left",), repeats=True),
    ActionSpec("view.roll_right", "Lean right", "View", ("Ctrl+Shift+Right",), repeats=True),
    ActionSpec("view.zoom_in", "Zoom in", "View", ("+", "=", "Ctrl++", "Ctrl+="), repeats=True, starts_section=True),
    ActionSpec("view.zoom_out", "Zoom out", "View", ("-", "Ctrl+-"), repeats=True),
    ActionSpec("view.zoom_reset", "Normal zoom", "View", ("Ctrl+0",)),
    ActionSpec("view.inertia", "&Coast after a drag", "View", is_checkable=True, needs_clip=False),
    ActionSpec(
        "view.fullscreen",
        "&Full screen",
        "View",
        ("F11", "F"),
        is_checkable=True,
        needs_clip=False,
        starts_section=True,
    ),
    ActionSpec("view.leave", "Leave full screen", "View", ("Esc",), needs_clip=False),
    ActionSpec(
        "view.auto_quality", "&Automatic quality", "View", is_checkable=True, needs_clip=False, starts_section=True
    ),
    ActionSpec("view.theme_auto", "Colours of the s&ystem", "View", is_checkable=True, radio="theme", needs_clip=False),
    ActionSpec("view.theme_dark", "&Dark colours", "View", is_checkable=True, radio="theme", needs_clip=False),
    ActionSpec("view.theme_light", "L&ight colours", "View", is_checkable=True, radio="theme", needs_clip=False),
    ActionSpec("layers.saliency", "&Saliency", "Layers", ("F2",), is_checkable=True),
    ActionSpec("layers.location", "Sound &location", "Layers", ("F3",), is_checkable=True),
    ActionSpec("layers.energy", "Sound &energy", "Layers", ("F4",), is_checkable=True),
    ActionSpec("layers.truth", "Ground &truth", "Layers", ("F5",), is_checkable=True),
    ActionSpec("layers.annotation", "&Annotation", "Layers", ("F6",), is_checkable=True),
    ActionSpec("layers.onion", "&Onion skin", "Layers", ("F7",), is_checkable=True),
    ActionSpec("layers.hide", "&Hide all", "Layers", ("H",), is_checkable=True, starts_section=True),
    ActionSpec("layers.compare", "Next way to &compare", "Layers", ("F8",)),
    ActionSpec("layers.panel", "List of la&yers", "Layers", ("F9",), is_checkable=True, starts_section=True),
    ActionSpec("annotate.mode", "&Annotate", "Annotate", ("Ctrl+D",), is_checkable=True),
    ActionSpec("annotate.look", "&Look around", "Annotate", ("Shift+V",), is_checkable=True, starts_section=True),
    ActionSpec("annotate.brush", "&Brush", "Annotate", ("B",), is_checkable=True),
    ActionSpec("annotate.eraser", "&Eraser", "Annotate", ("E",), is_checkable=True),
    ActionSpec("annotate.lasso", "La&sso", "Annotate", ("A",), is_checkable=True),
    ActionSpec("annotate.polygon", "&Polygon", "Annotate", ("G",), is_checkable=True),
    ActionSpec("annotate.fill", "&Fill", "Annotate", ("C",), is_checkable=True),
    ActionSpec("annotate.wand", "&Wand", "Annotate", ("W",), is_checkable=True),
    ActionSpec("annotate.smart", "S&mart select", "Annotate", ("S",), is_checkable=True),
    ActionSpec("annotate.move", "Mo&ve and turn", "Annotate", ("V",), is_checkable=True),
    ActionSpec("annotate.part", "&Take the model's part", "Annotate", ("Q",), is_checkable=True),
    ActionSpec("annotate.model_lasso", "Take the model in a lass&o", "Annotate", ("Shift+A",), is_checkable=True),
    ActionSpec("annotate.larger", "Larger brush", "Annotate", ("]",), repeats=True, starts_section=True),
    ActionSpec("annotate.smaller", "Smaller brush", "Annotate", ("[",), repeats=True),
    ActionSpec("annotate.preserve", "P&reserve other objects", "Annotate", ("Shift+P",), is_checkable=True),
    ActionSpec("annotate.loupe", "Loupe", "Annotate", ("Z",), is_checkable=True),
    ActionSpec("annotate.loupe_zoom", "Stronger loupe", "Annotate", ("Shift+Z",)),
    ActionSpec("annotate.display", "Masks as tint, outline or cut-out", "Annotate", ("Shift+C",)),
    ActionSpec("annotate.undo", "&Undo", "Annotate", ("Ctrl+Z",), repeats=True, needs_clip=False, starts_section=True),
    ActionSpec("annotate.redo", "Re&do", "Annotate", ("Ctrl+Shift+Z", "Ctrl+Y"), repeats=True, needs_clip=False),
    ActionSpec("annotate.grow", "Grow by half a degree", "Object", ("Ctrl+G",), repeats=True),
    ActionSpec("annotate.grow_more", "Grow by two degrees", "Object", ("Ctrl+Shift+G",), repeats=True),
    ActionSpec("annotate.shrink", "Shrink by half a degree", "Object", ("Ctrl+U",), repeats=True),
    ActionSpec("annotate.shrink_more", "Shrink by two degrees", "Object", ("Ctrl+Shift+U",), repeats=True),
    ActionSpec("annotate.smooth", "Smooth by half a degree", "Object", ("Ctrl+M",)),
    ActionSpec("annotate.smooth_more", "Smooth by two degrees", "Object", ("Ctrl+Shift+M",)),
    ActionSpec("annotate.fill_holes", "Fill &holes", "Object", ("Ctrl+F",)),
    ActionSpec("annotate.keep_largest", "&Keep the largest part", "Object", ("Ctrl+K",)),
    ActionSpec("annotate.model_whole", "Take the model's whole mask", "Object", ("Shift+Q",), starts_section=True),
    ActionSpec("annotate.from_previous", "Take from the annotated frame before", "Object", ("Ctrl+,",)),
    ActionSpec("annotate.from_next", "Take from the annotated frame after", "Object", ("Ctrl+.",)),
    ActionSpec("annotate.delete", "Delete from this frame", "Object", ("Del",)),
    ActionSpec("annotate.lock", "Lock the ob&ject", "Object", ("Ctrl+L",), is_checkable=True, starts_section=True),
    ActionSpec(
        "annotate.lock_frame", "Lock this frame", "Annotate", ("Ctrl+Shift+L",), is_checkable=True, starts_section=True
    ),
    ActionSpec("annotate.hide_object", "Hide the object", "Object", ("Ctrl+H",), is_checkable=True),
    ActionSpec("annotate.solo", "Show the object alone", "Object", ("Shift+S",), is_checkable=True),
    ActionSpec("annotate.rename", "Rename the object", "Object", ("Shift+E",), starts_section=True),
    ActionSpec("annotate.category", "Class of the object", "Object", ("Shift+K",)),
    ActionSpec("annotate.rank", "Next saliency rank", "Object", ("Shift+R",)),
    ActionSpec("annotate.presence", "Sounds, silent, off screen: from here on", "Object", ("Shift+W",)),
    ActionSpec("annotate.colour", "Colour of the object…", "Object", ("Ctrl+Shift+H",)),
    ActionSpec("annotate.add_object", "Add an object", "Object", ("Ctrl+Shift+A",)),
    ActionSpec("annotate.delete_object", "Delete the object everywhere", "Object", ("Shift+Del",)),
    ActionSpec("annotate.split", "Split its smaller parts off", "Object", ("Ctrl+Shift+K",)),
    ActionSpec("annotate.combine", "&Combine with another mask…", "Object", ("Ctrl+J",)),
    ActionSpec("annotate.merge", "Merge into another object…", "Object", ("Shift+M",)),
    ActionSpec("annotate.objects", "L&ist of objects", "Annotate", ("F10",), is_checkable=True, needs_clip=False),
    ActionSpec("annotate.next_object", "Next object", "Object", ("Tab",), starts_section=True, context=Context.PICTURE),
    ActionSpec("annotate.previous_object", "Previous object", "Object", ("Shift+Tab",), context=Context.PICTURE),
    *(
        ActionSpec(f"annotate.object_{n}", f"Object {n}", "Object", (str(n),), starts_section=n == 1)
        for n in range(1, 10)
    ),
    ActionSpec("review.panel", "&Review", "Review", ("Ctrl+R",), is_checkable=True),
    ActionSpec("review.next", "&Next in the queue", "Review", ("N",), repeats=True, starts_section=True),
    ActionSpec("review.previous", "&Last in the queue", "Review", ("Shift+N",), repeats=True),
    ActionSpec("review.accept", "&Accept and go on", "Review", ("Ctrl+Return", "Ctrl+Enter"), starts_section=True),
    ActionSpec("review.accept_object", "Accept the &object", "Review", ("Ctrl+Shift+Return", "Ctrl+Shift+Enter")),
    ActionSpec("review.reject", "Re&ject the frame", "Review", ("Ctrl+Backspace",)),
    ActionSpec("review.reject_object", "Reject the o&bject", "Review", ("Ctrl+Shift+Backspace",)),
    ActionSpec("review.note", "No&te on the frame", "Review", ("Ctrl+Shift+R",)),
    ActionSpec("review.suggest", "S&uggest the frames around by the label-guided branch", "Review", ("Ctrl+Shift+X",)),
    ActionSpec("propagate.forward", "&Propagate on", "Review", ("Ctrl+P",), starts_section=True),
    ActionSpec("propagate.back", "Propa&gate back", "Review", ("Ctrl+Shift+P",)),
    ActionSpec("propagate.to_key", "Propagate to the next &key frame", "Review", ("Ctrl+B",)),
    ActionSpec("propagate.to_key_back", "Propagate back to the last key &frame", "Review", ("Ctrl+Shift+B",)),
    ActionSpec("propagate.between", "Propagate bet&ween key frames", "Review", ("Ctrl+Alt+B",)),
    ActionSpec("propagate.stop", "&Stop propagating", "Review", ("Ctrl+Alt+P",)),
    ActionSpec("sound.louder", "&Louder", "Sound", ("Up",), needs_clip=False, repeats=True),
    ActionSpec("sound.softer", "&Softer", "Sound", ("Down",), needs_clip=False, repeats=True),
    ActionSpec("sound.mute", "&Mute", "Sound", ("M",), is_checkable=True, needs_clip=False),
    ActionSpec(
        "sound.hold", "&Hold the sound while paused", "Sound", ("Shift+H",), is_checkable=True, needs_clip=False
    ),
    ActionSpec("sound.check", "Burst from the mi&ddle of the view", "Sound", ("X",), starts_section=True),
    ActionSpec("sound.device", "Output and de&coder…", "Sound", needs_clip=False),
    ActionSpec("tracker.dialog", "Head &tracker…", "Sound", needs_clip=False, starts_section=True),
    ActionSpec("tracker.tare", "Head tracker: this is strai&ght ahead", "Sound", ("T",), needs_clip=False),
    ActionSpec("model.toggle", "&Predict", "Model", ("P",), is_checkable=True, needs_clip=False),
    ActionSpec("model.open", "&Open a model…", "Model", ("Ctrl+Shift+O",), needs_clip=False, starts_section=True),
    ActionSpec("model.second", "&Compare with another model…", "Model", needs_clip=False),
    ActionSpec("model.alone", "&Leave the other model", "Model", needs_clip=False),
    ActionSpec("finetune.panel", "&Finetune…", "Model", ("Ctrl+Shift+F",), needs_clip=False, starts_section=True),
    ActionSpec("finetune.rollback", "&Back to the model before", "Model", needs_clip=False),
    ActionSpec("finetune.models", "&Models of this machine…", "Model", needs_clip=False),
    ActionSpec("help.keys", "&Keys and pointer", "Help", ("F1",), needs_clip=False),
    ActionSpec("help.change_keys", "&Change keys…", "Help", ("Ctrl+F1",), needs_clip=False),
    ActionSpec("help.about", "&About panosod", "Help", needs_clip=False),
)


@dataclass(frozen=True)
class HelpRow:
    """One line of the help.

    Attributes:
        id: unique.
        group: heading.
        text: what happens.
        keys: key sequences, or words for the pointer.
    """

    id: str
    group: str
    text: str
    keys: tuple[str, ...]


POINTER: tuple[HelpRow, ...] = (
    HelpRow("pointer.drag", "Pointer", "Turn the view; the world stays under the pointer", ("Drag",)),
    HelpRow("pointer.wheel", "Pointer", "Zoom about the pointer", ("Wheel", "Pinch")),
    HelpRow("pointer.double", "Pointer", "Full screen; on the flat map: look there", ("Double click",)),
    HelpRow("pointer.other", "Pointer", "Turn the view with whatever tool", ("Right drag", "Middle drag")),
    HelpRow("pointer.check", "Pointer", "Hear a burst of noise from exactly there", ("Alt+click",)),
    HelpRow("pointer.drop", "Pointer", "Open the file", ("Drop a file",)),
    HelpRow("paint.paint", "Painting", "Use the tool; any other button turns the view", ("Drag",)),
    HelpRow("paint.turn", "Painting", "Turn the view instead; a tap plays and pauses", ("Hold Space",)),
    HelpRow("paint.invert", "Painting", "The opposite: erase, take away", ("Hold Ctrl",)),
    HelpRow("paint.added", "Painting", "Smart select: a stroke, not a box; move: turn the object", ("Hold Shift",)),
    HelpRow("paint.size", "Painting", "Size of the brush", ("Alt+wheel",)),
    HelpRow("paint.finish", "Painting", "Finish a polygon or a smart selection", ("Return",)),
    HelpRow("paint.back", "Painting", "Take back its last point or stroke", ("Backspace",)),
    HelpRow("paint.cancel", "Painting", "Stop a propagation; drop what was begun; leave the tool", ("Esc",)),
    HelpRow("seek.click", "Seek bar", "Go there; drag to look through the clip", ("Click", "Drag")),
    HelpRow("seek.loop", "Seek bar", "Repeat that range", ("Shift+drag",)),
    HelpRow("seek.unloop", "Seek bar", "Stop repeating", ("Shift+click",)),
    HelpRow("seek.menu", "Seek bar", "Menu: repeat from here or until here", ("Right click",)),
    HelpRow("seek.end", "Seek bar", "With the focus on it: to the end", ("End",)),
    HelpRow("timeline.seek", "Time line", "Go there; drag to look through the clip", ("Click", "Drag")),
    HelpRow("timeline.zoom", "Time line", "Zoom about the pointer; all of the clip", ("Wheel", "Double click")),
    HelpRow("timeline.pan", "Time line", "Move along", ("Right drag", "Middle drag", "Shift+wheel")),
    HelpRow("timeline.height", "Time line", "Height", ("Drag its upper edge",)),
    HelpRow("volume.wheel", "Volume", "Louder, softer", ("Wheel over the loudspeaker",)),
    HelpRow("focus.next", "Controls", "To the next, to the one before", ("Tab", "Shift+Tab")),
    HelpRow("focus.press", "Controls", "Press it (Space plays and pauses)", ("Return",)),
)
"""What the pointer does and what the keys of single controls are, for the help."""


def help_rows(keys_of: Callable[[str], tuple[str, ...]] | None = None) -> tuple[HelpRow, ...]:
    """All that has a key, then the pointer.

    Args:
        keys_of: the keys in force of an action; None for the table's own.
    """
    rows = (HelpRow(a.id, a.group, a.label, a.keys if keys_of is None else keys_of(a.id)) for a in ACTIONS)
    return (*(row for row in rows if row.keys), *POINTER)


def duplicate_keys(specs: Iterable[ActionSpec]) -> list[tuple[Context, str, str, str]]:
    """(context, key, first id, second id) of every key with two meanings in one context."""
    seen: dict[tuple[Context, str], str] = {}
    found = []
    for spec in specs:
        for text in spec.keys:
            key = QKeySequence(text).toString(QKeySequence.SequenceFormat.PortableText)
            other = seen.setdefault((spec.context, key), spec.id)
            if other != spec.id or list(spec.keys).count(text) > 1:
                found.append((spec.context, key, other, spec.id))
    return found


def build_actions(parent: QObject) -> dict[str, QAction]:
    """The actions as Qt's, by id; their ``triggered`` is connected by the application."""
    made = {}
    for spec in ACTIONS:
        action = QAction(spec.text, parent)
        action.setObjectName(spec.id)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setAutoRepeat(spec.repeats)
        action.setCheckable(spec.is_checkable)
        if spec.context is Context.PICTURE:
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        made[spec.id] = action
    return made
