"""Cuts objects out of the picture in a thread: GrabCut takes longer than a frame. No Qt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.selecting import Hints, smart_select
from panosod_core.errors import PanosodError
from panosod_viewer.workers.latest import LatestThread

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class CutQuestion:
    """What is to be cut out.

    Attributes:
        revision: of the hints; the answer carries it.
        picture: (h, w, 3) uint8 R'G'B' of the full sphere.
        hints: what the person has said.
        size: (H, W) of the mask.
    """

    revision: int
    picture: NDArray[np.uint8]
    hints: Hints
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class CutFound:
    """The answer; ``found`` is None where there is nothing."""

    revision: int
    found: RingMask | None


@dataclass(frozen=True)
class CutFailed:
    """Nothing could be cut out; one line."""

    revision: int
    text: str


CutMessage: TypeAlias = CutFound | CutFailed


class CuttingWorker:
    """Answers the latest question only."""

    def __init__(self, post: Callable[[CutMessage], None]) -> None:
        """``post`` is told of every answer, in the worker's thread."""
        self._post = post
        self._thread: LatestThread[CutQuestion] = LatestThread("panosod-cutting", self._answer)

    def ask(self, question: CutQuestion) -> None:
        """Cut this out instead of what waits."""
        self._thread.ask(question)

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread; False while it hangs."""
        return self._thread.close(timeout_s=timeout_s)

    def _answer(self, question: CutQuestion) -> None:
        try:
            found = smart_select(question.picture, question.hints, size=question.size)
            self._post(CutFound(question.revision, found))
        except PanosodError as error:
            self._post(CutFailed(question.revision, str(error)))
        except Exception:  # noqa: BLE001 - a worker's boundary: the log has the traceback, the person is told
            _log.exception("cutting out failed")
            self._post(CutFailed(question.revision, "Nothing could be cut out: the log has the reason"))
