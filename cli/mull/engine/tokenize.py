"""Text to token ids with a vocabulary of llama.cpp. Raises EngineError."""

from __future__ import annotations

import ctypes
from typing import Any

from mull.errors import EngineError


def tokenize(llama: Any, vocabulary: Any, text: str, *, special: bool, bos: bool = False) -> list[int]:
    """Token ids of `text`. `special`: spellings of control tokens become those tokens. `bos`: begin and end tokens are
    added where the model's metadata asks for them. Raises EngineError."""
    data = text.encode("utf-8", "replace")
    size = len(data) + 8
    while True:
        buffer = (ctypes.c_int32 * size)()
        count = llama.llama_tokenize(vocabulary, data, len(data), buffer, size, bos, special)
        if count >= 0:
            return list(buffer[:count])
        if -count <= size:
            raise EngineError("tokenization_failed", "The text cannot be tokenized.", "It may be too long.")
        size = -count
