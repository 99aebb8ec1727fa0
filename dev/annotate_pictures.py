#!/usr/bin/env python3
"""Makes docs/pictures/annotate-*.webp: every painting tool at work on the demo clip, in the real window.

    python dev/with_xvfb.py python dev/annotate_pictures.py [CLIP] [--only NAME] [--out DIR] [--theme dark|light]

The pointer's events are those of a hand; what is cut out, selected or predicted is what the program found, with the
model that it comes with. Every window works on a copy of the clip in a folder of its own, so that no project is left
beside it. Without ``--theme`` each picture has the theme that it has in the documentation.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from annotate_hand import SHIFT, Hand, arc, ring, save, spiral
from PySide6.QtWidgets import QApplication

from panosod_core.annotation.operations import Combination
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import Arguments
from panosod_viewer.layers import Comparison, LayerId, SourceId
from panosod_viewer.palettes import LabelDisplay
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.tools.combining import Operand, OperandKind
from panosod_viewer.tools.look import little_planet
from panosod_viewer.workers.opening import ClipOpener

ROOT = Path(__file__).resolve().parent.parent
INDEX = 30
SIZE = (900, 540)
BALL = (58.0, 9.0)
"""The striped ball: azimuth and elevation, degrees."""
CLOSE = (58.0, 9.0, 62.0)
"""A view of it."""


def brush(hand: Hand) -> None:
    """Over the seam, with the list of objects: the whole window."""
    desk = hand.studio.desk
    hand.look(178, -2, 80)
    hand.use("brush", radius_deg=3.0)
    hand.drag(spiral(184, -8, 5.0))
    desk.change_object(1, name="Ball behind", category="ball", rank=1)
    hand.studio.object_list.set_presence(1, "sounding")
    desk.add_object(name="Sky")
    desk.change_object(2, category="background", locked=True)
    desk.select(1)
    hand.studio.object_list.set_shown(True)
    hand.rest(0.5)
    hand.hover(177, 3)
    _whole(hand)


def _whole(hand: Hand) -> None:
    hand.viewer.window.notices.clear()
    hand.rest(1.0)
    hand.snap_widget(hand.viewer.window)


def eraser(hand: Hand) -> None:
    """A bite out of what the brush has painted."""
    hand.look(*CLOSE)
    hand.use("brush", radius_deg=4.0)
    hand.drag(spiral(*BALL, 6.0))
    hand.hover(66, 13)
    hand.snap(*BALL)
    hand.use("eraser", radius_deg=2.5)
    hand.drag(arc(48, 16, 56, 8))
    hand.hover(56, 8)
    hand.snap(*BALL)


def lasso(hand: Hand) -> None:
    """The line, and what it encloses."""
    hand.look(*CLOSE)
    hand.use("lasso")
    line = ring(*BALL, 8.0, turns=0.93)
    hand.drag(line, lifts=False)
    hand.snap(*BALL)
    hand.lift(line[-1])
    hand.snap(*BALL)


def polygon(hand: Hand) -> None:
    """Its next edge follows the pointer; closed."""
    hand.look(*CLOSE)
    hand.use("polygon")
    for place in ring(*BALL, 9.0, turns=0.86, steps=6):
        hand.drag([place])
    hand.hover(68, 6)
    hand.snap(*BALL)
    hand.take()
    hand.snap(*BALL)


def fill(hand: Hand) -> None:
    """A ring is closed."""
    hand.look(*CLOSE)
    hand.use("brush", radius_deg=1.3)
    hand.drag(ring(*BALL, 7.0))
    hand.use("fill")
    hand.hover(*BALL)
    hand.snap(*BALL)
    hand.drag([BALL])
    hand.snap(*BALL)


def wand(hand: Hand) -> None:
    """The farther the drag, the more."""
    hand.look(*CLOSE)
    hand.use("wand")
    start = (58.0, 12.5)
    hand.drag([start, (57.0, 12.5)], lifts=False)
    hand.snap(*BALL)
    hand.draw_on(arc(57.0, 12.5, 46.0, 12.5))
    hand.snap(*BALL)
    hand.lift((46.0, 12.5))


def smart(hand: Hand) -> None:
    """A box, what was found in it, and a stroke that takes a part away."""
    hand.look(*CLOSE)
    hand.use("brush")
    hand.studio.desk.add_object(name="Striped ball")
    hand.use("smart")
    a, e, r = *BALL, 10.0
    hand.drag([(a + r, e + r), (a, e), (a - r, e - r)], lifts=False)
    hand.snap(*BALL)
    hand.lift((a - r, e - r))
    hand.found()
    hand.snap(*BALL)


def _ball(hand: Hand) -> None:
    """The ball is an object."""
    hand.look(*CLOSE)
    hand.use("brush")
    hand.studio.desk.add_object(name="Striped ball")
    hand.cut_out(*BALL, 10)
    hand.take()


def move(hand: Hand) -> None:
    """Dragged, then turned with Shift."""
    hand.look(*CLOSE)
    hand.use("brush", radius_deg=1.8)
    hand.drag(arc(66, 4, 57, 4))
    hand.drag(arc(66, 4, 66, 10))
    hand.hover(70, 16)
    hand.snap(*BALL, size=(250, 240))
    hand.use("move")
    hand.drag(arc(62, 4, 56, 9))
    hand.snap(*BALL, size=(250, 240))
    hand.drag(arc(60, 12, 52, 12), keys=SHIFT)
    hand.snap(*BALL, size=(250, 240))


def _model(hand: Hand) -> None:
    """The model's map of the frame is there, and shown."""
    hand.look(*CLOSE)
    hand.show("annotation", "saliency")
    hand.until(lambda: hand.viewer.state.wish.pictures.saliency is not None, limit_s=300)
    hand.rest(0.5)


