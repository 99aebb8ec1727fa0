"""The curves of a finetuning job, in pyqtgraph: loss of the training, and the numbers of the checks."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QWidget

from panosod_viewer.theme import theme_of
from panosod_viewer.tools.training import RunCurves
from panosod_viewer.tools.training_words import CHECK_WORDS

# The hooks that it has for a dying interpreter walk all objects there are; our widgets end with their window.
pg.setConfigOptions(exitCleanup=False)
MOST_POINTS, MOST_SYMBOLS = 600, 200
"""Of a curve: more than the plot has pixels would only take the window's time."""


class TrainingPlots(pg.GraphicsLayoutWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Two plots side by side: the loss of all runs, the last one in front; and one number of the checks.

    Args:
        parent: Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Curves of the training")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._runs: tuple[RunCurves, ...] = ()
        self._shown = "loss"
        # Without menus, which take longer to make than all the rest.
        self.loss = self.addPlot(row=0, col=0, viewBox=pg.ViewBox(enableMenu=False), enableMenu=False)
        self.check = self.addPlot(row=0, col=1, viewBox=pg.ViewBox(enableMenu=False), enableMenu=False)
        for plot in (self.loss, self.check):
            plot.hideButtons()
            plot.setMouseEnabled(x=False, y=False)
            plot.getAxis("bottom").setLabel("Step")
            plot.getAxis("left").setWidth(52)
        self._draw()

    def set_runs(self, runs: Sequence[RunCurves], *, shown: str) -> None:
        """Show these runs, and of their checks this number."""
        if (tuple(runs), shown) != (self._runs, self._shown):
            self._runs, self._shown = tuple(runs), shown
            self._draw()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Draw anew in another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "check"):
            self._draw()

    def _draw(self) -> None:
        theme = theme_of(self.palette())
        self.setBackground(theme.base)
        for plot, title in (
            (self.loss, "Loss of the training"),
            (self.check, f"Check set: {CHECK_WORDS[self._shown]}"),
        ):
            plot.clear()
            plot.setTitle(title, color=theme.text, size="9pt")
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(QColor(theme.border))
                plot.getAxis(side).setTextPen(QColor(theme.dim))
        for n, run in enumerate(self._runs):
            is_last = n == len(self._runs) - 1
            pen = QPen(QColor(theme.accent if is_last else theme.border))
            pen.setCosmetic(True)
            pen.setWidthF(1.6 if is_last else 1.0)
            steps, losses = _thinned(run.steps, run.losses)
            self.loss.plot(steps, losses, pen=pen)
            self._draw_checks(run, pen)

    def _draw_checks(self, run: RunCurves, pen: QPen) -> None:
        values = run.checks.get(self._shown, ())
        if not values:
            return
        theme = theme_of(self.palette())
        steps, means = _thinned(run.check_steps, values)
        symbol = "o" if len(values) <= MOST_SYMBOLS else None
        self.check.plot(steps, means, pen=pen, symbol=symbol, symbolSize=5, symbolBrush=pen.color(), symbolPen=None)
        if run.best_step is not None and run.best_step in run.check_steps:
            at = run.check_steps.index(run.best_step)
            self.check.plot([run.best_step], [values[at]], pen=None, symbol="o", symbolSize=11, symbolBrush=None,
                            symbolPen=pg.mkPen(theme.good, width=2))  # fmt: skip


def _thinned(steps: Sequence[float], values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """At most so many points, each the mean of its neighbours: long runs are drawn as fast as short ones."""
    every = -(-len(steps) // MOST_POINTS) or 1
    whole = len(steps) // every * every
    x, y = (np.asarray(v[:whole], np.float64).reshape(-1, every).mean(axis=1) for v in (steps, values))
    return x, y
