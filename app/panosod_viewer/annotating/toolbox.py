"""The painting tools by their ids; their actions are called "annotate.<id>"."""

from __future__ import annotations

from enum import StrEnum

from panosod_viewer.tools.area import Fill, Wand
from panosod_viewer.tools.brush import Brush
from panosod_viewer.tools.cutting_out import SmartSelect
from panosod_viewer.tools.model_mask import TakePart
from panosod_viewer.tools.outline import Lasso, Polygon, Purpose
from panosod_viewer.tools.placing import Move
from panosod_viewer.tools.tool import Tool


class ToolId(StrEnum):
    """What the left button does on the picture."""

    LOOK = "look"
    BRUSH = "brush"
    ERASER = "eraser"
    LASSO = "lasso"
    POLYGON = "polygon"
    FILL = "fill"
    WAND = "wand"
    SMART = "smart"
    MOVE = "move"
    PART = "part"
    MODEL_LASSO = "model_lasso"


SIZED = frozenset({ToolId.BRUSH, ToolId.ERASER})
"""Tools that the brush's size means something to."""


def make_tools() -> dict[ToolId, Tool]:
    """All of them, at rest."""
    return {
        ToolId.BRUSH: Brush(),
        ToolId.ERASER: Brush(erases=True),
        ToolId.LASSO: Lasso(),
        ToolId.POLYGON: Polygon(),
        ToolId.FILL: Fill(),
        ToolId.WAND: Wand(),
        ToolId.SMART: SmartSelect(),
        ToolId.MOVE: Move(),
        ToolId.PART: TakePart(),
        ToolId.MODEL_LASSO: Lasso(Purpose.MODEL),
    }