def part(hand: Hand) -> None:
    """A click takes what the model found there."""
    _model(hand)
    hand.use("part")
    hand.hover(*BALL)
    hand.snap(*BALL)
    hand.drag([BALL])
    hand.show("annotation")
    hand.rest(0.3)
    hand.snap(*BALL)


def model_lasso(hand: Hand) -> None:
    """Half of what the model found."""
    _model(hand)
    hand.use("model_lasso")
    line = [(68.0, 18.0), (68.0, 0.0), (58.0, 0.0), (58.0, 18.0), (67.0, 18.0)]
    hand.drag([place for a, b in itertools.pairwise(line) for place in arc(*a, *b, steps=8)], lifts=False)
    hand.snap(*BALL)
    hand.lift(line[-1])
    hand.show("annotation")
    hand.rest(0.3)
    hand.snap(*BALL)


def onion(hand: Hand) -> None:
    """Outlines of the frames around; then the mask of the one before, taken over."""
    hand.look(*CLOSE)
    hand.use("brush")
    hand.studio.desk.add_object(name="Striped ball")
    for index in (INDEX - 20, INDEX + 20):
        hand.go(index)
        hand.cut_out(*_ball_at(index), 10)
        hand.take()
    hand.go(INDEX)
    hand.show("annotation", "onion")
    hand.use("brush", radius_deg=2.0)
    hand.hover(70, 20)
    hand.rest(0.5)
    hand.snap(*BALL)
    hand.act("annotate.from_previous")
    hand.snap(*BALL)


def _ball_at(index: int) -> tuple[float, float]:
    """Where the striped ball is about a frame; its box is wide enough for the rest."""
    return BALL[0] + (index - INDEX) * 0.1, BALL[1]


def display(hand: Hand) -> None:
    """Tint, outline, cut-out."""
    _ball(hand)
    hand.use("look")
    for way in (LabelDisplay.TINT, LabelDisplay.CONTOUR, LabelDisplay.CUT_OUT):
        layers = hand.viewer.state.wish.layers
        hand.viewer.state.set_layers(layers.with_layer(LayerId.ANNOTATION, display=way))
        hand.rest(0.3)
        hand.snap(*BALL, size=(250, 240))


def compare(hand: Hand) -> None:
    """Hits, misses and false alarms of a mask being painted, by the model."""
    _model(hand)
    hand.show("annotation", comparison=Comparison.DIFFERENCE, first=SourceId.ANNOTATION, second=SourceId.MODEL)
    hand.use("brush", radius_deg=2.5)
    hand.drag(spiral(55, 9, 4.0))
    hand.hover(51, 14)
    hand.snap(*BALL)


def loupe(hand: Hand) -> None:
    """The outline of a mask, eight times as large."""
    _ball(hand)
    hand.use("brush", radius_deg=0.5)
    hand.act("annotate.loupe")
    hand.hover(66.0, 9.5)
    hand.snap(57, 15, size=(460, 330))


def grow(hand: Hand) -> None:
    """As it was; two degrees more; two degrees less."""
    _ball(hand)
    hand.use("look")
    hand.snap(*BALL, size=(250, 240))
    hand.act("annotate.grow_more")
    hand.snap(*BALL, size=(250, 240))
    hand.act("annotate.undo")
    hand.act("annotate.shrink_more")
    hand.snap(*BALL, size=(250, 240))


