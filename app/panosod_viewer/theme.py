"""Dark and light: one table of colours each, the Qt palette and small style sheet made from it, and who applies them.

Widgets never keep a theme: they ask :func:`theme_of` with their own palette whenever they paint, so that a change of
the system's colour scheme reaches everything at once.
"""

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from panosod_viewer import resources

SPACING_PX = 8
"""The one distance between things; half of it within groups."""
HIT_PX = 28
"""Smallest side of anything that is clicked."""


class ThemeChoice(StrEnum):
    """What the person asked for."""

    AUTO = "auto"
    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True)
class Theme:
    """Colours by their job, "#rrggbb".

    Attributes:
        name: "dark" or "light".
        window: behind everything.
        base: behind text that can be edited, lists, and the waveform.
        raised: buttons and chips.
        hover: under the pointer.
        border: lines between things, at least 3:1 where it alone shows a control.
        text, dim: what is read first and second.
        accent, on_accent: the chosen, the played, and text on it.
        warning, error, good: what they say, as text or icon.
        wave: the part of the waveform that has not been played.
        scene_rgb: where the picture does not reach, 0..1 sRGB.
    """

    name: str
    window: str
    base: str
    raised: str
    hover: str
    border: str
    text: str
    dim: str
    accent: str
    on_accent: str
    warning: str
    error: str
    good: str
    wave: str
    scene_rgb: tuple[float, float, float]


DARK = Theme(
    name="dark",
    window="#1b1d21",
    base="#131518",
    raised="#272a30",
    hover="#343941",
    border="#6b7480",
    text="#e8eaed",
    dim="#a9b1bb",
    accent="#6fb4ff",
    on_accent="#08192b",
    warning="#f2bb55",
    error="#ff8f86",
    good="#7fd894",
    wave="#6f7986",
    scene_rgb=(0.03, 0.032, 0.036),
)
LIGHT = Theme(
    name="light",
    window="#f4f5f7",
    base="#ffffff",
    raised="#e6e9ed",
    hover="#d6dbe1",
    border="#7d8692",
    text="#1a1e23",
    dim="#545c67",
    accent="#0a5cbd",
    on_accent="#ffffff",
    warning="#855400",
    error="#b0211a",
    good="#176f33",
    wave="#7f8894",
    scene_rgb=(0.15, 0.155, 0.165),
)


def theme_of(palette: QPalette) -> Theme:
    """The theme a widget with that palette is drawn in."""
    # AlternateBase, because style sheet rules change a widget's window, button and text colours, but never this one.
    return DARK if palette.color(QPalette.ColorRole.AlternateBase).lightness() < 128 else LIGHT


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", 0..1 (WCAG 2.1)."""
    c = QColor(colour)
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c.redF(), c.greenF(), c.blueF())]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1..21 (WCAG 2.1)."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def qt_palette(theme: Theme) -> QPalette:
    """The palette of a theme."""
    role = QPalette.ColorRole
    palette = QPalette(QColor(theme.raised), QColor(theme.window))
    colours = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.base,
        role.AlternateBase: theme.raised,
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.error,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.PlaceholderText: theme.dim,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.on_accent,
        role.Accent: theme.accent,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.Light: theme.hover,
        role.Midlight: theme.hover,
        role.Mid: theme.border,
        role.Dark: theme.border,
        role.Shadow: theme.base,
    }
    for each, colour in colours.items():
        palette.setColor(each, QColor(colour))
    off = QPalette.ColorGroup.Disabled
    for each in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(off, each, QColor(theme.border))
    palette.setColor(off, role.Highlight, QColor(theme.hover))
    return palette


def _image(name: str, theme: Theme) -> str:
    """Path of a small image of a theme, as style sheets want it (they cannot recolour an icon)."""
    return resources.icon(f"{name}-{theme.name}").as_posix()


