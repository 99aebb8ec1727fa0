"""The network run by torch: on CPUs, NVIDIA and Apple GPUs; with the teacher where labels guide it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panosod_core.errors import ConfigError, PredictionError
from panosod_core.inference.engine_protocol import CentreMap, EncodedFrame
from panosod_core.inference.engine_weights import prepared
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.acoustic import AcousticFeatures
from panosod_core.model.checkpoint import load_network
from panosod_core.model.config import ModelConfig
from panosod_core.model.network import BranchOutput, PanosodNet
from panosod_core.model.visual import FrameFeatures

_P = ParamSpec("_P")
_R = TypeVar("_R")
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name, or the best there is: CUDA, then Apple's, then the CPU.

    Raises:
        ConfigError: the device is not there, or no such name.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"expected a device of auto, cpu, cuda or mps, got {name!r}") from None
    if not there.get(device.type, False):
        raise ConfigError(
            f"device {name}: this torch ({torch.__version__}) finds none here; use --device cpu, or install a build "
            "of torch that fits the machine's driver"
        )
    return device


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Bfloat16 by itself on GPUs that calculate in it; on CPUs it was measured to be slower for `small`.

    Raises:
        ConfigError: no such precision, or int8, which torch does not run here.
    """
    if precision == "auto":
        pays = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if pays else torch.float32
    if precision not in _DTYPES:
        raise ConfigError(f"torch runs {', '.join(_DTYPES)}, got precision {precision!r}")
    return _DTYPES[precision]


def _inferring(
    method: Callable[Concatenate["TorchEngine", _P], _R],
) -> Callable[Concatenate["TorchEngine", _P], _R]:
    """Without gradients, in the engine's precision, and with memory that ran out told in one line."""

    @wraps(method)
    def run(self: "TorchEngine", /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            with torch.inference_mode(), self.precision():
                return method(self, *args, **kwargs)
        except torch.OutOfMemoryError as error:
            raise PredictionError(
                f"the network ran out of memory on {self.device}; close what else uses it, or take --device cpu"
            ) from error

    return run


class TorchEngine:
    """A network at work; the caller's own stays as it is.

    Attributes:
        model: the copy that works.
        device: where.
        dtype: of its heavy weights.
    """

    def __init__(
        self,
        model: PanosodNet,
        *,
        device: torch.device | str = "auto",
        dtype: torch.dtype = torch.float32,
        model_id: str = "",
        guided: bool = False,
        compiled: bool = False,
    ) -> None:
        """Copy, fold, move.

        Args:
            model: the network.
            device: where it runs, or "auto".
            dtype: float32, or a smaller type for mixed precision.
            model_id: hash of its file.
            guided: the teacher is used too.
            compiled: by torch.compile, at the first frame: seconds on a GPU, up to minutes on a CPU.

        Raises:
            ConfigError: the device is not there.
            ValueError: guided without a teacher.
        """
        if guided and model.teacher is None:
            raise ValueError("label-guided inference needs the teacher: load the model with it")
        self.device = choose_device(device) if isinstance(device, str) else device
        self.dtype, self._id, self._guided = dtype, model_id, guided
        self.model = prepared(model, dtype).to(self.device)
        self._size = (model.config.height_px, model.config.width_px)
        if compiled:
            self.model.visual.compile()
            self.model.decoder.compile()

    @property
    def config(self) -> ModelConfig:
        """Of the network."""
        return self.model.config

    @property
    def model_id(self) -> str:
        """Hash of the weights' file, or ""."""
        return self._id

    @property
    def description(self) -> str:
        """Runtime, device, precision."""
        return f"torch, {self.device}, {str(self.dtype).removeprefix('torch.')}"

    @property
    def guided(self) -> bool:
        """True where the teacher is used."""
        return self._guided

    def precision(self) -> AbstractContextManager[object]:
        """Mixed precision, where it is not single."""
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    @_inferring
    def encode_frame(self, picture: NDArray[np.uint8]) -> EncodedFrame:
        """As :class:`~panosod_core.inference.engine_protocol.Engine` says."""
        frame = torch.from_numpy(picture).to(self.device).permute(2, 0, 1)[None]
        seen = self.model.encode_frames(frame)
        return EncodedFrame(seen, self.model.summarise(seen), seen.features if self._guided else None)

    @_inferring
    def encode_sound(self, window: NDArray[np.float32]) -> object:
        """As the protocol says."""
        return self.model.encode_sound(torch.from_numpy(window)[None].to(self.device))

    @_inferring
    def centre_map(self, own: object, summaries: Sequence[object], heard: object | None) -> CentreMap:
        """As the protocol says."""
        seen, sound = cast(FrameFeatures, own), cast(AcousticFeatures | None, heard)
        window = torch.stack(cast(list[Tensor], list(summaries)), dim=1) if summaries else None
        return _answer(self.model.centre_map(seen, window, sound, size=self._size))

    @_inferring
    def guided_map(
        self, own: object, features: Sequence[object], heard: object, masks: Sequence[NDArray[np.float32] | None]
    ) -> CentreMap:
        """As the protocol says."""
        if not self._guided:
            raise ValueError("this engine was opened without the teacher")
        blank = torch.zeros(self._size)
        given = torch.stack([blank if mask is None else torch.from_numpy(mask) for mask in masks])
        valid = torch.tensor([[mask is not None for mask in masks]], device=self.device)
        out = self.model.guided_centre_map(
            cast(FrameFeatures, own),
            torch.stack(cast(list[Tensor], list(features)), dim=1),
            cast(AcousticFeatures, heard),
            given[None, :, None].to(self.device),
            valid=valid if self.config.teacher_validity else None,
            size=self._size,
        )
        return _answer(out)


def _answer(out: BranchOutput) -> CentreMap:
    saliency: NDArray[np.float32] = out.logits[0, 0, 0].float().sigmoid().cpu().numpy()
    location: NDArray[np.float32] | None = None
    if out.location is not None:
        location = out.location[0, 0, 0].float().cpu().numpy()
    return CentreMap(saliency, location)


def open_torch_engine(
    file: ModelFile,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    guided: bool = False,
    compiled: bool = False,
) -> TorchEngine:
    """Load a model; see :func:`~panosod_core.inference.engine.open_engine`.

    Raises:
        CheckpointError: the weights cannot be used.
        ConfigError: a device or precision that is not there.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    place = choose_device(device)
    dtype = choose_dtype(precision, place)
    network, _ = load_network(file.path, teacher=guided)
    if guided and network.teacher is None:
        raise ConfigError(f"{file.path}: this model has no teacher, so that masks cannot guide it")
    return TorchEngine(network, device=place, dtype=dtype, model_id=file.model_id, guided=guided, compiled=compiled)
