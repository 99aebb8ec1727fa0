"""ImageNet weights for the backbone, from a file that the person names. Nothing is ever downloaded."""

import pickle
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from panosod_core.errors import CheckpointError
from panosod_core.model.resnet import ResNet
from panosod_core.model.weights import check_finite, fit, read_safetensors, sha256_of

# What torch.load raises at files that are damaged, or that hold more than tensors.
_LOAD_ERRORS = (
    pickle.UnpicklingError,
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
)
_CLASSIFIER = ("fc.", "classifier.")


@dataclass(frozen=True)
class ImageNetWeights:
    """Where a backbone's first weights came from; goes into a checkpoint's provenance."""

    file: str
    sha256: str

    def to_json(self) -> dict[str, str]:
        """For the provenance."""
        return {"imagenet_file": self.file, "imagenet_sha256": self.sha256}


def load_imagenet(backbone: ResNet, path: Path) -> ImageNetWeights:
    """Load published classification weights into a backbone.

    Accepted: a state dict with torchvision's names (``resnet50-*.pth``), or with those of Hugging Face's ResNet, as
    safetensors or as a ``.pth`` that is read with ``weights_only``. The classifier is left out; batch counts may be
    missing, as in old files. Anything else is refused.

    Args:
        backbone: of width 1.
        path: of the file.

    Returns:
        Name and hash of the file.

    Raises:
        CheckpointError: the file cannot be read safely, or its weights do not fit, by name.
    """
    tensors = _read(path)
    tensors = {_torchvision_name(n): t for n, t in tensors.items() if not n.startswith(_CLASSIFIER)}
    check_finite(tensors, path)
    fit(backbone, tensors, source=str(path), optional=(".num_batches_tracked",))
    return ImageNetWeights(path.name, sha256_of(path))


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return read_safetensors(path)[1]
    try:
        with warnings.catch_warnings():
            # It warns of pickle protocols that it may not know; then it either reads them or raises.
            warnings.simplefilter("ignore")
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except _LOAD_ERRORS as error:
        # What torch says of files that hold more than tensors advises to run them.
        refused = isinstance(error, pickle.UnpicklingError)
        first = "no plain tensors" if refused else (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{path}: expected a state dict of tensors (.pth or .safetensors); refused without running it ({first})"
        ) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in loaded.items()
    ):
        raise CheckpointError(f"{path}: expected a state dict, names to tensors, found {type(loaded).__name__}")
    return dict(loaded)


_STEM = re.compile(r"^embedder\.embedder\.(convolution|normalization)\.")
_LAYER = re.compile(r"^encoder\.stages\.(\d)\.layers\.(\d+)\.layer\.(\d)\.(convolution|normalization)\.")
_SHORTCUT = re.compile(r"^encoder\.stages\.(\d)\.layers\.(\d+)\.shortcut\.(convolution|normalization)\.")


def _torchvision_name(name: str) -> str:
    """A name of Hugging Face's ResNet in torchvision's words; others as they are."""
    name = name.removeprefix("resnet.")
    name = _STEM.sub(lambda m: "conv1." if m[1] == "convolution" else "bn1.", name)
    name = _LAYER.sub(
        lambda m: f"layer{int(m[1]) + 1}.{m[2]}.{'conv' if m[4] == 'convolution' else 'bn'}{int(m[3]) + 1}.", name
    )
    return _SHORTCUT.sub(lambda m: f"layer{int(m[1]) + 1}.{m[2]}.downsample.{0 if m[3] == 'convolution' else 1}.", name)
