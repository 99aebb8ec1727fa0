"""Network and loss in one module: a batch in, losses out. All that has weights is inside: one thing is optimised."""

from typing import Any

from torch import Tensor, nn

from panosod_core.model.acoustic import AcousticDetector, Detections
from panosod_core.model.network import PanosodNet
from panosod_core.training.config import AcousticLossConfig
from panosod_core.training.losses import LossConfig, LossParts, VideoLoss, acoustic_loss, structure_loss


class VideoLearner(nn.Module):
    """The video stage: student and teacher see a window, Eq. 5 judges them."""

    def __init__(self, network: PanosodNet, loss: LossConfig) -> None:
        """The network to train, and what it is judged by."""
        super().__init__()
        self.network = network
        self.criterion = VideoLoss(loss, channels=network.config.channels)

    def forward(self, batch: dict[str, Any], step: int = 0) -> LossParts:
        """Losses of a batch of windows (:class:`panosod_core.datasets.tensors.WindowBatch`) at an optimiser step."""
        config = self.network.config
        masks, known = batch["masks"].unsqueeze(2), batch["mask_valid"]
        sound = batch["foa"] if config.fuses else None
        told = masks if self.network.teacher is not None else None
        apart = told is not None and self.criterion.config.distill_apart
        valid = known if config.teacher_validity else None
        output = self.network(batch["frames"], sound, told, valid, apart=apart)
        parts: LossParts = self.criterion(output, masks, valid=known, step=step)
        return parts


class ImageLearner(nn.Module):
    """The image stage: the visual encoder and the decoder alone, on single pictures."""

    def __init__(self, network: PanosodNet, loss: LossConfig) -> None:
        """A network without sound."""
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, batch: dict[str, Any]) -> Tensor:
        """The loss of a batch of pictures (:class:`panosod_core.datasets.tensors.StillBatch`)."""
        masks = batch["masks"].unsqueeze(2)
        logits = self.network(batch["frames"]).student.logits
        return structure_loss(logits, masks, dice=self.loss.dice, spherical=self.loss.spherical)


class AcousticLearner(nn.Module):
    """The acoustic stage: what sounds, and where."""

    def __init__(self, network: AcousticDetector, loss: AcousticLossConfig) -> None:
        """The detector to train, and the weights of what it is judged by."""
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, batch: dict[str, Any]) -> Tensor:
        """The loss of a batch of recordings (:class:`panosod_core.datasets.tensors.RecordingBatch`)."""
        return self.judge(self.network(batch["waveform"]), batch["active"], batch["position"])

    def judge(self, said: Detections, active: Tensor, position: Tensor) -> Tensor:
        """The loss of what the detector said of (B, L, classes, overlaps) slots and their positions (..., 3)."""
        loss = self.loss
        return acoustic_loss(
            said,
            active.flatten(2),
            position.flatten(2, 3),
            activity_weight=loss.activity,
            direction_weight=loss.direction,
            active_only=loss.active_only,
        )
