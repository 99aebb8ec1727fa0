"""Joins the predictions to the window: clip and playhead in, menu, status line, notices and settings around."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from panosod_core.media.info import AudioInfo, ClipInfo, VideoInfo
from panosod_viewer.arguments import Arguments
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.layers import LayerId
from panosod_viewer.main_window import MainWindow
from panosod_viewer.memory import Memory
from panosod_viewer.picture_link import PictureLink
from panosod_viewer.player import Player
from panosod_viewer.prediction_link import PredictionLink
from panosod_viewer.prediction_wish import PredictionWish, can_predict, default_id, has_default_model, model_name
from panosod_viewer.settings import PredictionSettings
from panosod_viewer.state import ViewerState

if TYPE_CHECKING:
    from panosod_viewer.workers.map_reading import CacheAddress

MODELS = "Models (*.safetensors);;All files (*)"
NO_MODEL = "none"
"""What `--model` takes for no model at all."""

_FOR_MAPS = ("panosod_core.inference.cache", "panosod_core.geometry.turning")


def first_wish(arguments: Arguments, settings: PredictionSettings) -> PredictionWish:
    """Which models to begin with: the command line's, else the remembered one, else the default one where there is."""
    named = arguments.model
    is_on = settings.enabled
    model = settings.model
    if named is not None:
        is_on = named != NO_MODEL
        model = named if is_on else settings.model
    if not model and not has_default_model():
        is_on = False
    models = (model,) if arguments.model2 is None else (model, arguments.model2)
    return PredictionWish(is_on, models, settings.device, settings.stride)


class ModelControls(QObject):
    """The model's menu and all that the link hears and says.

    Signals:
        cache_changed (object, object): PredictionCache and CacheKey of the first model's maps of the clip, or None
            twice.
    """

    cache_changed = Signal(object, object)

    def __init__(
        self,
        *,
        arguments: Arguments,
        window: MainWindow,
        state: ViewerState,
        player: Player,
        session: ClipSession,
        picture: PictureLink,
        memory: Memory,
    ) -> None:
        super().__init__(window)
        self._arguments = arguments
        self._window = window
        self._session = session
        self._memory = memory
        self._drawn = picture
        self.link = PredictionLink(player, first_wish(arguments, memory.settings.prediction), parent=self)
        self._picture = "auto"
        self._default: str | None = None
        session.opened.connect(self._opened)
        session.closed.connect(self.link.close_clip)
        session.picture_chosen.connect(self._picture_chosen)
        session.sound_chosen.connect(self._sound_chosen)
        state.geometry_changed.connect(lambda _: self._look_again(state))
        picture.first_painted.connect(self._picture_painted)
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.applicationStateChanged.connect(self._activated)
        self.link.notice.connect(window.notices.show_notice)
        self.link.notice_over.connect(window.notices.take_back)
        self.link.status_changed.connect(window.page.status_line.set_model)
        self.link.wish_changed.connect(self._wish_changed)
        self.link.address_changed.connect(self._address_changed)
        window.notices.action_triggered.connect(self.link.act)
        self._show_wish(self.link.wish)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions do."""
        return {
            "model.toggle": self._toggle,
            "model.open": lambda: self._choose(is_second=False),
            "model.second": lambda: self._choose(is_second=True),
            "model.alone": self._drop_second,
        }

    def use_default(self) -> None:
        """Put the default model to work, anew where it is at work already: another one may be the default now."""
        self._default = default_id()
        before = self.link.wish
        self.link.use_model("")
        if self.link.wish == before:
            self.link.reload("")
        self._name_models(self.link.wish)

    def compare(self, first: str, second: str) -> None:
        """Lay two models over the picture; "" is the default one."""
        self.link.set_wish(replace(self.link.wish, is_on=True, models=(first, second)))

    def close(self) -> None:
        """End the predictors."""
        self.link.close()

    # --- the clip ---

    def _opened(self, info: ClipInfo) -> None:
        # What picture and sound were taken for is told before and after this; both come before the first picture.
        self.link.set_clip(str(info.path))
        self.link.take_for(picture=self._picture, eye=self._session.eye.value)

    def _picture_painted(self) -> None:
        self._follow_default()
        self.link.picture_painted()
        self._name_models(self.link.wish)
        if self.link.pids():
            # What reads and turns the maps, while nothing moves yet: loaded with the first map it cost a playing clip
            # a frame or two.
            for module in _FOR_MAPS:
                importlib.import_module(module)

    def _activated(self, state: Qt.ApplicationState) -> None:
        if state is Qt.ApplicationState.ApplicationActive and self._default is not None:
            self._follow_default()

    def _follow_default(self) -> None:
        """The default model may be another one since it was last asked for: `panosod models` runs in a terminal."""
        before, self._default = self._default, default_id()
        if before is not None and self._default != before and self.link.wish.is_on and "" in self.link.wish.models:
            self.link.reload("")
            self._name_models(self.link.wish)

    def _picture_chosen(self, _video: VideoInfo | None, choice: str) -> None:
        self._picture = choice
        self.link.take_for(picture=choice, eye=self._session.eye.value)

    def _sound_chosen(self, _audio: AudioInfo | None, choice: str) -> None:
        self.link.take_for(sound=choice)

    def _look_again(self, state: ViewerState) -> None:
        self.link.take_for(is_spherical=state.wish.geometry.is_spherical)

    def _address_changed(self, address: "CacheAddress | None") -> None:
        if address is None:
            self.cache_changed.emit(None, None)
            return
        # Not while the window opens: the cache brings the picture library along.
        from panosod_core.inference.cache import CacheKey, PredictionCache

        key = CacheKey(address.content_id, address.model_id, address.settings)
        self.cache_changed.emit(PredictionCache(Path(address.folder) if address.folder else None), key)

    # --- wishes ---

    def _toggle(self) -> None:
        wish = self.link.wish
        if not wish.is_on and not wish.models[0] and not has_default_model():
            self._choose(is_second=False)
        else:
            self.link.toggle()
        self._show_wish(self.link.wish)

    def _choose(self, *, is_second: bool) -> None:
        known = self.link.wish.models[0]
        start = str(Path(known).parent) if known else str(Path.home())
        title = "Compare with a model" if is_second else "Open a model"
        name, _ = QFileDialog.getOpenFileName(self._window, title, start, MODELS)
        if name:
            self.link.use_model(name, is_second=is_second)

    def _drop_second(self) -> None:
        self.link.set_wish(replace(self.link.wish, models=self.link.wish.models[:1]))

    def _wish_changed(self, wish: PredictionWish) -> None:
        self._show_wish(wish)
        if self._arguments.model is None:
            self._memory.change(
                lambda s: replace(
                    s, prediction=replace(s.prediction, enabled=wish.is_on, model=wish.models[0], device=wish.device)
                )
            )

    def _show_wish(self, wish: PredictionWish) -> None:
        self._drawn.expect_maps((LayerId.SALIENCY, LayerId.LOCATION) if wish.is_on and can_predict() else ())
        self._window.action("model.toggle").setChecked(wish.is_on)
        self._window.action("model.alone").setEnabled(len(wish.models) > 1)
        if self._default is not None:
            self._name_models(wish)

    def _name_models(self, wish: PredictionWish) -> None:
        names = [model_name(model) for model in wish.models] if wish.is_on else []
        self._window.page.status_line.set_model_tip(
            "What the model does: " + (" and ".join(names) or "nothing, it is switched off")
        )
