"""A bounded reader of EBML elements (Matroska, WebM): RFC 8794.

The same habits as the box reader: no more than :data:`MAX_PAYLOAD` bytes of one element are read, no more than
:data:`MAX_ELEMENTS` are visited, and an element that claims to end beyond its parent is cut there, with a note.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from panosod_core.media.bounded_file import BoundedFile

MAX_PAYLOAD = 1 << 20
MAX_ELEMENTS = 20_000


@dataclass(frozen=True)
class Element:
    """Where one element lies.

    Attributes:
        id: with its marker bits, as the specifications print it.
        start: offset of the id.
        body: offset of the data.
        end: offset just past the data, cut at the parent's end.
        is_unsized: its size is "unknown": it reaches to the end of its parent.
    """

    id: int
    start: int
    body: int
    end: int
    is_unsized: bool = False


@dataclass
class EbmlReader(BoundedFile):
    """Walks elements of an open file."""

    _visited: int = 0

    def elements(self, start: int, end: int) -> Iterator[Element]:
        """The elements that lie side by side in [start, end); stops with a note where none can be read."""
        end = min(end, self.size)
        while start < end:
            self._visited += 1
            if self._visited > MAX_ELEMENTS:
                self.note(f"more than {MAX_ELEMENTS} elements: the rest was not read")
                return
            element = self._element_at(start, end)
            if element is None:
                self.note(f"no EBML element at {start}")
                return
            yield element
            start = element.end

    def children(self, element: Element) -> Iterator[Element]:
        """The elements within one."""
        return self.elements(element.body, element.end)

    def payload(self, element: Element, limit: int = MAX_PAYLOAD) -> bytes:
        """The data of an element, cut at ``limit`` bytes."""
        return self.read(element.body, min(limit, MAX_PAYLOAD, element.end - element.body))

    def unsigned(self, element: Element) -> int | None:
        """An unsigned integer of 0 to 8 bytes, None where it is longer."""
        length = element.end - element.body
        return int.from_bytes(self.payload(element, 8), "big") if length <= 8 else None

    def real(self, element: Element) -> float | None:
        """A float of 0, 4 or 8 bytes, None where it has another length."""
        data = self.payload(element, 9)
        if not data:
            return 0.0
        if len(data) not in (4, 8):
            return None
        value: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
        return value

    def _element_at(self, start: int, end: int) -> Element | None:
        head = self.read(start, min(12, end - start))
        number = _vint_length(head[0], 4) if head else 0
        if not number or len(head) <= number:
            return None
        length = _vint_length(head[number], 8)
        body = start + number + length
        if not length or len(head) < number + length:
            return None
        size = int.from_bytes(head[number : number + length], "big") & ((1 << 7 * length) - 1)
        identity = int.from_bytes(head[:number], "big")
        if size == (1 << 7 * length) - 1:
            return Element(identity, start, body, end, is_unsized=True)
        if size > end - body:
            self.note(f"element {identity:X} at {start} claims {size} bytes, {end - body} are there")
        return Element(identity, start, body, min(body + size, end))


def _vint_length(first: int, longest: int) -> int:
    """Bytes of a variable-length integer by its first byte; 0 where it is none."""
    length = 9 - first.bit_length()
    return length if length <= longest else 0