def style_sheet(theme: Theme) -> str:
    """The rules that a palette cannot express. Buttons of panels carry the property ``panel``, labels a ``role``."""
    t = theme
    return f"""
    QToolTip {{ color: {t.text}; background: {t.raised}; border: 1px solid {t.border}; padding: 4px; }}
    QToolButton[panel="true"] {{ border: 1px solid transparent; border-radius: 5px; padding: 2px 4px;
        background: transparent; color: {t.text}; }}
    QToolButton[panel="true"]:hover {{ background: {t.hover}; }}
    QToolButton[panel="true"]:pressed, QToolButton[panel="true"]:checked {{ background: {t.raised}; }}
    QToolButton[segment="true"] {{ border-radius: 0; border-color: {t.border}; margin-left: -1px; }}
    QToolButton[tool="true"]:checked {{ background: {t.hover}; border-left: 3px solid {t.accent};
        border-radius: 2px; }}
    QToolButton[segment="true"]:checked {{ background: {t.hover}; border-bottom: 2px solid {t.accent}; }}
    QToolButton[panel="true"]:focus {{ border-color: {t.accent}; }}
    QToolButton[panel="true"]:disabled {{ color: {t.border}; }}
    QToolButton[panel="true"]::menu-indicator {{ image: none; width: 0; }}
    QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {t.hover}; }}
    QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {t.accent}; }}
    QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -5px 0; border-radius: 7px;
        background: {t.text}; border: 1px solid {t.window}; }}
    QSlider::handle:horizontal:focus {{ border: 2px solid {t.accent}; width: 10px; height: 10px; }}
    QPushButton {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.border}; border-radius: 5px;
        padding: 4px 12px; }}
    QPushButton:hover {{ background: {t.hover}; }}
    QPushButton:pressed, QPushButton:checked {{ background: {t.base}; }}
    QPushButton:default {{ background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; }}
    QPushButton:focus {{ border: 2px solid {t.accent}; padding: 3px 11px; }}
    QPushButton:default:focus {{ border-color: {t.text}; }}
    QPushButton:disabled {{ color: {t.border}; background: {t.window}; border-color: {t.hover}; }}
    QPushButton:flat {{ background: transparent; border-color: transparent; color: {t.accent}; }}
    QPushButton:flat:hover {{ background: {t.hover}; }}
    QPushButton:flat:focus {{ border-color: {t.accent}; }}
    QLineEdit, QSpinBox, QComboBox {{ background: {t.base}; color: {t.text}; border: 1px solid {t.border};
        border-radius: 5px; padding: 3px 8px; selection-background-color: {t.accent};
        selection-color: {t.on_accent}; }}
    QLineEdit:focus, QSpinBox:focus, QComboBox:focus {{ border: 2px solid {t.accent}; padding: 2px 7px; }}
    QLineEdit:disabled, QSpinBox:disabled, QComboBox:disabled {{ color: {t.border}; border-color: {t.hover}; }}
    QSpinBox QLineEdit {{ border: none; padding: 0 0 0 4px; background: transparent; }}
    QComboBox {{ background: {t.raised}; padding-right: 22px; }}
    QComboBox:hover {{ background: {t.hover}; }}
    QComboBox::drop-down {{ border: none; width: 22px; }}
    QComboBox::down-arrow {{ image: url({_image("arrow-down", t)}); width: 14px; height: 14px; }}
    QSpinBox::up-button, QSpinBox::down-button {{ border: none; width: 22px; background: transparent; }}
    QSpinBox::up-button:hover, QSpinBox::down-button:hover {{ background: {t.hover}; }}
    QSpinBox::up-arrow {{ image: url({_image("arrow-up", t)}); width: 12px; height: 12px; }}
    QSpinBox::down-arrow {{ image: url({_image("arrow-down", t)}); width: 12px; height: 12px; }}
    QCheckBox {{ spacing: 8px; color: {t.text}; }}
    QCheckBox::indicator {{ width: 16px; height: 16px; border: 1px solid {t.border}; border-radius: 4px;
        background: {t.base}; }}
    QCheckBox::indicator:hover {{ background: {t.hover}; }}
    QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent};
        image: url({_image("tick", t)}); }}
    QCheckBox::indicator:focus {{ border: 2px solid {t.text}; width: 14px; height: 14px; }}
    QCheckBox:disabled {{ color: {t.border}; }}
    QTreeView, QTableView, QListView {{ background: {t.base}; border: 1px solid {t.border}; border-radius: 5px; }}
    QTreeView::item {{ min-height: 22px; padding: 0 4px; }}
    QListView[frameless="true"] {{ border: none; }}
    QHeaderView::section {{ background: {t.raised}; color: {t.dim}; border: none; padding: 4px 6px; }}
    QProgressBar {{ background: {t.hover}; border: none; border-radius: 3px; }}
    QProgressBar::chunk {{ background: {t.accent}; border-radius: 3px; }}
    QLabel[role="dim"] {{ color: {t.dim}; }}
    QLabel[role="title"] {{ font-size: 17pt; font-weight: 600; }}
    QLabel[role="heading"] {{ font-weight: 600; }}
    QLabel[role="warning"] {{ color: {t.warning}; }}
    QLabel[role="error"] {{ color: {t.error}; }}
    QLabel[role="good"] {{ color: {t.good}; }}
    """


class ThemeController(QObject):
    """Applies a theme to the application and follows the system while the choice is AUTO.

    Signals:
        changed(object): the :class:`Theme` now in force.
    """

    changed = Signal(object)

    def __init__(self, application: QApplication, choice: ThemeChoice = ThemeChoice.AUTO) -> None:
        super().__init__(application)
        self._application = application
        self._choice = choice
        # Fusion on every system: the palette is ours, and native styles ignore half of it.
        application.setStyle("Fusion")
        self._system_is_dark = application.style().standardPalette().window().color().lightness() < 128
        self._theme: Theme | None = None
        application.styleHints().colorSchemeChanged.connect(self._apply)
        self.set_choice(choice)

    @property
    def theme(self) -> Theme:
        """The theme in force."""
        return self._theme if self._theme is not None else self._resolve()

    @property
    def choice(self) -> ThemeChoice:
        """What the person asked for."""
        return self._choice

    def set_choice(self, choice: ThemeChoice) -> None:
        """Ask for dark, for light, or to follow the system."""
        self._choice = choice
        wanted = {
            ThemeChoice.AUTO: Qt.ColorScheme.Unknown,
            ThemeChoice.DARK: Qt.ColorScheme.Dark,
            ThemeChoice.LIGHT: Qt.ColorScheme.Light,
        }[choice]
        # Also tells the system, so that title bars and file dialogs match.
        self._application.styleHints().setColorScheme(wanted)
        self._apply()

    def _resolve(self) -> Theme:
        if self._choice is not ThemeChoice.AUTO:
            return DARK if self._choice is ThemeChoice.DARK else LIGHT
        scheme = self._application.styleHints().colorScheme()
        if scheme == Qt.ColorScheme.Unknown:
            return DARK if self._system_is_dark else LIGHT
        return DARK if scheme == Qt.ColorScheme.Dark else LIGHT

    def _apply(self) -> None:
        theme = self._resolve()
        if theme is self._theme:
            return
        self._theme = theme
        self._application.setPalette(qt_palette(theme))
        self._application.setStyleSheet(style_sheet(theme))
        self.changed.emit(theme)
