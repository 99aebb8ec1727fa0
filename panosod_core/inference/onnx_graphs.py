"""The network cut into the graphs that a stream runs: a frame, a sound window, the map of a middle frame.

Names of inputs and outputs are what :mod:`panosod_core.inference.engine_onnx` hands from one graph to the next.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import onnxruntime
import torch
from torch import Tensor, nn

from panosod_core.inference.engine_weights import without_normalisation
from panosod_core.model.acoustic import AcousticFeatures
from panosod_core.model.config import ModelConfig, Padding
from panosod_core.model.network import PanosodNet
from panosod_core.model.visual import FrameFeatures

_SKIPS = ("skip4", "skip8", "skip16")


@dataclass(frozen=True)
class Spec:
    """A graph to be.

    Attributes:
        module: what is traced.
        inputs: example values by name.
        outputs: names.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class _FrameGraph(nn.Module):
    def __init__(self, network: PanosodNet) -> None:
        super().__init__()
        self.takes_bytes = network.config.padding is Padding.SPHERE
        self.network = without_normalisation(deepcopy(network)) if self.takes_bytes else network

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        frame = picture.permute(2, 0, 1).unsqueeze(0)
        seen = self.network.visual.encode(frame.float()) if self.takes_bytes else self.network.encode_frames(frame)
        summary = self.network.summarise(seen)
        made = (*seen.skips, seen.features)
        return made if summary is None else (*made, summary)


class _Parts:
    """A complex tensor as two real ones, with as much of its manners as the acoustic encoder asks for.

    ONNX Runtime calculates with real numbers only.
    """

    def __init__(self, real: Tensor, imag: Tensor) -> None:
        self.real, self.imag = real, imag

    @property
    def device(self) -> torch.device:
        return self.real.device

    def __getitem__(self, key: Any) -> "_Parts":
        return _Parts(self.real[key], self.imag[key])

    def abs(self) -> Tensor:
        return (self.real.square() + self.imag.square()).sqrt()

    def angle(self) -> Tensor:
        return torch.atan2(self.imag, self.real)


class _SoundGraph(nn.Module):
    def __init__(self, network: PanosodNet) -> None:
        super().__init__()
        if network.acoustic is None:
            raise ValueError("a network without sound has no such graph")
        self.acoustic = network.acoustic

    def forward(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, ...]:
        heard = self.acoustic.encode(cast(Tensor, _Parts(real, imaginary)))
        made = (heard.semantic, heard.location)
        return made if heard.covariance is None else (*made, heard.covariance)


class _MapGraph(nn.Module):
    def __init__(self, network: PanosodNet, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names
        self.size = (network.config.height_px, network.config.width_px)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(self.names, values, strict=True))
        centre = FrameFeatures((given["skip4"], given["skip8"], given["skip16"]), given["features"])
        context = given["context"].unsqueeze(1) if "context" in given else None
        heard = None
        if "semantic" in given:
            heard = AcousticFeatures(given["semantic"], given["location"], given.get("covariance"))
        out = self.network.centre_map(centre, context, heard, size=self.size)
        saliency = out.logits[0, 0, 0].sigmoid()
        return (saliency,) if out.location is None else (saliency, out.location[0, 0, 0])


def graph_specs(network: PanosodNet) -> dict[str, Spec]:
    """The graphs of a network by name, as :data:`panosod_core.inference.onnx_store.GRAPHS` lists them.

    Args:
        network: prepared for inference (:func:`panosod_core.inference.engine_weights.prepared`), on the CPU.

    Returns:
        What :func:`write_graph` writes.
    """
    config = network.config
    generator = torch.Generator().manual_seed(0)
    size = (config.height_px, config.width_px, 3)
    picture = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    frame = _FrameGraph(network)
    with torch.inference_mode():
        seen = frame(picture)
    outputs = (*_SKIPS, "features") + (("summary",) if network.temporal is not None else ())
    specs = {"frame": Spec(frame, {"picture": picture}, outputs)}
    flowing = dict(zip(outputs, seen, strict=True))
    if "summary" in flowing:
        flowing["context"] = flowing.pop("summary")
    if network.acoustic is not None:
        shape = _spectrum_shape(config)
        spectrum = {name: torch.randn(shape, generator=generator) for name in ("real", "imaginary")}
        sound = _SoundGraph(network)
        with torch.inference_mode():
            heard = sound(*spectrum.values())
        names = ("semantic", "location", "covariance")[: len(heard)]
        specs["sound"] = Spec(sound, spectrum, names)
        flowing |= dict(zip(names, heard, strict=True))
    located = ("saliency", "location_map") if config.fuses and config.location_branch else ("saliency",)
    plain = {name: value.clone() for name, value in flowing.items()}  # tensors of inference mode cannot be traced
    specs["map"] = Spec(_MapGraph(network, tuple(plain)), plain, located)
    return specs


def _spectrum_shape(config: ModelConfig) -> tuple[int, int, int, int]:
    return (1, config.sound_channels, config.fft_size // 2, config.sound_samples // config.hop)


def write_graph(spec: Spec, path: Path, *, metadata: dict[str, str]) -> None:
    """Trace a graph and write it as ONNX."""
    with _quiet():
        program = torch.onnx.export(
            spec.module.eval(),
            tuple(spec.inputs.values()),
            dynamo=True,
            input_names=list(spec.inputs),
            output_names=list(spec.outputs),
            verbose=False,
            # The exporter's optimiser takes a floor of 1e-10 for zero and removes it: silence would give no numbers.
            optimize=False,
        )
    if program is None:
        raise AssertionError("torch.onnx.export with dynamo gives a program")
    program.model.metadata_props.update(metadata)
    raw = path.with_suffix(".raw")
    program.save(raw)
    _fold_constants(raw, path)
    raw.unlink()


def _fold_constants(raw: Path, path: Path) -> None:
    """What ONNX Runtime would else do at every start, as far as it does not depend on the machine."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of packages that are not used, and of its own inner deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
