"""Size limits and bans that ruff and import-linter do not know; part of ``make lint``.

Files of the packages stay under 600 lines, functions under 80 (goals: 400 and 60, listed as a warning),
``main_window`` under 300; every ``__init__.py`` holds a docstring only; ``processEvents`` is never called; shaders are
files; no registry host and no path of a machine stands in the repository.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("panosod_core", "app/panosod_viewer")
FILE_LINES, FILE_GOAL, FUNCTION_LINES, WINDOW_LINES = 600, 400, 80, 300
BANNED = (
    (re.compile(r"\bprocessEvents\b"), "pumps events: use a worker and a signal"),
    (re.compile(r"#version 3"), "GLSL belongs in shaders/"),
)


def catches_everything(handler: ast.ExceptHandler) -> bool:
    """True for a bare or BaseException handler that swallows; cleaning up and raising again is fine."""
    broad = handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id == "BaseException")
    return broad and not any(isinstance(n, ast.Raise) for n in ast.walk(handler))


def complaints(path: Path) -> list[str]:
    """What is wrong with one file of the packages."""
    text = path.read_text()
    name = path.relative_to(ROOT).as_posix()
    lines = text.count("\n")
    found = []
    limit = WINDOW_LINES if path.name == "main_window.py" else FILE_LINES
    if lines > limit:
        found.append(f"{name}: {lines} lines, limit {limit}: split it where there is a noun for each part")
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{name}:{node.lineno}: function {node.name} has {length} lines, limit {FUNCTION_LINES}")
        if isinstance(node, ast.ExceptHandler) and catches_everything(node):
            found.append(f"{name}:{node.lineno}: catches everything and does not raise it again")
    if path.name == "__init__.py" and not (len(tree.body) == 1 and ast.get_docstring(tree)):
        found.append(f"{name}: must hold a docstring and nothing else")
    found += [f"{name}: {what.pattern!r} {why}" for what, why in BANNED if what.search(text)]
    return found


def host_complaints() -> list[str]:
    """Places in tracked text files that name a package registry's host or a path of somebody's machine."""
    # Put together here so that this file does not trip over itself.
    hosts = ["pypi" + ".org", "python" + "hosted.org", "deb.debian" + ".org", "registry.npm" + "js.org", "/home" + "/"]
    command = ["git", "grep", "-nIF", *[a for h in hosts for a in ("-e", h)], "--", ".", ":!LICENSE"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return [f"{line[:120]}: names a host or a machine's path" for line in result.stdout.splitlines()]


def main() -> int:
    """Print every complaint; 1 if there is any."""
    files = [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]
    found = [c for p in files for c in complaints(p)] + host_complaints()
    long = [(p, n) for p in files if FILE_GOAL < (n := p.read_text().count("\n")) <= FILE_LINES]
    for path, n in long:
        print(f"note: {path.relative_to(ROOT).as_posix()} has {n} lines (goal {FILE_GOAL})")
    print("\n".join(found) if found else f"limits: {len(files)} files kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
