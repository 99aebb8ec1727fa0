"""The network run by ONNX Runtime on a CPU, from exported graphs. No torch is imported here."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as states

from panosod_core.errors import CheckpointError, PredictionError
from panosod_core.inference.engine_protocol import CentreMap, EncodedFrame
from panosod_core.inference.engine_spectrum import WindowSpectrum
from panosod_core.inference.onnx_store import Export
from panosod_core.inference.shortage import is_shortage
from panosod_core.model.config import ModelConfig

_REFUSALS = (
    states.EPFail,
    states.Fail,
    states.InvalidArgument,
    states.InvalidGraph,
    states.InvalidProtobuf,
    states.NoSuchFile,
    states.NotImplemented,
    states.RuntimeException,
)
_ERRORS_ONLY = 3
_Values = Mapping[str, Any]


class OnnxEngine:
    """Exported graphs at work. Between them values stay where ONNX Runtime made them."""

    def __init__(self, export: Export, *, precision: str = "float32", threads: int | None = None) -> None:
        """Load the graphs.

        Args:
            export: the graphs.
            precision: "float32" or "int8".
            threads: None: as many as the machine has cores.

        Raises:
            CheckpointError: ONNX Runtime cannot load them.
            MemoryError: there is no room for them.
        """
        self.export = export
        self._precision = precision
        self._threads = threads if threads is not None else os.cpu_count() or 1
        self._spectrum = WindowSpectrum(export.config)
        self._frame, self._sound, self._map = (
            self._load(export.graph(name, precision)) if name in export.graphs() else None
            for name in ("frame", "sound", "map")
        )

    def _load(self, path: Path) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Threads that wait by spinning would take the time that playback needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except _REFUSALS as error:
            if is_shortage(error):
                raise MemoryError(f"{path}: {_first_line(error)}") from error
            raise CheckpointError(
                f"{path}: ONNX Runtime {onnxruntime.__version__} cannot load this graph ({_first_line(error)}); "
                "run `panosod export-onnx MODEL` again"
            ) from error

    @property
    def config(self) -> ModelConfig:
        """Of the network."""
        return self.export.config

    @property
    def model_id(self) -> str:
        """Hash of the weights' file."""
        return self.export.model_id

    @property
    def description(self) -> str:
        """Runtime, device, precision."""
        return f"ONNX Runtime, cpu, {self._precision}"

    @property
    def guided(self) -> bool:
        """Never: the teacher is not exported."""
        return False

    def encode_frame(self, picture: NDArray[np.uint8]) -> EncodedFrame:
        """As :class:`~panosod_core.inference.engine_protocol.Engine` says."""
        made = _run(self._frame, {"picture": _value(picture)})
        summary = made.pop("summary", None)
        return EncodedFrame(made, None if summary is None else summary.numpy(), None)

    def encode_sound(self, window: NDArray[np.float32]) -> object:
        """As the protocol says."""
        real, imaginary = self._spectrum(window)
        given = {"real": _value(real), "imaginary": _value(imaginary)}
        return _run(self._sound, given)

    def centre_map(self, own: object, summaries: Sequence[object], heard: object | None) -> CentreMap:
        """As the protocol says."""
        made = _run(self._map, self.map_inputs(own, summaries, heard))
        location = made.get("location_map")
        return CentreMap(made["saliency"].numpy(), None if location is None else location.numpy())

    def map_inputs(self, own: object, summaries: Sequence[object], heard: object | None) -> dict[str, Any]:
        """What the map's graph is given for these, by its inputs' names."""
        given = dict(cast(_Values, own))
        if heard is not None:
            given |= cast(_Values, heard)
        if summaries:
            context = np.mean(cast(Sequence[NDArray[np.float32]], summaries), axis=0, dtype=np.float32)
            given["context"] = _value(context)
        return _wanted(self._map, given)

    def guided_map(
        self, own: object, features: Sequence[object], heard: object, masks: Sequence[NDArray[np.float32] | None]
    ) -> CentreMap:
        """Refused: the teacher is not exported."""
        raise ValueError("this engine has no teacher")


def _value(array: Any) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def _run(session: Any, given: _Values) -> dict[str, Any]:
    """Outputs by name; of what is given, the graph takes what it has inputs for."""
    names = [put.name for put in session.get_outputs()]
    try:
        made = session.run_with_ort_values(names, _wanted(session, given))
    except _REFUSALS as error:
        raise PredictionError(f"ONNX Runtime stopped: {_first_line(error)}") from error
    return dict(zip(names, made, strict=True))


def _wanted(session: Any, given: _Values) -> dict[str, Any]:
    return {put.name: given[put.name] for put in session.get_inputs()}


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]
