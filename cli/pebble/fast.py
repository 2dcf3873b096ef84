"""The network for training: bfloat16 weights and activations, matrix products in PyTorch, the rest in fast.c.

Same names, shapes and results (to bfloat16 precision) as model.py, three times as fast on a CPU with bfloat16
matrix instructions. fast.c is compiled on first use with the machine's C compiler.
"""

import ctypes
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pebble.model import Block, Pebble

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512", "-shared", "-fPIC")


@cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "fast.so"
        subprocess.run(["cc", *FLAGS, str(SOURCE), "-o", str(target), "-lm"], check=True)
        return ctypes.CDLL(str(target))


def call(name: str, *args: Tensor | float) -> None:
    """Call a function of fast.c. Tensors are passed as pointers and must be contiguous, integers as long."""
    values: list[Any] = []
    for arg in args:
        if isinstance(arg, Tensor):
            assert arg.is_contiguous()
            values.append(ctypes.c_void_p(arg.data_ptr()))
        else:
            values.append(ctypes.c_float(arg) if isinstance(arg, float) else ctypes.c_long(arg))
    getattr(_library(), name)(*values)


class Norm(torch.autograd.Function):
    """RMS norm over the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        y, rows = torch.empty_like(x), x.numel() // x.shape[-1]
        inverse = torch.empty(rows)
        call("norm", x, weight, y, inverse, rows, x.shape[-1], epsilon)
        ctx.save_for_backward(x, weight, inverse)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        x, weight, inverse = ctx.saved_tensors
        dx, dw = torch.empty_like(x), torch.zeros_like(weight)
        call("norm_back", x, weight, inverse, dy.contiguous(), dx, dw, inverse.numel(), x.shape[-1])
        return dx, dw, None


class Attention(torch.autograd.Function):
    """QK-norm, rotary positions and causal attention: (batch, length, all heads' q, k, v) -> (batch, length, width)."""

    @staticmethod
    def forward(
        ctx: Any, qkv: Tensor, qw: Tensor, kw: Tensor, cos: Tensor, sin: Tensor, sizes: tuple[int, int, float]
    ) -> Tensor:
        (heads, pairs, epsilon), (batch, length, _) = sizes, qkv.shape
        q = qkv.new_empty(batch * pairs, heads // pairs * length, 64)
        k, v = qkv.new_empty(batch * pairs, length, 64), qkv.new_empty(batch * pairs, length, 64)
        inverse = torch.empty(batch * length * (heads + pairs))
        call("heads", qkv, qw, kw, cos, sin, q, k, v, inverse, batch, length, heads, pairs, epsilon)
        p = torch.bmm(q, k.mT)
        call("softmax", p, batch * heads, length, 0.125)
        y = torch.bmm(p, v).view(batch, heads, length, 64).transpose(1, 2).reshape(batch, length, -1)
        ctx.save_for_backward(qkv, qw, kw, cos, sin, inverse, q, k, v, p)
        ctx.sizes = sizes
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:  # type: ignore[override]
        qkv, qw, kw, cos, sin, inverse, q, k, v, p = ctx.saved_tensors
        (heads, pairs, _), (batch, length, _) = ctx.sizes, qkv.shape
        dy = dy.view(batch, length, heads, 64).transpose(1, 2).reshape(q.shape)
        dv, ds = torch.bmm(p.mT, dy), torch.bmm(dy, v.mT)
        call("softmax_back", p, ds, batch * heads, length, 0.125)
        dq, dk = torch.bmm(ds, k), torch.bmm(ds.mT, q)
        dqkv, dqw, dkw = torch.empty_like(qkv), torch.zeros_like(qw), torch.zeros_like(kw)
        call(
            "heads_back", qkv, qw, kw, cos, sin, inverse, dq, dk, dv, dqkv, dqw, dkw, batch, length, heads, pairs
        )  # fmt: skip
        return dqkv, dqw, dkw, None, None, None


class SwiGLU(torch.autograd.Function):
    """silu(gate) * up; gate and up are concatenated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.new_empty(*x.shape[:-1], x.shape[-1] // 2)
        call("swiglu", x, y, y.numel() // y.shape[-1], y.shape[-1])
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        dx = torch.empty_like(x)
        call("swiglu_back", x, dy.contiguous(), dx, dy.numel() // dy.shape[-1], dy.shape[-1])
        return dx


def _block(net: Block, x: Tensor, cos: Tensor, sin: Tensor, keep: Tensor | None = None) -> Tensor:
    s = net.shape
    h = functional.linear(Norm.apply(x, net.attention_norm, s.epsilon), net.qkv)
    h = Attention.apply(h, net.query_norm, net.key_norm, cos, sin, (s.heads, s.kv_heads, s.epsilon))
    if keep is not None:
        h, x = h.flatten(0, 1)[keep], x.flatten(0, 1)[keep]
    x = x + functional.linear(h, net.out)
    h = functional.linear(Norm.apply(x, net.forward_norm, s.epsilon), net.gate_up)
    return x + functional.linear(SwiGLU.apply(h), net.down)


def stream(net: Pebble, ids: Tensor, keep: Tensor) -> Tensor:
    """The normalized last hidden states at the positions `keep` of the flattened ids: (kept, width), bfloat16."""
    x = functional.embedding(ids, net.embedding)
    cos, sin = (table.reshape(ids.shape[1], -1) for table in net.angles(ids.shape[1]))
    *blocks, last = net.blocks
    for block in blocks:
        x = _block(block, x, cos, sin)
    x = _block(last, x, cos, sin, keep)
    result: Tensor = Norm.apply(x, net.norm, net.shape.epsilon)
    return result
