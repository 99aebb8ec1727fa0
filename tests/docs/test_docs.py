"""The pages lead somewhere, and say of the keys what the program does."""

import importlib.util
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from panosod_viewer.actions import ACTIONS

REPO = Path(__file__).resolve().parents[2]
PAGES = [REPO / "README.md", REPO / "CHANGELOG.md", *sorted((REPO / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
MOST_BYTES = 150 * 1024


def broken(text: str, folder: Path) -> list[str]:
    """Relative links of a page that lead nowhere; code is no link."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    targets = [unquote(found.partition("#")[0]) for found in LINK.findall(prose) if "://" not in found]
    return [target for target in targets if target and not (folder / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_every_relative_link_leads_to_a_file(page):
    assert broken(page.read_text(encoding="utf-8"), page.parent) == []


def test_a_broken_link_would_be_found(tmp_path):
    (tmp_path / "there.md").touch()
    text = "[a](there.md) [b](gone.md#part) ![c](gone.png) [d](https://host/x) `[e](code.md)` [f](#part)"
    assert broken(text, tmp_path) == ["gone.md", "gone.png"]


def test_the_page_of_keys_is_what_the_program_does():
    spec = importlib.util.spec_from_file_location("keys_page", REPO / "dev" / "keys_page.py")
    assert spec is not None and spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), "run dev/keys_page.py"
    assert maker.key_cap("Ctrl++") == "<kbd>Ctrl</kbd>+<kbd>+</kbd>"
    assert maker.key_cap("+") == "<kbd>+</kbd>"
    assert maker.key_cap("Ctrl+-") == "<kbd>Ctrl</kbd>+<kbd>-</kbd>"


def test_menus_named_on_the_viewers_page_are_there():
    text = re.sub(r"\s+", " ", (REPO / "docs" / "viewer.md").read_text(encoding="utf-8"))
    named = re.findall(r"\*(\w+) › ([^*]+)\*", text)
    assert len(named) >= 6
    there = {(spec.group, spec.label) for spec in ACTIONS} | {("File", "Open recent")}
    assert set(named) <= there


@pytest.mark.parametrize("name", ["viewer.jpg", "tracker.jpg"])
def test_pictures_of_the_window_are_small(name):
    assert (REPO / "docs" / "pictures" / name).stat().st_size <= MOST_BYTES
