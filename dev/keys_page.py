#!/usr/bin/env python3
"""Writes docs/keys.md from the viewer's table of actions; a test compares them. Run it in `.venv`."""

from itertools import groupby
from pathlib import Path

from panosod_viewer.actions import HelpRow, help_rows

PAGE = Path(__file__).resolve().parent.parent / "docs" / "keys.md"
HEAD = """# Keys and pointer

What <kbd>F1</kbd> shows in the viewer, written by `dev/keys_page.py` from the same table. On macOS <kbd>Ctrl</kbd> is
<kbd>⌘</kbd>. [How to use the viewer](viewer.md)
"""
ARROWS = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "PgDown": "Page down", "PgUp": "Page up"}


def key_cap(keys: str) -> str:
    """A key sequence as caps: Ctrl+Left is two of them; words for the pointer are one."""
    # The plus sign is itself a key: "+", "Ctrl++".
    parts = [part for part in keys.removesuffix("+").split("+") if part] + ["+"] * keys.endswith("+")
    return "+".join(f"<kbd>{ARROWS.get(part, part)}</kbd>" for part in parts)


def page() -> str:
    """The whole page."""
    rows = help_rows()
    order = list(dict.fromkeys(row.group for row in rows))
    lines = [HEAD]
    for group, members in groupby(sorted(rows, key=lambda row: order.index(row.group)), key=lambda row: row.group):
        lines += [f"## {group}", "", "| what | keys |", "| --- | --- |", *map(table_row, members), ""]
    return "\n".join(lines)


def table_row(row: HelpRow) -> str:
    """One line of a table."""
    return f"| {row.text} | {' '.join(key_cap(keys) for keys in row.keys)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
