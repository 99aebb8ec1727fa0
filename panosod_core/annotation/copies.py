"""Another copy of a clip, looked into: when its frames are, and in words what adopting it would do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from panosod_core.annotation.adopting import Adoption, CopyTimes
from panosod_core.annotation.records import FrameKey
from panosod_core.errors import AnnotationError
from panosod_core.media.probe import probe
from panosod_core.media.video import SeekInterrupted, VideoReader

_LISTED = 10


def copy_times(media: Path, *, should_stop: Callable[[], bool] = lambda: False) -> CopyTimes:
    """When the frames of a file are; reads its packets through.

    Args:
        media: the file.
        should_stop: True abandons it.

    Raises:
        MediaError: it cannot be read.
        AnnotationError: it has no pictures, or it was abandoned.
    """
    video = probe(media).video
    if video is None:
        raise AnnotationError(f"{media}: expected a clip with pictures")
    with VideoReader(media, video) as reader:
        try:
            pts = reader.frame_pts(should_stop=should_stop)
        except SeekInterrupted as error:
            raise AnnotationError(f"{media} was not read through: abandoned, nothing has changed") from error
    return CopyTimes(video.stream_index, video.time_base, pts)


def adoption_words(adoption: Adoption) -> list[str]:
    """What adopting would do, for a person: one sentence each."""
    total = len(adoption.frames) + len(adoption.missing)
    if not total:
        return ["No frame of the clip is annotated yet."]
    words = [f"{len(adoption.frames)} of {total} annotated frames are in it at the same time."]
    if adoption.moved:
        old, new = next((o, n) for o, n in adoption.frames if o.index != n.index)
        words.append(
            f"{adoption.moved} of them have another number there (the first: {old.index} is {new.index}); "
            "their masks go along."
        )
    if adoption.missing:
        words.append(
            f"{len(adoption.missing)} are not in it ({numbers(adoption.missing)}): their masks will not be seen."
        )
    words.append("Only times are compared: the masks fit if it is the same recording.")
    return words


def numbers(keys: tuple[FrameKey, ...]) -> str:
    """The first numbers of frames, for a person."""
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return "frames " + ", ".join(str(key.index) for key in keys[:_LISTED]) + more
