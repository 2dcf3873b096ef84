"""pebble's network in PyTorch: a small qwen3 (grouped queries, QK-norm, rotary positions, SwiGLU, tied embeddings).

In: token ids `(batch, length)`, right-padded. Out: logits `(batch, length, vocabulary)`. Names and shapes map one to
one to the GGUF's; fast.py is the same network for training.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """The dimensions. All are multiples of 32, which Q8_0 requires."""

    vocabulary: int
    width: int = 256
    layers: int = 7
    heads: int = 4
    kv_heads: int = 2
    head: int = 64
    hidden: int = 512
    rope_base: float = 10000.0
    epsilon: float = 1e-6


class Block(nn.Module):
    """Attention and feed-forward, each after an RMS norm and added to the residual stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
        self.attention_norm = nn.Parameter(torch.ones(shape.width))
        self.query_norm = nn.Parameter(torch.ones(shape.head))
        self.key_norm = nn.Parameter(torch.ones(shape.head))
        self.qkv = nn.Parameter(torch.empty(queries + 2 * keys, shape.width))
        self.out = nn.Parameter(torch.zeros(shape.width, queries))
        self.forward_norm = nn.Parameter(torch.ones(shape.width))
        self.gate_up = nn.Parameter(torch.empty(2 * shape.hidden, shape.width))
        self.down = nn.Parameter(torch.zeros(shape.width, shape.hidden))
        for weight in (self.qkv, self.gate_up):
            nn.init.normal_(weight, std=0.5 * shape.width**-0.5)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        s = self.shape
        batch, length, _ = x.shape
        h = functional.rms_norm(x, (s.width,), self.attention_norm, s.epsilon)
        q, k, v = functional.linear(h, self.qkv).split(
            (s.heads * s.head, s.kv_heads * s.head, s.kv_heads * s.head), -1
        )
        q = rotate(
            functional.rms_norm(
                q.view(batch, length, s.heads, s.head), (s.head,), self.query_norm, s.epsilon
            ),
            cos,
            sin,
        )
        k = rotate(
            functional.rms_norm(
                k.view(batch, length, s.kv_heads, s.head), (s.head,), self.key_norm, s.epsilon
            ),
            cos,
            sin,
        )
        v = v.view(batch, length, s.kv_heads, s.head)
        repeat = s.heads // s.kv_heads
        k, v = k.repeat_interleave(repeat, 2), v.repeat_interleave(repeat, 2)
        y = functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True
        )
        x = x + functional.linear(y.transpose(1, 2).reshape(batch, length, -1), self.out)
        h = functional.rms_norm(x, (s.width,), self.forward_norm, s.epsilon)
        gate, up = functional.linear(h, self.gate_up).chunk(2, -1)
        return x + functional.linear(functional.silu(gate) * up, self.down)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding in the half-split order, NEOX in llama.cpp; `x` is (batch, length, heads, head)."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Pebble(nn.Module):
    """The whole network."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.randn(shape.vocabulary, shape.width) * 0.05)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        self._angles: tuple[Tensor, Tensor] | None = None

    def angles(self, length: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the positions below `length`, each of shape (length, 1, head / 2)."""
        if self._angles is None or self._angles[0].shape[0] < length:
            half = self.shape.head // 2
            steps = self.shape.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
            grid = torch.outer(torch.arange(max(length, 512), dtype=torch.float32), steps)[:, None, :]
            self._angles = grid.cos(), grid.sin()
        return self._angles[0][:length], self._angles[1][:length]

    def stream(self, ids: Tensor) -> Tensor:
        """The normalized last hidden states, before the output matrix."""
        x = functional.embedding(ids, self.embedding)
        cos, sin = self.angles(ids.shape[1])
        for block in self.blocks:
            x = block(x, cos, sin)
        return functional.rms_norm(x, (self.shape.width,), self.norm, self.shape.epsilon)

    def forward(self, ids: Tensor) -> Tensor:
        return functional.linear(self.stream(ids), self.embedding)
