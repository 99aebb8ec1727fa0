"""Colours can be read, icons follow them, and the system's wish is followed."""

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from panosod_viewer import resources
from panosod_viewer.theme import DARK, LIGHT, Theme, ThemeChoice, contrast, luminance, qt_palette, style_sheet, theme_of
from panosod_viewer.widgets.buttons import IconButton
from panosod_viewer.widgets.icons import icon_pixmap, themed_icon

THEMES = pytest.mark.parametrize("theme_value", [DARK, LIGHT], ids=["dark", "light"])
GROUNDS = ("window", "base", "raised", "hover")


def test_contrast_formula_has_known_values():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the well-known grey that just fails
    assert luminance("#ff0000") == pytest.approx(0.2126)


@THEMES
@pytest.mark.parametrize("ink", ["text", "dim", "accent", "warning", "error", "good"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_is_readable(theme_value, ink, ground):
    """WCAG AA for text. Coloured and dim text on the hover colour is a passing state: 3:1."""
    least = 3.0 if ground == "hover" and ink != "text" else 4.5
    assert contrast(getattr(theme_value, ink), getattr(theme_value, ground)) >= least


@THEMES
def test_controls_are_seen(theme_value: Theme):
    """WCAG AA for what is no text: 3:1 against what lies behind."""
    assert contrast(theme_value.on_accent, theme_value.accent) >= 4.5
    for ground in ("window", "base"):
        assert contrast(theme_value.border, getattr(theme_value, ground)) >= 3
        assert contrast(theme_value.wave, getattr(theme_value, ground)) >= 3


@THEMES
def test_a_palette_tells_its_theme(theme_value):
    assert theme_of(qt_palette(theme_value)) is theme_value


def test_choice_and_system_are_followed(theme, qapp: QApplication):
    seen: list[Theme] = []
    theme.changed.connect(seen.append)
    for choice, expected in ((ThemeChoice.DARK, DARK), (ThemeChoice.LIGHT, LIGHT), (ThemeChoice.DARK, DARK)):
        theme.set_choice(choice)
        assert theme.theme is expected
        assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(expected.window)
    theme.set_choice(ThemeChoice.LIGHT)
    theme.set_choice(ThemeChoice.AUTO)
    for scheme, expected in ((Qt.ColorScheme.Dark, DARK), (Qt.ColorScheme.Light, LIGHT)):
        # As the platform does it when the person switches the desktop.
        qapp.styleHints().setColorScheme(scheme)
        if qapp.styleHints().colorScheme() == scheme:
            assert theme.theme is expected
    assert seen[:2] == [DARK, LIGHT] or seen[:2] == [LIGHT, DARK]


@THEMES
def test_style_sheet_refers_only_to_files_that_exist(theme_value):
    images = re.findall(r"url\(([^)]*)\)", style_sheet(theme_value))
    assert len(images) == 4
    for image in images:
        assert (resources.icon("play").parent / image.rsplit("/", 1)[-1]).is_file()


def all_icons() -> list[str]:
    return sorted(p.stem for p in resources.icon("play").parent.glob("*.svg"))


@pytest.mark.parametrize("name", all_icons())
def test_icons_draw(qapp, name):
    """Every icon is valid, fills its square without touching the rim, and takes the colour it is given."""
    themed = not name.endswith(("-dark", "-light"))
    image = icon_pixmap(name, QColor("#12ab34"), size_px=48).toImage()
    inked = [(x, y) for x in range(48) for y in range(48) if image.pixelColor(x, y).alpha() == 255]
    assert len(inked) > 30
    if themed:
        assert {image.pixelColor(x, y).name() for x, y in inked} == {"#12ab34"}
        xs, ys = [p[0] for p in inked], [p[1] for p in inked]
        assert min(xs) >= 2 and min(ys) >= 2 and max(xs) <= 45 and max(ys) <= 45
        assert max(max(xs) - min(xs), max(ys) - min(ys)) >= 20


def test_icons_are_crisp_on_dense_screens(qapp):
    icon = themed_icon("play", qapp.palette())
    assert {s.width() for s in icon.availableSizes()} >= {20}
    pixmap = icon_pixmap("play", QColor("black"), size_px=20, pixel_ratio=2.0)
    assert (pixmap.width(), pixmap.deviceIndependentSize().width()) == (40, 20.0)


def test_buttons_recolour_with_the_theme(theme, qtbot):
    button = IconButton("play", "Play")
    qtbot.addWidget(button)
    button.show()

    def ink() -> str:
        image = button.icon().pixmap(20, 20).toImage()
        side = image.width()
        return image.pixelColor(side // 2, side // 2).name()

    theme.set_choice(ThemeChoice.DARK)
    assert ink() == DARK.text
    theme.set_choice(ThemeChoice.LIGHT)
    assert ink() == LIGHT.text
