"""The annotator's door: light, so that the window opens without it; the studio is built when it is first wanted.

That is when an action of it is triggered, or when a project lies beside the clip that was opened.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from panosod_core.media.info import ClipInfo
from panosod_viewer.actions import ACTIONS
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.main_window import MainWindow
from panosod_viewer.memory import Memory
from panosod_viewer.picture_link import PictureLink
from panosod_viewer.player import Player
from panosod_viewer.pointer_routing import PointerRouter
from panosod_viewer.state import ViewerState
from panosod_viewer.timeline_link import TimelineLink

if TYPE_CHECKING:
    # Brings OpenCV, SQLite and mask coding, which the first picture does not wait for.
    from panosod_core.inference.cache import CacheKey
    from panosod_viewer.annotating.studio import Studio
    from panosod_viewer.annotating.workbench import Workbench
    from panosod_viewer.workers.map_reading import CacheAddress

PROJECT_SUFFIX = ".panosod"
PREFIXES = ("annotate.", "finetune.", "project.", "propagate.", "review.")
"""Of the actions that the studio carries out."""


class Annotator(QObject):
    """Builds the studio and hands it clips and commands.

    Signals:
        model_changed (): another model is the default one.
        compare_wished (str, str): two model files to lay over the picture; "" is the default model.
    """

    model_changed = Signal()
    compare_wished = Signal(str, str)

    def __init__(
        self,
        *,
        window: MainWindow,
        state: ViewerState,
        player: Player,
        session: ClipSession,
        router: PointerRouter,
        picture: PictureLink,
        timeline: TimelineLink,
        memory: Memory,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._state = state
        self._player = player
        self._session = session
        self._router = router
        self._timeline = timeline
        self._memory = memory
        self._workbench: Workbench | None = None
        self._maps: CacheAddress | None = None
        self._studio: Studio | None = None
        self._model_id: str | None = None
        session.opened.connect(self._opened)
        session.closed.connect(self._closed)
        picture.first_painted.connect(self._picture_painted)
        window.page.transport_bar.annotate_toggled.connect(self._toggle)
        window.may_close = self._may_close

    @property
    def studio(self) -> Studio:
        """All of it, built now if it is not yet."""
        if self._studio is None:
            from panosod_viewer.annotating.studio import Studio

            self._studio = Studio(
                window=self._window, state=self._state, player=self._player, router=self._router, parent=self
            )
            self._studio.projects.clip_wished.connect(self._session.open)
            self._studio.set_model(self._model_id)
            self._studio.escape = self.escape
            self._make_workbench(self._studio)
            if self._session.info is not None:
                self._studio.set_clip(self._session.info)
        return self._studio

    @property
    def workbench(self) -> Workbench | None:
        """Propagation, review, in and out; None before the studio is built."""
        return self._workbench

    def _make_workbench(self, studio: Studio) -> None:
        from panosod_viewer.annotating.workbench import Workbench

        self._workbench = workbench = Workbench(
            desk=studio.desk,
            window=self._window,
            state=self._state,
            player=self._player,
            session=self._session,
            timeline=self._timeline,
            memory=self._memory,
            parent=self,
        )
        self._workbench.propagation.set_maps(self._maps)
        self._workbench.review.advice.set_maps(self._maps)
        self._workbench.default_changed.connect(self.model_changed)
        self._workbench.compare_wished.connect(self.compare_wished)
        exchange = workbench.exchange
        exchange.comparing.compare_wished.connect(exchange.compare)
        studio.projects.copies.adopted.connect(lambda _: exchange.comparing.outdate())
        studio.commands |= self._workbench.commands()

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions do."""
        return {spec.id: partial(self._do, spec.id) for spec in ACTIONS if spec.id.startswith(PREFIXES)}

    def close(self) -> None:
        """Write what is left and close the project."""
        if self._workbench is not None:
            self._workbench.close()
        if self._studio is not None:
            self._studio.close()

    def follow_maps(self, _cache: object, key: CacheKey | None) -> None:
        """Which model the maps over the picture come from; masks taken from them say so."""
        self._model_id = None if key is None else key.model_id
        if self._studio is not None:
            self._studio.set_model(self._model_id)

    def _may_close(self) -> bool:
        return self._studio is None or self._studio.may_close()

    def open_project(self, path: Path) -> None:
        """Open a project, and its clip where none of its clips is on the screen."""
        self.studio.projects.open(path)

    def escape(self) -> bool:
        """Esc: stop the propagation that runs; False where none does."""
        return self._workbench is not None and self._workbench.propagation.escape()

    def _toggle(self) -> None:
        self.studio.set_on(not self.studio.is_on)

    def follow_address(self, address: CacheAddress | None) -> None:
        """Where the first model's maps of the clip lie; they guide masks that are carried on."""
        self._maps = address
        if self._workbench is not None:
            self._workbench.propagation.set_maps(address)
            self._workbench.review.advice.set_maps(address)

    def maps_made(self) -> None:
        """There are new maps of the clip on the screen."""
        if self._workbench is not None:
            self._workbench.review.advice.maps_made()

    def _do(self, action_id: str) -> None:
        self.studio.commands[action_id]()

    def _opened(self, info: ClipInfo) -> None:
        if self._studio is not None:
            self._studio.set_clip(info)

    def _closed(self) -> None:
        if self._studio is not None:
            self._studio.set_clip(None)

    def _picture_painted(self) -> None:
        info = self._session.info
        if info is not None and info.video is not None and info.path.with_suffix(PROJECT_SUFFIX).is_file():
            _ = self.studio
