"""Multi-head attention and the two transformer layers made of it, normalised after each sum ("post-LN").

Attention is ``softmax(Q K^T / sqrt(d)) V`` in every head, computed by torch's fused kernels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Queries from one set of tokens, keys and values from another, or the same."""

    def __init__(self, channels: int, heads: int, *, dropout: float) -> None:
        """Xavier-initialised projections.

        Args:
            channels: width of all tokens.
            heads: a divisor of it.
            dropout: of attention weights.
        """
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(channels, channels) for _ in range(4))
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        # Its gradient is 0, as forward() says; the rounding that arithmetic leaves of it would move it by whole steps.
        self.key.bias.register_hook(torch.zeros_like)  # type: ignore[no-untyped-call]  # torch gives it no types

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, *, bias: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            queries: (B, N, C).
            keys: (B, L, C).
            values: (B, L, C).
            bias: added to the logits, broadcastable to (B, heads, N, L).

        Returns:
            (B, N, C).
        """
        # Softmax does not see what all keys share. Without that the answer is the same, but channels that hardly differ
        # between tokens have a gradient that is small and right, not rounding that Adam makes large.
        apart = keys - keys.mean(-2, keepdim=True)
        q, k, v = (
            project(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project, tokens in ((self.query, queries), (self.key, apart), (self.value, values))
        )
        dropout = self.dropout if self.training else 0.0
        mask = None if bias is None else bias.to(q.dtype)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(-2))
        return out


class FeedForward(nn.Sequential):
    """Two linear layers around a ReLU, token by token."""

    def __init__(self, channels: int, hidden: int, *, dropout: float) -> None:
        """Width of the tokens, of the hidden layer, and dropout behind the ReLU."""
        first, second = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        super().__init__(first, nn.ReLU(), nn.Dropout(dropout), second)
        for layer in (first, second):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward: a layer of the visual transformer."""

    def __init__(self, channels: int, heads: int, hidden: int, *, dropout: float) -> None:
        """Sizes as in :class:`MultiHeadAttention` and :class:`FeedForward`."""
        super().__init__()
        self.attention = MultiHeadAttention(channels, heads, dropout=dropout)
        self.feedforward = FeedForward(channels, hidden, dropout=dropout)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) to the same."""
        x = self.norm1(tokens + self.dropout(self.attention(tokens, tokens, tokens)))
        out: Tensor = self.norm2(x + self.dropout(self.feedforward(x)))
        return out


class CrossLayer(nn.Module):
    """Cross-attention and feed-forward, the paper's Eq. 2 and 3.

    Every query is treated on its own, whatever the other queries are: the streaming form relies on that.
    """

    def __init__(self, channels: int, heads: int, hidden: int, *, dropout: float) -> None:
        """Sizes as in :class:`MultiHeadAttention` and :class:`FeedForward`."""
        super().__init__()
        self.attention = MultiHeadAttention(channels, heads, dropout=dropout)
        self.feedforward = FeedForward(channels, hidden, dropout=dropout)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Tensor,
        keys: Tensor,
        values: Tensor,
        *,
        position: Tensor | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Ask the sound.

        Args:
            tokens: (B, N, C), what is carried on.
            keys: (B, L, C).
            values: (B, L, C).
            position: added to the queries only, broadcastable to (B, N, C).
            bias: of the attention logits.

        Returns:
            (B, N, C).
        """
        queries = tokens if position is None else tokens + position
        h = self.norm1(self.dropout(self.attention(queries, keys, values, bias=bias)) + tokens)
        out: Tensor = self.norm2(self.dropout(self.feedforward(h)) + h)
        return out
