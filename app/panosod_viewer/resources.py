"""Where shaders and icons lie: inside the package in a wheel, at the top of the checkout when editable."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _find(*parts: str) -> Path:
    for base in (_HERE, _HERE.parent.parent):
        path = base.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"panosod's data file {'/'.join(parts)} is missing: reinstall panosod")


def shader_dir() -> Path:
    """The folder of the GLSL files."""
    return _find("shaders")


def icon(name: str) -> Path:
    """Path of an icon, ``name`` without ending."""
    return _find("assets", "icons", f"{name}.svg")
