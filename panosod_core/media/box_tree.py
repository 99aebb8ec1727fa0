"""An MP4's `moov` as a tree in memory that can be changed and written again, byte for byte where nothing changed."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from panosod_core.media.isobmff import Box, BoxReader
from panosod_core.media.isobmff_tracks import entry_boxes_start

_CONTAINERS = frozenset({"moov", "trak", "mdia", "minf", "stbl"})
_KINDS = {b"vide": "video", b"soun": "audio"}


@dataclass
class BoxNode:
    """A box: either a leaf with ``prefix`` as its body, or fields (``prefix``), boxes, and trailing bytes.

    Attributes:
        kind: four characters.
        prefix: bytes before the first child; of a leaf, its whole body.
        children: boxes within.
        suffix: what follows them (QuickTime's terminator).
        is_long: its header had a 64-bit size, and keeps it.
    """

    kind: str
    prefix: bytes = b""
    children: list["BoxNode"] = field(default_factory=list)
    suffix: bytes = b""
    is_long: bool = False

    def to_bytes(self) -> bytes:
        """The box with its header."""
        body = self.prefix + b"".join(child.to_bytes() for child in self.children) + self.suffix
        kind = self.kind.encode("latin-1")
        if self.is_long or len(body) + 8 >= 2**32:
            return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
        return struct.pack(">I4s", len(body) + 8, kind) + body

    def find(self, *path: str) -> "BoxNode | None":
        """The first box at a path below this one."""
        node: BoxNode | None = self
        for kind in path:
            node = next((child for child in node.children if child.kind == kind), None) if node else None
        return node

    def all(self, *path: str) -> Iterator["BoxNode"]:
        """Every box at a path below this one."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.kind == path[0]:
                yield from child.all(*path[1:])

    @property
    def track_kind(self) -> str:
        """Of a `trak`: "video", "audio" or "other"."""
        handler = self.find("mdia", "hdlr")
        return "other" if handler is None else _KINDS.get(handler.prefix[8:12], "other")


def parse_moov(data: bytes) -> BoxNode | None:
    """The tree of a whole `moov` box, with its header; None where it is no such box."""
    reader = BoxReader(io.BytesIO(data), len(data))
    box = next(reader.boxes(0, len(data)), None)
    if box is None or box.kind != "moov" or reader.problems:
        return None
    root = _node(reader, data, box)
    for trak in root.all("trak"):
        for stsd in trak.all("mdia", "minf", "stbl", "stsd"):
            _open_entry(stsd, trak.track_kind)
    return root


def _node(reader: BoxReader, data: bytes, box: Box) -> BoxNode:
    is_long = box.body - box.start == 16
    if box.kind not in _CONTAINERS:
        return BoxNode(box.kind, data[box.body : box.end], is_long=is_long)
    children = list(reader.children(box))
    end = children[-1].end if children else box.body
    nodes = [_node(reader, data, child) for child in children]
    return BoxNode(box.kind, b"", nodes, data[end : box.end], is_long)


def _open_entry(stsd: BoxNode, kind: str) -> None:
    """Take the first sample entry of a leaf `stsd` apart; the others stay as they are, in its suffix."""
    data = stsd.prefix
    reader = BoxReader(io.BytesIO(data), len(data))
    entry = next(reader.boxes(8, len(data)), None)
    if entry is None or kind == "other":
        return
    start = min(entry_boxes_start(reader, entry, kind), entry.end)
    boxes = list(reader.boxes(start, entry.end))
    end = boxes[-1].end if boxes else start
    node = BoxNode(
        entry.kind,
        data[entry.body : start],
        [BoxNode(b.kind, data[b.body : b.end], is_long=b.body - b.start == 16) for b in boxes],
        data[end : entry.end],
        entry.body - entry.start == 16,
    )
    stsd.prefix, stsd.children, stsd.suffix = data[:8], [node], data[entry.end :]
