"""Packets in, pictures out in presentation order: the part of video reading that knows FFmpeg's decoder.

Two threading modes. SLICE gives the fewest frames of delay, so it is used while paused and for seeking; AUTO (frame
threads) gives the most pictures a second, so it is used while playing. A decoder cannot change its mode once open,
therefore there are two, and playback is handed over at a key frame: both decode from there on until the old one has
shown everything that precedes the key frame, leading pictures of an open group included.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from panosod_core.errors import MediaError
from panosod_core.media.container import PacketSource, open_container, reason
from panosod_core.media.frame_table import HEAD_PACKETS

RESTART_NEAR = 12
"""Frames after a restart within which a change of threading decodes them again rather than waiting for a key frame."""


class PictureDecoder:
    """Decodes one video stream forwards from wherever it was restarted. Not thread-safe."""

    def __init__(self, path: Path, stream_index: int) -> None:
        """Open the file.

        Args:
            path: the media file.
            stream_index: of the video stream.

        Raises:
            MediaError: the file cannot be opened or has no such video stream.
        """
        self._path = path
        self._stream_index = stream_index
        self._step = Fraction(1)
        self._trust_pts = True
        self._playing = False
        self._wants_playing = False
        self._spare: InputContainer | None = None
        self._spare_context: VideoCodecContext | None = None
        self.last_error = ""
        self._open()

    def _open(self) -> None:
        self._container = open_container(self._path, stream_index=self._stream_index)
        self._stream = _video_stream(self._container, self._path, self._stream_index)
        self._context = self._stream.codec_context
        self._context.thread_type = "SLICE"
        self._reset()

    def _reset(self) -> None:
        self._packets = PacketSource(self._container, self._stream)
        self._is_fresh = True
        self._ready: deque[av.VideoFrame] = deque()
        self._incoming: list[av.VideoFrame] = []
        self._handover_pts: int | None = None
        self._ended = False
        self._clock: Fraction | None = None
        self._untimed: list[av.VideoFrame] = []
        self._floor_pts: int | None = None
        self._needs_floor = False
        self.frames_out = 0

    def set_nominal(self, step: Fraction, *, trust_pts: bool) -> None:
        """Say how to fill in missing times.

        Args:
            step: ticks between frames where the file does not say.
            trust_pts: False where the file's presentation times are wrong and frames are counted instead.
        """
        self._step, self._trust_pts = step, trust_pts

    @property
    def container(self) -> InputContainer:
        """The open file."""
        return self._container

    @property
    def stream(self) -> VideoStream:
        """The video stream in it."""
        return self._stream

    @property
    def wants_handover(self) -> bool:
        """True while the threading mode asked for is not yet in use."""
        return self._playing != self._wants_playing

    def close(self) -> None:
        """Let the file and both decoders go, their threads included. Nothing else may be called after it."""
        if self._spare is not None:
            self._spare.close()
        self._spare, self._spare_context = None, None
        if hasattr(self, "_container"):
            self._container.close()
            # FFmpeg ends a decoder's threads when the last reference to it goes.
            self._ready.clear()
            self._incoming.clear()
            self._untimed.clear()
            del self._packets, self._context, self._stream, self._container

    def set_threading(self, playing: bool) -> None:
        """Ask for frame threads (playing) or slice threads; in use from the next restart or key frame on."""
        self._wants_playing = playing
        if self._is_fresh:
            self._playing = playing

    def restart(self, timestamp: int | None) -> None:
        """Go on at the last point before ``timestamp`` (ticks) where decoding can start; None: the very first packet.

        The first frame after it may still lie behind the wanted one (open groups, containers without an index): the
        caller looks and tries further back. Pictures shown before the key frame that the seek lands on are left out,
        because what they refer to was never decoded.
        """
        if timestamp is None:
            self._container.close()
            self._open()
        else:
            try:
                self._container.seek(timestamp, stream=self._stream, backward=True)
            except av.FFmpegError:
                # Some demuxers refuse a time before their first packet: the beginning is what was meant.
                self._container.close()
                self._open()
        self._reset()
        self._needs_floor = timestamp is not None
        self._playing = self._wants_playing
        self._active.flush_buffers()

    def next(self) -> av.VideoFrame | None:
        """The next picture in presentation order with a pts; None at the end (or where the file breaks off)."""
        while True:
            while not self._ready:
                if self._ended:
                    return None
                self._feed()
            frame = self._ready.popleft()
            if self._floor_pts is None or frame.pts is None or frame.pts >= self._floor_pts:
                self.frames_out += 1
                return frame

    def unread(self, frame: av.VideoFrame) -> None:
        """Put back the picture that :meth:`next` gave last."""
        self._ready.appendleft(frame)
        self.frames_out -= 1

    def first_only(self, timestamp: int | None) -> av.VideoFrame | None:
        """The first key frame after a restart there, fast: one packet in, one picture out. Restart after it."""
        self._wants_playing, wanted = False, self._wants_playing
        self.restart(timestamp)
        self._wants_playing = wanted
        frames: list[av.VideoFrame] = []
        while not frames and not self._ended:
            packet = self._next_packet()
            if packet is None:
                break
            frames = self._decode(self._context, packet)
            if not frames and packet.is_keyframe:
                frames = self._decode(self._context, None)
                self._context.flush_buffers()
        self._ended = True
        return self._timed(frames[:1], at_end=True)[0] if frames else None

    @property
    def _active(self) -> VideoCodecContext:
        return self._frame_threaded() if self._playing else self._context

    def _frame_threaded(self) -> VideoCodecContext:
        """The second decoder, made when playback first asks for it; it takes the first container's packets."""
        if self._spare_context is None:
            self._spare = open_container(self._path, stream_index=self._stream_index)
            self._spare_context = _video_stream(self._spare, self._path, self._stream_index).codec_context
            self._spare_context.thread_type = "AUTO"
        return self._spare_context

    def _next_packet(self) -> av.Packet[VideoStream] | None:
        packet = self._packets.next()
        self._is_fresh = False
        self.last_error = self._packets.error or self.last_error
        return packet

    def _decode(self, context: VideoCodecContext, packet: av.Packet[VideoStream] | None) -> list[av.VideoFrame]:
        try:
            return list(context.decode(packet))
        except (av.FFmpegError, ValueError) as error:
            # One damaged picture must not end the clip: the decoder finds its way back at the next one it can read.
            self.last_error = reason(error)
            return []

    def _feed(self) -> None:
        packet = self._next_packet()
        if packet is None:
            self._ready.extend(self._timed(self._decode(self._active, None), at_end=True))
            self._ended = True
            return
        if self._needs_floor and packet.is_keyframe:
            self._floor_pts, self._needs_floor = packet.pts, False
        if self._handover_pts is None and self.wants_handover and packet.is_keyframe and packet.pts is not None:
            self._begin_handover(packet.pts)
        frames = self._timed(self._decode(self._active, packet))
        if self._handover_pts is None:
            self._ready.extend(frames)
            return
        other = self._context if self._playing else self._frame_threaded()
        self._incoming += [f for f in self._decode(other, packet) if f.pts is not None and f.pts >= self._handover_pts]
        for frame in frames:
            if frame.pts is not None and frame.pts >= self._handover_pts:
                self._finish_handover()
                return
            self._ready.append(frame)

    def _begin_handover(self, pts: int) -> None:
        other = self._context if self._playing else self._frame_threaded()
        other.flush_buffers()
        self._incoming = []
        self._handover_pts = pts

    def _finish_handover(self) -> None:
        self._ready.extend(self._incoming)
        self._incoming = []
        self._handover_pts = None
        self._playing = not self._playing

    def _timed(self, frames: list[av.VideoFrame], *, at_end: bool = False) -> list[av.VideoFrame]:
        """Frames with a pts each: a missing one continues the frames before it.

        The first frames of a file wait for the first that has one, and are counted back from it.
        """
        self._untimed += frames
        known = next((i for i, f in enumerate(self._untimed) if f.pts is not None and self._trust_pts), None)
        start = self._stream.start_time
        if self._clock is None and self._untimed:
            if known is not None:
                self._clock = Fraction(self._untimed[known].pts or 0) - (known + 1) * self._step
            elif start is None or not self._trust_pts or at_end or len(self._untimed) > HEAD_PACKETS:
                self._clock = (start or 0) - self._step
        if self._clock is None:
            return []
        for frame in self._untimed:
            if frame.pts is None or not self._trust_pts:
                self._clock += self._step
                frame.pts = round(self._clock)
            else:
                self._clock = Fraction(frame.pts)
        timed, self._untimed = self._untimed, []
        return timed


def _video_stream(container: InputContainer, path: Path, stream_index: int) -> VideoStream:
    stream = container.streams[stream_index]
    if not isinstance(stream, VideoStream):
        raise MediaError(f"{path}: stream {stream_index} was expected to be video, it is {stream.type}")
    return stream
