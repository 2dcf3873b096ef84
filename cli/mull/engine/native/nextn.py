"""The hidden states that NextN layers continue from, where llama-cpp-python binds llama.cpp's functions for them.

In: a context's handle. Out: hidden states as arrays. `available` says whether there are bindings: the functions are no
part of llama.cpp's stable interface, so a version may lack them; then nothing else here may be called.
"""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING, Any

from mull.engine.native import library

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@functools.cache
def _bindings() -> Any | None:
    library.bindings()
    try:
        return library.extension()
    except (ImportError, AttributeError, OSError):
        return None


def available() -> bool:
    """Whether this llama.cpp can give hidden states."""
    return _bindings() is not None


def enable_states(handle: int | None) -> None:
    """Make the hidden state of every token of each later batch available.

    Not only of those with logits (`masked`): the graphs of NextN layers store all rows, so with fewer the wrong ones
    would be read (tested with llama-cpp-python 0.3.36).
    """
    extension = _bindings()
    if extension is not None:
        extension.llama_set_embeddings_nextn(handle, True, False)


def states(handle: int | None, first: int, count: int, width: int) -> NDArray[np.float32]:
    """A copy of the hidden states (count, width) of the tokens from `first` on in the last batch."""
    import numpy as np

    extension = _bindings()
    if extension is None:
        return np.empty((0, width), dtype=np.float32)
    pointer = extension.llama_get_embeddings_nextn_ith(handle, first)
    size = count * width * ctypes.sizeof(ctypes.c_float)
    return np.frombuffer(ctypes.string_at(pointer, size), dtype=np.float32).reshape(count, width)
