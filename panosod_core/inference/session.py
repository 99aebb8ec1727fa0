"""The network on a stream: pictures and sound in as they come, a map for every picture out.

A window of frames slides over the clip. Each frame goes through the backbone and the transformer once; the window
needs of its other frames only a small matrix each (see ``model.temporal``), the fusion and the decoder see the middle
frame alone. The maps are those of :meth:`PanosodNet.forward` on whole windows.

What runs the network is an :class:`~panosod_core.inference.engine_protocol.Engine`; no torch is imported here.
"""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from panosod_core.inference.engine_protocol import CentreMap, EncodedFrame, Engine
from panosod_core.inference.sound_window import SoundWindows
from panosod_core.model.picture import fit_mask, fit_picture

if TYPE_CHECKING:
    import torch

    from panosod_core.model.network import PanosodNet


@dataclass(frozen=True, eq=False)
class FrameMap:
    """What the network makes of one frame.

    Attributes:
        index: of the frame, counted from the first after the last reset.
        time_s: of the frame, as it was pushed.
        saliency: (H, W) float32, probability a pixel, in the model's size.
        location: (h, w) float32, the location map phi(F_loc) on the feature grid, not normalised; None without it.
        guided: True where the teacher answered, from a mask in the window.
    """

    index: int
    time_s: float
    saliency: NDArray[np.float32]
    location: NDArray[np.float32] | None
    guided: bool = False


@dataclass
class _Frame:
    """A frame in the window's reach."""

    time_s: float
    picture: NDArray[np.uint8] | None
    mask: NDArray[np.float32] | None
    seen: EncodedFrame | None = None
    own_is_kept: bool = False
    """The fine features, which weigh, are dropped when the frame's own map is made."""


