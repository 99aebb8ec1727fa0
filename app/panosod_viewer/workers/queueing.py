"""Works out what to annotate next over all clips of a project, in a thread at its leisure. No Qt.

Its modules are imported in the thread: neither they nor the libraries they need delay the window.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from panosod_core.annotation.queueing import Pick, Strategy, next_picks
from panosod_core.errors import PanosodError
from panosod_viewer.workers.latest import LatestThread
from panosod_viewer.workers.map_reading import CacheAddress

if TYPE_CHECKING:
    from panosod_core.inference.queue_project import ProjectQueue, QueuedClip

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueQuestion:
    """What is asked.

    Attributes:
        serial: tells two questions apart.
        project: the file.
        strategy: by what.
        count: frames at most.
        seed: of the random order.
        address: of the maps of the clip on the screen; None: those of the model in use, from the platform's cache.
    """

    serial: int
    project: Path
    strategy: Strategy
    count: int
    seed: int = 0
    address: CacheAddress | None = None


@dataclass(frozen=True)
class QueueSeen:
    """The frames, and the project's clips with what they lack."""

    question: QueueQuestion
    picks: tuple[Pick, ...]
    clips: tuple[QueuedClip, ...]


@dataclass(frozen=True)
class QueueFailed:
    """It cannot be worked out; one line."""

    question: QueueQuestion
    text: str


class QueueThread:
    """Answers the latest question."""

    def __init__(self, post: Callable[[QueueSeen | QueueFailed], None]) -> None:
        """Nothing runs before the first question.

        Args:
            post: called in the thread.
        """
        self._post = post
        self._kept: tuple[object, ProjectQueue] | None = None
        self._thread: LatestThread[QueueQuestion] = LatestThread("panosod-queue", self._answer)

    def ask(self, question: QueueQuestion) -> None:
        """Work this out; what was asked before and is not begun is dropped."""
        self._thread.ask(question)

    def close(self) -> bool:
        """End the thread; False when it hangs."""
        return self._thread.close()

    # --- in the thread ---

    def _answer(self, question: QueueQuestion) -> None:
        try:
            self._look(question)
        except PanosodError as error:
            self._post(QueueFailed(question, str(error)))
        except Exception:  # noqa: BLE001 - a worker's boundary: the person is told, the log has the traceback
            _log.exception("the queue of %s cannot be worked out", question.project)
            self._post(QueueFailed(question, "What to annotate next cannot be said: the log has the reason"))

    def _look(self, question: QueueQuestion) -> None:
        queue = self._queue(question)
        address = question.address
        keys = {}
        if address is not None:
            from panosod_core.inference.cache import CacheKey

            keys[address.content_id] = CacheKey(address.content_id, address.model_id, address.settings)
        view = queue.look(question.project, keys=keys, should_stop=lambda: self._thread.is_closing)
        if view is None:
            return
        picks: tuple[Pick, ...] = ()
        if view.pool is not None:
            picks = next_picks(view.pool, question.strategy, count=question.count, seed=question.seed)
        self._post(QueueSeen(question, picks, view.clips))

    def _queue(self, question: QueueQuestion) -> ProjectQueue:
        from panosod_core.inference.cache import PredictionCache
        from panosod_core.inference.library import model_in_use
        from panosod_core.inference.model_file import ModelFile
        from panosod_core.inference.queue_project import ProjectQueue

        address = question.address
        model_id = ModelFile.read(model_in_use()).model_id if address is None else address.model_id
        folder = Path(address.folder) if address is not None and address.folder else None
        what = (question.project, model_id, folder)
        if self._kept is None or self._kept[0] != what:
            self._kept = what, ProjectQueue(PredictionCache(folder), model_id)
        return self._kept[1]
