"""Drawing without a window."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View
from panosod_core.media.frame import VideoFrame
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.scene import Pane, RenderScene

Draw = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def draw(headless: None) -> Iterator[Draw]:
    """Draw(frame, view, geometry=..., size=..., pane=..., **scene) -> (H, W, 3) uint8. Contexts live for a module."""
    contexts: dict[tuple[int, int], HeadlessContext] = {}

    def drawn(
        frame: VideoFrame | None,
        view: View | None = None,
        *,
        geometry: PictureGeometry | None = None,
        size: tuple[int, int] = (320, 200),
        panes: tuple[Pane, ...] | None = None,
        **scene: object,
    ) -> np.ndarray:
        if size not in contexts:
            contexts[size] = HeadlessContext(*size)
        panes = panes or (Pane(view=view or View()),)
        return contexts[size].render(RenderScene(frame, geometry or PictureGeometry(), panes, **scene))

    yield drawn
    for context in contexts.values():
        context.close()
