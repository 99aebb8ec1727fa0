"""What comes after painting: propagation and review in one dock, export, import and comparing in dialogs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QDockWidget, QFrame, QScrollArea, QVBoxLayout, QWidget

from panosod_viewer.annotating.desk import AnnotationDesk
from panosod_viewer.annotating.exchange import Exchange
from panosod_viewer.annotating.finetuning import Finetuning
from panosod_viewer.annotating.model_library import LibraryLink
from panosod_viewer.annotating.propagating import Propagation
from panosod_viewer.annotating.review import Review
from panosod_viewer.annotating.suggesting import Suggesting
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.key_tips import follow_keys
from panosod_viewer.layers import Comparison, SourceId
from panosod_viewer.main_window import MainWindow
from panosod_viewer.memory import Memory
from panosod_viewer.panels.propagate_bar import PropagateBar
from panosod_viewer.panels.review_panel import ReviewPanel
from panosod_viewer.player import Player
from panosod_viewer.settings import ReviewSettings
from panosod_viewer.state import ViewerState
from panosod_viewer.timeline_link import TimelineLink
from panosod_viewer.tools.carrying import CarryWish


class Workbench(QObject):
    """The parts, joined.

    Attributes:
        propagation, review, exchange, finetuning, library, suggesting: what they are called.
        bar, panel: in the dock.

    Signals:
        shown_changed (bool): the dock is open.
        default_changed (): another model is the default.
        compare_wished (str, str): two model files to lay over the picture; "" is the default model.
    """

    shown_changed = Signal(bool)
    default_changed = Signal()
    compare_wished = Signal(str, str)

    def __init__(
        self,
        *,
        desk: AnnotationDesk,
        window: MainWindow,
        state: ViewerState,
        player: Player,
        session: ClipSession,
        timeline: TimelineLink,
        memory: Memory,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._memory, self._state = window, memory, state
        self.bar, self.panel = PropagateBar(), ReviewPanel()
        self.propagation = Propagation(desk=desk, session=session, state=state, player=player, parent=self)
        self.review = Review(self.panel, desk=desk, session=session, player=player, timeline=timeline, parent=self)
        self.exchange = Exchange(desk=desk, session=session, state=state, player=player, window=window, parent=self)
        self.finetuning = Finetuning(desk=desk, window=window, session=session, player=player, parent=self)
        self.library = LibraryLink(window, parent=self)
        self.suggesting = Suggesting(desk=desk, session=session, state=state, player=player, parent=self)
        self._dock = self._make_dock()
        self._is_wanted = False
        self._is_comparing = False
        self._join()
        self._take_over(memory.settings.review)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What its actions do."""
        return (
            self.propagation.commands()
            | self.review.commands()
            | self.exchange.commands()
            | self.finetuning.commands()
            | self.library.commands()
            | self.suggesting.commands()
            | {"review.panel": lambda: self.set_shown(not self._is_wanted)}
        )

    @property
    def is_shown(self) -> bool:
        """The dock is open, or would be outside full screen."""
        return self._is_wanted

    def set_shown(self, on: bool) -> None:
        """Open or close the dock."""
        self._is_wanted = on
        self._lay_out()
        self._window.action("review.panel").setChecked(on)
        self.shown_changed.emit(on)

    def close(self) -> None:
        """End all threads; before the project is closed."""
        self.propagation.close()
        self.exchange.close()
        self.finetuning.close()
        self.library.close()
        self.suggesting.close()
        self.review.close()

    # --- joining

    def _make_dock(self) -> QDockWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self.panel, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        area.setMinimumWidth(inside.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
        dock = QDockWidget("Review", self._window)
        dock.setObjectName("review")
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable | QDockWidget.DockWidgetFeature.DockWidgetMovable
        )
        dock.setAllowedAreas(Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea)
        dock.setWidget(area)
        self._window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        dock.hide()
        dock.installEventFilter(self)
        return dock

    def _join(self) -> None:
        propagation, bar, notices = self.propagation, self.bar, self._window.notices
        for part in (propagation, self.review, self.exchange, self.finetuning, self.suggesting):
            part.notice.connect(notices.show_notice)
        propagation.notice_over.connect(notices.take_back)
        self.exchange.notice_over.connect(notices.take_back)
        self.exchange.import_begins.connect(lambda: propagation.stop("because masks are imported"))
        notices.action_triggered.connect(self.exchange.act)
        self._name_keys()
        notices.action_triggered.connect(self.finetuning.act)
        notices.action_triggered.connect(self.suggesting.act)
        self.suggesting.notice_over.connect(notices.take_back)
        bar.wished.connect(propagation.set_wish)
        bar.carry_requested.connect(propagation.carry)
        bar.key_requested.connect(propagation.carry_to_key)
        bar.between_requested.connect(propagation.carry_between)
        bar.stop_requested.connect(lambda: propagation.stop())
        propagation.changed.connect(bar.set_state)
        propagation.wish_changed.connect(bar.set_wish)
        propagation.wish_changed.connect(self._remember)
        self.review.every_changed.connect(self._every_changed)
        self.exchange.comparing.conflicts_found.connect(self.review.set_conflicts)
        self._window.full_screen_changed.connect(lambda _: self._lay_out())
        self._join_models()

    def _join_models(self) -> None:
        finetuning, library = self.finetuning, self.library
        finetuning.models_wished.connect(library.show)
        finetuning.library_changed.connect(library.refresh)
        library.default_changed.connect(finetuning.models_changed)
        for part in (finetuning, library):
            part.default_changed.connect(self._default_changed)
            part.compare_wished.connect(self._compare)

    def _compare(self, left: str, right: str) -> None:
        """Two models over the picture, a line between them."""
        self._is_comparing = True
        self.compare_wished.emit(left, right)
        self._state.change_layers(
            comparison=Comparison.SPLIT, first=SourceId.MODEL, second=SourceId.SECOND, are_hidden=False
        )

    def _default_changed(self) -> None:
        """Who was compared has been decided: from now on the default alone."""
        if self._is_comparing:
            self._is_comparing = False
            self._state.change_layers(comparison=Comparison.OFF)
            self._window.action("model.alone").trigger()
        self.default_changed.emit()

    def _name_keys(self) -> None:
        bar, panel = self.bar, self.panel
        tips: dict[QWidget, str] = {
            bar.back: "propagate.back",
            bar.forward: "propagate.forward",
            bar.to_key_back: "propagate.to_key_back",
            bar.between: "propagate.between",
            bar.to_key: "propagate.to_key",
            bar.stop: "propagate.stop",
            panel.accept: "review.accept",
            panel.reject: "review.reject",
            panel.accept_object: "review.accept_object",
            panel.reject_object: "review.reject_object",
            panel.next: "review.next",
            panel.note: "review.note",
        }
        follow_keys(tips, self._window.actions_by_id)

    def _every_changed(self, every: int) -> None:
        self.exchange.every = every
        self.propagation.set_wish(replace(self.propagation.wish, every=every))

    def _take_over(self, settings: ReviewSettings) -> None:
        self.propagation.set_wish(
            CarryWish(
                settings.frames, settings.every, settings.all_objects, guided=settings.guided, follows=settings.follows
            )
        )
        self.review.set_every(settings.every)
        self.bar.set_wish(self.propagation.wish)

    def _remember(self, wish: CarryWish) -> None:
        chosen = ReviewSettings(
            every=wish.every,
            frames=wish.frames,
            all_objects=wish.all_objects,
            guided=wish.guided,
            follows=wish.follows,
        )
        self._memory.change(lambda s: replace(s, review=chosen))

    def _lay_out(self) -> None:
        window = self._window
        self._dock.setVisible(self._is_wanted and not window.is_bare and not window.isFullScreen())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Notice when the dock is closed by its own button."""
        if watched is self._dock and event.type() == QEvent.Type.Close:
            self.set_shown(False)
        return super().eventFilter(watched, event)
