"""The network on a stream: pictures and sound in as they come, a map for every picture out.

A window of frames slides over the clip. Each frame goes through the backbone and the transformer once; the window
needs of its other frames only a small matrix each (see ``model.temporal``), the fusion and the decoder see the middle
frame alone. The maps are those of :meth:`PanosodNet.forward` on whole windows.
"""

from collections import deque
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from panosod_core.inference.sound_window import SoundWindows
from panosod_core.model.network import BranchOutput, PanosodNet
from panosod_core.model.picture import fit_mask, fit_picture
from panosod_core.model.visual import FrameFeatures


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
    picture: Tensor | None
    mask: Tensor | None
    seen: FrameFeatures | None = None
    """Freed when the frame's own map is done; the skips are what weighs."""
    features: Tensor | None = None
    summary: Tensor | None = None


def _in_precision(model: PanosodNet, dtype: torch.dtype) -> PanosodNet:
    """The model itself, or a copy with the weights of convolutions and linear layers in a smaller type."""
    if dtype is torch.float32:
        return model
    small = deepcopy(model)
    for module in small.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.to(dtype)
    return small


class Session:
    """One clip, from its first frame to its last. Not for several threads at once.

    Attributes:
        frame_stride: pushed frames between two frames of a window.
        backbone_passes: frames that went through the backbone since the last reset.
    """

    def __init__(
        self,
        model: PanosodNet,
        *,
        frame_rate_hz: float,
        sample_rate_hz: int = 48000,
        label_guided: bool = False,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        sound_start_s: float = 0.0,
    ) -> None:
        """Take a network to work.

        Args:
            model: moved to the device and put into evaluation mode.
            frame_rate_hz: of the pictures that will be pushed; sets how many lie between those of a window.
            sample_rate_hz: of the sound that will be pushed.
            label_guided: masks may come with the pictures, and the teacher uses them.
            device: where the network runs.
            dtype: float32, or bfloat16 or float16 for mixed precision, on a copy of the network whose heavy weights are
                kept in it: casting them anew for every frame would cost half of what is won.
            sound_start_s: time of the first sample on the pictures' clock.

        Raises:
            ValueError: a rate that is not positive, or `label_guided` with a network that was loaded without teacher.
        """
        if not frame_rate_hz > 0 or sample_rate_hz <= 0:
            raise ValueError(f"rates must be positive, got {frame_rate_hz} frames/s and {sample_rate_hz} samples/s")
        if label_guided and model.teacher is None:
            raise ValueError("label-guided inference needs the teacher: load the model with it")
        self.device = torch.device(device)
        self.model = _in_precision(model.to(self.device).eval(), dtype)
        self.config = config = model.config
        self.label_guided, self.dtype = label_guided, dtype
        self.frame_rate_hz = frame_rate_hz
        self.frame_stride = max(1, round(config.frame_spacing_s * frame_rate_hz))
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
        self.reset()

    def reset(self) -> None:
        """Forget the clip; the next frame is the first of another."""
        self._frames.clear()
        self._oldest = 0  # index of self._frames[0]
        self._pushed = 0
        self._next = 0
        self._ended = False
        self.backbone_passes = 0
        if self._sound is not None:
            self._sound.reset()

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
        """
        if self._ended:
            raise ValueError("a frame came after flush(); reset() starts another clip")
        if mask is not None and not self.label_guided:
            raise ValueError("a mask came to a session that is not label-guided")
        if mask is None and self.label_guided and not self.config.teacher_validity:
            raise ValueError("this model's teacher has no validity channel: it needs a mask with every frame")
        size = {"height": self.config.height_px, "width": self.config.width_px}
        picture = torch.from_numpy(np.ascontiguousarray(fit_picture(frame, **size).transpose(2, 0, 1)))
        known = None if mask is None else torch.from_numpy(fit_mask(mask, **size))
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
        with torch.inference_mode(), self._precision():
            while self._next < self._pushed:
                time_s = self._frames[self._next - self._oldest].time_s
                complete = self._ended or self._next + ahead < self._pushed
                if not complete or (self._sound is not None and not self._sound.ready(time_s)):
                    break
                maps.append(self._map_of(self._next))
                self._next += 1
                self._forget()
        return maps

    def _precision(self) -> AbstractContextManager[object]:
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def _map_of(self, index: int) -> FrameMap:
        config = self.config
        reach = [(k - config.window_centre) * self.frame_stride for k in range(config.window)]
        # At the ends of the clip the first or the last frame stands in for those beyond it.
        members = [self._frames[min(max(index + r, 0), self._pushed - 1) - self._oldest] for r in reach]
        for member in members:
            self._encode(member)
        frame = self._frames[index - self._oldest]
        heard = None
        if self._sound is not None:
            window = torch.from_numpy(self._sound.window(frame.time_s))[None].to(self.device)
            heard = self.model.encode_sound(window)
        seen = frame.seen
        if seen is None:
            raise AssertionError("a frame is encoded until its map is made")
        size = (config.height_px, config.width_px)
        guided = self.label_guided and any(m.mask is not None for m in members)
        if guided and heard is not None:
            blank = torch.zeros(size)
            masks = torch.stack([blank if m.mask is None else m.mask for m in members])[None, :, None].to(self.device)
            valid = torch.tensor([[m.mask is not None for m in members]], device=self.device)
            features = torch.stack([m.features for m in members if m.features is not None], dim=1)
            known = valid if config.teacher_validity else None
            out = self.model.guided_centre_map(seen, features, heard, masks, valid=known, size=size)
        else:
            parts = [m.summary for m in members if m.summary is not None]
            summaries = torch.stack(parts, dim=1) if parts else None
            out = self.model.centre_map(seen, summaries, heard, size=size)
        frame.seen = None
        return self._answer(index, frame.time_s, out, guided=guided)

    def _encode(self, frame: _Frame) -> None:
        if frame.picture is None:
            return
        seen = self.model.encode_frames(frame.picture[None].to(self.device))
        frame.seen, frame.summary, frame.picture = seen, self.model.summarise(seen), None
        # Neighbours need the features themselves only where the teacher looks at the whole window.
        frame.features = seen.features if self.label_guided else None
        self.backbone_passes += 1

    def _answer(self, index: int, time_s: float, out: BranchOutput, *, guided: bool) -> FrameMap:
        saliency = out.logits[0, 0, 0].float().sigmoid().cpu().numpy()
        location = None if out.location is None else out.location[0, 0, 0].float().cpu().numpy()
        return FrameMap(index, time_s, saliency, location, guided)

    def _forget(self) -> None:
        behind = self.config.window_centre * self.frame_stride
        while self._frames and self._oldest < self._next - behind:
            self._frames.popleft()
            self._oldest += 1
        if self._sound is not None and self._next < self._pushed:
            self._sound.forget_before(self._frames[self._next - self._oldest].time_s)
