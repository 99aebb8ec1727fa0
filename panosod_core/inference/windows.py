"""Maps of single frames in any order: what was worked through for one window is kept for the windows beside it.

A :class:`~panosod_core.inference.session.Session` goes through a clip from its beginning; here the next frame may lie
anywhere. Where frames are asked for upwards on a grid, each still goes through the backbone once.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from panosod_core.inference.engine import CentreMap, EncodedFrame, Engine

SUMMARIES = 256
"""Frames whose summaries are kept: some 16 KiB each."""

SPARE = 2
"""Frames whose fine features are kept beyond those that a grid of every frame needs."""


class Abandoned(Exception):  # noqa: N818 - not an error: something else has become more urgent
    """Work was given up because its ``should_stop`` said so."""


class Pictures(Protocol):
    """Where the pictures come from."""

    def picture(self, index: int, *, should_stop: Callable[[], bool]) -> NDArray[np.uint8]:
        """The full sphere of a frame in the model's size, (H, W, 3) RGB; Abandoned where ``should_stop`` says so."""
        ...


class Sounds(Protocol):
    """Where the sound comes from."""

    def window(self, index: int, *, should_stop: Callable[[], bool]) -> NDArray[np.float32]:
        """(channels, samples) ACN/SN3D at the model's rate, centred on a frame; silence beyond the ends."""
        ...


class WindowMaker:
    """Maps of one clip's frames by one engine. Not thread-safe.

    Attributes:
        window_step: frames between two frames of a window.
        backbone_passes: frames that went through the backbone so far.
    """

    def __init__(
        self, engine: Engine, pictures: Pictures, sounds: Sounds, *, frame_count: int, frame_rate_hz: float
    ) -> None:
        """Take an engine to a clip.

        Args:
            engine: the network at work.
            pictures: of the clip.
            sounds: of the clip; not asked by a network without sound.
            frame_count: of the clip; beyond its ends the first and the last frame stand in.
            frame_rate_hz: of the clip; sets the step between the frames of a window.
        """
        self._engine = engine
        self._pictures = pictures
        self._sounds = sounds
        self._count = frame_count
        config = engine.config
        self.window_step = max(1, round(config.frame_spacing_s * frame_rate_hz))
        self._reach = [(k - config.window_centre) * self.window_step for k in range(config.window)]
        self._kept = max(self._reach) + SPARE
        self._encoded: OrderedDict[int, EncodedFrame] = OrderedDict()
        """With fine features: the frames whose own maps may come soon."""
        self._summaries: OrderedDict[int, object | None] = OrderedDict()
        self.backbone_passes = 0

    def make(self, index: int, *, should_stop: Callable[[], bool]) -> CentreMap:
        """The map of a frame.

        Args:
            index: of the frame.
            should_stop: asked before every step of the work; no step takes longer than one frame through the backbone.

        Raises:
            Abandoned: ``should_stop`` said so. What was worked through is kept.
            MediaError: the clip cannot be read there.
            PredictionError: the network failed, as where memory runs out.
        """
        members = [min(max(index + r, 0), self._count - 1) for r in self._reach]
        summaries = []
        for member in members:
            summary = self._summary(member, should_stop)
            if summary is not None:
                summaries.append(summary)
        own = self._own(index, should_stop)
        heard = None
        if self._engine.config.fuses:
            window = self._sounds.window(index, should_stop=should_stop)
            _check(should_stop)
            heard = self._engine.encode_sound(window)
        _check(should_stop)
        made = self._engine.centre_map(own, summaries, heard)
        del self._encoded[index]  # done: its fine features weigh megabytes
        return made

    def make_guided(
        self, index: int, masks: Mapping[int, NDArray[np.float32]], *, should_stop: Callable[[], bool]
    ) -> CentreMap:
        """The map of a frame by the label-guided branch.

        Args:
            index: of the frame.
            masks: (H, W) in 0..1 in the model's size, of frames whose masks are known.
            should_stop: as for :meth:`make`.

        Raises:
            Abandoned, MediaError, PredictionError: as :meth:`make`.
            ValueError: the engine has no teacher, or hears nothing.
        """
        members = [min(max(index + r, 0), self._count - 1) for r in self._reach]
        seen = [self._encoded.get(member) or self._encode(member, should_stop) for member in members]
        own = self._own(index, should_stop)
        heard = self._engine.encode_sound(self._sounds.window(index, should_stop=should_stop))
        _check(should_stop)
        if heard is None:
            raise ValueError("the label-guided branch is part of a network that hears")
        return self._engine.guided_map(own, [s.features for s in seen], heard, [masks.get(m) for m in members])

    def _summary(self, index: int, should_stop: Callable[[], bool]) -> object | None:
        if index in self._summaries:
            self._summaries.move_to_end(index)
            return self._summaries[index]
        return self._encode(index, should_stop).summary

    def _own(self, index: int, should_stop: Callable[[], bool]) -> object:
        known = self._encoded.get(index)
        return (known or self._encode(index, should_stop)).own

    def _encode(self, index: int, should_stop: Callable[[], bool]) -> EncodedFrame:
        picture = self._pictures.picture(index, should_stop=should_stop)
        _check(should_stop)
        encoded = self._engine.encode_frame(picture)
        self.backbone_passes += 1
        self._encoded[index] = encoded
        self._summaries[index] = encoded.summary
        while len(self._encoded) > self._kept:
            self._encoded.popitem(last=False)
        while len(self._summaries) > SUMMARIES:
            self._summaries.popitem(last=False)
        return encoded


def _check(should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise Abandoned
