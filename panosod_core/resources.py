"""Where the data files of the core lie: beside the package in a wheel, in the checkout's ``assets/`` when editable."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def core_asset(*parts: str) -> Path:
    """Path of a data file, e.g. ``core_asset("hrtf", "kemar.npz")``.

    Raises:
        FileNotFoundError: neither the installed package nor the checkout has it (a broken install).
    """
    for base in (_HERE / "assets", _HERE.parent / "assets"):
        path = base.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"panosod's data file assets/{'/'.join(parts)} is missing: reinstall panosod")


def demo_model_path() -> Path:
    """The model that comes with panosod.

    Raises:
        FileNotFoundError: this build carries none.
    """
    return core_asset("models", "panosod-demo.safetensors")
