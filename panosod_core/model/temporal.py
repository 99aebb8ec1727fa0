"""The temporal non-local block (Wang et al. 2018, as Yan et al. 2019 use it): dot product over N, no softmax.

Without a softmax the product may be taken from the right: ``(theta phi^T) g / N = theta (phi^T g) / N``. That costs
O(N c^2) instead of O(N^2 c), and as the right factor is a sum over frames, a stream computes each frame's share once.
"""

import torch
from torch import Tensor, nn


class TemporalNonLocal(nn.Module):
    """Every pixel of every frame of a window answers to all of them. The identity at birth: ``out`` is zero."""

    def __init__(self, channels: int) -> None:
        """1 x 1 projections to half the channels."""
        super().__init__()
        inner = channels // 2
        self.theta, self.phi, self.g = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.out = nn.Conv2d(inner, channels, 1)
        nn.init.zeros_(self.out.weight)
        if self.out.bias is not None:
            nn.init.zeros_(self.out.bias)

    def summary(self, features: Tensor) -> Tensor:
        """What one frame tells the others.

        Args:
            features: (N, C, h, w), a frame each.

        Returns:
            (N, C/2, C/2): mean over the pixels of ``phi^T g``. A window's context is the mean over its frames.
        """
        phi, g = self.phi(features).flatten(2), self.g(features).flatten(2)
        context: Tensor = (phi / phi.shape[-1]) @ g.transpose(1, 2)
        return context

    def answer(self, features: Tensor, context: Tensor) -> Tensor:
        """Frames that have heard their windows.

        Args:
            features: (N, C, h, w).
            context: (N, C/2, C/2), the mean of the summaries of the window of each.

        Returns:
            (N, C, h, w).
        """
        theta = self.theta(features)
        mixed = torch.unflatten(context.transpose(1, 2) @ theta.flatten(2), -1, theta.shape[-2:])
        out: Tensor = features + self.out(mixed)
        return out

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, C, h, w) to the same."""
        frames = features.flatten(0, 1)
        context = torch.unflatten(self.summary(frames), 0, features.shape[:2]).mean(1, keepdim=True)
        context = context.expand(-1, features.shape[1], -1, -1).flatten(0, 1)
        return torch.unflatten(self.answer(frames, context), 0, features.shape[:2])