class Session:
    """One clip, from its first frame to its last. Not for several threads at once.

    Attributes:
        engine: what runs the network.
        config: of the network.
        frame_stride: pushed frames between two frames of a window.
        backbone_passes: frames that went through the backbone since the last reset.
    """

    def __init__(
        self,
        model: "PanosodNet | Engine",
        *,
        frame_rate_hz: float,
        sample_rate_hz: int = 48000,
        label_guided: bool = False,
        device: "torch.device | str | None" = None,
        dtype: "torch.dtype | None" = None,
        sound_start_s: float = 0.0,
    ) -> None:
        """Take a network to work.

        Args:
            model: an engine (:func:`~panosod_core.inference.engine.open_engine`), or a network for torch to run: a
                copy of it works, and it stays as it is.
            frame_rate_hz: of the pictures that will be pushed; sets how many lie between those of a window.
            sample_rate_hz: of the sound that will be pushed.
            label_guided: masks may come with the pictures, and the teacher uses them.
            device: where a network runs, the CPU by default; an engine has its own.
            dtype: of a network: float32, or bfloat16 or float16 for mixed precision; an engine has its own.
            sound_start_s: time of the first sample on the pictures' clock.

        Raises:
            ValueError: a rate that is not positive, `label_guided` with a network or engine without teacher, or a
                device or type for an engine.
        """
        if not frame_rate_hz > 0 or sample_rate_hz <= 0:
            raise ValueError(f"rates must be positive, got {frame_rate_hz} frames/s and {sample_rate_hz} samples/s")
        if not isinstance(model, Engine):
            self.engine = _torch_engine(model, device=device, dtype=dtype, guided=label_guided)
        elif device is not None or dtype is not None:
            raise ValueError("an engine has its device and its precision already")
        else:
            self.engine = model
        if label_guided and not self.engine.guided:
            raise ValueError("label-guided inference needs the teacher: open the engine with it")
        self.config = config = self.engine.config
        self.label_guided = label_guided
        self._sound: SoundWindows | None = None
        if config.fuses:
            self._sound = SoundWindows(
                channels=config.sound_channels,
                sample_rate_hz=sample_rate_hz,
                model_rate_hz=config.sound_rate_hz,
                window_samples=config.sound_samples,
                start_s=sound_start_s,
            )
        self._frames: deque[_Frame] = deque()
        self.reset(frame_rate_hz=frame_rate_hz)

    def reset(self, *, frame_rate_hz: float | None = None, sound_start_s: float | None = None) -> None:
        """Forget the clip; the next frame is the first of another, or of another place in the same.

        Args:
            frame_rate_hz: of what comes; None: as before.
            sound_start_s: time of the first sample that comes; None: as before.

        Raises:
            ValueError: a rate that is not positive.
        """
        if frame_rate_hz is not None:
            if not frame_rate_hz > 0:
                raise ValueError(f"the frame rate must be positive, got {frame_rate_hz}")
            self.frame_rate_hz = frame_rate_hz
            self.frame_stride = max(1, round(self.config.frame_spacing_s * frame_rate_hz))
        self._frames.clear()
        self._oldest = 0  # index of self._frames[0]
        self._pushed = 0
        self._next = 0
        self._ended = False
        self.backbone_passes = 0
        if self._sound is not None:
            self._sound.reset(start_s=sound_start_s)

    def step(
        self,
        frame: NDArray[np.uint8],
        foa_block: NDArray[np.floating] | None,
        *,
        mask: NDArray[np.generic] | None = None,
        time_s: float | None = None,
    ) -> list[FrameMap]:
        """Push one picture and some sound.

        Args:
            frame: (H, W, 3) RGB, a full equirectangular picture of any size.
            foa_block: (4 or more, n) ACN/SN3D, what comes next of the sound, of any length; None tells that no more
                will come (a network without sound does not look at it).
            mask: (H, W) what is salient in this frame, where a person knows it; only in a label-guided session.
            time_s: of the frame; by default it follows from the frame rate.

        Returns:
            Maps that are ready now, in order: none while the window or the sound ahead is not complete.

        Raises:
            ValueError: arguments of the wrong shape, a mask in a session that is not label-guided, no mask for a
                teacher that needs one for every frame, or a frame after :meth:`flush`.
            AmbisonicError: sound that is damaged.
            PredictionError: the engine ran out of memory.
        """
        if self._ended:
            raise ValueError("a frame came after flush(); reset() starts another clip")
        if mask is not None and not self.label_guided:
            raise ValueError("a mask came to a session that is not label-guided")
        if mask is None and self.label_guided and not self.config.teacher_validity:
            raise ValueError("this model's teacher has no validity channel: it needs a mask with every frame")
        size = {"height": self.config.height_px, "width": self.config.width_px}
        picture = np.ascontiguousarray(fit_picture(frame, **size))
        if picture is frame:
            picture = picture.copy()  # it is encoded later, and the caller may reuse its own
        known = None if mask is None else fit_mask(mask, **size)
        if self._sound is not None:
            if foa_block is None:
                self._sound.finish()
            else:
                self._sound.push(foa_block)
        time = self._pushed / self.frame_rate_hz if time_s is None else time_s
        self._frames.append(_Frame(time, picture, known))
        self._pushed += 1
        return self._drain()

    def flush(self) -> list[FrameMap]:
        """The maps that are still due: the clip has ended. Only :meth:`reset` leads on from here."""
        self._ended = True
        if self._sound is not None:
            self._sound.finish()
        return self._drain()

    def _drain(self) -> list[FrameMap]:
        maps = []
        ahead = (self.config.window - 1 - self.config.window_centre) * self.frame_stride
        while self._next < self._pushed:
            time_s = self._frames[self._next - self._oldest].time_s
            complete = self._ended or self._next + ahead < self._pushed
            if not complete or (self._sound is not None and not self._sound.ready(time_s)):
                break
            maps.append(self._map_of(self._next))
            self._next += 1
            self._forget()
        return maps

    def _map_of(self, index: int) -> FrameMap:
        config = self.config
        reach = [(k - config.window_centre) * self.frame_stride for k in range(config.window)]
        # At the ends of the clip the first or the last frame stands in for those beyond it.
        members = [self._frames[min(max(index + r, 0), self._pushed - 1) - self._oldest] for r in reach]
        seen = [self._encoded(member) for member in members]
        frame = self._frames[index - self._oldest]
        heard = None
        if self._sound is not None:
            heard = self.engine.encode_sound(self._sound.window(frame.time_s))
        own = self._encoded(frame).own
        guided = self.label_guided and heard is not None and any(m.mask is not None for m in members)
        answer: CentreMap
        if guided:
            answer = self.engine.guided_map(own, [s.features for s in seen], heard, [m.mask for m in members])
        else:
            summaries = [s.summary for s in seen if s.summary is not None]
            answer = self.engine.centre_map(own, summaries, heard)
        if frame.seen is not None:
            frame.seen, frame.own_is_kept = frame.seen._replace(own=None), False
        return FrameMap(index, frame.time_s, answer.saliency, answer.location, guided)

    def _encoded(self, frame: _Frame) -> EncodedFrame:
        if frame.seen is None:
            if frame.picture is None:
                raise AssertionError("a frame holds its picture until it is encoded")
            frame.seen, frame.own_is_kept, frame.picture = self.engine.encode_frame(frame.picture), True, None
            self.backbone_passes += 1
        return frame.seen

    def _forget(self) -> None:
        behind = self.config.window_centre * self.frame_stride
        while self._frames and self._oldest < self._next - behind:
            self._frames.popleft()
            self._oldest += 1
        if self._sound is not None and self._next < self._pushed:
            self._sound.forget_before(self._frames[self._next - self._oldest].time_s)


def _torch_engine(
    model: "PanosodNet", *, device: "torch.device | str | None", dtype: "torch.dtype | None", guided: bool
) -> Engine:
    """An engine of torch for a network at hand."""
    from torch import float32  # whoever has a network has imported torch already

    from panosod_core.inference.engine_torch import TorchEngine

    return TorchEngine(
        model, device="cpu" if device is None else device, dtype=float32 if dtype is None else dtype, guided=guided
    )
