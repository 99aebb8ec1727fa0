"""Who gets the pointer on the picture: tools in turn, and the look tool for what none of them takes."""

from typing import Protocol

from PySide6.QtCore import QObject

from panosod_viewer.look_controller import LookController
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.pointer import PointerInput, WheelInput


class PointerTaker(Protocol):
    """Something that the pointer can act on."""

    def press(self, pointer: PointerInput) -> bool:
        """A button went down; True takes the pointer until the last button is up."""
        ...

    def move(self, pointer: PointerInput) -> None:
        """The pointer that was taken moved."""
        ...

    def release(self, pointer: PointerInput) -> None:
        """A button of the pointer that was taken went up."""
        ...

    def hover(self, pointer: PointerInput) -> None:
        """The pointer moved with no button down; every taker hears of it."""
        ...


class WholePointerTaker(PointerTaker, Protocol):
    """Something that double clicks, the wheel and leaving mean something to as well."""

    def double_click(self, pointer: PointerInput) -> bool:
        """The second press of a double click, in place of :meth:`press`; True takes the pointer."""
        ...

    def wheel(self, wheel: WheelInput) -> bool:
        """The wheel turned; True where that was not meant for the view."""
        ...

    def leave(self) -> None:
        """The pointer has left the picture."""
        ...


class PointerRouter(QObject):
    """Joins the picture's pointer to whoever wants it; what was added last is asked first."""

    def __init__(self, view: GLView, look: LookController) -> None:
        super().__init__(view)
        self._look = look
        self._takers: list[PointerTaker] = []
        self._whole: list[WholePointerTaker] = []
        self._holder: PointerTaker | None = None
        view.pressed.connect(self._press)
        view.moved.connect(self._move)
        view.released.connect(self._release)
        view.hovered.connect(self._hover)
        view.double_clicked.connect(self._double_click)
        view.pointer_left.connect(self._leave)
        view.wheel_turned.connect(self._wheel)
        view.pinched.connect(look.pinch)

    def add(self, taker: PointerTaker) -> None:
        """Ask this one before all others."""
        self._takers.insert(0, taker)

    def add_whole(self, taker: WholePointerTaker) -> None:
        """Ask this one before all others, also about double clicks and the wheel."""
        self.add(taker)
        self._whole.insert(0, taker)

    def remove(self, taker: PointerTaker) -> None:
        """Ask it no more."""
        self._takers.remove(taker)
        self._whole = [other for other in self._whole if other is not taker]
        if self._holder is taker:
            self._holder = None

    def _press(self, pointer: PointerInput) -> None:
        if self._holder is None:
            self._holder = next((taker for taker in self._takers if taker.press(pointer)), None)
        if self._holder is None:
            self._look.press(pointer)

    def _double_click(self, pointer: PointerInput) -> None:
        holder = next((taker for taker in self._whole if taker.double_click(pointer)), None)
        if holder is None:
            self._look.double_click(pointer)
        elif self._holder is None:
            self._holder = holder

    def _wheel(self, wheel: WheelInput) -> None:
        if not any(taker.wheel(wheel) for taker in self._whole):
            self._look.wheel(wheel)

    def _leave(self) -> None:
        self._look.leave()
        for taker in self._whole:
            taker.leave()

    def _move(self, pointer: PointerInput) -> None:
        if self._holder is None:
            self._look.move(pointer)
        else:
            self._holder.move(pointer)
            self._look.hover(pointer)

    def _release(self, pointer: PointerInput) -> None:
        if self._holder is None:
            self._look.release(pointer)
            return
        self._holder.release(pointer)
        if not pointer.buttons:
            self._holder = None

    def _hover(self, pointer: PointerInput) -> None:
        self._look.hover(pointer)
        for taker in self._takers:
            taker.hover(pointer)
