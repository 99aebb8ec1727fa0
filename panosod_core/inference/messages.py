"""What goes between a window and its predictor process: one JSON object a line, each a frozen message. No pickle.

Requests go to the process's standard input, events come from its standard output. Within one clip every event carries
the generation of the request that opened it, so that whoever listens can drop what speaks of a clip already closed.
"""

import json
import types
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

MAX_LINE_BYTES = 1 << 20


# --- requests: window to process ---


@dataclass(frozen=True)
class Setup:
    """The first request: which model, and how. Another model is another process.

    Attributes:
        model: path of the model file, "" for the one that is shipped.
        device: "auto", "cpu", "cuda", "mps".
        stride: a map of every n-th frame; 0 follows from the speed of the machine.
        cache: folder of the prediction cache, "" for the platform's.
        threads: of the processor for the network, 0 for the engine's own choice.
        exports: write the graph for the quick engine in the background where there is none yet.
    """

    model: str = ""
    device: str = "auto"
    stride: int = 0
    cache: str = ""
    threads: int = 0
    exports: bool = True


@dataclass(frozen=True)
class OpenClip:
    """Predict this clip from now on; what was open is left.

    Attributes:
        generation: number of this clip, rising.
        path: of the clip.
        picture: id of the choice of projection (`panosod_core.media.choice`), "auto" as found.
        eye: "left" or "right" of a stereo picture.
        sound: id of the choice of sound, "auto" as found.
    """

    generation: int
    path: str
    picture: str = "auto"
    eye: str = "left"
    sound: str = "auto"


@dataclass(frozen=True)
class MoveTo:
    """Where the clip stands. Told now and then while it plays, and at once when it jumps, stops or starts.

    Attributes:
        generation: of the clip.
        index: of the frame in sight.
        is_playing: whether it runs.
        speed: clip seconds a second.
        late: pictures that were dropped since the last such message.
    """

    generation: int
    index: int
    is_playing: bool = False
    speed: float = 1.0
    late: int = 0


@dataclass(frozen=True)
class SetStride:
    """A map of every n-th frame; 0 follows from the speed of the machine."""

    stride: int


@dataclass(frozen=True)
class Remake:
    """The cache has no map of a frame although it was told to have: it was damaged, or the file has gone.

    Attributes:
        generation: of the clip.
        index: of the frame.
    """

    generation: int
    index: int


@dataclass(frozen=True)
class CloseClip:
    """Predict nothing until another clip is opened."""

    generation: int


# --- events: process to window ---


@dataclass(frozen=True)
class Loading:
    """The model is being loaded.

    Attributes:
        model: its file, "" where it is not yet known which.
        pid: of the process.
    """

    model: str
    pid: int


@dataclass(frozen=True)
class Loaded:
    """The model is ready.

    Attributes:
        model: its file.
        model_id: hash of its weights.
        engine: runtime, device and precision, for people.
        height_px, width_px: of its maps.
        took_s: from the start of the process.
    """

    model: str
    model_id: str
    engine: str
    height_px: int
    width_px: int
    took_s: float


@dataclass(frozen=True)
class ClipReady:
    """A clip is open; its maps will lie in the cache under this key.

    Attributes:
        generation: of the clip.
        content_id, model_id, settings: the key.
        frame_count: exact.
        frame_rate_hz: mean.
        known: maps of the model that the cache had already.
    """

    generation: int
    content_id: str
    model_id: str
    settings: str
    frame_count: int
    frame_rate_hz: float
    known: int


@dataclass(frozen=True)
class MapMade:
    """A map lies in the cache.

    Attributes:
        generation: of the clip.
        index: of the frame.
        is_carried: carried along by the picture's motion from a map of the model.
    """

    generation: int
    index: int
    is_carried: bool


@dataclass(frozen=True)
class Progress:
    """How the work goes, told about once a second and when it is done.

    Attributes:
        generation: of the clip.
        maps_per_s: maps of the model a second, lately; 0 while it rests.
        made: maps of the model by this process for this clip.
        carried: maps carried along.
        stride: in force.
        duty: share of the time that the work may take, 0..1.
        cpu_ms: processor time a map, all threads, mean of this clip.
        abandon_ms: longest time from a jump until the work for the old place had stopped.
        is_idle: nothing is left to do, or nothing can be done.
    """

    generation: int
    maps_per_s: float
    made: int
    carried: int
    stride: int
    duty: float
    cpu_ms: float
    abandon_ms: float
    is_idle: bool


@dataclass(frozen=True)
class ClipRefused:
    """This clip cannot be predicted, or no further; the process stays for another.

    Attributes:
        generation: of the clip.
        text: one line.
    """

    generation: int
    text: str


@dataclass(frozen=True)
class Broken:
    """The model cannot be used; the process ends.

    Attributes:
        reason: "load" (no such file, damaged, does not match), "memory", "missing" (what runs models is not
            installed), "cache" (its maps cannot be kept: no room, no such folder), "work" (it failed at work).
        text: one line.
    """

    reason: str
    text: str


@dataclass(frozen=True)
class Exported:
    """The graph for the quick engine was written in the background; the next start uses it.

    Attributes:
        path: of the graph, "" where it could not be written.
        text: why not, one line, "" where it was.
    """

    path: str
    text: str = ""


Request: TypeAlias = Setup | OpenClip | MoveTo | SetStride | Remake | CloseClip
Event: TypeAlias = Loading | Loaded | ClipReady | MapMade | Progress | ClipRefused | Broken | Exported

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (*get_args(Request), *get_args(Event))}


def encode(message: Request | Event) -> bytes:
    """One line, with its end."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> Any:
    """The inverse of :func:`encode`.

    Raises:
        ValueError: the line is none of our messages, or a field is missing, unknown or of another type.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"a line of {len(line)} bytes cannot be one of ours")
    values = json.loads(line)
    if not isinstance(values, dict) or values.get("kind") not in _KINDS:
        raise ValueError(f"expected one of our messages, got {line[:80]!r}")
    kind = _KINDS[values.pop("kind")]
    hints = get_type_hints(kind)
    if values.keys() - hints.keys():
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(values.keys() - hints.keys()))}")
    for each in fields(kind):
        if each.name in values:
            values[each.name] = _checked(f"{kind.__name__}.{each.name}", values[each.name], hints[each.name])
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(str(error)) from error


def _checked(name: str, value: Any, wanted: Any) -> Any:
    allowed = get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)
    if float in allowed and type(value) is int:
        return float(value)
    if type(value) not in allowed:
        raise ValueError(f"{name}: expected {wanted}, got {value!r}")
    return value
