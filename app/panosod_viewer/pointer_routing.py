"""Who gets the pointer on the picture: tools in turn, and the look tool for what none of them takes."""

from typing import Protocol

from PySide6.QtCore import QObject

from panosod_viewer.look_controller import LookController
from panosod_viewer.render.gl_view import GLView
from panosod_viewer.render.pointer import PointerInput


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


class PointerRouter(QObject):
    """Joins the picture's pointer to whoever wants it; what was added last is asked first."""

    def __init__(self, view: GLView, look: LookController) -> None:
        super().__init__(view)
        self._look = look
        self._takers: list[PointerTaker] = []
        self._holder: PointerTaker | None = None
        view.pressed.connect(self._press)
        view.moved.connect(self._move)
        view.released.connect(self._release)
        view.hovered.connect(self._hover)
        view.double_clicked.connect(look.double_click)
        view.pointer_left.connect(look.leave)
        view.wheel_turned.connect(look.wheel)
        view.pinched.connect(look.pinch)

    def add(self, taker: PointerTaker) -> None:
        """Ask this one before all others."""
        self._takers.insert(0, taker)

    def remove(self, taker: PointerTaker) -> None:
        """Ask it no more."""
        self._takers.remove(taker)
        if self._holder is taker:
            self._holder = None

    def _press(self, pointer: PointerInput) -> None:
        if self._holder is None:
            self._holder = next((taker for taker in self._takers if taker.press(pointer)), None)
        if self._holder is None:
            self._look.press(pointer)

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
