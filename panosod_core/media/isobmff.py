"""A bounded reader of ISO base media boxes (MP4, MOV): every length is checked against its parent and the file.

ISO/IEC 14496-12 section 4.2 and the QuickTime file format. A reader never takes more than :data:`MAX_PAYLOAD` bytes of
one box into memory, never visits more than :data:`MAX_BOXES` boxes and never recurses by itself, so a hostile file
costs milliseconds. A broken box ends the walk of its parent and leaves a note; it never raises.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from panosod_core.media.bounded_file import BoundedFile

MAX_PAYLOAD = 1 << 20
"""Most bytes read of one box: the metadata boxes are far smaller (a mesh may be longer; it is not read)."""

MAX_BOXES = 100_000
"""Most boxes visited in one file: a day of two-second fragments has about 90,000."""


@dataclass(frozen=True)
class Box:
    """Where one box lies in the file.

    Attributes:
        kind: its four characters, e.g. "moov"; bytes that are not ASCII as Latin-1.
        start: offset of its size field.
        body: offset of what follows the header (size, kind, 64-bit size).
        end: offset just past it.
        open_ended: its size field is 0: it reaches to the end of the file.
    """

    kind: str
    start: int
    body: int
    end: int
    open_ended: bool = False

    @property
    def size(self) -> int:
        """Bytes from the size field to the end."""
        return self.end - self.start


@dataclass
class BoxReader(BoundedFile):
    """Walks boxes of an open file."""

    _visited: int = 0

    def read(self, start: int, count: int) -> bytes:
        """At most ``count`` bytes (and :data:`MAX_PAYLOAD`) from an offset; fewer at the end of the file."""
        return super().read(start, min(count, MAX_PAYLOAD))

    def payload(self, box: Box, limit: int = MAX_PAYLOAD) -> bytes:
        """The body of a box, cut at ``limit`` bytes."""
        return self.read(box.body, min(limit, box.end - box.body))

    def boxes(self, start: int, end: int) -> Iterator[Box]:
        """The boxes that lie side by side in [start, end); stops with a note at the first malformed one."""
        end = min(end, self.size)
        while end - start >= 8:
            box = self._box_at(start, end)
            if box is None:
                return
            yield box
            start = box.end

    def children(self, box: Box, skip: int = 0) -> Iterator[Box]:
        """The boxes within a box, after ``skip`` bytes of its body."""
        return self.boxes(box.body + skip, box.end)

    def first(self, box: Box, *path: str) -> Box | None:
        """The first box at a path below a box, e.g. ``first(trak, "mdia", "minf")``."""
        found: Box | None = box
        for kind in path:
            if found is None:
                return None
            found = next((child for child in self.children(found) if child.kind == kind), None)
        return found

    def tiles(self, start: int, end: int) -> bool:
        """True when [start, end) is filled by boxes, but for at most 4 bytes of QuickTime's terminator."""
        position = start
        while end - position >= 8:
            head = self.read(position, 16)
            span = _span(head, end - position)
            if span is None or not _is_printable(head[4:8]):
                return False
            position += span[1]
        return 0 <= end - position <= 4

    def _box_at(self, start: int, end: int) -> Box | None:
        self._visited += 1
        if self._visited > MAX_BOXES:
            self.note(f"more than {MAX_BOXES} boxes: the rest was not read")
            return None
        head = self.read(start, 16)
        if head[:4] == b"\0\0\0\0" and end < self.size:
            return None  # QuickTime ends a list of atoms with a zero
        kind = head[4:8].decode("latin-1")
        span = _span(head, end - start)
        if span is None:
            claimed = int.from_bytes(head[:4], "big")
            if end == self.size and claimed > end - start:
                # A truncated download: the last box at the top goes on beyond the file. What is there may be of use.
                self.note(f"box {kind!a} at {start} claims {claimed} bytes, the file has {end - start}")
                return Box(kind, start, start + 8, end)
            self.note(f"box {kind!a} at {start} has an impossible size {claimed}")
            return None
        header, length, open_ended = span
        return Box(kind, start, start + header, start + length, open_ended)


def _span(head: bytes, room: int) -> tuple[int, int, bool] | None:
    """Header length, whole length and open-endedness of the box that starts with these bytes; None where impossible."""
    size = int.from_bytes(head[:4], "big")
    if size == 1 and len(head) == 16:
        size = int.from_bytes(head[8:16], "big")
        return (16, size, False) if 16 <= size <= room else None
    if size == 0:
        return (8, room, True)
    return (8, size, False) if 8 <= size <= room else None


def _is_printable(kind: bytes) -> bool:
    return len(kind) == 4 and all(32 <= byte < 127 or byte == 0xA9 for byte in kind)
