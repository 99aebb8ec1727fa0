"""Pages of results: what is measured stands between two marks, what people wrote about it stays around them."""

import platform
from pathlib import Path

BEGIN = "<!-- measured: written by the benchmark -->"
END = "<!-- end of what is measured -->"


def put_measured(page: Path, text: str) -> None:
    """Writes the measured part of a page anew and leaves the rest of it; a page without marks is written whole.

    Args:
        page: a Markdown file under ``benchmarks/results``; made where there is none.
        text: tables and figures as Markdown.
    """
    before, after = "", "\n"
    if page.exists():
        kept = page.read_text(encoding="utf-8")
        if BEGIN in kept and END in kept:
            before, after = kept.split(BEGIN, 1)[0], kept.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")


def system() -> str:
    """The machine's system with the first two numbers of its version: what a figure can depend on, no more."""
    return f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
