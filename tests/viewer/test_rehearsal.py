"""Shaders of the maps to come are compiled before the clip plays: the first map stops nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.picture import PictureGeometry, PictureProjection
from panosod_core.geometry.projection import View
from panosod_core.media.frame import VideoFrame
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.layers import Comparison, LayerChoices, LayerId, LayerPictures
from panosod_viewer.overlays import MapImage, Mark
from panosod_viewer.rehearsal import rehearsed
from panosod_viewer.render import sphere_renderer
from panosod_viewer.render.headless import HeadlessContext
from panosod_viewer.render.program import Program
from panosod_viewer.render.sphere_renderer import SphereRenderer
from panosod_viewer.resolving import ViewLayout, Wish, resolve_scene
from panosod_viewer.workers.opening import ClipOpener
from tests.viewer.render.frames import band_limited, frame_of_rgb

MAPS = (LayerId.SALIENCY, LayerId.LOCATION, LayerId.ENERGY)
SIZE = (160, 80)


@pytest.fixture(scope="module")
def frame() -> VideoFrame:
    return frame_of_rgb(band_limited(128, 64))


def wish_of(frame: VideoFrame, names: tuple[str, ...], **more: Any) -> Wish:
    return Wish(frame=frame, layers=LayerChoices().showing(names), look=View(0.7, -0.2, 0.1, 1.4), **more)


def test_only_layers_that_are_looked_at_and_can_come_are_rehearsed(frame: VideoFrame) -> None:
    made = rehearsed(wish_of(frame, ("saliency", "truth")), MAPS)
    assert made is not None
    assert made.pictures.saliency is not None
    assert (made.pictures.location, made.pictures.energy, made.pictures.truth) == (None, None, None)
    assert rehearsed(wish_of(frame, ("saliency",)), ()) is None
    assert rehearsed(wish_of(frame, ("truth",)), MAPS) is None
    assert rehearsed(wish_of(frame, ()), MAPS) is None
    both = wish_of(frame, ("saliency",))
    assert rehearsed(replace(both, layers=replace(both.layers, are_hidden=True)), MAPS) is None
    assert rehearsed(replace(both, frame=None), MAPS) is None
    assert rehearsed(replace(both, geometry=PictureGeometry(projection=PictureProjection.FLAT)), MAPS) is None


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[str]]:
    """Variants of the picture's shader, in the order of being compiled."""
    found: list[frozenset[str]] = []

    def program(vertex: Path, fragment: Path, *, defines: frozenset[str] = frozenset()) -> Program:
        found.append(defines)
        return Program(vertex, fragment, defines=defines)

    monkeypatch.setattr(sphere_renderer, "Program", program)
    return found


def disc(seed: int) -> MapImage:
    """A map of a model: nothing, something below the threshold, something above it, all in a small place."""
    values = np.zeros((104, 208), np.uint8)
    values[20 + seed : 60 + seed, 60:150] = 90
    values[30 + seed : 50 + seed, 80:130] = 220
    return MapImage(values)


@pytest.mark.gl
@pytest.mark.parametrize("is_culled", [False, True])
@pytest.mark.parametrize("layout", list(ViewLayout))
@pytest.mark.parametrize("names", [("saliency",), ("saliency", "location"), ("energy",)])
def test_no_map_needs_a_shader_that_was_not_rehearsed(
    headless: None,
    compiled: list[frozenset[str]],
    frame: VideoFrame,
    names: tuple[str, ...],
    layout: ViewLayout,
    is_culled: bool,
) -> None:
    wish = wish_of(frame, names, layout=layout)
    expected = rehearsed(wish, MAPS)
    assert expected is not None
    with HeadlessContext(*SIZE) as context:
        context._renderer._overlays._is_culled = is_culled
        bare = context.render(resolve_scene(wish, aspect=2.0))
        before = len(compiled)
        context._renderer.prepare(resolve_scene(expected, aspect=2.0), size_px=SIZE)
        assert len(compiled) > before
        assert np.array_equal(context.render(resolve_scene(wish, aspect=2.0)), bare)
        ready = len(compiled)
        for seed in (0, 10, 40):
            image = disc(seed)
            mark = Mark((1.0, 0.0, 0.0))
            pictures = LayerPictures(saliency=image, location=image, energy=image, location_mark=mark)
            shown = context.render(resolve_scene(replace(wish, pictures=pictures), aspect=2.0))
            assert not np.array_equal(shown, bare)
        assert compiled[ready:] == []


@pytest.mark.gl
def test_both_sides_of_a_comparison_are_rehearsed(
    headless: None, compiled: list[frozenset[str]], frame: VideoFrame
) -> None:
    wish = wish_of(frame, ("saliency",))
    wish = replace(wish, layers=replace(wish.layers, comparison=Comparison.SPLIT))
    expected = rehearsed(wish, MAPS)
    assert expected is not None
    with HeadlessContext(*SIZE) as context:
        context._renderer.prepare(resolve_scene(expected, aspect=2.0), size_px=SIZE)
        ready = len(compiled)
        pictures = LayerPictures(saliency=disc(0), second=disc(20))
        context.render(resolve_scene(replace(wish, pictures=pictures), aspect=2.0))
        assert compiled[ready:] == []


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened in which order."""
    found: list[str] = []
    prepare = SphereRenderer.prepare

    def noted(self: SphereRenderer, *args: Any, **more: Any) -> None:
        prepare(self, *args, **more)
        found.append("prepared")

    monkeypatch.setattr(SphereRenderer, "prepare", noted)
    return found


@pytest.fixture
def viewer(qtbot, gl_screen, demo_clip: Path, tmp_path: Path, order: list[str], request) -> Iterator[Viewer]:
    arguments = Arguments(
        settings=tmp_path / "s.toml", device="none", play=True, size=(320, 180), layers=("saliency",), **request.param
    )
    made = Viewer(QApplication.instance(), arguments)
    made.picture.first_painted.connect(lambda: order.append("painted"))
    made.player.playing_changed.connect(lambda playing: order.append("plays") if playing else None)
    opener = ClipOpener(demo_clip)
    opener.start()
    made.start(opener)
    qtbot.addWidget(made.window)
    yield made
    made.close()


@pytest.mark.gl
@pytest.mark.parametrize("viewer", [{}, {"model": "none"}], indirect=True)
def test_the_window_rehearses_between_the_first_picture_and_playing(viewer: Viewer, order: list[str], qtbot) -> None:
    qtbot.waitUntil(lambda: "plays" in order)
    assert order[:3] == ["painted", "prepared", "plays"]
