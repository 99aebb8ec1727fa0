"""Every action of the annotator has a key, stands in the help, can have another key, and none that is taken."""

import pytest

from panosod_viewer.actions import ACTIONS, ActionSpec, help_rows
from panosod_viewer.key_map import KeyMap
from panosod_viewer.key_tips import follow_keys
from panosod_viewer.layers import LayerId
from panosod_viewer.widgets.buttons import IconButton

OURS = tuple(a for a in ACTIONS if a.id.startswith(("annotate.", "project.", "propagate.", "review.")))
FREE = "Ctrl+Alt+Shift+F12"


def test_there_are_as_many_as_the_menus_have():
    assert len(OURS) > 70
    assert {a.group for a in OURS} == {"File", "Annotate", "Object", "Review"}


@pytest.mark.parametrize("spec", OURS, ids=lambda a: a.id)
def test_it_has_a_key_is_in_the_help_and_may_have_another(spec: ActionSpec):
    keys = KeyMap(ACTIONS)
    assert spec.id in {row.id for row in help_rows(keys.keys)}
    for other in OURS:
        if other is not spec:
            for key in other.keys:
                assert other.label in keys.assign(spec.id, key)
    assert keys.chosen == ()
    assert keys.assign(spec.id, FREE) == ""
    (row,) = (row for row in help_rows(keys.keys) if row.id == spec.id)
    assert row.keys == (FREE,)
    assert all(keys.keys(other.id) == KeyMap(ACTIONS).keys(other.id) for other in ACTIONS if other is not spec)


def test_a_tip_names_the_key_in_force(qapp):
    from PySide6.QtCore import QObject
    from PySide6.QtWidgets import QPushButton

    from panosod_viewer.actions import build_actions

    parent = QObject()
    actions, keys = build_actions(parent), KeyMap(ACTIONS)
    button = QPushButton()
    button.setToolTip("Paint")
    follow_keys({button: "annotate.brush"}, actions)
    assert button.toolTip() == "Paint (B)"
    assert keys.assign("annotate.brush", "Ctrl+Alt+B") != ""
    assert keys.assign("annotate.brush", FREE) == ""
    keys.apply(actions)
    assert button.toolTip() == f"Paint ({FREE})"
    keys.assign("annotate.brush", "")
    keys.apply(actions)
    assert button.toolTip() == "Paint"


@pytest.mark.gl
def test_tips_of_the_window_follow_a_key_of_ones_own(painting):
    window = painting()
    viewer = window.viewer
    assert viewer.keys.assign("annotate.mode", FREE) and viewer.keys.assign("layers.annotation", "Ctrl+Alt+Shift+F11")
    bar, row = viewer.window.page.transport_bar, viewer.window.layers_panel.rows[LayerId.ANNOTATION]
    tips = {button.accessibleName(): button.toolTip() for button in bar.findChildren(IconButton)}
    assert tips["Annotate"] == f"Paint masks ({FREE})"
    assert "Ctrl+Alt+Shift+F11" in row.eye.toolTip()
    strip = window.studio.strip.buttons["annotate.wand"]
    assert strip.toolTip() == "Wand (W)"
    assert viewer.keys.assign("annotate.wand", "Ctrl+Alt+Shift+F10")
    assert strip.toolTip() == "Wand (Ctrl+Alt+Shift+F10)"
    assert not viewer.keys.assign("annotate.brush", "E")
    assert window.studio.strip.buttons["annotate.brush"].toolTip() == "Brush (B)"
