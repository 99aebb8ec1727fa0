"""Graphs in 8 bits: static quantisation of the heavy convolutions, and what it costs on scenes that nobody has seen.

What is quantised is chosen by work: convolutions that do at least one part in two hundred of their graph's. The rest
stays as it is, for it wins nothing and loses most: attention and layer norms (matrix products were slower in 8 bits),
the sound's encoder (levels over 80 dB, and a recurrence that sums up rounding), and whatever has fewer than eight
channels out, which is the gate and the last layer: its logits in 255 steps would show as bands in the map.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from panosod_core.errors import PredictionError
from panosod_core.inference.engine_onnx import OnnxEngine
from panosod_core.inference.judging import ModelEvaluation, judge_scenes
from panosod_core.inference.onnx_store import Export, Int8Record
from panosod_core.synth.scene_config import SceneConfig

QUANTISED = ("frame", "map")
LEAST_SHARE = 1 / 200
LEAST_CHANNELS = 8
JUDGED_SEED = 3 << 41
"""Scenes that the two precisions are compared on: neither of training, nor of calibration, nor of any test."""
_Feed = dict[str, NDArray[Any]]


def quantise(export: Export, windows: Sequence[tuple[NDArray[np.uint8], NDArray[np.float32]]]) -> None:
    """Write the quantised graphs beside the others.

    Args:
        export: with its float32 graphs.
        windows: to calibrate with: pictures (T, H, W, 3), and sound (C, n) at the model's rate.
    """
    feeds = _feeds(export, windows)
    for name in QUANTISED:
        source = export.graph(name, "float32")
        with _quiet():
            quantize_static(
                source,
                export.folder / f"{name}.int8.onnx",
                _Reader(feeds[name]),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=_left_alone(source),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )


def compare(export: Export, *, count: int, scene: SceneConfig | None = None) -> Int8Record:
    """What the quantised graphs cost.

    Args:
        export: with both kinds of graphs.
        count: scenes.
        scene: what they hold; None: the default.

    Raises:
        PredictionError: the scenes hold nothing to judge.
    """
    found = []
    for precision in ("float32", "int8"):
        engine = OnnxEngine(export, precision=precision, threads=1)
        found.append(_numbers(judge_scenes(engine, count=count, first_seed=JUDGED_SEED, scene=scene)))
    (f_float, twin_float), (f_int8, twin_int8) = found
    return Int8Record(f_float=f_float, f_int8=f_int8, twin_float=twin_float, twin_int8=twin_int8, scenes=count)


def _numbers(evaluation: ModelEvaluation) -> tuple[float, float]:
    means, sounding = evaluation.maps.flat.everything.frame_mean, evaluation.sounding
    if means is None or sounding is None or sounding.twin_accuracy is None:
        raise PredictionError("the scenes that int8 is judged on hold nothing to judge: take more of them")
    return means.f, sounding.twin_accuracy


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # the library has no types
    def __init__(self, feeds: list[_Feed]) -> None:
        self._rest = iter(feeds)

    def get_next(self) -> _Feed | None:
        return next(self._rest, None)


def _feeds(export: Export, windows: Sequence[tuple[NDArray[np.uint8], NDArray[np.float32]]]) -> dict[str, list[_Feed]]:
    """What the graphs are given on these windows."""
    engine = OnnxEngine(export, threads=1)
    feeds: dict[str, list[_Feed]] = {name: [] for name in QUANTISED}
    for pictures, sound in windows:
        feeds["frame"] += [{"picture": picture} for picture in pictures]
        seen = [engine.encode_frame(picture) for picture in pictures]
        heard = engine.encode_sound(sound) if export.config.fuses else None
        summaries = [frame.summary for frame in seen if frame.summary is not None]
        given = engine.map_inputs(seen[export.config.window_centre].own, summaries, heard)
        feeds["map"].append({name: value.numpy() for name, value in given.items()})
    return feeds


def _left_alone(path: Path) -> list[str]:
    """Names of the convolutions that stay as they are."""
    model = onnx.shape_inference.infer_shapes(onnx.load(str(path)))
    weights = {put.name: tuple(put.dims) for put in model.graph.initializer}
    sizes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
    }
    work: dict[str, tuple[int, float]] = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            weight, out = weights.get(node.input[1]), sizes.get(node.output[0], [])
            channels = 0 if weight is None else weight[0]
            work[node.name] = (channels, float(np.prod(weight or (0,))) * float(np.prod(out[2:])) if out else 0.0)
    total = sum(macs for _, macs in work.values())
    return [name for name, (channels, macs) in work.items() if channels < LEAST_CHANNELS or macs < LEAST_SHARE * total]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's advice to optimise graphs first: they are."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
