"""Which models are to be at work, whether any can be, and how they are called in the window. No Qt."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from panosod_core.errors import CheckpointError
from panosod_core.resources import demo_model_path

DEMO_NAME = "demo model"


def can_predict() -> bool:
    """Whether anything that runs a model is installed; looks for it without loading it."""
    return find_spec("torch") is not None or find_spec("onnxruntime") is not None


def default_id() -> str:
    """Id of the library's default model; "" for the model that comes with panosod, or where the library is damaged."""
    # With the libraries that read models' files: not while the window opens.
    from panosod_core.inference.library import ModelLibrary

    try:
        return ModelLibrary().default_id or ""
    except CheckpointError:
        return ""  # the predictor says so in the window, with what to do


def has_default_model() -> bool:
    """Whether there is a model to use where none is named: one that comes with this build, or the library's default."""
    try:
        demo_model_path()
    except FileNotFoundError:
        return bool(default_id())
    return True


def model_name(model: str) -> str:
    """How a model is called in the window.

    Args:
        model: its file, its name or id in the library, a word for the one that comes with panosod; "" for the one in
            use where none is named.
    """
    from panosod_core.inference.library import SHIPPED_WORDS, ModelLibrary, find_model

    library = ModelLibrary()
    if model in SHIPPED_WORDS and not Path(model).is_file():
        return DEMO_NAME
    try:
        chosen = find_model(model) if model else library.default_path
        return DEMO_NAME if chosen is None else library.name_of(chosen)
    except CheckpointError:
        return Path(model).stem if model else "the default model"


@dataclass(frozen=True)
class PredictionWish:
    """Which models are to be at work.

    Attributes:
        is_on: whether any is.
        models: files, names or ids, at most two; "" is the library's default, else the one that comes with panosod.
        device: "auto", "cpu", "cuda", "mps".
        stride: a map of every n-th frame; 0 follows from the speed.
        cache: folder of the prediction cache, "" for the platform's.
    """

    is_on: bool = True
    models: tuple[str, ...] = ("",)
    device: str = "auto"
    stride: int = 0
    cache: str = ""
