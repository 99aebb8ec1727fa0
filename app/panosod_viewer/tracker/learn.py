"""What addresses come in, so that a person can say which number is which. Bounded, whatever is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from panosod_viewer.tracker.mapping import numbers

MAX_ADDRESSES = 48
MAX_ARGUMENTS = 16
MAX_ADDRESS_LENGTH = 120


@dataclass(frozen=True)
class HeardAddress:
    """One address as it was heard.

    Attributes:
        address: as sent, at most 120 characters.
        count: messages so far.
        values: the newest arguments; None where one is no number.
        lowest, highest: range of each argument so far; None where it never was a number.
    """

    address: str
    count: int
    values: tuple[float | None, ...]
    lowest: tuple[float | None, ...]
    highest: tuple[float | None, ...]


class AddressBook:
    """The addresses heard since the book was opened; the first 48 of them."""

    def __init__(self) -> None:
        self._heard: dict[str, HeardAddress] = {}
        self.overflow = 0

    def note(self, address: str, arguments: Sequence[object]) -> None:
        """Take one message into the book."""
        key = address[:MAX_ADDRESS_LENGTH]
        values = tuple(numbers(arguments[:MAX_ARGUMENTS]))
        old = self._heard.get(key)
        if old is None:
            if len(self._heard) >= MAX_ADDRESSES:
                self.overflow += 1
                return
            self._heard[key] = HeardAddress(key, 1, values, values, values)
            return
        low = _merge(min, old.lowest, values)
        high = _merge(max, old.highest, values)
        self._heard[key] = HeardAddress(key, old.count + 1, values, low, high)

    def heard(self) -> tuple[HeardAddress, ...]:
        """All addresses, in the order in which they first came."""
        return tuple(self._heard.values())


def _merge(
    choose: Callable[[float, float], float],
    old: tuple[float | None, ...],
    new: tuple[float | None, ...],
) -> tuple[float | None, ...]:
    merged: list[float | None] = []
    for i, value in enumerate(new):
        before = old[i] if i < len(old) else None
        merged.append(value if before is None else before if value is None else choose(before, value))
    return tuple(merged)
