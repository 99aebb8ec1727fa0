"""The whole network (Figure 2): two encoders, label-guided fusion, two decoders.

Two ways through it give the same maps: :meth:`PanosodNet.forward` on whole windows, for learning; and for streams
:meth:`PanosodNet.encode_frames`, :meth:`PanosodNet.encode_sound` and :meth:`PanosodNet.centre_map`, which work each
frame through the expensive part once.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from panosod_core.model.acoustic import AcousticEncoder, AcousticFeatures
from panosod_core.model.config import ModelConfig
from panosod_core.model.decoder import Decoder
from panosod_core.model.fusion import ContextFusion, FusedFeatures
from panosod_core.model.teacher import Teacher
from panosod_core.model.temporal import TemporalNonLocal
from panosod_core.model.visual import FrameFeatures, VisualEncoder


class BranchOutput(NamedTuple):
    """What the student or the teacher says of windows."""

    logits: Tensor
    """(B, T, 1, H, W) of saliency."""
    features: Tensor
    """(B, T, C, h, w): f_stu or f_tch."""
    location: Tensor | None
    """(B, T, 1, h, w): phi(F_loc), or None without the location branch."""


class NetworkOutput(NamedTuple):
    """What the network says of windows."""

    student: BranchOutput
    teacher: BranchOutput | None
    """None without masks or without a teacher."""
    apart: Tensor | None = None
    """(B, T, C, h, w): f_stu once more, cut off from the encoders, where it was asked for."""


class PanosodNet(nn.Module):
    """Panoramic video salient object detection with ambisonic guidance."""

    def __init__(self, config: ModelConfig) -> None:
        """Built as the config says, with random weights from torch's generator (see :func:`build_network`)."""
        super().__init__()
        self.config = config
        self.batch_norm_frozen = False
        self.visual = VisualEncoder(config)
        c2, c3, c4, _ = self.visual.backbone.channels
        self.temporal = TemporalNonLocal(config.channels) if config.temporal else None
        self.acoustic = AcousticEncoder(config) if config.fuses else None
        if self.acoustic is not None and not config.location_branch:
            # Kept, so that a pretrained encoder fits; but it has nothing to learn from.
            self.acoustic.location.requires_grad_(False)
        self.student = ContextFusion(config) if config.fuses else None
        self.decoder = Decoder(config, (c2, c3, c4))
        self.teacher = Teacher(config, (c2, c3, c4)) if config.teacher else None

    def forward(
        self,
        frames: Tensor,
        sound: Tensor | None = None,
        masks: Tensor | None = None,
        valid: Tensor | None = None,
        *,
        apart: bool = False,
    ) -> NetworkOutput:
        """Maps of all frames of windows.

        Args:
            frames: (B, T, 3, H, W) RGB, uint8 in 0..255 or floating in 0..1.
            sound: (B, 4 or more, n) ACN/SN3D at the config's rate, centred on the frame `config.window_centre`; None
                for a network without sound.
            masks: (B, T, 1, H, W) in 0..1 for the teacher, or None to leave it out.
            valid: (B, T) bool, which masks are known.
            apart: with masks, give f_stu once more, for a distillation that must not reach the encoders: what flows
                back from it stops at the student's fusion.

        Returns:
            The student's word, and the teacher's where masks came.

        Raises:
            ValueError: no sound for a network that needs it, or masks for one that has no teacher.
        """
        batch, count = frames.shape[:2]
        size = (frames.shape[-2], frames.shape[-1])
        seen: FrameFeatures = self.visual(frames.flatten(0, 1))
        features = torch.unflatten(seen.features, 0, (batch, count))
        if self.temporal is not None:
            features = self.temporal(features)
        heard = self.encode_sound(sound)
        fused = self._fuse(features, heard)
        logits = self.decoder(fused.features.flatten(0, 1), seen.skips, size=size)
        student = BranchOutput(torch.unflatten(logits, 0, (batch, count)), *fused)
        if masks is None:
            return NetworkOutput(student, None)
        if self.teacher is None or heard is None:
            raise ValueError("masks came, but this network has no teacher")
        told: FusedFeatures = self.teacher(features, heard, masks, valid=valid)
        logits = self.teacher.decode(told.features.flatten(0, 1), seen.skips, size=size)
        teacher = BranchOutput(torch.unflatten(logits, 0, (batch, count)), *told)
        alone = self._fuse(features.detach(), heard.detached()).features if apart else None
        return NetworkOutput(student, teacher, alone)

    def _fuse(self, features: Tensor, heard: AcousticFeatures | None, *, first_frame: int = 0) -> FusedFeatures:
        if self.student is None:
            return FusedFeatures(features, None)
        if heard is None:
            raise ValueError("this network needs sound, none came (a silent clip is sound of zeros)")
        fused: FusedFeatures = self.student(features, heard, first_frame=first_frame)
        return fused

    def encode_frames(self, frames: Tensor) -> FrameFeatures:
        """Frames by themselves: (N, 3, H, W) as in :meth:`forward`."""
        seen: FrameFeatures = self.visual(frames)
        return seen

    def encode_sound(self, sound: Tensor | None) -> AcousticFeatures | None:
        """Sound of windows, (B, C, n); None in a network without sound, whatever comes."""
        if self.acoustic is None or sound is None:
            return None
        heard: AcousticFeatures = self.acoustic(sound)
        return heard

    def summarise(self, seen: FrameFeatures) -> Tensor | None:
        """What each frame tells its window, (N, C/2, C/2); None without the temporal block."""
        return None if self.temporal is None else self.temporal.summary(seen.features)

    def centre_map(
        self, centre: FrameFeatures, summaries: Tensor | None, heard: AcousticFeatures | None, *, size: tuple[int, int]
    ) -> BranchOutput:
        """The map of the middle frame of windows, from parts that were computed once: the student's.

        Args:
            centre: the middle frames, N = B.
            summaries: (B, T, C/2, C/2) of :meth:`summarise`, the frames of each window; None without the block.
            heard: the sound of each window.
            size: of the pictures.

        Returns:
            As :meth:`forward`, with T = 1.
        """
        features = centre.features
        if self.temporal is not None and summaries is not None:
            features = self.temporal.answer(features, summaries.mean(1))
        fused = self._fuse(features.unsqueeze(1), heard, first_frame=self.config.window_centre)
        logits = self.decoder(fused.features.flatten(0, 1), centre.skips, size=size)
        return BranchOutput(logits.unsqueeze(1), *fused)

    def guided_centre_map(
        self,
        centre: FrameFeatures,
        window: Tensor,
        heard: AcousticFeatures,
        masks: Tensor,
        *,
        valid: Tensor | None,
        size: tuple[int, int],
    ) -> BranchOutput:
        """The map of the middle frame of windows by the teacher, where masks are known.

        Args:
            centre: the middle frames, N = B.
            window: (B, T, C, h, w), the features of all frames of each window, before the temporal block.
            heard: the sound of each window.
            masks: (B, T, 1, H, W) in 0..1.
            valid: (B, T) bool, which are known; None: all.
            size: of the pictures.

        Returns:
            As :meth:`forward`, with T = 1.
        """
        if self.teacher is None:
            raise ValueError("this network has no teacher")
        features = window if self.temporal is None else self.temporal(window)
        told: FusedFeatures = self.teacher(features, heard, masks, valid=valid)
        middle = slice(self.config.window_centre, self.config.window_centre + 1)
        fused = told.features[:, middle]
        logits = self.teacher.decode(fused.flatten(0, 1), centre.skips, size=size)
        return BranchOutput(logits.unsqueeze(1), fused, None if told.location is None else told.location[:, middle])

    def freeze_batch_norm(self, frozen: bool = True) -> None:
        """Keep the running statistics of batch normalisation as they are, also while the rest learns."""
        self.batch_norm_frozen = frozen
        self.train(self.training)

    def train(self, mode: bool = True) -> "PanosodNet":
        """As ``nn.Module.train``, but frozen batch normalisation stays as it is."""
        super().train(mode)
        if self.batch_norm_frozen:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


def build_network(config: ModelConfig, *, seed: int = 0) -> PanosodNet:
    """A network with random weights that depend on the seed alone; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PanosodNet(config)
