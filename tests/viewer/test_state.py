import pytest

from panosod_core.geometry.picture import PictureGeometry, PictureProjection
from panosod_core.geometry.projection import View
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.scene import FlatView
from panosod_viewer.state import ViewerState
from tests.viewer.pictures import picture

FLAT = PictureGeometry(projection=PictureProjection.FLAT)
SETTERS = [
    ("set_look", View(yaw_rad=1.0), "look", "look_changed"),
    ("set_map_view", View(yaw_rad=1.0), "map_view", None),
    ("set_layout", ViewLayout.SPLIT, "layout", "layout_changed"),
    ("set_geometry", FLAT, "geometry", "geometry_changed"),
    ("set_flat", FlatView(zoom=2.0), "flat", None),
    ("set_crosshair", (0.0, 1.0, 0.0), "crosshair", None),
    ("set_background", (0.5, 0.5, 0.5), "background_rgb", None),
    ("set_render_scale", 0.5, "render_scale", None),
    ("set_frame", picture(1), "frame", None),
]


class Ear:
    def __init__(self, signal):
        self.heard = []
        signal.connect(lambda *args: self.heard.append(args))


@pytest.fixture
def state(qapp):
    return ViewerState()


@pytest.mark.parametrize(("setter", "value", "name", "signal"), SETTERS, ids=[s[0] for s in SETTERS])
def test_a_setter_says_so_once_and_only_when_something_changed(state, setter, value, name, signal):
    wish = Ear(state.wish_changed)
    own = Ear(getattr(state, signal)) if signal else None
    getattr(state, setter)(value)
    getattr(state, setter)(value)
    assert getattr(state.wish, name) is value or getattr(state.wish, name) == value
    assert len(wish.heard) == 1
    if own:
        assert own.heard == [(value,)]


def test_volume_is_clamped_and_mute_keeps_it(state):
    ear = Ear(state.volume_changed)
    state.set_volume(3.0)
    state.set_volume(0.4)
    state.set_volume(0.4, muted=True)
    state.set_volume(0.4)
    assert ear.heard == [(1.0, False), (0.4, False), (0.4, True)]
    assert state.is_muted


def test_switches_say_so_once(state):
    held, quality = Ear(state.held_sound_changed), Ear(state.auto_quality_changed)
    for _ in range(2):
        state.set_held_sound(True)
        state.set_auto_quality(False)
    assert (held.heard, quality.heard) == ([(True,)], [(False,)])
