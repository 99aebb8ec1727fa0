"""A lossless grey video (FFV1 in Matroska) whose pixel values are the object ids, and a JSON of frames and objects.

::

    <clip>.mkv     one picture a labelled frame, in order
    <clip>.json    which frames they are, and what the ids mean
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from panosod_core.annotation.formats.files import FolderWriter, json_bytes, read_json
from panosod_core.annotation.formats.run_lengths import object_from_json, object_json
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame, safe_name
from panosod_core.annotation.masks import MAX_OBJECT
from panosod_core.errors import AnnotationError

_RATE = 25


def write(clip: LabelledClip, out: FolderWriter) -> None:
    """Write a clip's video and its JSON.

    Raises:
        AnnotationError: the disk refuses it.
    """
    name = f"{clip.name}.mkv"
    try:
        # bitexact: no date, no random identity, so that the same masks give the same bytes.
        with av.open(str(out.path_of(name)), "w", format="matroska", options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream("ffv1", rate=_RATE, options={"flags": "+bitexact", "threads": "1"})
            stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "gray"
            for place, frame in enumerate(clip.load()):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.labels), format="gray")
                picture.pts, picture.time_base = place, Fraction(1, _RATE)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    except (av.FFmpegError, OSError) as error:
        raise AnnotationError(f"{out.target / name} cannot be written: {error}") from error
    out.wrote(name)
    value = {
        "video": name,
        "width": clip.width,
        "height": clip.height,
        "frame_indices": list(clip.indices),
        "objects": [object_json(o) for o in clip.objects],
    }
    out.write(f"{clip.name}.json", json_bytes(value))


def read(path: Path) -> LabelledClip:
    """A clip from such a JSON and the video that it names.

    Raises:
        AnnotationError: it is damaged; while loading, where the video is.
    """
    value = read_json(path)
    try:
        indices = tuple(int(i) for i in value["frame_indices"])
        video, width, height = path.parent / str(value["video"]), int(value["width"]), int(value["height"])
        objects = tuple(object_from_json(o, where=str(path)) for o in value["objects"])
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(f"{path}: expected the JSON of a mask video, {error!r} is missing or wrong") from error

    def load() -> Iterator[LabelledFrame]:
        try:
            with av.open(str(video)) as container:
                for index, frame in zip(indices, container.decode(video=0), strict=True):
                    if frame.format.name != "gray":
                        raise AnnotationError(f"{video}: expected a grey video, got {frame.format.name}")
                    labels = np.asarray(frame.to_ndarray(), np.uint8)
                    if labels.max() > MAX_OBJECT:
                        raise AnnotationError(
                            f"{video}, frame {index}: 255 is no object, ids go from 1 to {MAX_OBJECT}"
                        )
                    yield LabelledFrame(index, labels)
        except (av.FFmpegError, OSError) as error:
            raise AnnotationError(f"{video} cannot be read: {error}") from error
        except ValueError as error:
            raise AnnotationError(f"{video}: its number of pictures is not that of {path.name}") from error

    return LabelledClip(safe_name(path.stem), width, height, objects, indices, load)
