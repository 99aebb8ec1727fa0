"""The sound of a clip for a head that turns: pure numpy, block by block, no device, no thread, no clock of its own.

The audio process calls it from the device's callback, the recorder from a loop; the same calls give the same samples.
Commands may come from another thread: each is one assignment that the next block takes up.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.ambisonics.format import channel_count
from panosod_core.media.info import AudioInfo, SoundFormat
from panosod_viewer.audio.ears import Ears, FieldRotator
from panosod_viewer.audio.limiter import Limiter, Meter
from panosod_viewer.audio.ring import RATE_HZ, Location, Run, SampleRing
from panosod_viewer.audio.voices import Burst, HoldLoop, pink_burst

FloatArray32 = NDArray[np.float32]

BLOCK = 256
FADE_S = 0.005
"""Play, pause, seek and every other interruption fades out and in over this time."""
MAX_BURSTS = 4


@dataclass(frozen=True)
class SoundLayout:
    """What the channels that a reader delivers are: a field in ACN/SN3D, then ears that stay with the head.

    Attributes:
        order: of the field, None where there is none.
        ears: 2 (left, right), 1 (both alike) or 0 channels that follow the field.
    """

    order: int | None
    ears: int

    @classmethod
    def of(cls, audio: AudioInfo) -> "SoundLayout":
        """The layout of the sound as the reader delivers it. Order 0 (W alone) is mono."""
        if audio.format.is_ambisonic and audio.order:
            return cls(audio.order, 2 if audio.head_locked else 0)
        return cls(None, 2 if audio.format is SoundFormat.STEREO else 1)

    @property
    def field(self) -> int:
        """Channels of the field."""
        return 0 if self.order is None else channel_count(self.order)

    @property
    def channels(self) -> int:
        """All channels."""
        return self.field + self.ears


class BlockReport(NamedTuple):
    """What a block that has just been rendered is.

    Attributes:
        location: clip time of the first sample of the clip's sound in it (of where the clip stands, while it stands).
        speed: clip seconds per second; 0 while it stands.
        generation: of the seek that led here.
        ended: the clip has been played to its end.
    """

    location: Location
    speed: float
    generation: int
    ended: bool


@dataclass(frozen=True)
class _Seek:
    ticket: int
    position_s: float
    generation: int


class AudioEngine:
    """A clip's sound, decoded for a head.

    Sound comes in through :meth:`offer` as a :class:`SampleRing` that answers a :meth:`begin_seek`; it goes out through
    :meth:`render_block` or :meth:`render`.
    """

    def __init__(self, layout: SoundLayout, filters: BinauralFilters, *, block: int = BLOCK) -> None:
        """Prepare to play.

        Args:
            layout: of the sound that will come.
            filters: of the layout's order at 48 kHz; for sound without a field, of any order: the direction check
                uses them.
            block: samples rendered at a time; a pose holds for a block.

        Raises:
            ValueError: the filters have another order or rate.
        """
        if filters.sample_rate_hz != RATE_HZ:
            raise ValueError(f"the filters must be at {RATE_HZ} Hz, got {filters.sample_rate_hz}")
        if layout.order is not None and filters.order != layout.order:
            raise ValueError(f"the sound has order {layout.order}, the filters {filters.order}")
        self.layout = layout
        self.block = block
        self.limiter = Limiter(block=block, rate_hz=RATE_HZ)
        self.meter = Meter(block, RATE_HZ)
        self.clipped = 0
        """Blocks that the limiter had to turn down."""
        self.report = BlockReport(Location(0.0, Run(index=0, position_s=0.0, speed=0.0)), 0.0, 0, False)
        """Of the last block."""
        self.starved = 0
        """Times at which the ring ran dry before the end of the clip."""
        self._order = filters.order
        self._width, self._locked = layout.field, layout.ears
        self._ears = Ears(filters, block=block)
        self._rotator = FieldRotator(filters.order, block=block)
        self._hold = HoldLoop(rate_hz=RATE_HZ)
        self._burst_signal = pink_burst(RATE_HZ)
        self._new_bursts: deque[Burst] = deque(maxlen=MAX_BURSTS)
        self._bursts: list[Burst] = []
        self._fade = min(block, round(FADE_S * RATE_HZ))
        self._rise: FloatArray32 = np.ones(block, np.float32)
        self._rise[: self._fade] = np.arange(1, self._fade + 1, dtype=np.float32) / self._fade
        self._ramp: FloatArray32 = np.linspace(1 / block, 1, block, dtype=np.float32)
        # Wishes, from any thread.
        self._playing = False
        self._holding = False
        self._volume = 1.0
        self._muted = False
        self._locked_gain = 1.0
        self._seek = _Seek(0, 0.0, 0)
        self._offers: deque[SampleRing] = deque(maxlen=1)
        # State, of the rendering thread alone.
        self._ring: SampleRing | None = None
        self._served = _Seek(-1, 0.0, 0)
        self._flowing = False
        self._looping = False
        self._started = False
        self._gains_before = [1.0, 1.0]  # volume and head-locked gain at the end of the last block
        self._sound: FloatArray32 | None = None  # the block being rendered: of the ring, or `_mix`, or silent
        self._mix: FloatArray32 = np.zeros((layout.channels, block), np.float32)
        self._silence: FloatArray32 = np.zeros((layout.ears, block), np.float32)
        self._turned: FloatArray32 = np.zeros((channel_count(filters.order), block), np.float32)
        self._out: FloatArray32 = np.zeros((2, block), np.float32)
        self._locked_line: FloatArray32 = np.zeros((layout.ears, 0), np.float32)
        self._left_over: FloatArray32 = np.zeros((2, 0), np.float32)

    # -- wishes

    def play(self) -> None:
        """Let the clip run from where it stands."""
        self._playing = True

    def pause(self) -> None:
        """Stop where it is; with :meth:`hold` the last 200 ms go on sounding."""
        self._playing = False

    def hold(self, on: bool) -> None:
        """Whether a pause keeps sounding."""
        self._holding = on

    def volume(self, gain: float, *, muted: bool = False) -> None:
        """Set the loudness, a factor >= 0; mute keeps it in mind."""
        self._volume, self._muted = max(0.0, gain), muted

    def head_locked_gain(self, gain: float) -> None:
        """Set the loudness of the two channels that stay with the head, a factor >= 0."""
        self._locked_gain = max(0.0, gain)

    def switch_decoder(self, filters: BinauralFilters) -> None:
        """Change the head or the method while it plays, at the same loudness.

        Raises:
            ValueError: the filters are of another order or rate.
        """
        if filters.sample_rate_hz != RATE_HZ:
            raise ValueError(f"the filters must be at {RATE_HZ} Hz, got {filters.sample_rate_hz}")
        self._ears.switch(filters)

    def burst(self, direction: NDArray[Any]) -> None:
        """Sound a short noise from a direction of the world (3,), heard also while paused.

        Raises:
            ValueError: the direction is none.
        """
        self._new_bursts.append(Burst(self._burst_signal, direction, self._order))

    def begin_seek(self, position_s: float, *, generation: int) -> int:
        """Leave the present place: fade out and wait for the ring that answers.

        Returns:
            The ticket that this ring must bear.
        """
        self._seek = _Seek(self._seek.ticket + 1, position_s, generation)
        return self._seek.ticket

    def offer(self, ring: SampleRing) -> None:
        """Hand over the sound of the last seek; a ring that answers an older one is ignored."""
        self._offers.append(ring)

    @property
    def quiet(self) -> bool:
        """True where neither the clip nor the held loop sounds."""
        return not (self._flowing or self._looping)

    @property
    def filters(self) -> BinauralFilters:
        """The filters in use."""
        return self._ears.filters

    @property
    def latency(self) -> int:
        """Samples by which the sound lags the clip: the onset of the filters and the limiter's look-ahead."""
        return self._ears.onset + self.limiter.latency

    @property
    def playing(self) -> bool:
        """Whether the clip is meant to run; turns False at its end."""
        return self._playing

    @property
    def waiting(self) -> bool:
        """True where a seek has not been answered yet."""
        return self._served.ticket != self._seek.ticket

    # -- rendering

    def render(self, n: int, R_world_head: NDArray[Any]) -> FloatArray32:  # noqa: N803 - named by its frames
        """Render any number of samples; whole blocks are rendered as needed and what is over is kept.

        Args:
            n: samples, >= 0.
            R_world_head: (3, 3), takes vectors of the head to vectors of the world.

        Returns:
            (2, n) float32: left ear, right ear.
        """
        pieces = [self._left_over]
        have = self._left_over.shape[1]
        while have < n:
            block = np.empty((2, self.block), np.float32)
            self.render_block(R_world_head, block)
            pieces.append(block)
            have += self.block
        joined = np.concatenate(pieces, axis=1)
        self._left_over = joined[:, n:]
        return joined[:, :n]

    def render_block(self, R_world_head: NDArray[Any], out: FloatArray32) -> BlockReport:  # noqa: N803 - named by its frames
        """Render the next block into ``out``, (2, block) float32. Called in the audio callback."""
        seek, playing = self._seek, self._playing
        if not self._started:
            # What was wished before the first block holds from its first sample: only changes ramp.
            self._gains_before = [0.0 if self._muted else self._volume, self._locked_gain]
            self._started = True
        self.report = self._run_clip(seek, playing)
        self._decode(R_world_head, out)
        self._finish(out)
        return self.report

    def _run_clip(self, seek: _Seek, playing: bool) -> BlockReport:
        """Find the block's ``_sound``: the clip, or its held loop, or the fade between them."""
        ring = self._ring
        if self._flowing and playing and self._served is seek and not self._looping and ring is not None:
            # It simply plays on, as nearly always: the callback has no time for questions.
            where = ring.locate()
            if ring.available > self.block:
                self._sound = ring.take(self.block)
                return BlockReport(where, where.run.speed, seek.generation, False)
        away = self._served.ticket != seek.ticket
        if away and self.quiet:
            away = not self._arrive(seek)
        ring = self._ring
        where = self._where(seek, away)
        flowed = self._flowing
        self._flowing = playing and not away and ring is not None and self._ready(ring)
        speed = where.run.speed if flowed or self._flowing else 0.0
        self._sound = self._live(ring, flowed) if ring is not None and (flowed or self._flowing) else None
        self._play_hold(ring, wanted=self._holding and not playing and not away and ring is not None)
        ended = ring is not None and not away and ring.ended
        if ended:
            self._flowing = False
            # Not `pause`: a play that came in the meantime would be lost, were the clip not at its end anyhow.
            self._playing = False
        if away:
            return BlockReport(where, 0.0, seek.generation, False)
        return BlockReport(where, speed, self._served.generation, ended)

    def _where(self, seek: _Seek, away: bool) -> Location:
        if away or self._ring is None:
            return Location(seek.position_s, Run(index=0, position_s=seek.position_s, speed=0.0))
        return self._ring.locate()

    def _arrive(self, seek: _Seek) -> bool:
        """Take the ring that answers the seek, if it has come."""
        while self._offers:
            ring = self._offers.popleft()
            if ring.ticket == seek.ticket:
                self._ring, self._served = ring, seek
                return True
        return False

    def _ready(self, ring: SampleRing) -> bool:
        """Whether the ring can be played now: one that ran dry must first have gathered a little."""
        return ring.available >= (self.block if self._flowing else 4 * self.block) or (
            ring.finished and ring.available > 0
        )

    def _live(self, ring: SampleRing, flowed: bool) -> FloatArray32:
        """The clip's next block; the ring's own memory where nothing fades, to be read only."""
        live = ring.take(self.block)
        n = live.shape[1]
        if flowed and self._flowing and n == self.block:
            return live
        mix = self._mix
        mix[:, :n], mix[:, n:] = live, 0.0
        if self._flowing and not flowed:
            mix *= self._rise
        if n < self.block:
            # The end of the clip, or a feeder that could not follow: close with a fade in what there is.
            fade = min(n, self._fade)
            mix[:, n - fade : n] *= np.arange(fade, 0, -1, dtype=np.float32) / max(1, fade)
            self._flowing = False
            self.starved += not ring.finished
        elif not self._flowing:
            mix *= self._rise[::-1]
        return mix

    def _own_mix(self) -> FloatArray32:
        """The block as something that may be added to."""
        if self._sound is not self._mix:
            self._mix[...] = 0.0 if self._sound is None else self._sound
            self._sound = self._mix
        return self._mix

    def _play_hold(self, ring: SampleRing | None, *, wanted: bool) -> None:
        looped = self._looping
        if wanted and not looped and ring is not None:
            size = self._hold.length + self._hold.fade
            self._hold.capture(ring.past(size), ring.ahead(size))
        if wanted or looped:
            fade = 1.0 if wanted and looped else self._rise if wanted else self._rise[::-1]
            self._hold.add_to(self._own_mix(), fade)
        self._looping = wanted

    def _decode(self, R_world_head: NDArray[Any], out: FloatArray32) -> None:  # noqa: N803 - named by its frames
        """From the clip's block and the bursts to two ears."""
        field = self._field_with_bursts()
        if field is not None:
            self._rotator.process(field, R_world_head, self._turned)
        self._ears.process(self._turned if field is not None else None, out)
        if self._locked:
            self._add_locked(out)

    def _field_with_bursts(self) -> FloatArray32 | None:
        """The field to be turned, None where it is silent."""
        while self._new_bursts:
            self._bursts = [*self._bursts, self._new_bursts.popleft()][-MAX_BURSTS:]
        width = self._width
        if not self._bursts:
            if self._sound is None or width == 0:
                return None
            return self._sound[:width] if self._locked else self._sound
        field = self._own_mix()[:width] if width else np.zeros_like(self._turned)
        for burst in self._bursts:
            burst.add_to(field)
        self._bursts = [burst for burst in self._bursts if not burst.over]
        return field

    def _add_locked(self, out: FloatArray32) -> None:
        """Add what stays with the head, as late as the filters make the field."""
        onset, line = self._ears.onset, self._locked_line
        if line.shape[1] != onset + self.block:
            line = self._locked_line = np.zeros((self._locked, onset + self.block), np.float32)
        line[:, :onset] = line[:, self.block :]
        line[:, onset:] = self._silence if self._sound is None else self._sound[self._width :]
        before, after = self._gains_before[1], self._locked_gain
        if before == after == 1.0:
            out += line[:, : self.block]
        else:
            out += line[:, : self.block] * (before + (after - before) * self._ramp).astype(np.float32)
        self._gains_before[1] = after

    def _finish(self, out: FloatArray32) -> None:
        before, after = self._gains_before[0], 0.0 if self._muted else self._volume
        if before != after:
            out *= (before + (after - before) * self._ramp).astype(np.float32)
        elif after != 1.0:
            out *= np.float32(after)
        self._gains_before[0] = after
        self.limiter.process(out)
        if self.limiter.reduction_db > 0.0:
            self.clipped += 1
        self.meter.update(out)