def combine(hand: Hand) -> None:
    """Two objects, united."""
    hand.look(*CLOSE)
    hand.use("brush", radius_deg=4.0)
    desk = hand.studio.desk
    hand.drag([(61.0, 9.0)])
    desk.add_object()
    hand.drag([(55.5, 9.0)])
    hand.use("look")
    desk.select(1)
    hand.rest(0.3)
    hand.snap(*BALL)
    hand.studio.objects.combine_with(Operand(OperandKind.OBJECT, 2), Combination.UNION)
    hand.rest(0.3)
    hand.snap(*BALL)


def objects(hand: Hand) -> None:
    """The list, with every state that it knows."""
    desk, listed = hand.studio.desk, hand.studio.object_list
    hand.look(*CLOSE)
    hand.use("brush", radius_deg=2.0)
    for number, (name, kind, rank, word) in enumerate(
        (
            ("Drummer", "person", 1, "sounding"),
            ("Singer", "person", 2, "silent"),
            ("Van", "vehicle", 3, "off-screen"),
            ("Dog", "animal", None, ""),
        ),
        start=1,
    ):
        desk.add_object(name=name)
        desk.change_object(number, category=kind, rank=rank)
        if number < 3:
            hand.drag([(70.0 - 8 * number, 9.0)])
        listed.set_presence(number, word)
    desk.change_object(2, locked=True)
    desk.change_object(4, hidden=True)
    desk.select(1)
    listed.set_shown(True)
    hand.rest(0.5)
    listed.panel.setMaximumHeight(210)
    hand.rest(0.3)
    hand.snap_widget(listed.panel)
    listed.panel.setMaximumHeight(16_777_215)


def flat_map(hand: Hand) -> None:
    """Several objects cut out, with the frame before as onion skin: the whole window."""
    hand.use("brush")
    for number, (azimuth, elevation) in enumerate(((58, 9), (-58, 9), (-107, -6)), start=1):
        hand.look(azimuth, elevation, 70)
        hand.studio.desk.add_object(name=("Left", "Right", "Far")[number - 1])
        hand.cut_out(azimuth, elevation, 12)
        hand.take()
    hand.go(INDEX + 40)
    hand.show("annotation", "onion")
    hand.viewer.state.set_layout(ViewLayout.MAP)
    hand.use("brush", radius_deg=8.0)
    hand.studio.object_list.set_shown(True)
    hand.rest(0.5)
    hand.studio.desk.select(1)
    hand.drag(arc(150, 78, 60, 78))
    hand.hover(20, 78)
    _whole(hand)


def planet(hand: Hand) -> None:
    """Painted from above."""
    hand.viewer.state.set_look(little_planet(hand.viewer.state.wish.look))
    hand.rest(0.3)
    hand.use("brush", radius_deg=9.0)
    hand.drag(arc(-120, -35, 100, -35))
    hand.hover(110, -35)
    hand.snap(0, -90, size=(560, 400))


_TOOLS = (brush, eraser, lasso, polygon, fill, wand, smart, move, part, model_lasso)
_REST = (onion, display, compare, loupe, grow, combine, planet, objects)
SHOTS = {act.__name__.replace("_", "-"): act for act in _TOOLS + _REST} | {"map": flat_map}
"""By the names of the pictures."""
LIGHT = frozenset({"map"})
"""Those that the documentation has in the light theme."""


def take(names: Sequence[str], clip: Path, out: Path, theme: str) -> None:
    """Open a window, paint, save the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "demo.mp4"
        shutil.copy(clip, copy)
        arguments = Arguments(
            device="none", play=False, size=SIZE, theme=theme, settings=Path(folder) / "settings.toml"
        )
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        viewer = Viewer(application, arguments)
        opener = ClipOpener(copy, at_s=1.0)
        opener.start()
        viewer.start(opener)
        hand = Hand(viewer)
        hand.until(lambda: viewer.player.frame is not None and hand.view.isValid())
        hand.until(lambda: hand.studio.desk.is_identified)
        hand.studio.set_on(True)
        for name in names:
            hand.clean(INDEX)
            SHOTS[name](hand)
            picture = out / f"annotate-{name}.webp"
            save(hand.taken, picture)
            print(name, picture.stat().st_size // 1024, "KiB", flush=True)
        viewer.window.close()
        viewer.close()
        hand.rest(0.2)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clip", nargs="?", type=Path, default=ROOT / ".build" / "demo" / "demo.mp4")
    parser.add_argument("--only", choices=list(SHOTS), nargs="+")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--theme", choices=("dark", "light"))
    arguments = parser.parse_args()
    install_default_format()
    application = QApplication(["pictures"])
    for theme in ("dark", "light"):
        names = [
            n for n in arguments.only or SHOTS if (arguments.theme or ("light" if n in LIGHT else "dark")) == theme
        ]
        if names:
            take(names, arguments.clip, arguments.out, theme)
    application.quit()


if __name__ == "__main__":
    main()
