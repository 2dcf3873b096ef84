"""Models with random weights: as fast and as large as real ones of the same shape; their text is meaningless.

    write_random(path, TINY)                 # F32, a megabyte: deterministic logits that depend on everything before
    path = cached(QWEN3_0_6B)                # 0.4 GB, quantized like Q4_K_M: for benchmarks

Quantized weights are written as random blocks of the right layout instead of being quantized from floats: the speed
is the same, and a model of half a billion weights is ready in a few seconds.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from tests.model_files.finish import finish
from tests.model_files.vocabulary import Vocabulary

_BLOCK = 256  # weights per K-quant block


@dataclass(frozen=True)
class RandomShape:
    """A qwen3 model's dimensions. `quantized`: the mixture of llama.cpp's Q4_K_M, else F32."""

    name: str
    n_vocab: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    feed_forward: int
    quantized: bool
    n_ctx: int = 40_960


TINY = RandomShape("tiny", 320, 64, 2, 4, 2, 32, 128, quantized=False, n_ctx=4096)
SLOW = RandomShape("slow", 512, 1024, 8, 16, 8, 64, 4096, quantized=True)  # 120 M weights
QWEN3_0_6B = RandomShape("qwen3-0.6b-shape", 151_936, 1024, 28, 16, 8, 128, 3072, quantized=True)


def cached(shape: RandomShape) -> Path:
    """The model of this shape in the temporary folder, written on first use; safe when several processes ask."""
    key = hashlib.sha256(f"{shape} {Path(__file__).read_bytes().hex()}".encode()).hexdigest()[:12]
    path = Path(tempfile.gettempdir()) / "mull-test-models" / f"{shape.name}-{key}.gguf"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        write_random(unfinished, shape)
        unfinished.replace(path)
    return path


def write_random(
    path: Path, shape: RandomShape, *, seed: int = 1, architecture: str = "qwen3", **header: int
) -> Path:
    """Write the model. `header`: further integer keys of the architecture, e.g. sliding_window=64."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(shape.name)
    Vocabulary.numbered(shape.n_vocab).write(writer, pre="qwen2", eos="<|im_end|>", bos=None, add_bos=False)
    writer.add_context_length(shape.n_ctx)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    for key, value in header.items():
        writer.add_uint32(f"{architecture}.{key}", value)
    _Weights(writer, shape, np.random.default_rng(seed), architecture).write()
    return finish(writer, path)


class _Weights:
    def __init__(
        self, writer: gguf.GGUFWriter, shape: RandomShape, rng: np.random.Generator, architecture: str
    ) -> None:
        self._writer = writer
        self._shape = shape
        self._rng = rng
        self._architecture = architecture

    def write(self) -> None:
        s = self._shape
        self._matrix("token_embd.weight", s.n_vocab, s.width, fine=True, spread=1.0)
        if (
            not s.quantized
        ):  # else tied, as in the small Qwen3 models; tied random weights only repeat themselves
            self._matrix("output.weight", s.n_vocab, s.width, spread=0.5)
        self._norm("output_norm.weight", s.width)
        for layer in range(s.layers):
            at = f"blk.{layer}."
            fine = layer < s.layers // 8 or layer >= 7 * s.layers // 8 or layer % 3 == 2  # as Q4_K_M chooses
            self._norm(f"{at}attn_norm.weight", s.width)
            self._norm(f"{at}ffn_norm.weight", s.width)
            if self._architecture != "llama":
                self._norm(f"{at}attn_q_norm.weight", s.head)
                self._norm(f"{at}attn_k_norm.weight", s.head)
            if self._architecture == "gemma3":
                self._norm(f"{at}post_attention_norm.weight", s.width)
                self._norm(f"{at}post_ffw_norm.weight", s.width)
            self._matrix(f"{at}attn_q.weight", s.heads * s.head, s.width)
            self._matrix(f"{at}attn_k.weight", s.kv_heads * s.head, s.width)
            self._matrix(f"{at}attn_v.weight", s.kv_heads * s.head, s.width, fine=fine)
            self._matrix(f"{at}attn_output.weight", s.width, s.heads * s.head)
            self._matrix(f"{at}ffn_gate.weight", s.feed_forward, s.width)
            self._matrix(f"{at}ffn_up.weight", s.feed_forward, s.width)
            self._matrix(f"{at}ffn_down.weight", s.width, s.feed_forward, fine=fine)

    def _norm(self, name: str, size: int) -> None:
        self._writer.add_tensor(name, np.ones(size, dtype=np.float32))

    def _matrix(
        self, name: str, rows: int, columns: int, *, fine: bool = False, spread: float | None = None
    ) -> None:
        """A matrix whose outputs have about the size of its inputs. `fine`: Q6_K where the rest is Q4_K."""
        spread = spread or columns**-0.5
        if not self._shape.quantized:
            weights = self._rng.normal(0, spread, (rows, columns)).astype(np.float32)
            self._writer.add_tensor(name, weights)
            return
        kind = gguf.GGMLQuantizationType.Q6_K if fine else gguf.GGMLQuantizationType.Q4_K
        blocks = rows * columns // _BLOCK
        data = self._q6_k(blocks, spread) if fine else self._q4_k(blocks, spread)
        self._writer.add_tensor(name, data.reshape(rows, -1), raw_dtype=kind)

    def _q4_k(self, blocks: int, spread: float) -> np.ndarray:
        """ggml-common.h, block_q4_K: d and dmin (f16), 12 bytes of 6-bit scales and minima, 128 bytes of nibbles."""
        data = self._rng.integers(0, 256, (blocks, 144), dtype=np.uint8)
        step = np.float16(spread / 4.6 / 32)  # a nibble's deviation is 4.6, a scale's mean 32
        data[:, 0:2] = np.frombuffer(step.tobytes(), dtype=np.uint8)
        data[:, 2:4] = np.frombuffer(np.float16(float(step) * 7.5).tobytes(), dtype=np.uint8)
        return data

    def _q6_k(self, blocks: int, spread: float) -> np.ndarray:
        """block_q6_K: 128 bytes of low and 64 of high bits, 16 signed scales, d (f16)."""
        data = self._rng.integers(0, 256, (blocks, 210), dtype=np.uint8)
        step = np.float16(spread / 18.5 / 73)  # a weight's deviation is 18.5, a scale's 73
        data[:, 208:210] = np.frombuffer(step.tobytes(), dtype=np.uint8)
        return data
